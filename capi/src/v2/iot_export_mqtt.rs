//! `exports/iot_export_mqtt.h`: the MQTT client.

extern crate alloc;

use core::{
    ffi::{c_char, c_int, c_void},
    mem::MaybeUninit,
    ptr,
};

use iotkit::{
    log::{Level, Value},
    mqtt::Config,
    wire::mqtt::QoS,
};

use super::{iot_export_errno::IOT_RETURN_CODES::*, number};
use crate::{
    entry::{Failure, bytes, entry, text},
    hal::Server,
    log,
    mqtt::{self, CLIENTS, Handler, Lent, Platform, Text, failure},
};

/// How often a message may arrive (MQTT 3.1.1, section 4.3).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum iotx_mqtt_qos_t {
    /// At most once: sent and forgotten.
    IOTX_MQTT_QOS0 = 0,
    /// At least once: repeated until acknowledged.
    IOTX_MQTT_QOS1 = 1,
    /// Exactly once. Messages may be received, but not published, with it.
    IOTX_MQTT_QOS2 = 2,
}

/// What happened to a client.
///
/// `msg` of the event is the packet id (cast to a pointer) unless stated otherwise.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum iotx_mqtt_event_type_t {
    /// Never raised.
    IOTX_MQTT_EVENT_UNDEF = 0,
    /// The connection was lost; the library reconnects. `msg` is `NULL`.
    IOTX_MQTT_EVENT_DISCONNECT = 1,
    /// Connected again. `msg` is `NULL`.
    IOTX_MQTT_EVENT_RECONNECT = 2,
    /// The server granted a subscription.
    IOTX_MQTT_EVENT_SUBCRIBE_SUCCESS = 3,
    /// The server did not answer a subscription in time.
    IOTX_MQTT_EVENT_SUBCRIBE_TIMEOUT = 4,
    /// The server refused a subscription, now or when it was renewed after a reconnect.
    IOTX_MQTT_EVENT_SUBCRIBE_NACK = 5,
    /// The server ended a subscription: its handlers are not called any more.
    IOTX_MQTT_EVENT_UNSUBCRIBE_SUCCESS = 6,
    /// The server did not answer an unsubscription in time.
    IOTX_MQTT_EVENT_UNSUBCRIBE_TIMEOUT = 7,
    /// Never raised.
    IOTX_MQTT_EVENT_UNSUBCRIBE_NACK = 8,
    /// The server has a message that was published with QoS 1.
    IOTX_MQTT_EVENT_PUBLISH_SUCCESS = 9,
    /// Never raised: QoS 1 messages are repeated until acknowledged.
    IOTX_MQTT_EVENT_PUBLISH_TIMEOUT = 10,
    /// Never raised.
    IOTX_MQTT_EVENT_PUBLISH_NACK = 11,
    /// A message arrived. `msg` is an `iotx_mqtt_topic_info_t *`.
    IOTX_MQTT_EVENT_PUBLISH_RECVEIVED = 12,
    /// A packet is larger than the read buffer and was dropped. `msg` is a text, `const char *`.
    IOTX_MQTT_EVENT_BUFFER_OVERFLOW = 13,
}

/// A message: what to publish, or what arrived.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct iotx_mqtt_topic_info_t {
    /// Packet id. Publishing with QoS 1 writes it; 0 in a message that arrived with QoS 0.
    pub packet_id: u16,
    /// Quality of service: 0 or 1 to publish, 0 to 2 in a message that arrived.
    pub qos: u8,
    /// Set in a message that arrived: it may have been delivered before.
    pub dup: u8,
    /// The server keeps the message for later subscribers.
    pub retain: u8,
    /// Length of `ptopic` in bytes. Not used to publish.
    pub topic_len: u16,
    /// Length of `payload` in bytes.
    pub payload_len: u16,
    /// Topic of a message that arrived, not NUL-terminated. Not used to publish.
    pub ptopic: *const c_char,
    /// The message, not NUL-terminated; may be `NULL` if `payload_len` is 0.
    pub payload: *const c_char,
}

