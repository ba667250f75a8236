//! MQTT byte by byte, over a bare socket: what is read, what is refused, what closes the connection. Whatever a device
//! sends, the platform serves the next one.

mod common;

use std::{
    io::{Read, Write},
    net::Shutdown,
    panic,
    sync::{Mutex, Once},
    thread,
    time::{Duration, Instant},
};

use common::*;
use iotkit_cloud::{
    Cloud, Config, Credentials, Direction, Limits, PacketKind, SignMethod, Version,
};
use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::json;

const V311: &[u8] = b"\0\x04MQTT\x04";
const V31: &[u8] = b"\0\x06MQIsdp\x03";

fn identity() -> Credentials {
    credentials(&lamp(), "securemode=3")
}

/// Panics of the platform's threads, in whichever test.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn start_watched(config: Config) -> Cloud {
    static WATCH: Once = Once::new();
    WATCH.call_once(|| {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if thread::current().name() == Some("iotkit-cloud") {
                PANICS.lock().unwrap().push(info.to_string());
            }
            report(info);
        }));
    });
    Cloud::start(config).unwrap()
}

/// The platform has survived: it lets a device in, answers it, and none of its threads panicked.
fn assert_alive(cloud: &Cloud) {
    let (mut raw, connack) = Raw::login(cloud, &credentials(&fan(), "securemode=3"), true);
    assert_eq!(connack, [0, 0]);
    raw.send(&[0xc0, 0]);
    raw.expect(&[0xd0, 0]);
    assert_eq!(*PANICS.lock().unwrap(), Vec::<String>::new());
}

#[test]
fn a_device_of_mqtt_3_1_is_served() {
    let cloud = start();
    let mut raw = Raw::open(cloud.mqtt_address());
    raw.send(&connect(V31, &identity(), false, 60));
    raw.expect(&[0x20, 2, 0, 0]);
    assert_eq!(
        cloud.device(&lamp()).unwrap().connection.unwrap().mqtt,
        Version::V31
    );

    let reply = lamp().sys("thing/event/property/post_reply");
    raw.send(&subscribe(1, &reply, 1));
    raw.expect(&[0x90, 3, 0, 1, 1]);
    // The same again, marked as repeated: 3.1 has DUP here (section 3.8).
    let mut again = subscribe(2, &reply, 1);
    again[0] |= 0x08;
    raw.send(&again);
    raw.expect(&[0x90, 3, 0, 2, 1]);

    let post =
        br#"{"id":"9","version":"1.0","params":{"Level":3},"method":"thing.event.property.post"}"#;
    raw.send(&publish1(
        77,
        &lamp().sys("thing/event/property/post"),
        post,
    ));
    raw.expect(&[0x40, 2, 0, 77]);
    let answer = r#"{"code":200,"data":{},"id":"9","message":"success","method":"thing.event.property.post","version":"1.0"}"#;
    raw.expect(&publish(&reply, answer.as_bytes()));

    raw.send(&[0xc0, 0]);
    raw.expect(&[0xd0, 0]);
    raw.send(&unsubscribe(3, &reply));
    raw.expect(&[0xb0, 2, 0, 3]);
    raw.send(&[0xe0, 0]);
    raw.expect_closed();

    // The session was kept; the flag that says so is one of 3.1.1.
    let mut raw = Raw::open(cloud.mqtt_address());
    raw.send(&connect(V31, &identity(), false, 60));
    raw.expect(&[0x20, 2, 0, 0]);
    let (_, connack) = Raw::login(&cloud, &identity(), false);
    assert_eq!(connack, [1, 0]);
}

#[test]
fn packets_come_in_any_pieces() {
    let cloud = start();
    let topic = "/a1ProdKey01/dev-0001/user/x";
    let packets = [
        connect(V311, &identity(), true, 60),
        subscribe(1, topic, 0),
        publish(topic, b"hello"),
        vec![0xc0, 0],
    ];
    let expected = [
        vec![0x20, 2, 0, 0, 0x90, 3, 0, 1, 0],
        publish(topic, b"hello"),
        vec![0xd0, 0],
    ]
    .concat();

    let mut all_at_once = Raw::open(cloud.mqtt_address());
    all_at_once.send(&packets.concat());
    all_at_once.expect(&expected);

    let mut byte_by_byte = Raw::open(cloud.mqtt_address());
    for byte in packets.concat() {
        byte_by_byte.send(&[byte]);
    }
    byte_by_byte.expect(&expected);
}

