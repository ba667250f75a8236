//! A client, and everything around it under control of the test: clock, network, broker, application.
//!
//! A conversation goes on while the client is in [`Script::advance`], which is `IOT_MQTT_Yield`: reading and sleeping
//! move the clock, nothing takes real time. What the client does is kept until the test asks for it, with
//! `broker_expects` and `client_reports`; what nobody has asked for fails the test at its end.
//!
//! Each call into the platform is held to the contract of `iotkit::hal`: which locks are held, which connection is
//! meant, whether there is something to read into and time to do it.

pub(crate) mod lock;
pub(crate) mod memory;
pub(crate) mod packet;

use std::{
    cell::{Cell, RefCell, RefMut},
    collections::VecDeque,
    num::NonZeroU16,
    rc::Rc,
    thread,
};

use iotkit::{
    client::{self, Account, ConnectError, Credentials, Delivery, Growth, Listener},
    hal::{Broken, NoConnection, Stream, System, Transport},
    log::{Level, Line, Value},
    mqtt::{Config, Event},
    wire::mqtt::QoS,
};

use lock::Lock;
use memory::uncounted;
use packet::{connack, connect, first_len, suback, subscribe};

pub(crate) const CLIENT_ID: &str = "a1ProdKey01.dev-0001";
/// Made up.
pub(crate) const USERNAME: &str = "dev-0001&a1ProdKey01";
/// Made up.
pub(crate) const PASSWORD: &str = "fc911b65";

pub(crate) const CONFIG: Config = Config {
    request_timeout: 2_000,
    keep_alive: 60_000,
    clean_session: true,
    payload_max: 65_535,
    once: false,
};

/// A name for what messages of a subscription are handed to.
pub(crate) type Handler = &'static str;

pub(crate) type Client = client::Client<Platform, Vec<u8>, Handler>;

/// What a script begins with.
#[derive(Clone, Copy)]
pub(crate) struct Setup {
    pub(crate) config: Config,
    pub(crate) read_buffer: usize,
    pub(crate) write_buffer: usize,
    pub(crate) growth: Option<&'static Growth<Vec<u8>>>,
    /// What the platform's counter says at the start.
    pub(crate) uptime: u32,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            config: CONFIG,
            read_buffer: 1024,
            write_buffer: 1024,
            growth: None,
            uptime: 0,
        }
    }
}

pub(crate) struct Script {
    pub(crate) client: Client,
    world: Rc<World>,
}

/// What the client does inside a handler.
pub(crate) type Inside<'a> = &'a mut dyn FnMut(&Script, &Report);

impl Script {
    /// A client that is not connected.
    pub(crate) fn new(setup: Setup) -> Self {
        Self::try_new(setup).expect("a client")
    }

    pub(crate) fn try_new(setup: Setup) -> Result<Self, ConnectError> {
        let world = uncounted(|| Rc::new(World::new(setup)));
        let platform = Platform(Rc::clone(&world));
        let (read_buffer, write_buffer) = uncounted(|| {
            (
                vec![0xa5; setup.read_buffer],
                vec![0xa5; setup.write_buffer],
            )
        });
        let client = Client::new(
            platform,
            setup.config,
            setup.growth,
            read_buffer,
            write_buffer,
        )?;
        Ok(Self { client, world })
    }

    /// A client that is connected.
    pub(crate) fn connected() -> Self {
        Self::connected_with(Setup::default())
    }

    pub(crate) fn connected_with(setup: Setup) -> Self {
        let t = Self::new(setup);
        assert_eq!(t.connect(), Ok(()));
        t.broker_expects_connect(setup.config);
        t.assert_quiet();
        t
    }

    /// The first connection, as `IOT_MQTT_Construct` makes it.
    pub(crate) fn connect(&self) -> Result<(), ConnectError> {
        self.client.connect(&mut Ears {
            script: self,
            inside: &mut |_, _| {},
        })
    }

    /// `IOT_MQTT_Destroy`, as far as the engine has a part in it.
    pub(crate) fn close(&self) {
        let _ = self.client.close(); // how long it has waited is for the caller's own waiting
    }

