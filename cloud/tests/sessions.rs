//! What the platform keeps for devices and lets them do: sessions, queued messages, topics, broadcasts.

mod common;

use std::time::Duration;

use common::*;
use iotkit_cloud::{
    Cloud, Config, Credentials, DeviceId, Error, Limits, Publication, Rights, Rrpc, TopicClass,
};
use serde_json::json;

const TOPIC: &str = "/a1ProdKey01/dev-0001/user/get";

fn lamp_identity() -> Credentials {
    credentials(&lamp(), "securemode=3")
}

fn login(cloud: &Cloud, device: &DeviceId) -> Raw {
    Raw::login(cloud, &credentials(device, "securemode=3"), true).0
}

/// Subscribes and says what was granted.
fn granted(raw: &mut Raw, filter: &str, qos: u8) -> u8 {
    raw.send(&subscribe(1, filter, qos));
    let (first, body) = raw.packet();
    assert_eq!((first, body.len()), (0x90, 3));
    body[2]
}

/// A QoS 1 message as the platform sends it.
fn message(id: u16, dup: bool, topic: &str, payload: &str) -> Vec<u8> {
    let mut bytes = publish1(id, topic, payload.as_bytes());
    bytes[0] |= u8::from(dup) << 3;
    bytes
}

fn puback(id: u16) -> Vec<u8> {
    packet(0x40, &id.to_be_bytes())
}

#[test]
fn a_kept_session_gets_what_it_missed_in_order() {
    let cloud = start();
    let (mut raw, connack) = Raw::login(&cloud, &lamp_identity(), false);
    assert_eq!(connack, [0, 0]);
    assert_eq!(granted(&mut raw, TOPIC, 1), 1);
    // Not acknowledged on this connection:
    cloud
        .publish(&lamp(), Publication::new(TOPIC, "0"))
        .unwrap();
    raw.expect(&message(1, false, TOPIC, "0"));
    raw.send(&[0xe0, 0]);
    raw.expect_closed();

    for text in ["1", "2"] {
        cloud
            .publish(&lamp(), Publication::new(TOPIC, text))
            .unwrap();
    }
    let offline = cloud.publish(&lamp(), Publication::new(TOPIC, "QoS 0").at_most_once());
    assert!(matches!(offline, Err(Error::Offline)));
    assert_eq!(cloud.device(&lamp()).unwrap().session.unwrap().waiting, 3);

    let (mut raw, connack) = Raw::login(&cloud, &lamp_identity(), false);
    assert_eq!(connack, [1, 0]);
    raw.expect(&message(1, true, TOPIC, "0"));
    raw.expect(&message(2, false, TOPIC, "1"));
    raw.expect(&message(3, false, TOPIC, "2"));
    for id in [3, 1, 2] {
        raw.send(&puback(id));
    }
    raw.send(&[0xc0, 0]);
    raw.expect(&[0xd0, 0]);
    assert_eq!(cloud.device(&lamp()).unwrap().session.unwrap().waiting, 0);
}

#[test]
fn a_clean_session_forgets() {
    let cloud = start();
    let (mut raw, _) = Raw::login(&cloud, &lamp_identity(), false);
    granted(&mut raw, TOPIC, 1);
    drop(raw);
    let (mut raw, connack) = Raw::login(&cloud, &lamp_identity(), true);
    assert_eq!(connack, [0, 0]);
    let unknown = cloud.publish(&lamp(), Publication::new(TOPIC, "x"));
    assert!(
        matches!(unknown, Err(Error::NotSubscribed(_))),
        "{unknown:?}"
    );
    granted(&mut raw, TOPIC, 1);
    raw.send(&[0xe0, 0]);
    raw.expect_closed();

    // A clean session ends with its connection.
    assert!(cloud.device(&lamp()).unwrap().session.is_none());
    assert!(matches!(
        cloud.publish(&lamp(), Publication::new(TOPIC, "x")),
        Err(Error::Offline)
    ));
    let (_, connack) = Raw::login(&cloud, &lamp_identity(), false);
    assert_eq!(connack, [0, 0]);
}

