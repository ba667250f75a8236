//! A platform at the edge of its contract, and beyond it.

use std::collections::BTreeSet;

use iotkit::{client::Error, hal::Broken, mqtt::Event, wire::mqtt::QoS};
use proptest::prelude::*;

use crate::script::{
    CONFIG, Opening, Report, Script, Setup, Write, message,
    packet::{
        PINGREQ, PINGRESP, connack, connect, puback, publish, suback, subscribe, unsubscribe,
    },
    packet_id,
};

const TIMEOUT: u64 = CONFIG.request_timeout as u64;

/// What a client may send on a connection, and the packet that it is.
type Request = (fn(&Script) -> Result<(), Error>, Vec<u8>);

fn requests() -> [Request; 4] {
    fn publish_0(t: &Script) -> Result<(), Error> {
        let sent = t.client.publish(b"/a", b"hello", QoS::AtMostOnce, false);
        sent.map(drop)
    }
    fn publish_1(t: &Script) -> Result<(), Error> {
        let sent = t.client.publish(b"/a", b"hello", QoS::AtLeastOnce, false);
        sent.map(drop)
    }
    fn subscribe_a(t: &Script) -> Result<(), Error> {
        let sent = t.client.subscribe(b"/a", QoS::AtLeastOnce, "one");
        sent.map(drop)
    }
    fn unsubscribe_a(t: &Script) -> Result<(), Error> {
        t.client.unsubscribe(b"/a").map(drop)
    }
    [
        (publish_0, publish("/a", "hello").to_vec()),
        (publish_1, publish("/a", "hello").qos(1, 1).to_vec()),
        (subscribe_a, subscribe(1, "/a", 1)),
        (unsubscribe_a, unsubscribe(1, "/a")),
    ]
}

/// mqtt-15.34, hal-19.11: writes that take a part, or nothing for now.
#[test]
fn packets_are_sent_whole_in_any_number_of_writes() {
    for (request, packet) in requests() {
        for first in 0..packet.len() {
            let t = Script::connected();
            t.will_write([Write::Takes(first), Write::Takes(0), Write::Takes(1)]);
            assert_eq!(request(&t), Ok(()));
            t.broker_expects(&packet);
        }
        let t = Script::connected();
        t.platform(|platform| platform.takes = 1);
        assert_eq!(request(&t), Ok(()));
        t.broker_expects(&packet);
    }
}

/// mqtt-15.34: a port that takes nothing is not asked without rest, and not for longer than the request timeout.
#[test]
fn a_deaf_transport_is_given_up_in_time() {
    for (request, _) in requests() {
        let t = Script::connected();
        t.platform(|platform| platform.takes = 0);
        assert_eq!(request(&t), Err(Error::NotSent));
        assert_eq!(t.now(), TIMEOUT);
        let sleeps = t.take_sleeps();
        assert!(sleeps.iter().all(|ms| (1..=10).contains(ms)));
        assert_eq!(request(&t), Err(Error::NotConnected));
        t.platform(|platform| platform.takes = usize::MAX);
        t.advance(1);
        t.client_reports(Event::Disconnected);
    }
}

/// mqtt-15.34: a write that blocks for all of its time.
#[test]
fn a_blocking_transport_is_given_up_in_time() {
    for (request, packet) in requests() {
        let t = Script::connected();
        t.will_write([Write::TakesIn(3, 1500), Write::Blocks]);
        assert_eq!(request(&t), Err(Error::NotSent));
        assert_eq!(t.now(), TIMEOUT);
        t.advance(1);
        t.broker_expects_torn(&packet[..3]);
        t.client_reports(Event::Disconnected);

        // In time, it is not too late.
        let t = Script::connected();
        t.will_write([Write::TakesIn(3, 1000), Write::TakesIn(1, 999)]);
        assert_eq!(request(&t), Ok(()));
        t.broker_expects(&packet);
    }
}

/// A port that says it has taken more than it was given.
#[test]
fn a_boasting_transport_does_no_harm() {
    for (request, packet) in requests() {
        let t = Script::connected();
        t.will_write([Write::Boasts]);
        assert_eq!(request(&t), Ok(()));
        t.broker_expects(&packet);
    }
}

