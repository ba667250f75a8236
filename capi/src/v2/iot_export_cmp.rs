//! `exports/iot_export_cmp.h`: messages by URI instead of by topic, over one connection that the
//! whole process shares.

use core::{
    ffi::{c_char, c_int, c_uint, c_void},
    mem::MaybeUninit,
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

unsafe extern "C" {
    /// Connects, as the device that `HAL_Get...` name. A later call only adds another handler.
    ///
    /// A connection that fails is no error: `IOT_CMP_Yield` tries again.
    ///
    /// @param pparam  how to connect, and who is told what happens
    /// @param option  not used
    /// @return 0; -1 on failure
    pub fn IOT_CMP_Init(pparam: iotx_cmp_init_param_pt, option: *mut c_void) -> c_int;

    /// Receives some messages from now on. Does not wait for the platform's answer, which is an
    /// event.
    ///
    /// @param pparam  which messages; not needed after the call
    /// @param option  not used
    /// @return 0; -1 on failure
    pub fn IOT_CMP_Register(pparam: iotx_cmp_register_param_pt, option: *mut c_void) -> c_int;

    /// Does not receive some messages any more. Does not wait for the platform's answer, which is
    /// an event.
    ///
    /// @param pparam  which messages; not needed after the call
    /// @param option  not used
    /// @return 0; -1 on failure
    pub fn IOT_CMP_Unregister(pparam: iotx_cmp_unregister_param_pt, option: *mut c_void) -> c_int;

    /// Sends a message.
    ///
    /// @param target        not used
    /// @param message_info  the message; its `id` is written if it is 0
    /// @param option        not used
    /// @return 0; -1 on failure
    pub fn IOT_CMP_Send(
        target: iotx_cmp_send_peer_pt,
        message_info: iotx_cmp_message_info_pt,
        option: *mut c_void,
    ) -> c_int;

    /// Sends nothing.
    ///
    /// @param target        not used
    /// @param message_info  not used
    /// @param option        not used
    /// @return 0; -1 before `IOT_CMP_Init`
    #[cfg(not(feature = "cmp-threads"))]
    pub fn IOT_CMP_Send_Sync(
        target: iotx_cmp_send_peer_pt,
        message_info: iotx_cmp_message_info_pt,
        option: *mut c_void,
    ) -> c_int;

    /// As `IOT_MQTT_Yield`; connects first if `IOT_CMP_Init` could not.
    ///
    /// @param timeout_ms  how long, in ms
    /// @param option      not used
    /// @return 0; -1 before `IOT_CMP_Init`
    #[cfg(not(feature = "cmp-threads"))]
    pub fn IOT_CMP_Yield(timeout_ms: c_int, option: *mut c_void) -> c_int;

    /// Disconnects and frees everything.
    ///
    /// @param option  not used
    /// @return 0; -1 before `IOT_CMP_Init`
    pub fn IOT_CMP_Deinit(option: *mut c_void) -> c_int;

    /// Reports the version that runs, and waits for updates from now on.
    ///
    /// @param cur_version  1 to 32 characters
    /// @param option       not used
    /// @return 0, also if it has been called before; -1 on failure
    #[cfg(feature = "service-ota")]
    pub fn IOT_CMP_OTA_Start(cur_version: *mut c_char, option: *mut c_void) -> c_int;

    /// Sets who is told that there is something to fetch.
    ///
    /// @param type          of a firmware or of a configuration
    /// @param ota_func      an `iotx_cmp_fota_handle_func_fpt` or `iotx_cmp_cota_handle_func_fpt`
    /// @param user_context  passed to `ota_func`
    /// @param option        not used
    /// @return 0; -1 on failure, and if there is one already
    #[cfg(feature = "service-ota")]
    pub fn IOT_CMP_OTA_Set_Callback(
        r#type: MaybeUninit<iotx_cmp_ota_types_t>,
        ota_func: *mut c_void,
        user_context: *mut c_void,
        option: *mut c_void,
    ) -> c_int;

    /// As `IOT_OTA_GetConfig`.
    ///
    /// @param configScope    `"product"`
    /// @param getType        `"file"`
    /// @param attributeKeys  `""`
    /// @param option         not used
    /// @return 0; negative on failure
    #[cfg(feature = "service-ota")]
    pub fn IOT_CMP_OTA_Get_Config(
        configScope: *const c_char,
        getType: *const c_char,
        attributeKeys: *const c_char,
        option: *mut c_void,
    ) -> c_int;

    /// As `IOT_OTA_RequestImage`.
    ///
    /// @param version  the version that runs, 1 to 32 characters
    /// @param option   not used
    /// @return 0; negative on failure
    #[cfg(feature = "service-ota")]
    pub fn IOT_CMP_OTA_Request_Image(version: *const c_char, option: *mut c_void) -> c_int;

    /// Fetches the next part of what was announced, and reports the progress.
    ///
    /// @param ota_pt  the step; set `buffer_length` before every call
    /// @return 0; -1 on failure
    #[cfg(feature = "service-ota")]
    pub fn IOT_CMP_OTA_Yield(ota_pt: iotx_cmp_ota_pt) -> c_int;
}
