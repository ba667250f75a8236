//! The web server that devices use, and the platform's firmware: curl as the device's HTTP, mosquitto's clients as its
//! MQTT.

mod common;

use std::{process::Command, time::Instant};

use common::{PATIENCE, SECRET, config, credentials, lamp, mosquitto, run, start, stdout};
use iotkit_cloud::{
    AnswerFault, Cloud, ConfigDigest, Direction, DownloadFaults, SignMethod, UpgradeState, What,
};
use serde_json::{Value, json};

/// What curl says: the status and the body, or `None` if the response is broken off.
fn curl(cloud: &Cloud, path: &str, arguments: &[&str]) -> Option<(u16, Vec<u8>)> {
    let mut command = Command::new("curl");
    command
        .args(["--silent", "--max-time", "20", "--cacert"])
        .arg(&cloud.endpoints().ca_file)
        .args(["--write-out", "%{stderr}%{http_code}"])
        .args(arguments)
        .arg(cloud.web_url(true, path))
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let output = run(&mut command);
    let status = String::from_utf8_lossy(&output.stderr).parse().ok()?;
    output.status.success().then_some((status, output.stdout))
}

fn json_of(answer: Option<(u16, Vec<u8>)>) -> Value {
    let (status, body) = answer.expect("an answer");
    assert_eq!(status, 200);
    serde_json::from_slice(&body).expect("JSON")
}

fn log_in(cloud: &Cloud, sign: &str, method: &str) -> Value {
    let body = json!({
        "version": "default", "clientId": "id-1", "signmethod": method, "sign": sign,
        "productKey": lamp().product_key, "deviceName": lamp().device_name,
    });
    json_of(curl(cloud, "/auth", &["--data", &body.to_string()]))
}

fn signed(method: SignMethod) -> String {
    let text = format!(
        "clientIdid-1deviceName{}productKey{}",
        lamp().device_name,
        lamp().product_key
    );
    method.sign(SECRET, &text)
}

fn token(cloud: &Cloud) -> String {
    let answer = log_in(cloud, &signed(SignMethod::HmacSha1), "hmacsha1");
    assert_eq!(answer["code"], 0);
    answer["info"]["token"]
        .as_str()
        .expect("a token")
        .to_owned()
}

fn send(cloud: &Cloud, token: Option<&str>, topic: &str) -> Value {
    let header = token.map(|token| format!("password:{token}"));
    let mut arguments = vec!["--data", "hello"];
    if let Some(header) = &header {
        arguments.extend(["--header", header]);
    }
    json_of(curl(cloud, &format!("/topic{topic}"), &arguments))
}

#[test]
fn a_device_logs_in_with_any_sign_method() {
    let cloud = start();
    for method in [
        SignMethod::HmacSha1,
        SignMethod::HmacMd5,
        SignMethod::HmacSha256,
    ] {
        assert_eq!(log_in(&cloud, &signed(method), method.name())["code"], 0);
    }
    assert_eq!(
        log_in(&cloud, &signed(SignMethod::HmacMd5), "hmacsha1")["code"],
        20000
    );
    assert_eq!(log_in(&cloud, "", "hmacsha1")["code"], 20000);
    assert_eq!(log_in(&cloud, "x", "none")["code"], 10001);
    assert_eq!(
        json_of(curl(&cloud, "/auth", &["--data", "{"]))["code"],
        10001
    );
    cloud.set_enabled(&lamp(), false).unwrap();
    let answer = log_in(&cloud, &signed(SignMethod::HmacSha1), "hmacsha1");
    assert_eq!(answer["code"], 20000);
}

