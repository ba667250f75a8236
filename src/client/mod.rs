//! Drives the protocol state machines over a platform: the only code that waits or locks.
//!
//! Two locks, taken in this order where both are needed:
//!
//! | lock | covers | held across |
//! |---|---|---|
//! | outbox | the write buffer, and whose turn it is to send | one packet's writes |
//! | state | the protocol state, and who reads | nothing that waits |
//!
//! Neither is held while anything is read, connected or told, nor while a call sleeps; but a port that takes nothing of a
//! packet is given a short rest before it is asked again, and the outbox is held meanwhile.

pub mod fetch;
mod inbox;
mod turn;
pub mod web;

use core::{num::NonZeroU16, ops::Range};

use crate::{
    hal::{Broken, Lock, NoConnection, System, Transport},
    log::{Level, Value},
    mqtt::{self, Config, Loss, Machine, Output, Receiver, topic},
    time::{Clock, Instant},
    wire::mqtt::{QoS, emit},
};

use inbox::Inbox;
pub use turn::{Delivery, Listener};

/// How often a transport that does not wait is asked, in ms, so that it does not keep a thread busy; a call whose turn it
/// is not looks as often whether it is.
const GLANCE: u32 = 10;

/// How long a request to a web server may take to be sent, in ms.
const SEND_WAIT: u32 = 5000;

/// Nothing has come of waiting `wait` ms since `uptime`: waits for as long as a glance takes, unless that has passed. Says
/// how long it was in all.
fn rest<P: System>(platform: &P, uptime: u32, wait: u32) -> u32 {
    let passed = platform.uptime().wrapping_sub(uptime);
    let early = wait.min(GLANCE).saturating_sub(passed);
    if early > 0 {
        platform.sleep(early);
    }
    passed.saturating_add(early)
}

/// Why a connection is of no more use, for a log line.
fn why(broken: Broken) -> Value<'static> {
    match broken {
        Broken::Closed => Value::Text(b"closed by the server"),
        Broken::Failed(number) => Value::Num(number.into()),
        Broken::Contract => Value::Text(b"the port has moved more than it was offered"),
    }
}

/// Who the client is to the server.
pub trait Account {
    /// Brings the credentials up to date, before another attempt to connect; says whether that worked.
    fn renew(&self) -> bool;

    /// The credentials.
    fn credentials(&self) -> Credentials<'_>;
}

/// What CONNECT carries.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// The client identifier.
    pub client_id: &'a [u8],
    /// The user name.
    pub username: &'a [u8],
    /// The password.
    pub password: &'a [u8],
}

/// Why a call on a [`Client`] failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The topic or filter is not acceptable.
    BadTopic,
    /// There is no connection.
    NotConnected,
    /// Messages are published with QoS 0 or 1 only.
    BadQoS,
    /// The packet does not fit the write buffer.
    TooLarge,
    /// There is no memory, or as many requests wait for their answer as may.
    Full,
    /// The packet could not be sent; the connection is lost.
    NotSent,
    /// This call is made while messages are being delivered, and there is no memory to read into.
    NoBuffer,
}

/// Why a client did not come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectError {
    /// The read buffer is smaller than any packet's header.
    BufferTooSmall,
    /// The platform has no lock left.
    NoLock,
    /// The transport did not connect.
    NoConnection,
    /// The server did not accept the client; the log says why.
    NotAccepted,
}

/// How the buffers of a client grow, which are empty at first. Without it they stay as they are.
#[derive(Debug)]
pub struct Growth<B> {
    /// How many bytes they have at once, and at most.
    pub room: Range<usize>,
    /// Lets a buffer grow to so many bytes, if there is memory. What lies in it stays.
    pub grow: fn(&mut B, usize),
    /// Frees a buffer: the client ends.
    pub free: fn(&mut B),
}

impl<B: AsMut<[u8]> + 'static> Growth<B> {
    /// Makes room in a buffer for a packet of `len` bytes, as far as it may grow.
    #[cold]
    fn make_room(&self, buffer: &mut B, len: usize) {
        if len > buffer.as_mut().len() && len <= self.room.end {
            (self.grow)(buffer, len);
        }
    }
}

