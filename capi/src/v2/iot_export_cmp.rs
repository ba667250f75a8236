//! `exports/iot_export_cmp.h`: messages by URI instead of by topic, over one connection that the
//! whole process shares.

use core::{
    ffi::{CStr, c_char, c_int, c_uint, c_void},
    mem::MaybeUninit,
};
#[cfg(feature = "service-ota")]
use core::{mem::transmute, slice};

use iotkit::services::cmp::{Outgoing, Shape, Tree};
#[cfg(feature = "service-ota")]
use iotkit::services::ota::Kind;

use super::number;
#[cfg(feature = "service-ota")]
use crate::cmp::ota::{ConfigFunction, End, FirmwareFunction, NotFetched};
use crate::{
    cmp::{self, Failed, Listener, Pointer, Taker},
    entry::{bytes, text},
};

/// Room for a product key and its NUL.
pub const CMP_PRODUCT_KEY_LEN: usize = 21;
/// Room for a device name and its NUL.
pub const CMP_DEVICE_NAME_LEN: usize = 33;
/// Room for a device secret and its NUL.
pub const CMP_DEVICE_SECRET_LEN: usize = 65;
/// Room for a device id and its NUL.
pub const CMP_DEVICE_ID_LEN: usize = 65;
/// Room for a topic and its NUL.
pub const CMP_TOPIC_LEN_MAX: usize = 256;

/// Has no effect: `IOT_SetupDomain` chooses the region.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IOTX_CMP_CLOUD_DOMAIN_TYPES {
    /// Shanghai.
    IOTX_CMP_CLOUD_DOMAIN_SH = 0,
    /// Singapore.
    IOTX_CMP_CLOUD_DOMAIN_SG = 1,
    /// Japan.
    IOTX_CMP_CLOUD_DOMAIN_JP = 2,
    /// United States.
    IOTX_CMP_CLOUD_DOMAIN_US = 3,
    /// Germany.
    IOTX_CMP_CLOUD_DOMAIN_GER = 4,
    /// The number of values.
    IOTX_CMP_CLOUD_DOMAIN_MAX = 5,
}

/// Has no effect: `IOT_SetupDomain` chooses the region.
pub type iotx_cmp_cloud_domain_types_t = IOTX_CMP_CLOUD_DOMAIN_TYPES;

/// What the RT-Thread package's header calls United States.
pub const IOTX_CMP_CLOUD_DOMAIN_USA: c_int = 1;

/// Whether the platform acknowledges a message.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IOTX_CMP_MESSAGE_ACK_TYPES {
    /// No: QoS 0.
    IOTX_CMP_MESSAGE_NO_ACK = 0,
    /// Yes: QoS 1.
    IOTX_CMP_MESSAGE_NEED_ACK = 1,
    /// The number of values.
    IOTX_CMP_MESSAGE_ACK_MAX = 2,
}

/// Whether the platform acknowledges a message.
pub type iotx_cmp_message_ack_types_t = IOTX_CMP_MESSAGE_ACK_TYPES;

/// What happened.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IOTX_CMP_EVENT_TYPES {
    /// Connected for the first time. `msg` is `NULL`.
    IOTX_CMP_EVENT_CLOUD_CONNECTED = 0,
    /// The connection was lost. `msg` is `NULL`.
    IOTX_CMP_EVENT_CLOUD_DISCONNECT = 1,
    /// Connected again. `msg` is `NULL`.
    IOTX_CMP_EVENT_CLOUD_RECONNECT = 2,
    /// Never raised.
    IOTX_CMP_EVENT_FOUND_DEVICE = 10,
    /// Never raised.
    IOTX_CMP_EVENT_REMOVE_DEVICE = 11,
    /// A registration succeeded or failed. `msg` is an `iotx_cmp_event_result_t *`.
    IOTX_CMP_EVENT_REGISTER_RESULT = 20,
    /// An unregistration succeeded or failed. `msg` is an `iotx_cmp_event_result_t *`.
    IOTX_CMP_EVENT_UNREGISTER_RESULT = 21,
    /// Sending failed. `msg` is an `iotx_cmp_event_result_t *`.
    IOTX_CMP_EVENT_SEND_RESULT = 22,
    /// Never raised: messages go to the functions registered for their URIs.
    IOTX_CMP_EVENT_NEW_DATA_RECEIVED = 30,
    /// One more than the last value.
    IOTX_CMP_EVENT_MAX = 31,
}

