//! TLS sessions over any blocking byte stream, with rustls.
//!
//! This is the body of `HAL_SSL_*` in an archive built with feature `tls-rustls`; the C border is in the package
//! `iotkit-capi`. What a [`Session`] promises is what `docs/porting.md` asks of a port: the server's chain and name are
//! always verified, every call ends in its time, and one thread may read while another writes.
//!
//! ```text
//! Stream::read  --> record --> rustls --> Session::read
//! Stream::write <--   out  <-- rustls <-- Session::write
//!     no lock on rustls   |  locked
//! ```
#![forbid(unsafe_code)]

mod error;
mod record;
mod session;
mod timer;
mod trust;
mod verify;

use std::time::Duration;

pub use crate::{
    error::{Error, Lost},
    session::Session,
    trust::{Trust, TrustError},
};

/// A connection that carries bytes both ways, `HAL_TCP_*` for one. It closes when it is dropped.
///
/// One thread is in `read` while another is in `write`; never two in the same one.
pub trait Stream: Send + Sync {
    /// Fills `buf`, or as much of it as arrives within `timeout`, which is never zero. 0: nothing came.
    fn read(&self, buf: &mut [u8], timeout: Duration) -> Result<usize, Lost>;

    /// Sends `data`, or as much of it as goes out within `timeout`, which is never zero. 0: nothing went.
    fn write(&self, data: &[u8], timeout: Duration) -> Result<usize, Lost>;
}
