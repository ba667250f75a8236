//! `itls.h`: connections with the identity of an ID2 security chip.

use core::ffi::{c_char, c_int};

unsafe extern "C" {
    /// As `HAL_SSL_Establish`, with the product key in the handshake instead of a certificate.
    ///
    /// @param host         host name
    /// @param port         TCP port
    /// @param product_key  product key of the device
    /// @return a handle; 0 on failure
    pub fn HAL_iTLS_Establish(host: *const c_char, port: u16, product_key: *const c_char) -> usize;

    /// As `HAL_SSL_Destroy`.
    pub fn HAL_iTLS_Destroy(handle: usize) -> i32;

    /// As `HAL_SSL_Write`.
    pub fn HAL_iTLS_Write(handle: usize, buf: *const c_char, len: c_int, timeout_ms: c_int) -> i32;

    /// As `HAL_SSL_Read`.
    pub fn HAL_iTLS_Read(handle: usize, buf: *mut c_char, len: c_int, timeout_ms: c_int) -> i32;
}
