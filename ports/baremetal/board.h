/* What this port wants of a board. tests/baremetal/board.c has it for Arm's MPS2. */
#ifndef BOARD_H
#define BOARD_H

#include <stddef.h>
#include <stdint.h>

/* Milliseconds since the start; never goes back. */
uint64_t board_uptime_ms(void);

/* Waits for an interrupt, of which there is one a millisecond at least. */
void board_idle(void);

/* Writes text to the console. */
void board_console(const char *text, size_t len);

/* Memory that nothing else uses, for HAL_Malloc; `size` in bytes. */
void *board_heap(size_t *size);

/* Restarts the board. */
void board_restart(void);

/* The two lines of the modem: commands and what it answers, and the data of a connection. Interrupts take in what arrives:
 * nothing is lost while nobody reads. */
enum board_line { BOARD_COMMANDS, BOARD_DATA };

/* Sends one byte; waits until there is room for it. */
void board_send(enum board_line line, uint8_t byte);

/* The next byte that has arrived, or -1. */
int board_receive(enum board_line line);

#endif
