//! Every pointer `NULL` in turn, handles of all kinds, and in which order a call looks at its arguments.

use std::{
    ffi::{CStr, CString, c_int, c_void},
    mem::MaybeUninit,
    ptr,
    rc::Rc,
};

use iot_sdk::v2::iot_export_mqtt::*;

use super::device::{Device, Ears, event, info, on_event};
use crate::common::{memory::inside, packet};

const TOPIC: &CStr = c"/a1ProdKey01/dev-0001/update";

/// A topic of so many bytes.
fn topic(len: usize) -> CString {
    CString::new(format!("/{}", "x".repeat(len - 1))).unwrap()
}

const NULL_VALUE: c_int = -2;
const PUBLISH_QOS: c_int = -20;
const PUBLISH_PACKET: c_int = -21;
const UNSUBSCRIBE_PACKET: c_int = -22;
const SUBSCRIBE_PACKET: c_int = -26;
const STATE: c_int = -27;
const TOPIC_FORMAT: c_int = -41;
const PUSH_TO_LIST: c_int = -42;

#[test]
fn construct_needs_every_parameter_but_the_certificate_and_the_handler() {
    let device = Device::new();
    // SAFETY: `NULL` is allowed.
    assert!(unsafe { IOT_MQTT_Construct(ptr::null_mut()) }.is_null());
    let empty = c"".as_ptr();
    let missing: [fn(&mut iotx_mqtt_param_t); 6] = [
        |params| params.host = ptr::null(),
        |params| params.client_id = ptr::null(),
        |params| params.username = ptr::null(),
        |params| params.password = ptr::null(),
        |params| params.pwrite_buf = ptr::null_mut(),
        |params| params.pread_buf = ptr::null_mut(),
    ];
    for missing in missing {
        assert!(!device.construct_with(missing));
    }
    assert!(!device.construct_with(|params| params.host = empty));
    assert!(!device.construct_with(|params| params.client_id = empty));
    assert!(!device.construct_with(|params| params.username = empty));
    assert!(!device.construct_with(|params| params.password = empty));
    assert_eq!(device.hal.calls(), [], "nothing was tried");
    assert_eq!(device.hal.now(), 0, "nor waited for");

    assert!(device.construct_with(|params| params.handle_event.h_fp = None));
    device
        .hal
        .server_sends(&packet::publish(0, "/nobody", 0, b"listens"));
    device.spend(10);
    assert_eq!(device.told(), []);
    assert_eq!(device.state(), 1);
}

#[test]
fn every_pointer_may_be_null() {
    let device = Device::connected();
    let ears = device.ears("ears");
    let (handle, topic) = (device.handle(), TOPIC.as_ptr());
    let qos = MaybeUninit::new(iotx_mqtt_qos_t::IOTX_MQTT_QOS1);
    let handler: iotx_mqtt_event_handle_func_fpt = Some(on_event);
    let mut message = info(0, b"x");
    let nothing = ptr::null_mut::<c_void>();
    // SAFETY: everything may be `NULL`.
    unsafe {
        for (handle, topic, handler) in [
            (nothing, topic, handler),
            (handle, ptr::null(), handler),
            (handle, c"".as_ptr(), handler),
            (handle, topic, None),
        ] {
            let context = ears.context();
            let result = IOT_MQTT_Subscribe(handle, topic, qos, handler, context);
            assert_eq!(result, NULL_VALUE);
        }
        for (handle, topic) in [
            (nothing, topic),
            (handle, ptr::null()),
            (handle, c"".as_ptr()),
        ] {
            assert_eq!(IOT_MQTT_Unsubscribe(handle, topic), NULL_VALUE);
            assert_eq!(IOT_MQTT_Publish(handle, topic, &mut message), NULL_VALUE);
        }
        assert_eq!(IOT_MQTT_Publish(handle, topic, ptr::null_mut()), NULL_VALUE);
        message.payload = ptr::null();
        assert_eq!(
            IOT_MQTT_Publish(handle, topic, &mut message),
            NULL_VALUE,
            "a length without a payload"
        );
        assert_eq!(IOT_MQTT_Destroy(ptr::null_mut()), NULL_VALUE);
        let mut empty = nothing;
        assert_eq!(IOT_MQTT_Destroy(&mut empty), NULL_VALUE);
    }
    assert_eq!(IOT_MQTT_Yield(nothing, 10), NULL_VALUE);
    assert_eq!(IOT_MQTT_CheckStateNormal(nothing), NULL_VALUE);
    assert_eq!(IOT_MQTT_Disable_Reconnect(nothing), -1);
    device.assert_quiet();

    message.payload_len = 0;
    assert_eq!(device.publish_info(TOPIC, &mut message), 0, "an empty one");
    let id = device.subscribe(TOPIC, 1, &ears);
    assert_eq!(id, 1, "no id was spent so far");
    let got = device.hal.server_got();
    let expected = [
        packet::publish(0, TOPIC.to_str().unwrap(), 0, b""),
        packet::subscribe(1, TOPIC.to_str().unwrap(), 1),
    ];
    assert_eq!(got, expected);
}