#[test]
fn sessions_outlive_a_restart_and_can_be_forgotten() {
    let cloud = start();
    let (mut raw, _) = Raw::login(&cloud, &lamp_identity(), false);
    granted(&mut raw, TOPIC, 1);
    cloud.restart(Duration::from_millis(50)).unwrap();
    raw.expect_closed();
    let (raw, connack) = Raw::login(&cloud, &lamp_identity(), false);
    assert_eq!(connack, [1, 0]);

    cloud.forget_session(&lamp()).unwrap();
    drop(raw);
    let (_, connack) = Raw::login(&cloud, &lamp_identity(), false);
    assert_eq!(connack, [0, 0]);
}

#[test]
fn a_second_login_kicks_the_first_and_takes_its_session() {
    let cloud = start();
    let (mut first, _) = Raw::login(&cloud, &lamp_identity(), false);
    granted(&mut first, TOPIC, 1);
    let (mut second, connack) = Raw::login(&cloud, &lamp_identity(), false);
    assert_eq!(connack, [1, 0]);
    first.expect_closed();
    cloud
        .publish(&lamp(), Publication::new(TOPIC, "x"))
        .unwrap();
    second.expect(&message(1, false, TOPIC, "x"));

    cloud.kick(&lamp()).unwrap();
    second.expect_closed();
    assert!(matches!(cloud.kick(&lamp()), Err(Error::Offline)));
}

#[test]
fn a_disabled_device_is_disconnected() {
    let cloud = start();
    let mut raw = login(&cloud, &lamp());
    cloud.set_enabled(&lamp(), false).unwrap();
    raw.expect_closed();
    let (_, connack) = Raw::login(&cloud, &lamp_identity(), true);
    assert_eq!(connack, [0, 5]);
    cloud.set_enabled(&lamp(), true).unwrap();
    let (_, connack) = Raw::login(&cloud, &lamp_identity(), true);
    assert_eq!(connack, [0, 0]);
}

#[test]
fn ss_1_subscribes_the_system_topics() {
    let cloud = start();
    let (mut raw, _) = Raw::login(
        &cloud,
        &credentials(&lamp(), "securemode=2,_ss=1,ext=1"),
        true,
    );
    let call = cloud.set_properties(&lamp(), json!({"a": 1})).unwrap();
    let set = format!(
        r#"{{"method":"thing.service.property.set","id":"{}","params":{{"a":1}},"version":"1.0"}}"#,
        call.id()
    );
    raw.expect(&message(
        1,
        false,
        &lamp().sys("thing/service/property/set"),
        &set,
    ));
    let call = cloud.rrpc(&lamp(), &Rrpc::new("r")).unwrap();
    raw.expect(&publish(
        &lamp().sys(&format!("rrpc/request/{}", call.id())),
        b"r",
    ));
    let call = cloud
        .rrpc(&lamp(), &Rrpc::new("e").topic("any/topic"))
        .unwrap();
    raw.expect(&publish(
        &format!("/ext/rrpc/{}/any/topic", call.id()),
        b"e",
    ));
    for topic in [
        "/ota/device/upgrade/a1ProdKey01/dev-0001",
        "/shadow/get/a1ProdKey01/dev-0001",
    ] {
        cloud
            .publish(&lamp(), Publication::new(topic, "x").at_most_once())
            .unwrap();
        raw.expect(&publish(topic, b"x"));
    }
    // Not its custom topics, nor what such SDKs subscribe themselves.
    for topic in [TOPIC, &lamp().sys("thing/event/property/post_reply")] {
        assert!(matches!(
            cloud.publish(&lamp(), Publication::new(topic, "x")),
            Err(Error::NotSubscribed(_))
        ));
    }

    let raw = login(&cloud, &fan());
    assert!(
        cloud
            .device(&fan())
            .unwrap()
            .session
            .unwrap()
            .subscriptions
            .is_empty()
    );
    drop(raw);
}

