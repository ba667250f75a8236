/* SPDX-License-Identifier: Apache-2.0 */
/* Generated from capi/src/v2/linkkit_export.rs: change that, then run `cargo xtask headers`. */

#ifndef LINKKIT_EXPORT_H
#define LINKKIT_EXPORT_H

#include "exports/iot_export_fota.h"
#include "exports/iot_export_cota.h"
#include "exports/iot_export_dm.h"
#include "lite_queue.h"

/** How much is logged, as `IOT_LogLevel`. */
typedef enum _linkkit_loglevel {
    /** The library cannot go on. */
    linkkit_loglevel_emerg = 0,
    /** A function of the device is lost until someone steps in. */
    linkkit_loglevel_crit = 1,
    /** An operation failed. */
    linkkit_loglevel_error = 2,
    /** Something is odd, and was dealt with. */
    linkkit_loglevel_warning = 3,
    /** What happens, in few lines. */
    linkkit_loglevel_info = 4,
    /** What happens, in detail. */
    linkkit_loglevel_debug = 5,
} _linkkit_loglevel;

/** Has no effect: `IOT_SetupDomain` chooses the region. */
typedef enum linkkit_cloud_domain_type_t {
    /** Shanghai. */
    linkkit_cloud_domain_sh = 0,
    /** United States. */
    linkkit_cloud_domain_usa = 1,
    /** The number of values. */
    linkkit_cloud_domain_max = 2,
} linkkit_cloud_domain_type_t;

/** What to set. */
typedef enum linkkit_method_set_t {
    /** A property: `Property`, `Struct.member`, `Array[i]`. */
    linkkit_method_set_property_value = 0,
    /** An output of an event: `Event.output`. */
    linkkit_method_set_event_output_value = 1,
    /** An output of a service: `Service.output`. */
    linkkit_method_set_service_output_value = 2,
    /** The number of values. */
    linkkit_method_set_number = 3,
} linkkit_method_set_t;

/** What to read. */
typedef enum linkkit_method_get_t {
    /** A property: `Property`, `Struct.member`, `Array[i]`. */
    linkkit_method_get_property_value = 0,
    /** An output of an event: `Event.output`. */
    linkkit_method_get_event_output_value = 1,
    /** An input of a service: `Service.input`. */
    linkkit_method_get_service_input_value = 2,
    /** An output of a service: `Service.output`. */
    linkkit_method_get_service_output_value = 3,
    /** The number of values. */
    linkkit_method_get_number = 4,
} linkkit_method_get_t;

/** What to do with the device's tags. */
typedef enum linkkit_deviceinfo_operate_t {
    /** Set some. */
    linkkit_deviceinfo_operate_update = 0,
    /** Delete some. */
    linkkit_deviceinfo_operate_delete = 1,
    /** The number of values. */
    linkkit_deviceinfo_operate_max = 2,
} linkkit_deviceinfo_operate_t;

/** How much is logged. */
typedef enum _linkkit_loglevel linkkit_loglevel_t;

/**
 * Who is told what happens; each may be `NULL`. All but `raw_data_arrived` are called inside
 * `linkkit_dispatch`; what they return is not used.
 */
typedef struct _linkkit_ops {
    /** Connected, for the first time or again. */
    int (*on_connect)(void *ctx);
    /** The connection was lost. */
    int (*on_disconnect)(void *ctx);
    /** Raw data arrived, valid during the call. Called inside `linkkit_yield`. */
    int (*raw_data_arrived)(void *thing_id, void *data, int len, void *ctx);
    /** A thing was made from its description. */
    int (*thing_create)(void *thing_id, void *ctx);
    /** The platform enabled the thing. */
    int (*thing_enable)(void *thing_id, void *ctx);
    /** The platform disabled the thing. */
    int (*thing_disable)(void *thing_id, void *ctx);
#if !defined(RRPC_ENABLED)
    /** The platform called a service; answer with `linkkit_answer_service`. */
    int (*thing_call_service)(void *thing_id, char *service, int request_id, void *ctx);
#else
    /**
     * The platform called a service, and waits for the answer if `rrpc` is not 0; answer with
     * `linkkit_answer_service`.
     */
    int (*thing_call_service)(void *thing_id, char *service, int request_id, int rrpc, void *ctx);
#endif
    /** A property was set, by the platform or by `linkkit_set_value`. */
    int (*thing_prop_changed)(void *thing_id, char *property, void *ctx);
} _linkkit_ops;

