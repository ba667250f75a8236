//! Yield inside handlers: applications wait there for replies.

use iotkit::{client::Error, hal::Broken, mqtt::Event, wire::mqtt::QoS};

use crate::script::{
    CONFIG, Report, Script, Setup, memory, message,
    packet::{puback, publish, suback, unsuback},
    packet_id,
};

/// Inside the handler of message `n`, waits for message `n + 1`, down to `depth`.
fn wait_inside(t: &Script, report: &Report, depth: u32, order: &mut Vec<u32>) {
    let Report::Message(told) = report else {
        panic!("{report:?}");
    };
    let number: u32 = told.payload.parse().expect("a number");
    if number < depth {
        t.broker_sends(&publish("/a", (number + 1).to_string()).qos(1, number as u16 + 2));
        t.advance_with(20, &mut |t, report| wait_inside(t, report, depth, order));
    }
    // The script checks that the message of this handler has not changed meanwhile.
    order.push(number);
}

#[test]
fn a_handler_may_wait_for_the_next_message_four_deep() {
    for depth in 0..=4 {
        let t = Script::connected();
        let mut order = Vec::new();
        t.broker_sends(&publish("/a", "0").qos(1, 1));
        t.advance_with(1000, &mut |t, report| {
            wait_inside(t, report, depth, &mut order);
        });
        let inside_out: Vec<_> = (0..=depth).rev().collect();
        assert_eq!(order, inside_out);
        for number in 0..=depth {
            let told = message(None, "/a", &number.to_string());
            t.client_reports(told.qos(QoS::AtLeastOnce, number as u16 + 1));
        }
        // Each is acknowledged when its handler is done.
        for number in inside_out {
            t.broker_expects(&puback(number as u16 + 1));
        }
        t.assert_quiet();

        // The application's buffer is in use again.
        t.broker_sends(&publish("/a", "after"));
        t.advance(10);
        t.client_reports(message(None, "/a", "after"));
    }
}

/// Deeper, there is no buffer: Yield takes its time, and says so. What is there is not lost.
#[test]
fn deeper_there_is_no_buffer() {
    fn dive(t: &Script, depth: u32) {
        t.broker_sends(&publish("/a", (depth + 1).to_string()));
        let (result, took) = t.run_with(50, &mut |t, _| dive(t, depth + 1));
        assert_eq!(took, 50);
        let expected = if depth < 4 {
            Ok(())
        } else {
            Err(Error::NoBuffer)
        };
        assert_eq!(result, expected, "{depth}");
    }

    let t = Script::connected();
    t.broker_sends(&publish("/a", "0"));
    t.advance_with(1000, &mut |t, report| {
        if *report == message(None, "/a", "0").into() {
            dive(t, 0);
        }
    });
    for number in 0..=5 {
        t.client_reports(message(None, "/a", &number.to_string()));
    }
    t.assert_quiet();
}

#[test]
fn without_memory_a_handler_cannot_wait_for_messages() {
    let t = Script::connected();
    t.broker_sends(&publish("/a", "0"));
    t.advance_with(100, &mut |t, report| {
        if *report != message(None, "/a", "0").into() {
            return;
        }
        t.broker_sends(&publish("/a", "1"));
        let (result, took) = memory::without(|| t.run_with(30, &mut |_, _| {}));
        assert_eq!((result, took), (Err(Error::NoBuffer), 30));
    });
    t.client_reports(message(None, "/a", "0"));
    t.client_reports(message(None, "/a", "1"));
}

/// A packet that has begun in a buffer beside the application's is finished there.
#[test]
fn a_packet_may_begin_inside_a_handler_and_end_outside() {
    let packet = publish("/a", "inside");
    for cut in 1..packet.len() {
        for piece in [1, usize::MAX] {
            let t = Script::connected();
            t.platform(|platform| platform.piece = piece);
            t.broker_sends(&publish("/a", "0"));
            t.advance_with(100, &mut |t, report| {
                if *report == message(None, "/a", "0").into() {
                    t.broker_sends(&packet[..cut]);
                    t.advance(10);
                    t.broker_sends_in(20, &packet[cut..]);
                }
            });
            t.client_reports(message(None, "/a", "0"));
            t.client_reports(message(None, "/a", "inside"));
            t.broker_sends(&publish("/a", "after"));
            t.advance(10);
            t.client_reports(message(None, "/a", "after"));
            t.assert_quiet();
        }
    }
}

