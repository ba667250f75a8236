//! Whether the other side is there.

use iotkit::{
    hal::Broken,
    mqtt::{Config, Event},
};

use crate::script::{
    CONFIG, Script, Setup, Write, message,
    packet::{PINGREQ, PINGRESP, puback, publish},
    packet_id,
};

const KEEP_ALIVE: u32 = CONFIG.keep_alive;

/// mqtt-15.25: ping times.
#[test]
fn a_ping_is_sent_in_every_interval() {
    let t = Script::connected();
    for _ in 0..5 {
        t.advance_until_due(KEEP_ALIVE);
        t.broker_expects(&PINGREQ);
        t.broker_sends(&PINGRESP);
    }
    t.advance(1);
    assert!(t.client.is_connected());
}

/// mqtt-15.25: what the client sends does not count: the broker may not hear it.
#[test]
fn other_packets_do_not_replace_the_ping() {
    let t = Script::connected();
    for _ in 0..6 {
        t.advance(9_999);
        let id = t.publish("/a", "x");
        t.broker_expects(&publish("/a", "x").qos(1, id));
        t.broker_sends(&puback(id));
        t.advance(1);
        t.client_reports(Event::Published(packet_id(id)));
    }
    t.advance(1);
    t.broker_expects(&PINGREQ);
}

/// mqtt-15.25: lost when a ping stays unanswered for half an interval.
#[test]
fn an_unanswered_ping_closes_the_connection() {
    for keep_alive in [60_000, 180_000] {
        let config = Config {
            keep_alive,
            ..CONFIG
        };
        let t = Script::connected_with(Setup {
            config,
            ..Setup::default()
        });
        t.advance_until_due(keep_alive);
        t.broker_expects(&PINGREQ);
        t.advance_until_due(keep_alive / 2);
        t.client_reports(Event::Disconnected);
        assert!(!t.is_open());
        assert_eq!(t.logged("no PINGRESP"), 1);
        t.assert_quiet();
    }
}

/// mqtt-15.25: any packet shows that the broker is there.
#[test]
fn any_packet_answers_a_ping() {
    let t = Script::connected();
    for packet in [&PINGRESP[..], &puback(99), &publish("/a", "x")] {
        t.advance_until_due(KEEP_ALIVE);
        t.broker_expects(&PINGREQ);
        t.broker_sends_in(29_000, packet);
        t.advance(29_001);
        if packet[0] == 0x30 {
            t.client_reports(message(None, "/a", "x"));
        }
        t.advance_until_due(KEEP_ALIVE - 29_000);
        t.broker_expects(&PINGREQ);
        t.broker_sends(&PINGRESP);
        t.advance(1);
    }
    assert!(t.client.is_connected());
}

/// mqtt-15.25: a ping that cannot be sent.
#[test]
fn a_ping_that_fails_closes_the_connection() {
    for write in [
        Write::Breaks(Broken::Closed),
        Write::Breaks(Broken::Failed(-1)),
    ] {
        let t = Script::connected();
        t.sleep(60_000);
        t.will_write([write]);
        t.advance(10);
        t.client_reports(Event::Disconnected);
        assert!(!t.is_open());
        t.assert_quiet();
    }
}

/// A dead link is noticed although the application keeps publishing into it.
#[test]
fn publishing_does_not_hide_a_dead_link() {
    let t = Script::connected();
    let mut published = 0;
    while t.client.is_connected() {
        t.advance(1000);
        if t.client
            .publish(b"/a", b"x", iotkit::wire::mqtt::QoS::AtMostOnce, false)
            .is_ok()
        {
            published += 1;
        }
        assert!(t.now() < 92_000, "one interval and a half");
    }
    assert!(published >= 89);
    for _ in 0..published + 1 {
        t.broker_received();
    }
    t.advance(1);
    t.client_reports(Event::Disconnected);
}

/// An application that yields for a moment and sleeps much longer, as RT-Thread's sample does.
#[test]
fn an_application_may_sleep_between_yields() {
    let t = Script::connected();
    let mut pings = 0;
    while t.now() < 600_000 {
        t.sleep(2000);
        t.advance(200);
        if t.has_sent() {
            t.broker_expects(&PINGREQ);
            t.broker_sends_in(50, &PINGRESP);
            pings += 1;
        }
    }
    assert_eq!(pings, 9);
    assert!(t.client.is_connected());
    t.assert_quiet();
}

/// An answer that came while the application was elsewhere counts, however late it is taken.
#[test]
fn an_answer_may_wait_for_the_application() {
    let t = Script::connected();
    t.advance_until_due(KEEP_ALIVE);
    t.broker_expects(&PINGREQ);
    t.broker_sends(&PINGRESP);
    t.sleep(59_000);
    t.advance(100);
    t.assert_quiet();
    assert!(t.client.is_connected());
}

/// A ping that was not answered on one connection does not count on the next.
#[test]
fn a_new_connection_owes_no_answer() {
    let t = Script::connected();
    t.advance_until_due(KEEP_ALIVE);
    t.broker_expects(&PINGREQ);
    t.advance(29_000);
    t.connection_breaks(Broken::Closed);
    t.advance(1002);
    t.client_reports(Event::Disconnected);
    t.broker_expects_connect(CONFIG);
    t.client_reports(Event::Reconnected);
    t.advance_until_due(KEEP_ALIVE);
    t.broker_expects(&PINGREQ);
    assert!(t.client.is_connected());
}
