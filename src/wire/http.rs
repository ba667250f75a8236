//! HTTP/1.1: URLs, requests, and the lines of a response's head (RFC 3986, RFC 9110, RFC 9112).

use alloc::{boxed::Box, collections::TryReserveError, vec::Vec};

use crate::text::hex_digit;

/// Where a resource is: an `http` or `https` URL (RFC 9110, section 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Url<'a> {
    /// Whether it is to be had over TLS only.
    pub tls: bool,
    /// A name, or an address without the brackets of IPv6.
    pub host: &'a [u8],
    /// The port, 443 or 80 unless another is given.
    pub port: u16,
    /// Host and port as they are written, for the field `Host`.
    pub authority: &'a [u8],
    /// Path and query, perhaps empty.
    target: &'a [u8],
}

/// The text is no URL that could be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadUrl;

impl<'a> Url<'a> {
    /// Reads a URL. One with a user name is refused, since that is sent nowhere; so is one with blanks or control
    /// characters, which would end up in the request.
    pub fn parse(text: &'a [u8]) -> Result<Self, BadUrl> {
        if !text.iter().all(u8::is_ascii_graphic) {
            return Err(BadUrl);
        }
        let (tls, rest) = if let Some(rest) = strip_scheme(text, b"https://") {
            (true, rest)
        } else if let Some(rest) = strip_scheme(text, b"http://") {
            (false, rest)
        } else {
            return Err(BadUrl);
        };
        let rest = rest.split(|byte| *byte == b'#').next().unwrap_or_default();
        let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?'));
        let (authority, target) = rest
            .split_at_checked(end.unwrap_or(rest.len()))
            .unwrap_or_default();
        let (host, port) = split_authority(authority)?;
        let port = match port {
            [] if tls => 443,
            [] => 80,
            digits => number(digits, 10)
                .and_then(|port| u16::try_from(port).ok())
                .filter(|port| *port > 0)
                .ok_or(BadUrl)?,
        };
        Ok(Self {
            tls,
            host,
            port,
            authority,
            target,
        })
    }

    /// Where `location`, of a response to a request for this URL, leads (RFC 3986, section 5.2). Not from TLS to plain
    /// text.
    pub fn resolve(self, location: &[u8]) -> Result<Box<[u8]>, Unresolved> {
        let scheme: &[u8] = if self.tls { b"https:" } else { b"http:" };
        let path = self.target.split(|byte| *byte == b'?').next();
        let path = path.unwrap_or_default();
        let directory = path
            .iter()
            .rposition(|byte| *byte == b'/')
            .and_then(|slash| path.get(..=slash))
            .unwrap_or(b"/");
        let parts: [&[u8]; 5] = match location {
            [] => return Err(Unresolved::BadUrl),
            _ if is_absolute(location) => [location, b"", b"", b"", b""],
            [b'/', b'/', ..] => [scheme, location, b"", b"", b""],
            [b'/', ..] => [scheme, b"//", self.authority, location, b""],
            [b'?', ..] => [scheme, b"//", self.authority, path, location],
            _ => [scheme, b"//", self.authority, directory, location],
        };
        let url = concat(parts.into_iter()).map_err(|_| Unresolved::NoMemory)?;
        let there = Url::parse(&url).map_err(|BadUrl| Unresolved::BadUrl)?;
        if self.tls && !there.tls {
            return Err(Unresolved::BadUrl);
        }
        there.without_dots(url.len())
    }

