/* HAL_TCP_*: connections.
 *
 * A handle is the address of a struct iotport_socket. One thread may read while another writes; the
 * handle must not be destroyed before both are out. All times are on the clock of HAL_UptimeMs(). */
#include "rtos.h"

#include "iot_import.h"

#define CONNECT_MS 10000 /* name resolution not counted */

#define CLOSED (-1)
#define FAILED (-2)

static int usable(uintptr_t fd, const char *buf, uint32_t len);

/* Connects to `port` of `host` (a name or an address; see route.c) within 10 s; resolving the name may
 * take its own time. Returns a handle for HAL_TCP_Destroy(), 0 on failure. */
uintptr_t HAL_TCP_Establish(const char *host, uint16_t port)
{
    return (uintptr_t)iotport_open(host, port, SOCK_STREAM, CONNECT_MS);
}

/* Closes the connection, whatever state it is in. Returns 0, or -1 if `fd` is no connection. */
int32_t HAL_TCP_Destroy(uintptr_t fd)
{
    return fd == 0 ? -1 : iotport_close((struct iotport_socket *)fd);
}

/* Sends `len` bytes, within `timeout_ms`. Returns how many went out (fewer when time ran out or the
 * connection broke on the way), 0 if none did in time, -2 if the connection is lost. A timeout of 0
 * sends what the stack takes at once. */
int32_t HAL_TCP_Write(uintptr_t fd, const char *buf, uint32_t len, uint32_t timeout_ms)
{
    struct iotport_socket *s = (struct iotport_socket *)fd;
    uint64_t deadline = HAL_UptimeMs() + timeout_ms;
    uint32_t sent = 0;

    if (!usable(fd, buf, len)) {
        return FAILED;
    }
    while (sent < len) {
        int n = iotport_send(s, buf + sent, len - sent);
        enum iotport_wait wait = IOTPORT_READY;

        if (n > 0) {
            sent += (uint32_t)n;
        } else if (n != IOTPORT_BROKEN) {
            wait = iotport_wait(s, POLLOUT, deadline);
        }
        if (n == IOTPORT_BROKEN || wait == IOTPORT_WAIT_FAILED) {
            return sent > 0 ? (int32_t)sent : FAILED; /* the next call meets the reason again */
        }
        if (wait == IOTPORT_TIME_OVER) {
            break;
        }
    }
    return (int32_t)sent;
}

/* Fills `buf` with `len` bytes, or with what came within `timeout_ms`. Returns how many (fewer when time
 * ran out or the connection ended on the way), 0 if none came in time, -1 if the peer has closed, -2 on
 * any other error. A timeout of 0 takes what has arrived already. */
int32_t HAL_TCP_Read(uintptr_t fd, char *buf, uint32_t len, uint32_t timeout_ms)
{
    struct iotport_socket *s = (struct iotport_socket *)fd;
    uint64_t deadline = HAL_UptimeMs() + timeout_ms;
    uint32_t got = 0;

    if (!usable(fd, buf, len)) {
        return FAILED;
    }
    while (got < len && s->read_end == 0) {
        enum iotport_wait wait = iotport_wait(s, POLLIN, deadline);
        int n = IOTPORT_BROKEN;

        if (wait == IOTPORT_TIME_OVER) {
            break;
        }
        if (wait == IOTPORT_READY) {
            n = iotport_receive(s, buf + got, len - got);
        }
        if (n > 0) {
            got += (uint32_t)n;
        } else if (n == 0) {
            s->read_end = CLOSED;
        } else if (n == IOTPORT_BROKEN) {
            s->read_end = FAILED;
        }
        /* Else a peer that sends byte by byte could move the end on and on. */
        if (HAL_UptimeMs() >= deadline) {
            break;
        }
    }
    return got > 0 ? (int32_t)got : s->read_end; /* what came wins over why it ended */
}

/* Whether the arguments of a transfer can be acted on; the result must fit an int32_t. */
static int usable(uintptr_t fd, const char *buf, uint32_t len)
{
    return fd != 0 && len <= INT32_MAX && (buf != NULL || len == 0);
}
