//! The protocol state, fed with any packets, times and requests, as far as its driver may: what it sends and tells is
//! held to a model of what is waiting for an answer.
#![no_main]

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU16,
};

use bytes::BytesMut;
use iotkit::{
    mqtt::{Config, Error, Event, Link, Machine, Message, Output, Received, Search},
    time::Instant,
    wire::mqtt::{QoS, emit},
};
use iotkit_fuzz::{
    Input,
    mqtt::{header, matches, packet, with_id},
};
use libfuzzer_sys::fuzz_target;
use mqttbytes::v4;

const CONFIG: Config = Config {
    request_timeout: 2_000,
    keep_alive: 60_000,
    clean_session: false,
    payload_max: 100,
    once: false,
};
/// A request that was not answered for so long is given up or sent again.
const PATIENCE: u64 = 2 * CONFIG.request_timeout as u64;
/// The limits that the module states.
const WINDOW: usize = 20;
const REQUESTS_MAX: usize = 256;

/// What handlers are for.
const FILTERS: [&str; 6] = ["/a/b", "/a/+", "/a/#", "/+/b", "/#", "/c"];
const TOPICS: [&str; 4] = ["/a/b", "/c", "/a/x", "/x"];

fuzz_target!(|input: &[u8]| {
    let mut input = Input::new(input);
    let mut t = Tester::new(input.u32(), input.byte());
    while !input.is_empty() {
        t.step(&mut input);
    }
});

struct Tester {
    machine: Machine<usize>,
    /// Milliseconds since the start, beside the counter, which may wrap.
    passed: u64,
    counter: u32,
    buf: Vec<u8>,

    /// QoS 1 messages that are not acknowledged, as they were first written.
    published: BTreeMap<u16, Vec<u8>>,
    /// Requests that are not answered: when they were made, and the filter.
    subscribing: BTreeMap<u16, (u64, usize)>,
    unsubscribing: BTreeMap<u16, (u64, usize)>,
    /// Renewals of this connection that are not answered: when they were sent, and the filter.
    renewing: BTreeMap<u16, (u64, usize)>,
    /// Ids of subscriptions that were granted.
    granted: BTreeSet<u16>,
    /// Filters that may be live.
    live: BTreeSet<usize>,
    /// There was a connection; and the application knows of one that has not ended.
    known: bool,
    online: bool,
}

impl Tester {
    fn new(counter: u32, buf: u8) -> Self {
        let now = Instant::from_millis(counter);
        Self {
            machine: Machine::new(CONFIG, now),
            passed: 0,
            counter,
            buf: vec![0; 16 + usize::from(buf)],
            published: BTreeMap::new(),
            subscribing: BTreeMap::new(),
            unsubscribing: BTreeMap::new(),
            renewing: BTreeMap::new(),
            granted: BTreeSet::new(),
            live: BTreeSet::new(),
            known: false,
            online: false,
        }
    }

    fn now(&self) -> Instant {
        Instant::from_millis(self.counter)
    }

