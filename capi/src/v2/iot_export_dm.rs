//! `exports/iot_export_dm.h`: the class of the thing model, which linkkit is built on.

use core::{
    ffi::{c_char, c_int, c_void},
    mem::MaybeUninit,
};

use super::ctypes::{size_t, va_list};

/// What happened. The numbers depend on `RRPC_ENABLED`: archive and firmware are built alike.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum dm_callback_type_t {
    /// A property was set, by the platform or by the application.
    dm_callback_type_property_value_set,
    /// The platform called a service.
    dm_callback_type_service_requested,
    /// The platform called a service and waits for the answer.
    #[cfg(feature = "rrpc")]
    dm_callback_type_rrpc_requested,
    /// Connected.
    dm_callback_type_cloud_connected,
    /// The connection was lost.
    dm_callback_type_cloud_disconnected,
    /// A thing was made from its description.
    dm_callback_type_new_thing_created,
    /// The platform disabled the thing.
    dm_callback_type_thing_disabled,
    /// The platform enabled the thing.
    dm_callback_type_thing_enabled,
    /// Raw data arrived.
    dm_callback_type_raw_data_arrived,
    /// Never raised.
    dm_callback_type_response_arrived,
    /// The number of values.
    dm_callback_type_number,
}

/// Has no effect: `IOT_SetupDomain` chooses the region.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum dm_cloud_domain_type_t {
    /// Shanghai.
    dm_cloud_domain_sh = 0,
    /// United States.
    dm_cloud_domain_usa = 1,
    /// The number of values.
    dm_cloud_domain_max = 2,
}

/// Is told what happened.
///
/// @param callback_type                what
/// @param thing_id                     the thing
/// @param property_service_identifier  the property or service; valid during the call
/// @param request_id                   names a call of a service in the answer
/// @param raw_data                     raw data; valid during the call
/// @param raw_data_length              its length in bytes
pub type handle_dm_callback_fp_t = Option<
    unsafe extern "C" fn(
        callback_type: MaybeUninit<dm_callback_type_t>,
        thing_id: *mut c_void,
        property_service_identifier: *const c_char,
        request_id: c_int,
        raw_data: *mut c_void,
        raw_data_length: c_int,
    ),
>;

/// An object.
///
/// cbindgen:field-names=[_, _logger, _name, _get_tsl_from_cloud, _thing_manager, _log_level, _domain_type]
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct dm_impl_t {
    /// Its class.
    pub _class: *const c_void,
    /// Its log.
    pub _logger: *mut c_void,
    /// Its name.
    pub _name: *mut c_char,
    /// Not 0: the description comes from the platform.
    pub _get_tsl_from_cloud: c_int,
    /// The things.
    pub _thing_manager: *mut c_void,
    /// How much it logs.
    pub _log_level: c_int,
    /// No effect.
    pub _domain_type: c_int,
}

layout!(dm_impl_t = 48 {
    _class: 0, _logger: 8, _name: 16, _get_tsl_from_cloud: 24, _thing_manager: 32, _log_level: 40,
    _domain_type: 44,
});

