/* Arm MPS2 with image AN386 (Cortex-M4), as qemu-system-arm has it: start, clock, three serial lines, and the way out.
 *
 * Serial line 0 is the console, 1 the modem's data, 2 its commands. What arrives on 1 and 2 goes to a ring by interrupt; while a
 * ring is full the line is not listened to, and the other side waits. (Arm DAI 0386D; CMSDK TRM, APB UART; Armv7-M ARM.) */
#include "board.h"

#include "machine.h"

#define CLOCK_HZ 25000000u
#define RING 256u /* a power of two */
#define PAINT 0xa5a5a5a5u

struct uart {
    volatile uint32_t data, state, control, interrupt, divider;
};

#define STATE_TX_FULL 1u
#define CONTROL_TX 1u
#define CONTROL_RX 2u
#define CONTROL_RX_INTERRUPT 8u
#define INTERRUPT_RX 2u

#define UART0 ((struct uart *)0x40004000u)
#define UART1 ((struct uart *)0x40005000u)
#define UART2 ((struct uart *)0x40006000u)
#define UART1_RX 2 /* interrupt numbers */
#define UART2_RX 4

#define SYSTICK_CONTROL (*(volatile uint32_t *)0xe000e010u)
#define SYSTICK_RELOAD (*(volatile uint32_t *)0xe000e014u)
#define SYSTICK_VALUE (*(volatile uint32_t *)0xe000e018u)
#define NVIC_ENABLE (*(volatile uint32_t *)0xe000e100u)
#define CPACR (*(volatile uint32_t *)0xe000ed88u)

extern uint32_t data_load, data_start, data_end, bss_start, bss_end, stack_start, stack_end;
extern uint8_t heap_start, heap_end;

int main(void);
void board_reset(void);

static volatile uint64_t ticks;

static struct line {
    struct uart *uart;
    volatile uint32_t head, tail; /* bytes put in and taken out */
    uint8_t ring[RING];
} lines[] = {
    [BOARD_COMMANDS] = { UART2, 0, 0, { 0 } },
    [BOARD_DATA] = { UART1, 0, 0, { 0 } },
};

static void take_in(struct line *line)
{
    line->uart->interrupt = INTERRUPT_RX;
    line->ring[line->head % RING] = (uint8_t)line->uart->data;
    line->head++;
    if (line->head - line->tail == RING) {
        line->uart->control &= ~CONTROL_RX; /* until there is room again */
    }
}

static void on_commands(void)
{
    take_in(&lines[BOARD_COMMANDS]);
}

static void on_data(void)
{
    take_in(&lines[BOARD_DATA]);
}

static void on_tick(void)
{
    ticks++;
}

static void on_fault(void)
{
    static const char said[] = "board: fault\n";

    board_console(said, sizeof(said) - 1);
    machine_exit(2);
}

/* The first stack pointer, the system exceptions, and the interrupts up to that of UART2. */
static const struct {
    void *stack;
    void (*handlers[15 + UART2_RX + 1])(void); /* by number, less 1 */
} vectors __attribute__((section(".vectors"), used)) = {
    &stack_start,
    {
        [0] = board_reset,
        [1] = on_fault, /* NMI */
        [2] = on_fault, /* hard, memory, bus and usage fault */
        [3] = on_fault,
        [4] = on_fault,
        [5] = on_fault,
        [14] = on_tick,
        [15 + UART1_RX] = on_data,
        [15 + UART2_RX] = on_commands,
    },
};

static void open(struct uart *uart, uint32_t control)
{
    uart->divider = 16; /* as fast as it goes */
    uart->control = control;
}

/* Before this there is nothing but a stack pointer. */
void board_reset(void)
{
    uint32_t *from = &data_load, *to;

    CPACR |= 0xfu << 20; /* the floating-point unit, whose registers the compiler uses */
    __asm__ volatile("dsb\n\tisb");
    for (to = &data_start; to < &data_end; to++) {
        *to = *from++;
    }
    for (to = &bss_start; to < &bss_end; to++) {
        *to = 0;
    }
    for (to = &stack_end; to < (uint32_t *)__builtin_frame_address(0) - 16; to++) {
        *to = PAINT; /* what is not painted any more was used */
    }
    SYSTICK_RELOAD = CLOCK_HZ / 1000 - 1;
    SYSTICK_VALUE = 0;
    SYSTICK_CONTROL = 7;
    open(UART0, CONTROL_TX);
    open(UART1, CONTROL_TX | CONTROL_RX | CONTROL_RX_INTERRUPT);
    open(UART2, CONTROL_TX | CONTROL_RX | CONTROL_RX_INTERRUPT);
    NVIC_ENABLE = 1u << UART1_RX | 1u << UART2_RX;
    machine_exit(main());
}

/* How much of the stack was ever used, in bytes. */
uint32_t machine_stack_most(void)
{
    const uint32_t *word = &stack_end;

    while (word < &stack_start && *word == PAINT) {
        word++;
    }
    return (uint32_t)((uint8_t *)&stack_start - (uint8_t *)word);
}

/* Ends the emulator, by semihosting: SYS_EXIT_EXTENDED with ADP_Stopped_ApplicationExit. */
void machine_exit(int status)
{
    uint32_t reason[2] = { 0x20026u, (uint32_t)status };
    register uint32_t operation __asm__("r0") = 0x20;
    register uint32_t *argument __asm__("r1") = reason;

    for (;;) {
        __asm__ volatile("bkpt 0xab" : : "r"(operation), "r"(argument) : "memory");
    }
}

uint64_t board_uptime_ms(void)
{
    uint64_t now, again;

    do { /* 64 bits are read in two pieces, between which there may be a tick */
        now = ticks;
        again = ticks;
    } while (now != again);
    return now;
}

void board_idle(void)
{
    __asm__ volatile("wfi");
}

void board_console(const char *text, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++) {
        while (UART0->state & STATE_TX_FULL) {
        }
        UART0->data = (uint8_t)text[i];
    }
}

void *board_heap(size_t *size)
{
    *size = (size_t)(&heap_end - &heap_start);
    return &heap_start;
}

void board_restart(void)
{
    machine_exit(3); /* the test would not tell a restart from a crash */
}

void board_send(enum board_line line, uint8_t byte)
{
    struct uart *uart = lines[line].uart;

    while (uart->state & STATE_TX_FULL) {
    }
    uart->data = byte;
}

int board_receive(enum board_line line)
{
    struct line *it = &lines[line];
    int byte;

    if (it->head == it->tail) {
        return -1;
    }
    byte = it->ring[it->tail % RING];
    it->tail++;
    it->uart->control |= CONTROL_RX;
    return byte;
}

/* newlib-nano's formatting asks for memory only for what this program does not print. */
void *_sbrk(int size);
void *_sbrk(int size)
{
    (void)size;
    return (void *)-1;
}
