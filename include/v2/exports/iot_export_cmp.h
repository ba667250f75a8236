/* SPDX-License-Identifier: Apache-2.0 */
/* Generated from capi/src/v2/iot_export_cmp.rs: change that, then run `cargo xtask headers`. */

#ifndef IOT_EXPORT_CMP_H
#define IOT_EXPORT_CMP_H

#include <stdint.h>

/** Room for a product key and its NUL. */
#define CMP_PRODUCT_KEY_LEN 21

/** Room for a device name and its NUL. */
#define CMP_DEVICE_NAME_LEN 33

/** Room for a device secret and its NUL. */
#define CMP_DEVICE_SECRET_LEN 65

/** Room for a device id and its NUL. */
#define CMP_DEVICE_ID_LEN 65

/** Room for a topic and its NUL. */
#define CMP_TOPIC_LEN_MAX 256

/** What the RT-Thread package's header calls United States. */
#define IOTX_CMP_CLOUD_DOMAIN_USA 1

/** Which secret the device has at first. */
typedef enum IOTX_CMP_DEVICE_SECRET_TYPES {
    /** Its product's; its own comes from the platform. */
    IOTX_CMP_DEVICE_SECRET_PRODUCT = 0,
    /** Its own. */
    IOTX_CMP_DEVICE_SECRET_DEVICE = 1,
    /** The number of values. */
    IOTX_CMP_DEVICE_SECRET_TYPES_MAX = 2,
} IOTX_CMP_DEVICE_SECRET_TYPES;

/** Has no effect: `IOT_SetupDomain` chooses the region. */
typedef enum IOTX_CMP_CLOUD_DOMAIN_TYPES {
    /** Shanghai. */
    IOTX_CMP_CLOUD_DOMAIN_SH = 0,
    /** Singapore. */
    IOTX_CMP_CLOUD_DOMAIN_SG = 1,
    /** Japan. */
    IOTX_CMP_CLOUD_DOMAIN_JP = 2,
    /** United States. */
    IOTX_CMP_CLOUD_DOMAIN_US = 3,
    /** Germany. */
    IOTX_CMP_CLOUD_DOMAIN_GER = 4,
    /** The number of values. */
    IOTX_CMP_CLOUD_DOMAIN_MAX = 5,
} IOTX_CMP_CLOUD_DOMAIN_TYPES;

/** What stands before a URI to make it a topic. */
typedef enum IOTX_CMP_URI_TYPES {
    /** `/sys/{product key}/{device name}/`. */
    IOTX_CMP_URI_SYS = 1,
    /** `/ext/{product key}/{device name}/`. */
    IOTX_CMP_URI_EXT = 2,
    /** Nothing. */
    IOTX_CMP_URI_UNDEFINE = 3,
    /** One more than the last value. */
    IOTX_CMP_URI_MAX = 4,
} IOTX_CMP_URI_TYPES;

/** What a payload is. */
typedef enum IOTX_CMP_PAYLOAD_TYPE {
    /** Bytes, sent as they are. */
    IOTX_CMP_MESSAGE_RAW = 1,
    /** The parameters of a request, to which id and method are added. */
    IOTX_CMP_MESSAGE_REQUEST = 2,
    /** The data of an answer, to which id and code are added. */
    IOTX_CMP_MESSAGE_RESPONSE = 3,
    /** One more than the last value. */
    IOTX_CMP_PAYLOAD_MAX = 4,
} IOTX_CMP_PAYLOAD_TYPE;

/** Whether the platform acknowledges a message. */
typedef enum IOTX_CMP_MESSAGE_ACK_TYPES {
    /** No: QoS 0. */
    IOTX_CMP_MESSAGE_NO_ACK = 0,
    /** Yes: QoS 1. */
    IOTX_CMP_MESSAGE_NEED_ACK = 1,
    /** The number of values. */
    IOTX_CMP_MESSAGE_ACK_MAX = 2,
} IOTX_CMP_MESSAGE_ACK_TYPES;