    /// The client is dropped.
    pub(crate) fn end(self, meter: &mut memory::Meter) {
        meter.of(|| drop(self.client));
    }

    // Time.

    /// Milliseconds since the script began.
    pub(crate) fn now(&self) -> u64 {
        self.state().now
    }

    /// The client yields, for exactly `ms`.
    pub(crate) fn advance(&self, ms: u32) {
        self.advance_with(ms, &mut |_, _| {});
    }

    /// The client yields until something was due in `ms`: before that, nothing is sent or told.
    #[track_caller]
    pub(crate) fn advance_until_due(&self, ms: u32) {
        const MARGIN: u32 = 20;

        self.advance(ms - MARGIN);
        self.assert_quiet();
        self.advance(MARGIN + 1); // what is due at the end of a Yield may wait for the next one
    }

    /// The client yields, for exactly `ms`, and does something inside each of its handlers.
    pub(crate) fn advance_with(&self, ms: u32, inside: Inside<'_>) {
        let (result, took) = self.run_with(ms, inside);
        assert_eq!(result, Ok(()));
        assert_eq!(
            took,
            u64::from(ms),
            "a Yield takes its whole time, and no more"
        );
    }

    /// The client yields; what came of it, and how long it took.
    pub(crate) fn run_with(&self, ms: u32, inside: Inside<'_>) -> (Result<(), client::Error>, u64) {
        let start = self.now();
        let result = self.client.run(
            ms,
            &mut Ears {
                script: self,
                inside,
            },
        );
        (result, self.now() - start)
    }

    /// The application does something else for `ms`.
    pub(crate) fn sleep(&self, ms: u64) {
        self.state().now += ms;
    }

    // The broker.

    /// The broker sends bytes, which are there at once.
    pub(crate) fn broker_sends(&self, bytes: &[u8]) {
        self.broker_sends_in(0, bytes);
    }

    /// The broker sends bytes, which are there in `ms`, or after what it has sent before.
    pub(crate) fn broker_sends_in(&self, ms: u64, bytes: &[u8]) {
        let mut state = self.state();
        let at = state.now + ms;
        state.arrives(at, Arrival::of(bytes));
    }

    /// The connection breaks, after what the broker has sent before.
    pub(crate) fn connection_breaks(&self, broken: Broken) {
        self.connection_breaks_in(0, broken);
    }

    pub(crate) fn connection_breaks_in(&self, ms: u64, broken: Broken) {
        let mut state = self.state();
        let at = state.now + ms;
        state.arrives(at, Arrival::Broken(broken));
    }

    /// From now on, the broker answers CONNECT with these bytes, each after so many ms.
    pub(crate) fn broker_will_answer_connect(&self, answer: &[(u64, &[u8])]) {
        self.state().connect_answer = answer
            .iter()
            .map(|(ms, bytes)| (*ms, Arrival::of(bytes)))
            .collect();
    }

    /// From now on, the connection breaks `ms` after CONNECT, behind what the broker answers.
    pub(crate) fn connection_will_break_after_connect(&self, ms: u64, broken: Broken) {
        let arrival = (ms, Arrival::Broken(broken));
        self.state().connect_answer.push(arrival);
    }

    /// The broker has received this packet next.
    #[track_caller]
    pub(crate) fn broker_expects(&self, packet: &[u8]) {
        let sent = self.state().sent.pop_front();
        let sent = sent.expect("the client has sent nothing");
        assert_eq!(
            sent.escape_ascii().to_string(),
            packet.escape_ascii().to_string()
        );
    }

    #[track_caller]
    pub(crate) fn broker_expects_connect(&self, config: Config) {
        let keep_alive = u16::try_from(config.keep_alive / 1000).expect("a sane interval");
        self.broker_expects(&connect(CLIENT_ID, keep_alive, config.clean_session));
    }

    /// Whether the client has sent something that the test has not asked for yet.
    pub(crate) fn has_sent(&self) -> bool {
        !self.state().sent.is_empty()
    }

