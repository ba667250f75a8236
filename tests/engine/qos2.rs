//! Messages with QoS 2 are delivered once, and their handshake is completed.

use iotkit::{
    hal::Broken,
    mqtt::{Config, Event},
    wire::mqtt::QoS,
};

use crate::script::{
    CONFIG, Message, Script, Setup, message,
    packet::{connack, pubcomp, publish, pubrec, pubrel},
};

fn arrived(payload: &str, id: u16) -> Message {
    message(None, "/a", payload).qos(QoS::ExactlyOnce, id)
}

/// mqtt-15.22: PUBREC after the handlers, PUBCOMP after PUBREL.
#[test]
fn a_message_with_qos_2_is_completed() {
    let t = Script::connected();
    t.broker_sends(&publish("/a", "x").qos(2, 7));
    t.advance_with(10, &mut |t, _| t.assert_nothing_sent());
    t.client_reports(arrived("x", 7));
    t.broker_expects(&pubrec(7));
    t.assert_quiet();
    t.broker_sends(&pubrel(7));
    t.advance(10);
    t.broker_expects(&pubcomp(7));
    t.assert_quiet();
}

#[test]
fn a_repeated_message_is_delivered_once() {
    let t = Script::connected();
    t.broker_sends(&publish("/a", "x").qos(2, 7));
    t.broker_sends(&publish("/a", "x").qos(2, 7).dup());
    t.advance(10);
    t.client_reports(arrived("x", 7));
    t.broker_expects(&pubrec(7));
    t.broker_expects(&pubrec(7));
    t.assert_quiet();
    t.broker_sends(&pubrel(7));
    t.broker_sends(&pubrel(7));
    t.advance(10);
    t.broker_expects(&pubcomp(7));
    t.broker_expects(&pubcomp(7));

    // After PUBREL the id is that of another message.
    t.broker_sends(&publish("/a", "y").qos(2, 7));
    t.advance(10);
    t.client_reports(arrived("y", 7));
    t.broker_expects(&pubrec(7));
}

/// PUBREL of an id that is not known is answered: the broker waits for it.
#[test]
fn every_release_is_answered() {
    let t = Script::connected();
    t.broker_sends(&pubrel(4711));
    t.advance(10);
    t.broker_expects(&pubcomp(4711));
}

#[test]
fn ids_outlive_the_connection_with_the_session() {
    for session_present in [true, false] {
        let config = Config {
            clean_session: false,
            ..CONFIG
        };
        let t = Script::connected_with(Setup {
            config,
            ..Setup::default()
        });
        t.broker_sends(&publish("/a", "x").qos(2, 7));
        t.connection_breaks(Broken::Closed);
        t.advance(10);
        t.client_reports(arrived("x", 7));
        t.broker_expects(&pubrec(7));
        t.client_reports(Event::Disconnected);
        t.broker_will_answer_connect(&[(0, &connack(session_present, 0))]);
        t.advance(1001);
        t.broker_expects_connect(config);
        t.client_reports(Event::Reconnected);
        t.broker_sends(&publish("/a", "x").qos(2, 7).dup());
        t.advance(10);
        if !session_present {
            let mut again = arrived("x", 7);
            again.dup = true;
            t.client_reports(again);
        }
        t.broker_expects(&pubrec(7));
        t.assert_quiet();
    }
}

/// A broker that sends more than can be kept track of gets no answer for the rest, and they are not delivered: it
/// sends them again.
#[test]
fn as_many_ids_are_kept_as_there_is_room_for() {
    const ROOM: u16 = 64;
    let t = Script::connected();
    for id in 1..=ROOM + 1 {
        t.broker_sends(&publish("/a", "x").qos(2, id));
    }
    t.advance(10);
    for id in 1..=ROOM {
        t.client_reports(arrived("x", id));
        t.broker_expects(&pubrec(id));
    }
    t.assert_quiet();
    t.broker_sends(&pubrel(1));
    t.broker_sends(&publish("/a", "x").qos(2, ROOM + 1));
    t.advance(10);
    t.broker_expects(&pubcomp(1));
    t.client_reports(arrived("x", ROOM + 1));
    t.broker_expects(&pubrec(ROOM + 1));
}

/// mqtt-15.22: QoS 3 does not exist.
#[test]
fn qos_3_closes_the_connection() {
    let t = Script::connected();
    t.broker_sends(&publish("/a", "x").qos(3, 7));
    t.advance(10);
    t.client_reports(Event::Disconnected);
    assert!(!t.is_open());
}
