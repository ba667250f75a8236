//! The archive, relinked as a shared library, and the table through which it reaches the simulator's `HAL_*`.
//!
//! A program with Rust's standard library cannot link the archive itself: each brings its own end of a panic and its own
//! allocator. As a library the archive keeps its own, so `HAL_Malloc` is what it allocates with, as on a device; and the
//! library under test can be exchanged: optimised, debug, or with a bug on purpose.

use std::{
    ffi::{c_char, c_int, c_void},
    path::Path,
};

use anyhow::{Context, Result};
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW, Symbol};

/// What the library calls; as `struct hal` in `shim/hal.c`.
#[repr(C)]
pub(crate) struct Hal {
    pub(crate) malloc: extern "C" fn(u32) -> *mut c_void,
    pub(crate) free: extern "C" fn(*mut c_void),
    pub(crate) mutex_create: extern "C" fn() -> *mut c_void,
    pub(crate) mutex_destroy: extern "C" fn(*mut c_void),
    pub(crate) mutex_lock: extern "C" fn(*mut c_void),
    pub(crate) mutex_unlock: extern "C" fn(*mut c_void),
    pub(crate) uptime: extern "C" fn() -> u64,
    pub(crate) sleep: extern "C" fn(u32),
    pub(crate) seed: extern "C" fn(u32),
    pub(crate) random: extern "C" fn(u32) -> u32,
    pub(crate) print: unsafe extern "C" fn(*const c_char),
    pub(crate) vendor: unsafe extern "C" fn(*mut c_char, c_int) -> c_int,
    pub(crate) establish: unsafe extern "C" fn(*const c_char, u16, *const c_char, usize) -> usize,
    pub(crate) destroy: extern "C" fn(usize, c_int) -> i32,
    pub(crate) write: unsafe extern "C" fn(usize, c_int, *const c_char, u32, u32) -> i32,
    pub(crate) read: unsafe extern "C" fn(usize, c_int, *mut c_char, u32, u32) -> i32,
}

/// A handler of events.
pub(crate) type Handler = unsafe extern "C" fn(*mut c_void, *mut c_void, *mut EventMessage);

/// `iotx_mqtt_param_t`.
#[repr(C)]
pub(crate) struct Params {
    pub(crate) port: u16,
    pub(crate) host: *const c_char,
    pub(crate) client_id: *const c_char,
    pub(crate) username: *const c_char,
    pub(crate) password: *const c_char,
    pub(crate) pub_key: *const c_char,
    pub(crate) clean_session: u8,
    pub(crate) request_timeout_ms: u32,
    pub(crate) keepalive_interval_ms: u32,
    pub(crate) pwrite_buf: *mut c_char,
    pub(crate) write_buf_size: u32,
    pub(crate) pread_buf: *mut c_char,
    pub(crate) read_buf_size: u32,
    pub(crate) handler: Option<Handler>,
    pub(crate) context: *mut c_void,
}

/// `iotx_mqtt_topic_info_t`.
#[repr(C)]
pub(crate) struct TopicInfo {
    pub(crate) packet_id: u16,
    pub(crate) qos: u8,
    pub(crate) dup: u8,
    pub(crate) retain: u8,
    pub(crate) topic_len: u16,
    pub(crate) payload_len: u16,
    pub(crate) topic: *const c_char,
    pub(crate) payload: *const c_char,
}

/// `iotx_mqtt_event_msg_t`.
#[repr(C)]
pub(crate) struct EventMessage {
    pub(crate) event: c_int,
    pub(crate) message: *mut c_void,
}

