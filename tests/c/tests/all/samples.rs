//! Each sample over each transport, against the platform; those that need none of its services, against mosquitto, too.

use iotkit_c_tests::{Hal, Mosquitto, Outcome, Peer, Program, Run, Running};
use iotkit_cloud::{Cloud, Direction, PacketKind, Publication, Request, Rrpc};
use serde_json::json;

use crate::common::{every, lamp, messages, own, platform, sys, wait};

fn sample(name: &str, hal: Hal, peer: impl Into<Peer>) -> Run {
    Run::new(&Program::sample(name, hal), &lamp(), &peer.into())
}

/// The connection is encrypted or not, as the archive was built; a sample cannot tell the difference.
fn check_transport(cloud: &Cloud, hal: Hal) {
    let opened = cloud
        .transcript()
        .entries()
        .into_iter()
        .find_map(|entry| match entry.what {
            iotkit_cloud::What::Opened { tls, .. } => Some(tls),
            _ => None,
        });
    let tls = opened.expect("there was a connection");
    assert_eq!(tls.is_some(), hal != Hal::Tcp, "{tls:?}");
}

#[test]
fn publish_is_acknowledged() {
    for &hal in every() {
        let cloud = platform();
        sample("mqtt_publish", hal, &cloud)
            .finish()
            .expect_lines(&["publish: acknowledged"])
            .expect_success();
        check_transport(&cloud, hal);
        let published = messages(&cloud, Direction::Up, &own("update"));
        assert_eq!(published.len(), 1);
        assert_eq!(published[0].json(), json!({"temperature": 21.5}));
    }
}

#[test]
fn publish_tells_that_it_failed() {
    for &hal in every() {
        let cloud = platform();
        cloud.pause(); // nobody listens
        sample("mqtt_publish", hal, &cloud)
            .finish()
            .expect_lines(&["publish: failed"])
            .expect_status(1);
    }
}

#[test]
fn publish_does_not_trust_a_stranger() {
    for hal in [Hal::MbedTls, Hal::Rustls] {
        let cloud = platform();
        let stranger = Peer {
            ca_file: None, // the library's own root alone did not sign for this platform
            ..Peer::from(&cloud)
        };
        let outcome = sample("mqtt_publish", hal, stranger)
            .env("SAMPLE_LOG", "5")
            .finish();
        outcome.expect_status(1);
        assert!(
            outcome.stdout().to_lowercase().contains("certificate"),
            "the log names the trouble: {outcome}"
        );
        let log = cloud.transcript();
        assert!(
            !log.entries()
                .iter()
                .any(|entry| entry.is(Direction::Up, PacketKind::Connect))
        );
    }
}

#[test]
fn subscribe_prints_a_message() {
    for &hal in every() {
        let cloud = platform();
        let mut program = sample("mqtt_subscribe", hal, &cloud).start();
        program.wait_line("subscribe: granted");
        cloud
            .publish(&lamp().id, Publication::new(own("get"), "hello"))
            .unwrap();
        expect_subscribed(program);
        wait(&cloud, "UNSUBACK", |entry| {
            entry.is(Direction::Down, PacketKind::UnsubAck)
        });
    }
}

fn expect_subscribed(program: Running) {
    let message = format!("subscribe: {}: hello", own("get"));
    program
        .finish()
        .expect_lines(&[
            "subscribe: granted",
            &message,
            "subscribe: ended",
            "subscribe: done",
        ])
        .expect_success();
}

#[test]
fn rrpc_answers_the_platform() {
    for &hal in every() {
        let cloud = platform();
        let mut program = sample("mqtt_rrpc", hal, &cloud).start();
        program.wait_line("rrpc: waiting");
        let call = cloud.rrpc(&lamp().id, &Rrpc::new("how are you?")).unwrap();
        assert_eq!(call.wait().unwrap().json(), json!({"temperature": 21.5}));
        program
            .finish()
            .expect_lines(&[
                "rrpc: waiting for a call",
                "rrpc: asked how are you?",
                "rrpc: answered",
            ])
            .expect_success();
    }
}

#[test]
fn threads_share_a_client() {
    for &hal in every() {
        let cloud = platform();
        expect_threads(sample("mqtt_multi_thread", hal, &cloud).finish());
        let published = messages(&cloud, Direction::Up, &own("update"));
        assert_eq!(published.iter().filter(|message| !message.dup).count(), 20);
    }
}

fn expect_threads(outcome: Outcome) {
    outcome
        .expect_lines(&["threads: 20 messages, 10 subscriptions, 10 unsubscriptions acknowledged"])
        .expect_success();
}

