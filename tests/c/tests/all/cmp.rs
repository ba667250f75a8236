//! CMP, and the update services over it.

use std::{
    thread,
    time::{Duration, Instant},
};

use iotkit_c_tests::{Hal, Nginx, Peer, Program, Run, patience};
use iotkit_cloud::{
    Authority, Cloud, ConfigDigest, Direction, DownloadFaults, Faults, Publication, RemoteConfig,
    UpgradeState,
};

use crate::{
    common::{configured, lamp, messages, misbehave, own, platform, start, sys, transports},
    ota::{expect_state, image, plan, progress},
};

/// How large the messages are that the buffers of the program grow to.
const LARGE: usize = 20_000;

/// Waits until the platform knows what the lamp runs: it would announce a firmware that is planned before once more then.
fn await_version(cloud: &Cloud) {
    let end = Instant::now() + patience();
    while cloud.upgrade_status(&lamp().id).running.is_none() && Instant::now() < end {
        thread::sleep(Duration::from_millis(10));
    }
}

fn send(cloud: &Cloud, topic: &str, payload: impl Into<Vec<u8>>) {
    cloud
        .publish(&lamp().id, Publication::new(topic, payload))
        .expect("the lamp is online");
}

#[test]
fn messages_find_their_functions_and_events_everybody() {
    for &hal in transports() {
        let cloud = platform();
        let refuse = || Faults {
            refuse_subscribe: true,
            ..Faults::default()
        };
        let away = Faults {
            close_on_accept: true,
            ..Faults::default()
        };
        let mut program = start("cmp", hal, &cloud);
        program.step("nobody is there", || misbehave(&cloud, away));
        program.step("somebody is there", || cloud.clear_faults());
        program.step("connected", || {});
        program.step("refuse", || misbehave(&cloud, refuse()));
        program.step("grant", || cloud.clear_faults());
        let get = own("get");
        program.step("request", || {
            send(
                &cloud,
                &get,
                r#"{"id":"7","version":"1.0","params":{"a":[1]},"method":"m"}"#,
            );
        });
        program.step("without a method, then with a word", || {
            send(&cloud, &get, r#"{"id":"8","params":{}}"#);
            send(&cloud, &get, r#"{"id":8,"params":null,"method":"m"}"#);
        });
        let raw = sys("thing/model/down_raw");
        program.step("raw", || send(&cloud, &raw, b"a\0b"));
        program.step("large", || {
            for len in [LARGE, 50_000, 1] {
                send(&cloud, &raw, vec![b'x'; len]);
            }
        });
        program.step("disconnect", || {
            cloud.kick(&lamp().id).expect("the lamp is online");
        });
        program.step("raw again", || send(&cloud, &raw, "b"));
        program.step("forget", || {
            misbehave(&cloud, refuse());
            cloud
                .forget_session(&lamp().id)
                .expect("a device of the platform");
            cloud.kick(&lamp().id).expect("the lamp is online");
        });
        program.step("grant again", || cloud.clear_faults());
        for step in ["inside", "inside once more"] {
            program.step(step, || {
                send(&cloud, &get, r#"{"id":1,"params":{"b":2},"method":"m"}"#);
            });
        }
        program.finish().expect_success();

        // What was on its way when the connection was closed may have come twice.
        let mut sent: Vec<_> = messages(&cloud, Direction::Up, &own("update"))
            .into_iter()
            .map(|message| {
                let payload = message.payload.unwrap_or_default();
                let len = payload.len();
                let text = String::from_utf8_lossy(&payload).into_owned();
                (message.qos, len, text.chars().take(40).collect::<String>())
            })
            .collect();
        sent.dedup();
        let wanted = [
            (32, r#"{"id":"77","code":200,"data":{}}"#),
            (3, "a\0b"),
            (0, ""),
            (LARGE, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
            (1, "x"),
            (6, "inside"),
        ];
        assert_eq!(
            sent,
            wanted.map(|(len, text)| (Some(1), len, text.to_owned()))
        );
        let posted = messages(&cloud, Direction::Up, &sys("thing/event/property/post"));
        assert_eq!(
            posted[0].payload.as_deref(),
            Some(
                &br#"{"id":"2","version":"1.0","params":{"Power":1},"method":"thing.event.property.post"}"#[..]
            )
        );
    }
}

/// Over plain TCP, where all memory is the library's own.
#[test]
fn an_allocation_may_fail() {
    let cloud = platform();
    let program = Program::test("cmp", Hal::Tcp);
    Run::new(&program, &lamp(), &Peer::from(&cloud))
        .args(["scarce"])
        .start()
        .finish()
        .expect_success();
}

#[test]
fn the_services_bring_an_image_to_the_port_and_tell_the_platform_how_it_went() {
    for &hal in transports() {
        let image = image(50_000);
        let content: Vec<u8> = image.iter().copied().take(1000).collect();
        let stranger = Authority::generate("a stranger's").expect("OpenSSL makes one");
        let elsewhere = Nginx::start(&stranger, &content);
        let mut config = configured();
        for product in config.products.values_mut() {
            product.config = Some(RemoteConfig::new(elsewhere.url(false), &content));
        }
        let cloud = Cloud::start(config).expect("the platform starts");
        let mut program = start("services", hal, &cloud);
        let push = |faults| {
            cloud.set_download_faults(faults);
            plan(&cloud, hal, &image);
        };
        let failed = |step| UpgradeState::Failed {
            step,
            description: String::new(),
        };
        let none = DownloadFaults::default;
        let corrupt = DownloadFaults {
            corrupt_at: Some(40_000),
            times: Some(1),
            ..none()
        };
        let page = DownloadFaults {
            status: Some(404),
            times: Some(1),
            ..none()
        };
        let pause = DownloadFaults {
            stall_at: Some(20_000),
            stall_ms: 2500,
            times: Some(1),
            ..none()
        };
        program.step("firmware", || {
            await_version(&cloud);
            push(none());
        });
        program.step("firmware", || {
            expect_state(&cloud, &UpgradeState::Upgrading(100));
            let steps = progress(&cloud);
            assert_eq!(steps.first().map(String::as_str), Some("0"), "{steps:?}");
            push(none());
        });
        program.step("wrong bytes", || push(corrupt));
        program.step("page", || {
            expect_state(&cloud, &failed(-3));
            push(page);
        });
        program.step("not written", || {
            expect_state(&cloud, &failed(-2));
            push(none());
        });
        program.step("not stored", || push(none()));
        program.step("a server that pauses", || {
            expect_state(&cloud, &failed(-4));
            push(pause);
        });
        let configuration = || {
            cloud
                .push_config(
                    &lamp().id,
                    content.clone(),
                    ConfigDigest::Sha256,
                    hal != Hal::Tcp,
                )
                .expect("it is online");
        };
        program.step("configuration", configuration);
        program.step("configuration that was asked for", || {});
        program.step("nobody listens", || push(none()));
        program.finish().expect_success();
    }
}

#[test]
fn without_another_wish_the_program_ends_with_the_update() {
    let cloud = platform();
    let program = Program::test("services", Hal::Tcp);
    let mut program = Run::new(&program, &lamp(), &Peer::from(&cloud))
        .args(["exit"])
        .start();
    program.step("firmware", || {
        await_version(&cloud);
        plan(&cloud, Hal::Tcp, &image(50_000));
    });
    program.finish().expect_status(0);
}
