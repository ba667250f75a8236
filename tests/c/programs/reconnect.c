/* The connection is lost and comes back: events in order, subscriptions there again, nothing lost that was accepted.
 * Argument: 1 clean session, 0 the server keeps it. The test restarts the server at step "lose", the first time
 * without having acknowledged the message; at step "publish" it sends "hello" to .../get. */
#include "support/check.h"
#include "support/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct device device;
static int messages;

static void on_message(void *context, void *client, iotx_mqtt_event_msg_pt event)
{
    iotx_mqtt_topic_info_pt message = event->msg;

    (void)context;
    (void)client;
    CHECK(message->payload_len == 5 && memcmp(message->payload, "hello", 5) == 0);
    messages++;
}

/* While the connection is away, calls that send say so, and Yield takes its time, not more. */
static void check_lost(const char *topic)
{
    long start = now_ms();

    CHECK_INT(IOT_MQTT_CheckStateNormal(device.client), 0);
    CHECK_INT(device_publish(&device, topic, 0, "x"), MQTT_STATE_ERROR);
    CHECK_INT(device_publish(&device, topic, 1, "x"), MQTT_STATE_ERROR);
    CHECK_INT(IOT_MQTT_Subscribe(device.client, topic, IOTX_MQTT_QOS0, on_message, NULL), MQTT_STATE_ERROR);
    CHECK_INT(IOT_MQTT_Unsubscribe(device.client, topic), MQTT_STATE_ERROR);
    CHECK_INT(IOT_MQTT_Yield(device.client, 100), 0);
    CHECK(now_ms() - start >= 95 && now_ms() - start < patience() / 5);
}

static void check_order(int losses)
{
    int expected = IOTX_MQTT_EVENT_DISCONNECT, seen = 0, i;

    for (i = 0; i < device.kept; i++) {
        if (device.events[i].type == IOTX_MQTT_EVENT_DISCONNECT || device.events[i].type == IOTX_MQTT_EVENT_RECONNECT) {
            CHECK_INT(device.events[i].type, expected);
            CHECK_INT(device.events[i].id, 0); /* msg is NULL */
            expected = IOTX_MQTT_EVENT_DISCONNECT + IOTX_MQTT_EVENT_RECONNECT - expected;
            seen++;
        }
    }
    CHECK_INT(seen, 2 * losses);
}

int main(int argc, char **argv)
{
    char update[TOPIC_SIZE], get[TOPIC_SIZE];
    int losses, id;
    long end;

    device_prepare(&device, 1);
    device.how.clean_session = (uint8_t)(argc > 1 ? atoi(argv[1]) : 1);
    device_topic(update, "/%s/%s/update");
    device_topic(get, "/%s/%s/get");
    device_connect(&device);
    device_subscribe(&device, get, 1, on_message, NULL);
    check_step("deaf"); /* the server does not acknowledge messages */
    id = device_publish(&device, update, 1, "accepted before the loss");
    CHECK(id > 0);

    for (losses = 1; losses <= 2; losses++) {
        check_step("lose");
        end = now_ms() + patience();
        while (device_seen(&device, IOTX_MQTT_EVENT_DISCONNECT, -1) < losses && now_ms() < end) {
            IOT_MQTT_Yield(device.client, 20);
        }
        if (IOT_MQTT_CheckStateNormal(device.client) == 0) {
            check_lost(update);
        }
        while (device_seen(&device, IOTX_MQTT_EVENT_RECONNECT, -1) < losses && now_ms() < end) {
            IOT_MQTT_Yield(device.client, 20);
        }
        CHECK_INT(IOT_MQTT_CheckStateNormal(device.client), 1);
        device_await(&device, IOTX_MQTT_EVENT_PUBLISH_SUCCESS, id);

        check_step("publish");
        while (messages < losses && now_ms() < end) {
            IOT_MQTT_Yield(device.client, 20);
        }
        CHECK_INT(messages, losses);
    }
    check_order(2);
    CHECK_INT(device_seen(&device, IOTX_MQTT_EVENT_PUBLISH_SUCCESS, -1), 1);
    CHECK_INT(device_seen(&device, IOTX_MQTT_EVENT_SUBCRIBE_SUCCESS, -1), 1); /* renewed without another event */
    device_destroy(&device);
    return check_end();
}
