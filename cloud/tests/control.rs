//! The control API: HTTP and JSON, each route and what is refused.

mod common;

use std::{
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::Duration,
};

use common::*;
use iotkit_cloud::Cloud;
use serde_json::{Value, json};

/// Asks and gives status and body.
fn call(cloud: &Cloud, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(PATIENCE))
        .build();
    let request = ureq::http::Request::builder()
        .method(method)
        .uri(format!("http://{}/v1{path}", cloud.control_address()))
        .header("content-type", "application/json")
        .body(body.map(Value::to_string).unwrap_or_default())
        .unwrap();
    let mut response = ureq::Agent::from(config).run(request).unwrap();
    let text = response.body_mut().read_to_string().unwrap();
    (
        response.status().as_u16(),
        serde_json::from_str(&text).unwrap_or(Value::String(text)),
    )
}

fn post(cloud: &Cloud, path: &str, body: &Value) -> (u16, Value) {
    call(cloud, "POST", path, Some(body))
}

const LAMP: &str = "/devices/a1ProdKey01/dev-0001";
const TOPIC: &str = "/a1ProdKey01/dev-0001/user/get";

fn login(cloud: &Cloud, filter: &str) -> Raw {
    let (mut raw, _) = Raw::login(cloud, &credentials(&lamp(), "securemode=3,ext=1"), true);
    raw.send(&subscribe(1, filter, 0));
    raw.expect(&[0x90, 3, 0, 1, 0]);
    raw
}

/// Answers the next request at `topic` with its parameters as data, in the background.
fn echo(mut raw: Raw) -> thread::JoinHandle<Raw> {
    thread::spawn(move || {
        let (_, body) = raw.packet();
        let length = usize::from(u16::from_be_bytes([body[0], body[1]]));
        let topic = std::str::from_utf8(&body[2..2 + length]).unwrap();
        let request: Value = serde_json::from_slice(&body[2 + length..]).unwrap();
        let reply =
            json!({"id": request["id"], "code": 200, "data": request["params"]}).to_string();
        let answer = if topic.contains("/rrpc/request/") {
            topic.replace("request", "response")
        } else {
            format!("{topic}_reply")
        };
        raw.send(&publish(&answer, reply.as_bytes()));
        raw
    })
}

#[test]
fn endpoints_and_devices_are_shown() {
    let cloud = start();
    let (status, endpoints) = call(&cloud, "GET", "/endpoints", None);
    assert_eq!(
        (status, &endpoints["mqtt"]),
        (200, &json!(cloud.mqtt_address()))
    );

    let _raw = login(&cloud, TOPIC);
    let (status, devices) = call(&cloud, "GET", "/devices", None);
    assert_eq!((status, devices.as_array().unwrap().len()), (200, 2));
    let (status, device) = call(&cloud, "GET", LAMP, None);
    assert_eq!((status, &device), (200, &devices[0]));
    assert_eq!(device["device"], "a1ProdKey01/dev-0001");
    assert_eq!(device["connection"]["mqtt"], "3.1.1");
    assert_eq!(
        device["session"],
        json!({"persistent": false, "subscriptions": {TOPIC: 0}, "waiting": 0})
    );
    assert_eq!(devices[1]["connection"], json!(null));
    assert!(!devices.to_string().contains(SECRET));
}

