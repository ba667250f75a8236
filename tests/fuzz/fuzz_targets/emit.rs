//! What a client sends, read by mqttbytes: everything is as it was asked for, in exactly the bytes that are counted.
#![no_main]

use std::num::NonZeroU16;

use bytes::BytesMut;
use iotkit::wire::mqtt::{
    QoS,
    emit::{self, TooLarge},
};
use iotkit_fuzz::Input;
use libfuzzer_sys::fuzz_target;
use mqttbytes::v4;

fuzz_target!(|input: &[u8]| {
    let mut input = Input::new(input);
    let kind = input.below(8);
    let id = NonZeroU16::new(input.u16()).unwrap_or(NonZeroU16::MAX);
    match kind {
        0 => connect(&mut input),
        1 => publish(&mut input, None),
        2 => publish(&mut input, Some(id)),
        3 => {
            let qos = input.one_of(&[QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce]);
            let filter = text(&mut input);
            let written = written(&[&filter], |buf| {
                emit::subscribe(buf, id, filter.as_bytes(), qos)
            });
            let Some(v4::Packet::Subscribe(theirs)) = fits(written, &[&filter]) else {
                return;
            };
            let [asked] = &theirs.filters[..] else {
                panic!("one filter was asked for");
            };
            assert_eq!((theirs.pkid, &asked.path), (id.get(), &filter));
            assert_eq!(asked.qos as u8, qos as u8);
        }
        4 => {
            let filter = text(&mut input);
            let written = written(&[&filter], |buf| {
                emit::unsubscribe(buf, id, filter.as_bytes())
            });
            if let Some(v4::Packet::Unsubscribe(theirs)) = fits(written, &[&filter]) {
                assert_eq!((theirs.pkid, theirs.topics), (id.get(), vec![filter]));
            }
        }
        5 => assert_eq!(
            read(&emit::puback(id)),
            v4::Packet::PubAck(v4::PubAck { pkid: id.get() })
        ),
        6 => assert_eq!(
            read(&emit::pubrec(id)),
            v4::Packet::PubRec(v4::PubRec { pkid: id.get() })
        ),
        _ => assert_eq!(
            read(&emit::pubcomp(id)),
            v4::Packet::PubComp(v4::PubComp { pkid: id.get() })
        ),
    }
});

fn connect(input: &mut Input<'_>) {
    let keep_alive = input.u16();
    let clean_session = input.byte() % 2 == 1;
    let [client_id, username, password] = [text(input), text(input), text(input)];
    let connect = emit::Connect {
        client_id: client_id.as_bytes(),
        username: username.as_bytes(),
        password: password.as_bytes(),
        keep_alive,
        clean_session,
    };
    let texts = [&*client_id, &username, &password];
    let written = written(&texts, |buf| connect.emit(buf));
    let Some(packet) = fits(written, &texts) else {
        return;
    };
    let theirs = v4::Connect {
        protocol: mqttbytes::Protocol::V4,
        keep_alive,
        client_id,
        clean_session,
        last_will: None,
        // Two empty texts are none to mqttbytes.
        login: (!username.is_empty() || !password.is_empty())
            .then_some(v4::Login { username, password }),
    };
    assert_eq!(packet, v4::Packet::Connect(theirs));
}

fn publish(input: &mut Input<'_>, id: Option<NonZeroU16>) {
    let retain = input.byte() % 2 == 1;
    let topic = text(input);
    let payload = text(input);
    let message = emit::Publish {
        topic: topic.as_bytes(),
        payload: payload.as_bytes(),
        retain,
        id,
    };
    let mut written = written(&[&topic, &payload], |buf| message.emit(buf));
    let dup = input.byte() % 2 == 1;
    if dup && let Ok(packet) = &mut written {
        emit::Publish::set_dup(packet);
    }
    let Some(packet) = fits(written, &[&topic]) else {
        return;
    };
    let theirs = v4::Publish {
        dup,
        qos: match id {
            Some(_) => mqttbytes::QoS::AtLeastOnce,
            None => mqttbytes::QoS::AtMostOnce,
        },
        retain,
        topic,
        pkid: id.map_or(0, NonZeroU16::get),
        payload: payload.into(),
    };
    assert_eq!(packet, v4::Packet::Publish(theirs));
}

/// A text of any length that MQTT allows, and a little longer.
fn text(input: &mut Input<'_>) -> String {
    let repeated = usize::from(input.u16() >> 3).max(1);
    let text = String::from_utf8_lossy(input.piece());
    let repeated = repeated.min((usize::from(u16::MAX) + 8) / text.len().max(1));
    text.repeat(repeated)
}

/// The packet, made of these texts, which lies at the start of a buffer and leaves the rest alone.
fn written(
    texts: &[&str],
    emit: impl Fn(&mut [u8]) -> Result<usize, TooLarge>,
) -> Result<Vec<u8>, TooLarge> {
    /// More than there is beside the texts.
    const BESIDE: usize = 64;
    const UNTOUCHED: u8 = 0xa5;

    let room = BESIDE + texts.iter().map(|text| text.len()).sum::<usize>();
    let mut buf = vec![UNTOUCHED; room];
    let len = emit(&mut buf)?;
    assert!(buf[len..].iter().all(|byte| *byte == UNTOUCHED));
    assert_eq!(emit(&mut vec![0; len]), Ok(len), "just enough room");
    assert_eq!(emit(&mut vec![0; len - 1]), Err(TooLarge));
    buf.truncate(len);
    Ok(buf)
}

/// The packet as mqttbytes reads it; there is none if one of the texts is longer than its length can say.
fn fits(written: Result<Vec<u8>, TooLarge>, texts: &[&str]) -> Option<v4::Packet> {
    let too_long = texts.iter().any(|text| text.len() > u16::MAX.into());
    assert_eq!(written.is_err(), too_long);
    Some(read(&written.ok()?))
}

fn read(packet: &[u8]) -> v4::Packet {
    let mut stream = BytesMut::from(packet);
    let read = v4::read(&mut stream, usize::MAX).expect("a packet");
    assert!(stream.is_empty(), "and nothing else");
    read
}
