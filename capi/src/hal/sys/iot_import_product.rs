//! `imports/iot_import_product.h`: who the device is, and where its firmware goes.

use core::ffi::{c_char, c_int};

/// Room for a product key and its NUL.
pub const PRODUCT_KEY_MAXLEN: usize = 21;
/// Room for a device name and its NUL.
pub const DEVICE_NAME_MAXLEN: usize = 33;
/// Room for a device id and its NUL.
pub const DEVICE_ID_MAXLEN: usize = 65;
/// Room for a device secret and its NUL.
pub const DEVICE_SECRET_MAXLEN: usize = 65;
/// Room for a product secret and its NUL.
pub const PRODUCT_SECRET_MAXLEN: usize = 65;
/// Room for a firmware version and its NUL.
pub const FIRMWARE_VERSION_MAXLEN: usize = 33;
/// Room for a partner id and its NUL.
pub const PID_STRLEN_MAX: usize = 64;
/// Room for a module id and its NUL.
pub const MID_STRLEN_MAX: usize = 64;
/// Room for a partner id and its NUL.
pub const PID_STR_MAXLEN: usize = 64;
/// Room for a module id and its NUL.
pub const MID_STR_MAXLEN: usize = 64;
/// Room for a chip id and its NUL.
pub const HAL_CID_LEN: usize = 65;
/// Room for a topic and its NUL, as applications use it.
pub const IOTX_URI_MAX_LEN: usize = 135;
/// True.
pub const IOT_TRUE: c_int = 1;
/// False.
pub const IOT_FALSE: c_int = 0;

unsafe extern "C" {
    /// The partner who built the device.
    ///
    /// This and all `HAL_Get...` below write a NUL-terminated text and return quickly: they are called at every
    /// connect. Every buffer has room for the longest text and its NUL.
    ///
    /// @param pid_str  receives at most 63 characters
    /// @return length of the text; 0 or negative if there is none
    pub fn HAL_GetPartnerID(pid_str: *mut c_char) -> c_int;

    /// The communication module in the device.
    ///
    /// @param mid_str  receives at most 63 characters
    /// @return length of the text; 0 or negative if there is none
    pub fn HAL_GetModuleID(mid_str: *mut c_char) -> c_int;

    /// The chip in the device. For applications: the library does not call it.
    ///
    /// @param cid_str  receives at most 64 characters
    /// @return `cid_str`
    pub fn HAL_GetChipID(cid_str: *mut c_char) -> *mut c_char;

    /// The device's id, `{product key}.{device name}`.
    ///
    /// @param device_id  receives at most 64 characters
    /// @return length of the text; 0 or negative if there is none
    pub fn HAL_GetDeviceID(device_id: *mut c_char) -> c_int;

    /// Stores the product key. For applications: the library does not call it.
    ///
    /// @param product_key  at most 20 characters
    /// @return length stored; -1 if it is too long
    pub fn HAL_SetProductKey(product_key: *mut c_char) -> c_int;

    /// Stores the device name. For applications: the library does not call it.
    ///
    /// @param device_name  at most 32 characters
    /// @return length stored; -1 if it is too long
    pub fn HAL_SetDeviceName(device_name: *mut c_char) -> c_int;

    /// Stores the device secret, for good: the library calls it once after a dynamic registration.
    ///
    /// @param device_secret  at most 64 characters
    /// @return length stored; -1 if it is too long
    pub fn HAL_SetDeviceSecret(device_secret: *mut c_char) -> c_int;

    /// Stores the product secret. For applications: the library does not call it.
    ///
    /// @param product_secret  at most 64 characters
    /// @return length stored; -1 if it is too long
    pub fn HAL_SetProductSecret(product_secret: *mut c_char) -> c_int;

    /// The product key.
    ///
    /// @param product_key  receives at most 20 characters
    /// @return length of the text; 0 or negative if there is none
    pub fn HAL_GetProductKey(product_key: *mut c_char) -> c_int;

    /// The product secret.
    ///
    /// @param product_secret  receives at most 64 characters
    /// @return length of the text; 0 or negative if there is none
    pub fn HAL_GetProductSecret(product_secret: *mut c_char) -> c_int;

    /// The device name.
    ///
    /// @param device_name  receives at most 32 characters
    /// @return length of the text; 0 or negative if there is none
    pub fn HAL_GetDeviceName(device_name: *mut c_char) -> c_int;

    /// The device secret.
    ///
    /// @param device_secret  receives at most 64 characters
    /// @return length of the text; 0 or negative if there is none, as before a dynamic registration
    pub fn HAL_GetDeviceSecret(device_secret: *mut c_char) -> c_int;

    /// The version of the firmware that runs.
    ///
    /// @param version  receives at most 32 characters
    /// @return length of the text; 0 or negative if there is none
    pub fn HAL_GetFirmwareVesion(version: *mut c_char) -> c_int;

    /// Prepares to store a new firmware.
    pub fn HAL_Firmware_Persistence_Start();

    /// Stores the next part of a new firmware.
    ///
    /// @param buffer  the part
    /// @param length  its length in bytes
    /// @return 0; any other number gives the update up
    pub fn HAL_Firmware_Persistence_Write(buffer: *mut c_char, length: u32) -> c_int;

    /// The new firmware is complete.
    ///
    /// @return 0; any other number gives the update up
    pub fn HAL_Firmware_Persistence_Stop() -> c_int;

    /// The identity of the ID2 security chip.
    ///
    /// @param id2_str  receives the text
    /// @return length of the text; negative on failure
    #[cfg(feature = "id2")]
    pub fn HAL_GetID2(id2_str: *mut c_char) -> c_int;
}
