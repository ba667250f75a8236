/* Time, mutexes, the console, the restart: for a program with one thread and no operating system. */
#include "board.h"

#include "iot_import.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MUTEXES 32 /* a client has 2, an update 1 */

uint64_t HAL_UptimeMs(void)
{
    return board_uptime_ms();
}

void HAL_SleepMs(uint32_t ms)
{
    uint64_t end = board_uptime_ms() + ms;

    while (board_uptime_ms() < end) {
        board_idle();
    }
}

/* With one thread nobody ever waits for a mutex: any pointer will do, and needs no memory. What would be a deadlock with
 * threads, locking one that is locked, is told here. */
struct mutex {
    int locked;
};

static struct mutex mutexes[MUTEXES];
static uint32_t taken;

void *HAL_MutexCreate(void)
{
    uint32_t i;

    for (i = 0; i < MUTEXES; i++) {
        if ((taken & (UINT32_C(1) << i)) == 0) {
            taken |= UINT32_C(1) << i;
            mutexes[i].locked = 0;
            return &mutexes[i];
        }
    }
    return NULL;
}

void HAL_MutexDestroy(void *mutex)
{
    taken &= ~(UINT32_C(1) << ((struct mutex *)mutex - mutexes));
}

void HAL_MutexLock(void *mutex)
{
    struct mutex *it = mutex;

    if (it->locked) {
        HAL_Printf("HAL: a mutex is locked twice\n");
    }
    it->locked = 1;
}

void HAL_MutexUnlock(void *mutex)
{
    ((struct mutex *)mutex)->locked = 0;
}

/* The library prints pieces of 126 characters at most; what an application prints is cut to 200. */
void HAL_Printf(const char *fmt, ...)
{
    char text[201];
    int len;
    va_list args;

    va_start(args, fmt);
    len = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (len > 0) {
        board_console(text, strlen(text));
    }
}

void HAL_Sys_reboot(void);
void HAL_Sys_reboot(void)
{
    board_restart();
}