/// What happened.
pub type iotx_cmp_event_types_t = IOTX_CMP_EVENT_TYPES;

/// What stands before a URI to make it a topic.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IOTX_CMP_URI_TYPES {
    /// `/sys/{product key}/{device name}/`.
    IOTX_CMP_URI_SYS = 1,
    /// `/ext/{product key}/{device name}/`.
    IOTX_CMP_URI_EXT = 2,
    /// Nothing.
    IOTX_CMP_URI_UNDEFINE = 3,
    /// One more than the last value.
    IOTX_CMP_URI_MAX = 4,
}

/// What stands before a URI to make it a topic.
pub type iotx_cmp_uri_types_t = IOTX_CMP_URI_TYPES;

/// What a payload is.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IOTX_CMP_PAYLOAD_TYPE {
    /// Bytes, sent as they are.
    IOTX_CMP_MESSAGE_RAW = 1,
    /// The parameters of a request, to which id and method are added.
    IOTX_CMP_MESSAGE_REQUEST = 2,
    /// The data of an answer, to which id and code are added.
    IOTX_CMP_MESSAGE_RESPONSE = 3,
    /// One more than the last value.
    IOTX_CMP_PAYLOAD_MAX = 4,
}

/// What a payload is.
pub type iotx_cmp_message_types_t = IOTX_CMP_PAYLOAD_TYPE;

/// Which secret the device has at first.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IOTX_CMP_DEVICE_SECRET_TYPES {
    /// Its product's; its own comes from the platform.
    IOTX_CMP_DEVICE_SECRET_PRODUCT = 0,
    /// Its own.
    IOTX_CMP_DEVICE_SECRET_DEVICE = 1,
    /// The number of values.
    IOTX_CMP_DEVICE_SECRET_TYPES_MAX = 2,
}

/// Which secret the device has at first.
pub type iotx_cmp_device_secret_types_t = IOTX_CMP_DEVICE_SECRET_TYPES;

/// What is fetched.
#[cfg(feature = "service-ota")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IOTX_CMP_OTA_TYPE {
    /// A firmware.
    IOTX_CMP_OTA_TYPE_FOTA = 1,
    /// A configuration.
    IOTX_CMP_OTA_TYPE_COTA = 2,
    /// One more than the last value.
    IOTX_CMP_OTA_TYPE_MAX = 3,
}

/// What is fetched.
#[cfg(feature = "service-ota")]
pub type iotx_cmp_ota_types_t = IOTX_CMP_OTA_TYPE;

/// A device.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct iotx_cmp_event_device_t {
    /// Product key.
    pub product_key: [c_char; 22],
    /// Device name.
    pub device_name: [c_char; 34],
}

layout!(iotx_cmp_event_device_t = 56 { product_key: 0, device_name: 22 });

/// A device.
pub type iotx_cmp_event_device_pt = *mut iotx_cmp_event_device_t;

/// How an operation ended.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct iotx_cmp_event_result_t {
    /// 0, or -1 on failure.
    pub result: i8,
    /// The URI; a topic if `URI_type` is 0.
    pub URI: *mut c_char,
    /// What stands before it.
    pub URI_type: MaybeUninit<iotx_cmp_uri_types_t>,
}

layout!(iotx_cmp_event_result_t = 24 { result: 0, URI: 8, URI_type: 16 });

/// How an operation ended.
pub type iotx_cmp_event_result_pt = *mut iotx_cmp_event_result_t;

/// What an event handler is told.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct iotx_cmp_event_msg_t {
    /// An `iotx_cmp_event_types_t`.
    pub event_id: u8,
    /// More about it; its type depends on `event_id`.
    pub msg: *mut c_void,
}

layout!(iotx_cmp_event_msg_t = 16 { event_id: 0, msg: 8 });

