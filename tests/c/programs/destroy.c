/* Destroy at every moment: while other threads are inside the library, inside a handler, while the connection is lost,
 * with requests and messages unanswered. It always returns 0 in time, later calls say -2, and nothing is left. */
#include "support/check.h"
#include "support/device.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define LONGEST 1500 /* ms: the request timeout and a second */

static struct device device;
static void *stale; /* the handle as the threads know it, which Destroy does not clear */
static char topic[TOPIC_SIZE];

static void ignore(void *context, void *client, iotx_mqtt_event_msg_pt event)
{
    (void)context;
    (void)client;
    (void)event;
}

static void destroy_in_time(void)
{
    long start = now_ms(), took;
    char what[60];

    device_destroy(&device);
    took = now_ms() - start;
    snprintf(what, sizeof(what), "Destroy took %ld ms", took);
    CHECK_CASE(what, took <= LONGEST + patience() / 5, 1);
}

/* After Destroy the buffers are the caller's again: nobody writes to them. */
static void check_buffers_are_left_alone(void)
{
    static char clean[BUFFER_SIZE];

    memset(device.write_buffer, 0x77, BUFFER_SIZE);
    memset(device.read_buffer, 0x77, BUFFER_SIZE);
    memset(clean, 0x77, BUFFER_SIZE);
    pause_ms(300);
    CHECK(memcmp(device.write_buffer, clean, BUFFER_SIZE) == 0);
    CHECK(memcmp(device.read_buffer, clean, BUFFER_SIZE) == 0);
}

static void *yield(void *unused)
{
    int result;

    do {
        result = IOT_MQTT_Yield(stale, 10000);
    } while (result == 0);
    CHECK_INT(result, NULL_VALUE_ERROR);
    return unused;
}

static void *publish(void *unused)
{
    iotx_mqtt_topic_info_t message;
    int result;

    memset(&message, 0, sizeof(message));
    message.qos = IOTX_MQTT_QOS1;
    message.payload = "x";
    message.payload_len = 1;
    do {
        result = IOT_MQTT_Publish(stale, topic, &message);
        if (result == MQTT_PUSH_TO_LIST_ERROR) {
            pause_ms(2);
        }
    } while (result > 0 || result == MQTT_PUSH_TO_LIST_ERROR);
    if (result == MQTT_STATE_ERROR || result == MQTT_NETWORK_ERROR) {
        result = IOT_MQTT_Publish(stale, topic, &message); /* that was the call which Destroy met inside */
    }
    CHECK_INT(result, NULL_VALUE_ERROR);
    return unused;
}

static void beside_threads(void)
{
    pthread_t yielding[2], publishing[2];
    int i;

    stale = device_connect(&device);
    for (i = 0; i < 2; i++) {
        pthread_create(&yielding[i], NULL, yield, NULL);
        pthread_create(&publishing[i], NULL, publish, NULL);
    }
    pause_ms(200);
    destroy_in_time();
    check_buffers_are_left_alone();
    for (i = 0; i < 2; i++) {
        pthread_join(yielding[i], NULL);
        pthread_join(publishing[i], NULL);
    }
}

static int destroyed_inside;

static void destroy_on_acknowledgement(struct device *about, iotx_mqtt_event_msg_pt event)
{
    if (event->event_type == IOTX_MQTT_EVENT_PUBLISH_SUCCESS && about->client != NULL) {
        void *copy = about->client;

        destroy_in_time();
        destroyed_inside++;
        CHECK_INT(IOT_MQTT_Yield(copy, 10), NULL_VALUE_ERROR);
        CHECK_INT(IOT_MQTT_CheckStateNormal(copy), NULL_VALUE_ERROR);
    }
}

static void destroy_on_message(void *context, void *client, iotx_mqtt_event_msg_pt event)
{
    iotx_mqtt_topic_info_pt message = event->msg;
    int before = destroyed_inside;

    (void)context;
    (void)client;
    if (device.client != NULL) {
        destroy_in_time();
        destroyed_inside++;
    }
    CHECK_INT(destroyed_inside, before + 1); /* called once: no message after that */
    CHECK(message->payload_len == strlen("a message") && memcmp(message->payload, "a message", message->payload_len) == 0);
}

static void inside_handlers(void)
{
    char filter[TOPIC_SIZE];
    long start;

    device.hook = destroy_on_acknowledgement;
    stale = device_connect(&device);
    CHECK(device_publish(&device, topic, 1, "x") > 0);
    start = now_ms();
    CHECK_INT(IOT_MQTT_Yield(stale, patience()), 0);
    CHECK(now_ms() - start < patience() / 2); /* ends soon after the handler */
    CHECK_INT(destroyed_inside, 1);
    check_buffers_are_left_alone();

    device.hook = NULL;
    stale = device_connect(&device);
    device_subscribe(&device, device_topic(filter, "/%s/%s/get"), 1, destroy_on_message, NULL);
    check_step("messages"); /* "a message" on .../get, several */
    IOT_MQTT_Yield(stale, patience());
    CHECK_INT(destroyed_inside, 2);
}

static void with_loose_ends(void)
{
    char filter[TOPIC_SIZE];

    check_step("silent"); /* no acknowledgements from now on */
    device_connect(&device);
    CHECK(device_publish(&device, topic, 1, "never acknowledged") > 0);
    CHECK(IOT_MQTT_Subscribe(device.client, device_topic(filter, "/%s/%s/get"), IOTX_MQTT_QOS1, ignore, NULL) > 0);
    CHECK(IOT_MQTT_Unsubscribe(device.client, filter) > 0);
    IOT_MQTT_Yield(device.client, 50);
    destroy_in_time();
    check_step("normal");
}

static void while_disconnected(void)
{
    device_connect(&device);
    check_step("leave"); /* the server is gone from now on */
    device_await(&device, IOTX_MQTT_EVENT_DISCONNECT, -1);
    CHECK_INT(IOT_MQTT_CheckStateNormal(device.client), 0);
    destroy_in_time(); /* waiting to connect again */
}

int main(void)
{
    device_prepare(&device, 1);
    device_topic(topic, "/%s/%s/update");
    beside_threads();
    inside_handlers();
    with_loose_ends();
    while_disconnected();
    return check_end();
}
