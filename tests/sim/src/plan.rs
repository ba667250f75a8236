//! What a seed decides at the start: how the device is built, how bad the network, the server and the port are, and
//! what the application is like.

use fastrand::Rng;

/// Everything that holds for a whole run. Rates are probabilities for each occasion, in 1/65,536.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Threads of the application.
    pub(crate) threads: usize,
    /// Clients that it keeps at once.
    pub(crate) devices: usize,
    pub(crate) tls: bool,
    pub(crate) clean_session: bool,
    pub(crate) keep_alive: u32,
    pub(crate) request_timeout: u32,
    pub(crate) write_buffer: u32,
    pub(crate) read_buffer: u32,
    pub(crate) log_level: i32,
    /// What the port's clock says at the start, and its steps, in ms.
    pub(crate) clock: u64,
    pub(crate) step: u64,
    /// How long faults happen, in ms.
    pub(crate) storm: u64,
    /// How long the application leaves the library alone between two calls, at most, in ms.
    pub(crate) pause: u64,
    /// How long it yields at a time, at most, in ms.
    pub(crate) yielding: u64,
    /// Between two messages of the server, on average, in ms.
    pub(crate) traffic: u64,
    /// What a thread does instead of yielding.
    pub(crate) busy: u32,
    /// How often a handler calls into the library.
    pub(crate) reentrant: u32,
    /// How often a client is destroyed and made again.
    pub(crate) destroy: u32,
    /// Images are announced, and fetched.
    pub(crate) downloads: bool,
    /// Messages are sent to the web server, too.
    pub(crate) posts: bool,
    /// Publishes so many messages that packet ids come round.
    pub(crate) many_ids: bool,
    /// The port's clock leaps, so that moments in the library wrap, too.
    pub(crate) leap: bool,
    /// The port's reads do not wait.
    pub(crate) impatient: bool,
    /// Another thread runs at this share of HAL calls.
    pub(crate) switch: u32,
    /// An allocation is made to fail, apart from the rates.
    pub(crate) out_of_memory: bool,
    pub(crate) rates: Rates,
}

/// How often each fault happens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rates {
    pub(crate) refuse: u32,
    pub(crate) slow_open: u32,
    pub(crate) short_write: u32,
    pub(crate) zero_write: u32,
    pub(crate) stall: u32,
    pub(crate) cut: u32,
    pub(crate) close: u32,
    pub(crate) half_open: u32,
    pub(crate) pieces: u32,
    pub(crate) late: u32,
    pub(crate) overstay: u32,
    pub(crate) beyond: u32,
    pub(crate) no_memory: u32,
    pub(crate) famine: u32,
    pub(crate) no_mutex: u32,
    pub(crate) clock_jump: u32,
    pub(crate) bad_random: u32,
    pub(crate) no_answer: u32,
    pub(crate) slow_answer: u32,
    pub(crate) refused: u32,
    pub(crate) twice: u32,
    pub(crate) malformed: u32,
    pub(crate) session_lost: u32,
    pub(crate) oversize: u32,
    pub(crate) web: u32,
}

impl Plan {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        let impatient = rng.u8(..64) == 0;
        let many_ids = rng.u16(..2000) == 0;
        let threads = if many_ids {
            1
        } else {
            [1, 1, 2, 2, 3, 4][rng.usize(..6)]
        };
        // Most of the time passes with an application that sleeps, most of the calls with one that does not.
        let sleepy = !impatient && !many_ids && rng.u8(..8) < 3;
        let seconds = match rng.u8(..64) {
            _ if many_ids => 400,
            _ if impatient => 30 + rng.u64(..60),
            0 if sleepy => 20_000 + rng.u64(..160_000),
            _ if sleepy => 600 + rng.u64(..12_000),
            0 => 600 + rng.u64(..3_000),
            _ => 20 + rng.u64(..160),
        };
        let request_timeout = [500, 1000, 2000, 2000, 5000][rng.usize(..5)];
        let mut plan = Self {
            threads,
            devices: if threads > 1 && rng.u8(..4) == 0 {
                2
            } else {
                1
            },
            tls: rng.bool(),
            clean_session: rng.bool(),
            keep_alive: [60_000, 60_000, 90_000, 180_000][rng.usize(..4)],
            request_timeout,
            write_buffer: [256, 512, 1024, 20_000][rng.usize(..4)],
            read_buffer: [200, 256, 512, 1024, 20_000][rng.usize(..5)],
            log_level: if rng.u8(..8) == 0 { 5 } else { 0 },
            clock: match rng.u8(..3) {
                0 => (1 << 32) - rng.u64(..seconds * 1000 + 1),
                1 => rng.u64(..u64::from(u32::MAX)),
                _ => rng.u64(..1000),
            },
            step: [1, 1, 1, 10][rng.usize(..4)],
            storm: seconds * 1000,
            pause: if sleepy {
                1000 + rng.u64(..40_000)
            } else {
                [1, 50, 2000, 2000][rng.usize(..4)]
            },
            yielding: if sleepy {
                1 + rng.u64(..500)
            } else {
                [100, 1000, 5000, 30_000][rng.usize(..4)]
            },
            traffic: (seconds * 1000 / (10 << rng.u32(..4))).max(20),
            busy: 1 << rng.u32(9..15),
            reentrant: [0, 2000, 10_000, 30_000][rng.usize(..4)],
            destroy: [0, 0, 50, 1000][rng.usize(..4)],
            downloads: false,
            posts: !many_ids && rng.u8(..4) == 0,
            many_ids,
            // A look of another thread from before a leap would count it twice.
            leap: rng.u8(..8) == 0 && threads == 1,
            impatient,
            switch: [0, 1000, 8000, 32_000][rng.usize(..4)],
            out_of_memory: false,
            rates: Rates::default(),
        };
        // An announcement needs room.
        let room = plan.read_buffer.min(plan.write_buffer) >= 512;
        plan.downloads = room && !many_ids && rng.bool();
        // A calm run shows that nothing happens without a reason.
        if rng.u8(..10) > 0 && !many_ids {
            plan.rates = Rates::new(rng);
        }
        plan
    }
}

impl Rates {
    fn new(rng: &mut Rng) -> Self {
        // Most runs have a few kinds of faults; some have all of them.
        let share = [1, 2, 4, 8][rng.usize(..4)];
        let mut rate = |most: u32| {
            if rng.u8(..8) < share {
                (most >> rng.u32(..6)).max(1)
            } else {
                0
            }
        };
        Self {
            refuse: rate(40_000),
            slow_open: rate(20_000),
            short_write: rate(40_000),
            zero_write: rate(10_000),
            stall: rate(600),
            cut: rate(1000),
            close: rate(600),
            half_open: rate(4000),
            pieces: rate(60_000),
            late: rate(3000),
            overstay: rate(500),
            beyond: rate(150),
            no_memory: rate(20_000),
            famine: rate(500),
            no_mutex: rate(20_000),
            clock_jump: rate(40),
            bad_random: rate(30_000),
            no_answer: rate(6000),
            slow_answer: rate(10_000),
            refused: rate(4000),
            twice: rate(4000),
            malformed: rate(300),
            session_lost: rate(20_000),
            oversize: rate(2000),
            web: rate(40_000),
        }
    }
}
