/* HAL_UptimeMs, HAL_SleepMs: FreeRTOS' ticks, of 16, 32 or 64 bits. Any task. */
#include "iot_import.h"

#include "FreeRTOS.h"
#include "task.h"

#define PIECE (portMAX_DELAY / 2) /* in ticks */

/* Milliseconds since the start, in steps of a tick; never goes backwards, also where the tick counter
 * wraps: the system counts its rounds. */
uint64_t HAL_UptimeMs(void)
{
    uint64_t round = (uint64_t)portMAX_DELAY + 1; /* 0 for ticks of 64 bits, which do not wrap */
    TimeOut_t now;

    vTaskSetTimeOutState(&now); /* takes both numbers at one moment */
    return ((uint64_t)now.xOverflowCount * round + now.xTimeOnEntering) * 1000 / configTICK_RATE_HZ;
}

/* Sleeps for `ms` milliseconds, rounded up to ticks; 0 returns at once. */
void HAL_SleepMs(uint32_t ms)
{
    uint64_t left = ((uint64_t)ms * configTICK_RATE_HZ + 999) / 1000;

    while (left > 0) {
        TickType_t piece = left < PIECE ? (TickType_t)left : PIECE;

        vTaskDelay(piece);
        left -= piece;
    }
}
