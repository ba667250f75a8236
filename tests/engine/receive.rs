//! What arrives: packets of all kinds, whole and in pieces.

use iotkit::{
    hal::Broken,
    mqtt::{Config, Event},
    wire::mqtt::QoS,
};

use proptest::prelude::*;

use crate::script::{
    CONFIG, Script, Setup, message,
    packet::{PINGRESP, connack, packet, puback, pubcomp, publish, pubrec, suback, unsuback},
    packet_id,
};

fn with_timeout(request_timeout: u32) -> Script {
    let config = Config {
        request_timeout,
        ..CONFIG
    };
    Script::connected_with(Setup {
        config,
        ..Setup::default()
    })
}

/// mqtt-15.22: a message with QoS 1 is acknowledged when it was delivered.
#[test]
fn qos_1_is_acknowledged_after_the_handlers() {
    let t = Script::connected();
    t.subscribe("/a", "one");
    t.subscribe("/+", "two");
    t.broker_sends(&publish("/a", "x").qos(1, 0xfffe));
    t.advance_with(10, &mut |t, _| {
        t.assert_nothing_sent();
    });
    t.client_reports(message(Some("one"), "/a", "x").qos(QoS::AtLeastOnce, 0xfffe));
    t.client_reports(message(Some("two"), "/a", "x").qos(QoS::AtLeastOnce, 0xfffe));
    t.broker_expects(&puback(0xfffe));
    t.assert_quiet();
}

#[test]
fn what_a_message_is_reaches_the_handler() {
    let t = Script::connected();
    t.broker_sends(&publish("/a", "").retain());
    t.broker_sends(&publish("/a", "x").qos(1, 1).dup().retain());
    t.broker_sends(&publish("not/of/this/platform", "\0\u{ff}"));
    t.advance(10);
    let mut kept = message(None, "/a", "");
    kept.retain = true;
    t.client_reports(kept);
    let mut again = message(None, "/a", "x").qos(QoS::AtLeastOnce, 1);
    (again.dup, again.retain) = (true, true);
    t.client_reports(again);
    t.broker_expects(&puback(1));
    t.client_reports(message(None, "not/of/this/platform", "\\x00\\xc3\\xbf"));
}

/// The rrpc sample prints the topic as a text: a NUL stands behind the packet where there is room for it.
#[test]
fn a_nul_is_behind_a_packet_that_does_not_fill_the_buffer() {
    let packet = publish("/a", "hello");
    for room in [packet.len(), packet.len() + 1, 100] {
        let t = Script::connected_with(Setup {
            read_buffer: room,
            ..Setup::default()
        });
        t.broker_sends(&packet);
        t.advance(1);
        t.client_reports(message(None, "/a", "hello"));
        let behind = (room > packet.len()).then_some(0);
        assert_eq!(t.last_behind(), behind, "{room}");
    }
}

/// A stream of all that a broker may send, and what comes of it.
struct Stream {
    bytes: Vec<u8>,
}

impl Stream {
    fn new() -> Self {
        let packets = [
            publish("/a", "first").to_vec(),
            PINGRESP.to_vec(),
            publish("/a", [b'y'; 126]).qos(1, 0x0102).to_vec(),
            publish("/a", [b'z'; 300]).to_vec(), // larger than the buffer
            puback(1),
            publish("/b", "").qos(2, 9).to_vec(),
            packet(0x62, &[0, 9]),
            unsuback(3),
            suback(2, 2),
            publish("/a", "last").to_vec(),
        ];
        Self {
            bytes: packets.concat(),
        }
    }

    fn script() -> Script {
        let t = Script::connected_with(Setup {
            read_buffer: 200,
            ..Setup::default()
        });
        assert_eq!(t.publish("/p", "x"), 1);
        t.broker_received();
        for id in [2, 3] {
            let request = match id {
                2 => t.client.subscribe(b"/b", QoS::ExactlyOnce, "one"),
                _ => t.client.unsubscribe(b"/c"),
            };
            assert_eq!(request, Ok(packet_id(id)));
            t.broker_received();
        }
        t
    }

