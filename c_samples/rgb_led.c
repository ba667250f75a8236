/* rgb_led: a light that the platform switches, and that tells the platform what it shows.
 *
 * Commands, a line each on stdin:
 *   start      connect, subscribe, and keep the connection in a thread of its own
 *   pub open   light on, and report it
 *   pub close  light off, and report it
 *   stop       disconnect; so does the end of the input
 *
 * Properties: LightSwitch (0 or 1), RGBColor ({"Red":0,"Green":0,"Blue":0} to 255 each). A report goes to
 * thing/event/property/post, its reply comes on post_reply; a wish comes on thing/service/property/set and is
 * answered on set_reply, then reported.
 *
 * Exit status: 0 every command did what it says, 1 one did not. */
#include "sample_common.h"

#include "lite-utils.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POST "/sys/%s/%s/thing/event/property/post"
#define POST_REPLY "/sys/%s/%s/thing/event/property/post_reply"
#define SET "/sys/%s/%s/thing/service/property/set"
#define SET_REPLY "/sys/%s/%s/thing/service/property/set_reply"

#define LONGEST 1024 /* of a payload, either way */

struct colour {
    int red, green, blue;
};

static void *client;
static pthread_t yielding;

/* Used by both threads. */
static struct {
    pthread_mutex_t lock;
    int on;
    struct colour colour;
    int reports;  /* counts the reports: their ids */
    int granted;  /* subscriptions */
    int running;  /* the yielding thread goes on */
} light = { PTHREAD_MUTEX_INITIALIZER, 0, { 255, 255, 255 }, 0, 0, 0 };

/* --- the light ------------------------------------------------------------------------------ */

static void show(void)
{
    printf("light: %s, red %d green %d blue %d\n", light.on ? "on" : "off", light.colour.red, light.colour.green,
           light.colour.blue);
}

/* Tells the platform what the light shows. Returns 0, or -1 if the message could not be sent. */
static int report(void)
{
    char topic[SAMPLE_TOPIC_SIZE], payload[LONGEST];
    int id;

    pthread_mutex_lock(&light.lock);
    show();
    snprintf(payload, sizeof(payload),
             "{\"id\":\"%d\",\"version\":\"1.0\",\"params\":{\"LightSwitch\":%d,"
             "\"RGBColor\":{\"Red\":%d,\"Green\":%d,\"Blue\":%d}},\"method\":\"thing.event.property.post\"}",
             ++light.reports, light.on, light.colour.red, light.colour.green, light.colour.blue);
    pthread_mutex_unlock(&light.lock);

    id = sample_publish(client, sample_topic(topic, POST), payload);
    printf("%s %s\n", id > 0 ? "report:" : "report failed:", payload);
    return id > 0 ? 0 : -1;
}

static void turn(int on)
{
    pthread_mutex_lock(&light.lock);
    light.on = on;
    pthread_mutex_unlock(&light.lock);
}

/* Takes the number `key` of `json` over into `value`, if it is there and in range. Returns -1 if it is out of range. */
static int take(char *key, char *json, int max, int *value)
{
    char *text = LITE_json_value_of(key, json);
    int number, result = 0;

    if (text != NULL) {
        number = atoi(text);
        if (number >= 0 && number <= max) {
            *value = number;
        } else {
            result = -1;
        }
        LITE_free(text);
    }
    return result;
}

/* --- what arrives --------------------------------------------------------------------------- */

/* The platform wishes: obey, answer with the id of the wish, report the new state. */
static void on_set(void *context, void *handle, iotx_mqtt_event_msg_pt event)
{
    iotx_mqtt_topic_info_pt message = event->msg;
    char topic[SAMPLE_TOPIC_SIZE], payload[LONGEST], answer[LONGEST];
    char *id;
    int wrong, sent;

    (void)context;
    snprintf(payload, sizeof(payload), "%.*s", (int)message->payload_len, message->payload);
    printf("wish: %s\n", payload);

    pthread_mutex_lock(&light.lock);
    wrong = take("params.LightSwitch", payload, 1, &light.on);
    wrong |= take("params.RGBColor.Red", payload, 255, &light.colour.red);
    wrong |= take("params.RGBColor.Green", payload, 255, &light.colour.green);
    wrong |= take("params.RGBColor.Blue", payload, 255, &light.colour.blue);
    pthread_mutex_unlock(&light.lock);

    id = LITE_json_value_of("id", payload);
    snprintf(answer, sizeof(answer), "{\"id\":\"%.32s\",\"code\":%d,\"data\":{}}", id != NULL ? id : "",
             wrong ? 400 : 200);
    LITE_free(id);
    sent = sample_publish(handle, sample_topic(topic, SET_REPLY), answer);
    printf("%s %s\n", sent > 0 ? "answer:" : "answer failed:", answer);

    report();
}

