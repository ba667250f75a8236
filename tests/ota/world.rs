//! A platform whose only connections lead to one HTTP server, played by the test, over a network that does what the test
//! says. Time passes only while the library waits.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
};

use iotkit::{
    client::fetch::{Fetch, Fetched},
    hal::{Broken, Dial, Lock, NoConnection, Stream, System},
    log::{Level, Value},
    services::ota::{Announcement, Failure, Incoming, Ota},
};
use md5::{Digest as _, Md5};

/// What the server says to a request, and what becomes of it on the way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) bytes: Vec<u8>,
    /// After so many bytes the connection ends; with the last if `None` and `closes`.
    pub(crate) cut: Option<usize>,
    /// The server closes the connection behind the answer.
    pub(crate) closes: bool,
    /// After so many bytes nothing comes any more.
    pub(crate) stall: Option<usize>,
    /// How long each byte takes, in ms.
    pub(crate) slow: u64,
}

impl Answer {
    pub(crate) fn new(head: &str, body: &[u8]) -> Self {
        Self {
            bytes: [head.as_bytes(), b"\r\n\r\n", body].concat(),
            closes: true,
            ..Self::default()
        }
    }
}

/// Plays the server.
type Serve<'a> = Box<dyn FnMut(&Request) -> Answer + 'a>;

/// The platform, and the server behind it.
pub(crate) struct World<'a> {
    now: Cell<u64>,
    serve: RefCell<Serve<'a>>,
    link: RefCell<Option<Link>>,
    pub(crate) requests: RefCell<Vec<Request>>,
    /// Where connections were made to, and when.
    pub(crate) dialed: RefCell<Vec<(bool, String, u16, u64)>>,
    /// So many more connections are refused.
    pub(crate) refuses: Cell<u32>,
    /// How long connecting takes, in ms.
    pub(crate) dial_takes: Cell<u64>,
    /// The network brings no more than this at once.
    pub(crate) piece: Cell<usize>,
    /// The port takes no more than this at once.
    pub(crate) takes: Cell<usize>,
    /// Whether the port waits when it cannot do what it is asked for.
    pub(crate) waits: Cell<bool>,
    pub(crate) calls: Cell<u32>,
    pub(crate) log: RefCell<Vec<String>>,
}

#[derive(Debug, Default)]
struct Link {
    heard: Vec<u8>,
    arrives: VecDeque<u8>,
    /// What happens when all has arrived.
    then: Option<Broken>,
    slow: u64,
}

/// A request as the server reads it.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) target: String,
    pub(crate) head: String,
}

impl Request {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (field, value) = line.split_once(": ")?;
            (field == name).then_some(value)
        })
    }

    /// The byte that is asked for first.
    pub(crate) fn first(&self) -> usize {
        self.field("Range").map_or(0, |range| {
            let range = range.strip_prefix("bytes=").expect("a range of bytes");
            range
                .strip_suffix('-')
                .expect("an open range")
                .parse()
                .expect("a number")
        })
    }
}

impl<'a> World<'a> {
    pub(crate) fn new(serve: impl FnMut(&Request) -> Answer + 'a) -> Self {
        Self {
            now: Cell::new(u64::from(u32::MAX) - 3000), // the counter wraps soon
            serve: RefCell::new(Box::new(serve)),
            link: RefCell::default(),
            requests: RefCell::default(),
            dialed: RefCell::default(),
            refuses: Cell::new(0),
            dial_takes: Cell::new(0),
            piece: Cell::new(usize::MAX),
            takes: Cell::new(usize::MAX),
            waits: Cell::new(true),
            calls: Cell::new(0),
            log: RefCell::default(),
        }
    }

    pub(crate) fn now(&self) -> u64 {
        self.now.get()
    }

    fn called(&self) {
        self.calls.set(self.calls.get() + 1);
        assert!(self.calls.get() < 1_000_000, "an endless loop");
    }

    /// An announcement of firmware, and its download.
    pub(crate) fn announce(&self, url: &str, image: &[u8]) -> Ota<Fetch<u32>> {
        self.announce_as(url, image.len(), &md5(image))
    }

    pub(crate) fn announce_as(&self, url: &str, size: usize, md5: &str) -> Ota<Fetch<u32>> {
        let payload = format!(
            r#"{{"message":"success","data":{{"version":"2.0","url":"{url}","size":{size},"md5":"{md5}"}}}}"#
        );
        let (announcement, url) =
            Announcement::parse(Incoming::Upgrade, payload.as_bytes()).expect("an announcement");
        let mut ota = Ota::new();
        let fetch = Fetch::new(&announcement, url, self.uptime());
        ota.announced(announcement, fetch).expect("not busy");
        ota
    }

    /// Fetches as an application does, until it is over: what was handed out, and how it ended.
    pub(crate) fn fetch(
        &self,
        ota: &mut Ota<Fetch<u32>>,
        room: usize,
        timeout: u32,
    ) -> (Vec<u8>, Option<Failure>) {
        self.fetch_and(ota, room, timeout, |_, _| {})
    }

    /// As [`Self::fetch`]; `each` is told of every call how long it took, in ms, and how many calls into the platform.
    pub(crate) fn fetch_and(
        &self,
        ota: &mut Ota<Fetch<u32>>,
        room: usize,
        timeout: u32,
        mut each: impl FnMut(u64, u32),
    ) -> (Vec<u8>, Option<Failure>) {
        let mut image = Vec::new();
        let mut silent = 0;
        loop {
            let before = (self.now(), self.calls.get());
            let step = self.step(ota, room, timeout);
            each(self.now() - before.0, self.calls.get() - before.1);
            match step {
                Ok(bytes) if bytes.is_empty() => {
                    silent += 1;
                    assert!(silent < 10_000, "it neither goes on nor ends");
                }
                Ok(bytes) => {
                    image.extend(bytes);
                    silent = 0;
                }
                Err(end) => {
                    image.extend(end.0);
                    assert!(self.link.borrow().is_none(), "a connection is left open");
                    return (image, end.1);
                }
            }
        }
    }

