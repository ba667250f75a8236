//! `IOT_MQTT_Construct`: what CONNECT says, which answers are good, what is reported then, and what a failure leaves.

use std::{
    ffi::{CStr, c_int},
    ptr,
    rc::Rc,
};

use iot_sdk::v2::{
    iot_export::{_IOT_LogLevel::IOT_LOG_DEBUG, IOT_OpenLog, IOT_SetLogLevel, IOT_SetupConnInfo},
    iot_export_mqtt::*,
    lite_system::iotx_device_info_get,
};

use super::device::{CLIENT_ID, Device, HOST, PASSWORD, PORT, ROOT, USERNAME, event};
use crate::common::{
    hal::net::{Call, Fault, Peer},
    memory,
    packet::{self, PINGREQ, connack, text},
};

/// CONNECT as the standard has it (section 3.1).
fn connect(flags: u8, keep_alive: u16) -> Vec<u8> {
    let string = |string: &CStr| text(string.to_str().unwrap());
    let body = [
        &[0, 4, b'M', b'Q', b'T', b'T', 4, flags][..],
        &keep_alive.to_be_bytes(),
        &string(CLIENT_ID),
        &string(USERNAME),
        &string(PASSWORD),
    ];
    packet::packet(0x10, &body.concat())
}

/// What the server gets of a client with such parameters, which is destroyed again.
fn connect_with(device: &Device, change: impl FnOnce(&mut iotx_mqtt_param_t)) -> Vec<u8> {
    assert!(device.construct_with(change));
    let got = device.hal.server_got();
    assert_eq!(got.len(), 1);
    assert_eq!(device.destroy(), 0);
    assert_eq!(device.hal.server_got(), [packet::DISCONNECT]);
    got.concat()
}

/// Nothing is left of a client that did not come about.
fn assert_nothing_left(device: &Device) {
    assert!(device.handle().is_null());
    assert_eq!(device.hal.live_mutexes(), 0);
    assert_eq!(device.hal.open_connections(), 0);
    assert_eq!(memory::live(), 0);
    assert_eq!(device.told(), []);
}

#[test]
fn keep_alive_is_brought_into_60_to_180_s() {
    let device = Device::new();
    for (ms, s) in [
        (0, 60),
        (59_999, 60),
        (60_000, 60),
        (61_999, 61),
        (120_000, 120),
        (180_000, 180),
        (181_000, 180),
        (65_600_000, 180),
        (u32::MAX, 180),
    ] {
        let got = connect_with(&device, |params| params.keepalive_interval_ms = ms);
        assert_eq!(got, connect(0xc0, s), "{ms}");
    }
}

#[test]
fn every_clean_session_but_0_is_1() {
    let device = Device::new();
    for (clean_session, flags) in [(0, 0xc0), (1, 0xc2), (2, 0xc2), (255, 0xc2)] {
        let got = connect_with(&device, |params| params.clean_session = clean_session);
        assert_eq!(got, connect(flags, 60), "{clean_session}");
    }
}

#[test]
fn the_request_timeout_is_500_to_5000_or_2000() {
    let device = Device::new();
    for (given, used) in [
        (0, 2000),
        (499, 2000),
        (500, 500),
        (501, 501),
        (5000, 5000),
        (5001, 2000),
        (u32::MAX, 2000),
    ] {
        device.hal.greet_with(&connack(0, 0));
        assert!(device.construct_with(|params| params.request_timeout_ms = given));
        assert_eq!(device.publish(c"/a", 0, b"x"), 0);
        let timeouts = |calls: Vec<Call>| -> Vec<u32> {
            let timeout = |call| match call {
                Call::Write { timeout, .. } => Some(timeout),
                _ => None,
            };
            calls.into_iter().filter_map(timeout).collect()
        };
        assert_eq!(timeouts(device.hal.calls()), [used; 2], "{given}");
        assert_eq!(device.destroy(), 0);

        // So long CONNACK is waited for.
        device.hal.greet_with(b"");
        let start = device.hal.now();
        assert!(!device.construct_with(|params| params.request_timeout_ms = given));
        assert_eq!(device.hal.now() - start, used.into(), "{given}");
        device.hal.calls();
    }
}

