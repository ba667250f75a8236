//! `HAL_TCP_*` and `HAL_SSL_*` as one kind of connection.

extern crate alloc;

use alloc::vec::Vec;
#[cfg(feature = "tls")]
use core::ffi::{CStr, c_int};
use core::{ffi::c_char, ptr};

use iotkit::{
    hal::{Broken, Dial, NoConnection},
    log::{Level, Value},
};

use super::{Hal, sys};
use crate::{device, log};

/// Where to connect: the strings belong to the application.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Server {
    host: *const c_char,
    port: u16,
    /// The root certificate (PEM) for TLS; `NULL` for plain TCP.
    root: *const c_char,
}

/// An open connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Conn {
    Tcp(usize),
    #[cfg(feature = "tls")]
    Tls(usize),
}

// SAFETY: any thread may read the strings, as `new` demands.
unsafe impl Send for Server {}
// SAFETY: as above.
unsafe impl Sync for Server {}

impl Server {
    /// # Safety
    ///
    /// `host` is a string, and `root` is `NULL` or one, for as long as [`Self::open`] may be called.
    pub(crate) unsafe fn new(host: *const c_char, port: u16, root: *const c_char) -> Self {
        Self { host, port, root }
    }

    /// Connects. Blocks for as long as the port takes.
    pub(crate) fn open(&self) -> Result<Conn, NoConnection> {
        if self.root.is_null() {
            // SAFETY: the host is a string, as `new` demands.
            return match unsafe { sys::HAL_TCP_Establish(self.host, self.port) } {
                0 => Err(NoConnection),
                fd => Ok(Conn::Tcp(fd)),
            };
        }
        self.open_tls()
    }

    #[cfg(feature = "tls")]
    fn open_tls(&self) -> Result<Conn, NoConnection> {
        // SAFETY: both are strings, as `new` demands; the length counts the NUL, as the contract has it.
        let handle = unsafe {
            let len = CStr::from_ptr(self.root).count_bytes() + 1;
            sys::HAL_SSL_Establish(self.host, self.port, self.root, len)
        };
        match handle {
            0 => Err(NoConnection),
            handle => Ok(Conn::Tls(handle)),
        }
    }

    #[cfg(not(feature = "tls"))]
    fn open_tls(&self) -> Result<Conn, NoConnection> {
        Err(no_tls())
    }
}

impl Conn {
    /// Fills `buf`, for at most `timeout` ms. Says how many bytes came, 0 if none did.
    pub(crate) fn read(self, buf: &mut [u8], timeout: u32) -> Result<usize, Broken> {
        let to = buf.as_mut_ptr().cast();
        // SAFETY: `buf` may be written to during the call; the connection is open until `close`.
        let count = unsafe {
            match self {
                Self::Tcp(fd) => sys::HAL_TCP_Read(fd, to, len(buf), timeout),
                #[cfg(feature = "tls")]
                Self::Tls(handle) => sys::HAL_SSL_Read(handle, to, int(len(buf)), int(timeout)),
            }
        };
        moved(count, buf.len())
    }

    /// Sends `bytes`, for at most `timeout` ms. Says how many were taken.
    pub(crate) fn write(self, bytes: &[u8], timeout: u32) -> Result<usize, Broken> {
        let from = bytes.as_ptr().cast();
        // SAFETY: `bytes` may be read during the call; the connection is open until `close`.
        let count = unsafe {
            match self {
                Self::Tcp(fd) => sys::HAL_TCP_Write(fd, from, len(bytes), timeout),
                #[cfg(feature = "tls")]
                Self::Tls(handle) => {
                    sys::HAL_SSL_Write(handle, from, int(len(bytes)), int(timeout))
                }
            }
        };
        moved(count, bytes.len())
    }

    /// Closes the connection, in whatever state it is.
    pub(crate) fn close(self) {
        // SAFETY: the engine closes a connection once, and does not use it afterwards.
        unsafe {
            match self {
                Self::Tcp(fd) => sys::HAL_TCP_Destroy(fd),
                #[cfg(feature = "tls")]
                Self::Tls(handle) => sys::HAL_SSL_Destroy(handle),
            };
        }
    }
}

impl Dial for Hal {
    fn dial(&self, tls: bool, host: &[u8], port: u16) -> Result<Conn, NoConnection> {
        let root = if tls {
            device::root_certificate()
        } else {
            ptr::null()
        };
        if tls && root.is_null() {
            return Err(no_tls());
        }
        let mut name = Vec::new();
        name.try_reserve_exact(host.len() + 1)
            .map_err(|_| NoConnection)?;
        name.extend_from_slice(host);
        name.push(0);
        // SAFETY: the name is a string until the end of this call, which is when the server is forgotten; the root is one,
        // or `NULL`.
        unsafe { Server::new(name.as_ptr().cast(), port, root) }.open()
    }
}

fn no_tls() -> NoConnection {
    log::write(
        Level::Error,
        "TLS is asked for, but this library is built without feature tls",
        Value::None,
    );
    NoConnection
}

/// What a port says it has moved, which cannot be more than it was offered.
fn moved(count: i32, offered: usize) -> Result<usize, Broken> {
    match usize::try_from(count) {
        Ok(count) if count <= offered => Ok(count),
        Ok(_) => Err(Broken::Contract),
        Err(_) if count == -1 => Err(Broken::Closed),
        Err(_) => Err(Broken::Failed(count)),
    }
}

fn len(bytes: &[u8]) -> u32 {
    bytes.len() as u32 // a part of a buffer whose size C code gave in 32 bits
}

#[cfg(feature = "tls")]
fn int(number: u32) -> c_int {
    c_int::try_from(number).unwrap_or(c_int::MAX)
}
