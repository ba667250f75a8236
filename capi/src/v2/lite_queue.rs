//! `lite_queue.h`: a bounded queue of pointers.

use core::ffi::{c_int, c_void};

use super::ctypes::{size_t, va_list};

/// A queue.
#[repr(C)]
#[derive(Debug)]
pub struct _lite_queue_t {
    /// The pointers.
    pub lite_queue_array: *mut c_void,
    /// Held during each call if the queue is synchronised, else `NULL`.
    pub lite_queue_mutex: *mut c_void,
    /// How many pointers it holds at most.
    pub queue_size: size_t,
    /// Length of the array.
    pub queue_array_size: size_t,
    /// Index of the oldest pointer.
    pub front: size_t,
    /// Index of the newest pointer.
    pub rear: size_t,
}

layout!(_lite_queue_t = 48 {
    lite_queue_array: 0, lite_queue_mutex: 8, queue_size: 16, queue_array_size: 24, front: 32, rear: 40,
});

/// A queue.
pub type lite_queue_t = _lite_queue_t;

/// Is shown a pointer in a queue.
///
/// @param queue_item  the pointer
/// @param params      what was given to `lite_queue_iterator` behind the function
pub type handle_queue_item_fp_t =
    Option<unsafe extern "C" fn(queue_item: *mut c_void, params: *mut va_list)>;

unsafe extern "C" {
    /// Makes a queue.
    ///
    /// @param queue_size    how many pointers it holds, more than 0
    /// @param synchronized  not 0: it may be used from several threads
    /// @return the queue; `NULL` if the size is wrong or there is no memory
    pub fn lite_queue_create(queue_size: c_int, synchronized: c_int) -> *mut lite_queue_t;

    /// Frees a queue, but not what its pointers point to.
    ///
    /// @param _lite_queue  the queue; `NULL` does nothing
    pub fn lite_queue_destroy(_lite_queue: *mut lite_queue_t);

    /// Appends a pointer.
    ///
    /// @param _lite_queue  the queue
    /// @param data         the pointer
    /// @return 0; -1 if the queue is full or `NULL`
    pub fn lite_queue_insert(_lite_queue: *mut lite_queue_t, data: *mut c_void) -> c_int;

    /// Removes the oldest pointer.
    ///
    /// @param _lite_queue  the queue
    /// @return the pointer; `NULL` if the queue is empty or `NULL`
    pub fn lite_queue_delete(_lite_queue: *mut lite_queue_t) -> *mut c_void;

    /// The oldest pointer, which stays in the queue.
    ///
    /// @param _lite_queue  the queue
    /// @return the pointer; `NULL` if the queue is empty or `NULL`
    pub fn lite_queue_first(_lite_queue: *mut lite_queue_t) -> *mut c_void;

    /// Whether a queue is empty.
    ///
    /// @param _lite_queue  the queue
    /// @return 1 or 0; -1 if it is `NULL`
    pub fn lite_queue_is_empty(_lite_queue: *mut lite_queue_t) -> c_int;

    /// Whether a queue is full.
    ///
    /// @param _lite_queue  the queue
    /// @return 1 or 0; -1 if it is `NULL`
    pub fn lite_queue_is_full(_lite_queue: *mut lite_queue_t) -> c_int;

    /// Shows each pointer to a function, from the oldest to the newest, with the queue's mutex held.
    ///
    /// @param _lite_queue  the queue
    /// @param handle_fn    the function; what follows is passed to it
    pub fn lite_queue_iterator(
        _lite_queue: *mut lite_queue_t,
        handle_fn: handle_queue_item_fp_t,
        ...
    );
}
