//! mosquitto's clients as devices: an MQTT implementation that is neither ours nor the broker's.

mod common;

use std::process::Command;

use common::*;
use iotkit_cloud::{Cloud, Direction, PacketKind, Publication, Version, What};
use serde_json::json;

/// Adds what makes mosquitto's clients speak TLS and verify the platform.
fn over_tls(command: &mut Command, cloud: &Cloud) {
    command.arg("--cafile").arg(&cloud.endpoints().ca_file);
}

#[test]
fn a_property_post_is_answered_and_remembered() {
    let cloud = start();
    let identity = credentials(&lamp(), "securemode=3");
    let reply = lamp().sys("thing/event/property/post_reply");
    let post = r#"{"id":"7","version":"1.0","params":{"LightSwitch":1},"method":"thing.event.property.post"}"#;
    let output = run(mosquitto("mosquitto_rr", &cloud, &identity).args([
        "-V",
        "mqttv311",
        "-q",
        "1",
        "-t",
        &lamp().sys("thing/event/property/post"),
        "-e",
        &reply,
        "-m",
        post,
        "-W",
        "30",
    ]));

    let answer: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(
        answer,
        json!({"code": 200, "data": {}, "id": "7", "message": "success",
            "method": "thing.event.property.post", "version": "1.0"})
    );
    assert_eq!(
        cloud.device(&lamp()).unwrap().data.properties["LightSwitch"].value,
        json!(1)
    );
}

#[test]
fn a_set_reaches_a_device_over_tls() {
    let cloud = start();
    let identity = credentials(&lamp(), "securemode=2");
    let mut command = mosquitto("mosquitto_sub", &cloud, &identity);
    over_tls(&mut command, &cloud);
    let set = lamp().sys("thing/service/property/set");
    let subscriber = Running::start(command.args(["-q", "1", "-t", &set, "-C", "1"]));
    wait_sent(&cloud, &lamp(), PacketKind::SubAck);
    let tls = cloud
        .device(&lamp())
        .unwrap()
        .connection
        .unwrap()
        .tls
        .unwrap();
    assert!(tls.starts_with("TLSv1.3"), "{tls}");

    let call = cloud
        .set_properties(&lamp(), json!({"LightSwitch": 0}))
        .unwrap();

    let expected = format!(
        "{{\"method\":\"thing.service.property.set\",\"id\":\"{}\",\"params\":{{\"LightSwitch\":0}},\
         \"version\":\"1.0\"}}\n",
        call.id()
    );
    assert_eq!(stdout(&subscriber.output()), expected);
}

#[test]
fn messages_are_acknowledged_over_tcp_and_tls() {
    let cloud = start();
    let topic = "/a1ProdKey01/dev-0001/update";
    for (number, tls) in [None, Some("tlsv1.2"), Some("tlsv1.3")]
        .into_iter()
        .enumerate()
    {
        let identity = credentials(&lamp(), "securemode=2");
        let mut command = mosquitto("mosquitto_pub", &cloud, &identity);
        if let Some(version) = tls {
            over_tls(&mut command, &cloud);
            command.args(["--tls-version", version]);
        }
        // mosquitto_pub ends well once its message was acknowledged.
        let text = number.to_string();
        let output = run(command.args(["-q", "1", "-t", topic, "-m", &text]));
        assert!(output.status.success(), "{output:?}");
        let arrived = cloud.transcript().wait(PATIENCE, |entry| {
            entry
                .message_on(Direction::Up, topic)
                .is_some_and(|message| message.text() == text)
        });
        assert!(arrived.is_some());
    }
    // A retained message is taken as an ordinary one; where a device has no right, its connection ends.
    let mut command = mosquitto("mosquitto_pub", &cloud, &credentials(&lamp(), ""));
    let output = run(command.args(["-q", "1", "-r", "-t", topic, "-m", "x"]));
    assert!(output.status.success(), "{output:?}");
    let mut command = mosquitto("mosquitto_pub", &cloud, &credentials(&lamp(), ""));
    let denied = command.args(["-q", "1", "-t", "/a1ProdKey01/dev-0002/update", "-m", "x"]);
    let _denied = Running::start(denied); // it would try again for ever
    let closed = cloud
        .transcript()
        .wait(PATIENCE, |entry| match &entry.what {
            What::Closed { why } => why.starts_with("no right to publish"),
            _ => false,
        });
    assert!(closed.is_some());
}

