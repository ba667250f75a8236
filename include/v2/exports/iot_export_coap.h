/* SPDX-License-Identifier: Apache-2.0 */
/* Generated from capi/src/v2/iot_export_coap.rs: change that, then run `cargo xtask headers`. */

#ifndef IOT_EXPORT_COAP_H
#define IOT_EXPORT_COAP_H

#include "iot_export.h"

/** Longest product key, without the terminating NUL. */
#define IOTX_PRODUCT_KEY_LEN 20

/** Longest device name, without the terminating NUL. */
#define IOTX_DEVICE_NAME_LEN 32

/** Longest device id, without the terminating NUL. */
#define IOTX_DEVICE_ID_LEN 64

/** Longest device secret, without the terminating NUL. */
#define IOTX_DEVICE_SECRET_LEN 64

/** Never raised: there is no event to handle. */
typedef enum iotx_coap_event_t {
    /** Never raised. */
    IOTX_COAP_EVENT_SEND_FAILED = 0,
    /** Never raised. */
    IOTX_COAP_EVENT_RECV_FAILED = 1,
    /** Never raised. */
    IOTX_COAP_EVENT_AUTH_FAILED = 2,
} iotx_coap_event_t;

/** Format of a payload. */
typedef enum iotx_content_type_t {
    /** JSON. */
    IOTX_CONTENT_TYPE_JSON = 0,
    /** CBOR. */
    IOTX_CONTENT_TYPE_CBOR = 1,
} iotx_content_type_t;

/** Whether a message is repeated until acknowledged. All are. */
typedef enum iotx_msg_type_t {
    /** Confirmable. */
    IOTX_MESSAGE_CON = 0,
    /** Taken as confirmable. */
    IOTX_MESSAGE_NON = 1,
} iotx_msg_type_t;

/** The code of an answer (RFC 7252, section 12.1.2). Others may come, as plain numbers. */
typedef enum iotx_coap_resp_code_t {
    /** 2.05: content. */
    IOTX_COAP_RESP_CODE_CONTENT = 69,
    /** 4.00: the server does not understand the request. */
    IOTX_COAP_RESP_CODE_BAD_REQUEST = 128,
    /** 4.01: not authenticated any more; the library authenticates again. */
    IOTX_COAP_RESP_CODE_UNAUTHORIZED = 129,
    /** 4.04: no such topic. */
    IOTX_COAP_RESP_CODE_NOT_FOUND = 132,
    /** 4.14: the path is too long. */
    IOTX_COAP_RESP_CODE_URL_TOO_LONG = 142,
    /** 5.00: the server failed. */
    IOTX_COAP_RESP_CODE_INTERNAL_SERVER_ERROR = 160,
} iotx_coap_resp_code_t;

/** What the functions of this header return. */
typedef enum iotx_ret_code_t {
    /** Success. */
    IOTX_SUCCESS = 0,
    /** A required argument is `NULL`. */
    IOTX_ERR_INVALID_PARAM = -1,
    /** No memory. */
    IOTX_ERR_NO_MEM = -2,
    /** A buffer is too small. */
    IOTX_ERR_BUFF_TOO_SHORT = -3,
    /** The server refused to authenticate the device, or did not answer. */
    IOTX_ERR_AUTH_FAILED = -4,
    /** The device has not been authenticated yet. */
    IOTX_ERR_NOT_AUTHED = -5,
    /** The path is too long. */
    IOTX_ERR_URI_TOO_LOOG = -6,
    /** The message is too long. */
    IOTX_ERR_MSG_TOO_LOOG = -7,
    /** Sending failed, or too many messages are unanswered. */
    IOTX_ERR_SEND_MSG_FAILED = -8,
    /** Never returned. */
    IOTX_ERR_RECV_MSG_TIMEOUT = -9,
} iotx_ret_code_t;

/** A connection to the server. */
typedef void iotx_coap_context_t;

/**
 * Never called.
 *
 * @param context  the connection
 * @param event    what happened
 * @param p_data   more about it
 */
typedef void (*iotx_event_handle_t)(void *context, enum iotx_coap_event_t event, void *p_data);

/** How to connect. Copied by `IOT_CoAP_Init`. */
typedef struct iotx_coap_config_t {
    /**
     * `coap://host:port` or `coaps://host:port`; `NULL` stands for the product's server, over
     * DTLS.
     */
    char *p_url;
    /** How long `IOT_CoAP_Yield` receives, in ms; 0 and below stand for 2000. */
    int wait_time_ms;
    /** Who the device is; only the members that `iotx_deviceinfo_t` has are read. */
    iotx_device_info_t *p_devinfo;
    /** Never called. */
    iotx_event_handle_t event_handle;
} iotx_coap_config_t;

