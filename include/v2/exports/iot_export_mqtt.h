/* SPDX-License-Identifier: Apache-2.0 */
/* Generated from capi/src/v2/iot_export_mqtt.rs: change that, then run `cargo xtask headers`. */

#ifndef IOT_EXPORT_MQTT_H
#define IOT_EXPORT_MQTT_H

#include <stdint.h>

/**
 * What happened to a client.
 *
 * `msg` of the event is the packet id (cast to a pointer) unless stated otherwise.
 */
typedef enum iotx_mqtt_event_type_t {
    /** Never raised. */
    IOTX_MQTT_EVENT_UNDEF = 0,
    /** The connection was lost; the library reconnects. `msg` is `NULL`. */
    IOTX_MQTT_EVENT_DISCONNECT = 1,
    /** Connected again. `msg` is `NULL`. */
    IOTX_MQTT_EVENT_RECONNECT = 2,
    /** The server granted a subscription. */
    IOTX_MQTT_EVENT_SUBCRIBE_SUCCESS = 3,
    /** The server did not answer a subscription in time. */
    IOTX_MQTT_EVENT_SUBCRIBE_TIMEOUT = 4,
    /** The server refused a subscription, now or when it was renewed after a reconnect. */
    IOTX_MQTT_EVENT_SUBCRIBE_NACK = 5,
    /** The server ended a subscription: its handlers are not called any more. */
    IOTX_MQTT_EVENT_UNSUBCRIBE_SUCCESS = 6,
    /** The server did not answer an unsubscription in time. */
    IOTX_MQTT_EVENT_UNSUBCRIBE_TIMEOUT = 7,
    /** Never raised. */
    IOTX_MQTT_EVENT_UNSUBCRIBE_NACK = 8,
    /** The server has a message that was published with QoS 1. */
    IOTX_MQTT_EVENT_PUBLISH_SUCCESS = 9,
    /** Never raised: QoS 1 messages are repeated until acknowledged. */
    IOTX_MQTT_EVENT_PUBLISH_TIMEOUT = 10,
    /** Never raised. */
    IOTX_MQTT_EVENT_PUBLISH_NACK = 11,
    /** A message arrived. `msg` is an `iotx_mqtt_topic_info_t *`. */
    IOTX_MQTT_EVENT_PUBLISH_RECVEIVED = 12,
    /** A packet is larger than the read buffer and was dropped. `msg` is a text, `const char *`. */
    IOTX_MQTT_EVENT_BUFFER_OVERFLOW = 13,
} iotx_mqtt_event_type_t;

/** How often a message may arrive (MQTT 3.1.1, section 4.3). */
typedef enum iotx_mqtt_qos_t {
    /** At most once: sent and forgotten. */
    IOTX_MQTT_QOS0 = 0,
    /** At least once: repeated until acknowledged. */
    IOTX_MQTT_QOS1 = 1,
    /** Exactly once. Messages may be received, but not published, with it. */
    IOTX_MQTT_QOS2 = 2,
} iotx_mqtt_qos_t;

/** What an event handler is told. Valid, with all it points to, until the handler returns. */
typedef struct iotx_mqtt_event_msg_t {
    /** What happened. */
    enum iotx_mqtt_event_type_t event_type;
    /** More about it; its type depends on `event_type`. */
    void *msg;
} iotx_mqtt_event_msg_t;

/** What an event handler is told. */
typedef struct iotx_mqtt_event_msg_t *iotx_mqtt_event_msg_pt;

/**
 * A handler of events, called inside `IOT_MQTT_Yield` without any lock held: it may publish, subscribe, unsubscribe, and wait in `IOT_MQTT_Yield` for a reply.
 *
 * @param pcontext  what was given with the handler
 * @param pclient   the client
 * @param msg       what happened
 */
typedef void (*iotx_mqtt_event_handle_func_fpt)(void *pcontext,
                                                void *pclient,
                                                iotx_mqtt_event_msg_pt msg);

/** The handler of all events that no topic handler takes. */
typedef struct iotx_mqtt_event_handle_t {
    /** The handler; `NULL` drops these events. */
    iotx_mqtt_event_handle_func_fpt h_fp;
    /** Passed to the handler. */
    void *pcontext;
} iotx_mqtt_event_handle_t;

/**
 * How to connect. The structure itself is read by `IOT_MQTT_Construct` only; **the strings and both buffers are used
 * until `IOT_MQTT_Destroy` returns**, the strings at every reconnect.
 */
