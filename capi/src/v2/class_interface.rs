//! `class_interface.h`: objects as the thing model and the update services use them.
//!
//! An object is a zeroed block whose first word points to its class; methods take the object first.

use core::ffi::{c_char, c_void};

use super::ctypes::{size_t, va_list};

/// How every class begins; its methods follow.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct abstract_class_t {
    /// Size of an object in bytes.
    pub _size: size_t,
    /// Name of the class, for the log.
    pub _class_name: *const c_char,
    /// Initialises an object with what follows the class in `new_object`.
    pub ctor: Option<unsafe extern "C" fn(_self: *mut c_void, params: *mut va_list) -> *mut c_void>,
    /// Frees what an object owns and returns the object.
    pub dtor: Option<unsafe extern "C" fn(_self: *mut c_void) -> *mut c_void>,
}

layout!(abstract_class_t = 32 { _size: 0, _class_name: 8, ctor: 16, dtor: 24 });

unsafe extern "C" {
    /// Makes an object.
    ///
    /// @param _class  the class, beginning as `abstract_class_t`; the constructor's arguments follow
    /// @return the object, to be given to `delete_object`; `NULL` if there is no memory or the
    ///         constructor failed
    pub fn new_object(_class: *const c_void, ...) -> *mut c_void;

    /// Destroys an object.
    ///
    /// @param _class  the object (not its class); `NULL` does nothing
    pub fn delete_object(_class: *mut c_void);
}
