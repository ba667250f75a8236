//! The state of one client.

use alloc::vec::Vec;
use core::{num::NonZeroU16, ops::Range};

use super::{
    Full,
    in_flight::InFlight,
    subscriptions::{Answer, Expired, Search, Subscriptions},
};
use crate::{
    time::Instant,
    wire::mqtt::{ConnAck, DUP, Malformed, Packet, Publish, QoS, RETAIN, Refusal, emit, kind},
};

/// How a client behaves.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// How long the server may take to answer, in ms.
    pub request_timeout: u32,
    /// The longest silence of the client, in ms; the server is told in whole seconds.
    pub keep_alive: u32,
    /// The server is to forget the session when a connection begins or ends.
    pub clean_session: bool,
    /// The longest payload the application can take; a longer one counts as too large for the buffer.
    pub payload_max: usize,
    /// A handler is called once for a message, however many of its filters match.
    pub once: bool,
}

/// Where the connection stands; see the module for the way from one to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// The next attempt to connect is due at this moment.
    Waiting {
        /// The moment.
        at: Instant,
    },
    /// The transport is open, CONNECT is to be sent.
    Opened,
    /// CONNECT is on its way.
    Asking {
        /// When CONNACK must have come.
        until: Instant,
        /// Other packets that came instead.
        strays: u8,
    },
    /// CONNACK has come.
    Connected {
        /// When the next PINGREQ is due.
        ping_at: Instant,
        /// When a packet must have come that shows the server is there.
        pong_until: Option<Instant>,
    },
    /// The transport is of no more use, and to be closed.
    Lost {
        /// The application could send.
        was_connected: bool,
        /// The application knows of the connection, so it is told of its end.
        was_known: bool,
    },
    /// For good.
    Closed,
}

/// Why a connection was lost, or did not come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The server refused CONNECT.
    Refused(Refusal),
    /// The server sent something that MQTT 3.1.1 does not allow.
    Protocol(&'static str),
    /// No CONNACK came in time.
    NoConnAck,
    /// Nothing came after PINGREQ.
    NoPingResp,
}

/// Why a request of the application was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The packet does not fit the buffer.
    TooLarge,
    /// There is no memory, or as many requests wait for an answer as may.
    Full,
}

/// Something the application is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The connection was lost.
    Disconnected,
    /// There is a connection again.
    Reconnected,
    /// The SUBSCRIBE with this id was granted.
    Subscribed(NonZeroU16),
    /// The SUBSCRIBE with this id was not answered in time.
    SubscribeTimedOut(NonZeroU16),
    /// The SUBSCRIBE with this id was refused, now or when it was renewed.
    SubscribeRefused(NonZeroU16),
    /// The UNSUBSCRIBE with this id was answered.
    Unsubscribed(NonZeroU16),
    /// The UNSUBSCRIBE with this id was not answered in time.
    UnsubscribeTimedOut(NonZeroU16),
    /// The message with this id was acknowledged.
    Published(NonZeroU16),
    /// A packet did not fit the read buffer.
    Overflow,
}

/// What has come of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// Nothing to tell.
    Nothing,
    /// This text is worth a line in the log.
    Stray(&'static str),
    /// Something to tell.
    Event(Event),
    /// A message to deliver; then, its [answer](Message::answer) to send.
    Message(Message),
    /// An answer to send at once.
    Answer([u8; 4]),
    /// A message the application cannot take: [`Event::Overflow`] to tell, then an answer to send.
    TooLarge(Option<[u8; 4]>),
}

/// A message from the server, as it lies in its packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    first: u8,
    header: u8,
    topic_len: u16,
    id: Option<NonZeroU16>,
    len: u32,
}

impl Message {
    /// How often it may arrive.
    #[must_use]
    pub fn qos(&self) -> QoS {
        // Another one would not have been parsed.
        QoS::from_bits(self.first >> 1 & 0b11).unwrap_or(QoS::AtMostOnce)
    }

    /// It may have arrived before.
    #[must_use]
    pub const fn dup(&self) -> bool {
        self.first & DUP != 0
    }

    /// It was kept for new subscribers.
    #[must_use]
    pub const fn retain(&self) -> bool {
        self.first & RETAIN != 0
    }

    /// Its id, unless its QoS is 0.
    #[must_use]
    pub const fn id(&self) -> Option<NonZeroU16> {
        self.id
    }

