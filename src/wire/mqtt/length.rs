//! The remaining length: seven bits a byte, lowest first, at most four bytes (section 2.2.3).

use super::Malformed;

/// The largest remaining length.
pub const REMAINING_MAX: u32 = 268_435_455;

/// A remaining length that is read byte by byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Remaining(u32);

impl Remaining {
    /// The most bytes it has.
    pub const BYTES_MAX: usize = 4;

    /// No byte is read yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(0)
    }

    /// Takes the byte number `index` (from 0); the length, if it is the last one.
    #[inline]
    pub const fn push(&mut self, index: usize, byte: u8) -> Result<Option<u32>, Malformed> {
        if index >= Self::BYTES_MAX {
            return Err(Malformed(Self::TOO_LONG));
        }
        self.0 |= ((byte & 0x7f) as u32) << (7 * index);
        match byte & 0x80 {
            0 => Ok(Some(self.0)),
            _ if index == Self::BYTES_MAX - 1 => Err(Malformed(Self::TOO_LONG)),
            _ => Ok(None),
        }
    }

    const TOO_LONG: &str = "remaining length of more than 4 bytes";
}

/// How many bytes the field for `length` has.
pub(super) const fn bytes(length: usize) -> usize {
    match length {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        0x4000..0x20_0000 => 3,
        _ => 4,
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
            let mut remaining = Remaining::new();
            for (at, byte) in bytes.iter().enumerate() {
                let expected = (at + 1 == bytes.len()).then_some(value);
                assert_eq!(remaining.push(at, *byte), Ok(expected));
            }
            let (written, len) = emit(value);
            assert_eq!(written.get(..len), Some(bytes));
            assert_eq!(super::bytes(value as usize), len);
        }
    }

    #[test]
    fn a_fifth_byte_is_malformed() {
        let mut remaining = Remaining::new();
        for index in 0..3 {
            assert_eq!(remaining.push(index, 0xff), Ok(None));
        }
        assert!(remaining.push(3, 0xff).is_err());
        assert!(remaining.push(4, 0x01).is_err());
    }
}