    #[track_caller]
    fn check(t: &Script) {
        t.client_reports(message(None, "/a", "first"));
        t.client_reports(message(None, "/a", &"y".repeat(126)).qos(QoS::AtLeastOnce, 0x0102));
        t.broker_expects(&puback(0x0102));
        t.client_reports(Event::Overflow);
        t.client_reports(Event::Published(packet_id(1)));
        t.client_reports(message(None, "/b", "").qos(QoS::ExactlyOnce, 9));
        t.broker_expects(&pubrec(9));
        t.broker_expects(&pubcomp(9));
        t.client_reports(Event::Unsubscribed(packet_id(3)));
        t.client_reports(Event::Subscribed(packet_id(2)));
        t.client_reports(message(None, "/a", "last"));
        t.assert_quiet();
        assert!(t.is_open());
    }
}

#[test]
fn packets_may_arrive_all_at_once() {
    let t = Stream::script();
    t.broker_sends(&Stream::new().bytes);
    t.advance(100);
    Stream::check(&t);
}

/// mqtt-15.21, hal-19.11: whatever the transport gives at once, also a byte at a time.
#[test]
fn packets_may_arrive_in_pieces_of_any_size() {
    let stream = Stream::new();
    for fills in [true, false] {
        for piece in [1, 2, 3, 4, 5, 7, 50, 127, 128, 199, 200] {
            let t = Stream::script();
            t.platform(|platform| {
                platform.piece = piece;
                platform.fills = fills;
            });
            t.broker_sends(&stream.bytes);
            t.advance(100);
            Stream::check(&t);
        }
    }
}

/// mqtt-15.21: a packet may be cut at any place by the end of a Yield.
#[test]
fn packets_may_be_cut_anywhere_between_yields() {
    let stream = Stream::new();
    for fills in [true, false] {
        for cut in 0..=stream.bytes.len() {
            let t = Stream::script();
            t.platform(|platform| platform.fills = fills);
            t.broker_sends(&stream.bytes[..cut]);
            t.advance(100);
            t.sleep(1000);
            t.broker_sends(&stream.bytes[cut..]);
            t.advance(100);
            Stream::check(&t);
        }
    }
}

/// mqtt-15.21: a byte in each Yield, and with an application that is elsewhere most of the time.
#[test]
fn packets_may_trickle_through_many_yields() {
    for (fills, pause) in [(true, 0), (false, 0), (true, 3000), (false, 3000)] {
        let t = Script::connected();
        t.platform(|platform| platform.fills = fills);
        let packet = publish("/a", "hello").qos(1, 7);
        for byte in packet.iter() {
            t.broker_sends(&[*byte]);
            t.advance(20);
            t.sleep(pause);
        }
        t.advance(20);
        t.client_reports(message(None, "/a", "hello").qos(QoS::AtLeastOnce, 7));
        t.broker_expects(&puback(7));
        t.assert_quiet();
    }
}

/// A packet whose parts come one soon after the other is fine, however long the client had waited for its first one.
#[test]
fn waiting_for_a_packet_does_not_count_as_silence_inside_it() {
    for fills in [true, false] {
        for begins in (0..=500).step_by(7).chain(490..=500) {
            let t = with_timeout(500);
            t.platform(|platform| platform.fills = fills);
            let packet = publish("/a", "hello");
            t.broker_sends_in(begins, &packet[..2]);
            t.broker_sends_in(begins + 5, &packet[2..]);
            t.advance(1000);
            t.client_reports(message(None, "/a", "hello"));
            t.assert_quiet();
        }
    }
}

/// A packet that has begun and makes no progress for the request timeout closes the connection; time in which the
/// application does not yield does not count.
#[test]
fn a_packet_that_does_not_end_closes_the_connection() {
    let packet = publish("/a", "hello");
    for cut in 1..packet.len() {
        for fills in [true, false] {
            let t = Script::connected();
            t.platform(|platform| platform.fills = fills);
            t.broker_sends(&packet[..cut]);
            t.advance(1000);
            t.sleep(60_000 - 3000);
            t.advance(900);
            assert!(t.is_open(), "{cut}");
            t.advance(1200); // some of the time may be that of the next slice
            t.client_reports(Event::Disconnected);
            assert!(!t.is_open(), "{cut}");
            assert_eq!(t.logged("a packet does not end"), 1);
            t.assert_quiet();
        }
    }
}

