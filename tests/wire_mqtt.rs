//! The MQTT codec against mqttbytes, against the packets of the standard, and against any bytes whatever.

use std::num::NonZeroU16;

use bytes::BytesMut;
use iotkit::{
    mqtt::{Progress, Receiver, topic},
    wire::mqtt::{ConnAck, Packet, Publish, QoS, Refusal, SubAck, emit},
};
use mqttbytes::v4::{self, ConnectReturnCode, SubscribeReasonCode};
use proptest::prelude::*;

/// What mqttbytes makes of a packet.
fn theirs(packet: &[u8]) -> Option<v4::Packet> {
    let mut stream = BytesMut::from(packet);
    let packet = v4::read(&mut stream, usize::MAX).ok()?;
    stream.is_empty().then_some(packet)
}

/// Splits a packet where its body begins, if its remaining length is right.
fn split(packet: &[u8]) -> Option<(u8, &[u8])> {
    let first = *packet.first()?;
    let mut len = 0;
    for (index, byte) in packet.iter().skip(1).enumerate().take(4) {
        len |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            let body = packet.get(2 + index..)?;
            return (body.len() == len).then_some((first, body));
        }
    }
    None
}

fn ours(packet: &[u8]) -> Option<Packet<'_>> {
    let (first, body) = split(packet)?;
    Packet::parse(first, body).ok()
}

/// Whether both have understood the same.
fn same(ours: Packet<'_>, theirs: &v4::Packet) -> bool {
    let qos = |ours: QoS, theirs: mqttbytes::QoS| ours as u8 == theirs as u8;
    match (ours, theirs) {
        (Packet::ConnAck(ours), v4::Packet::ConnAck(theirs)) => match (ours, theirs.code) {
            (ConnAck::Accepted { session_present }, ConnectReturnCode::Success) => {
                session_present == theirs.session_present
            }
            (ConnAck::Refused(refusal), code) => {
                let refusal = match refusal {
                    Refusal::Version => ConnectReturnCode::RefusedProtocolVersion,
                    Refusal::ClientId => ConnectReturnCode::BadClientId,
                    Refusal::Unavailable => ConnectReturnCode::ServiceUnavailable,
                    Refusal::BadUserData => ConnectReturnCode::BadUserNamePassword,
                    Refusal::NotAuthorized => ConnectReturnCode::NotAuthorized,
                    Refusal::Unknown(_) => return false,
                };
                refusal == code
            }
            _ => false,
        },
        (Packet::Publish(ours), v4::Packet::Publish(theirs)) => {
            qos(ours.qos, theirs.qos)
                && ours.dup == theirs.dup
                && ours.retain == theirs.retain
                && ours.topic == theirs.topic.as_bytes()
                && ours.id.map_or(0, NonZeroU16::get) == theirs.pkid
                && ours.payload == theirs.payload
        }
        (Packet::SubAck(ours), v4::Packet::SubAck(theirs)) => {
            let codes = theirs.return_codes.iter().map(|code| match code {
                SubscribeReasonCode::Success(qos) => *qos as u8,
                SubscribeReasonCode::Failure => SubAck::REFUSED,
            });
            ours.id.get() == theirs.pkid && codes.eq(ours.codes.iter().copied())
        }
        (Packet::PubAck(id), v4::Packet::PubAck(theirs)) => id.get() == theirs.pkid,
        (Packet::PubRec(id), v4::Packet::PubRec(theirs)) => id.get() == theirs.pkid,
        (Packet::PubRel(id), v4::Packet::PubRel(theirs)) => id.get() == theirs.pkid,
        (Packet::PubComp(id), v4::Packet::PubComp(theirs)) => id.get() == theirs.pkid,
        (Packet::UnsubAck(id), v4::Packet::UnsubAck(theirs)) => id.get() == theirs.pkid,
        (Packet::PingResp, v4::Packet::PingResp) => true,
        _ => false,
    }
}

fn any_id() -> impl Strategy<Value = u16> {
    prop_oneof![
        Just(1),
        Just(0xff),
        Just(0x100),
        Just(u16::MAX),
        1..=u16::MAX
    ]
}

