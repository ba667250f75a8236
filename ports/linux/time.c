/* HAL_UptimeMs, HAL_SleepMs: the monotonic clock. Any thread. */
#include "port.h"

#include "iot_import.h"

#include <errno.h>
#include <time.h>

/* Milliseconds since some fixed moment; never goes backwards, whoever sets the wall clock. */
uint64_t HAL_UptimeMs(void)
{
    return iotport_now_ms();
}

/* Sleeps for `ms` milliseconds, signals notwithstanding; 0 returns at once. */
void HAL_SleepMs(uint32_t ms)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(ms / 1000);
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec += 1;
        until.tv_nsec -= 1000000000;
    }
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {
        /* the deadline is absolute: sleep on */
    }
}
