/* QoS 1 without acknowledgements: 20 messages are kept, the next is refused; they are sent again with the same id and
 * DUP, and each is acknowledged once in the end. The test keeps the server from acknowledging until step "full". */
#include "support/check.h"
#include "support/device.h"

#include <stdio.h>

#define WINDOW 20

static struct device device;
static char topic[TOPIC_SIZE];
static int inside; /* what publishing inside the first acknowledgement returned */

static int publish(int number)
{
    char payload[16];

    snprintf(payload, sizeof(payload), "%d", number);
    return device_publish(&device, topic, 1, payload);
}

/* The place of an acknowledged message is free before the event tells. */
static void on_event(struct device *about, iotx_mqtt_event_msg_pt event)
{
    if (event->event_type == IOTX_MQTT_EVENT_PUBLISH_SUCCESS && about->count[event->event_type] == 1) {
        inside = publish(WINDOW);
    }
}

int main(void)
{
    int id[WINDOW], i;

    device_prepare(&device, 1);
    device_topic(topic, "/%s/%s/update");
    device.hook = on_event;
    device_connect(&device);
    for (i = 0; i < WINDOW; i++) {
        id[i] = publish(i);
        CHECK(id[i] > 0);
    }
    CHECK_INT(publish(WINDOW), MQTT_PUSH_TO_LIST_ERROR);
    CHECK_INT(device_publish(&device, topic, 0, "QoS 0 needs no place"), 0);
    CHECK_INT(IOT_MQTT_Yield(device.client, 300), 0);
    CHECK_INT(device_seen(&device, IOTX_MQTT_EVENT_PUBLISH_SUCCESS, -1), 0);
    check_step("full");
    for (i = 0; i < WINDOW; i++) {
        device_await(&device, IOTX_MQTT_EVENT_PUBLISH_SUCCESS, id[i]);
    }
    CHECK(inside > 0);
    if (inside > 0) {
        device_await(&device, IOTX_MQTT_EVENT_PUBLISH_SUCCESS, inside);
    }
    IOT_MQTT_Yield(device.client, 1500); /* long enough to send again what is thought to be missing */
    for (i = 0; i < WINDOW; i++) {
        CHECK_INT(device_seen(&device, IOTX_MQTT_EVENT_PUBLISH_SUCCESS, id[i]), 1);
    }
    CHECK_INT(device_seen(&device, IOTX_MQTT_EVENT_PUBLISH_SUCCESS, -1), WINDOW + 1);
    device_destroy(&device);
    return check_end();
}
