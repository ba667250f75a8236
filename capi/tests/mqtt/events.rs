//! What handlers are told: every event, its message, and what they may do to it.

use std::{
    cell::Cell,
    ffi::{CStr, c_char, c_int},
    rc::Rc,
    slice,
};

use iot_sdk::v2::iot_export_mqtt::iotx_mqtt_topic_info_t;

use super::device::{Device, Message, Told, What, event, message};
use crate::common::packet::{
    PINGREQ, connack, puback, publish, suback, subscribe, unsuback, unsubscribe,
};

const FILTER: &CStr = c"/a1ProdKey01/dev-0001/get";
const TOPIC: &str = "/a1ProdKey01/dev-0001/get";

#[test]
fn a_subscription_that_is_granted_is_event_3() {
    let device = Device::connected();
    let ears = device.ears("ears");
    for (id, granted) in [(1, 0), (2, 1), (3, 2)] {
        assert_eq!(device.subscribe(FILTER, 1, &ears), id);
        device.spend(10);
        assert_eq!(device.told(), []);
        device.hal.server_sends(&suback(id as u16, granted));
        device.spend(10);
        assert_eq!(device.told(), [event(3, id)], "granted {granted}");
    }
    let got = device.hal.server_got();
    assert_eq!(got, [1, 2, 3].map(|id| subscribe(id, TOPIC, 1)));
}

#[test]
fn a_subscription_that_is_refused_is_event_5() {
    let device = Device::connected();
    let id = device.subscribe(FILTER, 0, &device.ears("ears"));
    device.hal.server_sends(&suback(1, 0x80));
    device.hal.server_sends(&publish(0, TOPIC, 0, b"nobody's"));
    device.spend(10);
    assert_eq!(
        device.told(),
        [event(5, id), message("all", TOPIC, b"nobody's")]
    );
}

#[test]
fn a_request_that_is_not_answered_is_event_4_or_7() {
    let device = Device::connected();
    let ears = device.ears("ears");
    let subscription = device.subscribe(FILTER, 1, &ears);
    device.spend(1000);
    let removal = device.unsubscribe(FILTER);
    device.spend(2999);
    assert_eq!(device.told(), []);
    device.spend(2);
    assert_eq!(device.told(), [event(4, subscription)]);
    device.spend(1000);
    assert_eq!(device.told(), [event(7, removal)]);

    device.hal.server_sends(&suback(subscription as u16, 1));
    device.hal.server_sends(&unsuback(removal as u16));
    device.spend(10_000);
    assert_eq!(device.told(), [], "a late answer is nothing to tell");
    assert_eq!(device.state(), 1);
}

#[test]
fn a_subscription_that_has_ended_is_event_6() {
    let device = Device::connected();
    let [one, two] = ["one", "two"].map(|name| device.ears(name));
    device.listen(FILTER, &one);
    device.listen(FILTER, &two);
    device.hal.server_sends(&publish(0, TOPIC, 0, b"both"));
    device.spend(10);
    let both = ["one", "two"].map(|ears| message(ears, TOPIC, b"both"));
    assert_eq!(device.told(), both);

    let id = device.unsubscribe(FILTER);
    assert_eq!(device.hal.server_got(), [unsubscribe(3, TOPIC)]);
    device.hal.server_sends(&publish(0, TOPIC, 0, b"before"));
    device.hal.server_sends(&unsuback(3));
    device.hal.server_sends(&publish(0, TOPIC, 0, b"after"));
    device.spend(10);
    let told = device.told();
    assert_eq!(
        told,
        [
            message("one", TOPIC, b"before"),
            message("two", TOPIC, b"before"),
            event(6, id),
            message("all", TOPIC, b"after"),
        ]
    );
}

#[test]
fn an_acknowledged_message_is_event_9() {
    let device = Device::connected();
    let id = device.publish(c"/a", 1, b"x");
    assert_eq!(device.hal.server_got(), [publish(2, "/a", 1, b"x")]);
    device.hal.server_sends(&puback(99));
    device.hal.server_sends(&puback(1));
    device.hal.server_sends(&puback(1));
    device.spend(10);
    assert_eq!(device.told(), [event(9, id)], "once, and none for 99");
}

#[test]
fn a_message_that_is_not_acknowledged_is_sent_again() {
    let device = Device::connected();
    device.publish(c"/a", 1, b"x");
    device.spend(3999);
    assert_eq!(device.hal.server_got().len(), 1);
    device.spend(10);
    assert_eq!(device.hal.server_got(), [publish(8 | 2, "/a", 1, b"x")]);
    assert_eq!(device.told(), []);
}

