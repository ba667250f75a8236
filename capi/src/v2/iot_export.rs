//! `iot_export.h`: logging, the connection information, the region.

use core::{
    ffi::{c_char, c_int, c_void},
    mem::MaybeUninit,
    ptr,
};

use iotkit::{
    auth,
    log::{Level, Value},
};

use super::number;
use crate::{
    device::{self, Candidate, Refused},
    log::{self, Console},
    rt,
};

/// Longest product key, without the terminating NUL.
pub const PRODUCT_KEY_LEN: usize = 20;
/// Longest device name, without the terminating NUL.
pub const DEVICE_NAME_LEN: usize = 32;
/// Longest device id (`{product key}.{device name}`), without the terminating NUL.
pub const DEVICE_ID_LEN: usize = 64;
/// Longest device secret, without the terminating NUL.
pub const DEVICE_SECRET_LEN: usize = 64;
/// Longest product secret, without the terminating NUL.
pub const PRODUCT_SECRET_LEN: usize = 64;
/// Longest module vendor id, without the terminating NUL.
pub const MODULE_VENDOR_ID: usize = 32;
/// Longest host name, without the terminating NUL.
pub const HOST_ADDRESS_LEN: usize = 128;
/// Room for a port number as text.
pub const HOST_PORT_LEN: usize = 8;
/// Longest MQTT client id, without the terminating NUL.
pub const CLIENT_ID_LEN: usize = 256;
/// Longest MQTT user name, without the terminating NUL.
pub const USER_NAME_LEN: usize = 512;
/// Longest MQTT password, without the terminating NUL.
pub const PASSWORD_LEN: usize = 256;
/// Length of an ID2 session key as hexadecimal text.
pub const AESKEY_STR_LEN: usize = 32;
/// Length of an ID2 session key in bytes.
pub const AESKEY_HEX_LEN: usize = 16;

/// How much is logged. A line is written when its level is at most the current one.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum _IOT_LogLevel {
    /// The library cannot go on.
    IOT_LOG_EMERG = 0,
    /// A function of the device is lost until someone steps in.
    IOT_LOG_CRIT = 1,
    /// An operation failed.
    IOT_LOG_ERROR = 2,
    /// Something is odd, and was dealt with.
    IOT_LOG_WARNING = 3,
    /// What happens, in few lines.
    IOT_LOG_INFO = 4,
    /// What happens, in detail.
    IOT_LOG_DEBUG = 5,
}

/// How much is logged.
pub type IOT_LogLevel = _IOT_LogLevel;

/// The region whose platform a device connects to.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IOTX_CLOUD_DOMAIN_TYPES {
    /// Shanghai, `cn-shanghai`: the default.
    IOTX_CLOUD_DOMAIN_SH = 0,
    /// Singapore, `ap-southeast-1`.
    IOTX_CLOUD_DOMAIN_SG = 1,
    /// Japan, `ap-northeast-1`.
    IOTX_CLOUD_DOMAIN_JP = 2,
    /// United States, `us-west-1`.
    IOTX_CLOUD_DOMAIN_US = 3,
    /// Germany, `eu-central-1`.
    IOTX_CLOUD_DOMAIN_GER = 4,
    /// The number of regions.
    IOTX_CLOUD_DOMAIN_MAX = 5,
}

/// The region whose platform a device connects to.
pub type iotx_cloud_domain_types_t = IOTX_CLOUD_DOMAIN_TYPES;

/// Who the device is. All members are NUL-terminated.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct iotx_device_info_t {
    /// Product key, up to `PRODUCT_KEY_LEN` characters.
    pub product_key: [c_char; 21],
    /// Device name, up to `DEVICE_NAME_LEN` characters.
    pub device_name: [c_char; 33],
    /// `{product key}.{device name}`, up to `DEVICE_ID_LEN` characters.
    pub device_id: [c_char; 65],
    /// Device secret, up to `DEVICE_SECRET_LEN` characters.
    pub device_secret: [c_char; 65],
    /// Vendor of the communication module, up to `MODULE_VENDOR_ID` characters.
    pub module_vendor_id: [c_char; 33],
}