    /// The broker acknowledges the messages with QoS 1 that it has received.
    pub(crate) fn broker_acknowledges(&self) {
        while self.has_sent() {
            let packet = self.broker_received();
            if let Some(id) = packet::message_id(&packet) {
                self.broker_sends(&packet::puback(id));
            }
        }
    }

    /// The packet that the broker has received next.
    #[track_caller]
    pub(crate) fn broker_received(&self) -> Vec<u8> {
        let sent = self.state().sent.pop_front();
        sent.expect("the client has sent nothing")
    }

    /// A connection has ended in the middle of this packet.
    #[track_caller]
    pub(crate) fn broker_expects_torn(&self, packet: &[u8]) {
        let torn = self.state().torn.pop_front();
        assert_eq!(
            torn.expect("no packet is torn").escape_ascii().to_string(),
            packet.escape_ascii().to_string()
        );
    }

    /// Packets in the middle of which a connection has ended.
    pub(crate) fn take_torn(&self) -> Vec<Vec<u8>> {
        self.state().torn.drain(..).collect()
    }

    // The application.

    /// The application was told this next.
    #[track_caller]
    pub(crate) fn client_reports(&self, report: impl Into<Report>) {
        let told = self.state().reports.pop_front();
        assert_eq!(told, Some(report.into()));
    }

    /// What the application was told, since this was asked last.
    pub(crate) fn take_reports(&self) -> Vec<Report> {
        self.state().reports.drain(..).collect()
    }

    /// Nothing was sent that the test has not asked for.
    #[track_caller]
    pub(crate) fn assert_nothing_sent(&self) {
        self.state().assert_nothing_sent();
    }

    /// Nothing was sent or told that the test has not asked for.
    #[track_caller]
    pub(crate) fn assert_quiet(&self) {
        self.state().assert_quiet();
    }

    /// Subscribes, and is granted it.
    #[track_caller]
    pub(crate) fn subscribe(&self, filter: &str, handler: Handler) -> u16 {
        let id = self
            .client
            .subscribe(filter.as_bytes(), QoS::AtLeastOnce, handler)
            .expect("it is sent")
            .get();
        self.broker_expects(&subscribe(id, filter, 1));
        self.broker_sends(&suback(id, 1));
        self.advance(1);
        self.client_reports(Event::Subscribed(packet_id(id)));
        id
    }

    /// Publishes with QoS 1: the id.
    #[track_caller]
    pub(crate) fn publish(&self, topic: &str, payload: &str) -> u16 {
        self.client
            .publish(
                topic.as_bytes(),
                payload.as_bytes(),
                QoS::AtLeastOnce,
                false,
            )
            .expect("it is sent")
            .expect("it has an id")
            .get()
    }

    // The platform.

    /// Whether there is a transport.
    pub(crate) fn is_open(&self) -> bool {
        self.state().conn.is_some()
    }

    /// How many transports were opened.
    pub(crate) fn openings(&self) -> u32 {
        self.state().opened
    }

    /// How often the credentials were brought up to date.
    pub(crate) fn renewals(&self) -> u32 {
        self.state().renewals
    }

    /// What the client has slept, each time.
    pub(crate) fn take_sleeps(&self) -> Vec<u32> {
        std::mem::take(&mut self.state().sleeps)
    }

    /// How often it was read since this was asked last.
    pub(crate) fn take_reads(&self) -> u32 {
        std::mem::take(&mut self.state().reads)
    }

