//! `exports/iot_export_coap.h`: CoAP over UDP or DTLS, for devices that mostly send.
//!
//! All calls on one context come from one thread, or from its callbacks.

use core::{
    ffi::{c_char, c_int, c_uchar, c_ushort, c_void},
    mem::MaybeUninit,
};

use super::iot_export::iotx_device_info_t;

/// Longest product key, without the terminating NUL.
pub const IOTX_PRODUCT_KEY_LEN: usize = 20;
/// Longest device name, without the terminating NUL.
pub const IOTX_DEVICE_NAME_LEN: usize = 32;
/// Longest device id, without the terminating NUL.
pub const IOTX_DEVICE_ID_LEN: usize = 64;
/// Longest device secret, without the terminating NUL.
pub const IOTX_DEVICE_SECRET_LEN: usize = 64;

/// What the functions of this header return.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum iotx_ret_code_t {
    /// Success.
    IOTX_SUCCESS = 0,
    /// A required argument is `NULL`.
    IOTX_ERR_INVALID_PARAM = -1,
    /// No memory.
    IOTX_ERR_NO_MEM = -2,
    /// A buffer is too small.
    IOTX_ERR_BUFF_TOO_SHORT = -3,
    /// The server refused to authenticate the device, or did not answer.
    IOTX_ERR_AUTH_FAILED = -4,
    /// The device has not been authenticated yet.
    IOTX_ERR_NOT_AUTHED = -5,
    /// The path is too long.
    IOTX_ERR_URI_TOO_LOOG = -6,
    /// The message is too long.
    IOTX_ERR_MSG_TOO_LOOG = -7,
    /// Sending failed, or too many messages are unanswered.
    IOTX_ERR_SEND_MSG_FAILED = -8,
    /// Never returned.
    IOTX_ERR_RECV_MSG_TIMEOUT = -9,
}

/// Never raised: there is no event to handle.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum iotx_coap_event_t {
    /// Never raised.
    IOTX_COAP_EVENT_SEND_FAILED = 0,
    /// Never raised.
    IOTX_COAP_EVENT_RECV_FAILED = 1,
    /// Never raised.
    IOTX_COAP_EVENT_AUTH_FAILED = 2,
}

/// The code of an answer (RFC 7252, section 12.1.2). Others may come, as plain numbers.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum iotx_coap_resp_code_t {
    /// 2.05: content.
    IOTX_COAP_RESP_CODE_CONTENT = 0x45,
    /// 4.00: the server does not understand the request.
    IOTX_COAP_RESP_CODE_BAD_REQUEST = 0x80,
    /// 4.01: not authenticated any more; the library authenticates again.
    IOTX_COAP_RESP_CODE_UNAUTHORIZED = 0x81,
    /// 4.04: no such topic.
    IOTX_COAP_RESP_CODE_NOT_FOUND = 0x84,
    /// 4.14: the path is too long.
    IOTX_COAP_RESP_CODE_URL_TOO_LONG = 0x8E,
    /// 5.00: the server failed.
    IOTX_COAP_RESP_CODE_INTERNAL_SERVER_ERROR = 0xA0,
}

/// Format of a payload.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum iotx_content_type_t {
    /// JSON.
    IOTX_CONTENT_TYPE_JSON = 0,
    /// CBOR.
    IOTX_CONTENT_TYPE_CBOR = 1,
}

/// Whether a message is repeated until acknowledged. All are.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum iotx_msg_type_t {
    /// Confirmable.
    IOTX_MESSAGE_CON = 0,
    /// Taken as confirmable.
    IOTX_MESSAGE_NON = 1,
}

/// Who the device is. Begins as `iotx_device_info_t`, and may be given in its place.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct iotx_deviceinfo_t {
    /// Product key, up to `IOTX_PRODUCT_KEY_LEN` characters.
    pub product_key: [c_char; 21],
    /// Device name, up to `IOTX_DEVICE_NAME_LEN` characters.
    pub device_name: [c_char; 33],
    /// Device id, up to `IOTX_DEVICE_ID_LEN` characters.
    pub device_id: [c_char; 65],
    /// Device secret, up to `IOTX_DEVICE_SECRET_LEN` characters.
    pub device_secret: [c_char; 65],
}

layout!(iotx_deviceinfo_t = 184 {
    product_key: 0, device_name: 21, device_id: 54, device_secret: 119,
});

/// A connection to the server.
pub type iotx_coap_context_t = c_void;

/// Never called.
///
/// @param context  the connection
/// @param event    what happened
/// @param p_data   more about it
pub type iotx_event_handle_t = Option<
    unsafe extern "C" fn(
        context: *mut c_void,
        event: MaybeUninit<iotx_coap_event_t>,
        p_data: *mut c_void,
    ),