/// Slow is not stuck.
#[test]
fn a_packet_that_goes_on_keeps_the_connection() {
    let packet = publish("/a", "hello");
    for fills in [true, false] {
        let t = Script::connected();
        t.platform(|platform| platform.fills = fills);
        for (byte, number) in packet.iter().zip(0..) {
            t.broker_sends_in(number * 1900, &[*byte]);
        }
        t.advance(1900 * 13);
        t.client_reports(message(None, "/a", "hello"));
        assert!(t.is_open());
    }
}

/// mqtt-15.23: what MQTT 3.1.1 does not allow closes the connection, without being told or answered.
#[test]
fn malformed_packets_close_the_connection() {
    let codes: &[u8] = &[&[0, 1][..], &[0; 100]].concat();
    for bytes in [
        // Acknowledgements that are too short, too long, of no packet, with flags.
        &packet(0x40, &[])[..],
        &packet(0x40, &[0]),
        &packet(0x40, &[0, 1, 0]),
        &packet(0x40, &[0, 0]),
        &packet(0x41, &[0, 1]),
        &packet(0x50, &[0]),
        &packet(0x60, &[0, 1]),
        &packet(0x62, &[0]),
        &packet(0x70, &[]),
        &packet(0xb0, &[]),
        &packet(0xb0, &[0]),
        &packet(0xb0, &[0, 0]),
        // SUBACK without id or code, with two codes, with a code that does not exist.
        &packet(0x90, &[]),
        &packet(0x90, &[0]),
        &packet(0x90, &[0, 1]),
        &packet(0x90, &[0, 1, 1, 1]),
        &packet(0x90, codes),
        &packet(0x90, &[0, 1, 3]),
        &packet(0x90, &[0, 1, 0xff]),
        // CONNACK that is too short or too long.
        &packet(0x20, &[]),
        &packet(0x20, &[0]),
        &packet(0x20, &[0, 0, 0]),
        // PUBLISH without topic, beyond its end, without id, with a wildcard, with NUL, not UTF-8, with QoS 3.
        &packet(0x30, &[]),
        &packet(0x30, &[0]),
        &packet(0x30, &[0, 0]),
        &packet(0x30, &[0, 3, b'/', b'a']),
        &packet(0x30, &[0xff, 0xff, b'/', b'a']),
        &packet(0x32, &[0, 2, b'/', b'a']),
        &packet(0x32, &[0, 2, b'/', b'a', 1]),
        &packet(0x32, &[0, 2, b'/', b'a', 0, 0]),
        &packet(0x30, &[0, 2, b'/', b'+']),
        &packet(0x30, &[0, 2, b'/', b'#']),
        &packet(0x30, &[0, 2, b'/', 0]),
        &packet(0x30, &[0, 2, b'/', 0xff]),
        &packet(0x36, &[0, 2, b'/', b'a', 0, 1]),
        // PINGRESP with content or flags.
        &packet(0xd0, &[0]),
        &packet(0xd1, &[]),
        // What no server sends.
        &packet(0x00, &[]),
        &packet(0x10, &[0; 12]),
        &packet(0x82, &[0, 1, 0, 1, b'/', 0]),
        &packet(0xa2, &[0, 1, 0, 1, b'/']),
        &packet(0xc0, &[]),
        &packet(0xe0, &[]),
        &packet(0xf0, &[]),
        // A remaining length of five bytes.
        &[0x30, 0x80, 0x80, 0x80, 0x80, 0x01],
        &[0x30, 0xff, 0xff, 0xff, 0xff],
    ] {
        let t = Script::connected();
        assert_eq!(t.publish("/p", "x"), 1);
        t.broker_expects(&publish("/p", "x").qos(1, 1));
        assert!(t.client.subscribe(b"/s", QoS::AtMostOnce, "one").is_ok());
        t.broker_received();
        t.broker_sends(bytes);
        t.broker_sends(&publish("/a", "behind it"));
        t.advance(10);
        t.client_reports(Event::Disconnected);
        assert!(!t.is_open(), "{}", bytes.escape_ascii());
        assert_eq!(
            t.logged("broke the protocol"),
            1,
            "{}",
            bytes.escape_ascii()
        );
        t.assert_quiet();
    }
}