/** Who is told what happens. */
typedef struct _linkkit_ops linkkit_ops_t;

#ifdef __cplusplus
extern "C" {
#endif /* __cplusplus */

/**
 * Connects, as the device that `HAL_Get...` name.
 *
 * A connection that fails is no error: `linkkit_yield` tries again.
 *
 * @param max_buffered_msg    how many events wait for `linkkit_dispatch` at most
 * @param get_tsl_from_cloud  not 0: the thing's description comes from the platform
 * @param log_level           how much is logged
 * @param ops                 who is told what happens; must stay valid until `linkkit_end`
 * @param domain_type         no effect
 * @param user_context        passed to the functions in `ops`; not `NULL`
 */
int linkkit_start(int max_buffered_msg,
                  int get_tsl_from_cloud,
                  linkkit_loglevel_t log_level,
                  linkkit_ops_t *ops,
                  enum linkkit_cloud_domain_type_t domain_type,
                  void *user_context);

/**
 * Disconnects and frees everything, things included.
 *
 * @return 0
 */
int linkkit_end(void);

/** Calls the functions in `ops` for what has happened. Does not block. */
int linkkit_dispatch(void);

#if !defined(CMP_SUPPORT_MULTI_THREAD)
/**
 * Receives and answers what arrives, for the given time.
 *
 * @param timeout_ms  how long, in ms
 */
int linkkit_yield(int timeout_ms);
#endif

/**
 * Makes a thing from its description.
 *
 * @param tsl      the description, a JSON object; copied
 * @param tsl_len  its length in bytes
 * @return the thing; `NULL` on failure
 */
void *linkkit_set_tsl(const char *tsl, int tsl_len);

/**
 * Sets a value. Sends nothing.
 *
 * @param method_set  what to set
 * @param thing_id    the thing
 * @param identifier  which
 * @param value       the value: `int` (also for enum and bool), `float`, `double`, `unsigned
 *                    long long` (date, in ms since 1970) or `char` (text); may be `NULL`
 * @param value_str   the value as text, or a struct as JSON; used if `value` is `NULL`
 */
int linkkit_set_value(enum linkkit_method_set_t method_set,
                      const void *thing_id,
                      const char *identifier,
                      const void *value,
                      const char *value_str);

/**
 * Reads a value.
 *
 * @param method_get  what to read
 * @param thing_id    the thing
 * @param identifier  which
 * @param value       receives the value, as in `linkkit_set_value`; may be `NULL`
 * @param value_str   receives the value as text, which belongs to the library and is valid
 *                    until the value is set again; may be `NULL`
 */
int linkkit_get_value(enum linkkit_method_get_t method_get,
                      const void *thing_id,
                      const char *identifier,
                      void *value,
                      char **value_str);

#if !defined(RRPC_ENABLED)
/**
 * Answers a call of a service with its outputs.
 *
 * @param thing_id            the thing
 * @param service_identifier  the service
 * @param response_id         `request_id` of the call
 * @param code                200 for success
 */
int linkkit_answer_service(const void *thing_id,
                           const char *service_identifier,
                           int response_id,
                           int code);
#endif

#if defined(RRPC_ENABLED)
/**
 * Answers a call of a service with its outputs.
 *
 * @param thing_id            the thing
 * @param service_identifier  the service
 * @param response_id         `request_id` of the call
 * @param code                200 for success
 * @param rrpc                `rrpc` of the call
 */
int linkkit_answer_service(const void *thing_id,
                           const char *service_identifier,
                           int response_id,
                           int code,
                           int rrpc);
#endif

/**
 * Sends raw data.
 *
 * @param thing_id         the thing
 * @param is_up_raw        not 0: a message; 0: an answer
 * @param raw_data         the data; copied
 * @param raw_data_length  its length in bytes
 */
int linkkit_invoke_raw_service(const void *thing_id,
                               int is_up_raw,
                               void *raw_data,
                               int raw_data_length);

/**
 * Reports a property.
 *
 * @param thing_id             the thing
 * @param property_identifier  the property, a whole one; `NULL` for all
 */
int linkkit_post_property(const void *thing_id, const char *property_identifier);

#if defined(DEVICEINFO_ENABLED)
/**
 * Changes the device's tags.
 *
 * @param thing_id                      the thing
 * @param params                        a JSON array: `[{"attrKey":"...","attrValue":"..."}]`,
 *                                      to delete `[{"attrKey":"..."}]`
 * @param linkkit_deviceinfo_operation  what to do
 */
int linkkit_trigger_deviceinfo_operate(const void *thing_id,
                                       const char *params,
                                       enum linkkit_deviceinfo_operate_t linkkit_deviceinfo_operation);
#endif

#if defined(SERVICE_OTA_ENABLED)
/**
 * Waits for firmware updates from now on.
 *
 * @param callback_fp  is told of one, inside `linkkit_yield`
 */
int linkkit_fota_init(handle_service_fota_callback_fp_t callback_fp);
#endif

#if defined(SERVICE_OTA_ENABLED)
/**
 * Fetches the firmware that was announced, stores it with `HAL_Firmware_Persistence_...`, and
 * restarts the device. Blocks until then; may be called inside the callback.
 *
 * @param data_buf         parts go through it
 * @param data_buf_length  its size in bytes
 */
int linkkit_invoke_fota_service(void *data_buf, int data_buf_length);
#endif

#if (defined(SERVICE_OTA_ENABLED) && defined(SERVICE_COTA_ENABLED))
/**
 * Waits for remote configurations from now on.
 *
 * @param callback_fp  is told of one, inside `linkkit_yield`
 */
int linkkit_cota_init(handle_service_cota_callback_fp_t callback_fp);
#endif

#if (defined(SERVICE_OTA_ENABLED) && defined(SERVICE_COTA_ENABLED))
/**
 * Asks for the remote configuration, which is then announced.
 *
 * @param config_scope    `"product"`
 * @param get_type        `"file"`
 * @param attribute_Keys  `""`
 * @param option          not used
 */
int linkkit_invoke_cota_get_config(const char *config_scope,
                                   const char *get_type,
                                   const char *attribute_Keys,
                                   void *option);
#endif

#if (defined(SERVICE_OTA_ENABLED) && defined(SERVICE_COTA_ENABLED))
/**
 * Fetches the configuration that was announced and stores it with
 * `HAL_Firmware_Persistence_...`. Blocks until then; may be called inside the callback.
 *
 * @param data_buf         parts go through it
 * @param data_buf_length  its size in bytes
 */
int linkkit_invoke_cota_service(void *data_buf, int data_buf_length);
#endif

#ifdef __cplusplus
} /* extern "C" */
#endif /* __cplusplus */

#ifdef __cplusplus
extern "C" {
#endif /* __cplusplus */

/* The RT-Thread package has a third parameter. There is one function for both: it reads the third argument with the
 * event "post" only, for which callers of the first form use linkkit_post_property. */
#if defined(_PLATFORM_IS_RTTHREAD_) || defined(LINKKIT_TRIGGER_EVENT_3ARGS)
/**
 * Reports an event with its outputs.
 *
 * @param thing_id             the thing
 * @param event_identifier     the event; `post` reports a property
 * @param property_identifier  with `post` the property, a whole one; `NULL` for all
 */
int linkkit_trigger_event(const void *thing_id, const char *event_identifier,
                          const char *property_identifier);
#else
/**
 * Reports an event with its outputs.
 *
 * @param thing_id          the thing
 * @param event_identifier  the event
 */
int linkkit_trigger_event(const void *thing_id, const char *event_identifier);
#endif

#ifdef __cplusplus
} /* extern "C" */
#endif /* __cplusplus */

#endif /* LINKKIT_EXPORT_H */
