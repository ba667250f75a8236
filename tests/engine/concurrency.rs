//! Several threads at once, in real time, with a broker that answers.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU32, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use iotkit::{
    client::{self, Account, Credentials, Delivery, Error, Listener},
    hal::{Broken, NoConnection, Stream, System, Transport},
    log::{Level, Value},
    mqtt::{Config, Event},
    wire::mqtt::QoS,
};

use crate::script::{
    CLIENT_ID, CONFIG, PASSWORD, USERNAME,
    lock::{self, Lock},
    packet::{PINGRESP, connack, first_len, puback, publish, suback, unsuback},
};

type Client = client::Client<Platform, Vec<u8>, u32>;

/// A platform whose transport ends at a broker that answers everything at once.
///
/// It is held to the contract of `iotkit::hal`: one reads and one writes at most, and nobody while it is closed.
#[derive(Default)]
struct Net {
    wire: Mutex<Wire>,
    arrived: Condvar,
    reading: AtomicBool,
    writing: AtomicBool,
    opened: AtomicU32,
    closed: AtomicU32,
}

#[derive(Default)]
struct Wire {
    open: bool,
    to_client: VecDeque<u8>,
    begun: Vec<u8>,
    /// What the broker has got of each packet but acknowledgements.
    from_client: Vec<Vec<u8>>,
}

struct Platform(Arc<Net>);

impl Net {
    fn wire(&self) -> MutexGuard<'_, Wire> {
        self.wire.lock().expect("nobody has panicked")
    }

    fn broker_sends(&self, packet: &[u8]) {
        self.wire().to_client.extend(packet);
        self.arrived.notify_all();
    }

    /// What was published with QoS 1, in the order in which it arrived.
    fn published(&self) -> Vec<String> {
        let wire = self.wire();
        let messages = wire.from_client.iter().filter(|packet| packet[0] == 0x32);
        messages
            .map(|packet| String::from_utf8_lossy(&packet[8..]).into_owned())
            .collect()
    }

    /// Each transport that was opened is closed.
    fn check_closed(&self) {
        let count = |count: &AtomicU32| count.load(Ordering::SeqCst);
        assert_eq!(count(&self.opened), count(&self.closed));
    }
}

impl Wire {
    fn answer(&mut self, packet: Vec<u8>) {
        let id = |at: usize| u16::from_be_bytes([packet[at], packet[at + 1]]);
        let answer = match packet[0] {
            0x10 => connack(false, 0),
            0x32 | 0x3a => puback(id(6)),
            0x82 => suback(id(2), 1),
            0xa2 => unsuback(id(2)),
            0xc0 => PINGRESP.to_vec(),
            _ => Vec::new(),
        };
        self.to_client.extend(answer);
        self.from_client.push(packet);
    }
}

/// Says so while it is there, and that nobody else is.
struct Alone<'a>(&'a AtomicBool);

impl<'a> Alone<'a> {
    fn new(flag: &'a AtomicBool) -> Self {
        assert!(!flag.swap(true, Ordering::SeqCst), "two at once");
        Self(flag)
    }
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

impl System for Platform {
    type Lock<T> = Lock<T>;

    fn uptime(&self) -> u32 {
        static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();

        START.get_or_init(Instant::now).elapsed().as_millis() as u32
    }

    fn sleep(&self, ms: u32) {
        thread::sleep(Duration::from_millis(ms.into()));
    }

    fn random(&self, _limit: u32) -> u32 {
        0
    }

    fn log(&self, _level: Level, _text: &'static str, _value: Value<'_>) {}
}

impl Transport for Platform {
    fn open(&self) -> Result<u32, NoConnection> {
        assert_eq!(lock::held(), 0);
        let mut wire = self.0.wire();
        assert!(!wire.open);
        *wire = Wire {
            open: true,
            ..Wire::default()
        };
        Ok(self.0.opened.fetch_add(1, Ordering::SeqCst) + 1)
    }
}

impl Stream for Platform {
    type Conn = u32;

    fn read(&self, conn: u32, buf: &mut [u8], timeout: u32) -> Result<usize, Broken> {
        let _alone = Alone::new(&self.0.reading);
        assert_eq!(lock::held(), 0);
        assert_eq!(conn, self.0.opened.load(Ordering::SeqCst));
        let wire = self.0.wire();
        let wait = Duration::from_millis(timeout.into());
        let short = |wire: &mut Wire| wire.to_client.len() < buf.len();
        let (mut wire, _) = self
            .0
            .arrived
            .wait_timeout_while(wire, wait, short)
            .expect("nobody has panicked");
        assert!(wire.open, "closed while somebody reads");
        let count = buf.len().min(wire.to_client.len());
        for (place, byte) in buf.iter_mut().zip(wire.to_client.drain(..count)) {
            *place = byte;
        }
        Ok(count)
    }

