//! Updates: the sample and the test program, from the platform's web server and from nginx.

use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use iotkit_c_tests::{Hal, Nginx, Outcome, Peer, Program, Run, patience};
use iotkit_cloud::{Cloud, ConfigDigest, Direction, DownloadFaults, UpgradeState, What};
use serde_json::json;
use tempfile::TempDir;

use crate::common::{lamp, messages, own, platform, sys, transports};

const VERSION: &str = "2.0.0";

/// An image without any pattern that a cut or a repetition could hide in.
pub(crate) fn image(len: usize) -> Vec<u8> {
    let mut state = 1_u32;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect()
}

/// The device is to have the image, by TLS if the archive can do that.
pub(crate) fn plan(cloud: &Cloud, hal: Hal, image: &[u8]) {
    let firmware = cloud
        .add_firmware(VERSION, image)
        .expect("it is kept in memory");
    let url = cloud.web_url(hal != Hal::Tcp, &firmware.path);
    cloud
        .upgrade_from(&lamp().id, VERSION, &url)
        .expect("a device of the platform");
}

/// Runs the sample; what it said, and the file it wrote.
fn take(cloud: &Cloud, hal: Hal) -> (Outcome, Vec<u8>) {
    let folder = TempDir::new().expect("a temporary folder can be made");
    let file = folder.path().join("image");
    let outcome = sample(cloud, hal, &file).finish();
    (outcome, fs::read(&file).unwrap_or_default())
}

fn sample(cloud: &Cloud, hal: Hal, file: &Path) -> Run {
    let program = Program::sample("ota_over_mqtt", hal);
    let file = file.to_str().expect("a path in UTF-8");
    Run::new(&program, &lamp(), &Peer::from(cloud)).args([file])
}

/// What the web server was asked: the part, and the status it answered.
fn downloads(cloud: &Cloud) -> Vec<(Option<String>, u16)> {
    let entries = cloud.transcript().entries();
    entries
        .into_iter()
        .filter_map(|entry| match entry.what {
            What::Web { range, status, .. } => Some((range, status)),
            _ => None,
        })
        .collect()
}

