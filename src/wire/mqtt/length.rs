//! The remaining length: seven bits a byte, lowest first, at most four bytes (section 2.2.3).

use super::Malformed;

/// The largest remaining length.
pub const REMAINING_MAX: u32 = 268_435_455;

/// What the bytes behind a packet's first byte say about its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remaining {
    /// There is one more byte of it, at least.
    Unfinished,
    /// So many bytes follow.
    Known(u32),
}

impl Remaining {
    /// Reads as much of the field as has arrived.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut value = 0;
        for (byte, shift) in bytes.iter().zip([0, 7, 14, 21]) {
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(Self::Known(value));
            }
        }
        if bytes.len() < 4 {
            Ok(Self::Unfinished)
        } else {
            Err(Malformed("remaining length of more than 4 bytes"))
        }
    }
}

/// The field for `length`, and how many of its bytes count. `length` is at most [`REMAINING_MAX`].
pub(super) fn emit(length: u32) -> ([u8; 4], usize) {
    let mut bytes = [0; 4];
    let mut rest = length;
    let mut len = 0;
    for byte in &mut bytes {
        *byte = (rest & 0x7f) as u8; // seven bits, so the cast keeps them
        rest >>= 7;
        len += 1;
        if rest == 0 {
            break;
        }
        *byte |= 0x80;
    }
    (bytes, len)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Table 2.4 of the standard.
    #[test]
    fn the_limits_of_each_number_of_bytes() {
        for (value, bytes) in [
            (0, &[0][..]),
            (127, &[0x7f]),
            (128, &[0x80, 0x01]),
            (16_383, &[0xff, 0x7f]),
            (16_384, &[0x80, 0x80, 0x01]),
            (2_097_151, &[0xff, 0xff, 0x7f]),
            (2_097_152, &[0x80, 0x80, 0x80, 0x01]),
            (REMAINING_MAX, &[0xff, 0xff, 0xff, 0x7f]),
        ] {
            assert_eq!(Remaining::parse(bytes), Ok(Remaining::Known(value)));
            let (written, len) = emit(value);
            assert_eq!(written.get(..len), Some(bytes));
            for cut in 0..bytes.len() {
                assert_eq!(Remaining::parse(&bytes[..cut]), Ok(Remaining::Unfinished));
            }
        }
    }

    #[test]
    fn a_fifth_byte_is_malformed() {
        assert!(Remaining::parse(&[0x80, 0x80, 0x80, 0x80]).is_err());
        assert!(Remaining::parse(&[0xff, 0xff, 0xff, 0xff, 0x01]).is_err());
    }
}
