/* ali_mqtt_test: a light that tells the platform whether it is on.
 *
 *   ali_mqtt_test start       connects, subscribes, and keeps the connection in a thread of its own
 *   ali_mqtt_test pub open    light on, and reports it
 *   ali_mqtt_test pub close   light off, and reports it
 *   ali_mqtt_test stop        disconnects
 *
 * LinkDevelop: the light is the property LightSwitch, which the platform sets, too. LinkPlatform: a report goes to
 * /{pk}/{dn}/update and to /{pk}/{dn}/data, from where it comes back; the product needs a topic class for the latter,
 * with both rights. */
#include "connect.h"

#include "lite-utils.h"

#include <finsh.h>
#include <string.h>

#define LONGEST 256 /* of a payload that is sent */

static void *volatile client; /* NULL: not connected */
static volatile int running;  /* the thread is there */
static volatile int stopping; /* and shall end */
static volatile int light_on;

/* Sends `payload` with QoS 1. Returns whether the library took it. */
static int publish(const char *format, const char *payload)
{
    char topic[SAMPLE_TOPIC_SIZE];
    iotx_mqtt_topic_info_t message;
    int id;

    memset(&message, 0, sizeof(message));
    message.qos = IOTX_MQTT_QOS1;
    message.payload = payload;
    message.payload_len = (uint16_t)strlen(payload);
    id = IOT_MQTT_Publish(client, sample_topic(topic, format), &message);
    if (id > 0) {
        HAL_Printf("mqtt: sent, id %d, to %s: %s\n", id, topic, payload);
    } else {
        HAL_Printf("mqtt: sending to %s failed: %d\n", topic, id);
    }
    return id > 0;
}

static void on_message(void *context, void *handle, iotx_mqtt_event_msg_pt event)
{
    iotx_mqtt_topic_info_pt message = (iotx_mqtt_topic_info_pt)event->msg;

    (void)context;
    (void)handle;
    if (event->event_type == IOTX_MQTT_EVENT_PUBLISH_RECVEIVED) {
        HAL_Printf("mqtt: received on %.*s: %.*s\n", message->topic_len, message->ptopic, message->payload_len,
                   message->payload);
    }
}

#ifdef PKG_USING_ALI_IOTKIT_IS_LINKDEVELOP

#define POST_REPLY "/sys/%s/%s/thing/event/property/post_reply"
#define SET "/sys/%s/%s/thing/service/property/set"

static int report(void)
{
    static int reports;
    char payload[LONGEST];

    HAL_Snprintf(payload, sizeof(payload),
                 "{\"id\":\"%d\",\"version\":\"1.0\",\"params\":{\"LightSwitch\":%d},"
                 "\"method\":\"thing.event.property.post\"}",
                 ++reports, light_on);
    return publish("/sys/%s/%s/thing/event/property/post", payload);
}

/* The platform wishes: obeys, answers with the wish's id, and reports. */
static void on_wish(void *context, void *handle, iotx_mqtt_event_msg_pt event)
{
    iotx_mqtt_topic_info_pt message = (iotx_mqtt_topic_info_pt)event->msg;
    char wish[LONGEST], answer[LONGEST];
    char *id, *on;

    on_message(context, handle, event);
    if (message->payload_len >= LONGEST) {
        return;
    }
    memcpy(wish, message->payload, message->payload_len);
    wish[message->payload_len] = '\0';
    id = LITE_json_value_of("id", wish);
    on = LITE_json_value_of("params.LightSwitch", wish);
    if (id != NULL && on != NULL) {
        light_on = on[0] == '1';
        HAL_Snprintf(answer, sizeof(answer), "{\"id\":\"%s\",\"code\":200,\"data\":{}}", id);
        publish("/sys/%s/%s/thing/service/property/set_reply", answer);
        report();
    }
    if (id != NULL) {
        LITE_free(id);
    }
    if (on != NULL) {
        LITE_free(on);
    }
}

static int subscribe(void)
{
    char topic[SAMPLE_TOPIC_SIZE];

    return IOT_MQTT_Subscribe(client, sample_topic(topic, SET), IOTX_MQTT_QOS1, on_wish, NULL) > 0
        && IOT_MQTT_Subscribe(client, sample_topic(topic, POST_REPLY), IOTX_MQTT_QOS1, on_message, NULL) > 0;
}

