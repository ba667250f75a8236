//! An application: its parameters, its buffers, its handlers, and what they were told. All credentials are made up.

use std::{
    cell::{Cell, RefCell},
    ffi::{CStr, c_char, c_int, c_void},
    mem::MaybeUninit,
    ptr,
    rc::{Rc, Weak},
    slice, thread,
};

use iot_sdk::v2::iot_export_mqtt::*;

use crate::common::{
    hal::{Hal, mutex::held, net::Peer},
    memory::{Place, inside},
    packet::{connack, suback},
};

pub(crate) const HOST: &CStr = c"mqtt.example.com";
pub(crate) const PORT: u16 = 1884;
pub(crate) const CLIENT_ID: &CStr = c"a1ProdKey01.dev-0001|securemode=3|";
pub(crate) const USERNAME: &CStr = c"dev-0001&a1ProdKey01";
pub(crate) const PASSWORD: &CStr = c"fc911b652506c3c93a659790ff343589bb0b5e8e";
pub(crate) const ROOT: &CStr =
    c"-----BEGIN CERTIFICATE-----\r\nbWFkZSB1cA==\r\n-----END CERTIFICATE-----";

/// A buffer of an application, which watches that nothing behind it is written to.
pub(crate) struct Buffer {
    start: *mut u8,
    len: usize,
}

impl Buffer {
    const GUARD: usize = 16;
    const FILLING: u8 = 0x5a;

    pub(crate) fn new(len: usize) -> Self {
        let bytes = vec![Self::FILLING; len + Self::GUARD].into_boxed_slice();
        Self {
            start: Box::into_raw(bytes).cast(),
            len,
        }
    }

    pub(crate) fn start(&self) -> *mut c_char {
        self.start.cast()
    }

    pub(crate) fn end(&self) -> *const u8 {
        self.start.wrapping_add(self.len)
    }

    /// Puts it back to how it was; for when the library has nothing to do with it.
    pub(crate) fn refill(&self) {
        // SAFETY: so many bytes are there.
        unsafe { self.start.write_bytes(Self::FILLING, self.len) };
    }

    pub(crate) fn is_untouched(&self) -> bool {
        // SAFETY: so many bytes are there, and nobody writes to them now.
        let bytes = unsafe { slice::from_raw_parts(self.start, self.len) };
        bytes.iter().all(|byte| *byte == Self::FILLING)
    }

    fn guard(&self) -> &[u8] {
        // SAFETY: so many bytes are there, and nobody may write to them.
        unsafe { slice::from_raw_parts(self.start.add(self.len), Self::GUARD) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let intact = self.guard() == [Self::FILLING; Self::GUARD];
        let bytes = ptr::slice_from_raw_parts_mut(self.start, self.len + Self::GUARD);
        // SAFETY: it came from a box, and the library does not use it any more.
        drop(unsafe { Box::from_raw(bytes) });
        assert!(intact, "something was written behind a buffer");
    }
}

/// What a handler was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// The name of who was told.
    pub(crate) ears: &'static str,
    pub(crate) number: c_int,
    pub(crate) what: What,
}

/// What `msg` was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Id(usize),
    Message(Message),
    Text(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) id: u16,
    pub(crate) qos: u8,
    pub(crate) dup: u8,
    pub(crate) retain: u8,
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
}

/// A message that says no more than its topic and its payload.
pub(crate) fn message(ears: &'static str, topic: &str, payload: &[u8]) -> Told {
    Told {
        ears,
        number: 12,
        what: What::Message(Message {
            id: 0,
            qos: 0,
            dup: 0,
            retain: 0,
            topic: topic.into(),
            payload: payload.into(),
        }),
    }
}

/// An event with a packet id, or 0 for `NULL`.
pub(crate) fn event(number: c_int, id: c_int) -> Told {
    Told {
        ears: "all",
        number,
        what: What::Id(id.try_into().expect("an id")),
    }
}

/// What an application does in a handler. It is given the message, if it is told one.
type Action = Box<dyn FnMut(&Device, *mut iotx_mqtt_topic_info_t)>;

/// A context of handlers.
pub(crate) struct Ears {
    name: &'static str,
    device: Weak<Device>,
    action: RefCell<Option<Action>>,
}

impl Ears {
    /// From now on this happens in the handler, but not while it happens already.
    pub(crate) fn then(&self, action: impl FnMut(&Device, *mut iotx_mqtt_topic_info_t) + 'static) {
        self.action.replace(Some(Box::new(action)));
    }

    /// For `pcontext`.
    pub(crate) fn context(&self) -> *mut c_void {
        ptr::from_ref(self).cast_mut().cast()
    }
}