/// What an event handler is told.
pub type iotx_cmp_event_msg_pt = *mut iotx_cmp_event_msg_t;

/// The device a message comes from or goes to: always the own one.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct iotx_cmp_send_peer_t {
    /// Product key.
    pub product_key: [c_char; 22],
    /// Device name.
    pub device_name: [c_char; 34],
}

layout!(iotx_cmp_send_peer_t = 56 { product_key: 0, device_name: 22 });

/// The device a message comes from or goes to.
pub type iotx_cmp_send_peer_pt = *mut iotx_cmp_send_peer_t;

/// A message.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct iotx_cmp_message_info_t {
    /// Its id; sending replaces 0 by a new one.
    pub id: c_int,
    /// Whether the platform acknowledges it.
    pub ack_type: MaybeUninit<iotx_cmp_message_ack_types_t>,
    /// The URI.
    pub URI: *mut c_char,
    /// What stands before it.
    pub URI_type: MaybeUninit<iotx_cmp_uri_types_t>,
    /// Code of an answer.
    pub code: c_uint,
    /// Method of a request.
    pub method: *mut c_char,
    /// The payload.
    pub parameter: *mut c_void,
    /// Its length in bytes.
    pub parameter_length: c_uint,
    /// What the payload is.
    pub message_type: MaybeUninit<iotx_cmp_message_types_t>,
}

layout!(iotx_cmp_message_info_t = 48 {
    id: 0, ack_type: 4, URI: 8, URI_type: 16, code: 20, method: 24, parameter: 32,
    parameter_length: 40, message_type: 44,
});

/// A message.
pub type iotx_cmp_message_info_pt = *mut iotx_cmp_message_info_t;

/// A message that arrived, and from whom.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct iotx_cmp_new_data_t {
    /// From whom.
    pub peer: iotx_cmp_send_peer_pt,
    /// The message.
    pub message_info: iotx_cmp_message_info_pt,
}

layout!(iotx_cmp_new_data_t = 16 { peer: 0, message_info: 8 });

/// A message that arrived, and from whom.
pub type iotx_cmp_new_data_pt = *mut iotx_cmp_new_data_t;

/// A handler of events.
///
/// @param pcontext   for the library
/// @param msg        what happened; valid during the call
/// @param user_data  what was given with the handler
pub type iotx_cmp_event_handle_func_fpt = Option<
    unsafe extern "C" fn(pcontext: *mut c_void, msg: iotx_cmp_event_msg_pt, user_data: *mut c_void),
>;

/// A handler of messages.
///
/// @param source     from whom
/// @param msg        the message; both are valid during the call
/// @param user_data  what was given with the handler
pub type iotx_cmp_register_func_fpt = Option<
    unsafe extern "C" fn(
        source: iotx_cmp_send_peer_pt,
        msg: iotx_cmp_message_info_pt,
        user_data: *mut c_void,
    ),
>;

/// How to connect, and who is told what happens.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct iotx_cmp_init_param_t {
    /// Which secret the device has.
    pub secret_type: MaybeUninit<iotx_cmp_device_secret_types_t>,
    /// No effect.
    pub domain_type: MaybeUninit<iotx_cmp_cloud_domain_types_t>,
    /// Is told; may be `NULL`.
    pub event_func: iotx_cmp_event_handle_func_fpt,
    /// Passed to `event_func`.
    pub user_data: *mut c_void,
}

layout!(iotx_cmp_init_param_t = 24 {
    secret_type: 0, domain_type: 4, event_func: 8, user_data: 16,
});

/// How to connect, and who is told what happens.
pub type iotx_cmp_init_param_pt = *mut iotx_cmp_init_param_t;

/// Which messages to receive.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct iotx_cmp_register_param_t {
    /// The URI; copied.
    pub URI: *mut c_char,
    /// What stands before it.
    pub URI_type: MaybeUninit<iotx_cmp_uri_types_t>,
    /// What their payload is.
    pub message_type: MaybeUninit<iotx_cmp_message_types_t>,
    /// Is told each message; may be `NULL`.
    pub register_func: iotx_cmp_register_func_fpt,
    /// Passed to `register_func`.
    pub user_data: *mut c_void,
    /// Not used.
    pub mail_box: *mut c_void,
}

