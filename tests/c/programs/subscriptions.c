/* Subscriptions of one client: several handlers, several filters, many of them, refused ones, and their end.
 * The test publishes "one" to .../one when asked to, and refuses subscriptions between steps "refuse" and "grant". */
#include "support/check.h"
#include "support/device.h"

#include <stdio.h>
#include <string.h>

#define MANY 60

static struct device device;
static char called[64]; /* a letter for each call of a handler, in order */

static void note(void *letter, void *client, iotx_mqtt_event_msg_pt event)
{
    size_t length = strlen(called);

    (void)client;
    CHECK_INT(event->event_type, IOTX_MQTT_EVENT_PUBLISH_RECVEIVED);
    if (length + 1 < sizeof(called)) {
        called[length] = *(const char *)letter;
        called[length + 1] = '\0';
    }
}

static void note_too(void *letter, void *client, iotx_mqtt_event_msg_pt event)
{
    note(letter, client, event);
}

/* Lets the test publish a message, waits for it, and checks which handlers were called. */
static void expect(const char *letters)
{
    long end = now_ms() + patience();
    int others = device_seen(&device, IOTX_MQTT_EVENT_PUBLISH_RECVEIVED, -1);

    called[0] = '\0';
    check_step("publish");
    while (called[0] == '\0' && device_seen(&device, IOTX_MQTT_EVENT_PUBLISH_RECVEIVED, -1) == others
           && now_ms() < end) {
        IOT_MQTT_Yield(device.client, 20);
    }
    IOT_MQTT_Yield(device.client, 100);
    CHECK_CASE(called, strcmp(called, letters), 0);
    CHECK_CASE("messages without a handler", device_seen(&device, IOTX_MQTT_EVENT_PUBLISH_RECVEIVED, -1) - others,
               letters[0] == '\0');
}

static void unsubscribe(const char *filter)
{
    int id = IOT_MQTT_Unsubscribe(device.client, filter);

    CHECK(id > 0);
    device_await(&device, IOTX_MQTT_EVENT_UNSUBCRIBE_SUCCESS, id);
}

static void several_handlers(const char *one, const char *all)
{
    static char a = 'a', b = 'b', c = 'c', d = 'd';
    char copy[TOPIC_SIZE];

    expect(""); /* no subscription yet: the server sends it all the same */

    strcpy(copy, one);
    device_subscribe(&device, copy, 1, note, &a);
    memset(copy, 'x', sizeof(copy)); /* the library keeps a copy */
    expect("a");
    device_subscribe(&device, one, 1, note, &a); /* identical: one entry */
    expect("a");
    device_subscribe(&device, one, 1, note_too, &b); /* another function */
    device_subscribe(&device, one, 1, note, &c);     /* another context */
    device_subscribe(&device, all, 1, note, &d);     /* another filter that matches */
    expect("abcd");
    unsubscribe(one); /* ends all three */
    expect("d");
    unsubscribe(all);
    unsubscribe(all); /* of what is not subscribed: the server confirms that, too */
    expect("");
}

static void many(void)
{
    char filter[TOPIC_SIZE], suffix[40];
    static char x = 'x';
    int i;

    for (i = 0; i < MANY; i++) {
        snprintf(suffix, sizeof(suffix), "/%%s/%%s/filter/%d", i);
        device_subscribe(&device, device_topic(filter, suffix), 0, note, &x);
    }
    for (i = 0; i < MANY; i++) {
        snprintf(suffix, sizeof(suffix), "/%%s/%%s/filter/%d", i);
        unsubscribe(device_topic(filter, suffix));
    }
}

static void refused(const char *one)
{
    static char a = 'a';
    int id;

    check_step("refuse");
    id = IOT_MQTT_Subscribe(device.client, one, IOTX_MQTT_QOS1, note, &a);
    CHECK(id > 0);
    device_await(&device, IOTX_MQTT_EVENT_SUBCRIBE_NACK, id);
    CHECK_INT(device_seen(&device, IOTX_MQTT_EVENT_SUBCRIBE_SUCCESS, id), 0);
    check_step("grant");
    expect("");
}

static void unanswered(const char *one)
{
    static char a = 'a';
    long start;
    int id;

    check_step("silent");
    start = now_ms();
    id = IOT_MQTT_Subscribe(device.client, one, IOTX_MQTT_QOS1, note, &a);
    device_await(&device, IOTX_MQTT_EVENT_SUBCRIBE_TIMEOUT, id);
    CHECK(now_ms() - start >= 1000 - 20); /* twice the request timeout */
    start = now_ms();
    id = IOT_MQTT_Unsubscribe(device.client, one);
    device_await(&device, IOTX_MQTT_EVENT_UNSUBCRIBE_TIMEOUT, id);
    CHECK(now_ms() - start >= 1000 - 20);
    check_step("grant");
}

int main(void)
{
    char one[TOPIC_SIZE], all[TOPIC_SIZE];

    device_topic(one, "/%s/%s/one");
    device_topic(all, "/%s/%s/+");
    device_prepare(&device, 1);
    device_connect(&device);
    several_handlers(one, all);
    many();
    refused(one);
    unanswered(one);
    device_destroy(&device);
    return check_end();
}
