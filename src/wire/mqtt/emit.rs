//! What a client may send, written to the start of a buffer.

use core::num::NonZeroU16;

use super::{DUP, QoS, REMAINING_MAX, kind, length};

/// Asks whether the server is there (section 3.12).
pub const PINGREQ: [u8; 2] = [kind::PINGREQ << 4, 0];

/// Ends the connection (section 3.14).
pub const DISCONNECT: [u8; 2] = [kind::DISCONNECT << 4, 0];

/// The buffer is too small for the packet, or a part of the packet is longer than MQTT allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

/// Requests to connect (section 3.1).
#[derive(Clone, Copy)]
pub struct Connect<'a> {
    /// Who the client is.
    pub client_id: &'a [u8],
    /// The user name.
    pub username: &'a [u8],
    /// The password.
    pub password: &'a [u8],
    /// The longest silence of the client, in seconds.
    pub keep_alive: u16,
    /// The server is to forget the session before and after.
    pub clean_session: bool,
}

impl Connect<'_> {
    /// Writes CONNECT; says how long it is.
    pub fn emit(&self, buf: &mut [u8]) -> Result<usize, TooLarge> {
        const USERNAME_AND_PASSWORD: u8 = 0b1100_0000;

        let flags = USERNAME_AND_PASSWORD | u8::from(self.clean_session) << 1;
        let [high, low] = self.keep_alive.to_be_bytes();
        let fixed = [0, 4, b'M', b'Q', b'T', b'T', 4, flags, high, low];
        let texts = [self.client_id, self.username, self.password];
        let lens = [
            text_len(texts[0])?,
            text_len(texts[1])?,
            text_len(texts[2])?,
        ];
        packet(
            buf,
            kind::CONNECT << 4,
            &[
                &fixed, &lens[0], texts[0], &lens[1], texts[1], &lens[2], texts[2],
            ],
        )
    }
}

/// Publishes a message (section 3.3).
#[derive(Clone, Copy, Debug)]
pub struct Publish<'a> {
    /// The topic.
    pub topic: &'a [u8],
    /// The message.
    pub payload: &'a [u8],
    /// The server is to keep it for new subscribers.
    pub retain: bool,
    /// The packet id; the message goes with QoS 1 if there is one, else with QoS 0.
    pub id: Option<NonZeroU16>,
}

impl Publish<'_> {
    /// How long the packet of such a message is.
    #[must_use]
    pub const fn packet_len(topic: &[u8], payload: &[u8], qos: QoS) -> usize {
        let id = match qos {
            QoS::AtMostOnce => 0,
            QoS::AtLeastOnce | QoS::ExactlyOnce => 2,
        };
        let remaining = 2 + topic.len() + id + payload.len();
        1 + length::bytes(remaining) + remaining
    }

    /// Writes PUBLISH; says how long it is.
    pub fn emit(&self, buf: &mut [u8]) -> Result<usize, TooLarge> {
        let len = text_len(self.topic)?;
        let first = kind::PUBLISH << 4 | u8::from(self.retain);
        match self.id {
            None => packet(buf, first, &[&len, self.topic, self.payload]),
            Some(id) => packet(
                buf,
                first | (QoS::AtLeastOnce as u8) << 1,
                &[&len, self.topic, &id.get().to_be_bytes(), self.payload],
            ),
        }
    }

    /// Marks a written PUBLISH as a repetition.
    pub fn set_dup(packet: &mut [u8]) {
        if let Some(first) = packet.first_mut() {
            *first |= DUP;
        }
    }
}

/// Asks for the messages that match a filter (section 3.8); says how long the packet is.
pub fn subscribe(
    buf: &mut [u8],
    id: NonZeroU16,
    filter: &[u8],
    qos: QoS,
) -> Result<usize, TooLarge> {
    packet(
        buf,
        kind::SUBSCRIBE << 4 | 0b0010,
        &[
            &id.get().to_be_bytes(),
            &text_len(filter)?,
            filter,
            &[qos as u8],
        ],
    )
}

/// Asks for no more messages that match a filter (section 3.10); says how long the packet is.
pub fn unsubscribe(buf: &mut [u8], id: NonZeroU16, filter: &[u8]) -> Result<usize, TooLarge> {
    packet(
        buf,
        kind::UNSUBSCRIBE << 4 | 0b0010,
        &[&id.get().to_be_bytes(), &text_len(filter)?, filter],
    )
}

/// Acknowledges a message with QoS 1 (section 3.4).
#[must_use]
pub fn puback(id: NonZeroU16) -> [u8; 4] {
    acknowledgement(kind::PUBACK << 4, id)
}

/// First answer to a message with QoS 2 (section 3.5).
#[must_use]
pub fn pubrec(id: NonZeroU16) -> [u8; 4] {
    acknowledgement(kind::PUBREC << 4, id)
}

/// Answer to PUBREL (section 3.7).
#[must_use]
pub fn pubcomp(id: NonZeroU16) -> [u8; 4] {
    acknowledgement(kind::PUBCOMP << 4, id)
}

