//! `lite-utils.h`: what applications use of it, mostly through its macros.

use core::{
    ffi::{CStr, c_char, c_int, c_void},
    ptr,
};

use iotkit::wire::json;

use crate::hal::sys;

unsafe extern "C" {
    /// Allocates memory. Call it through `LITE_malloc(size, ...)`, which adds the place of the call.
    ///
    /// @param f     name of the calling function
    /// @param l     line of the call
    /// @param size  bytes, more than 0; what may follow is ignored
    /// @return the memory, its content undefined; `NULL` if there is none. Free it with `LITE_free`
    pub fn LITE_malloc_internal(f: *const c_char, l: c_int, size: c_int, ...) -> *mut c_void;

    /// Formats a text into memory of its own.
    ///
    /// @param fmt  a format as for `printf`
    /// @return the text, to be freed with `LITE_free`; `NULL` if there is no memory
    pub fn LITE_format_string(fmt: *const c_char, ...) -> *mut c_char;

    /// Finds a value in a JSON object. What follows the value is not looked at. (V2.10; RFC 8259.)
    ///
    /// @param key  name of the value; a dot leads into an object, as in `"data.code"`
    /// @param src  the JSON text, not changed; what may follow is ignored
    /// @return a copy of the value as it is written, escapes and all, a string without its quotes; to be freed with
    ///         `LITE_free`. `NULL` if there is no such value, if it is `""` or `null`, if the text is not JSON up to
    ///         there, or if there is no memory
    pub fn LITE_json_value_of(key: *mut c_char, src: *mut c_char, ...) -> *mut c_char;
}

/// Frees memory. Call it through `LITE_free(ptr)`, which also sets the variable to `NULL`.
///
/// @param ptr  from `LITE_malloc`, or a text from this header; `NULL` does nothing
///
/// # Safety
///
/// `ptr` is `NULL`, or came from one of these and was not yet freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn LITE_free_internal(ptr: *mut c_void) {
    if !ptr.is_null() {
        // SAFETY: it came from `HAL_Malloc` and is given up, by the contract.
        unsafe { sys::HAL_Free(ptr) };
    }
}

/// What `LITE_json_value_of` does.
///
/// # Safety
///
/// Both are `NULL` or NUL-terminated strings.
#[unsafe(no_mangle)]
unsafe extern "C" fn iotkit_json_value_of(key: *const c_char, src: *const c_char) -> *mut c_char {
    if key.is_null() || src.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: they are strings, by the contract.
    let (key, src) = unsafe { (CStr::from_ptr(key), CStr::from_ptr(src)) };
    match json::find(src.to_bytes(), key.to_bytes()) {
        None | Some(json::Value::Null) => ptr::null_mut(),
        Some(value) if value.raw().is_empty() => ptr::null_mut(),
        Some(value) => copy(value.raw()),
    }
}

/// A copy of `text` as a C string; `NULL` if there is no memory for it.
fn copy(text: &[u8]) -> *mut c_char {
    let Some(size) = u32::try_from(text.len())
        .ok()
        .and_then(|len| len.checked_add(1))
    else {
        return ptr::null_mut();
    };
    // SAFETY: any size may be asked for.
    let copy: *mut c_char = unsafe { sys::HAL_Malloc(size) }.cast();
    if !copy.is_null() {
        // SAFETY: there is room for the text and a NUL.
        unsafe {
            copy.copy_from_nonoverlapping(text.as_ptr().cast(), text.len());
            copy.add(text.len()).write(0);
        }
    }
    copy
}
