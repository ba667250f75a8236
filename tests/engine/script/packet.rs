//! Packets of both sides, put together from the standard's figures. The engine's codec has no part in it.

use std::ops::Deref;

pub(crate) const PINGREQ: [u8; 2] = [0xc0, 0];
pub(crate) const PINGRESP: [u8; 2] = [0xd0, 0];
pub(crate) const DISCONNECT: [u8; 2] = [0xe0, 0];

/// A packet with this first byte and body.
pub(crate) fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![first];
    let mut rest = body.len();
    loop {
        let more = if rest > 0x7f { 0x80 } else { 0 };
        packet.push((rest & 0x7f) as u8 | more);
        rest >>= 7;
        if rest == 0 {
            break;
        }
    }
    packet.extend(body);
    packet
}

/// Text behind its length.
fn text(text: &str) -> Vec<u8> {
    let len = u16::try_from(text.len()).expect("a short text");
    [&len.to_be_bytes(), text.as_bytes()].concat()
}

pub(crate) fn connect(client_id: &str, keep_alive: u16, clean_session: bool) -> Vec<u8> {
    let flags = 0xc0 | u8::from(clean_session) << 1;
    let body = [
        &text("MQTT")[..],
        &[4, flags],
        &keep_alive.to_be_bytes(),
        &text(client_id),
        &text(super::USERNAME),
        &text(super::PASSWORD),
    ];
    packet(0x10, &body.concat())
}

pub(crate) fn connack(session_present: bool, code: u8) -> Vec<u8> {
    packet(0x20, &[session_present.into(), code])
}

/// PUBLISH, with QoS 0 unless it is given another one.
pub(crate) fn publish(topic: &str, payload: impl AsRef<[u8]>) -> Publish {
    Publish {
        flags: 0,
        topic: text(topic),
        id: None,
        payload: payload.as_ref().to_vec(),
        bytes: Vec::new(),
    }
    .finish()
}

pub(crate) struct Publish {
    flags: u8,
    topic: Vec<u8>,
    id: Option<u16>,
    payload: Vec<u8>,
    bytes: Vec<u8>,
}

impl Publish {
    pub(crate) fn qos(mut self, qos: u8, id: u16) -> Self {
        self.flags |= qos << 1;
        self.id = Some(id);
        self.finish()
    }

    pub(crate) fn dup(mut self) -> Self {
        self.flags |= 0x08;
        self.finish()
    }

    pub(crate) fn retain(mut self) -> Self {
        self.flags |= 0x01;
        self.finish()
    }

    fn finish(mut self) -> Self {
        let id = self.id.map_or(Vec::new(), |id| id.to_be_bytes().to_vec());
        let body = [&self.topic[..], &id, &self.payload].concat();
        self.bytes = packet(0x30 | self.flags, &body);
        self
    }
}

impl Deref for Publish {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

pub(crate) fn puback(id: u16) -> Vec<u8> {
    packet(0x40, &id.to_be_bytes())
}

pub(crate) fn pubrec(id: u16) -> Vec<u8> {
    packet(0x50, &id.to_be_bytes())
}

pub(crate) fn pubrel(id: u16) -> Vec<u8> {
    packet(0x62, &id.to_be_bytes())
}

pub(crate) fn pubcomp(id: u16) -> Vec<u8> {
    packet(0x70, &id.to_be_bytes())
}

pub(crate) fn subscribe(id: u16, filter: &str, qos: u8) -> Vec<u8> {
    let body = [&id.to_be_bytes()[..], &text(filter), &[qos]];
    packet(0x82, &body.concat())
}

pub(crate) fn suback(id: u16, code: u8) -> Vec<u8> {
    let [high, low] = id.to_be_bytes();
    packet(0x90, &[high, low, code])
}

pub(crate) fn unsubscribe(id: u16, filter: &str) -> Vec<u8> {
    packet(0xa2, &[&id.to_be_bytes()[..], &text(filter)].concat())
}

pub(crate) fn unsuback(id: u16) -> Vec<u8> {
    packet(0xb0, &id.to_be_bytes())
}

/// The length of the first packet in a stream, if all of it is there.
pub(crate) fn first_len(stream: &[u8]) -> Option<usize> {
    let mut remaining = 0;
    for (index, byte) in stream.iter().skip(1).enumerate().take(4) {
        remaining |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            let len = 2 + index + remaining;
            return (stream.len() >= len).then_some(len);
        }
    }
    None
}