#[test]
fn with_a_certificate_the_connection_is_one_over_tls() {
    let device = Device::new();
    device.hal.expect_peer(Peer {
        host: HOST.into(),
        port: PORT,
        root: Some(ROOT.into()),
    });
    assert!(device.construct_with(|params| params.pub_key = ROOT.as_ptr()));
    assert_eq!(device.hal.server_got(), [connect(0xc0, 60)]);
    assert_eq!(device.publish(c"/a", 0, b"x"), 0);
    device
        .hal
        .server_sends(&packet::publish(0, "/b", 0, b"over TLS"));
    device.spend(100);
    assert_eq!(device.told().len(), 1);

    device.hal.server_ends();
    device.spend(1500);
    assert_eq!(device.told(), [event(1, 0), event(2, 0)]);
    assert_eq!(device.hal.connections(), 2);
    assert_eq!(device.hal.open_connections(), 1);
}

#[test]
fn only_a_connack_that_accepts_is_accepted() {
    let device = Device::new();
    for bad in [
        connack(0, 1),
        connack(0, 2),
        connack(0, 3),
        connack(0, 4),
        connack(0, 5),
        connack(0, 6),
        connack(0, 255),
        connack(1, 5),
        connack(2, 0),
        vec![0x20, 0],
        vec![0x20, 1, 0],
        vec![0x20, 3, 0, 0, 0],
        vec![0x21, 2, 0, 0],
        vec![0x20, 0x80, 0x80, 0x80, 0x80, 1],
        vec![0x00, 0],
        vec![0xf0, 0],
    ] {
        device.hal.greet_with(&bad);
        assert!(!device.construct(), "{bad:x?}");
        assert_nothing_left(&device);
    }
    for good in [connack(0, 0), connack(1, 0)] {
        device.hal.greet_with(&good);
        assert!(device.construct(), "{good:x?}");
        assert_eq!(device.destroy(), 0);
    }
}

/// What a developer reads when the server refuses.
#[test]
fn the_log_says_why_a_client_was_refused() {
    let device = Device::new();
    // SAFETY: a string.
    unsafe { IOT_OpenLog(c"mqtt".as_ptr()) };
    IOT_SetLogLevel(std::mem::MaybeUninit::new(IOT_LOG_DEBUG));
    let mut lines: Vec<String> = [1, 2, 3, 4, 5, 6]
        .into_iter()
        .map(|code| {
            device.hal.greet_with(&connack(0, code));
            device.hal.printed();
            assert!(!device.construct());
            let printed = device.hal.printed();
            assert!(!printed.contains(PASSWORD.to_str().unwrap()));
            let line = printed.lines().find(|line| line.contains("refused"));
            line.unwrap_or_else(|| panic!("{printed}")).to_owned()
        })
        .collect();
    lines.dedup();
    assert_eq!(lines.len(), 6, "each has its own words: {lines:?}");
}

#[test]
fn connack_may_come_in_pieces_and_behind_nine_other_packets() {
    let device = Device::new();
    device.hal.greet_slowly(&connack(0, 0), 400);
    assert!(device.construct());
    assert_eq!(device.hal.now(), 4 * 400);
    assert_eq!(device.destroy(), 0);

    device.hal.greet_slowly(&connack(0, 0), 501);
    assert!(!device.construct(), "the last byte comes after 2004 ms");
    assert_nothing_left(&device);

    let others = |count: usize| [&packet::PINGRESP.repeat(count)[..], &connack(0, 0)].concat();
    device.hal.greet_with(&others(9));
    assert!(device.construct());
    assert_eq!(device.destroy(), 0);
    device.hal.greet_with(&others(10));
    assert!(!device.construct());
    assert_nothing_left(&device);
}

#[test]
fn a_failed_attempt_leaves_nothing_and_may_be_repeated_for_ever() {
    let device = Device::new();
    for round in 0..if cfg!(miri) { 3 } else { 100 } {
        device.hal.refuse_connections(1);
        assert!(!device.construct(), "no connection");
        assert_nothing_left(&device);

        device.hal.greet_with(b"");
        assert!(!device.construct(), "no answer");
        assert_nothing_left(&device);

        device.hal.greet_with(&connack(0, 5));
        assert!(!device.construct(), "refused");
        assert_nothing_left(&device);

        for fault in [
            Fault::Returns(-1),
            Fault::Returns(-2),
            Fault::MoreThanOffered,
        ] {
            device.hal.greet_with(&connack(0, 0));
            device.hal.disturb_writes(&[fault]);
            assert!(!device.construct(), "{fault:?} while sending");
            assert_nothing_left(&device);
            device.hal.disturb_reads(&[fault]);
            assert!(!device.construct(), "{fault:?} while receiving");
            assert_nothing_left(&device);
        }

        for mutexes in 0.. {
            device.hal.fail_mutexes_after(Some(mutexes));
            if device.construct() {
                assert_ne!(mutexes, 0);
                assert_eq!(device.destroy(), 0);
                break;
            }
            assert_nothing_left(&device);
        }
        device.hal.fail_mutexes_after(None);

        assert!(device.construct(), "round {round}");
        assert_eq!(device.destroy(), 0);
        assert_nothing_left(&device);
    }
}

