//! The log: whether it is open, how much of it is wanted, and how a line reaches `HAL_Printf`.
//!
//! A line is `[tag] function(line): text\r\n`; the library itself logs as `iotkit(0)`. The name given to
//! `IOT_OpenLog` is never printed, so only whether there is one is kept.

use core::{
    ffi::{CStr, c_char},
    sync::atomic::{AtomicBool, AtomicU8, Ordering::Relaxed},
};

use iotkit::{
    log::{Level, Line, Value},
    text::Text,
};

use crate::hal::sys;

static OPEN: AtomicBool = AtomicBool::new(false);
static LEVEL: AtomicU8 = AtomicU8::new(Level::Emergency as u8);

/// Opens or closes the log; its level falls back to the most important one.
pub(crate) fn set_open(open: bool) {
    OPEN.store(open, Relaxed);
    set_level(Level::Emergency);
}

/// Sets how much is wanted.
pub(crate) fn set_level(level: Level) {
    LEVEL.store(level as u8, Relaxed);
}

/// Whether this much is wanted, in an open log or not.
pub(crate) fn wanted(level: Level) -> bool {
    level as u8 <= LEVEL.load(Relaxed)
}

/// Whether a record of this level is printed.
pub(crate) fn enabled(level: Level) -> bool {
    OPEN.load(Relaxed) && wanted(level)
}

/// Prints one record of the library, if records of its level are wanted.
pub(crate) fn write(level: Level, text: &'static str, value: Value<'_>) {
    if enabled(level) {
        let mut console = Console::new();
        console.begin(level, b"iotkit", 0);
        console.put(Line::new(text, value).as_bytes());
        console.end_line();
    }
}

/// Prints one record of an application, given in `parts`, without looking whether it is wanted.
pub(crate) fn write_foreign(level: Level, function: &CStr, line: i64, parts: &[&[u8]]) {
    let mut console = Console::new();
    console.begin(level, function.to_bytes(), line);
    parts.iter().for_each(|part| console.put(part));
    console.end_line();
}

/// Text on its way to `HAL_Printf`, handed over in pieces that every port prints whole.
pub(crate) struct Console {
    piece: [u8; Self::PIECE + 1],
    len: usize,
}

impl Console {
    /// RT-Thread's console buffer of 128 bytes holds 126 characters.
    const PIECE: usize = 126;

    /// Nothing to print yet.
    pub(crate) const fn new() -> Self {
        Self {
            piece: [0; Self::PIECE + 1],
            len: 0,
        }
    }

    /// Appends `text`, which has no NUL in it.
    pub(crate) fn put(&mut self, text: &[u8]) {
        for byte in text {
            if self.len == Self::PIECE {
                self.flush();
            }
            if let Some(slot) = self.piece.get_mut(self.len) {
                *slot = *byte;
                self.len += 1;
            }
        }
    }

    /// Appends a number.
    pub(crate) fn put_number(&mut self, number: i64) {
        let mut digits = Text::<20>::new();
        // An `i64` has at most 20 characters.
        let _ = digits.push_number(number);
        self.put(digits.as_bytes());
    }

    /// Ends the line and prints what is left of it.
    pub(crate) fn end_line(&mut self) {
        self.put(b"\r\n");
        self.flush();
    }

    fn begin(&mut self, level: Level, function: &[u8], line: i64) {
        self.put(b"[");
        self.put(level.tag().as_bytes());
        self.put(b"] ");
        self.put(function);
        self.put(b"(");
        self.put_number(line);
        self.put(b"): ");
    }

    fn flush(&mut self) {
        if let Some(end) = self.piece.get_mut(self.len) {
            *end = 0;
        }
        self.len = 0;
        print(&self.piece);
    }
}

/// Prints up to the first NUL, which the caller has put there.
fn print(text: &[u8; Console::PIECE + 1]) {
    // SAFETY: the format takes one string, and `text` is one.
    unsafe { sys::HAL_Printf(c"%s".as_ptr(), text.as_ptr().cast::<c_char>()) };
}
