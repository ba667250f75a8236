//! `exports/iot_export_http.h`: HTTPS, for devices that only send.
//!
//! There is one connection in a process, used by one thread.

use core::{
    ffi::{CStr, c_char, c_int, c_void},
    ptr, slice,
};

use iotkit::services::web::Answer;

use super::{iot_export::iotx_device_info_t, iot_export_errno::IOT_RETURN_CODES::FAIL_RETURN};
use crate::{
    entry::entry,
    http::{self, Http, log_answer},
};

/// `code` in the server's answer.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum iotx_http_upstream_response_t {
    /// Success.
    IOTX_HTTP_SUCCESS = 0,
    /// Failure, for no reason listed here.
    IOTX_HTTP_COMMON_ERROR = 10000,
    /// A parameter is wrong.
    IOTX_HTTP_PARAM_ERROR = 10001,
    /// The signature is wrong, or the device unknown.
    IOTX_HTTP_AUTH_CHECK_ERROR = 20000,
    /// The token has expired: authenticate again.
    IOTX_HTTP_TOKEN_EXPIRED_ERROR = 20001,
    /// The request has no token.
    IOTX_HTTP_TOKEN_NULL_ERROR = 20002,
    /// The token is wrong.
    IOTX_HTTP_TOKEN_CHECK_ERROR = 20003,
    /// The server could not renew the session.
    IOTX_HTTP_UPDATE_SESSION_ERROR = 20004,
    /// The server could not publish the message.
    IOTX_HTTP_PUBLISH_MESSAGE_ERROR = 30001,
    /// Too many requests.
    IOTX_HTTP_REQUEST_TOO_MANY_ERROR = 40000,
}

/// The connection. Applications read `p_devinfo` and `timeout_ms`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct iotx_http_t {
    /// The token of the session.
    pub p_auth_token: *mut c_char,
    /// Size of its buffer in bytes.
    pub auth_token_len: u32,
    /// 1 once authenticated, else 0.
    pub is_authed: c_char,
    /// `NULL`.
    pub version: *const c_char,
    /// `NULL`.
    pub signmethod: *const c_char,
    /// `NULL`.
    pub sign: *const c_char,
    /// Who the device is: a copy.
    pub p_devinfo: *mut iotx_device_info_t,
    /// `NULL`.
    pub timestamp: *const c_char,
    /// For the library.
    pub httpc: *mut c_void,
    /// `keep_alive` of the parameters.
    pub keep_alive: c_int,
    /// `timeout_ms` of the parameters.
    pub timeout_ms: c_int,
}

layout!(iotx_http_t = 72 {
    p_auth_token: 0, auth_token_len: 8, is_authed: 12, version: 16, signmethod: 24, sign: 32,
    p_devinfo: 40, timestamp: 48, httpc: 56, keep_alive: 64, timeout_ms: 68,
});

/// The connection.
pub type iotx_http_pt = *mut iotx_http_t;

/// A message to send, and room for the answer.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct iotx_http_message_param_t {
    /// The topic, as `/topic/{product key}/{device name}/...`.
    pub topic_path: *mut c_char,
    /// Length of the payload in bytes; becomes the number of bytes sent, which end with the text's
    /// NUL.
    pub request_payload_len: u32,
    /// The payload, a NUL-terminated text.
    pub request_payload: *mut c_char,
    /// Size of `response_payload` in bytes.
    pub response_payload_len: u32,
    /// Receives the server's answer (JSON), NUL-terminated.
    pub response_payload: *mut c_char,
    /// How long to wait for the answer, in ms.
    pub timeout_ms: u32,
}

layout!(iotx_http_message_param_t = 48 {
    topic_path: 0, request_payload_len: 8, request_payload: 16, response_payload_len: 24,
    response_payload: 32, timeout_ms: 40,
});

/// How to connect. Copied by `IOT_HTTP_Init`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct iotx_http_param_t {
    /// Who the device is.
    pub device_info: *mut iotx_device_info_t,
    /// Not 0: the TCP connection is kept for the next message.
    pub keep_alive: c_int,
    /// For the application: the library only stores it.
    pub timeout_ms: c_int,
}

layout!(iotx_http_param_t = 16 { device_info: 0, keep_alive: 8, timeout_ms: 12 });