#[test]
fn a_subscriber_with_a_kept_session_gets_what_it_missed() {
    let cloud = start();
    let topic = "/a1ProdKey01/dev-0001/user/get";
    let subscribe = |count: &str| {
        let mut command = mosquitto(
            "mosquitto_sub",
            &cloud,
            &credentials(&lamp(), "securemode=3"),
        );
        command.args(["-V", "mqttv311", "-c", "-q", "1", "-t", topic, "-C", count]);
        Running::start(&mut command)
    };
    let first = subscribe("1");
    wait_sent(&cloud, &lamp(), PacketKind::SubAck);
    cloud
        .publish(&lamp(), Publication::new(topic, "one"))
        .unwrap();
    assert_eq!(stdout(&first.output()), "one\n");
    let closed = cloud
        .transcript()
        .wait(PATIENCE, |entry| matches!(entry.what, What::Closed { .. }));
    assert!(closed.is_some());

    for text in ["two", "three"] {
        cloud
            .publish(&lamp(), Publication::new(topic, text))
            .unwrap();
    }
    assert_eq!(stdout(&subscribe("2").output()), "two\nthree\n");
}

#[test]
fn a_second_subscriber_kicks_the_first() {
    let cloud = start();
    let topic = "/a1ProdKey01/dev-0001/user/get";
    let subscriber = || {
        let mut command = mosquitto(
            "mosquitto_sub",
            &cloud,
            &credentials(&lamp(), "securemode=3"),
        );
        Running::start(command.args(["-q", "1", "-t", topic, "-C", "1"]))
    };
    let _first = subscriber();
    wait_sent(&cloud, &lamp(), PacketKind::SubAck);
    let second = subscriber();
    let kicked = cloud
        .transcript()
        .wait(PATIENCE, |entry| match &entry.what {
            What::Closed { why } => why.starts_with("kicked"),
            _ => false,
        });
    assert_eq!(kicked.unwrap().connection, 1);
    drop(second);
}

#[test]
fn mqtt_3_1_is_spoken_too() {
    let cloud = start();
    let identity = credentials(&lamp(), "securemode=3");
    let topic = "/a1ProdKey01/dev-0001/data";
    let subscriber = Running::start(
        mosquitto("mosquitto_sub", &cloud, &identity)
            .args(["-V", "mqttv31", "-q", "1", "-t", topic, "-C", "1"]),
    );
    wait_sent(&cloud, &lamp(), PacketKind::SubAck);
    assert_eq!(
        cloud.device(&lamp()).unwrap().connection.unwrap().mqtt,
        Version::V31
    );

    cloud
        .publish(&lamp(), Publication::new(topic, "hello"))
        .unwrap();

    assert_eq!(stdout(&subscriber.output()), "hello\n");
    let acked = cloud.transcript().wait(PATIENCE, |entry| {
        entry.is(Direction::Up, PacketKind::PubAck)
    });
    assert!(acked.is_some());
}

#[test]
fn mqtt_5_is_refused_with_code_1() {
    let cloud = start();
    let identity = credentials(&lamp(), "securemode=3");
    let output = run(mosquitto("mosquitto_pub", &cloud, &identity).args([
        "-V",
        "mqttv5",
        "-t",
        "/a1ProdKey01/dev-0001/data",
        "-m",
        "x",
    ]));

    assert!(!output.status.success());
    // Nothing after the protocol level was read, so nobody knows whose connection it was.
    let connack = cloud
        .transcript()
        .wait(PATIENCE, |entry| {
            entry.is(Direction::Down, PacketKind::ConnAck)
        })
        .unwrap();
    assert_eq!(
        connack.packet().unwrap().payload.as_deref(),
        Some(&[0, 1][..])
    );
}
