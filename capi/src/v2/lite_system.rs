//! `lite-system.h`: the device record and the connection information, as shared between the parts of
//! a firmware.

use core::ffi::{CStr, c_char, c_int};

use super::iot_export::{iotx_conn_info_pt, iotx_device_info_pt};
use crate::{
    device::{self, Candidate, Refused},
    hal::sys::IOTX_URI_MAX_LEN,
};

/// The version that the MQTT client of V2.10 names itself by.
pub const MQTT_SDK_VERSION: &CStr = c"2.0";
/// Room for the payload of a module report and its NUL.
pub const MIDREPORT_PAYLOAD_LEN: usize = 223;
/// Room for the message id of a module report.
pub const MIDREPORT_REQID_LEN: usize = 58;

/// Signs the device record again and renews the connection information, as at every reconnect.
///
/// @return 0; -1 if it failed
#[unsafe(no_mangle)]
pub extern "C" fn iotx_guider_authenticate() -> c_int {
    result(device::reauthenticate())
}

#[cfg(feature = "id2")]
unsafe extern "C" {
    /// As `iotx_guider_authenticate`, with the identity of an ID2 security chip.
    ///
    /// @return 0; -1 if it failed
    pub fn iotx_guider_id2_authenticate() -> c_int;
}

/// Prepares the device record, which needs no preparation: a record that is filled stays so.
///
/// @return 0
#[unsafe(no_mangle)]
pub extern "C" fn iotx_device_info_init() -> c_int {
    0
}

/// Fills the device record.
///
/// @param product_key    up to `PRODUCT_KEY_LEN` characters
/// @param device_name    up to `DEVICE_NAME_LEN` characters
/// @param device_secret  up to `DEVICE_SECRET_LEN` characters
/// @return 0; -1 if an argument is `NULL`, empty or too long
///
/// # Safety
///
/// Each argument is `NULL` or a NUL-terminated string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn iotx_device_info_set(
    product_key: *const c_char,
    device_name: *const c_char,
    device_secret: *const c_char,
) -> c_int {
    // SAFETY: the contract is passed on.
    let device = unsafe { Candidate::new(product_key, device_name, device_secret) };
    result(
        device
            .and_then(|device| device.set())
            .map_err(Refused::logged),
    )
}

/// The device record: always the same address, owned by the library.
///
/// @return the record
#[unsafe(no_mangle)]
pub extern "C" fn iotx_device_info_get() -> iotx_device_info_pt {
    device::device_info()
}

/// The connection information: always the same address, owned by the library.
///
/// @return what `IOT_SetupConnInfo` wrote last
#[unsafe(no_mangle)]
pub extern "C" fn iotx_conn_info_get() -> iotx_conn_info_pt {
    device::conn_info()
}

/// Builds the message id of a module report, `{product key}_{device name}_mid`.
///
/// @param requestId    receives it; `MIDREPORT_REQID_LEN` bytes
/// @param product_key  product key
/// @param device_name  device name
/// @return its length; -1 if an argument is `NULL` or it does not fit
///
/// # Safety
///
/// `requestId` is `NULL` or writable as said; the others are `NULL` or NUL-terminated strings that it does not overlap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn iotx_midreport_reqid(
    requestId: *mut c_char,
    product_key: *mut c_char,
    device_name: *mut c_char,
) -> c_int {
    let parts = [product_key, c"_".as_ptr(), device_name, c"_mid".as_ptr()];
    // SAFETY: the contract is passed on.
    unsafe { concatenate(requestId, MIDREPORT_REQID_LEN, &parts) }
}

/// Builds the payload of a module report.
///
/// @param msg        receives it; `MIDREPORT_PAYLOAD_LEN` bytes
/// @param requestId  from `iotx_midreport_reqid`
/// @param mid        module id
/// @param pid        partner id
/// @return its length; -1 if an argument is `NULL` or it does not fit
///
/// # Safety
///
/// `msg` is `NULL` or writable as said; the others are `NULL` or NUL-terminated strings that it does not overlap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn iotx_midreport_payload(
    msg: *mut c_char,
    requestId: *mut c_char,
    mid: *mut c_char,
    pid: *mut c_char,
) -> c_int {
    let parts = [
        cr#"{"id":""#.as_ptr(),
        requestId,
        cr#"","params":{"_sys_device_mid":""#.as_ptr(),
        mid,
        cr#"","_sys_device_pid":""#.as_ptr(),
        pid,
        cr#""}}"#.as_ptr(),
    ];
    // SAFETY: the contract is passed on.
    unsafe { concatenate(msg, MIDREPORT_PAYLOAD_LEN, &parts) }
}

/// Builds the topic of a module report.
///
/// @param topic_name   receives it; `IOTX_URI_MAX_LEN` bytes
/// @param topic_head   what stands before `/sys`, usually `""`
/// @param product_key  product key
/// @param device_name  device name
/// @return its length; -1 if an argument is `NULL` or it does not fit
///
/// # Safety
///
/// `topic_name` is `NULL` or writable as said; the others are `NULL` or NUL-terminated strings that it does not
/// overlap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn iotx_midreport_topic(
    topic_name: *mut c_char,
    topic_head: *mut c_char,
    product_key: *mut c_char,
    device_name: *mut c_char,
) -> c_int {
    let parts = [
        topic_head,
        c"/sys/".as_ptr(),
        product_key,
        c"/".as_ptr(),
        device_name,
        c"/thing/status/update".as_ptr(),
    ];
    // SAFETY: the contract is passed on.
    unsafe { concatenate(topic_name, IOTX_URI_MAX_LEN, &parts) }
}

/// The root certificate that servers are checked with.
///
/// @return PEM text, owned by the library; `NULL` if it is built without TLS
#[unsafe(no_mangle)]
pub extern "C" fn iotx_ca_get() -> *const c_char {
    device::root_certificate()
}

fn result<E>(done: Result<(), E>) -> c_int {
    if done.is_ok() { 0 } else { -1 }
}

/// Writes `parts` one after the other, and a NUL; gives the length, or -1 if that is more than `size` bytes.
///
/// # Safety
///
/// `to` is `NULL` or writable for `size` bytes; each part is `NULL` or a NUL-terminated string elsewhere.
unsafe fn concatenate(to: *mut c_char, size: usize, parts: &[*const c_char]) -> c_int {
    if to.is_null() || parts.iter().any(|part| part.is_null()) {
        return -1;
    }
    let mut len = 0;
    for part in parts {
        // SAFETY: it is a string, by the contract.
        let part = unsafe { CStr::from_ptr(*part) }.to_bytes();
        if part.len() >= size - len {
            return -1;
        }
        // SAFETY: `len` and `part` together are shorter than `size`.
        unsafe {
            to.add(len)
                .copy_from_nonoverlapping(part.as_ptr().cast(), part.len())
        };
        len += part.len();
    }
    // SAFETY: `len` is less than `size`.
    unsafe { to.add(len).write(0) };
    c_int::try_from(len).unwrap_or(-1)
}