    /// Lets the platform behave otherwise.
    pub(crate) fn platform(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.state().behaviour);
    }

    /// The next calls to open the transport go like this.
    pub(crate) fn will_open(&self, openings: impl IntoIterator<Item = Opening>) {
        self.state().openings.extend(openings);
    }

    /// From now on the transport opens at once, whatever was said before.
    pub(crate) fn will_open_at_once(&self) {
        self.state().openings.clear();
    }

    /// The next calls to write go like this.
    pub(crate) fn will_write(&self, writes: impl IntoIterator<Item = Write>) {
        self.state().writes.extend(writes);
    }

    /// The platform's counter goes on from here.
    pub(crate) fn set_uptime(&self, counter: u32) {
        let mut state = self.state();
        state.start = counter.wrapping_sub(state.now as u32);
    }

    /// The credentials for the next CONNECT.
    pub(crate) fn set_client_id(&self, client_id: &'static str) {
        self.world.client_id.set(client_id);
    }

    /// The byte behind the payload that was delivered last, if the buffer has one more.
    pub(crate) fn last_behind(&self) -> Option<u8> {
        self.state().behind
    }

    /// Lines of the log with this text.
    pub(crate) fn logged(&self, text: &str) -> usize {
        let state = self.state();
        state.log.iter().filter(|line| line.contains(text)).count()
    }

    fn state(&self) -> RefMut<'_, State> {
        self.world.state.borrow_mut()
    }
}

/// How many locks the platform has left, on this thread; `None` for no limit.
pub(crate) fn set_locks(left: Option<usize>) {
    LOCKS.set(left);
}

fn locks_left() -> bool {
    match LOCKS.get() {
        Some(0) => false,
        Some(left) => {
            LOCKS.set(Some(left - 1));
            true
        }
        None => true,
    }
}

thread_local! {
    static LOCKS: Cell<Option<usize>> = const { Cell::new(None) };
}

pub(crate) fn packet_id(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).expect("not 0")
}

/// What the application was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Report {
    Event(Event),
    Message(Message),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// None: nobody has subscribed to it.
    pub(crate) handler: Option<Handler>,
    pub(crate) topic: String,
    pub(crate) payload: String,
    pub(crate) qos: QoS,
    pub(crate) id: Option<u16>,
    pub(crate) dup: bool,
    pub(crate) retain: bool,
}

/// A message with QoS 0.
pub(crate) fn message(handler: Option<Handler>, topic: &str, payload: &str) -> Message {
    Message {
        handler,
        topic: topic.to_owned(),
        payload: payload.to_owned(),
        qos: QoS::AtMostOnce,
        id: None,
        dup: false,
        retain: false,
    }
}

impl Message {
    pub(crate) fn qos(self, qos: QoS, id: u16) -> Self {
        let id = Some(id);
        Self { qos, id, ..self }
    }
}

impl From<Event> for Report {
    fn from(event: Event) -> Self {
        Self::Event(event)
    }
}

impl From<Message> for Report {
    fn from(message: Message) -> Self {
        Self::Message(message)
    }
}

/// The application's handlers.
struct Ears<'a> {
    script: &'a Script,
    inside: Inside<'a>,
}

impl Ears<'_> {
    fn hear(&mut self, report: Report) {
        assert_eq!(lock::held(), 0, "a lock is held in a handler");
        self.script.state().reports.push_back(report.clone());
        (self.inside)(self.script, &report);
    }
}

impl Listener<Handler> for Ears<'_> {
    fn event(&mut self, event: Event) {
        uncounted(|| self.hear(event.into()));
    }

    fn message(&mut self, delivery: Delivery<'_, Handler>) {
        uncounted(|| {
            let Delivery {
                handler,
                buffer,
                message,
            } = delivery;
            let buffer = buffer.as_mut();
            let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
            let told = Message {
                handler,
                topic: text(&buffer[message.topic()]),
                payload: text(&buffer[message.payload()]),
                qos: message.qos(),
                id: message.id().map(NonZeroU16::get),
                dup: message.dup(),
                retain: message.retain(),
            };
            self.script.state().behind = buffer.get(message.payload().end).copied();
            let before = told.clone();
            self.hear(told.into());
            assert_eq!(
                text(&buffer[message.topic()]),
                before.topic,
                "it has stayed"
            );
            assert_eq!(
                text(&buffer[message.payload()]),
                before.payload,
                "it has stayed"
            );
            // Applications end the payload with a NUL of their own.
            if let Some(behind) = buffer.get_mut(message.payload().end) {
                *behind = 0xee;
            }
        });
    }
}

