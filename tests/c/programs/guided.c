/* IOT_SetupConnInfo asks the platform where to connect, and so does each reconnect. The test refuses, and loses the
 * connection, at the steps. */
#include "support/check.h"
#include "support/device.h"
#include "support/hal.h"

#include <stdlib.h>
#include <string.h>

#define STRANGE 6

int main(void)
{
    static struct device device;
    static char update[TOPIC_SIZE];
    char first[PASSWORD_LEN + 1];
    void *info = &device;
    int id, i;

    device_prepare(&device, 1); /* asks, and is granted */
    CHECK(strstr(device.client_id, "|securemode=-1,") != NULL);
    CHECK(strcmp(device.host, "localhost") == 0);
    CHECK(strchr(device.username, '&') == NULL);

    CHECK_INT(IOT_SetupConnInfo(getenv("PRODUCT_KEY"), getenv("DEVICE_NAME"), "another secret", &info), -1);
    CHECK(info == NULL);
    check_step("strange answers");
    for (i = 0; i < STRANGE; i++) {
        info = &device;
        CHECK_INT(IOT_SetupConnInfo(getenv("PRODUCT_KEY"), getenv("DEVICE_NAME"), getenv("DEVICE_SECRET"), &info), -1);
        CHECK(info == NULL);
    }
    CHECK_INT(IOT_SetupConnInfo(getenv("PRODUCT_KEY"), getenv("DEVICE_NAME"), getenv("DEVICE_SECRET"), &info), 0);
    CHECK(info != NULL);

    /* As applications do: the strings are the library's own, which renews them. */
    device.how.host = ((iotx_conn_info_pt)info)->host_name;
    device.how.username = ((iotx_conn_info_pt)info)->username;
    device.how.password = ((iotx_conn_info_pt)info)->password;
    strcpy(first, device.how.password);
    device_connect(&device);
    device_topic(update, "/%s/%s/update");
    id = device_publish(&device, update, 1, "before");
    device_await(&device, IOTX_MQTT_EVENT_PUBLISH_SUCCESS, id);

    check_step("lose");
    device_await(&device, IOTX_MQTT_EVENT_RECONNECT, 0);
    CHECK(strcmp(first, device.how.password) != 0);
    id = device_publish(&device, update, 1, "after");
    device_await(&device, IOTX_MQTT_EVENT_PUBLISH_SUCCESS, id);
    device_destroy(&device);
    return check_end();
}
