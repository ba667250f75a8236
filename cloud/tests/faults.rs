//! Each misbehaviour that can be asked for, as a device meets it.

mod common;

use std::time::{Duration, Instant};

use common::*;
use iotkit_cloud::{Cloud, Config, ConnAckFault, FaultScope, Faults, Publication, Stall};

const TOPIC: &str = "/a1ProdKey01/dev-0001/user/get";
const PINGREQ: &[u8] = &[0xc0, 0];
const PINGRESP: &[u8] = &[0xd0, 0];

fn with(faults: Faults) -> Cloud {
    Cloud::start(Config { faults, ..config() }).unwrap()
}

fn open(cloud: &Cloud) -> Raw {
    let mut raw = Raw::open(cloud.mqtt_address());
    raw.send(&connect(
        b"\0\x04MQTT\x04",
        &credentials(&lamp(), ""),
        false,
        60,
    ));
    raw
}

fn login(cloud: &Cloud) -> Raw {
    let mut raw = open(cloud);
    let connack = raw.read(4);
    assert_eq!((connack[0], connack[3]), (0x20, 0));
    raw
}

#[test]
fn a_connection_is_closed_on_accept() {
    let cloud = with(Faults {
        close_on_accept: true,
        ..Faults::default()
    });
    Raw::open(cloud.mqtt_address()).expect_closed();
    cloud.clear_faults();
    login(&cloud);
}

#[test]
fn connack_refuses_splits_or_stays_away() {
    let cloud = with(Faults {
        connack: ConnAckFault::Refuse(3),
        ..Faults::default()
    });
    let mut raw = open(&cloud);
    raw.expect(&[0x20, 2, 0, 3]);
    raw.expect_closed();

    let connack = ConnAckFault::SplitMs(1000);
    cloud.set_faults(
        FaultScope::All,
        Faults {
            connack,
            ..Faults::default()
        },
    );
    let mut raw = open(&cloud);
    raw.expect(&[0x20]);
    raw.expect_silence(Duration::from_millis(50));
    raw.expect(&[2, 0, 0]);

    let connack = ConnAckFault::Silent;
    cloud.set_faults(
        FaultScope::All,
        Faults {
            connack,
            ..Faults::default()
        },
    );
    let mut raw = open(&cloud);
    raw.send(PINGREQ);
    raw.expect_silence(Duration::from_millis(100));
}

#[test]
fn a_session_is_forgotten() {
    let cloud = start();
    login(&cloud);
    let mut raw = open(&cloud);
    raw.expect(&[0x20, 2, 1, 0]);
    cloud.set_faults(
        FaultScope::Device(lamp()),
        Faults {
            forget_session: true,
            ..Faults::default()
        },
    );
    let mut raw = open(&cloud);
    raw.expect(&[0x20, 2, 0, 0]);
}

#[test]
fn a_connection_is_closed_after_so_much() {
    let cloud = with(Faults {
        close_after_received_packets: Some(3),
        ..Faults::default()
    });
    let mut raw = login(&cloud);
    raw.send(PINGREQ);
    raw.expect(PINGRESP);
    raw.send(PINGREQ);
    raw.expect_closed();

    cloud.set_faults(
        FaultScope::All,
        Faults {
            close_after_sent_bytes: Some(5),
            ..Faults::default()
        },
    );
    let mut raw = login(&cloud);
    raw.send(PINGREQ);
    raw.expect(&PINGRESP[..1]);
    raw.expect_closed();
}

#[test]
fn a_stall_silences_both_directions_once() {
    let stall = Some(Stall {
        after_packets: 2,
        ms: 1000,
    });
    let cloud = with(Faults {
        stall,
        ..Faults::default()
    });
    let mut raw = login(&cloud);
    raw.send(PINGREQ);
    raw.expect(PINGRESP);
    let begin = Instant::now();
    raw.send(PINGREQ);
    raw.expect(PINGRESP);
    let length = begin.elapsed();
    assert!(length >= Duration::from_millis(900), "{length:?}");
    raw.send(PINGREQ);
    raw.expect(PINGRESP);
    assert!(begin.elapsed() < length + Duration::from_millis(900));
}

