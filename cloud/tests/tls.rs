//! TLS as devices of three ages speak it; `openssl s_client` is the device.

mod common;

use std::{
    io::{Read, Write},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
};

use common::*;
use iotkit_cloud::{Cloud, Config, What};

/// The name an unchanged firmware asks for.
const HOST: &str = "a1ProdKey01.iot-as-mqtt.cn-shanghai.aliyuncs.com";

/// Connects with these options, verifies chain and name, and talks MQTT through the pipe: connects, pings, leaves.
/// What the platform says of the connection, or what `s_client` complains about.
fn converse(cloud: &Cloud, options: &[&str]) -> Result<String, String> {
    let mut client = Command::new("openssl")
        .args([
            "s_client",
            "-quiet",
            "-connect",
            &cloud.mqtt_address().to_string(),
        ])
        .args([
            "-servername",
            HOST,
            "-verify_hostname",
            HOST,
            "-verify_return_error",
        ])
        .arg("-CAfile")
        .arg(&cloud.endpoints().ca_file)
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = client.stdin.take().unwrap();
    let identity = credentials(&lamp(), "securemode=2");
    let mut packets = connect(b"\0\x04MQTT\x04", &identity, true, 60);
    packets.extend([0xc0, 0, 0xe0, 0]);
    // A client that failed has closed the pipe.
    let _ = stdin.write_all(&packets).and_then(|()| stdin.flush());

    // The platform closes after DISCONNECT, and s_client ends.
    let (output, complaint) = finish(&mut client);
    drop(stdin);
    if output != [0x20, 2, 0, 0, 0xd0, 0] {
        return Err(complaint);
    }
    let opened = cloud
        .transcript()
        .entries()
        .into_iter()
        .rev()
        .find_map(|entry| match entry.what {
            What::Opened { tls, .. } => Some(tls.expect("TLS")),
            _ => None,
        });
    Ok(opened.unwrap())
}

/// All that a program says, if it ends in time.
fn finish(client: &mut Child) -> (Vec<u8>, String) {
    let (mut stdout, mut stderr) = (client.stdout.take().unwrap(), client.stderr.take().unwrap());
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || {
        let (mut output, mut complaint) = (Vec::new(), String::new());
        let _ = stdout
            .read_to_end(&mut output)
            .and(stderr.read_to_string(&mut complaint));
        let _ = done.send((output, complaint));
    });
    let result = is_done.recv_timeout(PATIENCE);
    let _ = client.kill();
    client.wait().unwrap();
    result.expect("s_client ends in time")
}

#[test]
fn a_modern_device_gets_the_best() {
    let cloud = start();
    let tls = converse(&cloud, &[]).unwrap();
    assert_eq!(tls, "TLSv1.3 TLS_AES_256_GCM_SHA384");
    // With TLS 1.2 the platform's preference decides, not the order in which a device lists what it can.
    let tls = converse(
        &cloud,
        &[
            "-tls1_2",
            "-cipher",
            "AES128-SHA:AES256-SHA:ECDHE-RSA-AES128-GCM-SHA256",
        ],
    )
    .unwrap();
    assert_eq!(tls, "TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256");
}

#[test]
fn an_old_device_with_rsa_key_exchange_is_served() {
    let cloud = start();
    // All that the mbedTLS of V2.10 firmware offers.
    for cipher in ["AES128-SHA", "AES256-SHA", "AES128-SHA256"] {
        let tls = converse(&cloud, &["-tls1_2", "-cipher", cipher]).unwrap();
        assert_eq!(tls, format!("TLSv1.2 {cipher}"));
    }
    let tls = converse(&cloud, &["-tls1", "-cipher", "AES128-SHA:@SECLEVEL=0"]).unwrap();
    assert_eq!(tls, "TLSv1 AES128-SHA");
}

#[test]
fn what_is_broken_is_not_offered() {
    let cloud = start();
    for cipher in ["aNULL:@SECLEVEL=0", "eNULL:@SECLEVEL=0", "PSK:@SECLEVEL=0"] {
        let complaint = converse(&cloud, &["-tls1_2", "-cipher", cipher]).unwrap_err();
        assert!(
            complaint.contains("handshake failure") || complaint.contains("no ciphers"),
            "{complaint}"
        );
    }
}

#[test]
fn a_wrong_name_does_not_verify() {
    let cloud = start();
    let complaint = converse(&cloud, &["-verify_hostname", "iot-as-mqtt.example.com"]).unwrap_err();
    assert!(complaint.contains("ostname mismatch"), "{complaint}");
    for host in ["x.iot-as-mqtt.eu-central-1.aliyuncs.com", "localhost"] {
        converse(&cloud, &["-verify_hostname", host]).unwrap();
    }
}

#[test]
fn certificates_stay_with_their_folder() {
    let folder = tempfile::tempdir().unwrap();
    let start = || {
        Cloud::start(Config {
            data_dir: Some(folder.path().to_owned()),
            ..config()
        })
        .unwrap()
    };
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let cloud = start();
    let (ca, server) = (cloud.ca_pem().unwrap(), read("server.pem"));
    assert_eq!(ca, read("ca.pem"));
    drop(cloud);
    for key in ["ca-key.pem", "server-key.pem"] {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(folder.path().join(key))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{key}");
    }

    let cloud = start();
    assert_eq!(
        (cloud.ca_pem().unwrap(), read("server.pem")),
        (ca.clone(), server.clone())
    );
    converse(&cloud, &[]).unwrap();
    drop(cloud);
    // A key that is not the certificate's: another pair is made, by the same authority.
    std::fs::copy(
        folder.path().join("ca-key.pem"),
        folder.path().join("server-key.pem"),
    )
    .unwrap();
    let cloud = start();
    assert_eq!(cloud.ca_pem().unwrap(), ca);
    assert_ne!(read("server.pem"), server);
    converse(&cloud, &[]).unwrap();
}
