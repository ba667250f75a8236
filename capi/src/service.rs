//! The update services behind the C interface: objects of two classes, whose layout C code knows, over CMP.
//!
//! An object is reached by pointer only, field by field: the application may look at it, and delete it in its callback.

use core::{
    ffi::{CStr, c_char, c_int, c_void},
    mem::{MaybeUninit, transmute},
    ptr, slice,
    sync::atomic::{AtomicPtr, Ordering},
};

use iotkit::{
    log::{Level, Value},
    services::ota::Kind,
};

use crate::{
    cmp::{
        self, Cmp, Listener, Pointer,
        ota::{End, Trouble},
    },
    hal::sys,
    handle::Guard,
    log,
    v2::{
        class_interface::{free, memory, zeroed},
        ctypes::va_list,
        iot_export_cmp::{
            IOTX_CMP_EVENT_TYPES, iotx_cmp_cota_parameter_t, iotx_cmp_event_msg_t,
            iotx_cmp_fota_parameter_t,
        },
        iot_export_cota::{
            config_ota_t, cota_t, handle_service_cota_callback_fp_t, service_cota_callback_type_t,
        },
        iot_export_fota::{
            fota_t, handle_service_fota_callback_fp_t, service_fota_callback_type_t, service_ota_t,
        },
    },
};

/// The longest version, without its NUL.
const VERSION_MAX: usize = 32;

/// A class is only read, and never written.
struct Class<T>(T);

// SAFETY: as above.
unsafe impl<T> Sync for Class<T> {}

static FIRMWARE: Class<fota_t> = Class(fota_t {
    size: size_of::<service_ota_t>(),
    _class_name: c"fota_cls".as_ptr().cast_mut(),
    ctor: Some(firmware_ctor),
    dtor: Some(firmware_dtor),
    start: Some(start),
    write: Some(write),
    end: Some(end),
    perform_ota_service: Some(perform_firmware),
    install_callback_function: Some(install_firmware),
});

static CONFIG: Class<cota_t> = Class(cota_t {
    size: size_of::<config_ota_t>(),
    _class_name: c"cota_cls".as_ptr().cast_mut(),
    ctor: Some(config_ctor),
    dtor: Some(config_dtor),
    get: Some(config_get),
    start: Some(start),
    write: Some(write),
    end: Some(end),
    perform_ota_service: Some(perform_config),
    install_callback_function: Some(install_config),
});

pub(crate) fn firmware_class() -> *const c_void {
    (&raw const FIRMWARE.0).cast()
}

pub(crate) fn config_class() -> *const c_void {
    (&raw const CONFIG.0).cast()
}

/// What is called in place of the program's end.
static RESTART: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

pub(crate) fn set_restart(restart: Option<unsafe extern "C" fn()>) {
    let restart = restart.map_or(ptr::null_mut(), |restart| restart as *mut c_void);
    RESTART.store(restart, Ordering::Relaxed);
}

unsafe extern "C" {
    /// `shim/restart.c`
    fn iotkit_restart();
}

fn restart() {
    let restart = RESTART.load(Ordering::Relaxed);
    // SAFETY: it is `NULL` or a function of this type, by the contract of `IOT_OTA_SetRestart`.
    unsafe {
        match transmute::<*mut c_void, Option<unsafe extern "C" fn()>>(restart) {
            Some(restart) => restart(),
            None => iotkit_restart(),
        }
    }
}

// What both classes have. For all of it, `object` is one of the class.

unsafe extern "C" fn start(_object: *mut c_void) {
    // SAFETY: there is nothing to keep to.
    unsafe { sys::HAL_Firmware_Persistence_Start() }
}

unsafe extern "C" fn write(_object: *mut c_void, data: *mut c_void, length: c_int) -> c_int {
    let Ok(length) = u32::try_from(length) else {
        return -1;
    };
    // SAFETY: the caller's promise is passed on.
    unsafe { sys::HAL_Firmware_Persistence_Write(data.cast(), length) }
}

unsafe extern "C" fn end(_object: *mut c_void) -> c_int {
    // SAFETY: there is nothing to keep to.
    unsafe { sys::HAL_Firmware_Persistence_Stop() }
}

