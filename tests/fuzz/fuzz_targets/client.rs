//! A client over a platform that does as the input says: any bytes in any pieces at any time, faults, a clock that
//! jumps, and calls of the application in any order, in handlers too.
//!
//! Held to what `iotkit::client` and `iotkit::hal` promise each other: which locks are held in which call, that a call
//! ends within its time, that every connection is closed, and that the server is sent whole packets, CONNECT first.
#![no_main]

use std::{
    cell::{Cell, RefCell, RefMut},
    collections::VecDeque,
    rc::Rc,
};

use bytes::BytesMut;
use iotkit::{
    client::{Account, Client, Credentials, Delivery, Listener},
    hal::{self, Broken, NoConnection, Stream, System, Transport},
    log::{Level, Line, Value},
    mqtt::{Config, Event, Receiver},
    wire::mqtt::QoS,
};
use iotkit_fuzz::{
    Input,
    mqtt::{header, matches, packet, publish, with_id},
};
use libfuzzer_sys::fuzz_target;
use mqttbytes::v4;

const CONFIG: Config = Config {
    request_timeout: 2_000,
    keep_alive: 60_000,
    clean_session: false,
    payload_max: 200,
    once: false,
};

const FILTERS: [&str; 5] = ["/a/b", "/a/+", "/#", "/c", "not/ours"];
const TOPICS: [&str; 4] = ["/a/b", "/c", "/a/x", "/+"];

/// How deep handlers call into the client here.
const DEPTH_MAX: u32 = 6;
/// How much virtual time one input may take, in ms: hours are no better than minutes.
const TIME_MAX: u64 = 600_000;

fuzz_target!(|input: &[u8]| {
    let mut input = Input::new(input);
    let read_buffer = Receiver::BUFFER_MIN + usize::from(input.byte());
    let write_buffer = usize::from(input.byte());
    let world = Rc::new(World::new(input.u32()));

    let platform = Platform(Rc::clone(&world));
    let buffers = (vec![0; read_buffer], vec![0; write_buffer]);
    let client = Client::new(platform, CONFIG, None, buffers.0, buffers.1);
    let t = Tester {
        client: client.expect("nothing speaks against it"),
        world,
    };
    *t.world.state().input() = input.rest().to_vec().into();
    t.connect();
    while !t.world.state().is_over() {
        t.step(0);
    }
    t.close();
    drop(t.client);
    assert!(t.world.state().conn.is_none(), "a connection is left open");
});

struct Tester {
    client: Client<Platform, Vec<u8>, usize>,
    world: Rc<World>,
}

impl Tester {
    /// One decision of the input; `depth` handlers are running.
    fn step(&self, depth: u32) {
        let mut state = self.world.state();
        match state.below(16) {
            0 => {
                let wait = u64::from(state.byte());
                let bytes = state.piece();
                state.arrives(wait, &bytes);
            }
            1 => {
                let topic = TOPICS[state.below(TOPICS.len())];
                let (qos, id, wait) = (state.byte() % 3, state.u16().max(1), state.byte());
                let payload = state.piece();
                let message = publish(qos, topic, id, &payload);
                state.arrives(wait.into(), &message);
            }
            2 => {
                let first = [0x40, 0x50, 0x62, 0x70, 0xb0, 0xd0][state.below(6)];
                let id = state.u16();
                let answer = if first == 0xd0 {
                    packet(first, &[])
                } else {
                    with_id(first, id)
                };
                state.arrives(0, &answer);
            }
            3 | 4 => {
                let ms = match state.byte() % 4 {
                    0 => u32::from(state.byte()),
                    1 => u32::from(state.u16()),
                    2 => u32::from(state.u16()) * 4,
                    _ => 1,
                };
                drop(state);
                self.run(ms, depth);
            }
            5 | 6 => {
                let topic = TOPICS[state.below(TOPICS.len())];
                let choices = state.byte();
                let payload = state.piece();
                drop(state);
                let qos = QoS::from_bits(choices % 4).unwrap_or(QoS::AtLeastOnce);
                let id = self
                    .client
                    .publish(topic.as_bytes(), &payload, qos, choices & 8 != 0);
                if let Ok(id) = id {
                    assert_eq!(id.is_some(), qos == QoS::AtLeastOnce);
                }
            }
            7 => {
                let filter = state.below(FILTERS.len());
                let qos = QoS::from_bits(state.byte() % 3).unwrap_or(QoS::AtMostOnce);
                drop(state);
                let _ = self
                    .client
                    .subscribe(FILTERS[filter].as_bytes(), qos, filter);
            }
            8 => {
                let filter = state.below(FILTERS.len());
                drop(state);
                let _ = self.client.unsubscribe(FILTERS[filter].as_bytes());
            }
            9 => state.answers = state.byte(),
            10 => {
                let wait = u64::from(state.byte());
                let broken = match state.byte() % 3 {
                    0 => Broken::Closed,
                    1 => Broken::Failed(-7),
                    _ => Broken::Contract,
                };
                let at = state.now + wait;
                state.arrivals.push_back((at, Arrival::Broken(broken)));
            }
            11 => {
                state.piece = usize::from(state.byte()).max(1);
                state.waits = !state.byte().is_multiple_of(4);
            }
            12 => {
                let write = match state.byte() % 4 {
                    0 => Write::Takes(state.byte().into(), 0),
                    1 => Write::Takes(usize::MAX, state.u16().into()),
                    2 => Write::Takes(state.byte().into(), state.byte().into()),
                    _ => Write::Fails,
                };
                state.writes.push_back(write);
            }
            13 => {
                let opens = state.byte().is_multiple_of(2);
                let ms = state.u16().into();
                state.openings.push_back((opens, ms));
            }
            14 => {
                let jump = u32::from(state.u16()) << 16 | u32::from(state.u16());
                if depth == 0 {
                    state.base = state.base.wrapping_add(jump);
                }
            }
            _ => match state.byte() {
                ms @ 1..200 => state.now += u64::from(ms) * 16,
                0xff => {
                    drop(state);
                    self.client.disable_reconnect();
                }
                0xfe => {
                    drop(state);
                    self.close();
                }
                _ => {
                    drop(state);
                    let _ = self.client.is_connected();
                }
            },
        }
    }

