/* HAL_Malloc, HAL_Free: the C library's heap. Any thread. */
#include "iot_import.h"

#include <stdlib.h>

/* Allocates `size` bytes, aligned for any type, contents undefined. Returns NULL if there are
 * none; the caller owns the block until HAL_Free(). */
void *HAL_Malloc(uint32_t size)
{
    return malloc(size);
}

/* Gives a block back; NULL is harmless. */
void HAL_Free(void *ptr)
{
    free(ptr);
}
