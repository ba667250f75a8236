/* SPDX-License-Identifier: Apache-2.0 */
/* Generated from capi/src/v2/iot_export_subdev.rs: change that, then run `cargo xtask headers`. */

#ifndef IOT_EXPORT_SUBDEV_H
#define IOT_EXPORT_SUBDEV_H

#include <stdint.h>

#include "iot_export.h"

/** Topics that log sub-devices in and out: product key, device name, what. */
#define TOPIC_SESSION_COMBINE_FMT "/ext/session/%s/%s/combine/%s"

/** Topics that register sub-devices: product key, device name, what. */
#define TOPIC_SESSION_SUB_FMT "/sys/%s/%s/thing/sub/%s"

/** Topics of the topology: product key, device name, what. */
#define TOPIC_SESSION_TOPO_FMT "/sys/%s/%s/thing/topo/%s"

/** Topics of the remote configuration: product key, device name, what. */
#define TOPIC_SESSION_CONFIG_FMT "/sys/%s/%s/thing/config/%s"

/** Topics that report found devices: product key, device name, what. */
#define TOPIC_SESSION_LIST_FOUND_FMT "/sys/%s/%s/thing/list/%s"

/** Filters of remote calls: product key, device name, `request` or `response`. */
#define TOPIC_SYS_RRPC_FMT "/sys/%s/%s/rrpc/%s/+"

/** Not used. */
#define IOT_GATEWAY_YIELD_MAX_COUNT 100

/** Room for a sub-device's client id and its NUL. */
#define IOT_SUBDEVICE_CLIENT_ID_LEN 64

/** Room for a topic and its NUL. */
#define GATEWAY_TOPIC_LEN_MAX 256

/** Longest answer that `IOT_Gateway_Get_TOPO` and `IOT_Gateway_Get_Config` pass on. */
#define REPLY_MESSAGE_LEN_MAX 1024

/** Where a sub-device's credentials come from. */
typedef enum IOTX_SUBDEV_REGISTER_TYPES {
    /** From the application. */
    IOTX_SUBDEV_REGISTER_TYPE_STATIC = 0,
    /** From the platform. */
    IOTX_SUBDEV_REGISTER_TYPE_DYNAMIC = 1,
    /** The number of values. */
    IOTX_SUBDEV_REGISTER_TYPE_MAX = 2,
} IOTX_SUBDEV_REGISTER_TYPES;

/** How a sub-device's credentials are signed. */
typedef enum IOTX_SUBDEV_SIGN_METHOD_TYPES {
    /** HMAC-SHA1. */
    IOTX_SUBDEV_SIGN_METHOD_TYPE_SHA = 0,
    /** HMAC-MD5. */
    IOTX_SUBDEV_SIGN_METHOD_TYPE_MD5 = 1,
    /** Unknown. */
    IOTX_SUBDEV_SIGN_METHOD_TYPE_UNDEFINED = 2,
    /** The number of values. */
    IOTX_SUBDEV_SIGN_METHOD_TYPE_MAX = 3,
} IOTX_SUBDEV_SIGN_METHOD_TYPES;

/**
 * Whether the platform forgets a sub-device's waiting messages when it logs out. Mind that yes is
 * 0.
 */
typedef enum IOTX_SUBDEV_CLEAN_SESSION_TYPES {
    /** Forgotten. */
    IOTX_SUBDEV_CLEAN_SESSION_TRUE = 0,
    /** Kept. */
    IOTX_SUBDEV_CLEAN_SESSION_FALSE = 1,
    /** Unknown. */
    IOTX_SUBDEV_CLEAN_SESSION_UNDEFINED = 2,
    /** The number of values. */
    IOTX_SUBDEV_CLEAN_SESSION_MAX = 3,
} IOTX_SUBDEV_CLEAN_SESSION_TYPES;

/**
 * A handler of MQTT events, as `iotx_mqtt_event_handle_func_fpt`.
 *
 * @param pcontext  what was given with the handler
 * @param pclient   the MQTT client, not the gateway
 * @param msg       an `iotx_mqtt_event_msg_t *`
 */
typedef void (*iotx_subdev_event_handle_func_fpt)(void *pcontext, void *pclient, void *msg);

