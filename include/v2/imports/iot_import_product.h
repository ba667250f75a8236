/* SPDX-License-Identifier: Apache-2.0 */
/* Generated from capi/src/hal/sys/iot_import_product.rs: change that, then run `cargo xtask headers`. */

#ifndef IOT_IMPORT_PRODUCT_H
#define IOT_IMPORT_PRODUCT_H

#include <stdint.h>

#include "iot_import.h"

/* Marks of parameters: what a function reads, and what it writes. */
#ifndef _IN_
#define _IN_
#endif
#ifndef _OU_
#define _OU_
#endif

/** Room for a product key and its NUL. */
#define PRODUCT_KEY_MAXLEN 21

/** Room for a device name and its NUL. */
#define DEVICE_NAME_MAXLEN 33

/** Room for a device id and its NUL. */
#define DEVICE_ID_MAXLEN 65

/** Room for a device secret and its NUL. */
#define DEVICE_SECRET_MAXLEN 65

/** Room for a product secret and its NUL. */
#define PRODUCT_SECRET_MAXLEN 65

/** Room for a firmware version and its NUL. */
#define FIRMWARE_VERSION_MAXLEN 33

/** Room for a partner id and its NUL. */
#define PID_STRLEN_MAX 64

/** Room for a module id and its NUL. */
#define MID_STRLEN_MAX 64

/** Room for a partner id and its NUL. */
#define PID_STR_MAXLEN 64

/** Room for a module id and its NUL. */
#define MID_STR_MAXLEN 64

/** Room for a chip id and its NUL. */
#define HAL_CID_LEN 65

/** Room for a topic and its NUL, as applications use it. */
#define IOTX_URI_MAX_LEN 135

/** True. */
#define IOT_TRUE 1

/** False. */
#define IOT_FALSE 0

#ifdef __cplusplus
extern "C" {
#endif /* __cplusplus */

/**
 * The partner who built the device.
 *
 * This and all `HAL_Get...` below write a NUL-terminated text and return quickly: they are called at every
 * connect. Every buffer has room for the longest text and its NUL.
 *
 * @param pid_str  receives at most 63 characters
 * @return length of the text; 0 or negative if there is none
 */
int HAL_GetPartnerID(char *pid_str);

/**
 * The communication module in the device.
 *
 * @param mid_str  receives at most 63 characters
 * @return length of the text; 0 or negative if there is none
 */
int HAL_GetModuleID(char *mid_str);

/**
 * The chip in the device. For applications: the library does not call it.
 *
 * @param cid_str  receives at most 64 characters
 * @return `cid_str`
 */
char *HAL_GetChipID(char *cid_str);

/**
 * The device's id, `{product key}.{device name}`.
 *
 * @param device_id  receives at most 64 characters
 * @return length of the text; 0 or negative if there is none
 */
int HAL_GetDeviceID(char *device_id);

/**
 * Stores the product key. For applications: the library does not call it.
 *
 * @param product_key  at most 20 characters
 * @return length stored; -1 if it is too long
 */
int HAL_SetProductKey(char *product_key);

/**
 * Stores the device name. For applications: the library does not call it.
 *
 * @param device_name  at most 32 characters
 * @return length stored; -1 if it is too long
 */
int HAL_SetDeviceName(char *device_name);

/**
 * Stores the device secret, for good: the library calls it once after a dynamic registration.
 *
 * @param device_secret  at most 64 characters
 * @return length stored; -1 if it is too long
 */
int HAL_SetDeviceSecret(char *device_secret);

/**
 * Stores the product secret. For applications: the library does not call it.
 *
 * @param product_secret  at most 64 characters
 * @return length stored; -1 if it is too long
 */
int HAL_SetProductSecret(char *product_secret);

/**
 * The product key.
 *
 * @param product_key  receives at most 20 characters
 * @return length of the text; 0 or negative if there is none
 */
int HAL_GetProductKey(char *product_key);

/**
 * The product secret.
 *
 * @param product_secret  receives at most 64 characters
 * @return length of the text; 0 or negative if there is none
 */
int HAL_GetProductSecret(char *product_secret);

/**
 * The device name.
 *
 * @param device_name  receives at most 32 characters
 * @return length of the text; 0 or negative if there is none
 */
int HAL_GetDeviceName(char *device_name);

/**
 * The device secret.
 *
 * @param device_secret  receives at most 64 characters
 * @return length of the text; 0 or negative if there is none, as before a dynamic registration
 */
int HAL_GetDeviceSecret(char *device_secret);

/**
 * The version of the firmware that runs.
 *
 * @param version  receives at most 32 characters
 * @return length of the text; 0 or negative if there is none
 */
int HAL_GetFirmwareVesion(char *version);

/** Prepares to store a new firmware. */
void HAL_Firmware_Persistence_Start(void);

/**
 * Stores the next part of a new firmware.
 *
 * @param buffer  the part
 * @param length  its length in bytes
 * @return 0; any other number gives the update up
 */
int HAL_Firmware_Persistence_Write(char *buffer, uint32_t length);

/**
 * The new firmware is complete.
 *
 * @return 0; any other number gives the update up
 */
int HAL_Firmware_Persistence_Stop(void);

#if defined(MQTT_ID2_AUTH)
/**
 * The identity of the ID2 security chip.
 *
 * @param id2_str  receives the text
 * @return length of the text; negative on failure
 */
int HAL_GetID2(char *id2_str);
#endif

#ifdef __cplusplus
} /* extern "C" */
#endif /* __cplusplus */

#endif /* IOT_IMPORT_PRODUCT_H */
