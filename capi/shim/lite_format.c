#include "shim.h"

char *LITE_format_string(const char *fmt, ...)
{
    char none[1];
    char *text;
    int length;
    va_list ap;

    if (fmt == 0) {
        return 0;
    }
    va_start(ap, fmt);
    length = HAL_Vsnprintf(none, (int)sizeof(none), fmt, ap);
    va_end(ap);

    text = length < 0 || length == INT32_MAX ? 0 : HAL_Malloc((uint32_t)length + 1);
    if (text != 0) {
        va_start(ap, fmt);
        HAL_Vsnprintf(text, length + 1, fmt, ap);
        va_end(ap);
        text[length] = '\0';
    }
    return text;
}
