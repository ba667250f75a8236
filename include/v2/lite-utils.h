/* SPDX-License-Identifier: Apache-2.0 */
/* Generated from capi/src/v2/lite_utils.rs: change that, then run `cargo xtask headers`. */

#ifndef LITE_UTILS_H
#define LITE_UTILS_H

#include <assert.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lite-log.h"
#include "iot_import.h"

#ifdef __cplusplus
extern "C" {
#endif /* __cplusplus */

/**
 * Allocates memory. Call it through `LITE_malloc(size, ...)`, which adds the place of the call.
 *
 * @param f     name of the calling function
 * @param l     line of the call
 * @param size  bytes, more than 0; what may follow is ignored
 * @return the memory, its content undefined; `NULL` if there is none. Free it with `LITE_free`
 */
void *LITE_malloc_internal(const char *f, int l, int size, ...);

/**
 * Formats a text into memory of its own.
 *
 * @param fmt  a format as for `printf`
 * @return the text, to be freed with `LITE_free`; `NULL` if there is no memory
 */
char *LITE_format_string(const char *fmt, ...);

/**
 * Finds a value in a JSON object. What follows the value is not looked at. (V2.10; RFC 8259.)
 *
 * @param key  name of the value; a dot leads into an object, as in `"data.code"`
 * @param src  the JSON text, not changed; what may follow is ignored
 * @return a copy of the value as it is written, escapes and all, a string without its quotes; to be freed with
 *         `LITE_free`. `NULL` if there is no such value, if it is `""` or `null`, if the text is not JSON up to
 *         there, or if there is no memory
 */
char *LITE_json_value_of(char *key,
                         char *src,
                         ...);

/**
 * Frees memory. Call it through `LITE_free(ptr)`, which also sets the variable to `NULL`.
 *
 * @param ptr  from `LITE_malloc`, or a text from this header; `NULL` does nothing
 *
 * @pre `ptr` is `NULL`, or came from one of these and was not yet freed.
 */
void LITE_free_internal(void *ptr);

#ifdef __cplusplus
} /* extern "C" */
#endif /* __cplusplus */

/** Allocates memory: `LITE_malloc(size)`; what may follow the size is ignored. */
#define LITE_malloc(...) LITE_malloc_internal(__func__, __LINE__, __VA_ARGS__)

/** Frees memory and sets the variable to `NULL`. */
#define LITE_free(ptr)                      \
    do {                                    \
        LITE_free_internal((void *)(ptr));  \
        (ptr) = NULL;                       \
    } while (0)

#endif /* LITE_UTILS_H */
