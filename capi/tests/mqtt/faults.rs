//! What a port does wrong: within its contract, and beyond it.

use std::ffi::{CStr, c_int};

use super::{
    device::{Device, event, message},
    session,
};
use crate::common::{
    hal::net::{Call, Fault},
    memory,
    packet::{PINGREQ, publish, subscribe},
};

const TOPIC: &CStr = c"/a1ProdKey01/dev-0001/update";

const FAULTS: [Fault; 6] = [
    Fault::Returns(-1),
    Fault::Returns(-2),
    Fault::Returns(-0x7100),
    Fault::Returns(c_int::MIN),
    Fault::Returns(c_int::MAX),
    Fault::MoreThanOffered,
];

#[test]
fn a_read_that_fails_loses_the_connection() {
    for fault in FAULTS {
        let device = Device::connected();
        device.hal.disturb_reads(&[fault]);
        device.spend(10);
        assert_eq!(device.told(), [event(1, 0)], "{fault:?}");
        assert_eq!(device.hal.open_connections(), 0);
        device.spend(1100);
        assert_eq!(device.told(), [event(2, 0)], "{fault:?}");
        device.hal.server_sends(&publish(0, "/x", 0, b"again"));
        device.spend(10);
        assert_eq!(device.told(), [message("all", "/x", b"again")]);
    }
}

#[test]
fn a_read_that_fails_within_a_packet_loses_the_connection() {
    for fault in FAULTS {
        let device = Device::connected();
        device.hal.server_sends(&publish(0, "/x", 0, b"half")[..6]);
        device.spend(10);
        device.hal.disturb_reads(&[fault]);
        device.spend(10);
        assert_eq!(device.told(), [event(1, 0)], "{fault:?}");
        device.spend(1100);
        // What has come of the packet belongs to the old connection.
        device.hal.server_sends(&publish(0, "/x", 0, b"whole"));
        device.spend(10);
        assert_eq!(device.told(), [event(2, 0), message("all", "/x", b"whole")]);
    }
}

#[test]
fn a_write_that_fails_is_minus_14_and_the_connection_is_lost_at_once() {
    let calls: [fn(&Device) -> c_int; 4] = [
        |device| device.publish(TOPIC, 0, b"x"),
        |device| device.publish(TOPIC, 1, b"x"),
        |device| device.subscribe(TOPIC, 1, &device.all),
        |device| device.unsubscribe(TOPIC),
    ];
    for fault in FAULTS {
        for call in calls {
            let device = Device::connected();
            device.hal.disturb_writes(&[fault]);
            assert_eq!(call(&device), -14, "{fault:?}");
            assert_eq!(device.state(), 0);
            assert_eq!(call(&device), -27, "{fault:?}");
            device.spend(1100);
            assert_eq!(device.told(), [event(1, 0), event(2, 0)]);
            let got = device.hal.server_got();
            assert_eq!(got.len(), 1, "CONNECT; what failed is forgotten");
            device.spend(5000);
            device.assert_quiet();
        }
    }
}

#[test]
fn an_acknowledgement_that_cannot_be_sent_loses_the_connection() {
    for fault in FAULTS {
        let device = Device::connected();
        device.hal.disturb_writes(&[fault]);
        device.hal.server_sends(&publish(2, "/x", 7, b"x"));
        device.spend(10);
        let numbers: Vec<_> = device.told().iter().map(|told| told.number).collect();
        assert_eq!(numbers, [12, 1], "{fault:?}");
        assert_eq!(device.state(), 0);
    }
}

#[test]
fn a_ping_that_cannot_be_sent_loses_the_connection() {
    let device = Device::connected();
    device.hal.disturb_writes(&[Fault::Returns(-1)]);
    device.spend(60_010);
    assert_eq!(device.told(), [event(1, 0)]);
}

#[test]
fn a_port_may_take_a_packet_byte_by_byte() {
    let device = Device::connected();
    device.hal.limit_writes(1);
    assert_eq!(device.publish(TOPIC, 1, &[7; 100]), 1);
    assert_eq!(device.subscribe(c"/x", 1, &device.all), 2);
    let expected = [
        publish(2, TOPIC.to_str().unwrap(), 1, &[7; 100]),
        subscribe(2, "/x", 1),
    ];
    assert_eq!(device.hal.server_got(), expected);
}

#[test]
fn a_port_that_takes_nothing_for_a_while_is_asked_again_with_the_time_left() {
    let device = Device::connected();
    device.hal.disturb_writes(&[Fault::Returns(0); 5]);
    device.hal.calls();
    assert_eq!(device.publish(TOPIC, 0, b"x"), 0);
    let timeouts: Vec<_> = device
        .hal
        .calls()
        .into_iter()
        .map(|call| match call {
            Call::Write { timeout, .. } => timeout,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(timeouts, [2000, 1990, 1980, 1970, 1960, 1950]);
}

#[test]
fn a_port_that_takes_nothing_for_ever_is_given_up_after_the_request_timeout() {
    let device = Device::connected();
    device.hal.limit_writes(0);
    let start = device.hal.now();
    assert_eq!(device.publish(TOPIC, 1, b"x"), -14);
    assert_eq!(device.hal.now() - start, 2000);
    device.hal.limit_writes(usize::MAX);
    device.spend(1100);
    assert_eq!(device.told(), [event(1, 0), event(2, 0)]);
}

/// Some ports say 0 at once when the connection has ended.
#[test]
fn a_port_that_does_not_wait_costs_no_more_than_a_look_every_10_ms() {
    let device = Device::connected();
    device.hal.hurry_reads();
    device.hal.calls();
    device.spend(1000);
    let calls = device.hal.calls().len();
    assert!(calls <= 110, "{calls}");

    device.hal.pass(59_000);
    device.spend(10);
    assert_eq!(device.hal.server_got(), [PINGREQ]);
    device.hal.pass(29_900);
    device.spend(200);
    assert_eq!(device.told(), [event(1, 0)], "the ping shows it");
}

#[test]
fn a_packet_that_does_not_go_on_is_given_up_after_the_request_timeout() {
    for hurry in [false, true] {
        let device = Device::connected();
        if hurry {
            device.hal.hurry_reads();
        }
        device.hal.server_sends(&publish(0, "/x", 0, b"half")[..6]);
        device.spend(1900);
        assert_eq!(device.told(), [], "hurry {hurry}");
        device.hal.refuse_connections(usize::MAX);
        device.spend(200);
        assert_eq!(device.told(), [event(1, 0)], "hurry {hurry}");
    }
}

#[test]
fn whichever_call_fails_the_client_recovers_or_ends() {
    let faults = [
        Fault::Returns(-1),
        Fault::Returns(0),
        Fault::MoreThanOffered,
    ];
    for fault in faults {
        let mut failures = 0;
        // Under Miri each takes seconds.
        for number in (1..).step_by(if cfg!(miri) { 15 } else { 1 }) {
            let (device, ears) = session::device();
            device.hal.fail_call(number, fault);
            failures += usize::from(!session::live(&device, &ears));
            assert_eq!(device.hal.live_mutexes(), 0);
            assert_eq!(device.hal.open_connections(), 0);
            assert_eq!(memory::live(), 0);

            if device.hal.has_call_to_fail() {
                break; // there were fewer calls
            }
            assert!(session::live(&device, &ears), "{fault:?} in call {number}");
        }
        assert_ne!(failures, 0, "{fault:?}: nothing has failed");
    }
}