    fn connect(&self) {
        let start = self.world.start();
        let _ = self.client.connect(&mut Ears { t: self, depth: 0 });
        self.world.assert_took(start, 2 * CONFIG.request_timeout);
    }

    fn run(&self, ms: u32, depth: u32) {
        if depth >= DEPTH_MAX {
            return;
        }
        let start = self.world.start();
        let _ = self.client.run(ms, &mut Ears { t: self, depth });
        self.world.assert_took(start, ms);
    }

    fn close(&self) {
        let start = self.world.start();
        let left = self.client.close();
        assert!(left <= CONFIG.request_timeout + 1000);
        self.world.assert_took(start, CONFIG.request_timeout + 1000);
    }
}

/// The application, which calls the client from its handlers as the input says.
struct Ears<'a> {
    t: &'a Tester,
    depth: u32,
}

impl Ears<'_> {
    fn act(&self) {
        assert_eq!(held(), 0, "a lock is held while something is told");
        let start = self.t.world.state().now;
        if self.t.world.state().byte() % 2 == 1 {
            self.t.step(self.depth + 1);
        }
        let mut state = self.t.world.state();
        let took = state.now - start;
        // The call that tells is not to be blamed for it.
        if let Some(told) = state.told.last_mut() {
            *told += took;
        }
        state.calls += 1;
    }
}

impl Listener<usize> for Ears<'_> {
    fn event(&mut self, event: Event) {
        let _ = format!("{event:?}");
        self.act();
    }

    fn message(&mut self, delivery: Delivery<'_, usize>) {
        let message = delivery.message;
        let (topic, payload) = (message.topic(), message.payload());
        let bytes = delivery.buffer.as_mut();
        let name = str::from_utf8(&bytes[topic.clone()]).expect("a topic");
        if let Some(handler) = delivery.handler {
            assert!(matches(FILTERS[handler], name));
        }
        assert!(payload.len() <= CONFIG.payload_max);
        let before = (
            bytes[topic.clone()].to_vec(),
            bytes[payload.clone()].to_vec(),
        );
        self.act();
        // Whatever was called, the message has stayed what it was.
        let bytes = delivery.buffer.as_mut();
        assert!(bytes[topic] == before.0 && bytes[payload.clone()] == before.1);
        if let Some(behind) = bytes.get_mut(payload.end) {
            *behind = 0; // as C programs do that want a string
        }
    }
}

thread_local! {
    static HELD: Cell<u32> = const { Cell::new(0) };
}

/// How many locks are held.
fn held() -> u32 {
    HELD.get()
}

struct Lock<T>(RefCell<T>);

impl<T> hal::Lock<T> for Lock<T> {
    fn new(value: T) -> Option<Self> {
        Some(Self(RefCell::new(value)))
    }

    fn with<R>(&self, critical: impl FnOnce(&mut T) -> R) -> R {
        let mut value = self.0.try_borrow_mut().expect("not taken twice");
        HELD.set(HELD.get() + 1);
        let result = critical(&mut value);
        HELD.set(HELD.get() - 1);
        result
    }
}

struct World(RefCell<State>);

