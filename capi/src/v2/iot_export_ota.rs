//! `exports/iot_export_ota.h`: firmware updates, announced over MQTT or CoAP and fetched over
//! HTTPS.

use core::{
    ffi::{CStr, c_char, c_int, c_void},
    mem::MaybeUninit,
    slice,
};

use iotkit::{
    log::{Level, Value},
    services::ota::{self as ota_message, Kind, Outgoing, Payload, Phase, config_query},
};

use self::IOT_OTA_Err_t::*;
use super::{ctypes::size_t, number};
use crate::{
    handle::Guard,
    log,
    ota::{self, Step, UPDATES, Update},
};

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

/// Waits for announcements from now on.
///
/// Subscribes to four topics and does not wait for the answers; a client that is not connected cannot do that.
///
/// @param product_key  up to `PRODUCT_KEY_LEN` characters; copied
/// @param device_name  up to `DEVICE_NAME_LEN` characters; copied
/// @param ch_signal    the MQTT client; it may go before the handle does, which then hears nothing any more
/// @return a handle for the other functions; `NULL` if an argument is missing, too long or no client, memory is
///         short, 8 handles are in use, or subscribing failed: the log says which
///
/// # Safety
///
/// The strings are `NULL` or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_OTA_Init(
    product_key: *const c_char,
    device_name: *const c_char,
    ch_signal: *mut c_void,
) -> *mut c_void {
    // SAFETY: they are `NULL` or strings, by the contract.
    let started = match unsafe { (text(product_key), text(device_name)) } {
        (Ok(key), Ok(name)) => Update::start(key.to_bytes(), name.to_bytes(), ch_signal),
        _ => Err("ota: product key or device name is NULL"),
    };
    started.unwrap_or_else(|why| {
        log::write(Level::Error, why, Value::None);
        core::ptr::null_mut()
    })
}

/// Ends an update, in whatever state, and frees the handle. A download ends, and its connection is closed.
///
/// Nothing is sent: a persistent session of the client goes on queueing announcements for the next handle. A call on
/// another thread ends first, or frees the handle when it does.
///
/// @param handle  the handle
/// @return 0; -2 if there is no such handle
#[unsafe(no_mangle)]
pub extern "C" fn IOT_OTA_Deinit(handle: *mut c_void) -> c_int {
    if ota::end(handle) {
        0
    } else {
        IOT_OTAE_INVALID_PARAM as c_int
    }
}

/// Reports the version that runs. Do so once after connecting: the platform announces an update
/// only to devices whose version it knows. (Topic `/ota/device/inform`, QoS 1.)
///
/// @param handle   the handle
/// @param version  1 to 32 bytes
/// @return 0; -1 on failure, `IOT_OTA_GetLastError` says why; -2 an argument is `NULL`
///
/// # Safety
///
/// `version` is `NULL` or a NUL-terminated string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_OTA_ReportVersion(
    handle: *mut c_void,
    version: *const c_char,
) -> c_int {
    answer(|| {
        let update = get(handle)?;
        // SAFETY: it is `NULL` or a string, by the contract.
        let version = unsafe { text(version) }?;
        inform(&update, Outgoing::Inform, version)
    })
}

/// Asks whether there is an update. (Topic `/ota/device/request`, QoS 1.)
///
/// @param handle   the handle
/// @param version  the version that runs, 1 to 32 bytes
/// @return 0; -1 on failure, `IOT_OTA_GetLastError` says why; -2 an argument is `NULL`
///
/// # Safety
///
/// `version` is `NULL` or a NUL-terminated string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_OTA_RequestImage(
    handle: *mut c_void,
    version: *const c_char,
) -> c_int {
    answer(|| {
        let update = get(handle)?;
        // SAFETY: it is `NULL` or a string, by the contract.
        let version = unsafe { text(version) }?;
        not_fetching(&update)?;
        inform(&update, Outgoing::Request, version)
    })
}