layout!(iotx_cmp_register_param_t = 40 {
    URI: 0, URI_type: 8, message_type: 12, register_func: 16, user_data: 24, mail_box: 32,
});

/// Which messages to receive.
pub type iotx_cmp_register_param_pt = *mut iotx_cmp_register_param_t;

/// Which messages not to receive any more.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct iotx_cmp_unregister_param_t {
    /// The URI.
    pub URI: *mut c_char,
    /// What stands before it.
    pub URI_type: MaybeUninit<iotx_cmp_uri_types_t>,
}

layout!(iotx_cmp_unregister_param_t = 16 { URI: 0, URI_type: 8 });

/// Which messages not to receive any more.
pub type iotx_cmp_unregister_param_pt = *mut iotx_cmp_unregister_param_t;

/// A firmware that can be fetched.
#[cfg(feature = "service-ota")]
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct iotx_cmp_fota_parameter_t {
    /// Its size in bytes.
    pub size_file: u32,
    /// Where it is.
    pub purl: *mut c_char,
    /// Its version.
    pub version: *mut c_char,
}

#[cfg(feature = "service-ota")]
layout!(iotx_cmp_fota_parameter_t = 24 { size_file: 0, purl: 8, version: 16 });

/// A firmware that can be fetched.
#[cfg(feature = "service-ota")]
pub type iotx_cmp_fota_parameter_pt = *mut iotx_cmp_fota_parameter_t;

/// A configuration that can be fetched.
#[cfg(feature = "service-ota")]
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct iotx_cmp_cota_parameter_t {
    /// Its id.
    pub configId: *mut c_char,
    /// Its size in bytes.
    pub configSize: u32,
    /// Its digest.
    pub sign: *mut c_char,
    /// Which digest that is.
    pub signMethod: *mut c_char,
    /// Where it is.
    pub url: *mut c_char,
    /// How it is fetched: `file`.
    pub getType: *mut c_char,
}

#[cfg(feature = "service-ota")]
layout!(iotx_cmp_cota_parameter_t = 48 {
    configId: 0, configSize: 8, sign: 16, signMethod: 24, url: 32, getType: 40,
});

/// A configuration that can be fetched.
#[cfg(feature = "service-ota")]
pub type iotx_cmp_cota_parameter_pt = *mut iotx_cmp_cota_parameter_t;

/// A step of a download: `ota_type`, `buffer` and `buffer_length` are set by the caller, the rest by
/// the library.
#[cfg(feature = "service-ota")]
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct iotx_cmp_ota_t {
    /// What is fetched.
    pub ota_type: MaybeUninit<iotx_cmp_ota_types_t>,
    /// 1 if there is more to fetch, else 0.
    pub is_more: u8,
    /// 0; -1 the download did not end well; -2 nothing came; -3 it is not what was announced.
    pub result: i8,
    /// Percent fetched.
    pub progress: c_int,
    /// Receives the next part.
    pub buffer: *mut c_void,
    /// Size of `buffer`; becomes the length of the part.
    pub buffer_length: c_int,
}

#[cfg(feature = "service-ota")]
layout!(iotx_cmp_ota_t = 32 {
    ota_type: 0, is_more: 4, result: 5, progress: 8, buffer: 16, buffer_length: 24,
});

/// A step of a download.
#[cfg(feature = "service-ota")]
pub type iotx_cmp_ota_pt = *mut iotx_cmp_ota_t;

/// Is told that there is a firmware; may fetch it with `IOT_CMP_OTA_Yield` before it returns.
///
/// @param pcontext    for the library
/// @param fota_param  the firmware; valid during the call
/// @param user_data   what was given with the function
#[cfg(feature = "service-ota")]
pub type iotx_cmp_fota_handle_func_fpt = Option<
    unsafe extern "C" fn(
        pcontext: *mut c_void,
        fota_param: iotx_cmp_fota_parameter_pt,
        user_data: *mut c_void,
    ),
>;