    /// Where in the packet its topic lies.
    #[must_use]
    pub fn topic(&self) -> Range<usize> {
        let start = usize::from(self.header) + 2;
        start..start + usize::from(self.topic_len)
    }

    /// Where in the packet its payload lies.
    #[must_use]
    pub fn payload(&self) -> Range<usize> {
        let id_len = if self.id.is_some() { 2 } else { 0 };
        self.topic().end + id_len..self.len as usize
    }

    /// What to send once it is delivered.
    #[must_use]
    pub fn answer(&self) -> Option<[u8; 4]> {
        Some(answer(self.qos(), self.id?))
    }
}

/// The answer to a message that was taken.
fn answer(qos: QoS, id: NonZeroU16) -> [u8; 4] {
    match qos {
        QoS::ExactlyOnce => emit::pubrec(id),
        QoS::AtMostOnce | QoS::AtLeastOnce => emit::puback(id),
    }
}

/// Something to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// CONNECT, with these properties.
    Connect {
        /// The longest silence of the client, in s.
        keep_alive: u16,
        /// The server is to forget the session.
        clean_session: bool,
    },
    /// So many bytes of the buffer.
    Packet(usize),
}

/// The protocol state of one client, whose handlers of messages are `H`.
#[derive(Debug)]
pub struct Machine<H> {
    config: Config,
    link: Link,
    reconnecting: bool,
    /// The last wait before an attempt to connect, in ms, without its random part.
    interval: u32,
    last_id: u16,
    in_flight: InFlight,
    subscriptions: Subscriptions<H>,
    /// QoS 2 messages that were delivered and whose PUBREL has not come.
    received_ids: Vec<NonZeroU16>,
    /// When [`Self::handle_timeout`] has something to do.
    wake: Instant,
    /// [`Self::poll_output`] may have something.
    output: bool,
    ping: bool,
    /// [`Self::poll_event`] may have something.
    events: bool,
    disconnected: bool,
    reconnected: bool,
    /// There was a connection before this one.
    known: bool,
    /// A connection was lost before its CONNACK came: whatever session the server had, this may be a new one.
    in_doubt: bool,
    /// What goes before everything else on a new connection is not sent yet.
    settling: bool,
}

impl<H: Copy + PartialEq> Machine<H> {
    /// The first wait before an attempt to connect again, and the longest, in ms.
    const INTERVAL_MIN: u32 = 1_000;
    const INTERVAL_MAX: u32 = 60_000;
    /// How many packets may come instead of CONNACK.
    const STRAYS_MAX: u8 = 9;
    /// How many QoS 2 messages may wait for their PUBREL.
    const RECEIVED_MAX: usize = 64;
    /// Without anything to do, time is looked at so often, in ms.
    const WAKE_MAX: u32 = 60_000;

    /// A client that has never been connected; the first attempt is due.
    #[must_use]
    pub const fn new(config: Config, now: Instant) -> Self {
        Self {
            config,
            link: Link::Waiting { at: now },
            reconnecting: true,
            interval: Self::INTERVAL_MIN,
            last_id: 0,
            in_flight: InFlight::new(),
            subscriptions: Subscriptions::new(config.once),
            received_ids: Vec::new(),
            wake: now,
            output: false,
            ping: false,
            events: false,
            disconnected: false,
            reconnected: false,
            known: false,
            in_doubt: false,
            settling: false,
        }
    }

    /// Where the connection stands.
    #[must_use]
    pub const fn link(&self) -> Link {
        self.link
    }

    /// Whether the application may send: there is a connection, and what goes before everything else was sent.
    #[must_use]
    pub const fn is_connected(&self) -> bool {
        matches!(self.link, Link::Connected { .. }) && !self.settling
    }

    /// Whether an attempt to connect has come to an end, in whatever way.
    #[must_use]
    pub const fn has_settled(&self) -> bool {
        match self.link {
            Link::Opened | Link::Asking { .. } => false,
            Link::Connected { .. } => !self.settling,
            Link::Waiting { .. } | Link::Lost { .. } | Link::Closed => true,
        }
    }

    /// How long the server may take to answer, in ms.
    #[must_use]
    pub const fn request_timeout(&self) -> u32 {
        self.config.request_timeout
    }