/// A message of the largest size fits the other buffers, too, with the byte behind it that applications overwrite.
#[test]
fn the_other_buffers_are_as_large() {
    let packet = publish("/a", "x".repeat(100));
    let t = Script::connected_with(Setup {
        read_buffer: packet.len(),
        ..Setup::default()
    });
    t.broker_sends(&publish("/a", "0"));
    t.advance_with(100, &mut |t, report| {
        if *report == message(None, "/a", "0").into() {
            t.broker_sends(&packet);
            t.broker_sends(&publish("/a", "x".repeat(101)));
            t.advance(10);
        }
    });
    t.client_reports(message(None, "/a", "0"));
    t.client_reports(message(None, "/a", &"x".repeat(100)));
    t.client_reports(Event::Overflow);
    t.assert_quiet();
}

/// The events of requests made inside a handler come inside it, if it waits.
#[test]
fn a_handler_may_wait_for_its_acknowledgement() {
    let t = Script::connected();
    t.broker_sends(&publish("/a", "question"));
    let mut answered = false;
    t.advance_with(500, &mut |t, report| {
        if *report == message(None, "/a", "question").into() {
            let id = t.publish("/b", "answer");
            t.broker_expects(&publish("/b", "answer").qos(1, id));
            t.broker_sends_in(20, &puback(id));
            t.advance_with(100, &mut |_, report| {
                let acknowledged =
                    matches!(report, Report::Event(Event::Published(told)) if told.get() == id);
                answered |= acknowledged;
            });
            assert!(answered);
        }
    });
    t.client_reports(message(None, "/a", "question"));
    t.client_reports(Event::Published(packet_id(1)));
}

/// A connection that is lost inside a handler is another one when the handler is done: its answer is not sent there.
#[test]
fn an_answer_belongs_to_its_connection() {
    let t = Script::connected();
    t.broker_sends(&publish("/a", "x").qos(1, 7));
    t.advance_with(3000, &mut |t, report| {
        if *report == message(None, "/a", "x").qos(QoS::AtLeastOnce, 7).into() {
            t.connection_breaks(Broken::Closed);
            t.advance(1500);
        }
    });
    t.client_reports(message(None, "/a", "x").qos(QoS::AtLeastOnce, 7));
    t.client_reports(Event::Disconnected);
    t.broker_expects_connect(CONFIG);
    t.client_reports(Event::Reconnected);
    t.assert_quiet();
}

/// mqtt-15.32: every call but Yield and Destroy works inside every event; the script's locks notice if one is taken
/// twice.
#[test]
fn every_call_works_inside_every_event() {
    let t = Script::connected();
    t.subscribe("/a", "one");
    let mut inside = Vec::new();
    let mut call = |t: &Script, report: &Report| {
        inside.push(report.clone());
        let connected = t.client.is_connected();
        let publish = t
            .client
            .publish(b"/p", b"x", QoS::AtMostOnce, false)
            .is_ok();
        let again = t.client.publish(b"/p", b"x", QoS::AtLeastOnce, false);
        let subscribe = t.client.subscribe(b"/s", QoS::AtMostOnce, "two").is_ok();
        let unsubscribe = t.client.unsubscribe(b"/u").is_ok();
        assert!(publish == connected && subscribe == connected && unsubscribe == connected);
        // The window may be full.
        assert!(connected || again == Err(Error::NotConnected));
        assert_eq!(connected, *report != Event::Disconnected.into());
    };
    let id = t.publish("/q", "x");
    assert_eq!(id, 2);
    let subscribe = |filter: &str| {
        t.client
            .subscribe(filter.as_bytes(), QoS::AtMostOnce, "two")
    };
    assert!(subscribe("/granted").is_ok()); // 3
    assert!(subscribe("/refused").is_ok()); // 4
    assert!(subscribe("/silence").is_ok()); // 5
    assert!(t.client.unsubscribe(b"/ended").is_ok()); // 6
    assert!(t.client.unsubscribe(b"/silence").is_ok()); // 7
    for packet in [
        &publish("/a", "to a handler")[..],
        &publish("/b", "to nobody"),
        &publish("/a", [b'x'; 5000]),
        &puback(2),
        &suback(3, 0),
        &suback(4, 0x80),
        &unsuback(6),
    ] {
        t.broker_sends(packet);
    }
    t.advance_with(4001, &mut call);
    t.connection_breaks(Broken::Closed);
    t.advance_with(2000, &mut call);

    let id = packet_id;
    let expected: [Report; 11] = [
        message(Some("one"), "/a", "to a handler").into(),
        message(None, "/b", "to nobody").into(),
        Event::Overflow.into(),
        Event::Published(id(2)).into(),
        Event::Subscribed(id(3)).into(),
        Event::SubscribeRefused(id(4)).into(),
        Event::Unsubscribed(id(6)).into(),
        Event::SubscribeTimedOut(id(5)).into(),
        Event::UnsubscribeTimedOut(id(7)).into(),
        Event::Disconnected.into(),
        Event::Reconnected.into(),
    ];
    for report in expected {
        assert!(inside.contains(&report), "{report:?}: {inside:?}");
    }
    t.take_reports();
    t.broker_acknowledges();
}
