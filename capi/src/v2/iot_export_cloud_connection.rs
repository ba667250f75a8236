//! `exports/iot_export_cloud_connection.h`: one interface to MQTT, CoAP and HTTP.

use core::{
    ffi::{c_char, c_int, c_void},
    mem::MaybeUninit,
};

use super::iot_export::iotx_device_info_t;

/// How often a message may arrive, over MQTT.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum iotx_message_qos_t {
    /// At most once.
    IOTX_MESSAGE_QOS0 = 0,
    /// At least once.
    IOTX_MESSAGE_QOS1 = 1,
    /// Exactly once; not for messages that are published.
    IOTX_MESSAGE_QOS2 = 2,
}

/// Format of a payload, over CoAP.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum iotx_message_content_type_t {
    /// JSON.
    IOTX_MESSAGE_CONTENT_TYPE_JSON = 0,
    /// CBOR.
    IOTX_MESSAGE_CONTENT_TYPE_CBOR = 1,
}

/// Whether a message is repeated until acknowledged, over CoAP.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum iotx_message_type_t {
    /// Repeated.
    IOTX_MESSAGE_CONFIRMABLE = 0,
    /// Sent once.
    IOTX_MESSAGE_NON_CONFIRMABLE = 1,
}

/// What happened to a connection.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IOTX_CLOUD_CONNECTION_EVENT_TYPES {
    /// It was lost.
    IOTX_CLOUD_CONNECTION_EVENT_DISCONNECT = 0,
    /// It is back.
    IOTX_CLOUD_CONNECTION_EVENT_RECONNECT = 1,
    /// The number of values.
    IOTX_CLOUD_CONNECTION_EVENT_MAX = 2,
}

/// What happened to a connection.
pub type iotx_cloud_connection_event_types_t = IOTX_CLOUD_CONNECTION_EVENT_TYPES;

/// How to connect.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IOTX_CLOUD_CONNECTION_PROTOCOL_TYPES {
    /// MQTT.
    IOTX_CLOUD_CONNECTION_PROTOCOL_TYPE_MQTT = 1,
    /// CoAP: publishes only.
    IOTX_CLOUD_CONNECTION_PROTOCOL_TYPE_COAP = 2,
    /// HTTP: publishes only.
    IOTX_CLOUD_CONNECTION_PROTOCOL_TYPE_HTTP = 3,
    /// One more than the last value.
    IOTX_CLOUD_CONNECTION_PROTOCOL_TYPE_MAX = 4,
}

/// How to connect.
pub type iotx_cloud_connection_protocol_types_t = IOTX_CLOUD_CONNECTION_PROTOCOL_TYPES;

/// What became of a message, or that one arrived.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IOTX_CLOUD_CONNECTION_RESPONSE_TYPES {
    /// Subscribed.
    IOTX_CLOUD_CONNECTION_RESPONSE_SUBSCRIBE_SUCCESS = 1,
    /// Not subscribed.
    IOTX_CLOUD_CONNECTION_RESPONSE_SUBSCRIBE_FAIL = 2,
    /// Unsubscribed.
    IOTX_CLOUD_CONNECTION_RESPONSE_UNSUBSCRIBE_SUCCESS = 3,
    /// Not unsubscribed.
    IOTX_CLOUD_CONNECTION_RESPONSE_UNSUBSCRIBE_FAIL = 4,
    /// Sent; over CoAP and HTTP with the server's answer.
    IOTX_CLOUD_CONNECTION_RESPONSE_SEND_SUCCESS = 5,
    /// Not sent.
    IOTX_CLOUD_CONNECTION_RESPONSE_SEND_FAIL = 6,
    /// A message arrived.
    IOTX_CLOUD_CONNECTION_RESPONSE_NEW_DATA = 7,
    /// One more than the last value.
    IOTX_CLOUD_CONNECTION_RESPONSE_TYPE_MAX = 8,
}

/// What became of a message, or that one arrived.
pub type iotx_cloud_connection_response_types_t = IOTX_CLOUD_CONNECTION_RESPONSE_TYPES;

/// What to do.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IOTX_CLOUD_CONNECTION_MESSAGE_TYPES {
    /// Subscribe; MQTT only.
    IOTX_CLOUD_CONNECTION_MESSAGE_TYPE_SUBSCRIBE = 1,
    /// Unsubscribe; MQTT only.
    IOTX_CLOUD_CONNECTION_MESSAGE_TYPE_UNSUBSCRIBE = 2,
    /// Publish.
    IOTX_CLOUD_CONNECTION_MESSAGE_TYPE_PUBLISH = 3,
    /// One more than the last value.
    IOTX_CLOUD_CONNECTION_MESSAGE_TYPE_MAX = 4,
}

/// What to do.
pub type iotx_cloud_connection_message_types_t = IOTX_CLOUD_CONNECTION_MESSAGE_TYPES;

/// What an event handler is told.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct iotx_cloud_connection_event_msg_t {
    /// An `iotx_cloud_connection_event_types_t`.
    pub event_id: u8,
    /// More about it.
    pub msg: *mut c_void,
}

layout!(iotx_cloud_connection_event_msg_t = 16 { event_id: 0, msg: 8 });

/// What an event handler is told.
pub type iotx_cloud_connection_event_msg_pt = *mut iotx_cloud_connection_event_msg_t;