#[test]
fn connect_is_refused_with_the_code_that_says_why() {
    let cloud = start();
    cloud.set_enabled(&fan(), false).unwrap();
    let good = identity();
    let with = |change: &dyn Fn(&mut Credentials)| {
        let mut changed = good.clone();
        change(&mut changed);
        changed
    };
    let cases = [
        (
            "wrong signature",
            with(&|c| c.password.replace_range(..1, "x")),
            V311,
            60,
            4,
        ),
        (
            "wrong secret",
            Credentials::new(&lamp(), "another", SignMethod::HmacSha1, ""),
            V311,
            60,
            4,
        ),
        (
            "unknown method",
            with(&|c| c.client_id = c.client_id.replace("hmacsha1", "plain")),
            V311,
            60,
            4,
        ),
        (
            "unknown device",
            with(&|c| c.username = "dev-0009&a1ProdKey01".into()),
            V311,
            60,
            4,
        ),
        (
            "unknown product",
            with(&|c| c.username = "dev-0001&a1ProdKey09".into()),
            V311,
            60,
            4,
        ),
        (
            "no product",
            with(&|c| c.username = "dev-0001".into()),
            V311,
            60,
            4,
        ),
        (
            "no extras",
            with(&|c| c.client_id = "x".into()),
            V311,
            60,
            2,
        ),
        (
            "no client id",
            with(&|c| c.client_id = String::new()),
            V311,
            60,
            2,
        ),
        ("disabled", credentials(&fan(), ""), V311, 60, 5),
        ("keep-alive too short", good.clone(), V311, 29, 5),
        ("keep-alive too long", good.clone(), V311, 1201, 5),
        ("no keep-alive", good.clone(), V311, 0, 5),
        ("MQTT 5", good.clone(), b"\0\x04MQTT\x05", 60, 1),
        (
            "3.1's name with 3.1.1's level",
            good.clone(),
            b"\0\x06MQIsdp\x04",
            60,
            1,
        ),
    ];
    for (case, credentials, protocol, keep_alive, code) in cases {
        let mut raw = Raw::open(cloud.mqtt_address());
        raw.send(&connect(protocol, &credentials, true, keep_alive));
        assert_eq!(raw.read(4), [0x20, 2, 0, code], "{case}");
        raw.expect_closed();
    }
    for keep_alive in [30, 1200] {
        let mut raw = Raw::open(cloud.mqtt_address());
        raw.send(&connect(V311, &good, true, keep_alive));
        raw.expect(&[0x20, 2, 0, 0]);
    }
}

#[test]
fn signatures_are_read_generously() {
    let cloud = start();
    for method in [
        SignMethod::HmacMd5,
        SignMethod::HmacSha1,
        SignMethod::HmacSha256,
    ] {
        let mut credentials = Credentials::new(&lamp(), SECRET, method, "securemode=3");
        credentials.password = format!(" {} ", credentials.password.to_uppercase());
        credentials.client_id = credentials
            .client_id
            .replace(',', " , ")
            .replace('=', " = ")
            .replace("hmac", "HMAC");
        credentials.username = " dev-0001 & a1ProdKey01 ".into();
        let (_, connack) = Raw::login(&cloud, &credentials, true);
        assert_eq!(connack, [0, 0], "{method:?}");
    }
}

#[test]
fn what_is_not_mqtt_closes_the_connection_and_nothing_else() {
    let cloud = start_watched(config());
    let before_connect: &[&[u8]] = &[
        b"\0",
        b"\xff\xff\xff\xff",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x10\xff\xff\xff\xff\x7f",
        b"\x10\xff\xff\x03",                        // larger than any CONNECT
        b"\x10\x00",                                // empty
        b"\x10\x04\0\x04MQ",                        // the name is cut off
        b"\x10\x0c\0\x04HTTP\x04\x02\0\x3c\0\x00",  // another protocol
        b"\x10\x0d\0\x04MQTT\x04\x03\0\x3c\0\x01c", // reserved flag
        b"\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x09c", // the client id goes beyond the packet
        b"\xc0\x00",                                // the first packet is not CONNECT
        b"\x30\x05\0\x03a/b",
        b"\x16\x03\x01\0\x05hello", // like TLS, but is none
        b"\x16\x03\x01\xff\xff\x01\0\0\0",
    ];
    for bytes in before_connect {
        let mut raw = Raw::open(cloud.mqtt_address());
        // It may be closed before all is written.
        let _ = raw
            .0
            .write_all(bytes)
            .and_then(|()| raw.0.shutdown(Shutdown::Write));
        raw.expect_end();
    }
    let afterwards: &[&[u8]] = &[
        b"\0\0",
        b"\xf0\0",
        b"\x20\x02\0\0",                // only a server sends CONNACK
        b"\x50\x02\0\x01",              // QoS 2 is not offered
        b"\x34\x07\0\x03a/b\0\x01",     // a message at QoS 2
        b"\x36\x07\0\x03a/b\0\x01",     // QoS 3
        b"\x30\x80\x80\x80\x80\x01",    // a length of five bytes
        b"\x30\xff\xff\xff\x7f",        // a length beyond the limit
        b"\x30\x05\0\x03/a#",           // a topic with a wildcard
        b"\x30\x05\0\x03/a\xff",        // a topic not in UTF-8
        b"\x30\x05\0\x03/a\0",          // a topic with U+0000
        b"\x30\x04\0\x09/a",            // the topic goes beyond the packet
        b"\x32\x07\0\x03/ab\0\0",       // packet id 0
        b"\x82\x02\0\x01",              // nothing to subscribe
        b"\x82\x08\0\0\0\x03/ab\x01",   // packet id 0
        b"\x82\x08\0\x01\0\x03/ab\x03", // QoS 3
        b"\x80\x08\0\x01\0\x03/ab\x01", // without the reserved flag
        b"\xa2\x02\0\x01",              // nothing to unsubscribe
        b"\xc1\0",                      // PINGREQ with flags
        b"\xc0\x01\0",                  // PINGREQ with a body
    ];
    for bytes in afterwards {
        let (mut raw, _) = Raw::login(&cloud, &identity(), true);
        raw.send(bytes);
        raw.expect_closed();
    }
    let (mut raw, _) = Raw::login(&cloud, &identity(), true);
    raw.send(&connect(V311, &identity(), true, 60));
    raw.expect_closed();
    assert_alive(&cloud);
}

