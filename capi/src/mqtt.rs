//! The MQTT client behind the C interface: the engine's, over the HAL, with C functions as handlers.

extern crate alloc;

use alloc::boxed::Box;
use core::{
    alloc::Layout,
    ffi::{CStr, c_char, c_void},
    num::NonZeroU16,
    ptr, slice,
};

use iotkit::{
    auth::mid::MidReport,
    client::{self, Account, Credentials, Delivery, Growth, Listener},
    hal::{NoConnection, Transport},
    log::{Level, Value},
    mqtt::{Config, Event},
    wire::mqtt::QoS,
};

use crate::{
    device,
    entry::Failure,
    hal::{self, Conn, Server, over_hal},
    handle::{NoObject, Place, Table},
    log,
    v2::iot_export_mqtt::{
        iotx_mqtt_event_handle_func_fpt, iotx_mqtt_event_msg_pt, iotx_mqtt_event_msg_t,
        iotx_mqtt_event_type_t, iotx_mqtt_topic_info_t,
    },
};

/// A client over the HAL.
pub(crate) type Client = client::Client<Platform, Lent, Handler>;

/// All clients; eight at once.
pub(crate) static CLIENTS: Table<Client, 8> = Table::new();

/// Makes a client and connects it; its handle. The password is that of the platform.
pub(crate) fn start(
    password: &[u8],
    platform: Platform,
    config: Config,
    growth: Option<&'static Growth<Lent>>,
    read_buffer: Lent,
    write_buffer: Lent,
) -> Result<*mut c_void, Failure> {
    let slot = CLIENTS.reserve().ok_or(Failure::ERROR_NO_MEM)?;
    // The password differs from device to device: they do not all reconnect at the same moment.
    let seed = password.iter().fold(hal::uptime(), |seed, byte| {
        seed.wrapping_mul(31).wrapping_add((*byte).into())
    });
    hal::seed(seed);
    let client = make(platform, config, growth, read_buffer, write_buffer)?;
    // The application does not know it yet, and is told nothing.
    let mut nobody = Application {
        handle: ptr::null_mut(),
        events: Handler::NONE,
    };
    client.connect(&mut nobody).map_err(not_connected)?;
    log::write(Level::Info, "mqtt: connected", Value::None);
    report(&client)?;
    Ok(slot.fill(client))
}

/// Makes a client that is not connected. Not inlined: it is built on the stack, which must be free again before the
/// connection (and with it a TLS library) needs it.
#[inline(never)]
fn make(
    platform: Platform,
    config: Config,
    growth: Option<&'static Growth<Lent>>,
    read_buffer: Lent,
    write_buffer: Lent,
) -> Result<Box<Client>, Failure> {
    let place = Place::take().ok_or(Failure::ERROR_NO_MEM)?;
    match Client::new(platform, config, growth, read_buffer, write_buffer) {
        Ok(client) => Ok(place.fill(client)),
        Err(error) => Err(not_connected(error)),
    }
}

/// Publishes the report of the module's maker, if there is something to report. Not inlined, as above.
#[inline(never)]
fn report(client: &Client) -> Result<(), Failure> {
    let mut report = MidReport::default();
    if !device::mid_report(&mut report) {
        return Ok(());
    }
    let (topic, payload) = (report.topic().as_bytes(), report.payload());
    client
        .publish(topic, payload, QoS::AtMostOnce, false)
        .map(|_| ())
        .map_err(|error| failure(error, Failure::MQTT_PUBLISH_PACKET_ERROR))
}

fn not_connected(error: client::ConnectError) -> Failure {
    match error {
        client::ConnectError::BufferTooSmall => Failure::MQTT_CONNECT_PACKET_ERROR,
        client::ConnectError::NoLock => Failure::ERROR_NO_MEM,
        client::ConnectError::NoConnection => Failure::MQTT_NETWORK_CONNECT_ERROR,
        client::ConnectError::NotAccepted => Failure::MQTT_CONNECT_ERROR,
    }
}

/// Ends a client: `forget` is called once it is clear that there is one. Waits for the other calls on it.
pub(crate) fn destroy(handle: *mut c_void, forget: impl FnOnce()) -> Result<(), NoObject> {
    /// How often to look whether the other calls have ended, in ms.
    const STEP: u32 = 10;

    let client = CLIENTS.end(handle)?;
    forget();
    let mut patience = client.close();
    while !client.is_alone() && patience > 0 {
        hal::sleep(STEP);
        patience = patience.saturating_sub(STEP);
    }
    log::write(Level::Info, "mqtt: released", Value::None);
    Ok(())
}

/// `IOT_MQTT_Yield`, with the client's handle for the handlers.
pub(crate) fn run(client: &Client, handle: *mut c_void, timeout: u32) -> Result<(), client::Error> {
    let events = client.platform().events;
    client.run(timeout, &mut Application { handle, events })
}

/// The application's handlers, as those who are told what happens.
struct Application {
    handle: *mut c_void,
    /// Of what no handler of a subscription takes.
    events: Handler,
}

