//! `lite-utils.h`: what applications use of it, mostly through its macros.

use core::ffi::{c_char, c_int, c_void};

unsafe extern "C" {
    /// Allocates memory. Call it through `LITE_malloc(size, ...)`, which adds the place of the call.
    ///
    /// @param f     name of the calling function
    /// @param l     line of the call
    /// @param size  bytes, more than 0; what may follow is ignored
    /// @return the memory, its content undefined; `NULL` if there is none. Free it with `LITE_free`
    pub fn LITE_malloc_internal(f: *const c_char, l: c_int, size: c_int, ...) -> *mut c_void;

    /// Frees memory. Call it through `LITE_free(ptr)`, which also sets the variable to `NULL`.
    ///
    /// @param ptr  from `LITE_malloc`, or a text from this header
    pub fn LITE_free_internal(ptr: *mut c_void);

    /// Formats a text into memory of its own.
    ///
    /// @param fmt  a format as for `printf`
    /// @return the text, to be freed with `LITE_free`; `NULL` if there is no memory
    pub fn LITE_format_string(fmt: *const c_char, ...) -> *mut c_char;

    /// Finds a value in a JSON object.
    ///
    /// @param key  name of the value; a dot leads into an object, as in `"data.code"`
    /// @param src  the JSON text, not changed; what may follow is ignored
    /// @return a copy of the value, a string without its quotes, to be freed with `LITE_free`; `NULL`
    ///         if there is no such value or no memory
    pub fn LITE_json_value_of(key: *mut c_char, src: *mut c_char, ...) -> *mut c_char;
}
