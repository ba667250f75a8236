//! `imports/iot_import_dtls.h`: TLS over UDP, for CoAP.

use core::ffi::{c_char, c_int, c_uchar, c_uint, c_ushort, c_void};

use crate::v2::layout;

/// The error numbers begin after this one.
pub const DTLS_ERROR_BASE: c_int = 1 << 24;
/// Done.
pub const DTLS_SUCCESS: c_int = 0;
/// A required argument is missing.
pub const DTLS_INVALID_PARAM: c_int = DTLS_ERROR_BASE | 1;
/// The root certificate cannot be read.
pub const DTLS_INVALID_CA_CERTIFICATE: c_int = DTLS_ERROR_BASE | 2;
/// The handshake goes on.
pub const DTLS_HANDSHAKE_IN_PROGRESS: c_int = DTLS_ERROR_BASE | 3;
/// The handshake failed.
pub const DTLS_HANDSHAKE_FAILED: c_int = DTLS_ERROR_BASE | 4;
/// The peer sent a fatal alert: the session is over.
pub const DTLS_FATAL_ALERT_MESSAGE: c_int = DTLS_ERROR_BASE | 5;
/// The peer closed the session.
pub const DTLS_PEER_CLOSE_NOTIFY: c_int = DTLS_ERROR_BASE | 6;
/// No session could be made.
pub const DTLS_SESSION_CREATE_FAILED: c_int = DTLS_ERROR_BASE | 7;
/// Receiving failed.
pub const DTLS_READ_DATA_FAILED: c_int = DTLS_ERROR_BASE | 8;

/// Where to connect.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct coap_dtls_options_t {
    /// The root certificate to trust (PEM), NUL-terminated.
    pub p_ca_cert_pem: *mut c_uchar,
    /// Host name of the server.
    pub p_host: *mut c_char,
    /// UDP port of the server.
    pub port: c_ushort,
}

layout!(coap_dtls_options_t = 24 { p_ca_cert_pem: 0, p_host: 8, port: 16 });

/// A DTLS session of the port.
pub type DTLSContext = c_void;

unsafe extern "C" {
    /// Connects over UDP and shakes hands; blocks until connected or failed.
    ///
    /// @param p_options  where to connect
    /// @return the session; `NULL` on failure
    pub fn HAL_DTLSSession_create(p_options: *mut coap_dtls_options_t) -> *mut DTLSContext;

    /// Closes a session and frees it.
    ///
    /// @param context  the session
    /// @return `DTLS_SUCCESS`; `DTLS_INVALID_PARAM` if it is `NULL`
    pub fn HAL_DTLSSession_free(context: *mut DTLSContext) -> c_uint;

    /// Receives a datagram, waiting for it for the given time at most.
    ///
    /// @param context     the session
    /// @param p_data      receives the datagram
    /// @param p_datalen   size of `p_data`; becomes the length of the datagram, 0 if the time is over or on failure
    /// @param timeout_ms  how long to wait, at least 1
    /// @return `DTLS_SUCCESS`, also if the time is over; `DTLS_PEER_CLOSE_NOTIFY` or `DTLS_FATAL_ALERT_MESSAGE`, after
    ///         which the library frees the session; `DTLS_READ_DATA_FAILED`
    pub fn HAL_DTLSSession_read(
        context: *mut DTLSContext,
        p_data: *mut c_uchar,
        p_datalen: *mut c_uint,
        timeout_ms: c_uint,
    ) -> c_uint;

    /// Sends a datagram.
    ///
    /// @param context    the session
    /// @param p_data     the datagram
    /// @param p_datalen  its length; becomes the number of bytes sent
    /// @return `DTLS_SUCCESS`; another number on failure
    pub fn HAL_DTLSSession_write(
        context: *mut DTLSContext,
        p_data: *const c_uchar,
        p_datalen: *mut c_uint,
    ) -> c_uint;
}