#[test]
fn a_message_over_https_is_one_of_the_device() {
    let cloud = start();
    let token = token(&cloud);
    let topic = "/a1ProdKey01/dev-0001/update";
    let answer = send(&cloud, Some(&token), topic);
    assert_eq!(answer["code"], 0);
    assert!(
        answer["info"]["messageId"].as_u64() > Some(1 << 53),
        "larger than a double holds"
    );
    assert_eq!(send(&cloud, None, topic)["code"], 20002);
    assert_eq!(send(&cloud, Some("made-up"), topic)["code"], 20003);
    assert_eq!(
        send(&cloud, Some(&token), "/a1ProdKey01/dev-0002/update")["code"],
        30001
    );
    cloud.expire_tokens();
    assert_eq!(send(&cloud, Some(&token), topic)["code"], 20001);

    let status = r#"{"id":"1","params":{"_sys_device_mid":"M"}}"#;
    let again = self::token(&cloud);
    let header = format!("password:{again}");
    let path = "/topic/sys/a1ProdKey01/dev-0001/thing/status/update";
    json_of(curl(&cloud, path, &["--data", status, "--header", &header]));
    let data = cloud.device(&lamp()).unwrap().data;
    assert_eq!(data.status.unwrap()["_sys_device_mid"], "M");

    let secrets = [token, again];
    let log = cloud.transcript().entries();
    assert!(
        log.iter().any(
            |entry| matches!(&entry.what, What::Web { request, .. } if request.contains(topic))
        )
    );
    let text = format!("{log:?}");
    assert!(
        secrets.iter().all(|secret| !text.contains(secret)),
        "the transcript has no tokens"
    );
}

#[test]
fn answers_misbehave_one_after_the_other() {
    let cloud = start();
    let token = token(&cloud);
    let topic = "/a1ProdKey01/dev-0001/update";
    cloud.fault_answer(AnswerFault::Code(40000));
    cloud.fault_answer(AnswerFault::Body("<html>".to_owned()));
    cloud.fault_answer(AnswerFault::Status(503));
    cloud.fault_answer(AnswerFault::Close);
    cloud.fault_answer(AnswerFault::DelayMs(300));
    let header = format!("password:{token}");
    let ask = || {
        curl(
            &cloud,
            &format!("/topic{topic}"),
            &["--data", "x", "--header", &header],
        )
    };
    assert_eq!(json_of(ask())["code"], 40000);
    assert_eq!(ask(), Some((200, b"<html>".to_vec())));
    assert_eq!(ask().unwrap().0, 503);
    assert_eq!(ask(), None);
    let before = Instant::now();
    assert_eq!(json_of(ask())["code"], 0);
    assert!(before.elapsed().as_millis() >= 300);
    assert_eq!(json_of(ask())["code"], 0);
}

#[test]
fn a_device_gets_its_secret_with_the_products() {
    let mut config = config();
    config.products.get_mut("a1ProdKey01").unwrap().secret = Some("made-up-product-secret".into());
    let cloud = Cloud::start(config).unwrap();
    let ask = |name: &str, secret: &str| {
        let text = format!("deviceName{name}productKeya1ProdKey01randomR4nd0m");
        let sign = SignMethod::HmacSha256.sign(secret, &text);
        let form = format!(
            "productKey=a1ProdKey01&deviceName={name}&random=R4nd0m&sign={sign}&signMethod=hmacsha256"
        );
        json_of(curl(&cloud, "/auth/register/device", &["--data", &form]))
    };
    let answer = ask("dev-0001", "made-up-product-secret");
    assert_eq!(
        (&answer["code"], &answer["data"]["deviceSecret"]),
        (&json!(200), &json!(SECRET))
    );
    assert_ne!(ask("dev-0001", "another")["code"], 200);
    assert_ne!(ask("nobody", "made-up-product-secret")["code"], 200);
    let nonsense = json_of(curl(&cloud, "/auth/register/device", &["--data", "x"]));
    assert_ne!(nonsense["code"], 200);
}

