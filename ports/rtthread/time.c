/* HAL_UptimeMs, HAL_SleepMs: RT-Thread's ticks. Any thread. */
#include "../rtos/rtos.h"

#include "iot_import.h"

#define PIECE 0x7FFFFFFEu /* the longest that a timer takes, in ticks */

/* Ticks since the start. The system's counter has 32 bits; how often it went round is counted here, so
 * this must be called once in each round (50 days at 1000 ticks a second), which the library does while
 * it is connected. After a longer silence the time stands a whole round back, but never runs back. */
static uint64_t ticks(void)
{
    static uint32_t last, rounds;
    long before = iotport_guard();
    uint32_t now = (uint32_t)rt_tick_get();
    uint64_t all;

    if (now < last) {
        rounds++;
    }
    last = now;
    all = (uint64_t)rounds << 32 | now;
    iotport_unguard(before);
    return all;
}

/* Milliseconds since the start, in steps of a tick; never goes backwards, also where the tick counter
 * wraps. */
uint64_t HAL_UptimeMs(void)
{
    return ticks() * 1000 / RT_TICK_PER_SECOND;
}

/* Sleeps for `ms` milliseconds, rounded up to ticks; 0 returns at once. */
void HAL_SleepMs(uint32_t ms)
{
    uint64_t left = ((uint64_t)ms * RT_TICK_PER_SECOND + 999) / 1000;

    while (left > 0) {
        uint32_t piece = left < PIECE ? (uint32_t)left : PIECE;

        rt_thread_delay(piece);
        left -= piece;
    }
}