#if defined(SERVICE_OTA_ENABLED)
/** What is fetched. */
typedef enum IOTX_CMP_OTA_TYPE {
    /** A firmware. */
    IOTX_CMP_OTA_TYPE_FOTA = 1,
    /** A configuration. */
    IOTX_CMP_OTA_TYPE_COTA = 2,
    /** One more than the last value. */
    IOTX_CMP_OTA_TYPE_MAX = 3,
} IOTX_CMP_OTA_TYPE;
#endif

/** What happened. */
typedef enum IOTX_CMP_EVENT_TYPES {
    /** Connected for the first time. `msg` is `NULL`. */
    IOTX_CMP_EVENT_CLOUD_CONNECTED = 0,
    /** The connection was lost. `msg` is `NULL`. */
    IOTX_CMP_EVENT_CLOUD_DISCONNECT = 1,
    /** Connected again. `msg` is `NULL`. */
    IOTX_CMP_EVENT_CLOUD_RECONNECT = 2,
    /** Never raised. */
    IOTX_CMP_EVENT_FOUND_DEVICE = 10,
    /** Never raised. */
    IOTX_CMP_EVENT_REMOVE_DEVICE = 11,
    /** A registration succeeded or failed. `msg` is an `iotx_cmp_event_result_t *`. */
    IOTX_CMP_EVENT_REGISTER_RESULT = 20,
    /** An unregistration succeeded or failed. `msg` is an `iotx_cmp_event_result_t *`. */
    IOTX_CMP_EVENT_UNREGISTER_RESULT = 21,
    /** Sending failed. `msg` is an `iotx_cmp_event_result_t *`. */
    IOTX_CMP_EVENT_SEND_RESULT = 22,
    /** Never raised: messages go to the functions registered for their URIs. */
    IOTX_CMP_EVENT_NEW_DATA_RECEIVED = 30,
    /** One more than the last value. */
    IOTX_CMP_EVENT_MAX = 31,
} IOTX_CMP_EVENT_TYPES;

/** Which secret the device has at first. */
typedef enum IOTX_CMP_DEVICE_SECRET_TYPES iotx_cmp_device_secret_types_t;

/** Has no effect: `IOT_SetupDomain` chooses the region. */
typedef enum IOTX_CMP_CLOUD_DOMAIN_TYPES iotx_cmp_cloud_domain_types_t;

/** What an event handler is told. */
typedef struct iotx_cmp_event_msg_t {
    /** An `iotx_cmp_event_types_t`. */
    uint8_t event_id;
    /** More about it; its type depends on `event_id`. */
    void *msg;
} iotx_cmp_event_msg_t;

/** What an event handler is told. */
typedef struct iotx_cmp_event_msg_t *iotx_cmp_event_msg_pt;

/**
 * A handler of events.
 *
 * @param pcontext   for the library
 * @param msg        what happened; valid during the call
 * @param user_data  what was given with the handler
 */
typedef void (*iotx_cmp_event_handle_func_fpt)(void *pcontext,
                                               iotx_cmp_event_msg_pt msg,
                                               void *user_data);

/** How to connect, and who is told what happens. */
typedef struct iotx_cmp_init_param_t {
    /** Which secret the device has. */
    iotx_cmp_device_secret_types_t secret_type;
    /** No effect. */
    iotx_cmp_cloud_domain_types_t domain_type;
    /** Is told; may be `NULL`. */
    iotx_cmp_event_handle_func_fpt event_func;
    /** Passed to `event_func`. */
    void *user_data;
} iotx_cmp_init_param_t;

/** How to connect, and who is told what happens. */
typedef struct iotx_cmp_init_param_t *iotx_cmp_init_param_pt;

/** What stands before a URI to make it a topic. */
typedef enum IOTX_CMP_URI_TYPES iotx_cmp_uri_types_t;

