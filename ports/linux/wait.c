/* Deadlines on the monotonic clock, and waiting for a socket until one. */
#include "port.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <time.h>

uint64_t iotport_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail: the clock exists, the pointer is valid */
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t iotport_deadline(uint32_t timeout_ms)
{
    return iotport_now_ms() + timeout_ms;
}

enum iotport_wait iotport_wait(int fd, short events, uint64_t deadline)
{
    struct pollfd entry = { .fd = fd, .events = events };

    for (;;) {
        uint64_t now = iotport_now_ms();
        int ready;

        /* Not even a look: else a peer that sends byte by byte could move the end on and on. */
        if (now >= deadline) {
            return IOTPORT_TIME_OVER;
        }
        ready = poll(&entry, 1, deadline - now < INT_MAX ? (int)(deadline - now) : INT_MAX);
        if (ready > 0) {
            return IOTPORT_READY;
        }
        if (ready < 0) {
            return errno == EINTR ? IOTPORT_INTERRUPTED : IOTPORT_WAIT_FAILED;
        }
    }
}
