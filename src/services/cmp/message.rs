//! Envelopes (reference: cmp.md, 5.2 and 5.3).

use alloc::vec::Vec;
use core::ops::Range;

use crate::text::Text;

/// What a payload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Bytes.
    Raw,
    /// `{"id":"1","version":"1.0","params":..,"method":".."}`.
    Request,
    /// `{"id":"1","code":200,"data":..}`.
    Response,
}

/// A request or an answer to send.
#[derive(Clone, Copy, Debug)]
pub enum Outgoing<'a> {
    /// A request.
    Request {
        /// Its number.
        id: i32,
        /// What is asked for.
        method: &'a [u8],
        /// JSON, as it is written.
        params: &'a [u8],
    },
    /// An answer.
    Response {
        /// The number of the request.
        id: i32,
        /// How it went.
        code: u32,
        /// JSON, as it is written.
        data: &'a [u8],
    },
}

impl Outgoing<'_> {
    /// The payload; `None` if there is no memory.
    #[must_use]
    pub fn payload(&self) -> Option<Vec<u8>> {
        /// The longest 32-bit number with its sign.
        const DIGITS: usize = 11;

        let mut number = Text::<DIGITS>::new();
        let mut digits = Text::<DIGITS>::new();
        match *self {
            Self::Request { id, method, params } => {
                number.push_number(id.into()).ok()?;
                concat(&[
                    br#"{"id":""#,
                    number.as_bytes(),
                    br#"","version":"1.0","params":"#,
                    params,
                    br#","method":""#,
                    method,
                    br#""}"#,
                ])
            }
            Self::Response { id, code, data } => {
                number.push_number(id.into()).ok()?;
                digits.push_number(code.into()).ok()?;
                concat(&[
                    br#"{"id":""#,
                    number.as_bytes(),
                    br#"","code":"#,
                    digits.as_bytes(),
                    br#","data":"#,
                    data,
                    b"}",
                ])
            }
        }
    }
}

fn concat(parts: &[&[u8]]) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    let len = parts.iter().map(|part| part.len()).sum();
    whole.try_reserve_exact(len).ok()?;
    parts.iter().for_each(|part| whole.extend_from_slice(part));
    Some(whole)
}

/// A message that has arrived, and where in its payload the texts lie. Behind each text lies a byte that is not needed any
/// more, but for [`Shape::Raw`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// The number of the request; of a larger one the low 32 bits.
    pub id: i32,
    /// How it went.
    pub code: u32,
    /// What is asked for.
    pub method: Option<Range<usize>>,
    /// The parameters, the data, or all of it.
    pub parameter: Range<usize>,
}

impl Incoming {
    /// Looks into a payload; the name of the member that is missing, or is not what it must be.
    pub fn parse(shape: Shape, payload: &[u8]) -> Result<Self, &'static str> {
        if shape == Shape::Raw {
            return match payload.len() {
                0 => Err("bytes"),
                len => Ok(Self {
                    id: 0,
                    code: 0,
                    method: None,
                    parameter: 0..len,
                }),
            };
        }
        let find = |name: &'static str| {
            let mut members = Members::new(payload);
            let found = members.find(|(key, _)| payload.get(key.clone()) == Some(name.as_bytes()));
            found.map(|(_, value)| value).ok_or(name)
        };
        let text = |range: &Range<usize>| payload.get(range.clone()).unwrap_or_default();
        let number = |name| {
            let digits = core::str::from_utf8(text(&find(name)?)).map_err(|_| name)?;
            digits.parse::<i64>().map_err(|_| name)
        };
        let id = number("id")? as i32; // the low half, as wanted
        if shape == Shape::Response {
            return Ok(Self {
                id,
                code: number("code")? as u32, // as above
                method: None,
                parameter: find("data")?,
            });
        }
        let method = find("method")?;
        if matches!(text(&method), b"" | b"null") {
            return Err("method");
        }
        Ok(Self {
            id,
            code: 0,
            method: Some(method),
            parameter: find("params")?,
        })
    }
}