#[test]
fn the_context_of_a_handler_may_be_null() {
    unsafe extern "C" fn with_null(
        context: *mut c_void,
        _client: *mut c_void,
        message: iotx_mqtt_event_msg_pt,
    ) {
        assert!(context.is_null() && !message.is_null());
    }
    let device = Device::new();
    assert!(device.construct_with(|params| {
        params.handle_event.h_fp = Some(with_null);
        params.handle_event.pcontext = ptr::null_mut();
    }));
    let qos = MaybeUninit::new(iotx_mqtt_qos_t::IOTX_MQTT_QOS0);
    let id = inside(|| {
        // SAFETY: a string.
        unsafe {
            let context = ptr::null_mut();
            IOT_MQTT_Subscribe(
                device.handle(),
                TOPIC.as_ptr(),
                qos,
                Some(with_null),
                context,
            )
        }
    });
    assert_eq!(id, 1);
    device.hal.server_sends(&packet::suback(1, 0));
    device
        .hal
        .server_sends(&packet::publish(0, TOPIC.to_str().unwrap(), 0, b"x"));
    device.spend(10);
    assert_eq!(device.state(), 1);
}

/// What every function says to a handle that is none.
fn assert_refused(handle: *mut c_void, ears: &Ears) {
    let qos = MaybeUninit::new(iotx_mqtt_qos_t::IOTX_MQTT_QOS0);
    let mut message = info(0, b"x");
    let mut variable = handle;
    // SAFETY: strings, a message, a variable; the handle may be anything.
    unsafe {
        let topic = TOPIC.as_ptr();
        assert_eq!(IOT_MQTT_Publish(handle, topic, &mut message), NULL_VALUE);
        let context = ears.context();
        assert_eq!(
            IOT_MQTT_Subscribe(handle, topic, qos, Some(on_event), context),
            NULL_VALUE
        );
        assert_eq!(IOT_MQTT_Unsubscribe(handle, topic), NULL_VALUE);
        assert_eq!(IOT_MQTT_Destroy(&mut variable), NULL_VALUE);
    }
    assert_eq!(variable, handle, "it is left as it is");
    assert_eq!(IOT_MQTT_Yield(handle, 10), NULL_VALUE);
    assert_eq!(IOT_MQTT_CheckStateNormal(handle), NULL_VALUE);
    assert_eq!(IOT_MQTT_Disable_Reconnect(handle), -1);
}

#[test]
fn handles_that_are_none_are_recognised() {
    let device = Device::connected();
    let local = 7_u64;
    let good = device.handle().addr();
    let start = device.hal.now();
    for address in [
        0,
        1,
        2,
        3,
        good - 1,
        good + 1,
        good + 2,
        good ^ 0x200,
        good ^ (1 << (usize::BITS - 1)),
        usize::MAX,
        usize::MAX - 1,
        (&raw const local).addr(),
        (&raw const local).addr() | 1,
    ] {
        if address != good {
            assert_refused(ptr::without_provenance_mut(address), &device.all);
        }
    }
    assert_refused((&raw const local).cast_mut().cast(), &device.all);
    assert_eq!(device.hal.now(), start, "without waiting");
    assert_eq!(device.state(), 1);
    device.assert_quiet();
}