/// Is told that there is a configuration; may fetch it with `IOT_CMP_OTA_Yield` before it returns.
///
/// @param pcontext    for the library
/// @param cota_param  the configuration; valid during the call
/// @param user_data   what was given with the function
#[cfg(feature = "service-ota")]
pub type iotx_cmp_cota_handle_func_fpt = Option<
    unsafe extern "C" fn(
        pcontext: *mut c_void,
        cota_param: iotx_cmp_cota_parameter_pt,
        user_data: *mut c_void,
    ),
>;

/// Connects, as the device that `HAL_Get...` name. A later call only adds another handler.
///
/// A connection that fails is no error: `IOT_CMP_Yield` tries again. Blocks for as long as connecting takes. When there is
/// a connection, the handler is told so before this returns. There is one CMP in a process; its session is persistent, its
/// buffers grow from 4 KiB to 40 KiB each.
///
/// @param pparam  how to connect, and who is told what happens
/// @param option  not used
/// @return 0; -1 if `pparam` is `NULL`, the HAL has no product key, device name, device id or device secret, memory is
///         short, or another thread begins or ends CMP: the log says which
///
/// # Safety
///
/// `pparam` is `NULL` or readable; its handler may be called on any thread that uses CMP, until `IOT_CMP_Deinit`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_CMP_Init(
    pparam: iotx_cmp_init_param_pt,
    _option: *mut c_void,
) -> c_int {
    answer(|| {
        // SAFETY: it is `NULL` or readable, by the contract.
        let param = unsafe { pparam.as_ref() }.ok_or(Failed)?;
        cmp::init(Listener {
            function: param.event_func,
            user_data: Pointer(param.user_data),
        })
    })
}

/// Receives some messages from now on. Does not wait for the platform's answer, which is an event. Any thread, any handler.
///
/// A message goes to one function: to that of its own topic, or else to the last whose wildcards match. A URI may be
/// registered again only after it has failed, or was unregistered.
///
/// @param pparam  which messages; not needed after the call
/// @param option  not used
/// @return 0, also if the question could not be sent, which is an event, too; -1 if an argument is missing or no type,
///         the URI is registered or too long, there has been no connection yet, 256 are registered, or memory is short
///
/// # Safety
///
/// `pparam` is `NULL` or readable, its URI `NULL` or a NUL-terminated string; its function may be called on any thread that
/// yields, until it is unregistered.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_CMP_Register(
    pparam: iotx_cmp_register_param_pt,
    _option: *mut c_void,
) -> c_int {
    answer(|| {
        let cmp = cmp::get()?;
        // SAFETY: it is `NULL` or readable, by the contract.
        let param = unsafe { pparam.as_ref() }.ok_or(Failed)?;
        // SAFETY: it is `NULL` or a string, by the contract; the caller passed numbers.
        let (uri, uri_type, message_type) = unsafe {
            (
                uri(param.URI)?,
                number(param.URI_type),
                number(param.message_type),
            )
        };
        if !(1..=3).contains(&uri_type) {
            return Err(Failed);
        }
        let taker = Taker {
            function: param.register_func,
            user_data: Pointer(param.user_data),
        };
        cmp.register(uri, tree(uri_type), shape(message_type)?, taker)
    })
}

/// Does not receive some messages any more. Does not wait for the platform's answer, which is an event. Any thread, any
/// handler.
///
/// @param pparam  which messages; not needed after the call
/// @param option  not used
/// @return 0; -1 if an argument is missing, the URI is too long or not registered (the platform is told all the same), there
///         has been no connection yet, or memory is short
///
/// # Safety
///
/// `pparam` is `NULL` or readable, its URI `NULL` or a NUL-terminated string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_CMP_Unregister(
    pparam: iotx_cmp_unregister_param_pt,
    _option: *mut c_void,
) -> c_int {
    answer(|| {
        let cmp = cmp::get()?;
        // SAFETY: it is `NULL` or readable, by the contract.
        let param = unsafe { pparam.as_ref() }.ok_or(Failed)?;
        // SAFETY: it is `NULL` or a string, by the contract; the caller passed a number.
        let (uri, uri_type) = unsafe { (uri(param.URI)?, number(param.URI_type)) };
        cmp.unregister(uri, tree(uri_type))
    })
}

