//! Reads JSON (RFC 8259) where it lies: no tree, no allocation, no recursion.
//!
//! A [`Value`] is a view of a part of the text. [`Value::parse`] checks a whole document first, so
//! that what it gives is well-formed throughout; [`find`] looks only as far as it must, which is
//! what applications have always got from the C library. Bytes above 0x7f are taken as they are:
//! nothing here depends on their being UTF-8.

use core::cmp::Ordering;

use crate::text::hex_digit;

/// The deepest nesting of arrays and objects that is read.
pub const DEPTH_MAX: u32 = u32::BITS;

/// The text is not JSON, or nested more than [`DEPTH_MAX`] deep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// One value of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// An object, from brace to brace.
    Object(&'a [u8]),
    /// An array, from bracket to bracket.
    Array(&'a [u8]),
    /// A string.
    String(Str<'a>),
    /// A number, as it is written.
    Number(&'a [u8]),
    /// `true` or `false`.
    Bool(bool),
    /// `null`.
    Null,
}

impl<'a> Value<'a> {
    /// Reads a document that consists of one value, and checks all of it.
    pub fn parse(text: &'a [u8]) -> Result<Self, Malformed> {
        let mut scanner = Scanner { rest: text };
        let value = scanner.value()?;
        scanner.blanks();
        if scanner.rest.is_empty() {
            Ok(value)
        } else {
            Err(Malformed)
        }
    }

    /// The value as it is written; a string without its quotes.
    #[must_use]
    pub fn raw(self) -> &'a [u8] {
        match self {
            Self::Object(raw) | Self::Array(raw) | Self::Number(raw) => raw,
            Self::String(string) => string.raw(),
            Self::Bool(true) => b"true",
            Self::Bool(false) => b"false",
            Self::Null => b"null",
        }
    }

    /// The members of an object, in order; nothing if it is none.
    #[must_use]
    pub fn members(self) -> Members<'a> {
        let rest = if let Self::Object(raw) = self {
            raw
        } else {
            &[]
        };
        Members(Elements::new(rest))
    }

    /// The items of an array, in order; nothing if it is none.
    #[must_use]
    pub fn items(self) -> Items<'a> {
        let rest = if let Self::Array(raw) = self {
            raw
        } else {
            &[]
        };
        Items(Elements::new(rest))
    }

    /// The first member of an object with this name.
    #[must_use]
    pub fn get(self, name: &str) -> Option<Self> {
        self.members()
            .find(|(key, _)| key.is(name.as_bytes()))
            .map(|(_, value)| value)
    }

    /// The value at the end of a path of names, such as `data.resources.mqtt`.
    #[must_use]
    pub fn at(self, path: &str) -> Option<Self> {
        path.split('.').try_fold(self, Self::get)
    }

    /// The string, if it is one.
    #[must_use]
    pub fn as_str(self) -> Option<Str<'a>> {
        if let Self::String(string) = self {
            Some(string)
        } else {
            None
        }
    }

    /// The number, if it is one without fraction and exponent that an `i64` can hold.
    #[must_use]
    pub fn as_i64(self) -> Option<i64> {
        let Self::Number(raw) = self else { return None };
        let (negative, digits) = match raw {
            [b'-', digits @ ..] => (true, digits),
            digits => (false, digits),
        };
        digits.iter().try_fold(0_i64, |number, digit| {
            let digit = i64::from(digit.checked_sub(b'0').filter(|digit| *digit <= 9)?);
            let number = number.checked_mul(10)?;
            if negative {
                number.checked_sub(digit)
            } else {
                number.checked_add(digit)
            }
        })
    }

    /// Whether it is `true` or `false`, if it is one of them.
    #[must_use]
    pub fn as_bool(self) -> Option<bool> {
        if let Self::Bool(is) = self {
            Some(is)
        } else {
            None
        }
    }
}

/// The value in `text`, an object, at the end of a path of names separated by `.`; reads no further
/// than its end, so it does not matter what follows.
#[must_use]
pub fn find<'a>(text: &'a [u8], path: &[u8]) -> Option<Value<'a>> {
    let mut scanner = Scanner { rest: text };
    for name in path.split(|byte| *byte == b'.') {
        scanner.enter_member(name).ok()?;
    }
    scanner.value().ok()
}

/// A string, in which escapes may stand for characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Str<'a>(&'a [u8]);

impl<'a> Str<'a> {
    /// The string as it is written, without its quotes.
    #[must_use]
    pub fn raw(self) -> &'a [u8] {
        self.0
    }

    /// The string that is meant, in UTF-8; half a surrogate pair becomes U+FFFD.
    #[must_use]
    pub fn decoded(self) -> Decoded<'a> {
        Decoded {
            rest: self.0,
            character: [0; 4],
            left: 0,
        }
    }

    /// Whether this is the string that is meant.
    #[must_use]
    pub fn is(self, text: &[u8]) -> bool {
        // An escape is longer than what it stands for.
        match self.0.len().cmp(&text.len()) {
            Ordering::Less => false,
            Ordering::Equal => self.0 == text && !text.contains(&b'\\'),
            Ordering::Greater => self.decoded().eq(text.iter().copied()),
        }
    }
}

