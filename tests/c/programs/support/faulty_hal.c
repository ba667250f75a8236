/* The Linux port, with one thing wrong: what FAULT names in the environment. Stands in front of the port
 * (-Wl,--wrap=HAL_...) for hal_selftest to find it. Each fault is one that ports have had.
 *
 * It has few descriptors, as a board has few sockets. */
#include "iot_import.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define DESCRIPTORS 40
#define BLOCKS 200 /* of the heaps that are small */

static void take_few_descriptors(void)
{
    struct rlimit few = { DESCRIPTORS, DESCRIPTORS };

    setrlimit(RLIMIT_NOFILE, &few);
}

static int fault(const char *name)
{
    const char *chosen = getenv("FAULT");

    return chosen != NULL && strcmp(chosen, name) == 0;
}

static int blocks; /* that are taken */

void *__real_HAL_Malloc(uint32_t size);
void __real_HAL_Free(void *ptr);

void *__wrap_HAL_Malloc(uint32_t size);
void *__wrap_HAL_Malloc(uint32_t size)
{
    static uint64_t block[1024];
    static int full;

    if (fault("malloc-aligns-to-4")) {
        char *unaligned = size < UINT32_MAX / 2 ? __real_HAL_Malloc(size + 4) : NULL;

        return unaligned == NULL ? NULL : unaligned + 4;
    }
    if (fault("malloc-returns-one-block")) {
        return size <= sizeof(block) ? block : NULL;
    }
    full = full || blocks == BLOCKS;
    if ((fault("free-does-nothing") && blocks == BLOCKS) || (fault("heap-is-small") && blocks == BLOCKS)
        || (fault("heap-stays-full") && full)) {
        return NULL;
    }
    blocks++;
    return __real_HAL_Malloc(size);
}

void __wrap_HAL_Free(void *ptr);
void __wrap_HAL_Free(void *ptr)
{
    if (fault("malloc-aligns-to-4")) {
        __real_HAL_Free((char *)ptr - 4);
    } else if (!fault("malloc-returns-one-block")) {
        blocks -= fault("free-does-nothing") ? 0 : 1;
        __real_HAL_Free(ptr);
    }
}

uint64_t __real_HAL_UptimeMs(void);

uint64_t __wrap_HAL_UptimeMs(void);
uint64_t __wrap_HAL_UptimeMs(void)
{
    static uint64_t start;
    static unsigned calls;
    uint64_t ms = __real_HAL_UptimeMs();

    start = start == 0 ? ms : start;
    if (fault("uptime-goes-back")) {
        return ++calls % 100 == 0 ? ms - 1000 : ms;
    }
    if (fault("uptime-counts-ticks")) {
        return ms / 10;
    }
    if (fault("uptime-wraps-with-its-ticks")) { /* of 10 ms, 32 bits; the product is about to wrap */
        uint32_t ticks = UINT32_MAX / 1000 - 10 + (uint32_t)((ms - start) / 10);

        return ticks * 1000u / 100u;
    }
    if (fault("uptime-is-coarse")) {
        return ms / 100 * 100;
    }
    if (fault("uptime-stands-still")) {
        return 4711;
    }
    return ms;
}

void __real_HAL_SleepMs(uint32_t ms);

void __wrap_HAL_SleepMs(uint32_t ms);
void __wrap_HAL_SleepMs(uint32_t ms)
{
    if (fault("sleep-counts-ticks")) {
        ms = ms / 10;
    }
    if (fault("sleep-cuts-to-ticks")) {
        ms = ms / 20 * 20;
    }
    __real_HAL_SleepMs(ms);
}

void __real_HAL_Srandom(uint32_t seed);
uint32_t __real_HAL_Random(uint32_t region);

void __wrap_HAL_Srandom(uint32_t seed);
void __wrap_HAL_Srandom(uint32_t seed)
{
    __real_HAL_Srandom(fault("srandom-does-nothing") ? 7 : seed);
}

uint32_t __wrap_HAL_Random(uint32_t region);
uint32_t __wrap_HAL_Random(uint32_t region)
{
    if (fault("random-includes-its-region")) {
        return __real_HAL_Random(region + 1);
    }
    if (fault("random-is-constant")) {
        return region > 4 ? 4 : 0;
    }
    if (fault("random-has-15-bits")) {
        return region > 0 ? __real_HAL_Random(32768) % region : 0;
    }
    return __real_HAL_Random(region);
}

void *__real_HAL_MutexCreate(void);

void *__wrap_HAL_MutexCreate(void);
void *__wrap_HAL_MutexCreate(void)
{
    return fault("mutex-is-null") ? NULL : __real_HAL_MutexCreate();
}

int __real_HAL_GetDeviceName(char *name);
int __real_HAL_GetProductKey(char *key);
int __real_HAL_SetDeviceName(char *name);
int __real_HAL_GetFirmwareVesion(char *version);

int __wrap_HAL_GetDeviceName(char *name);
int __wrap_HAL_GetDeviceName(char *name)
{
    char text[DEVICE_NAME_MAXLEN];
    int length = __real_HAL_GetDeviceName(text);

    memcpy(name, text, (size_t)length + (fault("identity-has-no-nul") ? 0 : 1));
    return length;
}

int __wrap_HAL_GetProductKey(char *key);
int __wrap_HAL_GetProductKey(char *key)
{
    return __real_HAL_GetProductKey(key) + (fault("identity-counts-the-nul") ? 1 : 0);
}

