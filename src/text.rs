//! Text in a fixed buffer, for what must be in one piece but should not be allocated.

/// At most `N` bytes of text, put together piece by piece.
#[derive(Clone, Debug)]
pub struct Text<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

/// The text would not fit; the part that does is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl<const N: usize> Text<N> {
    /// No text.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            bytes: [0; N],
            len: 0,
        }
    }

    /// Appends `bytes`.
    pub fn push(&mut self, bytes: impl IntoIterator<Item = u8>) -> Result<(), Full> {
        for byte in bytes {
            *self.bytes.get_mut(self.len).ok_or(Full)? = byte;
            self.len += 1;
        }
        Ok(())
    }

    /// Appends all of `parts`, in order.
    pub fn push_all(&mut self, parts: &[&[u8]]) -> Result<(), Full> {
        parts
            .iter()
            .try_for_each(|part| self.push(part.iter().copied()))
    }

    /// Appends `number` in decimal.
    ///
    /// Doubles and carries, because dividing 64 bits is a library call on 32-bit cores.
    pub fn push_number(&mut self, number: i64) -> Result<(), Full> {
        let mut digits = [0; 20]; // lowest first; u64::MAX has 20
        for bit in (0..u64::BITS).rev() {
            let mut carry = (number.unsigned_abs() >> bit & 1) as u8; // one bit, so the cast keeps it
            for digit in &mut digits {
                let doubled = *digit * 2 + carry;
                carry = u8::from(doubled > 9);
                *digit = doubled - 10 * carry;
            }
        }
        if number < 0 {
            self.push(*b"-")?;
        }
        let zeros = digits
            .iter()
            .skip(1)
            .rev()
            .take_while(|digit| **digit == 0)
            .count();
        self.push(digits.iter().rev().skip(zeros).map(|digit| b'0' + digit))
    }

    /// Appends `bits` in lower-case hex, without leading zeros.
    pub fn push_hex(&mut self, bits: u32) -> Result<(), Full> {
        let digits = (u32::BITS - bits.leading_zeros()).div_ceil(4).max(1);
        self.push(
            (0..digits)
                .rev()
                .map(|digit| hex_digit(bits >> (4 * digit))),
        )
    }

    /// Cuts the text to its first `len` bytes.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// The text so far.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl<const N: usize> Default for Text<N> {
    fn default() -> Self {
        Self::new()
    }
}

/// The lower-case hex digit of the lowest four bits.
#[must_use]
pub fn hex_digit(bits: u32) -> u8 {
    let nibble = (bits & 0xf) as u8; // < 16, so the cast keeps it
    if nibble < 10 {
        b'0' + nibble
    } else {
        b'a' - 10 + nibble
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::format;

    use super::*;

    #[test]
    fn numbers_read_as_the_standard_library_writes_them() {
        for number in [0, 1, -1, 9, 10, 99, 100, 4_294_967_296, i64::MAX, i64::MIN] {
            let mut text = Text::<20>::new();
            assert_eq!(text.push_number(number), Ok(()));
            assert_eq!(text.as_bytes(), format!("{number}").as_bytes());
        }
        for bits in [0, 1, 0xf, 0x10, 0xdead_beef, u32::MAX] {
            let mut text = Text::<8>::new();
            assert_eq!(text.push_hex(bits), Ok(()));
            assert_eq!(text.as_bytes(), format!("{bits:x}").as_bytes());
        }
    }

    #[test]
    fn a_full_text_keeps_what_fits() {
        let mut text = Text::<4>::new();
        assert_eq!(text.push_all(&[b"ab", b"", b"cd"]), Ok(()));
        assert_eq!(text.as_bytes(), b"abcd");
        assert_eq!(text.push(*b"e"), Err(Full));
        assert_eq!(text.as_bytes(), b"abcd");

        text.truncate(3);
        text.truncate(9);
        assert_eq!(text.push_all(&[b"x", b"yz"]), Err(Full));
        assert_eq!(text.as_bytes(), b"abcx");
    }
}
