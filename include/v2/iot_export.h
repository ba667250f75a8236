/* SPDX-License-Identifier: Apache-2.0 */
/* Generated from capi/src/v2/iot_export.rs: change that, then run `cargo xtask headers`. */

#ifndef IOT_EXPORT_H
#define IOT_EXPORT_H

#include <stddef.h>
#include <stdint.h>

/** Longest product key, without the terminating NUL. */
#define PRODUCT_KEY_LEN 20

/** Longest device name, without the terminating NUL. */
#define DEVICE_NAME_LEN 32

/** Longest device id (`{product key}.{device name}`), without the terminating NUL. */
#define DEVICE_ID_LEN 64

/** Longest device secret, without the terminating NUL. */
#define DEVICE_SECRET_LEN 64

/** Longest product secret, without the terminating NUL. */
#define PRODUCT_SECRET_LEN 64

/** Longest module vendor id, without the terminating NUL. */
#define MODULE_VENDOR_ID 32

/** Longest host name, without the terminating NUL. */
#define HOST_ADDRESS_LEN 128

/** Room for a port number as text. */
#define HOST_PORT_LEN 8

/** Longest MQTT client id, without the terminating NUL. */
#define CLIENT_ID_LEN 256

/** Longest MQTT user name, without the terminating NUL. */
#define USER_NAME_LEN 512

/** Longest MQTT password, without the terminating NUL. */
#define PASSWORD_LEN 256

/** Length of an ID2 session key as hexadecimal text. */
#define AESKEY_STR_LEN 32

/** Length of an ID2 session key in bytes. */
#define AESKEY_HEX_LEN 16

/** How much is logged. A line is written when its level is at most the current one. */
typedef enum _IOT_LogLevel {
    /** The library cannot go on. */
    IOT_LOG_EMERG = 0,
    /** A function of the device is lost until someone steps in. */
    IOT_LOG_CRIT = 1,
    /** An operation failed. */
    IOT_LOG_ERROR = 2,
    /** Something is odd, and was dealt with. */
    IOT_LOG_WARNING = 3,
    /** What happens, in few lines. */
    IOT_LOG_INFO = 4,
    /** What happens, in detail. */
    IOT_LOG_DEBUG = 5,
} _IOT_LogLevel;

/** The region whose platform a device connects to. */
typedef enum IOTX_CLOUD_DOMAIN_TYPES {
    /** Shanghai, `cn-shanghai`: the default. */
    IOTX_CLOUD_DOMAIN_SH = 0,
    /** Singapore, `ap-southeast-1`. */
    IOTX_CLOUD_DOMAIN_SG = 1,
    /** Japan, `ap-northeast-1`. */
    IOTX_CLOUD_DOMAIN_JP = 2,
    /** United States, `us-west-1`. */
    IOTX_CLOUD_DOMAIN_US = 3,
    /** Germany, `eu-central-1`. */
    IOTX_CLOUD_DOMAIN_GER = 4,
    /** The number of regions. */
    IOTX_CLOUD_DOMAIN_MAX = 5,
} IOTX_CLOUD_DOMAIN_TYPES;

/** How much is logged. */
typedef enum _IOT_LogLevel IOT_LogLevel;

/** The region whose platform a device connects to. */
typedef enum IOTX_CLOUD_DOMAIN_TYPES iotx_cloud_domain_types_t;

/** Who the device is. All members are NUL-terminated. */
typedef struct iotx_device_info_t {
    /** Product key, up to `PRODUCT_KEY_LEN` characters. */
    char product_key[21];
    /** Device name, up to `DEVICE_NAME_LEN` characters. */
    char device_name[33];
    /** `{product key}.{device name}`, up to `DEVICE_ID_LEN` characters. */
    char device_id[65];
    /** Device secret, up to `DEVICE_SECRET_LEN` characters. */
    char device_secret[65];
    /** Vendor of the communication module, up to `MODULE_VENDOR_ID` characters. */
    char module_vendor_id[33];
} iotx_device_info_t;

/** Who the device is. */
typedef struct iotx_device_info_t *iotx_device_info_pt;

/**
 * Where to connect and as whom: the result of `IOT_SetupConnInfo`. All texts are NUL-terminated.
 */
typedef struct iotx_conn_info_t {
    /** TCP port of the server. */
    uint16_t port;
    /** Host name of the server. */
    char host_name[129];
    /** MQTT client id: device id and what is signed with it. */
    char client_id[257];
    /** MQTT user name: `{device name}&{product key}`. */
    char username[513];
    /** MQTT password: the signature, as hexadecimal text. */
    char password[257];
    /** Root certificate to check the server with (PEM); `NULL` means plain TCP. */
    const char *pub_key;
#if defined(MQTT_ID2_AUTH)
    /** ID2 session key as hexadecimal text, not terminated. */
    char aeskey_str[AESKEY_STR_LEN];
    /** ID2 session key. */
    uint8_t aeskey_hex[AESKEY_HEX_LEN];
#endif
} iotx_conn_info_t;

