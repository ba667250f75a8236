/* Every call inside every event and inside a topic handler, over mutexes that do not allow locking twice. The test
 * makes the events happen: see the steps. */
#include "support/check.h"
#include "support/device.h"

#include <stdio.h>
#include <string.h>

static struct device device;
static char topic[TOPIC_SIZE], side[TOPIC_SIZE];
static int inside[EVENT_TYPES + 1]; /* calls made inside events of each type; the last: in the topic handler */

static void ignore(void *context, void *client, iotx_mqtt_event_msg_pt event)
{
    (void)context;
    (void)client;
    (void)event;
}

/* All calls but Destroy. While the connection is lost those that send say so. */
static void call_everything(int type)
{
    int lost = type == IOTX_MQTT_EVENT_DISCONNECT;
    char what[60];
    int result;

    if (inside[type]++ > 0) {
        return; /* once: the answers to these calls are events, too */
    }
    snprintf(what, sizeof(what), "inside event %d", type);
    CHECK_CASE(what, IOT_MQTT_CheckStateNormal(device.client), !lost);
    result = device_publish(&device, topic, 0, "from a handler");
    CHECK_CASE(what, result, lost ? MQTT_STATE_ERROR : 0);
    result = device_publish(&device, topic, 1, "from a handler");
    CHECK_CASE(what, lost ? result == MQTT_STATE_ERROR : result > 0, 1);
    result = IOT_MQTT_Subscribe(device.client, side, IOTX_MQTT_QOS1, ignore, NULL);
    CHECK_CASE(what, lost ? result == MQTT_STATE_ERROR : result > 0, 1);
    result = IOT_MQTT_Unsubscribe(device.client, side);
    CHECK_CASE(what, lost ? result == MQTT_STATE_ERROR : result > 0, 1);
    CHECK_CASE(what, IOT_MQTT_Yield(device.client, 20), 0);
}

static void on_event(struct device *about, iotx_mqtt_event_msg_pt event)
{
    (void)about;
    call_everything((int)event->event_type);
}

static void on_message(void *context, void *client, iotx_mqtt_event_msg_pt event)
{
    iotx_mqtt_topic_info_pt message = event->msg;

    (void)context;
    (void)client;
    call_everything(EVENT_TYPES);
    /* The calls, one of them waiting for packets, leave the message as it was. */
    CHECK(message->payload_len == strlen("to a handler")
          && memcmp(message->payload, "to a handler", message->payload_len) == 0);
}

static void await_handler(void)
{
    long end = now_ms() + patience();

    while (inside[EVENT_TYPES] == 0 && now_ms() < end) {
        IOT_MQTT_Yield(device.client, 20);
    }
    CHECK(inside[EVENT_TYPES] > 0);
}

int main(void)
{
    static const int raised[] = {
        IOTX_MQTT_EVENT_DISCONNECT,          IOTX_MQTT_EVENT_RECONNECT,
        IOTX_MQTT_EVENT_SUBCRIBE_SUCCESS,    IOTX_MQTT_EVENT_SUBCRIBE_TIMEOUT,
        IOTX_MQTT_EVENT_SUBCRIBE_NACK,       IOTX_MQTT_EVENT_UNSUBCRIBE_SUCCESS,
        IOTX_MQTT_EVENT_UNSUBCRIBE_TIMEOUT,  IOTX_MQTT_EVENT_PUBLISH_SUCCESS,
        IOTX_MQTT_EVENT_PUBLISH_RECVEIVED,   IOTX_MQTT_EVENT_BUFFER_OVERFLOW,
    };
    char filter[TOPIC_SIZE];
    int id;
    size_t i;

    device_prepare(&device, 1);
    device.hook = on_event;
    device_topic(topic, "/%s/%s/update");
    device_topic(side, "/%s/%s/side");
    device_topic(filter, "/%s/%s/get");
    device_connect(&device);

    device_subscribe(&device, filter, 1, on_message, NULL);
    id = device_publish(&device, topic, 1, "x");
    device_await(&device, IOTX_MQTT_EVENT_PUBLISH_SUCCESS, id);
    check_step("message"); /* "to a handler" on .../get */
    await_handler();
    check_step("stray message"); /* on a topic without a subscription */
    device_await(&device, IOTX_MQTT_EVENT_PUBLISH_RECVEIVED, -1);
    check_step("large message"); /* larger than the read buffer */
    device_await(&device, IOTX_MQTT_EVENT_BUFFER_OVERFLOW, -1);
    id = IOT_MQTT_Unsubscribe(device.client, filter);
    device_await(&device, IOTX_MQTT_EVENT_UNSUBCRIBE_SUCCESS, id);

    check_step("refuse"); /* subscriptions */
    IOT_MQTT_Subscribe(device.client, filter, IOTX_MQTT_QOS1, on_message, NULL);
    device_await(&device, IOTX_MQTT_EVENT_SUBCRIBE_NACK, -1);
    check_step("silent"); /* no SUBACK, no UNSUBACK */
    IOT_MQTT_Subscribe(device.client, filter, IOTX_MQTT_QOS1, on_message, NULL);
    device_await(&device, IOTX_MQTT_EVENT_SUBCRIBE_TIMEOUT, -1);
    IOT_MQTT_Unsubscribe(device.client, filter);
    device_await(&device, IOTX_MQTT_EVENT_UNSUBCRIBE_TIMEOUT, -1);
    check_step("lose"); /* the connection; all is well again afterwards */
    device_await(&device, IOTX_MQTT_EVENT_RECONNECT, -1);

    IOT_MQTT_Yield(device.client, 300);
    for (i = 0; i < sizeof(raised) / sizeof(raised[0]); i++) {
        char what[60];

        snprintf(what, sizeof(what), "event %d was raised", raised[i]);
        CHECK_CASE(what, inside[raised[i]] > 0, 1);
    }
    device_destroy(&device);
    return check_end();
}
