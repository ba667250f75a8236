//! Where TLS records begin and end (RFC 8446, 5.1): how many bytes the next one still needs.
//!
//! A [`Stream`](crate::Stream) waits until it has all it was asked for, so it must be asked for no more than is on its
//! way.

/// Type, version, length.
const HEADER: usize = 5;

/// How much is asked for at once.
pub(crate) const CHUNK: usize = 4096;

/// The position within the record that is arriving.
#[derive(Debug)]
pub(crate) struct Records {
    header: [u8; HEADER],
    have: usize,
    body_left: usize,
}

impl Records {
    /// Before the first record.
    pub(crate) const fn new() -> Self {
        Self {
            header: [0; HEADER],
            have: 0,
            body_left: 0,
        }
    }

    /// How many bytes may be waited for: the rest of the header, or of the body, at most `CHUNK`.
    pub(crate) fn missing(&self) -> usize {
        match self.body_left {
            0 => HEADER - self.have,
            left => left.min(CHUNK),
        }
    }

    /// Takes note of bytes that came, no more than were missing.
    pub(crate) fn advance(&mut self, bytes: &[u8]) {
        if self.body_left > 0 {
            self.body_left = self.body_left.saturating_sub(bytes.len());
            return;
        }
        for (to, from) in self.header.iter_mut().skip(self.have).zip(bytes) {
            *to = *from;
        }
        self.have += bytes.len();
        if self.have >= HEADER {
            let [_, _, _, high, low] = self.header;
            self.body_left = u16::from_be_bytes([high, low]).into();
            self.have = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An alert, a record without a body, a record of 300 bytes, the header of one more.
    fn stream() -> Vec<u8> {
        let mut bytes = vec![21, 3, 3, 0, 2, 1, 0];
        bytes.extend([23, 3, 3, 0, 0]);
        bytes.extend([23, 3, 3, 1, 44]);
        bytes.extend([7; 300]);
        bytes.extend([23, 3, 3]);
        bytes
    }

    /// What is asked for when a stream hands out at most `piece` bytes a time.
    fn asked(piece: usize) -> Vec<usize> {
        let (mut records, mut asked) = (Records::new(), Vec::new());
        let bytes = stream();
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let missing = records.missing();
            asked.push(missing);
            let (came, later) = rest.split_at(missing.min(piece).min(rest.len()));
            records.advance(came);
            rest = later;
        }
        asked.push(records.missing());
        asked
    }

    #[test]
    fn no_more_is_asked_for_than_the_record_has() {
        assert_eq!(asked(usize::MAX), [5, 2, 5, 5, 300, 5, 2]);
        assert_eq!(asked(200), [5, 2, 5, 5, 300, 100, 5, 2]);
        assert_eq!(asked(1)[..12], [5, 4, 3, 2, 1, 2, 1, 5, 4, 3, 2, 1]);
        assert_eq!(asked(1).last(), Some(&2));
    }

    #[test]
    fn a_long_record_is_asked_for_in_pieces() {
        let mut records = Records::new();
        records.advance(&[23, 3, 3, 0x40, 0x00]);
        for _ in 0..4 {
            assert_eq!(records.missing(), CHUNK);
            records.advance(&[0; CHUNK]);
        }
        assert_eq!(records.missing(), HEADER);
    }
}
