//! The MQTT client behind the C interface: the engine's, over the HAL, with C functions as handlers.

use core::{
    ffi::{CStr, c_char, c_void},
    num::NonZeroU16,
    ptr, slice,
};

use iotkit::{
    client::{self, Account, Credentials, Delivery, Listener},
    hal::{NoConnection, Transport},
    log::{Level, Value},
    mqtt::Event,
};

use crate::{
    device,
    entry::Failure,
    hal::{Conn, Server, over_hal},
    handle::Table,
    log,
    v2::iot_export_mqtt::{
        iotx_mqtt_event_handle_func_fpt, iotx_mqtt_event_msg_t, iotx_mqtt_event_type_t,
        iotx_mqtt_topic_info_t,
    },
};

/// A client over the HAL.
pub(crate) type Client = client::Client<Platform, Lent, Handler>;

/// All clients; eight at once.
pub(crate) static CLIENTS: Table<Client, 8> = Table::new();

/// Connects a client. The application does not know it yet, and is told nothing.
pub(crate) fn connect(client: &Client) -> Result<(), client::ConnectError> {
    client.connect(&mut Application {
        handle: ptr::null_mut(),
        events: Handler::NONE,
    })
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

/// A buffer of the application.
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

    fn bytes(&self) -> &[u8] {
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
