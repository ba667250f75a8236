/* HAL_Malloc, HAL_Free: the heap of FreeRTOS; heap_1, which cannot free, will not do. Any task, no
 * interrupt. */
#include "iot_import.h"

#include "FreeRTOS.h"

_Static_assert(portBYTE_ALIGNMENT >= 8, "the heap has to align for any type");

/* Allocates `size` bytes, aligned for any type, contents undefined. Returns NULL if there are none
 * (where configUSE_MALLOC_FAILED_HOOK is set, after that hook has returned); the caller owns the block
 * until HAL_Free(). */
void *HAL_Malloc(uint32_t size)
{
    return pvPortMalloc(size);
}

/* Gives a block back; NULL is harmless. */
void HAL_Free(void *ptr)
{
    vPortFree(ptr);
}
