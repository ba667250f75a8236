/* What the files of the Linux port share. Not for applications: they include iot_import.h.
 *
 * Each HAL group is one object of libiot_platform.a, so an application that brings its own
 * version of a group (its own TCP, its own identity) links beside the rest of this port. */
#ifndef IOTKIT_PORT_LINUX_H
#define IOTKIT_PORT_LINUX_H

#include "../common/common.h"

#include <netdb.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* --- wait.c: deadlines ------------------------------------------------------------------- */

/* Milliseconds of the monotonic clock: setting the wall clock does not move it. */
uint64_t iotport_now_ms(void);

/* The moment `timeout_ms` from now, on that clock. */
uint64_t iotport_deadline(uint32_t timeout_ms);

enum iotport_wait {
    IOTPORT_READY,       /* the socket can be read or written, or has an error to tell */
    IOTPORT_TIME_OVER,
    IOTPORT_INTERRUPTED, /* a signal arrived first; the deadline still stands */
    IOTPORT_WAIT_FAILED  /* errno says why */
};

/* Waits until `fd` is ready for `events` (POLLIN, POLLOUT) or the deadline has passed. */
enum iotport_wait iotport_wait(int fd, short events, uint64_t deadline);

/* --- socket.c ---------------------------------------------------------------------------- */

/* Opens a non-blocking socket for `address`, closed on exec, never numbered 0, 1 or 2 (0 means
 * failure in the HAL; text printed by the process must not end up on a connection).
 * Returns -1 with errno set on failure. */
int iotport_socket(const struct addrinfo *address);

/* --- resolve.c --------------------------------------------------------------------------- */

/* Finds the addresses of `host`, through IOTKIT_RESOLVE where it names the host, else through
 * the system resolver. `socktype` is SOCK_STREAM or SOCK_DGRAM. Returns NULL after telling why
 * in the log; otherwise a list for freeaddrinfo(). Blocks as long as the system resolver does. */
struct addrinfo *iotport_resolve(const char *host, uint16_t port, int socktype);

#endif