#[test]
fn buffers_must_hold_a_header_and_connect() {
    let device = Device::with_buffers(5, connect(0xc0, 60).len());
    let size = u32::try_from(connect(0xc0, 60).len()).unwrap();
    for (read, write) in [(0, size), (4, size), (5, 0), (5, 1), (5, size - 1)] {
        assert!(!device.construct_with(|params| {
            (params.read_buf_size, params.write_buf_size) = (read, write);
        }));
        assert_nothing_left(&device);
        assert_eq!(device.hal.server_got(), [[0; 0]; 0]);
    }
    assert!(device.construct());
    assert_eq!(device.hal.server_got(), [connect(0xc0, 60)]);
}

#[test]
fn the_seed_of_the_jitter_depends_on_the_password_and_the_time() {
    let device = Device::new();
    let seed = |password: &'static CStr| {
        assert!(device.construct_with(|params| params.password = password.as_ptr()));
        assert_eq!(device.destroy(), 0);
        let seeds = device.hal.seeds();
        assert_eq!(seeds.len(), 1);
        seeds[0]
    };
    let first = seed(c"one");
    assert_ne!(seed(c"two"), first);
    device.hal.pass(1);
    assert_ne!(seed(c"one"), first);
}

#[test]
fn eight_clients_may_exist_and_the_ninth_does_not_connect() {
    let first = Device::new();
    first.connect();
    let mut devices = vec![Rc::clone(&first)];
    for _ in 0..7 {
        let device = Device::of(&first.hal, 64, 256);
        assert!(device.construct());
        devices.push(device);
    }
    let mut handles: Vec<_> = devices.iter().map(|device| device.handle()).collect();
    handles.sort();
    handles.dedup();
    assert_eq!(handles.len(), 8, "all different");

    let ninth = Device::of(&first.hal, 64, 256);
    let connections = first.hal.connections();
    let mutexes = first.hal.live_mutexes();
    assert!(!ninth.construct());
    assert_eq!(first.hal.connections(), connections, "none was tried");
    assert_eq!(first.hal.live_mutexes(), mutexes);

    for (number, device) in devices.iter().enumerate() {
        assert_eq!(device.state(), 1);
        assert_eq!(device.destroy(), 0);
        assert!(ninth.construct(), "in the place of number {number}");
        assert_eq!(ninth.destroy(), 0);
        assert!(device.construct());
    }
}

#[test]
fn each_of_two_clients_has_its_own_messages() {
    let one = Device::connected();
    let two = Device::of(&one.hal, 256, 256);
    assert!(two.construct());
    // The newest connection is that of the second.
    one.hal.server_sends(&packet::publish(0, "/x", 0, b"2"));
    one.spend(50);
    assert_eq!(one.told(), []);
    two.spend(50);
    assert_eq!(two.told().len(), 1);
    assert_eq!(two.destroy(), 0);
    assert_eq!(one.state(), 1);
    assert_eq!(one.publish(c"/a", 0, b"x"), 0);
}

#[test]
fn the_secure_variant_says_that_it_is_not_there() {
    let device = Device::new();
    // SAFETY: a string.
    unsafe { IOT_OpenLog(c"mqtt".as_ptr()) };
    IOT_SetLogLevel(std::mem::MaybeUninit::new(IOT_LOG_DEBUG));
    assert!(IOT_MQTT_ConstructSecure(&mut device.params()).is_null());
    assert!(device.hal.printed().contains("call IOT_MQTT_Construct"));
    assert!(IOT_MQTT_ConstructSecure(ptr::null_mut()).is_null());
    assert_eq!(device.hal.calls(), []);
}

// The report of the module's maker.

const REPORT: &str = r#"{"id":"a1ProdKey01_dev-0001_mid","params":{"_sys_device_mid":"MID1","_sys_device_pid":"PID1"}}"#;
const REPORT_TOPIC: &str = "/sys/a1ProdKey01/dev-0001/thing/status/update";

