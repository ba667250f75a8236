//! A connection that was lost comes back.

use iotkit::{
    client::Error,
    hal::Broken,
    mqtt::{Config, Event},
    wire::mqtt::QoS,
};

use crate::script::{
    CONFIG, Opening, Script, Setup, message,
    packet::{
        PINGREQ, connack, connect, puback, publish, suback, subscribe, unsuback, unsubscribe,
    },
    packet_id,
};

/// A client of a broker that keeps the session.
fn kept() -> Script {
    let config = Config {
        clean_session: false,
        ..CONFIG
    };
    Script::connected_with(Setup {
        config,
        ..Setup::default()
    })
}

/// The connection breaks; the application is told.
fn lose(t: &Script) {
    t.connection_breaks(Broken::Closed);
    t.advance(1);
    t.client_reports(Event::Disconnected);
    t.assert_quiet();
    assert!(!t.is_open() && !t.client.is_connected());
}

/// mqtt-15.26: what is told, in which order, and what calls say meanwhile.
#[test]
fn a_lost_connection_comes_back_after_a_second() {
    let t = Script::connected();
    lose(&t);
    let publish = || t.client.publish(b"/a", b"x", QoS::AtLeastOnce, false);
    assert_eq!(publish(), Err(Error::NotConnected));
    let subscribe = t.client.subscribe(b"/a", QoS::AtMostOnce, "one");
    assert_eq!(subscribe, Err(Error::NotConnected));
    assert_eq!(t.client.unsubscribe(b"/a"), Err(Error::NotConnected));
    t.advance(998);
    assert_eq!(t.openings(), 1);
    t.advance(2);
    assert_eq!((t.openings(), t.renewals()), (2, 1));
    t.broker_expects_connect(CONFIG);
    t.client_reports(Event::Reconnected);
    t.assert_quiet();
    assert!(t.client.is_connected());
    assert!(publish().is_ok());
    t.broker_received();
}

/// mqtt-15.26: both are told inside one Yield, too, and inside RECONNECT the application may send.
#[test]
fn one_yield_may_see_it_all() {
    let t = Script::connected();
    t.connection_breaks_in(100, Broken::Failed(-2));
    t.advance_with(3000, &mut |t, _| {
        let sent = t.client.publish(b"/a", b"x", QoS::AtMostOnce, false);
        assert_eq!(sent.is_ok(), t.now() > 1000);
    });
    t.client_reports(Event::Disconnected);
    t.broker_expects_connect(CONFIG);
    t.client_reports(Event::Reconnected);
    t.broker_expects(&publish("/a", "x"));
    t.assert_quiet();
}

/// mqtt-15.27: the delays with the least and the most that a random number can add, and more than it may.
#[test]
fn attempts_are_made_less_and_less_often() {
    let least: &[u64] = &[
        1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000,
    ];
    let most: &[u64] = &[
        1000, 3999, 7999, 15_999, 31_999, 60_000, 60_000, 60_000, 60_000,
    ];
    let nothing: fn(u32) -> u32 = |_| 0;
    for (random, delays) in [
        (nothing, least),
        (|limit| limit - 1, most),
        // hal-19.8: a port that gives more than it was asked for.
        (|_| u32::MAX, most),
    ] {
        let t = Script::connected();
        t.platform(|platform| platform.random = random);
        lose(&t);
        let mut last = t.now();
        for (delay, attempt) in delays.iter().zip(1..) {
            t.will_open([Opening::Fails]);
            while t.renewals() < attempt {
                t.advance(1);
                assert!(t.now() - last <= delay + 1, "attempt {attempt}");
            }
            let waited = t.now() - last;
            assert!(waited.abs_diff(*delay) <= 1, "{waited} {delay}");
            last = t.now();
        }
        t.assert_quiet(); // told once

        // After a success, they begin anew.
        t.advance(60_001);
        t.broker_expects_connect(CONFIG);
        t.client_reports(Event::Reconnected);
        lose(&t);
        t.advance(1001);
        t.broker_expects_connect(CONFIG);
        t.client_reports(Event::Reconnected);
    }
}

