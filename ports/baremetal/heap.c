/* HAL_Malloc and HAL_Free: the first block that fits, from the memory of board_heap().
 *
 * Blocks lie side by side, each behind a header that says how long it is; neighbours that are free become one when memory is
 * wanted. One thread. heap.h says how much was taken at most. */
#include "heap.h"
#include "board.h"

#include "iot_import.h"

#define ALIGN 8u

struct block {
    uint32_t size; /* with this header */
    uint32_t used; /* bytes asked for; 0: free */
};

static uint8_t *heap;
static size_t heap_size;
static struct heap_state state;

static struct block *next(struct block *block)
{
    uint8_t *behind = (uint8_t *)block + block->size;

    return behind < heap + heap_size ? (struct block *)behind : NULL;
}

/* The only thing that is there at first: one free block. */
static struct block *first(void)
{
    if (heap == NULL) {
        struct block *all;

        heap = board_heap(&heap_size);
        heap_size -= heap_size % ALIGN;
        all = (struct block *)heap;
        all->size = (uint32_t)heap_size;
        all->used = 0;
    }
    return (struct block *)heap;
}

/* `size` bytes, aligned to 8; NULL if there are none left, or `size` is 0. */
void *HAL_Malloc(uint32_t size)
{
    uint32_t wanted = (size + (uint32_t)sizeof(struct block) + ALIGN - 1) & ~(ALIGN - 1);
    struct block *block, *behind;

    if (size == 0 || wanted < size) {
        return NULL;
    }
    for (block = first(); block != NULL; block = next(block)) {
        if (block->used != 0) {
            continue;
        }
        for (behind = next(block); behind != NULL && behind->used == 0; behind = next(block)) {
            block->size += behind->size;
        }
        if (block->size >= wanted) {
            break;
        }
    }
    if (block == NULL) {
        return NULL;
    }
    if (block->size >= wanted + sizeof(struct block) + ALIGN) {
        behind = (struct block *)((uint8_t *)block + wanted);
        behind->size = block->size - wanted;
        behind->used = 0;
        block->size = wanted;
    }
    block->used = size;
    state.bytes += size;
    state.blocks++;
    state.most = state.bytes > state.most ? state.bytes : state.most;
    return block + 1;
}

void HAL_Free(void *ptr)
{
    struct block *block = (struct block *)ptr - 1;

    if (ptr == NULL) {
        return;
    }
    state.bytes -= block->used;
    state.blocks--;
    block->used = 0;
}

struct heap_state heap_look(void)
{
    return state;
}