/// Sends a message. Any thread, any handler.
///
/// `parameter` of a request or an answer is JSON text and ends with a NUL, whatever `parameter_length` says; `NULL` stands
/// for `{}`. Ids begin with 1, and again after 65535.
///
/// @param target        not used
/// @param message_info  the message, copied; its `id` is written if it is 0
/// @param option        not used
/// @return 0; -1 if an argument is missing, no type or too long, or memory is short; also -1, and an event, if it could
///         not be sent
///
/// # Safety
///
/// `message_info` is `NULL`, or readable and writable; its strings are `NULL` or NUL-terminated, and raw bytes readable for
/// `parameter_length`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_CMP_Send(
    _target: iotx_cmp_send_peer_pt,
    message_info: iotx_cmp_message_info_pt,
    _option: *mut c_void,
) -> c_int {
    answer(|| {
        let cmp = cmp::get()?;
        // SAFETY: it is `NULL`, or readable and writable, by the contract.
        let info = unsafe { message_info.as_mut() }.ok_or(Failed)?;
        // SAFETY: it is `NULL` or a string, by the contract; the caller passed numbers.
        let (uri, uri_type, message_type, ack_type) = unsafe {
            (
                uri(info.URI)?,
                number(info.URI_type),
                number(info.message_type),
                number(info.ack_type),
            )
        };
        let (tree, shape) = (tree(uri_type), shape(message_type)?);
        let acknowledged =
            ack_type == iotx_cmp_message_ack_types_t::IOTX_CMP_MESSAGE_NEED_ACK as c_int;
        let length = info.parameter_length as usize;
        if shape == Shape::Raw && info.parameter.is_null() && length > 0
            || shape == Shape::Request && info.method.is_null()
        {
            return Err(Failed);
        }
        if info.id == 0 {
            info.id = cmp.next_id();
        }
        let envelope = match shape {
            Shape::Raw => {
                // SAFETY: the bytes are readable, by the contract.
                let bytes = unsafe { bytes(info.parameter.cast(), length) };
                return cmp.send(tree, uri, bytes.map_err(|_| Failed)?, acknowledged);
            }
            Shape::Request => Outgoing::Request {
                id: info.id,
                // SAFETY: they are strings, by the contract, or `NULL`.
                method: unsafe { json(info.method) },
                // SAFETY: as above.
                params: unsafe { json(info.parameter.cast()) },
            },
            Shape::Response => Outgoing::Response {
                id: info.id,
                code: info.code,
                // SAFETY: as above.
                data: unsafe { json(info.parameter.cast()) },
            },
        };
        cmp.send_envelope(tree, uri, envelope, acknowledged)
    })
}

/// Sends nothing, and says so in the log: V2.10 never did.
///
/// @param target        not used
/// @param message_info  not used
/// @param option        not used
/// @return 0; -1 before `IOT_CMP_Init`
#[cfg(not(feature = "cmp-threads"))]
#[unsafe(no_mangle)]
pub extern "C" fn IOT_CMP_Send_Sync(
    _target: iotx_cmp_send_peer_pt,
    _message_info: iotx_cmp_message_info_pt,
    _option: *mut c_void,
) -> c_int {
    answer(|| {
        cmp::get()?;
        cmp::sends_nothing();
        Ok(())
    })
}

/// As `IOT_MQTT_Yield`. As long as there has been no connection, tries to connect instead, which blocks for as long as that
/// takes: a second after the last attempt at the earliest, and until then this waits.
///
/// @param timeout_ms  how long, in ms; negative: returns at once
/// @param option      not used
/// @return 0; -1 before `IOT_CMP_Init`
#[cfg(not(feature = "cmp-threads"))]
#[unsafe(no_mangle)]
pub extern "C" fn IOT_CMP_Yield(timeout_ms: c_int, _option: *mut c_void) -> c_int {
    answer(|| {
        cmp::get()?.run(timeout_ms);
        Ok(())
    })
}

