//! Names of C types that Rust's `core::ffi` does not have. They print in headers as they are called here.

use core::ffi::c_void;

/// `size_t`.
pub type size_t = usize;

/// `va_list` as a parameter, which stable Rust can neither make nor read: the library passes it on at most.
#[repr(transparent)]
#[derive(Debug)]
pub struct va_list {
    _opaque: *mut c_void,
}