typedef struct iotx_mqtt_param_t {
    /** TCP port of the server. */
    uint16_t port;
    /** Host name of the server. */
    const char *host;
    /** MQTT client id. */
    const char *client_id;
    /** MQTT user name. */
    const char *username;
    /** MQTT password. */
    const char *password;
    /** Root certificate (PEM) to check the server with over TLS; `NULL` means plain TCP. */
    const char *pub_key;
    /** Not 0: the server forgets subscriptions and waiting messages when the connection ends. */
    uint8_t clean_session;
    /** How long the server may take to answer: 500 to 5000 ms; any other value stands for 2000. */
    uint32_t request_timeout_ms;
    /** Longest silence towards the server, in ms; brought into 60000 to 180000. */
    uint32_t keepalive_interval_ms;
    /** Buffer for what is sent; it holds the largest packet to publish. */
    char *pwrite_buf;
    /** Size of `pwrite_buf` in bytes. */
    uint32_t write_buf_size;
    /** Buffer for what arrives; it holds the largest packet to receive. */
    char *pread_buf;
    /** Size of `pread_buf` in bytes. */
    uint32_t read_buf_size;
    /** Is told all events that no topic handler takes. */
    struct iotx_mqtt_event_handle_t handle_event;
} iotx_mqtt_param_t;

/** A message: what to publish, or what arrived. */
typedef struct iotx_mqtt_topic_info_t {
    /** Packet id. Publishing with QoS 1 writes it; 0 in a message that arrived with QoS 0. */
    uint16_t packet_id;
    /** Quality of service: 0 or 1 to publish, 0 to 2 in a message that arrived. */
    uint8_t qos;
    /** Set in a message that arrived: it may have been delivered before. */
    uint8_t dup;
    /** The server keeps the message for later subscribers. */
    uint8_t retain;
    /** Length of `ptopic` in bytes. Not used to publish. */
    uint16_t topic_len;
    /** Length of `payload` in bytes. */
    uint16_t payload_len;
    /** Topic of a message that arrived, not NUL-terminated. Not used to publish. */
    const char *ptopic;
    /** The message, not NUL-terminated; may be `NULL` if `payload_len` is 0. */
    const char *payload;
} iotx_mqtt_topic_info_t;

/** A message. */
typedef struct iotx_mqtt_topic_info_t *iotx_mqtt_topic_info_pt;

/** The handler of all events that no topic handler takes. */
typedef struct iotx_mqtt_event_handle_t *iotx_mqtt_event_handle_pt;

/** How to connect. */
typedef struct iotx_mqtt_param_t *iotx_mqtt_param_pt;

