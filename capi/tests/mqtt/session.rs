//! The life of a client, in which everything happens that can, and during which anything may fail.

use std::{
    ffi::{CStr, c_int},
    rc::Rc,
};

use super::device::{Device, Ears};
use crate::common::packet::publish;

const FILTER: &CStr = c"/session/+";

/// What a call may return.
fn assert_result(result: c_int, failures: &[c_int]) -> bool {
    assert!(
        result >= 0 || failures.contains(&result),
        "{result}, not one of {failures:?}"
    );
    result >= 0
}

/// A device with a topic handler that publishes and waits for a reply.
pub(crate) fn device() -> (Rc<Device>, Rc<Ears>) {
    let device = Device::with_buffers(64, 256);
    device.hal.server_answers(true);
    let ears = device.ears("ears");
    ears.then(|device, _| {
        assert_result(device.publish(c"/session/in", 1, b"x"), &[-14, -27, -42]);
        device
            .hal
            .server_sends(&publish(0, "/session/reply", 0, b"y"));
        assert_result(device.yields(20), &[-1]);
    });
    (device, ears)
}

/// Lives once. Whether everything went well; whatever went wrong, nothing is left.
pub(crate) fn live(device: &Device, ears: &Ears) -> bool {
    if !device.construct() {
        assert!(device.told().is_empty());
        return false;
    }
    let mut good = true;
    let mut check = |result, failures: &[_]| good &= assert_result(result, failures);

    check(device.subscribe(FILTER, 2, ears), &[-14, -27, -42]);
    check(device.yields(20), &[]);
    for qos in [0, 1] {
        check(device.publish(c"/session/up", qos, b"x"), &[-14, -27, -42]);
    }
    for flags in [0, 2, 4] {
        let message = publish(flags, "/session/down", 0x1000, b"0123456789");
        device.hal.server_sends(&message);
        check(device.yields(30), &[]);
    }
    device
        .hal
        .server_sends(&publish(2, "/session/large", 1, &[b'x'; 64]));
    check(device.yields(20), &[]);
    device.hal.pass(60_000); // for a ping
    check(device.yields(20), &[]);
    check(device.publish(c"/session/up", 1, b"x"), &[-14, -27, -42]);

    device.hal.server_ends();
    check(device.yields(10), &[]);
    recover(device);
    check(device.unsubscribe(FILTER), &[-14, -27, -42]);
    check(device.yields(20), &[]);
    recover(device);

    assert_eq!(
        device.count(1),
        device.count(2),
        "lost as often as found again"
    );
    // Three messages, for each a reply and a message of the handler's.
    let counts = [1, 3, 6, 9, 12, 13].map(|number| device.count(number));
    good &= counts == [1, 1, 1, 2 + 3, 3 + 3, 1];
    assert_eq!(device.destroy(), 0);
    device.told();
    device.hal.server_got();
    good
}

/// Waits until there is a connection: attempts follow within 1 s, or within 4 after one that failed.
fn recover(device: &Device) {
    for _ in 0..4 {
        assert_eq!(device.yields(2000), 0);
        if device.state() == 1 {
            return;
        }
    }
    panic!("there is no connection");
}

#[test]
fn everything_goes_well() {
    let (device, ears) = device();
    assert!(live(&device, &ears));
    assert!(live(&device, &ears), "again");
}
