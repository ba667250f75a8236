/* A port in one file, to copy and begin with: all that MQTT over plain TCP needs, over a tick counter of 32 bits and BSD
 * sockets, which lwIP has as well.
 *
 * What a board has instead of POSIX stands in the first part, with its counterpart in FreeRTOS and lwIP; the rest is C
 * and sockets, and may stay. As it is, it runs on Linux, with ticks of 10 ms as boards have them, and hal_selftest finds
 * nothing wrong with it. docs/porting.md tells what each function must do and why. */
#include "iot_import.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* ----- the board ----- */

#include <fcntl.h> /* lwIP: these are lwip/sockets.h and lwip/netdb.h */
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h> /* FreeRTOS: semphr.h */
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TICKS_PER_SECOND 100 /* configTICK_RATE_HZ */

static pthread_mutex_t critical = PTHREAD_MUTEX_INITIALIZER;

/* xTaskGetTickCount() */
static uint32_t ticks(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint32_t)((uint64_t)now.tv_sec * TICKS_PER_SECOND + (uint64_t)now.tv_nsec / (1000000000 / TICKS_PER_SECOND));
}

/* vTaskDelay() */
static void sleep_ticks(uint32_t count)
{
    struct timespec time;

    time.tv_sec = (time_t)(count / TICKS_PER_SECOND);
    time.tv_nsec = (long)(count % TICKS_PER_SECOND) * (1000000000 / TICKS_PER_SECOND);
    while (nanosleep(&time, &time) != 0 && errno == EINTR) {
    }
}

/* taskENTER_CRITICAL() and taskEXIT_CRITICAL(), for the few instructions that the functions below need */
static void enter_critical(void)
{
    pthread_mutex_lock(&critical);
}

static void leave_critical(void)
{
    pthread_mutex_unlock(&critical);
}

/* xSemaphoreCreateMutex() */
void *HAL_MutexCreate(void)
{
    pthread_mutex_t *mutex = HAL_Malloc(sizeof(*mutex));

    if (mutex != NULL && pthread_mutex_init(mutex, NULL) != 0) {
        HAL_Free(mutex);
        mutex = NULL;
    }
    return mutex;
}

/* vSemaphoreDelete() */
void HAL_MutexDestroy(void *mutex)
{
    pthread_mutex_destroy(mutex);
    HAL_Free(mutex);
}

/* xSemaphoreTake() with portMAX_DELAY: it must not give up */
void HAL_MutexLock(void *mutex)
{
    pthread_mutex_lock(mutex);
}

/* xSemaphoreGive() */
void HAL_MutexUnlock(void *mutex)
{
    pthread_mutex_unlock(mutex);
}

/* ----- text, memory ----- */

/* Where printf() is not for several threads, this is the place for a lock. */
void HAL_Printf(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    fflush(stdout);
}

/* pvPortMalloc() and vPortFree() do as well: they align to 8. */
void *HAL_Malloc(uint32_t size)
{
    return malloc(size);
}

void HAL_Free(void *ptr)
{
    free(ptr);
}

/* ----- time ----- */

/* Counts on where the ticks wrap, if it is called once in between, and multiplies in 64 bits: ticks * 1000 in 32 bits
 * would wrap within hours. */
uint64_t HAL_UptimeMs(void)
{
    static uint32_t last, wraps;
    uint64_t all;
    uint32_t now;

    enter_critical();
    now = ticks();
    wraps += now < last;
    last = now;
    all = (uint64_t)wraps << 32 | now;
    leave_critical();
    return all * 1000 / TICKS_PER_SECOND;
}

/* Rounds up: less than a tick is not nothing. */
void HAL_SleepMs(uint32_t ms)
{
    sleep_ticks((uint32_t)(((uint64_t)ms * TICKS_PER_SECOND + 999) / 1000));
}

/* ----- random numbers ----- */

static uint32_t state = 1;

/* Never 0, where the numbers below would stay. A board adds what it has alone, such as its MAC address. */
void HAL_Srandom(uint32_t seed)
{
    enter_critical();
    state = seed ^ 0x9E3779B9u;
    state = state == 0 ? 1 : state;
    leave_critical();
}

/* xorshift of 32 bits; its upper part is scaled to the range, which needs no division. */
uint32_t HAL_Random(uint32_t region)
{
    uint32_t x;

    enter_critical();
    x = state;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    state = x;
    leave_critical();
    return (uint32_t)((uint64_t)x * region >> 32);
}

/* ----- who made the module: nobody, unless Alibaba Cloud gave you ids ----- */

int HAL_GetPartnerID(char *pid_str)
{
    pid_str[0] = '\0';
    return 0;
}

int HAL_GetModuleID(char *mid_str)
{
    mid_str[0] = '\0';
    return 0;
}

/* ----- connections ----- */

#define CONNECT_MS 10000

