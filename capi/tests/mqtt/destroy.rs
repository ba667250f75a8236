//! `IOT_MQTT_Destroy` inside a handler, of every kind, and in every state of the connection.

use std::{
    cell::Cell,
    ffi::{CStr, c_int, c_void},
    ptr,
    rc::Rc,
};

use iot_sdk::v2::iot_export_mqtt::*;

use super::device::Device;
use crate::common::{
    hal::net::{Call, Fault},
    memory::{self, inside},
    packet::{DISCONNECT, publish, suback},
};

const FILTER: &CStr = c"/a1ProdKey01/dev-0001/get";
const TOPIC: &str = "/a1ProdKey01/dev-0001/get";
/// The request timeout, and a second.
const PATIENCE: u64 = 3000;

/// Nothing is left of a client.
fn assert_gone(device: &Device) {
    assert!(device.handle().is_null());
    assert_eq!(device.hal.live_mutexes(), 0);
    assert_eq!(device.hal.open_connections(), 0);
    assert_eq!(memory::live(), 0);
}

/// Yields until a handler, the next that is told anything, has destroyed the client. Which event it was.
fn destroy_in_handler(device: &Device) -> c_int {
    let took = Rc::new(Cell::new(None));
    let at_end = Rc::new(Cell::new(None));
    device.in_every_handler({
        let (took, at_end) = (Rc::clone(&took), Rc::clone(&at_end));
        move |device, _| {
            let (start, old) = (device.hal.now(), device.handle());
            assert_eq!(device.destroy(), 0);
            took.set(Some(device.hal.now() - start));
            assert!(device.handle().is_null());
            assert_eq!(device.hal.open_connections(), 0, "closed already");

            // The old handle is none any more, in this handler too.
            assert_eq!(IOT_MQTT_CheckStateNormal(old), -2);
            assert_eq!(IOT_MQTT_Yield(old, 10), -2);
            let mut copy = old;
            // SAFETY: a variable; strings.
            unsafe {
                assert_eq!(IOT_MQTT_Destroy(&mut copy), -2);
                assert_eq!(IOT_MQTT_Unsubscribe(old, FILTER.as_ptr()), -2);
            }
            // Both buffers are the application's again.
            device.read_buffer.refill();
            device.write_buffer.refill();
            device.hal.calls();
            at_end.set(Some(device.hal.now()));
        }
    });
    let handle = device.handle();
    assert_eq!(inside(|| IOT_MQTT_Yield(handle, 10_000)), 0);
    let took = took.take().expect("a handler was told");
    assert!(took <= PATIENCE, "Destroy took {took} ms");
    assert_eq!(Some(device.hal.now()), at_end.take(), "Yield ends at once");
    assert!(device.read_buffer.is_untouched());
    assert!(device.write_buffer.is_untouched());
    assert_eq!(
        device.hal.calls(),
        [],
        "the connection was not touched again"
    );
    assert_gone(device);
    device.hal.server_got();
    device.in_every_handler(|_, _| {});
    let told = device.told();
    assert_eq!(told.len(), 1, "{told:?}");
    told[0].number
}

#[test]
fn a_client_may_be_destroyed_in_every_handler() {
    let device = Device::new();
    let ears = device.ears("ears");
    let provocations: [(c_int, &dyn Fn()); 11] = [
        (12, &|| {
            device.listen(FILTER, &ears);
            device.hal.server_sends(&publish(2, TOPIC, 1, b"x"));
        }),
        (12, &|| {
            device.listen(FILTER, &ears);
            device.listen(c"/+/+/get", &device.ears("second"));
            device.hal.server_sends(&publish(0, TOPIC, 0, b"x"));
        }),
        (12, &|| {
            device.hal.server_sends(&publish(4, TOPIC, 1, b"x"));
        }),
        (3, &|| {
            device.hal.server_answers(true);
            device.subscribe(FILTER, 1, &ears);
        }),
        (5, &|| {
            device.subscribe(FILTER, 1, &ears);
            device.hal.server_sends(&suback(1, 0x80));
        }),
        (4, &|| {
            device.subscribe(FILTER, 1, &ears);
        }),
        (6, &|| {
            device.hal.server_answers(true);
            device.unsubscribe(FILTER);
        }),
        (7, &|| {
            device.unsubscribe(FILTER);
        }),
        (9, &|| {
            device.hal.server_answers(true);
            device.publish(c"/a", 1, b"x");
        }),
        (13, &|| {
            device.hal.server_sends(&publish(2, TOPIC, 1, &[7; 300]));
        }),
        (1, &|| device.hal.server_ends()),
    ];
    for (number, provoke) in provocations {
        device.hal.server_answers(false);
        device.connect();
        provoke();
        assert_eq!(destroy_in_handler(&device), number);
    }

    // RECONNECT
    device.connect();
    device.hal.server_ends();
    device.spend(10);
    assert_eq!(device.told().len(), 1);
    assert_eq!(destroy_in_handler(&device), 2);
}

