//! Without memory a call says so, and everything works on afterwards. Each request for memory fails in turn, alone and
//! with all after it.

use std::{
    cell::Cell,
    ffi::{CStr, c_int},
    rc::Rc,
};

use super::{
    device::{Device, event, message},
    session,
};
use crate::common::{
    memory::{self, Fails},
    packet::{puback, publish, suback, unsuback},
};

const TOPIC: &CStr = c"/a1ProdKey01/dev-0001/update";

/// Runs an action of which some requests for memory fail. Also says whether one has.
fn without_memory<R>(fails: Fails, action: impl FnOnce() -> R) -> (R, bool) {
    memory::count_anew(fails);
    let result = action();
    let failed = match fails {
        Fails::Only(number) | Fails::From(number) => memory::asked() >= number,
        Fails::None => false,
    };
    memory::count_anew(Fails::None);
    (result, failed)
}

/// Lets each request fail in turn, until an attempt says that none has.
fn fail_each(mut attempt: impl FnMut(Fails) -> bool) {
    for plan in [Fails::Only as fn(usize) -> Fails, Fails::From] {
        let failures = (1..).take_while(|number| attempt(plan(*number)));
        assert_ne!(failures.count(), 0, "nothing was asked for");
    }
}

fn id(result: c_int) -> u16 {
    result.try_into().expect("an id")
}

#[test]
fn a_client_comes_about_or_leaves_nothing() {
    let device = Device::new();
    fail_each(|fails| {
        let (made, failed) = without_memory(fails, || device.construct());
        assert_ne!(made, failed, "{fails:?}");
        if made {
            assert_eq!(device.destroy(), 0);
        }
        assert_eq!(device.hal.live_mutexes(), 0);
        assert_eq!(device.hal.open_connections(), 0);
        assert_eq!(memory::live(), 0);
        failed
    });
}

#[test]
fn a_subscription_is_accepted_or_minus_42_and_not_sent() {
    fail_each(|fails| {
        let device = Device::connected();
        let ears = device.ears("ears");
        let (result, failed) = without_memory(fails, || device.subscribe(TOPIC, 1, &ears));
        if failed {
            assert_eq!(result, -42);
            device.assert_quiet();
        } else {
            device.hal.server_sends(&suback(id(result), 1));
            device.spend(10);
            assert_eq!(device.told(), [event(3, result)]);
        }
        device.listen(TOPIC, &ears);
        device
            .hal
            .server_sends(&publish(0, TOPIC.to_str().unwrap(), 0, b"x"));
        device.spend(10);
        let told = [message("ears", TOPIC.to_str().unwrap(), b"x")];
        assert_eq!(device.told(), told, "one entry");
        failed
    });
}

#[test]
fn the_end_of_a_subscription_is_accepted_or_minus_42_and_not_sent() {
    fail_each(|fails| {
        let device = Device::connected();
        device.listen(TOPIC, &device.ears("ears"));
        let (result, failed) = without_memory(fails, || device.unsubscribe(TOPIC));
        if failed {
            assert_eq!(result, -42);
            device.assert_quiet();
        }
        let last = device.unsubscribe(TOPIC);
        device.hal.server_sends(&unsuback(id(last)));
        device.spend(10);
        assert_eq!(device.told(), [event(6, last)]);
        failed
    });
}

#[test]
fn a_message_with_qos_1_is_accepted_or_minus_42_and_not_sent() {
    fail_each(|fails| {
        let device = Device::connected();
        let (result, failed) = without_memory(fails, || device.publish(TOPIC, 1, b"x"));
        if failed {
            assert_eq!(result, -42);
            device.assert_quiet();
        }
        let last = device.publish(TOPIC, 1, b"y");
        device.hal.server_sends(&puback(id(last)));
        device.spend(10);
        assert_eq!(device.told(), [event(9, last)]);
        failed
    });
}

