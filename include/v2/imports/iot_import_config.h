/* SPDX-License-Identifier: Apache-2.0 */
/* Generated from capi/src/v2/iot_import_config.rs: change that, then run `cargo xtask headers`. */

#ifndef IOT_IMPORT_CONFIG_H
#define IOT_IMPORT_CONFIG_H

/** Authentication over HTTP, in ms. */
#ifndef CONFIG_HTTP_AUTH_TIMEOUT
#define CONFIG_HTTP_AUTH_TIMEOUT 5000
#endif

/** The module report over HTTP, in ms. */
#ifndef CONFIG_MID_HTTP_TIMEOUT
#define CONFIG_MID_HTTP_TIMEOUT 5000
#endif

/** Asking the platform where to connect over MQTT, in ms. */
#ifndef CONFIG_GUIDER_AUTH_TIMEOUT
#define CONFIG_GUIDER_AUTH_TIMEOUT 10000
#endif

/** Authentication over CoAP, in ms. */
#ifndef CONFIG_COAP_AUTH_TIMEOUT
#define CONFIG_COAP_AUTH_TIMEOUT 10000
#endif

#endif /* IOT_IMPORT_CONFIG_H */