    /// The text of the URL, of at most `len` bytes, without `.` and `..` in its path (RFC 3986, section 5.2.4).
    fn without_dots(self, len: usize) -> Result<Box<[u8]>, Unresolved> {
        let end = self.target.iter().position(|byte| *byte == b'?');
        let (path, query) = self
            .target
            .split_at_checked(end.unwrap_or(self.target.len()))
            .unwrap_or_default();
        let mut text = Vec::new();
        text.try_reserve_exact(len)
            .map_err(|_| Unresolved::NoMemory)?;
        let scheme: &[u8] = if self.tls { b"https://" } else { b"http://" };
        text.extend_from_slice(scheme);
        text.extend_from_slice(self.authority);
        let root = text.len();
        let mut segments = path.split(|byte| *byte == b'/').skip(1).peekable();
        while let Some(segment) = segments.next() {
            match segment {
                b"." | b".." => {
                    if segment == b".." {
                        let parent = text.iter().rposition(|byte| *byte == b'/');
                        text.truncate(parent.unwrap_or(root).max(root));
                    }
                    if segments.peek().is_none() {
                        text.push(b'/');
                    }
                }
                segment => {
                    text.push(b'/');
                    text.extend_from_slice(segment);
                }
            }
        }
        text.extend_from_slice(query);
        // Shrinking what may be too long would take memory, too, and could not fail.
        concat([&*text].into_iter()).map_err(|_| Unresolved::NoMemory)
    }
}

/// Why there is no place to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unresolved {
    /// It is none that could be asked for.
    BadUrl,
    /// There is no memory for it.
    NoMemory,
}

fn strip_scheme<'a>(text: &'a [u8], scheme: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = text.split_at_checked(scheme.len())?;
    start.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// Host and port, as they are written.
fn split_authority(authority: &[u8]) -> Result<(&[u8], &[u8]), BadUrl> {
    let (host, rest) = if let [b'[', rest @ ..] = authority {
        let end = rest.iter().position(|byte| *byte == b']').ok_or(BadUrl)?;
        let (host, rest) = rest.split_at_checked(end).ok_or(BadUrl)?;
        if !host
            .iter()
            .all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'))
        {
            return Err(BadUrl);
        }
        (host, rest.get(1..).unwrap_or_default())
    } else {
        let end = authority.iter().position(|byte| *byte == b':');
        authority
            .split_at_checked(end.unwrap_or(authority.len()))
            .ok_or(BadUrl)?
    };
    let is_name = |byte: &u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b':')
    };
    if host.is_empty() || !host.iter().all(is_name) {
        return Err(BadUrl);
    }
    match rest {
        [] => Ok((host, &[])),
        [b':', port @ ..] => Ok((host, port)),
        _ => Err(BadUrl),
    }
}

/// Whether it begins with a scheme (RFC 3986, section 3.1).
fn is_absolute(location: &[u8]) -> bool {
    let end = location
        .iter()
        .position(|byte| !byte.is_ascii_alphanumeric() && !matches!(byte, b'+' | b'-' | b'.'));
    end.is_some_and(|end| end > 0 && location.get(end) == Some(&b':'))
}

/// A request without its body.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// What it is about, and the value of `Host`.
    pub url: Url<'a>,
    /// The other fields, in order: each name with the colon, and blank if there is to be one, behind it.
    pub fields: &'a [(&'static str, &'a [u8])],
}

/// Why a request cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRequest {
    /// A value has a control character in it, which could begin another line.
    BadValue,
    /// There is no memory for it.
    NoMemory,
}

impl Request<'_> {
    /// The bytes to send (RFC 9112, sections 3 and 5).
    pub fn emit(&self) -> Result<Box<[u8]>, NoRequest> {
        let is_bad = |byte: &u8| byte.is_ascii_control();
        let values = self.fields.iter().map(|(_, value)| *value);
        if values.flatten().any(is_bad) {
            return Err(NoRequest::BadValue);
        }
        // A query may follow the host.
        let root: &[u8] = if self.url.target.starts_with(b"/") {
            b""
        } else {
            b"/"
        };
        let start: [&[u8]; 7] = [
            self.method.as_bytes(),
            b" ",
            root,
            self.url.target,
            b" HTTP/1.1\r\nHost: ",
            self.url.authority,
            b"\r\n",
        ];
        let fields = self
            .fields
            .iter()
            .flat_map(|(name, value)| [name.as_bytes(), value, b"\r\n"]);
        let parts = start.into_iter().chain(fields).chain([&b"\r\n"[..]]);
        concat(parts).map_err(|_| NoRequest::NoMemory)
    }
}

