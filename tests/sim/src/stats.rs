//! What was done in a run, or in many.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

macro_rules! faults {
    ($($name:ident: $text:literal,)*) => {
        /// What the simulator does to the library.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Fault { $($name,)* }

        impl Fault {
            const ALL: &[Self] = &[$(Self::$name,)*];

            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

faults! {
    Refuse: "connection refused",
    SlowOpen: "connection slow to open",
    ShortWrite: "part of a write taken",
    ZeroWrite: "nothing of a write taken",
    Stall: "network stalled",
    Reset: "connection reset, in the middle of a packet or between two",
    Close: "connection closed by the server",
    HalfOpen: "connection half-open",
    Pieces: "packet in pieces",
    Late: "bytes late",
    Overstay: "HAL call longer than it was asked to be",
    Beyond: "HAL result beyond its contract",
    NoMemory: "single allocation failed",
    Famine: "no memory for a while",
    NoMutex: "no mutex",
    ClockJump: "clock jumped",
    BadRandom: "HAL_Random out of range",
    NoAnswer: "packet not answered by the server",
    SlowAnswer: "packet answered late",
    Refused: "CONNECT or SUBSCRIBE refused",
    Twice: "packet sent twice",
    Malformed: "malformed packet",
    SessionLost: "session lost by the server",
    Oversize: "message larger than the read buffer",
    Kick: "client kicked by the server",
    WebRefuses: "error page, or a code that refuses, from the web server",
    WebRedirects: "download redirected",
    WebNoRange: "range ignored by the web server",
    WebChanged: "image changed on the web server",
    WebSpoils: "byte of an image spoilt",
    WebStops: "image ended early by the web server",
    WebExpires: "token expired",
}

/// Sums over runs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Stats {
    pub(crate) seeds: u64,
    pub(crate) virtual_ms: u64,
    pub(crate) hal_calls: u64,
    pub(crate) api_calls: u64,
    pub(crate) connections: u64,
    pub(crate) published: u64,
    pub(crate) delivered: u64,
    /// Images that came whole and right.
    pub(crate) images: u64,
    /// Messages that the web server has taken.
    pub(crate) posted: u64,
    faults: Vec<u64>,
}

impl Stats {
    pub(crate) fn injected(&mut self, fault: Fault) {
        self.faults.resize(Fault::ALL.len(), 0);
        self.faults[fault as usize] += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.virtual_ms += other.virtual_ms;
        self.hal_calls += other.hal_calls;
        self.api_calls += other.api_calls;
        self.connections += other.connections;
        self.published += other.published;
        self.delivered += other.delivered;
        self.images += other.images;
        self.posted += other.posted;
        self.faults.resize(Fault::ALL.len(), 0);
        for (sum, count) in self.faults.iter_mut().zip(&other.faults) {
            *sum += count;
        }
    }

    /// How often each fault has happened, by its name.
    pub(crate) fn faults(&self) -> BTreeMap<&'static str, u64> {
        Fault::ALL
            .iter()
            .map(|fault| {
                let count = self.faults.get(*fault as usize).copied();
                (fault.name(), count.unwrap_or_default())
            })
            .collect()
    }
}
