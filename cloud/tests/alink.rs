//! Alink over the wire: what a device reports is answered, remembered, and answered badly on request.

mod common;

use std::{thread, time::Duration};

use common::*;
use iotkit_cloud::{
    Call, Cloud, Config, Direction, Error, Product, RemoteConfig, ReplyMode, ReplyRule, Request,
    Rrpc,
};
use serde_json::{Value, json};

fn listening(cloud: &Cloud, filters: &[&str]) -> Raw {
    let (mut raw, _) = Raw::login(cloud, &credentials(&lamp(), "securemode=3"), true);
    for filter in filters {
        raw.send(&subscribe(1, filter, 1));
        raw.expect(&[0x90, 3, 0, 1, 1]);
    }
    raw
}

fn all() -> String {
    lamp().sys("thing/#")
}

/// The next message: its topic and its payload.
fn received(raw: &mut Raw) -> (String, Vec<u8>) {
    let (first, body) = raw.packet();
    assert_eq!(first & 0xf0, 0x30, "PUBLISH");
    let length = usize::from(u16::from_be_bytes([body[0], body[1]]));
    let topic = String::from_utf8(body[2..2 + length].to_vec()).unwrap();
    let id = if first & 0x06 == 0 { 0 } else { 2 };
    if id == 2 {
        raw.send(&packet(0x40, &body[2 + length..4 + length]));
    }
    (topic, body[2 + length + id..].to_vec())
}

fn reply_to(raw: &mut Raw, path: &str, payload: &str) -> Value {
    raw.send(&publish(&lamp().sys(path), payload.as_bytes()));
    let (topic, payload) = received(raw);
    assert_eq!(topic, lamp().sys(&format!("{path}_reply")));
    serde_json::from_slice(&payload).unwrap()
}

#[test]
fn reports_are_answered_and_remembered() {
    let cloud = start();
    let mut raw = listening(&cloud, &[&all()]);
    // As V2.10 writes them.
    let property = r#"{"id":"1","version":"1.0","params":{"FanLevel":3,"Temp":22.5000000},"method":"thing.event.property.post"}"#;
    let event =
        r#"{"id":"2","version":"1.0","params":{"Code":1},"method":"thing.event.Fault.post"}"#;
    let tags = r#"{"id":"3","version":"1.0","params":[{"attrKey":"Room","attrValue":"7"}],"method":"thing.deviceinfo.update"}"#;
    for (path, payload) in [
        ("thing/event/property/post", property),
        ("thing/event/Fault/post", event),
        ("thing/deviceinfo/update", tags),
    ] {
        let sent: Value = serde_json::from_str(payload).unwrap();
        assert_eq!(
            reply_to(&mut raw, path, payload),
            json!({"code": 200, "data": {}, "id": sent["id"], "message": "success", "method": sent["method"], "version": "1.0"})
        );
    }
    let status = r#"{"id":"a1ProdKey01_dev-0001_mid","params":{"_sys_device_mid":"M","_sys_device_pid":"P"}}"#;
    raw.send(&publish(
        &lamp().sys("thing/status/update"),
        status.as_bytes(),
    ));
    raw.send(&publish(&lamp().sys("thing/model/up_raw"), b"\0\x01\xff"));
    raw.send(&[0xc0, 0]);
    raw.expect(&[0xd0, 0]); // neither of them has an answer

    let data = cloud.device(&lamp()).unwrap().data;
    assert_eq!(data.properties["FanLevel"].value, json!(3));
    assert_eq!(data.properties["Temp"].value, json!(22.5));
    assert_eq!(
        (data.events.len(), &data.events[0].value),
        (1, &json!({"Code": 1}))
    );
    assert_eq!(data.tags["Room"], "7");
    assert_eq!(
        data.status.unwrap(),
        json!({"_sys_device_mid": "M", "_sys_device_pid": "P"})
    );
}

