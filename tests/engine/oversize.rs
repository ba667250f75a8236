//! Packets that are larger than the read buffer, and payloads that are larger than the application can be told.

use iotkit::{
    mqtt::{Config, Event},
    wire::mqtt::QoS,
};

use crate::script::{
    CONFIG, Script, Setup, message,
    packet::{packet, puback, pubcomp, publish, pubrec, pubrel},
};

fn with_buffer(read_buffer: usize) -> Script {
    Script::connected_with(Setup {
        read_buffer,
        ..Setup::default()
    })
}

/// mqtt-15.20: a packet that fills the buffer exactly, and one byte more; the next one is understood.
#[test]
fn a_packet_fits_to_the_last_byte() {
    for payload in [0, 1, 121, 122, 123, 124, 500] {
        let payload = "x".repeat(payload);
        let packet = publish("/a", &payload);
        for piece in [1, 3, usize::MAX] {
            for (room, fits) in [(packet.len(), true), (packet.len() - 1, false)] {
                let t = with_buffer(room);
                t.platform(|platform| platform.piece = piece);
                t.broker_sends(&packet);
                t.broker_sends(&publish("/", ""));
                t.advance(10);
                if fits {
                    t.client_reports(message(None, "/a", &payload));
                } else {
                    t.client_reports(Event::Overflow);
                }
                t.client_reports(message(None, "/", ""));
                t.assert_quiet();
                assert!(t.is_open());
            }
        }
    }
}

/// mqtt-15.20: a large packet passes through a small buffer, without memory for it.
#[test]
fn a_megabyte_passes() {
    for room in [5, 64, 1024] {
        let t = with_buffer(room);
        t.broker_sends(&publish("/a", vec![b'x'; 1 << 20]));
        t.broker_sends(&publish("/", ""));
        t.advance(10);
        t.client_reports(Event::Overflow);
        t.client_reports(message(None, "/", ""));
        t.assert_quiet();
    }
}

/// A stored session would bring it again at every connection.
#[test]
fn a_message_that_does_not_fit_is_acknowledged_all_the_same() {
    for room in [5, 6, 7, 8, 9, 10, 100] {
        for piece in [1, usize::MAX] {
            let t = with_buffer(room);
            t.platform(|platform| platform.piece = piece);
            t.broker_sends(&publish("/a/topic", [b'x'; 200]).qos(1, 0x0102));
            t.advance_with(10, &mut |t, _| t.assert_nothing_sent());
            t.client_reports(Event::Overflow);
            t.broker_expects(&puback(0x0102));
            t.assert_quiet();

            t.broker_sends(&publish("/a/topic", [b'x'; 200]).qos(2, 0x0304));
            t.broker_sends(&publish("/a/topic", [b'x'; 200]).qos(2, 0x0304).dup());
            t.broker_sends(&pubrel(0x0304));
            t.advance(10);
            t.client_reports(Event::Overflow);
            t.broker_expects(&pubrec(0x0304));
            t.broker_expects(&pubrec(0x0304));
            t.broker_expects(&pubcomp(0x0304));
            t.assert_quiet();
        }
    }
}

/// mqtt-15.20: cut at any place by the end of a Yield, it is told once.
#[test]
fn a_large_packet_may_be_cut_anywhere() {
    let packet = publish("/a", [b'x'; 50]).qos(1, 7);
    for cut in 1..packet.len() {
        let t = with_buffer(20);
        t.broker_sends(&packet[..cut]);
        t.advance(10);
        t.assert_quiet();
        t.broker_sends(&packet[cut..]);
        t.broker_sends(&publish("/", ""));
        t.advance(10);
        t.client_reports(Event::Overflow);
        t.broker_expects(&puback(7));
        t.client_reports(message(None, "/", ""));
        t.assert_quiet();
    }
}

/// The end of a large packet must come, as that of any other.
#[test]
fn a_large_packet_that_does_not_end_closes_the_connection() {
    let t = with_buffer(20);
    t.broker_sends(&packet(0x30, &[b'x'; 300])[..250]);
    t.advance(CONFIG.request_timeout + 100);
    t.client_reports(Event::Disconnected);
    assert!(!t.is_open());
    t.assert_quiet();
}

/// mqtt-15.24: a payload of more than 65,535 bytes cannot be told, even if it fits the buffer.
#[test]
fn a_payload_has_at_most_what_its_length_can_say() {
    for (len, fits) in [(65_535, true), (65_536, false)] {
        for qos in [0, 1, 2] {
            let t = with_buffer(100_000);
            let payload = "x".repeat(len);
            let packet = match qos {
                0 => publish("/a", &payload),
                qos => publish("/a", &payload).qos(qos, 7),
            };
            t.broker_sends(&packet);
            t.advance(10);
            match (fits, QoS::from_bits(qos)) {
                (true, Some(QoS::AtMostOnce)) => t.client_reports(message(None, "/a", &payload)),
                (true, Some(level)) => {
                    t.client_reports(message(None, "/a", &payload).qos(level, 7));
                }
                _ => t.client_reports(Event::Overflow),
            }
            match qos {
                1 => t.broker_expects(&puback(7)),
                2 => t.broker_expects(&pubrec(7)),
                _ => {}
            }
            t.assert_quiet();
        }
    }
}

/// A large packet is a sign of life.
#[test]
fn a_large_packet_answers_a_ping() {
    let config = Config {
        keep_alive: 60_000,
        ..CONFIG
    };
    let t = Script::connected_with(Setup {
        config,
        read_buffer: 20,
        ..Setup::default()
    });
    t.advance_until_due(60_000);
    t.broker_expects(&crate::script::packet::PINGREQ);
    t.broker_sends(&publish("/a", [b'x'; 100]));
    t.advance(31_000);
    t.client_reports(Event::Overflow);
    assert!(t.is_open());
}