/// Disconnects and frees everything. No event is raised. Inside a handler, the call that the handler was called from frees
/// at its end, and `IOT_CMP_Init` returns -1 until then.
///
/// @param option  not used
/// @return 0; -1 before `IOT_CMP_Init`
#[unsafe(no_mangle)]
pub extern "C" fn IOT_CMP_Deinit(_option: *mut c_void) -> c_int {
    answer(cmp::deinit)
}

/// Reports the version that runs, and waits for updates from now on.
///
/// @param cur_version  1 to 32 characters
/// @param option       not used
/// @return 0, also if it has been called before; -1 before `IOT_CMP_Init` and the first connection, and if `cur_version`
///         is missing or could not be reported
///
/// # Safety
///
/// `cur_version` is `NULL` or a NUL-terminated string.
#[cfg(feature = "service-ota")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_CMP_OTA_Start(
    cur_version: *mut c_char,
    _option: *mut c_void,
) -> c_int {
    answer(|| {
        // SAFETY: it is `NULL` or a string, by the contract.
        unsafe { cmp::get()?.start_updates(cur_version) }
    })
}

/// Sets who is told that there is something to fetch, inside `IOT_CMP_Yield`. Before or after `IOT_CMP_OTA_Start`.
///
/// @param type          of a firmware or of a configuration
/// @param ota_func      an `iotx_cmp_fota_handle_func_fpt` or `iotx_cmp_cota_handle_func_fpt`
/// @param user_context  passed to `ota_func`
/// @param option        not used
/// @return 0; -1 before `IOT_CMP_Init` and the first connection, if `ota_func` is `NULL`, `type` is none, or there is one
///         already
///
/// # Safety
///
/// `ota_func` is `NULL`, or a function of that type, which may be called on any thread that yields.
#[cfg(feature = "service-ota")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_CMP_OTA_Set_Callback(
    r#type: MaybeUninit<iotx_cmp_ota_types_t>,
    ota_func: *mut c_void,
    user_context: *mut c_void,
    _option: *mut c_void,
) -> c_int {
    answer(|| {
        let cmp = cmp::get()?;
        // SAFETY: the caller passed a number.
        let kind = kind(unsafe { number(r#type) })?;
        if ota_func.is_null() {
            return Err(Failed);
        }
        // SAFETY: it is a function of the type that belongs to `type`, by the contract.
        unsafe {
            match kind {
                Kind::Firmware => cmp.tell_of_firmware(
                    transmute::<*mut c_void, FirmwareFunction>(ota_func),
                    user_context,
                ),
                Kind::Config => cmp.tell_of_config(
                    transmute::<*mut c_void, ConfigFunction>(ota_func),
                    user_context,
                ),
            }
        }
    })
}

/// As `IOT_OTA_GetConfig`.
///
/// @param configScope    `"product"`
/// @param getType        `"file"`
/// @param attributeKeys  `""`
/// @param option         not used
/// @return 0; negative on failure, -1 before `IOT_CMP_OTA_Start`
///
/// # Safety
///
/// The strings are `NULL` or NUL-terminated.
#[cfg(feature = "service-ota")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_CMP_OTA_Get_Config(
    configScope: *const c_char,
    getType: *const c_char,
    attributeKeys: *const c_char,
    _option: *mut c_void,
) -> c_int {
    // SAFETY: they are `NULL` or strings, by the contract.
    cmp::get()
        .and_then(|cmp| unsafe { cmp.ask_for_config(configScope, getType, attributeKeys) })
        .unwrap_or(-1)
}

/// As `IOT_OTA_RequestImage`.
///
/// @param version  the version that runs, 1 to 32 characters
/// @param option   not used
/// @return 0; negative on failure, -1 before `IOT_CMP_OTA_Start`
///
/// # Safety
///
/// `version` is `NULL` or a NUL-terminated string.
#[cfg(feature = "service-ota")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_CMP_OTA_Request_Image(
    version: *const c_char,
    _option: *mut c_void,
) -> c_int {
    // SAFETY: it is `NULL` or a string, by the contract.
    cmp::get()
        .and_then(|cmp| unsafe { cmp.ask_for_firmware(version) })
        .unwrap_or(-1)
}

/// Fetches the next part of what was announced, and reports the progress. Any thread, and inside the function that was told.
///
/// Waits through pauses of the download, which `IOT_OTA_FetchYield` describes, three minutes at most. The progress is
/// reported when it has grown by more than 5 and 50 ms have passed, and at the end; -2 is reported if the download fails, and
/// -3 if what came is not what was announced.
///
/// @param ota_pt  the step; set `buffer_length`, one more than the part may have, before every call
/// @return 0, and `result` 0, or -3 if the last part came and the whole is not what was announced; -1 before
///         `IOT_CMP_OTA_Start`, if an argument is missing, and, with `result` -2, if nothing came
///
/// # Safety
///
/// `ota_pt` is `NULL`, or readable and writable; its buffer is `NULL`, or writable for `buffer_length` bytes that nobody else
/// touches.
#[cfg(feature = "service-ota")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_CMP_OTA_Yield(ota_pt: iotx_cmp_ota_pt) -> c_int {
    answer(|| {
        let cmp = cmp::get()?;
        // SAFETY: it is `NULL`, or readable and writable, by the contract.
        let step = unsafe { ota_pt.as_mut() }.ok_or(Failed)?;
        // SAFETY: the caller passed a number.
        let kind = kind(unsafe { number(step.ota_type) })?;
        let length = usize::try_from(step.buffer_length).map_err(|_| Failed)?;
        if step.buffer.is_null() || length < 2 {
            return Err(Failed);
        }
        // SAFETY: it is writable, by the contract.
        let buffer = unsafe { slice::from_raw_parts_mut(step.buffer.cast::<u8>(), length) };
        let Some((_, room)) = buffer.split_last_mut() else {
            return Err(Failed);
        };
        let fetched = cmp.fetch(kind, room);
        if let Some(behind) = fetched
            .as_ref()
            .ok()
            .and_then(|it| buffer.get_mut(it.bytes))
        {
            *behind = 0;
        }
        match &fetched {
            Ok(fetched) => {
                step.is_more = fetched.end.is_none().into();
                step.result = if fetched.end == Some(End::Invalid) {
                    -3
                } else {
                    0
                };
                step.progress = fetched.percent as c_int; // at most 100
                step.buffer_length = fetched.bytes as c_int; // less than it was
            }
            Err(NotFetched::Over) => {
                step.is_more = 0;
                step.result = -2;
                step.progress = -2;
            }
            Err(NotFetched::Failed) => {}
        }
        fetched.map(|_| ()).map_err(|_| Failed)
    })
}