fn any_qos() -> impl Strategy<Value = mqttbytes::QoS> {
    prop::sample::select(vec![
        mqttbytes::QoS::AtMostOnce,
        mqttbytes::QoS::AtLeastOnce,
        mqttbytes::QoS::ExactlyOnce,
    ])
}

/// A payload whose packet's length has one, two or three bytes.
fn any_payload() -> impl Strategy<Value = Vec<u8>> {
    let len = prop_oneof![20 => 0usize..300, 1 => 16_300usize..16_500];
    len.prop_flat_map(|len| prop::collection::vec(any::<u8>(), len))
}

/// A packet that a server may send, as mqttbytes writes it.
fn from_server() -> impl Strategy<Value = Vec<u8>> {
    fn written(write: impl FnOnce(&mut BytesMut) -> Result<usize, mqttbytes::Error>) -> Vec<u8> {
        let mut bytes = BytesMut::new();
        write(&mut bytes).expect("it can be written");
        bytes.to_vec()
    }
    let code = prop::sample::select(vec![
        ConnectReturnCode::Success,
        ConnectReturnCode::RefusedProtocolVersion,
        ConnectReturnCode::BadClientId,
        ConnectReturnCode::ServiceUnavailable,
        ConnectReturnCode::BadUserNamePassword,
        ConnectReturnCode::NotAuthorized,
    ]);
    let granted = prop_oneof![
        3 => any_qos().prop_map(SubscribeReasonCode::Success),
        1 => Just(SubscribeReasonCode::Failure),
    ];
    let message = (
        "[^+#\0]{1,40}",
        any_qos(),
        any_id(),
        any_payload(),
        any::<bool>(),
        any::<bool>(),
    );
    prop_oneof![
        (code, any::<bool>()).prop_map(|(code, present)| {
            written(|bytes| v4::ConnAck::new(code, present).write(bytes))
        }),
        message.prop_map(|(topic, qos, id, payload, dup, retain)| {
            let mut message = v4::Publish::new(topic, qos, payload);
            (message.dup, message.retain) = (dup, retain);
            if qos != mqttbytes::QoS::AtMostOnce {
                message.pkid = id;
            }
            written(|bytes| message.write(bytes))
        }),
        (any_id(), prop::collection::vec(granted, 1..5))
            .prop_map(|(id, codes)| written(|bytes| v4::SubAck::new(id, codes).write(bytes))),
        any_id().prop_map(|id| written(|bytes| v4::PubAck::new(id).write(bytes))),
        any_id().prop_map(|id| written(|bytes| v4::PubRec::new(id).write(bytes))),
        any_id().prop_map(|id| written(|bytes| v4::PubRel::new(id).write(bytes))),
        any_id().prop_map(|id| written(|bytes| v4::PubComp::new(id).write(bytes))),
        any_id().prop_map(|id| written(|bytes| v4::UnsubAck::new(id).write(bytes))),
        Just(vec![0xd0, 0]),
    ]
}

