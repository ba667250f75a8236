#include "net.h"

#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static timer_t signals;

void net_die(const char *what)
{
    printf("FAIL %s: %s\n", what, strerror(errno));
    exit(1);
}

int net_listen(int family, int type, uint16_t *port)
{
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    struct sockaddr_in v4 = { .sin_family = AF_INET };
    struct sockaddr *address = family == AF_INET6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4;
    socklen_t size = family == AF_INET6 ? sizeof(v6) : sizeof(v4);
    int fd = socket(family, type, 0);

    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, address, size) != 0 || (type == SOCK_STREAM && listen(fd, 16) != 0)
        || getsockname(fd, address, &size) != 0) {
        net_die("listen");
    }
    *port = ntohs(family == AF_INET6 ? v6.sin6_port : v4.sin_port);
    return fd;
}

int net_accept(int listener)
{
    int fd = accept(listener, NULL, NULL);

    if (fd < 0) {
        net_die("accept");
    }
    return fd;
}

void net_send(int fd, const void *data, size_t len)
{
    size_t sent = 0;

    while (sent < len) {
        ssize_t n = send(fd, (const char *)data + sent, len - sent, MSG_NOSIGNAL);

        if (n > 0) {
            sent += (size_t)n;
        } else if (errno != EINTR) {
            net_die("send");
        }
    }
}

size_t net_receive(int fd, void *data, size_t len)
{
    size_t got = 0;

    while (got < len) {
        ssize_t n = recv(fd, (char *)data + got, len - got, 0);

        if (n > 0) {
            got += (size_t)n;
        } else if (n == 0 || errno != EINTR) {
            break;
        }
    }
    return got;
}

void net_reset(int fd)
{
    struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

    if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) != 0 || close(fd) != 0) {
        net_die("reset");
    }
}

int net_open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int n = 0;

    if (dir == NULL) {
        net_die("/proc/self/fd");
    }
    while (readdir(dir) != NULL) {
        n++;
    }
    closedir(dir);
    return n;
}

static void on_signal(int number)
{
    (void)number;
}

void net_signals_begin(void)
{
    struct sigaction action = { .sa_handler = on_signal };
    struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
    struct itimerspec every = { { 0, 5000000 }, { 0, 5000000 } };

    if (sigaction(SIGUSR1, &action, NULL) != 0
        || timer_create(CLOCK_MONOTONIC, &event, &signals) != 0
        || timer_settime(signals, 0, &every, NULL) != 0) {
        net_die("timer");
    }
}

void net_signals_end(void)
{
    timer_delete(signals);
}

pthread_t net_thread(void *(*body)(void *), void *argument)
{
    pthread_t thread;

    errno = pthread_create(&thread, NULL, body, argument);
    if (errno != 0) {
        net_die("thread");
    }
    return thread;
}
