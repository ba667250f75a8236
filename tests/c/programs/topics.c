/* Which topic filters and names the library takes: the tables of V2.10, with their real return codes.
 *
 * The server must let a device publish and subscribe anything. */
#include "support/check.h"
#include "support/device.h"

#include <stdio.h>
#include <string.h>

static struct device device;

static void ignore(void *context, void *client, iotx_mqtt_event_msg_pt event)
{
    (void)context;
    (void)client;
    (void)event;
}

struct verdict {
    const char *topic;
    int filter, name; /* whether it is one */
};

static void check_verdict(const struct verdict *expected)
{
    char what[TOPIC_SIZE + 40];
    int result;

    result = IOT_MQTT_Subscribe(device.client, expected->topic, IOTX_MQTT_QOS0, ignore, NULL);
    snprintf(what, sizeof(what), "subscribe '%s': %d", expected->topic, result);
    CHECK_CASE(what, expected->filter ? result > 0 : result == MQTT_TOPIC_FORMAT_ERROR, 1);
    if (expected->filter) {
        device_await(&device, IOTX_MQTT_EVENT_SUBCRIBE_SUCCESS, result);
    }
    result = IOT_MQTT_Unsubscribe(device.client, expected->topic);
    snprintf(what, sizeof(what), "unsubscribe '%s': %d", expected->topic, result);
    CHECK_CASE(what, expected->filter ? result > 0 : result == MQTT_TOPIC_FORMAT_ERROR, 1);
    if (expected->filter) {
        device_await(&device, IOTX_MQTT_EVENT_UNSUBCRIBE_SUCCESS, result);
    }
    result = device_publish(&device, expected->topic, 1, "x");
    snprintf(what, sizeof(what), "publish '%s': %d", expected->topic, result);
    CHECK_CASE(what, expected->name ? result > 0 : result == MQTT_TOPIC_FORMAT_ERROR, 1);
    if (expected->name) {
        device_await(&device, IOTX_MQTT_EVENT_PUBLISH_SUCCESS, result);
    }
}

static void written_ones(void)
{
    static const struct verdict verdicts[] = {
        { "/a", 1, 1 },    { "/", 0, 0 },    { "//", 0, 0 },    { "/a/", 1, 1 },   { "/a//b", 1, 1 },
        { "/+", 1, 0 },    { "/#", 1, 0 },   { "/a/+/#", 1, 0 }, { "/a/+/b", 1, 0 }, { "a/b", 0, 0 },
        { "$SYS/x", 0, 0 }, { "$sys/x", 0, 0 }, { "/$SYS/x", 1, 1 }, { "/a+/b", 0, 0 }, { "/a/b#", 0, 0 },
        { "/a/#/b", 0, 0 }, { "/a b", 1, 1 }, { "#", 0, 0 },     { "+", 0, 0 },     { "+/a", 0, 0 },
        { "//a", 1, 1 },
        /* V2.10 takes these two as filters; MQTT does not, so that the server would end the connection. */
        { "/a/#/", 0, 0 }, { "/#/a", 0, 0 },
    };
    size_t i;

    for (i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++) {
        check_verdict(&verdicts[i]);
    }
}

/* '/' and as many letters as make `length` bytes. */
static void lengths(void)
{
    static const int cases[] = { 2, 127, 128, 129, 135 };
    char topic[TOPIC_SIZE];
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct verdict verdict = { topic, cases[i] <= 128, cases[i] <= 128 };

        memset(topic, 't', sizeof(topic));
        topic[0] = '/';
        topic[cases[i]] = '\0';
        check_verdict(&verdict);
    }
}

static void bytes(void)
{
    static const struct {
        int byte, valid;
    } cases[] = { { 1, 0 }, { 9, 0 }, { 31, 0 }, { 32, 1 }, { 126, 1 }, { 127, 0 }, { 128, 0 }, { 195, 0 }, { 255, 0 } };
    char topic[] = "/a?b";
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct verdict verdict = { topic, cases[i].valid, cases[i].valid };

        topic[2] = (char)cases[i].byte;
        check_verdict(&verdict);
    }
}

int main(void)
{
    device_prepare(&device, 1);
    device_connect(&device);
    written_ones();
    lengths();
    bytes();
    device_destroy(&device);
    return check_end();
}