#[test]
fn a_lost_connection_is_event_1_and_a_new_one_event_2() {
    let device = Device::connected();
    let ears = device.ears("ears");
    device.listen(FILTER, &ears);
    let waiting = device.publish(c"/a", 1, b"x");
    device.hal.server_got();

    device.hal.server_ends();
    device.spend(500);
    assert_eq!(device.told(), [event(1, 0)]);
    assert_eq!(device.state(), 0);
    assert_eq!(device.publish(c"/a", 0, b"x"), -27);
    assert_eq!(device.hal.open_connections(), 0);
    device.spend(499);
    device.assert_quiet();

    device.spend(10);
    assert_eq!(device.told(), [event(2, 0)]);
    assert_eq!(device.state(), 1);
    let got = device.hal.server_got();
    assert_eq!(got.len(), 3);
    assert_eq!(got[0][0], 0x10, "CONNECT");
    // The server does not know the session any more.
    assert_eq!(got[1], subscribe(waiting as u16 + 1, TOPIC, 1));
    assert_eq!(got[2], publish(8 | 2, "/a", waiting as u16, b"x"));

    device.hal.server_sends(&suback(waiting as u16 + 1, 0x80));
    device.spend(10);
    assert_eq!(
        device.told(),
        [event(5, 1)],
        "with the id that Subscribe returned"
    );
}

#[test]
fn attempts_follow_each_other_at_longer_and_longer_intervals() {
    let device = Device::connected();
    device.hal.server_answers(true);
    let intervals = |random| {
        device.hal.set_random(random);
        device.hal.server_ends();
        device.hal.refuse_connections(7);
        device.hal.attempts();
        let lost = device.hal.now();
        device.spend(300_000);
        assert_eq!(device.told(), [event(1, 0), event(2, 0)]);
        let attempts = [vec![lost], device.hal.attempts()].concat();
        let waits = attempts.windows(2).map(|pair| pair[1] - pair[0]);
        waits.map(|ms| ms / 1000).collect::<Vec<_>>()
    };
    assert_eq!(intervals(0), [1, 2, 4, 8, 16, 32, 60, 60]);
    // A port that gives more than it may is kept within the range.
    assert_eq!(intervals(u32::MAX), [1, 3, 7, 15, 31, 60, 60, 60]);
}

#[test]
fn without_reconnecting_a_connection_is_lost_once() {
    let device = Device::connected();
    assert_eq!(device.disable_reconnect(), 0);
    assert_eq!(device.state(), 1);
    device.hal.server_ends();
    device.spend(100_000);
    assert_eq!(device.told(), [event(1, 0)]);
    assert_eq!(device.state(), 0);
    assert_eq!(device.hal.connections(), 1);
    assert_eq!(device.hal.open_connections(), 0);
}

#[test]
fn a_silent_server_is_given_up_half_an_interval_after_the_ping() {
    let device = Device::connected();
    device.spend(89_990);
    assert_eq!(device.hal.server_got(), [PINGREQ]);
    assert_eq!(device.told(), []);
    device.hal.refuse_connections(usize::MAX);
    device.spend(20);
    assert_eq!(device.told(), [event(1, 0)]);
}

fn info(id: u16, [qos, dup, retain]: [u8; 3], payload: &[u8]) -> Told {
    Told {
        ears: "ears",
        number: 12,
        what: What::Message(Message {
            id,
            qos,
            dup,
            retain,
            topic: TOPIC.into(),
            payload: payload.into(),
        }),
    }
}

#[test]
fn a_message_is_told_with_all_that_its_packet_says() {
    let device = Device::connected();
    device.listen(FILTER, &device.ears("ears"));
    for (flags, id, expected) in [
        (0x0, 0, [0, 0, 0]),
        (0x1, 0, [0, 0, 1]),
        (0x2, 0x1234, [1, 0, 0]),
        (0xa, 0xffff, [1, 1, 0]),
        (0xb, 1, [1, 1, 1]),
        (0x4, 2, [2, 0, 0]),
    ] {
        for payload in [&b""[..], b"x", &[0, 1, 255]] {
            device.hal.server_sends(&publish(flags, TOPIC, id, payload));
            if flags & 4 != 0 {
                // PUBREL: the next message with this id is another one.
                let [high, low] = id.to_be_bytes();
                device.hal.server_sends(&[0x62, 2, high, low]);
            }
            device.spend(10);
            assert_eq!(device.told(), [info(id, expected, payload)]);
        }
    }
    assert_eq!(device.state(), 1);
}

