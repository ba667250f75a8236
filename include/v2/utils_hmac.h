/* SPDX-License-Identifier: Apache-2.0 */
/* Generated from capi/src/v2/utils_hmac.rs: change that, then run `cargo xtask headers`. */

#ifndef UTILS_HMAC_H
#define UTILS_HMAC_H

#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif /* __cplusplus */

/**
 * HMAC-MD5 (RFC 2104), as lower-case hexadecimal text.
 *
 * @param msg      what is signed
 * @param msg_len  its length in bytes
 * @param digest   receives 32 characters, not terminated; unchanged if an argument is `NULL` or a
 *                 length is out of range
 * @param key      the key
 * @param key_len  its length in bytes, at most 64
 *
 * @pre `msg` and `key` are `NULL` or readable for their lengths, `digest` is `NULL` or writable.
 */
void utils_hmac_md5(const char *msg, int msg_len, char *digest, const char *key, int key_len);

/**
 * HMAC-SHA1 (RFC 2104), as lower-case hexadecimal text.
 *
 * @param msg      what is signed
 * @param msg_len  its length in bytes
 * @param digest   receives 40 characters, not terminated; unchanged if an argument is `NULL` or a
 *                 length is out of range
 * @param key      the key
 * @param key_len  its length in bytes, at most 64
 *
 * @pre `msg` and `key` are `NULL` or readable for their lengths, `digest` is `NULL` or writable.
 */
void utils_hmac_sha1(const char *msg, int msg_len, char *digest, const char *key, int key_len);

#ifdef __cplusplus
} /* extern "C" */
#endif /* __cplusplus */

#endif /* UTILS_HMAC_H */
