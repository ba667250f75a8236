//! `exports/iot_export_shadow.h`: the device shadow, a JSON document that the platform keeps.

use core::{
    ffi::{c_char, c_int, c_void},
    mem::MaybeUninit,
};

use super::{ctypes::size_t, iot_export_errno::iotx_err_t, iot_export_mqtt::iotx_mqtt_param_t};

/// How an update ended.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum iotx_shadow_ack_code_t {
    /// The server did not answer in time.
    IOTX_SHADOW_ACK_TIMEOUT = -1,
    /// Not used.
    IOTX_SHADOW_ACK_NONE = 0,
    /// Success.
    IOTX_SHADOW_ACK_SUCCESS = 200,
    /// The document is not JSON.
    IOTX_SHADOW_ACK_ERR_JSON_FMT_IS_INVALID = 400,
    /// The document has no `method`.
    IOTX_SHADOW_ACK_ERR_METHOD_IS_NULL = 401,
    /// The document has no `state`.
    IOTX_SHADOW_ACK_ERR_STATE_IS_NULL = 402,
    /// `version` is not a number.
    IOTX_SHADOW_ACK_ERR_VERSION_IS_INVALID = 403,
    /// The document has no `reported`.
    IOTX_SHADOW_ACK_ERR_REPORTED_IS_NULL = 404,
    /// `reported` is empty.
    IOTX_SHADOW_ACK_ERR_REPORTED_ATTRIBUTE_IS_NULL = 405,
    /// No such `method`.
    IOTX_SHADOW_ACK_ERR_METHOD_IS_INVALID = 406,
    /// There is no document.
    IOTX_SHADOW_ACK_ERR_SHADOW_DOCUMENT_IS_NULL = 407,
    /// Too many attributes.
    IOTX_SHADOW_ACK_ERR_ATTRIBUTE_EXCEEDED = 408,
    /// The server failed.
    IOTX_SHADOW_ACK_ERR_SERVER_FAILED = 500,
}

/// Who changes an attribute. For the application: the library does not look at it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum iotx_shadow_datamode_t {
    /// The device.
    IOTX_SHADOW_READONLY = 0,
    /// The platform.
    IOTX_SHADOW_WRITEONLY = 1,
    /// Both.
    IOTX_SHADOW_RW = 2,
}

/// Type of an attribute's value.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum iotx_shadow_attr_datatype_t {
    /// None.
    IOTX_SHADOW_NULL = 0,
    /// `int32_t`.
    IOTX_SHADOW_INT32 = 1,
    /// NUL-terminated text.
    IOTX_SHADOW_STRING = 2,
}

/// A document that is being written.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct format_data_t {
    /// Not 0: it has no attribute yet.
    pub flag_new: c_int,
    /// Size of `buf` in bytes.
    pub buf_size: u32,
    /// Length of the document in bytes.
    pub offset: u32,
    /// The document.
    pub buf: *mut c_char,
}

layout!(format_data_t = 24 { flag_new: 0, buf_size: 4, offset: 8, buf: 16 });

/// A document that is being written.
pub type format_data_pt = *mut format_data_t;

/// A moment, on both sides.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct iotx_shadow_time_t {
    /// On the device, as `HAL_UptimeMs`.
    pub base_system_time: u32,
    /// On the platform, in seconds since 1970.
    pub epoch_time: u32,
}

layout!(iotx_shadow_time_t = 8 { base_system_time: 0, epoch_time: 4 });

/// A moment, on both sides.
pub type iotx_shadow_time_pt = *mut iotx_shadow_time_t;

/// Is told that the platform has changed an attribute: its value and time are already written.
/// Called inside the functions that wait.
///
/// @param pattr  the attribute, as it was registered
pub type iotx_shadow_attr_cb_t = Option<unsafe extern "C" fn(pattr: *mut iotx_shadow_attr_st)>;

/// An attribute: a named value of the document.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct iotx_shadow_attr_st {
    /// Who changes it.
    pub mode: MaybeUninit<iotx_shadow_datamode_t>,
    /// Its name.
    pub pattr_name: *const c_char,
    /// Its value.
    pub pattr_data: *mut c_void,
    /// Type of its value.
    pub attr_type: MaybeUninit<iotx_shadow_attr_datatype_t>,
    /// When the platform changed it, in seconds since 1970.
    pub timestamp: u32,
    /// Is told when the platform has changed it; may be `NULL`.
    pub callback: iotx_shadow_attr_cb_t,
}

layout!(iotx_shadow_attr_st = 40 {
    mode: 0, pattr_name: 8, pattr_data: 16, attr_type: 24, timestamp: 28, callback: 32,
});

/// An attribute.
pub type iotx_shadow_attr_t = iotx_shadow_attr_st;

/// An attribute.
pub type iotx_shadow_attr_pt = *mut iotx_shadow_attr_st;

/// Is told how an update ended.
///
/// @param pcontext     what was given with it
/// @param ack_code     an `iotx_shadow_ack_code_t`
/// @param ack_msg      the server's reason, valid during the call, not terminated; `NULL` if none
/// @param ack_msg_len  its length in bytes
pub type iotx_push_cb_fpt = Option<
    unsafe extern "C" fn(
        pcontext: *mut c_void,
        ack_code: c_int,
        ack_msg: *const c_char,
        ack_msg_len: u32,
    ),
>;

/// How to connect.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct iotx_shadow_para_t {
    /// As for `IOT_MQTT_Construct`; `handle_event` is not used.
    pub mqtt: iotx_mqtt_param_t,
}

layout!(iotx_shadow_para_t = 112 { mqtt: 0 });

