/* SPDX-License-Identifier: Apache-2.0 */
/* Generated from capi/src/v2/iot_export_http.rs: change that, then run `cargo xtask headers`. */

#ifndef IOT_EXPORT_HTTP_H
#define IOT_EXPORT_HTTP_H

#include <stdint.h>

#include "iot_export.h"

/** `code` in the server's answer. */
typedef enum iotx_http_upstream_response_t {
    /** Success. */
    IOTX_HTTP_SUCCESS = 0,
    /** Failure, for no reason listed here. */
    IOTX_HTTP_COMMON_ERROR = 10000,
    /** A parameter is wrong. */
    IOTX_HTTP_PARAM_ERROR = 10001,
    /** The signature is wrong, or the device unknown. */
    IOTX_HTTP_AUTH_CHECK_ERROR = 20000,
    /** The token has expired: authenticate again. */
    IOTX_HTTP_TOKEN_EXPIRED_ERROR = 20001,
    /** The request has no token. */
    IOTX_HTTP_TOKEN_NULL_ERROR = 20002,
    /** The token is wrong. */
    IOTX_HTTP_TOKEN_CHECK_ERROR = 20003,
    /** The server could not renew the session. */
    IOTX_HTTP_UPDATE_SESSION_ERROR = 20004,
    /** The server could not publish the message. */
    IOTX_HTTP_PUBLISH_MESSAGE_ERROR = 30001,
    /** Too many requests. */
    IOTX_HTTP_REQUEST_TOO_MANY_ERROR = 40000,
} iotx_http_upstream_response_t;

/** How to connect. Copied by `IOT_HTTP_Init`. */
typedef struct iotx_http_param_t {
    /** Who the device is. */
    iotx_device_info_t *device_info;
    /** Not 0: the TCP connection is kept for the next message. */
    int keep_alive;
    /** For the application: the library only stores it. */
    int timeout_ms;
} iotx_http_param_t;

/** A message to send, and room for the answer. */
typedef struct iotx_http_message_param_t {
    /** The topic, as `/topic/{product key}/{device name}/...`. */
    char *topic_path;
    /**
     * Length of the payload in bytes; becomes the number of bytes sent, which end with the text's
     * NUL.
     */
    uint32_t request_payload_len;
    /** The payload, a NUL-terminated text. */
    char *request_payload;
    /** Size of `response_payload` in bytes. */
    uint32_t response_payload_len;
    /** Receives the server's answer (JSON), NUL-terminated. */
    char *response_payload;
    /** How long to wait for the answer, in ms. */
    uint32_t timeout_ms;
} iotx_http_message_param_t;

/** The connection. Applications read `p_devinfo` and `timeout_ms`. */
typedef struct iotx_http_t {
    /** The token of the session. */
    char *p_auth_token;
    /** Size of its buffer in bytes. */
    uint32_t auth_token_len;
    /** 1 once authenticated, else 0. */
    char is_authed;
    /** `NULL`. */
    const char *version;
    /** `NULL`. */
    const char *signmethod;
    /** `NULL`. */
    const char *sign;
    /** Who the device is: a copy. */
    iotx_device_info_t *p_devinfo;
    /** `NULL`. */
    const char *timestamp;
    /** For the library. */
    void *httpc;
    /** `keep_alive` of the parameters. */
    int keep_alive;
    /** `timeout_ms` of the parameters. */
    int timeout_ms;
} iotx_http_t;

/** The connection. */
typedef struct iotx_http_t *iotx_http_pt;

#ifdef __cplusplus
extern "C" {
#endif /* __cplusplus */

/**
 * Makes the connection's object. Sends nothing.
 *
 * The device becomes that of the whole library, as by `IOT_SetupConnInfo`.
 *
 * @param pInitParams  how to connect; not needed after the call
 * @return an `iotx_http_t *`; `NULL` if there is one already, a parameter is missing or memory
 *         is short
 *
 * @pre `pInitParams` is `NULL` or readable, and so is its `device_info`.
 */
void *IOT_HTTP_Init(struct iotx_http_param_t *pInitParams);

/**
 * Closes the connection and frees it. A call on another thread ends first.
 *
 * @param handle  the connection; not changed, so that a second call finds nothing to do
 *
 * @pre `handle` is `NULL` or readable.
 */
void IOT_HTTP_DeInit(void **handle);

/**
 * Authenticates the device. Blocks for connecting, 5 s for sending and 5 s for the answer; twice that if the HAL knows
 * a module's id, which is reported then.
 *
 * @param handle  the connection
 * @return 0; -1 no such connection, not connected, no answer in time, or one that gives no token; -6 the answer is not
 *         HTTP; -7 its head is too long; -8 the connection was lost
 */
int IOT_HTTP_DeviceNameAuth(void *handle);

/**
 * Sends a message and waits for the answer. Authenticates again, and sends once more, if the token has expired.
 *
 * Blocks for connecting, 5 s for sending and `timeout_ms` for the answer.
 *
 * @param handle     the connection
 * @param msg_param  the message and room for the answer; `request_payload_len` becomes what is sent: at most the text
 *                   and its NUL
 * @return 0; -1 no such connection, not authenticated, an argument is missing, `topic_path` does not begin with `/`
 *         or has blanks, not connected, no answer in time, or one that has another `code` than 0 or does not fit; -6,
 *         -7, -8 as for `IOT_HTTP_DeviceNameAuth`
 *
 * @pre `msg_param` is `NULL`, or readable and writable, as are its texts: `topic_path` is NUL-terminated,
 *      `request_payload` and `response_payload` have the lengths that are said.
 */
int IOT_HTTP_SendMessage(void *handle,
                         struct iotx_http_message_param_t *msg_param);

/**
 * Closes the TCP connection if it is open. The device stays authenticated, and the next
 * message connects again.
 *
 * @param handle  the connection
 */
void IOT_HTTP_Disconnect(void *handle);

#ifdef __cplusplus
} /* extern "C" */
#endif /* __cplusplus */

#endif /* IOT_EXPORT_HTTP_H */
