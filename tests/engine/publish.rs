//! Messages of the application, with QoS 0 and QoS 1.

use iotkit::{client::Error, hal::Broken, mqtt::Event, wire::mqtt::QoS};

use crate::script::{
    CONFIG, Script, Setup, Write,
    packet::{puback, publish, subscribe},
    packet_id,
};

const RETRY: u32 = 2 * CONFIG.request_timeout;

#[test]
fn qos_0_is_sent_and_forgotten() {
    let t = Script::connected();
    for (payload, retain) in [("x", false), ("", false), ("kept", true)] {
        let id = t
            .client
            .publish(b"/a/b", payload.as_bytes(), QoS::AtMostOnce, retain);
        assert_eq!(id, Ok(None));
        let packet = publish("/a/b", payload);
        t.broker_expects(&if retain { packet.retain() } else { packet });
    }
    t.advance(3 * RETRY);
    t.assert_quiet();
}

#[test]
fn qos_1_is_acknowledged_with_its_id() {
    let t = Script::connected();
    for id in 1..=3 {
        assert_eq!(t.publish("/a", "x"), id);
        t.broker_expects(&publish("/a", "x").qos(1, id));
    }
    // In any order.
    for id in [2, 1, 3] {
        t.broker_sends(&puback(id));
    }
    t.advance(RETRY + 1);
    for id in [2, 1, 3] {
        t.client_reports(Event::Published(packet_id(id)));
    }
    t.assert_quiet();
}

/// mqtt-15.16: in this order.
#[test]
fn the_first_reason_not_to_publish_counts() {
    let t = Script::connected();
    let big = [b'x'; 2000];
    let publish = |topic: &[u8], payload: &[u8], qos| t.client.publish(topic, payload, qos, false);
    assert_eq!(publish(b"a", &big, QoS::ExactlyOnce), Err(Error::BadTopic));
    assert_eq!(publish(b"/+", &big, QoS::AtMostOnce), Err(Error::BadTopic));
    assert_eq!(publish(b"/a", &big, QoS::ExactlyOnce), Err(Error::BadQoS));
    assert_eq!(publish(b"/a", &big, QoS::AtLeastOnce), Err(Error::TooLarge));
    assert_eq!(publish(b"/a", &big, QoS::AtMostOnce), Err(Error::TooLarge));
    t.connection_breaks(Broken::Closed);
    t.advance(10);
    t.client_reports(Event::Disconnected);
    assert_eq!(publish(b"a", b"", QoS::AtMostOnce), Err(Error::BadTopic));
    assert_eq!(
        publish(b"/a", &big, QoS::ExactlyOnce),
        Err(Error::NotConnected)
    );
}

/// mqtt-15.17: payloads around the buffer's limit, and around the limits of the remaining length.
#[test]
fn the_largest_packet_fills_the_buffer() {
    for remaining in [126, 127, 128, 129, 16_382, 16_383, 16_384, 16_385] {
        for qos in [0, 1] {
            let overhead = 2 + "/a".len() + 2 * usize::from(qos);
            let payload = "x".repeat(remaining - overhead);
            let level = QoS::from_bits(qos).expect("a QoS");
            let packet = match qos {
                0 => publish("/a", &payload),
                _ => publish("/a", &payload).qos(1, 1),
            };
            for (room, good) in [(packet.len() - 1, false), (packet.len(), true)] {
                let t = Script::connected_with(Setup {
                    write_buffer: room,
                    ..Setup::default()
                });
                let sent = t.client.publish(b"/a", payload.as_bytes(), level, false);
                if good {
                    let id = (qos == 1).then(|| packet_id(1));
                    assert_eq!(sent, Ok(id), "{remaining}");
                    t.broker_expects(&packet);
                } else {
                    assert_eq!(sent, Err(Error::TooLarge), "{remaining}");
                }
            }
        }
    }
}

/// mqtt-15.18: the window, and how it is left.
#[test]
fn twenty_messages_may_wait() {
    let t = Script::connected();
    for id in 1..=20 {
        assert_eq!(t.publish("/a", "x"), id);
        t.broker_expects(&publish("/a", "x").qos(1, id));
    }
    let one_more = || t.client.publish(b"/a", b"x", QoS::AtLeastOnce, false);
    assert_eq!(one_more(), Err(Error::Full));
    t.broker_sends(&puback(7));
    // The place is free before the application is told.
    t.advance_with(10, &mut |t, _| {
        t.publish("/a", "inside");
    });
    t.client_reports(Event::Published(packet_id(7)));
    t.broker_expects(&publish("/a", "inside").qos(1, 22));
    assert_eq!(one_more(), Err(Error::Full));
    // Others are not held up.
    assert_eq!(
        t.client.publish(b"/b", b"", QoS::AtMostOnce, false),
        Ok(None)
    );
    t.broker_expects(&publish("/b", ""));
}

