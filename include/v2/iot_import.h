/* SPDX-License-Identifier: Apache-2.0 */
/* Generated from capi/src/hal/sys/iot_import.rs: change that, then run `cargo xtask headers`. */

#ifndef IOT_IMPORT_H
#define IOT_IMPORT_H

#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "iot_export.h"
#include "imports/iot_import_config.h"
#include "imports/iot_import_product.h"
#include "itls.h"

#ifdef __cplusplus
extern "C" {
#endif /* __cplusplus */

/**
 * Makes a mutex. It need not be recursive.
 *
 * @return the mutex; `NULL` if there is no memory
 */
void *HAL_MutexCreate(void);

/**
 * Frees a mutex that nobody holds.
 *
 * @param mutex  not `NULL`
 */
void HAL_MutexDestroy(void *mutex);

/**
 * Waits for a mutex, for ever if need be, and takes it.
 *
 * @param mutex  not `NULL`
 */
void HAL_MutexLock(void *mutex);

/**
 * Gives a mutex back. Called by the thread that holds it.
 *
 * @param mutex  not `NULL`
 */
void HAL_MutexUnlock(void *mutex);

/**
 * Allocates memory, aligned for any type; its content does not matter.
 *
 * @param size  bytes, more than 0
 * @return the memory; `NULL` if there is none, which the library survives
 */
void *HAL_Malloc(uint32_t size);

/**
 * Frees memory, possibly on another thread than the one that allocated it.
 *
 * @param ptr  from `HAL_Malloc`; not `NULL`
 */
void HAL_Free(void *ptr);

/**
 * Milliseconds since some start. Never goes back; may wrap at 2^32. A step of 10 ms is fine enough.
 *
 * @return the time
 */
uint64_t HAL_UptimeMs(void);

/**
 * Lets the thread sleep.
 *
 * @param ms  roughly how long; 0 returns
 */
void HAL_SleepMs(uint32_t ms);

/**
 * Seeds `HAL_Random`.
 *
 * @param seed  the seed
 */
void HAL_Srandom(uint32_t seed);

/**
 * A random number, not for cryptography.
 *
 * @param region  number of possible values
 * @return 0 to `region - 1`; 0 if `region` is 0
 */
uint32_t HAL_Random(uint32_t region);

/**
 * Prints text where a developer sees it. The library calls it as `HAL_Printf("%s", text)`, with pieces of at most
 * 128 bytes.
 *
 * @param fmt  a format as for `printf`
 */
void HAL_Printf(const char *fmt,
                ...);

/**
 * `snprintf` of C99, for applications: the library does not call it.
 *
 * @param str  receives the text, terminated if `len` is above 0
 * @param len  size of `str`
 * @param fmt  a format as for `printf`
 * @return length the whole text would have, without the NUL; negative if the format is bad
 */
int HAL_Snprintf(char *str, int len, const char *fmt, ...);

/**
 * `vsnprintf` of C99, for applications: the library does not call it.
 *
 * @param str  receives the text, terminated if `len` is above 0
 * @param len  size of `str`
 * @param fmt  a format as for `printf`
 * @param ap   what is to be formatted
 * @return length the whole text would have, without the NUL; negative if the format is bad
 */
int HAL_Vsnprintf(char *str, int len, const char *fmt, va_list ap);

/**
 * Connects over TCP; blocks until connected or failed.
 *
 * @param host  host name or IPv4 address
 * @param port  TCP port
 * @return a handle; 0 on failure
 */
uintptr_t HAL_TCP_Establish(const char *host, uint16_t port);

/**
 * Closes a connection and frees its handle, in whatever state the connection is.
 *
 * @param fd  a handle from `HAL_TCP_Establish`, which is not used any more
 * @return 0; negative on failure
 */
int32_t HAL_TCP_Destroy(uintptr_t fd);

/**
 * Sends, for the given time at most. Another thread may be in `HAL_TCP_Read` meanwhile.
 *
 * @param fd          the connection
 * @param buf         what to send
 * @param len         its length in bytes
 * @param timeout_ms  how long to wait for the network to take it
 * @return bytes sent, which may be fewer than `len` and 0 if the time is over; negative if the connection is lost,
 *         in particular when its peer has closed it (without a signal such as SIGPIPE)
 */
int32_t HAL_TCP_Write(uintptr_t fd,
                      const char *buf,
                      uint32_t len,
                      uint32_t timeout_ms);

/**
 * Receives, for the given time at most: returns as soon as `len` bytes are there, or when the time is over.
 *
 * The three outcomes must not be confused: nothing yet (0), closed (-1), failed (-2). A port that returns 0 for a
 * closed connection delays its detection until the next keep-alive. In outline:
 *
 *     while (got < len && (left = deadline - now()) > 0) {
 *         switch (wait_readable(fd, left)) {
 *         case TIMEOUT: return got;
 *         case FAILED:  return got > 0 ? got : -2;
 *         }
 *         n = recv(fd, buf + got, len - got);
 *         if (n == 0) return got > 0 ? got : -1;
 *         if (n < 0)  return got > 0 ? got : -2;
 *         got += n;
 *     }
 *     return got;
 *
 * @param fd          the connection
 * @param buf         receives the bytes
 * @param len         how many are wanted
 * @param timeout_ms  how long to wait for them, at least 1
 * @return bytes received, 0 if there were none in time; -1 closed by the peer; any other negative number failed
 */
int32_t HAL_TCP_Read(uintptr_t fd,
                     char *buf,
                     uint32_t len,
                     uint32_t timeout_ms);

/**
 * Connects over TLS: TCP, handshake with SNI, and check of the server's certificate, chain and name; blocks until
 * connected or failed.
 *
 * @param host        host name, which the certificate must carry
 * @param port        TCP port
 * @param ca_crt      the root certificate to trust (PEM)
 * @param ca_crt_len  its length in bytes, terminating NUL included
 * @return a handle; 0 on failure
 */
uintptr_t HAL_SSL_Establish(const char *host,
                            uint16_t port,
                            const char *ca_crt,
                            size_t ca_crt_len);

/**
 * Closes a connection and frees its handle, in whatever state the connection is.
 *
 * @param handle  from `HAL_SSL_Establish`, not used any more; 0 does nothing
 * @return 0; negative on failure
 */
int32_t HAL_SSL_Destroy(uintptr_t handle);

/**
 * As `HAL_TCP_Write`. Another thread may be in `HAL_SSL_Read` meanwhile: a TLS library that cannot do both at once
 * is locked inside the port, which waits for the socket outside that lock.
 */
int32_t HAL_SSL_Write(uintptr_t handle,
                      const char *buf,
                      int len,
                      int timeout_ms);

/**
 * As `HAL_TCP_Read`; bytes that wait inside the TLS library count as there. The peer's close notification and the
 * end of the TCP connection both count as closed.
 */
int32_t HAL_SSL_Read(uintptr_t handle,
                     char *buf,
                     int len,
                     int timeout_ms);

/**
 * Makes a UDP socket that is connected to a peer.
 *
 * @param host  host name or IPv4 address
 * @param port  UDP port
 * @return a handle; `(void *)-1` on failure
 */
void *HAL_UDP_create(char *host, unsigned short port);

/**
 * Closes a socket.
 *
 * @param p_socket  from `HAL_UDP_create`
 */
void HAL_UDP_close(void *p_socket);

/**
 * Sends a datagram.
 *
 * @param p_socket  the socket
 * @param p_data    the datagram
 * @param datalen   its length in bytes
 * @return bytes sent; -1 on failure
 */
int HAL_UDP_write(void *p_socket, const unsigned char *p_data, unsigned int datalen);

/**
 * Receives a datagram and waits for it for ever. For applications: the library does not call it.
 *
 * @param p_socket  the socket
 * @param p_data    receives the datagram, cut to `datalen` bytes
 * @param datalen   size of `p_data`
 * @return bytes received; negative on failure
 */
int HAL_UDP_read(void *p_socket, unsigned char *p_data, unsigned int datalen);

/**
 * Receives a datagram, waiting for it for the given time at most.
 *
 * @param p_socket    the socket
 * @param p_data      receives the datagram, cut to `datalen` bytes
 * @param datalen     size of `p_data`
 * @param timeout_ms  how long to wait, at least 1
 * @return bytes received; 0 an empty datagram; -1 the peer refused the last datagram, or a bad argument; -2 the
 *         time is over; -3 interrupted; -4 any other failure
 */
int HAL_UDP_readTimeout(void *p_socket,
                        unsigned char *p_data,
                        unsigned int datalen,
                        unsigned int timeout_ms);

#ifdef __cplusplus
} /* extern "C" */
#endif /* __cplusplus */

#endif /* IOT_IMPORT_H */
