/* Messages around the size of the read buffer. The test sends to .../get, at QoS 0 and then at QoS 1: a message that
 * fills the buffer, one byte more, 200,000 bytes, and "small". */
#include "support/check.h"
#include "support/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct device device;
static int full, small;

static void on_message(void *context, void *client, iotx_mqtt_event_msg_pt event)
{
    iotx_mqtt_topic_info_pt message = event->msg;
    char *end = (char *)message->payload + message->payload_len;
    int i, same = 1;

    (void)context;
    (void)client;
    for (i = 0; i < message->payload_len; i++) {
        same &= message->payload[i] == 'f';
    }
    if (message->payload_len == 5 && memcmp(message->payload, "small", 5) == 0) {
        small++;
    } else {
        full++;
        CHECK(same);
        CHECK(message->ptopic >= device.read_buffer && end == device.read_buffer + BUFFER_SIZE);
    }
    if (end < device.read_buffer + BUFFER_SIZE) {
        *end = '\0'; /* as applications do, to print the message */
    }
}

static void on_event(struct device *about, iotx_mqtt_event_msg_pt event)
{
    (void)about;
    if (event->event_type == IOTX_MQTT_EVENT_BUFFER_OVERFLOW) {
        CHECK(event->msg != NULL && strlen(event->msg) > 0); /* a text */
    }
}

int main(void)
{
    char filter[TOPIC_SIZE];
    int round;

    device_prepare(&device, 1);
    device.hook = on_event;
    device_connect(&device);
    device_subscribe(&device, device_topic(filter, "/%s/%s/get"), 1, on_message, NULL);
    for (round = 1; round <= 2; round++) {
        long end = now_ms() + patience();

        check_step(round == 1 ? "QoS 0" : "QoS 1");
        while (small < round && now_ms() < end) {
            IOT_MQTT_Yield(device.client, 50);
        }
        CHECK_INT(full, round);
        CHECK_INT(small, round);
        CHECK_INT(device_seen(&device, IOTX_MQTT_EVENT_BUFFER_OVERFLOW, -1), 2 * round);
    }
    CHECK_INT(device_seen(&device, IOTX_MQTT_EVENT_DISCONNECT, -1), 0);
    CHECK_INT(IOT_MQTT_CheckStateNormal(device.client), 1);
    device_destroy(&device);
    return check_end();
}
