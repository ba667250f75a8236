//! One response, in whatever pieces it comes.
//!
//! ```text
//!         blank line                      ┌─ Content-Length ──────────────> Counted ──┐
//! Head ──────────────> what of a body? ───┼─ chunked ────> Chunk <─> ... > Trailer ───┼─> Done
//!  ▲ 1xx  │                               ├─ neither ─────────────────> UntilEnd ─────┤
//!  └──────┘                               └─ none can follow ─────────────────────────┘
//! ```

use alloc::{boxed::Box, vec::Vec};
use core::mem;

use crate::wire::http::{ContentRange, concat, field, number, status_line};

/// A response, as far as it has come.
#[derive(Debug)]
pub struct Response {
    state: State,
    /// The line that has begun.
    line: Vec<u8>,
    /// How many bytes of lines have come: head, chunk sizes, trailer.
    lines_len: u32,
    head: Head,
    has_head: bool,
    chunked: bool,
    closes: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    StatusLine,
    Fields,
    /// So much of the body is to come.
    Counted(u32),
    UntilEnd,
    ChunkSize,
    /// So much of a chunk is to come.
    Chunk(u32),
    ChunkEnd,
    Trailer,
    Done,
}

/// What the head says.
#[derive(Debug, Default)]
pub struct Head {
    /// The status code, 200 to 999.
    pub status: u16,
    /// How long the body is, if it says so.
    pub length: Option<u32>,
    /// Which part the body is.
    pub range: Option<ContentRange>,
    /// `ETag` as it is written; empty if there is none, or one of more than [`Response::VALUE_MAX`] bytes.
    pub etag: Box<[u8]>,
    /// `Last-Modified`, likewise.
    pub last_modified: Box<[u8]>,
    /// `Location`; empty if there is none.
    pub location: Box<[u8]>,
}

/// Why a response is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// It is not HTTP/1.x.
    Malformed,
    /// Its head is longer than any should be.
    TooLong,
    /// The connection has ended before it did.
    Closed,
    /// There is no memory for a line of it.
    NoMemory,
}

impl Response {
    /// How many bytes the head may have, and beyond it what there is of chunk sizes and trailer between two bytes of body.
    pub const LINES_MAX: u32 = 16 * 1024;
    /// The longest `ETag` and `Last-Modified` that is kept.
    pub const VALUE_MAX: usize = 256;