#[test]
fn a_product_hands_out_its_model_and_configuration_and_is_held_to_the_model() {
    let tsl = json!({"properties": [{"identifier": "Level", "dataType": {"type": "int", "specs": {"min": "0", "max": "5"}}}]});
    let mut config = config();
    let product: &mut Product = config.products.get_mut("a1ProdKey01").unwrap();
    product.tsl = Some(tsl.clone());
    product.config = Some(RemoteConfig::new("https://localhost/settings", b"x"));
    let cloud = Cloud::start(config).unwrap();
    let mut raw = listening(&cloud, &[&all()]);

    let ask = r#"{"id":"1","version":"1.0","params":{},"method":"thing.dsltemplate.get"}"#;
    assert_eq!(
        reply_to(&mut raw, "thing/dsltemplate/get", ask)["data"],
        tsl
    );
    let ask = r#"{"id" : 0,"version":"1.0","params":{"configScope":"product","getType":"file","attributeKeys":""},"method":"thing.config.get"}"#;
    let reply = reply_to(&mut raw, "thing/config/get", ask);
    assert_eq!(
        (&reply["id"], &reply["data"]["url"]),
        (&json!("0"), &json!("https://localhost/settings"))
    );
    let post = |level: u32| {
        format!(
            r#"{{"id":"2","version":"1.0","params":{{"Level":{level}}},"method":"thing.event.property.post"}}"#
        )
    };
    assert_eq!(
        reply_to(&mut raw, "thing/event/property/post", &post(6))["code"],
        6306
    );
    assert_eq!(
        reply_to(&mut raw, "thing/event/property/post", &post(5))["code"],
        200
    );

    // And a configuration is pushed as any other question.
    let push = Request::new(
        "thing.config.push",
        RemoteConfig::new("https://localhost/new", b"y").data(),
    );
    let call = cloud.request(&lamp(), &push).unwrap();
    let (topic, payload) = received(&mut raw);
    assert_eq!(topic, lamp().sys("thing/config/push"));
    let asked: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(asked["params"]["getType"], "file");
    let answer = json!({"id": asked["id"], "code": 200, "data": {}}).to_string();
    raw.send(&publish(
        &lamp().sys("thing/config/push_reply"),
        answer.as_bytes(),
    ));
    assert_eq!(call.wait().unwrap().code(), Some(200));
}

#[test]
fn the_time_is_told() {
    let cloud = start();
    let mut raw = listening(&cloud, &["/ext/ntp/a1ProdKey01/dev-0001/response"]);
    raw.send(&publish(
        "/ext/ntp/a1ProdKey01/dev-0001/request",
        br#"{"deviceSendTime":"1571724098000"}"#,
    ));
    let (topic, payload) = received(&mut raw);
    assert_eq!(topic, "/ext/ntp/a1ProdKey01/dev-0001/response");
    let reply: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(reply["deviceSendTime"], "1571724098000");
    for key in ["serverRecvTime", "serverSendTime"] {
        let time: u64 = reply[key].as_str().unwrap().parse().unwrap();
        assert!(time > 1_700_000_000_000, "{time}");
    }
}

#[test]
fn who_does_not_subscribe_replies_gets_none() {
    let cloud = start();
    let mut raw = listening(&cloud, &[]);
    let post =
        br#"{"id":"1","version":"1.0","params":{"a":1},"method":"thing.event.property.post"}"#;
    raw.send(&publish(&lamp().sys("thing/event/property/post"), post));
    raw.send(&[0xc0, 0]);
    raw.expect(&[0xd0, 0]);
    assert_eq!(
        cloud.device(&lamp()).unwrap().data.properties["a"].value,
        json!(1)
    );
}

#[test]
fn what_is_not_alink_gets_no_answer_but_does_no_harm() {
    let cloud = start();
    let mut raw = listening(&cloud, &[&all(), "/ext/ntp/a1ProdKey01/dev-0001/response"]);
    let nested = "[".repeat(100_000);
    for payload in [
        "",
        "{",
        "null",
        "[]",
        "\"x\"",
        "{}",
        "\0\u{1}\u{fffd}",
        &nested,
        r#"{"method":"m","params":{}}"#,
    ] {
        for topic in [
            lamp().sys("thing/event/property/post"),
            lamp().sys("thing/service/property/set_reply"),
            lamp().sys("thing/status/update"),
            lamp().sys("rrpc/response/1"),
            "/ext/ntp/a1ProdKey01/dev-0001/request".to_owned(),
        ] {
            raw.send(&publish(&topic, payload.as_bytes()));
        }
    }
    raw.send(&[0xc0, 0]);
    raw.expect(&[0xd0, 0]);
}