/** What a payload is. */
typedef enum IOTX_CMP_PAYLOAD_TYPE iotx_cmp_message_types_t;

/** The device a message comes from or goes to: always the own one. */
typedef struct iotx_cmp_send_peer_t {
    /** Product key. */
    char product_key[22];
    /** Device name. */
    char device_name[34];
} iotx_cmp_send_peer_t;

/** The device a message comes from or goes to. */
typedef struct iotx_cmp_send_peer_t *iotx_cmp_send_peer_pt;

/** Whether the platform acknowledges a message. */
typedef enum IOTX_CMP_MESSAGE_ACK_TYPES iotx_cmp_message_ack_types_t;

/** A message. */
typedef struct iotx_cmp_message_info_t {
    /** Its id; sending replaces 0 by a new one. */
    int id;
    /** Whether the platform acknowledges it. */
    iotx_cmp_message_ack_types_t ack_type;
    /** The URI. */
    char *URI;
    /** What stands before it. */
    iotx_cmp_uri_types_t URI_type;
    /** Code of an answer. */
    unsigned int code;
    /** Method of a request. */
    char *method;
    /** The payload. */
    void *parameter;
    /** Its length in bytes. */
    unsigned int parameter_length;
    /** What the payload is. */
    iotx_cmp_message_types_t message_type;
} iotx_cmp_message_info_t;

/** A message. */
typedef struct iotx_cmp_message_info_t *iotx_cmp_message_info_pt;

/**
 * A handler of messages.
 *
 * @param source     from whom
 * @param msg        the message; both are valid during the call
 * @param user_data  what was given with the handler
 */
typedef void (*iotx_cmp_register_func_fpt)(iotx_cmp_send_peer_pt source,
                                           iotx_cmp_message_info_pt msg,
                                           void *user_data);

/** Which messages to receive. */
typedef struct iotx_cmp_register_param_t {
    /** The URI; copied. */
    char *URI;
    /** What stands before it. */
    iotx_cmp_uri_types_t URI_type;
    /** What their payload is. */
    iotx_cmp_message_types_t message_type;
    /** Is told each message; may be `NULL`. */
    iotx_cmp_register_func_fpt register_func;
    /** Passed to `register_func`. */
    void *user_data;
    /** Not used. */
    void *mail_box;
} iotx_cmp_register_param_t;

/** Which messages to receive. */
typedef struct iotx_cmp_register_param_t *iotx_cmp_register_param_pt;

/** Which messages not to receive any more. */
typedef struct iotx_cmp_unregister_param_t {
    /** The URI. */
    char *URI;
    /** What stands before it. */
    iotx_cmp_uri_types_t URI_type;
} iotx_cmp_unregister_param_t;

/** Which messages not to receive any more. */
typedef struct iotx_cmp_unregister_param_t *iotx_cmp_unregister_param_pt;

#if defined(SERVICE_OTA_ENABLED)
/** What is fetched. */
typedef enum IOTX_CMP_OTA_TYPE iotx_cmp_ota_types_t;
#endif

#if defined(SERVICE_OTA_ENABLED)
/**
 * A step of a download: `ota_type`, `buffer` and `buffer_length` are set by the caller, the rest by
 * the library.
 */
typedef struct iotx_cmp_ota_t {
    /** What is fetched. */
    iotx_cmp_ota_types_t ota_type;
    /** 1 if there is more to fetch, else 0. */
    uint8_t is_more;
    /** 0; -1 the download did not end well; -2 nothing came; -3 it is not what was announced. */
    int8_t result;
    /** Percent fetched. */
    int progress;
    /** Receives the next part. */
    void *buffer;
    /** Size of `buffer`; becomes the length of the part. */
    int buffer_length;
} iotx_cmp_ota_t;
#endif

