/*
 * HAL_* for the archive, handed on to whoever has loaded it: the simulator, which fills a table of functions.
 *
 * This is C, since HAL_Printf has variable arguments, and since the headers hold the prototypes and the simulator's
 * structures to the interface here.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "exports/iot_export_http.h"
#include "iot_import.h"

#define SAME(type, member, offset) \
    _Static_assert(offsetof(type, member) == (offset), #type "." #member " is elsewhere in tests/sim/src/library.rs")

SAME(iotx_mqtt_param_t, port, 0);
SAME(iotx_mqtt_param_t, pub_key, 40);
SAME(iotx_mqtt_param_t, clean_session, 48);
SAME(iotx_mqtt_param_t, keepalive_interval_ms, 56);
SAME(iotx_mqtt_param_t, pwrite_buf, 64);
SAME(iotx_mqtt_param_t, pread_buf, 80);
SAME(iotx_mqtt_param_t, handle_event, 96);
SAME(iotx_mqtt_topic_info_t, topic_len, 6);
SAME(iotx_mqtt_topic_info_t, ptopic, 16);
SAME(iotx_mqtt_topic_info_t, payload, 24);
SAME(iotx_mqtt_event_msg_t, msg, 8);
_Static_assert(sizeof(iotx_mqtt_param_t) == 112, "iotx_mqtt_param_t is larger in tests/sim/src/library.rs");

/* As `Hal` in tests/sim/src/library.rs. */
struct hal {
    void *(*malloc)(uint32_t size);
    void (*free)(void *block);
    void *(*mutex_create)(void);
    void (*mutex_destroy)(void *mutex);
    void (*mutex_lock)(void *mutex);
    void (*mutex_unlock)(void *mutex);
    uint64_t (*uptime)(void);
    void (*sleep)(uint32_t ms);
    void (*seed)(uint32_t seed);
    uint32_t (*random)(uint32_t region);
    void (*print)(const char *text);
    int (*vendor)(char *id, int module);
    uintptr_t (*establish)(const char *host, uint16_t port, const char *root, size_t root_len);
    int32_t (*destroy)(uintptr_t handle, int tls);
    int32_t (*write)(uintptr_t handle, int tls, const char *buf, uint32_t len, uint32_t timeout_ms);
    int32_t (*read)(uintptr_t handle, int tls, char *buf, uint32_t len, uint32_t timeout_ms);
};

static struct hal hal;

/* Exported by the library beside IOT_*. */
void IOT_sim_bind(const struct hal *table);

void IOT_sim_bind(const struct hal *table)
{
    hal = *table;
}

void *HAL_Malloc(uint32_t size)
{
    return hal.malloc(size);
}

void HAL_Free(void *block)
{
    hal.free(block);
}

void *HAL_MutexCreate(void)
{
    return hal.mutex_create();
}

void HAL_MutexDestroy(void *mutex)
{
    hal.mutex_destroy(mutex);
}

void HAL_MutexLock(void *mutex)
{
    hal.mutex_lock(mutex);
}

void HAL_MutexUnlock(void *mutex)
{
    hal.mutex_unlock(mutex);
}

uint64_t HAL_UptimeMs(void)
{
    return hal.uptime();
}

void HAL_SleepMs(uint32_t ms)
{
    hal.sleep(ms);
}

void HAL_Srandom(uint32_t seed)
{
    hal.seed(seed);
}

uint32_t HAL_Random(uint32_t region)
{
    return hal.random(region);
}

void HAL_Printf(const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    hal.print(text);
}

int HAL_GetPartnerID(char *pid_str)
{
    return hal.vendor(pid_str, 0);
}

int HAL_GetModuleID(char *mid_str)
{
    return hal.vendor(mid_str, 1);
}

uintptr_t HAL_TCP_Establish(const char *host, uint16_t port)
{
    return hal.establish(host, port, NULL, 0);
}

int32_t HAL_TCP_Destroy(uintptr_t fd)
{
    return hal.destroy(fd, 0);
}

int32_t HAL_TCP_Write(uintptr_t fd, const char *buf, uint32_t len, uint32_t timeout_ms)
{
    return hal.write(fd, 0, buf, len, timeout_ms);
}

int32_t HAL_TCP_Read(uintptr_t fd, char *buf, uint32_t len, uint32_t timeout_ms)
{
    return hal.read(fd, 0, buf, len, timeout_ms);
}

uintptr_t HAL_SSL_Establish(const char *host, uint16_t port, const char *ca_crt, size_t ca_crt_len)
{
    return hal.establish(host, port, ca_crt, ca_crt_len);
}

int32_t HAL_SSL_Destroy(uintptr_t handle)
{
    return hal.destroy(handle, 1);
}

int32_t HAL_SSL_Write(uintptr_t handle, const char *buf, int len, int timeout_ms)
{
    return hal.write(handle, 1, buf, (uint32_t)len, (uint32_t)timeout_ms);
}

int32_t HAL_SSL_Read(uintptr_t handle, char *buf, int len, int timeout_ms)
{
    return hal.read(handle, 1, buf, (uint32_t)len, (uint32_t)timeout_ms);
}

/* Calls with structures, for one who has none of C's. */
void *IOT_sim_http_init(void);
int IOT_sim_http_send(void *handle, char *payload, uint32_t len, char *answer, uint32_t room, uint32_t timeout_ms);

void *IOT_sim_http_init(void)
{
    iotx_device_info_t info = { .product_key = "product",
                                .device_name = "device",
                                .device_id = "product.device",
                                .device_secret = "a made-up secret" };
    iotx_http_param_t how = { .device_info = &info, .keep_alive = 1, .timeout_ms = 5000 };

    return IOT_HTTP_Init(&how);
}

int IOT_sim_http_send(void *handle, char *payload, uint32_t len, char *answer, uint32_t room, uint32_t timeout_ms)
{
    char topic[] = "/topic/product/device/update";
    iotx_http_message_param_t message = { .topic_path = topic,
                                          .request_payload = payload,
                                          .request_payload_len = len,
                                          .response_payload = answer,
                                          .response_payload_len = room,
                                          .timeout_ms = timeout_ms };

    return IOT_HTTP_SendMessage(handle, &message);
}
