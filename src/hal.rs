//! What the engine needs from a platform. `capi` binds these traits to `HAL_*`; tests implement them over a script.

use crate::log::{Level, Value};

/// The services of an operating system, or of the firmware in its place.
pub trait System {
    /// A lock around a value.
    type Lock<T>: Lock<T>;

    /// Milliseconds since some start. May wrap at 2^32; see [`Clock`](crate::time::Clock).
    fn uptime(&self) -> u32;

    /// Lets the calling thread sleep for `ms` milliseconds.
    fn sleep(&self, ms: u32);

    /// A random number below `limit`, for jitter: not for cryptography.
    fn random(&self, limit: u32) -> u32;

    /// Logs one record. May be called with a lock held.
    fn log(&self, level: Level, text: &'static str, value: Value<'_>);
}

/// A lock around a value. It is not recursive: what runs under it must not take it again.
pub trait Lock<T>: Sized {
    /// Puts a lock around `value`; `None` if the platform has none left.
    fn new(value: T) -> Option<Self>;

    /// Waits for the lock and runs `critical` under it.
    fn with<R>(&self, critical: impl FnOnce(&mut T) -> R) -> R;
}

/// An open connection: a stream of bytes in both directions.
///
/// One thread may be in [`read`](Self::read) while another is in [`write`](Self::write); there are never two in the
/// same one, and none in either during [`close`](Self::close).
pub trait Stream {
    /// What names an open connection.
    type Conn: Copy;

    /// Fills `buf`, for at most `timeout` ms (at least 1). Says how many bytes came, 0 if none did.
    fn read(&self, conn: Self::Conn, buf: &mut [u8], timeout: u32) -> Result<usize, Broken>;

    /// Sends `bytes`, for at most `timeout` ms (at least 1). Says how many were taken.
    fn write(&self, conn: Self::Conn, bytes: &[u8], timeout: u32) -> Result<usize, Broken>;

    /// Closes a connection, in whatever state it is.
    fn close(&self, conn: Self::Conn);
}

/// Connections to one server.
pub trait Transport: Stream {
    /// Connects. Blocks for as long as the platform takes.
    fn open(&self) -> Result<Self::Conn, NoConnection>;
}

/// Connections to any server.
pub trait Dial: Stream {
    /// Connects to `host`, a name or an address, with TLS or without. Blocks for as long as the platform takes.
    fn dial(&self, tls: bool, host: &[u8], port: u16) -> Result<Self::Conn, NoConnection>;
}

/// Connecting failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoConnection;

/// Why a connection is of no more use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The peer has closed it.
    Closed,
    /// The platform says so, with this number.
    Failed(i32),
    /// The platform claims to have moved more bytes than it was offered.
    Contract,
}
