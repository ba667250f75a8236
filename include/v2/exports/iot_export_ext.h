/* SPDX-License-Identifier: Apache-2.0 */
/* Generated from capi/src/v2/iot_export_ext.rs: change that, then run `cargo xtask headers`. */

#ifndef IOT_EXPORT_EXT_H
#define IOT_EXPORT_EXT_H

#include <stdint.h>

#include "iot_export.h"

/** Regions of the platform's web services, with the numbers of later SDKs. */
typedef enum iotx_http_region_types_t {
    /** China. */
    IOTX_HTTP_REGION_SHANGHAI = 0,
    /** Singapore. */
    IOTX_HTTP_REGION_SINGAPORE = 1,
    /** Japan. */
    IOTX_HTTP_REGION_JAPAN = 2,
    /** America. */
    IOTX_HTTP_REGION_AMERICA = 3,
    /** Germany. */
    IOTX_HTTP_REGION_GERMANY = 4,
} iotx_http_region_types_t;

/**
 * Why a download failed, as `IOT_OTA_GetFailure` says it; a number from 100 on is the HTTP status of the server's answer.
 */
typedef enum IOT_OTA_Failure_t {
    /** It did not. */
    IOT_OTAF_NONE = 0,
    /** No connection came about, however often it was tried. */
    IOT_OTAF_NO_CONNECTION = 1,
    /** Connections ended before the image did, however often it was tried. */
    IOT_OTAF_CLOSED = 2,
    /** Nothing came for too long, however often it was tried. */
    IOT_OTAF_SILENT = 3,
    /** The answer is not HTTP, or not to what was asked. */
    IOT_OTAF_RESPONSE = 4,
    /** Redirected more than five times, or to no place to go. */
    IOT_OTAF_REDIRECT = 5,
    /** The image is shorter than announced. */
    IOT_OTAF_SIZE = 6,
    /** The image changed on the server meanwhile. */
    IOT_OTAF_CHANGED = 7,
    /** There was no memory, however often it was tried. */
    IOT_OTAF_NO_MEMORY = 8,
    /** The image is there, but its digest is not the announced one. */
    IOT_OTAF_DIGEST = 9,
} IOT_OTA_Failure_t;

/** Who a device is, as later SDKs have it. */
typedef struct iotx_dev_meta_info_t {
    /** The product's key. */
    char product_key[21];
    /** The product's secret. */
    char product_secret[65];
    /** The device's name. */
    char device_name[33];
    /** The device's secret. */
    char device_secret[65];
} iotx_dev_meta_info_t;

#ifdef __cplusplus
extern "C" {
#endif /* __cplusplus */

/**
 * Asks the platform for the secret of a device that knows its product's secret alone.
 *
 * A device can do so once, until it is reset in the platform's console: keep the secret. Blocks for connecting, 5 s for
 * sending and 10 s for the answer. (`POST /auth/register/device`, by HTTPS in a library with TLS.)
 *
 * @param region  where the device is registered; any other number stands for Shanghai
 * @param meta    `product_key`, `product_secret` and `device_name` are read, `device_secret` is written, only if all
 *                went well
 * @return 0; -1 on failure, the log says why; -2 `meta` is `NULL`
 *
 * @pre `meta` is `NULL`, or readable and writable.
 */
int32_t IOT_Dynamic_Register(enum iotx_http_region_types_t region,
                             struct iotx_dev_meta_info_t *meta);

/**
 * Why the last download of an update failed.
 *
 * @param handle  of `IOT_OTA_Init`
 * @return an `IOT_OTA_Failure_t`, or the server's status, 100 to 999; -2 if there is no such handle
 */
int IOT_OTA_GetFailure(void *handle);

/**
 * What the update services call once a firmware is stored, in place of the program's end: `exit(0)` on Linux,
 * `HAL_Sys_reboot` elsewhere. They return 0 when it returns.
 *
 * @param restart  may be called on any thread that updates; `NULL`: as V2.10
 *
 * @pre `restart` is `NULL` or such a function.
 */
void IOT_OTA_SetRestart(void (*restart)(void));

#ifdef __cplusplus
} /* extern "C" */
#endif /* __cplusplus */

#endif /* IOT_EXPORT_EXT_H */
