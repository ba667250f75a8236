//! What a server may send.

use core::num::NonZeroU16;

use super::{DUP, QoS, RETAIN, is_plain, kind};

/// The packet breaks the standard in the way the text says. The connection must be closed (section 4.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

/// A packet from a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// CONNACK: the answer to CONNECT.
    ConnAck(ConnAck),
    /// PUBLISH: a message.
    Publish(Publish<'a>),
    /// PUBACK: the server has the QoS 1 message with this id.
    PubAck(NonZeroU16),
    /// PUBREC: the server has the QoS 2 message with this id.
    PubRec(NonZeroU16),
    /// PUBREL: the server will not send the QoS 2 message with this id again.
    PubRel(NonZeroU16),
    /// PUBCOMP: the server has forgotten the id of a QoS 2 message.
    PubComp(NonZeroU16),
    /// SUBACK: the answer to SUBSCRIBE.
    SubAck(SubAck<'a>),
    /// UNSUBACK: the answer to the UNSUBSCRIBE with this id.
    UnsubAck(NonZeroU16),
    /// PINGRESP: the server is there.
    PingResp,
}

impl<'a> Packet<'a> {
    /// Reads a packet: its first byte, and all that follows the remaining length.
    pub fn parse(first: u8, body: &'a [u8]) -> Result<Self, Malformed> {
        let (kind, flags) = (first >> 4, first & 0x0f);
        if kind == kind::PUBLISH {
            return Publish::parse(first, body).map(Self::Publish);
        }
        // Reserved flags (section 2.2.2).
        if flags != if kind == kind::PUBREL { 0b0010 } else { 0 } {
            return Err(Malformed("reserved flags are set"));
        }
        match kind {
            kind::CONNACK => ConnAck::parse(body).map(Self::ConnAck),
            kind::PUBACK => id_alone(body).map(Self::PubAck),
            kind::PUBREC => id_alone(body).map(Self::PubRec),
            kind::PUBREL => id_alone(body).map(Self::PubRel),
            kind::PUBCOMP => id_alone(body).map(Self::PubComp),
            kind::SUBACK => SubAck::parse(body).map(Self::SubAck),
            kind::UNSUBACK => id_alone(body).map(Self::UnsubAck),
            kind::PINGRESP if body.is_empty() => Ok(Self::PingResp),
            kind::PINGRESP => Err(Malformed("PINGRESP with content")),
            _ => Err(Malformed("a packet that servers do not send")),
        }
    }
}

/// CONNACK: the answer to CONNECT (section 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnAck {
    /// Connected.
    Accepted {
        /// The server has kept the session: subscriptions, and messages on their way.
        session_present: bool,
    },
    /// Not connected.
    Refused(Refusal),
}

/// Why a server refuses a connection (section 3.2.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 1: it does not speak this version of MQTT.
    Version,
    /// 2: it does not accept this client id.
    ClientId,
    /// 3: it is out of service.
    Unavailable,
    /// 4: the user name or the password is wrong.
    BadUserData,
    /// 5: the client may not connect.
    NotAuthorized,
    /// A code the standard does not know.
    Unknown(u8),
}

impl Refusal {
    /// The name for a log line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Version => "unacceptable protocol version",
            Self::ClientId => "client id rejected",
            Self::Unavailable => "server unavailable",
            Self::BadUserData => "bad user name or password",
            Self::NotAuthorized => "not authorized",
            Self::Unknown(_) => "unknown return code",
        }
    }
}

impl ConnAck {
    fn parse(body: &[u8]) -> Result<Self, Malformed> {
        let &[flags, code] = body else {
            return Err(Malformed("CONNACK: length is not 2"));
        };
        let refusal = match code {
            0 if flags <= 1 => {
                return Ok(Self::Accepted {
                    session_present: flags == 1,
                });
            }
            0 => return Err(Malformed("CONNACK: reserved flags are set")),
            1 => Refusal::Version,
            2 => Refusal::ClientId,
            3 => Refusal::Unavailable,
            4 => Refusal::BadUserData,
            5 => Refusal::NotAuthorized,
            code => Refusal::Unknown(code),
        };
        Ok(Self::Refused(refusal))
    }
}

