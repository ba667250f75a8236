//! Memory: in steady state none is asked for, and when there is none the client says so and works on.

use iotkit::{client::Error, hal::Broken, mqtt::Event, wire::mqtt::QoS};

use crate::script::{
    CONFIG, Report, Script,
    memory::{self, Meter},
    message,
    packet::{
        PINGRESP, puback, pubcomp, publish, pubrec, pubrel, suback, subscribe, unsuback,
        unsubscribe,
    },
    packet_id,
};

/// What goes on for years: messages in and out, acknowledged or not, too large ones, and pings.
fn steady_state(t: &Script, meter: &mut Meter) {
    let publish_qos = |qos| t.client.publish(b"/a", b"hello", qos, false);
    assert!(meter.of(|| publish_qos(QoS::AtMostOnce)).is_ok());
    for _ in 0..3 {
        assert!(meter.of(|| publish_qos(QoS::AtLeastOnce)).is_ok());
    }
    t.broker_acknowledges();
    t.broker_sends(&publish("/s/1", "hello"));
    t.broker_sends(&publish("/s/2", "hello").qos(1, 7));
    t.broker_sends(&publish("/s/3", "hello").qos(2, 8));
    t.broker_sends(&pubrel(8));
    t.broker_sends(&publish("/s/4", [b'x'; 5000]).qos(1, 9));
    meter.of(|| t.advance(30_001));
    t.broker_sends(&PINGRESP);
    meter.of(|| t.advance(1));
    t.broker_acknowledges();
}

/// The memory that publishing and receiving need is allocated when they are done first.
#[test]
fn steady_state_allocates_nothing() {
    let t = Script::connected();
    t.subscribe("/s/+", "one");
    let mut first = Meter::default();
    steady_state(&t, &mut first);
    assert!(first.asked > 0);
    let mut meter = Meter::default();
    for _ in 0..50 {
        steady_state(&t, &mut meter);
    }
    assert_eq!(meter, Meter::default());

    let reports = t.take_reports();
    let told = |wanted: fn(&Report) -> bool| reports.iter().filter(|told| wanted(told)).count();
    assert_eq!(told(|told| matches!(told, Report::Message(_))), 51 * 3);
    assert_eq!(
        told(|told| matches!(told, Report::Event(Event::Published(_)))),
        51 * 3
    );
    assert_eq!(
        told(|told| matches!(told, Report::Event(Event::Overflow))),
        51
    );
    assert!(t.client.is_connected());
}

/// hal-19.3: each allocation of a call fails in turn: the documented error, nothing sent, and the call works afterwards.
#[test]
fn a_request_without_memory_is_refused() {
    type Request = (fn(&Script) -> Result<(), Error>, fn(u16) -> Vec<u8>);
    let requests: [Request; 3] = [
        (
            |t| {
                let sent = t.client.publish(b"/p", b"x", QoS::AtLeastOnce, false);
                sent.map(|_| ())
            },
            |id| publish("/p", "x").qos(1, id).to_vec(),
        ),
        (
            |t| {
                let sent = t.client.subscribe(b"/s", QoS::AtMostOnce, "one");
                sent.map(|_| ())
            },
            |id| subscribe(id, "/s", 0),
        ),
        (
            |t| t.client.unsubscribe(b"/s").map(|_| ()),
            |id| unsubscribe(id, "/s"),
        ),
    ];
    for (request, packet) in requests {
        let mut failures = 0;
        for at in 1.. {
            let t = Script::connected();
            let (result, failed) = memory::failing(at, || request(&t));
            if !failed {
                assert_eq!(result, Ok(()));
                t.broker_expects(&packet(1));
                break;
            }
            failures += 1;
            assert_eq!(result, Err(Error::Full), "allocation {at}");
            t.assert_quiet();
            assert_eq!(request(&t), Ok(()));
            let sent = t.broker_received();
            let id = u16::from_be_bytes([sent[2], sent[3]]);
            let id = if sent[0] == 0x32 {
                u16::from_be_bytes([sent[6], sent[7]])
            } else {
                id
            };
            assert_eq!(sent, packet(id));
            let (answer, event): (_, fn(_) -> Event) = match sent[0] {
                0x32 => (puback(id), Event::Published),
                0x82 => (suback(id, 0), Event::Subscribed),
                _ => (unsuback(id), Event::Unsubscribed),
            };
            t.broker_sends(&answer);
            t.advance(1);
            t.client_reports(event(packet_id(id)));
            t.assert_quiet();
        }
        assert!(failures > 0);
    }
}

/// Growing fails as well as beginning does.
#[test]
fn a_window_that_cannot_grow_is_full() {
    let t = Script::connected();
    let mut accepted = 0;
    for _ in 0..20 {
        let sent = memory::without(|| t.client.publish(b"/p", b"x", QoS::AtLeastOnce, false));
        if sent == Err(Error::Full) {
            accepted += 1;
            t.publish("/p", "x");
        } else {
            assert!(sent.is_ok()); // room that was left
        }
    }
    assert!(accepted > 0);
    t.broker_acknowledges();
    t.advance(1);
    let published = t.take_reports();
    assert_eq!(published.len(), 20);
}

/// hal-19.3: Yield without memory, whatever arrives. A message with QoS 2 that cannot be kept track of is not
/// answered; all else goes on.
#[test]
fn yield_works_without_memory() {
    let t = Script::connected();
    t.subscribe("/s", "one");
    let id = t.publish("/p", "x");
    t.broker_acknowledges();
    t.broker_sends(&publish("/s", "x").qos(1, 7));
    t.broker_sends(&publish("/q", "x").qos(2, 8));
    t.broker_sends(&publish("/s", [b'x'; 5000]));
    memory::without(|| t.advance(100));
    t.client_reports(Event::Published(packet_id(id)));
    t.client_reports(message(Some("one"), "/s", "x").qos(QoS::AtLeastOnce, 7));
    t.broker_expects(&puback(7));
    t.client_reports(Event::Overflow);
    t.assert_quiet();
    t.broker_sends(&publish("/q", "x").qos(2, 8).dup());
    t.broker_sends(&pubrel(8));
    t.advance(1);
    let mut told = message(None, "/q", "x").qos(QoS::ExactlyOnce, 8);
    told.dup = true;
    t.client_reports(told);
    t.broker_expects(&pubrec(8));
    t.broker_expects(&pubcomp(8));

    // Losing the connection, returning, renewing, sending again.
    let id = t.publish("/p", "again");
    t.broker_expects(&publish("/p", "again").qos(1, id));
    t.connection_breaks(Broken::Closed);
    memory::without(|| t.advance(1500));
    t.client_reports(Event::Disconnected);
    t.broker_expects_connect(CONFIG);
    t.broker_expects(&subscribe(id + 1, "/s", 1));
    t.broker_expects(&publish("/p", "again").qos(1, id).dup());
    t.client_reports(Event::Reconnected);
    t.assert_quiet();
}
