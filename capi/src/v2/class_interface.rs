//! `class_interface.h`: objects as the thing model and the update services use them.
//!
//! An object is a zeroed block whose first word points to its class; methods take the object first.

use core::{
    ffi::{c_char, c_void},
    ptr,
};

use super::ctypes::{size_t, va_list};
use crate::hal::sys;

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
}

/// Destroys an object. One of a class without a destructor is left as it is.
///
/// @param _class  the object (not its class); `NULL` does nothing
///
/// # Safety
///
/// `_class` is `NULL`, or came from `new_object` and is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn delete_object(_class: *mut c_void) {
    if _class.is_null() {
        return;
    }
    // SAFETY: an object begins with its class, which begins so; the destructor is for such objects, and what it returns is
    // the block to free.
    unsafe {
        let class = *_class.cast::<*const abstract_class_t>();
        if let Some(dtor) = (*class).dtor {
            free(dtor(_class));
        }
    }
}

/// What `new_object` begins with: a zeroed object with its class.
///
/// # Safety
///
/// `_class` is `NULL`, or begins as `abstract_class_t`.
#[unsafe(no_mangle)]
unsafe extern "C" fn iotkit_object_make(_class: *const c_void) -> *mut c_void {
    let class = _class.cast::<abstract_class_t>();
    if class.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: it is a class, by the contract. The block has room for a pointer, and is aligned for one.
    unsafe {
        let size = (*class)._size.max(size_of::<*const c_void>());
        let object = zeroed(1, size);
        if !object.is_null() {
            object.cast::<*const abstract_class_t>().write(class);
        }
        object
    }
}

/// The rest of `new_object`: an object whose constructor fails is freed.
///
/// # Safety
///
/// `object` came from `iotkit_object_make`; `params` are what its constructor wants.
#[unsafe(no_mangle)]
unsafe extern "C" fn iotkit_object_construct(
    object: *mut c_void,
    params: *mut va_list,
) -> *mut c_void {
    // SAFETY: as for `delete_object`.
    unsafe {
        let class = *object.cast::<*const abstract_class_t>();
        let Some(ctor) = (*class).ctor else {
            return object;
        };
        let made = ctor(object, params);
        if made.is_null() {
            free(object);
        }
        made
    }
}

/// Memory of the application's, for its objects.
pub(crate) fn memory(size: size_t) -> *mut c_void {
    match u32::try_from(size) {
        // SAFETY: any size may be asked for.
        Ok(size @ 1..) => unsafe { sys::HAL_Malloc(size) },
        _ => ptr::null_mut(),
    }
}

/// The same, zeroed.
pub(crate) fn zeroed(count: size_t, size: size_t) -> *mut c_void {
    let size = count.checked_mul(size).unwrap_or(0);
    let block = memory(size);
    if !block.is_null() {
        // SAFETY: there are as many bytes.
        unsafe { block.cast::<u8>().write_bytes(0, size) };
    }
    block
}

/// Frees it.
///
/// # Safety
///
/// `block` is `NULL`, or came from one of them and was not yet freed.
pub(crate) unsafe fn free(block: *mut c_void) {
    if !block.is_null() {
        // SAFETY: by the contract.
        unsafe { sys::HAL_Free(block) };
    }
}
