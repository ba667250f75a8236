/* Messages of every QoS, and packets that are none. Argument: "plain" for a server with all three QoS, which the test
 * makes send "message N" to .../get at QoS N when asked to; "broken" for one that sends what is not MQTT. */
#include "support/check.h"
#include "support/device.h"

#include <stdio.h>
#include <string.h>

static struct device device;
static int messages;

static void on_message(void *context, void *client, iotx_mqtt_event_msg_pt event)
{
    iotx_mqtt_topic_info_pt message = event->msg;
    char expected[20];

    (void)context;
    (void)client;
    snprintf(expected, sizeof(expected), "message %d", message->qos);
    CHECK(message->payload_len == strlen(expected) && memcmp(message->payload, expected, strlen(expected)) == 0);
    CHECK(message->qos == 0 ? message->packet_id == 0 : message->packet_id != 0);
    messages++;
}

static void every_qos(void)
{
    long end = now_ms() + patience();

    check_step("publish");
    while (messages < 3 && now_ms() < end) {
        IOT_MQTT_Yield(device.client, 20);
    }
    IOT_MQTT_Yield(device.client, 500);
    CHECK_INT(messages, 3);
    CHECK_INT(device_seen(&device, IOTX_MQTT_EVENT_DISCONNECT, -1), 0);
}

/* The connection ends at each, and comes back; no handler is called. */
static void malformed(void)
{
    int i;

    for (i = 1; i <= 8; i++) {
        long end = now_ms() + patience();

        check_step("malformed");
        while (device_seen(&device, IOTX_MQTT_EVENT_RECONNECT, -1) < i && now_ms() < end) {
            IOT_MQTT_Yield(device.client, 20);
        }
        CHECK_INT(device_seen(&device, IOTX_MQTT_EVENT_DISCONNECT, -1), i);
        CHECK_INT(device_seen(&device, IOTX_MQTT_EVENT_RECONNECT, -1), i);
    }
    CHECK_INT(messages, 0);
    CHECK_INT(device_seen(&device, IOTX_MQTT_EVENT_PUBLISH_RECVEIVED, -1), 0);
    CHECK_INT(device_seen(&device, IOTX_MQTT_EVENT_PUBLISH_SUCCESS, -1), 0);
}

int main(int argc, char **argv)
{
    char filter[TOPIC_SIZE];

    device_prepare(&device, 1);
    device_connect(&device);
    device_subscribe(&device, device_topic(filter, "/%s/%s/get"), 2, on_message, NULL);
    if (argc > 1 && strcmp(argv[1], "broken") == 0) {
        malformed();
    } else {
        every_qos();
    }
    device_destroy(&device);
    return check_end();
}
