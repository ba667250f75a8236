/* HAL_UDP_*: connected datagram sockets.
 *
 * A handle is the address of a struct iotport_socket; (void *)-1 means failure. One thread may read
 * while another writes. lwIP does not tell that the peer's port is closed. */
#include "rtos.h"

#include "iot_import.h"

#include <limits.h>

#define INVALID ((void *)-1)
#define SEND_MS 1000 /* a full send queue drains as fast as the link */

#define READ_FAILED (-1)
#define TIME_OVER (-2)
#define WAIT_FAILED (-4)

static int is_handle(const void *p_socket);

/* Opens a socket that talks to `port` of `host` alone (a name or an address; see route.c). Returns a
 * handle for HAL_UDP_close(), (void *)-1 on failure. */
void *HAL_UDP_create(char *host, unsigned short port)
{
    struct iotport_socket *s = iotport_open(host, port, SOCK_DGRAM, SEND_MS);

    return s == NULL ? INVALID : s;
}

/* Closes the socket; NULL and (void *)-1 are harmless. */
void HAL_UDP_close(void *p_socket)
{
    if (is_handle(p_socket)) {
        iotport_close(p_socket);
    }
}

/* Sends one datagram. Returns its length, -1 on failure. */
int HAL_UDP_write(void *p_socket, const unsigned char *p_data, unsigned int datalen)
{
    uint64_t deadline = HAL_UptimeMs() + SEND_MS;
    int n;

    if (!is_handle(p_socket) || (p_data == NULL && datalen > 0)) {
        return -1;
    }
    do {
        n = iotport_send(p_socket, p_data, datalen);
    } while (n == IOTPORT_NOT_NOW && iotport_wait(p_socket, POLLOUT, deadline) == IOTPORT_READY);
    return n >= 0 ? n : -1;
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

/* Waits up to `timeout_ms` for one datagram; 0 takes what has arrived already. Returns its length, cut
 * to `datalen`; 0 for an empty one; -1 for an unusable argument, or when reading failed; -2 if none
 * came in time; -4 if waiting failed. */
int HAL_UDP_readTimeout(void *p_socket, unsigned char *p_data, unsigned int datalen, unsigned int timeout_ms)
{
    uint64_t deadline = HAL_UptimeMs() + timeout_ms;
    enum iotport_wait wait;
    int n;

    if (!is_handle(p_socket) || p_data == NULL || datalen == 0) {
        return READ_FAILED;
    }
    do {
        wait = iotport_wait(p_socket, POLLIN, deadline);
        if (wait != IOTPORT_READY) {
            return wait == IOTPORT_TIME_OVER ? TIME_OVER : WAIT_FAILED;
        }
        n = iotport_receive(p_socket, p_data, datalen);
    } while (n == IOTPORT_NOT_NOW);
    if (n < 0) {
        return READ_FAILED;
    }
    return n < (int)datalen ? n : (int)datalen; /* some stacks tell the length before it was cut */
}

static int is_handle(const void *p_socket)
{
    return p_socket != NULL && p_socket != INVALID;
}