#[test]
fn regions_are_all_reached() {
    for &hal in every() {
        let cloud = platform();
        sample("mqtt_multi_region", hal, &cloud)
            .finish()
            .expect_lines(&[
                "region: Shanghai acknowledged",
                "region: Singapore acknowledged",
                "region: Japan acknowledged",
                "region: US west acknowledged",
                "region: Germany acknowledged",
            ])
            .expect_success();
        sample("mqtt_multi_region", hal, &cloud)
            .args(["3"])
            .finish()
            .expect_lines(&["region: US west acknowledged"])
            .expect_success();
        sample("mqtt_multi_region", hal, &cloud)
            .args(["5"])
            .finish()
            .expect_lines(&[])
            .expect_status(1);
    }
}

#[test]
fn the_light_reports_and_obeys() {
    for &hal in every() {
        let cloud = platform();
        let mut light = sample("rgb_led", hal, &cloud).start();
        light.send_line("start");
        light.wait_line("connection: subscribed");

        light.send_line("pub open");
        light.wait_line("light: on, red 255 green 255 blue 255");
        light.wait_line("reply: ");
        let reported = |id: &str| {
            cloud.device(&lamp().id).unwrap().data.properties[id]
                .value
                .clone()
        };
        assert_eq!(reported("LightSwitch"), json!(1));

        let wish = Request::new(
            "thing.service.property.set",
            json!({"LightSwitch": 0, "RGBColor": {"Red": 255, "Green": 80, "Blue": 0}}),
        );
        let answer = cloud
            .request(&lamp().id, &wish.id("4711"))
            .unwrap()
            .wait()
            .unwrap();
        assert_eq!(
            answer.json(),
            json!({"id": "4711", "code": 200, "data": {}})
        );
        light.wait_line("wish: ");
        light.wait_line("light: off, red 255 green 80 blue 0");
        light.wait_line("reply: ");
        assert_eq!(
            reported("RGBColor"),
            json!({"Red": 255, "Green": 80, "Blue": 0})
        );

        let impossible = cloud
            .set_properties(&lamp().id, json!({"RGBColor": {"Red": 256}}))
            .unwrap();
        assert_eq!(impossible.wait().unwrap().code(), Some(400));

        light.send_line("pub close");
        light.send_line("stop");
        let outcome = light.finish();
        outcome.expect_success();
        assert_eq!(outcome.lines.last().unwrap(), "connection: closed");
        let posts = messages(&cloud, Direction::Up, &sys("thing/event/property/post"));
        assert_eq!(posts.len(), 4, "two commands and two wishes");
        wait(&cloud, "DISCONNECT", |entry| {
            entry.is(Direction::Up, PacketKind::Disconnect)
        });
    }
}

#[test]
fn the_light_tells_what_it_cannot_do() {
    let cloud = platform();
    let mut light = sample("rgb_led", Hal::Tcp, &cloud).start();
    light.send_line("pub open");
    light.wait_line("connection: start first");
    light.send_line("dance");
    light.wait_line("commands: start, pub open, pub close, stop");
    light.send_line("stop");
    light.finish().expect_status(1);
}

#[test]
fn mosquitto_serves_the_samples() {
    let broker = Mosquitto::tcp();
    sample("mqtt_publish", Hal::Tcp, broker.peer())
        .finish()
        .expect_lines(&["publish: acknowledged"])
        .expect_success();
    expect_threads(sample("mqtt_multi_thread", Hal::Tcp, broker.peer()).finish());
    let mut program = sample("mqtt_subscribe", Hal::Tcp, broker.peer()).start();
    program.wait_line("subscribe: granted");
    broker.publish(&own("get"), 1, "hello");
    expect_subscribed(program);
}

#[test]
fn mosquitto_serves_the_samples_over_tls() {
    let broker = Mosquitto::tls();
    for hal in [Hal::MbedTls, Hal::Rustls] {
        sample("mqtt_publish", hal, broker.peer())
            .finish()
            .expect_lines(&["publish: acknowledged"])
            .expect_success();
        expect_threads(sample("mqtt_multi_thread", hal, broker.peer()).finish());
        // mosquitto's certificate is for one region: the library refuses to talk to it as another.
        sample("mqtt_multi_region", hal, broker.peer())
            .args(["0", "4"])
            .finish()
            .expect_lines(&["region: Shanghai acknowledged", "region: Germany failed"])
            .expect_status(1);
    }
}
