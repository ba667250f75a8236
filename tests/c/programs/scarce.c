/* A whole session, TLS handshake included, in which one HAL_Malloc fails: the first, then another, until none is left to
 * fail. Each time the calls say what they document, nothing is kept, and all goes well afterwards.
 *
 * Arguments: the first allocation to fail, counted from 0, the step to the next one, and `again` if the session loses its
 * connection and makes another one, which takes a second each time. */
#include "support/check.h"
#include "support/device.h"
#include "support/hal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct device device;
static char update[TOPIC_SIZE], get[TOPIC_SIZE];

static void on_message(void *context, void *client, iotx_mqtt_event_msg_pt event)
{
    (void)context;
    (void)client;
    (void)event;
}

static int is_documented(int result)
{
    return result > 0 || result == MQTT_PUSH_TO_LIST_ERROR || result == MQTT_NETWORK_ERROR ||
           result == MQTT_STATE_ERROR || result == MQTT_SUBSCRIBE_PACKET_ERROR || result == MQTT_PUBLISH_PACKET_ERROR;
}

static void use(int again)
{
    CHECK(is_documented(IOT_MQTT_Subscribe(device.client, get, IOTX_MQTT_QOS1, on_message, NULL)));
    CHECK(is_documented(device_publish(&device, update, 1, "scarce")));
    CHECK_INT(IOT_MQTT_Yield(device.client, 10), 0);
    if (again) {
        hal_fail_writes(1);
        device_publish(&device, update, 0, "lost");
        CHECK_INT(IOT_MQTT_Yield(device.client, 1200), 0);
    }
}

/* Whether there was an allocation left to fail. */
static int session(long failing, int again)
{
    size_t before = hal_bytes();
    unsigned long allocations = hal_allocations();
    long end = now_ms() + patience();
    int reached, id;

    hal_fail_allocation(failing);
    device.client = IOT_MQTT_Construct(&device.how);
    if (device.client != NULL) {
        use(again);
    }
    reached = hal_allocations() - allocations > (unsigned long)failing;
    hal_fail_allocation(-1);
    if (device.client == NULL) {
        CHECK_INT(hal_bytes() - before, 0);
        device_connect(&device);
    }
    while ((id = device_publish(&device, update, 1, "well again")) < 0 && now_ms() < end) {
        IOT_MQTT_Yield(device.client, 100);
    }
    CHECK(id > 0);
    device_await(&device, IOTX_MQTT_EVENT_PUBLISH_SUCCESS, id);
    device_destroy(&device);
    CHECK_INT(hal_bytes() - before, 0);
    return reached;
}

int main(int argc, char **argv)
{
    long failing = argc > 1 ? atol(argv[1]) : 0, step = argc > 2 ? atol(argv[2]) : 1, failed = 0;
    unsigned long allocations;
    int again = argc > 3 && strcmp(argv[3], "again") == 0;

    device_prepare(&device, 1);
    device_topic(update, "/%s/%s/update");
    device_topic(get, "/%s/%s/get");
    session(1L << 30, again); /* what a port keeps for good is there afterwards */
    allocations = hal_allocations();
    session(1L << 30, again);
    allocations = hal_allocations() - allocations;
    for (; session(failing, again); failing += step) {
        failed++;
    }
    printf("%lu allocations a session, %ld of them failed, one at a time\n", allocations, failed);
    return check_end();
}