/// What it is granted lets it connect, without a signature.
#[test]
fn a_device_is_told_where_to_connect() {
    let cloud = start();
    let ask = |secret: &str| {
        let text = format!(
            "clientIdid-1deviceName{}productKey{}timestamp1",
            lamp().device_name,
            lamp().product_key
        );
        let sign = SignMethod::HmacSha1.sign(secret, &text);
        let form = format!(
            "productKey={}&deviceName={}&signmethod=hmacsha1&sign={sign}&version=default&clientId=id-1&timestamp=1&resources=mqtt",
            lamp().product_key,
            lamp().device_name
        );
        json_of(curl(&cloud, "/auth/devicename", &["--data", &form]))
    };
    let answer = ask(SECRET);
    let data = &answer["data"];
    assert_eq!(answer["code"], 200);
    assert_eq!(
        data["resources"]["mqtt"],
        json!({"host": "localhost", "port": cloud.mqtt_address().port()})
    );
    let text = |name: &str| data[name].as_str().expect("a text").to_owned();
    let mut granted = credentials(&lamp(), "");
    granted.username = text("iotId");
    granted.password = text("iotToken");
    let topic = format!("/{}/{}/update", lamp().product_key, lamp().device_name);
    let publish = |granted: &_| {
        let mut command = mosquitto("mosquitto_pub", &cloud, granted);
        run(command.args(["-q", "1", "-t", &topic, "-m", "granted"]))
    };
    assert!(publish(&granted).status.success());
    let sent = cloud.transcript().entries();
    let sent = sent.iter().filter(|entry| {
        entry
            .message_on(Direction::Up, &topic)
            .is_some_and(|message| message.text() == "granted")
    });
    assert_eq!(sent.count(), 1);

    granted.password.push('0');
    assert!(!publish(&granted).status.success());
    assert_ne!(ask("another")["code"], 200);
    let nonsense = json_of(curl(&cloud, "/auth/devicename", &["--data", "x"]));
    assert_ne!(nonsense["code"], 200);
}

fn image() -> Vec<u8> {
    (0..50_000_u32)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect()
}

#[test]
fn firmware_is_served_whole_and_in_parts() {
    let cloud = start();
    let image = image();
    let path = cloud.add_firmware("1", &*image).unwrap().path;
    let get = |arguments: &[&str]| curl(&cloud, &path, arguments);
    assert_eq!(get(&[]), Some((200, image.clone())));
    for (range, expected) in [
        ("0-9", 0..10),
        ("49990-", 49_990..50_000),
        ("-10", 49_990..50_000),
        ("100-999999", 100..50_000),
        ("7-7", 7..8),
    ] {
        assert_eq!(
            get(&["--range", range]),
            Some((206, image[expected].to_vec())),
            "{range}"
        );
    }
    assert_eq!(get(&["--header", "Range: bytes=50000-"]).unwrap().0, 416);
    for whole in ["Range: bytes=5-4", "Range: bytes=x", "Range: lines=1-2"] {
        assert_eq!(
            get(&["--header", whole]).unwrap(),
            (200, image.clone()),
            "{whole}"
        );
    }
    // The same image, or it begins anew.
    let (_, head) = get(&["--head"]).unwrap();
    let head = String::from_utf8(head).unwrap();
    let field = |name: &str| {
        let found = head
            .lines()
            .find_map(|line| line.split_once(": ").filter(|(field, _)| *field == name));
        found.unwrap_or_else(|| panic!("{name}: {head}")).1
    };
    assert_eq!(field("content-length"), "50000");
    for known in [field("etag"), field("last-modified")] {
        let header = format!("If-Range: {known}");
        assert_eq!(
            get(&["--range", "9-", "--header", &header]).unwrap(),
            (206, image[9..].to_vec())
        );
    }
    assert_eq!(
        get(&["--range", "9-", "--header", "If-Range: \"other\""]).unwrap(),
        (200, image.clone())
    );
    assert_eq!(curl(&cloud, "/firmware/none", &[]).unwrap().0, 404);
    assert_eq!(get(&["--request", "DELETE"]).unwrap().0, 404);

    let mut plain = Command::new("curl");
    plain
        .args(["--silent", &cloud.web_url(false, &path)])
        .stdout(std::process::Stdio::piped());
    assert_eq!(run(&mut plain).stdout, image);
}