/// How to connect.
pub type iotx_shadow_para_pt = *mut iotx_shadow_para_t;

unsafe extern "C" {
    /// Makes an MQTT client and a shadow on it. Blocks for connecting and subscribing.
    ///
    /// @param pparam  how to connect; what must stay valid is as for `IOT_MQTT_Construct`
    /// @return the shadow; `NULL` on failure
    pub fn IOT_Shadow_Construct(pparam: iotx_shadow_para_pt) -> *mut c_void;

    /// Disconnects a shadow and frees it; blocks for 2 s at most. Callbacks that wait for an answer
    /// are dropped.
    ///
    /// @param handle  the shadow
    /// @return `SUCCESS_RETURN`; `NULL_VALUE_ERROR` if there is no such shadow
    pub fn IOT_Shadow_Destroy(handle: *mut c_void) -> iotx_err_t;

    /// As `IOT_MQTT_Yield`; also notices updates that are not answered in time.
    ///
    /// @param handle      the shadow
    /// @param timeout_ms  how long; 0 stands for 10 ms
    pub fn IOT_Shadow_Yield(handle: *mut c_void, timeout_ms: u32);

    /// From now on the platform's changes are written into an attribute.
    ///
    /// @param handle  the shadow
    /// @param pattr   the attribute, which must stay valid until it is deleted or the shadow is
    ///                destroyed
    /// @return `SUCCESS_RETURN`; `ERROR_SHADOW_ATTR_EXIST`; `FAIL_RETURN` if memory is short;
    ///         `NULL_VALUE_ERROR`
    pub fn IOT_Shadow_RegisterAttribute(
        handle: *mut c_void,
        pattr: iotx_shadow_attr_pt,
    ) -> iotx_err_t;

    /// Deletes an attribute from the platform's document, and forgets it. Waits for the answer, 10 s
    /// at most.
    ///
    /// @param handle  the shadow
    /// @param pattr   the attribute
    /// @return `SUCCESS_RETURN`; `ERROR_SHADOW_ATTR_NO_EXIST`; `ERROR_NO_MEM`; or as
    ///         `IOT_Shadow_Push`, and the attribute stays
    pub fn IOT_Shadow_DeleteAttribute(
        handle: *mut c_void,
        pattr: iotx_shadow_attr_pt,
    ) -> iotx_err_t;

    /// Begins a document that reports attributes.
    ///
    /// @param handle   the shadow
    /// @param pformat  the document, which is filled in
    /// @param buf      receives its text
    /// @param size     size of `buf` in bytes
    /// @return `SUCCESS_RETURN`; `ERROR_NO_ENOUGH_MEM` if the buffer is too small; `FAIL_RETURN`
    pub fn IOT_Shadow_PushFormat_Init(
        handle: *mut c_void,
        pformat: format_data_pt,
        buf: *mut c_char,
        size: u16,
    ) -> iotx_err_t;

    /// Adds an attribute, registered or not.
    ///
    /// @param handle   the shadow
    /// @param pformat  the document
    /// @param pattr    the attribute
    /// @return `SUCCESS_RETURN`; `ERROR_NO_ENOUGH_MEM` or `FAIL_RETURN`, after which the document
    ///         must be begun anew
    pub fn IOT_Shadow_PushFormat_Add(
        handle: *mut c_void,
        pformat: format_data_pt,
        pattr: iotx_shadow_attr_pt,
    ) -> iotx_err_t;

    /// Completes a document: `buf` and `offset` are now what to push.
    ///
    /// @param handle   the shadow
    /// @param pformat  the document
    /// @return `SUCCESS_RETURN`; `ERROR_NO_ENOUGH_MEM` or `FAIL_RETURN`
    pub fn IOT_Shadow_PushFormat_Finalize(
        handle: *mut c_void,
        pformat: format_data_pt,
    ) -> iotx_err_t;

    /// Sends a document and returns at once.
    ///
    /// @param handle     the shadow
    /// @param data       the document; copied
    /// @param data_len   its length in bytes
    /// @param timeout_s  how long the server may take to answer, in seconds
    /// @param cb_fpt     is told how it ended, inside a function that waits; may be `NULL`
    /// @param pcontext   passed to `cb_fpt`
    /// @return 0; `NULL_VALUE_ERROR`; `ERROR_SHADOW_INVALID_STATE` if not connected;
    ///         `ERROR_SHADOW_WAIT_LIST_OVERFLOW` if 5 documents are unanswered; or as
    ///         `IOT_MQTT_Publish`
    pub fn IOT_Shadow_Push_Async(
        handle: *mut c_void,
        data: *mut c_char,
        data_len: size_t,
        timeout_s: u16,
        cb_fpt: iotx_push_cb_fpt,
        pcontext: *mut c_void,
    ) -> c_int;

    /// Sends a document and waits for the answer.
    ///
    /// @param handle     the shadow
    /// @param data       the document
    /// @param data_len   its length in bytes
    /// @param timeout_s  how long to wait, in seconds
    /// @return `SUCCESS_RETURN`; `ERROR_SHADOW_UPDATE_TIMEOUT`; `ERROR_SHADOW_UPDATE_NACK` if the
    ///         server refused it; or as `IOT_Shadow_Push_Async`
    pub fn IOT_Shadow_Push(
        handle: *mut c_void,
        data: *mut c_char,
        data_len: u32,
        timeout_s: u16,
    ) -> iotx_err_t;

    /// Brings the registered attributes up to date. Waits for the answer, 10 s at most, and 1 s
    /// after that.
    ///
    /// @param handle  the shadow
    /// @return as `IOT_Shadow_Push`
    pub fn IOT_Shadow_Pull(handle: *mut c_void) -> iotx_err_t;
}
