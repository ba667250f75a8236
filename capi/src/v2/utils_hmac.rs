//! `utils_hmac.h`: signatures, for applications that sign in the name of sub-devices.

use core::{
    ffi::{c_char, c_int},
    slice,
};

use iotkit::{
    auth::sign::{HmacMd5, HmacSha1, Key, Method},
    log::{Level, Value},
};

use crate::log;

/// HMAC-MD5 (RFC 2104), as lower-case hexadecimal text.
///
/// @param msg      what is signed
/// @param msg_len  its length in bytes
/// @param digest   receives 32 characters, not terminated; unchanged if an argument is `NULL` or a
///                 length is out of range
/// @param key      the key
/// @param key_len  its length in bytes, at most 64
///
/// # Safety
///
/// `msg` and `key` are `NULL` or readable for their lengths, `digest` is `NULL` or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn utils_hmac_md5(
    msg: *const c_char,
    msg_len: c_int,
    digest: *mut c_char,
    key: *const c_char,
    key_len: c_int,
) {
    // SAFETY: the contract is passed on.
    unsafe { sign::<HmacMd5>(msg, msg_len, digest, key, key_len) }
}

/// HMAC-SHA1 (RFC 2104), as lower-case hexadecimal text.
///
/// @param msg      what is signed
/// @param msg_len  its length in bytes
/// @param digest   receives 40 characters, not terminated; unchanged if an argument is `NULL` or a
///                 length is out of range
/// @param key      the key
/// @param key_len  its length in bytes, at most 64
///
/// # Safety
///
/// `msg` and `key` are `NULL` or readable for their lengths, `digest` is `NULL` or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn utils_hmac_sha1(
    msg: *const c_char,
    msg_len: c_int,
    digest: *mut c_char,
    key: *const c_char,
    key_len: c_int,
) {
    // SAFETY: the contract is passed on.
    unsafe { sign::<HmacSha1>(msg, msg_len, digest, key, key_len) }
}

/// # Safety
///
/// As for the two functions above; a signature of `M` fits into `digest`.
unsafe fn sign<M: Method>(
    msg: *const c_char,
    msg_len: c_int,
    digest: *mut c_char,
    key: *const c_char,
    key_len: c_int,
) {
    // SAFETY: they are readable, by the contract.
    let (msg, key) = unsafe { (bytes(msg, msg_len), bytes(key, key_len)) };
    let (Some(msg), Some(Ok(key)), false) = (msg, key.map(Key::new), digest.is_null()) else {
        log::write(
            Level::Error,
            "utils_hmac: a NULL argument, or a length out of range",
            Value::None,
        );
        return;
    };
    let signature = M::sign(&key, &[msg]);
    let hex = signature.as_bytes();
    // SAFETY: `digest` has room for it, by the contract.
    unsafe { digest.copy_from(hex.as_ptr().cast(), hex.len()) };
}

/// # Safety
///
/// `start` is `NULL` or readable for `len` bytes for `'a`.
unsafe fn bytes<'a>(start: *const c_char, len: c_int) -> Option<&'a [u8]> {
    let len = usize::try_from(len).ok()?;
    // SAFETY: by the contract.
    (!start.is_null()).then(|| unsafe { slice::from_raw_parts(start.cast(), len) })
}