#[test]
fn downloads_misbehave() {
    let cloud = start();
    let image = image();
    let path = cloud.add_firmware("1", &*image).unwrap().path;
    let with = |faults: DownloadFaults, arguments: &[&str]| {
        cloud.set_download_faults(faults);
        curl(&cloud, &path, arguments)
    };
    let none = DownloadFaults::default;
    assert_eq!(
        with(
            DownloadFaults {
                chunked: true,
                ..none()
            },
            &[]
        ),
        Some((200, image.clone()))
    );
    assert_eq!(
        with(
            DownloadFaults {
                cut_at: Some(1000),
                ..none()
            },
            &[]
        ),
        None
    );
    assert_eq!(
        with(
            DownloadFaults {
                cut_about: Some(1000),
                ..none()
            },
            &[]
        ),
        None
    );
    assert_eq!(
        with(
            DownloadFaults {
                length_off: 5,
                ..none()
            },
            &[]
        ),
        None
    );
    assert_eq!(
        with(
            DownloadFaults {
                length_off: -5,
                ..none()
            },
            &[]
        ),
        Some((200, image[..49_995].to_vec()))
    );
    let (status, page) = with(
        DownloadFaults {
            status: Some(404),
            ..none()
        },
        &[],
    )
    .unwrap();
    assert!(status == 404 && page.starts_with(b"<html>"));
    assert_eq!(
        with(
            DownloadFaults {
                redirects: 3,
                ..none()
            },
            &["--location"]
        ),
        Some((200, image.clone()))
    );
    assert_eq!(
        with(
            DownloadFaults {
                redirects: 3,
                ..none()
            },
            &["--location", "--max-redirs", "2"]
        ),
        None
    );
    let (_, other) = with(
        DownloadFaults {
            corrupt_at: Some(700),
            ..none()
        },
        &[],
    )
    .unwrap();
    let differing: Vec<_> = (0..image.len())
        .filter(|at| image[*at] != other[*at])
        .collect();
    assert_eq!(differing, [700]);
    let (_, other) = with(
        DownloadFaults {
            corrupt_at: Some(700),
            ..none()
        },
        &["--range", "700-701"],
    )
    .unwrap();
    assert_ne!(other[0], image[700]);
    assert_eq!(
        with(
            DownloadFaults {
                no_range: true,
                ..none()
            },
            &["--range", "9-"]
        )
        .unwrap()
        .0,
        200
    );

    let before = Instant::now();
    let slow = DownloadFaults {
        bytes_per_second: Some(100_000),
        ..none()
    };
    assert_eq!(with(slow, &[]), Some((200, image.clone())));
    let took = before.elapsed().as_millis();
    assert!((400..5000).contains(&took), "{took} ms");
    let before = Instant::now();
    let stall = DownloadFaults {
        stall_at: Some(100),
        stall_ms: 400,
        ..none()
    };
    assert_eq!(with(stall, &[]), Some((200, image.clone())));
    assert!(before.elapsed().as_millis() >= 400);

    let head = |faults| {
        let (_, head) = with(faults, &["--head", "--range", "5-"]).unwrap();
        String::from_utf8(head).unwrap()
    };
    let off = head(DownloadFaults {
        range_off: 2,
        ..none()
    });
    assert!(off.contains("content-range: bytes 7-49999/50000"), "{off}");
    let changed = DownloadFaults {
        new_etag: true,
        ..none()
    };
    assert_ne!(head(changed.clone()), head(changed));

    let twice = DownloadFaults {
        status: Some(500),
        times: Some(2),
        ..none()
    };
    assert_eq!(with(twice, &[]).unwrap().0, 500);
    assert_eq!(curl(&cloud, &path, &[]).unwrap().0, 500);
    assert_eq!(curl(&cloud, &path, &[]).unwrap().0, 200);
}