    fn write(&self, conn: u32, bytes: &[u8], _timeout: u32) -> Result<usize, Broken> {
        let _alone = Alone::new(&self.0.writing);
        assert_eq!(lock::held(), 1);
        assert_eq!(conn, self.0.opened.load(Ordering::SeqCst));
        // In two parts, so that another thread has its chance to come between.
        let half = bytes.len().div_ceil(2);
        let mut wire = self.0.wire();
        assert!(wire.open);
        wire.begun.extend(&bytes[..half]);
        while let Some(len) = first_len(&wire.begun) {
            let packet = wire.begun.drain(..len).collect();
            wire.answer(packet);
        }
        drop(wire);
        self.0.arrived.notify_all();
        thread::yield_now();
        Ok(half)
    }

    fn close(&self, conn: u32) {
        let _reading = Alone::new(&self.0.reading);
        let _writing = Alone::new(&self.0.writing);
        assert_eq!(lock::held(), 0);
        assert_eq!(conn, self.0.opened.load(Ordering::SeqCst));
        let mut wire = self.0.wire();
        assert!(wire.open);
        wire.open = false;
        self.0.closed.fetch_add(1, Ordering::SeqCst);
    }
}

impl Account for Platform {
    fn renew(&self) -> bool {
        true
    }

    fn credentials(&self) -> Credentials<'_> {
        Credentials {
            client_id: CLIENT_ID.as_bytes(),
            username: USERNAME.as_bytes(),
            password: PASSWORD.as_bytes(),
        }
    }
}

/// What the application is told, on whatever thread.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Event(Event),
    Message(Option<u32>, String),
}

struct Ears {
    told: mpsc::Sender<Told>,
}

impl Listener<u32> for Ears {
    fn event(&mut self, event: Event) {
        assert_eq!(lock::held(), 0);
        let _ = self.told.send(Told::Event(event)); // the test may have heard enough
    }

    fn message(&mut self, delivery: Delivery<'_, u32>) {
        assert_eq!(lock::held(), 0);
        let payload = &delivery.buffer.as_mut()[delivery.message.payload()];
        let payload = String::from_utf8_lossy(payload).into_owned();
        let _ = self.told.send(Told::Message(delivery.handler, payload));
    }
}

fn connected() -> (Client, Arc<Net>) {
    let config = Config {
        request_timeout: 1000,
        ..CONFIG
    };
    let net = Arc::default();
    let platform = Platform(Arc::clone(&net));
    let client =
        Client::new(platform, config, None, vec![0; 1024], vec![0; 1024]).expect("a client");
    let (told, _) = mpsc::channel();
    assert_eq!(client.connect(&mut Ears { told }), Ok(()));
    (client, net)
}

/// A thread that yields, 20 ms at a time, until `over`.
fn yields(client: &Client, over: &AtomicBool, told: mpsc::Sender<Told>) {
    let mut ears = Ears { told };
    while !over.load(Ordering::SeqCst) {
        assert_eq!(client.run(20, &mut ears), Ok(()));
    }
}

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// Publishes with QoS 1, waiting while the window is full.
fn publish_patiently(client: &Client, payload: &str) -> u16 {
    let start = Instant::now();
    loop {
        match client.publish(b"/a", payload.as_bytes(), QoS::AtLeastOnce, false) {
            Ok(id) => return id.expect("an id").get(),
            Err(Error::Full) if start.elapsed() < PATIENCE => {
                thread::sleep(Duration::from_millis(1));
            }
            Err(error) => panic!("{error:?}"),
        }
    }
}

/// mqtt-15.31: three threads publish, two subscribe and unsubscribe, while one yields.
#[test]
fn threads_share_a_client() {
    const EACH: usize = 300;

    let (client, net) = &connected();
    let (told, heard) = mpsc::channel();
    let over = &AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(move || yields(client, over, told));
        for thread in 0..3 {
            scope.spawn(move || {
                for number in 0..EACH {
                    publish_patiently(client, &format!("{thread} {number}"));
                    let quick = client.publish(b"/a", b"quick", QoS::AtMostOnce, false);
                    assert_eq!(quick, Ok(None));
                }
            });
        }
        for thread in 0..2 {
            scope.spawn(move || {
                for number in 0..EACH / 10 {
                    let filter = format!("/{thread}/{number}");
                    let request = client.subscribe(filter.as_bytes(), QoS::AtMostOnce, thread);
                    assert!(request.is_ok());
                    assert!(client.unsubscribe(filter.as_bytes()).is_ok());
                }
            });
        }
        let mut published = 0;
        let (mut subscribed, mut unsubscribed) = (0, 0);
        while (published, subscribed, unsubscribed) != (3 * EACH, EACH / 5, EACH / 5) {
            match heard.recv_timeout(PATIENCE).expect("all is answered") {
                Told::Event(Event::Published(_)) => published += 1,
                Told::Event(Event::Subscribed(_)) => subscribed += 1,
                Told::Event(Event::Unsubscribed(_)) => unsubscribed += 1,
                told => panic!("{told:?}"),
            }
        }
        over.store(true, Ordering::SeqCst);
    });
    let mut published = net.published();
    published.sort();
    let mut expected: Vec<_> = (0..3)
        .flat_map(|thread| (0..EACH).map(move |number| format!("{thread} {number}")))
        .collect();
    expected.sort();
    assert_eq!(published, expected);
    client.close();
    net.check_closed();
}