/// mqtt-15.34, hal-19.11: writing fails after the n-th byte. The request is not kept, and the connection comes back.
#[test]
fn writing_may_fail_after_any_byte() {
    for (request, packet) in requests() {
        for taken in 0..packet.len() {
            let t = Script::connected();
            t.platform(|platform| platform.breaks_after = Some(taken));
            assert_eq!(request(&t), Err(Error::NotSent));
            t.platform(|platform| platform.breaks_after = None);
            t.advance(1);
            if taken > 0 {
                t.broker_expects_torn(&packet[..taken]);
            }
            t.client_reports(Event::Disconnected);
            t.advance(10_000);
            t.broker_expects_connect(CONFIG);
            t.client_reports(Event::Reconnected);
            t.assert_quiet();
        }
    }
}

/// The same for what the client sends on its own: the answer to a message, a ping, a repetition.
#[test]
fn answers_and_pings_may_fail_after_any_byte() {
    /// What makes the client send, and what it sends.
    type Case = (fn(&Script), Vec<u8>);
    let cases: [Case; 3] = [
        (
            |t| {
                t.broker_sends(&publish("/a", "x").qos(1, 7));
                t.advance(1);
                t.client_reports(message(None, "/a", "x").qos(QoS::AtLeastOnce, 7));
            },
            puback(7),
        ),
        (
            |t| {
                t.sleep(60_000);
                t.advance(1);
            },
            PINGREQ.to_vec(),
        ),
        (
            |t| {
                t.sleep(2 * TIMEOUT);
                t.advance(1);
            },
            publish("/kept", "x").qos(1, 1).dup().to_vec(),
        ),
    ];
    for (cause, packet) in cases {
        for taken in 0..packet.len() {
            let t = Script::connected();
            let repeats = packet[0] == 0x3a;
            if repeats {
                t.publish("/kept", "x");
                t.broker_expects(&publish("/kept", "x").qos(1, 1));
            }
            t.platform(|platform| platform.breaks_after = Some(taken));
            cause(&t);
            t.platform(|platform| platform.breaks_after = None);
            t.advance(1);
            if taken > 0 {
                t.broker_expects_torn(&packet[..taken]);
            }
            t.client_reports(Event::Disconnected);
            t.advance(1100);
            t.broker_expects_connect(CONFIG);
            if repeats {
                t.broker_expects(&packet);
            }
            t.client_reports(Event::Reconnected);
            t.assert_quiet();
        }
    }
}

/// CONNECT, and what is sent first on a new connection, fail after any byte; nothing is lost by it.
#[test]
fn a_new_connection_may_fail_after_any_byte() {
    let ask = connect(crate::script::CLIENT_ID, 60, true);
    let renewal = subscribe(3, "/s", 1);
    let again = publish("/kept", "x").qos(1, 2).dup();
    let whole = [&ask[..], &renewal, &again].concat();
    for taken in 0..whole.len() {
        let t = Script::connected();
        t.subscribe("/s", "one");
        t.publish("/kept", "x");
        t.broker_expects(&publish("/kept", "x").qos(1, 2));
        t.connection_breaks(Broken::Closed);
        t.advance(1);
        t.client_reports(Event::Disconnected);
        t.platform(|platform| platform.breaks_after = Some(taken));
        t.advance(1100);
        t.platform(|platform| platform.breaks_after = None);
        assert!(!t.is_open());
        let mut expected = &whole[..taken];
        for packet in [&ask[..], &renewal, &again] {
            match expected.split_at_checked(packet.len()) {
                Some((_, rest)) => {
                    t.broker_expects(packet);
                    expected = rest;
                }
                None => {
                    if !expected.is_empty() {
                        t.broker_expects_torn(expected);
                    }
                    break;
                }
            }
        }
        t.advance(5000);
        t.broker_expects(&ask);
        assert_eq!(t.broker_received()[4..], renewal[4..]);
        t.broker_expects(&again);
        t.client_reports(Event::Reconnected);
        t.assert_quiet();
    }
}

/// hal-19.15: a transport that says at once that nothing has come. A minute of it costs some thousand calls, and the
/// dead link is noticed all the same.
#[test]
fn a_transport_that_does_not_wait_does_not_make_the_client_spin() {
    let t = Script::connected();
    t.platform(|platform| platform.waits = false);
    t.take_reads();
    t.advance(59_999);
    assert!(t.take_reads() <= 60 * 110);
    assert!(t.take_sleeps().iter().all(|ms| *ms > 0));
    t.advance(2);
    t.broker_expects(&PINGREQ);
    t.advance(30_020);
    t.client_reports(Event::Disconnected);
    assert!(!t.is_open());
}