impl Listener<Handler> for Application {
    fn event(&mut self, event: Event) {
        let (event_type, name, id) = describe(event);
        let value = id.map_or(Value::None, |id| Value::Num(id.get().into()));
        log::write(Level::Info, name, value);
        let msg = match event {
            Event::Overflow => c"a packet is larger than the read buffer, and was dropped"
                .as_ptr()
                .cast_mut()
                .cast(),
            _ => ptr::without_provenance_mut(id.map_or(0, NonZeroU16::get).into()),
        };
        self.events.call(self.handle, event_type, msg);
    }

    fn message(&mut self, delivery: Delivery<'_, Handler>) {
        // One pointer for the whole buffer: a handler may write beyond its payload.
        let buffer = delivery.buffer.as_mut().as_mut_ptr();
        let at = |offset: usize| buffer.wrapping_add(offset).cast::<c_char>().cast_const();
        let (topic, payload) = (delivery.message.topic(), delivery.message.payload());
        let mut message = iotx_mqtt_topic_info_t {
            packet_id: delivery.message.id().map_or(0, NonZeroU16::get),
            qos: delivery.message.qos() as u8,
            dup: delivery.message.dup().into(),
            retain: delivery.message.retain().into(),
            topic_len: length(topic.len()),
            payload_len: length(payload.len()),
            ptopic: at(topic.start),
            payload: at(payload.start),
        };
        delivery.handler.unwrap_or(self.events).call(
            self.handle,
            iotx_mqtt_event_type_t::IOTX_MQTT_EVENT_PUBLISH_RECVEIVED,
            (&raw mut message).cast(),
        );
    }
}

/// A length that the engine keeps within 16 bits: of a topic by the protocol, of a payload by its configuration.
fn length(len: usize) -> u16 {
    u16::try_from(len).unwrap_or(u16::MAX)
}

/// The number of an event, its name for a log line, and the packet id that goes with it.
const fn describe(event: Event) -> (iotx_mqtt_event_type_t, &'static str, Option<NonZeroU16>) {
    use iotx_mqtt_event_type_t::*;

    match event {
        Event::Disconnected => (IOTX_MQTT_EVENT_DISCONNECT, "mqtt: disconnected", None),
        Event::Reconnected => (IOTX_MQTT_EVENT_RECONNECT, "mqtt: reconnected", None),
        Event::Subscribed(id) => (
            IOTX_MQTT_EVENT_SUBCRIBE_SUCCESS,
            "mqtt: subscribed, packet id",
            Some(id),
        ),
        Event::SubscribeTimedOut(id) => (
            IOTX_MQTT_EVENT_SUBCRIBE_TIMEOUT,
            "mqtt: SUBSCRIBE not answered, packet id",
            Some(id),
        ),
        Event::SubscribeRefused(id) => (
            IOTX_MQTT_EVENT_SUBCRIBE_NACK,
            "mqtt: subscription refused, packet id",
            Some(id),
        ),
        Event::Unsubscribed(id) => (
            IOTX_MQTT_EVENT_UNSUBCRIBE_SUCCESS,
            "mqtt: unsubscribed, packet id",
            Some(id),
        ),
        Event::UnsubscribeTimedOut(id) => (
            IOTX_MQTT_EVENT_UNSUBCRIBE_TIMEOUT,
            "mqtt: UNSUBSCRIBE not answered, packet id",
            Some(id),
        ),
        Event::Published(id) => (
            IOTX_MQTT_EVENT_PUBLISH_SUCCESS,
            "mqtt: acknowledged, packet id",
            Some(id),
        ),
        Event::Overflow => (
            IOTX_MQTT_EVENT_BUFFER_OVERFLOW,
            "mqtt: dropped a packet larger than the read buffer",
            None,
        ),
    }
}

/// A function of the application, and what it wants to be told with each call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handler {
    pub(crate) function: iotx_mqtt_event_handle_func_fpt,
    pub(crate) context: *mut c_void,
}

impl Handler {
    const NONE: Self = Self {
        function: None,
        context: ptr::null_mut(),
    };

    fn call(self, handle: *mut c_void, event_type: iotx_mqtt_event_type_t, msg: *mut c_void) {
        let Some(function) = self.function else {
            return;
        };
        let mut msg = iotx_mqtt_event_msg_t { event_type, msg };
        // SAFETY: the application has given the function for this, and with it its promise that it may be called.
        unsafe { function(self.context, handle, &raw mut msg) }
    }
}

/// Topic and payload of a message, if that is what a handler is told of.
///
/// # Safety
///
/// `msg` is an event of a client, whose handler is being called, and nobody has asked this before for it.
pub(crate) unsafe fn message<'a>(msg: iotx_mqtt_event_msg_pt) -> Option<(&'a [u8], &'a mut [u8])> {
    // SAFETY: what comes with this event, by the contract; topic and payload lie in the client's buffer, which nobody else
    // touches while a message is delivered, and do not overlap.
    unsafe {
        if (*msg).event_type != iotx_mqtt_event_type_t::IOTX_MQTT_EVENT_PUBLISH_RECVEIVED {
            return None;
        }
        let message = &*(*msg).msg.cast::<iotx_mqtt_topic_info_t>();
        let payload = message.payload.cast_mut().cast();
        Some((
            slice::from_raw_parts(message.ptopic.cast(), message.topic_len.into()),
            slice::from_raw_parts_mut(payload, message.payload_len.into()),
        ))
    }
}