/// mqtt-15.27: a refused CONNECT, a silent broker, and missing credentials count as attempts.
#[test]
fn every_kind_of_failure_makes_the_wait_longer() {
    let t = Script::connected();
    lose(&t);
    t.broker_will_answer_connect(&[(0, &connack(false, 3))]);
    t.advance(1001);
    t.broker_expects_connect(CONFIG);
    t.broker_will_answer_connect(&[]);
    t.advance(1990);
    t.assert_quiet();
    t.advance(20); // 2 s
    t.broker_expects_connect(CONFIG);
    t.advance(CONFIG.request_timeout);
    assert!(!t.is_open());
    t.platform(|platform| platform.renews = false);
    t.advance(4020);
    assert_eq!((t.renewals(), t.openings()), (3, 3));
    t.platform(|platform| platform.renews = true);
    t.broker_will_answer_connect(&[(0, &connack(false, 0))]);
    t.advance(7900);
    t.assert_quiet();
    t.advance(100); // 8 s
    t.broker_expects_connect(CONFIG);
    t.client_reports(Event::Reconnected);
}

/// A broker that says nothing is given up after the request timeout, also if the application yields only now and then.
#[test]
fn a_missing_connack_is_noticed_between_pauses() {
    let t = Script::connected();
    lose(&t);
    t.broker_will_answer_connect(&[]);
    t.sleep(1000);
    t.advance(10);
    t.broker_expects_connect(CONFIG);
    t.broker_will_answer_connect(&[(0, &connack(false, 0))]);
    t.sleep(2500);
    t.advance(200);
    assert!(!t.is_open(), "CONNACK is overdue");
    t.sleep(2500);
    t.advance(200);
    t.broker_expects_connect(CONFIG);
    t.client_reports(Event::Reconnected);
}

/// mqtt-15.28: strings that the application, or the signing, has changed.
#[test]
fn a_new_connection_uses_new_credentials() {
    let t = Script::connected();
    lose(&t);
    t.set_client_id("another");
    t.advance(1001);
    t.broker_expects(&connect("another", 60, true));
    t.client_reports(Event::Reconnected);
}

/// mqtt-15.28: credentials that cannot be had now, but later.
#[test]
fn without_credentials_the_attempt_waits() {
    let t = Script::connected();
    lose(&t);
    t.platform(|platform| platform.renews = false);
    t.advance(1001);
    assert_eq!((t.renewals(), t.openings()), (1, 1));
    t.advance(1990);
    assert_eq!(t.renewals(), 1, "not again and again");
    t.platform(|platform| platform.renews = true);
    t.advance(20);
    t.broker_expects_connect(CONFIG);
    t.client_reports(Event::Reconnected);
}

/// Yield takes its time, and one call into the platform: it does not wait for the next attempt.
#[test]
fn a_short_yield_does_not_wait_for_the_next_attempt() {
    let t = Script::connected();
    lose(&t);
    for _ in 0..10 {
        t.will_open([Opening::FailsIn(300)]);
        let (result, took) = t.run_with(200, &mut |_, _| {});
        assert_eq!(result, Ok(()));
        assert!(took <= 200 + 300);
    }
}

/// mqtt-15.18: messages that were not acknowledged are sent again on the new connection, at once, in order.
#[test]
fn unacknowledged_messages_go_first() {
    for session_present in [false, true] {
        let t = kept();
        t.subscribe("/s", "one");
        for id in 2..=4 {
            t.publish("/a", "x");
            t.broker_expects(&publish("/a", "x").qos(1, id));
        }
        t.broker_sends(&puback(3));
        t.advance(1);
        t.client_reports(Event::Published(packet_id(3)));
        lose(&t);
        t.broker_will_answer_connect(&[(0, &connack(session_present, 0))]);
        t.advance(1001);
        t.broker_received(); // CONNECT
        if !session_present {
            t.broker_expects(&subscribe(5, "/s", 1));
        }
        t.broker_expects(&publish("/a", "x").qos(1, 2).dup());
        t.broker_expects(&publish("/a", "x").qos(1, 4).dup());
        t.client_reports(Event::Reconnected);
        t.assert_quiet();
        t.broker_sends(&puback(4));
        t.broker_sends(&puback(2));
        t.advance(1);
        t.client_reports(Event::Published(packet_id(4)));
        t.client_reports(Event::Published(packet_id(2)));
    }
}

