/* mqtt_multi_thread: one client used by five threads. One yields, two publish with QoS 1, two subscribe and
 * unsubscribe. Exit status: 0 everything was acknowledged, 1 not. */
#include "sample_common.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>

#define MESSAGES 10 /* of each publishing thread */
#define ROUNDS 5    /* of each subscribing thread */

static void *client;

/* Told by the yielding thread, read by the others. */
static struct {
    pthread_mutex_t lock;
    int published, subscribed, unsubscribed;
    int stop;
} seen = { PTHREAD_MUTEX_INITIALIZER, 0, 0, 0, 0 };

static void count(int *counter)
{
    pthread_mutex_lock(&seen.lock);
    ++*counter;
    pthread_mutex_unlock(&seen.lock);
}

static int current(const int *counter)
{
    int value;

    pthread_mutex_lock(&seen.lock);
    value = *counter;
    pthread_mutex_unlock(&seen.lock);
    return value;
}

static void pause_ms(long ms)
{
    struct timespec time = { ms / 1000, ms % 1000 * 1000000 };

    nanosleep(&time, NULL);
}

static void on_event(void *context, void *handle, iotx_mqtt_event_msg_pt event)
{
    (void)context;
    (void)handle;
    if (event->event_type == IOTX_MQTT_EVENT_PUBLISH_SUCCESS) {
        count(&seen.published);
    } else if (event->event_type == IOTX_MQTT_EVENT_SUBCRIBE_SUCCESS) {
        count(&seen.subscribed);
    } else if (event->event_type == IOTX_MQTT_EVENT_UNSUBCRIBE_SUCCESS) {
        count(&seen.unsubscribed);
    }
}

static void on_message(void *context, void *handle, iotx_mqtt_event_msg_pt event)
{
    (void)context;
    (void)handle;
    (void)event;
}

static void *yield(void *unused)
{
    (void)unused;
    while (!current(&seen.stop)) {
        IOT_MQTT_Yield(client, 200);
    }
    return NULL;
}

static void *publish(void *name)
{
    char topic[SAMPLE_TOPIC_SIZE], payload[64];
    int i;

    sample_topic(topic, "/%s/%s/update");
    for (i = 0; i < MESSAGES; i++) {
        snprintf(payload, sizeof(payload), "{\"thread\":\"%s\",\"message\":%d}", (char *)name, i);
        while (sample_publish(client, topic, payload) == MQTT_PUSH_TO_LIST_ERROR) {
            pause_ms(20); /* 20 messages wait for their acknowledgement: that is all the library keeps */
        }
    }
    return NULL;
}

static void *subscribe(void *filter)
{
    int i;

    for (i = 0; i < ROUNDS; i++) {
        IOT_MQTT_Subscribe(client, filter, IOTX_MQTT_QOS1, on_message, NULL);
        pause_ms(50);
        IOT_MQTT_Unsubscribe(client, filter);
        pause_ms(50);
    }
    return NULL;
}

/* Waits until all is acknowledged, at most ten seconds. */
static int all_acknowledged(void)
{
    int i;

    for (i = 0; i < 100; i++) {
        if (current(&seen.published) == 2 * MESSAGES && current(&seen.subscribed) == 2 * ROUNDS
            && current(&seen.unsubscribed) == 2 * ROUNDS) {
            return 1;
        }
        pause_ms(100);
    }
    return 0;
}

int main(void)
{
    static char red[] = "red", blue[] = "blue";
    static char get[SAMPLE_TOPIC_SIZE], data[SAMPLE_TOPIC_SIZE];
    static const struct {
        void *(*run)(void *);
        char *argument;
    } jobs[] = { { publish, red }, { publish, blue }, { subscribe, get }, { subscribe, data } };
    enum { JOBS = sizeof(jobs) / sizeof(jobs[0]) };
    pthread_t yielding, working[JOBS];
    int ok = 0, i;

    client = sample_connect(on_event, NULL);
    if (client != NULL) {
        sample_topic(get, "/%s/%s/get");
        sample_topic(data, "/%s/%s/data");
        pthread_create(&yielding, NULL, yield, NULL);
        for (i = 0; i < JOBS; i++) {
            pthread_create(&working[i], NULL, jobs[i].run, jobs[i].argument);
        }
        for (i = 0; i < JOBS; i++) {
            pthread_join(working[i], NULL);
        }
        ok = all_acknowledged();
        count(&seen.stop);
        pthread_join(yielding, NULL);
        IOT_MQTT_Destroy(&client);
    }
    printf("threads: %d messages, %d subscriptions, %d unsubscriptions acknowledged\n", seen.published,
           seen.subscribed, seen.unsubscribed);
    return ok ? 0 : 1;
}
