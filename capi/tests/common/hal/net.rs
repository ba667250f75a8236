//! `HAL_TCP_*` and `HAL_SSL_*`, over a server in the same process, on the virtual clock.
//!
//! The server says its greeting, CONNACK unless told otherwise, as soon as CONNECT has come. Everything else the test
//! says for it, or it [answers](packet::answer) by itself.

use std::{
    collections::VecDeque,
    ffi::{CStr, CString, c_char, c_int},
    slice,
};

use super::{Hal, START, dwell, held, now, state, wait};
use crate::common::packet;

/// A fault of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A call returns this at once, and moves nothing.
    Returns(i32),
    /// A call claims to have moved a byte more than it was offered.
    MoreThanOffered,
}

impl Fault {
    fn result(self, len: usize) -> i32 {
        match self {
            Self::Returns(result) => result,
            Self::MoreThanOffered => i32::try_from(len).expect("a short buffer") + 1,
        }
    }
}

/// What the library has called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Establish,
    Read { len: usize, timeout: u32 },
    Write { len: usize, timeout: u32 },
    Destroy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Tcp,
    Tls,
}

/// Whom the library must connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) host: CString,
    pub(crate) port: u16,
    /// With TLS.
    pub(crate) root: Option<CString>,
}

pub(super) struct Net {
    peer: Option<Peer>,
    connections: Vec<Connection>,
    calls: Vec<Call>,
    /// When connections were tried.
    attempts: Vec<u64>,
    greeting: Vec<u8>,
    /// How long each byte of the greeting takes, if it does not come in one piece.
    greeting_pace: Option<u64>,
    answers: bool,
    /// The next connections do not come about.
    refusals: usize,
    reads: VecDeque<Fault>,
    writes: VecDeque<Fault>,
    /// How much a write takes at most.
    write_limit: usize,
    /// A read returns 0 at once if there is nothing.
    impatient: bool,
    /// The call that fails, counted down, and how.
    fails: Option<(usize, Fault)>,
}

impl Net {
    pub(super) const fn new() -> Self {
        Self {
            peer: None,
            connections: Vec::new(),
            calls: Vec::new(),
            attempts: Vec::new(),
            greeting: Vec::new(),
            greeting_pace: None,
            answers: false,
            refusals: 0,
            reads: VecDeque::new(),
            writes: VecDeque::new(),
            write_limit: usize::MAX,
            impatient: false,
            fails: None,
        }
    }

    fn connection(&mut self, kind: Kind, handle: usize) -> &mut Connection {
        let connection = self
            .connections
            .get_mut(usize::MAX - handle)
            .unwrap_or_else(|| panic!("{handle:#x} is no connection"));
        assert_eq!(connection.kind, kind, "of the other kind");
        assert!(connection.open, "the connection was destroyed");
        connection
    }

    fn newest(&mut self) -> &mut Connection {
        self.connections.last_mut().expect("a connection")
    }

    fn call(&mut self, call: Call) -> Option<Fault> {
        self.calls.push(call);
        let (left, fault) = self.fails.as_mut()?;
        *left = left.checked_sub(1)?;
        (*left == 0).then_some(*fault)
    }
}

struct Connection {
    kind: Kind,
    open: bool,
    reading: bool,
    writing: bool,
    /// What is on its way to the client, and when it arrives.
    down: VecDeque<(u64, VecDeque<u8>)>,
    /// The server ends after that.
    ended: bool,
    /// What came from the client and is no whole packet yet.
    up: Vec<u8>,
    packets: Vec<Vec<u8>>,
}

impl Connection {
    const fn new(kind: Kind) -> Self {
        Self {
            kind,
            open: true,
            reading: false,
            writing: false,
            down: VecDeque::new(),
            ended: false,
            up: Vec::new(),
            packets: Vec::new(),
        }
    }

    fn send(&mut self, after: u64, bytes: &[u8]) {
        self.down.push_back((now() + after, bytes.to_vec().into()));
    }

    /// Takes what has arrived, and says how much that is.
    fn take(&mut self, to: &mut [u8]) -> usize {
        let mut count = 0;
        while count < to.len()
            && let Some((at, bytes)) = self.down.front_mut()
            && *at <= now()
        {
            let len = bytes.len().min(to.len() - count);
            for (slot, byte) in to[count..].iter_mut().zip(bytes.drain(..len)) {
                *slot = byte;
            }
            count += len;
            if bytes.is_empty() {
                self.down.pop_front();
            }
        }
        count
    }

    fn has_ended(&self) -> bool {
        self.ended && self.down.is_empty()
    }
}

impl Hal {
    /// Whom connections must go to.
    pub(crate) fn expect_peer(&self, peer: Peer) {
        state().net.peer = Some(peer);
    }

    /// What the server says once CONNECT has come.
    pub(crate) fn greet_with(&self, bytes: &[u8]) {
        let net = &mut state().net;
        net.greeting = bytes.to_vec();
        net.greeting_pace = None;
    }

