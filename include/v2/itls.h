/* SPDX-License-Identifier: Apache-2.0 */
/* Generated from capi/src/hal/sys/itls.rs: change that, then run `cargo xtask headers`. */

#ifndef ITLS_H
#define ITLS_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Marks of parameters: what a function reads, and what it writes. */
#ifndef _IN_
#define _IN_
#endif
#ifndef _OU_
#define _OU_
#endif

#ifdef __cplusplus
extern "C" {
#endif /* __cplusplus */

/**
 * As `HAL_SSL_Establish`, with the product key in the handshake instead of a certificate.
 *
 * @param host         host name
 * @param port         TCP port
 * @param product_key  product key of the device
 * @return a handle; 0 on failure
 */
uintptr_t HAL_iTLS_Establish(const char *host, uint16_t port, const char *product_key);

/** As `HAL_SSL_Destroy`. */
int32_t HAL_iTLS_Destroy(uintptr_t handle);

/** As `HAL_SSL_Write`. */
int32_t HAL_iTLS_Write(uintptr_t handle, const char *buf, int len, int timeout_ms);

/** As `HAL_SSL_Read`. */
int32_t HAL_iTLS_Read(uintptr_t handle, char *buf, int len, int timeout_ms);

#ifdef __cplusplus
} /* extern "C" */
#endif /* __cplusplus */

#endif /* ITLS_H */