fn answer(body: impl FnOnce() -> Result<(), Failed>) -> c_int {
    match body() {
        Ok(()) => 0,
        Err(Failed) => -1,
    }
}

/// # Safety
///
/// `uri` is `NULL` or a string for as long as `'a`.
unsafe fn uri<'a>(uri: *const c_char) -> Result<&'a [u8], Failed> {
    // SAFETY: by the contract.
    unsafe { text(uri) }.map_err(|_| Failed)
}

/// # Safety
///
/// `text` is `NULL`, which stands for `{}`, or a string for as long as `'a`.
unsafe fn json<'a>(text: *const c_char) -> &'a [u8] {
    if text.is_null() {
        return b"{}";
    }
    // SAFETY: it is a string, by the contract.
    unsafe { CStr::from_ptr(text) }.to_bytes()
}

const fn tree(number: c_int) -> Tree {
    match number {
        1 => Tree::Sys,
        2 => Tree::Ext,
        _ => Tree::Whole,
    }
}

const fn shape(number: c_int) -> Result<Shape, Failed> {
    match number {
        1 => Ok(Shape::Raw),
        2 => Ok(Shape::Request),
        3 => Ok(Shape::Response),
        _ => Err(Failed),
    }
}

#[cfg(feature = "service-ota")]
const fn kind(number: c_int) -> Result<Kind, Failed> {
    match number {
        1 => Ok(Kind::Firmware),
        2 => Ok(Kind::Config),
        _ => Err(Failed),
    }
}