struct State {
    input: VecDeque<u8>,
    /// Milliseconds since the start; what the counter said then.
    now: u64,
    base: u32,
    /// Calls into the platform, and bytes that were moved: what a busy loop has too many of.
    calls: u64,
    moved: u64,
    /// The longest of the calls, since somebody looked.
    longest: u64,
    /// What handlers took, for each call that is running.
    told: Vec<u64>,

    conn: Option<u32>,
    connections: u32,
    arrivals: VecDeque<(u64, Arrival)>,
    openings: VecDeque<(bool, u64)>,
    writes: VecDeque<Write>,
    /// The most that is read at once; whether reading waits.
    piece: usize,
    waits: bool,
    /// What the broker answers by itself, bit by bit.
    answers: u8,
    /// What the broker has received and could not take apart yet, and how many packets it could.
    sent: BytesMut,
    packets: u32,
}

enum Arrival {
    Bytes(VecDeque<u8>),
    Broken(Broken),
}

enum Write {
    /// At most so many bytes, in so many ms.
    Takes(usize, u64),
    Fails,
}

/// When a call began.
struct Start {
    now: u64,
    calls: u64,
    moved: u64,
}

impl World {
    fn new(base: u32) -> Self {
        Self(RefCell::new(State {
            input: VecDeque::new(),
            now: 0,
            base,
            calls: 0,
            moved: 0,
            longest: 0,
            told: Vec::new(),
            conn: None,
            connections: 0,
            arrivals: VecDeque::new(),
            openings: VecDeque::new(),
            writes: VecDeque::new(),
            piece: usize::MAX,
            waits: true,
            answers: 0x3f,
            sent: BytesMut::new(),
            packets: 0,
        }))
    }

    fn state(&self) -> RefMut<'_, State> {
        self.0.borrow_mut()
    }

    fn start(&self) -> Start {
        let mut state = self.state();
        if state.told.is_empty() {
            state.longest = 0;
        }
        state.told.push(0);
        Start {
            now: state.now,
            calls: state.calls,
            moved: state.moved,
        }
    }

    /// A call has ended that was to take `ms`: handlers, the packet that was being sent, and one call into the platform
    /// come on top. And it was not busy waiting.
    fn assert_took(&self, start: Start, ms: u32) {
        const ROUNDING: u64 = 20;

        let mut state = self.state();
        let told = state.told.pop().unwrap_or_default();
        let took = state.now - start.now;
        let most = u64::from(ms) + u64::from(CONFIG.request_timeout) + state.longest + ROUNDING;
        assert!(took - told <= most, "{took} ms, {told} told, of {ms}");
        let calls = state.calls - start.calls;
        let moved = state.moved - start.moved;
        assert!(
            calls <= 200 + 8 * took + 8 * moved,
            "{calls} calls in {took} ms for {moved} bytes"
        );
    }
}

impl State {
    fn input(&mut self) -> &mut VecDeque<u8> {
        &mut self.input
    }

    fn is_over(&self) -> bool {
        self.input.is_empty() || self.now > TIME_MAX
    }

    fn byte(&mut self) -> u8 {
        self.input.pop_front().unwrap_or_default()
    }

    fn u16(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::from(self.byte()) % limit
    }

    fn piece(&mut self) -> Vec<u8> {
        let count = usize::from(self.byte()).min(self.input.len());
        self.input.drain(..count).collect()
    }

    fn arrives(&mut self, wait: u64, bytes: &[u8]) {
        let bytes = Arrival::Bytes(bytes.iter().copied().collect());
        self.arrivals.push_back((self.now + wait, bytes));
    }

    fn takes(&mut self, ms: u64) {
        self.now += ms;
        self.longest = self.longest.max(ms);
    }

    /// The broker takes whole packets apart, and answers.
    fn received(&mut self, bytes: &[u8]) {
        self.sent.extend_from_slice(bytes);
        while let Some(Some(header)) = header(&self.sent)
            && header.len + header.remaining <= self.sent.len()
        {
            let packet = v4::read(&mut self.sent, usize::MAX).expect("a packet");
            let first = self.packets == 0;
            self.packets += 1;
            assert_eq!(
                first,
                matches!(packet, v4::Packet::Connect(_)),
                "CONNECT goes first"
            );
            self.answer(packet);
        }
        let length_is_right = header(&self.sent).is_none_or(|header| header.is_some());
        assert!(length_is_right, "it has at most four bytes");
    }

