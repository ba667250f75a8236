//! The first connection.

use iotkit::{
    client::{ConnectError, Error},
    hal::Broken,
    mqtt::Config,
    wire::mqtt::QoS,
};

use crate::script::{
    CLIENT_ID, CONFIG, Opening, Script, Setup, Write,
    packet::{DISCONNECT, PINGRESP, connack, connect, packet, puback, publish},
    set_locks,
};

/// A script that is not connected, and whose broker answers CONNECT with this.
fn answered(answer: &[(u64, &[u8])]) -> Script {
    let t = Script::new(Setup::default());
    t.broker_will_answer_connect(answer);
    t
}

#[test]
fn the_broker_is_asked_by_the_configuration() {
    for (keep_alive, clean_session) in [(60_000, true), (180_000, false)] {
        let config = Config {
            keep_alive,
            clean_session,
            ..CONFIG
        };
        let setup = Setup {
            config,
            ..Setup::default()
        };
        let t = Script::new(setup);
        assert!(!t.client.is_connected());
        assert_eq!(t.connect(), Ok(()));
        assert!(t.client.is_connected());
        let seconds = if clean_session { 60 } else { 180 };
        t.broker_expects(&connect(CLIENT_ID, seconds, clean_session));
        t.assert_quiet();
    }
}

/// mqtt-15.8: the return codes of CONNACK.
#[test]
fn a_refused_client_is_not_connected() {
    for code in [1, 2, 3, 4, 5, 6, 255] {
        let t = answered(&[(0, &connack(false, code))]);
        assert_eq!(t.connect(), Err(ConnectError::NotAccepted), "{code}");
        assert!(!t.client.is_connected());
        assert_eq!(t.logged("CONNECT refused"), 1);
        t.broker_expects_connect(CONFIG);
    }
}

/// mqtt-15.8: no CONNACK.
#[test]
fn silence_instead_of_connack_ends_after_the_request_timeout() {
    for request_timeout in [500, 2000, 5000] {
        let config = Config {
            request_timeout,
            ..CONFIG
        };
        let t = Script::new(Setup {
            config,
            ..Setup::default()
        });
        t.broker_will_answer_connect(&[]);
        assert_eq!(t.connect(), Err(ConnectError::NotAccepted));
        assert_eq!(t.now(), u64::from(request_timeout));
        t.broker_expects_connect(config);
    }
}

/// mqtt-15.8: other packets before CONNACK.
#[test]
fn nine_other_packets_may_come_before_connack() {
    let others = [
        publish("/a", "x").to_vec(),
        publish("/a", "x").qos(1, 7).to_vec(),
        puback(1),
        PINGRESP.to_vec(),
    ];
    let others: Vec<_> = others.iter().cycle().take(9).collect();
    let mut answer: Vec<_> = others.iter().map(|packet| (0, &packet[..])).collect();
    let connack = connack(false, 0);
    answer.push((0, &connack));
    let t = answered(&answer);
    assert_eq!(t.connect(), Ok(()));
    t.broker_expects_connect(CONFIG);
    t.advance(1000); // none of them is delivered, answered or told

    answer.insert(0, (0, &PINGRESP));
    let t = answered(&answer);
    assert_eq!(t.connect(), Err(ConnectError::NotAccepted));
    t.broker_expects_connect(CONFIG);
}

/// mqtt-15.8: CONNACK in pieces.
#[test]
fn connack_may_come_in_pieces() {
    let connack = connack(false, 0);
    let pieces: Vec<_> = connack.chunks(1).map(|piece| (400, piece)).collect();
    let pieces: Vec<_> = pieces
        .iter()
        .zip(1..)
        .map(|((ms, piece), number)| (ms * number, *piece))
        .collect();
    for fills in [true, false] {
        let t = answered(&pieces);
        t.platform(|platform| platform.fills = fills);
        assert_eq!(t.connect(), Ok(()));
        assert_eq!(t.now(), 1600);
        t.broker_expects_connect(CONFIG);
    }
}

/// mqtt-15.8: CONNACK in pieces that come too slowly.
#[test]
fn a_connack_that_does_not_end_in_time_is_none() {
    for fills in [true, false] {
        let t = answered(&[(0, &[0x20]), (1500, &[2]), (3000, &[0]), (4500, &[0])]);
        t.platform(|platform| platform.fills = fills);
        assert_eq!(t.connect(), Err(ConnectError::NotAccepted));
        assert!(t.now() <= 2 * u64::from(CONFIG.request_timeout));
        t.broker_expects_connect(CONFIG);
    }
}

