#include "connect.h"

#include <string.h>

#define BUFFER_SIZE 1024 /* the largest packet, either way */

static char product_key[PRODUCT_KEY_LEN + 1];
static char device_name[DEVICE_NAME_LEN + 1];

/* They belong to the client until it is ended. */
static char write_buffer[BUFFER_SIZE];
static char read_buffer[BUFFER_SIZE];

static int in_use;

static void *connect_device(iotx_mqtt_event_handle_func_fpt on_event, void *context);

void *sample_connect(iotx_mqtt_event_handle_func_fpt on_event, void *context)
{
    void *client;
    int was_in_use;

    rt_enter_critical();
    was_in_use = in_use;
    in_use = 1;
    rt_exit_critical();
    if (was_in_use) {
        HAL_Printf("sample: another one is running\n");
        return NULL;
    }
    IOT_OpenLog("sample");
    IOT_SetLogLevel(IOT_LOG_INFO);
    client = connect_device(on_event, context);
    if (client == NULL) {
        in_use = 0;
    }
    return client;
}

void sample_disconnect(void **client)
{
    IOT_MQTT_Destroy(client);
    IOT_CloseLog();
    in_use = 0;
}

static void *connect_device(iotx_mqtt_event_handle_func_fpt on_event, void *context)
{
    char device_secret[DEVICE_SECRET_LEN + 1] = "";
    void *info = NULL;
    iotx_conn_info_pt where;
    iotx_mqtt_param_t how;
    void *client;

    if (HAL_GetProductKey(product_key) <= 0 || HAL_GetDeviceName(device_name) <= 0
        || HAL_GetDeviceSecret(device_secret) <= 0) {
        HAL_Printf("sample: menuconfig has to say who the device is\n");
        return NULL;
    }
    if (IOT_SetupConnInfo(product_key, device_name, device_secret, &info) != 0) {
        HAL_Printf("sample: the identity cannot be signed\n");
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
        HAL_Printf("sample: cannot connect to %s\n", where->host_name);
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
    HAL_Snprintf(topic, SAMPLE_TOPIC_SIZE, format, product_key, device_name);
    return topic;
}
