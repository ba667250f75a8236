/* Waiting inside a handler: each handler publishes a question and yields until the answer is there, with the next
 * handler inside, four deep; the messages being handled stay what they were. Deeper, Yield refuses. The test answers
 * "question N" on .../update with "answer N" on .../get, and step "begin" with "answer 0". */
#include "support/check.h"
#include "support/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEEPEST 4 /* Yields inside handlers: as many as have a read buffer of their own */

static struct device device;
static char update[TOPIC_SIZE];
static int depth, answers;

static void on_answer(void *context, void *client, iotx_mqtt_event_msg_pt event)
{
    iotx_mqtt_topic_info_pt message = event->msg;
    int number = answers++;
    long end = now_ms() + patience();
    char expected[40], question[40];
    int result = 0;

    (void)context;
    snprintf(expected, sizeof(expected), "answer %d", number);
    CHECK(message->payload_len == strlen(expected) && memcmp(message->payload, expected, strlen(expected)) == 0);

    depth++;
    if (depth <= DEEPEST) {
        snprintf(question, sizeof(question), "question %d", number + 1);
        CHECK_INT(device_publish(&device, update, 0, question), 0);
        while (answers == number + 1 && result == 0 && now_ms() < end) {
            result = IOT_MQTT_Yield(client, 50);
        }
        CHECK_INT(result, 0);
        CHECK(answers > number + 1);
    } else {
        long start = now_ms();

        CHECK_INT(IOT_MQTT_Yield(client, 100), FAIL_RETURN);
        CHECK(now_ms() - start >= 90); /* it waits all the same */
    }
    depth--;
    CHECK(memcmp(message->payload, expected, strlen(expected)) == 0);
}

int main(void)
{
    char filter[TOPIC_SIZE];
    long end;

    device_prepare(&device, 1);
    device_topic(update, "/%s/%s/update");
    device_topic(filter, "/%s/%s/get");
    device_connect(&device);
    device_subscribe(&device, filter, 1, on_answer, NULL);
    check_step("begin");
    end = now_ms() + patience();
    while (answers <= DEEPEST && now_ms() < end) {
        IOT_MQTT_Yield(device.client, 50);
    }
    CHECK_INT(answers, DEEPEST + 1);
    device_destroy(&device);
    return check_end();
}
