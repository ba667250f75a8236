/* Two devices in one program, each with its own thread: what one gets, the other does not. The test publishes
 * "first N" to .../get of the first and "second N" to that of the second, N from 0, when both are ready. */
#include "support/check.h"
#include "support/device.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGES 50

struct side {
    struct device device;
    const char *name;
    char filter[TOPIC_SIZE], update[TOPIC_SIZE];
    int received;
};

static struct side first, second;

static void on_message(void *context, void *client, iotx_mqtt_event_msg_pt event)
{
    struct side *side = context;
    iotx_mqtt_topic_info_pt message = event->msg;
    char expected[40];

    CHECK(client == side->device.client);
    snprintf(expected, sizeof(expected), "%s %d", side->name, side->received++);
    CHECK(message->payload_len == strlen(expected) && memcmp(message->payload, expected, strlen(expected)) == 0);
    CHECK(device_publish(&side->device, side->update, 1, expected) > 0);
}

static void *run(void *argument)
{
    struct side *side = argument;
    long end = now_ms() + patience();

    while ((side->received < MESSAGES
            || device_seen(&side->device, IOTX_MQTT_EVENT_PUBLISH_SUCCESS, -1) < MESSAGES)
           && now_ms() < end) {
        IOT_MQTT_Yield(side->device.client, 20);
    }
    CHECK_INT(side->received, MESSAGES);
    CHECK_INT(device_seen(&side->device, IOTX_MQTT_EVENT_PUBLISH_SUCCESS, -1), MESSAGES);
    return NULL;
}

static void prepare(struct side *side, int number, const char *name)
{
    const char *device_name = getenv(number == 2 ? "DEVICE_NAME_2" : "DEVICE_NAME");

    device_prepare(&side->device, number);
    side->name = name;
    snprintf(side->filter, sizeof(side->filter), "/%s/%s/get", getenv("PRODUCT_KEY"), device_name);
    snprintf(side->update, sizeof(side->update), "/%s/%s/update", getenv("PRODUCT_KEY"), device_name);
    device_connect(&side->device);
    device_subscribe(&side->device, side->filter, 1, on_message, side);
}

int main(void)
{
    pthread_t one, two;

    prepare(&first, 1, "first");
    prepare(&second, 2, "second");
    check_step("ready");
    pthread_create(&one, NULL, run, &first);
    pthread_create(&two, NULL, run, &second);
    pthread_join(one, NULL);
    pthread_join(two, NULL);
    CHECK(first.device.client != second.device.client);
    device_destroy(&second.device);
    CHECK_INT(IOT_MQTT_CheckStateNormal(first.device.client), 1);
    device_destroy(&first.device);
    return check_end();
}