/// The class. Its methods return 0, or -1 on failure. Which it has depends on the macros below:
/// archive and firmware are built alike.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct dm_t {
    /// Size of an object in bytes.
    pub size: size_t,
    /// Name of the class.
    pub _class_name: *const c_char,
    /// Initialises an object.
    pub ctor: Option<unsafe extern "C" fn(_self: *mut c_void, params: *mut va_list) -> *mut c_void>,
    /// Frees what an object owns.
    pub dtor: Option<unsafe extern "C" fn(_self: *mut c_void) -> *mut c_void>,
    /// Makes a thing from its description; `NULL` on failure.
    pub generate_new_thing: Option<
        unsafe extern "C" fn(
            _self: *mut c_void,
            tsl: *const c_char,
            tsl_str_len: c_int,
        ) -> *mut c_void,
    >,
    /// As `linkkit_set_value`.
    pub set_property_value: Option<
        unsafe extern "C" fn(
            _self: *mut c_void,
            thing_id: *const c_void,
            identifier: *const c_void,
            value: *const c_void,
            value_str: *const c_char,
        ) -> c_int,
    >,
    /// As `linkkit_set_value`.
    pub set_event_output_value: Option<
        unsafe extern "C" fn(
            _self: *mut c_void,
            thing_id: *const c_void,
            identifier: *const c_void,
            value: *const c_void,
            value_str: *const c_char,
        ) -> c_int,
    >,
    /// As `linkkit_set_value`.
    pub set_service_output_value: Option<
        unsafe extern "C" fn(
            _self: *mut c_void,
            thing_id: *const c_void,
            identifier: *const c_void,
            value: *const c_void,
            value_str: *const c_char,
        ) -> c_int,
    >,
    /// As `linkkit_get_value`.
    pub get_property_value: Option<
        unsafe extern "C" fn(
            _self: *const c_void,
            thing_id: *const c_void,
            identifier: *const c_void,
            value: *mut c_void,
            value_str: *mut *mut c_char,
        ) -> c_int,
    >,
    /// As `linkkit_get_value`.
    pub get_service_input_value: Option<
        unsafe extern "C" fn(
            _self: *const c_void,
            thing_id: *const c_void,
            identifier: *const c_void,
            value: *mut c_void,
            value_str: *mut *mut c_char,
        ) -> c_int,
    >,
    /// As `linkkit_get_value`.
    pub get_service_output_value: Option<
        unsafe extern "C" fn(
            _self: *const c_void,
            thing_id: *const c_void,
            identifier: *const c_void,
            value: *mut c_void,
            value_str: *mut *mut c_char,
        ) -> c_int,
    >,
    /// As `linkkit_get_value`.
    pub get_event_output_value: Option<
        unsafe extern "C" fn(
            _self: *const c_void,
            thing_id: *const c_void,
            identifier: *const c_void,
            value: *mut c_void,
            value_str: *mut *mut c_char,
        ) -> c_int,
    >,
    /// Adds someone who is told what happens.
    pub install_callback_function: Option<
        unsafe extern "C" fn(
            _self: *mut c_void,
            callback_function: handle_dm_callback_fp_t,
        ) -> c_int,
    >,
    /// As `linkkit_trigger_event`.
    pub trigger_event: Option<
        unsafe extern "C" fn(
            _self: *const c_void,
            thing_id: *const c_void,
            event_identifier: *const c_void,
            property_identifier: *const c_char,
        ) -> c_int,
    >,
    /// As `linkkit_trigger_deviceinfo_operate`.
    #[cfg(feature = "deviceinfo")]
    pub trigger_deviceinfo_update: Option<
        unsafe extern "C" fn(
            _self: *const c_void,
            thing_id: *const c_void,
            params: *const c_char,
        ) -> c_int,
    >,
    /// As `linkkit_trigger_deviceinfo_operate`.
    #[cfg(feature = "deviceinfo")]
    pub trigger_deviceinfo_delete: Option<
        unsafe extern "C" fn(
            _self: *const c_void,
            thing_id: *const c_void,
            params: *const c_char,
        ) -> c_int,
    >,
    /// As `linkkit_answer_service`.
    #[cfg(not(feature = "rrpc"))]
    pub answer_service: Option<
        unsafe extern "C" fn(
            _self: *const c_void,
            thing_id: *const c_void,
            identifier: *const c_void,
            response_id: c_int,
            code: c_int,
        ) -> c_int,
    >,
    /// As `linkkit_answer_service`.
    #[cfg(feature = "rrpc")]
    pub answer_service: Option<
        unsafe extern "C" fn(
            _self: *const c_void,
            thing_id: *const c_void,
            identifier: *const c_void,
            response_id: c_int,
            code: c_int,
            rrpc: c_int,
        ) -> c_int,
    >,
    /// Sends raw data.
    pub invoke_raw_service: Option<
        unsafe extern "C" fn(
            _self: *const c_void,
            thing_id: *const c_void,
            raw_data: *mut c_void,
            raw_data_length: c_int,
        ) -> c_int,
    >,
    /// Answers raw data.
    pub answer_raw_service: Option<
        unsafe extern "C" fn(
            _self: *const c_void,
            thing_id: *const c_void,
            raw_data: *mut c_void,
            raw_data_length: c_int,
        ) -> c_int,
    >,
    /// As `linkkit_yield`.
    #[cfg(not(feature = "cmp-threads"))]
    pub r#yield: Option<unsafe extern "C" fn(_self: *const c_void, timeout_ms: c_int) -> c_int>,
}

unsafe extern "C" {
    /// The class, for `new_object`.
    ///
    /// @return a `dm_t *`
    pub fn get_dm_impl_class() -> *const c_void;
}