fn publish(cloud: &Cloud, topic: &str, payload: &str) {
    let output = run(mosquitto("mosquitto_pub", cloud, &credentials(&lamp(), ""))
        .args(["-q", "1", "-t", topic, "-m", payload]));
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn an_upgrade_goes_its_way_from_pending_to_succeeded() {
    let cloud = start();
    let state = || cloud.upgrade_status(&lamp()).state;
    assert!(cloud.upgrade(&lamp(), "2.0").is_err(), "no such firmware");
    let firmware = cloud.add_firmware("2.0", image()).unwrap();
    assert_eq!(cloud.firmware(), std::slice::from_ref(&firmware));
    let stranger = iotkit_cloud::DeviceId::new("a1ProdKey01", "nobody");
    assert!(cloud.upgrade(&stranger, "2.0").is_err(), "no such device");
    cloud.upgrade(&lamp(), "2.0").unwrap();
    assert_eq!(state(), Some(UpgradeState::Pending));

    // A device that subscribes is told when it reports its version.
    let device = credentials(&lamp(), "");
    let listening = common::Running::start(mosquitto("mosquitto_sub", &cloud, &device).args([
        "-q",
        "1",
        "-C",
        "1",
        "-W",
        "20",
        "-t",
        "/ota/device/upgrade/a1ProdKey01/dev-0001",
    ]));
    common::wait_sent(&cloud, &lamp(), iotkit_cloud::PacketKind::SubAck);
    cloud.upgrade(&lamp(), "2.0").unwrap();
    let told: Value = serde_json::from_str(stdout(&listening.output()).trim()).expect("JSON");
    assert_eq!(told["message"], "success");
    let data = &told["data"];
    assert_eq!(
        (&data["version"], &data["size"], &data["md5"]),
        (&json!("2.0"), &json!(50_000), &json!(firmware.md5))
    );
    let url = data["url"].as_str().unwrap();
    assert_eq!(url, cloud.web_url(true, &firmware.path));
    assert_eq!(state(), Some(UpgradeState::Announced));

    let progress = |step: &str| {
        let payload = format!(r#"{{"id":0,"params":{{"step":{step},"desc":"words"}}}}"#);
        publish(
            &cloud,
            "/ota/device/progress/a1ProdKey01/dev-0001",
            &payload,
        );
    };
    progress("\"40\"");
    assert_eq!(state(), Some(UpgradeState::Upgrading(40)));
    progress("-3");
    let failed = UpgradeState::Failed {
        step: -3,
        description: "words".to_owned(),
    };
    assert_eq!(failed.to_string(), "failed (-3): the check failed: words");
    assert_eq!(state(), Some(failed));
    publish(
        &cloud,
        "/ota/device/inform/a1ProdKey01/dev-0001",
        r#"{"id":0,"params":{"version":"2.0"}}"#,
    );
    assert_eq!(state(), Some(UpgradeState::Succeeded));
    assert_eq!(
        cloud.upgrade_status(&lamp()).running.as_deref(),
        Some("2.0")
    );
}

#[test]
fn a_configuration_is_pushed_with_its_digest() {
    let cloud = start();
    for (digest, method) in [(ConfigDigest::Md5, "Md5"), (ConfigDigest::Sha256, "Sha256")] {
        let topic = "/sys/a1ProdKey01/dev-0001/thing/config/push";
        let listening = common::Running::start(
            mosquitto("mosquitto_sub", &cloud, &credentials(&lamp(), ""))
                .args(["-C", "1", "-W", "20", "-t", topic]),
        );
        let until = Instant::now() + PATIENCE;
        let call = loop {
            // Until it has subscribed.
            match cloud.push_config(&lamp(), *b"content", digest, true) {
                Ok(call) => break call,
                Err(error) => assert!(Instant::now() < until, "{error}"),
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        };
        let told: Value = serde_json::from_str(stdout(&listening.output()).trim()).expect("JSON");
        let params = &told["params"];
        assert_eq!(
            (&params["signMethod"], &params["configSize"]),
            (&json!(method), &json!(7))
        );
        let sign = params["sign"].as_str().unwrap();
        let expected = match digest {
            ConfigDigest::Md5 => "9a0364b9e99bb480dd25e1f0284c8555",
            ConfigDigest::Sha256 => {
                "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"
            }
        };
        assert_eq!(sign, expected);
        let url = params["url"].as_str().unwrap();
        let path = url.split_once("://").unwrap().1;
        let path = &path[path.find('/').unwrap()..];
        assert_eq!(curl(&cloud, path, &[]), Some((200, b"content".to_vec())));
        drop(call);
    }
}