layout!(iotx_device_info_t = 217 {
    product_key: 0, device_name: 21, device_id: 54, device_secret: 119, module_vendor_id: 184,
});

/// Who the device is.
pub type iotx_device_info_pt = *mut iotx_device_info_t;

/// Where to connect and as whom: the result of `IOT_SetupConnInfo`. All texts are NUL-terminated.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct iotx_conn_info_t {
    /// TCP port of the server.
    pub port: u16,
    /// Host name of the server.
    pub host_name: [c_char; 129],
    /// MQTT client id: device id and what is signed with it.
    pub client_id: [c_char; 257],
    /// MQTT user name: `{device name}&{product key}`.
    pub username: [c_char; 513],
    /// MQTT password: the signature, as hexadecimal text.
    pub password: [c_char; 257],
    /// Root certificate to check the server with (PEM); `NULL` means plain TCP.
    pub pub_key: *const c_char,
    /// ID2 session key as hexadecimal text, not terminated.
    #[cfg(feature = "id2")]
    pub aeskey_str: [c_char; AESKEY_STR_LEN],
    /// ID2 session key.
    #[cfg(feature = "id2")]
    pub aeskey_hex: [u8; AESKEY_HEX_LEN],
}

#[cfg(not(feature = "id2"))]
layout!(iotx_conn_info_t = 1168 {
    port: 0, host_name: 2, client_id: 131, username: 388, password: 901, pub_key: 1160,
});
#[cfg(feature = "id2")]
layout!(iotx_conn_info_t = 1216 {
    port: 0, host_name: 2, client_id: 131, username: 388, password: 901, pub_key: 1160, aeskey_str: 1168,
    aeskey_hex: 1200,
});

/// Where to connect and as whom.
pub type iotx_conn_info_pt = *mut iotx_conn_info_t;

/// Switches logging on and sets its level back to `IOT_LOG_EMERG`; call `IOT_SetLogLevel` afterwards.
///
/// Lines go to `HAL_Printf`. The four logging calls neither block nor allocate.
///
/// @param ident  name of the program, of which 7 characters are kept; `NULL` stands for `"---"`, and `""` leaves
///               logging off
///
/// # Safety
///
/// `ident` is `NULL` or a NUL-terminated string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_OpenLog(ident: *const c_char) {
    // SAFETY: by the contract there is a first character, if only the NUL.
    log::set_open(ident.is_null() || unsafe { ident.read() } != 0);
}

/// Switches logging off.
#[unsafe(no_mangle)]
pub extern "C" fn IOT_CloseLog() {
    log::set_open(false);
}

/// Sets how much is logged from now on.
///
/// @param level  `IOT_LOG_EMERG` to `IOT_LOG_DEBUG`; any other number changes nothing
#[unsafe(no_mangle)]
pub extern "C" fn IOT_SetLogLevel(level: MaybeUninit<IOT_LogLevel>) {
    // SAFETY: the caller passed a value.
    let given = i64::from(unsafe { number(level) });
    match Level::try_from(given) {
        Ok(level) => log::set_level(level),
        Err(_) => log::write(
            Level::Error,
            "IOT_SetLogLevel: not a level:",
            Value::Num(given),
        ),
    }
}

