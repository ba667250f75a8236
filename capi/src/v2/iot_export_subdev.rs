//! `exports/iot_export_subdev.h`: a gateway, which speaks for devices that cannot reach the
//! platform themselves.
//!
//! There is one gateway in a process. Functions that wait for the platform's answer run handlers
//! meanwhile.

use core::{
    ffi::{CStr, c_char, c_int, c_void},
    mem::MaybeUninit,
};

use super::iot_export_mqtt::{iotx_mqtt_param_pt, iotx_mqtt_topic_info_pt};

/// Not used.
pub const IOT_GATEWAY_YIELD_MAX_COUNT: c_int = 100;
/// Room for a sub-device's client id and its NUL.
pub const IOT_SUBDEVICE_CLIENT_ID_LEN: usize = 64;
/// Room for a topic and its NUL.
pub const GATEWAY_TOPIC_LEN_MAX: usize = 256;
/// Longest answer that `IOT_Gateway_Get_TOPO` and `IOT_Gateway_Get_Config` pass on.
pub const REPLY_MESSAGE_LEN_MAX: usize = 1024;
/// Topics that log sub-devices in and out: product key, device name, what.
pub const TOPIC_SESSION_COMBINE_FMT: &CStr = c"/ext/session/%s/%s/combine/%s";
/// Topics that register sub-devices: product key, device name, what.
pub const TOPIC_SESSION_SUB_FMT: &CStr = c"/sys/%s/%s/thing/sub/%s";
/// Topics of the topology: product key, device name, what.
pub const TOPIC_SESSION_TOPO_FMT: &CStr = c"/sys/%s/%s/thing/topo/%s";
/// Topics of the remote configuration: product key, device name, what.
pub const TOPIC_SESSION_CONFIG_FMT: &CStr = c"/sys/%s/%s/thing/config/%s";
/// Topics that report found devices: product key, device name, what.
pub const TOPIC_SESSION_LIST_FOUND_FMT: &CStr = c"/sys/%s/%s/thing/list/%s";
/// Filters of remote calls: product key, device name, `request` or `response`.
pub const TOPIC_SYS_RRPC_FMT: &CStr = c"/sys/%s/%s/rrpc/%s/+";

/// How a sub-device's credentials are signed.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IOTX_SUBDEV_SIGN_METHOD_TYPES {
    /// HMAC-SHA1.
    IOTX_SUBDEV_SIGN_METHOD_TYPE_SHA = 0,
    /// HMAC-MD5.
    IOTX_SUBDEV_SIGN_METHOD_TYPE_MD5 = 1,
    /// Unknown.
    IOTX_SUBDEV_SIGN_METHOD_TYPE_UNDEFINED = 2,
    /// The number of values.
    IOTX_SUBDEV_SIGN_METHOD_TYPE_MAX = 3,
}

/// How a sub-device's credentials are signed.
pub type iotx_subdev_sign_method_types_t = IOTX_SUBDEV_SIGN_METHOD_TYPES;

/// Whether the platform forgets a sub-device's waiting messages when it logs out. Mind that yes is
/// 0.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IOTX_SUBDEV_CLEAN_SESSION_TYPES {
    /// Forgotten.
    IOTX_SUBDEV_CLEAN_SESSION_TRUE = 0,
    /// Kept.
    IOTX_SUBDEV_CLEAN_SESSION_FALSE = 1,
    /// Unknown.
    IOTX_SUBDEV_CLEAN_SESSION_UNDEFINED = 2,
    /// The number of values.
    IOTX_SUBDEV_CLEAN_SESSION_MAX = 3,
}

/// Whether the platform forgets a sub-device's waiting messages when it logs out.
pub type iotx_subdev_clean_session_types_t = IOTX_SUBDEV_CLEAN_SESSION_TYPES;

/// Where a sub-device's credentials come from.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IOTX_SUBDEV_REGISTER_TYPES {
    /// From the application.
    IOTX_SUBDEV_REGISTER_TYPE_STATIC = 0,
    /// From the platform.
    IOTX_SUBDEV_REGISTER_TYPE_DYNAMIC = 1,
    /// The number of values.
    IOTX_SUBDEV_REGISTER_TYPE_MAX = 2,
}

/// Where a sub-device's credentials come from.
pub type iotx_subdev_register_types_t = IOTX_SUBDEV_REGISTER_TYPES;

/// Is told that the platform calls a device; answer with `IOT_Gateway_RRPC_Response`, now or later.
/// The texts are valid during the call.
///
/// @param gateway      the gateway
/// @param product_key  product key of the device that is called
/// @param device_name  its device name
/// @param message_id   names the call in the answer
/// @param payload      what the platform sent
pub type rrpc_request_callback = Option<
    unsafe extern "C" fn(
        gateway: *mut c_void,
        product_key: *const c_char,
        device_name: *const c_char,
        message_id: *const c_char,
        payload: *const c_char,
    ),