/// The twenty messages that may wait grow the store they are kept in; whichever growth fails, none is lost.
#[test]
fn a_window_of_messages_grows_or_stays() {
    fail_each(|fails| {
        let device = Device::connected();
        let publish_all = || (0..20).map(|_| device.publish(TOPIC, 1, &[7; 150]));
        let (results, failed) = without_memory(fails, || publish_all().collect::<Vec<_>>());
        let accepted: Vec<_> = results.iter().copied().filter(|id| *id > 0).collect();
        assert!(results.iter().all(|id| *id > 0 || *id == -42));
        assert_eq!(accepted.len() < 20, failed);
        assert_eq!(device.hal.server_got().len(), accepted.len());

        device.spend(4010);
        let again: Vec<_> = device.hal.server_got();
        assert_eq!(again.len(), accepted.len(), "all are sent again");
        for id in &accepted {
            device.hal.server_sends(&puback(self::id(*id)));
        }
        device.spend(10);
        let told: Vec<_> = accepted.iter().map(|id| event(9, *id)).collect();
        assert_eq!(device.told(), told);
        failed
    });
}

#[test]
fn messages_pings_and_qos_0_need_no_memory() {
    let device = Device::connected();
    device.listen(TOPIC, &device.ears("ears"));
    let payload = [7; 100];
    let round = || {
        device.publish(TOPIC, 0, &payload);
        let last = device.publish(TOPIC, 1, &payload);
        device.hal.server_sends(&puback(id(last)));
        for flags in [0, 2] {
            let packet = publish(flags, TOPIC.to_str().unwrap(), 9, &payload);
            device.hal.server_sends(&packet);
        }
        device.hal.server_sends_after(60_000, &[0xd0, 0]);
        device.spend(61_000);
        assert_eq!(device.told().len(), 3);
        device.hal.server_got().len()
    };
    round(); // the first message with QoS 1 may need what the others use again
    let (got, _) = without_memory(Fails::From(1), || [round(), round()]);
    // PUBLISH, PUBLISH, PUBACK, PINGREQ
    assert_eq!(got, [4, 4]);
    memory::count_anew(Fails::None);
    round();
    assert_eq!(memory::asked(), 0);
}

#[test]
fn a_nested_yield_without_memory_waits_and_says_so() {
    fail_each(|fails| {
        let device = Device::connected();
        let ears = device.ears("ears");
        device.listen(TOPIC, &ears);
        let outcome = Rc::new(Cell::new(None));
        ears.then({
            let outcome = Rc::clone(&outcome);
            move |device, _| {
                device.hal.server_sends(&publish(0, "/reply", 0, b"y"));
                let start = device.hal.now();
                let yielded = device.yields(50);
                outcome.set(Some((yielded, device.hal.now() - start)));
            }
        });
        device
            .hal
            .server_sends(&publish(0, TOPIC.to_str().unwrap(), 0, b"x"));
        let (_, failed) = without_memory(fails, || device.spend(50));
        let expected = if failed { -1 } else { 0 };
        assert_eq!(outcome.take(), Some((expected, 50)));
        device.spend(10);
        let told = [
            message("ears", TOPIC.to_str().unwrap(), b"x"),
            message("all", "/reply", b"y"),
        ];
        assert_eq!(device.told(), told);
        failed
    });
}

#[test]
fn a_message_with_qos_2_is_taken_or_not_answered() {
    fail_each(|fails| {
        let device = Device::connected();
        let packet = publish(4, "/x", 7, b"x");
        device.hal.server_sends(&packet);
        let (_, failed) = without_memory(fails, || device.spend(10));
        let told = device.told().len();
        let answers = device.hal.server_got().len();
        assert_eq!((told, answers), if failed { (0, 0) } else { (1, 1) });

        device.hal.server_sends(&packet);
        device.spend(10);
        assert_eq!(told + device.told().len(), 1, "delivered once");
        assert_eq!(device.hal.server_got(), [[0x50, 2, 0, 7]]);
        failed
    });
}

#[test]
fn whichever_request_fails_the_client_recovers_or_ends() {
    fail_each(|fails| {
        let (device, ears) = session::device();
        let (good, failed) = without_memory(fails, || session::live(&device, &ears));
        assert_ne!(good, failed, "{fails:?}");
        assert_eq!(device.hal.live_mutexes(), 0);
        assert_eq!(device.hal.open_connections(), 0);
        assert_eq!(memory::live(), 0);
        assert!(session::live(&device, &ears), "after {fails:?}");
        failed
    });
}