static void unsubscribe(void)
{
    char topic[SAMPLE_TOPIC_SIZE];

    IOT_MQTT_Unsubscribe(client, sample_topic(topic, SET));
    IOT_MQTT_Unsubscribe(client, sample_topic(topic, POST_REPLY));
}

#else

#define DATA "/%s/%s/data"

static int report(void)
{
    char payload[LONGEST];

    HAL_Snprintf(payload, sizeof(payload), "{\"LightSwitch\":%d}", light_on);
    return publish("/%s/%s/update", payload) && publish(DATA, payload);
}

static int subscribe(void)
{
    char topic[SAMPLE_TOPIC_SIZE];

    return IOT_MQTT_Subscribe(client, sample_topic(topic, DATA), IOTX_MQTT_QOS1, on_message, NULL) > 0;
}

static void unsubscribe(void)
{
    char topic[SAMPLE_TOPIC_SIZE];

    IOT_MQTT_Unsubscribe(client, sample_topic(topic, DATA));
}

#endif

/* Tells what no topic handler takes. */
static void on_event(void *context, void *handle, iotx_mqtt_event_msg_pt event)
{
    int id = (int)(uintptr_t)event->msg;

    switch (event->event_type) {
    case IOTX_MQTT_EVENT_DISCONNECT:
        HAL_Printf("mqtt: connection lost\n");
        break;
    case IOTX_MQTT_EVENT_RECONNECT:
        HAL_Printf("mqtt: connected again\n");
        break;
    case IOTX_MQTT_EVENT_SUBCRIBE_SUCCESS:
        HAL_Printf("mqtt: subscribed, id %d\n", id);
        break;
    case IOTX_MQTT_EVENT_SUBCRIBE_NACK:
        HAL_Printf("mqtt: subscription refused, id %d\n", id);
        break;
    case IOTX_MQTT_EVENT_UNSUBCRIBE_SUCCESS:
        HAL_Printf("mqtt: unsubscribed, id %d\n", id);
        break;
    case IOTX_MQTT_EVENT_PUBLISH_SUCCESS:
        HAL_Printf("mqtt: acknowledged, id %d\n", id);
        break;
    default:
        on_message(context, handle, event);
        break;
    }
}

static void run(void *context)
{
    void *connected = sample_connect(on_event, NULL);

    (void)context;
    if (connected != NULL) {
        client = connected;
        HAL_Printf("mqtt: connected as %s\n", sample_device_name());
        if (!subscribe()) {
            HAL_Printf("mqtt: subscribing failed\n");
        }
        while (!stopping) {
            IOT_MQTT_Yield(client, 200);
        }
        unsubscribe();
        IOT_MQTT_Yield(client, 500); /* for the answers */
        client = NULL;
        sample_disconnect(&connected);
    }
    HAL_Printf("mqtt: stopped\n");
    running = 0;
}

static int start(void)
{
    rt_thread_t thread;

    if (running) {
        HAL_Printf("mqtt: it runs\n");
        return -1;
    }
    thread = rt_thread_create("ali_mqtt", run, NULL, SAMPLE_STACK, RT_THREAD_PRIORITY_MAX / 2, 10);
    if (thread == NULL) {
        HAL_Printf("mqtt: no memory for a thread\n");
        return -1;
    }
    running = 1;
    stopping = 0;
    rt_thread_startup(thread);
    return 0;
}

static int publish_light(const char *state)
{
    if (client == NULL) {
        HAL_Printf("mqtt: not connected\n");
        return -1;
    }
    light_on = strcmp(state, "open") == 0;
    return report() ? 0 : -1;
}

static int ali_mqtt_test(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "start") == 0) {
        return start();
    }
    if (argc == 3 && strcmp(argv[1], "pub") == 0 && (strcmp(argv[2], "open") == 0 || strcmp(argv[2], "close") == 0)) {
        return publish_light(argv[2]);
    }
    if (argc == 2 && strcmp(argv[1], "stop") == 0) {
        stopping = 1;
        return 0;
    }
    HAL_Printf("usage: ali_mqtt_test start|pub open|pub close|stop\n");
    return -1;
}
MSH_CMD_EXPORT(ali_mqtt_test, MQTT sample: start / pub open / pub close / stop);
