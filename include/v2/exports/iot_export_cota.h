/* SPDX-License-Identifier: Apache-2.0 */
/* Generated from capi/src/v2/iot_export_cota.rs: change that, then run `cargo xtask headers`. */

#ifndef IOT_EXPORT_COTA_H
#define IOT_EXPORT_COTA_H

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#ifdef SERVICE_OTA_ENABLED

/** Name of the module, for the log. */
#define CONFIG_COTA_MODULE_NAME "service_cota"

/** What happened. */
typedef enum service_cota_callback_type_t {
    /** There is a configuration to fetch. */
    service_cota_callback_type_new_version_detected = 10,
    /** One more than the last value. */
    service_cota_callback_type_number = 11,
} service_cota_callback_type_t;

/**
 * Is told what happened.
 *
 * @param callback_type  what
 * @param configid       id of the configuration
 * @param configsize     its size in bytes
 * @param gettype        how it is fetched: `file`
 * @param sign           its digest
 * @param signmethod     which digest that is
 * @param cota_url       where it is
 */
typedef void (*handle_service_cota_callback_fp_t)(enum service_cota_callback_type_t callback_type,
                                                  const char *configid,
                                                  uint32_t configsize,
                                                  const char *gettype,
                                                  const char *sign,
                                                  const char *signmethod,
                                                  const char *cota_url);

/** The class. */
typedef struct cota_t {
    /** Size of an object in bytes. */
    size_t size;
    /** Name of the class. */
    char *_class_name;
    /** Initialises an object. */
    void *(*ctor)(void *_self, va_list *params);
    /** Frees what an object owns. */
    void *(*dtor)(void *_self);
    /** Asks for the configuration. */
    int (*get)(void *_self,
               const char *configScope,
               const char *getType,
               const char *attributeKeys,
               void *option);
    /** Prepares the storage. */
    void (*start)(void *_self);
    /** Stores a part; 0 on success. */
    int (*write)(void *_self, void *data_buf, int length);
    /** Completes the storage; 0 on success. */
    int (*end)(void *_self);
    /** Fetches and stores the configuration, part by part through the buffer. */
    int (*perform_ota_service)(void *_self, void *data_buf, int length);
    /** Sets who is told what happens. */
    void (*install_callback_function)(void *_self, handle_service_cota_callback_fp_t callback);
} cota_t;

/** An object. */
typedef struct config_ota_t {
    /** Its class. */
    const void *_;
    /** The buffer that parts go through. */
    void *_data_buf;
    /** Size of the buffer in bytes. */
    int _data_buf_length;
    /** Bytes stored. */
    int _total_len;
    /** Who is told what happens. */
    void *_linkkit_callback_fp;
    /** Version of the firmware that runs. */
    char *_current_verison;
    /** What was asked for: scope. */
    char *_req_configscope;
    /** What was asked for: how it is fetched. */
    char *_req_gettype;
    /** What was asked for: attributes. */
    char *_req_attributekeys;
    /** What was announced: id. */
    char *_rsp_configId;
    /** What was announced: size in bytes. */
    uint32_t _rsp_configSize;
    /** What was announced: digest. */
    char *_rsp_sign;
    /** What was announced: which digest that is. */
    char *_rsp_signMethod;
    /** What was announced: where it is. */
    char *_rsp_url;
    /** What was announced: how it is fetched. */
    char *_rsp_getType;
    /** Not 0: configurations are awaited. */
    int _ota_inited;
    /** Not 0: it is being destroyed. */
    int _destructing;
} config_ota_t;

#ifdef __cplusplus
extern "C" {
#endif /* __cplusplus */

/**
 * The class, for `new_object`, of objects that fetch the remote configuration.
 *
 * As `get_service_ota_class`, but for configurations, which `get` asks for and which the platform may push; and
 * `perform_ota_service` returns what `HAL_Firmware_Persistence_Stop` does, and the program goes on. A port cannot tell a
 * configuration from a firmware.
 *
 * @return a `cota_t *`
 */
const void *get_config_ota_class(void);

/**
 * Allocates memory.
 *
 * @param size  bytes
 * @return the memory, its content undefined; `NULL` if there is none, or `size` is 0
 */
void *config_ota_lite_malloc(size_t size);

/**
 * Allocates zeroed memory.
 *
 * @param nmemb  how many
 * @param size   bytes of each
 * @return the memory; `NULL` if there is none, or one of them is 0
 */
void *config_ota_lite_calloc(size_t nmemb, size_t size);

/**
 * Frees memory.
 *
 * @param ptr  from one of the two functions above; `NULL` does nothing
 *
 * @pre `ptr` is `NULL`, or came from one of them and was not yet freed.
 */
void config_ota_lite_free_func(void *ptr);

#ifdef __cplusplus
} /* extern "C" */
#endif /* __cplusplus */

/** The class, for `new_object`. */
#define SERVICE_COTA_CLASS get_config_ota_class()

/** Frees memory of `config_ota_lite_malloc` and `config_ota_lite_calloc`, and sets the variable to `NULL`. */
#define config_ota_lite_free(ptr)         \
    do {                                  \
        config_ota_lite_free_func(ptr);   \
        (ptr) = NULL;                     \
    } while (0)

#endif /* SERVICE_OTA_ENABLED */

#endif /* IOT_EXPORT_COTA_H */
