#include "sample_common.h"

#include "iot_import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* They belong to the client until IOT_MQTT_Destroy(): the largest packet to send and to receive fits. */
static char write_buffer[2048];
static char read_buffer[2048];

static char product_key[PRODUCT_KEY_LEN + 1];
static char device_name[DEVICE_NAME_LEN + 1];

static void open_log(void)
{
    const char *level = getenv("SAMPLE_LOG");

    if (level != NULL) {
        IOT_OpenLog("sample");
        IOT_SetLogLevel((IOT_LogLevel)atoi(level));
    }
}

static int read_identity(char device_secret[DEVICE_SECRET_LEN + 1])
{
    if (HAL_GetProductKey(product_key) <= 0 || HAL_GetDeviceName(device_name) <= 0
        || HAL_GetDeviceSecret(device_secret) <= 0) {
        fprintf(stderr, "sample: PRODUCT_KEY, DEVICE_NAME and DEVICE_SECRET say who the device is\n");
        return -1;
    }
    return 0;
}

void *sample_connect(iotx_mqtt_event_handle_func_fpt on_event, void *context)
{
    char device_secret[DEVICE_SECRET_LEN + 1] = "";
    void *info = NULL;
    iotx_conn_info_pt where;
    iotx_mqtt_param_t how;
    void *client;

    open_log();
    if (read_identity(device_secret) != 0) {
        return NULL;
    }
    if (IOT_SetupConnInfo(product_key, device_name, device_secret, &info) != 0) {
        fprintf(stderr, "sample: the identity cannot be signed\n");
        return NULL;
    }
    where = info;

    memset(&how, 0, sizeof(how));
    how.port = where->port;
    how.host = where->host_name;
    how.client_id = where->client_id;
    how.username = where->username;
    how.password = where->password;
    how.pub_key = where->pub_key; /* TLS; NULL from a library without it */
    how.clean_session = 0;        /* the platform keeps subscriptions while the device is away */
    how.request_timeout_ms = 2000;
    how.keepalive_interval_ms = 60000;
    how.pwrite_buf = write_buffer;
    how.write_buf_size = sizeof(write_buffer);
    how.pread_buf = read_buffer;
    how.read_buf_size = sizeof(read_buffer);
    how.handle_event.h_fp = on_event;
    how.handle_event.pcontext = context;

    client = IOT_MQTT_Construct(&how);
    if (client == NULL) {
        fprintf(stderr, "sample: cannot connect to %s (SAMPLE_LOG=5 tells more)\n", where->host_name);
    }
    return client;
}

const char *sample_product_key(void)
{
    return product_key;
}

const char *sample_device_name(void)
{
    return device_name;
}

const char *sample_topic(char topic[SAMPLE_TOPIC_SIZE], const char *format)
{
    snprintf(topic, SAMPLE_TOPIC_SIZE, format, product_key, device_name);
    return topic;
}

int sample_publish(void *client, const char *topic, const char *payload)
{
    iotx_mqtt_topic_info_t message;

    memset(&message, 0, sizeof(message));
    message.qos = IOTX_MQTT_QOS1;
    message.payload = payload;
    message.payload_len = (uint16_t)strlen(payload);
    return IOT_MQTT_Publish(client, topic, &message);
}

int sample_packet_id(const iotx_mqtt_event_msg_t *event)
{
    return (int)(uintptr_t)event->msg;
}