/// mqtt-15.23: CONNACK with remaining length 0, 1 and 3, with reserved flags; packets that servers do not send.
#[test]
fn what_is_no_connack_ends_the_attempt() {
    for bytes in [
        &[0x20, 0][..],
        &[0x20, 1, 0],
        &[0x20, 3, 0, 0, 0],
        &[0x20, 2, 2, 0],
        &[0x21, 2, 0, 0],
        &[0x00, 0],
        &[0x10, 2, 0, 0],
        &[0xf0, 0],
        &[0xe0, 0],
        &[0x20, 0xff, 0xff, 0xff, 0xff],
        &packet(0x30, &[0; 2000]),
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ] {
        let t = answered(&[(0, bytes), (0, &connack(false, 0))]);
        assert_eq!(
            t.connect(),
            Err(ConnectError::NotAccepted),
            "{}",
            bytes.escape_ascii()
        );
        t.broker_expects_connect(CONFIG);
    }
}

/// hal-19.11: Establish that fails, now or later. mqtt-15.10: what was not opened is not closed.
#[test]
fn without_a_transport_there_is_no_connection() {
    for opening in [Opening::Fails, Opening::FailsIn(30_000)] {
        let t = Script::new(Setup::default());
        t.will_open([opening]);
        assert_eq!(t.connect(), Err(ConnectError::NoConnection));
        assert!(!t.is_open() && !t.client.is_connected());
        t.close();
    }
}

#[test]
fn a_connection_that_breaks_before_connack_is_none() {
    for broken in [Broken::Closed, Broken::Failed(-100), Broken::Contract] {
        let t = Script::new(Setup::default());
        t.broker_will_answer_connect(&[]);
        t.will_write([Write::Breaks(broken)]);
        assert_eq!(t.connect(), Err(ConnectError::NotAccepted), "writing");

        let t = answered(&[(0, &[0x20, 2])]);
        t.platform(|platform| platform.late = 1);
        t.connection_will_break_after_connect(10, broken);
        assert_eq!(t.connect(), Err(ConnectError::NotAccepted), "reading");
        t.broker_expects_connect(CONFIG);
    }
}

/// mqtt-15.10: a transport is closed once for each time that it was opened, however the attempt went.
#[test]
fn a_failed_attempt_may_be_followed_by_any_number() {
    let mut connected = 0;
    for attempt in 0..100 {
        let answer = if attempt % 2 == 0 { 0 } else { 5 };
        let t = answered(&[(0, &connack(false, answer))]);
        connected += u32::from(t.connect().is_ok());
        t.broker_expects_connect(CONFIG);
        if answer == 0 {
            t.close();
            t.broker_expects(&DISCONNECT);
            t.close();
        }
        assert_eq!(t.openings(), 1);
    }
    assert_eq!(connected, 50);
}

/// mqtt-15.7: read buffers of every small size.
#[test]
fn a_read_buffer_holds_the_largest_header() {
    for (size, good) in [(0, false), (1, false), (4, false), (5, true)] {
        let setup = Setup {
            read_buffer: size,
            ..Setup::default()
        };
        match Script::try_new(setup) {
            Ok(t) => {
                assert!(good, "{size}");
                assert_eq!(t.connect(), Ok(()));
                t.broker_expects_connect(CONFIG);
            }
            Err(error) => {
                assert!(!good, "{size}");
                assert_eq!(error, ConnectError::BufferTooSmall);
            }
        }
    }
}

/// mqtt-15.7: a write buffer of exactly CONNECT's size, and of one byte less.
#[test]
fn a_write_buffer_holds_connect() {
    let len = connect(CLIENT_ID, 60, true).len();
    for (write_buffer, good) in [(0, false), (len - 1, false), (len, true)] {
        let t = Script::new(Setup {
            write_buffer,
            ..Setup::default()
        });
        if good {
            assert_eq!(t.connect(), Ok(()));
            t.broker_expects_connect(CONFIG);
        } else {
            assert_eq!(t.connect(), Err(ConnectError::NotAccepted));
            assert_eq!(t.logged("CONNECT does not fit"), 1);
        }
    }
}

/// hal-19.5: no lock is left for the first or the second that is needed.
#[test]
fn without_locks_there_is_no_client() {
    for left in 0..2 {
        set_locks(Some(left));
        let error = Script::try_new(Setup::default()).err();
        assert_eq!(error, Some(ConnectError::NoLock), "{left}");
    }
    set_locks(Some(2));
    let t = Script::connected();
    set_locks(None);
    t.advance(10);
}

#[test]
fn nothing_is_sent_before_there_is_a_connection() {
    let t = Script::new(Setup::default());
    let publish = t.client.publish(b"/a", b"x", QoS::AtLeastOnce, false);
    assert_eq!(publish, Err(Error::NotConnected));
    let subscribe = t.client.subscribe(b"/a", QoS::AtMostOnce, "one");
    assert_eq!(subscribe, Err(Error::NotConnected));
    assert_eq!(t.client.unsubscribe(b"/a"), Err(Error::NotConnected));
}