/// The bytes of a [`Str`] with its escapes resolved.
#[derive(Clone, Debug)]
pub struct Decoded<'a> {
    rest: &'a [u8],
    /// The character of an escape, at the end of the array, and how much of it is still to come.
    character: [u8; 4],
    left: usize,
}

impl Iterator for Decoded<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        if self.left > 0 {
            let byte = self
                .character
                .get(self.character.len() - self.left)
                .copied();
            self.left -= 1;
            return byte;
        }
        match self.take()? {
            b'\\' => Some(match self.take()? {
                b'b' => 0x08,
                b'f' => 0x0c,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'u' => return self.unicode(),
                itself => itself, // quote, backslash, slash
            }),
            byte => Some(byte),
        }
    }
}

impl Decoded<'_> {
    fn take(&mut self) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*byte)
    }

    /// What `\u` begins, which is two escapes for a character beyond 16 bits (RFC 8259, section 7).
    fn unicode(&mut self) -> Option<u8> {
        let (unit, rest) = code_unit(self.rest)?;
        self.rest = rest;
        let mut code = unit;
        if let 0xd800..0xdc00 = unit
            && let Some(second) = self.rest.strip_prefix(br"\u")
            && let Some((low @ 0xdc00..0xe000, rest)) = code_unit(second)
        {
            self.rest = rest;
            code = 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
        }
        let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);

        self.left = character.encode_utf8(&mut self.character).len();
        self.character.rotate_right(4 - self.left);
        self.next()
    }
}

fn code_unit(text: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, rest) = text.split_first_chunk::<4>()?;
    let unit = digits.iter().try_fold(0, |unit, digit| {
        char::from(*digit)
            .to_digit(16)
            .map(|digit| unit << 4 | digit)
    })?;
    Some((unit, rest))
}

/// `text` as it stands between the quotes of a string (RFC 8259, section 7).
pub fn escaped(text: &[u8]) -> impl Iterator<Item = u8> {
    text.iter().flat_map(|byte| {
        let (escape, len): ([u8; 6], usize) = match *byte {
            itself @ (b'"' | b'\\') => ([b'\\', itself, 0, 0, 0, 0], 2),
            control @ 0..0x20 => {
                let digit = |bits: u8| hex_digit(bits.into());
                (
                    [b'\\', b'u', b'0', b'0', digit(control >> 4), digit(control)],
                    6,
                )
            }
            itself => ([itself, 0, 0, 0, 0, 0], 1),
        };
        escape.into_iter().take(len)
    })
}

/// The members of an object.
#[derive(Clone, Debug)]
pub struct Members<'a>(Elements<'a>);

impl<'a> Iterator for Members<'a> {
    type Item = (Str<'a>, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.0
            .next(b'}', |scanner| Ok((Str(scanner.key()?), scanner.value()?)))
    }
}

/// The items of an array.
#[derive(Clone, Debug)]
pub struct Items<'a>(Elements<'a>);

impl<'a> Iterator for Items<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next(b']', Scanner::value)
    }
}

/// What lies between a pair of brackets, which have been checked.
#[derive(Clone, Debug)]
struct Elements<'a>(Scanner<'a>);

impl<'a> Elements<'a> {
    fn new(container: &'a [u8]) -> Self {
        let rest = container
            .split_first()
            .map_or(container, |(_bracket, rest)| rest);
        Self(Scanner { rest })
    }

    fn next<T>(
        &mut self,
        end: u8,
        element: impl FnOnce(&mut Scanner<'a>) -> Result<T, Malformed>,
    ) -> Option<T> {
        self.0.blanks();
        self.0.eat(b',');
        self.0.blanks();
        if self.0.rest.first() == Some(&end) {
            None
        } else {
            element(&mut self.0).ok()
        }
    }
}

/// A position in the text.
#[derive(Clone, Debug)]
struct Scanner<'a> {
    rest: &'a [u8],
}

