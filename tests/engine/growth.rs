//! Buffers that grow to what a packet needs, and handlers that are asked once: what one connection for many is given.

use iotkit::{
    client::{Error, Growth},
    mqtt::{Config, Event},
    wire::mqtt::QoS,
};

use crate::script::{
    CONFIG, Script, Setup, message,
    packet::{puback, publish, subscribe, unsubscribe},
    packet_id,
};

const MOST: usize = 4096;

static GROWTH: Growth<Vec<u8>> = Growth {
    room: 128..MOST,
    grow: |buffer, len| {
        if buffer.try_reserve_exact(len - buffer.len()).is_ok() {
            buffer.resize(len, 0xa5);
        }
    },
    free: |buffer| *buffer = Vec::new(),
};

fn growing() -> Script {
    Script::connected_with(Setup {
        read_buffer: 0,
        write_buffer: 0,
        growth: Some(&GROWTH),
        ..Setup::default()
    })
}

fn payload_for(len: usize) -> Vec<u8> {
    let payload = vec![b'x'; len - publish("/a", "").len() - 1]; // a longer length field
    assert_eq!(publish("/a", &payload).len(), len);
    payload
}

#[test]
fn a_packet_is_received_up_to_the_largest_size() {
    for piece in [1, 3, usize::MAX] {
        let t = growing();
        t.platform(|platform| platform.piece = piece);
        for len in [300, 200, MOST - 2, MOST - 1, 140] {
            let payload = payload_for(len);
            t.broker_sends(&publish("/a", &payload).qos(1, 7));
            t.advance(10);
            // Two bytes for its id.
            if len + 2 <= MOST {
                let text = String::from_utf8(payload).expect("ASCII");
                t.client_reports(message(None, "/a", &text).qos(QoS::AtLeastOnce, 7));
            } else {
                t.client_reports(Event::Overflow);
            }
            t.broker_expects(&puback(7));
        }
        t.assert_quiet();
        assert!(t.is_open());
    }
}

#[test]
fn a_packet_is_sent_up_to_the_largest_size() {
    let t = growing();
    for len in [300, 200, MOST] {
        let payload = payload_for(len);
        let sent = t.client.publish(b"/a", &payload, QoS::AtMostOnce, false);
        assert_eq!(sent, Ok(None));
        t.broker_expects(&publish("/a", &payload));
    }
    let payload = payload_for(MOST + 1);
    let sent = t.client.publish(b"/a", &payload, QoS::AtMostOnce, false);
    assert_eq!(sent, Err(Error::TooLarge));
    t.assert_quiet();
}

#[test]
fn a_message_inside_a_handler_may_be_larger_than_the_first_size() {
    let t = growing();
    let large = "y".repeat(1000);
    t.broker_sends(&publish("/a", "outside"));
    t.advance_with(100, &mut |t, _| {
        t.broker_sends(&publish("/a", &large));
        t.advance_with(50, &mut |_, _| {});
    });
    t.client_reports(message(None, "/a", "outside"));
    t.client_reports(message(None, "/a", &large));
    t.assert_quiet();
}

#[test]
fn a_handler_is_asked_once_however_many_filters_match() {
    let config = Config {
        once: true,
        ..CONFIG
    };
    let t = Script::connected_with(Setup {
        config,
        ..Setup::default()
    });
    for (filter, handler) in [
        ("/a/+", "all"),
        ("/a/b", "all"),
        ("/a/b", "other"),
        ("/a/#", "all"),
        ("/+/b", "other"),
        ("/#", "third"),
    ] {
        t.subscribe(filter, handler);
    }
    t.broker_sends(&publish("/a/b", "1"));
    t.advance(10);
    for handler in ["all", "other", "third"] {
        t.client_reports(message(Some(handler), "/a/b", "1"));
    }
    t.broker_sends(&publish("/x", "2"));
    t.advance(10);
    t.client_reports(message(Some("third"), "/x", "2"));
    t.assert_quiet();
}

#[test]
fn the_id_of_a_request_is_noted_before_the_request_is_sent() {
    let t = growing();
    let mut noted = None;
    let asked = t
        .client
        .subscribe_noted(b"/a", QoS::AtLeastOnce, "handler", |id| {
            t.assert_nothing_sent();
            noted = Some(id);
        });
    assert_eq!(asked.ok(), noted);
    assert_eq!(noted, Some(packet_id(1)));
    t.broker_expects(&subscribe(1, "/a", 1));
    let asked = t.client.unsubscribe_noted(b"/a", |id| noted = Some(id));
    assert_eq!(asked.ok(), noted);
    assert_eq!(noted, Some(packet_id(2)));
    t.broker_expects(&unsubscribe(2, "/a"));
}
