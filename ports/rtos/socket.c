/* Sockets of lwIP, and of RT-Thread's SAL, which passes calls on to lwIP or to a modem.
 *
 * What they do that others do not, and what follows here:
 *
 * - A socket may be number 0, which in the HAL stands for failure: the handle is the address of a
 *   struct.
 * - lwIP, unless built for it, must not be called by two threads for one socket: both would wait for
 *   the answer of the stack's thread at the same semaphore. So calls have a lock, and do not wait:
 *   the socket does not block. poll() waits, and has no such semaphore.
 * - The end of a stream and an error are told once; after that, receiving says 'not now'.
 * - Some stacks wait in recv() whatever they were told: it is called when poll() has seen something.
 * - In RT-Thread 4.0, shutdown() frees the descriptor, which may be another's by the time of closing:
 *   there is only closing, which does not need it. */
#include "rtos.h"

#include "iot_import.h"

#include <string.h>

#define POLL_MS 60000 /* at most at once: RT-Thread computes ticks in 32 bits */

static int open_socket(const struct addrinfo *address, uint32_t timeout_ms);
static int finish_connect(int fd, uint64_t deadline);
static enum iotport_wait wait_for(int fd, short events, uint64_t deadline);

struct iotport_socket *iotport_open(const char *host, uint16_t port, int type, uint32_t timeout_ms)
{
    struct addrinfo hints;
    struct addrinfo *address = NULL;
    struct iotport_route route;
    struct iotport_socket *s;
    void *lock;
    int fd;

    if (iotport_route(host, port, &route) != 0) {
        return NULL;
    }
    memset(&hints, 0, sizeof(hints));
    hints.ai_socktype = type;
    if (getaddrinfo(route.address, route.port, &hints, &address) != 0 || address == NULL) {
        HAL_Printf("HAL: cannot resolve %s\n", route.address);
        return NULL;
    }
    s = HAL_Malloc(sizeof(*s));
    lock = HAL_MutexCreate();
    errno = ENOMEM;
    fd = s == NULL || lock == NULL ? -1 : open_socket(address, timeout_ms);
    freeaddrinfo(address); /* one: lwIP finds no more for a name */
    if (fd < 0) {
        HAL_Printf("HAL: cannot connect to %s:%s: error %d\n", route.address, route.port, errno);
        HAL_MutexDestroy(lock);
        HAL_Free(s);
        return NULL;
    }
    s->fd = fd;
    s->lock = lock;
    s->read_end = 0;
    return s;
}

int iotport_close(struct iotport_socket *s)
{
    int closed = closesocket(s->fd);

    HAL_MutexDestroy(s->lock);
    HAL_Free(s);
    return closed == 0 ? 0 : -1;
}

int iotport_send(struct iotport_socket *s, const void *buf, uint32_t len)
{
    int n;

    HAL_MutexLock(s->lock);
    n = (int)send(s->fd, buf, len, 0);
    if (n < 0) {
        n = errno == EAGAIN || errno == EWOULDBLOCK ? IOTPORT_NOT_NOW : IOTPORT_BROKEN;
    }
    HAL_MutexUnlock(s->lock);
    return n;
}

int iotport_receive(struct iotport_socket *s, void *buf, uint32_t len)
{
    int n;

    HAL_MutexLock(s->lock);
    n = (int)recv(s->fd, buf, len, 0);
    if (n < 0) {
        n = errno == EAGAIN || errno == EWOULDBLOCK ? IOTPORT_NOT_NOW : IOTPORT_BROKEN;
    }
    HAL_MutexUnlock(s->lock);
    return n;
}

enum iotport_wait iotport_wait(struct iotport_socket *s, short events, uint64_t deadline)
{
    return wait_for(s->fd, events, deadline);
}

/* Returns a connected socket that does not block, or -1 with errno set. */
static int open_socket(const struct addrinfo *address, uint32_t timeout_ms)
{
    uint64_t deadline = HAL_UptimeMs() + timeout_ms;
    int fd = socket(address->ai_family, address->ai_socktype, address->ai_protocol);
    int error = 0;
    int on = 1;

    if (fd < 0) {
        return -1;
    }
    /* A modem's stack may not know this, and then blocks for as long as it pleases. */
    ioctlsocket(fd, FIONBIO, &on);

    if (connect(fd, address->ai_addr, address->ai_addrlen) != 0) {
        error = errno == EINPROGRESS ? finish_connect(fd, deadline) : errno;
    }
    if (error != 0) {
        closesocket(fd);
        errno = error;
        return -1;
    }
    if (address->ai_socktype == SOCK_STREAM) {
        /* Packets are small and wait for answers: holding them back (Nagle) only delays. */
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
    return fd;
}

/* Waits for a connect that is under way. Returns 0 or the errno value it ended with. */
static int finish_connect(int fd, uint64_t deadline)
{
    enum iotport_wait wait = wait_for(fd, POLLOUT, deadline);
    int error = 0;
    socklen_t size = sizeof(error);

    if (wait == IOTPORT_TIME_OVER) {
        return ETIMEDOUT;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || (wait != IOTPORT_READY && error == 0)) {
        return ECONNREFUSED; /* refused, most likely: the stack does not say */
    }
    return error;
}

static enum iotport_wait wait_for(int fd, short events, uint64_t deadline)
{
    struct pollfd entry;

    for (;;) {
        uint64_t now = HAL_UptimeMs();
        uint64_t left = now < deadline ? deadline - now : 0;
        int n;

        entry.fd = fd;
        entry.events = events;
        entry.revents = 0;
        n = poll(&entry, 1, left < POLL_MS ? (int)left : POLL_MS);
        if (n < 0) {
            return IOTPORT_WAIT_FAILED;
        }
        if (n > 0) {
            return (entry.revents & events) != 0 ? IOTPORT_READY : IOTPORT_WAIT_FAILED;
        }
        if (left == 0) {
            return IOTPORT_TIME_OVER;
        }
    }
}