#[test]
fn rights_decide_on_subscribing_and_publishing() {
    let mut config = config();
    config.products.get_mut("a1ProdKey01").unwrap().topics = vec![
        TopicClass {
            filter: "/{pk}/{dn}/log".into(),
            rights: Rights::Publish,
        },
        TopicClass {
            filter: "/shared/{pk}/#".into(),
            rights: Rights::Both,
        },
    ];
    let cloud = Cloud::start(config).unwrap();
    let mut raw = login(&cloud, &lamp());
    for (filter, qos, expected) in [
        (TOPIC, 0, 0),
        (TOPIC, 1, 1),
        (TOPIC, 2, 1), // no QoS 2
        ("/sys/a1ProdKey01/dev-0001/thing/#", 1, 1),
        ("/broadcast/a1ProdKey01/+", 1, 1),
        ("/shared/a1ProdKey01/x", 1, 1),
        ("/a1ProdKey01/dev-0001/log", 1, 0x80),
        ("/a1ProdKey01/dev-0002/get", 1, 0x80),
        ("/sys/a1ProdKey01/+/thing/#", 1, 0x80),
        ("/sys/a1ProdKey01/dev-0002/thing/#", 1, 0x80),
        ("/broadcast/another/x", 1, 0x80),
        ("#", 1, 0x80),
        ("$SYS/#", 1, 0x80),
    ] {
        assert_eq!(granted(&mut raw, filter, qos), expected, "{filter}");
    }
    // Several filters at once get their answers in order.
    let body = [
        &[0, 9][..],
        &field(TOPIC.as_bytes()),
        &[1],
        &field(b"/x"),
        &[1],
        &field(TOPIC.as_bytes()),
        &[0],
    ];
    raw.send(&packet(0x82, &body.concat()));
    raw.expect(&[0x90, 5, 0, 9, 1, 0x80, 0]);

    for topic in [
        "/a1ProdKey01/dev-0001/log",
        "/shared/a1ProdKey01/y",
        "/sys/a1ProdKey01/dev-0001/rrpc/response/1",
    ] {
        raw.send(&publish1(5, topic, b"x"));
        raw.expect(&puback(5));
    }
    for topic in [
        "/a1ProdKey01/dev-0001/get",
        "/a1ProdKey01/dev-0002/update",
        "/ext/rrpc/1/x",
        "/x",
    ] {
        let mut raw = login(&cloud, &lamp());
        raw.send(&publish1(5, topic, b"x"));
        raw.expect_closed();
    }
}

#[test]
fn subscriptions_decide_on_qos_and_delivery() {
    let cloud = start();
    let mut raw = login(&cloud, &lamp());
    granted(&mut raw, "/a1ProdKey01/dev-0001/user/#", 0);
    let topic = "/a1ProdKey01/dev-0001/user/x";
    // At QoS 0, since that is what was subscribed; once, though two filters match; from the device itself, too.
    cloud
        .publish(&lamp(), Publication::new(topic, "1"))
        .unwrap();
    raw.expect(&publish(topic, b"1"));
    granted(&mut raw, topic, 1);
    cloud
        .publish(&lamp(), Publication::new(topic, "2"))
        .unwrap();
    raw.expect(&message(1, false, topic, "2"));
    raw.send(&publish(topic, b"3"));
    raw.expect(&publish(topic, b"3"));

    raw.send(&unsubscribe(2, topic));
    raw.expect(&[0xb0, 2, 0, 2]);
    cloud
        .publish(&lamp(), Publication::new(topic, "4"))
        .unwrap();
    raw.expect(&publish(topic, b"4"));
    raw.send(&unsubscribe(3, "/a1ProdKey01/dev-0001/user/#"));
    raw.expect(&[0xb0, 2, 0, 3]);
    assert!(matches!(
        cloud.publish(&lamp(), Publication::new(topic, "5")),
        Err(Error::NotSubscribed(_))
    ));
    // Nobody asked for it, but a test may want it.
    cloud
        .publish(
            &lamp(),
            Publication::new(topic, "6").at_most_once().unsubscribed(),
        )
        .unwrap();
    raw.expect(&publish(topic, b"6"));
    // Not even a test gets this to a device that did not connect with `ext=1`.
    let extended = Publication::new("/ext/rrpc/1/x", "7").unsubscribed();
    assert!(matches!(
        cloud.publish(&lamp(), extended),
        Err(Error::NoExt)
    ));
    raw.expect_silence(Duration::from_millis(50));
}

