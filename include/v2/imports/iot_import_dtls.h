/* SPDX-License-Identifier: Apache-2.0 */
/* Generated from capi/src/hal/sys/iot_import_dtls.rs: change that, then run `cargo xtask headers`. */

#ifndef IOT_IMPORT_DTLS_H
#define IOT_IMPORT_DTLS_H

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "imports/iot_import_coap.h"

/** The error numbers begin after this one. */
#define DTLS_ERROR_BASE (1 << 24)

/** Done. */
#define DTLS_SUCCESS 0

/** A required argument is missing. */
#define DTLS_INVALID_PARAM (DTLS_ERROR_BASE | 1)

/** The root certificate cannot be read. */
#define DTLS_INVALID_CA_CERTIFICATE (DTLS_ERROR_BASE | 2)

/** The handshake goes on. */
#define DTLS_HANDSHAKE_IN_PROGRESS (DTLS_ERROR_BASE | 3)

/** The handshake failed. */
#define DTLS_HANDSHAKE_FAILED (DTLS_ERROR_BASE | 4)

/** The peer sent a fatal alert: the session is over. */
#define DTLS_FATAL_ALERT_MESSAGE (DTLS_ERROR_BASE | 5)

/** The peer closed the session. */
#define DTLS_PEER_CLOSE_NOTIFY (DTLS_ERROR_BASE | 6)

/** No session could be made. */
#define DTLS_SESSION_CREATE_FAILED (DTLS_ERROR_BASE | 7)

/** Receiving failed. */
#define DTLS_READ_DATA_FAILED (DTLS_ERROR_BASE | 8)

/** A DTLS session of the port. */
typedef void DTLSContext;

/** Where to connect. */
typedef struct coap_dtls_options_t {
    /** The root certificate to trust (PEM), NUL-terminated. */
    unsigned char *p_ca_cert_pem;
    /** Host name of the server. */
    char *p_host;
    /** UDP port of the server. */
    unsigned short port;
} coap_dtls_options_t;

#ifdef __cplusplus
extern "C" {
#endif /* __cplusplus */

/**
 * Connects over UDP and shakes hands; blocks until connected or failed.
 *
 * @param p_options  where to connect
 * @return the session; `NULL` on failure
 */
DTLSContext *HAL_DTLSSession_create(struct coap_dtls_options_t *p_options);

/**
 * Closes a session and frees it.
 *
 * @param context  the session
 * @return `DTLS_SUCCESS`; `DTLS_INVALID_PARAM` if it is `NULL`
 */
unsigned int HAL_DTLSSession_free(DTLSContext *context);

/**
 * Receives a datagram, waiting for it for the given time at most.
 *
 * @param context     the session
 * @param p_data      receives the datagram
 * @param p_datalen   size of `p_data`; becomes the length of the datagram, 0 if the time is over or on failure
 * @param timeout_ms  how long to wait, at least 1
 * @return `DTLS_SUCCESS`, also if the time is over; `DTLS_PEER_CLOSE_NOTIFY` or `DTLS_FATAL_ALERT_MESSAGE`, after
 *         which the library frees the session; `DTLS_READ_DATA_FAILED`
 */
unsigned int HAL_DTLSSession_read(DTLSContext *context,
                                  unsigned char *p_data,
                                  unsigned int *p_datalen,
                                  unsigned int timeout_ms);

/**
 * Sends a datagram.
 *
 * @param context    the session
 * @param p_data     the datagram
 * @param p_datalen  its length; becomes the number of bytes sent
 * @return `DTLS_SUCCESS`; another number on failure
 */
unsigned int HAL_DTLSSession_write(DTLSContext *context,
                                   const unsigned char *p_data,
                                   unsigned int *p_datalen);

#ifdef __cplusplus
} /* extern "C" */
#endif /* __cplusplus */

/** Prints what a port has to say about a session. A port may define it before it includes this header. */
#ifndef dtls_log_print
#define dtls_log_print(level, ...) (HAL_Printf("[dtls] %s ", level), HAL_Printf(__VA_ARGS__))
#endif
#define DTLS_TRC(...) dtls_log_print("trace", __VA_ARGS__)
#define DTLS_DUMP(...) dtls_log_print("dump", __VA_ARGS__)
#define DTLS_DEBUG(...) dtls_log_print("debug", __VA_ARGS__)
#define DTLS_INFO(...) dtls_log_print("info", __VA_ARGS__)
#define DTLS_ERR(...) dtls_log_print("error", __VA_ARGS__)

#endif /* IOT_IMPORT_DTLS_H */