/** How a gateway connects. */
typedef struct iotx_gateway_param_t {
    /** As for `IOT_MQTT_Construct`; its `handle_event` is not used. */
    iotx_mqtt_param_pt mqtt;
    /** Passed to `event_handler`. */
    void *event_pcontext;
    /** Is told all events that the gateway and its topic handlers do not take; may be `NULL`. */
    iotx_subdev_event_handle_func_fpt event_handler;
} iotx_gateway_param_t;

/** How a gateway connects. */
typedef struct iotx_gateway_param_t *iotx_gateway_param_pt;

/** Where a sub-device's credentials come from. */
typedef enum IOTX_SUBDEV_REGISTER_TYPES iotx_subdev_register_types_t;

/** How a sub-device's credentials are signed. */
typedef enum IOTX_SUBDEV_SIGN_METHOD_TYPES iotx_subdev_sign_method_types_t;

/** Whether the platform forgets a sub-device's waiting messages when it logs out. */
typedef enum IOTX_SUBDEV_CLEAN_SESSION_TYPES iotx_subdev_clean_session_types_t;

/**
 * Is told that the platform calls a device; answer with `IOT_Gateway_RRPC_Response`, now or later.
 * The texts are valid during the call.
 *
 * @param gateway      the gateway
 * @param product_key  product key of the device that is called
 * @param device_name  its device name
 * @param message_id   names the call in the answer
 * @param payload      what the platform sent
 */
typedef void (*rrpc_request_callback)(void *gateway,
                                      const char *product_key,
                                      const char *device_name,
                                      const char *message_id,
                                      const char *payload);

