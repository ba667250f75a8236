//! Puts packets together from the pieces that arrive.
//!
//! The owner of a buffer asks what is wanted next ([`Receiver::want`]), reads no more than that, and hands over what
//! came ([`Receiver::received`]). So a packet may arrive in any number of pieces, and the bytes of the next one stay
//! where they are.
//!
//! ```text
//!         2 bytes            all of the packet
//! Header ─────────> Body ───────────────────────> Packet
//!   │  more length bytes
//!   └───────────────> Skipping: larger than the buffer ──> Skipped
//! ```

use core::{num::NonZeroU16, ops::Range};

use crate::wire::mqtt::{Malformed, QoS, Remaining, kind};

/// A packet on its way into a buffer.
#[derive(Clone, Copy, Debug)]
pub struct Receiver {
    /// Bytes of the packet that lie in the buffer.
    have: usize,
    /// Bytes that must lie there before anything else can be said.
    need: usize,
    /// Length of the header, 0 until that is known.
    header: usize,
    skipping: Option<Skipping>,
}

/// What has come of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// More are wanted.
    Partial,
    /// A packet lies at the start of the buffer.
    Packet {
        /// Bytes before its body.
        header: usize,
        /// All its bytes.
        len: usize,
    },
    /// A packet that the buffer could not hold has passed.
    Skipped {
        /// What kind of message it was, if it was one that wants an answer.
        answer: Option<(QoS, NonZeroU16)>,
    },
}

impl Receiver {
    /// The smallest buffer: it holds the largest header.
    pub const BUFFER_MIN: usize = 5;
    /// The shortest header, and the shortest packet.
    const HEADER_MIN: usize = 2;

    /// Between two packets.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            have: 0,
            need: Self::HEADER_MIN,
            header: 0,
            skipping: None,
        }
    }

    /// Whether a packet has begun and not ended.
    #[must_use]
    pub const fn in_packet(&self) -> bool {
        self.have > 0 || self.skipping.is_some()
    }

    /// Which part of a buffer of `room` bytes is to be filled next: never empty, and never more than is sure to come.
    #[must_use]
    pub fn want(&self, room: usize) -> Range<usize> {
        match &self.skipping {
            None => self.have..self.need,
            Some(skipping) => 0..room.min(skipping.left as usize),
        }
    }

    /// Takes note that the first `count` bytes of what was wanted have come.
    pub fn received(&mut self, count: usize, buffer: &[u8]) -> Result<Progress, Malformed> {
        if let Some(skipping) = &mut self.skipping {
            skipping.pass(buffer.get(..count).unwrap_or_default());
            return Ok(self.skipped());
        }
        self.have += count;
        if self.have < self.need {
            return Ok(Progress::Partial);
        }
        if self.header == 0 {
            let field = buffer.get(1..self.have).unwrap_or_default();
            match Remaining::parse(field)? {
                Remaining::Unfinished => {
                    self.need += 1;
                    return Ok(Progress::Partial);
                }
                Remaining::Known(0) => {}
                Remaining::Known(remaining) => {
                    self.header = self.have;
                    self.need = self.have.saturating_add(remaining as usize);
                    if self.need > buffer.len() {
                        let first = buffer.first().copied().unwrap_or_default();
                        self.skipping = Some(Skipping::new(first, remaining));
                    }
                    return Ok(Progress::Partial);
                }
            }
            self.header = self.have;
        }
        let packet = Progress::Packet {
            header: self.header,
            len: self.need,
        };
        *self = Self::new();
        Ok(packet)
    }

    /// Whether the packet that is skipped has ended.
    fn skipped(&mut self) -> Progress {
        match &self.skipping {
            Some(skipping) if skipping.left == 0 => {
                let answer = skipping.answer();
                *self = Self::new();
                Progress::Skipped { answer }
            }
            _ => Progress::Partial,
        }
    }
}

impl Default for Receiver {
    fn default() -> Self {
        Self::new()
    }
}

/// A packet that passes through the buffer because it does not fit. Of a message, the id is picked out, so that it can
/// be acknowledged: a server that keeps sessions would bring it again for ever.
#[derive(Clone, Copy, Debug)]
struct Skipping {
    qos: Option<QoS>,
    /// Bytes of the body that have passed.
    passed: u32,
    /// Bytes of the body that have not.
    left: u32,
    topic_len: u16,
    id: u16,
}

impl Skipping {
    fn new(first: u8, remaining: u32) -> Self {
        let is_message = first >> 4 == kind::PUBLISH;
        Self {
            qos: QoS::from_bits(first >> 1 & 0b11).filter(|_| is_message),
            passed: 0,
            left: remaining,
            topic_len: 0,
            id: 0,
        }
    }

    fn pass(&mut self, bytes: &[u8]) {
        for byte in bytes {
            // Topic length, topic, id (section 3.3.2).
            let id_at = 2 + u32::from(self.topic_len);
            match self.passed {
                0 => self.topic_len = u16::from(*byte) << 8,
                1 => self.topic_len |= u16::from(*byte),
                at if at == id_at => self.id = u16::from(*byte) << 8,
                at if at == id_at + 1 => self.id |= u16::from(*byte),
                _ => {}
            }
            self.passed = self.passed.wrapping_add(1);
            self.left = self.left.saturating_sub(1);
        }
    }