layout!(iotx_mqtt_topic_info_t = 32 {
    packet_id: 0, qos: 2, dup: 3, retain: 4, topic_len: 6, payload_len: 8, ptopic: 16, payload: 24,
});

/// A message.
pub type iotx_mqtt_topic_info_pt = *mut iotx_mqtt_topic_info_t;

/// What an event handler is told. Valid, with all it points to, until the handler returns.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct iotx_mqtt_event_msg_t {
    /// What happened.
    pub event_type: iotx_mqtt_event_type_t,
    /// More about it; its type depends on `event_type`.
    pub msg: *mut c_void,
}

layout!(iotx_mqtt_event_msg_t = 16 { event_type: 0, msg: 8 });

/// What an event handler is told.
pub type iotx_mqtt_event_msg_pt = *mut iotx_mqtt_event_msg_t;

/// A handler of events, called inside `IOT_MQTT_Yield` without any lock held: it may publish, subscribe, unsubscribe, and wait in `IOT_MQTT_Yield` for a reply.
///
/// @param pcontext  what was given with the handler
/// @param pclient   the client
/// @param msg       what happened
pub type iotx_mqtt_event_handle_func_fpt = Option<
    unsafe extern "C" fn(pcontext: *mut c_void, pclient: *mut c_void, msg: iotx_mqtt_event_msg_pt),
>;

/// The handler of all events that no topic handler takes.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct iotx_mqtt_event_handle_t {
    /// The handler; `NULL` drops these events.
    pub h_fp: iotx_mqtt_event_handle_func_fpt,
    /// Passed to the handler.
    pub pcontext: *mut c_void,
}

layout!(iotx_mqtt_event_handle_t = 16 { h_fp: 0, pcontext: 8 });

/// The handler of all events that no topic handler takes.
pub type iotx_mqtt_event_handle_pt = *mut iotx_mqtt_event_handle_t;

/// How to connect. The structure itself is read by `IOT_MQTT_Construct` only; **the strings and both buffers are used
/// until `IOT_MQTT_Destroy` returns**, the strings at every reconnect.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct iotx_mqtt_param_t {
    /// TCP port of the server.
    pub port: u16,
    /// Host name of the server.
    pub host: *const c_char,
    /// MQTT client id.
    pub client_id: *const c_char,
    /// MQTT user name.
    pub username: *const c_char,
    /// MQTT password.
    pub password: *const c_char,
    /// Root certificate (PEM) to check the server with over TLS; `NULL` means plain TCP.
    pub pub_key: *const c_char,
    /// Not 0: the server forgets subscriptions and waiting messages when the connection ends.
    pub clean_session: u8,
    /// How long the server may take to answer: 500 to 5000 ms; any other value stands for 2000.
    pub request_timeout_ms: u32,
    /// Longest silence towards the server, in ms; brought into 60000 to 180000.
    pub keepalive_interval_ms: u32,
    /// Buffer for what is sent; it holds the largest packet to publish.
    pub pwrite_buf: *mut c_char,
    /// Size of `pwrite_buf` in bytes.
    pub write_buf_size: u32,
    /// Buffer for what arrives; it holds the largest packet to receive.
    pub pread_buf: *mut c_char,
    /// Size of `pread_buf` in bytes.
    pub read_buf_size: u32,
    /// Is told all events that no topic handler takes.
    pub handle_event: iotx_mqtt_event_handle_t,
}

layout!(iotx_mqtt_param_t = 112 {
    port: 0, host: 8, client_id: 16, username: 24, password: 32, pub_key: 40, clean_session: 48,
    request_timeout_ms: 52, keepalive_interval_ms: 56, pwrite_buf: 64, write_buf_size: 72, pread_buf: 80,
    read_buf_size: 88, handle_event: 96,
});

/// How to connect.
pub type iotx_mqtt_param_pt = *mut iotx_mqtt_param_t;