/// Reports how far an update is, also when none was announced. (Topic `/ota/device/progress`, QoS 0.)
///
/// @param handle    the handle
/// @param progress  -4 to 100, see `IOT_OTA_Progress_t`
/// @param msg       a remark; may be `NULL`
/// @return 0; -1 a number out of range; -2 no such handle; -4 the remark is too long, some 220 bytes; -7 not sent
///
/// # Safety
///
/// `msg` is `NULL` or a NUL-terminated string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_OTA_ReportProgress(
    handle: *mut c_void,
    progress: MaybeUninit<IOT_OTA_Progress_t>,
    msg: *const c_char,
) -> c_int {
    answer(|| {
        let update = get(handle)?;
        // SAFETY: the caller passed a number, and `NULL` or a string, by the contract.
        let (step, remark) = unsafe { (number(progress), text(msg)) };
        let step = i8::try_from(step)
            .ok()
            .filter(|step| (-4..=100).contains(step))
            .ok_or_else(|| fail(&update, IOT_OTAE_INVALID_PARAM, IOT_OTAE_GENERAL))?;
        let remark = remark.map_or(&[][..], CStr::to_bytes);
        let mut payload = Payload::new();
        ota_message::progress(&mut payload, step, remark)
            .map_err(|_| fail(&update, IOT_OTAE_STR_TOO_LONG, IOT_OTAE_STR_TOO_LONG))?;
        publish(&update, Outgoing::Progress, &payload, IOT_OTAE_OSC_FAILED)
    })
}

/// Asks for the device's remote configuration, which is then announced like a firmware. (Topic
/// `/sys/.../thing/config/get`, QoS 0.)
///
/// @param handle         the handle
/// @param configScope    `"product"`
/// @param getType        `"file"`
/// @param attributeKeys  `""`
/// @return 0; -1 an image is being fetched; -2 an argument is `NULL`; -4 the arguments are too long, 141 bytes together;
///         -7 not sent
///
/// # Safety
///
/// The strings are `NULL` or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_OTA_GetConfig(
    handle: *mut c_void,
    configScope: *const c_char,
    getType: *const c_char,
    attributeKeys: *const c_char,
) -> c_int {
    answer(|| {
        let update = get(handle)?;
        // SAFETY: they are `NULL` or strings, by the contract.
        let (scope, get_type, keys) =
            unsafe { (text(configScope)?, text(getType)?, text(attributeKeys)?) };
        not_fetching(&update)?;
        let mut query = Payload::new();
        config_query(
            &mut query,
            scope.to_bytes(),
            get_type.to_bytes(),
            keys.to_bytes(),
        )
        .map_err(|_| fail(&update, IOT_OTAE_STR_TOO_LONG, IOT_OTAE_STR_TOO_LONG))?;
        publish(&update, Outgoing::ConfigGet, &query, IOT_OTAE_OSC_FAILED)
    })
}

/// Whether an update has been announced and is not fetched yet.
///
/// @param handle  the handle
/// @return 1 or 0
#[unsafe(no_mangle)]
pub extern "C" fn IOT_OTA_IsFetching(handle: *mut c_void) -> c_int {
    UPDATES
        .get(handle)
        .is_ok_and(|update| update.phase() == Phase::Fetching)
        .into()
}

/// Whether an update is fetched, or its download failed.
///
/// @param handle  the handle
/// @return 1 or 0
#[unsafe(no_mangle)]
pub extern "C" fn IOT_OTA_IsFetchFinish(handle: *mut c_void) -> c_int {
    UPDATES
        .get(handle)
        .is_ok_and(|update| update.phase() == Phase::Fetched)
        .into()
}

