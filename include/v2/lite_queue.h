/* SPDX-License-Identifier: Apache-2.0 */
/* Generated from capi/src/v2/lite_queue.rs: change that, then run `cargo xtask headers`. */

#ifndef LITE_QUEUE_H
#define LITE_QUEUE_H

#include <stdarg.h>
#include <stdlib.h>

/** A queue. */
typedef struct _lite_queue_t {
    /** The pointers. */
    void *lite_queue_array;
    /** Held during each call if the queue is synchronised, else `NULL`. */
    void *lite_queue_mutex;
    /** How many pointers it holds at most. */
    size_t queue_size;
    /** Length of the array. */
    size_t queue_array_size;
    /** Index of the oldest pointer. */
    size_t front;
    /** Index of the newest pointer. */
    size_t rear;
} _lite_queue_t;

/** A queue. */
typedef struct _lite_queue_t lite_queue_t;

/**
 * Is shown a pointer in a queue.
 *
 * @param queue_item  the pointer
 * @param params      what was given to `lite_queue_iterator` behind the function
 */
typedef void (*handle_queue_item_fp_t)(void *queue_item, va_list *params);

#ifdef __cplusplus
extern "C" {
#endif /* __cplusplus */

/**
 * Makes a queue.
 *
 * @param queue_size    how many pointers it holds, more than 0
 * @param synchronized  not 0: it may be used from several threads
 * @return the queue; `NULL` if the size is wrong or there is no memory
 */
lite_queue_t *lite_queue_create(int queue_size, int synchronized);

/**
 * Frees a queue, but not what its pointers point to.
 *
 * @param _lite_queue  the queue; `NULL` does nothing
 */
void lite_queue_destroy(lite_queue_t *_lite_queue);

/**
 * Appends a pointer.
 *
 * @param _lite_queue  the queue
 * @param data         the pointer
 * @return 0; -1 if the queue is full or `NULL`
 */
int lite_queue_insert(lite_queue_t *_lite_queue, void *data);

/**
 * Removes the oldest pointer.
 *
 * @param _lite_queue  the queue
 * @return the pointer; `NULL` if the queue is empty or `NULL`
 */
void *lite_queue_delete(lite_queue_t *_lite_queue);

/**
 * The oldest pointer, which stays in the queue.
 *
 * @param _lite_queue  the queue
 * @return the pointer; `NULL` if the queue is empty or `NULL`
 */
void *lite_queue_first(lite_queue_t *_lite_queue);

/**
 * Whether a queue is empty.
 *
 * @param _lite_queue  the queue
 * @return 1 or 0; -1 if it is `NULL`
 */
int lite_queue_is_empty(lite_queue_t *_lite_queue);

/**
 * Whether a queue is full.
 *
 * @param _lite_queue  the queue
 * @return 1 or 0; -1 if it is `NULL`
 */
int lite_queue_is_full(lite_queue_t *_lite_queue);

/**
 * Shows each pointer to a function, from the oldest to the newest, with the queue's mutex held.
 *
 * @param _lite_queue  the queue
 * @param handle_fn    the function; what follows is passed to it
 */
void lite_queue_iterator(lite_queue_t *_lite_queue, handle_queue_item_fp_t handle_fn, ...);

#ifdef __cplusplus
} /* extern "C" */
#endif /* __cplusplus */

#endif /* LITE_QUEUE_H */