    fn answer(&mut self, packet_received: v4::Packet) {
        let (bit, answer) = match packet_received {
            v4::Packet::Connect(_) => (0, packet(0x20, &[self.answers >> 7, 0])),
            v4::Packet::Subscribe(asked) => {
                let [high, low] = asked.pkid.to_be_bytes();
                let code = if self.answers & 0x40 == 0 { 1 } else { 0x80 };
                (1, packet(0x90, &[high, low, code]))
            }
            v4::Packet::Unsubscribe(asked) => (2, with_id(0xb0, asked.pkid)),
            v4::Packet::Publish(message) if message.pkid != 0 => (3, with_id(0x40, message.pkid)),
            v4::Packet::PubRec(received) => (4, with_id(0x62, received.pkid)),
            v4::Packet::PingReq => (5, packet(0xd0, &[])),
            _ => return,
        };
        if self.answers >> bit & 1 == 1 {
            self.arrives(1, &answer);
        }
    }
}

struct Platform(Rc<World>);

impl Platform {
    /// The state, for a call of the client that makes sense.
    fn call(&self, conn: Option<u32>) -> RefMut<'_, State> {
        let mut state = self.0.state();
        state.calls += 1;
        assert!(conn.is_none() || conn == state.conn, "no such connection");
        state
    }
}

impl System for Platform {
    type Lock<T> = Lock<T>;

    fn uptime(&self) -> u32 {
        let state = self.0.state();
        state.base.wrapping_add(state.now as u32) // it wraps
    }

    fn sleep(&self, ms: u32) {
        assert!(held() <= 1, "only the outbox may wait");
        let mut state = self.call(None);
        state.takes(ms.into());
    }

    fn random(&self, limit: u32) -> u32 {
        let mut state = self.0.state();
        u32::from(state.byte()) % limit.max(1)
    }

    fn log(&self, _: Level, text: &'static str, value: Value<'_>) {
        let line = Line::new(text, value);
        assert!(
            line.as_bytes()
                .iter()
                .all(|byte| (b' '..=b'~').contains(byte))
        );
    }
}

impl Transport for Platform {
    fn open(&self) -> Result<u32, NoConnection> {
        assert_eq!(held(), 0);
        let mut state = self.call(None);
        assert!(state.conn.is_none(), "one connection at a time");
        let (opens, ms) = state.openings.pop_front().unwrap_or((true, 0));
        state.takes(ms);
        if !opens {
            return Err(NoConnection);
        }
        state.connections += 1;
        state.conn = Some(state.connections);
        state.sent.clear();
        state.packets = 0;
        Ok(state.connections)
    }
}

impl Stream for Platform {
    type Conn = u32;

    fn read(&self, conn: u32, buf: &mut [u8], timeout: u32) -> Result<usize, Broken> {
        assert_eq!(held(), 0);
        assert!(!buf.is_empty() && timeout > 0);
        let mut state = self.call(Some(conn));
        let now = state.now;
        let wait = match state.arrivals.front() {
            Some((at, _)) if *at <= now + u64::from(timeout) => at.saturating_sub(now),
            _ => {
                if state.waits {
                    state.takes(timeout.into());
                }
                return Ok(0);
            }
        };
        if wait > 0 && !state.waits {
            return Ok(0);
        }
        state.takes(wait);
        let most = state.piece.min(buf.len());
        let Some((_, arrival)) = state.arrivals.front_mut() else {
            return Ok(0);
        };
        let count = match arrival {
            Arrival::Bytes(bytes) => {
                let count = most.min(bytes.len());
                for (slot, byte) in buf.iter_mut().zip(bytes.drain(..count)) {
                    *slot = byte;
                }
                if bytes.is_empty() {
                    state.arrivals.pop_front();
                }
                count
            }
            Arrival::Broken(broken) => {
                let broken = *broken;
                state.arrivals.pop_front();
                return Err(broken);
            }
        };
        state.moved += count as u64;
        Ok(count)
    }

    fn write(&self, conn: u32, bytes: &[u8], timeout: u32) -> Result<usize, Broken> {
        assert_eq!(held(), 1, "the outbox");
        assert!(!bytes.is_empty() && timeout > 0);
        let mut state = self.call(Some(conn));
        match state.writes.pop_front() {
            None => {
                state.moved += bytes.len() as u64;
                state.received(bytes);
                Ok(bytes.len())
            }
            Some(Write::Takes(count, ms)) => {
                state.takes(ms.min(timeout.into()));
                let taken = &bytes[..count.min(bytes.len())];
                state.moved += taken.len() as u64;
                state.received(taken);
                Ok(taken.len())
            }
            Some(Write::Fails) => Err(Broken::Failed(-1)),
        }
    }

    fn close(&self, conn: u32) {
        assert_eq!(held(), 0);
        let mut state = self.call(Some(conn));
        state.conn = None;
        // What was on its way is lost.
        state.arrivals.clear();
    }
}

impl Account for Platform {
    fn renew(&self) -> bool {
        self.0.state().byte() % 16 != 1
    }

    fn credentials(&self) -> Credentials<'_> {
        Credentials {
            client_id: b"id",
            username: b"name",
            password: b"made up",
        }
    }
}
