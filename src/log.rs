//! Log records of the engine: a level, a fixed text, at most one value.
//!
//! The engine never formats with `core::fmt`: a record is a constant text and a [`Value`], turned into one line of
//! at most [`Line::CAPACITY`] bytes here. That keeps logging a few hundred bytes of flash, and a secret cannot slip
//! in through a format string: where one matters, its length is the value.

use crate::text::{Full, Text};

/// How important a record is; the numbers are those of `IOT_LogLevel`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// The library cannot go on.
    Emergency = 0,
    /// A promise to the application was broken.
    Critical = 1,
    /// An operation failed.
    Error = 2,
    /// Something odd that was dealt with.
    Warning = 3,
    /// What happens, in a few words.
    Info = 4,
    /// What happens, step by step.
    Debug = 5,
}

impl Level {
    /// Every level, most important first.
    pub const ALL: [Self; 6] = [
        Self::Emergency,
        Self::Critical,
        Self::Error,
        Self::Warning,
        Self::Info,
        Self::Debug,
    ];

    /// The three letters that begin a line of this level.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Emergency => "emg",
            Self::Critical => "crt",
            Self::Error => "err",
            Self::Warning => "wrn",
            Self::Info => "inf",
            Self::Debug => "dbg",
        }
    }
}

impl TryFrom<i64> for Level {
    type Error = UnknownLevel;

    fn try_from(number: i64) -> Result<Self, UnknownLevel> {
        match number {
            0 => Ok(Self::Emergency),
            1 => Ok(Self::Critical),
            2 => Ok(Self::Error),
            3 => Ok(Self::Warning),
            4 => Ok(Self::Info),
            5 => Ok(Self::Debug),
            _ => Err(UnknownLevel),
        }
    }
}

/// A number outside 0..=5 was given as a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownLevel;

/// What a record tells beside its fixed text. Never a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// The text says it all.
    None,
    /// A number, shown in decimal.
    Num(i64),
    /// A bit pattern, shown as `0x` and lower-case hex without leading zeros.
    Hex(u32),
    /// Text from outside: what is not printable ASCII is shown as `.`, so it cannot forge a line.
    Text(&'a [u8]),
}

/// The text of one record in a fixed buffer; what does not fit is cut and marked with ` ...`.
#[derive(Clone, Debug)]
pub struct Line(Text<{ Line::CAPACITY }>);

impl Line {
    /// The longest text of a record: with what stands before and after it, it still fits the
    /// 126 bytes that RT-Thread's console prints at once.
    pub const CAPACITY: usize = 104;

    /// Puts `text` and `value` together, separated by a blank.
    #[must_use]
    pub fn new(text: &str, value: Value<'_>) -> Self {
        const MARK: &[u8] = b" ...";

        let mut line = Text::new();
        if Self::put(&mut line, text, value).is_err() {
            line.truncate(Self::CAPACITY - MARK.len());
            // The room was just made.
            let _ = line.push_all(&[MARK]);
        }
        Self(line)
    }

    /// The text.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    fn put(line: &mut Text<{ Self::CAPACITY }>, text: &str, value: Value<'_>) -> Result<(), Full> {
        line.push_all(&[text.as_bytes()])?;
        match value {
            Value::None => Ok(()),
            Value::Num(number) => {
                line.push(*b" ")?;
                line.push_number(number)
            }
            Value::Hex(bits) => {
                line.push(*b" 0x")?;
                line.push_hex(bits)
            }
            Value::Text(bytes) => {
                line.push(*b" ")?;
                line.push(bytes.iter().map(printable))
            }
        }
    }
}

fn printable(byte: &u8) -> u8 {
    if matches!(byte, b' '..=b'~') {
        *byte
    } else {
        b'.'
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::format;

    use super::*;

    fn line(text: &str, value: Value<'_>) -> std::string::String {
        std::string::String::from_utf8(Line::new(text, value).as_bytes().to_vec()).expect("ASCII")
    }

    #[test]
    fn a_line_is_the_text_and_the_value() {
        assert_eq!(line("closed", Value::None), "closed");
        assert_eq!(line("closed, code", Value::Num(-14)), "closed, code -14");
        assert_eq!(line("closed, code", Value::Num(0)), "closed, code 0");
        assert_eq!(line("n", Value::Num(i64::MIN)), format!("n {}", i64::MIN));
        assert_eq!(line("n", Value::Num(i64::MAX)), format!("n {}", i64::MAX));
        assert_eq!(line("type", Value::Hex(0)), "type 0x0");
        assert_eq!(line("type", Value::Hex(0xdead_beef)), "type 0xdeadbeef");
        assert_eq!(line("type", Value::Hex(0x10)), "type 0x10");
        assert_eq!(line("topic", Value::Text(b"/a/b")), "topic /a/b");
    }

    #[test]
    fn text_from_outside_cannot_begin_a_line_of_its_own() {
        assert_eq!(
            line("topic", Value::Text(b"a\r\n[err]\x1b[0m\xff")),
            "topic a..[err].[0m."
        );
    }

    #[test]
    fn what_does_not_fit_is_cut_and_marked() {
        let text = [b'x'; 300];
        let cut = line("topic", Value::Text(&text));
        assert_eq!(cut.len(), Line::CAPACITY);
        assert!(cut.starts_with("topic xxx") && cut.ends_with("xxx ..."));

        let just_fits = line("t", Value::Text(&text[..Line::CAPACITY - 2]));
        assert!(just_fits.ends_with('x'));
        let one_more = line("t", Value::Text(&text[..Line::CAPACITY - 1]));
        assert!(one_more.ends_with("x ..."));
    }

    #[test]
    fn levels_have_the_numbers_of_the_c_interface() {
        for (number, level) in Level::ALL.into_iter().enumerate() {
            assert_eq!(level as usize, number);
            assert_eq!(Level::try_from(number as i64), Ok(level));
        }
        assert_eq!(Level::try_from(6), Err(UnknownLevel));
        assert_eq!(Level::try_from(-1), Err(UnknownLevel));
        assert!(Level::Error < Level::Debug);
    }
}
