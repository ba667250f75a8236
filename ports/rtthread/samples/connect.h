/* What both samples need: a connection as the device that menuconfig names, and topics of that device. */
#ifndef IOTKIT_RTTHREAD_CONNECT_H
#define IOTKIT_RTTHREAD_CONNECT_H

#include "iot_import.h"

#include <rtthread.h> /* and with it what menuconfig was told */

/* Room for the longest topic the library takes, and a NUL. */
#define SAMPLE_TOPIC_SIZE 129

/* Stack of a thread that calls the library, in bytes: most of it is for the TLS handshake. */
#ifdef PKG_USING_ALI_IOTKIT_MQTT_TLS
#define SAMPLE_STACK 10240
#else
#define SAMPLE_STACK 6144
#endif

/* Connects; `on_event` is told, with `context`, what no topic handler takes. Returns the client for
 * sample_disconnect(), or NULL after printing what failed. One client at a time: the platform ends the connection of
 * a device that logs in again. */
void *sample_connect(iotx_mqtt_event_handle_func_fpt on_event, void *context);

/* Ends the client and sets the pointer to it to NULL. */
void sample_disconnect(void **client);

/* Who the device is, once sample_connect() has succeeded. */
const char *sample_product_key(void);
const char *sample_device_name(void);

/* Writes a topic of the device: `format`, a literal, with product key and device name for its two `%s`. Returns
 * `topic`. */
const char *sample_topic(char topic[SAMPLE_TOPIC_SIZE], const char *format);

#endif
