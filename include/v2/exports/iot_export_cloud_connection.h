/* SPDX-License-Identifier: Apache-2.0 */
/* Generated from capi/src/v2/iot_export_cloud_connection.rs: change that, then run `cargo xtask headers`. */

#ifndef IOT_EXPORT_CLOUD_CONNECTION_H
#define IOT_EXPORT_CLOUD_CONNECTION_H

#include <stdint.h>

#include "iot_export.h"

/** How to connect. */
typedef enum IOTX_CLOUD_CONNECTION_PROTOCOL_TYPES {
    /** MQTT. */
    IOTX_CLOUD_CONNECTION_PROTOCOL_TYPE_MQTT = 1,
    /** CoAP: publishes only. */
    IOTX_CLOUD_CONNECTION_PROTOCOL_TYPE_COAP = 2,
    /** HTTP: publishes only. */
    IOTX_CLOUD_CONNECTION_PROTOCOL_TYPE_HTTP = 3,
    /** One more than the last value. */
    IOTX_CLOUD_CONNECTION_PROTOCOL_TYPE_MAX = 4,
} IOTX_CLOUD_CONNECTION_PROTOCOL_TYPES;

/** What to do. */
typedef enum IOTX_CLOUD_CONNECTION_MESSAGE_TYPES {
    /** Subscribe; MQTT only. */
    IOTX_CLOUD_CONNECTION_MESSAGE_TYPE_SUBSCRIBE = 1,
    /** Unsubscribe; MQTT only. */
    IOTX_CLOUD_CONNECTION_MESSAGE_TYPE_UNSUBSCRIBE = 2,
    /** Publish. */
    IOTX_CLOUD_CONNECTION_MESSAGE_TYPE_PUBLISH = 3,
    /** One more than the last value. */
    IOTX_CLOUD_CONNECTION_MESSAGE_TYPE_MAX = 4,
} IOTX_CLOUD_CONNECTION_MESSAGE_TYPES;

/** How often a message may arrive, over MQTT. */
typedef enum iotx_message_qos_t {
    /** At most once. */
    IOTX_MESSAGE_QOS0 = 0,
    /** At least once. */
    IOTX_MESSAGE_QOS1 = 1,
    /** Exactly once; not for messages that are published. */
    IOTX_MESSAGE_QOS2 = 2,
} iotx_message_qos_t;

/** What became of a message, or that one arrived. */
typedef enum IOTX_CLOUD_CONNECTION_RESPONSE_TYPES {
    /** Subscribed. */
    IOTX_CLOUD_CONNECTION_RESPONSE_SUBSCRIBE_SUCCESS = 1,
    /** Not subscribed. */
    IOTX_CLOUD_CONNECTION_RESPONSE_SUBSCRIBE_FAIL = 2,
    /** Unsubscribed. */
    IOTX_CLOUD_CONNECTION_RESPONSE_UNSUBSCRIBE_SUCCESS = 3,
    /** Not unsubscribed. */
    IOTX_CLOUD_CONNECTION_RESPONSE_UNSUBSCRIBE_FAIL = 4,
    /** Sent; over CoAP and HTTP with the server's answer. */
    IOTX_CLOUD_CONNECTION_RESPONSE_SEND_SUCCESS = 5,
    /** Not sent. */
    IOTX_CLOUD_CONNECTION_RESPONSE_SEND_FAIL = 6,
    /** A message arrived. */
    IOTX_CLOUD_CONNECTION_RESPONSE_NEW_DATA = 7,
    /** One more than the last value. */
    IOTX_CLOUD_CONNECTION_RESPONSE_TYPE_MAX = 8,
} IOTX_CLOUD_CONNECTION_RESPONSE_TYPES;

/** Format of a payload, over CoAP. */
typedef enum iotx_message_content_type_t {
    /** JSON. */
    IOTX_MESSAGE_CONTENT_TYPE_JSON = 0,
    /** CBOR. */
    IOTX_MESSAGE_CONTENT_TYPE_CBOR = 1,
} iotx_message_content_type_t;

/** Whether a message is repeated until acknowledged, over CoAP. */
typedef enum iotx_message_type_t {
    /** Repeated. */
    IOTX_MESSAGE_CONFIRMABLE = 0,
    /** Sent once. */
    IOTX_MESSAGE_NON_CONFIRMABLE = 1,
} iotx_message_type_t;

/** What happened to a connection. */
typedef enum IOTX_CLOUD_CONNECTION_EVENT_TYPES {
    /** It was lost. */
    IOTX_CLOUD_CONNECTION_EVENT_DISCONNECT = 0,
    /** It is back. */
    IOTX_CLOUD_CONNECTION_EVENT_RECONNECT = 1,
    /** The number of values. */
    IOTX_CLOUD_CONNECTION_EVENT_MAX = 2,
} IOTX_CLOUD_CONNECTION_EVENT_TYPES;

/** How to connect. */
typedef enum IOTX_CLOUD_CONNECTION_PROTOCOL_TYPES iotx_cloud_connection_protocol_types_t;

/** What an event handler is told. */
typedef struct iotx_cloud_connection_event_msg_t {
    /** An `iotx_cloud_connection_event_types_t`. */
    uint8_t event_id;
    /** More about it. */
    void *msg;
} iotx_cloud_connection_event_msg_t;

/** What an event handler is told. */
typedef struct iotx_cloud_connection_event_msg_t *iotx_cloud_connection_event_msg_pt;

