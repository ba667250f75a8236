//! `HAL_SSL_*` over rustls and the port's `HAL_TCP_*` (feature `tls-rustls`): the C border of `ports/rustls`.
//!
//! A handle is a number in the table of live sessions: one that was destroyed, or never given out, gives the error of a
//! lost connection. Problems are told through `HAL_Printf` whatever the log's level is, as the ports written in C do.

use core::{
    ffi::{CStr, c_char, c_int},
    ptr, slice,
    time::Duration,
};
use std::{
    collections::BTreeMap,
    env,
    path::PathBuf,
    string::ToString as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use iotkit::hal::Broken;
use iotkit_port_rustls::{Error, Lost, Session, Stream, Trust};

use crate::{
    hal::{Conn, Server},
    log::Console,
};

const CLOSED: i32 = -1;
const FAILED: i32 = -2;

/// Connects to `port` of `host` and performs the handshake, within the port's limit for connecting plus 15 s. `host` is
/// also the name that the certificate must carry, and is sent as SNI.
///
/// `ca_crt` is PEM text of `ca_crt_len` bytes, NUL included: its certificates are trusted, and those in the PEM file
/// that `IOTKIT_CA_FILE` names, if it does. Returns a handle for `HAL_SSL_Destroy`, or 0 after telling why in the log.
///
/// # Safety
///
/// - `host` is `NULL` or a NUL-terminated string
/// - `ca_crt` is `NULL`, or readable for `ca_crt_len` bytes
#[unsafe(no_mangle)]
pub unsafe extern "C" fn HAL_SSL_Establish(
    host: *const c_char,
    port: u16,
    ca_crt: *const c_char,
    ca_crt_len: usize,
) -> usize {
    if host.is_null() {
        return 0;
    }
    // SAFETY: it is not `NULL`, so by the contract it is a string.
    let host = unsafe { CStr::from_ptr(host) };
    let pem = if ca_crt.is_null() || ca_crt_len == 0 {
        &[]
    } else {
        // SAFETY: it is not `NULL`, so by the contract it is readable for that many bytes.
        unsafe { slice::from_raw_parts(ca_crt.cast(), ca_crt_len) }
    };
    match establish(host, port, pem) {
        Ok(session) => sessions().insert(session),
        Err(Some(error)) => {
            tell(&error, &host.to_string_lossy());
            0
        }
        Err(None) => 0,
    }
}

/// Says goodbye and closes the connection. Returns 0, whatever `handle` is.
#[unsafe(no_mangle)]
pub extern "C" fn HAL_SSL_Destroy(handle: usize) -> i32 {
    let session = sessions().live.remove(&handle);
    if let Some(session) = session {
        session.close();
    }
    0
}

/// Sends `len` bytes, within `timeout_ms`. Returns how many were taken (fewer when time ran out or the connection broke
/// on the way), 0 if none, -1 if the peer has closed, -2 on any other error. Bytes that were taken but not sent in time
/// go out with the next Write or Read.
///
/// # Safety
///
/// `buf` is `NULL`, or readable for `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn HAL_SSL_Write(
    handle: usize,
    buf: *const c_char,
    len: c_int,
    timeout_ms: c_int,
) -> i32 {
    let data = match usize::try_from(len) {
        Ok(0) => &[],
        // SAFETY: it is not `NULL`, so by the contract it is readable for that many bytes.
        Ok(len) if !buf.is_null() => unsafe { slice::from_raw_parts(buf.cast(), len) },
        _ => return FAILED,
    };
    transfer(handle, |session| session.write(data, millis(timeout_ms)))
}

/// Fills `buf` with `len` bytes, or with what came within `timeout_ms` (counted over the whole call). Returns how many
/// (fewer when time ran out or the connection ended on the way), 0 if none came in time, -1 if the peer has closed, with
/// or without TLS' closing alert, -2 on any other error. A timeout of 0 takes what has arrived already.
///
/// # Safety
///
/// `buf` is `NULL`, or `len` bytes that nobody else uses meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn HAL_SSL_Read(
    handle: usize,
    buf: *mut c_char,
    len: c_int,
    timeout_ms: c_int,
) -> i32 {
    let buf = match usize::try_from(len) {
        Ok(0) => &mut [],
        Ok(len) if !buf.is_null() => {
            // SAFETY: it is not `NULL`, so by the contract it is that many bytes, ours during the call. They may be
            // uninitialised in C; nothing reads them before they are written.
            unsafe { slice::from_raw_parts_mut(buf.cast(), len) }
        }
        _ => return FAILED,
    };
    transfer(handle, |session| session.read(buf, millis(timeout_ms)))
}

