//! `exports/iot_export_ext.h`: what this library has beyond V2.10. Programs that use it do not link with the original.

use core::ffi::c_char;
#[cfg(feature = "ota")]
use core::ffi::{c_int, c_void};
#[cfg(feature = "http")]
use core::mem::MaybeUninit;

#[cfg(feature = "ota")]
use iotkit::services::ota::Failure;

#[cfg(feature = "ota")]
use super::iot_export_ota::IOT_OTA_Err_t;
#[cfg(feature = "http")]
use super::{iot_export_errno::IOT_RETURN_CODES::NULL_VALUE_ERROR, number};
#[cfg(feature = "ota")]
use crate::ota::UPDATES;
#[cfg(feature = "http")]
use crate::{entry::entry, register};

/// Regions of the platform's web services, with the numbers of later SDKs.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum iotx_http_region_types_t {
    /// China.
    IOTX_HTTP_REGION_SHANGHAI = 0,
    /// Singapore.
    IOTX_HTTP_REGION_SINGAPORE = 1,
    /// Japan.
    IOTX_HTTP_REGION_JAPAN = 2,
    /// America.
    IOTX_HTTP_REGION_AMERICA = 3,
    /// Germany.
    IOTX_HTTP_REGION_GERMANY = 4,
}

/// Who a device is, as later SDKs have it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct iotx_dev_meta_info_t {
    /// The product's key.
    pub product_key: [c_char; 21],
    /// The product's secret.
    pub product_secret: [c_char; 65],
    /// The device's name.
    pub device_name: [c_char; 33],
    /// The device's secret.
    pub device_secret: [c_char; 65],
}

/// Asks the platform for the secret of a device that knows its product's secret alone.
///
/// A device can do so once, until it is reset in the platform's console: keep the secret. Blocks for connecting, 5 s for
/// sending and 10 s for the answer. (`POST /auth/register/device`, by HTTPS in a library with TLS.)
///
/// @param region  where the device is registered; any other number stands for Shanghai
/// @param meta    `product_key`, `product_secret` and `device_name` are read, `device_secret` is written, only if all
///                went well
/// @return 0; -1 on failure, the log says why; -2 `meta` is `NULL`
///
/// # Safety
///
/// `meta` is `NULL`, or readable and writable.
#[cfg(feature = "http")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_Dynamic_Register(
    region: MaybeUninit<iotx_http_region_types_t>,
    meta: *mut iotx_dev_meta_info_t,
) -> i32 {
    entry(|| {
        // SAFETY: the caller passed a number; the record is there, by the contract.
        let (region, meta) = unsafe { (number(region), meta.as_mut()) };
        register::register(region.into(), meta.ok_or(NULL_VALUE_ERROR)?)?;
        Ok(0)
    })
}

/// Why a download failed, as `IOT_OTA_GetFailure` says it; a number from 100 on is the HTTP status of the server's answer.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IOT_OTA_Failure_t {
    /// It did not.
    IOT_OTAF_NONE = 0,
    /// No connection came about, however often it was tried.
    IOT_OTAF_NO_CONNECTION = 1,
    /// Connections ended before the image did, however often it was tried.
    IOT_OTAF_CLOSED = 2,
    /// Nothing came for too long, however often it was tried.
    IOT_OTAF_SILENT = 3,
    /// The answer is not HTTP, or not to what was asked.
    IOT_OTAF_RESPONSE = 4,
    /// Redirected more than five times, or to no place to go.
    IOT_OTAF_REDIRECT = 5,
    /// The image is shorter than announced.
    IOT_OTAF_SIZE = 6,
    /// The image changed on the server meanwhile.
    IOT_OTAF_CHANGED = 7,
    /// There was no memory, however often it was tried.
    IOT_OTAF_NO_MEMORY = 8,
    /// The image is there, but its digest is not the announced one.
    IOT_OTAF_DIGEST = 9,
}

/// Why the last download of an update failed.
///
/// @param handle  of `IOT_OTA_Init`
/// @return an `IOT_OTA_Failure_t`, or the server's status, 100 to 999; -2 if there is no such handle
#[cfg(feature = "ota")]
#[unsafe(no_mangle)]
pub extern "C" fn IOT_OTA_GetFailure(handle: *mut c_void) -> c_int {
    use IOT_OTA_Failure_t::*;

    let Ok(update) = UPDATES.get(handle) else {
        return IOT_OTA_Err_t::IOT_OTAE_INVALID_PARAM as c_int;
    };
    let failure = match update.look(|ota| ota.failure()) {
        None => IOT_OTAF_NONE,
        Some(Failure::NoConnection) => IOT_OTAF_NO_CONNECTION,
        Some(Failure::Closed) => IOT_OTAF_CLOSED,
        Some(Failure::Silent) => IOT_OTAF_SILENT,
        Some(Failure::Status(status)) => return status.into(),
        Some(Failure::Response) => IOT_OTAF_RESPONSE,
        Some(Failure::Redirect) => IOT_OTAF_REDIRECT,
        Some(Failure::Size) => IOT_OTAF_SIZE,
        Some(Failure::Changed) => IOT_OTAF_CHANGED,
        Some(Failure::NoMemory) => IOT_OTAF_NO_MEMORY,
        Some(Failure::Digest) => IOT_OTAF_DIGEST,
    };
    failure as c_int
}

/// What the update services call once a firmware is stored, in place of the program's end: `exit(0)` on Linux,
/// `HAL_Sys_reboot` elsewhere. They return 0 when it returns.
///
/// @param restart  may be called on any thread that updates; `NULL`: as V2.10
///
/// # Safety
///
/// `restart` is `NULL` or such a function.
#[cfg(feature = "cmp")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_OTA_SetRestart(restart: Option<unsafe extern "C" fn()>) {
    crate::service::set_restart(restart);
}