#ifdef __cplusplus
extern "C" {
#endif /* __cplusplus */

/**
 * Makes a client and connects it.
 *
 * Blocks for as long as `HAL_TCP_Establish` or `HAL_SSL_Establish` does, and twice the request timeout at most
 * after that. A failed call leaves nothing behind and may be repeated with the same parameters. Up to eight clients
 * may exist at once. No event is raised.
 *
 * @param pInitParams  how to connect; see there what must stay valid
 * @return the client, to be given to `IOT_MQTT_Destroy`; `NULL` if a required parameter is missing, a buffer is
 *         too small, memory is short, or the connection failed (the log says why)
 *
 * @pre `pInitParams` is `NULL` or readable. Its strings are `NULL` or NUL-terminated, its buffers `NULL` or as large as it
 *      says and used by nobody else, all of them until the client is destroyed; its handler may be called on any thread
 *      that yields.
 */
void *IOT_MQTT_Construct(struct iotx_mqtt_param_t *pInitParams);

/**
 * As `IOT_MQTT_Construct`, with the identity of an ID2 security chip, for which the chip's vendor has the library.
 * This one is built without it.
 *
 * @return `NULL`; the log says what to call instead
 */
void *IOT_MQTT_ConstructSecure(struct iotx_mqtt_param_t *pInitParams);

/**
 * Disconnects a client and frees it. Messages that wait for an acknowledgement are dropped, no event is raised.
 *
 * May be called from a handler and while other threads use the client: their calls end, and return -2 from then
 * on. Waits for them no longer than the request timeout and one second (a handler that calls this is one of them); once
 * it has returned, the buffers of `iotx_mqtt_param_t` belong to the caller again.
 *
 * @param phandle  the client; set to `NULL`
 * @return 0; -2 if there is no such client
 *
 * @pre `phandle` is `NULL`, or readable and writable.
 */
int IOT_MQTT_Destroy(void **phandle);

/**
 * Keeps the connection alive, receives, calls handlers, repeats what was not acknowledged, and reconnects, for
 * the given time. Call it again and again: nothing else does any of this.
 *
 * Takes its whole time even if nothing happens, so it serves as a delay; handlers come on top. Never longer than
 * that and one call into the HAL. Reconnects after 1 s, then after twice as long each time up to 60 s, a random
 * part added, across calls.
 *
 * @param handle      the client
 * @param timeout_ms  how long; 0 stands for 10 ms
 * @return 0, connected or not; -1 if `timeout_ms` is negative, or this is a call inside a handler for which there
 *         is no memory; -2 if there is no such client
 */
int IOT_MQTT_Yield(void *handle,
                   int timeout_ms);

/**
 * Whether a client is connected. Any thread, any handler.
 *
 * @return 1 connected; 0 not; -2 (which C takes for true) if there is no such client
 */
int IOT_MQTT_CheckStateNormal(void *handle);

/**
 * Turns reconnecting off: a lost connection is reported once and stays lost.
 *
 * @return 0; -1 if there is no such client
 */
int IOT_MQTT_Disable_Reconnect(void *handle);

/**
 * Asks the server for the messages on some topics. Any thread, any handler.
 *
 * Does not wait for the answer, which is an event with the packet id that is returned; the handler is called from
 * then on. The same filter with the same handler and context is one subscription; with another handler or context
 * it is a second, and both are called. Subscriptions are renewed after a reconnect if the server forgot them.
 *
 * @param handle             the client
 * @param topic_filter       begins with `/`, at most 128 bytes from 32 to 126; `+` and `#` as whole levels. Copied
 * @param qos                the highest quality of service to deliver with; any other number stands for 0
 * @param topic_handle_func  is told each message on a topic that matches
 * @param pcontext           passed to `topic_handle_func`
 * @return the packet id, 1 to 65535; -2 an argument is `NULL` or empty; -14 sending failed; -26 the write buffer
 *         is too small; -27 not connected; -41 bad filter; -42 no memory, or 256 requests are unanswered
 *
 * @pre `topic_filter` is `NULL` or a NUL-terminated string. `topic_handle_func` may be called with `pcontext` on any thread
 *      that yields, until the subscription has ended.
 */
int IOT_MQTT_Subscribe(void *handle,
                       const char *topic_filter,
                       enum iotx_mqtt_qos_t qos,
                       iotx_mqtt_event_handle_func_fpt topic_handle_func,
                       void *pcontext);

/**
 * Ends all subscriptions of this client with exactly this filter. Any thread, any handler.
 *
 * Their handlers are called until the answer arrives, an event with the packet id that is returned.
 *
 * @param handle        the client
 * @param topic_filter  as in `IOT_MQTT_Subscribe`
 * @return the packet id, 1 to 65535; -2 an argument is `NULL` or empty; -14 sending failed; -22 the write buffer
 *         is too small; -27 not connected; -41 bad filter; -42 no memory, or 256 requests are unanswered
 *
 * @pre `topic_filter` is `NULL` or a NUL-terminated string.
 */
int IOT_MQTT_Unsubscribe(void *handle,
                         const char *topic_filter);

/**
 * Sends a message. Any thread, any handler.
 *
 * Blocks for the request timeout at most, and while another thread is sending. A QoS 1 message is repeated until
 * the server acknowledges it, across reconnects; the acknowledgement is an event with the packet id.
 *
 * @param handle      the client
 * @param topic_name  begins with `/`, at most 128 bytes from 32 to 126, without `+` and `#`
 * @param topic_msg   payload, its length, `qos` 0 or 1, `retain`; QoS 1 writes `packet_id`. Copied
 * @return 0 for QoS 0 and the packet id for QoS 1; -2 an argument is `NULL` or empty; -14 sending failed; -20
 *         `qos` is above 1; -21 the write buffer is too small; -27 not connected; -41 bad topic; -42 no memory, or
 *         20 messages are unacknowledged
 *
 * @pre `topic_name` is `NULL` or a NUL-terminated string; `topic_msg` is `NULL`, or readable and writable, with `payload`
 *      readable for `payload_len` bytes.
 */
int IOT_MQTT_Publish(void *handle,
                     const char *topic_name,
                     iotx_mqtt_topic_info_pt topic_msg);

#ifdef __cplusplus
} /* extern "C" */
#endif /* __cplusplus */

#endif /* IOT_EXPORT_MQTT_H */
