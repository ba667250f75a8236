//! Firmware and upgrades in the data folder: a platform that starts again knows them.

mod common;

use std::{fs, path::Path};

use common::*;
use iotkit_cloud::{Cloud, Config, Error, Firmware, UpgradeState};
use serde_json::{Value, json};

fn open(folder: &Path) -> Result<Cloud, Error> {
    Cloud::start(Config {
        data_dir: Some(folder.to_owned()),
        ..config()
    })
}

fn image(seed: u8) -> Vec<u8> {
    (0..50_000_u32)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8 ^ seed)
        .collect()
}

/// Where the image lies in the data folder.
fn file(folder: &Path, firmware: &Firmware) -> std::path::PathBuf {
    folder.join(firmware.path.trim_start_matches('/'))
}

fn state(cloud: &Cloud) -> Option<UpgradeState> {
    cloud.upgrade_status(&lamp()).state
}

/// The lamp, connected.
fn log_in(cloud: &Cloud) -> Raw {
    Raw::login(cloud, &credentials(&lamp(), ""), true).0
}

/// What the lamp says about its firmware; the platform has heard it when this returns.
fn say(lamp: &mut Raw, kind: &str, params: &str) {
    let topic = format!("/ota/device/{kind}/a1ProdKey01/dev-0001");
    let payload = format!(r#"{{"id":0,"params":{params}}}"#);
    lamp.send(&publish(&topic, payload.as_bytes()));
    lamp.send(&[0xc0, 0]);
    lamp.expect(&[0xd0, 0]);
}

/// What the lamp is told when it reports that it runs `version`.
fn told(lamp: &mut Raw, version: &str) -> Value {
    lamp.send(&subscribe(1, "/ota/device/upgrade/a1ProdKey01/dev-0001", 0));
    lamp.expect(&[0x90, 3, 0, 1, 0]);
    let params = format!(r#"{{"params":{{"version":"{version}"}}}}"#);
    lamp.send(&publish(
        "/ota/device/inform/a1ProdKey01/dev-0001",
        params.as_bytes(),
    ));
    let (_, body) = lamp.packet();
    let topic = usize::from(u16::from_be_bytes([body[0], body[1]]));
    let message: Value = serde_json::from_slice(&body[2 + topic..]).unwrap();
    message["data"].clone()
}

/// A part of what the web server has, if it is still what `known` was a header of; the status as well.
fn fetch(cloud: &Cloud, path: &str, known: Option<&str>) -> (ureq::http::HeaderMap, u16, Vec<u8>) {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(PATIENCE))
        .build()
        .into();
    let mut request = agent.get(cloud.web_url(false, path));
    if let Some(known) = known {
        request = request
            .header("range", "bytes=40000-")
            .header("if-range", known);
    }
    let mut response = request.call().unwrap();
    let body = response.body_mut().read_to_vec().unwrap();
    let status = response.status().as_u16();
    (response.headers().clone(), status, body)
}

#[test]
fn a_restarted_platform_serves_what_it_served() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = open(folder.path()).unwrap();
    let images = [
        cloud.add_firmware("1.0", image(1)).unwrap(),
        cloud.add_firmware("2.0", image(2)).unwrap(),
    ];
    let (before, ..) = fetch(&cloud, &images[1].path, None);
    cloud.stop();

    let cloud = open(folder.path()).unwrap();
    assert_eq!(cloud.firmware(), images);
    assert_eq!(fetch(&cloud, &images[0].path, None).2, image(1));
    // A download that was cut by the restart goes on.
    for name in ["etag", "last-modified"] {
        let known = before[name].to_str().unwrap();
        let (_, status, rest) = fetch(&cloud, &images[1].path, Some(known));
        assert_eq!((status, rest), (206, image(2)[40_000..].to_vec()), "{name}");
    }
}