/// The functions under test, by what they do.
pub(crate) struct Api {
    pub(crate) construct: unsafe extern "C" fn(*mut Params) -> *mut c_void,
    pub(crate) destroy: unsafe extern "C" fn(*mut *mut c_void) -> c_int,
    pub(crate) run: extern "C" fn(*mut c_void, c_int) -> c_int,
    pub(crate) check: extern "C" fn(*mut c_void) -> c_int,
    pub(crate) disable_reconnect: extern "C" fn(*mut c_void) -> c_int,
    pub(crate) subscribe: unsafe extern "C" fn(
        *mut c_void,
        *const c_char,
        c_int,
        Option<Handler>,
        *mut c_void,
    ) -> c_int,
    pub(crate) unsubscribe: unsafe extern "C" fn(*mut c_void, *const c_char) -> c_int,
    pub(crate) publish: unsafe extern "C" fn(*mut c_void, *const c_char, *mut TopicInfo) -> c_int,
    pub(crate) setup: unsafe extern "C" fn(
        *const c_char,
        *const c_char,
        *const c_char,
        *mut *mut c_void,
    ) -> c_int,
    pub(crate) ota_init:
        unsafe extern "C" fn(*const c_char, *const c_char, *mut c_void) -> *mut c_void,
    pub(crate) ota_deinit: extern "C" fn(*mut c_void) -> c_int,
    pub(crate) ota_report: unsafe extern "C" fn(*mut c_void, *const c_char) -> c_int,
    pub(crate) ota_is_fetching: extern "C" fn(*mut c_void) -> c_int,
    pub(crate) ota_fetch: unsafe extern "C" fn(*mut c_void, *mut c_char, u32, u32) -> c_int,
    pub(crate) ota_ask: unsafe extern "C" fn(*mut c_void, c_int, *mut c_void, usize) -> c_int,
    pub(crate) ota_failure: extern "C" fn(*mut c_void) -> c_int,
    pub(crate) http_init: extern "C" fn() -> *mut c_void,
    pub(crate) http_auth: extern "C" fn(*mut c_void) -> c_int,
    pub(crate) http_send:
        unsafe extern "C" fn(*mut c_void, *mut c_char, u32, *mut c_char, u32, u32) -> c_int,
    pub(crate) http_disconnect: extern "C" fn(*mut c_void),
    pub(crate) http_deinit: unsafe extern "C" fn(*mut *mut c_void),
    pub(crate) open_log: unsafe extern "C" fn(*const c_char),
    pub(crate) log_level: extern "C" fn(c_int),
    /// Keeps the code where it is.
    _library: Library,
}

impl Api {
    /// Loads a library that `cargo xtask sim` has made, and gives it its HAL.
    pub(crate) fn load(path: &Path, hal: &Hal) -> Result<Self> {
        // SAFETY: loading runs nothing: the library has no constructors.
        let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) }
            .with_context(|| format!("loading {}", path.display()))?;
        // SAFETY: each symbol has the type that the headers give it, and that this structure says.
        unsafe {
            let bind: Symbol<unsafe extern "C" fn(*const Hal)> = library.get("IOT_sim_bind")?;
            bind(hal);
            Ok(Self {
                construct: *library.get("IOT_MQTT_Construct")?,
                destroy: *library.get("IOT_MQTT_Destroy")?,
                run: *library.get("IOT_MQTT_Yield")?,
                check: *library.get("IOT_MQTT_CheckStateNormal")?,
                disable_reconnect: *library.get("IOT_MQTT_Disable_Reconnect")?,
                subscribe: *library.get("IOT_MQTT_Subscribe")?,
                unsubscribe: *library.get("IOT_MQTT_Unsubscribe")?,
                publish: *library.get("IOT_MQTT_Publish")?,
                setup: *library.get("IOT_SetupConnInfo")?,
                ota_init: *library.get("IOT_OTA_Init")?,
                ota_deinit: *library.get("IOT_OTA_Deinit")?,
                ota_report: *library.get("IOT_OTA_ReportVersion")?,
                ota_is_fetching: *library.get("IOT_OTA_IsFetching")?,
                ota_fetch: *library.get("IOT_OTA_FetchYield")?,
                ota_ask: *library.get("IOT_OTA_Ioctl")?,
                ota_failure: *library.get("IOT_OTA_GetFailure")?,
                http_init: *library.get("IOT_sim_http_init")?,
                http_auth: *library.get("IOT_HTTP_DeviceNameAuth")?,
                http_send: *library.get("IOT_sim_http_send")?,
                http_disconnect: *library.get("IOT_HTTP_Disconnect")?,
                http_deinit: *library.get("IOT_HTTP_DeInit")?,
                open_log: *library.get("IOT_OpenLog")?,
                log_level: *library.get("IOT_SetLogLevel")?,
                _library: library,
            })
        }
    }
}