#define CLOSED (-1)
#define FAILED (-2)

#ifndef MSG_NOSIGNAL /* a system that does not know it raises no signal */
#define MSG_NOSIGNAL 0
#endif

enum waited { READY, TIME_OVER, WAIT_FAILED };

/* Waits until the socket can be read or written, or the time has come. */
static enum waited wait_for(int fd, int writing, uint64_t deadline)
{
    for (;;) {
        uint64_t now = HAL_UptimeMs();
        uint32_t left = now < deadline ? (uint32_t)(deadline - now) : 0;
        struct timeval time;
        fd_set set;
        int n;

        if (left == 0) {
            return TIME_OVER;
        }
        time.tv_sec = (long)(left / 1000);
        time.tv_usec = (long)(left % 1000) * 1000;
        FD_ZERO(&set);
        FD_SET(fd, &set);
        n = select(fd + 1, writing ? NULL : &set, writing ? &set : NULL, NULL, &time);
        if (n > 0) {
            return READY;
        }
        if (n < 0 && errno != EINTR) {
            return WAIT_FAILED;
        }
    }
}

/* Connects a socket that does not block. Returns whether it succeeded. */
static int connect_until(int fd, const struct addrinfo *address, uint64_t deadline)
{
    int error = 0;
    socklen_t size = sizeof(error);

    if (connect(fd, address->ai_addr, address->ai_addrlen) == 0) {
        return 1;
    }
    return (errno == EINPROGRESS || errno == EINTR) && wait_for(fd, 1, deadline) == READY
        && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

/* The socket's number and 1, so that no handle is 0. */
static uintptr_t handle_of(int fd)
{
    return (uintptr_t)fd + 1;
}

static int socket_of(uintptr_t handle)
{
    return (int)(handle - 1);
}

uintptr_t HAL_TCP_Establish(const char *host, uint16_t port)
{
    uint64_t deadline = HAL_UptimeMs() + CONNECT_MS; /* a dead network must not hold a device up for minutes */
    struct addrinfo hints = { 0 }, *list, *address;
    char service[6];
    int fd = -1, on = 1;

    hints.ai_family = AF_INET;
    hints.ai_socktype = SOCK_STREAM;
    snprintf(service, sizeof(service), "%u", (unsigned)port);
    if (getaddrinfo(host, service, &hints, &list) != 0) {
        return 0;
    }
    for (address = list; address != NULL && fd < 0; address = address->ai_next) {
        fd = socket(address->ai_family, address->ai_socktype, address->ai_protocol);
        if (fd < 0) {
            continue;
        }
        /* FD_SETSIZE: select() would write past its set. */
        if (fd >= FD_SETSIZE || fcntl(fd, F_SETFL, O_NONBLOCK) != 0 || !connect_until(fd, address, deadline)) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    if (fd < 0) {
        return 0;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* messages are small and wait for answers */
    return handle_of(fd);
}

int32_t HAL_TCP_Destroy(uintptr_t fd)
{
    shutdown(socket_of(fd), SHUT_RDWR); /* fails when the peer is gone: close all the same */
    return close(socket_of(fd));
}

int32_t HAL_TCP_Write(uintptr_t fd, const char *buf, uint32_t len, uint32_t timeout_ms)
{
    uint64_t deadline = HAL_UptimeMs() + timeout_ms;
    uint32_t sent = 0;

    while (sent < len) {
        long n = (long)send(socket_of(fd), buf + sent, len - sent, MSG_NOSIGNAL);

        if (n > 0) {
            sent += (uint32_t)n;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            enum waited waited = wait_for(socket_of(fd), 1, deadline);

            if (waited == TIME_OVER) {
                break;
            }
            if (waited == WAIT_FAILED) {
                return sent > 0 ? (int32_t)sent : FAILED;
            }
        } else if (errno != EINTR) {
            return sent > 0 ? (int32_t)sent : CLOSED;
        }
    }
    return (int32_t)sent;
}

int32_t HAL_TCP_Read(uintptr_t fd, char *buf, uint32_t len, uint32_t timeout_ms)
{
    uint64_t deadline = HAL_UptimeMs() + timeout_ms; /* one for the whole call */
    uint32_t got = 0;

    while (got < len) {
        long n = (long)recv(socket_of(fd), buf + got, len - got, 0);

        if (n > 0) {
            got += (uint32_t)n;
        } else if (n == 0) {
            return got > 0 ? (int32_t)got : CLOSED;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            enum waited waited = wait_for(socket_of(fd), 0, deadline);

            if (waited == TIME_OVER) {
                break;
            }
            if (waited == WAIT_FAILED) {
                return got > 0 ? (int32_t)got : FAILED;
            }
        } else if (errno != EINTR) {
            return got > 0 ? (int32_t)got : FAILED;
        }
    }
    return (int32_t)got;
}