>;

/// A handler of MQTT events, as `iotx_mqtt_event_handle_func_fpt`.
///
/// @param pcontext  what was given with the handler
/// @param pclient   the MQTT client, not the gateway
/// @param msg       an `iotx_mqtt_event_msg_t *`
pub type iotx_subdev_event_handle_func_fpt =
    Option<unsafe extern "C" fn(pcontext: *mut c_void, pclient: *mut c_void, msg: *mut c_void)>;

/// How a gateway connects.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct iotx_gateway_param_t {
    /// As for `IOT_MQTT_Construct`; its `handle_event` is not used.
    pub mqtt: iotx_mqtt_param_pt,
    /// Passed to `event_handler`.
    pub event_pcontext: *mut c_void,
    /// Is told all events that the gateway and its topic handlers do not take; may be `NULL`.
    pub event_handler: iotx_subdev_event_handle_func_fpt,
}

layout!(iotx_gateway_param_t = 24 { mqtt: 0, event_pcontext: 8, event_handler: 16 });

/// How a gateway connects.
pub type iotx_gateway_param_pt = *mut iotx_gateway_param_t;

unsafe extern "C" {
    /// Makes an MQTT client and a gateway on it. Blocks for connecting and subscribing to ten
    /// topics.
    ///
    /// @param gateway_param  how to connect; what must stay valid is as for `IOT_MQTT_Construct`
    /// @return the gateway; `NULL` on failure, or if there is one already
    pub fn IOT_Gateway_Construct(gateway_param: iotx_gateway_param_pt) -> *mut c_void;

    /// Logs all sub-devices out, disconnects the gateway and frees it.
    ///
    /// @param handle  the gateway; set to `NULL`
    /// @return 0; -1501 `handle` is `NULL`; -1498 there is no such gateway
    pub fn IOT_Gateway_Destroy(handle: *mut *mut c_void) -> c_int;

    /// Makes a device a sub-device of this gateway. Waits for the platform's answer.
    ///
    /// @param handle       the gateway
    /// @param type         where its credentials come from; from the platform, it is registered
    ///                     there first, and the three texts must be `NULL`
    /// @param product_key  its product key
    /// @param device_name  its device name
    /// @param timestamp    what was signed, with the next two
    /// @param client_id    its client id
    /// @param sign         the signature
    /// @param sign_type    how it was signed
    /// @return 0; the platform's code, negated; or another negative number
    pub fn IOT_Subdevice_Register(
        handle: *mut c_void,
        r#type: MaybeUninit<iotx_subdev_register_types_t>,
        product_key: *const c_char,
        device_name: *const c_char,
        timestamp: *mut c_char,
        client_id: *mut c_char,
        sign: *mut c_char,
        sign_type: MaybeUninit<iotx_subdev_sign_method_types_t>,
    ) -> c_int;

    /// Unregisters a sub-device. Log it out before. Waits for the platform's answer.
    ///
    /// @param handle       the gateway
    /// @param product_key  its product key
    /// @param device_name  its device name
    /// @return 0; the platform's code, negated; or another negative number
    pub fn IOT_Subdevice_Unregister(
        handle: *mut c_void,
        product_key: *const c_char,
        device_name: *const c_char,
    ) -> c_int;

    /// Logs a sub-device in: from now on its messages may be published and received. Waits for the
    /// platform's answer.
    ///
    /// @param handle              the gateway
    /// @param product_key         its product key
    /// @param device_name         its device name
    /// @param timestamp           what was signed, with the next two; all three may be `NULL` after
    ///                            a dynamic registration
    /// @param client_id           its client id
    /// @param sign                the signature
    /// @param sign_method_type    how it was signed
    /// @param clean_session_type  whether its waiting messages are forgotten
    /// @return 0; -1482 it is logged in already; the platform's code, negated; or another negative
    ///         number
    pub fn IOT_Subdevice_Login(
        handle: *mut c_void,
        product_key: *const c_char,
        device_name: *const c_char,
        timestamp: *const c_char,
        client_id: *const c_char,
        sign: *const c_char,
        sign_method_type: MaybeUninit<iotx_subdev_sign_method_types_t>,
        clean_session_type: MaybeUninit<iotx_subdev_clean_session_types_t>,
    ) -> c_int;

    /// Logs a sub-device out. Waits for the platform's answer.
    ///
    /// @param handle       the gateway
    /// @param product_key  its product key
    /// @param device_name  its device name
    /// @return 0; -1497 it is not known; the platform's code, negated; or another negative number
    pub fn IOT_Subdevice_Logout(
        handle: *mut c_void,
        product_key: *const c_char,
        device_name: *const c_char,
    ) -> c_int;

    /// Asks which sub-devices the platform knows of this gateway. Waits for the answer.
    ///
    /// @param handle          the gateway
    /// @param get_topo_reply  receives the answer (a JSON array), not terminated
    /// @param length          size of `get_topo_reply`; becomes the length of the answer
    /// @return 0; -1479 the buffer is too small; the platform's code, negated; or another negative
    ///         number
    pub fn IOT_Gateway_Get_TOPO(
        handle: *mut c_void,
        get_topo_reply: *mut c_char,
        length: *mut u32,
    ) -> c_int;

    /// Asks for the gateway's remote configuration. Waits for the answer.
    ///
    /// @param handle            the gateway
    /// @param get_config_reply  receives the answer (a JSON object), not terminated
    /// @param length            size of `get_config_reply`; becomes the length of the answer
    /// @return 0; -1479 the buffer is too small; the platform's code, negated; or another negative
    ///         number
    pub fn IOT_Gateway_Get_Config(
        handle: *mut c_void,
        get_config_reply: *mut c_char,
        length: *mut u32,
    ) -> c_int;

    /// Reports a device that was found near the gateway. Waits for the platform's answer.
    ///
    /// @param handle       the gateway
    /// @param product_key  its product key
    /// @param device_name  its device name
    /// @return 0; the platform's code, negated; or another negative number
    pub fn IOT_Gateway_Publish_Found_List(
        handle: *mut c_void,
        product_key: *const c_char,
        device_name: *const c_char,
    ) -> c_int;

    /// As `IOT_MQTT_Yield`.
    ///
    /// @param handle   the gateway
    /// @param timeout  how long, in ms
    /// @return 0; -1498 there is no such gateway
    pub fn IOT_Gateway_Yield(handle: *mut c_void, timeout: u32) -> c_int;

    /// As `IOT_MQTT_Subscribe`.
    ///
    /// @param handle             the gateway
    /// @param topic_filter       the filter
    /// @param qos                0 to 2
    /// @param topic_handle_func  is told each message on a topic that matches
    /// @param pcontext           passed to `topic_handle_func`
    /// @return as `IOT_MQTT_Subscribe`; -1498 there is no such gateway
    pub fn IOT_Gateway_Subscribe(
        handle: *mut c_void,
        topic_filter: *const c_char,
        qos: c_int,
        topic_handle_func: iotx_subdev_event_handle_func_fpt,
        pcontext: *mut c_void,
    ) -> c_int;

    /// As `IOT_MQTT_Unsubscribe`.
    ///
    /// @param handle        the gateway
    /// @param topic_filter  the filter
    /// @return as `IOT_MQTT_Unsubscribe`; -1498 there is no such gateway
    pub fn IOT_Gateway_Unsubscribe(handle: *mut c_void, topic_filter: *const c_char) -> c_int;

    /// As `IOT_MQTT_Publish`, for the gateway and the sub-devices that are logged in.
    ///
    /// @param handle      the gateway
    /// @param topic_name  the topic
    /// @param topic_msg   the message
    /// @return as `IOT_MQTT_Publish`; -1498 there is no such gateway
    pub fn IOT_Gateway_Publish(
        handle: *mut c_void,
        topic_name: *const c_char,
        topic_msg: iotx_mqtt_topic_info_pt,
    ) -> c_int;

    /// Sets who is told when the platform calls a device.
    ///
    /// @param handle         the gateway
    /// @param product_key    product key of the gateway, or of a sub-device that is logged in
    /// @param device_name    its device name
    /// @param rrpc_callback  is told
    /// @return 0; -1496 there is one already; -1497 the device is not known; or another negative
    ///         number
    pub fn IOT_Gateway_RRPC_Register(
        handle: *mut c_void,
        product_key: *const c_char,
        device_name: *const c_char,
        rrpc_callback: rrpc_request_callback,
    ) -> c_int;

    /// Answers a call of the platform, inside the callback or later.
    ///
    /// @param handle       the gateway
    /// @param product_key  product key of the device that was called
    /// @param device_name  its device name
    /// @param message_id   names the call
    /// @param response     the answer
    /// @return 0; -1497 the device is not known; or another negative number
    pub fn IOT_Gateway_RRPC_Response(
        handle: *mut c_void,
        product_key: *const c_char,
        device_name: *const c_char,
        message_id: *const c_char,
        response: *const c_char,
    ) -> c_int;

    /// A number for a message that the application builds itself. Works without a gateway.
    ///
    /// @return the next of 1, 2, 3, ...
    pub fn IOT_Gateway_Generate_Message_ID() -> u32;
}
