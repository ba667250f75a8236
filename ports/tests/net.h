/* Peers for the tests: loopback sockets and threads. Every function ends the program on failure:
 * a test without its peer tells nothing. */
#ifndef PORT_TESTS_NET_H
#define PORT_TESTS_NET_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

/* Opens a listener on 127.0.0.1 (or ::1), on a port of the system's choice. Returns its socket. */
int net_listen(int family, int type, uint16_t *port);

/* Takes the next connection. */
int net_accept(int listener);

/* Sends all of it. */
void net_send(int fd, const void *data, size_t len);

/* Receives exactly that much; returns less only at the end of the connection. */
size_t net_receive(int fd, void *data, size_t len);

/* Ends a connection with RST instead of FIN. */
void net_reset(int fd);

/* How many descriptors the process has open. */
int net_open_descriptors(void);

/* Begins, and ends, to send this process a signal (handled by nothing much, system calls are not
 * restarted) every 5 ms. */
void net_signals_begin(void);
void net_signals_end(void);

pthread_t net_thread(void *(*body)(void *), void *argument);

/* Ends the program, telling why, with errno. */
void net_die(const char *what);

#endif