fn acknowledgement(first: u8, id: NonZeroU16) -> [u8; 4] {
    let [high, low] = id.get().to_be_bytes();
    [first, 2, high, low]
}

/// Writes a packet whose body is made of `parts`; says how long it is.
#[inline]
fn packet(buf: &mut [u8], first: u8, parts: &[&[u8]]) -> Result<usize, TooLarge> {
    let remaining = parts.iter().map(|part| part.len()).sum::<usize>();
    let length = u32::try_from(remaining).unwrap_or(u32::MAX);
    if length > REMAINING_MAX {
        return Err(TooLarge);
    }
    let (length, bytes) = length::emit(length);
    let len = 1 + bytes + remaining;

    let buf = buf.get_mut(..len).ok_or(TooLarge)?;
    let (head, mut body) = buf.split_at_mut_checked(1 + bytes).ok_or(TooLarge)?;
    for (slot, byte) in head.iter_mut().zip(core::iter::once(first).chain(length)) {
        *slot = byte;
    }
    for part in parts {
        let (place, rest) = body.split_at_mut_checked(part.len()).ok_or(TooLarge)?;
        place.copy_from_slice(part);
        body = rest;
    }
    Ok(len)
}

/// The length in front of a text (section 1.5.3).
fn text_len(text: &[u8]) -> Result<[u8; 2], TooLarge> {
    u16::try_from(text.len())
        .map(u16::to_be_bytes)
        .map_err(|_| TooLarge)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::{vec, vec::Vec};

    use super::*;

    fn id(number: u16) -> NonZeroU16 {
        NonZeroU16::new(number).expect("not 0")
    }

    fn written(emit: impl Fn(&mut [u8]) -> Result<usize, TooLarge>) -> Vec<u8> {
        let mut buf = [0xa5; 600];
        let len = emit(&mut buf).expect("it fits");
        assert!(buf[len..].iter().all(|byte| *byte == 0xa5), "wrote beyond");
        // Exactly enough room is enough, one byte less is not.
        assert_eq!(emit(&mut vec![0; len]), Ok(len));
        for room in 0..len {
            assert_eq!(emit(&mut vec![0; room]), Err(TooLarge), "{room} of {len}");
        }
        buf[..len].to_vec()
    }

    #[test]
    fn connect() {
        let connect = Connect {
            client_id: b"c",
            username: b"user",
            password: b"pw",
            keep_alive: 60,
            clean_session: true,
        };
        assert_eq!(
            written(|buf| connect.emit(buf)),
            b"\x10\x17\x00\x04MQTT\x04\xc2\x00\x3c\x00\x01c\x00\x04user\x00\x02pw"
        );
        let kept = Connect {
            keep_alive: 180,
            clean_session: false,
            ..connect
        };
        assert_eq!(written(|buf| kept.emit(buf))[9..12], [0xc0, 0, 180]);
    }

    #[test]
    fn publish() {
        let message = Publish {
            topic: b"a/b",
            payload: b"x",
            retain: false,
            id: Some(id(10)),
        };
        let mut packet = written(|buf| message.emit(buf));
        assert_eq!(packet, b"\x32\x08\x00\x03a/b\x00\x0ax");
        Publish::set_dup(&mut packet);
        assert_eq!(packet[0], 0x3a);

        let at_most_once = Publish {
            retain: true,
            id: None,
            ..message
        };
        assert_eq!(
            written(|buf| at_most_once.emit(buf)),
            b"\x31\x06\x00\x03a/bx"
        );
    }

    #[test]
    fn the_remaining_length_grows_where_it_must() {
        for (payload, header) in [(122, 2), (123, 3)] {
            let message = Publish {
                topic: b"a/b",
                payload: &vec![7; payload],
                retain: false,
                id: None,
            };
            let packet = written(|buf| message.emit(buf));
            assert_eq!(packet.len(), header + 5 + payload);
        }
    }

    #[test]
    fn subscribe_and_unsubscribe() {
        assert_eq!(
            written(|buf| subscribe(buf, id(10), b"a/b", QoS::AtLeastOnce)),
            b"\x82\x08\x00\x0a\x00\x03a/b\x01"
        );
        assert_eq!(
            written(|buf| unsubscribe(buf, id(10), b"a/b")),
            b"\xa2\x07\x00\x0a\x00\x03a/b"
        );
    }

    #[test]
    fn packets_of_fixed_length() {
        assert_eq!(puback(id(0x0102)), [0x40, 2, 1, 2]);
        assert_eq!(pubrec(id(0x0102)), [0x50, 2, 1, 2]);
        assert_eq!(pubcomp(id(0x0102)), [0x70, 2, 1, 2]);
        assert_eq!((PINGREQ, DISCONNECT), ([0xc0, 0], [0xe0, 0]));
    }

    #[test]
    fn texts_longer_than_their_length_field_are_refused() {
        let long = vec![b'a'; 65_536];
        let mut buf = vec![0; 70_000];
        assert_eq!(
            subscribe(&mut buf, id(1), &long, QoS::AtMostOnce),
            Err(TooLarge)
        );
        assert!(subscribe(&mut buf, id(1), &long[1..], QoS::AtMostOnce).is_ok());
    }
}