impl<'a> Scanner<'a> {
    /// Moves past a value and gives it.
    fn value(&mut self) -> Result<Value<'a>, Malformed> {
        self.blanks();
        let start = self.rest;
        match start.first() {
            Some(bracket @ (b'{' | b'[')) => {
                self.skip()?;
                let raw = self.since(start);
                Ok(if *bracket == b'{' {
                    Value::Object(raw)
                } else {
                    Value::Array(raw)
                })
            }
            _ => self.scalar(),
        }
    }

    /// Moves past a value of any depth.
    fn skip(&mut self) -> Result<(), Malformed> {
        let mut open = Brackets::default();
        loop {
            self.blanks();
            if self.eat(b'{') {
                open.push(Bracket::Object)?;
                self.blanks();
                if self.rest.first() != Some(&b'}') {
                    self.key()?;
                    continue;
                }
            } else if self.eat(b'[') {
                open.push(Bracket::Array)?;
                self.blanks();
                if self.rest.first() != Some(&b']') {
                    continue;
                }
            } else {
                self.scalar()?;
            }

            // A value has ended, or an empty container is about to: so may those around it.
            loop {
                let Some(innermost) = open.last() else {
                    return Ok(());
                };
                self.blanks();
                match (innermost, self.take()?) {
                    (Bracket::Object, b'}') | (Bracket::Array, b']') => open.pop(),
                    (Bracket::Object, b',') => {
                        self.key()?;
                        break;
                    }
                    (Bracket::Array, b',') => break,
                    _ => return Err(Malformed),
                }
            }
        }
    }

    /// Moves to the value of the first member with this name, of the object that begins here.
    fn enter_member(&mut self, name: &[u8]) -> Result<(), Malformed> {
        self.blanks();
        self.expect(b'{')?;
        while !Str(self.key()?).is(name) {
            self.skip()?;
            self.blanks();
            self.expect(b',')?; // there are no more members otherwise
        }
        Ok(())
    }

    /// Moves past a name and its colon.
    fn key(&mut self) -> Result<&'a [u8], Malformed> {
        self.blanks();
        self.expect(b'"')?;
        let key = self.string()?;
        self.blanks();
        self.expect(b':')?;
        Ok(key)
    }

    fn scalar(&mut self) -> Result<Value<'a>, Malformed> {
        let start = self.rest;
        match self.take()? {
            b'"' => self.string().map(|raw| Value::String(Str(raw))),
            b't' => self.literal(b"rue", Value::Bool(true)),
            b'f' => self.literal(b"alse", Value::Bool(false)),
            b'n' => self.literal(b"ull", Value::Null),
            b'-' | b'0'..=b'9' => {
                self.rest = start;
                self.number()?;
                Ok(Value::Number(self.since(start)))
            }
            _ => Err(Malformed),
        }
    }

    /// Moves past the end of a string whose quote was just read (RFC 8259, section 7).
    fn string(&mut self) -> Result<&'a [u8], Malformed> {
        let start = self.rest;
        loop {
            let end = self.rest;
            match self.take()? {
                b'"' => {
                    let len = start.len() - end.len();
                    return start.get(..len).ok_or(Malformed);
                }
                b'\\' => match self.take()? {
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                    b'u' => (_, self.rest) = code_unit(self.rest).ok_or(Malformed)?,
                    _ => return Err(Malformed),
                },
                0..0x20 => return Err(Malformed),
                _ => {}
            }
        }
    }

    /// Moves past a number (RFC 8259, section 6).
    fn number(&mut self) -> Result<(), Malformed> {
        self.eat(b'-');
        if !self.eat(b'0') {
            self.digits()?;
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            let _ = self.eat(b'+') || self.eat(b'-');
            self.digits()?;
        }
        Ok(())
    }

    /// Moves past digits, of which there is at least one.
    fn digits(&mut self) -> Result<(), Malformed> {
        let count = self
            .rest
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        self.rest = self.rest.get(count..).unwrap_or_default();
        if count > 0 { Ok(()) } else { Err(Malformed) }
    }

    fn literal(&mut self, rest_of_it: &[u8], value: Value<'a>) -> Result<Value<'a>, Malformed> {
        self.rest = self.rest.strip_prefix(rest_of_it).ok_or(Malformed)?;
        Ok(value)
    }

    fn blanks(&mut self) {
        while let [b' ' | b'\t' | b'\n' | b'\r', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), Malformed> {
        if self.eat(byte) {
            Ok(())
        } else {
            Err(Malformed)
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.rest.first() == Some(&byte);
        if found {
            self.rest = self.rest.get(1..).unwrap_or_default();
        }
        found
    }

    fn take(&mut self) -> Result<u8, Malformed> {
        let (byte, rest) = self.rest.split_first().ok_or(Malformed)?;
        self.rest = rest;
        Ok(*byte)
    }

    /// What was read since `start`.
    fn since(&self, start: &'a [u8]) -> &'a [u8] {
        start
            .get(..start.len() - self.rest.len())
            .unwrap_or_default()
    }
}

/// What kind of container is open, innermost last: one bit each.
#[derive(Default)]
struct Brackets {
    kinds: u32,
    depth: u32,
}

#[derive(Clone, Copy)]
enum Bracket {
    Object,
    Array,
}

impl Brackets {
    fn push(&mut self, bracket: Bracket) -> Result<(), Malformed> {
        if self.depth == DEPTH_MAX {
            return Err(Malformed);
        }
        self.kinds = self.kinds << 1 | u32::from(matches!(bracket, Bracket::Array));
        self.depth += 1;
        Ok(())
    }

    fn pop(&mut self) {
        self.kinds >>= 1;
        self.depth = self.depth.saturating_sub(1);
    }

    fn last(&self) -> Option<Bracket> {
        match (self.depth, self.kinds & 1) {
            (0, _) => None,
            (_, 0) => Some(Bracket::Object),
            _ => Some(Bracket::Array),
        }
    }
}