/// Two threads yield: each takes its whole time, and each message is delivered once, in one piece.
#[test]
fn two_threads_may_yield() {
    const COUNT: usize = 2000;

    let (client, net) = &connected();
    let (told, heard) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..2 {
            let told = told.clone();
            scope.spawn(move || {
                let start = Instant::now();
                assert_eq!(client.run(400, &mut Ears { told }), Ok(()));
                assert!(start.elapsed() >= Duration::from_millis(398));
            });
        }
        for number in 0..COUNT {
            let text = format!("{number} {}", "x".repeat(number % 300));
            net.broker_sends(&publish("/b", text));
            if number % 50 == 0 {
                thread::sleep(Duration::from_millis(1));
            }
        }
    });
    let mut ears = Ears { told };
    let mut numbers = BTreeSet::new();
    let start = Instant::now();
    while numbers.len() < COUNT {
        let Ok(told) = heard.try_recv() else {
            // Both were slow.
            assert!(start.elapsed() < PATIENCE, "{} have come", numbers.len());
            client.run(1, &mut ears).expect("it runs");
            continue;
        };
        let Told::Message(None, text) = told else {
            panic!("{told:?}");
        };
        let (number, rest) = text.split_once(' ').expect("a number");
        let number: usize = number.parse().expect("a number");
        assert_eq!(rest.len(), number % 300);
        assert!(numbers.insert(number), "{number} came twice");
    }
    client.run(1, &mut ears).expect("it runs");
    assert!(heard.try_recv().is_err(), "nothing comes twice");
    client.close();
    net.check_closed();
}

/// hal-19.16: one thread is blocked in reading while others write; then the client ends.
#[test]
fn nobody_waits_for_the_reader() {
    let (client, net) = &connected();
    let (told, heard) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            let start = Instant::now();
            assert_eq!(client.run(20_000, &mut Ears { told }), Ok(()));
            assert!(start.elapsed() < Duration::from_secs(5), "it was ended");
        });
        thread::sleep(Duration::from_millis(20)); // it is reading now
        let quickest = (0..10).map(|_| {
            let start = Instant::now();
            let sent = client.publish(b"/a", b"x", QoS::AtMostOnce, false);
            assert_eq!(sent, Ok(None));
            start.elapsed()
        });
        assert!(quickest.min() < Some(Duration::from_millis(200)));
        publish_patiently(client, "x");
        let acknowledged = heard.recv_timeout(PATIENCE).expect("it is told");
        assert!(matches!(acknowledged, Told::Event(Event::Published(_))));

        let start = Instant::now();
        client.close();
        assert!(start.elapsed() < Duration::from_millis(2200));
        net.check_closed();
        let publish = client.publish(b"/a", b"x", QoS::AtMostOnce, false);
        assert_eq!(publish, Err(Error::NotConnected));
    });
}

/// Destroy while others publish and yield: their calls end soon, in order.
#[test]
fn a_client_may_end_while_it_is_used() {
    for pause in 0..30 {
        let (client, net) = &connected();
        let (told, _heard) = mpsc::channel();
        thread::scope(|scope| {
            for _ in 0..2 {
                let told = told.clone();
                scope.spawn(move || client.run(20_000, &mut Ears { told }));
                scope.spawn(move || {
                    loop {
                        match client.publish(b"/a", b"x", QoS::AtLeastOnce, false) {
                            Ok(_) | Err(Error::Full) => {}
                            Err(error) => break assert_eq!(error, Error::NotConnected),
                        }
                    }
                });
            }
            thread::sleep(Duration::from_millis(pause));
            client.close();
            net.check_closed();
        });
    }
}

/// mqtt-15.33: two clients in two threads.
#[test]
fn two_clients_do_not_meddle() {
    thread::scope(|scope| {
        for name in ["first", "second"] {
            scope.spawn(move || {
                let (client, net) = connected();
                let (told, heard) = mpsc::channel();
                let mut ears = Ears { told };
                for number in 0..500 {
                    net.broker_sends(&publish("/b", format!("{name} {number}")));
                    let id = publish_patiently(&client, &format!("{name} {number}"));
                    assert_eq!(id, number + 1);
                    client.run(1, &mut ears).expect("it runs");
                }
                let (mut messages, mut acknowledged) = (0, 0);
                let start = Instant::now();
                while (messages, acknowledged) != (500, 500) {
                    let Ok(told) = heard.try_recv() else {
                        assert!(start.elapsed() < PATIENCE);
                        client.run(1, &mut ears).expect("it runs");
                        continue;
                    };
                    match told {
                        Told::Message(_, text) => {
                            assert_eq!(text, format!("{name} {messages}"));
                            messages += 1;
                        }
                        Told::Event(event) => {
                            assert!(matches!(event, Event::Published(_)));
                            acknowledged += 1;
                        }
                    }
                }
                client.close();
                net.check_closed();
            });
        }
    });
}