#[test]
fn arbitrary_bytes_never_hurt_the_platform() {
    let cloud = start_watched(config());
    let address = cloud.mqtt_address();
    let login = connect(V311, &identity(), true, 60);
    // Half of them look like a packet, so that more than its first byte is looked at.
    let bytes = prop_oneof![
        proptest::collection::vec(any::<u8>(), 1..200),
        (any::<u8>(), proptest::collection::vec(any::<u8>(), 0..100))
            .prop_map(|(first, body)| packet(first, &body)),
    ];
    let mut runner = TestRunner::new(ProptestConfig::with_cases(200));
    let result = runner.run(&(any::<bool>(), bytes), |(logged_in, bytes)| {
        let mut raw = Raw::open(address);
        if logged_in {
            raw.send(&login);
        }
        // It may be closed before all is written.
        let _ = raw
            .0
            .write_all(&bytes)
            .and_then(|()| raw.0.shutdown(Shutdown::Write));
        raw.expect_end();
        Ok(())
    });
    result.unwrap();
    assert_alive(&cloud);
}

#[test]
fn payloads_are_at_most_256_kib() {
    let cloud = start();
    let topic = "/a1ProdKey01/dev-0001/user/x";
    let (mut raw, _) = Raw::login(&cloud, &identity(), true);
    raw.send(&subscribe(1, topic, 0));
    raw.expect(&[0x90, 3, 0, 1, 0]);
    let largest = publish(topic, &vec![b'x'; 256 * 1024]);
    raw.send(&largest);
    raw.expect(&largest);
    // It may be closed before all is written.
    let _ = raw
        .0
        .write_all(&publish(topic, &vec![b'x'; 256 * 1024 + 1]));
    raw.expect_end();
}

#[test]
fn a_silent_device_is_given_up_after_one_and_a_half_intervals() {
    let limits = Limits {
        keep_alive: 1..=1200,
        ..Limits::default()
    };
    let cloud = Cloud::start(Config { limits, ..config() }).unwrap();
    let mut raw = Raw::open(cloud.mqtt_address());
    raw.send(&connect(V311, &identity(), true, 1));
    raw.expect(&[0x20, 2, 0, 0]);
    for _ in 0..2 {
        thread::sleep(Duration::from_secs(1));
        raw.send(&[0xc0, 0]);
        raw.expect(&[0xd0, 0]);
    }
    let silent_since = Instant::now();
    raw.expect_closed();
    let after = silent_since.elapsed();
    assert!((1400..10_000).contains(&after.as_millis()), "{after:?}");
    assert!(cloud.device(&lamp()).unwrap().connection.is_none());
}

#[test]
fn who_does_not_connect_in_time_is_disconnected() {
    let limits = Limits {
        connect_time: Duration::from_millis(200),
        ..Limits::default()
    };
    let cloud = Cloud::start(Config { limits, ..config() }).unwrap();
    for begin in [&b""[..], b"\x10", b"\x16\x03\x01\x02\x00\x01"] {
        let mut raw = Raw::open(cloud.mqtt_address());
        raw.send(begin);
        raw.expect_closed();
    }
}

