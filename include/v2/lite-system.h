/* SPDX-License-Identifier: Apache-2.0 */
/* Generated from capi/src/v2/lite_system.rs: change that, then run `cargo xtask headers`. */

#ifndef LITE_SYSTEM_H
#define LITE_SYSTEM_H

#include "iot_import.h"
#include "iot_export.h"

/** The version that the MQTT client of V2.10 names itself by. */
#define MQTT_SDK_VERSION "2.0"

/** Room for the payload of a module report and its NUL. */
#define MIDREPORT_PAYLOAD_LEN 223

/** Room for the message id of a module report. */
#define MIDREPORT_REQID_LEN 58

#ifdef __cplusplus
extern "C" {
#endif /* __cplusplus */

/**
 * Signs the device record again and renews the connection information, as at every reconnect.
 *
 * @return 0; -1 if it failed
 */
int iotx_guider_authenticate(void);

/**
 * As `iotx_guider_authenticate`, with the identity of an ID2 security chip.
 *
 * @return 0; -1 if it failed
 */
int iotx_guider_id2_authenticate(void);

/**
 * Prepares the device record, which needs no preparation: a record that is filled stays so.
 *
 * @return 0
 */
int iotx_device_info_init(void);

/**
 * Fills the device record.
 *
 * @param product_key    up to `PRODUCT_KEY_LEN` characters
 * @param device_name    up to `DEVICE_NAME_LEN` characters
 * @param device_secret  up to `DEVICE_SECRET_LEN` characters
 * @return 0; -1 if an argument is `NULL`, empty or too long
 *
 * @pre Each argument is `NULL` or a NUL-terminated string.
 */
int iotx_device_info_set(const char *product_key,
                         const char *device_name,
                         const char *device_secret);

/**
 * The device record: always the same address, owned by the library.
 *
 * @return the record
 */
iotx_device_info_pt iotx_device_info_get(void);

/**
 * The connection information: always the same address, owned by the library.
 *
 * @return what `IOT_SetupConnInfo` wrote last
 */
iotx_conn_info_pt iotx_conn_info_get(void);

/**
 * Builds the message id of a module report, `{product key}_{device name}_mid`.
 *
 * @param requestId    receives it; `MIDREPORT_REQID_LEN` bytes
 * @param product_key  product key
 * @param device_name  device name
 * @return its length; -1 if an argument is `NULL` or it does not fit
 *
 * @pre `requestId` is `NULL` or writable as said; the others are `NULL` or NUL-terminated strings that it does not overlap.
 */
int iotx_midreport_reqid(char *requestId,
                         char *product_key,
                         char *device_name);

/**
 * Builds the payload of a module report.
 *
 * @param msg        receives it; `MIDREPORT_PAYLOAD_LEN` bytes
 * @param requestId  from `iotx_midreport_reqid`
 * @param mid        module id
 * @param pid        partner id
 * @return its length; -1 if an argument is `NULL` or it does not fit
 *
 * @pre `msg` is `NULL` or writable as said; the others are `NULL` or NUL-terminated strings that it does not overlap.
 */
int iotx_midreport_payload(char *msg,
                           char *requestId,
                           char *mid,
                           char *pid);

/**
 * Builds the topic of a module report.
 *
 * @param topic_name   receives it; `IOTX_URI_MAX_LEN` bytes
 * @param topic_head   what stands before `/sys`, usually `""`
 * @param product_key  product key
 * @param device_name  device name
 * @return its length; -1 if an argument is `NULL` or it does not fit
 *
 * @pre `topic_name` is `NULL` or writable as said; the others are `NULL` or NUL-terminated strings that it does not
 *      overlap.
 */
int iotx_midreport_topic(char *topic_name,
                         char *topic_head,
                         char *product_key,
                         char *device_name);

/**
 * The root certificate that servers are checked with.
 *
 * @return PEM text, owned by the library; `NULL` if it is built without TLS
 */
const char *iotx_ca_get(void);

#ifdef __cplusplus
} /* extern "C" */
#endif /* __cplusplus */

#endif /* LITE_SYSTEM_H */