    /// From now on a connection that is lost stays lost.
    pub const fn disable_reconnect(&mut self) {
        self.reconnecting = false;
        if matches!(self.link, Link::Waiting { .. }) {
            self.link = Link::Closed;
        }
    }

    // The connection, in the order of its states.

    /// A transport is open.
    pub const fn opened(&mut self) {
        if matches!(self.link, Link::Closed) {
            // Reconnecting was disabled meanwhile.
            self.link = Link::Lost {
                was_connected: false,
                was_known: false,
            };
            return;
        }
        self.link = Link::Opened;
        self.output = true;
    }

    fn connected(&mut self, session_present: bool, now: Instant) {
        let session_present = session_present && !self.config.clean_session;
        let ping_at = now.after(self.config.keep_alive);
        self.link = Link::Connected {
            ping_at,
            pong_until: None,
        };
        self.ping = false;
        if !session_present {
            self.received_ids.clear();
        }
        // Renewing once too often does no harm; forgetting the ids above would deliver messages twice.
        self.subscriptions
            .connected(session_present && !self.in_doubt);
        self.in_doubt = false;
        self.in_flight.repeat_all();
        self.output = true;
        self.settling = true;
        self.wake = now;
    }

    /// All output was sent: on a new connection it is the application's turn now.
    fn settle(&mut self) {
        self.output = false;
        if self.settling {
            self.settling = false;
            self.interval = Self::INTERVAL_MIN;
            self.reconnected = self.known;
            self.known = true;
            self.events = true;
        }
    }

    /// The connection is gone, or never came about.
    pub const fn lost(&mut self) {
        match self.link {
            Link::Lost { .. } | Link::Closed => return,
            Link::Asking { .. } => self.in_doubt = true,
            Link::Waiting { .. } | Link::Opened | Link::Connected { .. } => {}
        }
        let was_connected = self.is_connected();
        self.link = Link::Lost {
            was_connected,
            was_known: was_connected && !self.reconnected,
        };
        self.output = false;
        self.settling = false;
        self.reconnected = false;
    }

    /// The transport of a lost connection is closed. `random` gives a number below its argument.
    pub fn closed(&mut self, now: Instant, random: impl FnOnce(u32) -> u32) {
        let Link::Lost {
            was_connected,
            was_known,
        } = self.link
        else {
            return;
        };
        self.disconnected |= was_known;
        self.events |= was_known;
        let wait = if was_connected {
            Self::INTERVAL_MIN
        } else {
            self.interval = if self.interval < Self::INTERVAL_MAX {
                self.interval * 2
            } else {
                Self::INTERVAL_MAX
            };
            self.interval
                .saturating_add(random(self.interval))
                .min(Self::INTERVAL_MAX)
        };
        self.link = if self.reconnecting {
            Link::Waiting {
                at: now.after(wait),
            }
        } else {
            Link::Closed
        };
    }

    // What arrives.

    /// Takes a packet, whose body begins at `header`.
    #[inline]
    pub fn handle_packet(
        &mut self,
        packet: &[u8],
        header: u8,
        now: Instant,
    ) -> Result<Received, Loss> {
        let first = packet.first().copied().unwrap_or_default();
        let body = packet.get(header.into()..).unwrap_or_default();
        match &mut self.link {
            Link::Connected { pong_until, .. } if first >> 4 == kind::PUBLISH => {
                *pong_until = None;
                let message = Publish::parse(first, body)?;
                Ok(self.message(&message, first, header, packet.len()))
            }
            _ => self.handle_other(first, body, now),
        }
    }

    /// Takes a packet that is not a message, or comes before there is a connection.
    #[inline]
    fn handle_other(&mut self, first: u8, body: &[u8], now: Instant) -> Result<Received, Loss> {
        let packet = Packet::parse(first, body)?;
        match self.link {
            Link::Connected { .. } => {
                self.handle_progress();
                self.dispatch(packet)
            }
            Link::Asking { until, strays } => match packet {
                Packet::ConnAck(ConnAck::Accepted { session_present }) => {
                    self.connected(session_present, now);
                    Ok(Received::Nothing)
                }
                Packet::ConnAck(ConnAck::Refused(refusal)) => Err(Loss::Refused(refusal)),
                _ if strays < Self::STRAYS_MAX => {
                    let strays = strays + 1;
                    self.link = Link::Asking { until, strays };
                    Ok(Received::Stray("dropped a packet that came before CONNACK"))
                }
                _ => Err(Loss::Protocol("other packets instead of CONNACK")),
            },
            Link::Waiting { .. } | Link::Opened | Link::Lost { .. } | Link::Closed => {
                Ok(Received::Nothing)
            }
        }
    }

