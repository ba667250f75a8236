//! `exports/iot_export_fota.h`: the class that updates the firmware over CMP.

use core::{
    ffi::{CStr, c_char, c_int, c_void},
    mem::MaybeUninit,
};

use super::{
    class_interface::{free, memory, zeroed},
    ctypes::{size_t, va_list},
};

/// Name of the module, for the log.
pub const SERVICE_FOTA_MODULE_NAME: &CStr = c"service_fota";

/// What happened.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum service_fota_callback_type_t {
    /// There is a firmware to fetch.
    service_fota_callback_type_new_version_detected = 10,
    /// One more than the last value.
    service_fota_callback_type_number = 11,
}

/// Is told what happened.
///
/// @param callback_type  what
/// @param version        version of the firmware
pub type handle_service_fota_callback_fp_t = Option<
    unsafe extern "C" fn(
        callback_type: MaybeUninit<service_fota_callback_type_t>,
        version: *const c_char,
    ),
>;

/// The class.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct fota_t {
    /// Size of an object in bytes.
    pub size: size_t,
    /// Name of the class.
    pub _class_name: *mut c_char,
    /// Initialises an object.
    pub ctor: Option<unsafe extern "C" fn(_self: *mut c_void, params: *mut va_list) -> *mut c_void>,
    /// Frees what an object owns.
    pub dtor: Option<unsafe extern "C" fn(_self: *mut c_void) -> *mut c_void>,
    /// Prepares the storage.
    pub start: Option<unsafe extern "C" fn(_self: *mut c_void)>,
    /// Stores a part; 0 on success.
    pub write: Option<
        unsafe extern "C" fn(_self: *mut c_void, data_buf: *mut c_void, length: c_int) -> c_int,
    >,
    /// Completes the storage; 0 on success.
    pub end: Option<unsafe extern "C" fn(_self: *mut c_void) -> c_int>,
    /// Fetches and stores the firmware, part by part through the buffer.
    pub perform_ota_service: Option<
        unsafe extern "C" fn(_self: *mut c_void, data_buf: *mut c_void, length: c_int) -> c_int,
    >,
    /// Sets who is told what happens.
    pub install_callback_function: Option<
        unsafe extern "C" fn(_self: *mut c_void, callback: handle_service_fota_callback_fp_t),
    >,
}

layout!(fota_t = 72 {
    size: 0, _class_name: 8, ctor: 16, dtor: 24, start: 32, write: 40, end: 48,
    perform_ota_service: 56, install_callback_function: 64,
});

/// An object.
///
/// cbindgen:field-names=[_, _data_buf, _version, _data_buf_length, _total_len, _ota_version, _linkkit_callback_fp, _current_verison, _ota_inited, _destructing]
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct service_ota_t {
    /// Its class.
    pub _class: *const c_void,
    /// The buffer that parts go through.
    pub _data_buf: *mut c_void,
    /// Version of the firmware that was announced.
    pub _version: *mut c_char,
    /// Size of the buffer in bytes.
    pub _data_buf_length: c_int,
    /// Bytes stored.
    pub _total_len: c_int,
    /// Version of the firmware that was announced.
    pub _ota_version: *mut c_char,
    /// Who is told what happens.
    pub _linkkit_callback_fp: *mut c_void,
    /// Version of the firmware that runs.
    pub _current_verison: *mut c_char,
    /// Not 0: updates are awaited.
    pub _ota_inited: c_int,
    /// Not 0: it is being destroyed.
    pub _destructing: c_int,
}

layout!(service_ota_t = 64 {
    _class: 0, _data_buf: 8, _version: 16, _data_buf_length: 24, _total_len: 28, _ota_version: 32,
    _linkkit_callback_fp: 40, _current_verison: 48, _ota_inited: 56, _destructing: 60,
});

/// The class, for `new_object`, of objects that update the firmware.
///
/// An object begins CMP if nobody has, and once there is a connection reports the version of `HAL_GetFirmwareVesion` and
/// waits for updates; there is one at a time. What `install_callback_function` was given is told of one, inside
/// `IOT_CMP_Yield`. `perform_ota_service` then fetches it, through a buffer of 2 bytes at least, and hands it to
/// `HAL_Firmware_Persistence_Start`, `_Write` for each part and, if it is what was announced, `_Stop`; a port that returns
/// anything but 0 has failed. It returns -1 then; when all went well, the program ends with `exit(0)` on Linux and elsewhere
/// with `HAL_Sys_reboot` of the port, unless `IOT_OTA_SetRestart` says otherwise.
///
/// @return an `fota_t *`
#[cfg(feature = "cmp")]
#[unsafe(no_mangle)]
pub extern "C" fn get_service_ota_class() -> *const c_void {
    crate::service::firmware_class()
}

/// Allocates memory.
///
/// @param size  bytes
/// @return the memory, its content undefined; `NULL` if there is none, or `size` is 0
#[unsafe(no_mangle)]
pub extern "C" fn service_ota_lite_malloc(size: size_t) -> *mut c_void {
    memory(size)
}

/// Allocates zeroed memory.
///
/// @param nmemb  how many
/// @param size   bytes of each
/// @return the memory; `NULL` if there is none, or one of them is 0
#[unsafe(no_mangle)]
pub extern "C" fn service_ota_lite_calloc(nmemb: size_t, size: size_t) -> *mut c_void {
    zeroed(nmemb, size)
}

/// Frees memory.
///
/// @param ptr  from one of the two functions above; `NULL` does nothing
///
/// # Safety
///
/// `ptr` is `NULL`, or came from one of them and was not yet freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn service_ota_lite_free_func(ptr: *mut c_void) {
    // SAFETY: by the contract.
    unsafe { free(ptr) }
}
