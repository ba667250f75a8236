/* Three threads publish, with QoS 0 and 1 in turn, a fourth subscribes and unsubscribes, a fifth yields. Every QoS 1
 * message is acknowledged; the test counts all messages at the server. Payloads: "thread message". */
#include "support/check.h"
#include "support/device.h"

#include <pthread.h>
#include <stdio.h>

#define PUBLISHERS 3
#define MESSAGES 200 /* of each */
#define ROUNDS 40    /* of the subscriber */

static struct device device;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int stopping;

static int is_stopping(void)
{
    int now;

    pthread_mutex_lock(&lock);
    now = stopping;
    pthread_mutex_unlock(&lock);
    return now;
}

static void ignore(void *context, void *client, iotx_mqtt_event_msg_pt event)
{
    (void)context;
    (void)client;
    (void)event;
}

static void *yield(void *unused)
{
    while (!is_stopping()) {
        CHECK_INT(IOT_MQTT_Yield(device.client, 50), 0);
    }
    return unused;
}

static void *publish(void *number)
{
    char topic[TOPIC_SIZE], payload[32];
    int i, result;

    device_topic(topic, "/%s/%s/update");
    for (i = 0; i < MESSAGES; i++) {
        snprintf(payload, sizeof(payload), "%d %d", *(int *)number, i);
        while ((result = device_publish(&device, topic, i % 2, payload)) == MQTT_PUSH_TO_LIST_ERROR) {
            pause_ms(5);
        }
        CHECK(i % 2 == 0 ? result == 0 : result > 0);
    }
    return NULL;
}

static void *subscribe(void *unused)
{
    char filter[TOPIC_SIZE];
    int i;

    device_topic(filter, "/%s/%s/get");
    for (i = 0; i < ROUNDS; i++) {
        CHECK(IOT_MQTT_Subscribe(device.client, filter, IOTX_MQTT_QOS1, ignore, NULL) > 0);
        pause_ms(5);
        CHECK(IOT_MQTT_Unsubscribe(device.client, filter) > 0);
        pause_ms(5);
    }
    return unused;
}

int main(void)
{
    pthread_t yielding, subscribing, publishing[PUBLISHERS];
    int numbers[PUBLISHERS], i;
    long end;

    device_prepare(&device, 1);
    device_connect(&device);
    pthread_create(&yielding, NULL, yield, NULL);
    pthread_create(&subscribing, NULL, subscribe, NULL);
    for (i = 0; i < PUBLISHERS; i++) {
        numbers[i] = i;
        pthread_create(&publishing[i], NULL, publish, &numbers[i]);
    }
    for (i = 0; i < PUBLISHERS; i++) {
        pthread_join(publishing[i], NULL);
    }
    pthread_join(subscribing, NULL);

    end = now_ms() + patience();
    while (now_ms() < end
           && (device_seen(&device, IOTX_MQTT_EVENT_PUBLISH_SUCCESS, -1) < PUBLISHERS * MESSAGES / 2
               || device_seen(&device, IOTX_MQTT_EVENT_UNSUBCRIBE_SUCCESS, -1) < ROUNDS)) {
        pause_ms(20);
    }
    pthread_mutex_lock(&lock);
    stopping = 1;
    pthread_mutex_unlock(&lock);
    pthread_join(yielding, NULL);

    CHECK_INT(device_seen(&device, IOTX_MQTT_EVENT_PUBLISH_SUCCESS, -1), PUBLISHERS * MESSAGES / 2);
    CHECK_INT(device_seen(&device, IOTX_MQTT_EVENT_SUBCRIBE_SUCCESS, -1), ROUNDS);
    CHECK_INT(device_seen(&device, IOTX_MQTT_EVENT_UNSUBCRIBE_SUCCESS, -1), ROUNDS);
    CHECK_INT(device_seen(&device, IOTX_MQTT_EVENT_DISCONNECT, -1), 0);
    device_destroy(&device);
    return check_end();
}
