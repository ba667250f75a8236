/* SPDX-License-Identifier: Apache-2.0 */
/* Generated from capi/src/v2/iot_export_shadow.rs: change that, then run `cargo xtask headers`. */

#ifndef IOT_EXPORT_SHADOW_H
#define IOT_EXPORT_SHADOW_H

#include <stddef.h>
#include <stdint.h>

#include "exports/iot_export_errno.h"
#include "exports/iot_export_mqtt.h"

struct iotx_shadow_attr_st;

/** Who changes an attribute. For the application: the library does not look at it. */
typedef enum iotx_shadow_datamode_t {
    /** The device. */
    IOTX_SHADOW_READONLY = 0,
    /** The platform. */
    IOTX_SHADOW_WRITEONLY = 1,
    /** Both. */
    IOTX_SHADOW_RW = 2,
} iotx_shadow_datamode_t;

/** Type of an attribute's value. */
typedef enum iotx_shadow_attr_datatype_t {
    /** None. */
    IOTX_SHADOW_NULL = 0,
    /** `int32_t`. */
    IOTX_SHADOW_INT32 = 1,
    /** NUL-terminated text. */
    IOTX_SHADOW_STRING = 2,
} iotx_shadow_attr_datatype_t;

/** How an update ended. */
typedef enum iotx_shadow_ack_code_t {
    /** The server did not answer in time. */
    IOTX_SHADOW_ACK_TIMEOUT = -1,
    /** Not used. */
    IOTX_SHADOW_ACK_NONE = 0,
    /** Success. */
    IOTX_SHADOW_ACK_SUCCESS = 200,
    /** The document is not JSON. */
    IOTX_SHADOW_ACK_ERR_JSON_FMT_IS_INVALID = 400,
    /** The document has no `method`. */
    IOTX_SHADOW_ACK_ERR_METHOD_IS_NULL = 401,
    /** The document has no `state`. */
    IOTX_SHADOW_ACK_ERR_STATE_IS_NULL = 402,
    /** `version` is not a number. */
    IOTX_SHADOW_ACK_ERR_VERSION_IS_INVALID = 403,
    /** The document has no `reported`. */
    IOTX_SHADOW_ACK_ERR_REPORTED_IS_NULL = 404,
    /** `reported` is empty. */
    IOTX_SHADOW_ACK_ERR_REPORTED_ATTRIBUTE_IS_NULL = 405,
    /** No such `method`. */
    IOTX_SHADOW_ACK_ERR_METHOD_IS_INVALID = 406,
    /** There is no document. */
    IOTX_SHADOW_ACK_ERR_SHADOW_DOCUMENT_IS_NULL = 407,
    /** Too many attributes. */
    IOTX_SHADOW_ACK_ERR_ATTRIBUTE_EXCEEDED = 408,
    /** The server failed. */
    IOTX_SHADOW_ACK_ERR_SERVER_FAILED = 500,
} iotx_shadow_ack_code_t;

/** How to connect. */
typedef struct iotx_shadow_para_t {
    /** As for `IOT_MQTT_Construct`; `handle_event` is not used. */
    iotx_mqtt_param_t mqtt;
} iotx_shadow_para_t;

/** How to connect. */
typedef struct iotx_shadow_para_t *iotx_shadow_para_pt;

/**
 * Is told that the platform has changed an attribute: its value and time are already written.
 * Called inside the functions that wait.
 *
 * @param pattr  the attribute, as it was registered
 */
typedef void (*iotx_shadow_attr_cb_t)(struct iotx_shadow_attr_st *pattr);

/** An attribute: a named value of the document. */
typedef struct iotx_shadow_attr_st {
    /** Who changes it. */
    enum iotx_shadow_datamode_t mode;
    /** Its name. */
    const char *pattr_name;
    /** Its value. */
    void *pattr_data;
    /** Type of its value. */
    enum iotx_shadow_attr_datatype_t attr_type;
    /** When the platform changed it, in seconds since 1970. */
    uint32_t timestamp;
    /** Is told when the platform has changed it; may be `NULL`. */
    iotx_shadow_attr_cb_t callback;
} iotx_shadow_attr_st;

/** An attribute. */
typedef struct iotx_shadow_attr_st *iotx_shadow_attr_pt;

/** A document that is being written. */
typedef struct format_data_t {
    /** Not 0: it has no attribute yet. */
    int flag_new;
    /** Size of `buf` in bytes. */
    uint32_t buf_size;
    /** Length of the document in bytes. */
    uint32_t offset;
    /** The document. */
    char *buf;
} format_data_t;

/** A document that is being written. */
typedef struct format_data_t *format_data_pt;

/**
 * Is told how an update ended.
 *
 * @param pcontext     what was given with it
 * @param ack_code     an `iotx_shadow_ack_code_t`
 * @param ack_msg      the server's reason, valid during the call, not terminated; `NULL` if none
 * @param ack_msg_len  its length in bytes
 */
typedef void (*iotx_push_cb_fpt)(void *pcontext,
                                 int ack_code,
                                 const char *ack_msg,
                                 uint32_t ack_msg_len);

/** A moment, on both sides. */
typedef struct iotx_shadow_time_t {
    /** On the device, as `HAL_UptimeMs`. */
    uint32_t base_system_time;
    /** On the platform, in seconds since 1970. */
    uint32_t epoch_time;
} iotx_shadow_time_t;

/** A moment, on both sides. */
typedef struct iotx_shadow_time_t *iotx_shadow_time_pt;