    fn step(&mut self, input: &mut Input<'_>) {
        match input.below(16) {
            0 => {
                let body = input.piece();
                self.arrives(&packet(input.byte(), body));
            }
            1 => {
                let id = nth(self.published.keys(), input);
                self.arrives(&with_id(0x40, id));
            }
            2 => {
                let id = nth(self.subscribing.keys(), input);
                let [high, low] = id.to_be_bytes();
                let code = input.one_of(&[0, 1, 2, 0x80, 1, 3]);
                self.arrives(&packet(0x90, &[high, low, code]));
            }
            3 => {
                let id = nth(self.unsubscribing.keys(), input);
                self.arrives(&with_id(0xb0, id));
            }
            4 => self.arrives(&packet(0x20, &[input.byte() % 2, 0])),
            5 => self.advance(input.u16().into()),
            6 => self.advance(u32::from(input.u16()) << 4),
            7 => self.publish(input),
            8 => self.subscribe(input),
            9 => self.unsubscribe(input),
            10 => self.send(),
            11 => self.tell(),
            12 => match self.machine.link() {
                Link::Waiting { .. } => self.machine.opened(),
                Link::Lost { .. } => {
                    let random = u32::from(input.u16());
                    self.machine.closed(self.now(), |limit| random % limit);
                }
                Link::Opened | Link::Asking { .. } | Link::Connected { .. } => self.machine.lost(),
                Link::Closed => {}
            },
            13 => match input.byte() {
                0 => self.machine.handle_progress(),
                kind => {
                    let id = NonZeroU16::new(input.u16());
                    let qos = input.one_of(&[QoS::AtLeastOnce, QoS::ExactlyOnce]);
                    let answer = id.filter(|_| kind % 2 == 0).map(|id| (qos, id));
                    let received = self.machine.handle_skipped(answer);
                    match received {
                        Ok(received) => self.received(received, &[]),
                        Err(_) => self.machine.lost(),
                    }
                }
            },
            14 => {
                if self.machine.handle_silence(self.now()).is_err() {
                    self.machine.lost();
                }
            }
            _ => match input.byte() {
                0xff => self.machine.disable_reconnect(),
                0xfe => self.waste_ids(input.u16()),
                _ => self.good_day(),
            },
        }
        if !matches!(self.machine.link(), Link::Connected { .. }) {
            self.renewing.clear();
        }
    }

    /// Connects if need be, and catches up.
    fn good_day(&mut self) {
        match self.machine.link() {
            Link::Waiting { at } => {
                self.advance(at.until(self.now()));
                self.machine.opened();
                self.send();
                self.arrives(&packet(0x20, &[1, 0]));
            }
            Link::Lost { .. } => self.machine.closed(self.now(), |_| 0),
            _ => {}
        }
        self.send();
        self.tell();
    }

    /// Messages that do not fit take ids all the same.
    fn waste_ids(&mut self, count: u16) {
        let now = self.now();
        for _ in 0..count {
            let result = self.machine.publish(b"/a", b"", false, &mut [], now);
            assert_eq!(result, Err(Error::TooLarge));
        }
    }

    fn arrives(&mut self, packet: &[u8]) {
        let header = header(packet).flatten().expect("a header").len;
        if let [0x90, id @ ..] = packet
            && let Some((id, _)) = id.get(header - 1..).and_then(<[u8]>::split_first_chunk)
        {
            self.renewing.remove(&u16::from_be_bytes(*id));
        }
        let received = self.machine.handle_packet(packet, header as u8, self.now());
        match received {
            Ok(received) => self.received(received, packet),
            Err(_) => self.machine.lost(),
        }
    }

    fn received(&mut self, received: Received, packet: &[u8]) {
        match received {
            Received::Nothing => {}
            Received::Stray(text) => assert!(!text.is_empty()),
            Received::Event(event) => self.event(event),
            Received::Answer(answer) => self.answers(answer),
            Received::TooLarge(answer) => {
                if let Some(answer) = answer {
                    self.answers(answer);
                }
            }
            Received::Message(message) => self.message(message, packet),
        }
    }

    /// What is answered is a packet of four bytes that acknowledges.
    fn answers(&self, answer: [u8; 4]) {
        let read = v4::read(&mut BytesMut::from(&answer[..]), 4);
        assert!(matches!(
            read,
            Ok(v4::Packet::PubAck(_) | v4::Packet::PubRec(_) | v4::Packet::PubComp(_))
        ));
    }

