//! A packet from the server, its first byte and its body: what mqttbytes reads as well is read the same, and what only
//! mqttbytes accepts is refused for a reason that is known.
#![no_main]

use bytes::BytesMut;
use iotkit::wire::mqtt::{ConnAck, Malformed, Packet, QoS, Refusal, SubAck};
use iotkit_fuzz::mqtt::packet;
use libfuzzer_sys::fuzz_target;
use mqttbytes::v4::{self, ConnectReturnCode, SubscribeReasonCode};

/// What the standard forbids and mqttbytes 0.6 lets pass.
const STRICTER: [&str; 7] = [
    "reserved flags are set",           // section 2.2.2
    "CONNACK: length is not 2",         // 3.2.1
    "CONNACK: reserved flags are set",  // 3.2.2.1
    "PUBLISH: not a topic name",        // 3.3.2.1, 4.7.3
    "acknowledgement: length is not 2", // 3.4.1, 3.5.1, 3.6.1, 3.7.1
    "packet id 0",                      // 2.3.1
    "PINGRESP with content",            // 3.13
];

fuzz_target!(|input: &[u8]| {
    let Some((&first, body)) = input.split_first() else {
        return;
    };
    let ours = Packet::parse(first, body);
    if !matches!(first >> 4, 2..=7 | 9 | 11 | 13) {
        assert!(ours.is_err(), "servers do not send it");
        return;
    }
    let mut stream = BytesMut::from(&packet(first, body)[..]);
    match (ours, v4::read(&mut stream, usize::MAX)) {
        (Ok(ours), Ok(theirs)) => assert!(same(&ours, &theirs), "{ours:?} is not {theirs:?}"),
        (Err(Malformed(why)), Ok(theirs)) => assert!(STRICTER.contains(&why), "{why}: {theirs:?}"),
        // A code that may come to mean something.
        (
            Ok(Packet::ConnAck(ConnAck::Refused(Refusal::Unknown(6..)))),
            Err(mqttbytes::Error::InvalidConnectReturnCode(6..)),
        ) => {}
        (Ok(ours), Err(error)) => panic!("{ours:?}, but {error:?}"),
        (Err(_), Err(_)) => {}
    }
});

fn same(ours: &Packet<'_>, theirs: &v4::Packet) -> bool {
    match (ours, theirs) {
        (Packet::ConnAck(ours), v4::Packet::ConnAck(theirs)) => match (ours, theirs.code) {
            (ConnAck::Accepted { session_present }, ConnectReturnCode::Success) => {
                *session_present == theirs.session_present
            }
            (ConnAck::Refused(ours), theirs) => matches!(
                (ours, theirs),
                (Refusal::Version, ConnectReturnCode::RefusedProtocolVersion)
                    | (Refusal::ClientId, ConnectReturnCode::BadClientId)
                    | (Refusal::Unavailable, ConnectReturnCode::ServiceUnavailable)
                    | (Refusal::BadUserData, ConnectReturnCode::BadUserNamePassword)
                    | (Refusal::NotAuthorized, ConnectReturnCode::NotAuthorized)
            ),
            _ => false,
        },
        (Packet::Publish(ours), v4::Packet::Publish(theirs)) => {
            ours.qos as u8 == theirs.qos as u8
                && ours.dup == theirs.dup
                && ours.retain == theirs.retain
                && ours.topic == theirs.topic.as_bytes()
                && ours.id.map_or(0, |id| id.get()) == theirs.pkid
                && ours.id.is_none() == (ours.qos == QoS::AtMostOnce)
                && *ours.payload == *theirs.payload
        }
        (Packet::PubAck(id), v4::Packet::PubAck(theirs)) => id.get() == theirs.pkid,
        (Packet::PubRec(id), v4::Packet::PubRec(theirs)) => id.get() == theirs.pkid,
        (Packet::PubRel(id), v4::Packet::PubRel(theirs)) => id.get() == theirs.pkid,
        (Packet::PubComp(id), v4::Packet::PubComp(theirs)) => id.get() == theirs.pkid,
        (Packet::UnsubAck(id), v4::Packet::UnsubAck(theirs)) => id.get() == theirs.pkid,
        (Packet::SubAck(ours), v4::Packet::SubAck(theirs)) => {
            let codes = theirs.return_codes.iter().map(|code| match code {
                SubscribeReasonCode::Success(qos) => *qos as u8,
                SubscribeReasonCode::Failure => SubAck::REFUSED,
            });
            ours.id.get() == theirs.pkid && ours.codes.iter().copied().eq(codes)
        }
        (Packet::PingResp, v4::Packet::PingResp) => true,
        _ => false,
    }
}
