#include "hal.h"
#include "check.h"

#include "iot_import.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GUARD 0x5afeb10cu

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* covers the variables below */
static size_t bytes;
static unsigned long allocations;
static long failing = -1;
static int mutexes;
static uint32_t write_limit;
static int failing_writes;

/* --- memory ---------------------------------------------------------------------------------- */

/* Stands before each block; as long as the strictest alignment asks for. */
union header {
    struct {
        uint32_t size, guard;
    } is;
    long double alignment;
};

static void misuse(const char *what)
{
    printf("FAILED HAL: %s\n", what);
    fflush(stdout);
    abort();
}

/* Counts an allocation. Returns whether it fails. */
static int allocation_fails(void)
{
    int fails;

    pthread_mutex_lock(&lock);
    allocations++;
    fails = failing == 0;
    failing -= failing >= 0;
    pthread_mutex_unlock(&lock);
    return fails;
}

void *HAL_Malloc(uint32_t size)
{
    static const uint32_t guard = GUARD;
    union header *header = allocation_fails() ? NULL : malloc(sizeof(*header) + size + sizeof(guard));

    if (header == NULL) {
        return NULL;
    }
    header->is.size = size;
    header->is.guard = GUARD;
    memset(header + 1, 0xa5, size); /* whoever reads what nobody wrote shall notice */
    memcpy((char *)(header + 1) + size, &guard, sizeof(guard));

    pthread_mutex_lock(&lock);
    bytes += size;
    pthread_mutex_unlock(&lock);
    return header + 1;
}

void HAL_Free(void *block)
{
    static const uint32_t guard = GUARD;
    union header *header = block;

    if (block == NULL) {
        return;
    }
    header--;
    if (header->is.guard != GUARD) {
        misuse("a block is given back that is none");
    }
    if (memcmp((char *)block + header->is.size, &guard, sizeof(guard)) != 0) {
        misuse("a block was written beyond its end");
    }
    header->is.guard = 0;

    pthread_mutex_lock(&lock);
    bytes -= header->is.size;
    pthread_mutex_unlock(&lock);
    free(header);
}

size_t hal_bytes(void)
{
    size_t now;

    pthread_mutex_lock(&lock);
    now = bytes;
    pthread_mutex_unlock(&lock);
    return now;
}

unsigned long hal_allocations(void)
{
    unsigned long now;

    pthread_mutex_lock(&lock);
    now = allocations;
    pthread_mutex_unlock(&lock);
    return now;
}

void hal_fail_allocation(long which)
{
    pthread_mutex_lock(&lock);
    failing = which;
    pthread_mutex_unlock(&lock);
}

/* --- mutexes --------------------------------------------------------------------------------- */

static pthread_key_t held;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_key(void)
{
    pthread_key_create(&held, NULL);
}

int hal_held(void)
{
    pthread_once(&once, make_key);
    return (int)(intptr_t)pthread_getspecific(held);
}

static void hold(int step)
{
    intptr_t now = hal_held() + step;

    pthread_setspecific(held, (void *)now);
}

static void count_mutex(int step)
{
    pthread_mutex_lock(&lock);
    mutexes += step;
    pthread_mutex_unlock(&lock);
}

int hal_mutexes(void)
{
    int now;

    pthread_mutex_lock(&lock);
    now = mutexes;
    pthread_mutex_unlock(&lock);
    return now;
}

void *HAL_MutexCreate(void)
{
    pthread_mutex_t *mutex = HAL_Malloc(sizeof(*mutex));
    pthread_mutexattr_t strict;

    if (mutex != NULL) {
        pthread_mutexattr_init(&strict);
        pthread_mutexattr_settype(&strict, PTHREAD_MUTEX_ERRORCHECK);
        pthread_mutex_init(mutex, &strict);
        pthread_mutexattr_destroy(&strict);
        count_mutex(1);
    }
    return mutex;
}

void HAL_MutexDestroy(void *mutex)
{
    if (mutex == NULL) {
        misuse("a mutex is destroyed that is none");
    }
    if (pthread_mutex_destroy(mutex) != 0) {
        misuse("a mutex is destroyed while it is held");
    }
    count_mutex(-1);
    HAL_Free(mutex);
}

void HAL_MutexLock(void *mutex)
{
    if (mutex == NULL) {
        misuse("a mutex is locked that is none");
    }
    if (pthread_mutex_lock(mutex) != 0) {
        misuse("a mutex is locked by the thread that holds it");
    }
    hold(1);
}

void HAL_MutexUnlock(void *mutex)
{
    if (mutex == NULL) {
        misuse("a mutex is unlocked that is none");
    }
    if (pthread_mutex_unlock(mutex) != 0) {
        misuse("a mutex is unlocked by a thread that does not hold it");
    }
    hold(-1);
}

/* --- text ------------------------------------------------------------------------------------ */

void HAL_Printf(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
}

int HAL_Snprintf(char *text, const int size, const char *format, ...)
{
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(text, (size_t)size, format, arguments);
    va_end(arguments);
    return length;
}

