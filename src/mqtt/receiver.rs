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
//!                         └──> Body, if the buffer has grown meanwhile
//! ```

use core::{num::NonZeroU16, ops::Range};

use crate::wire::mqtt::{QoS, Remaining, kind};

/// A packet on its way into a buffer.
#[derive(Clone, Copy, Debug)]
pub struct Receiver {
    /// Bytes that lie in the buffer: of the packet, or of the piece that is skipped.
    have: u32,
    /// Bytes that must lie there before anything else can be said.
    need: u32,
    remaining: Remaining,
    /// Length of the header, 0 until that is known.
    header: u8,
    skipping: Option<Skipping>,
}

/// What has come of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Some of those that were wanted are still to come.
    Short,
    /// More are wanted.
    More,
    /// A packet lies at the start of the buffer: see [`Receiver::header_len`] and [`Receiver::packet_len`].
    Packet,
    /// A packet that the buffer could not hold has passed: see [`Receiver::answer`].
    Skipped,
    /// The remaining length has more than four bytes (section 2.2.3), or a message that does not fit has QoS 3.
    Malformed,
    /// A packet has begun that the buffer cannot hold. It will pass, unless [`Receiver::reconsider`] says otherwise.
    TooLarge,
}

impl Receiver {
    /// The smallest buffer: it holds the largest header.
    pub const BUFFER_MIN: usize = 1 + Remaining::BYTES_MAX;
    /// The shortest header, and the shortest packet.
    const HEADER_MIN: u32 = 2;

