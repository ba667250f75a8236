/* A stand-in: what the port uses of FreeRTOS, for compiling it without that. */
#ifndef FREERTOS_H
#define FREERTOS_H

#include <stddef.h>
#include <stdint.h>

#define configTICK_RATE_HZ ((TickType_t)1000)
#define portBYTE_ALIGNMENT 8
#define pdTRUE ((BaseType_t)1)

typedef long BaseType_t;
#ifdef TICKS_OF_64_BITS
typedef uint64_t TickType_t;
#define portMAX_DELAY ((TickType_t)UINT64_MAX)
#else
typedef uint32_t TickType_t;
#define portMAX_DELAY ((TickType_t)UINT32_MAX)
#endif

void *pvPortMalloc(size_t size);
void vPortFree(void *block);

#endif
