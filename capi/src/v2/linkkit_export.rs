//! `linkkit_export.h`: the thing model. A thing has properties, events and services, told by its
//! description (TSL); the platform sets the first, hears of the second and calls the third.
//!
//! The functions return 0, or -1 on failure, unless stated otherwise. One thread uses them.

use core::{
    ffi::{c_char, c_int, c_void},
    mem::MaybeUninit,
};

#[cfg(all(feature = "service-ota", feature = "service-cota"))]
use super::iot_export_cota::handle_service_cota_callback_fp_t;
#[cfg(feature = "service-ota")]
use super::iot_export_fota::handle_service_fota_callback_fp_t;

/// Who is told what happens; each may be `NULL`. All but `raw_data_arrived` are called inside
/// `linkkit_dispatch`; what they return is not used.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct _linkkit_ops {
    /// Connected, for the first time or again.
    pub on_connect: Option<unsafe extern "C" fn(ctx: *mut c_void) -> c_int>,
    /// The connection was lost.
    pub on_disconnect: Option<unsafe extern "C" fn(ctx: *mut c_void) -> c_int>,
    /// Raw data arrived, valid during the call. Called inside `linkkit_yield`.
    pub raw_data_arrived: Option<
        unsafe extern "C" fn(
            thing_id: *mut c_void,
            data: *mut c_void,
            len: c_int,
            ctx: *mut c_void,
        ) -> c_int,
    >,
    /// A thing was made from its description.
    pub thing_create:
        Option<unsafe extern "C" fn(thing_id: *mut c_void, ctx: *mut c_void) -> c_int>,
    /// The platform enabled the thing.
    pub thing_enable:
        Option<unsafe extern "C" fn(thing_id: *mut c_void, ctx: *mut c_void) -> c_int>,
    /// The platform disabled the thing.
    pub thing_disable:
        Option<unsafe extern "C" fn(thing_id: *mut c_void, ctx: *mut c_void) -> c_int>,
    /// The platform called a service; answer with `linkkit_answer_service`.
    #[cfg(not(feature = "rrpc"))]
    pub thing_call_service: Option<
        unsafe extern "C" fn(
            thing_id: *mut c_void,
            service: *mut c_char,
            request_id: c_int,
            ctx: *mut c_void,
        ) -> c_int,
    >,
    /// The platform called a service, and waits for the answer if `rrpc` is not 0; answer with
    /// `linkkit_answer_service`.
    #[cfg(feature = "rrpc")]
    pub thing_call_service: Option<
        unsafe extern "C" fn(
            thing_id: *mut c_void,
            service: *mut c_char,
            request_id: c_int,
            rrpc: c_int,
            ctx: *mut c_void,
        ) -> c_int,
    >,
    /// A property was set, by the platform or by `linkkit_set_value`.
    pub thing_prop_changed: Option<
        unsafe extern "C" fn(
            thing_id: *mut c_void,
            property: *mut c_char,
            ctx: *mut c_void,
        ) -> c_int,
    >,
}

layout!(_linkkit_ops = 64 {
    on_connect: 0, on_disconnect: 8, raw_data_arrived: 16, thing_create: 24, thing_enable: 32,
    thing_disable: 40, thing_call_service: 48, thing_prop_changed: 56,
});

/// Who is told what happens.
pub type linkkit_ops_t = _linkkit_ops;

/// How much is logged, as `IOT_LogLevel`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum _linkkit_loglevel {
    /// The library cannot go on.
    linkkit_loglevel_emerg = 0,
    /// A function of the device is lost until someone steps in.
    linkkit_loglevel_crit = 1,
    /// An operation failed.
    linkkit_loglevel_error = 2,
    /// Something is odd, and was dealt with.
    linkkit_loglevel_warning = 3,
    /// What happens, in few lines.
    linkkit_loglevel_info = 4,
    /// What happens, in detail.
    linkkit_loglevel_debug = 5,
}

/// How much is logged.
pub type linkkit_loglevel_t = _linkkit_loglevel;

/// Has no effect: `IOT_SetupDomain` chooses the region.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum linkkit_cloud_domain_type_t {
    /// Shanghai.
    linkkit_cloud_domain_sh = 0,
    /// United States.
    linkkit_cloud_domain_usa = 1,
    /// The number of values.
    linkkit_cloud_domain_max = 2,
}

