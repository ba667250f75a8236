/* What this emulated machine has beside a board. */
#ifndef MACHINE_H
#define MACHINE_H

#include <stdint.h>

uint32_t machine_stack_most(void);
void machine_exit(int status) __attribute__((noreturn));

#endif
