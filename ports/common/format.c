/* HAL_Snprintf, HAL_Vsnprintf: the C library's. Any thread. */
#include "iot_import.h"

#include <stdarg.h>
#include <stdio.h>

/* As HAL_Vsnprintf(). */
int HAL_Snprintf(char *str, const int len, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = HAL_Vsnprintf(str, len, fmt, ap);
    va_end(ap);
    return n;
}

/* Formats into `str`, which holds `len` bytes, always NUL-terminated when `len` > 0. Returns the
 * length the whole text would have had (as C99 does), negative on error or negative `len`. */
int HAL_Vsnprintf(char *str, const int len, const char *fmt, va_list ap)
{
    return len < 0 ? -1 : vsnprintf(str, (size_t)len, fmt, ap);
}
