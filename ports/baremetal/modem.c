/* HAL_TCP_* over a modem that has two lines, as modems with a multiplexer or with two ports do: one for commands, one for
 * the data of the connection, which passes as it is.
 *
 *   device                               modem
 *   D{host}:{port} newline               C: connected; N: not
 *   H newline                            N: there is no connection any more; nothing if there was none
 *                                        N: the connection is lost
 *
 * There is one connection at a time, and its handle is 1. */
#include "board.h"

#include "iot_import.h"

#include <stdio.h>
#include <string.h>

#define HANDLE 1
#define DIAL_MS 10000   /* how long the modem may take to connect */
#define HANG_UP_MS 2000 /* and to give up */
#define LINGER_MS 100   /* how long data may be behind the word that the connection is lost */

static int connected;

static void command(const char *text)
{
    while (*text != '\0') {
        board_send(BOARD_COMMANDS, (uint8_t)*text++);
    }
}

/* Takes in what the modem has said. */
static void look(void)
{
    int said;

    while ((said = board_receive(BOARD_COMMANDS)) >= 0) {
        if (said == 'C' || said == 'N') {
            connected = said == 'C';
        }
    }
}

/* The next byte of the connection within the time, or -1. */
static int receive_until(uint64_t end)
{
    for (;;) {
        int byte = board_receive(BOARD_DATA);

        if (byte >= 0 || board_uptime_ms() >= end) {
            return byte;
        }
        board_idle();
    }
}

/* Connects. 0 if that has failed, after 10 s at most. */
uintptr_t HAL_TCP_Establish(const char *host, uint16_t port)
{
    char text[160];
    uint64_t end = board_uptime_ms() + DIAL_MS;
    int len = snprintf(text, sizeof(text), "D%s:%u\n", host, (unsigned)port);

    if (len < 0 || len >= (int)sizeof(text)) {
        return 0;
    }
    while (board_receive(BOARD_DATA) >= 0) {
        /* of the last connection */
    }
    look();
    connected = -1;
    command(text);
    do {
        look();
        board_idle();
    } while (connected < 0 && board_uptime_ms() < end);
    if (connected < 0) {
        connected = 0;
    }
    return connected ? HANDLE : 0;
}

int32_t HAL_TCP_Destroy(uintptr_t fd)
{
    uint64_t end = board_uptime_ms() + HANG_UP_MS;

    (void)fd;
    look();
    if (connected) {
        command("H\n");
    }
    while (connected && board_uptime_ms() < end) {
        board_idle();
        look();
    }
    connected = 0;
    return 0;
}

int32_t HAL_TCP_Write(uintptr_t fd, const char *buf, uint32_t len, uint32_t timeout_ms)
{
    uint64_t end = board_uptime_ms() + timeout_ms;
    uint32_t sent = 0;

    (void)fd;
    look();
    if (!connected) {
        return -1;
    }
    while (sent < len && (sent == 0 || board_uptime_ms() < end)) {
        board_send(BOARD_DATA, (uint8_t)buf[sent]);
        sent++;
    }
    return (int32_t)sent;
}

/* Fills `buf`, or returns what has come when the time is over; -1 if the connection is lost and nothing of it is left. */
int32_t HAL_TCP_Read(uintptr_t fd, char *buf, uint32_t len, uint32_t timeout_ms)
{
    uint64_t end = board_uptime_ms() + timeout_ms;
    uint32_t got = 0;

    (void)fd;
    while (got < len) {
        int byte = board_receive(BOARD_DATA);

        if (byte < 0) {
            look();
            if (!connected) {
                byte = receive_until(board_uptime_ms() + LINGER_MS);
                if (byte < 0) {
                    return got > 0 ? (int32_t)got : -1;
                }
            } else if (board_uptime_ms() >= end) {
                break;
            } else {
                board_idle();
                continue;
            }
        }
        buf[got++] = (char)byte;
    }
    return (int32_t)got;
}