#if defined(SERVICE_OTA_ENABLED)
/** A step of a download. */
typedef struct iotx_cmp_ota_t *iotx_cmp_ota_pt;
#endif

/** What happened. */
typedef enum IOTX_CMP_EVENT_TYPES iotx_cmp_event_types_t;

/** A device. */
typedef struct iotx_cmp_event_device_t {
    /** Product key. */
    char product_key[22];
    /** Device name. */
    char device_name[34];
} iotx_cmp_event_device_t;

/** A device. */
typedef struct iotx_cmp_event_device_t *iotx_cmp_event_device_pt;

/** How an operation ended. */
typedef struct iotx_cmp_event_result_t {
    /** 0, or -1 on failure. */
    int8_t result;
    /** The URI; a topic if `URI_type` is 0. */
    char *URI;
    /** What stands before it. */
    iotx_cmp_uri_types_t URI_type;
} iotx_cmp_event_result_t;

/** How an operation ended. */
typedef struct iotx_cmp_event_result_t *iotx_cmp_event_result_pt;

/** A message that arrived, and from whom. */
typedef struct iotx_cmp_new_data_t {
    /** From whom. */
    iotx_cmp_send_peer_pt peer;
    /** The message. */
    iotx_cmp_message_info_pt message_info;
} iotx_cmp_new_data_t;

/** A message that arrived, and from whom. */
typedef struct iotx_cmp_new_data_t *iotx_cmp_new_data_pt;

#if defined(SERVICE_OTA_ENABLED)
/** A firmware that can be fetched. */
typedef struct iotx_cmp_fota_parameter_t {
    /** Its size in bytes. */
    uint32_t size_file;
    /** Where it is. */
    char *purl;
    /** Its version. */
    char *version;
} iotx_cmp_fota_parameter_t;
#endif

#if defined(SERVICE_OTA_ENABLED)
/** A firmware that can be fetched. */
typedef struct iotx_cmp_fota_parameter_t *iotx_cmp_fota_parameter_pt;
#endif

#if defined(SERVICE_OTA_ENABLED)
/** A configuration that can be fetched. */
typedef struct iotx_cmp_cota_parameter_t {
    /** Its id. */
    char *configId;
    /** Its size in bytes. */
    uint32_t configSize;
    /** Its digest. */
    char *sign;
    /** Which digest that is. */
    char *signMethod;
    /** Where it is. */
    char *url;
    /** How it is fetched: `file`. */
    char *getType;
} iotx_cmp_cota_parameter_t;
#endif

#if defined(SERVICE_OTA_ENABLED)
/** A configuration that can be fetched. */
typedef struct iotx_cmp_cota_parameter_t *iotx_cmp_cota_parameter_pt;
#endif

#if defined(SERVICE_OTA_ENABLED)
/**
 * Is told that there is a firmware; may fetch it with `IOT_CMP_OTA_Yield` before it returns.
 *
 * @param pcontext    for the library
 * @param fota_param  the firmware; valid during the call
 * @param user_data   what was given with the function
 */
typedef void (*iotx_cmp_fota_handle_func_fpt)(void *pcontext,
                                              iotx_cmp_fota_parameter_pt fota_param,
                                              void *user_data);
#endif

#if defined(SERVICE_OTA_ENABLED)
/**
 * Is told that there is a configuration; may fetch it with `IOT_CMP_OTA_Yield` before it returns.
 *
 * @param pcontext    for the library
 * @param cota_param  the configuration; valid during the call
 * @param user_data   what was given with the function
 */
typedef void (*iotx_cmp_cota_handle_func_fpt)(void *pcontext,
                                              iotx_cmp_cota_parameter_pt cota_param,
                                              void *user_data);
#endif

