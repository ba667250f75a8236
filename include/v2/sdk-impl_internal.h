/* SPDX-License-Identifier: Apache-2.0 */
/* Generated from xtask/headers.toml: change that, then run `cargo xtask headers`. */

#ifndef SDK_IMPL_INTERNAL_H
#define SDK_IMPL_INTERNAL_H

#include <string.h>

#include "iot_import.h"
#include "lite-log.h"
#include "lite-utils.h"
#include "lite-system.h"

/** Makes the calling function log and return `err` if a pointer is `NULL`. */
#define POINTER_SANITY_CHECK(ptr, err)         \
    do {                                       \
        if ((ptr) == NULL) {                   \
            log_err("%s is NULL", #ptr);       \
            return (err);                      \
        }                                      \
    } while (0)

/** Makes the calling function log and return `err` if a text is `NULL` or empty. */
#define STRING_PTR_SANITY_CHECK(ptr, err)      \
    do {                                       \
        POINTER_SANITY_CHECK(ptr, err);        \
        if (*(ptr) == '\0') {                  \
            log_err("%s is empty", #ptr);      \
            return (err);                      \
        }                                      \
    } while (0)

#endif /* SDK_IMPL_INTERNAL_H */
