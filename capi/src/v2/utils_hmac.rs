//! `utils_hmac.h`: signatures, for applications that sign in the name of sub-devices.

use core::ffi::{c_char, c_int};

unsafe extern "C" {
    /// HMAC-MD5 (RFC 2104), as lower-case hexadecimal text.
    ///
    /// @param msg      what is signed
    /// @param msg_len  its length in bytes
    /// @param digest   receives 32 characters, not terminated; unchanged if an argument is `NULL` or a
    ///                 length is negative
    /// @param key      the key
    /// @param key_len  its length in bytes, at most 64
    pub fn utils_hmac_md5(
        msg: *const c_char,
        msg_len: c_int,
        digest: *mut c_char,
        key: *const c_char,
        key_len: c_int,
    );

    /// HMAC-SHA1 (RFC 2104), as lower-case hexadecimal text.
    ///
    /// @param msg      what is signed
    /// @param msg_len  its length in bytes
    /// @param digest   receives 40 characters, not terminated; unchanged if an argument is `NULL` or a
    ///                 length is negative
    /// @param key      the key
    /// @param key_len  its length in bytes, at most 64
    pub fn utils_hmac_sha1(
        msg: *const c_char,
        msg_len: c_int,
        digest: *mut c_char,
        key: *const c_char,
        key_len: c_int,
    );
}