int HAL_Vsnprintf(char *text, const int size, const char *format, va_list arguments)
{
    return vsnprintf(text, (size_t)size, format, arguments);
}

/* --- waiting and writing: in front of the port, by the linker's --wrap --------------------------
 *
 * PLAIN_TCP: the library uses HAL_TCP_*; TLS_PORT: it uses HAL_SSL_* of a port. Neither: HAL_SSL_* are inside the
 * library's archive, and out of reach. */

void hal_limit_write(uint32_t most)
{
    pthread_mutex_lock(&lock);
    write_limit = most;
    pthread_mutex_unlock(&lock);
}

void hal_fail_writes(int how_many)
{
    pthread_mutex_lock(&lock);
    failing_writes = how_many;
    pthread_mutex_unlock(&lock);
}

#if defined(PLAIN_TCP) || defined(TLS_PORT)

/* Brings `len` down to the limit. Returns whether the write fails. */
static int disturb_write(uint32_t *len)
{
    int fails;

    pthread_mutex_lock(&lock);
    fails = failing_writes > 0;
    failing_writes -= fails;
    if (write_limit != 0 && *len > write_limit) {
        *len = write_limit;
    }
    pthread_mutex_unlock(&lock);
    return fails;
}

#endif

void __real_HAL_SleepMs(uint32_t ms);
void __wrap_HAL_SleepMs(uint32_t ms);

void __wrap_HAL_SleepMs(uint32_t ms)
{
    CHECK_CASE("mutexes held during HAL_SleepMs", hal_held(), 0);
    __real_HAL_SleepMs(ms);
}

#ifdef PLAIN_TCP

uintptr_t __real_HAL_TCP_Establish(const char *host, uint16_t port);
uintptr_t __wrap_HAL_TCP_Establish(const char *host, uint16_t port);
int32_t __real_HAL_TCP_Read(uintptr_t fd, char *buf, uint32_t len, uint32_t timeout_ms);
int32_t __wrap_HAL_TCP_Read(uintptr_t fd, char *buf, uint32_t len, uint32_t timeout_ms);
int32_t __real_HAL_TCP_Write(uintptr_t fd, const char *buf, uint32_t len, uint32_t timeout_ms);
int32_t __wrap_HAL_TCP_Write(uintptr_t fd, const char *buf, uint32_t len, uint32_t timeout_ms);

uintptr_t __wrap_HAL_TCP_Establish(const char *host, uint16_t port)
{
    CHECK_CASE("mutexes held during HAL_TCP_Establish", hal_held(), 0);
    return __real_HAL_TCP_Establish(host, port);
}

int32_t __wrap_HAL_TCP_Read(uintptr_t fd, char *buf, uint32_t len, uint32_t timeout_ms)
{
    CHECK_CASE("mutexes held during HAL_TCP_Read", hal_held(), 0);
    return __real_HAL_TCP_Read(fd, buf, len, timeout_ms);
}

int32_t __wrap_HAL_TCP_Write(uintptr_t fd, const char *buf, uint32_t len, uint32_t timeout_ms)
{
    return disturb_write(&len) ? -1 : __real_HAL_TCP_Write(fd, buf, len, timeout_ms);
}

#endif

#ifdef TLS_PORT

uintptr_t __real_HAL_SSL_Establish(const char *host, uint16_t port, const char *ca, size_t ca_len);
uintptr_t __wrap_HAL_SSL_Establish(const char *host, uint16_t port, const char *ca, size_t ca_len);
int32_t __real_HAL_SSL_Read(uintptr_t handle, char *buf, int len, int timeout_ms);
int32_t __wrap_HAL_SSL_Read(uintptr_t handle, char *buf, int len, int timeout_ms);
int32_t __real_HAL_SSL_Write(uintptr_t handle, const char *buf, int len, int timeout_ms);
int32_t __wrap_HAL_SSL_Write(uintptr_t handle, const char *buf, int len, int timeout_ms);

uintptr_t __wrap_HAL_SSL_Establish(const char *host, uint16_t port, const char *ca, size_t ca_len)
{
    CHECK_CASE("mutexes held during HAL_SSL_Establish", hal_held(), 0);
    return __real_HAL_SSL_Establish(host, port, ca, ca_len);
}

/* What mbedTLS calls, as Debian builds it. */
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

void *__wrap_calloc(size_t count, size_t size)
{
    return allocation_fails() ? NULL : __real_calloc(count, size);
}

int32_t __wrap_HAL_SSL_Read(uintptr_t handle, char *buf, int len, int timeout_ms)
{
    CHECK_CASE("mutexes held during HAL_SSL_Read", hal_held(), 0);
    return __real_HAL_SSL_Read(handle, buf, len, timeout_ms);
}

int32_t __wrap_HAL_SSL_Write(uintptr_t handle, const char *buf, int len, int timeout_ms)
{
    uint32_t size = (uint32_t)len;

    return disturb_write(&size) ? -1 : __real_HAL_SSL_Write(handle, buf, (int)size, timeout_ms);
}

#endif