/// Makes a client and connects it.
///
/// Blocks for as long as `HAL_TCP_Establish` or `HAL_SSL_Establish` does, and twice the request timeout at most
/// after that. A failed call leaves nothing behind and may be repeated with the same parameters. Up to eight clients
/// may exist at once. No event is raised.
///
/// @param pInitParams  how to connect; see there what must stay valid
/// @return the client, to be given to `IOT_MQTT_Destroy`; `NULL` if a required parameter is missing, a buffer is
///         too small, memory is short, or the connection failed (the log says why)
///
/// # Safety
///
/// `pInitParams` is `NULL` or readable. Its strings are `NULL` or NUL-terminated, its buffers `NULL` or as large as it
/// says and used by nobody else, all of them until the client is destroyed; its handler may be called on any thread
/// that yields.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_MQTT_Construct(pInitParams: *mut iotx_mqtt_param_t) -> *mut c_void {
    entry(|| {
        // SAFETY: it is `NULL` or readable, by the contract.
        let params = unsafe { pInitParams.as_ref() }.ok_or(NULL_VALUE_ERROR);
        // SAFETY: by the contract, which is what is asked for.
        let client = params.and_then(|params| unsafe { construct(params) });
        client.inspect_err(|failure| {
            log::write(
                Level::Error,
                "IOT_MQTT_Construct: failed, code",
                Value::Num(*failure as i64),
            );
        })
    })
}

/// # Safety
///
/// As for `IOT_MQTT_Construct`.
unsafe fn construct(params: &iotx_mqtt_param_t) -> Result<*mut c_void, Failure> {
    if params.pwrite_buf.is_null() || params.pread_buf.is_null() {
        return Err(NULL_VALUE_ERROR);
    }
    // SAFETY: strings and buffers are what they must be, by the contract.
    let (password, platform, read_buffer, write_buffer) = unsafe {
        text(params.host)?;
        text(params.client_id)?;
        text(params.username)?;
        let password = text(params.password)?;
        let platform = Platform {
            server: Server::new(params.host, params.port, params.pub_key),
            client_id: Text::new(params.client_id),
            username: Text::new(params.username),
            password: Text::new(params.password),
            events: Handler {
                function: params.handle_event.h_fp,
                context: params.handle_event.pcontext,
            },
        };
        let read_buffer = Lent::new(params.pread_buf, params.read_buf_size);
        let write_buffer = Lent::new(params.pwrite_buf, params.write_buf_size);
        (password, platform, read_buffer, write_buffer)
    };
    let config = Config {
        request_timeout: match params.request_timeout_ms {
            ms @ 500..=5000 => ms,
            _ => 2000,
        },
        keep_alive: (params.keepalive_interval_ms / 1000).clamp(60, 180) * 1000,
        clean_session: params.clean_session != 0,
        payload_max: u16::MAX.into(),
        once: false,
    };
    mqtt::start(password, platform, config, None, read_buffer, write_buffer)
}

/// As `IOT_MQTT_Construct`, with the identity of an ID2 security chip, for which the chip's vendor has the library.
/// This one is built without it.
///
/// @return `NULL`; the log says what to call instead
#[unsafe(no_mangle)]
pub extern "C" fn IOT_MQTT_ConstructSecure(_pInitParams: *mut iotx_mqtt_param_t) -> *mut c_void {
    log::write(
        Level::Error,
        "IOT_MQTT_ConstructSecure: this library is built without ID2; call IOT_MQTT_Construct",
        Value::None,
    );
    ptr::null_mut()
}

/// Disconnects a client and frees it. Messages that wait for an acknowledgement are dropped, no event is raised.
///
/// May be called from a handler and while other threads use the client: their calls end, and return -2 from then
/// on. Waits for them no longer than the request timeout and one second (a handler that calls this is one of them); once
/// it has returned, the buffers of `iotx_mqtt_param_t` belong to the caller again.
///
/// @param phandle  the client; set to `NULL`
/// @return 0; -2 if there is no such client
///
/// # Safety
///
/// `phandle` is `NULL`, or readable and writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_MQTT_Destroy(phandle: *mut *mut c_void) -> c_int {
    entry(|| {
        // SAFETY: it is `NULL`, or readable and writable, by the contract.
        let handle = unsafe { phandle.as_mut() }.ok_or(NULL_VALUE_ERROR)?;
        mqtt::destroy(*handle, || *handle = ptr::null_mut()).map_err(|_| NULL_VALUE_ERROR)?;
        Ok(0)
    })
}

