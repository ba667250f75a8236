/* The part of the HAL that test programs bring themselves: it counts, and it is strict.
 *
 * Memory: every block is counted; a block given back twice or written beyond aborts. Mutexes: locking one that the
 * thread holds already, unlocking one that it does not hold, and destroying one that is held abort. Waiting (HAL_TCP_Read,
 * HAL_SSL_Read, ..._Establish, HAL_SleepMs) with a mutex held is a failed check. HAL_Printf goes to stderr. Any thread. */
#ifndef HAL_H
#define HAL_H

#include <stddef.h>
#include <stdint.h>

/* Bytes the library has now, from HAL_Malloc. */
size_t hal_bytes(void);

/* The calls of HAL_Malloc so far, and those of calloc in mbedTLS. */
unsigned long hal_allocations(void);

/* Which of these calls fails: 0 is the next one; negative: none. */
void hal_fail_allocation(long which);

/* The mutexes that exist. */
int hal_mutexes(void);

/* The mutexes that the calling thread holds: none, inside a callback. */
int hal_held(void);

/* The most bytes that one HAL_TCP_Write or HAL_SSL_Write takes; 0: as many as it is given. */
void hal_limit_write(uint32_t most);

/* How many of the coming writes fail with -1 instead of sending. */
void hal_fail_writes(int how_many);

#endif