/// hal-19.15: the same in the middle of a packet, and with an application that yields for moments.
#[test]
fn a_transport_that_does_not_wait_receives_all_the_same() {
    for yields in [1, 5, 100, 1000] {
        let t = Script::connected();
        t.platform(|platform| {
            platform.waits = false;
            platform.fills = false;
        });
        let packet = publish("/a", "hello");
        for (byte, number) in packet.iter().zip(0..) {
            t.broker_sends_in(number * 20, &[*byte]);
        }
        t.take_reads();
        for _ in 0..1000 / yields {
            t.advance(yields);
        }
        assert!(t.take_reads() <= 1200);
        t.client_reports(message(None, "/a", "hello"));
        t.assert_quiet();
    }
}

/// A transport that says nothing has come, for ever, inside a packet: its end is given up after the request timeout.
#[test]
fn the_end_of_a_stream_inside_a_packet_is_noticed() {
    for waits in [true, false] {
        let t = Script::connected();
        t.platform(|platform| platform.waits = waits);
        t.broker_sends(&publish("/a", "hello")[..5]);
        t.advance(1500);
        t.assert_quiet();
        t.advance(1100);
        t.client_reports(Event::Disconnected);
        assert!(!t.is_open());
    }
}

/// Reading that takes longer than it may.
#[test]
fn a_transport_may_be_late() {
    let t = Script::connected();
    t.platform(|platform| platform.late = 700);
    let (result, took) = t.run_with(1000, &mut |_, _| {});
    assert_eq!(result, Ok(()));
    assert!((1000..=1700).contains(&took));
    t.platform(|platform| platform.late = 100_000);
    t.broker_sends_in(600, &publish("/a", "x"));
    let (result, took) = t.run_with(100, &mut |_, _| {});
    assert_eq!(result, Ok(()));
    assert!(took <= 100_100);
    assert!(t.client.is_connected() || t.is_open());
    t.platform(|platform| platform.late = 0);
    t.run_with(10, &mut |_, _| {}).0.expect("it runs");
    t.client_reports(message(None, "/a", "x"));
    t.broker_expects(&PINGREQ);
    t.broker_sends(&PINGRESP);
    t.advance(100);
    t.assert_quiet();
}

/// hal-19.7: sleeping that ends early, and sleeping for twice as long.
#[test]
fn sleeping_may_be_inexact() {
    let sleeps: [fn(u32) -> u64; 3] =
        [|ms| u64::from(ms / 2).max(1), |ms| u64::from(ms) * 2, |_| 1];
    for sleep in sleeps {
        let t = Script::connected();
        t.platform(|platform| platform.sleeps = sleep);
        t.connection_breaks(Broken::Closed);
        let start = t.now();
        let (result, took) = t.run_with(900, &mut |_, _| {});
        assert_eq!(result, Ok(()));
        assert!((900..=1800).contains(&took));
        t.client_reports(Event::Disconnected);
        while t.openings() < 2 {
            t.run_with(100, &mut |_, _| {}).0.expect("it runs");
        }
        assert!(
            t.now() - start >= 1000,
            "never earlier than the computed time"
        );
        t.run_with(100, &mut |_, _| {}).0.expect("it runs");
        t.broker_expects_connect(CONFIG);
        t.client_reports(Event::Reconnected);

        // While it waits for a deaf port.
        t.platform(|platform| platform.takes = 0);
        let start = t.now();
        let sent = t.client.publish(b"/a", b"x", QoS::AtMostOnce, false);
        assert_eq!(sent, Err(Error::NotSent));
        assert!(t.now() - start <= TIMEOUT + 10);
        t.platform(|platform| platform.takes = usize::MAX);
        t.run_with(1, &mut |_, _| {}).0.expect("it runs");
        t.client_reports(Event::Disconnected);
    }
}