#[test]
fn a_client_may_be_destroyed_in_a_nested_yield() {
    let device = Device::connected();
    let ears = device.ears("ears");
    device.listen(c"/outer", &ears);
    let results = Rc::new(Cell::new(None));
    ears.then({
        let results = Rc::clone(&results);
        move |device, _| {
            device.hal.server_sends(&publish(0, "/inner", 0, b"x"));
            let handle = device.handle();
            let result = inside(|| IOT_MQTT_Yield(handle, 5000));
            results.set(Some((result, device.handle().is_null())));
        }
    });
    device.all.then(|device, _| {
        let start = device.hal.now();
        assert_eq!(device.destroy(), 0);
        assert!(device.hal.now() - start <= PATIENCE);
        device.read_buffer.refill();
        device.write_buffer.refill();
    });
    device.hal.server_sends(&publish(2, "/outer", 1, b"x"));
    let handle = device.handle();
    assert_eq!(inside(|| IOT_MQTT_Yield(handle, 10_000)), 0);
    assert_eq!(results.take(), Some((0, true)));
    assert!(device.read_buffer.is_untouched() && device.write_buffer.is_untouched());
    assert_gone(&device);
    assert_eq!(device.hal.server_got(), [DISCONNECT]);
}

#[test]
fn destroying_takes_no_time_if_nobody_is_inside() {
    let device = Device::connected();
    device.publish(c"/a", 1, b"not acknowledged");
    device.subscribe(FILTER, 1, &device.ears("ears"));
    device.hal.server_got();
    let start = device.hal.now();
    assert_eq!(device.destroy(), 0);
    assert_eq!(device.hal.now(), start);
    assert_eq!(device.hal.server_got(), [DISCONNECT]);
    assert_gone(&device);
    assert_eq!(device.told(), [], "pending requests end without an event");
}

#[test]
fn a_connection_that_was_lost_is_closed_once() {
    // Lost, and nobody has noticed; noticed; waiting to reconnect.
    for spend in [None, Some(1), Some(500)] {
        let device = Device::connected();
        device.hal.server_ends();
        if let Some(ms) = spend {
            device.spend(ms);
            assert_eq!(device.told().len(), 1);
        }
        assert_eq!(device.destroy(), 0);
        assert_gone(&device);
        let calls = device.hal.calls();
        let destroyed = calls.iter().filter(|call| **call == Call::Destroy);
        assert_eq!(destroyed.count(), 1);
        assert_eq!(device.hal.connections(), 1);
    }
}

#[test]
fn a_goodbye_that_cannot_be_sent_changes_nothing() {
    for fault in [
        Fault::Returns(-1),
        Fault::Returns(c_int::MIN),
        Fault::MoreThanOffered,
    ] {
        let device = Device::connected();
        device.hal.disturb_writes(&[fault]);
        assert_eq!(device.destroy(), 0);
        assert_gone(&device);
    }
    // A port that takes nothing is asked for as long as a request may take.
    let device = Device::connected();
    device.hal.limit_writes(0);
    let start = device.hal.now();
    assert_eq!(device.destroy(), 0);
    assert_eq!(device.hal.now() - start, 2000);
    assert_gone(&device);
}

/// The application frees everything right after `Destroy`, in the handler.
#[test]
fn what_was_lent_may_be_freed_in_the_handler_that_destroys() {
    struct Application {
        client: *mut c_void,
        buffers: [*mut [u8]; 2],
    }
    unsafe extern "C" fn give_up(
        context: *mut c_void,
        _client: *mut c_void,
        _event: iotx_mqtt_event_msg_pt,
    ) {
        memory::outside(|| {
            // SAFETY: it is the context that was given; the buffers came from boxes.
            unsafe {
                let application = context.cast::<Application>();
                assert_eq!(IOT_MQTT_Destroy(&raw mut (*application).client), 0);
                for buffer in (*application).buffers {
                    drop(Box::from_raw(buffer));
                }
            }
        });
    }
    let device = Device::new();
    let buffers = [(); 2].map(|()| Box::into_raw(vec![0_u8; 256].into_boxed_slice()));
    let application = Box::into_raw(Box::new(Application {
        client: ptr::null_mut(),
        buffers,
    }));
    let mut params = device.params();
    [params.pread_buf, params.pwrite_buf] = buffers.map(|buffer| buffer.cast());
    params.handle_event.h_fp = Some(give_up);
    params.handle_event.pcontext = application.cast();
    // SAFETY: strings are static, the buffers live until the client is destroyed, and so does the context.
    unsafe {
        (*application).client = inside(|| IOT_MQTT_Construct(&mut params));
        assert!(!(*application).client.is_null());
        device.hal.server_sends(&publish(2, TOPIC, 1, b"x"));
        let client = (*application).client;
        assert_eq!(inside(|| IOT_MQTT_Yield(client, 1000)), 0);
        let application = Box::from_raw(application);
        assert!(application.client.is_null(), "it was destroyed");
    }
    assert_gone(&device);
}

#[test]
fn handlers_are_never_called_after_destroy() {
    let device = Device::connected();
    let ears = device.ears("ears");
    device.listen(c"/x", &ears);
    let second = device.ears("second");
    device.listen(c"/+", &second);
    ears.then(|device, _| assert_eq!(device.destroy(), 0));
    device.hal.server_sends(&publish(0, "/x", 0, b"1"));
    device.hal.server_sends(&publish(0, "/x", 0, b"2"));
    let handle = device.handle();
    assert_eq!(inside(|| IOT_MQTT_Yield(handle, 1000)), 0);
    let told = device.told();
    assert_eq!(told.len(), 1, "the first handler alone: {told:?}");
    assert_gone(&device);
}