/// mqtt-15.18: sent again after twice the request timeout, marked, with the same id, for as long as it takes.
#[test]
fn what_is_not_acknowledged_is_sent_again() {
    let t = Script::connected();
    let id = t.publish("/a", "x");
    t.broker_expects(&publish("/a", "x").qos(1, id));
    for _ in 0..10 {
        t.advance_until_due(RETRY);
        t.broker_expects(&publish("/a", "x").qos(1, id).dup());
    }
    t.broker_sends(&puback(id));
    t.advance(2 * RETRY);
    t.client_reports(Event::Published(packet_id(id)));
    t.assert_quiet();
}

#[test]
fn a_kept_message_stays_kept_when_it_is_sent_again() {
    let t = Script::connected();
    let id = t.client.publish(b"/a", b"x", QoS::AtLeastOnce, true);
    assert_eq!(id, Ok(Some(packet_id(1))));
    t.broker_expects(&publish("/a", "x").qos(1, 1).retain());
    t.advance_until_due(RETRY);
    t.broker_expects(&publish("/a", "x").qos(1, 1).retain().dup());
}

/// mqtt-15.18: messages fall due one by one, in the order in which they were published.
#[test]
fn each_message_has_its_own_time() {
    let t = Script::connected();
    for id in 1..=3 {
        t.publish("/a", "x");
        t.broker_expects(&publish("/a", "x").qos(1, id));
        t.advance(1000);
    }
    for id in 1..=3 {
        t.advance_until_due(1000);
        t.broker_expects(&publish("/a", "x").qos(1, id).dup());
    }
}

/// mqtt-15.19: acknowledgements that nobody waits for.
#[test]
fn stray_acknowledgements_are_not_told() {
    let t = Script::connected();
    let id = t.publish("/a", "x");
    t.broker_expects(&publish("/a", "x").qos(1, id));
    t.broker_sends(&puback(4711));
    t.broker_sends(&puback(id));
    t.broker_sends(&puback(id));
    t.advance(10);
    t.client_reports(Event::Published(packet_id(id)));
    t.assert_quiet();
    assert!(t.client.is_connected());
    assert_eq!(t.logged("nobody waits for"), 2);
}

/// mqtt-15.19: ids go round, and those in use are passed over.
#[test]
fn ids_wrap_and_do_not_collide() {
    let t = Script::connected();
    assert_eq!(t.publish("/kept", "x"), 1);
    t.broker_expects(&publish("/kept", "x").qos(1, 1));
    let request = t.client.subscribe(b"/kept", QoS::AtMostOnce, "one");
    assert_eq!(request, Ok(packet_id(2)));
    t.broker_expects(&subscribe(2, "/kept", 0));
    // Quickly, before the two are sent again or given up.
    let ids: Vec<_> = (3..=u16::MAX).collect();
    for window in ids.chunks(19) {
        for id in window {
            assert_eq!(t.publish("/a", "x"), *id);
            t.broker_expects(&publish("/a", "x").qos(1, *id));
            t.broker_sends(&puback(*id));
        }
        t.advance(1);
        for id in window {
            t.client_reports(Event::Published(packet_id(*id)));
        }
    }
    assert_eq!(t.publish("/a", "x"), 3);
    t.broker_expects(&publish("/a", "x").qos(1, 3));
}

/// hal-19.11: a write that fails at once.
#[test]
fn a_message_that_cannot_be_sent_is_not_kept() {
    for (qos, broken) in [
        (QoS::AtMostOnce, Broken::Closed),
        (QoS::AtLeastOnce, Broken::Failed(-1)),
        (QoS::AtLeastOnce, Broken::Contract),
    ] {
        let t = Script::connected();
        t.will_write([Write::Breaks(broken)]);
        let sent = t.client.publish(b"/a", b"x", qos, false);
        assert_eq!(sent, Err(Error::NotSent));
        let sent = t.client.publish(b"/a", b"x", qos, false);
        assert_eq!(sent, Err(Error::NotConnected), "the connection is lost");
        t.advance(10);
        t.client_reports(Event::Disconnected);
        t.advance(10_000);
        t.broker_expects_connect(CONFIG);
        t.client_reports(Event::Reconnected);
        t.assert_quiet();
    }
}