/// The id of a message with QoS 1, if that is what the packet is.
pub(crate) fn message_id(packet: &[u8]) -> Option<u16> {
    if packet[0] & 0xf6 != 0x32 {
        return None;
    }
    let header = 2 + packet
        .iter()
        .skip(1)
        .take_while(|byte| **byte & 0x80 != 0)
        .count();
    let number = |at: usize| u16::from_be_bytes([packet[at], packet[at + 1]]);
    Some(number(header + 2 + usize::from(number(header))))
}

/// These packets are what mqttbytes reads.
#[test]
fn packets_are_those_of_another_codec() {
    use bytes::BytesMut;
    use mqttbytes::{
        QoS,
        v4::{Connect, ConnectReturnCode, Packet, SubscribeReasonCode, read},
    };

    let read = |packet: &[u8]| {
        let mut stream = BytesMut::from(packet);
        let packet = read(&mut stream, 1_000_000).expect("a packet");
        assert!(stream.is_empty());
        packet
    };
    let Packet::Connect(Connect {
        keep_alive,
        client_id,
        clean_session,
        login: Some(login),
        ..
    }) = read(&connect("c", 61, false))
    else {
        panic!("not CONNECT");
    };
    assert_eq!((keep_alive, &*client_id, clean_session), (61, "c", false));
    assert_eq!(
        (&*login.username, &*login.password),
        (super::USERNAME, super::PASSWORD)
    );

    let Packet::ConnAck(answer) = read(&connack(true, 5)) else {
        panic!("not CONNACK");
    };
    assert!(answer.session_present);
    assert_eq!(answer.code, ConnectReturnCode::NotAuthorized);

    let Packet::Publish(message) = read(&publish("/a", [7; 300]).qos(1, 0x0102).dup().retain())
    else {
        panic!("not PUBLISH");
    };
    assert!(message.dup && message.retain);
    assert_eq!((message.qos, message.pkid), (QoS::AtLeastOnce, 0x0102));
    assert_eq!((&*message.topic, &*message.payload), ("/a", &[7; 300][..]));

    let Packet::Subscribe(request) = read(&subscribe(9, "/a/#", 2)) else {
        panic!("not SUBSCRIBE");
    };
    assert_eq!(request.pkid, 9);
    assert_eq!(request.filters.len(), 1);
    assert_eq!(request.filters[0].path, "/a/#");
    assert_eq!(request.filters[0].qos, QoS::ExactlyOnce);

    let Packet::Unsubscribe(request) = read(&unsubscribe(9, "/a/#")) else {
        panic!("not UNSUBSCRIBE");
    };
    assert_eq!(
        (request.pkid, &request.topics[..]),
        (9, &["/a/#".to_owned()][..])
    );

    let Packet::SubAck(answer) = read(&suback(9, 0x80)) else {
        panic!("not SUBACK");
    };
    assert_eq!(
        (answer.pkid, &answer.return_codes[..]),
        (9, &[SubscribeReasonCode::Failure][..])
    );

    assert!(matches!(read(&puback(9)), Packet::PubAck(packet) if packet.pkid == 9));
    assert!(matches!(read(&pubrec(9)), Packet::PubRec(packet) if packet.pkid == 9));
    assert!(matches!(read(&pubrel(9)), Packet::PubRel(packet) if packet.pkid == 9));
    assert!(matches!(read(&pubcomp(9)), Packet::PubComp(packet) if packet.pkid == 9));
    assert!(matches!(read(&unsuback(9)), Packet::UnsubAck(packet) if packet.pkid == 9));
    assert_eq!(read(&PINGREQ), Packet::PingReq);
    assert_eq!(read(&PINGRESP), Packet::PingResp);
    assert_eq!(read(&DISCONNECT), Packet::Disconnect);
}