    /// Between two packets.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            have: 0,
            need: Self::HEADER_MIN,
            remaining: Remaining::new(),
            header: 0,
            skipping: None,
        }
    }

    /// Whether a packet has begun and not ended.
    #[must_use]
    pub const fn in_packet(&self) -> bool {
        self.have > 0 || self.header > 0
    }

    /// Bytes before the body of the packet.
    #[must_use]
    pub const fn header_len(&self) -> u8 {
        self.header
    }

    /// All bytes of the packet.
    #[must_use]
    pub const fn packet_len(&self) -> usize {
        self.need as usize
    }

    /// What kind of message the packet was that has passed, if it was one that wants an answer.
    #[must_use]
    pub fn answer(&self) -> Option<(QoS, NonZeroU16)> {
        self.skipping.as_ref()?.answer()
    }

    /// Which part of the buffer is to be filled next: never empty, and never more than is sure to come.
    #[must_use]
    pub const fn want(&self) -> Range<usize> {
        self.have as usize..self.need as usize
    }

    /// Takes note that the first `count` bytes of what was wanted have come. After a packet, and after one that has
    /// passed, a new receiver is needed.
    #[inline]
    pub fn received(&mut self, count: usize, buffer: &[u8]) -> Progress {
        self.have += count as u32; // of what was wanted
        if self.have < self.need {
            Progress::Short
        } else if self.header == 0 {
            self.length_byte(buffer)
        } else if self.skipping.is_none() {
            Progress::Packet
        } else {
            self.skip(buffer)
        }
    }

    /// Reads the last byte that has come, one of the remaining length.
    #[inline(always)]
    fn length_byte(&mut self, buffer: &[u8]) -> Progress {
        let last = self.have as usize - 1;
        let byte = buffer.get(last).copied().unwrap_or_default();
        let remaining = match self.remaining.push(last - 1, byte) {
            Ok(Some(remaining)) => remaining,
            Ok(None) => {
                self.need += 1;
                return Progress::More;
            }
            Err(_) => return Progress::Malformed,
        };
        self.header = self.have as u8; // 5 at most
        self.need = self.have + remaining; // less than 2^29
        if self.need as usize > buffer.len() {
            return self.begin_skipping(buffer, remaining);
        }
        match remaining {
            0 => Progress::Packet,
            _ => Progress::More,
        }
    }

    #[cold]
    fn begin_skipping(&mut self, buffer: &[u8], remaining: u32) -> Progress {
        let first = buffer.first().copied().unwrap_or_default();
        let Some(skipping) = Skipping::new(first, remaining) else {
            return Progress::Malformed;
        };
        self.have = 0;
        self.need = skipping.piece(buffer);
        self.skipping = Some(skipping);
        Progress::TooLarge
    }

    /// All bytes of a packet that is too large, of which the header lies in the buffer still.
    #[must_use]
    pub fn too_large_len(&self) -> usize {
        let body = self.skipping.as_ref().map_or(0, |skipping| skipping.left);
        (u32::from(self.header) + body) as usize
    }

    /// After [`Progress::TooLarge`]: the buffer has room for `room` bytes now. If that is enough, the packet is received.
    pub fn reconsider(&mut self, room: usize) {
        let len = self.too_large_len();
        if len <= room {
            self.have = self.header.into();
            self.need = len as u32; // it came from one
            self.skipping = None;
        }
    }

    /// Lets a piece of a packet pass that lies in the buffer.
    #[cold]
    fn skip(&mut self, buffer: &[u8]) -> Progress {
        let Some(skipping) = &mut self.skipping else {
            return Progress::Packet;
        };
        skipping.pass(buffer.get(..self.need as usize).unwrap_or_default());
        self.have = 0;
        self.need = skipping.piece(buffer);
        match skipping.left {
            0 => Progress::Skipped,
            _ => Progress::More,
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
    fn new(first: u8, remaining: u32) -> Option<Self> {
        let is_message = first >> 4 == kind::PUBLISH;
        let qos = match QoS::from_bits(first >> 1 & 0b11) {
            Some(qos) if is_message => Some(qos),
            None if is_message => return None,
            _ => None,
        };
        Some(Self {
            qos,
            passed: 0,
            left: remaining,
            topic_len: 0,
            id: 0,
        })
    }

    /// How much of it is let into the buffer next.
    fn piece(&self, buffer: &[u8]) -> u32 {
        u32::try_from(buffer.len()).map_or(self.left, |room| self.left.min(room))
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
        let whole = self.passed >= 2 + u32::from(self.topic_len) + 2;
        Some((qos, NonZeroU16::new(self.id).filter(|_| whole)?))
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::*;

    /// Feeds `stream` in pieces of at most `piece` bytes; the receivers at the end of each packet, and its bytes.
    fn feed(stream: &[u8], room: usize, piece: usize) -> Vec<(Progress, Receiver, Vec<u8>)> {
        let mut receiver = Receiver::new();
        let mut buffer = std::vec![0; room];
        let mut outcomes = Vec::new();
        let mut rest = stream;
        while !rest.is_empty() {
            let want = receiver.want();
            assert!(!want.is_empty() && want.end <= room, "{want:?} of {room}");
            let count = want.len().min(piece).min(rest.len());
            buffer[want.start..][..count].copy_from_slice(&rest[..count]);
            rest = &rest[count..];
            match receiver.received(count, &buffer) {
                Progress::Short | Progress::More | Progress::TooLarge => {
                    assert!(receiver.in_packet());
                }
                Progress::Malformed => panic!("malformed"),
                progress => {
                    let len = match progress {
                        Progress::Packet => receiver.packet_len(),
                        _ => 0,
                    };
                    outcomes.push((progress, receiver, buffer[..len].to_vec()));
                    receiver = Receiver::new();
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
            let bytes: Vec<_> = outcomes.into_iter().map(|(_, _, bytes)| bytes).collect();
            assert_eq!(bytes, packets, "pieces of {piece}");
        }
    }

    #[test]
    fn a_packet_that_fills_the_buffer_is_taken_and_one_byte_more_is_not() {
        let packet = publish(0x32, 60); // 62 bytes
        let next = [0xd0, 0];
        let stream = [&packet[..], &next].concat();
        for piece in [1, 5, 1000] {
            let (progress, receiver, _) = &feed(&stream, 62, piece)[0];
            assert_eq!(*progress, Progress::Packet);
            assert_eq!((receiver.header_len(), receiver.packet_len()), (2, 62));

            let outcomes = feed(&stream, 61, piece);
            let (progress, receiver, _) = &outcomes[0];
            assert_eq!(*progress, Progress::Skipped);
            let id = NonZeroU16::new(0x1234).expect("not 0");
            assert_eq!(receiver.answer(), Some((QoS::AtLeastOnce, id)));
            assert_eq!(outcomes[1].2, next, "the next packet is understood");
        }
    }

    #[test]
    fn only_messages_that_want_an_answer_get_one() {
        let answer = |packet: &[u8]| {
            let (progress, receiver, _) = &feed(packet, 5, 3)[0];
            assert_eq!(*progress, Progress::Skipped);
            receiver.answer().map(|(qos, _)| qos)
        };
        assert_eq!(answer(&publish(0x30, 1_000_000)), None);
        assert_eq!(answer(&publish(0x3d, 20_000)), Some(QoS::ExactlyOnce));
        assert_eq!(answer(&publish(0x92, 20)), None, "not a message");
        // Half of the id is not an id.
        assert_eq!(answer(&[0x32, 7, 0, 4, b'/', b'a', b'/', b'b', 4]), None);
        // Its topic is longer than the packet, so there is no id.
        assert_eq!(answer(&[0x32, 6, 0xff, 0xff, 1, 2, 3, 4]), None);
    }

    #[test]
    fn a_length_may_have_more_bytes_than_it_needs() {
        let lens = |stream: &[u8], piece| -> Vec<_> {
            let outcomes = feed(stream, 10, piece);
            outcomes
                .iter()
                .map(|(_, receiver, _)| (receiver.header_len(), receiver.packet_len()))
                .collect()
        };
        assert_eq!(lens(&[0x40, 0x82, 0x80, 0x00, 0, 1], 1), [(4, 6)]);
        assert_eq!(lens(&[0xd0, 0x80, 0x00, 0xd0, 0x00], 10), [(3, 3), (2, 2)]);
    }

    #[test]
    fn a_message_with_qos_3_is_malformed_whether_it_fits_or_not() {
        let mut receiver = Receiver::new();
        assert_eq!(
            receiver.received(2, &[0x36, 20, 0, 0, 0]),
            Progress::Malformed
        );
    }

    #[test]
    fn a_length_of_five_bytes_is_malformed() {
        let mut receiver = Receiver::new();
        let buffer = [0x30, 0x80, 0x80, 0x80, 0x80];
        assert_eq!(receiver.received(2, &buffer), Progress::More);
        assert_eq!(receiver.received(1, &buffer), Progress::More);
        assert_eq!(receiver.received(1, &buffer), Progress::More);
        assert_eq!(receiver.received(1, &buffer), Progress::Malformed);
    }
}
