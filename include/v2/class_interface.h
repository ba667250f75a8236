/* SPDX-License-Identifier: Apache-2.0 */
/* Generated from capi/src/v2/class_interface.rs: change that, then run `cargo xtask headers`. */

#ifndef CLASS_INTERFACE_H
#define CLASS_INTERFACE_H

#include <stdarg.h>
#include <stdlib.h>

/** How every class begins; its methods follow. */
typedef struct abstract_class_t {
    /** Size of an object in bytes. */
    size_t _size;
    /** Name of the class, for the log. */
    const char *_class_name;
    /** Initialises an object with what follows the class in `new_object`. */
    void *(*ctor)(void *_self, va_list *params);
    /** Frees what an object owns and returns the object. */
    void *(*dtor)(void *_self);
} abstract_class_t;

#ifdef __cplusplus
extern "C" {
#endif /* __cplusplus */

/**
 * Makes an object.
 *
 * @param _class  the class, beginning as `abstract_class_t`; the constructor's arguments follow
 * @return the object, to be given to `delete_object`; `NULL` if there is no memory or the
 *         constructor failed
 */
void *new_object(const void *_class, ...);

/**
 * Destroys an object. One of a class without a destructor is left as it is.
 *
 * @param _class  the object (not its class); `NULL` does nothing
 *
 * @pre `_class` is `NULL`, or came from `new_object` and is not used any more.
 */
void delete_object(void *_class);

#ifdef __cplusplus
} /* extern "C" */
#endif /* __cplusplus */

#endif /* CLASS_INTERFACE_H */