/// All handlers are this function, with another context each.
pub(crate) unsafe extern "C" fn on_event(
    context: *mut c_void,
    client: *mut c_void,
    event: iotx_mqtt_event_msg_pt,
) {
    let _outside = Place::outside();
    assert_eq!(held(), 0, "a lock is held in a handler");
    // SAFETY: it is the context that was given, of a device that is alive.
    let ears = unsafe { &*context.cast::<Ears>() };
    let device = ears.device.upgrade().expect("the device is alive");
    assert_eq!(client, device.handle.get(), "of this client");

    // SAFETY: it is valid until the handler returns.
    let iotx_mqtt_event_msg_t { event_type, msg } = unsafe { *event };
    let number = event_type as c_int;
    let mut message = ptr::null_mut();
    let what = match number {
        12 => {
            message = msg.cast();
            // SAFETY: that is what comes with this event.
            What::Message(unsafe { Message::read(message) })
        }
        // SAFETY: that is what comes with this event.
        13 => What::Text(
            unsafe { CStr::from_ptr(msg.cast()) }
                .to_str()
                .unwrap()
                .into(),
        ),
        _ => What::Id(msg.addr()),
    };
    device.told.borrow_mut().push(Told {
        ears: ears.name,
        number,
        what,
    });
    let action = ears.action.take();
    if let Some(mut action) = action {
        action(&device, message);
        ears.action.borrow_mut().get_or_insert(action);
    }
}

impl Message {
    /// # Safety
    ///
    /// `message` is one that a handler was told.
    unsafe fn read(message: *const iotx_mqtt_topic_info_t) -> Self {
        // SAFETY: it is readable, and so are topic and payload, for their lengths.
        unsafe {
            let message = &*message;
            let topic =
                slice::from_raw_parts(message.ptopic.cast::<u8>(), message.topic_len.into());
            let payload =
                slice::from_raw_parts(message.payload.cast::<u8>(), message.payload_len.into());
            Self {
                id: message.packet_id,
                qos: message.qos,
                dup: message.dup,
                retain: message.retain,
                topic: std::str::from_utf8(topic).expect("text").into(),
                payload: payload.into(),
            }
        }
    }
}

/// An application with one client.
pub(crate) struct Device {
    handle: Cell<*mut c_void>,
    pub(crate) told: RefCell<Vec<Told>>,
    /// The handler of everything that no topic handler takes.
    pub(crate) all: Rc<Ears>,
    /// Contexts live as long as the client.
    others: RefCell<Vec<Rc<Ears>>>,
    pub(crate) read_buffer: Buffer,
    pub(crate) write_buffer: Buffer,
    pub(crate) hal: Rc<Hal>,
}

impl Device {
    pub(crate) fn new() -> Rc<Self> {
        Self::with_buffers(256, 256)
    }

    pub(crate) fn with_buffers(read: usize, write: usize) -> Rc<Self> {
        let hal = Rc::new(Hal::take());
        hal.expect_peer(Peer {
            host: HOST.into(),
            port: PORT,
            root: None,
        });
        hal.greet_with(&connack(0, 0));
        Self::of(&hal, read, write)
    }

    /// One of several.
    pub(crate) fn of(hal: &Rc<Hal>, read: usize, write: usize) -> Rc<Self> {
        Rc::new_cyclic(|device| Self {
            handle: Cell::new(ptr::null_mut()),
            told: RefCell::default(),
            all: Rc::new(Ears {
                name: "all",
                device: device.clone(),
                action: RefCell::default(),
            }),
            others: RefCell::default(),
            read_buffer: Buffer::new(read),
            write_buffer: Buffer::new(write),
            hal: Rc::clone(hal),
        })
    }

    /// One that is connected, over TCP; the server has said no more than CONNACK.
    pub(crate) fn connected() -> Rc<Self> {
        let device = Self::new();
        device.connect();
        device
    }

    pub(crate) fn connect(&self) {
        assert!(self.construct());
        assert_eq!(self.hal.server_got().len(), 1, "CONNECT");
        self.assert_quiet();
    }

    /// Parameters as applications give them.
    pub(crate) fn params(&self) -> iotx_mqtt_param_t {
        iotx_mqtt_param_t {
            port: PORT,
            host: HOST.as_ptr(),
            client_id: CLIENT_ID.as_ptr(),
            username: USERNAME.as_ptr(),
            password: PASSWORD.as_ptr(),
            pub_key: ptr::null(),
            clean_session: 0,
            request_timeout_ms: 2000,
            keepalive_interval_ms: 60_000,
            pwrite_buf: self.write_buffer.start(),
            write_buf_size: self.write_buffer.len.try_into().expect("a short buffer"),
            pread_buf: self.read_buffer.start(),
            read_buf_size: self.read_buffer.len.try_into().expect("a short buffer"),
            handle_event: iotx_mqtt_event_handle_t {
                h_fp: Some(on_event),
                pcontext: self.all.context(),
            },
        }
    }

    /// Says whether there is a client.
    pub(crate) fn construct(&self) -> bool {
        self.construct_with(|_| {})
    }

    /// As [`Self::construct`], with other parameters.
    pub(crate) fn construct_with(&self, change: impl FnOnce(&mut iotx_mqtt_param_t)) -> bool {
        let mut params = self.params();
        change(&mut params);
        // SAFETY: the strings are static, the buffers live as long as the client.
        let handle = inside(|| unsafe { IOT_MQTT_Construct(&mut params) });
        self.handle.set(handle);
        !handle.is_null()
    }

