/* What every sample needs before it can do its one thing: the device's identity, a connection, topics. */
#ifndef SAMPLE_COMMON_H
#define SAMPLE_COMMON_H

#include "iot_export.h"

/* Room for the longest topic the library takes, and a NUL. */
#define SAMPLE_TOPIC_SIZE 129

/* Connects the device that the HAL names: on Linux the one of PRODUCT_KEY, DEVICE_NAME and DEVICE_SECRET in the
 * environment. SAMPLE_LOG=0 to 5 there makes the library log, up to that IOT_LogLevel.
 *
 * `on_event` is told, with `context`, what no topic handler takes; it may be NULL. Returns the client, to be ended
 * with IOT_MQTT_Destroy() before the next one is connected (its buffers are static), or NULL after saying on stderr
 * what failed. */
void *sample_connect(iotx_mqtt_event_handle_func_fpt on_event, void *context);

/* Who the device is, once sample_connect() has succeeded. */
const char *sample_product_key(void);
const char *sample_device_name(void);

/* Writes a topic of the device: `format`, a literal, with product key and device name for its two `%s`.
 * Returns `topic`. */
const char *sample_topic(char topic[SAMPLE_TOPIC_SIZE], const char *format);

/* Publishes the text `payload` with QoS 1. Returns the packet id, or what IOT_MQTT_Publish() says went wrong. */
int sample_publish(void *client, const char *topic, const char *payload);

/* The packet id that an event about SUBSCRIBE, UNSUBSCRIBE or PUBLISH carries. */
int sample_packet_id(const iotx_mqtt_event_msg_t *event);

#endif