static void on_post_reply(void *context, void *handle, iotx_mqtt_event_msg_pt event)
{
    iotx_mqtt_topic_info_pt message = event->msg;

    (void)context;
    (void)handle;
    printf("reply: %.*s\n", (int)message->payload_len, message->payload);
}

static void on_event(void *context, void *handle, iotx_mqtt_event_msg_pt event)
{
    (void)context;
    (void)handle;
    switch (event->event_type) {
    case IOTX_MQTT_EVENT_DISCONNECT:
        printf("connection: lost\n");
        break;
    case IOTX_MQTT_EVENT_RECONNECT:
        printf("connection: back\n");
        break;
    case IOTX_MQTT_EVENT_SUBCRIBE_SUCCESS:
        pthread_mutex_lock(&light.lock);
        light.granted++;
        pthread_mutex_unlock(&light.lock);
        break;
    case IOTX_MQTT_EVENT_SUBCRIBE_NACK:
        printf("connection: a subscription was refused\n");
        break;
    default:
        break;
    }
}

/* --- commands: each returns 0, or -1 if it did not do what it says ---------------------------- */

static int is_running(void)
{
    int running;

    pthread_mutex_lock(&light.lock);
    running = light.running;
    pthread_mutex_unlock(&light.lock);
    return running;
}

static void *yield(void *unused)
{
    (void)unused;
    while (is_running()) {
        IOT_MQTT_Yield(client, 100);
    }
    return NULL;
}

static int start(void)
{
    /* V2.10 itself goes on using the texts; this library copies them. */
    static char wishes[SAMPLE_TOPIC_SIZE], replies[SAMPLE_TOPIC_SIZE];
    int i;

    if (client != NULL) {
        printf("connection: is there already\n");
        return 0;
    }
    light.granted = 0;
    client = sample_connect(on_event, NULL);
    if (client == NULL) {
        printf("connection: failed\n");
        return -1;
    }
    printf("connection: open\n");
    if (IOT_MQTT_Subscribe(client, sample_topic(wishes, SET), IOTX_MQTT_QOS1, on_set, NULL) > 0
        && IOT_MQTT_Subscribe(client, sample_topic(replies, POST_REPLY), IOTX_MQTT_QOS1, on_post_reply, NULL) > 0) {
        for (i = 0; light.granted < 2 && i < 50; i++) {
            IOT_MQTT_Yield(client, 100);
        }
    }
    if (light.granted < 2) {
        printf("connection: not subscribed\n");
        IOT_MQTT_Destroy(&client);
        return -1;
    }
    printf("connection: subscribed\n");
    light.running = 1;
    if (pthread_create(&yielding, NULL, yield, NULL) != 0) {
        light.running = 0;
        IOT_MQTT_Destroy(&client);
        return -1;
    }
    return 0;
}

static int publish(int on)
{
    if (client == NULL) {
        printf("connection: start first\n");
        return -1;
    }
    turn(on);
    return report();
}

static int stop(void)
{
    if (client != NULL) {
        pthread_mutex_lock(&light.lock);
        light.running = 0;
        pthread_mutex_unlock(&light.lock);
        pthread_join(yielding, NULL);
        IOT_MQTT_Destroy(&client);
        printf("connection: closed\n");
    }
    return 0;
}

static int obey(const char *command)
{
    if (strcmp(command, "start") == 0) {
        return start();
    }
    if (strcmp(command, "pub open") == 0) {
        return publish(1);
    }
    if (strcmp(command, "pub close") == 0) {
        return publish(0);
    }
    if (strcmp(command, "stop") == 0) {
        return stop();
    }
    printf("commands: start, pub open, pub close, stop\n");
    return -1;
}

int main(void)
{
    char line[64];
    int failed = 0;

    setvbuf(stdout, NULL, _IOLBF, 0); /* whoever reads along sees each line when it happens */
    while (fgets(line, sizeof(line), stdin) != NULL) {
        line[strcspn(line, "\r\n")] = '\0';
        failed |= obey(line);
        if (strcmp(line, "stop") == 0) {
            break;
        }
    }
    failed |= stop();
    return failed == 0 ? 0 : 1;
}
