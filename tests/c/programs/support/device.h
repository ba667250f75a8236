/* A device as test programs have it: a client that remembers its events. */
#ifndef DEVICE_H
#define DEVICE_H

#include "iot_export.h"

#include <pthread.h>
#include <stddef.h>

#define TOPIC_SIZE 192 /* more than the library takes */
#define EVENT_TYPES 14
#define EVENTS_KEPT 4096
#define BUFFER_SIZE 1024

/* How long a program waits for what has to come, in ms; more when it runs slowly (TEST_PATIENCE_MS). */
int patience(void);

struct device {
    void *client;
    iotx_mqtt_param_t how; /* changes count at the next device_connect() */

    /* Its own copies: IOT_SetupConnInfo() of another device would overwrite the originals. */
    char host[HOST_ADDRESS_LEN + 1], client_id[CLIENT_ID_LEN + 1], username[USER_NAME_LEN + 1];
    char password[PASSWORD_LEN + 1];
    char write_buffer[BUFFER_SIZE], read_buffer[BUFFER_SIZE];

    /* Called in each event, after it is remembered; may be NULL. */
    void (*hook)(struct device *device, iotx_mqtt_event_msg_pt event);

    pthread_mutex_t lock; /* covers what follows */
    int count[EVENT_TYPES];
    struct {
        int type, id;
    } events[EVENTS_KEPT];
    int kept;
};

/* Signs the identity of the environment (DEVICE_NAME_2 and DEVICE_SECRET_2 for device `number` 2) and fills `how`:
 * request timeout 500 ms, keep-alive 60 s, clean session, buffers of BUFFER_SIZE. Log lines go to stderr. */
void device_prepare(struct device *device, int number);

/* Forgets the events so far and connects; a failed check if that does not succeed. Returns the client. */
void *device_connect(struct device *device);

/* Ends the client; a failed check unless that returns 0 and clears the handle. */
void device_destroy(struct device *device);

/* Fills in the device's product key and name for the two %s of `format`. Returns `topic`. */
const char *device_topic(char topic[TOPIC_SIZE], const char *format);

/* IOT_MQTT_Publish() with a text. */
int device_publish(struct device *device, const char *topic, int qos, const char *payload);

/* How many events of a type, and with packet id `id` unless that is negative, there were. */
int device_seen(struct device *device, int type, int id);

/* Yields until there was such an event; a failed check if none comes in time. */
void device_await(struct device *device, int type, int id);

/* Subscribes and waits until it is granted; a failed check if it is not. */
void device_subscribe(struct device *device, const char *filter, int qos, iotx_mqtt_event_handle_func_fpt handler,
                      void *context);

/* Milliseconds of a clock that only goes forward. */
long now_ms(void);

/* Sleeps. */
void pause_ms(long ms);

#endif