/// The status of a response whose first line this is (RFC 9112, section 4), and whether it is of HTTP/1.0.
pub(crate) fn status_line(line: &[u8]) -> Option<(u16, bool)> {
    let rest = line.strip_prefix(b"HTTP/1.")?;
    let (minor, rest) = rest.split_first()?;
    let rest = rest.strip_prefix(b" ")?;
    let (digits, reason) = rest.split_at_checked(3)?;
    if !minor.is_ascii_digit() || !matches!(reason, [] | [b' ', ..]) {
        return None;
    }
    let status = u16::try_from(number(digits, 10)?).ok()?;
    (status >= 100).then_some((status, *minor == b'0'))
}

/// Name and value of a field (RFC 9112, section 5): nothing may stand between name and colon.
pub(crate) fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = line.split_at_checked(colon)?;
    let is_token = |byte: &u8| byte.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]{}".contains(byte);
    if name.is_empty() || !name.iter().all(is_token) {
        return None;
    }
    Some((name, value.get(1..)?.trim_ascii()))
}

/// A number without a sign, of 32 bits: a device has no use for more bytes than that.
pub(crate) fn number(digits: &[u8], radix: u32) -> Option<u32> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u32, |number, digit| {
        let digit = char::from(*digit).to_digit(radix)?;
        number.checked_mul(radix)?.checked_add(digit)
    })
}

/// Which bytes a part is, of how many (RFC 9110, section 14.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentRange {
    /// The first byte of the part.
    pub first: u32,
    /// How many bytes there are in all, if the server knows.
    pub total: Option<u32>,
}

impl ContentRange {
    /// Reads a value of `Content-Range`; `None` if it names no part.
    pub(crate) fn parse(value: &[u8]) -> Option<Self> {
        let (unit, rest) = value.split_at_checked(6)?;
        if !unit.eq_ignore_ascii_case(b"bytes ") {
            return None;
        }
        let mut parts = rest.splitn(2, |byte| *byte == b'/');
        let (range, total) = (parts.next()?, parts.next()?);
        let mut ends = range.splitn(2, |byte| *byte == b'-');
        let (first, last) = (number(ends.next()?, 10)?, number(ends.next()?, 10)?);
        let total = match total {
            b"*" => None,
            digits => Some(number(digits, 10)?),
        };
        (first <= last && total.is_none_or(|total| last < total)).then_some(Self { first, total })
    }
}

/// `text` as a value of a form: what is not unreserved is escaped (RFC 3986, section 2). `None` if there is no memory.
#[must_use]
pub fn escaped(text: &[u8]) -> Option<Box<[u8]>> {
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let mut escaped = Vec::new();
    let escapes = text.iter().filter(|byte| !is_plain(**byte)).count();
    escaped.try_reserve_exact(text.len() + 2 * escapes).ok()?;
    for byte in text {
        if is_plain(*byte) {
            escaped.push(*byte);
        } else {
            let digit = |bits: u8| hex_digit(bits.into()).to_ascii_uppercase();
            escaped.extend([b'%', digit(byte >> 4), digit(*byte)]);
        }
    }
    Some(escaped.into_boxed_slice())
}

/// Copies `parts` one behind the other.
pub fn concat<'a>(
    parts: impl Iterator<Item = &'a [u8]> + Clone,
) -> Result<Box<[u8]>, TryReserveError> {
    let mut whole = Vec::new();
    whole.try_reserve_exact(parts.clone().map(<[u8]>::len).sum())?;
    parts.for_each(|part| whole.extend_from_slice(part));
    Ok(whole.into_boxed_slice())
}