    /// Takes note that a part of a packet has come: the server is there.
    pub const fn handle_progress(&mut self) {
        if let Link::Connected { pong_until, .. } = &mut self.link {
            *pong_until = None;
        }
    }

    /// Takes note that a packet has passed that did not fit the buffer.
    pub fn handle_skipped(&mut self, answer: Option<(QoS, NonZeroU16)>) -> Result<Received, Loss> {
        match self.link {
            Link::Asking { .. } => Err(Loss::Protocol("a large packet instead of CONNACK")),
            Link::Connected { .. } => {
                self.handle_progress();
                Ok(self.too_large(answer))
            }
            Link::Waiting { .. } | Link::Opened | Link::Lost { .. } | Link::Closed => {
                Ok(Received::Nothing)
            }
        }
    }

    fn dispatch(&mut self, packet: Packet<'_>) -> Result<Received, Loss> {
        let event = match packet {
            Packet::Publish(_) => return Ok(Received::Nothing), // has a way of its own
            Packet::PubRel(id) => {
                self.received_ids.retain(|received| *received != id);
                return Ok(Received::Answer(emit::pubcomp(id)));
            }
            Packet::PubAck(id) if self.in_flight.remove(id) => Event::Published(id),
            Packet::SubAck(answer) => {
                let [code] = *answer.codes else {
                    return Err(Loss::Protocol("SUBACK: not one code"));
                };
                match self.subscriptions.answered(answer.id, code) {
                    Answer::Granted => Event::Subscribed(answer.id),
                    Answer::Refused => Event::SubscribeRefused(answer.id),
                    Answer::Renewal => {
                        self.events = true;
                        return Ok(Received::Nothing);
                    }
                    Answer::Stray => return Ok(Received::Stray("SUBACK that nobody waits for")),
                }
            }
            Packet::UnsubAck(id) if self.subscriptions.removed(id) => Event::Unsubscribed(id),
            Packet::PingResp => return Ok(Received::Nothing),
            Packet::ConnAck(_) => return Ok(Received::Stray("a second CONNACK")),
            Packet::PubAck(_) | Packet::PubRec(_) | Packet::PubComp(_) | Packet::UnsubAck(_) => {
                return Ok(Received::Stray("acknowledgement that nobody waits for"));
            }
        };
        Ok(Received::Event(event))
    }

    fn message(&mut self, message: &Publish<'_>, first: u8, header: u8, len: usize) -> Received {
        if message.payload.len() > self.config.payload_max {
            return self.too_large(message.id.map(|id| (message.qos, id)));
        }
        if let (QoS::ExactlyOnce, Some(id)) = (message.qos, message.id)
            && let Err(received) = self.keep_received(id)
        {
            return received;
        }
        Received::Message(Message {
            first,
            header,
            topic_len: message.topic.len() as u16, // it has 16 bits in the packet
            id: message.id,
            len: len as u32, // header and remaining length have less than 32 bits
        })
    }

    #[inline(never)]
    fn too_large(&mut self, kind: Option<(QoS, NonZeroU16)>) -> Received {
        if let Some((QoS::ExactlyOnce, id)) = kind
            && let Err(received) = self.keep_received(id)
        {
            return received;
        }
        Received::TooLarge(kind.map(|(qos, id)| answer(qos, id)))
    }

    /// Remembers that a QoS 2 message was taken; otherwise, what comes of the packet.
    #[inline(never)]
    fn keep_received(&mut self, id: NonZeroU16) -> Result<(), Received> {
        if self.received_ids.contains(&id) {
            return Err(Received::Answer(emit::pubrec(id)));
        }
        if self.received_ids.len() >= Self::RECEIVED_MAX
            || self.received_ids.try_reserve(1).is_err()
        {
            // Without an answer the server sends it again on the next connection.
            return Err(Received::Stray("no room for a message with QoS 2"));
        }
        self.received_ids.push(id);
        Ok(())
    }

    // Time.

