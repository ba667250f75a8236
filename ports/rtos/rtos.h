/* What the ports to real-time systems share: those with lwIP, or with sockets that look like its.
 * Not for applications: they include iot_import.h.
 *
 * iotport_os.h is the system's own: it includes what declares sockets, poll() and getaddrinfo(), and
 * may define the values that follow here. */
#ifndef IOTKIT_PORT_RTOS_H
#define IOTKIT_PORT_RTOS_H

#include "../common/common.h"

#include "iotport_os.h"

/* --- settings.c: who the device is, and where names lead ----------------------------------- */

/* An empty text stands for nothing. */
#ifndef IOTPORT_PRODUCT_KEY
#define IOTPORT_PRODUCT_KEY ""
#endif
#ifndef IOTPORT_DEVICE_NAME
#define IOTPORT_DEVICE_NAME ""
#endif
#ifndef IOTPORT_DEVICE_SECRET
#define IOTPORT_DEVICE_SECRET ""
#endif
#ifndef IOTPORT_PRODUCT_SECRET
#define IOTPORT_PRODUCT_SECRET ""
#endif
#ifndef IOTPORT_FIRMWARE_VERSION
#define IOTPORT_FIRMWARE_VERSION ""
#endif
#ifndef IOTPORT_RESOLVE
#define IOTPORT_RESOLVE ""
#endif

/* --- text.c -------------------------------------------------------------------------------- */

/* The system's own: writes `text` to the console. Called by one thread at a time. */
void iotport_print(const char *text);

/* --- socket.c ------------------------------------------------------------------------------ */

/* A socket that is connected, over TCP or UDP. One thread may read while another writes. */
struct iotport_socket {
    int fd;
    void *lock;       /* held in each call of the stack but poll(), and never while waiting */
    int32_t read_end; /* for who reads: what reading returns from now on; 0 as long as there may be more */
};

/* Opens a socket of `type` (SOCK_STREAM, SOCK_DGRAM) to `port` of `host` (a name or an address; see
 * route.c) within `timeout_ms`, name resolution not counted. Returns NULL after telling why in the
 * log; otherwise a socket for iotport_close(). */
struct iotport_socket *iotport_open(const char *host, uint16_t port, int type, uint32_t timeout_ms);

/* Closes and frees the socket, on which no other call may be running. Returns 0, or -1 if the stack
 * did not know it. */
int iotport_close(struct iotport_socket *s);

/* What sending and receiving return instead of a number of bytes. */
#define IOTPORT_NOT_NOW (-1)
#define IOTPORT_BROKEN (-2)

/* Sends what the stack takes at once. Returns how many bytes that are. */
int iotport_send(struct iotport_socket *s, const void *buf, uint32_t len);

/* Takes what has arrived. Returns how many bytes that are, 0 at the end of a stream. */
int iotport_receive(struct iotport_socket *s, void *buf, uint32_t len);

enum iotport_wait {
    IOTPORT_READY,      /* the socket can be read or written */
    IOTPORT_TIME_OVER,
    IOTPORT_WAIT_FAILED /* or there is nothing to wait for but an error */
};

/* Waits until the socket is ready for `events` (POLLIN, POLLOUT), which is looked at once even if the
 * deadline, on the clock of HAL_UptimeMs(), has passed. */
enum iotport_wait iotport_wait(struct iotport_socket *s, short events, uint64_t deadline);

#endif
