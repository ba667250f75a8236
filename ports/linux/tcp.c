/* HAL_TCP_*: connections over IPv4 and IPv6.
 *
 * A handle is the socket's number, never 0. One thread may read while another writes; the
 * handle must not be destroyed before both are out. All times are on the monotonic clock. */
#include "port.h"

#include "iot_import.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define CONNECT_MS 10000 /* for all addresses of a host together, name resolution not counted */

#define CLOSED (-1)
#define FAILED (-2)

static int connect_to(const struct addrinfo *address, uint32_t timeout_ms);
static int finish_connect(int fd, uint64_t deadline);
static uint32_t count_addresses(const struct addrinfo *list);
static int usable(uintptr_t fd, const char *buf, uint32_t len);
static int32_t result(uint32_t done, int32_t otherwise);

/* Connects to `port` of `host` (a name or an address; see resolve.c), trying each of its
 * addresses for its share of CONNECT_MS. Returns a handle for HAL_TCP_Destroy(), 0 on failure. */
uintptr_t HAL_TCP_Establish(const char *host, uint16_t port)
{
    struct addrinfo *list = iotport_resolve(host, port, SOCK_STREAM);
    uint64_t deadline = iotport_deadline(CONNECT_MS);
    uint32_t untried = count_addresses(list);
    const struct addrinfo *address;
    int fd = -1;

    for (address = list; address != NULL && fd < 0; address = address->ai_next) {
        uint64_t now = iotport_now_ms();

        fd = connect_to(address, now < deadline ? (uint32_t)(deadline - now) / untried : 0);
        untried--;
    }
    if (list != NULL && fd < 0) {
        HAL_Printf("HAL: cannot connect to %s:%u: %s\n", host, (unsigned)port, strerror(errno));
    }
    if (list != NULL) {
        freeaddrinfo(list);
    }
    return fd < 0 ? 0 : (uintptr_t)fd;
}

/* Closes the connection, whatever state it is in. Returns 0, or -1 if `fd` is no connection. */
int32_t HAL_TCP_Destroy(uintptr_t fd)
{
    if (fd == 0 || fd > INT_MAX) {
        return -1;
    }
    shutdown((int)fd, SHUT_RDWR); /* fails when the peer is gone already: close all the same */
    return close((int)fd) == 0 ? 0 : -1;
}

/* Sends `len` bytes, within `timeout_ms`. Returns how many went out (fewer when time ran out or
 * the connection broke on the way), 0 if none did in time, -1 if the peer has closed, -2 on any
 * other error. A timeout of 0 sends what the system takes at once. */
int32_t HAL_TCP_Write(uintptr_t fd, const char *buf, uint32_t len, uint32_t timeout_ms)
{
    uint64_t deadline = iotport_deadline(timeout_ms);
    uint32_t sent = 0;

    if (!usable(fd, buf, len)) {
        return FAILED;
    }
    while (sent < len) {
        ssize_t n = send((int)fd, buf + sent, len - sent, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n >= 0) {
            sent += (uint32_t)n;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            enum iotport_wait wait = iotport_wait((int)fd, POLLOUT, deadline);

            if (wait == IOTPORT_TIME_OVER) {
                break;
            }
            if (wait == IOTPORT_WAIT_FAILED) {
                return result(sent, FAILED);
            }
        } else if (errno != EINTR) {
            return result(sent, errno == EPIPE || errno == ECONNRESET ? CLOSED : FAILED);
        }
    }
    return (int32_t)sent;
}

/* Fills `buf` with `len` bytes, or with what came within `timeout_ms`. Returns how many (fewer
 * when time ran out or the connection ended on the way), 0 if none came in time, -1 if the peer
 * has closed, -2 on any other error. A timeout of 0 takes what has arrived already. */
int32_t HAL_TCP_Read(uintptr_t fd, char *buf, uint32_t len, uint32_t timeout_ms)
{
    uint64_t deadline = iotport_deadline(timeout_ms);
    uint32_t got = 0;

    if (!usable(fd, buf, len)) {
        return FAILED;
    }
    while (got < len) {
        ssize_t n = recv((int)fd, buf + got, len - got, MSG_DONTWAIT);

        if (n > 0) {
            got += (uint32_t)n;
        } else if (n == 0) {
            return result(got, CLOSED);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            enum iotport_wait wait = iotport_wait((int)fd, POLLIN, deadline);

            if (wait == IOTPORT_TIME_OVER) {
                break;
            }
            if (wait == IOTPORT_WAIT_FAILED) {
                return result(got, FAILED);
            }
        } else if (errno != EINTR) {
            return result(got, FAILED);
        }
    }
    return (int32_t)got;
}

/* Connects to one address. Returns the socket, or -1 with errno set. */
static int connect_to(const struct addrinfo *address, uint32_t timeout_ms)
{
    uint64_t deadline = iotport_deadline(timeout_ms);
    int fd = iotport_socket(address);
    int on = 1;

    if (fd < 0) {
        return -1;
    }
    if (connect(fd, address->ai_addr, address->ai_addrlen) != 0) {
        int error = errno;

        /* Interrupted, a connect goes on by itself, like one that is in progress. */
        if (error == EINPROGRESS || error == EINTR) {
            error = finish_connect(fd, deadline);
        }
        if (error != 0) {
            close(fd);
            errno = error;
            return -1;
        }
    }
    /* Packets are small and wait for answers: holding them back (Nagle) only delays. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

/* Waits for a connect that is under way. Returns 0 or the errno value it ended with. */
static int finish_connect(int fd, uint64_t deadline)
{
    enum iotport_wait wait;
    int error = 0;
    socklen_t size = sizeof(error);

    do {
        wait = iotport_wait(fd, POLLOUT, deadline);
    } while (wait == IOTPORT_INTERRUPTED);

    if (wait == IOTPORT_TIME_OVER) {
        return ETIMEDOUT;
    }
    if (wait == IOTPORT_WAIT_FAILED || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
        return errno;
    }
    return error;
}

static uint32_t count_addresses(const struct addrinfo *list)
{
    uint32_t n = 0;

    for (; list != NULL; list = list->ai_next) {
        n++;
    }
    return n;
}

/* Whether the arguments of a transfer can be acted on; the result must fit an int32_t. */
static int usable(uintptr_t fd, const char *buf, uint32_t len)
{
    return fd != 0 && fd <= INT_MAX && len <= INT32_MAX && (buf != NULL || len == 0);
}

/* What was transferred wins over why it stopped: the next call meets the reason again. */
static int32_t result(uint32_t done, int32_t otherwise)
{
    return done > 0 ? (int32_t)done : otherwise;
}