/// hal-19.6: a counter that stands still for a while, and moves in large steps.
#[test]
fn a_counter_may_move_in_steps() {
    for tick in [10, 100, 1000] {
        for waits in [true, false] {
            let t = Script::connected();
            t.platform(|platform| {
                platform.tick = tick;
                platform.waits = waits;
            });
            t.broker_sends_in(500, &publish("/a", "x"));
            let (result, took) = t.run_with(2000, &mut |_, _| {});
            assert_eq!(result, Ok(()));
            assert!(took.abs_diff(2000) <= tick, "{took} {tick}");
            t.client_reports(message(None, "/a", "x"));
            t.run_with(56_500, &mut |_, _| {}).0.expect("it runs");
            t.assert_quiet();
            t.run_with(4_000, &mut |_, _| {}).0.expect("it runs");
            t.broker_expects(&PINGREQ);
        }
    }
}

/// hal-19.6: a counter that jumps one second forward, in the middle of everything.
#[test]
fn a_counter_may_jump_forward() {
    let t = Script::connected();
    t.publish("/a", "x");
    t.broker_expects(&publish("/a", "x").qos(1, 1));
    for step in 1..=3 {
        t.set_uptime(2000 * step - 1000);
        t.advance(1000);
    }
    t.set_uptime(7000);
    t.broker_expects(&publish("/a", "x").qos(1, 1).dup());
    t.broker_sends(&puback(1));
    t.advance(10);
    t.client_reports(Event::Published(packet_id(1)));
    t.assert_quiet();
    assert!(t.client.is_connected());
}

/// A counter that jumps back, as that of some ports does when their ticks wrap: the client goes on.
#[test]
fn a_counter_may_jump_back() {
    let t = Script::connected();
    t.advance(50_000);
    t.set_uptime(3);
    let id = t.publish("/a", "x");
    t.broker_expects(&publish("/a", "x").qos(1, id));
    t.broker_sends(&puback(id));
    t.advance(1000);
    t.client_reports(Event::Published(packet_id(id)));
    t.advance(10_000);
    t.broker_expects(&PINGREQ);
    t.broker_sends(&PINGRESP);
    t.advance(10);
    assert!(t.client.is_connected());
}

/// Opening that takes long: Yield takes its time and that call, no more.
#[test]
fn opening_may_take_long() {
    let t = Script::connected();
    t.connection_breaks(Broken::Closed);
    t.advance(1);
    t.client_reports(Event::Disconnected);
    t.sleep(1000);
    t.will_open([Opening::Takes(30_000)]);
    t.broker_will_answer_connect(&[(100, &connack(false, 0))]);
    let (result, took) = t.run_with(200, &mut |_, _| {});
    assert_eq!(result, Ok(()));
    assert!(took <= 30_200);
    t.advance(200);
    t.broker_expects_connect(CONFIG);
    t.client_reports(Event::Reconnected);
}

/// One thing that happens to a client.
#[derive(Clone, Copy, Debug)]
enum Step {
    Publish,
    Yield(u32),
    Pause(u64),
    Break,
    /// Writing fails after so many bytes.
    TearAfter(usize),
    RefuseTransport,
    /// The broker does not answer CONNECT, or says no.
    Silent,
    Refuse,
    Answer,
    /// The broker takes no notice of what it gets.
    Deaf(bool),
    Piece(usize),
    Waits(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Publish),
        4 => (1u32..3000).prop_map(Step::Yield),
        1 => (1u64..5000).prop_map(Step::Pause),
        1 => Just(Step::Break),
        1 => (0usize..100).prop_map(Step::TearAfter),
        1 => Just(Step::RefuseTransport),
        1 => Just(Step::Silent),
        1 => Just(Step::Refuse),
        2 => Just(Step::Answer),
        1 => any::<bool>().prop_map(Step::Deaf),
        1 => (1usize..20).prop_map(Step::Piece),
        1 => any::<bool>().prop_map(Step::Waits),
    ]
}

const TOPIC: &[u8] = b"/a";

/// A broker that acknowledges, unless it is deaf; what has arrived, by number.
#[derive(Default)]
struct Broker {
    deaf: bool,
    arrived: BTreeSet<u32>,
}