    /// The same, one byte every so many milliseconds.
    pub(crate) fn greet_slowly(&self, bytes: &[u8], pace: u64) {
        let net = &mut state().net;
        net.greeting = bytes.to_vec();
        net.greeting_pace = Some(pace);
    }

    /// From now on the server answers by itself, or not.
    pub(crate) fn server_answers(&self, answers: bool) {
        state().net.answers = answers;
    }

    /// The server sends on the newest connection.
    pub(crate) fn server_sends(&self, bytes: &[u8]) {
        self.server_sends_after(0, bytes);
    }

    /// It sends so that it arrives after `ms`.
    pub(crate) fn server_sends_after(&self, ms: u64, bytes: &[u8]) {
        state().net.newest().send(ms, bytes);
    }

    /// The server ends the newest connection.
    pub(crate) fn server_ends(&self) {
        state().net.newest().ended = true;
    }

    /// The packets that have come on all connections since the last call.
    pub(crate) fn server_got(&self) -> Vec<Vec<u8>> {
        let connections = &mut state().net.connections;
        connections
            .iter_mut()
            .flat_map(|connection| std::mem::take(&mut connection.packets))
            .collect()
    }

    /// The next so many connections do not come about.
    pub(crate) fn refuse_connections(&self, count: usize) {
        state().net.refusals = count;
    }

    /// What happens to the next reads.
    pub(crate) fn disturb_reads(&self, faults: &[Fault]) {
        state().net.reads = faults.iter().copied().collect();
    }

    /// What happens to the next writes.
    pub(crate) fn disturb_writes(&self, faults: &[Fault]) {
        state().net.writes = faults.iter().copied().collect();
    }

    /// Writes take so many bytes at most.
    pub(crate) fn limit_writes(&self, most: usize) {
        state().net.write_limit = most;
    }

    /// Reads do not wait.
    pub(crate) fn hurry_reads(&self) {
        state().net.impatient = true;
    }

    /// The network call with this number, counted from 1, fails.
    pub(crate) fn fail_call(&self, number: usize, fault: Fault) {
        state().net.fails = Some((number, fault));
    }

    /// That call has not come yet.
    pub(crate) fn has_call_to_fail(&self) -> bool {
        state().net.fails.is_some_and(|(left, _)| left > 0)
    }

    /// The calls since the last call of this.
    pub(crate) fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut state().net.calls)
    }

    /// When connections were tried since the last call, as [`Hal::now`] tells it.
    pub(crate) fn attempts(&self) -> Vec<u64> {
        let attempts = std::mem::take(&mut state().net.attempts);
        attempts.into_iter().map(|at| at - START).collect()
    }

    /// Connections that were not destroyed.
    pub(crate) fn open_connections(&self) -> usize {
        let connections = &state().net.connections;
        connections.iter().filter(|c| c.open).count()
    }

    /// Connections that ever came about.
    pub(crate) fn connections(&self) -> usize {
        state().net.connections.len()
    }
}

/// # Safety
///
/// `host` is a string; `root` is `NULL`, or readable for its length.
unsafe fn establish(
    kind: Kind,
    host: *const c_char,
    port: u16,
    root: Option<(*const c_char, usize)>,
) -> usize {
    assert_eq!(held(), 0, "a lock is held while connecting");
    let net = &mut state().net;
    let given = Peer {
        // SAFETY: it is a string.
        host: unsafe { CStr::from_ptr(host) }.to_owned(),
        port,
        root: root.map(|(root, len)| {
            // SAFETY: it is readable for its length.
            let bytes = unsafe { slice::from_raw_parts(root.cast::<u8>(), len) };
            let root = CStr::from_bytes_with_nul(bytes);
            root.expect("the length counts the NUL at the end").into()
        }),
    };
    assert_eq!(Some(given), net.peer, "where the library connects to");
    net.attempts.push(now());
    if net.call(Call::Establish).is_some() {
        return 0;
    }
    if net.refusals > 0 {
        net.refusals -= 1;
        return 0;
    }
    net.connections.push(Connection::new(kind));
    usize::MAX - (net.connections.len() - 1) // as odd as a handle may be
}

fn destroy(kind: Kind, handle: usize) -> i32 {
    assert_eq!(held(), 0, "a lock is held while closing");
    let net = &mut state().net;
    net.calls.push(Call::Destroy);
    let connection = net.connection(kind, handle);
    assert!(!connection.reading, "it is being read from");
    assert!(!connection.writing, "it is being written to");
    connection.open = false;
    0
}

/// Marks that this thread is in a call, which `busy` tells, and lets others run.
fn enter(kind: Kind, handle: usize, busy: fn(&mut Connection) -> &mut bool) {
    let was_busy = std::mem::replace(busy(state().net.connection(kind, handle)), true);
    assert!(!was_busy, "two threads do the same");
    dwell();
}