#ifdef __cplusplus
extern "C" {
#endif /* __cplusplus */

/**
 * Makes an MQTT client and a gateway on it. Blocks for connecting and subscribing to ten
 * topics.
 *
 * @param gateway_param  how to connect; what must stay valid is as for `IOT_MQTT_Construct`
 * @return the gateway; `NULL` on failure, or if there is one already
 */
void *IOT_Gateway_Construct(iotx_gateway_param_pt gateway_param);

/**
 * Logs all sub-devices out, disconnects the gateway and frees it.
 *
 * @param handle  the gateway; set to `NULL`
 * @return 0; -1501 `handle` is `NULL`; -1498 there is no such gateway
 */
int IOT_Gateway_Destroy(void **handle);

/**
 * Makes a device a sub-device of this gateway. Waits for the platform's answer.
 *
 * @param handle       the gateway
 * @param type         where its credentials come from; from the platform, it is registered
 *                     there first, and the three texts must be `NULL`
 * @param product_key  its product key
 * @param device_name  its device name
 * @param timestamp    what was signed, with the next two
 * @param client_id    its client id
 * @param sign         the signature
 * @param sign_type    how it was signed
 * @return 0; the platform's code, negated; or another negative number
 */
int IOT_Subdevice_Register(void *handle,
                           iotx_subdev_register_types_t type,
                           const char *product_key,
                           const char *device_name,
                           char *timestamp,
                           char *client_id,
                           char *sign,
                           iotx_subdev_sign_method_types_t sign_type);

/**
 * Unregisters a sub-device. Log it out before. Waits for the platform's answer.
 *
 * @param handle       the gateway
 * @param product_key  its product key
 * @param device_name  its device name
 * @return 0; the platform's code, negated; or another negative number
 */
int IOT_Subdevice_Unregister(void *handle, const char *product_key, const char *device_name);

/**
 * Logs a sub-device in: from now on its messages may be published and received. Waits for the
 * platform's answer.
 *
 * @param handle              the gateway
 * @param product_key         its product key
 * @param device_name         its device name
 * @param timestamp           what was signed, with the next two; all three may be `NULL` after
 *                            a dynamic registration
 * @param client_id           its client id
 * @param sign                the signature
 * @param sign_method_type    how it was signed
 * @param clean_session_type  whether its waiting messages are forgotten
 * @return 0; -1482 it is logged in already; the platform's code, negated; or another negative
 *         number
 */
int IOT_Subdevice_Login(void *handle,
                        const char *product_key,
                        const char *device_name,
                        const char *timestamp,
                        const char *client_id,
                        const char *sign,
                        iotx_subdev_sign_method_types_t sign_method_type,
                        iotx_subdev_clean_session_types_t clean_session_type);

/**
 * Logs a sub-device out. Waits for the platform's answer.
 *
 * @param handle       the gateway
 * @param product_key  its product key
 * @param device_name  its device name
 * @return 0; -1497 it is not known; the platform's code, negated; or another negative number
 */
int IOT_Subdevice_Logout(void *handle, const char *product_key, const char *device_name);

/**
 * Asks which sub-devices the platform knows of this gateway. Waits for the answer.
 *
 * @param handle          the gateway
 * @param get_topo_reply  receives the answer (a JSON array), not terminated
 * @param length          size of `get_topo_reply`; becomes the length of the answer
 * @return 0; -1479 the buffer is too small; the platform's code, negated; or another negative
 *         number
 */
int IOT_Gateway_Get_TOPO(void *handle, char *get_topo_reply, uint32_t *length);

/**
 * Asks for the gateway's remote configuration. Waits for the answer.
 *
 * @param handle            the gateway
 * @param get_config_reply  receives the answer (a JSON object), not terminated
 * @param length            size of `get_config_reply`; becomes the length of the answer
 * @return 0; -1479 the buffer is too small; the platform's code, negated; or another negative
 *         number
 */
int IOT_Gateway_Get_Config(void *handle, char *get_config_reply, uint32_t *length);

/**
 * Reports a device that was found near the gateway. Waits for the platform's answer.
 *
 * @param handle       the gateway
 * @param product_key  its product key
 * @param device_name  its device name
 * @return 0; the platform's code, negated; or another negative number
 */
int IOT_Gateway_Publish_Found_List(void *handle, const char *product_key, const char *device_name);

/**
 * As `IOT_MQTT_Yield`.
 *
 * @param handle   the gateway
 * @param timeout  how long, in ms
 * @return 0; -1498 there is no such gateway
 */
int IOT_Gateway_Yield(void *handle, uint32_t timeout);

/**
 * As `IOT_MQTT_Subscribe`.
 *
 * @param handle             the gateway
 * @param topic_filter       the filter
 * @param qos                0 to 2
 * @param topic_handle_func  is told each message on a topic that matches
 * @param pcontext           passed to `topic_handle_func`
 * @return as `IOT_MQTT_Subscribe`; -1498 there is no such gateway
 */
int IOT_Gateway_Subscribe(void *handle,
                          const char *topic_filter,
                          int qos,
                          iotx_subdev_event_handle_func_fpt topic_handle_func,
                          void *pcontext);

/**
 * As `IOT_MQTT_Unsubscribe`.
 *
 * @param handle        the gateway
 * @param topic_filter  the filter
 * @return as `IOT_MQTT_Unsubscribe`; -1498 there is no such gateway
 */
int IOT_Gateway_Unsubscribe(void *handle, const char *topic_filter);

/**
 * As `IOT_MQTT_Publish`, for the gateway and the sub-devices that are logged in.
 *
 * @param handle      the gateway
 * @param topic_name  the topic
 * @param topic_msg   the message
 * @return as `IOT_MQTT_Publish`; -1498 there is no such gateway
 */
int IOT_Gateway_Publish(void *handle, const char *topic_name, iotx_mqtt_topic_info_pt topic_msg);

/**
 * Sets who is told when the platform calls a device.
 *
 * @param handle         the gateway
 * @param product_key    product key of the gateway, or of a sub-device that is logged in
 * @param device_name    its device name
 * @param rrpc_callback  is told
 * @return 0; -1496 there is one already; -1497 the device is not known; or another negative
 *         number
 */
int IOT_Gateway_RRPC_Register(void *handle,
                              const char *product_key,
                              const char *device_name,
                              rrpc_request_callback rrpc_callback);

/**
 * Answers a call of the platform, inside the callback or later.
 *
 * @param handle       the gateway
 * @param product_key  product key of the device that was called
 * @param device_name  its device name
 * @param message_id   names the call
 * @param response     the answer
 * @return 0; -1497 the device is not known; or another negative number
 */
int IOT_Gateway_RRPC_Response(void *handle,
                              const char *product_key,
                              const char *device_name,
                              const char *message_id,
                              const char *response);

/**
 * A number for a message that the application builds itself. Works without a gateway.
 *
 * @return the next of 1, 2, 3, ...
 */
uint32_t IOT_Gateway_Generate_Message_ID(void);

#ifdef __cplusplus
} /* extern "C" */
#endif /* __cplusplus */

#endif /* IOT_EXPORT_SUBDEV_H */