#[test]
fn the_answer_to_a_message_comes_after_its_handlers() {
    let device = Device::connected();
    let ears = device.ears("ears");
    device.listen(FILTER, &ears);
    ears.then(|device, _| assert_eq!(device.publish(c"/inside", 0, b""), 0));
    device.hal.server_sends(&publish(2, TOPIC, 7, b"x"));
    device.spend(10);
    let got = device.hal.server_got();
    assert_eq!(got, [publish(0, "/inside", 0, b""), puback(7)]);
}

/// The byte behind the payload of a message.
fn behind(message: *mut iotx_mqtt_topic_info_t) -> *mut u8 {
    // SAFETY: it is a message.
    unsafe {
        let payload = (*message).payload.cast_mut().cast::<u8>();
        payload.add(usize::from((*message).payload_len))
    }
}

#[test]
fn a_nul_is_behind_a_payload_if_there_is_room() {
    let device = Device::connected();
    let seen = Rc::new(Cell::new(None));
    device.all.then({
        let seen = Rc::clone(&seen);
        move |device, message| {
            let behind = behind(message);
            // Where the buffer ends, there is a guard that the library must leave alone.
            if behind.addr() != device.read_buffer.end().addr() {
                // SAFETY: the buffer goes on there.
                seen.set(Some(unsafe { behind.read() }));
            }
        }
    });
    let header = 3 + 2 + TOPIC.len();
    for (len, byte) in [(10, Some(0)), (255 - header, Some(0)), (256 - header, None)] {
        device
            .hal
            .server_sends(&publish(0, TOPIC, 0, &vec![b'x'; len]));
        device.spend(10);
        assert_eq!(seen.take(), byte, "{len}");
        assert_eq!(device.told(), [message("all", TOPIC, &vec![b'x'; len])]);
    }
}

/// Applications terminate a payload in place, or change it.
#[test]
fn a_handler_may_write_to_a_message_and_to_the_byte_behind_it() {
    let device = Device::connected();
    let [one, two] = ["one", "two"].map(|name| device.ears(name));
    device.listen(FILTER, &one);
    device.listen(FILTER, &two);
    one.then(|_, message| {
        // SAFETY: the buffer is larger than the message.
        unsafe {
            behind(message).write(0xff);
            (*message).payload.cast_mut().write(b'X' as c_char);
            (*message).ptopic.cast_mut().write(b'/' as c_char);
            // The structure is the library's, but who does this harms nobody either.
            (*message).payload_len = 3;
            (*message).qos = 2;
        }
    });
    device.hal.server_sends(&publish(2, TOPIC, 5, b"1234"));
    device.hal.server_sends(&publish(0, TOPIC, 0, b"next"));
    device.spend(10);
    let mut first = [b"1234", b"X234"].map(|payload| info(5, [1, 0, 0], payload));
    (first[0].ears, first[1].ears) = ("one", "two");
    let told = device.told();
    assert_eq!(told[..2], first);
    assert_eq!(
        told[2..],
        [
            message("one", TOPIC, b"next"),
            message("two", TOPIC, b"Xext")
        ]
    );
    assert_eq!(device.hal.server_got(), [puback(5)]);
}

#[test]
fn an_oversize_packet_is_event_13_once_and_the_next_is_understood() {
    let device = Device::connected();
    let header = 3 + 2 + TOPIC.len() + 2;
    device
        .hal
        .server_sends(&publish(2, TOPIC, 9, &vec![7; 257 - header]));
    device.hal.server_sends(&publish(0, TOPIC, 0, b"next"));
    device.spend(10);
    let told = device.told();
    assert_eq!(told.len(), 2);
    assert_eq!((told[0].ears, told[0].number), ("all", 13));
    let What::Text(text) = &told[0].what else {
        panic!("{told:?}");
    };
    assert!(!text.is_empty());
    assert_eq!(told[1], message("all", TOPIC, b"next"));
    assert_eq!(device.hal.server_got(), [puback(9)]);
    assert_eq!(device.state(), 1);
}

#[test]
#[cfg_attr(miri, ignore = "a minute for its many bytes")]
fn a_payload_of_more_than_16_bits_is_oversize_in_a_buffer_of_any_size() {
    let device = Device::with_buffers(70_000, 256);
    device.connect();
    device
        .hal
        .server_sends(&publish(2, TOPIC, 1, &vec![7; 65_536]));
    device
        .hal
        .server_sends(&publish(2, TOPIC, 2, &vec![7; 65_535]));
    device.spend(10);
    let told = device.told();
    assert_eq!(told.len(), 2);
    assert_eq!(told[0].number, 13);
    let What::Message(message) = &told[1].what else {
        panic!("not a message");
    };
    assert_eq!(message.payload, vec![7; 65_535]);
    assert_eq!(device.hal.server_got(), [puback(1), puback(2)]);
}