>;

/// Is told the answer to a message, inside `IOT_CoAP_Yield`. May send, and may end the connection.
///
/// @param p_arg      `user_data` of the message
/// @param p_message  the answer, to be read with `IOT_CoAP_GetMessage...`; valid during the call
pub type iotx_response_callback_t =
    Option<unsafe extern "C" fn(p_arg: *mut c_void, p_message: *mut c_void)>;

/// How to connect. Copied by `IOT_CoAP_Init`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct iotx_coap_config_t {
    /// `coap://host:port` or `coaps://host:port`; `NULL` stands for the product's server, over
    /// DTLS.
    pub p_url: *mut c_char,
    /// How long `IOT_CoAP_Yield` receives, in ms; 0 and below stand for 2000.
    pub wait_time_ms: c_int,
    /// Who the device is; only the members that `iotx_deviceinfo_t` has are read.
    pub p_devinfo: *mut iotx_device_info_t,
    /// Never called.
    pub event_handle: iotx_event_handle_t,
}

layout!(iotx_coap_config_t = 32 { p_url: 0, wait_time_ms: 8, p_devinfo: 16, event_handle: 24 });

/// A message to send.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct iotx_message_t {
    /// The payload; copied.
    pub p_payload: *mut c_uchar,
    /// Its length in bytes, below 1280.
    pub payload_len: c_ushort,
    /// Its format; any number but CBOR's stands for JSON.
    pub content_type: MaybeUninit<iotx_content_type_t>,
    /// Not used.
    pub msg_type: MaybeUninit<iotx_msg_type_t>,
    /// Passed to `resp_callback`.
    pub user_data: *mut c_void,
    /// Is told the answer; may be `NULL`.
    pub resp_callback: iotx_response_callback_t,
}

layout!(iotx_message_t = 40 {
    p_payload: 0, payload_len: 8, content_type: 12, msg_type: 16, user_data: 24, resp_callback: 32,
});

unsafe extern "C" {
    /// Makes a connection. Over DTLS this is the whole handshake; no CoAP message is sent.
    ///
    /// @param p_config  how to connect; not needed after the call
    /// @return the connection; `NULL` if the configuration is wrong, memory is short or connecting
    ///         failed
    pub fn IOT_CoAP_Init(p_config: *mut iotx_coap_config_t) -> *mut iotx_coap_context_t;

    /// Closes a connection and frees it. Messages without an answer are dropped.
    ///
    /// @param p_context  the connection, set to `NULL`; `NULL` does nothing
    pub fn IOT_CoAP_Deinit(p_context: *mut *mut iotx_coap_context_t);

    /// Authenticates the device. Blocks for up to 30 s. May be repeated at any time.
    ///
    /// @param p_context  the connection
    /// @return `IOTX_SUCCESS`, or another `iotx_ret_code_t`
    pub fn IOT_CoAP_DeviceNameAuth(p_context: *mut iotx_coap_context_t) -> c_int;

    /// Receives what arrives, calls callbacks, and repeats messages without an answer, for
    /// `wait_time_ms` of the configuration.
    ///
    /// @param p_context  the connection
    /// @return 0; -1 if there is no such connection
    pub fn IOT_CoAP_Yield(p_context: *mut iotx_coap_context_t) -> c_int;

    /// Sends a message (POST), and repeats it until it is answered.
    ///
    /// @param p_context  the connection
    /// @param p_path     the path, as `/topic/{product key}/{device name}/...`, up to 135 bytes
    /// @param p_message  the message; not needed after the call
    /// @return `IOTX_SUCCESS`, or another `iotx_ret_code_t` (then no callback will come)
    pub fn IOT_CoAP_SendMessage(
        p_context: *mut iotx_coap_context_t,
        p_path: *mut c_char,
        p_message: *mut iotx_message_t,
    ) -> c_int;

    /// The payload of an answer, inside its callback.
    ///
    /// @param p_message   the answer
    /// @param pp_payload  receives the address, valid until the callback returns and followed by a
    ///                    NUL; `NULL` if the answer has no payload
    /// @param p_len       receives the length in bytes
    /// @return 0; -1 if an argument is `NULL`
    pub fn IOT_CoAP_GetMessagePayload(
        p_message: *mut c_void,
        pp_payload: *mut *mut c_uchar,
        p_len: *mut c_int,
    ) -> c_int;

    /// The code of an answer, inside its callback.
    ///
    /// @param p_message    the answer
    /// @param p_resp_code  receives the code
    /// @return 0; -1 if an argument is `NULL`
    pub fn IOT_CoAP_GetMessageCode(
        p_message: *mut c_void,
        p_resp_code: *mut MaybeUninit<iotx_coap_resp_code_t>,
    ) -> c_int;
}
