//! Filters, their handlers, and what the broker says to them.

use iotkit::{client::Error, mqtt::Event, wire::mqtt::QoS};

use crate::script::{
    CONFIG, Handler, Script, message,
    packet::{publish, suback, subscribe, unsuback, unsubscribe},
    packet_id,
};

const PATIENCE: u32 = 2 * CONFIG.request_timeout;

/// A message comes for this topic: who gets it.
fn receivers(t: &Script, topic: &str) -> Vec<Option<Handler>> {
    let mut receivers = Vec::new();
    t.broker_sends(&publish(topic, "x"));
    t.advance_with(1, &mut |t, report| {
        let handler = match report {
            crate::script::Report::Message(message) => message.handler,
            crate::script::Report::Event(event) => panic!("{event:?}"),
        };
        t.client_reports(message(handler, topic, "x"));
        receivers.push(handler);
    });
    receivers
}

#[test]
fn the_broker_is_asked_with_every_qos() {
    let t = Script::connected();
    for (qos, id) in [
        (QoS::AtMostOnce, 1),
        (QoS::AtLeastOnce, 2),
        (QoS::ExactlyOnce, 3),
    ] {
        let request = t.client.subscribe(b"/a/+/#", qos, "one");
        assert_eq!(request, Ok(packet_id(id)));
        t.broker_expects(&subscribe(id, "/a/+/#", qos as u8));
    }
    // What is granted may be less than what was asked for.
    for id in [3, 1, 2] {
        t.broker_sends(&suback(id, 0));
    }
    t.advance(PATIENCE + 1);
    for id in [3, 1, 2] {
        t.client_reports(Event::Subscribed(packet_id(id)));
    }
}

#[test]
fn a_handler_gets_messages_once_it_is_granted() {
    let t = Script::connected();
    assert!(t.client.subscribe(b"/a", QoS::AtMostOnce, "one").is_ok());
    t.broker_expects(&subscribe(1, "/a", 0));
    assert_eq!(receivers(&t, "/a"), [None]);
    t.broker_sends(&suback(1, 0));
    t.advance(1);
    t.client_reports(Event::Subscribed(packet_id(1)));
    assert_eq!(receivers(&t, "/a"), [Some("one")]);
}

/// mqtt-15.14: every filter that matches, each once, in the order of subscription; the default if there is none.
#[test]
fn each_matching_handler_is_called_once() {
    let t = Script::connected();
    t.subscribe("/t/+", "first");
    t.subscribe("/t/one", "second");
    t.subscribe("/t/one", "third");
    t.subscribe("/#", "fourth");
    t.subscribe("/t/two", "fifth");
    assert_eq!(
        receivers(&t, "/t/one"),
        [Some("first"), Some("second"), Some("third"), Some("fourth")]
    );
    assert_eq!(
        receivers(&t, "/t/two"),
        [Some("first"), Some("fourth"), Some("fifth")]
    );
    assert_eq!(receivers(&t, "/other"), [Some("fourth")]);
    assert_eq!(receivers(&t, "other"), [None]);
}

/// mqtt-15.12 and mqtt-15.13, over the whole path: filters match by the standard.
#[test]
fn wildcards_match_by_the_standard() {
    for (filter, topic, matching) in [
        ("/a/#", "/a", true),
        ("/a/#", "/a/", true),
        ("/a/+", "/a/", true),
        ("/a/+", "/a", false),
        ("/a/+/c", "/a//c", true),
        ("/+", "/", true),
        ("/#", "/", true),
        ("/a/#", "/a//b", true),
        ("/a//b", "/a//b", true),
        ("/a//b", "/a/b", false),
        ("/#", "//a", true),
        ("/+/x", "/$SYS/x", true),
        ("/#", "$SYS/x", false),
        ("/a", "/a/", false),
        ("/a/", "/a", false),
    ] {
        let t = Script::connected();
        t.subscribe(filter, "one");
        let expected = if matching { Some("one") } else { None };
        assert_eq!(receivers(&t, topic), [expected], "{filter} {topic}");
    }
}