/// Keeps the connection alive, receives, calls handlers, repeats what was not acknowledged, and reconnects, for
/// the given time. Call it again and again: nothing else does any of this.
///
/// Takes its whole time even if nothing happens, so it serves as a delay; handlers come on top. Never longer than
/// that and one call into the HAL. Reconnects after 1 s, then after twice as long each time up to 60 s, a random
/// part added, across calls.
///
/// @param handle      the client
/// @param timeout_ms  how long; 0 stands for 10 ms
/// @return 0, connected or not; -1 if `timeout_ms` is negative, or this is a call inside a handler for which there
///         is no memory; -2 if there is no such client
#[unsafe(no_mangle)]
pub extern "C" fn IOT_MQTT_Yield(handle: *mut c_void, timeout_ms: c_int) -> c_int {
    entry(|| {
        let client = CLIENTS.get(handle).map_err(|_| NULL_VALUE_ERROR)?;
        let timeout = match u32::try_from(timeout_ms) {
            Ok(0) => 10,
            Ok(timeout) => timeout,
            Err(_) => return Err(FAIL_RETURN),
        };
        mqtt::run(&client, handle, timeout).map_err(|error| failure(error, FAIL_RETURN))?;
        Ok(0)
    })
}

/// Whether a client is connected. Any thread, any handler.
///
/// @return 1 connected; 0 not; -2 (which C takes for true) if there is no such client
#[unsafe(no_mangle)]
pub extern "C" fn IOT_MQTT_CheckStateNormal(handle: *mut c_void) -> c_int {
    entry(|| {
        let client = CLIENTS.get(handle).map_err(|_| NULL_VALUE_ERROR)?;
        Ok(client.is_connected().into())
    })
}

/// Turns reconnecting off: a lost connection is reported once and stays lost.
///
/// @return 0; -1 if there is no such client
#[unsafe(no_mangle)]
pub extern "C" fn IOT_MQTT_Disable_Reconnect(handle: *mut c_void) -> c_int {
    entry(|| {
        let client = CLIENTS.get(handle).map_err(|_| FAIL_RETURN)?;
        client.disable_reconnect();
        Ok(0)
    })
}

/// Asks the server for the messages on some topics. Any thread, any handler.
///
/// Does not wait for the answer, which is an event with the packet id that is returned; the handler is called from
/// then on. The same filter with the same handler and context is one subscription; with another handler or context
/// it is a second, and both are called. Subscriptions are renewed after a reconnect if the server forgot them.
///
/// @param handle             the client
/// @param topic_filter       begins with `/`, at most 128 bytes from 32 to 126; `+` and `#` as whole levels. Copied
/// @param qos                the highest quality of service to deliver with; any other number stands for 0
/// @param topic_handle_func  is told each message on a topic that matches
/// @param pcontext           passed to `topic_handle_func`
/// @return the packet id, 1 to 65535; -2 an argument is `NULL` or empty; -14 sending failed; -26 the write buffer
///         is too small; -27 not connected; -41 bad filter; -42 no memory, or 256 requests are unanswered
///
/// # Safety
///
/// `topic_filter` is `NULL` or a NUL-terminated string. `topic_handle_func` may be called with `pcontext` on any thread
/// that yields, until the subscription has ended.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_MQTT_Subscribe(
    handle: *mut c_void,
    topic_filter: *const c_char,
    qos: MaybeUninit<iotx_mqtt_qos_t>,
    topic_handle_func: iotx_mqtt_event_handle_func_fpt,
    pcontext: *mut c_void,
) -> c_int {
    entry(|| {
        let client = CLIENTS.get(handle).map_err(|_| NULL_VALUE_ERROR)?;
        // SAFETY: it is `NULL` or a string, by the contract; the caller passed a number.
        let (filter, qos) = unsafe { (text(topic_filter)?, number(qos)) };
        let qos = u8::try_from(qos).ok().and_then(QoS::from_bits);
        let handler = Handler {
            function: Some(topic_handle_func.ok_or(NULL_VALUE_ERROR)?),
            context: pcontext,
        };
        let id = client
            .subscribe(filter, qos.unwrap_or(QoS::AtMostOnce), handler)
            .map_err(|error| failure(error, MQTT_SUBSCRIBE_PACKET_ERROR))?;
        Ok(id.get().into())
    })
}

