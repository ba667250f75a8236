/* Which handler gets a message: topic filters by MQTT 3.1.1, section 4.7. The server must let a device publish and
 * subscribe anything, hand it what it publishes itself, and send it a message once, however many filters match. */
#include "support/check.h"
#include "support/device.h"

#include <stdio.h>
#include <string.h>

static struct device device;
static int handled, all, marks;

static void count(void *counter, void *client, iotx_mqtt_event_msg_pt event)
{
    iotx_mqtt_topic_info_pt message = event->msg;

    (void)client;
    CHECK_INT(event->event_type, IOTX_MQTT_EVENT_PUBLISH_RECVEIVED);
    if (message->topic_len == strlen("/mark") && memcmp(message->ptopic, "/mark", message->topic_len) == 0) {
        marks++;
    } else {
        ++*(int *)counter;
    }
}

/* Publishes to `topic`, which arrives by the subscription of everything, and has then to reach the handler of
 * `filter` or not; the mark that follows shows that it has arrived. */
static void check_match(const char *filter, const char *topic, int matches)
{
    long end = now_ms() + patience();
    char what[160];
    int id;

    handled = all = marks = 0;
    device_subscribe(&device, filter, 1, count, &handled);
    CHECK(device_publish(&device, topic, 1, "x") > 0);
    CHECK(device_publish(&device, "/mark", 1, "x") > 0);
    while (marks == 0 && now_ms() < end) {
        IOT_MQTT_Yield(device.client, 10);
    }
    snprintf(what, sizeof(what), "messages on '%s' for '%s'", topic, filter);
    CHECK_CASE(what, handled, matches);
    CHECK_CASE(topic, all, 1);
    id = IOT_MQTT_Unsubscribe(device.client, filter);
    device_await(&device, IOTX_MQTT_EVENT_UNSUBCRIBE_SUCCESS, id);
}

int main(void)
{
    static const struct {
        const char *filter, *topic;
        int matches;
    } cases[] = {
        { "/a", "/a", 1 },         { "/a", "/b", 0 },          { "/a", "/A", 0 },        { "/a", "/a/", 0 },
        { "/a/", "/a", 0 },        { "/a/#", "/a", 1 },        { "/a/#", "/a/", 1 },     { "/a/#", "/a/b", 1 },
        { "/a/#", "/a/b/c", 1 },   { "/a/#", "/a//b", 1 },     { "/a/#", "/ab", 0 },     { "/a/+", "/a/", 1 },
        { "/a/+", "/a/b", 1 },     { "/a/+", "/a", 0 },        { "/a/+", "/a/b/c", 0 },  { "/a/+/c", "/a/b/c", 1 },
        { "/a/+/c", "/a//c", 1 },  { "/a/+/c", "/a/c", 0 },    { "/+/x", "/$SYS/x", 1 }, { "/a/+/#", "/a/b", 1 },
        { "/a/+/#", "/a/b/c", 1 }, { "/a/+/#", "/a", 0 },      { "/+", "/a", 1 },        { "/+/+", "//a", 1 },
    };
    size_t i;

    device_prepare(&device, 1);
    device_connect(&device);
    device_subscribe(&device, "/#", 1, count, &all);
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check_match(cases[i].filter, cases[i].topic, cases[i].matches);
    }
    CHECK_INT(device_seen(&device, IOTX_MQTT_EVENT_PUBLISH_RECVEIVED, -1), 0);
    device_destroy(&device);
    return check_end();
}
