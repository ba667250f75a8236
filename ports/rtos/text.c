/* HAL_Printf: to the system's console. Any thread; what one call prints stays whole. Not for
 * interrupts. */
#include "rtos.h"

#include "iot_import.h"

#include <stdarg.h>
#include <stdio.h>

#define ON_STACK 160 /* room for what the library prints at once; longer texts take memory */

static void print(const char *text);
static void *printing(void);

/* Formats and prints. A text of 160 characters and more is cut there if there is no memory. */
void HAL_Printf(const char *fmt, ...)
{
    char text[ON_STACK];
    char *longer;
    va_list ap;
    int len;

    va_start(ap, fmt);
    len = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    longer = len >= ON_STACK ? HAL_Malloc((uint32_t)len + 1) : NULL;
    if (longer != NULL) {
        va_start(ap, fmt);
        vsnprintf(longer, (size_t)len + 1, fmt, ap);
        va_end(ap);
    }
    if (len >= 0) {
        print(longer != NULL ? longer : text);
    }
    HAL_Free(longer);
}

static void print(const char *text)
{
    void *lock = printing();

    HAL_MutexLock(lock);
    iotport_print(text);
    HAL_MutexUnlock(lock);
}

/* The mutex of the console, made when something is printed first; NULL if that failed, and then lines
 * may mix. */
static void *printing(void)
{
    static void *volatile lock;

    if (lock == NULL) {
        void *made = HAL_MutexCreate();
        long before = iotport_guard();

        if (lock == NULL) {
            lock = made;
            made = NULL;
        }
        iotport_unguard(before);
        HAL_MutexDestroy(made); /* another thread was first */
    }
    return lock;
}