impl Broker {
    fn answer(&mut self, t: &Script) {
        t.take_torn();
        while t.has_sent() {
            let packet = t.broker_received();
            if self.deaf || !t.is_open() {
                continue;
            }
            match packet[0] >> 4 {
                3 => {
                    let (_, rest) = packet.split_at(4 + TOPIC.len());
                    let id = u16::from_be_bytes([rest[0], rest[1]]);
                    let number = std::str::from_utf8(&rest[2..]).expect("a number");
                    self.arrived.insert(number.parse().expect("a number"));
                    t.broker_sends(&puback(id));
                }
                8 => t.broker_sends(&suback(u16::from_be_bytes([packet[2], packet[3]]), 1)),
                12 => t.broker_sends(&PINGRESP),
                _ => {}
            }
        }
    }
}

proptest! {
    // A failure shows all it needs to be replayed: its steps.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    /// Whatever happens: nothing that was accepted with QoS 1 is lost, each acknowledgement is told once, DISCONNECT
    /// and RECONNECT take turns, subscriptions are kept, and no call takes longer than it may.
    #[test]
    fn nothing_accepted_is_lost(steps in prop::collection::vec(step(), 1..120)) {
        let t = Script::connected_with(Setup { uptime: u32::MAX - 20_000, ..Setup::default() });
        t.subscribe("/s", "one");
        let mut broker = Broker::default();
        let mut accepted = Vec::new();
        let mut published = Vec::new();
        let mut connected = true;
        let mut hear = |t: &Script| {
            for report in t.take_reports() {
                match report {
                    Report::Event(Event::Published(id)) => published.push(id),
                    Report::Event(Event::Disconnected) => {
                        assert!(connected);
                        connected = false;
                    }
                    Report::Event(Event::Reconnected) => {
                        assert!(!connected);
                        connected = true;
                    }
                    report => panic!("{report:?}"),
                }
            }
            published.len()
        };
        let connack = connack(false, 0);
        for step in steps {
            let start = t.now();
            match step {
                Step::Publish => {
                    let number = accepted.len().to_string();
                    let sent = t.client.publish(TOPIC, number.as_bytes(), QoS::AtLeastOnce, false);
                    accepted.extend(sent.ok().flatten());
                    prop_assert!(t.now() - start <= TIMEOUT);
                }
                Step::Yield(ms) => {
                    let (result, took) = t.run_with(ms, &mut |_, _| {});
                    prop_assert_eq!(result, Ok(()));
                    prop_assert!(took >= ms.into());
                    prop_assert!(took <= u64::from(ms) + TIMEOUT);
                }
                Step::Pause(ms) => t.sleep(ms),
                Step::Break => t.connection_breaks(Broken::Closed),
                Step::TearAfter(count) => t.platform(|p| p.breaks_after = Some(count)),
                Step::RefuseTransport => t.will_open([Opening::FailsIn(100)]),
                Step::Silent => t.broker_will_answer_connect(&[]),
                Step::Refuse => t.broker_will_answer_connect(&[(10, &[0x20, 2, 0, 3])]),
                Step::Answer => {
                    t.broker_will_answer_connect(&[(10, &connack)]);
                    t.platform(|p| p.breaks_after = None);
                }
                Step::Deaf(deaf) => broker.deaf = deaf,
                Step::Piece(piece) => t.platform(|p| { p.piece = piece; p.takes = piece; }),
                Step::Waits(waits) => t.platform(|p| p.waits = waits),
            }
            broker.answer(&t);
            hear(&t);
        }

        // All is well again.
        t.will_open_at_once();
        t.broker_will_answer_connect(&[(10, &connack)]);
        t.platform(|p| p.breaks_after = None);
        broker.deaf = false;
        let end = t.now() + 300_000;
        while t.now() < end {
            t.run_with(1000, &mut |_, _| {}).0.expect("it runs");
            broker.answer(&t);
            let published = hear(&t);
            if t.client.is_connected() && published == accepted.len() {
                break;
            }
        }
        prop_assert!(t.client.is_connected());
        let all: BTreeSet<_> = (0..accepted.len() as u32).collect();
        prop_assert_eq!(&broker.arrived & &all, all);
        published.sort();
        accepted.sort();
        prop_assert_eq!(published, accepted);

        t.broker_sends(&publish("/s", "x"));
        t.run_with(100, &mut |_, _| {}).0.expect("it runs");
        broker.answer(&t);
        let reports = t.take_reports();
        prop_assert_eq!(reports, [message(Some("one"), "/s", "x").into()]);
    }
}