#[test]
fn connections_are_limited_in_number() {
    let limits = Limits {
        connections: 1,
        ..Limits::default()
    };
    let cloud = Cloud::start(Config { limits, ..config() }).unwrap();
    let (first, _) = Raw::login(&cloud, &identity(), true);
    Raw::open(cloud.mqtt_address()).expect_closed();
    drop(first);
    // There is room again a moment after the first one has ended.
    let until = Instant::now() + PATIENCE;
    loop {
        let mut raw = Raw::open(cloud.mqtt_address());
        let sent = raw.0.write_all(&connect(V311, &identity(), true, 60));
        if sent.is_ok() && raw.0.read(&mut [0]).is_ok_and(|length| length == 1) {
            break;
        }
        assert!(Instant::now() < until, "still no room");
    }
}

#[test]
fn will_and_retain_are_ignored_and_noted() {
    let cloud = start();
    let topic = "/a1ProdKey01/dev-0001/user/x";
    let mut body = V311.to_vec();
    body.extend([0xc0 | 0x04 | 0x08 | 0x20 | 0x02, 0, 60]); // will at QoS 1, retained
    for text in [
        &identity().client_id,
        topic,
        "gone",
        &identity().username,
        &identity().password,
    ] {
        body.extend(field(text.as_bytes()));
    }
    let mut raw = Raw::open(cloud.mqtt_address());
    raw.send(&packet(0x10, &body));
    raw.expect(&[0x20, 2, 0, 0]);
    let mut retained = publish(topic, b"kept?");
    retained[0] |= 1;
    raw.send(&retained);
    raw.send(&[0xc0, 0]);
    raw.expect(&[0xd0, 0]);
    drop(raw);
    let closed =
        |entry: &iotkit_cloud::Entry| matches!(entry.what, iotkit_cloud::What::Closed { .. });
    cloud.transcript().wait(PATIENCE, closed).unwrap();

    let (mut raw, _) = Raw::login(&cloud, &identity(), true);
    raw.send(&subscribe(1, topic, 1));
    raw.expect(&[0x90, 3, 0, 1, 1]);
    raw.expect_silence(Duration::from_millis(200));
    let notes: Vec<_> = cloud
        .transcript()
        .entries()
        .into_iter()
        .filter_map(|entry| match entry.what {
            iotkit_cloud::What::Note { text } => Some(text),
            _ => None,
        })
        .collect();
    assert_eq!(
        notes,
        [
            "the will is ignored",
            "/a1ProdKey01/dev-0001/user/x: the retain flag is ignored"
        ]
    );
}

#[test]
fn a_device_that_does_not_read_is_disconnected() {
    let limits = Limits {
        write_time: Duration::from_millis(300),
        ..Limits::default()
    };
    let cloud = Cloud::start(Config { limits, ..config() }).unwrap();
    let topic = "/a1ProdKey01/dev-0001/user/x";
    let (mut raw, _) = Raw::login(&cloud, &identity(), true);
    raw.send(&subscribe(1, topic, 0));
    raw.expect(&[0x90, 3, 0, 1, 0]);
    let message = iotkit_cloud::Publication::new(topic, vec![b'x'; 256 * 1024]).at_most_once();
    let until = Instant::now() + PATIENCE;
    while cloud.publish(&lamp(), message.clone()).is_ok() {
        assert!(Instant::now() < until, "still connected");
        thread::sleep(Duration::from_millis(1));
    }
    raw.0.take(u64::MAX).read_to_end(&mut Vec::new()).ok();
    assert!(cloud.device(&lamp()).unwrap().connection.is_none());
}

#[test]
fn secrets_stay_out_of_the_transcript() {
    let cloud = Cloud::start(Config {
        raw_transcript: true,
        ..config()
    })
    .unwrap();
    let (mut raw, _) = Raw::login(&cloud, &identity(), true);
    // A second CONNECT, and one that is malformed: both end with the password.
    raw.send(&connect(V311, &identity(), true, 60));
    raw.expect_closed();
    let (mut raw, _) = Raw::login(&cloud, &identity(), true);
    // Short, so that the platform reads it in one piece.
    let short = Credentials {
        client_id: "x".into(),
        username: "x".into(),
        ..identity()
    };
    let mut malformed = connect(V311, &short, true, 60);
    malformed[0] |= 1;
    raw.send(&malformed);
    raw.expect_closed();
    let text = serde_json::to_string(&json!(cloud.transcript().entries())).unwrap();
    for secret in [SECRET, &identity().password] {
        assert!(
            !text.contains(secret) && !text.contains(&hex(secret)),
            "{text}"
        );
    }
    // The rest of CONNECT is there, byte by byte.
    let first = cloud
        .transcript()
        .wait(PATIENCE, |entry| {
            entry.is(Direction::Up, PacketKind::Connect)
        })
        .unwrap();
    let mut sent = connect(V311, &identity(), true, 60);
    let password = sent.len() - identity().password.len();
    sent[password..].fill(b'*');
    assert_eq!(first.packet().unwrap().raw.as_deref(), Some(&sent[..]));
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}
