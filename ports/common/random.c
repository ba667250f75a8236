/* HAL_Srandom, HAL_Random: numbers for jitter and request ids, not for cryptography. Any thread.
 *
 * A counter with an odd step visits every 32-bit value; a mixing function (two multiplications,
 * three shifts) hides the order. One atomic addition, so threads never see the same step. */
#include "iot_import.h"

#include <stdatomic.h>

#define STEP 0x9E3779B9u /* 2^32 / golden ratio, odd */

static atomic_uint_least32_t counter;

/* Starts the sequence that belongs to `seed`. */
void HAL_Srandom(uint32_t seed)
{
    atomic_store(&counter, seed);
}

/* Returns a number from 0 to `region` - 1; 0 if `region` is 0. */
uint32_t HAL_Random(uint32_t region)
{
    uint32_t x = (uint32_t)atomic_fetch_add(&counter, STEP) + STEP;

    x = (x ^ (x >> 16)) * 0x7FEB352Du;
    x = (x ^ (x >> 15)) * 0x846CA68Bu;
    x ^= x >> 16;
    return (uint32_t)(((uint64_t)x * region) >> 32);
}