/// mqtt-15.30: with the session, nothing is renewed.
#[test]
fn a_kept_session_needs_no_renewal() {
    let t = kept();
    t.subscribe("/a", "one");
    t.subscribe("/b/#", "two");
    lose(&t);
    t.broker_will_answer_connect(&[(0, &connack(true, 0))]);
    t.advance(1001);
    t.broker_received(); // CONNECT
    t.client_reports(Event::Reconnected);
    t.assert_quiet();
    t.broker_sends(&publish("/b/c", "x"));
    t.advance(1);
    t.client_reports(message(Some("two"), "/b/c", "x"));
}

/// mqtt-15.30: without it, every live filter is renewed, once, before anything else; silently.
#[test]
fn a_new_session_begins_with_all_filters() {
    let t = kept();
    t.subscribe("/a", "one");
    t.subscribe("/b", "two");
    t.subscribe("/a", "three");
    t.subscribe("/ended", "four");
    assert!(t.client.unsubscribe(b"/ended").is_ok());
    t.broker_expects(&unsubscribe(5, "/ended"));
    t.broker_sends(&unsuback(5));
    t.advance(1);
    t.client_reports(Event::Unsubscribed(packet_id(5)));
    assert_eq!(t.publish("/p", "x"), 6);
    t.broker_expects(&publish("/p", "x").qos(1, 6));
    lose(&t);
    t.advance_with(1001, &mut |t, _| {
        t.publish("/p", "inside");
    });
    t.broker_received(); // CONNECT
    t.broker_expects(&subscribe(7, "/a", 1));
    t.broker_expects(&subscribe(8, "/b", 1));
    t.broker_expects(&publish("/p", "x").qos(1, 6).dup());
    t.client_reports(Event::Reconnected);
    t.broker_expects(&publish("/p", "inside").qos(1, 9));
    t.broker_sends(&suback(7, 1));
    t.broker_sends(&suback(8, 0));
    t.broker_sends(&puback(6));
    t.broker_sends(&publish("/a", "x"));
    t.broker_sends(&puback(9));
    t.advance(1);
    t.client_reports(Event::Published(packet_id(6)));
    t.client_reports(message(Some("one"), "/a", "x"));
    t.client_reports(message(Some("three"), "/a", "x"));
    t.client_reports(Event::Published(packet_id(9)));
    t.assert_quiet();
}

/// mqtt-15.30: a refused renewal ends the filter's subscriptions, with the ids that Subscribe returned.
#[test]
fn a_refused_renewal_is_told() {
    let t = kept();
    let first = t.subscribe("/a", "one");
    let second = t.subscribe("/a", "two");
    t.subscribe("/b", "three");
    lose(&t);
    t.advance(1001);
    t.broker_received(); // CONNECT
    t.client_reports(Event::Reconnected);
    t.broker_expects(&subscribe(4, "/a", 1));
    t.broker_expects(&subscribe(5, "/b", 1));
    t.broker_sends(&suback(4, 0x80));
    t.broker_sends(&suback(5, 1));
    t.broker_sends(&publish("/a", "x"));
    t.broker_sends(&publish("/b", "x"));
    t.advance(1);
    t.client_reports(Event::SubscribeRefused(packet_id(first)));
    t.client_reports(Event::SubscribeRefused(packet_id(second)));
    t.client_reports(message(None, "/a", "x"));
    t.client_reports(message(Some("three"), "/b", "x"));
    t.assert_quiet();
}

#[test]
fn a_renewal_that_is_not_answered_is_sent_again() {
    let t = kept();
    t.subscribe("/a", "one");
    lose(&t);
    t.advance(1001);
    t.broker_received(); // CONNECT
    t.client_reports(Event::Reconnected);
    t.broker_expects(&subscribe(2, "/a", 1));
    t.advance_until_due(2 * CONFIG.request_timeout);
    t.broker_expects(&subscribe(3, "/a", 1));
    lose(&t);
    t.advance(1001);
    t.broker_received(); // CONNECT
    t.client_reports(Event::Reconnected);
    t.broker_expects(&subscribe(4, "/a", 1));
    t.broker_sends(&suback(4, 1));
    t.advance(4 * CONFIG.request_timeout);
    t.assert_quiet();
}