/// PUBLISH: a message (section 3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publish<'a> {
    /// How often it may arrive.
    pub qos: QoS,
    /// It may have arrived before.
    pub dup: bool,
    /// It was kept for new subscribers.
    pub retain: bool,
    /// Its topic: UTF-8, not empty, without wildcards.
    pub topic: &'a [u8],
    /// Its id, unless its QoS is 0.
    pub id: Option<NonZeroU16>,
    /// The message itself.
    pub payload: &'a [u8],
}

impl<'a> Publish<'a> {
    /// Reads a packet that is a PUBLISH: its first byte, and all that follows the remaining length.
    #[inline]
    pub fn parse(first: u8, body: &'a [u8]) -> Result<Self, Malformed> {
        let qos = QoS::from_bits(first >> 1 & 0b11).ok_or(Malformed("PUBLISH: QoS 3"))?;
        let (topic, rest) = text(body).ok_or(Malformed("PUBLISH: topic beyond the end"))?;
        if topic.is_empty() || !(is_plain(topic) || is_topic_name(topic)) {
            return Err(Malformed("PUBLISH: not a topic name"));
        }
        let (id, payload) = match qos {
            QoS::AtMostOnce => (None, rest),
            QoS::AtLeastOnce | QoS::ExactlyOnce => {
                let (id, payload) = rest
                    .split_first_chunk()
                    .ok_or(Malformed("PUBLISH: no packet id"))?;
                (Some(id_of(*id)?), payload)
            }
        };
        Ok(Self {
            qos,
            dup: first & DUP != 0,
            retain: first & RETAIN != 0,
            topic,
            id,
            payload,
        })
    }
}

/// SUBACK: the answer to SUBSCRIBE (section 3.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubAck<'a> {
    /// The id of the SUBSCRIBE.
    pub id: NonZeroU16,
    /// A code for each filter: the QoS granted (0 to 2), or [`SubAck::REFUSED`].
    pub codes: &'a [u8],
}

impl<'a> SubAck<'a> {
    /// The server does not deliver messages for this filter.
    pub const REFUSED: u8 = 0x80;

    fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        let (id, codes) = body
            .split_first_chunk()
            .ok_or(Malformed("SUBACK: no packet id"))?;
        if codes.is_empty() {
            return Err(Malformed("SUBACK: no code"));
        }
        if !codes
            .iter()
            .all(|code| matches!(*code, 0..=2 | Self::REFUSED))
        {
            return Err(Malformed("SUBACK: a reserved code"));
        }
        Ok(Self {
            id: id_of(*id)?,
            codes,
        })
    }
}

/// Sections 1.5.3, 3.3.2.1 and 4.7.3.
#[cold]
fn is_topic_name(topic: &[u8]) -> bool {
    core::str::from_utf8(topic).is_ok() && !topic.iter().any(|byte| matches!(byte, 0 | b'+' | b'#'))
}

/// A body that is a packet id and nothing else.
fn id_alone(body: &[u8]) -> Result<NonZeroU16, Malformed> {
    let id =
        <[u8; 2]>::try_from(body).map_err(|_| Malformed("acknowledgement: length is not 2"))?;
    id_of(id)
}

fn id_of(bytes: [u8; 2]) -> Result<NonZeroU16, Malformed> {
    NonZeroU16::new(u16::from_be_bytes(bytes)).ok_or(Malformed("packet id 0"))
}