/// Bytes that are nearly a packet, and bytes that are not.
fn nearly_packet() -> impl Strategy<Value = Vec<u8>> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        (from_server(), at(), any::<u8>()).prop_map(|(mut packet, at, byte)| {
            let at = at.index(packet.len().min(12)); // where it matters
            packet[at] = byte;
            packet
        }),
        (from_server(), at()).prop_map(|(mut packet, at)| {
            packet.truncate(at.index(packet.len()));
            packet
        }),
        (from_server(), any::<u8>()).prop_map(|(mut packet, byte)| {
            packet.push(byte);
            packet
        }),
        // The length is right, the rest is not.
        (any::<u8>(), prop::collection::vec(any::<u8>(), 0..12))
            .prop_map(|(first, body)| { [&[first, body.len() as u8][..], &body].concat() }),
        prop::collection::vec(any::<u8>(), 0..40),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn what_another_codec_writes_is_understood(packet in from_server()) {
        let ours = ours(&packet).expect("a good packet");
        let theirs = theirs(&packet).expect("its own packet");
        prop_assert!(same(ours, &theirs), "{ours:?} {theirs:?}");
    }

    /// What is accepted here is accepted there, and means the same. The reverse does not hold: mqttbytes overlooks
    /// reserved flags and codes, and bytes that are left over.
    #[test]
    fn nothing_is_understood_differently(packet in nearly_packet()) {
        if let Some(ours) = ours(&packet) {
            if let Packet::ConnAck(ConnAck::Refused(Refusal::Unknown(code))) = ours {
                prop_assert!(code > 5);
            } else {
                let theirs = theirs(&packet);
                prop_assert!(theirs.as_ref().is_some_and(|theirs| same(ours, theirs)),
                    "{ours:?} {theirs:?}");
            }
        }
    }

    #[test]
    fn what_is_written_is_understood_by_another_codec(
        topic in "[ -~&&[^+#]]{1,128}",
        payload in any_payload(),
        id in any_id(),
        with_id in any::<bool>(),
        retain in any::<bool>(),
        again in any::<bool>(),
        keep_alive in any::<u16>(),
        clean_session in any::<bool>(),
        qos in 0u8..3,
    ) {
        let number = NonZeroU16::new(id).expect("not 0");
        let mut buf = vec![0; 20_000];

        let message = emit::Publish {
            topic: topic.as_bytes(),
            payload: &payload,
            retain,
            id: with_id.then_some(number),
        };
        let len = message.emit(&mut buf).expect("it fits");
        if with_id && again {
            emit::Publish::set_dup(&mut buf[..len]);
        }
        let Some(v4::Packet::Publish(theirs)) = theirs(&buf[..len]) else {
            panic!("not PUBLISH");
        };
        prop_assert_eq!(&theirs.topic, &topic);
        prop_assert_eq!(&theirs.payload[..], &payload[..]);
        prop_assert_eq!((theirs.retain, theirs.dup), (retain, with_id && again));
        prop_assert_eq!(theirs.qos as u8, u8::from(with_id));
        prop_assert_eq!(theirs.pkid, if with_id { id } else { 0 });
        // And here.
        let Some(Packet::Publish(again)) = ours(&buf[..len]) else {
            panic!("not PUBLISH");
        };
        prop_assert_eq!((again.topic, again.payload), (topic.as_bytes(), &payload[..]));

        let level = QoS::from_bits(qos).expect("a QoS");
        let len = emit::subscribe(&mut buf, number, topic.as_bytes(), level).expect("it fits");
        let Some(v4::Packet::Subscribe(request)) = crate::theirs(&buf[..len]) else {
            panic!("not SUBSCRIBE");
        };
        prop_assert_eq!(request.pkid, id);
        prop_assert_eq!(request.filters.len(), 1);
        prop_assert_eq!(&request.filters[0].path, &topic);
        prop_assert_eq!(request.filters[0].qos as u8, qos);

        let len = emit::unsubscribe(&mut buf, number, topic.as_bytes()).expect("it fits");
        let Some(v4::Packet::Unsubscribe(request)) = crate::theirs(&buf[..len]) else {
            panic!("not UNSUBSCRIBE");
        };
        prop_assert_eq!(request.pkid, id);
        prop_assert_eq!(request.topics, [topic.clone()]);

        let connect = emit::Connect {
            client_id: topic.as_bytes(),
            username: b"user",
            password: b"made up",
            keep_alive,
            clean_session,
        };
        let len = connect.emit(&mut buf).expect("it fits");
        let Some(v4::Packet::Connect(request)) = crate::theirs(&buf[..len]) else {
            panic!("not CONNECT");
        };
        prop_assert_eq!(request.client_id, topic);
        prop_assert_eq!((request.keep_alive, request.clean_session), (keep_alive, clean_session));
        prop_assert_eq!(request.last_will, None);
        let login = request.login.expect("a login");
        prop_assert_eq!((&*login.username, &*login.password), ("user", "made up"));

        for (packet, expected) in [
            (emit::puback(number), v4::Packet::PubAck(v4::PubAck::new(id))),
            (emit::pubrec(number), v4::Packet::PubRec(v4::PubRec::new(id))),
            (emit::pubcomp(number), v4::Packet::PubComp(v4::PubComp::new(id))),
        ] {
            prop_assert_eq!(crate::theirs(&packet), Some(expected));
        }
    }

    /// Any bytes at all: no panic, and what is borrowed lies in the packet.
    #[test]
    fn parsing_survives_any_bytes(first in any::<u8>(), body in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(Packet::Publish(message)) = Packet::parse(first, &body) {
            let inside = |part: &[u8]| body.as_ptr_range().start <= part.as_ptr()
                && part.as_ptr_range().end <= body.as_ptr_range().end;
            prop_assert!(inside(message.topic) && inside(message.payload));
        }
    }

    /// A stream of packets in pieces: never is a byte asked for that belongs to the next packet, and each packet comes
    /// out as it went in, or is skipped if the buffer is too small.
    #[test]
    fn no_byte_of_the_next_packet_is_touched(
        packets in prop::collection::vec(from_server(), 1..6),
        room in 5usize..400,
        piece in 1usize..50,
    ) {
        let stream = packets.concat();
        let mut rest = &stream[..];
        for packet in &packets {
            let mut buffer = vec![0; room];
            let mut receiver = Receiver::new();
            let mut left = packet.len();
            let progress = loop {
                let want = receiver.want();
                prop_assert!(!want.is_empty() && want.end <= room);
                prop_assert!(want.len() <= left, "beyond the packet");
                let count = want.len().min(piece);
                let (now, later) = rest.split_at(count);
                buffer[want.start..][..count].copy_from_slice(now);
                (rest, left) = (later, left - count);
                match receiver.received(count, &buffer) {
                    Progress::Short | Progress::More | Progress::TooLarge => {}
                    progress => break progress,
                }
            };
            prop_assert_eq!(left, 0);
            if packet.len() <= room {
                prop_assert_eq!(progress, Progress::Packet);
                prop_assert_eq!(&buffer[..receiver.packet_len()], &packet[..]);
                let (_, body) = split(packet).expect("a packet");
                prop_assert_eq!(usize::from(receiver.header_len()), packet.len() - body.len());
            } else {
                prop_assert_eq!(progress, Progress::Skipped);
                let id = match ours(packet) {
                    Some(Packet::Publish(message)) => message.id.map(|id| (message.qos, id)),
                    _ => None,
                };
                prop_assert_eq!(receiver.answer(), id);
            }
        }
    }

    /// Any bytes as a stream: what is wanted lies in the buffer, and there is always an end.
    #[test]
    fn receiving_survives_any_stream(
        stream in prop::collection::vec(any::<u8>(), 0..200),
        room in 5usize..40,
        piece in 1usize..10,
    ) {
        let mut buffer = vec![0; room];
        let mut receiver = Receiver::new();
        let mut rest = &stream[..];
        while !rest.is_empty() {
            let want = receiver.want();
            prop_assert!(!want.is_empty() && want.end <= room);
            let count = want.len().min(piece).min(rest.len());
            let (now, later) = rest.split_at(count);
            buffer[want.start..][..count].copy_from_slice(now);
            rest = later;
            match receiver.received(count, &buffer) {
                Progress::Short | Progress::More | Progress::TooLarge => {}
                Progress::Packet => {
                    let header = usize::from(receiver.header_len());
                    let len = receiver.packet_len();
                    prop_assert!((2..=5).contains(&header) && header <= len && len <= room);
                    let _ = Packet::parse(buffer[0], &buffer[header..len]); // no panic
                    receiver = Receiver::new();
                }
                Progress::Skipped => receiver = Receiver::new(),
                Progress::Malformed => break,
            }
        }
    }

    /// Filters against another matcher, whose topics are those of an application.
    #[test]
    fn filters_match_as_those_of_another_matcher(
        filter in "/(a|b|\\+|)(/(a|b|\\+|)){0,3}(/#)?",
        name in "/(a|b|)(/(a|b|)){0,4}",
    ) {
        prop_assert_eq!(
            topic::matches(filter.as_bytes(), name.as_bytes()),
            mqttbytes::matches(&name, &filter)
        );
    }
}

