//! The hardware abstraction: what the application brings, behind the engine's traits.
//!
//! Every answer of a port is checked here against the contract in [`sys`], so that nothing above can be led astray.

mod mutex;
mod net;
pub mod sys;

use iotkit::{
    hal::System,
    log::{Level, Value},
};

use crate::log;

pub(crate) use self::{
    mutex::Mutex,
    net::{Conn, Server},
};

/// The HAL as the platform that the engine runs on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hal;

impl System for Hal {
    type Lock<T> = Mutex<T>;

    fn uptime(&self) -> u32 {
        uptime()
    }

    fn sleep(&self, ms: u32) {
        sleep(ms);
    }

    fn random(&self, limit: u32) -> u32 {
        random(limit)
    }

    fn log(&self, level: Level, text: &'static str, value: Value<'_>) {
        log::write(level, text, value);
    }
}

/// Milliseconds since some start; only the low half, since some ports wrap there.
pub(crate) fn uptime() -> u32 {
    // SAFETY: there is nothing to keep to.
    (unsafe { sys::HAL_UptimeMs() }) as u32
}

/// Lets the thread sleep.
pub(crate) fn sleep(ms: u32) {
    // SAFETY: any duration will do.
    unsafe { sys::HAL_SleepMs(ms) }
}

/// Seeds [`random`].
pub(crate) fn seed(seed: u32) {
    // SAFETY: any number will do.
    unsafe { sys::HAL_Srandom(seed) }
}

/// A random number, below `limit` if the port keeps to the contract.
pub(crate) fn random(limit: u32) -> u32 {
    // SAFETY: any number will do.
    unsafe { sys::HAL_Random(limit) }
}