#[test]
fn limits_are_kept() {
    let limits = Limits {
        subscriptions: 2,
        queue: 3,
        window: 2,
        ..Limits::default()
    };
    let cloud = Cloud::start(Config { limits, ..config() }).unwrap();
    let mut raw = login(&cloud, &lamp());
    assert_eq!(granted(&mut raw, TOPIC, 1), 1);
    assert_eq!(granted(&mut raw, "/a1ProdKey01/dev-0001/user/2", 1), 1);
    assert_eq!(granted(&mut raw, "/a1ProdKey01/dev-0001/user/3", 1), 0x80);
    assert_eq!(granted(&mut raw, TOPIC, 1), 1); // an old one again

    for text in ["1", "2", "3"] {
        cloud
            .publish(&lamp(), Publication::new(TOPIC, text))
            .unwrap();
    }
    assert!(matches!(
        cloud.publish(&lamp(), Publication::new(TOPIC, "4")),
        Err(Error::QueueFull)
    ));
    raw.expect(&message(1, false, TOPIC, "1"));
    raw.expect(&message(2, false, TOPIC, "2"));
    raw.expect_silence(Duration::from_millis(50));
    raw.send(&puback(1));
    raw.expect(&message(3, false, TOPIC, "3"));
    cloud
        .publish(&lamp(), Publication::new(TOPIC, "5"))
        .unwrap();

    let long = "x".repeat(2000);
    for topic in ["", "/a/+", "/a/#", "/a\0", &long] {
        let refused = cloud.publish(&lamp(), Publication::new(topic, "x").unsubscribed());
        assert!(
            matches!(refused, Err(Error::Topic(_))),
            "{topic:?}: {refused:?}"
        );
        assert!(matches!(
            cloud.invoke(&lamp(), "a+", json!({})),
            Err(Error::Topic(_))
        ));
        assert!(matches!(
            cloud.broadcast("a1ProdKey01", "#", "x"),
            Err(Error::Topic(_))
        ));
    }
    let large = vec![0; 256 * 1024 + 1];
    assert!(matches!(
        cloud.publish(&lamp(), Publication::new(TOPIC, large.clone())),
        Err(Error::TooLarge(_))
    ));
    assert!(matches!(
        cloud.rrpc(&lamp(), &Rrpc::new(large)),
        Err(Error::TooLarge(_))
    ));
    let large = vec![0; 64 * 1024 + 1];
    assert!(matches!(
        cloud.broadcast("a1ProdKey01", "x", large),
        Err(Error::TooLarge(_))
    ));
    assert!(matches!(
        cloud.publish(&DeviceId::new("a", "b"), Publication::new(TOPIC, "")),
        Err(Error::UnknownDevice(_))
    ));
}

#[test]
fn broadcasts_reach_a_product() {
    let other = DeviceId::new("a1ProdKey02", "dev-0001");
    let cloud = Cloud::start(config().device(&other, SECRET)).unwrap();
    let (mut lamp_raw, mut fan_raw, mut other_raw) = (
        login(&cloud, &lamp()),
        login(&cloud, &fan()),
        login(&cloud, &other),
    );
    granted(&mut lamp_raw, "/broadcast/a1ProdKey01/#", 1);
    granted(&mut other_raw, "/broadcast/a1ProdKey02/#", 1);

    assert_eq!(cloud.broadcast("a1ProdKey01", "news", "1").unwrap(), 1);
    lamp_raw.expect(&publish("/broadcast/a1ProdKey01/news", b"1"));
    fan_raw.send(&publish("/broadcast/a1ProdKey01/from/device", b"2"));
    lamp_raw.expect(&publish("/broadcast/a1ProdKey01/from/device", b"2"));

    assert_eq!(cloud.broadcast_all("a1ProdKey01", "3").unwrap(), 2);
    for (raw, device) in [(&mut lamp_raw, lamp()), (&mut fan_raw, fan())] {
        let (_, body) = raw.packet();
        let (topic, payload) = body[2..].split_at(body.len() - 3);
        let topic = String::from_utf8(topic.to_vec()).unwrap();
        let id = topic
            .strip_prefix(&device.sys("broadcast/request/"))
            .expect(&topic);
        assert!(
            id.len() == 19 && id.bytes().all(|byte| byte.is_ascii_digit()),
            "{id}"
        );
        assert_eq!(payload, b"3");
    }
    other_raw.expect_silence(Duration::from_millis(50));
    assert!(matches!(
        cloud.broadcast("none", "x", ""),
        Err(Error::UnknownProduct(_))
    ));
}