#[test]
fn a_destroyed_handle_is_none_even_if_its_place_is_taken() {
    let device = Device::connected();
    let old = device.handle();
    assert_eq!(device.destroy(), 0);
    assert!(device.handle().is_null());
    assert_eq!(device.destroy(), NULL_VALUE, "the variable is NULL");
    assert_refused(old, &device.all);
    assert_eq!(device.hal.server_got(), [packet::DISCONNECT]);

    device.connect();
    assert_ne!(device.handle(), old);
    assert_refused(old, &device.all);
    assert_eq!(device.state(), 1);
}

/// A device whose connection was lost, and which has been told so.
fn disconnected() -> Rc<Device> {
    let device = Device::connected();
    device.hal.server_ends();
    device.hal.refuse_connections(usize::MAX);
    device.spend(10);
    assert_eq!(device.told(), [event(1, 0)]);
    device
}

#[test]
fn without_a_connection_each_call_has_its_own_order() {
    let device = disconnected();
    let ears = device.ears("ears");
    assert_eq!(device.state(), 0);
    assert_eq!(device.subscribe(TOPIC, 1, &ears), STATE);
    assert_eq!(
        device.subscribe(c"bad", 1, &ears),
        STATE,
        "before the format"
    );
    assert_eq!(device.unsubscribe(TOPIC), STATE);
    assert_eq!(device.unsubscribe(c"bad"), TOPIC_FORMAT, "after the format");
    assert_eq!(device.publish(TOPIC, 0, b"x"), STATE);
    assert_eq!(device.publish(c"bad", 0, b"x"), TOPIC_FORMAT);
    assert_eq!(device.publish(TOPIC, 2, b"x"), STATE, "before the QoS");
    assert_eq!(device.publish(TOPIC, 1, &[0; 300]), STATE, "and the size");
    assert_eq!(device.yields(10), 0);
    assert_eq!(device.yields(-1), -1);
    assert_eq!(device.disable_reconnect(), 0);
    device.assert_quiet();
}

#[test]
fn with_a_connection_the_format_comes_before_qos_and_size() {
    let device = Device::connected();
    let ears = device.ears("ears");
    let long = topic(129);
    for bad in [c"bad", c"/", c"$SYS/x", c"/a+/b", &long] {
        assert_eq!(device.publish(bad, 2, &[0; 300]), TOPIC_FORMAT, "{bad:?}");
        assert_eq!(device.subscribe(bad, 1, &ears), TOPIC_FORMAT, "{bad:?}");
        assert_eq!(device.unsubscribe(bad), TOPIC_FORMAT, "{bad:?}");
    }
    assert_eq!(device.publish(c"/a/+", 0, b"x"), TOPIC_FORMAT);
    for qos in [2, 3, 4, 127, 255] {
        assert_eq!(device.publish(TOPIC, qos, &[0; 300]), PUBLISH_QOS);
    }
    for qos in [0, 1] {
        assert_eq!(device.publish(TOPIC, qos, &[0; 300]), PUBLISH_PACKET);
    }
    device.assert_quiet();
    assert_eq!(device.publish(TOPIC, 0, b"x"), 0, "nothing is lost by it");
}

#[test]
fn a_small_write_buffer_has_a_number_for_each_packet() {
    // CONNECT is larger than these, so the buffer is just large enough for it.
    let device = Device::with_buffers(256, 117);
    device.connect();
    let ears = device.ears("ears");
    // Header 2, id 2, length 2, QoS 1.
    assert_eq!(device.subscribe(&topic(111), 0, &ears), SUBSCRIBE_PACKET);
    assert!(device.subscribe(&topic(110), 0, &ears) > 0);
    assert_eq!(device.unsubscribe(&topic(112)), UNSUBSCRIBE_PACKET);
    assert!(device.unsubscribe(&topic(111)) > 0);
    // Header 2, length 2, topic 2.
    assert_eq!(device.publish(c"/p", 0, &[7; 112]), PUBLISH_PACKET);
    assert_eq!(device.publish(c"/p", 0, &[7; 111]), 0);
    assert_eq!(device.publish(c"/p", 1, &[7; 110]), PUBLISH_PACKET);
    assert!(device.publish(c"/p", 1, &[7; 109]) > 0);
    let lengths: Vec<_> = device.hal.server_got().iter().map(Vec::len).collect();
    assert_eq!(lengths, [117; 4]);
}

