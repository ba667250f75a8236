/* HAL_Malloc, HAL_Free: RT-Thread's heap. Any thread, no interrupt. */
#include "iot_import.h"

#include <rtthread.h>

#define ALIGNMENT 8 /* for any type */

/* Allocates `size` bytes, aligned for any type, contents undefined. Returns NULL if there are none; the
 * caller owns the block until HAL_Free(). */
void *HAL_Malloc(uint32_t size)
{
#if RT_ALIGN_SIZE >= ALIGNMENT
    return rt_malloc(size);
#else
    return rt_malloc_align(size, ALIGNMENT);
#endif
}

/* Gives a block back; NULL is harmless. */
void HAL_Free(void *ptr)
{
    if (ptr == NULL) {
        return;
    }
#if RT_ALIGN_SIZE >= ALIGNMENT
    rt_free(ptr);
#else
    rt_free_align(ptr);
#endif
}