/// How the platform behaves; usually, as it should.
pub(crate) struct Behaviour {
    /// At most so many bytes come at once.
    pub(crate) piece: usize,
    /// Reading waits until the buffer is full or the time is over, as the contract says; else it ends with what is
    /// there first.
    pub(crate) fills: bool,
    /// Reading waits at all.
    pub(crate) waits: bool,
    /// Reading takes so much longer than it may, in ms.
    pub(crate) late: u64,
    /// At most so many bytes are taken at once.
    pub(crate) takes: usize,
    /// Writing takes so long, in ms.
    pub(crate) write_takes: u64,
    /// The connection breaks when so many bytes were written.
    pub(crate) breaks_after: Option<usize>,
    /// How long it sleeps, given how long it should.
    pub(crate) sleeps: fn(u32) -> u64,
    pub(crate) random: fn(u32) -> u32,
    /// The counter moves in steps of so many ms.
    pub(crate) tick: u64,
    /// There are credentials.
    pub(crate) renews: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Opening {
    Fails,
    /// Fails after so many ms.
    FailsIn(u64),
    /// Succeeds after so many ms.
    Takes(u64),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Write {
    /// So many bytes are taken at once.
    Takes(usize),
    /// So many bytes are taken, in so many ms.
    TakesIn(usize, u64),
    /// Nothing is taken for the whole time.
    Blocks,
    Breaks(Broken),
    /// The platform says that it has taken more than it was given.
    Boasts,
}

struct World {
    state: RefCell<State>,
    client_id: Cell<&'static str>,
}

struct State {
    now: u64,
    /// What the counter said at 0.
    start: u32,
    behaviour: Behaviour,
    /// The transport that is open, by its number.
    conn: Option<u32>,
    opened: u32,
    closed: u32,
    openings: VecDeque<Opening>,
    arrivals: VecDeque<(u64, Arrival)>,
    connect_answer: Vec<(u64, Arrival)>,
    writes: VecDeque<Write>,
    /// What was sent of a packet that is not complete.
    begun: Vec<u8>,
    sent: VecDeque<Vec<u8>>,
    torn: VecDeque<Vec<u8>>,
    reports: VecDeque<Report>,
    renewals: u32,
    reads: u32,
    sleeps: Vec<u32>,
    log: Vec<String>,
    /// The byte behind the payload that was delivered last.
    behind: Option<u8>,
    request_timeout: u32,
    /// Calls into the platform since time has moved.
    calls: u32,
}

#[derive(Clone)]
enum Arrival {
    Bytes(VecDeque<u8>),
    Broken(Broken),
}

impl Arrival {
    fn of(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.iter().copied().collect())
    }
}

impl World {
    fn new(setup: Setup) -> Self {
        let behaviour = Behaviour {
            piece: usize::MAX,
            fills: true,
            waits: true,
            late: 0,
            takes: usize::MAX,
            write_takes: 0,
            breaks_after: None,
            sleeps: u64::from,
            random: |_| 0,
            tick: 1,
            renews: true,
        };
        let state = State {
            now: 0,
            start: setup.uptime,
            behaviour,
            conn: None,
            opened: 0,
            closed: 0,
            openings: VecDeque::new(),
            arrivals: VecDeque::new(),
            connect_answer: vec![(0, Arrival::of(&connack(false, 0)))],
            writes: VecDeque::new(),
            begun: Vec::new(),
            sent: VecDeque::new(),
            torn: VecDeque::new(),
            reports: VecDeque::new(),
            renewals: 0,
            reads: 0,
            sleeps: Vec::new(),
            log: Vec::new(),
            behind: None,
            request_timeout: setup.config.request_timeout,
            calls: 0,
        };
        Self {
            state: RefCell::new(state),
            client_id: Cell::new(CLIENT_ID),
        }
    }
}

/// The client is gone: what was opened is closed, and nothing has happened that the test did not ask for.
impl Drop for World {
    fn drop(&mut self) {
        if !thread::panicking() {
            let state = self.state.get_mut();
            assert_eq!(state.opened, state.closed, "a transport is left open");
            state.assert_quiet();
        }
    }
}

impl State {
    #[track_caller]
    fn assert_quiet(&self) {
        self.assert_nothing_sent();
        assert_eq!(self.reports, [], "reports nobody has asked for");
    }

