/* SPDX-License-Identifier: Apache-2.0 */
/* Generated from xtask/headers.toml: change that, then run `cargo xtask headers`. */

#ifndef IOT_IMPORT_OTA_H
#define IOT_IMPORT_OTA_H

#include "iot_import.h"
#include "exports/iot_export_mqtt.h"
#include "lite-log.h"

/* Names that the RT-Thread package has for what its firmware updates need. */

#define OTA_MALLOC HAL_Malloc
#define OTA_FREE HAL_Free
#define OTA_SNPRINTF HAL_Snprintf
#define OTA_LOG_DEBUG log_debug
#define OTA_LOG_INFO log_info
#define OTA_LOG_ERROR log_err

/** Logs a message unless a condition holds. */
#define OTA_ASSERT(condition, message)                       \
    do {                                                     \
        if (!(condition)) {                                  \
            log_err("%s: not %s", (message), #condition);    \
        }                                                    \
    } while (0)

#endif /* IOT_IMPORT_OTA_H */
