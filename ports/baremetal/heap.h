/* How much of HAL_Malloc's memory is in use. */
#ifndef HEAP_H
#define HEAP_H

#include <stdint.h>

struct heap_state {
    uint32_t bytes;  /* asked for and not freed */
    uint32_t blocks; /* how many blocks that are */
    uint32_t most;   /* the most bytes there ever were */
};

struct heap_state heap_look(void);

#endif
