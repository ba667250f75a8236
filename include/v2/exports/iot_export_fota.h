/* SPDX-License-Identifier: Apache-2.0 */
/* Generated from capi/src/v2/iot_export_fota.rs: change that, then run `cargo xtask headers`. */

#ifndef IOT_EXPORT_FOTA_H
#define IOT_EXPORT_FOTA_H

#include <stdarg.h>
#include <stdlib.h>

/** Name of the module, for the log. */
#define SERVICE_FOTA_MODULE_NAME "service_fota"

/** What happened. */
typedef enum service_fota_callback_type_t {
    /** There is a firmware to fetch. */
    service_fota_callback_type_new_version_detected = 10,
    /** One more than the last value. */
    service_fota_callback_type_number = 11,
} service_fota_callback_type_t;

/**
 * Is told what happened.
 *
 * @param callback_type  what
 * @param version        version of the firmware
 */
typedef void (*handle_service_fota_callback_fp_t)(enum service_fota_callback_type_t callback_type,
                                                  const char *version);

/** The class. */
typedef struct fota_t {
    /** Size of an object in bytes. */
    size_t size;
    /** Name of the class. */
    char *_class_name;
    /** Initialises an object. */
    void *(*ctor)(void *_self, va_list *params);
    /** Frees what an object owns. */
    void *(*dtor)(void *_self);
    /** Prepares the storage. */
    void (*start)(void *_self);
    /** Stores a part; 0 on success. */
    int (*write)(void *_self, void *data_buf, int length);
    /** Completes the storage; 0 on success. */
    int (*end)(void *_self);
    /** Fetches and stores the firmware, part by part through the buffer. */
    int (*perform_ota_service)(void *_self, void *data_buf, int length);
    /** Sets who is told what happens. */
    void (*install_callback_function)(void *_self, handle_service_fota_callback_fp_t callback);
} fota_t;

/** An object. */
typedef struct service_ota_t {
    /** Its class. */
    const void *_;
    /** The buffer that parts go through. */
    void *_data_buf;
    /** Version of the firmware that was announced. */
    char *_version;
    /** Size of the buffer in bytes. */
    int _data_buf_length;
    /** Bytes stored. */
    int _total_len;
    /** Version of the firmware that was announced. */
    char *_ota_version;
    /** Who is told what happens. */
    void *_linkkit_callback_fp;
    /** Version of the firmware that runs. */
    char *_current_verison;
    /** Not 0: updates are awaited. */
    int _ota_inited;
    /** Not 0: it is being destroyed. */
    int _destructing;
} service_ota_t;

#ifdef __cplusplus
extern "C" {
#endif /* __cplusplus */

/**
 * The class, for `new_object`, of objects that update the firmware.
 *
 * An object begins CMP if nobody has, and once there is a connection reports the version of `HAL_GetFirmwareVesion` and
 * waits for updates; there is one at a time. What `install_callback_function` was given is told of one, inside
 * `IOT_CMP_Yield`. `perform_ota_service` then fetches it, through a buffer of 2 bytes at least, and hands it to
 * `HAL_Firmware_Persistence_Start`, `_Write` for each part and, if it is what was announced, `_Stop`; a port that returns
 * anything but 0 has failed. It returns -1 then; when all went well, the program ends with `exit(0)` on Linux and elsewhere
 * with `HAL_Sys_reboot` of the port, unless `IOT_OTA_SetRestart` says otherwise.
 *
 * @return an `fota_t *`
 */
const void *get_service_ota_class(void);

/**
 * Allocates memory.
 *
 * @param size  bytes
 * @return the memory, its content undefined; `NULL` if there is none, or `size` is 0
 */
void *service_ota_lite_malloc(size_t size);

/**
 * Allocates zeroed memory.
 *
 * @param nmemb  how many
 * @param size   bytes of each
 * @return the memory; `NULL` if there is none, or one of them is 0
 */
void *service_ota_lite_calloc(size_t nmemb, size_t size);

/**
 * Frees memory.
 *
 * @param ptr  from one of the two functions above; `NULL` does nothing
 *
 * @pre `ptr` is `NULL`, or came from one of them and was not yet freed.
 */
void service_ota_lite_free_func(void *ptr);

#ifdef __cplusplus
} /* extern "C" */
#endif /* __cplusplus */

/** The class, for `new_object`. */
#define SERVICE_FOTA_CLASS get_service_ota_class()

/** Frees memory of `service_ota_lite_malloc` and `service_ota_lite_calloc`, and sets the variable to `NULL`. */
#define service_ota_lite_free(ptr)         \
    do {                                   \
        service_ota_lite_free_func(ptr);   \
        (ptr) = NULL;                      \
    } while (0)

#endif /* IOT_EXPORT_FOTA_H */