/// Fetches the next part of an update. Any thread, and inside a handler of the MQTT client.
///
/// Returns when the buffer is full, the image is complete or the time is up; only connecting, for which the HAL has no
/// limit, may take longer. A connection that breaks is made again, and the download goes on where it was; after some
/// two minutes without a byte it has failed. A server that answers with anything but the image has, too
/// (`IOT_OTA_GetFailure` says why). The first call of a download reports progress 0.
///
/// @param handle     the handle
/// @param buf        receives the part, followed by a NUL
/// @param buf_len    size of `buf`: one more than the part may have; at least 2
/// @param timeout_s  how long to wait for it, in seconds; 0 looks once
/// @return bytes received, each byte of the image once; 0 none came, and the download goes on; -1 the download
///         failed; -2 an argument is missing; -3 there is nothing to fetch
///
/// # Safety
///
/// `buf` is `NULL`, or writable for `buf_len` bytes that nobody else touches.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_OTA_FetchYield(
    handle: *mut c_void,
    buf: *mut c_char,
    buf_len: u32,
    timeout_s: u32,
) -> c_int {
    /// What a `c_int` can say.
    const LEN_MAX: u32 = i32::MAX as u32;
    /// As far as moments compare.
    const TIMEOUT_MAX: u32 = u32::MAX / 2;

    answer(|| {
        let update = get(handle)?;
        if buf.is_null() || buf_len < 2 {
            return Err(IOT_OTAE_INVALID_PARAM);
        }
        let len = buf_len.min(LEN_MAX) as usize;
        let timeout = timeout_s.saturating_mul(1000).min(TIMEOUT_MAX);
        // SAFETY: it is the application's, and writable, by the contract.
        let buf = unsafe { slice::from_raw_parts_mut(buf.cast::<u8>(), len) };
        let Some((_, room)) = buf.split_last_mut() else {
            return Err(IOT_OTAE_INVALID_PARAM);
        };
        match update.fetch(room, timeout) {
            Step::Bytes(count) => {
                if let Some(behind) = buf.get_mut(count) {
                    *behind = 0;
                }
                Ok(count as c_int) // at most LEN_MAX
            }
            Step::Failed => Err(IOT_OTAE_GENERAL),
            Step::Idle => Err(IOT_OTAE_INVALID_STATE),
        }
    })
}