/// What to do with the device's tags.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum linkkit_deviceinfo_operate_t {
    /// Set some.
    linkkit_deviceinfo_operate_update = 0,
    /// Delete some.
    linkkit_deviceinfo_operate_delete = 1,
    /// The number of values.
    linkkit_deviceinfo_operate_max = 2,
}

/// What to set.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum linkkit_method_set_t {
    /// A property: `Property`, `Struct.member`, `Array[i]`.
    linkkit_method_set_property_value = 0,
    /// An output of an event: `Event.output`.
    linkkit_method_set_event_output_value = 1,
    /// An output of a service: `Service.output`.
    linkkit_method_set_service_output_value = 2,
    /// The number of values.
    linkkit_method_set_number = 3,
}

/// What to read.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum linkkit_method_get_t {
    /// A property: `Property`, `Struct.member`, `Array[i]`.
    linkkit_method_get_property_value = 0,
    /// An output of an event: `Event.output`.
    linkkit_method_get_event_output_value = 1,
    /// An input of a service: `Service.input`.
    linkkit_method_get_service_input_value = 2,
    /// An output of a service: `Service.output`.
    linkkit_method_get_service_output_value = 3,
    /// The number of values.
    linkkit_method_get_number = 4,
}

unsafe extern "C" {
    /// Connects, as the device that `HAL_Get...` name.
    ///
    /// A connection that fails is no error: `linkkit_yield` tries again.
    ///
    /// @param max_buffered_msg    how many events wait for `linkkit_dispatch` at most
    /// @param get_tsl_from_cloud  not 0: the thing's description comes from the platform
    /// @param log_level           how much is logged
    /// @param ops                 who is told what happens; must stay valid until `linkkit_end`
    /// @param domain_type         no effect
    /// @param user_context        passed to the functions in `ops`; not `NULL`
    pub fn linkkit_start(
        max_buffered_msg: c_int,
        get_tsl_from_cloud: c_int,
        log_level: MaybeUninit<linkkit_loglevel_t>,
        ops: *mut linkkit_ops_t,
        domain_type: MaybeUninit<linkkit_cloud_domain_type_t>,
        user_context: *mut c_void,
    ) -> c_int;

    /// Disconnects and frees everything, things included.
    ///
    /// @return 0
    pub fn linkkit_end() -> c_int;

    /// Calls the functions in `ops` for what has happened. Does not block.
    pub fn linkkit_dispatch() -> c_int;

    /// Receives and answers what arrives, for the given time.
    ///
    /// @param timeout_ms  how long, in ms
    #[cfg(not(feature = "cmp-threads"))]
    pub fn linkkit_yield(timeout_ms: c_int) -> c_int;

    /// Makes a thing from its description.
    ///
    /// @param tsl      the description, a JSON object; copied
    /// @param tsl_len  its length in bytes
    /// @return the thing; `NULL` on failure
    pub fn linkkit_set_tsl(tsl: *const c_char, tsl_len: c_int) -> *mut c_void;

    /// Sets a value. Sends nothing.
    ///
    /// @param method_set  what to set
    /// @param thing_id    the thing
    /// @param identifier  which
    /// @param value       the value: `int` (also for enum and bool), `float`, `double`, `unsigned
    ///                    long long` (date, in ms since 1970) or `char` (text); may be `NULL`
    /// @param value_str   the value as text, or a struct as JSON; used if `value` is `NULL`
    pub fn linkkit_set_value(
        method_set: MaybeUninit<linkkit_method_set_t>,
        thing_id: *const c_void,
        identifier: *const c_char,
        value: *const c_void,
        value_str: *const c_char,
    ) -> c_int;

    /// Reads a value.
    ///
    /// @param method_get  what to read
    /// @param thing_id    the thing
    /// @param identifier  which
    /// @param value       receives the value, as in `linkkit_set_value`; may be `NULL`
    /// @param value_str   receives the value as text, which belongs to the library and is valid
    ///                    until the value is set again; may be `NULL`
    pub fn linkkit_get_value(
        method_get: MaybeUninit<linkkit_method_get_t>,
        thing_id: *const c_void,
        identifier: *const c_char,
        value: *mut c_void,
        value_str: *mut *mut c_char,
    ) -> c_int;

    /// Answers a call of a service with its outputs.
    ///
    /// @param thing_id            the thing
    /// @param service_identifier  the service
    /// @param response_id         `request_id` of the call
    /// @param code                200 for success
    #[cfg(not(feature = "rrpc"))]
    pub fn linkkit_answer_service(
        thing_id: *const c_void,
        service_identifier: *const c_char,
        response_id: c_int,
        code: c_int,
    ) -> c_int;

    /// Answers a call of a service with its outputs.
    ///
    /// @param thing_id            the thing
    /// @param service_identifier  the service
    /// @param response_id         `request_id` of the call
    /// @param code                200 for success
    /// @param rrpc                `rrpc` of the call
    #[cfg(feature = "rrpc")]
    pub fn linkkit_answer_service(
        thing_id: *const c_void,
        service_identifier: *const c_char,
        response_id: c_int,
        code: c_int,
        rrpc: c_int,
    ) -> c_int;

    /// Sends raw data.
    ///
    /// @param thing_id         the thing
    /// @param is_up_raw        not 0: a message; 0: an answer
    /// @param raw_data         the data; copied
    /// @param raw_data_length  its length in bytes
    pub fn linkkit_invoke_raw_service(
        thing_id: *const c_void,
        is_up_raw: c_int,
        raw_data: *mut c_void,
        raw_data_length: c_int,
    ) -> c_int;

    /// Reports an event with its outputs.
    ///
    /// @param thing_id             the thing
    /// @param event_identifier     the event
    /// @param property_identifier  with the event `post`, in a firmware that declares this
    ///                             parameter: the property to report
    /// cbindgen:ignore
    pub fn linkkit_trigger_event(
        thing_id: *const c_void,
        event_identifier: *const c_char,
        property_identifier: *const c_char,
    ) -> c_int;

    /// Reports a property.
    ///
    /// @param thing_id             the thing
    /// @param property_identifier  the property, a whole one; `NULL` for all
    pub fn linkkit_post_property(
        thing_id: *const c_void,
        property_identifier: *const c_char,
    ) -> c_int;

    /// Changes the device's tags.
    ///
    /// @param thing_id                      the thing
    /// @param params                        a JSON array: `[{"attrKey":"...","attrValue":"..."}]`,
    ///                                      to delete `[{"attrKey":"..."}]`
    /// @param linkkit_deviceinfo_operation  what to do
    #[cfg(feature = "deviceinfo")]
    pub fn linkkit_trigger_deviceinfo_operate(
        thing_id: *const c_void,
        params: *const c_char,
        linkkit_deviceinfo_operation: MaybeUninit<linkkit_deviceinfo_operate_t>,
    ) -> c_int;

    /// Waits for firmware updates from now on.
    ///
    /// @param callback_fp  is told of one, inside `linkkit_yield`
    #[cfg(feature = "service-ota")]
    pub fn linkkit_fota_init(callback_fp: handle_service_fota_callback_fp_t) -> c_int;

    /// Fetches the firmware that was announced, stores it with `HAL_Firmware_Persistence_...`, and
    /// restarts the device. Blocks until then; may be called inside the callback.
    ///
    /// @param data_buf         parts go through it
    /// @param data_buf_length  its size in bytes
    #[cfg(feature = "service-ota")]
    pub fn linkkit_invoke_fota_service(data_buf: *mut c_void, data_buf_length: c_int) -> c_int;

    /// Waits for remote configurations from now on.
    ///
    /// @param callback_fp  is told of one, inside `linkkit_yield`
    #[cfg(all(feature = "service-ota", feature = "service-cota"))]
    pub fn linkkit_cota_init(callback_fp: handle_service_cota_callback_fp_t) -> c_int;

    /// Asks for the remote configuration, which is then announced.
    ///
    /// @param config_scope    `"product"`
    /// @param get_type        `"file"`
    /// @param attribute_Keys  `""`
    /// @param option          not used
    #[cfg(all(feature = "service-ota", feature = "service-cota"))]
    pub fn linkkit_invoke_cota_get_config(
        config_scope: *const c_char,
        get_type: *const c_char,
        attribute_Keys: *const c_char,
        option: *mut c_void,
    ) -> c_int;

    /// Fetches the configuration that was announced and stores it with
    /// `HAL_Firmware_Persistence_...`. Blocks until then; may be called inside the callback.
    ///
    /// @param data_buf         parts go through it
    /// @param data_buf_length  its size in bytes
    #[cfg(all(feature = "service-ota", feature = "service-cota"))]
    pub fn linkkit_invoke_cota_service(data_buf: *mut c_void, data_buf_length: c_int) -> c_int;
}