/// Logs how much memory the library has taken from `HAL_Malloc`, now and at most.
///
/// Nine lines `. counter: value`, whether the log is open or not: bytes allocated and freed so far, in use now, in the
/// largest block, in use at most; blocks allocated and freed so far, in use now, in use at most. What an application
/// takes with `LITE_malloc` is not counted.
///
/// @param level  the level of these lines: they appear if the current level is at least this one
#[unsafe(no_mangle)]
pub extern "C" fn IOT_DumpMemoryStats(level: MaybeUninit<IOT_LogLevel>) {
    const RULE: &[u8] = b"---------------------------------------------------";

    // SAFETY: the caller passed a value.
    let given = i64::from(unsafe { number(level) });
    let level = Level::try_from(given).unwrap_or_else(|_| {
        log::write(
            Level::Warning,
            "IOT_DumpMemoryStats: taken as IOT_LOG_DEBUG:",
            Value::Num(given),
        );
        Level::Debug
    });
    if !log::wanted(level) {
        return;
    }
    let mut console = Console::new();
    console.put(RULE);
    console.end_line();
    for (name, value) in rt::STATISTICS.counters() {
        console.put(b". ");
        console.put(name.as_bytes());
        console.put_number(value.into());
        console.end_line();
    }
    console.put(RULE);
    console.end_line();
}

/// Signs the device's identity and works out where to connect.
///
/// The result is one object that belongs to the library and stays at its address; each call, and each reconnect of
/// an MQTT client, brings it up to date. Its strings may be used as members of `iotx_mqtt_param_t`, and the host name
/// may be put into lower case in place. One thread at a time. (Alink, device authentication.)
///
/// Does not block. A library built with the feature `guider`, V2.10's without `MQTT_DIRECT`, asks the platform over
/// HTTPS: for connecting, 5 s for sending and 10 s for the answer; so does each reconnect.
///
/// @param product_key    up to `PRODUCT_KEY_LEN` characters
/// @param device_name    up to `DEVICE_NAME_LEN` characters
/// @param device_secret  up to `DEVICE_SECRET_LEN` characters
/// @param info_ptr       receives the address of an `iotx_conn_info_t`, or `NULL` if signing failed; do not free it
/// @return 0; -1 if an argument is `NULL`, empty or too long, the client id would be, or the platform was asked and has
///         not granted it
///
/// # Safety
///
/// Each string is `NULL` or NUL-terminated; `info_ptr` is `NULL` or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_SetupConnInfo(
    product_key: *const c_char,
    device_name: *const c_char,
    device_secret: *const c_char,
    info_ptr: *mut *mut c_void,
) -> c_int {
    if info_ptr.is_null() {
        log::write(
            Level::Error,
            "IOT_SetupConnInfo: info_ptr is NULL",
            Value::None,
        );
        return -1;
    }
    // SAFETY: they are `NULL` or strings, by the contract.
    let done = unsafe { Candidate::new(product_key, device_name, device_secret) }
        .and_then(|device| device.set_up())
        .map_err(Refused::logged);
    let (info, result) = match done {
        Ok(()) => (device::conn_info().cast(), 0),
        // Upstream does not touch `info_ptr` then.
        Err(Refused::Identity(auth::Error::Empty(_))) => return -1,
        Err(_) => (ptr::null_mut(), -1),
    };
    // SAFETY: it is writable, by the contract.
    unsafe { info_ptr.write(info) };
    result
}

/// As `IOT_SetupConnInfo`, with the identity of an ID2 security chip, for which the chip's vendor has the library.
/// This one is built without it.
///
/// @param info_ptr  receives `NULL`
/// @return -1; the log says what to call instead
///
/// # Safety
///
/// `info_ptr` is `NULL` or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_SetupConnInfoSecure(
    _product_key: *const c_char,
    _device_name: *const c_char,
    _device_secret: *const c_char,
    info_ptr: *mut *mut c_void,
) -> c_int {
    log::write(
        Level::Error,
        "IOT_SetupConnInfoSecure: this library is built without ID2; call IOT_SetupConnInfo",
        Value::None,
    );
    if !info_ptr.is_null() {
        // SAFETY: it is writable, by the contract.
        unsafe { info_ptr.write(ptr::null_mut()) };
    }
    -1
}

/// Chooses the region that `IOT_SetupConnInfo` connects to from now on.
///
/// @param domain_type  one of `iotx_cloud_domain_types_t`; any other number stands for Shanghai
#[unsafe(no_mangle)]
pub extern "C" fn IOT_SetupDomain(domain_type: c_int) {
    device::set_region(domain_type);
}