/// Asks about an update: the present one, or the last.
///
/// @param handle   the handle
/// @param type     what; see there for the type of the answer
/// @param buf      receives the answer; a text is cut to fit, and NULs fill the rest
/// @param buf_len  size of `buf`
/// @return 0; -1 no such question, not in this state, or a number does not fit `buf`; -2 an argument is missing; -3 no
///         update has been announced
///
/// # Safety
///
/// `buf` is `NULL`, or writable for `buf_len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_OTA_Ioctl(
    handle: *mut c_void,
    r#type: MaybeUninit<IOT_OTA_CmdType_t>,
    buf: *mut c_void,
    buf_len: size_t,
) -> c_int {
    const FETCHED_SIZE: c_int = IOT_OTA_CmdType_t::IOT_OTAG_FETCHED_SIZE as c_int;
    const FILE_SIZE: c_int = IOT_OTA_CmdType_t::IOT_OTAG_FILE_SIZE as c_int;
    const MD5SUM: c_int = IOT_OTA_CmdType_t::IOT_OTAG_MD5SUM as c_int;
    const VERSION: c_int = IOT_OTA_CmdType_t::IOT_OTAG_VERSION as c_int;
    const CHECK_FIRMWARE: c_int = IOT_OTA_CmdType_t::IOT_OTAG_CHECK_FIRMWARE as c_int;
    const CHECK_CONFIG: c_int = IOT_OTA_CmdType_t::IOT_OTAG_CHECK_CONFIG as c_int;

    answer(|| {
        let update = get(handle)?;
        if buf.is_null() || buf_len == 0 {
            return Err(IOT_OTAE_INVALID_PARAM);
        }
        if update.phase() == Phase::Idle {
            return Err(fail(
                &update,
                IOT_OTAE_INVALID_STATE,
                IOT_OTAE_INVALID_STATE,
            ));
        }
        let invalid = || fail(&update, IOT_OTAE_INVALID_PARAM, IOT_OTAE_GENERAL);
        let put = |value: u32| {
            let buf = buf.cast::<u32>();
            if buf_len != size_of::<u32>() || !buf.is_aligned() {
                return Err(invalid());
            }
            // SAFETY: it is writable, by the contract, for these bytes, and aligned.
            unsafe { buf.write(value) };
            Ok(0)
        };
        let check = |kind| {
            let (phase, valid) = update.look(|ota| (ota.phase(), ota.is_valid(kind)));
            put(valid.into())?;
            if phase == Phase::Fetched {
                Ok(0)
            } else {
                Err(fail(&update, IOT_OTAE_INVALID_STATE, IOT_OTAE_GENERAL))
            }
        };
        // SAFETY: the caller passed a number.
        match unsafe { number(r#type) } {
            FETCHED_SIZE => put(update.look(|ota| ota.fetched())),
            FILE_SIZE => put(update.look(|ota| ota.size())),
            CHECK_FIRMWARE => check(Kind::Firmware),
            CHECK_CONFIG => check(Kind::Config),
            question @ (MD5SUM | VERSION) => {
                // SAFETY: it is writable, by the contract; it is zeroed before it is looked at.
                let room = unsafe {
                    buf.cast::<u8>().write_bytes(0, buf_len);
                    slice::from_raw_parts_mut(buf.cast::<u8>(), buf_len)
                };
                update.look(|ota| {
                    let text = if question == MD5SUM {
                        ota.md5()
                    } else {
                        ota.version()
                    };
                    let room = room
                        .split_last_mut()
                        .map_or(&mut [][..], |(_nul, room)| room);
                    room.iter_mut()
                        .zip(text.to_bytes())
                        .for_each(|(to, byte)| *to = *byte);
                });
                Ok(0)
            }
            _ => Err(invalid()),
        }
    })
}

/// Why a call on this handle failed last. Success does not clear it.
///
/// @param handle  the handle
/// @return an `IOT_OTA_Err_t`, 0 as long as none has failed; -2 if there is no such handle
#[unsafe(no_mangle)]
pub extern "C" fn IOT_OTA_GetLastError(handle: *mut c_void) -> c_int {
    answer(|| Ok(get(handle)?.last_error() as c_int))
}

/// The number for a result.
fn answer(body: impl FnOnce() -> Result<c_int, IOT_OTA_Err_t>) -> c_int {
    body().unwrap_or_else(|error| error as c_int)
}

fn get(handle: *mut c_void) -> Result<Guard<Update>, IOT_OTA_Err_t> {
    UPDATES.get(handle).map_err(|_| IOT_OTAE_INVALID_PARAM)
}

/// Keeps `error` as the last one, and says `returned`.
fn fail(update: &Update, error: IOT_OTA_Err_t, returned: IOT_OTA_Err_t) -> IOT_OTA_Err_t {
    update.set_last_error(error);
    returned
}

fn inform(update: &Update, topic: Outgoing, version: &CStr) -> Result<c_int, IOT_OTA_Err_t> {
    let mut message = Payload::new();
    ota_message::inform(&mut message, version.to_bytes())
        .map_err(|_| fail(update, IOT_OTAE_INVALID_PARAM, IOT_OTAE_GENERAL))?;
    publish(update, topic, &message, IOT_OTAE_GENERAL)
}

/// Publishes to the platform; says `returned` if that fails.
fn publish(
    update: &Update,
    topic: Outgoing,
    payload: &Payload,
    returned: IOT_OTA_Err_t,
) -> Result<c_int, IOT_OTA_Err_t> {
    update
        .publish(topic, payload.as_bytes())
        .map_err(|_| fail(update, IOT_OTAE_OSC_FAILED, returned))?;
    Ok(0)
}

/// Turns down what must wait until an image is there.
fn not_fetching(update: &Update) -> Result<(), IOT_OTA_Err_t> {
    if update.phase() == Phase::Fetching {
        return Err(fail(update, IOT_OTAE_INVALID_STATE, IOT_OTAE_GENERAL));
    }
    Ok(())
}

/// # Safety
///
/// `text` is `NULL`, or a string for as long as `'a`.
unsafe fn text<'a>(text: *const c_char) -> Result<&'a CStr, IOT_OTA_Err_t> {
    if text.is_null() {
        return Err(IOT_OTAE_INVALID_PARAM);
    }
    // SAFETY: it is a string, by the contract.
    Ok(unsafe { CStr::from_ptr(text) })
}