/// An application that subscribes again when it is told of the new connection sees no change.
#[test]
fn subscribing_again_after_a_loss_changes_nothing() {
    let t = kept();
    t.subscribe("/a", "one");
    lose(&t);
    t.advance_with(1001, &mut |t, _| {
        let id = t.client.subscribe(b"/a", QoS::AtLeastOnce, "one");
        assert_eq!(id, Ok(packet_id(3)));
    });
    t.broker_received(); // CONNECT
    t.client_reports(Event::Reconnected);
    t.broker_expects(&subscribe(2, "/a", 1));
    t.broker_expects(&subscribe(3, "/a", 1));
    t.broker_sends(&suback(2, 1));
    t.broker_sends(&suback(3, 1));
    t.broker_sends(&publish("/a", "x"));
    t.advance(1);
    t.client_reports(Event::Subscribed(packet_id(3)));
    t.client_reports(message(Some("one"), "/a", "x"));
    t.assert_quiet();
}

/// Requests that were not answered on the old connection end with their time.
#[test]
fn requests_of_the_old_connection_time_out() {
    let t = Script::connected();
    assert!(t.client.subscribe(b"/a", QoS::AtMostOnce, "one").is_ok());
    t.broker_expects(&subscribe(1, "/a", 0));
    assert!(t.client.unsubscribe(b"/b").is_ok());
    t.broker_expects(&unsubscribe(2, "/b"));
    lose(&t);
    t.advance(1001);
    t.broker_expects_connect(CONFIG);
    t.client_reports(Event::Reconnected);
    t.assert_quiet();
    t.advance(2 * CONFIG.request_timeout);
    t.client_reports(Event::SubscribeTimedOut(packet_id(1)));
    t.client_reports(Event::UnsubscribeTimedOut(packet_id(2)));
}

/// Moments are compared within 24 days, but a device may be offline for longer.
#[test]
fn requests_time_out_after_weeks_offline() {
    const DAY: u64 = 86_400_000;

    let t = Script::connected();
    assert!(t.client.subscribe(b"/a", QoS::AtMostOnce, "one").is_ok());
    t.broker_expects(&subscribe(1, "/a", 0));
    assert!(t.client.unsubscribe(b"/b").is_ok());
    t.broker_expects(&unsubscribe(2, "/b"));
    lose(&t);
    for _ in 0..33 {
        t.will_open([Opening::Fails, Opening::Fails]);
        t.sleep(DAY);
        t.advance(1);
        t.assert_quiet();
    }
    t.will_open_at_once();
    t.advance(61_000);
    t.broker_expects_connect(CONFIG);
    t.client_reports(Event::Reconnected);
    t.client_reports(Event::SubscribeTimedOut(packet_id(1)));
    t.client_reports(Event::UnsubscribeTimedOut(packet_id(2)));
    t.assert_quiet();
}

/// A device that is suspended while the library waits, and whose application then leaves it alone for weeks.
#[test]
fn a_device_that_was_away_for_weeks_connects_at_once() {
    const DAY: u64 = 86_400_000;

    let t = Script::connected();
    lose(&t);
    t.platform(|behaviour| behaviour.sleeps = |_| 13 * DAY);
    assert_eq!(t.run_with(100, &mut |_, _| {}).0, Ok(()));
    t.platform(|behaviour| behaviour.sleeps = u64::from);
    t.sleep(12 * DAY);
    t.advance(100);
    t.broker_expects_connect(CONFIG);
    t.client_reports(Event::Reconnected);
}

/// mqtt-15.26: nothing is told between DISCONNECT and RECONNECT, however long that takes.
#[test]
fn nothing_is_told_between_loss_and_return() {
    let t = Script::connected();
    t.subscribe("/a", "one");
    assert!(t.client.subscribe(b"/b", QoS::AtMostOnce, "two").is_ok());
    t.broker_expects(&subscribe(2, "/b", 0));
    lose(&t);
    t.will_open([Opening::Fails, Opening::Fails]);
    t.broker_will_answer_connect(&[
        (0, &connack(false, 0)),
        (0, &publish("/c", "early")),
        (0, &puback(99)),
    ]);
    t.advance_with(9_000, &mut |t, _| {
        assert!(t.client.is_connected());
    });
    t.broker_expects_connect(CONFIG);
    t.broker_expects(&subscribe(3, "/a", 1));
    t.client_reports(Event::Reconnected);
    let mut reports = t.take_reports();
    let timed_out = Event::SubscribeTimedOut(packet_id(2)).into();
    assert_eq!(reports.len(), 2);
    reports.retain(|report| *report != timed_out);
    assert_eq!(reports, [message(None, "/c", "early").into()]);
}

