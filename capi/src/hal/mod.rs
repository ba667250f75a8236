//! The hardware abstraction: what the application brings, behind the engine's traits.
//!
//! Every answer of a port is checked here against the contract in [`sys`], so that nothing above can be led astray.

mod mutex;
mod net;
pub mod sys;

pub(crate) use self::{
    mutex::Mutex,
    net::{Conn, Server},
};

/// Makes a type a platform that the engine runs on, whose operating system and connections are the HAL's.
macro_rules! over_hal {
    ($platform:ty) => {
        impl iotkit::hal::System for $platform {
            type Lock<T> = $crate::hal::Mutex<T>;

            fn uptime(&self) -> u32 {
                $crate::hal::uptime()
            }

            fn sleep(&self, ms: u32) {
                $crate::hal::sleep(ms);
            }

            fn random(&self, limit: u32) -> u32 {
                $crate::hal::random(limit)
            }

            fn log(
                &self,
                level: iotkit::log::Level,
                text: &'static str,
                value: iotkit::log::Value<'_>,
            ) {
                $crate::log::write(level, text, value);
            }
        }

        impl iotkit::hal::Stream for $platform {
            type Conn = $crate::hal::Conn;

            fn read(
                &self,
                conn: Self::Conn,
                buf: &mut [u8],
                timeout: u32,
            ) -> Result<usize, iotkit::hal::Broken> {
                conn.read(buf, timeout)
            }

            fn write(
                &self,
                conn: Self::Conn,
                bytes: &[u8],
                timeout: u32,
            ) -> Result<usize, iotkit::hal::Broken> {
                conn.write(bytes, timeout)
            }

            fn close(&self, conn: Self::Conn) {
                conn.close();
            }
        }
    };
}
pub(crate) use over_hal;

/// Nothing but the HAL.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hal;

over_hal!(Hal);

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