int __wrap_HAL_SetDeviceName(char *name);
int __wrap_HAL_SetDeviceName(char *name)
{
    char shorter[DEVICE_NAME_MAXLEN];
    int length = (int)strlen(name);

    if (!fault("identity-cuts-the-longest") || length < DEVICE_NAME_MAXLEN - 1) {
        return __real_HAL_SetDeviceName(name);
    }
    memcpy(shorter, name, (size_t)length);
    shorter[length - 1] = '\0';
    __real_HAL_SetDeviceName(shorter);
    return length;
}

int __wrap_HAL_GetFirmwareVesion(char *version);
int __wrap_HAL_GetFirmwareVesion(char *version)
{
    int length = __real_HAL_GetFirmwareVesion(version);

    if (fault("version-fills-too-much")) {
        memset(version + length, 0, 64);
    }
    return length;
}

uintptr_t __real_HAL_TCP_Establish(const char *host, uint16_t port);
int32_t __real_HAL_TCP_Destroy(uintptr_t fd);
int32_t __real_HAL_TCP_Write(uintptr_t fd, const char *buf, uint32_t len, uint32_t timeout_ms);
int32_t __real_HAL_TCP_Read(uintptr_t fd, char *buf, uint32_t len, uint32_t timeout_ms);

uintptr_t __wrap_HAL_TCP_Establish(const char *host, uint16_t port);
uintptr_t __wrap_HAL_TCP_Establish(const char *host, uint16_t port)
{
    uintptr_t fd;

    take_few_descriptors();
    fd = __real_HAL_TCP_Establish(host, port);
    if (fd == 0 && fault("establish-does-not-look")) {
        return (uintptr_t)open("/dev/null", O_RDWR);
    }
    return fd;
}

int32_t __wrap_HAL_TCP_Destroy(uintptr_t fd);
int32_t __wrap_HAL_TCP_Destroy(uintptr_t fd)
{
    if (fault("destroy-does-nothing")) {
        return 0;
    }
    if (fault("destroy-gives-up") && shutdown((int)fd, SHUT_RDWR) != 0) {
        return -1;
    }
    if (fault("destroy-loses-the-dead") && shutdown((int)fd, SHUT_RDWR) != 0) {
        return 0;
    }
    return __real_HAL_TCP_Destroy(fd);
}

int32_t __wrap_HAL_TCP_Write(uintptr_t fd, const char *buf, uint32_t len, uint32_t timeout_ms);
int32_t __wrap_HAL_TCP_Write(uintptr_t fd, const char *buf, uint32_t len, uint32_t timeout_ms)
{
    int32_t n;

    if (fault("write-sends-half") && len > 500) {
        n = __real_HAL_TCP_Write(fd, buf, len / 2, timeout_ms);
        return n > 0 ? (int32_t)len : n;
    }
    if (fault("write-raises-a-signal")) {
        return (int32_t)write((int)fd, buf, len);
    }
    if (fault("write-ignores-its-timeout")) {
        return __real_HAL_TCP_Write(fd, buf, len, 60000);
    }
    n = __real_HAL_TCP_Write(fd, buf, len, timeout_ms);
    if (n == 0 && fault("write-fails-when-full")) {
        return -1;
    }
    return n < 0 && fault("write-fails-with-0") ? 0 : n;
}

int32_t __wrap_HAL_TCP_Read(uintptr_t fd, char *buf, uint32_t len, uint32_t timeout_ms);
int32_t __wrap_HAL_TCP_Read(uintptr_t fd, char *buf, uint32_t len, uint32_t timeout_ms)
{
    uint32_t got = 0;
    int32_t n;

    if (fault("read-does-not-wait")) {
        return __real_HAL_TCP_Read(fd, buf, len, 0);
    }
    if (fault("read-returns-the-first-piece")) {
        return __real_HAL_TCP_Read(fd, buf, 1, timeout_ms);
    }
    if (fault("read-waits-for-each-byte")) {
        while (got < len && (n = __real_HAL_TCP_Read(fd, buf + got, 1, timeout_ms)) > 0) {
            got++;
        }
        return got > 0 || len == 0 ? (int32_t)got : n;
    }
    n = __real_HAL_TCP_Read(fd, buf, len, timeout_ms);
    if (n < 0 && fault("read-ends-with-0")) {
        return 0;
    }
    if (n > 0 && n < (int32_t)len && fault("read-drops-what-came")) {
        return 0;
    }
    return n == 0 && fault("read-fails-in-silence") ? -1 : n;
}

int __real_HAL_UDP_readTimeout(void *p_socket, unsigned char *p_data, unsigned int datalen, unsigned int timeout_ms);

int __wrap_HAL_UDP_readTimeout(void *p_socket, unsigned char *p_data, unsigned int datalen, unsigned int timeout_ms);
int __wrap_HAL_UDP_readTimeout(void *p_socket, unsigned char *p_data, unsigned int datalen, unsigned int timeout_ms)
{
    int n = __real_HAL_UDP_readTimeout(p_socket, p_data, datalen, timeout_ms);

    return n == -2 && fault("udp-silence-is-0") ? 0 : n;
}

void __real_HAL_UDP_close(void *p_socket);

void __wrap_HAL_UDP_close(void *p_socket);
void __wrap_HAL_UDP_close(void *p_socket)
{
    take_few_descriptors();
    if (!fault("udp-close-does-nothing")) {
        __real_HAL_UDP_close(p_socket);
    }
}