#[test]
fn any_number_may_stand_for_the_qos_of_a_subscription() {
    let device = Device::connected();
    let ears = device.ears("ears");
    let requested = [0, 1, 2, 3, -1, 255, 256, 257, c_int::MAX, c_int::MIN].map(|qos| {
        assert!(device.subscribe(c"/a", qos, &ears) > 0);
        device.hal.server_got()[0].last().copied()
    });
    let mut expected = [Some(0); 10];
    expected[1] = Some(1);
    expected[2] = Some(2);
    assert_eq!(requested, expected);
}

#[test]
fn only_qos_1_writes_the_packet_id() {
    let device = Device::connected();
    let mut message = info(0, b"x");
    message.packet_id = 0x4321;
    assert_eq!(device.publish_info(TOPIC, &mut message), 0);
    assert_eq!(message.packet_id, 0x4321);
    message.qos = 1;
    let id = device.publish_info(TOPIC, &mut message);
    assert!(id > 0);
    assert_eq!(c_int::from(message.packet_id), id);
}

#[test]
fn the_twenty_first_unacknowledged_message_is_refused() {
    let device = Device::connected();
    let ids: Vec<_> = (0..20).map(|_| device.publish(TOPIC, 1, b"x")).collect();
    assert_eq!(ids, (1..=20).collect::<Vec<_>>());
    assert_eq!(device.hal.server_got().len(), 20);
    assert_eq!(device.publish(TOPIC, 1, b"x"), PUSH_TO_LIST);
    device.assert_quiet();

    device.hal.server_sends(&packet::puback(7));
    device.spend(10);
    assert_eq!(device.told(), [event(9, 7)]);
    assert!(device.publish(TOPIC, 1, b"x") > 20);
}

#[test]
fn only_the_lower_half_of_the_payload_length_is_read() {
    let device = Device::connected();
    let mut message = MaybeUninit::new(info(0, b"12345"));
    // A caller of later versions has 32 bits there; in V2.10 the upper ones are padding, and hold anything.
    // SAFETY: the field lies at byte 8, with two bytes of padding behind it.
    unsafe {
        let length = message.as_mut_ptr().cast::<u8>().add(8).cast::<u32>();
        length.write(0xdead_0003);
        let result =
            inside(|| IOT_MQTT_Publish(device.handle(), c"/a".as_ptr(), message.as_mut_ptr()));
        assert_eq!(result, 0);
    }
    let got = device.hal.server_got();
    assert_eq!(got, [packet::publish(0, "/a", 0, b"123")]);
}

#[test]
fn retain_is_one_bit_and_dup_is_not_the_callers() {
    let device = Device::connected();
    for (retain, flags) in [(0, 0), (1, 1), (2, 0), (255, 1)] {
        let mut message = info(0, b"x");
        (message.retain, message.dup) = (retain, 255);
        assert_eq!(device.publish_info(c"/a", &mut message), 0);
        let got = device.hal.server_got();
        assert_eq!(got, [packet::publish(flags, "/a", 0, b"x")]);
    }
}

#[test]
fn yield_takes_its_time_10_ms_for_0_and_none_if_negative() {
    let device = Device::connected();
    let took = |timeout| {
        let start = device.hal.now();
        (device.yields(timeout), device.hal.now() - start)
    };
    assert_eq!(took(0), (0, 10));
    assert_eq!(took(1), (0, 1));
    assert_eq!(took(200), (0, 200));
    assert_eq!(took(-1), (-1, 0));
    assert_eq!(took(c_int::MIN), (-1, 0));

    // Without a connection too.
    device.hal.server_ends();
    device.hal.refuse_connections(usize::MAX);
    for timeout in [1, 10, 200, 3000] {
        assert_eq!(took(timeout), (0, timeout.try_into().unwrap()));
    }
}