/// Fetches what was announced and has the port store it; what `HAL_Firmware_Persistence_Stop` has said, or -1.
///
/// # Safety
///
/// `data` is `NULL`, or writable for `length` bytes.
unsafe fn perform(kind: Kind, data: *mut c_void, length: c_int, stored: impl Fn(usize)) -> c_int {
    let length = usize::try_from(length).unwrap_or(0);
    if data.is_null() || length < 2 {
        return fail("ota service: no buffer, or one of less than 2 bytes");
    }
    let Ok(cmp) = cmp::get() else {
        return fail("ota service: CMP has ended");
    };
    if !cmp.is_fetching() {
        return fail("ota service: nothing was announced");
    }
    // SAFETY: it is writable, by the contract.
    let buffer = unsafe { slice::from_raw_parts_mut(data.cast::<u8>(), length) };
    // SAFETY: there is nothing to keep to.
    unsafe { sys::HAL_Firmware_Persistence_Start() };
    loop {
        let Ok(fetched) = cmp.fetch(kind, buffer) else {
            return fail("ota service: not fetched");
        };
        let part = buffer.get_mut(..fetched.bytes).unwrap_or_default();
        // SAFETY: the bytes are there. A buffer is less than `c_int` can say.
        let refused = !part.is_empty()
            && unsafe {
                sys::HAL_Firmware_Persistence_Write(part.as_mut_ptr().cast(), part.len() as u32)
            } != 0;
        if refused {
            return not_stored(&cmp);
        }
        stored(fetched.bytes);
        match fetched.end {
            None => {}
            Some(End::Invalid) => return fail("ota service: not what was announced"),
            Some(End::Valid) => break,
        }
    }
    // SAFETY: there is nothing to keep to.
    match unsafe { sys::HAL_Firmware_Persistence_Stop() } {
        0 => 0,
        failed => {
            not_stored(&cmp);
            failed
        }
    }
}

fn not_stored(cmp: &Guard<Cmp>) -> c_int {
    cmp.report_trouble(Trouble::Storing);
    fail("ota service: the port has not stored it")
}

fn fail(why: &'static str) -> c_int {
    log::write(Level::Error, why, Value::None);
    -1
}

/// Whether the connection has come about, or is there again.
///
/// # Safety
///
/// `msg` is an event of CMP.
unsafe fn is_connected(msg: *mut iotx_cmp_event_msg_t) -> bool {
    const CONNECTED: u8 = IOTX_CMP_EVENT_TYPES::IOTX_CMP_EVENT_CLOUD_CONNECTED as u8;
    const RECONNECTED: u8 = IOTX_CMP_EVENT_TYPES::IOTX_CMP_EVENT_CLOUD_RECONNECT as u8;

    // SAFETY: it is an event, by the contract.
    matches!(unsafe { (*msg).event_id }, CONNECTED | RECONNECTED)
}

/// Reports the version that runs, and waits for updates.
///
/// # Safety
///
/// `version` has room for the longest one and its NUL.
unsafe fn begin(version: *mut c_char) -> Option<Guard<Cmp>> {
    let cmp = cmp::get().ok()?;
    // SAFETY: there is room, by the contract.
    unsafe {
        sys::HAL_GetFirmwareVesion(version);
        version.add(VERSION_MAX).write(0);
        cmp.start_updates(version).ok()?;
    }
    Some(cmp)
}

/// Replaces a text of an object by a copy of another.
///
/// # Safety
///
/// `field` is a field of an object, `text` a string or `NULL`.
unsafe fn replace(field: *mut *mut c_char, text: *const c_char) {
    // SAFETY: by the contract; what was there came from here.
    unsafe {
        free((*field).cast());
        *field = ptr::null_mut();
        if text.is_null() {
            return;
        }
        let bytes = CStr::from_ptr(text).to_bytes_with_nul();
        let copy = memory(bytes.len()).cast::<c_char>();
        if !copy.is_null() {
            copy.copy_from_nonoverlapping(bytes.as_ptr().cast(), bytes.len());
        }
        *field = copy;
    }
}

// Firmware.

unsafe extern "C" fn firmware_ctor(object: *mut c_void, _params: *mut va_list) -> *mut c_void {
    let it = object.cast::<service_ota_t>();
    let version = zeroed(1, VERSION_MAX + 1);
    if version.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: it is an object of the class.
    unsafe { (*it)._current_verison = version.cast() };
    join(firmware_event, object);
    object
}