    /// A message is where it is said to be, and goes to those who want it, once each.
    fn message(&self, message: Message, packet: &[u8]) {
        let read = v4::read(&mut BytesMut::from(packet), usize::MAX);
        let Ok(v4::Packet::Publish(theirs)) = read else {
            panic!("{read:?} is no message");
        };
        assert_eq!(packet[message.topic()], *theirs.topic.as_bytes());
        assert_eq!(packet[message.payload()], *theirs.payload);
        assert!(message.payload().len() <= CONFIG.payload_max);
        assert_eq!(message.qos() as u8, theirs.qos as u8);
        assert_eq!(
            (message.dup(), message.retain()),
            (theirs.dup, theirs.retain)
        );
        assert_eq!(message.id().map_or(0, NonZeroU16::get), theirs.pkid);
        if let Some(answer) = message.answer() {
            self.answers(answer);
        }

        let mut from = Search::Start;
        let mut asked = BTreeSet::new();
        while let Some((handler, next)) = self.machine.next_match(theirs.topic.as_bytes(), from) {
            assert!(asked.insert(handler), "the same subscription twice");
            assert!(self.live.contains(&handler), "nobody has subscribed");
            assert!(matches(FILTERS[handler], &theirs.topic));
            from = next;
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Disconnected => assert!(std::mem::replace(&mut self.online, false)),
            Event::Reconnected => assert!(!std::mem::replace(&mut self.online, true)),
            Event::Published(id) => {
                self.published.remove(&id.get()).expect("it was published");
            }
            Event::Subscribed(id) => {
                let (_, filter) = self.subscribing.remove(&id.get()).expect("asked for");
                self.granted.insert(id.get());
                self.live.insert(filter);
            }
            Event::SubscribeRefused(id) => {
                let asked = self.subscribing.remove(&id.get()).is_some();
                assert!(asked || self.granted.contains(&id.get()));
            }
            Event::SubscribeTimedOut(id) => {
                let (at, _) = self.subscribing.remove(&id.get()).expect("asked for");
                assert!(self.passed - at >= PATIENCE);
            }
            Event::Unsubscribed(id) => {
                let (_, filter) = self.unsubscribing.remove(&id.get()).expect("asked for");
                self.live.remove(&filter);
                self.renewing.retain(|_, (_, renewing)| *renewing != filter);
                let mut from = Search::Start;
                let gone = FILTERS[filter].replace(['+', '#'], "b");
                while let Some((handler, next)) = self.machine.next_match(gone.as_bytes(), from) {
                    assert_ne!(handler, filter, "it lives on");
                    from = next;
                }
            }
            Event::UnsubscribeTimedOut(id) => {
                let (at, _) = self.unsubscribing.remove(&id.get()).expect("asked for");
                assert!(self.passed - at >= PATIENCE);
            }
            Event::Overflow => panic!("the driver tells it"),
        }
    }

    fn advance(&mut self, ms: u32) {
        self.passed += u64::from(ms);
        self.counter = self.counter.wrapping_add(ms);
        self.machine.handle_timeout(self.now());
        let wait = self.machine.poll_timeout(self.now());
        assert!(wait <= 60_000, "time is looked at once a minute");
    }

    /// Sends all there is, as long as it fits.
    fn send(&mut self) {
        let most = self.published.len() + self.live.len() + self.granted.len() + 3;
        for _ in 0..=most {
            let now = self.now();
            match self.machine.poll_output(&mut self.buf, now) {
                Ok(None) => {
                    assert!(!self.machine.has_output());
                    // The first connection needs no event.
                    if self.machine.is_connected() && !std::mem::replace(&mut self.known, true) {
                        self.online = true;
                    }
                    return;
                }
                Err(error) => return assert_eq!(error, Error::TooLarge),
                Ok(Some(Output::Connect { keep_alive, .. })) => {
                    assert_eq!(u32::from(keep_alive) * 1000, CONFIG.keep_alive);
                }
                Ok(Some(Output::Packet(len))) => self.sent(len),
            }
        }
        panic!("there is no end to what is sent");
    }

    fn sent(&mut self, len: usize) {
        let bytes = &self.buf[..len];
        match v4::read(&mut BytesMut::from(bytes), usize::MAX) {
            Ok(v4::Packet::PingReq) => {}
            Ok(v4::Packet::Publish(message)) => {
                let first = self.published.get(&message.pkid).expect("it waits");
                assert!(message.dup, "not for the first time");
                assert_eq!((bytes[0] & !0x08, &bytes[1..]), (first[0], &first[1..]));
            }
            Ok(v4::Packet::Subscribe(renewal)) => {
                let path = &renewal.filters[0].path;
                let filter = FILTERS.iter().position(|filter| filter == path);
                let filter = filter.filter(|filter| self.live.contains(filter));
                self.assert_fresh(renewal.pkid);
                let renewal_of = (self.passed, filter.expect("somebody has subscribed"));
                self.renewing.insert(renewal.pkid, renewal_of);
            }
            other => panic!("{other:?}"),
        }
    }

