//! Several threads with one client. The mutexes notice misuse; Miri notices races as well.

use std::{
    ffi::{CStr, c_int, c_void},
    mem::MaybeUninit,
    ptr,
    rc::Rc,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
};

use iot_sdk::v2::iot_export_mqtt::*;

use super::device::{Device, info, on_event};
use crate::common::{memory::inside, packet::DISCONNECT};

const TOPIC: &CStr = c"/a1ProdKey01/dev-0001/update";
const EACH: usize = if cfg!(miri) { 4 } else { 200 };
const QOS_1: MaybeUninit<iotx_mqtt_qos_t> = MaybeUninit::new(iotx_mqtt_qos_t::IOTX_MQTT_QOS1);

/// A handle, a context, or parameters, for other threads.
#[derive(Clone, Copy)]
struct Shared<T>(T);

// SAFETY: handles may be used by any thread; contexts are only passed on; the strings of parameters are static.
unsafe impl<T> Send for Shared<T> {}

impl<T> Shared<T> {
    fn get(self) -> T {
        self.0
    }
}

/// A device that is told nothing, on whichever thread.
fn deaf() -> Rc<Device> {
    let device = Device::new();
    assert!(device.construct_with(|params| params.handle_event.h_fp = None));
    device.hal.server_answers(true);
    device.hal.use_real_time();
    device
}

/// Repeats a request while there is no room for it.
fn persist(request: impl Fn() -> c_int) -> c_int {
    loop {
        match inside(&request) {
            -42 => thread::yield_now(),
            id => return id,
        }
    }
}

fn publish(handle: *mut c_void, qos: u8) -> c_int {
    // SAFETY: a string, and a message.
    persist(|| unsafe { IOT_MQTT_Publish(handle, TOPIC.as_ptr(), &mut info(qos, b"payload")) })
}

#[test]
fn three_threads_publish_and_one_subscribes_while_another_yields() {
    let device = Device::new();
    // A loaded machine is to be given time.
    assert!(device.construct_with(|params| params.request_timeout_ms = 5000));
    device.hal.server_answers(true);
    device.hal.use_real_time();
    let handle = Shared(device.handle());
    let context = Shared(device.ears("ears").context());
    let mut ids: Vec<c_int> = thread::scope(|scope| {
        let publishers = [0, 1, 1].map(|qos| {
            scope.spawn(move || {
                let ids = (0..EACH).map(|_| publish(handle.get(), qos));
                ids.collect::<Vec<_>>()
            })
        });
        let subscriber = scope.spawn(move || {
            for _ in 0..EACH {
                let subscribed = persist(|| {
                    // SAFETY: a string.
                    unsafe {
                        let topic = c"/t".as_ptr();
                        let context = context.get();
                        IOT_MQTT_Subscribe(handle.get(), topic, QOS_1, Some(on_event), context)
                    }
                });
                assert!(subscribed > 0);
                // SAFETY: a string.
                let ended = || unsafe { IOT_MQTT_Unsubscribe(handle.get(), c"/t".as_ptr()) };
                assert!(persist(ended) > 0);
            }
        });
        while !(subscriber.is_finished() && publishers.iter().all(|thread| thread.is_finished())) {
            assert_eq!(device.yields(20), 0);
        }
        subscriber.join().expect("it has ended well");
        publishers
            .into_iter()
            .flat_map(|thread| thread.join().expect("it has ended well"))
            .collect()
    });
    let start = device.hal.now();
    while device.told.borrow().len() < 4 * EACH && device.hal.now() - start < 10_000 {
        assert_eq!(device.yields(20), 0);
    }
    let counts = [3, 6, 9].map(|number| device.count(number));
    assert_eq!(counts, [EACH, EACH, 2 * EACH], "all answered");
    ids.retain(|id| *id != 0);
    assert!(ids.iter().all(|id| *id > 0));
    assert_eq!(ids.len(), 2 * EACH);
    assert_eq!(device.told().len(), 4 * EACH);
    let got = device.hal.server_got();
    let first = |first| got.iter().filter(|packet| packet[0] == first).count();
    assert_eq!(
        [0x30, 0x32, 0x82, 0xa2].map(first),
        [1, 2, 1, 1].map(|n| n * EACH)
    );
}

#[test]
fn two_threads_may_yield() {
    let device = deaf();
    let handle = Shared(device.handle());
    thread::scope(|scope| {
        let other = scope.spawn(move || {
            for _ in 0..EACH {
                assert_eq!(inside(|| IOT_MQTT_Yield(handle.get(), 2)), 0);
            }
        });
        for _ in 0..EACH {
            assert!(publish(handle.get(), 0) >= 0);
            assert_eq!(device.yields(2), 0);
        }
        other.join().expect("it has ended well");
    });
    assert_eq!(device.state(), 1);
}

/// Shipped samples do it.
#[test]
fn a_client_may_be_destroyed_while_other_threads_use_it() {
    static ROUNDS: AtomicUsize = AtomicUsize::new(0);
    let device = deaf();
    let handle = Shared(device.handle());
    thread::scope(|scope| {
        let yielding = scope.spawn(move || {
            loop {
                match inside(|| IOT_MQTT_Yield(handle.get(), 100)) {
                    0 => ROUNDS.fetch_add(1, Relaxed),
                    result => return result,
                };
            }
        });
        let publishing = scope.spawn(move || {
            loop {
                match publish(handle.get(), 0) {
                    0 => {}
                    result => return result,
                }
            }
        });
        while ROUNDS.load(Relaxed) < 3 {
            thread::yield_now();
        }
        assert_eq!(device.destroy(), 0);
        assert_eq!(yielding.join().expect("it has ended well"), -2);
        let result = publishing.join().expect("it has ended well");
        assert!([-2, -27].contains(&result), "{result}");
    });
    assert_eq!(device.handle(), ptr::null_mut());
    assert_eq!(device.hal.live_mutexes(), 0);
    assert_eq!(device.hal.open_connections(), 0);
    let got = device.hal.server_got();
    assert_eq!(got.last().map(Vec::as_slice), Some(&DISCONNECT[..]));
}

#[test]
fn clients_come_and_go_on_several_threads() {
    let device = Device::new();
    device.hal.use_real_time();
    let params = Shared(device.params());
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(move || {
                let mut params = params.get();
                let mut buffers = [[0; 256]; 2];
                let [read, write] = &mut buffers;
                params.pread_buf = read.as_mut_ptr();
                params.pwrite_buf = write.as_mut_ptr();
                params.handle_event.h_fp = None;
                for _ in 0..EACH {
                    // SAFETY: strings are static, and the buffers last.
                    let mut client = inside(|| unsafe { IOT_MQTT_Construct(&mut params) });
                    assert_eq!(inside(|| IOT_MQTT_CheckStateNormal(client)), 1);
                    assert_eq!(publish(client, 0), 0);
                    // SAFETY: a variable.
                    assert_eq!(inside(|| unsafe { IOT_MQTT_Destroy(&mut client) }), 0);
                }
            });
        }
    });
    assert_eq!(device.hal.connections(), 3 * EACH);
}
