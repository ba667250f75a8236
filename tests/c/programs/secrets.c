/* Nothing secret is said, at any level of the log: the device's secret and the password signed with it.
 * At step "refuse" the test refuses the password, at "grant" it takes it again, at "lose", on the last level, it closes
 * the connection. On stderr, "---- level N" stands before the log of a level. */
#include "support/check.h"
#include "support/device.h"

#include "iot_import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct device device;

static void ignore(void *context, void *client, iotx_mqtt_event_msg_pt event)
{
    (void)context;
    (void)client;
    (void)event;
}

/* Secrets that are too long, from the application and from the environment: an error speaks of them. */
static void too_long(const char *secret)
{
    char text[3 * DEVICE_SECRET_LEN + 1], out[DEVICE_SECRET_LEN + 1];
    void *info = NULL;

    snprintf(text, sizeof(text), "%s%s%s", secret, secret, secret);
    CHECK(IOT_SetupConnInfo(getenv("PRODUCT_KEY"), getenv("DEVICE_NAME"), text, &info) < 0);
    CHECK_INT(HAL_SetDeviceSecret(text), -1);
    setenv("DEVICE_SECRET", text, 1);
    CHECK_INT(HAL_GetDeviceSecret(out), 0);
    setenv("DEVICE_SECRET", secret, 1);
}

static void session(const char *secret, int is_lost)
{
    char topic[TOPIC_SIZE];
    void *info = NULL;

    CHECK_INT(IOT_SetupConnInfo(getenv("PRODUCT_KEY"), getenv("DEVICE_NAME"), secret, &info), 0);
    check_step("refuse");
    CHECK(IOT_MQTT_Construct(&device.how) == NULL);
    check_step("grant");

    device_topic(topic, "/%s/%s/get");
    device_connect(&device);
    device_subscribe(&device, topic, 1, ignore, NULL);
    if (is_lost) {
        check_step("lose");
        device_await(&device, IOTX_MQTT_EVENT_RECONNECT, -1);
    }
    device_topic(topic, "/%s/%s/update");
    device_await(&device, IOTX_MQTT_EVENT_PUBLISH_SUCCESS, device_publish(&device, topic, 1, "after a while"));
    device_destroy(&device);
}

int main(void)
{
    char secret[DEVICE_SECRET_LEN + 1] = "";
    int level;

    CHECK(HAL_GetDeviceSecret(secret) > 0);
    device_prepare(&device, 1);
    for (level = IOT_LOG_EMERG; level <= IOT_LOG_DEBUG; level++) {
        fprintf(stderr, "---- level %d\n", level);
        IOT_SetLogLevel((IOT_LogLevel)level);
        session(secret, level == IOT_LOG_DEBUG);
        too_long(secret);
        IOT_DumpMemoryStats((IOT_LogLevel)level);
    }
    return check_end();
}