/** Where to connect and as whom. */
typedef struct iotx_conn_info_t *iotx_conn_info_pt;

#ifdef __cplusplus
extern "C" {
#endif /* __cplusplus */

/**
 * Switches logging on and sets its level back to `IOT_LOG_EMERG`; call `IOT_SetLogLevel` afterwards.
 *
 * Lines go to `HAL_Printf`. The four logging calls neither block nor allocate.
 *
 * @param ident  name of the program, of which 7 characters are kept; `NULL` stands for `"---"`, and `""` leaves
 *               logging off
 *
 * @pre `ident` is `NULL` or a NUL-terminated string.
 */
void IOT_OpenLog(const char *ident);

/** Switches logging off. */
void IOT_CloseLog(void);

/**
 * Sets how much is logged from now on.
 *
 * @param level  `IOT_LOG_EMERG` to `IOT_LOG_DEBUG`; any other number changes nothing
 */
void IOT_SetLogLevel(IOT_LogLevel level);

/**
 * Logs how much memory the library has taken from `HAL_Malloc`, now and at most.
 *
 * Nine lines `. counter: value`, whether the log is open or not: bytes allocated and freed so far, in use now, in the
 * largest block, in use at most; blocks allocated and freed so far, in use now, in use at most. What an application
 * takes with `LITE_malloc` is not counted.
 *
 * @param level  the level of these lines: they appear if the current level is at least this one
 */
void IOT_DumpMemoryStats(IOT_LogLevel level);

/**
 * Signs the device's identity and works out where to connect.
 *
 * The result is one object that belongs to the library and stays at its address; each call, and each reconnect of
 * an MQTT client, brings it up to date. Its strings may be used as members of `iotx_mqtt_param_t`, and the host name
 * may be put into lower case in place. One thread at a time. (Alink, device authentication.)
 *
 * Does not block. A library built with the feature `guider`, V2.10's without `MQTT_DIRECT`, asks the platform over
 * HTTPS: for connecting, 5 s for sending and 10 s for the answer; so does each reconnect.
 *
 * @param product_key    up to `PRODUCT_KEY_LEN` characters
 * @param device_name    up to `DEVICE_NAME_LEN` characters
 * @param device_secret  up to `DEVICE_SECRET_LEN` characters
 * @param info_ptr       receives the address of an `iotx_conn_info_t`, or `NULL` if signing failed; do not free it
 * @return 0; -1 if an argument is `NULL`, empty or too long, the client id would be, or the platform was asked and has
 *         not granted it
 *
 * @pre Each string is `NULL` or NUL-terminated; `info_ptr` is `NULL` or writable.
 */
int IOT_SetupConnInfo(const char *product_key,
                      const char *device_name,
                      const char *device_secret,
                      void **info_ptr);

/**
 * As `IOT_SetupConnInfo`, with the identity of an ID2 security chip, for which the chip's vendor has the library.
 * This one is built without it.
 *
 * @param info_ptr  receives `NULL`
 * @return -1; the log says what to call instead
 *
 * @pre `info_ptr` is `NULL` or writable.
 */
int IOT_SetupConnInfoSecure(const char *product_key,
                            const char *device_name,
                            const char *device_secret,
                            void **info_ptr);

/**
 * Chooses the region that `IOT_SetupConnInfo` connects to from now on.
 *
 * @param domain_type  one of `iotx_cloud_domain_types_t`; any other number stands for Shanghai
 */
void IOT_SetupDomain(int domain_type);

#ifdef __cplusplus
} /* extern "C" */
#endif /* __cplusplus */

#include "exports/iot_export_errno.h"
#include "exports/iot_export_mqtt.h"
#include "exports/iot_export_shadow.h"
#include "exports/iot_export_coap.h"
#include "exports/iot_export_ota.h"
#include "exports/iot_export_http.h"
#include "exports/iot_export_fota.h"
#ifdef SUBDEVICE_ENABLED
#include "exports/iot_export_subdev.h"
#endif
#ifdef CLOUD_CONN_ENABLED
#include "exports/iot_export_cloud_connection.h"
#endif
#ifdef CMP_ENABLED
#include "exports/iot_export_cmp.h"
#endif
#ifdef DM_ENABLED
#include "exports/iot_export_dm.h"
#endif

#endif /* IOT_EXPORT_H */