#[test]
fn replies_can_go_wrong_on_request() {
    let cloud = start();
    let mut raw = listening(&cloud, &[&all()]);
    let (path, method) = ("thing/event/property/post", "thing.event.property.post");
    let post =
        r#"{"id":"5","version":"1.0","params":{"a":1},"method":"thing.event.property.post"}"#;
    let set = |mode| {
        cloud.set_reply(ReplyRule {
            device: Some(lamp()),
            method: Some(method.into()),
            mode,
        })
    };

    set(ReplyMode::Code(6306));
    assert_eq!(reply_to(&mut raw, path, post)["code"], 6306);
    set(ReplyMode::NoData);
    assert_eq!(reply_to(&mut raw, path, post).get("data"), None);
    for (mode, text) in [
        (ReplyMode::Malformed, r#"{"code":200,"data":{},"#),
        (ReplyMode::Text("<{id}>".into()), "<5>"),
    ] {
        set(mode);
        raw.send(&publish(&lamp().sys(path), post.as_bytes()));
        assert_eq!(received(&mut raw).1, text.as_bytes());
    }
    set(ReplyMode::DelayedMs(1000));
    raw.send(&publish(&lamp().sys(path), post.as_bytes()));
    raw.expect_silence(Duration::from_millis(50));
    assert_eq!(
        received(&mut raw).0,
        lamp().sys("thing/event/property/post_reply")
    );
    set(ReplyMode::Silent);
    raw.send(&publish(&lamp().sys(path), post.as_bytes()));
    // Others are answered as ever.
    let tags = r#"{"id":"6","params":["x"],"method":"thing.deviceinfo.get"}"#;
    assert_eq!(reply_to(&mut raw, "thing/deviceinfo/get", tags)["id"], "6");
    cloud.clear_replies();
    assert_eq!(reply_to(&mut raw, path, post)["code"], 200);
}

#[test]
fn desired_values_are_told_when_asked_for() {
    let cloud = start();
    let mut raw = listening(&cloud, &[&all()]);
    cloud.set_desired(&lamp(), json!({"power": "on"})).unwrap();
    assert!(matches!(
        cloud.set_desired(&lamp(), json!(1)),
        Err(Error::Config(_))
    ));
    let get = r#"{"id":"1","params":["power"],"method":"thing.property.desired.get"}"#;
    assert_eq!(
        reply_to(&mut raw, "thing/property/desired/get", get)["data"],
        json!({"power": {"value": "on", "version": 1}})
    );
}

#[test]
fn overlapping_questions_get_their_own_answers() {
    let cloud = start();
    let mut raw = listening(&cloud, &[&lamp().sys("rrpc/request/+"), &all()]);
    let calls: Vec<Call> = (0..3)
        .map(|n| cloud.rrpc(&lamp(), &Rrpc::new(vec![n])).unwrap())
        .collect();
    let mut asked: Vec<_> = calls.iter().map(|_| received(&mut raw)).collect();
    asked.reverse();
    for (topic, payload) in asked {
        raw.send(&publish(
            &topic.replace("request", "response"),
            &[&payload[..], b"\0\xff"].concat(),
        ));
    }
    for (n, call) in calls.into_iter().enumerate() {
        assert_eq!(call.wait().unwrap().payload[..], [n as u8, 0, 0xff]);
    }

    // The longest time there is does no harm, nor does a platform that ends first.
    let request = Request::new("thing.service.x", json!({})).timeout(Duration::MAX);
    let call = cloud.request(&lamp(), &request).unwrap();
    let waiting = thread::spawn(move || call.wait());
    drop(cloud);
    assert!(matches!(waiting.join().unwrap(), Err(Error::Timeout)));
}

#[test]
fn an_offline_device_answers_when_it_is_back() {
    let cloud = start();
    let identity = credentials(&lamp(), "securemode=3");
    let (mut raw, _) = Raw::login(&cloud, &identity, false);
    raw.send(&subscribe(1, &all(), 1));
    raw.expect(&[0x90, 3, 0, 1, 1]);
    raw.send(&[0xe0, 0]);
    raw.expect_closed();
    let call = cloud.set_properties(&lamp(), json!({"a": 1})).unwrap();
    assert!(matches!(
        cloud.rrpc(&lamp(), &Rrpc::new("x").unsubscribed()),
        Err(Error::Offline)
    ));

    let (mut raw, _) = Raw::login(&cloud, &identity, false);
    let (topic, _) = received(&mut raw);
    let answer = json!({"id": call.id(), "code": 200, "data": {}}).to_string();
    raw.send(&publish(&format!("{topic}_reply"), answer.as_bytes()));
    assert_eq!(call.wait().unwrap().code(), Some(200));
}

#[test]
fn every_byte_can_be_kept() {
    let cloud = Cloud::start(Config {
        raw_transcript: true,
        ..config()
    })
    .unwrap();
    let topic = "/a1ProdKey01/dev-0001/user/x";
    let mut raw = listening(&cloud, &[topic]);
    raw.send(&publish1(7, topic, b"\0\xff"));
    raw.expect(&[0x40, 2, 0, 7]);
    raw.expect(&publish1(1, topic, b"\0\xff"));
    let collect = |direction| {
        let entries = cloud.transcript().entries();
        let packets = entries
            .iter()
            .filter_map(|entry| entry.packet())
            .filter(|packet| packet.direction == direction);
        packets
            .map(|packet| packet.raw.clone().unwrap())
            .collect::<Vec<_>>()
            .concat()
    };
    let down = [
        &[0x20, 2, 0, 0, 0x90, 3, 0, 1, 1, 0x40, 2, 0, 7][..],
        &publish1(1, topic, b"\0\xff"),
    ]
    .concat();
    assert_eq!(collect(Direction::Down), down);
    let up = collect(Direction::Up);
    assert!(up.ends_with(&[subscribe(1, topic, 1), publish1(7, topic, b"\0\xff")].concat()));

    let path = cloud.data_dir().join("transcript.jsonl");
    let expected: Vec<Value> = cloud
        .transcript()
        .entries()
        .iter()
        .map(|entry| json!(entry))
        .collect();
    let until = std::time::Instant::now() + PATIENCE;
    loop {
        // It is written beside what happens, a moment later.
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<Value> = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        if lines == expected {
            break;
        }
        assert!(
            std::time::Instant::now() < until,
            "{lines:#?}\n{expected:#?}"
        );
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(expected.last().unwrap()["payload"], json!({"hex": "00ff"}));
}
