/* SPDX-License-Identifier: Apache-2.0 */
/* Generated from capi/src/v2/iot_export_ota.rs: change that, then run `cargo xtask headers`. */

#ifndef IOT_EXPORT_OTA_H
#define IOT_EXPORT_OTA_H

#include <stddef.h>
#include <stdint.h>

#include "iot_import.h"

/** Updates are announced over MQTT. */
#define OTA_CH_SIGNAL_MQTT 0

/** Updates are announced over CoAP. */
#define OTA_CH_SIGNAL_COAP 1

/** Updates are fetched over HTTPS. */
#define OTA_CH_FETCH_HTTP 1

/** What to report: one of these, or any percentage between. */
typedef enum IOT_OTA_Progress_t {
    /** Storing the firmware failed. */
    IOT_OTAP_BURN_FAILED = -4,
    /** The firmware is not what was announced. */
    IOT_OTAP_CHECK_FALIED = -3,
    /** The download failed. */
    IOT_OTAP_FETCH_FAILED = -2,
    /** Failure, for no reason listed here. */
    IOT_OTAP_GENERAL_FAILED = -1,
    /** Begun. */
    IOT_OTAP_FETCH_PERCENTAGE_MIN = 0,
    /** Complete. */
    IOT_OTAP_FETCH_PERCENTAGE_MAX = 100,
} IOT_OTA_Progress_t;

/** What to ask about an update. */
typedef enum IOT_OTA_CmdType_t {
    /** Bytes fetched, a `uint32_t`. */
    IOT_OTAG_FETCHED_SIZE = 0,
    /** Bytes announced, a `uint32_t`. */
    IOT_OTAG_FILE_SIZE = 1,
    /** MD5 announced, hexadecimal text with its NUL: 33 bytes. */
    IOT_OTAG_MD5SUM = 2,
    /** Version announced, a text. */
    IOT_OTAG_VERSION = 3,
    /** Whether the firmware is what was announced: 1 or 0, a `uint32_t`. */
    IOT_OTAG_CHECK_FIRMWARE = 4,
    /** Whether the configuration is what was announced: 1 or 0, a `uint32_t`. */
    IOT_OTAG_CHECK_CONFIG = 5,
} IOT_OTA_CmdType_t;

/** Why a call failed: returned, and kept for `IOT_OTA_GetLastError`. */
typedef enum IOT_OTA_Err_t {
    /** Sending a message failed. */
    IOT_OTAE_OSC_FAILED = -7,
    /** No memory. */
    IOT_OTAE_NOMEM = -6,
    /** The download failed. */
    IOT_OTAE_FETCH_FAILED = -5,
    /** A text is too long. */
    IOT_OTAE_STR_TOO_LONG = -4,
    /** Not possible in this state. */
    IOT_OTAE_INVALID_STATE = -3,
    /** An argument is missing or out of range. */
    IOT_OTAE_INVALID_PARAM = -2,
    /** Failure, for no reason listed here. */
    IOT_OTAE_GENERAL = -1,
    /** Success. */
    IOT_OTAE_NONE = 0,
} IOT_OTA_Err_t;

/** The state of an update. */
typedef enum IOT_OTA_State_t {
    /** Not ready. */
    IOT_OTAS_UNINITED = 0,
    /** Ready; no update has been announced. */
    IOT_OTAS_INITED = 1,
    /** An update has been announced: fetch it. */
    IOT_OTAS_FETCHING = 2,
    /** The update is fetched, or its download failed. */
    IOT_OTAS_FETCHED = 3,
} IOT_OTA_State_t;

