/* A light on a Cortex-M4 without an operating system: what the platform sets, it obeys and reports. It says on its console
 * what happens, for the test that plays the modem and the platform; {"End":1} ends it. */
#include "heap.h"
#include "machine.h"

#include "iot_export.h"
#include "iot_import.h"
#include "lite-utils.h"

#include <stdio.h>
#include <string.h>

#define SYS "/sys/" PRODUCT_KEY "/" DEVICE_NAME "/thing/"
#define SET SYS "service/property/set"
#define POST SYS "event/property/post"

static void *client;
static int posted, acknowledged, subscribed, sets, ended;
static char read_buffer[1024], write_buffer[1024];

static int publish(const char *topic, const char *text)
{
    iotx_mqtt_topic_info_t message;

    memset(&message, 0, sizeof(message));
    message.qos = IOTX_MQTT_QOS1;
    message.payload = text;
    message.payload_len = (uint16_t)strlen(text);
    return IOT_MQTT_Publish(client, topic, &message);
}

static void report(const char *power)
{
    char text[128];

    snprintf(text, sizeof(text),
             "{\"id\":\"%d\",\"version\":\"1.0\",\"params\":{\"Power\":%s},\"method\":\"thing.event.property.post\"}", ++posted,
             power);
    if (publish(POST, text) <= 0) {
        HAL_Printf("firmware: not reported\n");
    }
}

static void on_set(void *context, void *handle, iotx_mqtt_event_msg_pt event)
{
    iotx_mqtt_topic_info_pt message = event->msg;
    char text[256], answer[64];
    char *id, *power, *end;

    (void)context;
    (void)handle;
    if (event->event_type != IOTX_MQTT_EVENT_PUBLISH_RECVEIVED || message->payload_len >= sizeof(text)) {
        return;
    }
    memcpy(text, message->payload, message->payload_len);
    text[message->payload_len] = '\0';
    id = LITE_json_value_of("id", text);
    power = LITE_json_value_of("params.Power", text);
    end = LITE_json_value_of("params.End", text);
    if (id != NULL) {
        snprintf(answer, sizeof(answer), "{\"id\":\"%s\",\"code\":200,\"data\":{}}", id);
        if (publish(SET "_reply", answer) <= 0) {
            HAL_Printf("firmware: not answered\n");
        }
    }
    if (power != NULL) {
        sets++;
        report(power);
        HAL_Printf("firmware: power %s\n", power);
    }
    ended |= end != NULL;
    LITE_free(id);
    LITE_free(power);
    LITE_free(end);
}

static void on_event(void *context, void *handle, iotx_mqtt_event_msg_pt event)
{
    (void)context;
    (void)handle;
    switch (event->event_type) {
    case IOTX_MQTT_EVENT_SUBCRIBE_SUCCESS:
        subscribed = 1;
        break;
    case IOTX_MQTT_EVENT_PUBLISH_SUCCESS:
        acknowledged++;
        break;
    case IOTX_MQTT_EVENT_DISCONNECT:
        HAL_Printf("firmware: disconnected\n");
        break;
    case IOTX_MQTT_EVENT_RECONNECT:
        HAL_Printf("firmware: reconnected\n");
        break;
    default:
        break;
    }
}

static int connect_light(void)
{
    iotx_conn_info_pt info;
    iotx_mqtt_param_t params;

    if (IOT_SetupConnInfo(PRODUCT_KEY, DEVICE_NAME, DEVICE_SECRET, (void **)&info) != 0) {
        return -1;
    }
    memset(&params, 0, sizeof(params));
    params.host = info->host_name;
    params.port = info->port;
    params.client_id = info->client_id;
    params.username = info->username;
    params.password = info->password;
    params.pub_key = info->pub_key;
    params.request_timeout_ms = 2000;
    params.keepalive_interval_ms = 60000;
    params.pread_buf = read_buffer;
    params.read_buf_size = sizeof(read_buffer);
    params.pwrite_buf = write_buffer;
    params.write_buf_size = sizeof(write_buffer);
    params.handle_event.h_fp = on_event;
    client = IOT_MQTT_Construct(&params);
    return client != NULL ? 0 : -1;
}

int main(void)
{
    struct heap_state heap;

    IOT_OpenLog("light");
    IOT_SetLogLevel(IOT_LOG_WARNING);
    if (connect_light() != 0) {
        HAL_Printf("firmware: not connected\n");
        return 1;
    }
    heap = heap_look();
    HAL_Printf("heap: connected %u bytes in %u blocks\n", (unsigned)heap.bytes, (unsigned)heap.blocks);
    if (IOT_MQTT_Subscribe(client, SET, IOTX_MQTT_QOS1, on_set, NULL) <= 0) {
        return 1;
    }
    while (!subscribed) {
        IOT_MQTT_Yield(client, 50);
    }
    report("0");
    while (acknowledged == 0) {
        IOT_MQTT_Yield(client, 50);
    }
    heap = heap_look();
    HAL_Printf("heap: subscribed %u bytes in %u blocks\n", (unsigned)heap.bytes, (unsigned)heap.blocks);
    HAL_Printf("firmware: ready\n");
    while (!ended) {
        IOT_MQTT_Yield(client, 200);
    }
    while (acknowledged < posted + sets + 1) {
        IOT_MQTT_Yield(client, 50); /* the answers count, too */
    }
    IOT_MQTT_Destroy(&client);
    heap = heap_look();
    HAL_Printf("heap: left %u bytes in %u blocks, most %u bytes\n", (unsigned)heap.bytes, (unsigned)heap.blocks,
               (unsigned)heap.most);
    HAL_Printf("stack: most %u bytes\n", (unsigned)machine_stack_most());
    return 0;
}