/// What became of a message, or a message that arrived.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct iotx_cloud_connection_msg_rsp_t {
    /// Which of the two.
    pub rsp_type: iotx_cloud_connection_response_types_t,
    /// The topic or path, NUL-terminated.
    pub URI: *mut c_char,
    /// Its length in bytes.
    pub URI_length: u32,
    /// The payload.
    pub payload: *mut c_void,
    /// Its length in bytes.
    pub payload_length: u32,
    /// Quality of service it arrived with.
    pub QoS: iotx_message_qos_t,
}

layout!(iotx_cloud_connection_msg_rsp_t = 40 {
    rsp_type: 0, URI: 8, URI_length: 16, payload: 24, payload_length: 32, QoS: 36,
});

/// What became of a message, or a message that arrived.
pub type iotx_cloud_connection_msg_rsp_pt = *mut iotx_cloud_connection_msg_rsp_t;

/// A handler of events.
///
/// @param pconnection  `event_pcontext` of the parameters
/// @param msg          what happened; valid during the call
pub type iotx_cloud_connection_event_handle_func_fpt =
    Option<unsafe extern "C" fn(pconnection: *mut c_void, msg: iotx_cloud_connection_event_msg_pt)>;

/// Is told what became of a message, and each message that a subscription brings.
///
/// @param pcontext     `response_pcontext` of the message
/// @param pconnection  the connection
/// @param msg          what became of it; valid during the call
pub type iotx_cloud_connection_msg_rsp_func_fpt = Option<
    unsafe extern "C" fn(
        pcontext: *mut c_void,
        pconnection: *mut c_void,
        msg: iotx_cloud_connection_msg_rsp_pt,
    ),
>;

/// How to connect. Copied by `IOT_Cloud_Connection_Init`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct iotx_cloud_connection_param_t {
    /// How.
    pub protocol_type: MaybeUninit<iotx_cloud_connection_protocol_types_t>,
    /// Who the device is.
    pub device_info: *mut iotx_device_info_t,
    /// MQTT: as in `iotx_mqtt_param_t`. HTTP: as `keep_alive` in `iotx_http_param_t`.
    pub clean_session: u8,
    /// As in `iotx_mqtt_param_t`.
    pub request_timeout_ms: u32,
    /// As in `iotx_mqtt_param_t`.
    pub keepalive_interval_ms: u32,
    /// Passed to `event_handler`.
    pub event_pcontext: *mut c_void,
    /// Is told what happens to the connection; may be `NULL`.
    pub event_handler: iotx_cloud_connection_event_handle_func_fpt,
}

layout!(iotx_cloud_connection_param_t = 48 {
    protocol_type: 0, device_info: 8, clean_session: 16, request_timeout_ms: 20,
    keepalive_interval_ms: 24, event_pcontext: 32, event_handler: 40,
});

/// How to connect.
pub type iotx_cloud_connection_param_pt = *mut iotx_cloud_connection_param_t;

/// What to do, with which message. Copied by `IOT_Cloud_Connection_Send_Message`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct iotx_cloud_connection_msg_t {
    /// What to do.
    pub r#type: MaybeUninit<iotx_cloud_connection_message_types_t>,
    /// The topic, filter or path.
    pub URI: *mut c_char,
    /// Its length in bytes.
    pub URI_length: u32,
    /// The payload.
    pub payload: *mut c_void,
    /// Its length in bytes.
    pub payload_length: u32,
    /// Quality of service; MQTT only.
    pub QoS: MaybeUninit<iotx_message_qos_t>,
    /// Passed to `response_handler`.
    pub response_pcontext: *mut c_void,
    /// Is told what became of it; may be `NULL`.
    pub response_handler: iotx_cloud_connection_msg_rsp_func_fpt,
    /// Format of the payload; CoAP only.
    pub content_type: MaybeUninit<iotx_message_content_type_t>,
    /// Whether it is repeated; CoAP only.
    pub message_type: MaybeUninit<iotx_message_type_t>,
}

layout!(iotx_cloud_connection_msg_t = 64 {
    r#type: 0, URI: 8, URI_length: 16, payload: 24, payload_length: 32, QoS: 36,
    response_pcontext: 40, response_handler: 48, content_type: 56, message_type: 60,
});

/// What to do, with which message.
pub type iotx_cloud_connection_msg_pt = *mut iotx_cloud_connection_msg_t;

unsafe extern "C" {
    /// Makes a connection. Blocks until connected or failed.
    ///
    /// @param connection_param  how to connect; not needed after the call
    /// @return the connection; `NULL` on failure
    pub fn IOT_Cloud_Connection_Init(
        connection_param: iotx_cloud_connection_param_pt,
    ) -> *mut c_void;

    /// Closes a connection and frees it.
    ///
    /// @param handle  the connection; set to `NULL`
    /// @return 0; -1 if there is no such connection
    pub fn IOT_Cloud_Connection_Deinit(handle: *mut *mut c_void) -> c_int;

    /// Subscribes, unsubscribes or publishes. Does not wait for the answer.
    ///
    /// @param handle  the connection
    /// @param msg     what to do; not needed after the call
    /// @return 0; -1 on failure
    pub fn IOT_Cloud_Connection_Send_Message(
        handle: *mut c_void,
        msg: iotx_cloud_connection_msg_pt,
    ) -> c_int;

    /// Receives what arrives and calls handlers, for the given time.
    ///
    /// @param handle      the connection
    /// @param timeout_ms  how long, in ms
    /// @return 0; -1 if there is no such connection
    pub fn IOT_Cloud_Connection_Yield(handle: *mut c_void, timeout_ms: c_int) -> c_int;
}