/// An MQTT client: any thread may call any method.
///
/// `P` is the platform, `B` a buffer of the application, `H` what messages of a subscription are handed to.
pub struct Client<P: System + Transport + Account, B: AsMut<[u8]> + 'static, H: Copy + PartialEq> {
    platform: P,
    outbox: P::Lock<Outbox<P::Conn, B>>,
    state: P::Lock<State<P::Conn, B, H>>,
    request_timeout: u32,
    growth: Option<&'static Growth<B>>,
}

/// The sending side.
struct Outbox<C, B> {
    conn: Option<C>,
    /// The application may send.
    open: bool,
    /// Counts connections: an answer belongs to the one that the question came from.
    number: u32,
    buffer: B,
}

/// Everything else.
struct State<C, B: 'static, H> {
    machine: Machine<H>,
    clock: Clock,
    inbox: Inbox<B>,
    conn: Option<C>,
    number: u32,
    /// The client is being destroyed: what belongs to the application must not be touched any more.
    closing: bool,
}

impl<P: System + Transport + Account, B: AsMut<[u8]> + 'static, H: Copy + PartialEq>
    Client<P, B, H>
{
    /// Makes a client that is not connected. The buffers are used until [`Self::close`] has returned.
    ///
    /// Not inlined: what it is built from lies on the stack only as long as that takes.
    #[inline(never)]
    pub fn new(
        platform: P,
        config: Config,
        growth: Option<&'static Growth<B>>,
        mut read_buffer: B,
        write_buffer: B,
    ) -> Result<Self, ConnectError> {
        let room = read_buffer.as_mut().len();
        if growth.is_none() && room < Receiver::BUFFER_MIN {
            return Err(ConnectError::BufferTooSmall);
        }
        let clock = Clock::new(platform.uptime());
        let now = clock.now();
        let outbox = Outbox {
            conn: None,
            open: false,
            number: 0,
            buffer: write_buffer,
        };
        let state = State {
            machine: Machine::new(config, now),
            clock,
            inbox: Inbox::new(read_buffer, room, growth),
            conn: None,
            number: 0,
            closing: false,
        };
        Ok(Self {
            platform,
            outbox: Lock::new(outbox).ok_or(ConnectError::NoLock)?,
            state: Lock::new(state).ok_or(ConnectError::NoLock)?,
            request_timeout: config.request_timeout,
            growth,
        })
    }

    /// The platform it runs on.
    pub fn platform(&self) -> &P {
        &self.platform
    }

    /// Whether there is a connection.
    pub fn is_connected(&self) -> bool {
        self.state
            .with(|state| state.machine.is_connected() && !state.closing)
    }

    /// From now on a connection that is lost stays lost.
    pub fn disable_reconnect(&self) {
        self.state.with(|state| state.machine.disable_reconnect());
    }

    /// Sends a message with QoS 0, or with QoS 1 and returns its id.
    ///
    /// Waits while another packet is being sent, and for the request timeout at most.
    pub fn publish(
        &self,
        topic: &[u8],
        payload: &[u8],
        qos: QoS,
        retain: bool,
    ) -> Result<Option<NonZeroU16>, Error> {
        topic::check_name(topic).map_err(|_| Error::BadTopic)?;
        self.outbox.with(|outbox| {
            let conn = outbox.ready()?;
            if let Some(growth) = self.growth {
                let len = emit::Publish::packet_len(topic, payload, qos);
                growth.make_room(&mut outbox.buffer, len);
            }
            let buf = outbox.buffer.as_mut();
            let (id, len) = match qos {
                QoS::AtMostOnce => {
                    let message = emit::Publish {
                        topic,
                        payload,
                        retain,
                        id: None,
                    };
                    (None, message.emit(buf).map_err(|_| Error::TooLarge)?)
                }
                QoS::AtLeastOnce => {
                    let uptime = self.platform.uptime();
                    let (id, len) = self.state.with(|state| {
                        let now = state.clock.read(uptime);
                        state.machine.publish(topic, payload, retain, buf, now)
                    })?;
                    (Some(id), len)
                }
                QoS::ExactlyOnce => return Err(Error::BadQoS),
            };
            let packet = buf.get(..len).unwrap_or_default();
            self.send(conn, packet).map_err(|_| {
                if let Some(id) = id {
                    self.state.with(|state| state.machine.withdraw_publish(id));
                }
                self.not_sent(outbox)
            })?;
            Ok(id)
        })
    }

    /// Asks the server for the messages that match a filter; the id of the request.
    ///
    /// `handler` is given the messages from when the server has granted it. Waits as [`Self::publish`] does.
    pub fn subscribe(&self, filter: &[u8], qos: QoS, handler: H) -> Result<NonZeroU16, Error> {
        self.subscribe_noted(filter, qos, handler, |_| {})
    }

    /// As [`Self::subscribe`]; `note` is told the id before the request goes out, and so before the answer can come.
    pub fn subscribe_noted(
        &self,
        filter: &[u8],
        qos: QoS,
        handler: H,
        note: impl FnOnce(NonZeroU16),
    ) -> Result<NonZeroU16, Error> {
        self.request(|machine, buf, now| {
            topic::check_filter(filter).map_err(|_| Error::BadTopic)?;
            let (id, len) = machine.subscribe(filter, qos, handler, buf, now)?;
            note(id);
            Ok((id, len))
        })
    }

    /// As [`Self::unsubscribe`]; `note` as in [`Self::subscribe_noted`].
    pub fn unsubscribe_noted(
        &self,
        filter: &[u8],
        note: impl FnOnce(NonZeroU16),
    ) -> Result<NonZeroU16, Error> {
        // Before it matters whether there is a connection, unlike in `subscribe`: so it was in V2.10.
        topic::check_filter(filter).map_err(|_| Error::BadTopic)?;
        self.request(|machine, buf, now| {
            let (id, len) = machine.unsubscribe(filter, buf, now)?;
            note(id);
            Ok((id, len))
        })
    }

    /// Asks the server for no more messages of a filter; the id of the request. Waits as [`Self::publish`] does.
    pub fn unsubscribe(&self, filter: &[u8]) -> Result<NonZeroU16, Error> {
        self.unsubscribe_noted(filter, |_| {})
    }

    /// Hands no more messages to `handler`. The server is not told, and goes on sending them: they are nobody's then.
    pub fn forget(&self, handler: H) {
        self.state.with(|state| state.machine.forget(handler));
    }

    fn request(
        &self,
        write: impl FnOnce(&mut Machine<H>, &mut [u8], Instant) -> Result<(NonZeroU16, usize), Error>,
    ) -> Result<NonZeroU16, Error> {
        self.outbox.with(|outbox| {
            let conn = outbox.ready()?;
            let buf = outbox.buffer.as_mut();
            let uptime = self.platform.uptime();
            let (id, len) = self.state.with(|state| {
                let now = state.clock.read(uptime);
                write(&mut state.machine, buf, now)
            })?;
            self.send(conn, buf.get(..len).unwrap_or_default())
                .map_err(|_| {
                    self.state.with(|state| state.machine.withdraw_request(id));
                    self.not_sent(outbox)
                })?;
            Ok(id)
        })
    }

    /// Connects for the first time. Blocks for as long as the transport takes to open, and for twice the request
    /// timeout after that. `listener` is told nothing but what happens before there is a connection.
    pub fn connect(&self, listener: &mut impl Listener<H>) -> Result<(), ConnectError> {
        if let Some(growth) = self.growth {
            self.begin(growth)?;
        }
        if !self.state.with(|state| state.inbox.take_role()) {
            return Err(ConnectError::NotAccepted); // somebody else is at it
        }
        self.open().map_err(|_| ConnectError::NoConnection)?;
        if self.run_until_connected(listener) {
            Ok(())
        } else {
            Err(ConnectError::NotAccepted)
        }
    }

    /// Lets the buffers grow to their first size.
    #[cold]
    fn begin(&self, growth: &Growth<B>) -> Result<(), ConnectError> {
        let room = growth.room.start;
        self.outbox
            .with(|outbox| growth.make_room(&mut outbox.buffer, room));
        let room = self.state.with(|state| state.inbox.begin(growth));
        if room < Receiver::BUFFER_MIN {
            return Err(ConnectError::BufferTooSmall);
        }
        Ok(())
    }

    /// Ends the client: says goodbye to the server, and lets go of both buffers. Other calls end soon.
    ///
    /// Waits for a call that is reading, for the request timeout and one second at most; says how much of that is left,
    /// in ms. The connection is closed then, or when the client is dropped.
    pub fn close(&self) -> u32 {
        self.state.with(|state| state.closing = true);
        self.outbox.with(|outbox| {
            if let (Some(conn), true) = (outbox.conn, outbox.open) {
                // Whether it arrives or not, the end is the same.
                let _ = self.send(conn, &emit::DISCONNECT);
            }
            outbox.open = false;
            outbox.conn = None;
        });

        const STEP: u32 = 10;
        let mut patience = self.request_timeout.saturating_add(1000);
        while !self.state.with(|state| state.inbox.take_role()) {
            if patience == 0 {
                return 0;
            }
            self.platform.sleep(STEP);
            patience = patience.saturating_sub(STEP);
        }
        if let Some(conn) = self.state.with(|state| state.conn.take()) {
            self.platform.close(conn);
        }
        patience
    }

    /// Opens the transport with fresh credentials, as the one who may read.
    fn reopen(&self) {
        if self.platform.renew() {
            // If it fails, the state says when to try again.
            let _ = self.open();
        } else {
            self.log(Level::Warning, "mqtt: no credentials", Value::None);
            self.closed();
        }
    }

    /// The transport is closed, or did not open: gives the role of reading back.
    fn closed(&self) {
        let uptime = self.platform.uptime();
        self.state.with(|state| {
            let now = state.clock.read(uptime);
            state.machine.lost();
            state.machine.closed(now, |limit| self.random(limit));
            state.inbox.give_up_role();
        });
    }

    /// Opens the transport, as the one who may read.
    fn open(&self) -> Result<(), NoConnection> {
        let Ok(conn) = self.platform.open() else {
            self.log(Level::Warning, "mqtt: no connection", Value::None);
            self.closed();
            return Err(NoConnection);
        };
        let number = self.outbox.with(|outbox| {
            outbox.conn = Some(conn);
            outbox.number = outbox.number.wrapping_add(1);
            outbox.number
        });
        self.state.with(|state| {
            state.conn = Some(conn);
            state.number = number;
            state.machine.opened();
            state.inbox.give_up_role();
        });
        Ok(())
    }

    /// Closes the transport, as the one who may read.
    fn shut(&self) {
        self.outbox.with(|outbox| {
            outbox.open = false;
            outbox.conn = None;
        });
        if let Some(conn) = self.state.with(|state| state.conn.take()) {
            self.platform.close(conn);
        }
        self.closed();
    }

    /// Sends what the machine has to send, until there is no more or `until` has come. Others may send between two
    /// packets, unless the connection is new.
    fn flush(&self, until: Instant) {
        // One packet is sent in any case, so that short calls get somewhere, too.
        let mut end = None;
        while self.outbox.with(|outbox| self.flush_one(outbox, end)) {
            end = Some(until);
        }
    }

    /// Sends one packet, unless `end` has come; says whether there may be another. Runs under the outbox lock.
    fn flush_one(&self, outbox: &mut Outbox<P::Conn, B>, end: Option<Instant>) -> bool {
        let Some(conn) = outbox.conn else {
            return false;
        };
        let uptime = self.platform.uptime();
        let output = self.state.with(|state| {
            let now = state.clock.read(uptime);
            // While closing, the buffer is the application's again.
            if state.closing || end.is_some_and(|end| end.reached(now)) {
                return Ok(None);
            }
            let output = state.machine.poll_output(outbox.buffer.as_mut(), now);
            outbox.open = state.machine.is_connected();
            output
        });
        let sent = match output {
            Ok(Some(Output::Packet(len))) => {
                let packet = outbox.buffer.as_mut().get(..len).unwrap_or_default();
                self.send(conn, packet)
            }
            Ok(Some(Output::Connect {
                keep_alive,
                clean_session,
            })) => self.ask(conn, outbox.buffer.as_mut(), keep_alive, clean_session),
            Ok(None) | Err(_) => return false,
        };
        if sent.is_err() {
            self.not_sent(outbox);
        }
        sent.is_ok()
    }

    /// Sends CONNECT.
    fn ask(
        &self,
        conn: P::Conn,
        buf: &mut [u8],
        keep_alive: u16,
        clean_session: bool,
    ) -> Result<(), NotSent> {
        let credentials = self.platform.credentials();
        let connect = emit::Connect {
            client_id: credentials.client_id,
            username: credentials.username,
            password: credentials.password,
            keep_alive,
            clean_session,
        };
        let len = connect.emit(buf).map_err(|_| {
            self.log(
                Level::Error,
                "mqtt: CONNECT does not fit the write buffer",
                Value::None,
            );
            NotSent
        })?;
        self.send(conn, buf.get(..len).unwrap_or_default())
    }

    /// Sends an answer of four bytes, if the connection is still the one with that number.
    fn answer(&self, number: u32, packet: [u8; 4]) {
        self.outbox.with(|outbox| {
            if let Some(conn) = outbox.conn
                && outbox.number == number
                && self.send(conn, &packet).is_err()
            {
                self.not_sent(outbox);
            }
        });
    }

    /// Sends all of a packet, within the request timeout. Runs under the outbox lock.
    fn send(&self, conn: P::Conn, packet: &[u8]) -> Result<(), NotSent> {
        /// A port that takes nothing is asked again after so many milliseconds.
        const REST: u32 = 10;

        let mut rest = packet;
        let start = self.platform.uptime();
        let mut left = self.request_timeout;
        loop {
            let count = match self.platform.write(conn, rest, left) {
                Ok(count) => count,
                Err(broken) => {
                    self.log_broken("mqtt: sending failed:", broken);
                    return Err(NotSent);
                }
            };
            rest = rest.get(count..).unwrap_or_default();
            if rest.is_empty() {
                return Ok(());
            }
            let passed = self.platform.uptime().wrapping_sub(start);
            left = self.request_timeout.saturating_sub(passed);
            if count == 0 && left > 0 {
                let pause = left.min(REST);
                self.platform.sleep(pause);
                left -= pause;
            }
            if left == 0 {
                self.log(Level::Warning, "mqtt: sending took too long", Value::None);
                return Err(NotSent);
            }
        }
    }

    /// A packet was not sent, or a part of it: nothing may follow on this connection. Runs under the outbox lock.
    fn not_sent(&self, outbox: &mut Outbox<P::Conn, B>) -> Error {
        outbox.open = false;
        outbox.conn = None;
        self.state.with(|state| state.machine.lost());
        Error::NotSent
    }

    fn random(&self, limit: u32) -> u32 {
        self.platform.random(limit).min(limit.saturating_sub(1))
    }

    fn log(&self, level: Level, text: &'static str, value: Value<'_>) {
        self.platform.log(level, text, value);
    }

    fn log_broken(&self, text: &'static str, broken: Broken) {
        let level = match broken {
            Broken::Closed | Broken::Failed(_) => Level::Warning,
            Broken::Contract => Level::Error,
        };
        self.log(level, text, why(broken));
    }

    fn log_loss(&self, loss: Loss) {
        let (text, value) = match loss {
            Loss::Refused(refusal) => (
                "mqtt: CONNECT refused:",
                Value::Text(refusal.name().as_bytes()),
            ),
            Loss::Protocol(what) => (
                "mqtt: the server broke the protocol:",
                Value::Text(what.as_bytes()),
            ),
            Loss::NoConnAck => ("mqtt: no CONNACK came", Value::None),
            Loss::NoPingResp => ("mqtt: no PINGRESP came", Value::None),
        };
        self.log(Level::Warning, text, value);
    }
}

/// A packet was not sent.
struct NotSent;

impl<C: Copy, B> Outbox<C, B> {
    fn ready(&self) -> Result<C, Error> {
        self.conn.filter(|_| self.open).ok_or(Error::NotConnected)
    }
}

impl<P: System + Transport + Account, B: AsMut<[u8]> + 'static, H: Copy + PartialEq> Drop
    for Client<P, B, H>
{
    fn drop(&mut self) {
        if let Some(conn) = self.state.with(|state| state.conn.take()) {
            self.platform.close(conn);
        }
        if let Some(growth) = self.growth {
            self.outbox.with(|outbox| (growth.free)(&mut outbox.buffer));
            self.state.with(|state| state.inbox.free());
        }
    }
}

impl From<mqtt::Error> for Error {
    fn from(error: mqtt::Error) -> Self {
        match error {
            mqtt::Error::TooLarge => Self::TooLarge,
            mqtt::Error::Full => Self::Full,
        }
    }
}
