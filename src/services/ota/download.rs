//! Fetches an image over HTTP, and goes on where it was when a connection breaks (reference: ota.md, section 7).
//!
//! Without I/O or clock: whoever drives it asks what it [wants](Download::want), does that, and says what came of it.
//!
//! ```text
//!          opened             request is sent               all bytes are there
//! Closed ─────────> Sending ─────────────────> Receiving ───────────────────────> Leaving ──> Over
//!   ▲                                              │ lost, redirected, ended early   │ closed
//!   └──────────────────────────── Leaving <────────┘                                 ▼
//! ```

use alloc::{boxed::Box, ffi::CString};

use super::digest::Digest;
use crate::{
    http::{self, Head, Response},
    text::Text,
    time::Instant,
    wire::http::{Request, Url},
};

/// A download: how far it is, and what it needs to go on.
#[derive(Debug)]
pub struct Download {
    /// The announced URL.
    url: CString,
    /// Where the server has sent us from there; empty unless it has.
    moved: Box<[u8]>,
    redirects: u8,
    size: u32,
    /// How many bytes were handed out.
    fetched: u32,
    digest: Digest,
    link: Link,
    image: Version,
    /// How often it was tried since bytes came last.
    attempts: u8,
    /// How long nothing came, in ms of waiting.
    silence: u32,
}

#[derive(Debug)]
enum Link {
    Closed {
        /// When to try again.
        at: Instant,
    },
    Sending {
        request: Box<[u8]>,
        sent: usize,
    },
    Receiving {
        response: Response,
        /// Which byte of the image comes next, once the head is there.
        position: Option<u32>,
    },
    /// There is a connection to be closed.
    Leaving(Next),
    Over(Result<(), Failure>),
}

/// What comes once a connection is closed.
#[derive(Clone, Copy, Debug)]
enum Next {
    /// Another attempt, after so many ms.
    Retry(u32),
    End(Result<(), Failure>),
}

/// What tells one version of an image from another: nothing, as long as no response has come.
#[derive(Debug, Default)]
struct Version {
    etag: Box<[u8]>,
    last_modified: Box<[u8]>,
    total: Option<u32>,
}

/// Why an image is not there, or of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No connection came about, however often it was tried.
    NoConnection,
    /// Connections ended before the image did, however often it was tried.
    Closed,
    /// Nothing came for too long, however often it was tried.
    Silent,
    /// The server has answered with this status.
    Status(u16),
    /// The server's answer is not HTTP, or not to this request.
    Response,
    /// The server sends from place to place, or to one that is not acceptable.
    Redirect,
    /// The image is shorter than announced.
    Size,
    /// The image has changed on the server while it was fetched.
    Changed,
    /// There was no memory, however often it was tried.
    NoMemory,
    /// The image is there, but not the one that was announced.
    Digest,
}

