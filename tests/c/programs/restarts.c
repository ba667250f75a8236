/* The server goes away and comes back, again and again, while three threads publish with QoS 1 and a fourth yields: what
 * was accepted is acknowledged, and memory does not grow.
 *
 * From step "fill" to "empty" the server acknowledges nothing, so that as much waits as ever can; the test restarts it at
 * "warm up" and "restart". Messages are sent all the while. A message is "thread number"; it is tried until it is
 * accepted. In the end "accepted THREAD COUNT" tells what the server must have, and "memory BEFORE AFTER" what was in use
 * after "warm up" and after "restart". */
#include "support/check.h"
#include "support/device.h"
#include "support/hal.h"

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define PUBLISHERS 3
#define PACE_MS 5

static struct device device;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static enum { RUNNING, PAUSED, STOPPED } wanted;
static int accepted[PUBLISHERS];
static int full; /* a message was not taken since too many wait */

static int is_wanted(int what)
{
    int is;

    pthread_mutex_lock(&lock);
    is = (int)wanted == what;
    pthread_mutex_unlock(&lock);
    return is;
}

static void want(int what)
{
    pthread_mutex_lock(&lock);
    wanted = what;
    pthread_mutex_unlock(&lock);
}

static int accepted_in_all(void)
{
    int sum = 0, i;

    pthread_mutex_lock(&lock);
    for (i = 0; i < PUBLISHERS; i++) {
        sum += accepted[i];
    }
    pthread_mutex_unlock(&lock);
    return sum;
}

static void *yield(void *unused)
{
    while (!is_wanted(STOPPED)) {
        CHECK_INT(IOT_MQTT_Yield(device.client, 50), 0);
    }
    return unused;
}

static void *publish(void *argument)
{
    int number = (int)((int *)argument - accepted);
    char topic[TOPIC_SIZE], payload[32];

    device_topic(topic, "/%s/%s/update");
    while (!is_wanted(STOPPED)) {
        if (is_wanted(RUNNING)) {
            int result;

            snprintf(payload, sizeof(payload), "%d %06d", number, accepted[number]);
            result = device_publish(&device, topic, 1, payload);
            CHECK(result != 0);
            pthread_mutex_lock(&lock);
            accepted[number] += result > 0;
            full |= result == MQTT_PUSH_TO_LIST_ERROR;
            pthread_mutex_unlock(&lock);
        }
        pause_ms(PACE_MS);
    }
    return NULL;
}

/* What is in use: of HAL_Malloc, or of everything where TLS takes its memory elsewhere. */
static long memory(void)
{
#if defined(PLAIN_TCP) || defined(TLS_PORT)
    return (long)hal_bytes();
#else
    return (long)mallinfo2().uordblks;
#endif
}

/* Sends nothing until everything is acknowledged; says what memory is in use then. */
static long rest(void)
{
    long end = now_ms() + patience();
    long used;

    want(PAUSED);
    pause_ms(2 * PACE_MS + 20); /* what was about to be sent is */
    while (now_ms() < end && device_seen(&device, IOTX_MQTT_EVENT_PUBLISH_SUCCESS, -1) < accepted_in_all()) {
        pause_ms(20);
    }
    CHECK_INT(device_seen(&device, IOTX_MQTT_EVENT_PUBLISH_SUCCESS, -1), accepted_in_all());
    CHECK_INT(IOT_MQTT_CheckStateNormal(device.client), 1);
    used = memory();
    want(RUNNING);
    return used;
}

static int is_full(void)
{
    int is;

    pthread_mutex_lock(&lock);
    is = full;
    pthread_mutex_unlock(&lock);
    return is;
}

int main(void)
{
    pthread_t yielding, publishing[PUBLISHERS];
    long end, warm, hot;
    int i;

    device_prepare(&device, 1);
    device_connect(&device);
    pthread_create(&yielding, NULL, yield, NULL);
    for (i = 0; i < PUBLISHERS; i++) {
        pthread_create(&publishing[i], NULL, publish, &accepted[i]);
    }

    check_step("fill");
    end = now_ms() + patience();
    while (!is_full() && now_ms() < end) {
        pause_ms(20);
    }
    CHECK(is_full());
    check_step("empty");
    check_step("warm up");
    warm = rest();
    check_step("restart");
    hot = rest();

    want(STOPPED);
    for (i = 0; i < PUBLISHERS; i++) {
        pthread_join(publishing[i], NULL);
    }
    pthread_join(yielding, NULL);
    printf("memory %ld %ld\n", warm, hot);
    for (i = 0; i < PUBLISHERS; i++) {
        printf("accepted %d %d\n", i, accepted[i]);
    }
    CHECK_INT(device_seen(&device, IOTX_MQTT_EVENT_DISCONNECT, -1),
              device_seen(&device, IOTX_MQTT_EVENT_RECONNECT, -1));
    device_destroy(&device);
    return check_end();
}