    fn tell(&mut self) {
        let most = self.subscribing.len() + self.unsubscribing.len() + self.granted.len() + 2;
        for _ in 0..=most {
            let now = self.now();
            match self.machine.poll_event(now) {
                None => return,
                Some(event) => self.event(event),
            }
        }
        panic!("there is no end to what is told");
    }

    /// Nothing else waits under this id.
    fn assert_fresh(&self, id: u16) {
        let renewing = self.renewing.get(&id);
        assert!(
            renewing.is_none_or(|(at, _)| self.passed - at >= PATIENCE)
                && !self.published.contains_key(&id)
                && !self.subscribing.contains_key(&id)
                && !self.unsubscribing.contains_key(&id),
            "id {id} is in use"
        );
    }

    fn publish(&mut self, input: &mut Input<'_>) {
        let topic = input.one_of(&TOPICS);
        let payload = input.piece();
        if !self.machine.is_connected() {
            return; // the driver refuses
        }
        let now = self.now();
        let message = emit::Publish {
            topic: topic.as_bytes(),
            payload,
            retain: false,
            id: Some(NonZeroU16::MAX),
        };
        let fits = message.emit(&mut vec![0; self.buf.len()]).is_ok();
        let buf = &mut self.buf;
        match self
            .machine
            .publish(topic.as_bytes(), payload, false, buf, now)
        {
            Ok((id, len)) => {
                self.assert_fresh(id.get());
                self.published.insert(id.get(), self.buf[..len].to_vec());
                assert!(fits && self.published.len() <= WINDOW);
                if input.byte() == 0xff {
                    self.machine.withdraw_publish(id);
                    self.machine.lost();
                    self.published.remove(&id.get());
                }
            }
            Err(Error::TooLarge) => assert!(!fits),
            Err(Error::Full) => assert!(self.published.len() >= WINDOW),
        }
    }

    fn subscribe(&mut self, input: &mut Input<'_>) {
        let filter = input.below(FILTERS.len());
        let qos = input.one_of(&[QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce]);
        if !self.machine.is_connected() {
            return;
        }
        let (name, now) = (FILTERS[filter].as_bytes(), self.now());
        let result = self
            .machine
            .subscribe(name, qos, filter, &mut self.buf, now);
        let Some(id) = self.requested(result.map(|(id, _)| id)) else {
            return;
        };
        self.subscribing.insert(id.get(), (self.passed, filter));
        if input.byte() == 0xff {
            self.machine.withdraw_request(id);
            self.machine.lost();
            self.subscribing.remove(&id.get());
        }
    }

    fn unsubscribe(&mut self, input: &mut Input<'_>) {
        let filter = input.below(FILTERS.len());
        if !self.machine.is_connected() {
            return;
        }
        let (name, now) = (FILTERS[filter].as_bytes(), self.now());
        let result = self.machine.unsubscribe(name, &mut self.buf, now);
        let Some(id) = self.requested(result.map(|(id, _)| id)) else {
            return;
        };
        self.unsubscribing.insert(id.get(), (self.passed, filter));
        if input.byte() == 0xff {
            self.machine.withdraw_request(id);
            self.machine.lost();
            self.unsubscribing.remove(&id.get());
        }
    }

    fn requested(&self, result: Result<NonZeroU16, Error>) -> Option<NonZeroU16> {
        let waiting = self.subscribing.len() + self.unsubscribing.len();
        match result {
            Ok(id) => {
                self.assert_fresh(id.get());
                assert!(waiting < REQUESTS_MAX);
                Some(id)
            }
            Err(error) => {
                assert_eq!(error, Error::Full);
                assert!(waiting >= REQUESTS_MAX);
                None
            }
        }
    }
}

/// One of the ids, or any.
fn nth<'a>(mut ids: impl Iterator<Item = &'a u16>, input: &mut Input<'_>) -> u16 {
    let index = input.byte();
    ids.nth(index.into()).copied().unwrap_or(index.into())
}