    #[track_caller]
    fn assert_nothing_sent(&self) {
        let packets = |packets: &VecDeque<Vec<u8>>| -> Vec<_> {
            packets
                .iter()
                .map(|packet| packet.escape_ascii().to_string())
                .collect()
        };
        assert_eq!(packets(&self.sent), [""; 0], "packets nobody has asked for");
        assert_eq!(packets(&self.torn), [""; 0], "torn packets");
    }

    fn arrives(&mut self, at: u64, arrival: Arrival) {
        let last = self.arrivals.back().map_or(0, |(at, _)| *at);
        self.arrivals.push_back((at.max(last), arrival));
    }

    /// A call into the platform: time must move some day.
    fn called(&mut self) {
        self.calls += 1;
        assert!(self.calls < 1_000_000, "the client spins");
    }

    fn pass(&mut self, ms: u64) {
        self.now += ms;
        if ms > 0 {
            self.calls = 0;
        }
    }

    fn check(&self, conn: u32, len: usize, timeout: u32) {
        assert_eq!(self.conn, Some(conn), "a transport that is not open");
        assert!(len > 0, "nothing to read into, or to write");
        assert!(timeout > 0, "a port may wait for ever with a timeout of 0");
    }

    /// Takes from what has arrived.
    fn take(&mut self, buf: &mut [u8]) -> Result<usize, Broken> {
        let Some((at, arrival)) = self.arrivals.front_mut() else {
            return Ok(0);
        };
        if *at > self.now {
            return Ok(0);
        }
        match arrival {
            Arrival::Bytes(bytes) => {
                let count = buf.len().min(bytes.len());
                for (place, byte) in buf.iter_mut().zip(bytes.drain(..count)) {
                    *place = byte;
                }
                if bytes.is_empty() {
                    self.arrivals.pop_front();
                }
                Ok(count)
            }
            Arrival::Broken(broken) => Err(*broken),
        }
    }

    fn read(&mut self, buf: &mut [u8], timeout: u32) -> Result<usize, Broken> {
        self.called();
        self.reads += 1;
        let deadline = self.now + u64::from(timeout);
        let most = buf.len().min(self.behaviour.piece);
        let mut count = 0;
        loop {
            match self.take(&mut buf[count..most]) {
                Ok(0) => {}
                Ok(more) => {
                    count += more;
                    if count == most || !self.behaviour.fills {
                        return Ok(count);
                    }
                    continue;
                }
                // What has come before counts.
                Err(_) if count > 0 => return Ok(count),
                Err(broken) => return Err(broken),
            }
            if !self.behaviour.waits {
                return Ok(count);
            }
            match self.arrivals.front() {
                Some((at, _)) if *at <= deadline => {
                    let wait = *at - self.now;
                    self.pass(wait);
                }
                _ => {
                    let wait = deadline - self.now + self.behaviour.late;
                    self.pass(wait);
                    return Ok(count);
                }
            }
        }
    }

    fn write(&mut self, bytes: &[u8], timeout: u32) -> Result<usize, Broken> {
        self.called();
        assert!(timeout <= self.request_timeout, "longer than it may");
        let (count, ms) = match self.writes.pop_front() {
            Some(Write::Takes(count)) => (count, 0),
            Some(Write::TakesIn(count, ms)) => (count, ms),
            Some(Write::Blocks) => (0, timeout.into()),
            Some(Write::Breaks(broken)) => return Err(broken),
            Some(Write::Boasts) => {
                self.sent_bytes(bytes);
                return Ok(bytes.len() + 1);
            }
            None => (self.behaviour.takes, self.behaviour.write_takes),
        };
        self.pass(ms);
        let mut count = count.min(bytes.len());
        if let Some(left) = &mut self.behaviour.breaks_after {
            if *left == 0 {
                return Err(Broken::Failed(-2));
            }
            count = count.min(*left);
            *left -= count;
        }
        self.sent_bytes(&bytes[..count]);
        Ok(count)
    }

