/* A rough network: what is sent both ways arrives whole, whatever happens on the way. Argument: how many rounds.
 *
 * At each step "round" the test makes the weather and sends MESSAGES messages to .../get with QoS 1; the program sends as
 * many to .../update. A message is "round message " and as many letters as text_of() says, in both directions. */
#include "support/check.h"
#include "support/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGES 3

static struct device device;
static int now_round;
static int received[MESSAGES]; /* of this round */

static const char *text_of(char text[160], int round, int message)
{
    int length = snprintf(text, 160, "%d %d ", round, message);
    int letters = (round * 7 + message * 31) % 100;

    memset(text + length, 'a' + message, (size_t)letters);
    text[length + letters] = '\0';
    return text;
}

static void on_message(void *context, void *client, iotx_mqtt_event_msg_pt event)
{
    iotx_mqtt_topic_info_pt message = event->msg;
    char text[160];
    int round = -1, number = -1;

    (void)context;
    (void)client;
    snprintf(text, sizeof(text), "%.*s", (int)message->payload_len, message->payload);
    CHECK_INT(sscanf(text, "%d %d ", &round, &number), 2);
    CHECK(round >= 0 && round <= now_round && number >= 0 && number < MESSAGES);
    text_of(text, round, number);
    CHECK(message->payload_len == strlen(text) && memcmp(message->payload, text, strlen(text)) == 0);
    if (round == now_round) {
        received[number]++; /* a late copy of an earlier round is no news */
    }
}

static int all_received(void)
{
    int i;

    for (i = 0; i < MESSAGES; i++) {
        if (received[i] == 0) {
            return 0;
        }
    }
    return 1;
}

int main(int argc, char **argv)
{
    char update[TOPIC_SIZE], get[TOPIC_SIZE], text[160];
    int rounds = argc > 1 ? atoi(argv[1]) : 1;

    device_prepare(&device, 1);
    device.how.clean_session = 0; /* the server keeps what is for us while we are away */
    device.how.request_timeout_ms = 2000;
    device_topic(update, "/%s/%s/update");
    device_topic(get, "/%s/%s/get");
    device_connect(&device);
    device_subscribe(&device, get, 1, on_message, NULL);

    for (now_round = 0; now_round < rounds; now_round++) {
        long end;
        int sent = 0;

        memset(received, 0, sizeof(received));
        check_step("round");
        end = now_ms() + patience();
        while (now_ms() < end
               && (sent < MESSAGES || !all_received()
                   || device_seen(&device, IOTX_MQTT_EVENT_PUBLISH_SUCCESS, -1) < (now_round + 1) * MESSAGES)) {
            if (sent < MESSAGES && device_publish(&device, update, 1, text_of(text, now_round, sent)) > 0) {
                sent++;
            }
            CHECK_INT(IOT_MQTT_Yield(device.client, 20), 0);
        }
        CHECK_INT(sent, MESSAGES);
        CHECK_INT(device_seen(&device, IOTX_MQTT_EVENT_PUBLISH_SUCCESS, -1), (now_round + 1) * MESSAGES);
        CHECK(all_received());
    }
    device_destroy(&device);
    return check_end();
}
