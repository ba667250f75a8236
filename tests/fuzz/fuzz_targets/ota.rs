//! Announcements of any kind; and the download of an image from a server that says anything, over connections that fare
//! in any way: calls end in time, no more is handed out than was announced, and connections are closed.
//!
//! An input is a topic, an announcement, the image's size, and what the server and the network do, piece by piece.
#![no_main]

use std::{
    cell::{Cell, RefCell},
    ffi::CString,
};

use iotkit::{
    client::fetch::{Fetch, Fetched},
    hal::{Broken, Dial, Lock, NoConnection, Stream, System},
    log::{Level, Value},
    services::ota::{Announcement, Incoming, Payload, reply},
};
use iotkit_fuzz::Input;
use libfuzzer_sys::fuzz_target;

/// More calls than this only take time.
const CALLS_MAX: u32 = 300;

fuzz_target!(|input: &[u8]| {
    let mut input = Input::new(input);
    let topic = input.one_of(&Incoming::ALL);
    let payload = input.piece();
    // It is read, or turned down.
    let _ = Announcement::parse(topic, payload);
    // The id goes back as it came: JSON, if the message is.
    let mut answer = Payload::new();
    let answered = reply(&mut answer, payload, input.byte() & 1 == 0).is_ok();
    if answered && serde_json::from_slice::<serde_json::Value>(payload).is_ok() {
        let answer: serde_json::Value =
            serde_json::from_slice(answer.as_bytes()).expect("the message is JSON");
        assert!(answer["id"].is_string() || answer["id"].is_number());
    }
    download(&mut input);
});

fn download(input: &mut Input<'_>) {
    let size = u32::from(input.u16()).max(1);
    let text = format!(
        r#"{{"message":"success","data":{{"version":"2","url":"http://h/f","size":{size},"md5":"0"}}}}"#
    );
    let (announcement, url): (_, CString) =
        Announcement::parse(Incoming::Upgrade, text.as_bytes()).expect("an announcement");
    let room = usize::from(input.byte()) + 1;
    let platform = Platform {
        input: RefCell::new(input.rest().to_vec()),
        now: Cell::new(0),
        longest: Cell::new(0),
        calls: Cell::new(0),
        open: Cell::new(false),
    };
    let mut fetch = Fetch::new(&announcement, url, 0);
    let mut total = 0;
    for _ in 0..CALLS_MAX {
        let (start, calls) = (platform.now.get(), platform.calls.get());
        platform.longest.set(0);
        let mut buf = vec![0; room];
        let outcome = fetch.run(&platform, &mut buf, 1000);
        let took = platform.now.get() - start;
        assert!(took <= 1000 + platform.longest.get(), "{took} ms");
        let calls = platform.calls.get() - calls;
        assert!(
            calls <= 400 + 8 * took as u32 + 8 * room as u32,
            "{calls} calls"
        );
        match outcome {
            Fetched::Some(count) => total += count,
            Fetched::All(result) => {
                total += result.unwrap_or_default();
                assert!(!platform.open.get(), "a connection is left open");
                assert!(result.is_err() || total == size as usize);
                break;
            }
        }
        assert_eq!(total, fetch.fetched() as usize);
        assert!(total <= size as usize);
    }
    fetch.close(&platform);
    assert!(!platform.open.get());
}

struct Platform {
    input: RefCell<Vec<u8>>,
    now: Cell<u64>,
    /// The longest of the calls that has no limit.
    longest: Cell<u64>,
    calls: Cell<u32>,
    open: Cell<bool>,
}

impl Platform {
    fn byte(&self) -> u8 {
        let mut input = self.input.borrow_mut();
        if input.is_empty() { 0 } else { input.remove(0) }
    }

    fn pass(&self, ms: u64) {
        self.calls.set(self.calls.get() + 1);
        self.now.set(self.now.get() + ms);
    }
}

struct Held<T>(RefCell<T>);

impl<T> Lock<T> for Held<T> {
    fn new(value: T) -> Option<Self> {
        Some(Self(RefCell::new(value)))
    }

    fn with<R>(&self, critical: impl FnOnce(&mut T) -> R) -> R {
        critical(&mut self.0.borrow_mut())
    }
}

impl System for Platform {
    type Lock<T> = Held<T>;

    fn uptime(&self) -> u32 {
        self.pass(0);
        self.now.get() as u32
    }

    fn sleep(&self, ms: u32) {
        assert!(ms > 0);
        self.pass(ms.into());
    }

    fn random(&self, _: u32) -> u32 {
        0
    }

    fn log(&self, _: Level, _: &'static str, _: Value<'_>) {}
}

impl Stream for Platform {
    type Conn = u8;

    fn read(&self, _: u8, buf: &mut [u8], timeout: u32) -> Result<usize, Broken> {
        assert!(self.open.get() && !buf.is_empty() && timeout > 0);
        let count = usize::from(self.byte());
        match count {
            0 => {
                self.pass(timeout.into());
                Ok(0)
            }
            254 => {
                self.pass(0);
                Err(Broken::Failed(-3))
            }
            255 => {
                self.pass(0);
                Err(Broken::Closed)
            }
            _ => {
                self.pass(u64::from(timeout.min(3)));
                let mut input = self.input.borrow_mut();
                let count = count.min(buf.len()).min(input.len());
                buf[..count].copy_from_slice(&input[..count]);
                input.drain(..count);
                Ok(count)
            }
        }
    }

    fn write(&self, _: u8, bytes: &[u8], timeout: u32) -> Result<usize, Broken> {
        assert!(self.open.get() && !bytes.is_empty() && timeout > 0);
        match self.byte() {
            254 => Err(Broken::Failed(-3)),
            255 => {
                self.pass(timeout.into());
                Ok(0)
            }
            0 => Ok(bytes.len()),
            count => Ok(usize::from(count).min(bytes.len())),
        }
    }

    fn close(&self, _: u8) {
        assert!(self.open.replace(false), "closed twice");
    }
}

impl Dial for Platform {
    fn dial(&self, _: bool, host: &[u8], _: u16) -> Result<u8, NoConnection> {
        assert!(!host.is_empty() && !self.open.get());
        let takes = u64::from(self.byte()) * 10;
        self.pass(takes);
        self.longest.set(self.longest.get().max(takes));
        if self.byte() == 255 {
            return Err(NoConnection);
        }
        self.open.set(true);
        Ok(1)
    }
}