/// Makes the HAL know both ids, and the library the device.
fn set_up_report(device: &Device) {
    device.hal.set_partner_id(b"PID1\0", 4);
    device.hal.set_module_id(b"MID1\0", 4);
    let mut info = ptr::null_mut();
    // SAFETY: strings; a variable.
    let result = unsafe {
        IOT_SetupConnInfo(
            c"a1ProdKey01".as_ptr(),
            c"dev-0001".as_ptr(),
            c"SECRETsecret0123456789abcdefABCD".as_ptr(),
            &mut info,
        )
    };
    assert_eq!(result, 0);
    device.hal.asked_ids();
}

/// The packets of a client's life.
fn life(device: &Device) -> Vec<Vec<u8>> {
    assert!(device.construct());
    assert_eq!(device.destroy(), 0);
    device.hal.server_got()
}

#[test]
fn the_modules_maker_is_reported_if_the_hal_knows_both_ids() {
    let device = Device::new();
    set_up_report(&device);
    let report = packet::publish(0, REPORT_TOPIC, 0, REPORT.as_bytes());
    let with = [connect(0xc0, 60), report, packet::DISCONNECT.to_vec()];
    let without = [connect(0xc0, 60), packet::DISCONNECT.to_vec()];
    assert_eq!(life(&device), with);
    assert_eq!(device.hal.asked_ids(), ["partner", "module"]);

    let ids: [(c_int, c_int, &[&str]); 3] = [
        (0, 4, &["partner"]),
        (4, 0, &["partner", "module"]),
        (0, 0, &["partner"]),
    ];
    for (partner, module, asked) in ids {
        device.hal.set_partner_id(b"PID1\0", partner);
        device.hal.set_module_id(b"MID1\0", module);
        assert_eq!(life(&device), without);
        assert_eq!(device.hal.asked_ids(), asked);
    }

    // Any other number says that there is one.
    device.hal.set_partner_id(b"PID1\0", -1);
    device.hal.set_module_id(b"MID1\0", 1);
    assert_eq!(life(&device), with);
}

#[test]
fn the_report_comes_once_not_again_after_a_reconnect() {
    let device = Device::new();
    set_up_report(&device);
    assert!(device.construct());
    assert_eq!(device.hal.server_got().len(), 2, "CONNECT and the report");
    device.hal.server_ends();
    device.spend(1500);
    assert_eq!(device.told(), [event(1, 0), event(2, 0)]);
    let got = device.hal.server_got();
    assert_eq!(got.len(), 1, "CONNECT alone: {got:?}");
}

#[test]
fn without_a_device_there_is_nothing_to_report() {
    let device = Device::new();
    set_up_report(&device);
    // An application may write to the record; this is how a program begins.
    // SAFETY: the record lives as long as the program, and all its bytes may be 0.
    unsafe { iotx_device_info_get().write_bytes(0, 1) };
    assert_eq!(life(&device).len(), 2, "CONNECT and DISCONNECT");
}

#[test]
fn a_report_that_cannot_be_sent_is_a_failed_attempt() {
    let report = packet::publish(0, REPORT_TOPIC, 0, REPORT.as_bytes());
    let size = report.len();
    assert!(size > connect(0xc0, 60).len());
    let device = Device::with_buffers(256, size);
    set_up_report(&device);

    let smaller = u32::try_from(size - 1).unwrap();
    assert!(!device.construct_with(|params| params.write_buf_size = smaller));
    assert_nothing_left(&device);
    device.hal.server_got();

    // CONNECT, one read of CONNACK's header and one of its body, then the report.
    device.hal.fail_call(5, Fault::Returns(-1));
    assert!(!device.construct());
    assert_nothing_left(&device);
    assert_eq!(device.hal.server_got(), [connect(0xc0, 60)]);

    assert_eq!(life(&device)[1], report);
}

#[test]
fn the_longest_ids_are_reported_whole() {
    let device = Device::with_buffers(256, 512);
    set_up_report(&device);
    device.hal.set_partner_id(&[b'P'; 64], 64); // without a NUL
    device.hal.set_module_id(&[b'M'; 64], 64);
    let got = life(&device);
    let (partner, module) = ("P".repeat(64), "M".repeat(64));
    let expected = REPORT.replace("PID1", &partner).replace("MID1", &module);
    assert_eq!(
        got[1],
        packet::publish(0, REPORT_TOPIC, 0, expected.as_bytes())
    );
}

#[test]
fn the_client_pings_when_its_keep_alive_is_over() {
    let device = Device::new();
    device.connect();
    device.spend(59_999);
    device.assert_quiet();
    device.spend(10);
    assert_eq!(device.hal.server_got(), [PINGREQ]);
    device.hal.server_sends(&packet::PINGRESP);
    device.spend(30_000);
    assert_eq!(device.state(), 1);
    device.assert_quiet();
}
