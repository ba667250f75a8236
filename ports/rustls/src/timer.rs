//! The time that a call has.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Some ports take a timeout of zero for none at all.
const SHORTEST: Duration = Duration::from_millis(1);

/// Before asking a stream again that came back early with nothing.
const PAUSE: Duration = Duration::from_millis(10);

/// A length of time that has begun.
#[derive(Debug)]
pub(crate) struct Timer {
    start: Instant,
    length: Duration,
}

impl Timer {
    /// Begins now.
    pub(crate) fn start(length: Duration) -> Self {
        Self {
            start: Instant::now(),
            length,
        }
    }

    /// What is left of the time.
    pub(crate) fn left(&self) -> Duration {
        self.length.saturating_sub(self.start.elapsed())
    }

    /// Whether the time is over.
    pub(crate) fn is_over(&self) -> bool {
        self.left().is_zero()
    }

    /// What is left, as a timeout for the stream: never zero.
    pub(crate) fn timeout(&self) -> Duration {
        self.left().max(SHORTEST)
    }

    /// Keeps a stream that returns with nothing before its time from making the caller spin.
    pub(crate) fn pause_if_early(&self, transferred: usize) {
        if transferred == 0 {
            thread::sleep(self.left().min(PAUSE));
        }
    }
}