    fn sent_bytes(&mut self, bytes: &[u8]) {
        self.begun.extend(bytes);
        while let Some(len) = first_len(&self.begun) {
            let packet: Vec<_> = self.begun.drain(..len).collect();
            if packet[0] >> 4 == 1 {
                for (ms, arrival) in self.connect_answer.clone() {
                    let at = self.now + ms;
                    self.arrives(at, arrival);
                }
            }
            self.sent.push_back(packet);
        }
    }
}

pub(crate) struct Platform(Rc<World>);

impl Platform {
    fn with<R>(&self, call: impl FnOnce(&mut State) -> R) -> R {
        uncounted(|| call(&mut self.0.state.borrow_mut()))
    }
}

impl System for Platform {
    type Lock<T> = Lock<T>;

    fn uptime(&self) -> u32 {
        self.with(|state| {
            state.called();
            let now = state.now - state.now % state.behaviour.tick;
            state.start.wrapping_add(now as u32) // it wraps, as a counter does
        })
    }

    fn sleep(&self, ms: u32) {
        assert!(lock::held() <= 1, "the state is locked");
        self.with(|state| {
            state.called();
            state.sleeps.push(ms);
            let ms = (state.behaviour.sleeps)(ms);
            state.pass(ms);
        });
    }

    fn random(&self, limit: u32) -> u32 {
        self.with(|state| (state.behaviour.random)(limit))
    }

    fn log(&self, _level: Level, text: &'static str, value: Value<'_>) {
        self.with(|state| {
            let line = Line::new(text, value);
            state.log.push(line.as_bytes().escape_ascii().to_string());
        });
    }
}

impl Transport for Platform {
    fn open(&self) -> Result<u32, NoConnection> {
        assert_eq!(lock::held(), 0, "a lock is held while connecting");
        self.with(|state| {
            state.called();
            assert_eq!(state.conn, None, "two transports at once");
            let (succeeds, ms) = match state.openings.pop_front() {
                None => (true, 0),
                Some(Opening::Takes(ms)) => (true, ms),
                Some(Opening::Fails) => (false, 0),
                Some(Opening::FailsIn(ms)) => (false, ms),
            };
            state.pass(ms);
            if !succeeds {
                return Err(NoConnection);
            }
            state.opened += 1;
            state.conn = Some(state.opened);
            state.arrivals.clear();
            Ok(state.opened)
        })
    }
}

impl Stream for Platform {
    type Conn = u32;

    fn read(&self, conn: u32, buf: &mut [u8], timeout: u32) -> Result<usize, Broken> {
        assert_eq!(lock::held(), 0, "a lock is held while reading");
        self.with(|state| {
            state.check(conn, buf.len(), timeout);
            state.read(buf, timeout)
        })
    }

    fn write(&self, conn: u32, bytes: &[u8], timeout: u32) -> Result<usize, Broken> {
        assert_eq!(lock::held(), 1, "only the outbox is locked while writing");
        self.with(|state| {
            state.check(conn, bytes.len(), timeout);
            state.write(bytes, timeout)
        })
    }

    fn close(&self, conn: u32) {
        assert_eq!(lock::held(), 0, "a lock is held while closing");
        self.with(|state| {
            assert_eq!(
                state.conn.take(),
                Some(conn),
                "a transport that is not open"
            );
            state.closed += 1;
            if !state.begun.is_empty() {
                let begun = std::mem::take(&mut state.begun);
                state.torn.push_back(begun);
            }
        });
    }
}

impl Account for Platform {
    fn renew(&self) -> bool {
        assert_eq!(lock::held(), 0, "a lock is held while signing");
        self.with(|state| {
            state.renewals += 1;
            state.behaviour.renews
        })
    }

    fn credentials(&self) -> Credentials<'_> {
        Credentials {
            client_id: self.0.client_id.get().as_bytes(),
            username: USERNAME.as_bytes(),
            password: PASSWORD.as_bytes(),
        }
    }
}
