#include "device.h"
#include "check.h"
#include "hal.h"

#include "iot_import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *environment(const char *name)
{
    const char *value = getenv(name);

    if (value == NULL) {
        printf("FAILED %s is not set\n", name);
        exit(1);
    }
    return value;
}

int patience(void)
{
    const char *value = getenv("TEST_PATIENCE_MS");

    return value != NULL ? atoi(value) : 10000;
}

static void remember(void *context, void *client, iotx_mqtt_event_msg_pt event)
{
    struct device *device = context;
    int type = (int)event->event_type;

    CHECK_CASE("mutexes held during an event", hal_held(), 0);
    CHECK(client != NULL);
    CHECK(type > 0 && type < EVENT_TYPES);
    pthread_mutex_lock(&device->lock);
    device->count[type]++;
    if (device->kept < EVENTS_KEPT) {
        device->events[device->kept].type = type;
        device->events[device->kept].id =
            type == IOTX_MQTT_EVENT_PUBLISH_RECVEIVED || type == IOTX_MQTT_EVENT_BUFFER_OVERFLOW
                ? 0
                : (int)(uintptr_t)event->msg;
        device->kept++;
    }
    pthread_mutex_unlock(&device->lock);
    if (device->hook != NULL) {
        device->hook(device, event);
    }
}

void device_prepare(struct device *device, int number)
{
    const char *name = environment(number == 2 ? "DEVICE_NAME_2" : "DEVICE_NAME");
    const char *secret = environment(number == 2 ? "DEVICE_SECRET_2" : "DEVICE_SECRET");
    void *info = NULL;
    iotx_conn_info_pt where;

    IOT_OpenLog("test");
    IOT_SetLogLevel(IOT_LOG_DEBUG);

    memset(device, 0, sizeof(*device));
    pthread_mutex_init(&device->lock, NULL);
    if (IOT_SetupConnInfo(environment("PRODUCT_KEY"), name, secret, &info) != 0) {
        printf("FAILED IOT_SetupConnInfo\n");
        exit(1);
    }
    where = info;
    strcpy(device->host, where->host_name);
    strcpy(device->client_id, where->client_id);
    strcpy(device->username, where->username);
    strcpy(device->password, where->password);

    device->how.port = where->port;
    device->how.host = device->host;
    device->how.client_id = device->client_id;
    device->how.username = device->username;
    device->how.password = device->password;
    device->how.pub_key = where->pub_key;
    device->how.clean_session = 1;
    device->how.request_timeout_ms = 500;
    device->how.keepalive_interval_ms = 60000;
    device->how.pwrite_buf = device->write_buffer;
    device->how.write_buf_size = sizeof(device->write_buffer);
    device->how.pread_buf = device->read_buffer;
    device->how.read_buf_size = sizeof(device->read_buffer);
    device->how.handle_event.h_fp = remember;
    device->how.handle_event.pcontext = device;
}

void *device_connect(struct device *device)
{
    memset(device->count, 0, sizeof(device->count)); /* packet ids begin again */
    device->kept = 0;
    device->client = IOT_MQTT_Construct(&device->how);
    CHECK(device->client != NULL);
    return device->client;
}

void device_destroy(struct device *device)
{
    CHECK_INT(IOT_MQTT_Destroy(&device->client), 0);
    CHECK(device->client == NULL);
}

const char *device_topic(char topic[TOPIC_SIZE], const char *format)
{
    snprintf(topic, TOPIC_SIZE, format, environment("PRODUCT_KEY"), environment("DEVICE_NAME"));
    return topic;
}

int device_publish(struct device *device, const char *topic, int qos, const char *payload)
{
    iotx_mqtt_topic_info_t message;

    memset(&message, 0, sizeof(message));
    message.qos = (uint8_t)qos;
    message.payload = payload;
    message.payload_len = (uint16_t)strlen(payload);
    return IOT_MQTT_Publish(device->client, topic, &message);
}

int device_seen(struct device *device, int type, int id)
{
    int seen = 0, i;

    pthread_mutex_lock(&device->lock);
    if (id < 0) {
        seen = device->count[type];
    }
    for (i = 0; id >= 0 && i < device->kept; i++) {
        seen += device->events[i].type == type && device->events[i].id == id;
    }
    pthread_mutex_unlock(&device->lock);
    return seen;
}

void device_await(struct device *device, int type, int id)
{
    long end = now_ms() + patience();
    char what[80];

    while (device_seen(device, type, id) == 0 && now_ms() < end) {
        IOT_MQTT_Yield(device->client, 20);
    }
    snprintf(what, sizeof(what), "event %d with id %d came", type, id);
    CHECK_CASE(what, device_seen(device, type, id) > 0, 1);
}

void device_subscribe(struct device *device, const char *filter, int qos, iotx_mqtt_event_handle_func_fpt handler,
                      void *context)
{
    int id = IOT_MQTT_Subscribe(device->client, filter, (iotx_mqtt_qos_t)qos, handler, context);

    CHECK(id > 0);
    if (id > 0) {
        device_await(device, IOTX_MQTT_EVENT_SUBCRIBE_SUCCESS, id);
    }
}

long now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000L + now.tv_nsec / 1000000L;
}

void pause_ms(long ms)
{
    struct timespec time = { ms / 1000, ms % 1000 * 1000000 };

    nanosleep(&time, NULL);
}