unsafe extern "C" fn firmware_dtor(object: *mut c_void) -> *mut c_void {
    let it = object.cast::<service_ota_t>();
    // SAFETY: it is an object of the class.
    unsafe { (*it)._destructing = 1 };
    part(firmware_event, object);
    // SAFETY: as above; the texts came from `memory`.
    unsafe {
        replace(&raw mut (*it)._ota_version, ptr::null());
        replace(&raw mut (*it)._current_verison, ptr::null());
    }
    object
}

unsafe extern "C" fn firmware_event(
    _cmp: *mut c_void,
    msg: *mut iotx_cmp_event_msg_t,
    object: *mut c_void,
) {
    let it = object.cast::<service_ota_t>();
    // SAFETY: it is an object of the class, and the event is one.
    unsafe {
        if !is_connected(msg) || (*it)._ota_inited != 0 || (*it)._destructing != 0 {
            return;
        }
        let told = begin((*it)._current_verison)
            .is_some_and(|cmp| cmp.tell_of_firmware(firmware_announced, object).is_ok());
        (*it)._ota_inited = told.into();
    }
}

unsafe extern "C" fn firmware_announced(
    _cmp: *mut c_void,
    parameter: *mut iotx_cmp_fota_parameter_t,
    object: *mut c_void,
) {
    let it = object.cast::<service_ota_t>();
    // SAFETY: it is an object of the class, and what was announced is there. The callback is the application's.
    unsafe {
        replace(&raw mut (*it)._ota_version, (*parameter).version);
        let callback =
            transmute::<*mut c_void, handle_service_fota_callback_fp_t>((*it)._linkkit_callback_fp);
        if let Some(callback) = callback {
            let what =
                service_fota_callback_type_t::service_fota_callback_type_new_version_detected;
            callback(MaybeUninit::new(what), (*it)._ota_version);
        }
    }
}

unsafe extern "C" fn perform_firmware(
    object: *mut c_void,
    data: *mut c_void,
    length: c_int,
) -> c_int {
    let it = object.cast::<service_ota_t>();
    // SAFETY: it is an object of the class; the caller's promise about the buffer is passed on.
    let result = unsafe {
        (*it)._data_buf = data;
        (*it)._data_buf_length = length;
        (*it)._total_len = 0;
        perform(Kind::Firmware, data, length, |bytes| {
            (*it)._total_len = (*it)._total_len.wrapping_add(bytes as c_int);
        })
    };
    if result != 0 {
        return -1;
    }
    restart();
    0
}

unsafe extern "C" fn install_firmware(
    object: *mut c_void,
    callback: handle_service_fota_callback_fp_t,
) {
    let callback = callback.map_or(ptr::null_mut(), |callback| callback as *mut c_void);
    // SAFETY: it is an object of the class.
    unsafe { (*object.cast::<service_ota_t>())._linkkit_callback_fp = callback };
}

/// Has an object told of events.
fn join(
    event: unsafe extern "C" fn(*mut c_void, *mut iotx_cmp_event_msg_t, *mut c_void),
    object: *mut c_void,
) {
    let joined = cmp::init(Listener {
        function: Some(event),
        user_data: Pointer(object),
    });
    if joined.is_err() {
        log::write(
            Level::Error,
            "ota service: CMP does not begin: no updates",
            Value::None,
        );
    }
}

/// The end of that.
fn part(
    event: unsafe extern "C" fn(*mut c_void, *mut iotx_cmp_event_msg_t, *mut c_void),
    object: *mut c_void,
) {
    cmp::leave(event, object);
    if let Ok(cmp) = cmp::get() {
        cmp.forget_updates_of(object);
    }
}

// Remote configuration.

unsafe extern "C" fn config_ctor(object: *mut c_void, _params: *mut va_list) -> *mut c_void {
    let it = object.cast::<config_ota_t>();
    let version = zeroed(1, VERSION_MAX + 1);
    if version.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: it is an object of the class.
    unsafe { (*it)._current_verison = version.cast() };
    join(config_event, object);
    object
}