/// mqtt-15.12: what may be asked for; for a bad filter the connection does not matter to Unsubscribe, but to Subscribe.
#[test]
fn bad_filters_are_refused() {
    let t = Script::connected();
    let long = format!("/{}", "x".repeat(128));
    for filter in [
        "a", "", "/", "//", "/a+", "/#/a", "/a/#/", "$SYS/x", "/\u{7f}", &long,
    ] {
        let filter = filter.as_bytes();
        let request = t.client.subscribe(filter, QoS::AtMostOnce, "one");
        assert_eq!(request, Err(Error::BadTopic));
        assert_eq!(t.client.unsubscribe(filter), Err(Error::BadTopic));
    }
    let longest = &long[..128];
    assert!(
        t.client
            .subscribe(longest.as_bytes(), QoS::AtMostOnce, "one")
            .is_ok()
    );
    t.broker_expects(&subscribe(1, longest, 0));
    assert!(t.client.unsubscribe(longest.as_bytes()).is_ok());
    t.broker_expects(&unsubscribe(2, longest));

    t.connection_breaks(iotkit::hal::Broken::Closed);
    t.advance(1);
    t.client_reports(Event::Disconnected);
    let request = t.client.subscribe(b"a", QoS::AtMostOnce, "one");
    assert_eq!(request, Err(Error::NotConnected));
    assert_eq!(t.client.unsubscribe(b"a"), Err(Error::BadTopic));
    assert_eq!(t.client.unsubscribe(b"/a"), Err(Error::NotConnected));
}

/// mqtt-15.15: the same filter with the same handler is one subscription, with another one it is another.
#[test]
fn subscribing_twice_is_subscribing_once() {
    let t = Script::connected();
    t.subscribe("/a", "one");
    t.subscribe("/a", "one");
    // Also if both are under way at the same time.
    for id in [3, 4] {
        let request = t.client.subscribe(b"/b", QoS::AtMostOnce, "one");
        assert_eq!(request, Ok(packet_id(id)));
        t.broker_expects(&subscribe(id, "/b", 0));
    }
    t.broker_sends(&suback(3, 0));
    t.broker_sends(&suback(4, 0));
    t.advance(1);
    t.client_reports(Event::Subscribed(packet_id(3)));
    t.client_reports(Event::Subscribed(packet_id(4)));
    assert_eq!(receivers(&t, "/a"), [Some("one")]);
    assert_eq!(receivers(&t, "/b"), [Some("one")]);
    t.subscribe("/a", "two");
    assert_eq!(receivers(&t, "/a"), [Some("one"), Some("two")]);
}

/// mqtt-15.15: Unsubscribe ends all subscriptions of its filter, and no others, when the broker has answered.
#[test]
fn unsubscribing_ends_all_handlers_of_the_filter() {
    let t = Script::connected();
    t.subscribe("/a", "one");
    t.subscribe("/a", "two");
    t.subscribe("/+", "three");
    assert_eq!(t.client.unsubscribe(b"/a"), Ok(packet_id(4)));
    t.broker_expects(&unsubscribe(4, "/a"));
    assert_eq!(
        receivers(&t, "/a"),
        [Some("one"), Some("two"), Some("three")]
    );
    t.broker_sends(&unsuback(4));
    t.advance(1);
    t.client_reports(Event::Unsubscribed(packet_id(4)));
    assert_eq!(receivers(&t, "/a"), [Some("three")]);
    t.subscribe("/a", "one");
    assert_eq!(receivers(&t, "/a"), [Some("three"), Some("one")]);
}

/// The filter need not have been subscribed to.
#[test]
fn anything_may_be_unsubscribed() {
    let t = Script::connected();
    assert_eq!(t.client.unsubscribe(b"/never"), Ok(packet_id(1)));
    t.broker_expects(&unsubscribe(1, "/never"));
    t.broker_sends(&unsuback(1));
    t.advance(1);
    t.client_reports(Event::Unsubscribed(packet_id(1)));
}

/// A subscription that is asked for while the last one ends begins after it.
#[test]
fn subscribing_while_unsubscribing() {
    let t = Script::connected();
    t.subscribe("/a", "one");
    assert_eq!(t.client.unsubscribe(b"/a"), Ok(packet_id(2)));
    t.broker_expects(&unsubscribe(2, "/a"));
    assert!(t.client.subscribe(b"/a", QoS::AtMostOnce, "one").is_ok());
    t.broker_expects(&subscribe(3, "/a", 0));
    t.broker_sends(&unsuback(2));
    t.broker_sends(&suback(3, 0));
    t.advance(1);
    t.client_reports(Event::Unsubscribed(packet_id(2)));
    t.client_reports(Event::Subscribed(packet_id(3)));
    assert_eq!(receivers(&t, "/a"), [Some("one")]);
}