/// Packets as the standard gives them, or as its figures and tables put them together; the section of each.
#[test]
fn the_packets_of_the_standard() {
    fn id(number: u16) -> NonZeroU16 {
        NonZeroU16::new(number).expect("not 0")
    }

    let mut buf = [0; 64];

    // 3.1: protocol name and level, keep-alive of 10 s (figure 3.6), the flags that this client uses.
    let connect = emit::Connect {
        client_id: b"id",
        username: b"user",
        password: b"pass",
        keep_alive: 10,
        clean_session: true,
    };
    let len = connect.emit(&mut buf).expect("it fits");
    assert_eq!(
        buf[..len],
        *b"\x10\x1a\x00\x04MQTT\x04\xc2\x00\x0a\x00\x02id\x00\x04user\x00\x04pass"
    );

    // 3.2: connection accepted, with and without the old session; 5 is "not authorized" (table 3.1).
    let accepted = |session_present| Some(Packet::ConnAck(ConnAck::Accepted { session_present }));
    assert_eq!(ours(b"\x20\x02\x00\x00"), accepted(false));
    assert_eq!(ours(b"\x20\x02\x01\x00"), accepted(true));
    assert_eq!(
        ours(b"\x20\x02\x00\x05"),
        Some(Packet::ConnAck(ConnAck::Refused(Refusal::NotAuthorized)))
    );

    // 3.3: figure 3.11, topic name a/b and packet id 10.
    let message = Publish {
        qos: QoS::AtLeastOnce,
        dup: false,
        retain: false,
        topic: b"a/b",
        id: Some(id(10)),
        payload: b"",
    };
    assert_eq!(
        ours(b"\x32\x07\x00\x03a/b\x00\x0a"),
        Some(Packet::Publish(message))
    );

    // 1.5.3: the text of figure 1.2, "A" and U+2A6D4.
    let message = Publish {
        qos: QoS::AtMostOnce,
        topic: "A\u{2a6d4}".as_bytes(),
        id: None,
        ..message
    };
    assert_eq!(
        ours(b"\x30\x07\x00\x05A\xf0\xaa\x9b\x94"),
        Some(Packet::Publish(message))
    );

    // 2.2.3: a remaining length of 64 is one byte, 321 is 193 and 2.
    for (remaining, field) in [(64, &[64][..]), (321, &[193, 2])] {
        let message = emit::Publish {
            topic: b"a/b",
            payload: &vec![0; remaining - 5],
            retain: false,
            id: None,
        };
        let mut buf = vec![0; 400];
        let len = message.emit(&mut buf).expect("it fits");
        assert_eq!((buf[0], &buf[1..len - remaining]), (0x30, field));
    }

    // 3.8: figures 3.20 to 3.24, the first filter alone: a/b with QoS 1, packet id 10.
    let len = emit::subscribe(&mut buf, id(10), b"a/b", QoS::AtLeastOnce).expect("it fits");
    assert_eq!(buf[..len], *b"\x82\x08\x00\x0a\x00\x03a/b\x01");

    // 3.9: figure 3.27, success with QoS 0, success with QoS 2, failure.
    assert_eq!(
        ours(b"\x90\x05\x00\x0a\x00\x02\x80"),
        Some(Packet::SubAck(SubAck {
            id: id(10),
            codes: &[0, 2, 0x80]
        }))
    );

    // 3.10: figures 3.28 to 3.31, the first filter alone.
    let len = emit::unsubscribe(&mut buf, id(10), b"a/b").expect("it fits");
    assert_eq!(buf[..len], *b"\xa2\x07\x00\x0a\x00\x03a/b");

    // 3.4 to 3.7, 3.11: acknowledgements.
    assert_eq!(ours(b"\x40\x02\x00\x0a"), Some(Packet::PubAck(id(10))));
    assert_eq!(ours(b"\x50\x02\x00\x0a"), Some(Packet::PubRec(id(10))));
    assert_eq!(ours(b"\x62\x02\x00\x0a"), Some(Packet::PubRel(id(10))));
    assert_eq!(ours(b"\x70\x02\x00\x0a"), Some(Packet::PubComp(id(10))));
    assert_eq!(ours(b"\xb0\x02\x00\x0a"), Some(Packet::UnsubAck(id(10))));
    assert_eq!(emit::puback(id(10)), *b"\x40\x02\x00\x0a");
    assert_eq!(emit::pubrec(id(10)), *b"\x50\x02\x00\x0a");
    assert_eq!(emit::pubcomp(id(10)), *b"\x70\x02\x00\x0a");

    // 3.12 to 3.14.
    assert_eq!(emit::PINGREQ, *b"\xc0\x00");
    assert_eq!(ours(b"\xd0\x00"), Some(Packet::PingResp));
    assert_eq!(emit::DISCONNECT, *b"\xe0\x00");
}