/// The sessions that exist, by handle.
struct Sessions {
    live: BTreeMap<usize, Arc<Session<Tcp>>>,
    last: usize,
}

static SESSIONS: Mutex<Sessions> = Mutex::new(Sessions {
    live: BTreeMap::new(),
    last: 0,
});

/// Locked for a look-up, never while anything waits.
fn sessions() -> MutexGuard<'static, Sessions> {
    SESSIONS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sessions {
    /// Returns the new session's handle: the next number that is neither 0 nor taken, so that a dead one stays dead.
    fn insert(&mut self, session: Session<Tcp>) -> usize {
        loop {
            self.last = self.last.wrapping_add(1);
            if self.last != 0 && !self.live.contains_key(&self.last) {
                self.live.insert(self.last, Arc::new(session));
                return self.last;
            }
        }
    }
}

/// `None` as an error: the port has told why there is no connection.
fn establish(host: &CStr, port: u16, pem: &[u8]) -> Result<Session<Tcp>, Option<Error>> {
    let trust = trust(pem);
    let name = host.to_str().map_err(|_| Error::Name)?;
    let tcp = Tcp::establish(host, port).ok_or(None)?;
    Ok(Session::establish(tcp, name, trust)?)
}

/// The roots given and those of the file, as far as they can be read.
fn trust(pem: &[u8]) -> Trust {
    let mut trust = Trust::default();
    if !pem.is_empty()
        && let Err(error) = trust.add_pem(pem)
    {
        print(&["the given root: ", &error.to_string()]);
    }
    if let Some(path) = env::var_os("IOTKIT_CA_FILE").filter(|path| !path.is_empty())
        && let Err(error) = trust.add_file(&PathBuf::from(path))
    {
        print(&["IOTKIT_CA_FILE: ", &error.to_string()]);
    }
    trust
}

fn transfer(handle: usize, call: impl FnOnce(&Session<Tcp>) -> Result<usize, Error>) -> i32 {
    let session = sessions().live.get(&handle).cloned();
    let Some(session) = session else {
        return FAILED;
    };
    match call(&session) {
        // Not above the length asked for, which was an `int`.
        Ok(n) => i32::try_from(n).unwrap_or(FAILED),
        Err(Error::Lost(Lost::Closed)) => CLOSED,
        Err(Error::Lost(Lost::Failed)) => FAILED,
        Err(error) => {
            tell(&error, "the server");
            FAILED
        }
    }
}

/// A connection of the port's `HAL_TCP_*`.
struct Tcp(Conn);

impl Tcp {
    fn establish(host: &CStr, port: u16) -> Option<Self> {
        // SAFETY: `host` is a string, and without a root it is TCP.
        let server = unsafe { Server::new(host.as_ptr(), port, ptr::null()) };
        server.open().ok().map(Self)
    }
}

impl Drop for Tcp {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Stream for Tcp {
    fn read(&self, buf: &mut [u8], timeout: Duration) -> Result<usize, Lost> {
        self.0.read(buf, whole_millis(timeout)).map_err(lost)
    }

    fn write(&self, data: &[u8], timeout: Duration) -> Result<usize, Lost> {
        self.0.write(data, whole_millis(timeout)).map_err(lost)
    }
}

fn lost(broken: Broken) -> Lost {
    match broken {
        Broken::Closed => Lost::Closed,
        Broken::Contract | Broken::Failed(_) => Lost::Failed,
    }
}

/// Rounded up: HAL functions are never given a timeout of 0.
fn whole_millis(timeout: Duration) -> u32 {
    u32::try_from(timeout.as_micros().div_ceil(1000)).unwrap_or(u32::MAX)
}

/// A negative timeout is none at all.
fn millis(timeout_ms: c_int) -> Duration {
    Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0))
}

fn tell(error: &Error, host: &str) {
    let (problem, remedy) = error.explain(host);
    match remedy {
        Some(remedy) => {
            print(&[&problem, ":"]);
            print(&[remedy]);
        }
        None => print(&[&problem]),
    }
}

fn print(parts: &[&str]) {
    let mut console = Console::new();
    console.put(b"HAL: TLS: ");
    for part in parts {
        console.put(part.as_bytes());
    }
    console.end_line();
}