#[test]
fn acknowledgements_stay_away() {
    let cloud = with(Faults {
        no_pingresp: true,
        no_suback: true,
        no_unsuback: true,
        no_puback: true,
        ..Faults::default()
    });
    let mut raw = login(&cloud);
    raw.send(PINGREQ);
    raw.send(&subscribe(1, TOPIC, 1));
    raw.send(&publish1(2, "/a1ProdKey01/dev-0001/update", b"x"));
    raw.expect_silence(Duration::from_millis(100));
    // What was asked for was done all the same.
    cloud
        .publish(&lamp(), Publication::new(TOPIC, "x"))
        .unwrap();
    raw.expect(&publish1(1, TOPIC, b"x"));
    raw.send(&unsubscribe(3, TOPIC));
    raw.expect_silence(Duration::from_millis(100));
    assert!(
        cloud
            .publish(&lamp(), Publication::new(TOPIC, "x"))
            .is_err()
    );
}

#[test]
fn subscriptions_are_refused() {
    let cloud = with(Faults {
        refuse_subscribe: true,
        ..Faults::default()
    });
    let mut raw = login(&cloud);
    raw.send(&subscribe(1, TOPIC, 1));
    raw.expect(&[0x90, 3, 0, 1, 0x80]);
}

#[test]
fn messages_come_twice_and_byte_by_byte() {
    let cloud = with(Faults {
        duplicate_publish: true,
        one_byte_writes: true,
        ..Faults::default()
    });
    let mut raw = login(&cloud);
    raw.send(&subscribe(1, TOPIC, 1));
    raw.expect(&[0x90, 3, 0, 1, 1]);
    cloud
        .publish(&lamp(), Publication::new(TOPIC, "1"))
        .unwrap();
    let mut again = publish1(1, TOPIC, b"1");
    raw.expect(&again);
    again[0] |= 0x08;
    raw.expect(&again);
    cloud
        .publish(&lamp(), Publication::new(TOPIC, "0").at_most_once())
        .unwrap();
    raw.expect(&[publish(TOPIC, b"0"), publish(TOPIC, b"0")].concat());
}

#[test]
fn the_most_special_fault_holds_alone() {
    let deaf = Faults {
        no_pingresp: true,
        ..Faults::default()
    };
    let cloud = with(deaf.clone());
    cloud.set_faults(FaultScope::Device(lamp()), Faults::default());
    // Two connections bring their own, in that order, for life.
    cloud.set_faults(FaultScope::NextConnection, deaf);
    cloud.set_faults(
        FaultScope::NextConnection,
        Faults {
            connack: ConnAckFault::Refuse(5),
            ..Faults::default()
        },
    );
    let mut first = login(&cloud);
    let mut second = open(&cloud);
    second.expect(&[0x20, 2, 0, 5]);
    cloud.clear_faults();
    first.send(PINGREQ);
    first.expect_silence(Duration::from_millis(100));
    let mut third = login(&cloud);
    third.send(PINGREQ);
    third.expect(PINGRESP);
}

#[test]
fn bytes_go_out_as_they_are() {
    let cloud = start();
    let mut raw = login(&cloud);
    cloud.send_raw(&lamp(), b"\xf0\xff\0".to_vec()).unwrap();
    raw.expect(b"\xf0\xff\0");
}

#[test]
fn a_pause_refuses_connections() {
    let cloud = start();
    let mut raw = login(&cloud);
    cloud.pause();
    raw.expect_closed();
    assert!(std::net::TcpStream::connect(cloud.mqtt_address()).is_err());
    cloud.resume().unwrap();
    login(&cloud);
}