#ifdef __cplusplus
extern "C" {
#endif /* __cplusplus */

/**
 * Waits for announcements from now on.
 *
 * Subscribes to four topics and does not wait for the answers; a client that is not connected cannot do that.
 *
 * @param product_key  up to `PRODUCT_KEY_LEN` characters; copied
 * @param device_name  up to `DEVICE_NAME_LEN` characters; copied
 * @param ch_signal    the MQTT client; it may go before the handle does, which then hears nothing any more
 * @return a handle for the other functions; `NULL` if an argument is missing, too long or no client, memory is
 *         short, 8 handles are in use, or subscribing failed: the log says which
 *
 * @pre The strings are `NULL` or NUL-terminated.
 */
void *IOT_OTA_Init(const char *product_key,
                   const char *device_name,
                   void *ch_signal);

/**
 * Ends an update, in whatever state, and frees the handle. A download ends, and its connection is closed.
 *
 * Nothing is sent: a persistent session of the client goes on queueing announcements for the next handle. A call on
 * another thread ends first, or frees the handle when it does.
 *
 * @param handle  the handle
 * @return 0; -2 if there is no such handle
 */
int IOT_OTA_Deinit(void *handle);

/**
 * Reports the version that runs. Do so once after connecting: the platform announces an update
 * only to devices whose version it knows. (Topic `/ota/device/inform`, QoS 1.)
 *
 * @param handle   the handle
 * @param version  1 to 32 bytes
 * @return 0; -1 on failure, `IOT_OTA_GetLastError` says why; -2 an argument is `NULL`
 *
 * @pre `version` is `NULL` or a NUL-terminated string.
 */
int IOT_OTA_ReportVersion(void *handle, const char *version);

/**
 * Asks whether there is an update. (Topic `/ota/device/request`, QoS 1.)
 *
 * @param handle   the handle
 * @param version  the version that runs, 1 to 32 bytes
 * @return 0; -1 on failure, `IOT_OTA_GetLastError` says why; -2 an argument is `NULL`
 *
 * @pre `version` is `NULL` or a NUL-terminated string.
 */
int IOT_OTA_RequestImage(void *handle, const char *version);

/**
 * Reports how far an update is, also when none was announced. (Topic `/ota/device/progress`, QoS 0.)
 *
 * @param handle    the handle
 * @param progress  -4 to 100, see `IOT_OTA_Progress_t`
 * @param msg       a remark; may be `NULL`
 * @return 0; -1 a number out of range; -2 no such handle; -4 the remark is too long, some 220 bytes; -7 not sent
 *
 * @pre `msg` is `NULL` or a NUL-terminated string.
 */
int IOT_OTA_ReportProgress(void *handle,
                           enum IOT_OTA_Progress_t progress,
                           const char *msg);

/**
 * Asks for the device's remote configuration, which is then announced like a firmware. (Topic
 * `/sys/.../thing/config/get`, QoS 0.)
 *
 * @param handle         the handle
 * @param configScope    `"product"`
 * @param getType        `"file"`
 * @param attributeKeys  `""`
 * @return 0; -1 an image is being fetched; -2 an argument is `NULL`; -4 the arguments are too long, 141 bytes together;
 *         -7 not sent
 *
 * @pre The strings are `NULL` or NUL-terminated.
 */
int IOT_OTA_GetConfig(void *handle,
                      const char *configScope,
                      const char *getType,
                      const char *attributeKeys);

/**
 * Whether an update has been announced and is not fetched yet.
 *
 * @param handle  the handle
 * @return 1 or 0
 */
int IOT_OTA_IsFetching(void *handle);

/**
 * Whether an update is fetched, or its download failed.
 *
 * @param handle  the handle
 * @return 1 or 0
 */
int IOT_OTA_IsFetchFinish(void *handle);

/**
 * Fetches the next part of an update. Any thread, and inside a handler of the MQTT client.
 *
 * Returns when the buffer is full, the image is complete or the time is up; only connecting, for which the HAL has no
 * limit, may take longer. A connection that breaks is made again, and the download goes on where it was; after some
 * two minutes without a byte it has failed. A server that answers with anything but the image has, too
 * (`IOT_OTA_GetFailure` says why). The first call of a download reports progress 0.
 *
 * @param handle     the handle
 * @param buf        receives the part, followed by a NUL
 * @param buf_len    size of `buf`: one more than the part may have; at least 2
 * @param timeout_s  how long to wait for it, in seconds; 0 looks once
 * @return bytes received, each byte of the image once; 0 none came, and the download goes on; -1 the download
 *         failed; -2 an argument is missing; -3 there is nothing to fetch
 *
 * @pre `buf` is `NULL`, or writable for `buf_len` bytes that nobody else touches.
 */
int IOT_OTA_FetchYield(void *handle,
                       char *buf,
                       uint32_t buf_len,
                       uint32_t timeout_s);

/**
 * Asks about an update: the present one, or the last.
 *
 * @param handle   the handle
 * @param type     what; see there for the type of the answer
 * @param buf      receives the answer; a text is cut to fit, and NULs fill the rest
 * @param buf_len  size of `buf`
 * @return 0; -1 no such question, not in this state, or a number does not fit `buf`; -2 an argument is missing; -3 no
 *         update has been announced
 *
 * @pre `buf` is `NULL`, or writable for `buf_len` bytes.
 */
int IOT_OTA_Ioctl(void *handle,
                  enum IOT_OTA_CmdType_t type,
                  void *buf,
                  size_t buf_len);

/**
 * Why a call on this handle failed last. Success does not clear it.
 *
 * @param handle  the handle
 * @return an `IOT_OTA_Err_t`, 0 as long as none has failed; -2 if there is no such handle
 */
int IOT_OTA_GetLastError(void *handle);

#ifdef __cplusplus
} /* extern "C" */
#endif /* __cplusplus */

#endif /* IOT_EXPORT_OTA_H */
