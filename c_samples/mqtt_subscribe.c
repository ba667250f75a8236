/* mqtt_subscribe: subscribes /{product key}/{device name}/get, prints the first message on it, unsubscribes.
 * Waits at most a minute. Exit status: 0 a message arrived and the subscription is ended, 1 not. */
#include "sample_common.h"

#include <stdio.h>

#define SECONDS 60

struct progress {
    int subscribed;   /* packet id of the subscription that was granted */
    int messages;
    int unsubscribed; /* packet id of the unsubscription that was confirmed */
};

static void on_event(void *context, void *client, iotx_mqtt_event_msg_pt event)
{
    struct progress *progress = context;

    (void)client;
    if (event->event_type == IOTX_MQTT_EVENT_SUBCRIBE_SUCCESS) {
        progress->subscribed = sample_packet_id(event);
        printf("subscribe: granted\n");
    } else if (event->event_type == IOTX_MQTT_EVENT_UNSUBCRIBE_SUCCESS) {
        progress->unsubscribed = sample_packet_id(event);
        printf("subscribe: ended\n");
    }
    fflush(stdout);
}

/* Neither topic nor payload ends with a NUL; both are gone when the handler returns. */
static void on_message(void *context, void *client, iotx_mqtt_event_msg_pt event)
{
    struct progress *progress = context;
    iotx_mqtt_topic_info_pt message = event->msg;

    (void)client;
    progress->messages++;
    printf("subscribe: %.*s: %.*s\n", (int)message->topic_len, message->ptopic, (int)message->payload_len,
           message->payload);
    fflush(stdout);
}

int main(void)
{
    struct progress progress = { 0, 0, 0 };
    char filter[SAMPLE_TOPIC_SIZE];
    int id = -1, done = 0, i;
    void *client = sample_connect(on_event, &progress);

    if (client != NULL) {
        sample_topic(filter, "/%s/%s/get");
        id = IOT_MQTT_Subscribe(client, filter, IOTX_MQTT_QOS1, on_message, &progress);
        for (i = 0; id > 0 && progress.messages == 0 && i < SECONDS * 10; i++) {
            IOT_MQTT_Yield(client, 100);
        }
        if (id > 0 && progress.subscribed == id && progress.messages > 0) {
            id = IOT_MQTT_Unsubscribe(client, filter);
            for (i = 0; id > 0 && progress.unsubscribed != id && i < 50; i++) {
                IOT_MQTT_Yield(client, 100);
            }
            done = id > 0 && progress.unsubscribed == id;
        }
        IOT_MQTT_Destroy(&client);
    }
    printf("subscribe: %s\n", done ? "done" : "failed");
    return done ? 0 : 1;
}