/**
 * A handler of events.
 *
 * @param pconnection  `event_pcontext` of the parameters
 * @param msg          what happened; valid during the call
 */
typedef void (*iotx_cloud_connection_event_handle_func_fpt)(void *pconnection,
                                                            iotx_cloud_connection_event_msg_pt msg);

/** How to connect. Copied by `IOT_Cloud_Connection_Init`. */
typedef struct iotx_cloud_connection_param_t {
    /** How. */
    iotx_cloud_connection_protocol_types_t protocol_type;
    /** Who the device is. */
    iotx_device_info_t *device_info;
    /** MQTT: as in `iotx_mqtt_param_t`. HTTP: as `keep_alive` in `iotx_http_param_t`. */
    uint8_t clean_session;
    /** As in `iotx_mqtt_param_t`. */
    uint32_t request_timeout_ms;
    /** As in `iotx_mqtt_param_t`. */
    uint32_t keepalive_interval_ms;
    /** Passed to `event_handler`. */
    void *event_pcontext;
    /** Is told what happens to the connection; may be `NULL`. */
    iotx_cloud_connection_event_handle_func_fpt event_handler;
} iotx_cloud_connection_param_t;

/** How to connect. */
typedef struct iotx_cloud_connection_param_t *iotx_cloud_connection_param_pt;

/** What to do. */
typedef enum IOTX_CLOUD_CONNECTION_MESSAGE_TYPES iotx_cloud_connection_message_types_t;

/** What became of a message, or that one arrived. */
typedef enum IOTX_CLOUD_CONNECTION_RESPONSE_TYPES iotx_cloud_connection_response_types_t;

/** What became of a message, or a message that arrived. */
typedef struct iotx_cloud_connection_msg_rsp_t {
    /** Which of the two. */
    iotx_cloud_connection_response_types_t rsp_type;
    /** The topic or path, NUL-terminated. */
    char *URI;
    /** Its length in bytes. */
    uint32_t URI_length;
    /** The payload. */
    void *payload;
    /** Its length in bytes. */
    uint32_t payload_length;
    /** Quality of service it arrived with. */
    enum iotx_message_qos_t QoS;
} iotx_cloud_connection_msg_rsp_t;

/** What became of a message, or a message that arrived. */
typedef struct iotx_cloud_connection_msg_rsp_t *iotx_cloud_connection_msg_rsp_pt;

/**
 * Is told what became of a message, and each message that a subscription brings.
 *
 * @param pcontext     `response_pcontext` of the message
 * @param pconnection  the connection
 * @param msg          what became of it; valid during the call
 */
typedef void (*iotx_cloud_connection_msg_rsp_func_fpt)(void *pcontext,
                                                       void *pconnection,
                                                       iotx_cloud_connection_msg_rsp_pt msg);

/** What to do, with which message. Copied by `IOT_Cloud_Connection_Send_Message`. */
typedef struct iotx_cloud_connection_msg_t {
    /** What to do. */
    iotx_cloud_connection_message_types_t type;
    /** The topic, filter or path. */
    char *URI;
    /** Its length in bytes. */
    uint32_t URI_length;
    /** The payload. */
    void *payload;
    /** Its length in bytes. */
    uint32_t payload_length;
    /** Quality of service; MQTT only. */
    enum iotx_message_qos_t QoS;
    /** Passed to `response_handler`. */
    void *response_pcontext;
    /** Is told what became of it; may be `NULL`. */
    iotx_cloud_connection_msg_rsp_func_fpt response_handler;
    /** Format of the payload; CoAP only. */
    enum iotx_message_content_type_t content_type;
    /** Whether it is repeated; CoAP only. */
    enum iotx_message_type_t message_type;
} iotx_cloud_connection_msg_t;

/** What to do, with which message. */
typedef struct iotx_cloud_connection_msg_t *iotx_cloud_connection_msg_pt;

/** What happened to a connection. */
typedef enum IOTX_CLOUD_CONNECTION_EVENT_TYPES iotx_cloud_connection_event_types_t;

#ifdef __cplusplus
extern "C" {
#endif /* __cplusplus */

/**
 * Makes a connection. Blocks until connected or failed.
 *
 * @param connection_param  how to connect; not needed after the call
 * @return the connection; `NULL` on failure
 */
void *IOT_Cloud_Connection_Init(iotx_cloud_connection_param_pt connection_param);

/**
 * Closes a connection and frees it.
 *
 * @param handle  the connection; set to `NULL`
 * @return 0; -1 if there is no such connection
 */
int IOT_Cloud_Connection_Deinit(void **handle);

/**
 * Subscribes, unsubscribes or publishes. Does not wait for the answer.
 *
 * @param handle  the connection
 * @param msg     what to do; not needed after the call
 * @return 0; -1 on failure
 */
int IOT_Cloud_Connection_Send_Message(void *handle, iotx_cloud_connection_msg_pt msg);

/**
 * Receives what arrives and calls handlers, for the given time.
 *
 * @param handle      the connection
 * @param timeout_ms  how long, in ms
 * @return 0; -1 if there is no such connection
 */
int IOT_Cloud_Connection_Yield(void *handle, int timeout_ms);

#ifdef __cplusplus
} /* extern "C" */
#endif /* __cplusplus */

#endif /* IOT_EXPORT_CLOUD_CONNECTION_H */