    /// One call of the application: the bytes, or the last bytes and how it ended.
    pub(crate) fn step(
        &self,
        ota: &mut Ota<Fetch<u32>>,
        room: usize,
        timeout: u32,
    ) -> Result<Vec<u8>, (Vec<u8>, Option<Failure>)> {
        let mut fetch = ota.take_download().expect("a download");
        let mut buf = vec![0xa5; room];
        let outcome = fetch.run(self, &mut buf, timeout);
        let fetched = fetch.fetched();
        match outcome {
            Fetched::Some(count) => {
                ota.paused(fetch, fetched);
                buf.truncate(count);
                Ok(buf)
            }
            Fetched::All(result) => {
                buf.truncate(result.unwrap_or(0));
                ota.ended(fetched, result.map(|_| fetch.digest()));
                Err((buf, ota.failure()))
            }
        }
    }
}

pub(crate) fn md5(image: &[u8]) -> String {
    Md5::digest(image)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

pub(crate) struct Held<T>(RefCell<T>);

impl<T> Lock<T> for Held<T> {
    fn new(value: T) -> Option<Self> {
        Some(Self(RefCell::new(value)))
    }

    fn with<R>(&self, critical: impl FnOnce(&mut T) -> R) -> R {
        critical(&mut self.0.borrow_mut())
    }
}

impl System for World<'_> {
    type Lock<T> = Held<T>;

    fn uptime(&self) -> u32 {
        self.called();
        self.now.get() as u32
    }

    fn sleep(&self, ms: u32) {
        self.called();
        assert!(ms > 0, "a sleep of 0 ms");
        self.now.set(self.now.get() + u64::from(ms));
    }

    fn random(&self, _: u32) -> u32 {
        0
    }

    fn log(&self, _: Level, text: &'static str, value: Value<'_>) {
        self.log.borrow_mut().push(format!("{text} {value:?}"));
    }
}

impl Stream for World<'_> {
    type Conn = u32;

    fn read(&self, _: u32, buf: &mut [u8], timeout: u32) -> Result<usize, Broken> {
        self.called();
        assert!(timeout > 0, "a read with timeout 0");
        assert!(!buf.is_empty(), "a read of nothing");
        let mut link = self.link.borrow_mut();
        let link = link.as_mut().expect("an open connection");
        let mut left = u64::from(timeout);
        let mut count = 0;
        while count < buf.len().min(self.piece.get()) && left >= link.slow {
            let Some(byte) = link.arrives.pop_front() else {
                break;
            };
            left -= link.slow;
            buf[count] = byte;
            count += 1;
        }
        let passed = u64::from(timeout) - left;
        self.now.set(self.now.get() + passed);
        if count == 0
            && link.arrives.is_empty()
            && let Some(broken) = link.then
        {
            return Err(broken);
        }
        let whole = count == buf.len()
            || count == self.piece.get()
            || link.then.is_some() && link.arrives.is_empty();
        if !whole && self.waits.get() {
            self.now.set(self.now.get() + left);
        }
        Ok(count)
    }

    fn write(&self, _: u32, bytes: &[u8], timeout: u32) -> Result<usize, Broken> {
        self.called();
        assert!(timeout > 0, "a write with timeout 0");
        assert!(!bytes.is_empty(), "a write of nothing");
        let mut link = self.link.borrow_mut();
        let link = link.as_mut().expect("an open connection");
        let count = bytes.len().min(self.takes.get());
        link.heard.extend(&bytes[..count]);
        if count == 0 && self.waits.get() {
            self.now.set(self.now.get() + u64::from(timeout));
        }
        if link.heard.ends_with(b"\r\n\r\n") {
            let head = String::from_utf8(std::mem::take(&mut link.heard)).expect("text");
            let line = head.lines().next().expect("a request line");
            let target = line
                .strip_prefix("GET ")
                .and_then(|line| line.strip_suffix(" HTTP/1.1"))
                .expect("a GET of HTTP/1.1")
                .to_owned();
            let request = Request { target, head };
            let answer = (self.serve.borrow_mut())(&request);
            self.requests.borrow_mut().push(request);
            let (mut bytes, mut then) = (answer.bytes, answer.closes.then_some(Broken::Closed));
            if let Some(cut) = answer.cut {
                bytes.truncate(cut);
                then = Some(Broken::Failed(-2));
            }
            if let Some(stall) = answer.stall {
                bytes.truncate(stall);
                then = None;
            }
            link.arrives.extend(bytes);
            link.then = then;
            link.slow = answer.slow;
        }
        Ok(count)
    }

    fn close(&self, _: u32) {
        assert!(self.link.borrow_mut().take().is_some(), "closed twice");
    }
}

impl Dial for World<'_> {
    fn dial(&self, tls: bool, host: &[u8], port: u16) -> Result<u32, NoConnection> {
        self.called();
        self.now.set(self.now.get() + self.dial_takes.get());
        let host = String::from_utf8(host.to_vec()).expect("text");
        self.dialed
            .borrow_mut()
            .push((tls, host, port, self.now.get()));
        let refuses = self.refuses.get();
        if refuses > 0 {
            self.refuses.set(refuses - 1);
            return Err(NoConnection);
        }
        let before = self.link.borrow_mut().replace(Link::default());
        assert!(before.is_none(), "two connections");
        Ok(1)
    }
}