#[test]
fn questions_bring_the_devices_answer() {
    let cloud = start();
    let mut raw = Some(login(&cloud, &lamp().sys("#")));
    let mut ask = |path: &str, body: Value| {
        let device = echo(raw.take().unwrap());
        let (status, reply) = post(&cloud, &format!("{LAMP}{path}"), &body);
        assert_eq!(status, 200, "{reply}");
        raw = Some(device.join().unwrap());
        let payload: Value = serde_json::from_str(reply["payload"].as_str().unwrap()).unwrap();
        (reply["id"].as_str().unwrap().to_owned(), payload)
    };
    let (id, reply) = ask("/property/set", json!({"params": {"a": 1}}));
    assert_eq!(reply, json!({"id": id, "code": 200, "data": {"a": 1}}));
    let (id, reply) = ask(
        "/service/Ring",
        json!({"params": {"Times": 3}, "id": "4294967295"}),
    );
    assert_eq!(
        (id.as_str(), &reply["data"]),
        ("4294967295", &json!({"Times": 3}))
    );
    let (_, reply) = ask("/service/Ring", json!({"sync": true}));
    assert_eq!(reply["data"], json!({}));
    let (_, reply) = ask(
        "/request",
        json!({"method": "thing.service.property.get", "params": ["a"], "timeoutMs": 5000}),
    );
    assert_eq!(reply["data"], json!(["a"]));
    let (id, _) = ask("/rrpc", json!({"payload": r#"{"id":1,"params":0}"#}));
    assert_eq!(id.len(), 19);
    let body = json!({"payload": {"hex": hex("{\"id\":1}")}, "unsubscribed": true});
    assert_eq!(ask("/rrpc", body).1["id"], 1);
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn messages_go_out() {
    let cloud = start();
    let mut raw = login(&cloud, TOPIC);
    assert_eq!(
        post(
            &cloud,
            &format!("{LAMP}/publish"),
            &json!({"topic": TOPIC, "payload": "x"})
        ),
        (200, json!({}))
    );
    raw.expect(&publish(TOPIC, b"x"));
    let body =
        json!({"topic": "/other", "payload": {"hex": "00ff"}, "qos": 0, "unsubscribed": true});
    assert_eq!(post(&cloud, &format!("{LAMP}/publish"), &body).0, 200);
    raw.expect(&publish("/other", b"\0\xff"));
    assert_eq!(
        post(&cloud, &format!("{LAMP}/raw"), &json!({"hex": "d000"})).0,
        200
    );
    raw.expect(&[0xd0, 0]);
    raw.send(&subscribe(1, "/broadcast/a1ProdKey01/#", 0));
    raw.expect(&[0x90, 3, 0, 1, 0]);
    let body = json!({"name": "n", "payload": "x"});
    assert_eq!(
        post(&cloud, "/broadcast/a1ProdKey01", &body),
        (200, json!({"devices": 1}))
    );
    raw.expect(&publish("/broadcast/a1ProdKey01/n", b"x"));
    assert_eq!(
        post(&cloud, "/broadcast/a1ProdKey01", &json!({"payload": "x"})).1,
        json!({"devices": 1})
    );
    raw.packet();

    assert_eq!(post(&cloud, &format!("{LAMP}/kick"), &json!(null)).0, 200);
    raw.expect_closed();
    let offline = post(&cloud, &format!("{LAMP}/kick"), &json!(null));
    assert_eq!(
        offline,
        (
            409,
            json!({"code": 9201, "message": "the device is offline"})
        )
    );
}

#[test]
fn trouble_is_made_and_ended() {
    let cloud = start();
    let script =
        json!({"scope": {"device": "a1ProdKey01/dev-0001"}, "faults": {"connack": {"refuse": 3}}});
    assert_eq!(
        call(&cloud, "PUT", "/faults", Some(&script)),
        (200, json!({}))
    );
    let identity = credentials(&lamp(), "");
    assert_eq!(Raw::login(&cloud, &identity, true).1, [0, 3]);
    assert_eq!(call(&cloud, "DELETE", "/faults", None).0, 200);
    assert_eq!(Raw::login(&cloud, &identity, true).1, [0, 0]);
    for scope in ["all", "next-connection"] {
        let script = json!({"scope": scope, "faults": {"stall": {"after-packets": 9, "ms": 1}, "no-pingresp": true}});
        assert_eq!(call(&cloud, "PUT", "/faults", Some(&script)).0, 200);
    }
    assert_eq!(call(&cloud, "DELETE", "/faults", None).0, 200);

    let rule = json!({"device": "a1ProdKey01/dev-0001", "method": "thing.log.post", "mode": {"code": 500}});
    assert_eq!(post(&cloud, "/replies", &rule).0, 200);
    let mut raw = login(&cloud, &lamp().sys("thing/#"));
    raw.send(&publish(
        &lamp().sys("thing/log/post"),
        br#"{"id":"1","method":"thing.log.post","params":{}}"#,
    ));
    let (_, body) = raw.packet();
    assert!(String::from_utf8_lossy(&body).contains(r#""code":500"#));
    assert_eq!(call(&cloud, "DELETE", "/replies", None).0, 200);

    assert_eq!(
        call(
            &cloud,
            "PUT",
            &format!("{LAMP}/desired"),
            Some(&json!({"a": 1}))
        )
        .0,
        200
    );
    assert_eq!(
        call(&cloud, "GET", LAMP, None).1["desired"],
        json!({"a": {"value": 1, "version": 1}})
    );
    assert_eq!(
        call(
            &cloud,
            "PUT",
            &format!("{LAMP}/enabled"),
            Some(&json!(false))
        )
        .0,
        200
    );
    raw.expect_closed();
    assert_eq!(call(&cloud, "GET", LAMP, None).1["enabled"], json!(false));
    assert_eq!(
        call(
            &cloud,
            "PUT",
            &format!("{LAMP}/enabled"),
            Some(&json!(true))
        )
        .0,
        200
    );

    let (mut raw, _) = Raw::login(&cloud, &identity, false);
    assert_eq!(post(&cloud, "/restart", &json!({"downtimeMs": 20})).0, 200);
    raw.expect_closed();
    assert_eq!(
        post(&cloud, &format!("{LAMP}/forget-session"), &json!(null)).0,
        200
    );
    assert_eq!(Raw::login(&cloud, &identity, false).1, [0, 0]);
}

#[test]
fn the_log_is_read_in_parts() {
    let cloud = start();
    let mut raw = login(&cloud, TOPIC);
    for _ in 0..5 {
        raw.send(&[0xc0, 0]);
        raw.expect(&[0xd0, 0]);
    }
    let seqs = |query: &str| -> Vec<u64> {
        let (status, entries) = call(&cloud, "GET", &format!("/log{query}"), None);
        assert_eq!(status, 200, "{entries}");
        entries
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["seq"].as_u64().unwrap())
            .collect()
    };
    let end = cloud.transcript().mark();
    assert_eq!(seqs(""), (0..end).collect::<Vec<_>>());
    assert_eq!(seqs("?limit=2"), [end - 2, end - 1]);
    assert_eq!(seqs("?since=3&limit=2"), [3, 4]);
    assert!(seqs(&format!("?since={end}")).is_empty());
    assert!(seqs("?device=a1ProdKey01/dev-0002").is_empty());
    let (_, entries) = call(&cloud, "GET", "/log?since=1&limit=1", None);
    assert_eq!(
        (
            &entries[0]["what"],
            &entries[0]["packet"],
            &entries[0]["direction"]
        ),
        (&json!("packet"), &json!("CONNECT"), &json!("up"))
    );
}

#[test]
fn what_makes_no_sense_is_refused_and_does_no_harm() {
    let cloud = start();
    let mut raw = login(&cloud, TOPIC);
    let huge = u64::MAX;
    for (method, path, body, status) in [
        ("GET", "/nothing".to_owned(), json!(null), 404),
        ("GET", "/devices/a/b".to_owned(), json!(null), 404),
        ("GET", "/devices/a/%ff".to_owned(), json!(null), 400),
        ("GET", "/log?since=x".to_owned(), json!(null), 400),
        ("GET", "/log?device=x".to_owned(), json!(null), 400),
        ("DELETE", LAMP.to_owned(), json!(null), 405),
        ("POST", format!("{LAMP}/property/set"), json!(1), 422),
        (
            "POST",
            format!("{LAMP}/property/set"),
            json!({"parms": {}}),
            422,
        ),
        (
            "POST",
            format!("{LAMP}/property/set"),
            json!({"params": {}}),
            409,
        ), // not subscribed
        ("POST", format!("{LAMP}/service/a%2B"), json!({}), 400),
        ("POST", format!("{LAMP}/request"), json!({}), 400),
        (
            "POST",
            format!("{LAMP}/request"),
            json!({"method": "a.#", "timeoutMs": huge}),
            400,
        ),
        (
            "POST",
            format!("{LAMP}/rrpc"),
            json!({"payload": {"hex": "0"}}),
            400,
        ),
        (
            "POST",
            format!("{LAMP}/rrpc"),
            json!({"payload": "x", "topic": "+", "unsubscribed": true}),
            400,
        ),
        (
            "POST",
            format!("{LAMP}/rrpc"),
            json!({"payload": "x", "unsubscribed": true, "timeoutMs": 0}),
            504,
        ),
        (
            "POST",
            format!("{LAMP}/publish"),
            json!({"topic": TOPIC, "payload": "x", "qos": 2}),
            400,
        ),
        (
            "POST",
            format!("{LAMP}/publish"),
            json!({"topic": "", "payload": "x"}),
            400,
        ),
        (
            "POST",
            format!("{LAMP}/publish"),
            json!({"topic": TOPIC, "payload": "x".repeat(300_000)}),
            413,
        ),
        (
            "POST",
            "/broadcast/a".to_owned(),
            json!({"payload": "x"}),
            404,
        ),
        (
            "POST",
            "/broadcast/a1ProdKey01".to_owned(),
            json!({"payload": "x", "name": "+"}),
            400,
        ),
        (
            "PUT",
            "/faults".to_owned(),
            json!({"scope": "none", "faults": {}}),
            422,
        ),
        ("PUT", format!("{LAMP}/enabled"), json!("x"), 422),
        (
            "POST",
            "/restart".to_owned(),
            json!({"downtimeMs": -1}),
            422,
        ),
    ] {
        let (got, reply) = call(&cloud, method, &path, Some(&body));
        assert_eq!(got, status, "{method} {path} {reply}");
    }
    let (status, reply) = call(&cloud, "POST", &format!("{LAMP}/publish"), None);
    assert_eq!(status, 400, "{reply}");
    // A wait longer than a clock can tell: the answer comes all the same.
    raw.send(&subscribe(1, &lamp().sys("thing/#"), 0));
    while raw.packet().0 != 0x90 {}
    let device = echo(raw);
    let body = json!({"params": {"a": 1}, "timeoutMs": huge});
    assert_eq!(post(&cloud, &format!("{LAMP}/property/set"), &body).0, 200);
    device.join().unwrap();
}

#[test]
fn web_pages_are_refused() {
    let cloud = start();
    let address = cloud.control_address();
    for (headers, status) in [
        (format!("Host: {address}"), "200"),
        ("Host: localhost:80".to_owned(), "200"),
        ("Host: [::1]:80".to_owned(), "200"),
        ("Host: evil.example:80".to_owned(), "403"),
        ("Host: 127.0.0.1.evil.example".to_owned(), "403"),
        (
            format!("Host: {address}\r\nOrigin: http://evil.example"),
            "403",
        ),
    ] {
        let mut stream = TcpStream::connect(address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        write!(
            stream,
            "GET /v1/endpoints HTTP/1.1\r\n{headers}\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{headers}: {answer}"
        );
    }
}
