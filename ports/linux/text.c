/* HAL_Printf: the C library's. Any thread; lines are not mixed. */
#include "iot_import.h"

#include <stdarg.h>
#include <stdio.h>

/* Prints to standard output at once, whole lines staying whole. */
void HAL_Printf(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    fflush(stdout);
}
