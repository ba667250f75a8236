//! The end of a client, at any moment.

use iotkit::{client::Error, hal::Broken, mqtt::Event, wire::mqtt::QoS};

use crate::script::{
    CONFIG, Script, Setup, Write,
    memory::Meter,
    message,
    packet::{DISCONNECT, publish, suback, subscribe},
    packet_id,
};

/// mqtt-15.11: nothing works any more, and nothing is sent or told.
#[track_caller]
fn is_over(t: &Script) {
    assert!(!t.is_open() && !t.client.is_connected());
    let publish = t.client.publish(b"/a", b"x", QoS::AtLeastOnce, false);
    assert_eq!(publish, Err(Error::NotConnected));
    let subscribe = t.client.subscribe(b"/a", QoS::AtMostOnce, "one");
    assert_eq!(subscribe, Err(Error::NotConnected));
    assert_eq!(t.client.unsubscribe(b"/a"), Err(Error::NotConnected));
    let (result, took) = t.run_with(100_000, &mut |_, _| {});
    assert_eq!((result, took), (Ok(()), 0));
    t.close();
    t.assert_quiet();
}

#[test]
fn a_connected_client_says_goodbye() {
    let t = Script::connected();
    t.close();
    t.broker_expects(&DISCONNECT);
    assert_eq!(t.now(), 0, "nobody is waited for");
    is_over(&t);
}

/// mqtt-15.11: with requests and messages that wait for their answer.
#[test]
fn pending_requests_end_without_an_event() {
    let t = Script::connected();
    t.publish("/a", "x");
    t.broker_expects(&publish("/a", "x").qos(1, 1));
    assert!(t.client.subscribe(b"/a", QoS::AtMostOnce, "one").is_ok());
    t.broker_expects(&subscribe(2, "/a", 0));
    t.close();
    t.broker_expects(&DISCONNECT);
    is_over(&t);
}

/// mqtt-15.11: while the connection is lost, before and after that was told, and while it waits for the next attempt.
#[test]
fn a_client_without_connection_ends_silently() {
    let t = Script::connected();
    t.connection_breaks(Broken::Closed);
    t.advance(1);
    t.client_reports(Event::Disconnected);
    t.close();
    is_over(&t);

    let t = Script::connected();
    t.will_write([Write::Breaks(Broken::Closed)]);
    let sent = t.client.publish(b"/a", b"x", QoS::AtMostOnce, false);
    assert_eq!(sent, Err(Error::NotSent));
    assert!(t.is_open());
    t.close();
    is_over(&t);

    let t = Script::connected();
    t.connection_breaks(Broken::Closed);
    t.broker_will_answer_connect(&[]);
    t.advance(1500);
    t.client_reports(Event::Disconnected);
    t.broker_expects_connect(CONFIG);
    t.close();
    is_over(&t);
}

#[test]
fn a_client_that_was_never_connected_ends() {
    let t = Script::new(Setup::default());
    t.close();
    is_over(&t);
}

/// A goodbye that cannot be sent does not keep the client alive.
#[test]
fn a_deaf_server_does_not_prevent_the_end() {
    for write in [
        Write::Breaks(Broken::Failed(-1)),
        Write::Blocks,
        Write::Takes(1),
    ] {
        let t = Script::connected();
        t.platform(|platform| platform.takes = 0);
        t.will_write([write]);
        t.close();
        assert!(t.now() <= u64::from(CONFIG.request_timeout));
        if let Write::Takes(count) = write {
            t.broker_expects_torn(&DISCONNECT[..count]);
        }
        is_over(&t);
    }
}

/// Destroy inside a handler: the buffers are the application's again when it returns, and no other handler is called.
#[test]
fn a_handler_may_end_its_client() {
    let t = Script::connected();
    t.subscribe("/a", "one");
    t.subscribe("/a", "two");
    t.broker_sends(&publish("/a", "x").qos(1, 7));
    t.broker_sends(&publish("/a", "y"));
    let (result, took) = t.run_with(1000, &mut |t, _| {
        t.close();
        t.broker_expects(&DISCONNECT);
        assert!(!t.is_open());
    });
    assert_eq!((result, took), (Ok(()), 0));
    t.client_reports(message(Some("one"), "/a", "x").qos(QoS::AtLeastOnce, 7));
    is_over(&t);
}

/// Destroy inside each kind of event.
#[test]
fn every_event_may_end_the_client() {
    let t = Script::connected();
    t.connection_breaks(Broken::Closed);
    t.run_with(1000, &mut |t, _| t.close()).0.expect("it ends");
    t.client_reports(Event::Disconnected);
    is_over(&t);

    let t = Script::connected();
    t.connection_breaks(Broken::Closed);
    t.advance(1);
    t.client_reports(Event::Disconnected);
    t.run_with(5000, &mut |t, _| t.close()).0.expect("it ends");
    t.client_reports(Event::Reconnected);
    t.broker_expects_connect(CONFIG);
    t.broker_expects(&DISCONNECT);
    is_over(&t);
}

/// Destroy inside a handler inside a handler.
#[test]
fn an_inner_handler_may_end_the_client() {
    let t = Script::connected();
    t.broker_sends(&publish("/a", "outer"));
    t.run_with(1000, &mut |t, _| {
        t.broker_sends(&publish("/a", "inner"));
        t.run_with(1000, &mut |t, _| {
            t.close();
            t.broker_expects(&DISCONNECT);
        })
        .0
        .expect("it ends");
    })
    .0
    .expect("it ends");
    t.client_reports(message(None, "/a", "outer"));
    t.client_reports(message(None, "/a", "inner"));
    is_over(&t);
}

/// mqtt-15.11: no memory is left behind.
#[test]
fn nothing_is_left_of_a_client() {
    let mut meter = Meter::default();
    let t = meter.of(|| Script::new(Setup::default()));
    let subscribe = |filter: &str| {
        t.client
            .subscribe(filter.as_bytes(), QoS::AtMostOnce, "one")
    };
    assert_eq!(meter.of(|| t.connect()), Ok(()));
    assert!(meter.of(|| subscribe("/a")).is_ok());
    t.broker_sends(&suback(1, 0));
    t.broker_sends(&publish("/q", "2").qos(2, 9));
    meter.of(|| t.advance(10));
    assert!(
        meter
            .of(|| t.client.publish(b"/a", b"x", QoS::AtLeastOnce, false))
            .is_ok()
    );
    assert!(meter.of(|| subscribe("/b")).is_ok());
    assert!(meter.of(|| t.client.unsubscribe(b"/c")).is_ok());
    meter.of(|| t.close());
    t.client_reports(Event::Subscribed(packet_id(1)));
    t.client_reports(message(None, "/q", "2").qos(QoS::ExactlyOnce, 9));
    t.broker_acknowledges();
    assert!(meter.live > 0);
    t.end(&mut meter);
    assert_eq!(meter.live, -2, "the buffers, which it did not allocate");
}
