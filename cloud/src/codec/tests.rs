use proptest::prelude::*;

use super::*;

/// Feeds `bytes` in pieces, as a connection does; what came out, and the first complaint.
fn feed<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    version: Option<Version>,
) -> (Vec<Packet>, Option<Malformed>) {
    let mut buffer = BytesMut::new();
    let mut packets = Vec::new();
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            let read = Frame::split(&mut buffer, MAX_PACKET, version)
                .and_then(|frame| frame.as_ref().map(Packet::parse).transpose());
            match read {
                Ok(Some(packet)) => packets.push(packet),
                Ok(None) => break,
                Err(malformed) => return (packets, Some(malformed)),
            }
        }
    }
    (packets, None)
}

fn parse(bytes: &[u8]) -> Result<Packet, Malformed> {
    match feed([bytes], Some(Version::V311)) {
        (_, Some(malformed)) => Err(malformed),
        (packets, None) => Ok(packets.into_iter().next().expect("a whole packet")),
    }
}

fn field(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

/// What a device would send: the inverse of [`Packet::parse`].
fn emit(packet: &Packet) -> Vec<u8> {
    let with_id = |id: &u16, rest: Vec<u8>| [id.to_be_bytes().to_vec(), rest].concat();
    match packet {
        Packet::Connect(connect) => {
            let (name, level) = match connect.version {
                Some(Version::V31) => (&b"MQIsdp"[..], 3),
                _ => (&b"MQTT"[..], 4),
            };
            let flags = u8::from(connect.clean_session) << 1
                | u8::from(connect.will) << 2
                | u8::from(connect.username.is_some()) << 7
                | u8::from(connect.password.is_some()) << 6;
            let mut body = field(name);
            body.extend([level, flags]);
            body.extend(connect.keep_alive.to_be_bytes());
            body.extend(field(connect.client_id.as_bytes()));
            if connect.will {
                body.extend([field(b"will/topic"), field(b"will\0payload")].concat());
            }
            body.extend(
                connect
                    .username
                    .iter()
                    .flat_map(|name| field(name.as_bytes())),
            );
            body.extend(connect.password.iter().flat_map(|word| field(word)));
            frame(0x10, &body).to_vec()
        }
        Packet::Publish(message) => publish(message).unwrap().to_vec(),
        Packet::PubAck(id) => puback(*id).to_vec(),
        Packet::Subscribe { id, filters } => {
            let entry = |(filter, qos): &(String, QoS)| {
                [field(filter.as_bytes()), vec![*qos as u8]].concat()
            };
            frame(0x82, &with_id(id, filters.iter().flat_map(entry).collect())).to_vec()
        }
        Packet::Unsubscribe { id, filters } => {
            let entry = |filter: &String| field(filter.as_bytes());
            frame(0xa2, &with_id(id, filters.iter().flat_map(entry).collect())).to_vec()
        }
        Packet::PingReq => vec![0xc0, 0],
        Packet::Disconnect => vec![0xe0, 0],
    }
}

#[test]
fn packets_of_the_specification_are_read() {
    // MQTT 3.1.1, figures 3.6 (variable header of CONNECT), 3.11 (PUBLISH), 3.23 (SUBSCRIBE), 3.30 (UNSUBSCRIBE)
    let connect = b"\x10\x12\x00\x04MQTT\x04\xc2\x00\x0a\x00\x01c\x00\x01u\x00\x01p";
    let Ok(Packet::Connect(connect)) =
        parse(&[&connect[..1], &[connect.len() as u8 - 2], &connect[2..]].concat())
    else {
        panic!("CONNECT");
    };
    assert_eq!(
        (connect.version, connect.clean_session, connect.keep_alive),
        (Some(Version::V311), true, 10)
    );
    assert_eq!(connect.password.as_deref(), Some(&b"p"[..]));
    assert!(
        !format!("{connect:?}").contains("\"p\""),
        "the password is not for logs"
    );

    let Ok(Packet::Publish(publish)) = parse(b"\x3a\x09\x00\x03a/b\x00\x0ahi") else {
        panic!("PUBLISH");
    };
    assert_eq!(
        (
            publish.topic.as_str(),
            publish.pkid,
            &publish.payload[..],
            publish.dup
        ),
        ("a/b", 10, &b"hi"[..], true)
    );
    assert_eq!(
        parse(b"\x82\x0e\x00\x0a\x00\x03a/b\x01\x00\x03c/d\x02"),
        Ok(Packet::Subscribe {
            id: 10,
            filters: vec![
                ("a/b".into(), QoS::AtLeastOnce),
                ("c/d".into(), QoS::ExactlyOnce)
            ]
        })
    );
    assert_eq!(
        parse(b"\xa2\x0c\x00\x0a\x00\x03a/b\x00\x03c/d"),
        Ok(Packet::Unsubscribe {
            id: 10,
            filters: vec!["a/b".into(), "c/d".into()]
        })
    );
    assert_eq!(parse(b"\x40\x02\x12\x34"), Ok(Packet::PubAck(0x1234)));
}

#[test]
fn packets_of_the_specification_are_written() {
    assert_eq!(&connack(true, 0)[..], b"\x20\x02\x01\x00");
    assert_eq!(&connack(false, 5)[..], b"\x20\x02\x00\x05");
    assert_eq!(&puback(10)[..], b"\x40\x02\x00\x0a");
    // MQTT 3.1.1, figure 3.26: granted 0, granted 2 (never by this platform: 1 here), failure
    let granted = [Some(QoS::AtMostOnce), Some(QoS::AtLeastOnce), None];
    assert_eq!(&suback(10, &granted)[..], b"\x90\x05\x00\x0a\x00\x01\x80");
    assert_eq!(&unsuback(10)[..], b"\xb0\x02\x00\x0a");
    assert_eq!(&pingresp()[..], b"\xd0\x00");
    let long = suback(1, &[None; 200]);
    assert_eq!(long[..5], [0x90, 0xca, 0x01, 0, 1]); // 202 takes two bytes (MQTT 3.1.1, 2.2.3)
}

#[test]
fn what_the_specification_forbids_is_refused() {
    let connect = |protocol: &[u8], flags: u8, rest: &[u8]| {
        frame(0x10, &[protocol, &[flags, 0, 60], rest].concat()).to_vec()
    };
    let v311 = b"\0\x04MQTT\x04";
    let cases: &[(&str, Vec<u8>)] = &[
        ("packet type 0", vec![0x00, 0]),
        ("packet type 15", vec![0xf0, 0]),
        ("CONNACK from a device", vec![0x20]),
        ("PUBREC", vec![0x50]),
        ("PUBREL", vec![0x62]),
        ("CONNECT with flags", vec![0x11]),
        ("SUBSCRIBE without its flag", vec![0x80]),
        ("SUBSCRIBE with DUP", vec![0x8a]),
        ("UNSUBSCRIBE without its flag", vec![0xa0]),
        ("PINGREQ with flags", vec![0xc1]),
        ("PINGREQ with a body", vec![0xc0, 1, 0]),
        ("DISCONNECT with a body", vec![0xe0, 1, 0]),
        (
            "length of five bytes",
            vec![0x30, 0x80, 0x80, 0x80, 0x80, 1],
        ),
        (
            "length beyond the limit",
            vec![0x30, 0xff, 0xff, 0xff, 0x7f],
        ),
        ("PUBLISH at QoS 3", vec![0x36]),
        ("PUBLISH at QoS 0 with DUP", b"\x38\x05\0\x03a/b".to_vec()),
        ("PUBLISH without a topic", vec![0x30, 0]),
        ("PUBLISH with an empty topic", vec![0x30, 2, 0, 0]),
        ("PUBLISH with half a topic", b"\x30\x04\0\x05a/".to_vec()),
        ("PUBLISH to a filter", b"\x30\x05\0\x03a/+".to_vec()),
        ("PUBLISH to U+0000", b"\x30\x05\0\x03a/\0".to_vec()),
        ("PUBLISH not in UTF-8", b"\x30\x05\0\x03a/\xff".to_vec()),
        (
            "PUBLISH with a surrogate",
            b"\x30\x05\0\x03\xed\xa0\x80".to_vec(),
        ),
        ("PUBLISH without its id", b"\x32\x05\0\x03a/b".to_vec()),
        ("PUBLISH with half its id", b"\x32\x06\0\x03a/b\0".to_vec()),
        ("PUBLISH with id 0", b"\x32\x07\0\x03a/b\0\0".to_vec()),
        ("PUBACK with id 0", vec![0x40, 2, 0, 0]),
        ("PUBACK too short", vec![0x40, 1, 1]),
        ("PUBACK too long", vec![0x40, 3, 0, 1, 0]),
        ("SUBSCRIBE without an id", vec![0x82, 0]),
        ("SUBSCRIBE without a filter", vec![0x82, 2, 0, 1]),
        ("SUBSCRIBE with id 0", b"\x82\x08\0\0\0\x03a/b\0".to_vec()),
        ("SUBSCRIBE without QoS", b"\x82\x07\0\x01\0\x03a/b".to_vec()),
        (
            "SUBSCRIBE at QoS 3",
            b"\x82\x08\0\x01\0\x03a/b\x03".to_vec(),
        ),
        (
            "SUBSCRIBE with reserved bits",
            b"\x82\x08\0\x01\0\x03a/b\x05".to_vec(),
        ),
        (
            "SUBSCRIBE with a bad filter",
            b"\x82\x08\0\x01\0\x03a#b\0".to_vec(),
        ),
        ("UNSUBSCRIBE without an id", vec![0xa2, 1, 0]),
        ("UNSUBSCRIBE without a filter", vec![0xa2, 2, 0, 1]),
        (
            "UNSUBSCRIBE with half a filter",
            b"\xa2\x05\0\x01\0\x03a".to_vec(),
        ),
        ("CONNECT that is empty", vec![0x10, 0]),
        (
            "CONNECT with another protocol",
            connect(b"\0\x04HTTP\x04", 2, b"\0\x01c"),
        ),
        (
            "CONNECT with the reserved flag",
            connect(v311, 3, b"\0\x01c"),
        ),
        (
            "CONNECT with will QoS but no will",
            connect(v311, 0x0a, b"\0\x01c"),
        ),
        (
            "CONNECT with will QoS 3",
            connect(v311, 0x1e, b"\0\x01c\0\x01t\0\0"),
        ),
        (
            "CONNECT with will retain but no will",
            connect(v311, 0x22, b"\0\x01c"),
        ),
        (
            "CONNECT with a password only",
            connect(v311, 0x42, b"\0\x01c\0\x01p"),
        ),
        (
            "CONNECT without its user name",
            connect(v311, 0x82, b"\0\x01c"),
        ),
        (
            "CONNECT with more than it says",
            connect(v311, 2, b"\0\x01cx"),
        ),
        ("CONNECT with U+0000", connect(v311, 2, b"\0\x01\0")),
        ("CONNECT not in UTF-8", connect(v311, 2, b"\0\x01\xff")),
    ];
    for (case, bytes) in cases {
        assert!(parse(bytes).is_err(), "{case}: {bytes:02x?}");
    }
    let topic = vec![b'x'; MAX_TOPIC + 1];
    assert!(parse(&frame(0x30, &field(&topic))).is_err());
    let payload = vec![0; MAX_PAYLOAD + 1];
    let too_large = frame(0x30, &[field(b"t"), payload].concat());
    assert_eq!(parse(&too_large), Err(Malformed::TooLarge(MAX_PAYLOAD + 1)));
    let largest = frame(0x30, &[field(b"t"), vec![0; MAX_PAYLOAD]].concat());
    assert!(parse(&largest).is_ok());
}

#[test]
fn mqtt_3_1_has_rules_of_its_own() {
    let subscribe_again = b"\x8a\x08\0\x01\0\x03a/b\0";
    assert_eq!(feed([&subscribe_again[..]], Some(Version::V31)).1, None);
    // The lowest flag of CONNECT is not used in 3.1; other levels of either name are refused later, with CONNACK 1.
    let connect = |protocol: &[u8]| frame(0x10, &[protocol, &[0x03, 0, 60, 0, 1, b'c']].concat());
    for (protocol, version) in [
        (&b"\0\x06MQIsdp\x03"[..], Some(Version::V31)),
        (b"\0\x06MQIsdp\x04", None),
        (b"\0\x04MQTT\x05", None),
    ] {
        let (packets, malformed) = feed([&connect(protocol)[..]], None);
        assert_eq!(malformed, None);
        assert!(matches!(&packets[..], [Packet::Connect(connect)] if connect.version == version));
    }
}

fn text() -> impl Strategy<Value = String> {
    proptest::collection::vec(
        prop_oneof![
            Just('/'),
            Just('é'),
            Just('测'),
            proptest::char::range(' ', '~')
        ],
        1..20,
    )
    .prop_map(|chars| {
        chars
            .into_iter()
            .filter(|c| !matches!(c, '+' | '#'))
            .chain(['x'])
            .collect()
    })
}

fn bytes(most: usize) -> impl Strategy<Value = Bytes> {
    proptest::collection::vec(any::<u8>(), 0..most).prop_map(Bytes::from)
}

fn filter() -> impl Strategy<Value = String> {
    prop_oneof![
        text(),
        text().prop_map(|text| format!("+/{text}/#")),
        Just("#".to_owned())
    ]
}

fn qos() -> impl Strategy<Value = QoS> {
    prop_oneof![
        Just(QoS::AtMostOnce),
        Just(QoS::AtLeastOnce),
        Just(QoS::ExactlyOnce)
    ]
}

/// Every packet a device may send, as far as the codec has a say.
fn packet() -> impl Strategy<Value = Packet> {
    let connect = (
        any::<[bool; 3]>(),
        any::<u16>(),
        text(),
        proptest::option::of((text(), proptest::option::of(bytes(80)))),
    );
    let connect = connect.prop_map(
        |([v31, clean_session, will], keep_alive, client_id, login)| {
            let (username, password) = login.unzip();
            let version = Some(if v31 { Version::V31 } else { Version::V311 });
            let password = password.flatten();
            Packet::Connect(Connect {
                version,
                clean_session,
                keep_alive,
                client_id,
                will,
                username,
                password,
            })
        },
    );
    let publish = (any::<[bool; 2]>(), qos(), text(), 1_u16.., bytes(300)).prop_map(
        |([dup, retain], qos, topic, pkid, payload)| {
            let some = qos != QoS::AtMostOnce;
            Packet::Publish(Publish {
                dup: dup && some,
                qos,
                retain,
                topic,
                pkid: if some { pkid } else { 0 },
                payload,
            })
        },
    );
    let subscribe = (1_u16.., proptest::collection::vec((filter(), qos()), 1..5));
    let unsubscribe = (1_u16.., proptest::collection::vec(filter(), 1..5));
    prop_oneof![
        connect,
        publish,
        subscribe.prop_map(|(id, filters)| Packet::Subscribe { id, filters }),
        unsubscribe.prop_map(|(id, filters)| Packet::Unsubscribe { id, filters }),
        (1_u16..).prop_map(Packet::PubAck),
        Just(Packet::PingReq),
        Just(Packet::Disconnect),
    ]
}

fn version() -> impl Strategy<Value = Option<Version>> {
    prop_oneof![
        Just(None),
        Just(Some(Version::V31)),
        Just(Some(Version::V311))
    ]
}

/// Cuts `bytes` into pieces at places derived from `cuts`.
fn pieces<'a>(bytes: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<_> = cuts
        .iter()
        .map(|cut| cut.index(bytes.len() + 1))
        .chain([0, bytes.len()])
        .collect();
    places.sort_unstable();
    places
        .windows(2)
        .map(|pair| &bytes[pair[0]..pair[1]])
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn packets_come_out_as_they_went_in(
        packets in proptest::collection::vec(packet(), 1..5),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let bytes: Vec<u8> = packets.iter().flat_map(emit).collect();
        prop_assert_eq!(feed(pieces(&bytes, &cuts), Some(Version::V311)), (packets, None));
    }

    #[test]
    fn broken_packets_are_refused_or_read_but_never_a_panic(
        packets in proptest::collection::vec(packet(), 1..4),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3), 1..4),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..8),
        version in version(),
    ) {
        let mut bytes: Vec<u8> = packets.iter().flat_map(emit).collect();
        for (place, byte, kind) in changes {
            let place = place.index(bytes.len());
            match kind {
                0 => bytes[place] = byte,
                1 => bytes.insert(place, byte),
                _ if bytes.len() > 1 => drop(bytes.remove(place)),
                _ => {}
            }
        }
        // Nor does it matter in which pieces they come.
        prop_assert_eq!(feed(pieces(&bytes, &cuts), version), feed([&bytes[..]], version));
    }

    #[test]
    fn any_bytes_are_refused_or_read_but_never_a_panic(
        bytes in bytes(400),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..8),
        version in version(),
    ) {
        prop_assert_eq!(feed(pieces(&bytes, &cuts), version), feed([&bytes[..]], version));
    }
}
