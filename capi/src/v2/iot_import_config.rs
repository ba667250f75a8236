//! `imports/iot_import_config.h`: how long HTTP and CoAP exchanges may take. The archive is built with
//! these values; a firmware that defines others sees them in its own code only.

use core::ffi::c_int;

/// Authentication over HTTP, in ms.
pub const CONFIG_HTTP_AUTH_TIMEOUT: c_int = 5000;
/// The module report over HTTP, in ms.
pub const CONFIG_MID_HTTP_TIMEOUT: c_int = 5000;
/// Asking the platform where to connect over MQTT, in ms.
pub const CONFIG_GUIDER_AUTH_TIMEOUT: c_int = 10000;
/// Authentication over CoAP, in ms.
pub const CONFIG_COAP_AUTH_TIMEOUT: c_int = 10000;
