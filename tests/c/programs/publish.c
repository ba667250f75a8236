/* Publishing: sizes around the write buffer and around each length of the length field, packet ids, empty messages.
 * The last message says how many should have arrived before it. */
#include "support/check.h"
#include "support/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LARGEST 65535

static struct device device;
static char topic[TOPIC_SIZE];
static char payload[LARGEST];
static char large_buffer[LARGEST + 1024];
static int sent; /* messages the library took */

/* Publishes `length` bytes; the result must be an id or 0 if `fits`, and -21 if not. */
static void publish(int qos, long length, int fits)
{
    iotx_mqtt_topic_info_t message;
    char what[100];
    int result;

    memset(&message, 0, sizeof(message));
    message.qos = (uint8_t)qos;
    message.payload = payload;
    message.payload_len = (uint16_t)length;
    message.packet_id = 4711;
    result = IOT_MQTT_Publish(device.client, topic, &message);
    snprintf(what, sizeof(what), "publish of %ld bytes with QoS %d: %d", length, qos, result);
    if (!fits) {
        CHECK_CASE(what, result == MQTT_PUBLISH_PACKET_ERROR, 1);
        return;
    }
    sent++;
    if (qos == 0) {
        CHECK_CASE(what, result, 0);
        CHECK_INT(message.packet_id, 4711);
    } else {
        CHECK_CASE(what, result > 0 && result <= 65535, 1);
        CHECK_INT(message.packet_id, result);
        device_await(&device, IOTX_MQTT_EVENT_PUBLISH_SUCCESS, result);
    }
}

/* The payload that makes the remaining length `remaining`. */
static long payload_for(int qos, long remaining)
{
    return remaining - 2 - (long)strlen(topic) - (qos > 0 ? 2 : 0);
}

/* The payload that fills a buffer of `size` bytes; `length_bytes` is what the length field takes then. */
static long payload_filling(int qos, long size, int length_bytes)
{
    return payload_for(qos, size - 1 - length_bytes);
}

static void around(int qos, long full)
{
    publish(qos, full - 1, 1);
    publish(qos, full, 1);
    publish(qos, full + 1, 0);
}

static void with_buffer(char *buffer, uint32_t size)
{
    device.how.pwrite_buf = buffer;
    device.how.write_buf_size = size;
    device_connect(&device);
}

/* Once a message is acknowledged those before it have arrived: a new connection of the device cannot cut them off. */
static void end(void)
{
    publish(1, 1, 1);
    device_destroy(&device);
}

int main(void)
{
    int qos;

    memset(payload, 'p', sizeof(payload));
    device_prepare(&device, 1);
    device_topic(topic, "/%s/%s/update");

    for (qos = 0; qos < 2; qos++) {
        with_buffer(device.write_buffer, 1024);
        publish(qos, 0, 1);
        publish(qos, 1, 1);
        publish(qos, payload_for(qos, 127), 1);
        publish(qos, payload_for(qos, 128), 1);
        around(qos, payload_filling(qos, 1024, 2));
        publish(qos, LARGEST, 0);
        end();

        with_buffer(large_buffer, 1 + 2 + 16383); /* the longest packet with a length of two bytes */
        around(qos, payload_filling(qos, 1 + 2 + 16383, 2));
        end();

        with_buffer(large_buffer, 1 + 3 + 16384); /* the shortest with three */
        around(qos, payload_filling(qos, 1 + 3 + 16384, 3));
        end();

        with_buffer(large_buffer, sizeof(large_buffer));
        publish(qos, LARGEST, 1);
        end();
    }

    with_buffer(device.write_buffer, 1024);
    snprintf(payload, sizeof(payload), "%d before", sent);
    CHECK(device_publish(&device, topic, 1, payload) > 0);
    device_await(&device, IOTX_MQTT_EVENT_PUBLISH_SUCCESS, -1);
    device_destroy(&device);
    return check_end();
}