/**
 * Is told the answer to a message, inside `IOT_CoAP_Yield`. May send, and may end the connection.
 *
 * @param p_arg      `user_data` of the message
 * @param p_message  the answer, to be read with `IOT_CoAP_GetMessage...`; valid during the call
 */
typedef void (*iotx_response_callback_t)(void *p_arg, void *p_message);

/** A message to send. */
typedef struct iotx_message_t {
    /** The payload; copied. */
    unsigned char *p_payload;
    /** Its length in bytes, below 1280. */
    unsigned short payload_len;
    /** Its format; any number but CBOR's stands for JSON. */
    enum iotx_content_type_t content_type;
    /** Not used. */
    enum iotx_msg_type_t msg_type;
    /** Passed to `resp_callback`. */
    void *user_data;
    /** Is told the answer; may be `NULL`. */
    iotx_response_callback_t resp_callback;
} iotx_message_t;

/** Who the device is. Begins as `iotx_device_info_t`, and may be given in its place. */
typedef struct iotx_deviceinfo_t {
    /** Product key, up to `IOTX_PRODUCT_KEY_LEN` characters. */
    char product_key[21];
    /** Device name, up to `IOTX_DEVICE_NAME_LEN` characters. */
    char device_name[33];
    /** Device id, up to `IOTX_DEVICE_ID_LEN` characters. */
    char device_id[65];
    /** Device secret, up to `IOTX_DEVICE_SECRET_LEN` characters. */
    char device_secret[65];
} iotx_deviceinfo_t;

#ifdef __cplusplus
extern "C" {
#endif /* __cplusplus */

/**
 * Makes a connection. Over DTLS this is the whole handshake; no CoAP message is sent.
 *
 * @param p_config  how to connect; not needed after the call
 * @return the connection; `NULL` if the configuration is wrong, memory is short or connecting
 *         failed
 */
iotx_coap_context_t *IOT_CoAP_Init(struct iotx_coap_config_t *p_config);

/**
 * Closes a connection and frees it. Messages without an answer are dropped.
 *
 * @param p_context  the connection, set to `NULL`; `NULL` does nothing
 */
void IOT_CoAP_Deinit(iotx_coap_context_t **p_context);

/**
 * Authenticates the device. Blocks for up to 30 s. May be repeated at any time.
 *
 * @param p_context  the connection
 * @return `IOTX_SUCCESS`, or another `iotx_ret_code_t`
 */
int IOT_CoAP_DeviceNameAuth(iotx_coap_context_t *p_context);

/**
 * Receives what arrives, calls callbacks, and repeats messages without an answer, for
 * `wait_time_ms` of the configuration.
 *
 * @param p_context  the connection
 * @return 0; -1 if there is no such connection
 */
int IOT_CoAP_Yield(iotx_coap_context_t *p_context);

/**
 * Sends a message (POST), and repeats it until it is answered.
 *
 * @param p_context  the connection
 * @param p_path     the path, as `/topic/{product key}/{device name}/...`, up to 135 bytes
 * @param p_message  the message; not needed after the call
 * @return `IOTX_SUCCESS`, or another `iotx_ret_code_t` (then no callback will come)
 */
int IOT_CoAP_SendMessage(iotx_coap_context_t *p_context,
                         char *p_path,
                         struct iotx_message_t *p_message);

/**
 * The payload of an answer, inside its callback.
 *
 * @param p_message   the answer
 * @param pp_payload  receives the address, valid until the callback returns and followed by a
 *                    NUL; `NULL` if the answer has no payload
 * @param p_len       receives the length in bytes
 * @return 0; -1 if an argument is `NULL`
 */
int IOT_CoAP_GetMessagePayload(void *p_message, unsigned char **pp_payload, int *p_len);

/**
 * The code of an answer, inside its callback.
 *
 * @param p_message    the answer
 * @param p_resp_code  receives the code
 * @return 0; -1 if an argument is `NULL`
 */
int IOT_CoAP_GetMessageCode(void *p_message, enum iotx_coap_resp_code_t *p_resp_code);

#ifdef __cplusplus
} /* extern "C" */
#endif /* __cplusplus */

#endif /* IOT_EXPORT_COAP_H */