    /// This happens in whichever handler is told something.
    pub(crate) fn in_every_handler(
        &self,
        action: impl FnMut(&Self, *mut iotx_mqtt_topic_info_t) + Clone + 'static,
    ) {
        self.others
            .borrow()
            .iter()
            .chain([&self.all])
            .for_each(|ears| ears.then(action.clone()));
    }

    pub(crate) fn handle(&self) -> *mut c_void {
        self.handle.get()
    }

    /// Another context for handlers.
    pub(crate) fn ears(&self, name: &'static str) -> Rc<Ears> {
        let ears = Rc::new(Ears {
            name,
            device: self.all.device.clone(),
            action: RefCell::default(),
        });
        self.others.borrow_mut().push(Rc::clone(&ears));
        ears
    }

    pub(crate) fn subscribe(&self, filter: &CStr, qos: c_int, ears: &Ears) -> c_int {
        let mut number = MaybeUninit::<iotx_mqtt_qos_t>::uninit();
        // SAFETY: the enum has the size of an `int` on the hosts these tests run on.
        unsafe { number.as_mut_ptr().cast::<c_int>().write(qos) };
        let (handle, context) = (self.handle(), ears.context());
        inside(|| {
            // SAFETY: a string; the context lives as long as the client.
            unsafe { IOT_MQTT_Subscribe(handle, filter.as_ptr(), number, Some(on_event), context) }
        })
    }

    /// Subscribes, and the server grants it.
    pub(crate) fn listen(&self, filter: &CStr, ears: &Ears) {
        let id = self.subscribe(filter, 1, ears);
        self.hal
            .server_sends(&suback(id.try_into().expect("an id"), 1));
        self.spend(10);
        assert_eq!(self.told(), [event(3, id)]);
        self.hal.server_got();
    }

    pub(crate) fn unsubscribe(&self, filter: &CStr) -> c_int {
        // SAFETY: a string.
        inside(|| unsafe { IOT_MQTT_Unsubscribe(self.handle(), filter.as_ptr()) })
    }

    pub(crate) fn publish(&self, topic: &CStr, qos: u8, payload: &[u8]) -> c_int {
        self.publish_info(topic, &mut info(qos, payload))
    }

    pub(crate) fn publish_info(&self, topic: &CStr, info: &mut iotx_mqtt_topic_info_t) -> c_int {
        // SAFETY: a string, and a message whose payload is as long as it says.
        inside(|| unsafe { IOT_MQTT_Publish(self.handle(), topic.as_ptr(), info) })
    }

    pub(crate) fn yields(&self, timeout: c_int) -> c_int {
        inside(|| IOT_MQTT_Yield(self.handle(), timeout))
    }

    /// Yields; that takes exactly as long as it is told.
    pub(crate) fn spend(&self, timeout: c_int) {
        let start = self.hal.now();
        assert_eq!(self.yields(timeout), 0);
        let took = self.hal.now() - start;
        assert_eq!(took, timeout.try_into().expect("not negative"));
    }

    /// Yields; handlers take time, too.
    pub(crate) fn spend_at_least(&self, timeout: c_int) {
        let start = self.hal.now();
        assert_eq!(self.yields(timeout), 0);
        let took = self.hal.now() - start;
        assert!(took >= timeout.try_into().expect("not negative"));
    }

    pub(crate) fn state(&self) -> c_int {
        inside(|| IOT_MQTT_CheckStateNormal(self.handle()))
    }

    pub(crate) fn disable_reconnect(&self) -> c_int {
        inside(|| IOT_MQTT_Disable_Reconnect(self.handle()))
    }

    pub(crate) fn destroy(&self) -> c_int {
        // SAFETY: a variable.
        inside(|| unsafe { IOT_MQTT_Destroy(self.handle.as_ptr()) })
    }

    /// How often handlers were told this event since the last call of [`Self::told`].
    pub(crate) fn count(&self, number: c_int) -> usize {
        let told = self.told.borrow();
        told.iter().filter(|told| told.number == number).count()
    }

    /// What handlers were told since the last call.
    pub(crate) fn told(&self) -> Vec<Told> {
        self.told.take()
    }

    /// Nobody was told anything, and the server got nothing.
    pub(crate) fn assert_quiet(&self) {
        assert_eq!(self.told(), []);
        assert_eq!(self.hal.server_got(), [[0_u8; 0]; 0]);
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        if !self.handle().is_null() {
            // Also of a test that fails: there are eight places for clients.
            let result = self.destroy();
            assert!(result == 0 || thread::panicking());
        }
        // What happens in a handler may know a context of handlers.
        for ears in self.others.get_mut() {
            ears.action.take();
        }
    }
}

/// A message to publish.
pub(crate) fn info(qos: u8, payload: &[u8]) -> iotx_mqtt_topic_info_t {
    iotx_mqtt_topic_info_t {
        packet_id: 0xffff,
        qos,
        dup: 0,
        retain: 0,
        topic_len: 0,
        payload_len: payload.len().try_into().expect("a short message"),
        ptopic: ptr::null(),
        payload: payload.as_ptr().cast(),
    }
}
