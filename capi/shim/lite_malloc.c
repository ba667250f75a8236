#include "shim.h"

void *LITE_malloc_internal(const char *f, const int l, int size, ...)
{
    (void)f;
    (void)l;
    return size > 0 ? HAL_Malloc((uint32_t)size) : 0;
}
