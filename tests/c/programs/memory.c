/* What the library does without memory in calls on a connected client: the documented error, and all goes on. And how
 * many allocations a connection in its steady state makes: none. */
#include "support/check.h"
#include "support/device.h"
#include "support/hal.h"

#include <stdio.h>
#include <string.h>

#define MESSAGES 100

static struct device device;
static char update[TOPIC_SIZE], get[TOPIC_SIZE];
static int messages;

static void on_message(void *context, void *client, iotx_mqtt_event_msg_pt event)
{
    (void)context;
    (void)client;
    (void)event;
    messages++;
}

/* Makes every allocation of each call fail; the calls succeed or say -42. */
static void without_memory(void)
{
    int result, tries;

    for (tries = 0; tries < 4; tries++) {
        hal_fail_allocation(tries);
        result = device_publish(&device, update, 1, "x");
        hal_fail_allocation(-1);
        CHECK(result > 0 || result == MQTT_PUSH_TO_LIST_ERROR);
        hal_fail_allocation(tries);
        result = IOT_MQTT_Subscribe(device.client, get, IOTX_MQTT_QOS1, on_message, NULL);
        hal_fail_allocation(-1);
        CHECK(result > 0 || result == MQTT_PUSH_TO_LIST_ERROR);
        hal_fail_allocation(tries);
        result = IOT_MQTT_Unsubscribe(device.client, get);
        hal_fail_allocation(-1);
        CHECK(result > 0 || result == MQTT_PUSH_TO_LIST_ERROR);
        hal_fail_allocation(tries);
        CHECK_INT(IOT_MQTT_Yield(device.client, 50), 0);
        hal_fail_allocation(-1);
    }
    IOT_MQTT_Yield(device.client, 1500); /* what was accepted is answered or given up */
    CHECK_INT(IOT_MQTT_CheckStateNormal(device.client), 1);
    CHECK_INT(device_seen(&device, IOTX_MQTT_EVENT_DISCONNECT, -1), 0);
}

static void round_trips(void)
{
    int i, id;

    for (i = 0; i < MESSAGES; i++) {
        id = device_publish(&device, update, i % 2, "steady");
        CHECK(id >= 0);
        if (id > 0) {
            device_await(&device, IOTX_MQTT_EVENT_PUBLISH_SUCCESS, id);
        }
    }
}

static void steady(void)
{
    unsigned long before;
    long end = now_ms() + patience();

    messages = 0;
    device_subscribe(&device, get, 1, on_message, NULL);
    round_trips(); /* the first ones may allocate what the others use again */
    before = hal_allocations();
    round_trips();
    check_step("publish"); /* 100 messages to .../get */
    while (messages < MESSAGES && now_ms() < end) {
        IOT_MQTT_Yield(device.client, 20);
    }
    CHECK_INT(messages, MESSAGES);
    CHECK_INT(hal_allocations() - before, 0);
}

int main(void)
{
    device_prepare(&device, 1);
    device_topic(update, "/%s/%s/update");
    device_topic(get, "/%s/%s/get");
    device_connect(&device);
    without_memory();
    steady();
    device_destroy(&device);
    return check_end();
}