    /// Nothing has come yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            state: State::StatusLine,
            line: Vec::new(),
            lines_len: 0,
            head: Head::default(),
            has_head: false,
            chunked: false,
            closes: false,
        }
    }

    /// Takes what has come. What of it is body is moved to its front; says how much that is. Bytes behind the end of the
    /// response are dropped: they make the connection useless for another.
    pub fn receive(&mut self, bytes: &mut [u8]) -> Result<usize, Error> {
        let (mut from, mut to) = (0, 0);
        while from < bytes.len() {
            let left = match &mut self.state {
                State::Counted(left) | State::Chunk(left) => *left,
                State::UntilEnd => u32::MAX,
                State::Done => {
                    self.closes = true;
                    break;
                }
                _ => {
                    let rest = bytes.get(from..).unwrap_or_default();
                    from += self.take_line(rest)?;
                    continue;
                }
            };
            let rest = bytes.len() - from;
            let count = usize::try_from(left).map_or(rest, |left| left.min(rest));
            bytes.copy_within(from..from + count, to);
            from += count;
            to += count;
            self.lines_len = 0;
            let left = left - count as u32; // at most `left`
            self.state = match self.state {
                State::Counted(_) if left == 0 => State::Done,
                State::Counted(_) => State::Counted(left),
                State::Chunk(_) if left == 0 => State::ChunkEnd,
                State::Chunk(_) => State::Chunk(left),
                state => state,
            };
        }
        Ok(to)
    }

    /// The connection has ended.
    pub fn end(&mut self) -> Result<(), Error> {
        self.closes = true;
        match self.state {
            State::Done => Ok(()),
            State::UntilEnd => {
                self.state = State::Done;
                Ok(())
            }
            _ => Err(Error::Closed),
        }
    }

    /// The head, once it is there; given once.
    pub fn take_head(&mut self) -> Option<Head> {
        mem::take(&mut self.has_head).then(|| mem::take(&mut self.head))
    }

    /// Whether all of it is there.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.state == State::Done
    }

    /// How many bytes of the body are to come, if its head has told.
    #[must_use]
    pub const fn remaining(&self) -> Option<u32> {
        match self.state {
            State::Counted(left) => Some(left),
            State::Done => Some(0),
            _ => None,
        }
    }

    /// Whether another request may follow on the connection, once it is complete (RFC 9112, section 9.3).
    #[must_use]
    pub fn is_reusable(&self) -> bool {
        self.is_complete() && !self.closes
    }

    /// Takes what belongs to the line that has begun; how much that is.
    fn take_line(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let part = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
        self.lines_len = self
            .lines_len
            .saturating_add(length(part).saturating_add(1));
        if self.lines_len > Self::LINES_MAX {
            return Err(Error::TooLong);
        }
        self.line
            .try_reserve(part.len())
            .map_err(|_| Error::NoMemory)?;
        self.line.extend_from_slice(part);
        if end.is_none() {
            return Ok(part.len());
        }
        let mut line = mem::take(&mut self.line);
        self.line_ended(line.strip_suffix(b"\r").unwrap_or(&line))?;
        if !matches!(
            self.state,
            State::Done | State::Counted(_) | State::UntilEnd
        ) {
            line.clear(); // its memory serves the next
            self.line = line;
        }
        Ok(part.len() + 1)
    }

    fn line_ended(&mut self, line: &[u8]) -> Result<(), Error> {
        match self.state {
            State::StatusLine if line.is_empty() => {} // RFC 9112, section 2.2
            State::StatusLine => {
                let (status, old) = status_line(line).ok_or(Error::Malformed)?;
                self.head.status = status;
                self.closes = old;
                self.state = State::Fields;
            }
            State::Fields if line.is_empty() => self.head_ended()?,
            State::Fields => self.take_field(line)?,
            State::ChunkSize => {
                let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
                self.state = match number(digits.trim_ascii_end(), 16) {
                    Some(0) => State::Trailer,
                    Some(size) => State::Chunk(size),
                    None => return Err(Error::Malformed),
                };
            }
            State::ChunkEnd if line.is_empty() => self.state = State::ChunkSize,
            State::ChunkEnd => return Err(Error::Malformed),
            State::Trailer if line.is_empty() => self.state = State::Done,
            _ => {}
        }
        Ok(())
    }

    fn take_field(&mut self, line: &[u8]) -> Result<(), Error> {
        // A line that begins with a blank would go on with the one before: obsolete, and not sent to clients.
        let (name, value) = field(line).ok_or(Error::Malformed)?;
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        if is("content-length") {
            for value in value.split(|byte| *byte == b',') {
                let length = number(value.trim_ascii(), 10).ok_or(Error::Malformed)?;
                if self.head.length.is_some_and(|known| known != length) {
                    return Err(Error::Malformed);
                }
                self.head.length = Some(length);
            }
        } else if is("transfer-encoding") {
            if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Error::Malformed);
            }
            self.chunked = true;
        } else if is("connection") {
            let mut options = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
            if options
                .clone()
                .any(|option| option.eq_ignore_ascii_case(b"close"))
            {
                self.closes = true;
            } else if options.any(|option| option.eq_ignore_ascii_case(b"keep-alive")) {
                self.closes = false;
            }
        } else if is("content-range") {
            self.head.range = ContentRange::parse(value);
        } else if is("location") {
            self.head.location = keep(value)?;
        } else if is("etag") && value.len() <= Self::VALUE_MAX {
            self.head.etag = keep(value)?;
        } else if is("last-modified") && value.len() <= Self::VALUE_MAX {
            self.head.last_modified = keep(value)?;
        }
        Ok(())
    }

    /// Which body follows (RFC 9112, section 6.3).
    fn head_ended(&mut self) -> Result<(), Error> {
        if self.head.status < 200 {
            if self.head.status == 101 {
                return Err(Error::Malformed); // nobody has asked for another protocol
            }
            let lines_len = self.lines_len;
            *self = Self::new();
            self.lines_len = lines_len;
            return Ok(());
        }
        if self.chunked {
            // What says both may be meant to be understood in two ways.
            self.closes |= self.head.length.take().is_some();
        }
        self.has_head = true;
        self.lines_len = 0;
        self.state = match (self.head.status, self.chunked, self.head.length) {
            (204 | 304, ..) | (_, false, Some(0)) => State::Done,
            (_, true, _) => State::ChunkSize,
            (_, false, Some(length)) => State::Counted(length),
            (_, false, None) => State::UntilEnd,
        };
        Ok(())
    }
}

impl Default for Response {
    fn default() -> Self {
        Self::new()
    }
}

/// How long a piece is; as long as anything may be, if it is longer.
fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

fn keep(value: &[u8]) -> Result<Box<[u8]>, Error> {
    concat([value].into_iter()).map_err(|_| Error::NoMemory)
}