/// The members of an object: where name and value lie, without their quotes. What is in a value is not looked at, only where
/// its brackets end: applications send there what is no JSON (V2.10's sample: `{hello world!}`).
struct Members<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Members<'a> {
    fn new(text: &'a [u8]) -> Self {
        let mut members = Self { text, at: 0 };
        members.blanks();
        if members.byte() == Some(b'{') {
            members.at += 1;
        } else {
            members.at = text.len();
        }
        members
    }

    fn byte(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// Passes over this byte and blanks around it.
    fn pass(&mut self, byte: u8) -> Option<()> {
        self.blanks();
        (self.byte()? == byte).then(|| self.at += 1)?;
        self.blanks();
        Some(())
    }

    fn blanks(&mut self) {
        while self.byte().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// What lies between two quotes.
    fn string(&mut self) -> Option<Range<usize>> {
        (self.byte()? == b'"').then(|| self.at += 1)?;
        let start = self.at;
        loop {
            match self.byte()? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        Some(start..self.at - 1)
    }

    fn value(&mut self) -> Option<Range<usize>> {
        if self.byte()? == b'"' {
            return self.string();
        }
        let start = self.at;
        let mut depth = 0_u32;
        loop {
            match self.byte()? {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => depth = depth.checked_add(1)?,
                b'}' | b']' | b',' if depth == 0 => break,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.at += 1;
        }
        let value = self.text.get(start..self.at)?.trim_ascii_end();
        (!value.is_empty()).then_some(start..start + value.len())
    }
}

impl Iterator for Members<'_> {
    type Item = (Range<usize>, Range<usize>);

    fn next(&mut self) -> Option<Self::Item> {
        self.blanks();
        let name = self.string()?;
        self.pass(b':')?;
        let value = self.value()?;
        self.blanks();
        // Behind the last one there is no comma, and what follows begins with no quote.
        let _ = self.pass(b',');
        Some((name, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envelopes() {
        let request = Outgoing::Request {
            id: 7,
            method: b"thing.data",
            params: b"{hello world!}",
        };
        assert_eq!(
            request.payload().as_deref(),
            Some(
                &br#"{"id":"7","version":"1.0","params":{hello world!},"method":"thing.data"}"#[..]
            )
        );
        let response = Outgoing::Response {
            id: -2_147_483_648,
            code: 4_294_967_295,
            data: b"{}",
        };
        assert_eq!(
            response.payload().as_deref(),
            Some(&br#"{"id":"-2147483648","code":4294967295,"data":{}}"#[..])
        );
    }

    fn parse(shape: Shape, payload: &str) -> Result<(i32, u32, &str, &str), &'static str> {
        let incoming = Incoming::parse(shape, payload.as_bytes())?;
        let text = |range: Range<usize>| &payload[range];
        Ok((
            incoming.id,
            incoming.code,
            incoming.method.map_or("-", text),
            text(incoming.parameter),
        ))
    }

    #[test]
    fn requests() {
        let parse = |payload| parse(Shape::Request, payload);
        assert_eq!(
            parse(r#"{"id":"7","version":"1.0","params":{"a":[1]},"method":"m"}"#),
            Ok((7, 0, "m", r#"{"a":[1]}"#))
        );
        assert_eq!(
            parse(r#" { "method" : "m" , "params" : "" , "id" : 4294967297 } "#),
            Ok((1, 0, "m", ""))
        );
        assert_eq!(
            parse(r#"{"id":1,"params":null,"method":"m"}"#),
            Ok((1, 0, "m", "null"))
        );
        assert_eq!(parse(r#"{"params":1,"method":"m"}"#), Err("id"));
        assert_eq!(parse(r#"{"id":null,"params":1,"method":"m"}"#), Err("id"));
        assert_eq!(parse(r#"{"id":"x","params":1,"method":"m"}"#), Err("id"));
        assert_eq!(parse(r#"{"id":1,"method":"m"}"#), Err("params"));
        assert_eq!(parse(r#"{"id":1,"params":1}"#), Err("method"));
        assert_eq!(parse(r#"{"id":1,"params":1,"method":null}"#), Err("method"));
        assert_eq!(parse(r#"{"id":1,"params":1,"method":""}"#), Err("method"));
        for nothing in [
            "",
            " ",
            "{",
            "{}",
            "[1]",
            "1",
            r#""id""#,
            r#"{"id"#,
            r#"{"id":"#,
            r#"{"id":1"#,
            r#"{"id":"1"#,
            r#"{"id":"1\"#,
        ] {
            assert_eq!(parse(nothing), Err("id"), "{nothing}");
        }
        assert_eq!(parse(r#"{"id":1,"method":"m","params":{"#), Err("params"));
    }

    /// As V2.10's sample sends it.
    #[test]
    fn what_is_no_json_inside_is_passed_on() {
        assert_eq!(
            parse(
                Shape::Request,
                r#"{"id":"1","version":"1.0","params":{hello world!},"method":"thing.data"}"#
            ),
            Ok((1, 0, "thing.data", "{hello world!}"))
        );
        assert_eq!(
            parse(
                Shape::Request,
                r#"{"id":1,"params":{"a":"}\"]","b":[[{}],"{"]} ,"method":"m"}"#
            ),
            Ok((1, 0, "m", r#"{"a":"}\"]","b":[[{}],"{"]}"#))
        );
    }

    #[test]
    fn responses() {
        let parse = |payload| parse(Shape::Response, payload);
        assert_eq!(
            parse(r#"{"id":"2147483648","code":"200","data":""}"#),
            Ok((i32::MIN, 200, "-", ""))
        );
        assert_eq!(
            parse(r#"{"id":1,"code":200,"data":[{}]}"#),
            Ok((1, 200, "-", "[{}]"))
        );
        assert_eq!(parse(r#"{"id":1,"data":1}"#), Err("code"));
        assert_eq!(parse(r#"{"id":1,"code":null,"data":1}"#), Err("code"));
        assert_eq!(parse(r#"{"id":1,"code":1}"#), Err("data"));
    }

    #[test]
    fn bytes() {
        assert_eq!(parse(Shape::Raw, "a\0b"), Ok((0, 0, "-", "a\0b")));
        assert_eq!(parse(Shape::Raw, ""), Err("bytes"));
    }
}