#ifdef __cplusplus
extern "C" {
#endif /* __cplusplus */

/**
 * Connects, as the device that `HAL_Get...` name. A later call only adds another handler.
 *
 * A connection that fails is no error: `IOT_CMP_Yield` tries again. Blocks for as long as connecting takes. When there is
 * a connection, the handler is told so before this returns. There is one CMP in a process; its session is persistent, its
 * buffers grow from 4 KiB to 40 KiB each.
 *
 * @param pparam  how to connect, and who is told what happens
 * @param option  not used
 * @return 0; -1 if `pparam` is `NULL`, the HAL has no product key, device name, device id or device secret, memory is
 *         short, or another thread begins or ends CMP: the log says which
 *
 * @pre `pparam` is `NULL` or readable; its handler may be called on any thread that uses CMP, until `IOT_CMP_Deinit`.
 */
int IOT_CMP_Init(iotx_cmp_init_param_pt pparam,
                 void *option);

/**
 * Receives some messages from now on. Does not wait for the platform's answer, which is an event. Any thread, any handler.
 *
 * A message goes to one function: to that of its own topic, or else to the last whose wildcards match. A URI may be
 * registered again only after it has failed, or was unregistered.
 *
 * @param pparam  which messages; not needed after the call
 * @param option  not used
 * @return 0, also if the question could not be sent, which is an event, too; -1 if an argument is missing or no type,
 *         the URI is registered or too long, there has been no connection yet, 256 are registered, or memory is short
 *
 * @pre `pparam` is `NULL` or readable, its URI `NULL` or a NUL-terminated string; its function may be called on any thread that
 *      yields, until it is unregistered.
 */
int IOT_CMP_Register(iotx_cmp_register_param_pt pparam,
                     void *option);

/**
 * Does not receive some messages any more. Does not wait for the platform's answer, which is an event. Any thread, any
 * handler.
 *
 * @param pparam  which messages; not needed after the call
 * @param option  not used
 * @return 0; -1 if an argument is missing, the URI is too long or not registered (the platform is told all the same), there
 *         has been no connection yet, or memory is short
 *
 * @pre `pparam` is `NULL` or readable, its URI `NULL` or a NUL-terminated string.
 */
int IOT_CMP_Unregister(iotx_cmp_unregister_param_pt pparam,
                       void *option);

/**
 * Sends a message. Any thread, any handler.
 *
 * `parameter` of a request or an answer is JSON text and ends with a NUL, whatever `parameter_length` says; `NULL` stands
 * for `{}`. Ids begin with 1, and again after 65535.
 *
 * @param target        not used
 * @param message_info  the message, copied; its `id` is written if it is 0
 * @param option        not used
 * @return 0; -1 if an argument is missing, no type or too long, or memory is short; also -1, and an event, if it could
 *         not be sent
 *
 * @pre `message_info` is `NULL`, or readable and writable; its strings are `NULL` or NUL-terminated, and raw bytes readable for
 *      `parameter_length`.
 */
int IOT_CMP_Send(iotx_cmp_send_peer_pt target,
                 iotx_cmp_message_info_pt message_info,
                 void *option);

#if !defined(CMP_SUPPORT_MULTI_THREAD)
/**
 * Sends nothing, and says so in the log: V2.10 never did.
 *
 * @param target        not used
 * @param message_info  not used
 * @param option        not used
 * @return 0; -1 before `IOT_CMP_Init`
 */
int IOT_CMP_Send_Sync(iotx_cmp_send_peer_pt target,
                      iotx_cmp_message_info_pt message_info,
                      void *option);
#endif

#if !defined(CMP_SUPPORT_MULTI_THREAD)
/**
 * As `IOT_MQTT_Yield`. As long as there has been no connection, tries to connect instead, which blocks for as long as that
 * takes: a second after the last attempt at the earliest, and until then this waits.
 *
 * @param timeout_ms  how long, in ms; negative: returns at once
 * @param option      not used
 * @return 0; -1 before `IOT_CMP_Init`
 */
int IOT_CMP_Yield(int timeout_ms,
                  void *option);
#endif

/**
 * Disconnects and frees everything. No event is raised. Inside a handler, the call that the handler was called from frees
 * at its end, and `IOT_CMP_Init` returns -1 until then.
 *
 * @param option  not used
 * @return 0; -1 before `IOT_CMP_Init`
 */
int IOT_CMP_Deinit(void *option);

#if defined(SERVICE_OTA_ENABLED)
/**
 * Reports the version that runs, and waits for updates from now on.
 *
 * @param cur_version  1 to 32 characters
 * @param option       not used
 * @return 0, also if it has been called before; -1 before `IOT_CMP_Init` and the first connection, and if `cur_version`
 *         is missing or could not be reported
 *
 * @pre `cur_version` is `NULL` or a NUL-terminated string.
 */
int IOT_CMP_OTA_Start(char *cur_version,
                      void *option);
#endif

#if defined(SERVICE_OTA_ENABLED)
/**
 * Sets who is told that there is something to fetch, inside `IOT_CMP_Yield`. Before or after `IOT_CMP_OTA_Start`.
 *
 * @param type          of a firmware or of a configuration
 * @param ota_func      an `iotx_cmp_fota_handle_func_fpt` or `iotx_cmp_cota_handle_func_fpt`
 * @param user_context  passed to `ota_func`
 * @param option        not used
 * @return 0; -1 before `IOT_CMP_Init` and the first connection, if `ota_func` is `NULL`, `type` is none, or there is one
 *         already
 *
 * @pre `ota_func` is `NULL`, or a function of that type, which may be called on any thread that yields.
 */
int IOT_CMP_OTA_Set_Callback(iotx_cmp_ota_types_t type,
                             void *ota_func,
                             void *user_context,
                             void *option);
#endif

#if defined(SERVICE_OTA_ENABLED)
/**
 * As `IOT_OTA_GetConfig`.
 *
 * @param configScope    `"product"`
 * @param getType        `"file"`
 * @param attributeKeys  `""`
 * @param option         not used
 * @return 0; negative on failure, -1 before `IOT_CMP_OTA_Start`
 *
 * @pre The strings are `NULL` or NUL-terminated.
 */
int IOT_CMP_OTA_Get_Config(const char *configScope,
                           const char *getType,
                           const char *attributeKeys,
                           void *option);
#endif

#if defined(SERVICE_OTA_ENABLED)
/**
 * As `IOT_OTA_RequestImage`.
 *
 * @param version  the version that runs, 1 to 32 characters
 * @param option   not used
 * @return 0; negative on failure, -1 before `IOT_CMP_OTA_Start`
 *
 * @pre `version` is `NULL` or a NUL-terminated string.
 */
int IOT_CMP_OTA_Request_Image(const char *version, void *option);
#endif

#if defined(SERVICE_OTA_ENABLED)
/**
 * Fetches the next part of what was announced, and reports the progress. Any thread, and inside the function that was told.
 *
 * Waits through pauses of the download, which `IOT_OTA_FetchYield` describes, three minutes at most. The progress is
 * reported when it has grown by more than 5 and 50 ms have passed, and at the end; -2 is reported if the download fails, and
 * -3 if what came is not what was announced.
 *
 * @param ota_pt  the step; set `buffer_length`, one more than the part may have, before every call
 * @return 0, and `result` 0, or -3 if the last part came and the whole is not what was announced; -1 before
 *         `IOT_CMP_OTA_Start`, if an argument is missing, and, with `result` -2, if nothing came
 *
 * @pre `ota_pt` is `NULL`, or readable and writable; its buffer is `NULL`, or writable for `buffer_length` bytes that nobody else
 *      touches.
 */
int IOT_CMP_OTA_Yield(iotx_cmp_ota_pt ota_pt);
#endif

#ifdef __cplusplus
} /* extern "C" */
#endif /* __cplusplus */

#endif /* IOT_EXPORT_CMP_H */