#[test]
fn a_refused_subscription_is_none() {
    let t = Script::connected();
    assert!(t.client.subscribe(b"/a", QoS::AtMostOnce, "one").is_ok());
    t.broker_expects(&subscribe(1, "/a", 0));
    t.broker_sends(&suback(1, 0x80));
    t.broker_sends(&suback(1, 0)); // too late
    t.advance(PATIENCE + 1);
    t.client_reports(Event::SubscribeRefused(packet_id(1)));
    assert_eq!(receivers(&t, "/a"), [None]);
}

/// A request that is not answered within twice the request timeout is given up; an answer that comes later is nobody's.
#[test]
fn unanswered_requests_time_out() {
    let t = Script::connected();
    t.subscribe("/a", "one");
    assert!(t.client.subscribe(b"/b", QoS::AtMostOnce, "two").is_ok());
    t.broker_expects(&subscribe(2, "/b", 0));
    t.advance(500);
    assert!(t.client.unsubscribe(b"/a").is_ok());
    t.broker_expects(&unsubscribe(3, "/a"));
    t.advance(PATIENCE - 501);
    t.assert_quiet();
    t.advance(2);
    t.client_reports(Event::SubscribeTimedOut(packet_id(2)));
    t.advance(497);
    t.assert_quiet();
    t.advance(2);
    t.client_reports(Event::UnsubscribeTimedOut(packet_id(3)));
    t.broker_sends(&suback(2, 0));
    t.broker_sends(&unsuback(3));
    t.advance(1);
    t.assert_quiet();
    assert_eq!(receivers(&t, "/b"), [None]);
    assert_eq!(receivers(&t, "/a"), [Some("one")]);
}

/// mqtt-15.15: there is no table that is full after thirty.
#[test]
fn a_thousand_filters_are_granted() {
    const NAMES: [Handler; 3] = ["one", "two", "three"];

    let t = Script::connected();
    for number in 0..1000 {
        t.subscribe(&format!("/{number}"), NAMES[number % 3]);
    }
    for number in [0, 29, 30, 31, 499, 999] {
        assert_eq!(
            receivers(&t, &format!("/{number}")),
            [Some(NAMES[number % 3])]
        );
    }
    assert_eq!(receivers(&t, "/1000"), [None]);
}

/// mqtt-15.15: many requests may wait for their answer; one more is refused, and none is lost.
#[test]
fn many_requests_may_wait() {
    const MOST: u16 = 256;

    let t = Script::connected();
    for id in 1..=MOST {
        let filter = format!("/{id}");
        let request = match id % 2 {
            0 => t
                .client
                .subscribe(filter.as_bytes(), QoS::AtMostOnce, "one"),
            _ => t.client.unsubscribe(filter.as_bytes()),
        };
        assert_eq!(request, Ok(packet_id(id)));
        t.broker_received();
    }
    let request = t.client.subscribe(b"/a", QoS::AtMostOnce, "one");
    assert_eq!(request, Err(Error::Full));
    assert_eq!(t.client.unsubscribe(b"/a"), Err(Error::Full));
    t.broker_sends(&suback(2, 0));
    t.advance(1);
    t.client_reports(Event::Subscribed(packet_id(2)));
    assert!(t.client.unsubscribe(b"/a").is_ok());
    t.broker_received();
    for id in (1..=MOST).filter(|id| *id != 2) {
        let answer = if id % 2 == 0 {
            suback(id, 0)
        } else {
            unsuback(id)
        };
        t.broker_sends(&answer);
    }
    t.advance(1);
    for id in (1..=MOST).filter(|id| *id != 2) {
        let id_told = packet_id(id);
        t.client_reports(match id % 2 {
            0 => Event::Subscribed(id_told),
            _ => Event::Unsubscribed(id_told),
        });
    }
}

/// Subscriptions may come and go while a message is handed from one to the next.
#[test]
fn handlers_may_change_while_a_message_is_delivered() {
    let t = Script::connected();
    t.subscribe("/a", "one");
    t.subscribe("/+", "two");
    t.subscribe("/#", "three");
    t.broker_sends(&publish("/a", "x"));
    t.advance_with(100, &mut |t, report| {
        if *report == message(Some("one"), "/a", "x").into() {
            assert_eq!(t.client.unsubscribe(b"/+"), Ok(packet_id(4)));
            t.broker_expects(&unsubscribe(4, "/+"));
            t.broker_sends(&unsuback(4));
            t.advance(1);
        }
    });
    t.client_reports(message(Some("one"), "/a", "x"));
    t.client_reports(Event::Unsubscribed(packet_id(4)));
    t.client_reports(message(Some("three"), "/a", "x"));
    t.assert_quiet();
}