/// # Safety
///
/// `to` is writable for `len` bytes.
unsafe fn read(kind: Kind, handle: usize, to: *mut c_char, len: u32, timeout: u32) -> i32 {
    assert!(len > 0 && timeout > 0);
    assert_eq!(held(), 0, "a lock is held while reading");
    enter(kind, handle, |connection| &mut connection.reading);
    let len = len as usize;
    // SAFETY: it is writable.
    let to = unsafe {
        to.cast::<u8>().write_bytes(0xa5, len);
        slice::from_raw_parts_mut(to.cast(), len)
    };
    let result = fill(kind, handle, to, timeout);
    state().net.connection(kind, handle).reading = false;
    result
}

/// Fills `to`, or waits for the timeout.
fn fill(kind: Kind, handle: usize, to: &mut [u8], timeout: u32) -> i32 {
    let until = now() + u64::from(timeout);
    let len = to.len();
    let fault = {
        let net = &mut state().net;
        let fault = net.call(Call::Read { len, timeout });
        fault.or_else(|| net.reads.pop_front())
    };
    if let Some(fault) = fault {
        return fault.result(len);
    }
    let mut count = 0;
    loop {
        let next = {
            let net = &mut state().net;
            let impatient = net.impatient;
            let connection = net.connection(kind, handle);
            count += connection.take(&mut to[count..]);
            if count == 0 && connection.has_ended() {
                return -1;
            }
            if count == len || connection.has_ended() || impatient || now() >= until {
                return i32::try_from(count).expect("a short buffer");
            }
            connection.down.front().map_or(until, |(at, _)| *at)
        };
        wait(next.min(until));
    }
}

/// # Safety
///
/// `from` is readable for `len` bytes.
unsafe fn write(kind: Kind, handle: usize, from: *const c_char, len: u32, timeout: u32) -> i32 {
    assert!(len > 0 && timeout > 0);
    assert_eq!(held(), 1, "who sends holds the lock for it and no other");
    enter(kind, handle, |connection| &mut connection.writing);
    // SAFETY: it is readable.
    let bytes = unsafe { slice::from_raw_parts(from.cast(), len as usize) };
    let result = accept(kind, handle, bytes, timeout);
    state().net.connection(kind, handle).writing = false;
    result
}

/// Takes what is sent, and lets the server answer.
fn accept(kind: Kind, handle: usize, bytes: &[u8], timeout: u32) -> i32 {
    let net = &mut state().net;
    let len = bytes.len();
    let fault = net.call(Call::Write { len, timeout });
    if let Some(fault) = fault.or_else(|| net.writes.pop_front()) {
        return fault.result(len);
    }
    let taken = len.min(net.write_limit);
    let (greeting, pace) = (net.greeting.clone(), net.greeting_pace);
    let answers = net.answers;
    let connection = net.connection(kind, handle);
    connection.up.extend_from_slice(&bytes[..taken]);
    while let Some((header, body)) = packet::first(&connection.up) {
        let packet: Vec<u8> = connection.up.drain(..header + body).collect();
        match (packet[0] >> 4, pace) {
            (1, None) => connection.send(0, &greeting),
            (1, Some(pace)) => (1..)
                .zip(&greeting)
                .for_each(|(number, byte)| connection.send(number * pace, &[*byte])),
            _ if answers => connection.send(0, &packet::answer(&packet)),
            _ => {}
        }
        connection.packets.push(packet);
    }
    i32::try_from(taken).expect("a short buffer")
}

fn positive(number: c_int) -> u32 {
    u32::try_from(number).expect("not negative")
}

#[unsafe(no_mangle)]
unsafe extern "C" fn HAL_TCP_Establish(host: *const c_char, port: u16) -> usize {
    // SAFETY: the library keeps to the contract, here and below.
    unsafe { establish(Kind::Tcp, host, port, None) }
}

#[unsafe(no_mangle)]
extern "C" fn HAL_TCP_Destroy(fd: usize) -> i32 {
    destroy(Kind::Tcp, fd)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn HAL_TCP_Write(fd: usize, buf: *const c_char, len: u32, timeout: u32) -> i32 {
    // SAFETY: as above.
    unsafe { write(Kind::Tcp, fd, buf, len, timeout) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn HAL_TCP_Read(fd: usize, buf: *mut c_char, len: u32, timeout: u32) -> i32 {
    // SAFETY: as above.
    unsafe { read(Kind::Tcp, fd, buf, len, timeout) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn HAL_SSL_Establish(
    host: *const c_char,
    port: u16,
    root: *const c_char,
    root_len: usize,
) -> usize {
    // SAFETY: as above.
    unsafe { establish(Kind::Tls, host, port, Some((root, root_len))) }
}

#[unsafe(no_mangle)]
extern "C" fn HAL_SSL_Destroy(handle: usize) -> i32 {
    destroy(Kind::Tls, handle)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn HAL_SSL_Write(
    handle: usize,
    buf: *const c_char,
    len: c_int,
    timeout: c_int,
) -> i32 {
    // SAFETY: as above.
    unsafe { write(Kind::Tls, handle, buf, positive(len), positive(timeout)) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn HAL_SSL_Read(
    handle: usize,
    buf: *mut c_char,
    len: c_int,
    timeout: c_int,
) -> i32 {
    // SAFETY: as above.
    unsafe { read(Kind::Tls, handle, buf, positive(len), positive(timeout)) }
}