unsafe extern "C" fn config_dtor(object: *mut c_void) -> *mut c_void {
    let it = object.cast::<config_ota_t>();
    // SAFETY: it is an object of the class.
    unsafe { (*it)._destructing = 1 };
    part(config_event, object);
    // SAFETY: as above; the texts came from `memory`.
    unsafe {
        for field in [
            &raw mut (*it)._current_verison,
            &raw mut (*it)._req_configscope,
            &raw mut (*it)._req_gettype,
            &raw mut (*it)._req_attributekeys,
            &raw mut (*it)._rsp_configId,
            &raw mut (*it)._rsp_sign,
            &raw mut (*it)._rsp_signMethod,
            &raw mut (*it)._rsp_url,
            &raw mut (*it)._rsp_getType,
        ] {
            replace(field, ptr::null());
        }
    }
    object
}

unsafe extern "C" fn config_event(
    _cmp: *mut c_void,
    msg: *mut iotx_cmp_event_msg_t,
    object: *mut c_void,
) {
    let it = object.cast::<config_ota_t>();
    // SAFETY: it is an object of the class, and the event is one.
    unsafe {
        if !is_connected(msg) || (*it)._ota_inited != 0 || (*it)._destructing != 0 {
            return;
        }
        let told = begin((*it)._current_verison)
            .is_some_and(|cmp| cmp.tell_of_config(config_announced, object).is_ok());
        (*it)._ota_inited = told.into();
    }
}

unsafe extern "C" fn config_announced(
    _cmp: *mut c_void,
    parameter: *mut iotx_cmp_cota_parameter_t,
    object: *mut c_void,
) {
    let it = object.cast::<config_ota_t>();
    // SAFETY: it is an object of the class, and what was announced is there. The callback is the application's.
    unsafe {
        replace(&raw mut (*it)._rsp_configId, (*parameter).configId);
        replace(&raw mut (*it)._rsp_sign, (*parameter).sign);
        replace(&raw mut (*it)._rsp_signMethod, (*parameter).signMethod);
        replace(&raw mut (*it)._rsp_url, (*parameter).url);
        replace(&raw mut (*it)._rsp_getType, (*parameter).getType);
        (*it)._rsp_configSize = (*parameter).configSize;
        let callback =
            transmute::<*mut c_void, handle_service_cota_callback_fp_t>((*it)._linkkit_callback_fp);
        if let Some(callback) = callback {
            let what =
                service_cota_callback_type_t::service_cota_callback_type_new_version_detected;
            callback(
                MaybeUninit::new(what),
                (*it)._rsp_configId,
                (*it)._rsp_configSize,
                (*it)._rsp_getType,
                (*it)._rsp_sign,
                (*it)._rsp_signMethod,
                (*it)._rsp_url,
            );
        }
    }
}

unsafe extern "C" fn config_get(
    object: *mut c_void,
    scope: *const c_char,
    get_type: *const c_char,
    keys: *const c_char,
    _option: *mut c_void,
) -> c_int {
    let it = object.cast::<config_ota_t>();
    let Ok(cmp) = cmp::get() else { return -1 };
    // SAFETY: it is an object of the class; the caller's promise about the texts is passed on.
    unsafe {
        replace(&raw mut (*it)._req_configscope, scope);
        replace(&raw mut (*it)._req_gettype, get_type);
        replace(&raw mut (*it)._req_attributekeys, keys);
        cmp.ask_for_config(scope, get_type, keys).unwrap_or(-1)
    }
}

unsafe extern "C" fn perform_config(
    object: *mut c_void,
    data: *mut c_void,
    length: c_int,
) -> c_int {
    let it = object.cast::<config_ota_t>();
    // SAFETY: it is an object of the class; the caller's promise about the buffer is passed on.
    unsafe {
        (*it)._data_buf = data;
        (*it)._data_buf_length = length;
        (*it)._total_len = 0;
        perform(Kind::Config, data, length, |bytes| {
            (*it)._total_len = (*it)._total_len.wrapping_add(bytes as c_int);
        })
    }
}

unsafe extern "C" fn install_config(
    object: *mut c_void,
    callback: handle_service_cota_callback_fp_t,
) {
    let callback = callback.map_or(ptr::null_mut(), |callback| callback as *mut c_void);
    // SAFETY: it is an object of the class.
    unsafe { (*object.cast::<config_ota_t>())._linkkit_callback_fp = callback };
}