    /// Does what has fallen due. Early calls are harmless.
    pub fn handle_timeout(&mut self, now: Instant) {
        if !self.wake.reached(now) {
            return;
        }
        self.wake = now.after(Self::WAKE_MAX);
        let (mut ping_at, mut pong_until) = match self.link {
            Link::Connected {
                ping_at,
                pong_until,
            } => (ping_at, pong_until),
            Link::Asking { until, .. } => {
                self.wake_at(until);
                return self.subscriptions.stay_expired(self.patience(), now);
            }
            Link::Waiting { at } => {
                // What has come must not seem to be ahead when it is acted upon only after 2^31 ms.
                if at.reached(now) {
                    self.link = Link::Waiting { at: now };
                }
                return self.subscriptions.stay_expired(self.patience(), now);
            }
            Link::Opened | Link::Lost { .. } | Link::Closed => {
                return self.subscriptions.stay_expired(self.patience(), now);
            }
        };
        if ping_at.reached(now) {
            self.ping = true;
            self.output = true;
            ping_at = now.after(self.config.keep_alive);
            pong_until = pong_until.or(Some(now.after(self.config.keep_alive / 2)));
            self.link = Link::Connected {
                ping_at,
                pong_until,
            };
        }
        self.wake_at(ping_at);
        if let Some(until) = pong_until {
            self.wake_at(until);
        }

        let patience = self.patience();
        let (due, repeat) = self.in_flight.repeat_older(patience, now);
        let (expires, renew) = self.subscriptions.renew_older(patience, now);
        self.output |= repeat | renew;
        for at in [due, expires].into_iter().flatten() {
            self.events |= at.reached(now);
            self.wake_at(at);
        }
    }

    /// Nothing has come although there was time: the connection is lost if something should have.
    pub fn handle_silence(&self, now: Instant) -> Result<(), Loss> {
        match self.link {
            Link::Asking { until, .. } if until.reached(now) => Err(Loss::NoConnAck),
            Link::Connected {
                pong_until: Some(until),
                ..
            } if until.reached(now) => Err(Loss::NoPingResp),
            _ => Ok(()),
        }
    }

    /// How long nothing falls due, in ms.
    #[must_use]
    pub const fn poll_timeout(&self, now: Instant) -> u32 {
        self.wake.until(now)
    }

    /// How long an acknowledgement is waited for, in ms, before something is sent again or given up.
    const fn patience(&self) -> u32 {
        2 * self.config.request_timeout
    }

    const fn wake_at(&mut self, at: Instant) {
        self.wake = self.wake.earlier(at);
    }

    // What is to be sent and told.

    /// Whether there is a connection, and nothing is due, to be sent or to be told.
    #[must_use]
    pub const fn is_quiet(&self, now: Instant) -> bool {
        matches!(self.link, Link::Connected { .. })
            && !self.events
            && !self.output
            && !self.wake.reached(now)
    }

    /// Whether [`Self::poll_output`] may have something.
    #[must_use]
    pub const fn has_output(&self) -> bool {
        self.output
    }

    /// The next thing to send; packets are written to `buf`. On a new connection renewed subscriptions go first, then
    /// the messages that were not acknowledged.
    pub fn poll_output(&mut self, buf: &mut [u8], now: Instant) -> Result<Option<Output>, Error> {
        match self.link {
            Link::Opened => {
                let until = now.after(self.config.request_timeout);
                self.link = Link::Asking { until, strays: 0 };
                self.wake_at(until);
                return Ok(Some(Output::Connect {
                    keep_alive: u16::try_from(self.config.keep_alive / 1000).unwrap_or(u16::MAX),
                    clean_session: self.config.clean_session,
                }));
            }
            Link::Connected { .. } => {}
            Link::Waiting { .. } | Link::Asking { .. } | Link::Lost { .. } | Link::Closed => {
                self.output = false;
                return Ok(None);
            }
        }
        if self.subscriptions.any_stale() {
            let id = self.next_id();
            if let Some((filter, qos)) = self.subscriptions.poll_renewal(id, now) {
                let len = emit::subscribe(buf, id, filter, qos)?;
                self.wake_at(now.after(self.patience()));
                return Ok(Some(Output::Packet(len)));
            }
        }
        if let Some(len) = self.in_flight.poll(buf, now) {
            self.wake_at(now.after(self.patience()));
            return Ok(Some(Output::Packet(len)));
        }
        if self.ping {
            self.ping = false;
            let len = emit::PINGREQ.len();
            buf.get_mut(..len)
                .ok_or(Error::TooLarge)?
                .copy_from_slice(&emit::PINGREQ);
            return Ok(Some(Output::Packet(len)));
        }
        self.settle();
        Ok(None)
    }

