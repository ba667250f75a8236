//! `lite-system.h`: the device record and the connection information, as shared between the parts of
//! a firmware.

use core::ffi::{CStr, c_char, c_int};

use super::iot_export::{iotx_conn_info_pt, iotx_device_info_pt};

/// The version that the MQTT client of V2.10 names itself by.
pub const MQTT_SDK_VERSION: &CStr = c"2.0";
/// Room for the payload of a module report and its NUL.
pub const MIDREPORT_PAYLOAD_LEN: usize = 223;
/// Room for the message id of a module report.
pub const MIDREPORT_REQID_LEN: usize = 58;

unsafe extern "C" {
    /// Signs the device record again and renews the connection information, as at every reconnect.
    ///
    /// @return 0; -1 if it failed
    pub fn iotx_guider_authenticate() -> c_int;

    /// As `iotx_guider_authenticate`, with the identity of an ID2 security chip.
    ///
    /// @return 0; -1 if it failed
    #[cfg(feature = "id2")]
    pub fn iotx_guider_id2_authenticate() -> c_int;

    /// Clears the device record.
    ///
    /// @return 0
    pub fn iotx_device_info_init() -> c_int;

    /// Fills the device record.
    ///
    /// @param product_key    up to `PRODUCT_KEY_LEN` characters
    /// @param device_name    up to `DEVICE_NAME_LEN` characters
    /// @param device_secret  up to `DEVICE_SECRET_LEN` characters
    /// @return 0; -1 if an argument is `NULL` or too long
    pub fn iotx_device_info_set(
        product_key: *const c_char,
        device_name: *const c_char,
        device_secret: *const c_char,
    ) -> c_int;

    /// The device record: always the same address, owned by the library.
    ///
    /// @return the record
    pub fn iotx_device_info_get() -> iotx_device_info_pt;

    /// The connection information: always the same address, owned by the library.
    ///
    /// @return what `IOT_SetupConnInfo` wrote last
    pub fn iotx_conn_info_get() -> iotx_conn_info_pt;

    /// Builds the message id of a module report, `{product key}_{device name}_mid`.
    ///
    /// @param requestId    receives it; `MIDREPORT_REQID_LEN` bytes
    /// @param product_key  product key
    /// @param device_name  device name
    /// @return 0; -1 if it does not fit
    pub fn iotx_midreport_reqid(
        requestId: *mut c_char,
        product_key: *mut c_char,
        device_name: *mut c_char,
    ) -> c_int;

    /// Builds the payload of a module report.
    ///
    /// @param msg        receives it; `MIDREPORT_PAYLOAD_LEN` bytes
    /// @param requestId  from `iotx_midreport_reqid`
    /// @param mid        module id
    /// @param pid        partner id
    /// @return 0; -1 if it does not fit
    pub fn iotx_midreport_payload(
        msg: *mut c_char,
        requestId: *mut c_char,
        mid: *mut c_char,
        pid: *mut c_char,
    ) -> c_int;

    /// Builds the topic of a module report.
    ///
    /// @param topic_name   receives it; `IOTX_URI_MAX_LEN` bytes
    /// @param topic_head   what stands before `/sys`, usually `""`
    /// @param product_key  product key
    /// @param device_name  device name
    /// @return 0; -1 if it does not fit
    pub fn iotx_midreport_topic(
        topic_name: *mut c_char,
        topic_head: *mut c_char,
        product_key: *mut c_char,
        device_name: *mut c_char,
    ) -> c_int;

    /// The root certificate that servers are checked with.
    ///
    /// @return PEM text, owned by the library
    pub fn iotx_ca_get() -> *const c_char;
}