/// What a download wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want<'a> {
    /// A connection; then [`Download::opened`] or [`Download::lost`] with [`Failure::NoConnection`].
    Dial(Url<'a>),
    /// That these bytes are sent; then [`Download::sent`].
    Write(&'a [u8]),
    /// Bytes; then [`Download::received`].
    Read {
        /// At most so many.
        len: usize,
        /// For at most so many ms.
        wait: u32,
    },
    /// That its connection is closed; then [`Download::closed`].
    Close,
    /// To be asked again in so many ms.
    Wait(u32),
    /// Nothing: it is over, with all bytes or without.
    Over(Result<(), Failure>),
}

impl Download {
    /// How often it is tried without a byte coming: with the waits between, some two minutes.
    const ATTEMPTS_MAX: u8 = 9;
    /// The longest wait between two attempts, in ms.
    const PAUSE_MAX: u32 = 60_000;
    /// How long a connection may be silent, in ms.
    const SILENCE_MAX: u32 = 30_000;
    /// How many redirections are followed.
    const REDIRECTS_MAX: u8 = 5;
    /// How much is read at once before it is known how much there is, and for how many ms that is waited for: a port
    /// waits for all that it is asked for.
    const HEAD_PIECE: usize = 512;
    const HEAD_WAIT: u32 = 50;

    pub(super) fn new(url: CString, size: u32, digest: Digest, now: Instant) -> Self {
        Self {
            url,
            moved: Box::default(),
            redirects: 0,
            size,
            fetched: 0,
            digest,
            link: Link::Closed { at: now },
            image: Version::default(),
            attempts: 0,
            silence: 0,
        }
    }

    /// How many bytes were handed out.
    #[must_use]
    pub const fn fetched(&self) -> u32 {
        self.fetched
    }

    /// What it wants, with room for so many bytes.
    #[must_use]
    pub fn want(&self, room: usize, now: Instant) -> Want<'_> {
        match &self.link {
            Link::Closed { at } => match (at.until(now), self.place()) {
                // What seems to be further off has been for so long that moments have come round.
                (wait @ 1..=Self::PAUSE_MAX, _) => Want::Wait(wait),
                (_, Some(url)) => Want::Dial(url),
                (_, None) => Want::Over(Err(Failure::Redirect)),
            },
            Link::Sending { request, sent } => {
                Want::Write(request.get(*sent..).unwrap_or_default())
            }
            Link::Receiving {
                response, position, ..
            } => self.want_bytes(response, *position, room),
            Link::Leaving(_) => Want::Close,
            Link::Over(result) => Want::Over(*result),
        }
    }

    /// No more than what is sure to come, once that is known.
    fn want_bytes(&self, response: &Response, position: Option<u32>, room: usize) -> Want<'_> {
        let Some(position) = position else {
            return Want::Read {
                len: room.min(Self::HEAD_PIECE),
                wait: Self::HEAD_WAIT,
            };
        };
        let of_image = self.size.saturating_sub(position);
        let left = response
            .remaining()
            .map_or(of_image, |left| left.min(of_image));
        Want::Read {
            len: usize::try_from(left).map_or(room, |left| left.clamp(1, room.max(1))),
            wait: u32::MAX,
        }
    }

    /// Where the image is to be had.
    fn place(&self) -> Option<Url<'_>> {
        let place = if self.moved.is_empty() {
            self.url.as_bytes()
        } else {
            &self.moved
        };
        Url::parse(place).ok()
    }

    /// There is a connection.
    pub fn opened(&mut self) {
        self.link = match self.request() {
            Some(request) => Link::Sending { request, sent: 0 },
            None => Link::Leaving(self.leave(Failure::NoMemory)),
        };
    }

    fn request(&self) -> Option<Box<[u8]>> {
        let mut range = Text::<32>::new();
        range.push_all(&[b"bytes="]).ok()?;
        range.push_number(self.fetched.into()).ok()?;
        range.push_all(&[b"-"]).ok()?;
        let fields: [(&'static str, &[u8]); 2] = [
            ("Range: ", range.as_bytes()),
            ("If-Range: ", self.image.validator().unwrap_or_default()),
        ];
        let count = match (self.fetched, self.image.validator()) {
            (0, _) => 0,
            (_, None) => 1,
            (_, Some(_)) => 2,
        };
        Request {
            method: "GET",
            url: self.place()?,
            fields: fields.get(..count)?,
        }
        .emit()
        .ok()
    }

    /// So many bytes were taken.
    pub fn sent(&mut self, count: usize) {
        self.silence = 0;
        if let Link::Sending { request, sent } = &mut self.link {
            *sent += count;
            if *sent >= request.len() {
                self.link = Link::Receiving {
                    response: Response::new(),
                    position: None,
                };
            }
        }
    }

    /// Nothing came, or nothing was taken, for so many ms.
    pub fn silent(&mut self, waited: u32) {
        self.silence = self.silence.saturating_add(waited);
        if self.silence >= Self::SILENCE_MAX {
            self.link = Link::Leaving(self.leave(Failure::Silent));
        }
    }

    /// These bytes came. Those of the image are moved to their front; says how many these are.
    pub fn received(&mut self, bytes: &mut [u8]) -> usize {
        self.silence = 0;
        let Link::Receiving { response, position } = &mut self.link else {
            return 0;
        };
        let count = match response.receive(bytes) {
            Ok(count) => count,
            Err(error) => {
                self.link = Link::Leaving(Self::give_up(error.into()));
                return 0;
            }
        };
        let is_complete = response.is_complete();
        let start = match *position {
            Some(start) => start,
            None => {
                let Some(head) = response.take_head() else {
                    return 0;
                };
                match self.judge(head) {
                    Ok(start) => start,
                    Err(next) => {
                        self.link = Link::Leaving(next);
                        return 0;
                    }
                }
            }
        };
        if let Link::Receiving { position, .. } = &mut self.link {
            *position = Some(start.saturating_add(count as u32));
        }
        let kept = self.keep(bytes.get_mut(..count).unwrap_or_default(), start);
        if self.fetched == self.size {
            self.link = Link::Leaving(Next::End(Ok(())));
        } else if is_complete {
            // Whatever is missing is asked for, unless there was nothing new in it.
            self.link = Link::Leaving(if self.attempts == 0 {
                self.leave(Failure::Closed)
            } else {
                Self::give_up(Failure::Size)
            });
        }
        kept
    }

    /// Moves to the front what was not handed out before, of the bytes of the image from `start` on.
    fn keep(&mut self, bytes: &mut [u8], start: u32) -> usize {
        let known = self.fetched.saturating_sub(start);
        let known = usize::try_from(known).map_or(bytes.len(), |known| known.min(bytes.len()));
        let wanted = (self.size - self.fetched) as usize;
        let kept = (bytes.len() - known).min(wanted);
        bytes.copy_within(known..known + kept, 0);
        self.digest.update(bytes.get(..kept).unwrap_or_default());
        self.fetched += kept as u32; // at most `wanted`
        if kept > 0 {
            self.attempts = 0;
        }
        kept
    }

    /// What a head means: which byte of the image comes first, or what comes instead of it.
    fn judge(&mut self, head: Head) -> Result<u32, Next> {
        let (start, total) = match (head.status, head.range) {
            (200, _) => (0, head.length),
            (206, Some(range)) if self.fetched > 0 && range.first <= self.fetched => {
                (range.first, range.total)
            }
            (206, _) => return Err(Self::give_up(Failure::Response)),
            (416, _) if self.fetched > 0 => return Err(Self::give_up(Failure::Size)),
            (301 | 302 | 303 | 307 | 308, _) => return Err(self.redirect(&head.location)),
            (status, _) => return Err(Self::give_up(Failure::Status(status))),
        };
        let here = Version {
            etag: head.etag,
            last_modified: head.last_modified,
            total,
        };
        if self.image.differs(&here) {
            return Err(Self::give_up(Failure::Changed));
        }
        if self.fetched == 0 {
            self.image = here;
        }
        Ok(start)
    }

    fn redirect(&mut self, location: &[u8]) -> Next {
        let moved = self.place().and_then(|url| url.resolve(location).ok());
        match moved {
            Some(moved) if self.redirects < Self::REDIRECTS_MAX => {
                self.moved = moved;
                self.redirects += 1;
                Next::Retry(0)
            }
            _ => Self::give_up(Failure::Redirect),
        }
    }

    /// The connection is of no more use, or did not come about.
    pub fn lost(&mut self, why: Failure, now: Instant) {
        let is_open = !matches!(self.link, Link::Closed { .. });
        self.link = Link::Leaving(self.leave(why));
        if !is_open {
            self.closed(now);
        }
    }

    /// The connection is closed.
    pub fn closed(&mut self, now: Instant) {
        if let Link::Leaving(next) = self.link {
            self.link = match next {
                Next::Retry(wait) => Link::Closed {
                    at: now.after(wait),
                },
                Next::End(result) => Link::Over(result),
            };
        }
    }

    /// The digest of what was fetched.
    pub const fn digest(&mut self) -> &mut Digest {
        &mut self.digest
    }

    /// After a failure that may pass. The first attempt after bytes have come follows at once, the others ever later; and
    /// each begins at the announced URL, since those of redirections may hold for a short time only.
    fn leave(&mut self, why: Failure) -> Next {
        self.silence = 0;
        self.moved = Box::default();
        self.redirects = 0;
        self.attempts += 1;
        match self.attempts {
            1 => Next::Retry(0),
            Self::ATTEMPTS_MAX.. => Next::End(Err(why)),
            attempts => Next::Retry((250 << attempts).min(Self::PAUSE_MAX)),
        }
    }

    /// After a failure that will not pass.
    const fn give_up(why: Failure) -> Next {
        Next::End(Err(why))
    }
}

impl Version {
    /// What If-Range may carry: a strong validator (RFC 9110, section 13.1.5).
    fn validator(&self) -> Option<&[u8]> {
        if !self.etag.is_empty() && !self.etag.starts_with(b"W/") {
            Some(&self.etag)
        } else if !self.last_modified.is_empty() {
            Some(&self.last_modified)
        } else {
            None
        }
    }

    /// Whether something that both say tells them apart.
    fn differs(&self, other: &Self) -> bool {
        let both = |one: &[u8], other: &[u8]| !one.is_empty() && !other.is_empty() && one != other;
        both(&self.etag, &other.etag)
            || both(&self.last_modified, &other.last_modified)
            || self
                .total
                .is_some_and(|total| other.total.is_some_and(|other| other != total))
    }
}

impl From<http::Error> for Failure {
    fn from(error: http::Error) -> Self {
        match error {
            http::Error::NoMemory => Self::NoMemory,
            _ => Self::Response,
        }
    }
}