    /// The next thing to tell. [`Event::Reconnected`] comes once the application may send.
    pub fn poll_event(&mut self, now: Instant) -> Option<Event> {
        if !self.events {
            return None;
        }
        if self.disconnected {
            self.disconnected = false;
            return Some(Event::Disconnected);
        }
        if self.is_connected() {
            if self.reconnected {
                self.reconnected = false;
                return Some(Event::Reconnected);
            }
            if let Some(id) = self.subscriptions.poll_refused() {
                return Some(Event::SubscribeRefused(id));
            }
            match self.subscriptions.poll_expired(self.patience(), now) {
                Some(Expired::Subscribe(id)) => return Some(Event::SubscribeTimedOut(id)),
                Some(Expired::Unsubscribe(id)) => return Some(Event::UnsubscribeTimedOut(id)),
                None => {}
            }
        }
        self.events = false;
        None
    }

    // Requests of the application.

    /// Writes PUBLISH with QoS 1 to `buf` and keeps a copy of it; says how long it is.
    pub fn publish(
        &mut self,
        topic: &[u8],
        payload: &[u8],
        retain: bool,
        buf: &mut [u8],
        now: Instant,
    ) -> Result<(NonZeroU16, usize), Error> {
        let id = self.next_id();
        let message = emit::Publish {
            topic,
            payload,
            retain,
            id: Some(id),
        };
        let len = message.emit(buf)?;
        let packet = buf.get(..len).unwrap_or_default();
        self.in_flight.push(id, packet, now)?;
        self.wake_at(now.after(self.patience()));
        Ok((id, len))
    }

    /// Forgets a message that was not sent.
    pub fn withdraw_publish(&mut self, id: NonZeroU16) {
        self.in_flight.remove(id);
    }

    /// Writes SUBSCRIBE to `buf`, and keeps the handler for when it is granted; says how long the packet is.
    pub fn subscribe(
        &mut self,
        filter: &[u8],
        qos: QoS,
        handler: H,
        buf: &mut [u8],
        now: Instant,
    ) -> Result<(NonZeroU16, usize), Error> {
        let id = self.next_id();
        let len = emit::subscribe(buf, id, filter, qos)?;
        self.subscriptions.request(filter, handler, qos, id, now)?;
        self.wake_at(now.after(self.patience()));
        Ok((id, len))
    }

    /// Writes UNSUBSCRIBE to `buf`; says how long it is.
    pub fn unsubscribe(
        &mut self,
        filter: &[u8],
        buf: &mut [u8],
        now: Instant,
    ) -> Result<(NonZeroU16, usize), Error> {
        let id = self.next_id();
        let len = emit::unsubscribe(buf, id, filter)?;
        self.subscriptions.request_removal(filter, id, now)?;
        self.wake_at(now.after(self.patience()));
        Ok((id, len))
    }

    /// Hands no more messages to this handler; the server is not told.
    pub fn forget(&mut self, handler: H) {
        self.subscriptions.forget(handler);
    }

    /// Forgets a request that was not sent.
    pub fn withdraw_request(&mut self, id: NonZeroU16) {
        self.subscriptions.withdraw(id);
    }

    /// The handler of the next subscription that matches a topic, and where to go on.
    #[must_use]
    pub fn next_match(&self, topic: &[u8], from: Search) -> Option<(H, Search)> {
        self.subscriptions.next_match(topic, from)
    }

    /// The next packet id that nothing waits for. What may wait are some hundreds of the 65,535, so there is one.
    fn next_id(&mut self) -> NonZeroU16 {
        loop {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            if let Some(id) = NonZeroU16::new(self.last_id)
                && !self.in_flight.contains(id)
                && !self.subscriptions.contains(id)
            {
                return id;
            }
        }
    }
}

impl From<Malformed> for Loss {
    fn from(Malformed(text): Malformed) -> Self {
        Self::Protocol(text)
    }
}

impl From<Full> for Error {
    fn from(Full: Full) -> Self {
        Self::Full
    }
}

impl From<emit::TooLarge> for Error {
    fn from(emit::TooLarge: emit::TooLarge) -> Self {
        Self::TooLarge
    }
}