#[test]
fn in_every_handler_one_may_call_everything() {
    let device = Device::connected();
    device.hal.server_answers(true);
    let ears = device.ears("ears");
    let other = device.ears("other");
    device.hal.server_answers(false);
    device.listen(FILTER, &ears);
    device.hal.server_answers(true);

    let depth = Rc::new(Cell::new(0));
    let results = Rc::new(Cell::new(Vec::new()));
    let action = {
        let results = Rc::clone(&results);
        move |device: &Device, _: *mut iotx_mqtt_topic_info_t| {
            if depth.replace(depth.get() + 1) == 0 {
                let mut all = results.take();
                all.push([
                    device.state(),
                    device.publish(c"/in", 0, b"x").min(1),
                    device.publish(c"/in", 1, b"x").min(1),
                    device.subscribe(c"/other", 0, &other).min(1),
                    device.unsubscribe(c"/other").min(1),
                    device.yields(20),
                ]);
                results.set(all);
            }
            depth.set(depth.get() - 1);
        }
    };
    device.in_every_handler(action);

    let connected: [c_int; 6] = [1, 0, 1, 1, 1, 0];
    let check = |what: &str, expected: [c_int; 6]| {
        device.spend_at_least(100);
        let all = results.take();
        assert!(!all.is_empty(), "{what}: nobody was told");
        assert_eq!(all[0], expected, "{what}");
        device.told();
    };
    device.hal.server_sends(&publish(0, TOPIC, 0, b"x"));
    check("a message for a topic handler", connected);
    device.hal.server_sends(&publish(0, "/nobody's", 0, b"x"));
    check("a message for nobody", connected);
    device.publish(c"/a", 1, b"x");
    check("PUBLISH_SUCCESS", connected);
    device.subscribe(c"/b", 0, &ears);
    check("SUBSCRIBE_SUCCESS", connected);
    device.unsubscribe(c"/b");
    check("UNSUBSCRIBE_SUCCESS", connected);
    device.hal.server_sends(&publish(0, TOPIC, 0, &[7; 300]));
    check("BUFFER_OVERFLOW", connected);

    device.hal.server_answers(false);
    let id = device.subscribe(c"/c", 0, &ears);
    device.hal.server_sends(&suback(id as u16, 0x80));
    check("SUBSCRIBE_NACK", connected);
    device.subscribe(c"/c", 0, &ears);
    device.hal.pass(4001);
    check("SUBSCRIBE_TIMEOUT", connected);
    device.unsubscribe(c"/c");
    device.hal.pass(4001);
    check("UNSUBSCRIBE_TIMEOUT", connected);

    device.hal.server_ends();
    check("DISCONNECT", [0, -27, -27, -27, -27, 0]);
    device.hal.greet_with(&connack(1, 0));
    device.hal.pass(1000);
    check("RECONNECT", connected);
    device.hal.server_answers(true);
    device.spend_at_least(5000);
}

#[test]
fn a_message_stays_as_it_is_while_its_handler_waits_for_others() {
    let device = Device::connected();
    let ears = device.ears("ears");
    device.listen(c"/n/#", &ears);
    let order = Rc::new(Cell::new(Vec::new()));
    ears.then({
        let order = Rc::clone(&order);
        move |device, message| {
            // SAFETY: it is a message, valid until this returns.
            let payload = || unsafe {
                let message = &*message;
                let len = message.payload_len.into();
                slice::from_raw_parts(message.payload.cast::<u8>(), len).to_vec()
            };
            let before = payload();
            device
                .hal
                .server_sends(&publish(0, "/n/inner", 0, &[b'i'; 200]));
            assert_eq!(device.yields(100), 0);
            assert_eq!(payload(), before, "read into another buffer");
            let mut all = order.take();
            all.push(before);
            order.set(all);
        }
    });
    device
        .hal
        .server_sends(&publish(2, "/n/outer", 3, &[b'o'; 200]));
    device.spend(100);
    assert_eq!(
        device.told(),
        [
            Told {
                what: What::Message(Message {
                    id: 3,
                    qos: 1,
                    dup: 0,
                    retain: 0,
                    topic: "/n/outer".into(),
                    payload: vec![b'o'; 200],
                }),
                ears: "ears",
                number: 12,
            },
            message("ears", "/n/inner", &[b'i'; 200]),
        ]
    );
    assert_eq!(order.take(), [[b'o'; 200]]);
    assert_eq!(device.hal.server_got(), [puback(3)]);
}
