/* Connecting that fails, again and again, leaves nothing behind, and the same parameters work when the trouble is over.
 * The test makes the server refuse, go silent or go away: see the steps. */
#include "support/check.h"
#include "support/device.h"
#include "support/hal.h"

#include "iot_import.h"

#include <stdio.h>
#include <string.h>

static struct device device;

static void check_fails(const char *why, int times)
{
    int i;

    for (i = 0; i < times; i++) {
        CHECK_CASE(why, IOT_MQTT_Construct(&device.how) == NULL, 1);
        CHECK_CASE(why, hal_bytes(), 0);
        CHECK_CASE(why, hal_mutexes(), 0);
    }
}

static void check_works(void)
{
    char topic[TOPIC_SIZE];
    int id;

    device_connect(&device);
    id = device_publish(&device, device_topic(topic, "/%s/%s/update"), 1, "x");
    device_await(&device, IOTX_MQTT_EVENT_PUBLISH_SUCCESS, id);
    device_destroy(&device);
    CHECK_INT(hal_bytes(), 0);
    CHECK_INT(hal_mutexes(), 0);
}

static void wrong_password(void)
{
    device.password[0] ^= 1;
    check_fails("wrong password", 20);
    device.password[0] ^= 1;
    check_works();
}

static void refused(void)
{
    char step[20];
    int code;

    for (code = 1; code <= 6; code++) {
        snprintf(step, sizeof(step), "refuse %d", code == 6 ? 255 : code);
        check_step(step); /* CONNACK with this return code */
        check_fails(step, 2);
    }
    check_step("silent"); /* no CONNACK */
    check_fails("no CONNACK", 2);
    check_step("split"); /* CONNACK in two pieces */
    check_works();
    check_step("close"); /* as soon as the connection is accepted */
    check_fails("closed", 2);
    check_step("leave"); /* nobody listens */
    check_fails("connection refused", 20);
    check_step("return");
    check_works();
}

/* Each allocation of connecting fails in turn, until none is left to fail. */
static void without_memory(void)
{
    long which;

    for (which = 0; which < 1000 && device.client == NULL; which++) {
        hal_fail_allocation(which);
        device.client = IOT_MQTT_Construct(&device.how);
        hal_fail_allocation(-1);
        if (device.client == NULL) {
            CHECK_CASE("bytes after a failed allocation", hal_bytes(), 0);
            CHECK_CASE("mutexes after a failed allocation", hal_mutexes(), 0);
        }
    }
    CHECK(which > 1 && which < 1000); /* there were some to fail */
    device_destroy(&device);
}

int main(void)
{
    device_prepare(&device, 1);
    check_works();
    wrong_password();
    refused();
    without_memory();
    return check_end();
}
