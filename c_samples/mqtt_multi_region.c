/* mqtt_multi_region: publishes one reading to the platform of each region named, or of all five.
 * Arguments: the regions' numbers, as in iotx_cloud_domain_types_t.
 * Exit status: 0 all acknowledged, 1 not. */
#include "sample_common.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const names[IOTX_CLOUD_DOMAIN_MAX] = {
    "Shanghai", "Singapore", "Japan", "US west", "Germany",
};

static void on_event(void *acked, void *client, iotx_mqtt_event_msg_pt event)
{
    (void)client;
    if (event->event_type == IOTX_MQTT_EVENT_PUBLISH_SUCCESS) {
        *(int *)acked = sample_packet_id(event);
    }
}

/* Returns whether the platform there acknowledged. */
static int report_to(int region)
{
    char topic[SAMPLE_TOPIC_SIZE];
    int id = -1, acked = 0, i;
    void *client;

    IOT_SetupDomain(region); /* counts when the connection info is worked out: in sample_connect() */
    client = sample_connect(on_event, &acked);
    if (client != NULL) {
        id = sample_publish(client, sample_topic(topic, "/%s/%s/update"), "{\"temperature\":21.5}");
        for (i = 0; id > 0 && acked != id && i < 50; i++) {
            IOT_MQTT_Yield(client, 100);
        }
        IOT_MQTT_Destroy(&client);
    }
    printf("region: %s %s\n", names[region], id > 0 && acked == id ? "acknowledged" : "failed");
    return id > 0 && acked == id;
}

int main(int argc, char **argv)
{
    int failed = 0, i;

    for (i = 0; i < (argc > 1 ? argc - 1 : IOTX_CLOUD_DOMAIN_MAX); i++) {
        int region = argc > 1 ? atoi(argv[i + 1]) : i;

        if (region < 0 || region >= IOTX_CLOUD_DOMAIN_MAX) {
            fprintf(stderr, "region: %s is not a number from 0 to %d\n", argv[i + 1], IOTX_CLOUD_DOMAIN_MAX - 1);
            return 1;
        }
        failed += !report_to(region);
    }
    return failed == 0 ? 0 : 1;
}