/// The steps that the device has reported.
pub(crate) fn progress(cloud: &Cloud) -> Vec<String> {
    let topic = own("").replacen('/', "/ota/device/progress/", 1);
    messages(cloud, Direction::Up, topic.trim_end_matches('/'))
        .iter()
        .map(|message| {
            message.json()["params"]["step"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        })
        .collect()
}

/// Waits until the platform knows that the upgrade has come to this.
#[track_caller]
pub(crate) fn expect_state(cloud: &Cloud, expected: &UpgradeState) {
    let end = Instant::now() + patience();
    let mut upgrade = cloud.upgrade_status(&lamp().id);
    while upgrade.state.as_ref() != Some(expected) && Instant::now() < end {
        thread::sleep(Duration::from_millis(10));
        upgrade = cloud.upgrade_status(&lamp().id);
    }
    assert_eq!(upgrade.state.as_ref(), Some(expected), "{upgrade:?}");
}

#[test]
fn the_sample_takes_an_update() {
    for &hal in transports() {
        let cloud = platform();
        let image = image(300_000);
        plan(&cloud, hal, &image);
        expect_state(&cloud, &UpgradeState::Pending);
        let (outcome, file) = take(&cloud, hal);
        outcome.expect_success();
        let said = outcome.stdout();
        for line in [
            "ota: version 2.0.0 is announced",
            "ota: the image is what was announced",
        ] {
            assert!(said.lines().any(|said| said == line), "{said}");
        }
        assert!(file == image, "{hal:?}: the file is another");
        expect_state(&cloud, &UpgradeState::Succeeded);
        assert_eq!(downloads(&cloud), [(None, 200)]);
        let steps = progress(&cloud);
        assert_eq!(
            (steps.first(), steps.last()),
            (Some(&"0".to_owned()), Some(&"100".to_owned()))
        );
        assert_eq!(
            steps.iter().filter(|step| *step == "0").count(),
            1,
            "{steps:?}"
        );
    }
}

/// An 8 MiB image over a link of 256 KB/s that is cut every 200 KB on average takes half a minute: the whole of it with
/// `IOTKIT_LONG=1`, a sixteenth otherwise.
#[test]
fn a_link_that_is_cut_again_and_again_brings_each_byte_once() {
    let long = std::env::var_os("IOTKIT_LONG").is_some();
    let (len, about) = if long {
        (8 << 20, 200_000)
    } else {
        (512 << 10, 50_000)
    };
    for &hal in transports() {
        let cloud = platform();
        cloud.set_download_faults(DownloadFaults {
            cut_about: Some(about),
            bytes_per_second: long.then_some(256_000),
            ..DownloadFaults::default()
        });
        let image = image(len);
        plan(&cloud, hal, &image);
        let folder = TempDir::new().expect("a temporary folder can be made");
        let path = folder.path().join("image");
        let mut program = sample(&cloud, hal, &path).start();
        for percent in (10..100).step_by(10) {
            program.wait_line(&format!("ota: {percent} %"));
        }
        program.finish().expect_success();
        let file = fs::read(&path).expect("it has written the file");
        assert!(file == image, "{hal:?}: the file is another");
        expect_state(&cloud, &UpgradeState::Succeeded);
        let downloads = downloads(&cloud);
        // What was on its way when the connection was cut may be lost, even all of it.
        let resumed = downloads.iter().filter(|(range, _)| range.is_some());
        assert!(resumed.clone().count() > 3, "{downloads:?}");
        assert!(resumed.clone().all(|(_, status)| *status == 206));
    }
}

#[test]
fn what_a_web_server_can_do_instead_is_told() {
    let image = image(100_000);
    let good = [
        DownloadFaults {
            chunked: true,
            ..DownloadFaults::default()
        },
        DownloadFaults {
            redirects: 5,
            ..DownloadFaults::default()
        },
        DownloadFaults {
            no_range: true,
            cut_at: Some(60_000),
            times: Some(1),
            ..DownloadFaults::default()
        },
        DownloadFaults {
            stall_at: Some(5_000),
            stall_ms: 1500,
            ..DownloadFaults::default()
        },
    ];
    for faults in good {
        let cloud = platform();
        cloud.set_download_faults(faults.clone());
        plan(&cloud, Hal::Tcp, &image);
        let (outcome, file) = take(&cloud, Hal::Tcp);
        outcome.expect_success();
        assert!(file == image, "{faults:?}: the file is another");
    }
    let bad = [
        (
            -2,
            DownloadFaults {
                status: Some(404),
                ..DownloadFaults::default()
            },
        ),
        (
            -2,
            DownloadFaults {
                length_off: -10,
                ..DownloadFaults::default()
            },
        ),
        (
            -2,
            DownloadFaults {
                redirects: 6,
                ..DownloadFaults::default()
            },
        ),
        (
            -2,
            DownloadFaults {
                new_etag: true,
                cut_at: Some(50_000),
                ..DownloadFaults::default()
            },
        ),
        (
            -2,
            DownloadFaults {
                range_off: 1,
                cut_at: Some(50_000),
                ..DownloadFaults::default()
            },
        ),
        (
            -3,
            DownloadFaults {
                corrupt_at: Some(70_000),
                ..DownloadFaults::default()
            },
        ),
    ];
    for (step, faults) in bad {
        let cloud = platform();
        cloud.set_download_faults(faults.clone());
        plan(&cloud, Hal::Tcp, &image);
        let (outcome, _) = take(&cloud, Hal::Tcp);
        outcome.expect_status(1);
        let state = cloud.upgrade_status(&lamp().id).state;
        let expected = UpgradeState::Failed {
            step,
            description: String::new(),
        };
        assert_eq!(state, Some(expected), "{faults:?}");
    }
}

#[test]
fn nginx_will_do() {
    for &hal in transports() {
        let cloud = platform();
        let image = image(200_000);
        let nginx = Nginx::start(cloud.authority(), &image);
        cloud
            .add_firmware(VERSION, &*image)
            .expect("it is kept in memory");
        let url = nginx.url(hal != Hal::Tcp);
        cloud
            .upgrade_from(&lamp().id, VERSION, &url)
            .expect("a device of the platform");
        let (outcome, file) = take(&cloud, hal);
        outcome.expect_success();
        assert!(file == image, "{hal:?}: the file is another");
        expect_state(&cloud, &UpgradeState::Succeeded);
    }
}

#[test]
fn a_server_with_a_strange_certificate_is_not_fetched_from() {
    for hal in [Hal::MbedTls, Hal::Rustls] {
        let cloud = platform();
        let image = image(1000);
        let stranger =
            iotkit_cloud::Authority::generate("a stranger's").expect("OpenSSL makes one");
        let nginx = Nginx::start(&stranger, &image);
        cloud
            .add_firmware(VERSION, &*image)
            .expect("it is kept in memory");
        cloud
            .upgrade_from(&lamp().id, VERSION, &nginx.url(true))
            .expect("a device of the platform");
        let folder = TempDir::new().expect("a temporary folder can be made");
        let file = folder.path().join("image");
        let mut running = sample(&cloud, hal, &file).env("SAMPLE_LOG", "5").start();
        running.wait_line("[wrn] iotkit(0): ota: no connection");
        drop(running); // it would be tried for two minutes
        assert!(fs::read(&file).unwrap_or_default().is_empty());
    }
}

/// Every function in every state.
#[test]
fn updates_are_what_the_header_says() {
    for &hal in transports() {
        let cloud = platform();
        let program = Program::test("ota", hal);
        let mut running = Run::new(&program, &lamp(), &Peer::from(&cloud)).start();
        let image = image(50_000);
        let firmware = |content: &[u8]| plan(&cloud, hal, content);
        let configuration = |digest| {
            let content: Vec<u8> = image.iter().copied().take(1000).collect();
            // The device reads it, and answers, when the step is done.
            cloud
                .push_config(&lamp().id, content, digest, hal != Hal::Tcp)
                .expect("it is online");
        };
        running.step("firmware", || firmware(&image));
        let page = DownloadFaults {
            status: Some(404),
            times: Some(1),
            ..DownloadFaults::default()
        };
        running.step("page", || {
            cloud.set_download_faults(page);
            firmware(&image);
        });
        running.step("again", || firmware(&image));
        let other = DownloadFaults {
            corrupt_at: Some(1234),
            times: Some(1),
            ..DownloadFaults::default()
        };
        running.step("wrong bytes", || {
            cloud.set_download_faults(other);
            firmware(&image);
        });
        running.step("configuration", || configuration(ConfigDigest::Sha256));
        running.step("configuration by MD5", || configuration(ConfigDigest::Md5));
        running.step("inside a handler", || firmware(&image));
        running.step("left in the middle", || firmware(&image));
        running.step("nobody listens", || firmware(&image));
        running.finish().expect_success();

        let replies = messages(&cloud, Direction::Up, &sys("thing/config/push_reply"));
        let codes: Vec<_> = replies
            .iter()
            .map(|reply| reply.json()["code"].clone())
            .collect();
        assert_eq!(codes, [json!(200), json!(200)]);
    }
}