/// Makes the connection's object. Sends nothing.
///
/// The device becomes that of the whole library, as by `IOT_SetupConnInfo`.
///
/// @param pInitParams  how to connect; not needed after the call
/// @return an `iotx_http_t *`; `NULL` if there is one already, a parameter is missing or memory
///         is short
///
/// # Safety
///
/// `pInitParams` is `NULL` or readable, and so is its `device_info`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_HTTP_Init(pInitParams: *mut iotx_http_param_t) -> *mut c_void {
    // SAFETY: it is `NULL` or readable, by the contract.
    let Some(params) = (unsafe { pInitParams.as_ref() }) else {
        return ptr::null_mut();
    };
    // SAFETY: as above.
    let Some(device) = (unsafe { params.device_info.as_ref() }) else {
        return ptr::null_mut();
    };
    http::start(device, params.keep_alive, params.timeout_ms)
        .map_or(ptr::null_mut(), |it| it.cast())
}

/// Closes the connection and frees it. A call on another thread ends first.
///
/// @param handle  the connection; not changed, so that a second call finds nothing to do
///
/// # Safety
///
/// `handle` is `NULL` or readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_HTTP_DeInit(handle: *mut *mut c_void) {
    // SAFETY: it is `NULL` or readable, by the contract.
    if let Some(handle) = unsafe { handle.as_ref() } {
        http::end(*handle);
    }
}

/// Authenticates the device. Blocks for connecting, 5 s for sending and 5 s for the answer; twice that if the HAL knows
/// a module's id, which is reported then.
///
/// @param handle  the connection
/// @return 0; -1 no such connection, not connected, no answer in time, or one that gives no token; -6 the answer is not
///         HTTP; -7 its head is too long; -8 the connection was lost
#[unsafe(no_mangle)]
pub extern "C" fn IOT_HTTP_DeviceNameAuth(handle: *mut c_void) -> c_int {
    entry(|| {
        http::with(handle, Http::authenticate).unwrap_or(Err(FAIL_RETURN))?;
        Ok(0)
    })
}

/// Sends a message and waits for the answer. Authenticates again, and sends once more, if the token has expired.
///
/// Blocks for connecting, 5 s for sending and `timeout_ms` for the answer.
///
/// @param handle     the connection
/// @param msg_param  the message and room for the answer; `request_payload_len` becomes what is sent: at most the text
///                   and its NUL
/// @return 0; -1 no such connection, not authenticated, an argument is missing, `topic_path` does not begin with `/`
///         or has blanks, not connected, no answer in time, or one that has another `code` than 0 or does not fit; -6,
///         -7, -8 as for `IOT_HTTP_DeviceNameAuth`
///
/// # Safety
///
/// `msg_param` is `NULL`, or readable and writable, as are its texts: `topic_path` is NUL-terminated,
/// `request_payload` and `response_payload` have the lengths that are said.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_HTTP_SendMessage(
    handle: *mut c_void,
    msg_param: *mut iotx_http_message_param_t,
) -> c_int {
    entry(|| {
        http::with(handle, |http| {
            // SAFETY: it is `NULL`, or what it must be, by the contract.
            let message = unsafe { msg_param.as_mut() }.ok_or(FAIL_RETURN)?;
            let room = (message.response_payload_len as usize)
                .checked_sub(1)
                .ok_or(FAIL_RETURN)?;
            if !http.is_authed()
                || message.request_payload.is_null()
                || message.response_payload.is_null()
                || message.topic_path.is_null()
            {
                return Err(FAIL_RETURN);
            }
            // SAFETY: they are there, by the contract.
            let (path, payload, answer) = unsafe {
                (
                    CStr::from_ptr(message.topic_path).to_bytes(),
                    slice::from_raw_parts(
                        message.request_payload.cast::<u8>(),
                        message.request_payload_len as usize,
                    ),
                    slice::from_raw_parts_mut(message.response_payload.cast::<u8>(), room + 1),
                )
            };
            let end = payload.iter().position(|byte| *byte == 0);
            let payload = payload
                .get(..end.map_or(payload.len(), |end| end + 1))
                .unwrap_or_default();
            message.request_payload_len = payload.len() as u32; // no longer than it was

            let len = http.send(path, payload, answer, message.timeout_ms)?;
            if let Some(behind) = answer.get_mut(len.min(room)) {
                *behind = 0;
            }
            let answer = Answer::parse(
                answer
                    .get(..len)
                    .filter(|_| len <= room)
                    .unwrap_or_default(),
            );
            if answer.is_taken() {
                Ok(0)
            } else {
                log_answer("http: message not taken, code", answer);
                Err(FAIL_RETURN)
            }
        })
        .unwrap_or(Err(FAIL_RETURN))
    })
}

/// Closes the TCP connection if it is open. The device stays authenticated, and the next
/// message connects again.
///
/// @param handle  the connection
#[unsafe(no_mangle)]
pub extern "C" fn IOT_HTTP_Disconnect(handle: *mut c_void) {
    // There may be none such: then there is nothing to close.
    let _ = http::with(handle, Http::disconnect);
}
