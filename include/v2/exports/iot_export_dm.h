/* SPDX-License-Identifier: Apache-2.0 */
/* Generated from capi/src/v2/iot_export_dm.rs: change that, then run `cargo xtask headers`. */

#ifndef IOT_EXPORT_DM_H
#define IOT_EXPORT_DM_H

#include <stdarg.h>
#include <stddef.h>

/** What happened. The numbers depend on `RRPC_ENABLED`: archive and firmware are built alike. */
typedef enum dm_callback_type_t {
    /** A property was set, by the platform or by the application. */
    dm_callback_type_property_value_set,
    /** The platform called a service. */
    dm_callback_type_service_requested,
#if defined(RRPC_ENABLED)
    /** The platform called a service and waits for the answer. */
    dm_callback_type_rrpc_requested,
#endif
    /** Connected. */
    dm_callback_type_cloud_connected,
    /** The connection was lost. */
    dm_callback_type_cloud_disconnected,
    /** A thing was made from its description. */
    dm_callback_type_new_thing_created,
    /** The platform disabled the thing. */
    dm_callback_type_thing_disabled,
    /** The platform enabled the thing. */
    dm_callback_type_thing_enabled,
    /** Raw data arrived. */
    dm_callback_type_raw_data_arrived,
    /** Never raised. */
    dm_callback_type_response_arrived,
    /** The number of values. */
    dm_callback_type_number,
} dm_callback_type_t;

/** Has no effect: `IOT_SetupDomain` chooses the region. */
typedef enum dm_cloud_domain_type_t {
    /** Shanghai. */
    dm_cloud_domain_sh = 0,
    /** United States. */
    dm_cloud_domain_usa = 1,
    /** The number of values. */
    dm_cloud_domain_max = 2,
} dm_cloud_domain_type_t;

/**
 * Is told what happened.
 *
 * @param callback_type                what
 * @param thing_id                     the thing
 * @param property_service_identifier  the property or service; valid during the call
 * @param request_id                   names a call of a service in the answer
 * @param raw_data                     raw data; valid during the call
 * @param raw_data_length              its length in bytes
 */
typedef void (*handle_dm_callback_fp_t)(enum dm_callback_type_t callback_type,
                                        void *thing_id,
                                        const char *property_service_identifier,
                                        int request_id,
                                        void *raw_data,
                                        int raw_data_length);

/** An object. */
typedef struct dm_impl_t {
    /** Its class. */
    const void *_;
    /** Its log. */
    void *_logger;
    /** Its name. */
    char *_name;
    /** Not 0: the description comes from the platform. */
    int _get_tsl_from_cloud;
    /** The things. */
    void *_thing_manager;
    /** How much it logs. */
    int _log_level;
    /** No effect. */
    int _domain_type;
} dm_impl_t;

/**
 * The class. Its methods return 0, or -1 on failure. Which it has depends on the macros below:
 * archive and firmware are built alike.
 */
typedef struct dm_t {
    /** Size of an object in bytes. */
    size_t size;
    /** Name of the class. */
    const char *_class_name;
    /** Initialises an object. */
    void *(*ctor)(void *_self, va_list *params);
    /** Frees what an object owns. */
    void *(*dtor)(void *_self);
    /** Makes a thing from its description; `NULL` on failure. */
    void *(*generate_new_thing)(void *_self, const char *tsl, int tsl_str_len);
    /** As `linkkit_set_value`. */
    int (*set_property_value)(void *_self,
                              const void *thing_id,
                              const void *identifier,
                              const void *value,
                              const char *value_str);
    /** As `linkkit_set_value`. */
    int (*set_event_output_value)(void *_self,
                                  const void *thing_id,
                                  const void *identifier,
                                  const void *value,
                                  const char *value_str);
    /** As `linkkit_set_value`. */
    int (*set_service_output_value)(void *_self,
                                    const void *thing_id,
                                    const void *identifier,
                                    const void *value,
                                    const char *value_str);
    /** As `linkkit_get_value`. */
    int (*get_property_value)(const void *_self,
                              const void *thing_id,
                              const void *identifier,
                              void *value,
                              char **value_str);
    /** As `linkkit_get_value`. */
    int (*get_service_input_value)(const void *_self,
                                   const void *thing_id,
                                   const void *identifier,
                                   void *value,
                                   char **value_str);
    /** As `linkkit_get_value`. */
    int (*get_service_output_value)(const void *_self,
                                    const void *thing_id,
                                    const void *identifier,
                                    void *value,
                                    char **value_str);
    /** As `linkkit_get_value`. */
    int (*get_event_output_value)(const void *_self,
                                  const void *thing_id,
                                  const void *identifier,
                                  void *value,
                                  char **value_str);
    /** Adds someone who is told what happens. */
    int (*install_callback_function)(void *_self, handle_dm_callback_fp_t callback_function);
    /** As `linkkit_trigger_event`. */
    int (*trigger_event)(const void *_self,
                         const void *thing_id,
                         const void *event_identifier,
                         const char *property_identifier);
#if defined(DEVICEINFO_ENABLED)
    /** As `linkkit_trigger_deviceinfo_operate`. */
    int (*trigger_deviceinfo_update)(const void *_self, const void *thing_id, const char *params);
    /** As `linkkit_trigger_deviceinfo_operate`. */
    int (*trigger_deviceinfo_delete)(const void *_self, const void *thing_id, const char *params);
#endif
#if !defined(RRPC_ENABLED)
    /** As `linkkit_answer_service`. */
    int (*answer_service)(const void *_self,
                          const void *thing_id,
                          const void *identifier,
                          int response_id,
                          int code);
#else
    /** As `linkkit_answer_service`. */
    int (*answer_service)(const void *_self,
                          const void *thing_id,
                          const void *identifier,
                          int response_id,
                          int code,
                          int rrpc);
#endif
    /** Sends raw data. */
    int (*invoke_raw_service)(const void *_self,
                              const void *thing_id,
                              void *raw_data,
                              int raw_data_length);
    /** Answers raw data. */
    int (*answer_raw_service)(const void *_self,
                              const void *thing_id,
                              void *raw_data,
                              int raw_data_length);
#if !defined(CMP_SUPPORT_MULTI_THREAD)
    /** As `linkkit_yield`. */
    int (*yield)(const void *_self, int timeout_ms);
#endif
} dm_t;

#ifdef __cplusplus
extern "C" {
#endif /* __cplusplus */

/**
 * The class, for `new_object`.
 *
 * @return a `dm_t *`
 */
const void *get_dm_impl_class(void);

#ifdef __cplusplus
} /* extern "C" */
#endif /* __cplusplus */

/** The class, for `new_object`. */
#define DM_IMPL_CLASS get_dm_impl_class()

#endif /* IOT_EXPORT_DM_H */