/// As soon as Yield knows that the connection is lost, so do all calls: nothing is sent into a dead connection.
#[test]
fn calls_know_of_a_loss_as_soon_as_yield_does() {
    let losses: [fn(&Script); 3] = [
        |t| t.connection_breaks_in(200, Broken::Closed),
        |t| t.broker_sends_in(200, &[0x40, 0]),
        |t| {
            t.advance(60_001);
            t.broker_expects(&PINGREQ);
            t.sleep(29_900);
        },
    ];
    for loss in losses {
        let t = Script::connected();
        loss(&t);
        while t.now() < 100_000 && t.is_open() {
            t.advance(100);
        }
        assert!(!t.client.is_connected());
        let sent = t.client.publish(b"/a", b"x", QoS::AtMostOnce, false);
        assert_eq!(sent, Err(Error::NotConnected));
        let request = t.client.subscribe(b"/a", QoS::AtMostOnce, "one");
        assert_eq!(request, Err(Error::NotConnected));
        t.advance(1);
        t.client_reports(Event::Disconnected);
    }
}

/// Yield takes its time and one call into the platform: if opening has taken all of it, CONNECT is for the next one.
#[test]
fn yield_waits_for_one_call_too_many_at_most() {
    let t = Script::connected();
    lose(&t);
    t.will_open([Opening::Takes(5000)]);
    t.platform(|platform| platform.write_takes = 1500);
    t.sleep(1000);
    let (result, took) = t.run_with(100, &mut |_, _| {});
    assert_eq!(result, Ok(()));
    assert!(took <= 5100, "{took}");
    let (_, took) = t.run_with(100, &mut |_, _| {});
    assert!(took <= 1600, "{took}");
    t.broker_expects_connect(CONFIG);
    t.advance(10);
    t.client_reports(Event::Reconnected);
}

/// What had begun to arrive does not go on on another connection.
#[test]
fn half_a_packet_ends_with_its_connection() {
    let packet = publish("/a", "x".repeat(50));
    for cut in 1..packet.len() {
        let t = Script::connected();
        t.broker_sends(&packet[..cut]);
        t.advance(1);
        lose(&t);
        t.broker_will_answer_connect(&[(0, &connack(false, 0)), (0, &packet)]);
        t.advance(1001);
        t.broker_expects_connect(CONFIG);
        t.client_reports(Event::Reconnected);
        t.client_reports(message(None, "/a", &"x".repeat(50)));
        t.assert_quiet();
    }
}

#[test]
fn a_connection_may_stay_lost() {
    for when in ["connected", "waiting"] {
        let t = Script::connected();
        if when == "connected" {
            t.client.disable_reconnect();
        }
        lose(&t);
        if when == "waiting" {
            t.client.disable_reconnect();
        }
        t.advance(200_000);
        assert_eq!(t.openings(), 1, "{when}");
        t.assert_quiet();
        let publish = t.client.publish(b"/a", b"x", QoS::AtMostOnce, false);
        assert_eq!(publish, Err(Error::NotConnected));
    }
}

/// mqtt-15.29: the platform's counter wraps during a retry, a wait for the next attempt, and a ping.
#[test]
fn a_counter_that_wraps_changes_nothing() {
    for before in [1, 10, 500, 999, 1000, 2500, 3999, 59_999, 60_001] {
        let t = Script::connected_with(Setup {
            uptime: u32::MAX - before,
            ..Setup::default()
        });
        let id = t.publish("/a", "x");
        t.broker_expects(&publish("/a", "x").qos(1, id));
        t.advance_until_due(2 * CONFIG.request_timeout);
        t.broker_expects(&publish("/a", "x").qos(1, id).dup());
        t.broker_sends(&puback(id));
        t.advance(1);
        t.client_reports(Event::Published(packet_id(id)));
        t.advance_until_due(CONFIG.keep_alive - 2 * CONFIG.request_timeout);
        t.broker_expects(&PINGREQ);
        lose(&t);
        t.advance_until_due(1000);
        t.broker_expects_connect(CONFIG);
        t.client_reports(Event::Reconnected);
    }
}
