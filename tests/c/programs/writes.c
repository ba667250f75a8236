/* A transport that takes a few bytes at a time, or fails: a message is sent whole or not at all, and a failed write is
 * a lost connection, which comes back. The test counts the messages. */
#include "support/check.h"
#include "support/device.h"
#include "support/hal.h"

#include <stdio.h>
#include <string.h>

#define MESSAGES 20

static struct device device;

int main(void)
{
    char topic[TOPIC_SIZE], payload[400];
    int i, id;

    device_prepare(&device, 1);
    device_topic(topic, "/%s/%s/update");
    hal_limit_write(1);
    device_connect(&device);
    for (i = 0; i < MESSAGES; i++) {
        memset(payload, 'w', sizeof(payload));
        snprintf(payload + sizeof(payload) - 12, 12, "%d", i);
        hal_limit_write((uint32_t)i % 7 + 1);
        id = device_publish(&device, topic, 1, payload);
        CHECK(id > 0);
        device_await(&device, IOTX_MQTT_EVENT_PUBLISH_SUCCESS, id);
    }
    hal_limit_write(0);

    hal_fail_writes(1);
    CHECK_INT(device_publish(&device, topic, 0, "not sent"), MQTT_NETWORK_ERROR);
    CHECK_INT(IOT_MQTT_CheckStateNormal(device.client), 0);
    device_await(&device, IOTX_MQTT_EVENT_RECONNECT, -1);
    CHECK_INT(device_seen(&device, IOTX_MQTT_EVENT_DISCONNECT, -1), 1);
    id = device_publish(&device, topic, 1, "sent");
    CHECK(id > 0);
    device_await(&device, IOTX_MQTT_EVENT_PUBLISH_SUCCESS, id);
    device_destroy(&device);
    return check_end();
}