    fn answer(&self) -> Option<(QoS, NonZeroU16)> {
        let qos = self.qos.filter(|qos| *qos != QoS::AtMostOnce)?;
        Some((qos, NonZeroU16::new(self.id)?))
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::*;

    /// Feeds `stream` in pieces of at most `piece` bytes; what came of it, packets with their bytes.
    fn feed(stream: &[u8], room: usize, piece: usize) -> Vec<(Progress, Vec<u8>)> {
        let mut receiver = Receiver::new();
        let mut buffer = std::vec![0; room];
        let mut outcomes = Vec::new();
        let mut rest = stream;
        while !rest.is_empty() {
            let want = receiver.want(room);
            assert!(!want.is_empty() && want.end <= room, "{want:?} of {room}");
            let count = want.len().min(piece).min(rest.len());
            buffer[want.start..][..count].copy_from_slice(&rest[..count]);
            rest = &rest[count..];
            match receiver.received(count, &buffer).expect("well-formed") {
                Progress::Partial => assert!(receiver.in_packet()),
                progress => {
                    let len = match progress {
                        Progress::Packet { len, .. } => len,
                        _ => 0,
                    };
                    outcomes.push((progress, buffer[..len].to_vec()));
                    assert!(!receiver.in_packet());
                }
            }
        }
        assert!(!receiver.in_packet(), "the stream ends with a packet");
        outcomes
    }

    fn publish(first: u8, len: usize) -> Vec<u8> {
        let mut packet = std::vec![first];
        let mut rest = len;
        loop {
            packet.push((rest & 0x7f) as u8 | if rest > 0x7f { 0x80 } else { 0 });
            rest >>= 7;
            if rest == 0 {
                break;
            }
        }
        packet.extend([0, 3, b'a', b'/', b'b', 0x12, 0x34]);
        packet.resize(packet.len() - 7 + len, b'x');
        packet
    }

    #[test]
    fn packets_arrive_in_pieces_of_any_size() {
        let packets = [
            std::vec![0xd0, 0],
            publish(0x32, 7),
            std::vec![0x40, 2, 0, 1],
            publish(0x30, 127),
            publish(0x30, 128),
            publish(0x30, 300),
        ];
        let stream = packets.concat();
        for piece in [1, 2, 3, 7, 100, 1000] {
            let outcomes = feed(&stream, 303, piece);
            let bytes: Vec<_> = outcomes.iter().map(|(_, bytes)| bytes.clone()).collect();
            assert_eq!(bytes, packets, "pieces of {piece}");
        }
    }

    #[test]
    fn a_packet_that_fills_the_buffer_is_taken_and_one_byte_more_is_not() {
        let packet = publish(0x32, 60); // 62 bytes
        let next = [0xd0, 0];
        let stream = [&packet[..], &next].concat();
        for piece in [1, 5, 1000] {
            assert_eq!(
                feed(&stream, 62, piece)[0].0,
                Progress::Packet { header: 2, len: 62 }
            );
            let outcomes = feed(&stream, 61, piece);
            let id = NonZeroU16::new(0x1234).expect("not 0");
            assert_eq!(
                outcomes[0].0,
                Progress::Skipped {
                    answer: Some((QoS::AtLeastOnce, id))
                }
            );
            assert_eq!(outcomes[1].1, next, "the next packet is understood");
        }
    }

    #[test]
    fn only_messages_that_want_an_answer_get_one() {
        let answer = |packet: &[u8]| match feed(packet, 5, 3)[0].0 {
            Progress::Skipped { answer } => answer.map(|(qos, _)| qos),
            progress => panic!("{progress:?}"),
        };
        assert_eq!(answer(&publish(0x30, 1_000_000)), None);
        assert_eq!(answer(&publish(0x3d, 20_000)), Some(QoS::ExactlyOnce));
        assert_eq!(answer(&publish(0x36, 20)), None, "QoS 3");
        assert_eq!(answer(&publish(0x92, 20)), None, "not a message");
        // Its topic is longer than the packet, so there is no id.
        assert_eq!(answer(&[0x32, 6, 0xff, 0xff, 1, 2, 3, 4]), None);
    }

    #[test]
    fn a_length_may_have_more_bytes_than_it_needs() {
        let outcomes = feed(&[0x40, 0x82, 0x80, 0x00, 0, 1], 10, 1);
        assert_eq!(outcomes[0].0, Progress::Packet { header: 4, len: 6 });
        let outcomes = feed(&[0xd0, 0x80, 0x00, 0xd0, 0x00], 10, 10);
        assert_eq!(outcomes[0].0, Progress::Packet { header: 3, len: 3 });
        assert_eq!(outcomes[1].0, Progress::Packet { header: 2, len: 2 });
    }

    #[test]
    fn a_length_of_five_bytes_is_malformed() {
        let mut receiver = Receiver::new();
        let buffer = [0x30, 0x80, 0x80, 0x80, 0x80];
        assert_eq!(receiver.received(2, &buffer), Ok(Progress::Partial));
        assert_eq!(receiver.received(1, &buffer), Ok(Progress::Partial));
        assert_eq!(receiver.received(1, &buffer), Ok(Progress::Partial));
        assert!(receiver.received(1, &buffer).is_err());
    }
}