/// Text behind its length (section 1.5.3), and what follows.
fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u16::from_be_bytes(*len).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u16) -> NonZeroU16 {
        NonZeroU16::new(number).expect("not 0")
    }

    #[test]
    fn connack_says_whether_and_why_not() {
        fn parse(body: &[u8]) -> Result<Packet<'_>, Malformed> {
            Packet::parse(0x20, body)
        }
        let accepted = |session_present| Ok(Packet::ConnAck(ConnAck::Accepted { session_present }));
        assert_eq!(parse(&[0, 0]), accepted(false));
        assert_eq!(parse(&[1, 0]), accepted(true));
        for (code, refusal) in [
            (1, Refusal::Version),
            (2, Refusal::ClientId),
            (3, Refusal::Unavailable),
            (4, Refusal::BadUserData),
            (5, Refusal::NotAuthorized),
            (6, Refusal::Unknown(6)),
            (255, Refusal::Unknown(255)),
        ] {
            assert_eq!(
                parse(&[0, code]),
                Ok(Packet::ConnAck(ConnAck::Refused(refusal)))
            );
        }
        for body in [&[][..], &[0], &[0, 0, 0], &[2, 0]] {
            assert!(parse(body).is_err(), "{body:?}");
        }
    }

    /// Figure 3.11 and the example before it: topic `a/b`, packet id 10, QoS 1.
    #[test]
    fn the_message_of_the_standard() {
        let body = [0, 3, b'a', b'/', b'b', 0, 10, b'x'];
        let message = Publish {
            qos: QoS::AtLeastOnce,
            dup: false,
            retain: false,
            topic: b"a/b",
            id: Some(id(10)),
            payload: b"x",
        };
        assert_eq!(Packet::parse(0x32, &body), Ok(Packet::Publish(message)));
        let repeated = Publish {
            dup: true,
            retain: true,
            ..message
        };
        assert_eq!(Packet::parse(0x3b, &body), Ok(Packet::Publish(repeated)));
        let at_most_once = Publish {
            qos: QoS::AtMostOnce,
            id: None,
            payload: &[0, 10, b'x'],
            ..message
        };
        assert_eq!(
            Packet::parse(0x30, &body),
            Ok(Packet::Publish(at_most_once))
        );
    }

    #[test]
    fn messages_that_break_the_standard() {
        for (first, body) in [
            (0x30, &[][..]),
            (0x30, &[0]),
            (0x30, &[0, 0]),
            (0x30, &[0, 2, b'a']),
            (0x30, &[0xff, 0xff, b'a']),
            (0x30, &[0, 1, b'+']),
            (0x30, &[0, 2, b'/', b'#']),
            (0x30, &[0, 2, b'/', 0]),
            (0x30, &[0, 2, b'/', 0xff]),
            (0x32, &[0, 1, b'a']),
            (0x32, &[0, 1, b'a', 1]),
            (0x32, &[0, 1, b'a', 0, 0]),
            (0x36, &[0, 1, b'a', 0, 1]),
        ] {
            assert!(Packet::parse(first, body).is_err(), "{first:#x} {body:?}");
        }
    }

    #[test]
    fn acknowledgements_are_an_id_and_nothing_else() {
        for (first, packet) in [
            (0x40, Packet::PubAck(id(0x0102))),
            (0x50, Packet::PubRec(id(0x0102))),
            (0x62, Packet::PubRel(id(0x0102))),
            (0x70, Packet::PubComp(id(0x0102))),
            (0xb0, Packet::UnsubAck(id(0x0102))),
        ] {
            assert_eq!(Packet::parse(first, &[1, 2]), Ok(packet));
            for body in [&[][..], &[1], &[1, 2, 3], &[0, 0]] {
                assert!(Packet::parse(first, body).is_err(), "{first:#x} {body:?}");
            }
            assert!(Packet::parse(first ^ 0x02, &[1, 2]).is_err());
        }
    }

    #[test]
    fn suback_has_a_code_for_each_filter() {
        let codes: &[u8] = &[0, 1, 2, 0x80];
        let body = [&[0, 10], codes].concat();
        assert_eq!(
            Packet::parse(0x90, &body),
            Ok(Packet::SubAck(SubAck { id: id(10), codes }))
        );
        for body in [
            &[][..],
            &[0],
            &[0, 10],
            &[0, 0, 0],
            &[0, 10, 3],
            &[0, 10, 0x81],
        ] {
            assert!(Packet::parse(0x90, body).is_err(), "{body:?}");
        }
        assert!(Packet::parse(0x90, &[&[0, 10][..], &[1; 100]].concat()).is_ok());
    }

    #[test]
    fn what_servers_do_not_send() {
        assert_eq!(Packet::parse(0xd0, &[]), Ok(Packet::PingResp));
        assert!(Packet::parse(0xd0, &[0]).is_err());
        assert!(Packet::parse(0xd1, &[]).is_err());
        for kind in [0, 1, 8, 10, 12, 14, 15] {
            assert!(Packet::parse(kind << 4, &[0, 1]).is_err(), "{kind}");
        }
    }
}
