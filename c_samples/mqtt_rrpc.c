/* mqtt_rrpc: answers one synchronous call of the platform, which waits for the answer.
 * The request comes on .../rrpc/request/{id}, the answer goes to .../rrpc/response/{id}.
 * Waits at most a minute. Exit status: 0 answered, 1 not. */
#include "sample_common.h"

#include <stdio.h>
#include <string.h>

#define SECONDS 60
#define REQUEST "/sys/%s/%s/rrpc/request/"
#define RESPONSE "/sys/%s/%s/rrpc/response/"

/* The calls answered; negative: the error that kept one from being answered. */
static int answered;

static void on_event(void *context, void *client, iotx_mqtt_event_msg_pt event)
{
    (void)context;
    (void)client;
    if (event->event_type == IOTX_MQTT_EVENT_SUBCRIBE_SUCCESS) {
        printf("rrpc: waiting for a call\n");
        fflush(stdout);
    }
}

/* A handler may publish: that is how a call is answered. */
static void on_request(void *context, void *client, iotx_mqtt_event_msg_pt event)
{
    static const char answer[] = "{\"temperature\":21.5}";
    iotx_mqtt_topic_info_pt request = event->msg;
    iotx_mqtt_topic_info_t message;
    char prefix[SAMPLE_TOPIC_SIZE], topic[SAMPLE_TOPIC_SIZE];
    size_t length = strlen(sample_topic(prefix, REQUEST));
    int written, result;

    (void)context;
    sample_topic(prefix, RESPONSE);
    written = snprintf(topic, sizeof(topic), "%s%.*s", prefix, (int)(request->topic_len - length),
                       request->ptopic + length);
    if (written >= (int)sizeof(topic)) {
        fprintf(stderr, "rrpc: the call's id is too long\n");
        return;
    }
    printf("rrpc: asked %.*s\n", (int)request->payload_len, request->payload);

    memset(&message, 0, sizeof(message));
    message.qos = IOTX_MQTT_QOS0; /* the platform waits: an answer sent again comes too late */
    message.payload = answer;
    message.payload_len = (uint16_t)strlen(answer);
    result = IOT_MQTT_Publish(client, topic, &message);
    answered = result == 0 ? answered + 1 : result;
}

int main(void)
{
    char filter[SAMPLE_TOPIC_SIZE];
    int id = -1, i;
    void *client = sample_connect(on_event, NULL);

    if (client != NULL) {
        sample_topic(filter, REQUEST "+");
        id = IOT_MQTT_Subscribe(client, filter, IOTX_MQTT_QOS0, on_request, NULL);
        for (i = 0; id > 0 && answered == 0 && i < SECONDS * 10; i++) {
            IOT_MQTT_Yield(client, 100);
        }
        IOT_MQTT_Destroy(&client);
    }
    printf("rrpc: %s\n", answered > 0 ? "answered" : "failed");
    return answered > 0 ? 0 : 1;
}
