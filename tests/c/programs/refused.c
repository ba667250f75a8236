/* Servers whose certificates are not to be trusted: there is no client, and a client that exists stays away.
 * The test changes the server's certificate at each step; at "impostor" it closes the connection, too. */
#include "support/check.h"
#include "support/device.h"

#include <stddef.h>

static struct device device;

int main(void)
{
    static const char *const bad[] = { "expired", "not yet valid", "wrong name", "unknown CA", "self-signed" };
    long end;
    size_t i;

    device_prepare(&device, 1);
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        check_step(bad[i]);
        CHECK_CASE(bad[i], IOT_MQTT_Construct(&device.how) == NULL, 1);
    }
    check_step("good");
    device_connect(&device);

    check_step("impostor");
    device_await(&device, IOTX_MQTT_EVENT_DISCONNECT, -1);
    end = now_ms() + 4000; /* tries after one second and after three */
    while (now_ms() < end) {
        IOT_MQTT_Yield(device.client, 100);
    }
    CHECK_INT(IOT_MQTT_CheckStateNormal(device.client), 0);
    CHECK_INT(device_seen(&device, IOTX_MQTT_EVENT_RECONNECT, -1), 0);

    check_step("good again");
    device_await(&device, IOTX_MQTT_EVENT_RECONNECT, -1);
    device_destroy(&device);
    return check_end();
}
