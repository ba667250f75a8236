/* mqtt_publish: connects, publishes one reading, waits for the platform to acknowledge it.
 * Exit status: 0 acknowledged, 1 not. */
#include "sample_common.h"

#include <stdio.h>

static void on_event(void *acked, void *client, iotx_mqtt_event_msg_pt event)
{
    (void)client;
    if (event->event_type == IOTX_MQTT_EVENT_PUBLISH_SUCCESS) {
        *(int *)acked = sample_packet_id(event);
    }
}

int main(void)
{
    char topic[SAMPLE_TOPIC_SIZE];
    int id = -1, acked = 0, i;
    void *client = sample_connect(on_event, &acked);

    if (client != NULL) {
        id = sample_publish(client, sample_topic(topic, "/%s/%s/update"), "{\"temperature\":21.5}");
        for (i = 0; id > 0 && acked != id && i < 50; i++) {
            IOT_MQTT_Yield(client, 100);
        }
        IOT_MQTT_Destroy(&client);
    }
    printf("publish: %s\n", id > 0 && acked == id ? "acknowledged" : "failed");
    return id > 0 && acked == id ? 0 : 1;
}
