//! From the arguments of C to values, and back from results to numbers.

use core::{
    ffi::{CStr, c_char, c_int, c_void},
    iter, ptr, slice,
};

use crate::v2::iot_export_errno::IOT_RETURN_CODES;

/// Why a call was turned down: the number it returns.
pub(crate) type Failure = IOT_RETURN_CODES;

/// What a function of the C interface returns when it fails.
pub(crate) trait Returned {
    fn failed(failure: Failure) -> Self;
}

/// A number says why.
impl Returned for c_int {
    fn failed(failure: Failure) -> Self {
        failure as Self
    }
}

/// A pointer only says that.
impl Returned for *mut c_void {
    fn failed(_: Failure) -> Self {
        ptr::null_mut()
    }
}

/// Runs the body of a function of the C interface.
pub(crate) fn entry<R: Returned>(body: impl FnOnce() -> Result<R, Failure>) -> R {
    body().unwrap_or_else(R::failed)
}

/// The bytes of a string that must be there and not be empty.
///
/// # Safety
///
/// `text` is `NULL`, or a string for as long as `'a`.
pub(crate) unsafe fn text<'a>(text: *const c_char) -> Result<&'a [u8], Failure> {
    if text.is_null() {
        return Err(Failure::NULL_VALUE_ERROR);
    }
    // SAFETY: it is a string, by the contract.
    let bytes = unsafe { CStr::from_ptr(text) }.to_bytes();
    if bytes.is_empty() {
        return Err(Failure::NULL_VALUE_ERROR);
    }
    Ok(bytes)
}

/// Bytes that must be there unless there are none.
///
/// # Safety
///
/// `bytes` is `NULL`, or readable for `len` bytes for as long as `'a`.
pub(crate) unsafe fn bytes<'a>(bytes: *const c_char, len: usize) -> Result<&'a [u8], Failure> {
    match (bytes.is_null(), len) {
        (_, 0) => Ok(&[]),
        (true, _) => Err(Failure::NULL_VALUE_ERROR),
        // SAFETY: they are readable, by the contract.
        (false, len) => Ok(unsafe { slice::from_raw_parts(bytes.cast(), len) }),
    }
}

/// The bytes of a field of a C record.
pub(crate) fn field_bytes(field: &[c_char]) -> &[u8] {
    // SAFETY: a `c_char` is a byte.
    unsafe { slice::from_raw_parts(field.as_ptr().cast(), field.len()) }
}

/// The text in a field of a C record, which may fill it.
pub(crate) fn field_text(field: &[c_char]) -> &[u8] {
    field_bytes(field)
        .split(|byte| *byte == 0)
        .next()
        .unwrap_or_default()
}

/// Fills a field of a C record with a text, as far as there is room, and NULs.
pub(crate) fn fill_field(field: &mut [c_char], text: impl IntoIterator<Item = u8>) {
    let text = text.into_iter().chain(iter::repeat(0));
    field
        .iter_mut()
        .zip(text)
        .for_each(|(slot, byte)| *slot = byte as c_char);
}
