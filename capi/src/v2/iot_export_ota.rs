//! `exports/iot_export_ota.h`: firmware updates, announced over MQTT or CoAP and fetched over
//! HTTPS.

use core::{
    ffi::{c_char, c_int, c_void},
    mem::MaybeUninit,
};

use super::ctypes::size_t;

/// Updates are announced over MQTT.
pub const OTA_CH_SIGNAL_MQTT: c_int = 0;
/// Updates are announced over CoAP.
pub const OTA_CH_SIGNAL_COAP: c_int = 1;
/// Updates are fetched over HTTPS.
pub const OTA_CH_FETCH_HTTP: c_int = 1;

/// Why a call failed: returned, and kept for `IOT_OTA_GetLastError`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IOT_OTA_Err_t {
    /// Sending a message failed.
    IOT_OTAE_OSC_FAILED = -7,
    /// No memory.
    IOT_OTAE_NOMEM = -6,
    /// The download failed.
    IOT_OTAE_FETCH_FAILED = -5,
    /// A text is too long.
    IOT_OTAE_STR_TOO_LONG = -4,
    /// Not possible in this state.
    IOT_OTAE_INVALID_STATE = -3,
    /// An argument is missing or out of range.
    IOT_OTAE_INVALID_PARAM = -2,
    /// Failure, for no reason listed here.
    IOT_OTAE_GENERAL = -1,
    /// Success.
    IOT_OTAE_NONE = 0,
}

/// The state of an update.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IOT_OTA_State_t {
    /// Not ready.
    IOT_OTAS_UNINITED = 0,
    /// Ready; no update has been announced.
    IOT_OTAS_INITED = 1,
    /// An update has been announced: fetch it.
    IOT_OTAS_FETCHING = 2,
    /// The update is fetched, or its download failed.
    IOT_OTAS_FETCHED = 3,
}

/// What to report: one of these, or any percentage between.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IOT_OTA_Progress_t {
    /// Storing the firmware failed.
    IOT_OTAP_BURN_FAILED = -4,
    /// The firmware is not what was announced.
    IOT_OTAP_CHECK_FALIED = -3,
    /// The download failed.
    IOT_OTAP_FETCH_FAILED = -2,
    /// Failure, for no reason listed here.
    IOT_OTAP_GENERAL_FAILED = -1,
    /// Begun.
    IOT_OTAP_FETCH_PERCENTAGE_MIN = 0,
    /// Complete.
    IOT_OTAP_FETCH_PERCENTAGE_MAX = 100,
}

/// What to ask about an update.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IOT_OTA_CmdType_t {
    /// Bytes fetched, a `uint32_t`.
    IOT_OTAG_FETCHED_SIZE = 0,
    /// Bytes announced, a `uint32_t`.
    IOT_OTAG_FILE_SIZE = 1,
    /// MD5 announced, hexadecimal text with its NUL: 33 bytes.
    IOT_OTAG_MD5SUM = 2,
    /// Version announced, a text.
    IOT_OTAG_VERSION = 3,
    /// Whether the firmware is what was announced: 1 or 0, a `uint32_t`.
    IOT_OTAG_CHECK_FIRMWARE = 4,
    /// Whether the configuration is what was announced: 1 or 0, a `uint32_t`.
    IOT_OTAG_CHECK_CONFIG = 5,
}

unsafe extern "C" {
    /// Waits for announcements from now on.
    ///
    /// @param product_key  product key; copied
    /// @param device_name  device name; copied
    /// @param ch_signal    the MQTT client or CoAP connection, which must outlive the handle
    /// @return a handle for the other functions; `NULL` if an argument is missing, memory is short
    ///         or subscribing failed
    pub fn IOT_OTA_Init(
        product_key: *const c_char,
        device_name: *const c_char,
        ch_signal: *mut c_void,
    ) -> *mut c_void;

    /// Ends an update, in whatever state, and frees the handle.
    ///
    /// @param handle  the handle
    /// @return 0; -2 if there is no such handle
    pub fn IOT_OTA_Deinit(handle: *mut c_void) -> c_int;

    /// Reports the version that runs. Do so once after connecting: the platform announces an update
    /// only to devices whose version it knows.
    ///
    /// @param handle   the handle
    /// @param version  1 to 32 characters
    /// @return 0; -1 on failure, `IOT_OTA_GetLastError` says why; -2 an argument is `NULL`
    pub fn IOT_OTA_ReportVersion(handle: *mut c_void, version: *const c_char) -> c_int;

    /// Asks whether there is an update.
    ///
    /// @param handle   the handle
    /// @param version  the version that runs, 1 to 32 characters
    /// @return 0; -1 on failure, `IOT_OTA_GetLastError` says why; -2 an argument is `NULL`
    pub fn IOT_OTA_RequestImage(handle: *mut c_void, version: *const c_char) -> c_int;

    /// Reports how far an update is.
    ///
    /// @param handle    the handle
    /// @param progress  -4 to 100, see `IOT_OTA_Progress_t`
    /// @param msg       a remark; may be `NULL`
    /// @return 0, or a negative `IOT_OTA_Err_t`
    pub fn IOT_OTA_ReportProgress(
        handle: *mut c_void,
        progress: MaybeUninit<IOT_OTA_Progress_t>,
        msg: *const c_char,
    ) -> c_int;

    /// Asks for the device's remote configuration, which is then announced like a firmware.
    ///
    /// @param handle         the handle
    /// @param configScope    `"product"`
    /// @param getType        `"file"`
    /// @param attributeKeys  `""`
    /// @return 0; negative on failure
    pub fn IOT_OTA_GetConfig(
        handle: *mut c_void,
        configScope: *const c_char,
        getType: *const c_char,
        attributeKeys: *const c_char,
    ) -> c_int;

    /// Whether an update has been announced and is not fetched yet.
    ///
    /// @param handle  the handle
    /// @return 1 or 0
    pub fn IOT_OTA_IsFetching(handle: *mut c_void) -> c_int;

    /// Whether an update is fetched, or its download failed.
    ///
    /// @param handle  the handle
    /// @return 1 or 0
    pub fn IOT_OTA_IsFetchFinish(handle: *mut c_void) -> c_int;

    /// Fetches the next part of an update.
    ///
    /// @param handle     the handle
    /// @param buf        receives the part, followed by a NUL
    /// @param buf_len    size of `buf`: one more than the part may have
    /// @param timeout_s  how long to wait for it, in seconds
    /// @return bytes received; -1 the download failed; -2 an argument is missing; -3 there is
    ///         nothing to fetch
    pub fn IOT_OTA_FetchYield(
        handle: *mut c_void,
        buf: *mut c_char,
        buf_len: u32,
        timeout_s: u32,
    ) -> c_int;

    /// Asks about an update.
    ///
    /// @param handle   the handle
    /// @param type     what; see there for the type of the answer
    /// @param buf      receives the answer; a text is cut to fit
    /// @param buf_len  size of `buf`
    /// @return 0; -1 no such question, or not in this state; -2 an argument is missing; -3 no
    ///         update has been announced
    pub fn IOT_OTA_Ioctl(
        handle: *mut c_void,
        r#type: MaybeUninit<IOT_OTA_CmdType_t>,
        buf: *mut c_void,
        buf_len: size_t,
    ) -> c_int;

    /// Why a call on this handle failed last. Success does not clear it.
    ///
    /// @param handle  the handle
    /// @return an `IOT_OTA_Err_t`
    pub fn IOT_OTA_GetLastError(handle: *mut c_void) -> c_int;
}