/// mqtt-15.23: packets in order that nobody has asked for are only logged.
#[test]
fn strays_change_nothing() {
    let t = Script::connected();
    t.subscribe("/a", "one");
    for stray in [
        &connack(false, 0)[..],
        &connack(true, 0),
        &puback(99),
        &pubrec(99),
        &pubcomp(99),
        &suback(99, 1),
        &suback(99, 0x80),
        &unsuback(99),
        &PINGRESP,
    ] {
        t.broker_sends(stray);
        t.advance(10);
        t.assert_quiet();
    }
    assert!(t.client.is_connected());
    t.broker_sends(&publish("/a", "x"));
    t.advance(10);
    t.client_reports(message(Some("one"), "/a", "x"));
}

/// hal-19.11: a connection that breaks between packets and inside one, by every number.
#[test]
fn a_broken_connection_is_told_once() {
    let packet = publish("/a", "hello");
    for broken in [
        Broken::Closed,
        Broken::Failed(-2),
        Broken::Failed(-100),
        Broken::Contract,
    ] {
        for cut in 0..packet.len() {
            let t = Script::connected();
            t.broker_sends(&packet[..cut]);
            t.connection_breaks(broken);
            t.advance(500);
            t.client_reports(Event::Disconnected);
            t.assert_quiet();
            assert_eq!(t.logged("connection lost"), 1);
        }
    }
}

/// Messages before the end of a connection are delivered.
#[test]
fn what_came_before_the_end_counts() {
    let t = Script::connected();
    t.broker_sends(&publish("/a", "one"));
    t.broker_sends(&publish("/a", "two"));
    t.connection_breaks(Broken::Closed);
    t.advance(10);
    t.client_reports(message(None, "/a", "one"));
    t.client_reports(message(None, "/a", "two"));
    t.client_reports(Event::Disconnected);
}

/// A Yield takes all that is there, and its whole time.
#[test]
fn many_messages_arrive_in_one_yield() {
    let t = Script::connected();
    for number in 0..1000 {
        t.broker_sends_in(number / 10, &publish("/a", number.to_string()));
    }
    t.advance(200);
    for number in 0..1000 {
        t.client_reports(message(None, "/a", &number.to_string()));
    }
}

/// Something that may come from a broker, in order, damaged, or not from a broker at all.
fn anything() -> impl Strategy<Value = Vec<u8>> {
    let packet = prop::sample::select(vec![
        publish("/a", "x").to_vec(),
        publish("/a", "x").qos(1, 7).to_vec(),
        publish("/a", "x").qos(2, 7).dup().to_vec(),
        publish("/a", [b'x'; 100]).to_vec(),
        puback(1),
        pubrec(1),
        packet(0x62, &[0, 7]),
        pubcomp(1),
        suback(2, 0),
        unsuback(3),
        PINGRESP.to_vec(),
        connack(true, 0),
    ]);
    let damaged = (packet.clone(), any::<prop::sample::Index>(), any::<u8>());
    prop_oneof![
        6 => packet,
        2 => damaged.prop_map(|(mut packet, at, byte)| {
            let at = at.index(packet.len());
            packet[at] = byte;
            packet
        }),
        1 => prop::collection::vec(any::<u8>(), 0..10),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    /// mqtt-15.23: whatever arrives, in whatever pieces: the client goes on, or closes the connection and comes back.
    #[test]
    fn nothing_that_arrives_does_harm(
        stream in prop::collection::vec((anything(), 0u64..300), 1..20),
        piece in 1usize..60,
        fills in any::<bool>(),
    ) {
        let t = Script::connected_with(Setup { read_buffer: 40, ..Setup::default() });
        t.platform(|platform| {
            platform.piece = piece;
            platform.fills = fills;
        });
        assert_eq!(t.publish("/p", "x"), 1);
        assert!(t.client.subscribe(b"/b", QoS::ExactlyOnce, "one").is_ok());
        assert!(t.client.unsubscribe(b"/c").is_ok());
        for (bytes, pause) in stream {
            t.broker_sends(&bytes);
            t.advance(20);
            t.sleep(pause);
        }
        // Half a packet, or a lost connection, is got over.
        for _ in 0..20 {
            t.advance(1000);
            t.sleep(100);
        }
        prop_assert!(t.client.is_connected());
        t.take_reports();
        t.broker_sends(&publish("/z", "last"));
        t.advance(10);
        t.broker_acknowledges();
        let reports = t.take_reports();
        prop_assert!(reports.contains(&message(None, "/z", "last").into()), "{reports:?}");
    }
}