/** An attribute. */
typedef struct iotx_shadow_attr_st iotx_shadow_attr_t;

#ifdef __cplusplus
extern "C" {
#endif /* __cplusplus */

/**
 * Makes an MQTT client and a shadow on it. Blocks for connecting and subscribing.
 *
 * @param pparam  how to connect; what must stay valid is as for `IOT_MQTT_Construct`
 * @return the shadow; `NULL` on failure
 */
void *IOT_Shadow_Construct(iotx_shadow_para_pt pparam);

/**
 * Disconnects a shadow and frees it; blocks for 2 s at most. Callbacks that wait for an answer
 * are dropped.
 *
 * @param handle  the shadow
 * @return `SUCCESS_RETURN`; `NULL_VALUE_ERROR` if there is no such shadow
 */
iotx_err_t IOT_Shadow_Destroy(void *handle);

/**
 * As `IOT_MQTT_Yield`; also notices updates that are not answered in time.
 *
 * @param handle      the shadow
 * @param timeout_ms  how long; 0 stands for 10 ms
 */
void IOT_Shadow_Yield(void *handle, uint32_t timeout_ms);

/**
 * From now on the platform's changes are written into an attribute.
 *
 * @param handle  the shadow
 * @param pattr   the attribute, which must stay valid until it is deleted or the shadow is
 *                destroyed
 * @return `SUCCESS_RETURN`; `ERROR_SHADOW_ATTR_EXIST`; `FAIL_RETURN` if memory is short;
 *         `NULL_VALUE_ERROR`
 */
iotx_err_t IOT_Shadow_RegisterAttribute(void *handle, iotx_shadow_attr_pt pattr);

/**
 * Deletes an attribute from the platform's document, and forgets it. Waits for the answer, 10 s
 * at most.
 *
 * @param handle  the shadow
 * @param pattr   the attribute
 * @return `SUCCESS_RETURN`; `ERROR_SHADOW_ATTR_NO_EXIST`; `ERROR_NO_MEM`; or as
 *         `IOT_Shadow_Push`, and the attribute stays
 */
iotx_err_t IOT_Shadow_DeleteAttribute(void *handle, iotx_shadow_attr_pt pattr);

/**
 * Begins a document that reports attributes.
 *
 * @param handle   the shadow
 * @param pformat  the document, which is filled in
 * @param buf      receives its text
 * @param size     size of `buf` in bytes
 * @return `SUCCESS_RETURN`; `ERROR_NO_ENOUGH_MEM` if the buffer is too small; `FAIL_RETURN`
 */
iotx_err_t IOT_Shadow_PushFormat_Init(void *handle,
                                      format_data_pt pformat,
                                      char *buf,
                                      uint16_t size);

/**
 * Adds an attribute, registered or not.
 *
 * @param handle   the shadow
 * @param pformat  the document
 * @param pattr    the attribute
 * @return `SUCCESS_RETURN`; `ERROR_NO_ENOUGH_MEM` or `FAIL_RETURN`, after which the document
 *         must be begun anew
 */
iotx_err_t IOT_Shadow_PushFormat_Add(void *handle,
                                     format_data_pt pformat,
                                     iotx_shadow_attr_pt pattr);

/**
 * Completes a document: `buf` and `offset` are now what to push.
 *
 * @param handle   the shadow
 * @param pformat  the document
 * @return `SUCCESS_RETURN`; `ERROR_NO_ENOUGH_MEM` or `FAIL_RETURN`
 */
iotx_err_t IOT_Shadow_PushFormat_Finalize(void *handle, format_data_pt pformat);

/**
 * Sends a document and returns at once.
 *
 * @param handle     the shadow
 * @param data       the document; copied
 * @param data_len   its length in bytes
 * @param timeout_s  how long the server may take to answer, in seconds
 * @param cb_fpt     is told how it ended, inside a function that waits; may be `NULL`
 * @param pcontext   passed to `cb_fpt`
 * @return 0; `NULL_VALUE_ERROR`; `ERROR_SHADOW_INVALID_STATE` if not connected;
 *         `ERROR_SHADOW_WAIT_LIST_OVERFLOW` if 5 documents are unanswered; or as
 *         `IOT_MQTT_Publish`
 */
int IOT_Shadow_Push_Async(void *handle,
                          char *data,
                          size_t data_len,
                          uint16_t timeout_s,
                          iotx_push_cb_fpt cb_fpt,
                          void *pcontext);

/**
 * Sends a document and waits for the answer.
 *
 * @param handle     the shadow
 * @param data       the document
 * @param data_len   its length in bytes
 * @param timeout_s  how long to wait, in seconds
 * @return `SUCCESS_RETURN`; `ERROR_SHADOW_UPDATE_TIMEOUT`; `ERROR_SHADOW_UPDATE_NACK` if the
 *         server refused it; or as `IOT_Shadow_Push_Async`
 */
iotx_err_t IOT_Shadow_Push(void *handle, char *data, uint32_t data_len, uint16_t timeout_s);

/**
 * Brings the registered attributes up to date. Waits for the answer, 10 s at most, and 1 s
 * after that.
 *
 * @param handle  the shadow
 * @return as `IOT_Shadow_Push`
 */
iotx_err_t IOT_Shadow_Pull(void *handle);

#ifdef __cplusplus
} /* extern "C" */
#endif /* __cplusplus */

#endif /* IOT_EXPORT_SHADOW_H */