#[test]
fn an_upgrade_goes_on_after_each_restart() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = open(folder.path()).unwrap();
    let firmware = cloud.add_firmware("2.0", image(2)).unwrap();
    say(&mut log_in(&cloud), "inform", r#"{"version":"1.0"}"#);
    cloud.upgrade(&lamp(), "2.0").unwrap();
    cloud.stop();

    let cloud = open(folder.path()).unwrap();
    assert_eq!(state(&cloud), Some(UpgradeState::Pending));
    let data = told(&mut log_in(&cloud), "1.0");
    // The web server has another port now.
    assert_eq!(
        data["url"].as_str(),
        Some(cloud.web_url(true, &firmware.path)).as_deref()
    );
    assert_eq!(
        (&data["version"], &data["md5"]),
        (&json!("2.0"), &json!(firmware.md5))
    );
    cloud.stop();

    let cloud = open(folder.path()).unwrap();
    assert_eq!(state(&cloud), Some(UpgradeState::Announced));
    say(&mut log_in(&cloud), "progress", r#"{"step":"40"}"#);
    cloud.stop();

    let cloud = open(folder.path()).unwrap();
    assert_eq!(state(&cloud), Some(UpgradeState::Upgrading(40)));
    say(
        &mut log_in(&cloud),
        "progress",
        r#"{"step":"-2","desc":"words"}"#,
    );
    cloud.stop();

    let cloud = open(folder.path()).unwrap();
    let failed = UpgradeState::Failed {
        step: -2,
        description: "words".to_owned(),
    };
    assert_eq!(state(&cloud), Some(failed));
    cloud
        .upgrade_from(&lamp(), "2.0", "http://host/image")
        .unwrap();
    cloud.stop();

    let cloud = open(folder.path()).unwrap();
    let mut lamp = log_in(&cloud);
    assert_eq!(told(&mut lamp, "1.0")["url"], "http://host/image");
    say(&mut lamp, "inform", r#"{"version":"2.0"}"#);
    cloud.stop();

    let cloud = open(folder.path()).unwrap();
    let upgrade = cloud.upgrade_status(&common::lamp());
    assert_eq!(upgrade.running.as_deref(), Some("2.0"));
    assert_eq!(upgrade.target.as_deref(), Some("2.0"));
    assert_eq!(upgrade.state, Some(UpgradeState::Succeeded));
    assert_eq!(cloud.upgrade_status(&fan()).state, None);
}

#[test]
fn a_replaced_image_stays_as_long_as_a_device_is_to_have_it() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = open(folder.path()).unwrap();
    let first = cloud.add_firmware("2.0", image(1)).unwrap();
    let second = cloud.add_firmware("2.0", image(2)).unwrap();
    assert!(!file(folder.path(), &first).exists());
    assert_eq!(fetch(&cloud, &first.path, None).1, 404);

    cloud.upgrade(&lamp(), "2.0").unwrap();
    let third = cloud.add_firmware("2.0", image(3)).unwrap();
    cloud.stop();
    let cloud = open(folder.path()).unwrap();
    assert_eq!(cloud.firmware(), std::slice::from_ref(&third));
    assert_eq!(fetch(&cloud, &second.path, None).2, image(2));

    cloud.upgrade(&lamp(), "2.0").unwrap();
    assert!(!file(folder.path(), &second).exists());
    assert_eq!(fs::read(file(folder.path(), &third)).unwrap(), image(3));
}

#[test]
fn what_is_damaged_is_named_and_not_served() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = open(folder.path()).unwrap();
    let firmware = cloud.add_firmware("1.0", image(1)).unwrap();
    cloud.stop();

    let complaint = || open(folder.path()).err().expect("a complaint").to_string();
    let image_file = file(folder.path(), &firmware);
    for content in [&image(2)[..], &image(1)[1..], b""] {
        fs::write(&image_file, content).unwrap();
        assert_eq!(
            complaint(),
            format!("{}: not the image that was added", image_file.display())
        );
    }
    fs::remove_file(&image_file).unwrap();
    assert!(complaint().starts_with(&format!("cannot read {}", image_file.display())));
    let state_file = folder.path().join("firmware.json");
    for text in ["", "{", "[]", r#"{"firmware":{"1.0":{}},"devices":{}}"#] {
        fs::write(&state_file, text).unwrap();
        assert!(complaint().starts_with(&state_file.display().to_string()));
    }
    // Without it there is nothing, and it begins anew.
    fs::remove_file(&state_file).unwrap();
    let cloud = open(folder.path()).unwrap();
    assert_eq!(cloud.firmware(), []);
    cloud.add_firmware("1.0", image(1)).unwrap();
    cloud.stop();
    assert_eq!(open(folder.path()).unwrap().firmware(), [firmware]);
}

#[test]
fn what_cannot_be_written_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = open(folder.path()).unwrap();
    cloud.add_firmware("1.0", image(1)).unwrap();
    // A folder in the place of the file; as root, rights would not do.
    let state_file = folder.path().join("firmware.json");
    fs::remove_file(&state_file).unwrap();
    fs::create_dir(&state_file).unwrap();
    let told = cloud.upgrade(&lamp(), "1.0").unwrap_err().to_string();
    let expected = format!("cannot write {}", state_file.display());
    assert!(told.starts_with(&expected), "{told}");
    // What a device reports holds all the same.
    say(&mut log_in(&cloud), "inform", r#"{"version":"1.0"}"#);
    assert_eq!(state(&cloud), Some(UpgradeState::Succeeded));

    fs::remove_dir_all(folder.path().join("firmware")).unwrap();
    fs::write(folder.path().join("firmware"), "").unwrap();
    let told = cloud.add_firmware("2.0", image(2)).unwrap_err().to_string();
    assert!(told.starts_with("cannot make"), "{told}");
    assert!(matches!(
        cloud.upgrade(&lamp(), "2.0"),
        Err(Error::UnknownFirmware(_))
    ));
}

#[test]
fn without_a_data_folder_it_stays_in_memory() {
    let cloud = start();
    let firmware = cloud.add_firmware("1.0", image(1)).unwrap();
    cloud.upgrade(&lamp(), "1.0").unwrap();
    assert_eq!(fetch(&cloud, &firmware.path, None).2, image(1));
    for name in ["firmware", "firmware.json"] {
        assert!(!cloud.data_dir().join(name).exists(), "{name}");
    }
}