/// Ends all subscriptions of this client with exactly this filter. Any thread, any handler.
///
/// Their handlers are called until the answer arrives, an event with the packet id that is returned.
///
/// @param handle        the client
/// @param topic_filter  as in `IOT_MQTT_Subscribe`
/// @return the packet id, 1 to 65535; -2 an argument is `NULL` or empty; -14 sending failed; -22 the write buffer
///         is too small; -27 not connected; -41 bad filter; -42 no memory, or 256 requests are unanswered
///
/// # Safety
///
/// `topic_filter` is `NULL` or a NUL-terminated string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_MQTT_Unsubscribe(
    handle: *mut c_void,
    topic_filter: *const c_char,
) -> c_int {
    entry(|| {
        let client = CLIENTS.get(handle).map_err(|_| NULL_VALUE_ERROR)?;
        // SAFETY: it is `NULL` or a string, by the contract.
        let filter = unsafe { text(topic_filter) }?;
        let id = client
            .unsubscribe(filter)
            .map_err(|error| failure(error, MQTT_UNSUBSCRIBE_PACKET_ERROR))?;
        Ok(id.get().into())
    })
}

/// Sends a message. Any thread, any handler.
///
/// Blocks for the request timeout at most, and while another thread is sending. A QoS 1 message is repeated until
/// the server acknowledges it, across reconnects; the acknowledgement is an event with the packet id.
///
/// @param handle      the client
/// @param topic_name  begins with `/`, at most 128 bytes from 32 to 126, without `+` and `#`
/// @param topic_msg   payload, its length, `qos` 0 or 1, `retain`; QoS 1 writes `packet_id`. Copied
/// @return 0 for QoS 0 and the packet id for QoS 1; -2 an argument is `NULL` or empty; -14 sending failed; -20
///         `qos` is above 1; -21 the write buffer is too small; -27 not connected; -41 bad topic; -42 no memory, or
///         20 messages are unacknowledged
///
/// # Safety
///
/// `topic_name` is `NULL` or a NUL-terminated string; `topic_msg` is `NULL`, or readable and writable, with `payload`
/// readable for `payload_len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_MQTT_Publish(
    handle: *mut c_void,
    topic_name: *const c_char,
    topic_msg: iotx_mqtt_topic_info_pt,
) -> c_int {
    entry(|| {
        let client = CLIENTS.get(handle).map_err(|_| NULL_VALUE_ERROR)?;
        // SAFETY: they are `NULL`, or what they must be, by the contract.
        let (topic, message) = unsafe { (text(topic_name)?, topic_msg.as_ref()) };
        let message = *message.ok_or(NULL_VALUE_ERROR)?; // another thread may be publishing it, too
        // SAFETY: the payload is readable, by the contract.
        let payload = unsafe { bytes(message.payload, message.payload_len.into()) }?;

        let qos = match message.qos {
            0 => QoS::AtMostOnce,
            1 => QoS::AtLeastOnce,
            _ => QoS::ExactlyOnce, // turned down, like everything above it
        };
        let id = client
            .publish(topic, payload, qos, message.retain & 1 != 0)
            .map_err(|error| failure(error, MQTT_PUBLISH_PACKET_ERROR))?;
        Ok(id.map_or(0, |id| {
            // SAFETY: it is writable, by the contract, and not `NULL`.
            unsafe { (&raw mut (*topic_msg).packet_id).write(id.get()) };
            id.get().into()
        }))
    })
}