// SAFETY: the application's functions may be called on any thread that uses its client, and what they are told with each
// call is only passed on.
unsafe impl Send for Handler {}
// SAFETY: as above.
unsafe impl Sync for Handler {}

/// The same function with the same context.
impl PartialEq for Handler {
    fn eq(&self, other: &Self) -> bool {
        let address = |handler: &Self| handler.function.map_or(0, |function| function as usize);
        address(self) == address(other) && self.context == other.context
    }
}

/// A buffer: of the application, or of the library's own, and then it may grow.
pub(crate) struct Lent {
    start: *mut u8,
    len: usize,
}

impl Lent {
    /// # Safety
    ///
    /// `start` points to `len` bytes that nobody else touches, until the client that it is given to was closed.
    pub(crate) unsafe fn new(start: *mut c_char, len: u32) -> Self {
        Self {
            start: start.cast(),
            len: len as usize,
        }
    }

    /// No bytes, for [`Growth`] of the library's own.
    pub(crate) const NONE: Self = Self {
        start: ptr::dangling_mut(),
        len: 0,
    };

    /// [`Growth::grow`]. A NUL is behind the bytes.
    pub(crate) fn grow(&mut self, len: usize) {
        let Some(layout) = Self::layout(len) else {
            return;
        };
        // SAFETY: the layout is not empty.
        let start = unsafe { alloc::alloc::alloc_zeroed(layout) };
        if start.is_null() {
            return;
        }
        let mut larger = Self { start, len };
        let (to, from) = (larger.as_mut().iter_mut(), self.as_mut().iter());
        to.zip(from).for_each(|(to, byte)| *to = *byte);
        self.free();
        *self = larger;
    }

    /// [`Growth::free`].
    pub(crate) fn free(&mut self) {
        if self.len > 0
            && let Some(layout) = Self::layout(self.len)
        {
            // SAFETY: the block came from `grow`, with this layout, and nobody else has it; from now on nobody has.
            unsafe { alloc::alloc::dealloc(self.start, layout) }
        }
        *self = Self::NONE;
    }

    fn layout(len: usize) -> Option<Layout> {
        Layout::array::<u8>(len.checked_add(1)?).ok()
    }
}

// SAFETY: the bytes are its own, as `new` demands.
unsafe impl Send for Lent {}

impl AsMut<[u8]> for Lent {
    fn as_mut(&mut self) -> &mut [u8] {
        // SAFETY: the bytes are there and its own, as `new` demands; the engine does not touch a buffer after `close`.
        unsafe { slice::from_raw_parts_mut(self.start, self.len) }
    }
}

/// What a client needs: the HAL, the server, strings of the application, and who is told what no handler of a
/// subscription takes.
pub(crate) struct Platform {
    pub(crate) server: Server,
    pub(crate) client_id: Text,
    pub(crate) username: Text,
    pub(crate) password: Text,
    pub(crate) events: Handler,
}

/// A string of the application.
pub(crate) struct Text(*const c_char);

impl Text {
    /// # Safety
    ///
    /// It is a string for as long as this lives, and is not changed while a client connects.
    pub(crate) unsafe fn new(text: *const c_char) -> Self {
        Self(text)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: it is a string, as `new` demands.
        unsafe { CStr::from_ptr(self.0) }.to_bytes()
    }
}

// SAFETY: any thread may read the string, as `new` demands.
unsafe impl Send for Text {}
// SAFETY: as above.
unsafe impl Sync for Text {}

over_hal!(Platform);

impl Transport for Platform {
    fn open(&self) -> Result<Conn, NoConnection> {
        self.server.open()
    }
}

impl Account for Platform {
    /// Applications use the strings of the connection info, which is renewed in place.
    fn renew(&self) -> bool {
        device::reauthenticate().is_ok()
    }

    fn credentials(&self) -> Credentials<'_> {
        Credentials {
            client_id: self.client_id.bytes(),
            username: self.username.bytes(),
            password: self.password.bytes(),
        }
    }
}

/// The number for why a request failed, which says which packet was too large for the buffer.
pub(crate) fn failure(error: client::Error, too_large: Failure) -> Failure {
    match error {
        client::Error::BadTopic => Failure::MQTT_TOPIC_FORMAT_ERROR,
        client::Error::NotConnected => Failure::MQTT_STATE_ERROR,
        client::Error::BadQoS => Failure::MQTT_PUBLISH_QOS_ERROR,
        client::Error::TooLarge => too_large,
        client::Error::Full => Failure::MQTT_PUSH_TO_LIST_ERROR,
        client::Error::NotSent => Failure::MQTT_NETWORK_ERROR,
        client::Error::NoBuffer => Failure::FAIL_RETURN,
    }
}
