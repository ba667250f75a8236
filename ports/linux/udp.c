/* HAL_UDP_*: connected datagram sockets over IPv4 and IPv6.
 *
 * A handle is the socket's number as a pointer, never NULL; (void *)-1 means failure. One thread
 * may read while another writes. */
#include "port.h"

#include "iot_import.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define INVALID ((void *)-1)
#define SEND_MS 1000 /* a full send queue drains as fast as the link: milliseconds */

#define READ_FAILED (-1)
#define TIME_OVER (-2)
#define INTERRUPTED (-3)
#define WAIT_FAILED (-4)

static int socket_of(void *p_socket);
static int receive(int fd, unsigned char *p_data, unsigned int datalen);

/* Opens a socket that talks to `port` of `host` alone (a name or an address; see resolve.c).
 * Returns a handle for HAL_UDP_close(), (void *)-1 on failure. */
void *HAL_UDP_create(char *host, unsigned short port)
{
    struct addrinfo *list = iotport_resolve(host, port, SOCK_DGRAM);
    const struct addrinfo *address;
    int fd = -1;

    for (address = list; address != NULL && fd < 0; address = address->ai_next) {
        fd = iotport_socket(address);
        if (fd >= 0 && connect(fd, address->ai_addr, address->ai_addrlen) != 0) {
            int error = errno;

            close(fd);
            errno = error;
            fd = -1;
        }
    }
    if (list != NULL && fd < 0) {
        HAL_Printf("HAL: no way to %s:%u over UDP: %s\n", host, (unsigned)port, strerror(errno));
    }
    if (list != NULL) {
        freeaddrinfo(list);
    }
    return fd < 0 ? INVALID : (void *)(intptr_t)fd;
}

/* Closes the socket; NULL and (void *)-1 are harmless. */
void HAL_UDP_close(void *p_socket)
{
    int fd = socket_of(p_socket);

    if (fd > 0) {
        close(fd);
    }
}

/* Sends one datagram. Returns its length, -1 on failure; an earlier datagram that met a closed
 * port counts as this one's failure. */
int HAL_UDP_write(void *p_socket, const unsigned char *p_data, unsigned int datalen)
{
    uint64_t deadline = iotport_deadline(SEND_MS);
    int fd = socket_of(p_socket);

    if (fd <= 0 || (p_data == NULL && datalen > 0)) {
        return -1;
    }
    for (;;) {
        ssize_t n = send(fd, p_data, datalen, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n >= 0) {
            return (int)n; /* a datagram goes whole; its length fits 16 bits */
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            enum iotport_wait wait = iotport_wait(fd, POLLOUT, deadline);

            if (wait == IOTPORT_TIME_OVER || wait == IOTPORT_WAIT_FAILED) {
                return -1;
            }
        } else if (errno != EINTR) {
            return -1;
        }
    }
}

/* Waits for one datagram without a limit. Returns as HAL_UDP_readTimeout(). */
int HAL_UDP_read(void *p_socket, unsigned char *p_data, unsigned int datalen)
{
    int n;

    do {
        n = HAL_UDP_readTimeout(p_socket, p_data, datalen, UINT_MAX);
    } while (n == TIME_OVER);
    return n;
}

/* Waits up to `timeout_ms` for one datagram; 0 takes what has arrived already. Returns its
 * length, cut to `datalen`; 0 for an empty one; -1 for an unusable argument, or when reading
 * failed (the peer's port is closed); -2 if none came in time; -3 if a signal arrived first; -4
 * if waiting failed. */
int HAL_UDP_readTimeout(void *p_socket, unsigned char *p_data, unsigned int datalen,
                        unsigned int timeout_ms)
{
    uint64_t deadline = iotport_deadline(timeout_ms);
    int fd = socket_of(p_socket);

    if (fd <= 0 || p_data == NULL || datalen == 0) {
        return READ_FAILED;
    }
    for (;;) {
        int n = receive(fd, p_data, datalen);

        if (n != TIME_OVER) {
            return n;
        }
        switch (iotport_wait(fd, POLLIN, deadline)) {
        case IOTPORT_READY:
            break;
        case IOTPORT_TIME_OVER:
            return TIME_OVER;
        case IOTPORT_INTERRUPTED:
            return INTERRUPTED;
        case IOTPORT_WAIT_FAILED:
            return WAIT_FAILED;
        }
    }
}

/* The socket behind a handle; not above 0 if it is none. */
static int socket_of(void *p_socket)
{
    intptr_t fd = (intptr_t)p_socket;

    return fd > 0 && fd <= INT_MAX ? (int)fd : -1;
}

/* Takes a datagram that is there; TIME_OVER if there is none. */
static int receive(int fd, unsigned char *p_data, unsigned int datalen)
{
    ssize_t n = recv(fd, p_data, datalen, MSG_DONTWAIT);

    if (n >= 0) {
        return (int)n;
    }
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? TIME_OVER : READ_FAILED;
}
