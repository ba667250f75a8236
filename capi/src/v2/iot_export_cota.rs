//! `exports/iot_export_cota.h`: the class that fetches the remote configuration over CMP.
#![cfg(feature = "service-ota")]

use core::{
    ffi::{CStr, c_char, c_int, c_void},
    mem::MaybeUninit,
};

use super::{
    class_interface::{free, memory, zeroed},
    ctypes::{size_t, va_list},
};

/// Name of the module, for the log.
pub const CONFIG_COTA_MODULE_NAME: &CStr = c"service_cota";

/// What happened.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum service_cota_callback_type_t {
    /// There is a configuration to fetch.
    service_cota_callback_type_new_version_detected = 10,
    /// One more than the last value.
    service_cota_callback_type_number = 11,
}

/// Is told what happened.
///
/// @param callback_type  what
/// @param configid       id of the configuration
/// @param configsize     its size in bytes
/// @param gettype        how it is fetched: `file`
/// @param sign           its digest
/// @param signmethod     which digest that is
/// @param cota_url       where it is
pub type handle_service_cota_callback_fp_t = Option<
    unsafe extern "C" fn(
        callback_type: MaybeUninit<service_cota_callback_type_t>,
        configid: *const c_char,
        configsize: u32,
        gettype: *const c_char,
        sign: *const c_char,
        signmethod: *const c_char,
        cota_url: *const c_char,
    ),
>;

/// The class.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cota_t {
    /// Size of an object in bytes.
    pub size: size_t,
    /// Name of the class.
    pub _class_name: *mut c_char,
    /// Initialises an object.
    pub ctor: Option<unsafe extern "C" fn(_self: *mut c_void, params: *mut va_list) -> *mut c_void>,
    /// Frees what an object owns.
    pub dtor: Option<unsafe extern "C" fn(_self: *mut c_void) -> *mut c_void>,
    /// Asks for the configuration.
    pub get: Option<
        unsafe extern "C" fn(
            _self: *mut c_void,
            configScope: *const c_char,
            getType: *const c_char,
            attributeKeys: *const c_char,
            option: *mut c_void,
        ) -> c_int,
    >,
    /// Prepares the storage.
    pub start: Option<unsafe extern "C" fn(_self: *mut c_void)>,
    /// Stores a part; 0 on success.
    pub write: Option<
        unsafe extern "C" fn(_self: *mut c_void, data_buf: *mut c_void, length: c_int) -> c_int,
    >,
    /// Completes the storage; 0 on success.
    pub end: Option<unsafe extern "C" fn(_self: *mut c_void) -> c_int>,
    /// Fetches and stores the configuration, part by part through the buffer.
    pub perform_ota_service: Option<
        unsafe extern "C" fn(_self: *mut c_void, data_buf: *mut c_void, length: c_int) -> c_int,
    >,
    /// Sets who is told what happens.
    pub install_callback_function: Option<
        unsafe extern "C" fn(_self: *mut c_void, callback: handle_service_cota_callback_fp_t),
    >,
}

layout!(cota_t = 80 {
    size: 0, _class_name: 8, ctor: 16, dtor: 24, get: 32, start: 40, write: 48, end: 56,
    perform_ota_service: 64, install_callback_function: 72,
});

/// An object.
///
/// cbindgen:field-names=[_, _data_buf, _data_buf_length, _total_len, _linkkit_callback_fp, _current_verison, _req_configscope, _req_gettype, _req_attributekeys, _rsp_configId, _rsp_configSize, _rsp_sign, _rsp_signMethod, _rsp_url, _rsp_getType, _ota_inited, _destructing]
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct config_ota_t {
    /// Its class.
    pub _class: *const c_void,
    /// The buffer that parts go through.
    pub _data_buf: *mut c_void,
    /// Size of the buffer in bytes.
    pub _data_buf_length: c_int,
    /// Bytes stored.
    pub _total_len: c_int,
    /// Who is told what happens.
    pub _linkkit_callback_fp: *mut c_void,
    /// Version of the firmware that runs.
    pub _current_verison: *mut c_char,
    /// What was asked for: scope.
    pub _req_configscope: *mut c_char,
    /// What was asked for: how it is fetched.
    pub _req_gettype: *mut c_char,
    /// What was asked for: attributes.
    pub _req_attributekeys: *mut c_char,
    /// What was announced: id.
    pub _rsp_configId: *mut c_char,
    /// What was announced: size in bytes.
    pub _rsp_configSize: u32,
    /// What was announced: digest.
    pub _rsp_sign: *mut c_char,
    /// What was announced: which digest that is.
    pub _rsp_signMethod: *mut c_char,
    /// What was announced: where it is.
    pub _rsp_url: *mut c_char,
    /// What was announced: how it is fetched.
    pub _rsp_getType: *mut c_char,
    /// Not 0: configurations are awaited.
    pub _ota_inited: c_int,
    /// Not 0: it is being destroyed.
    pub _destructing: c_int,
}

layout!(config_ota_t = 120 {
    _class: 0, _data_buf: 8, _data_buf_length: 16, _total_len: 20, _linkkit_callback_fp: 24,
    _current_verison: 32, _req_configscope: 40, _req_gettype: 48, _req_attributekeys: 56,
    _rsp_configId: 64, _rsp_configSize: 72, _rsp_sign: 80, _rsp_signMethod: 88, _rsp_url: 96,
    _rsp_getType: 104, _ota_inited: 112, _destructing: 116,
});

/// The class, for `new_object`, of objects that fetch the remote configuration.
///
/// As `get_service_ota_class`, but for configurations, which `get` asks for and which the platform may push; and
/// `perform_ota_service` returns what `HAL_Firmware_Persistence_Stop` does, and the program goes on. A port cannot tell a
/// configuration from a firmware.
///
/// @return a `cota_t *`
#[cfg(feature = "cmp")]
#[unsafe(no_mangle)]
pub extern "C" fn get_config_ota_class() -> *const c_void {
    crate::service::config_class()
}

/// Allocates memory.
///
/// @param size  bytes
/// @return the memory, its content undefined; `NULL` if there is none, or `size` is 0
#[unsafe(no_mangle)]
pub extern "C" fn config_ota_lite_malloc(size: size_t) -> *mut c_void {
    memory(size)
}

/// Allocates zeroed memory.
///
/// @param nmemb  how many
/// @param size   bytes of each
/// @return the memory; `NULL` if there is none, or one of them is 0
#[unsafe(no_mangle)]
pub extern "C" fn config_ota_lite_calloc(nmemb: size_t, size: size_t) -> *mut c_void {
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
pub unsafe extern "C" fn config_ota_lite_free_func(ptr: *mut c_void) {
    // SAFETY: by the contract.
    unsafe { free(ptr) }
}
