#include "shim.h"

/* Longer text is cut to this. */
#if defined(__linux__)
#define TEXT_MAX 512
#else
#define TEXT_MAX 255
#endif

void LITE_syslog(const char *f, const int l, const int level, const char *fmt, ...)
{
    char text[TEXT_MAX + 1] = "";
    int length;
    va_list ap;

    if (!iotkit_log_enabled(level)) {
        return;
    }
    va_start(ap, fmt);
    length = HAL_Vsnprintf(text, (int)sizeof(text), fmt, ap);
    va_end(ap);
    text[TEXT_MAX] = '\0';
    iotkit_log_write(f, l, level, text, length < TEXT_MAX);
}
