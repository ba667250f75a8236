/* IOT_OTA_*: what each function answers in each state, and what becomes of a device around its updates. The test pushes
 * images and configurations at the steps. */
#include "support/check.h"
#include "support/device.h"

#include "exports/iot_export_ext.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct device device;
static void *ota;
static int inside; /* downloads happen in on_any() */

/* Yields until something is announced. */
static void await_announcement(void)
{
    long end = now_ms() + patience();

    while (!IOT_OTA_IsFetching(ota) && now_ms() < end) {
        IOT_MQTT_Yield(device.client, 20);
    }
    CHECK(IOT_OTA_IsFetching(ota));
}

/* Fetches to the end in pieces of `size` bytes. Returns how many bytes came, or the failure. */
static int fetch(uint32_t size)
{
    char *part = malloc(size + 1);
    long end = now_ms() + patience();
    int total = 0, count = 0;

    part[size] = 'x';
    while (!IOT_OTA_IsFetchFinish(ota) && now_ms() < end) {
        count = IOT_OTA_FetchYield(ota, part, size, 1);
        if (count < 0) {
            break;
        }
        CHECK(count < (int)size);
        CHECK_INT(part[count], 0); /* a consumer may take it for a text */
        total += count;
    }
    CHECK_INT(part[size], 'x');
    free(part);
    return count < 0 ? count : total;
}

static uint32_t ask(IOT_OTA_CmdType_t question, int expected)
{
    uint32_t answer = 77;

    CHECK_CASE("IOT_OTA_Ioctl", IOT_OTA_Ioctl(ota, question, &answer, sizeof(answer)), expected);
    return answer;
}

static void ask_text(IOT_OTA_CmdType_t question, const char *expected)
{
    char text[64], cut[4];

    memset(text, 'x', sizeof(text));
    CHECK_INT(IOT_OTA_Ioctl(ota, question, text, sizeof(text)), 0);
    CHECK(strcmp(text, expected) == 0);
    CHECK_INT(text[sizeof(text) - 1], 0);
    CHECK_INT(IOT_OTA_Ioctl(ota, question, cut, sizeof(cut)), 0);
    CHECK(strncmp(cut, expected, 3) == 0 && cut[3] == 0);
    CHECK_INT(IOT_OTA_Ioctl(ota, question, cut, 1), 0);
    CHECK_INT(cut[0], 0);
}

static void check_arguments(void)
{
    const char *pk = "a1ProdKey01", *dn = "dev-0001";
    const char *too_long = "123456789012345678901234567890123"; /* 33 */
    char buf[8];
    int on_the_stack;

    CHECK(IOT_OTA_Init(NULL, dn, device.client) == NULL);
    CHECK(IOT_OTA_Init(pk, NULL, device.client) == NULL);
    CHECK(IOT_OTA_Init(pk, dn, NULL) == NULL);
    CHECK(IOT_OTA_Init(pk, dn, &on_the_stack) == NULL);
    CHECK(IOT_OTA_Init(pk, too_long, device.client) == NULL);

    CHECK_INT(IOT_OTA_Deinit(NULL), -2);
    CHECK_INT(IOT_OTA_Deinit(&on_the_stack), -2);
    CHECK_INT(IOT_OTA_ReportVersion(NULL, "1"), -2);
    CHECK_INT(IOT_OTA_RequestImage(NULL, "1"), -2);
    CHECK_INT(IOT_OTA_ReportProgress(NULL, IOT_OTAP_GENERAL_FAILED, NULL), -2);
    CHECK_INT(IOT_OTA_GetConfig(NULL, "product", "file", ""), -2);
    CHECK_INT(IOT_OTA_IsFetching(NULL), 0);
    CHECK_INT(IOT_OTA_IsFetchFinish(NULL), 0);
    CHECK_INT(IOT_OTA_FetchYield(NULL, buf, sizeof(buf), 1), -2);
    CHECK_INT(IOT_OTA_Ioctl(NULL, IOT_OTAG_VERSION, buf, sizeof(buf)), -2);
    CHECK_INT(IOT_OTA_GetLastError(NULL), -2);
    CHECK_INT(IOT_OTA_GetFailure(NULL), -2);
}

static void check_before_anything(void)
{
    char long_text[300], buf[8];

    CHECK_INT(IOT_OTA_GetLastError(ota), 0);
    CHECK_INT(IOT_OTA_ReportVersion(ota, NULL), -2);
    CHECK_INT(IOT_OTA_GetLastError(ota), 0);
    CHECK_INT(IOT_OTA_ReportVersion(ota, ""), -1);
    CHECK_INT(IOT_OTA_GetLastError(ota), IOT_OTAE_INVALID_PARAM);
    CHECK_INT(IOT_OTA_ReportVersion(ota, "123456789012345678901234567890123"), -1);
    CHECK_INT(IOT_OTA_ReportVersion(ota, "12345678901234567890123456789012"), 0);
    CHECK_INT(IOT_OTA_ReportVersion(ota, "a \"quoted\" version"), 0);
    CHECK_INT(IOT_OTA_GetLastError(ota), IOT_OTAE_INVALID_PARAM); /* success does not clear it */

    CHECK_INT(IOT_OTA_ReportProgress(ota, (IOT_OTA_Progress_t)-5, NULL), -1);
    CHECK_INT(IOT_OTA_ReportProgress(ota, (IOT_OTA_Progress_t)101, NULL), -1);
    CHECK_INT(IOT_OTA_ReportProgress(ota, IOT_OTAP_BURN_FAILED, NULL), 0);
    CHECK_INT(IOT_OTA_ReportProgress(ota, IOT_OTAP_FETCH_PERCENTAGE_MAX, "done"), 0);
    memset(long_text, 'd', sizeof(long_text));
    long_text[sizeof(long_text) - 1] = 0;
    CHECK_INT(IOT_OTA_ReportProgress(ota, IOT_OTAP_FETCH_PERCENTAGE_MIN, long_text), -4);
    CHECK_INT(IOT_OTA_GetLastError(ota), IOT_OTAE_STR_TOO_LONG);
    CHECK_INT(IOT_OTA_GetConfig(ota, NULL, "file", ""), -2);
    CHECK_INT(IOT_OTA_GetConfig(ota, long_text, "file", ""), -4);

    CHECK_INT(IOT_OTA_FetchYield(ota, buf, sizeof(buf), 1), -3);
    CHECK_INT(IOT_OTA_GetLastError(ota), IOT_OTAE_INVALID_STATE);
    CHECK_INT(IOT_OTA_FetchYield(ota, NULL, sizeof(buf), 1), -2);
    CHECK_INT(IOT_OTA_FetchYield(ota, buf, 0, 1), -2);
    CHECK_INT(IOT_OTA_FetchYield(ota, buf, 1, 1), -2);
    CHECK_INT(IOT_OTA_Ioctl(ota, IOT_OTAG_VERSION, buf, sizeof(buf)), -3);
    CHECK_INT(IOT_OTA_Ioctl(ota, IOT_OTAG_VERSION, NULL, sizeof(buf)), -2);
    CHECK_INT(IOT_OTA_Ioctl(ota, IOT_OTAG_VERSION, buf, 0), -2);
    CHECK_INT(IOT_OTA_IsFetchFinish(ota), 0);
}

static void check_firmware(void)
{
    union {
        uint32_t aligned[3];
        char bytes[12];
    } answer;

    CHECK_INT(ask(IOT_OTAG_FETCHED_SIZE, 0), 0);
    CHECK_INT(ask(IOT_OTAG_FILE_SIZE, 0), 50000);
    CHECK_INT(ask(IOT_OTAG_CHECK_FIRMWARE, -1), 0);
    CHECK_INT(IOT_OTA_GetLastError(ota), IOT_OTAE_INVALID_STATE);
    CHECK_INT(IOT_OTA_RequestImage(ota, "1"), -1); /* one at a time */
    CHECK_INT(IOT_OTA_GetConfig(ota, "product", "file", ""), -1);

    CHECK_INT(fetch(701), 50000);
    CHECK_INT(IOT_OTA_IsFetching(ota), 0);
    CHECK_INT(IOT_OTA_IsFetchFinish(ota), 1);
    CHECK_INT(ask(IOT_OTAG_FETCHED_SIZE, 0), 50000);
    CHECK_INT(ask(IOT_OTAG_CHECK_FIRMWARE, 0), 1);
    CHECK_INT(ask(IOT_OTAG_CHECK_FIRMWARE, 0), 1); /* as often as asked */
    CHECK_INT(ask(IOT_OTAG_CHECK_CONFIG, 0), 0);   /* it is none */
    ask_text(IOT_OTAG_VERSION, "2.0.0");
    CHECK_INT(ask((IOT_OTA_CmdType_t)6, -1), 77);
    CHECK_INT(IOT_OTA_GetLastError(ota), IOT_OTAE_INVALID_PARAM);
    CHECK_INT(IOT_OTA_Ioctl(ota, IOT_OTAG_FILE_SIZE, answer.bytes, 3), -1);
    CHECK_INT(IOT_OTA_Ioctl(ota, IOT_OTAG_FILE_SIZE, answer.bytes, 5), -1);
    CHECK_INT(IOT_OTA_Ioctl(ota, IOT_OTAG_FILE_SIZE, answer.bytes + 1, 4), -1);
    CHECK_INT(IOT_OTA_FetchYield(ota, answer.bytes, sizeof(answer), 1), -3);
}

/* Downloads inside a handler of the client, as the light of V2.10's samples does. */
static void on_any(void *context, void *client, iotx_mqtt_event_msg_pt event)
{
    (void)context;
    (void)client;
    (void)event;
    if (inside && IOT_OTA_IsFetching(ota)) {
        CHECK_INT(fetch(4096), 50000);
        CHECK_INT(IOT_OTA_ReportProgress(ota, IOT_OTAP_FETCH_PERCENTAGE_MAX, NULL), 0);
    }
}

int main(void)
{
    char topic[TOPIC_SIZE];
    long end;

    device_prepare(&device, 1);
    device_connect(&device);
    check_arguments();

    ota = IOT_OTA_Init("a1ProdKey01", "dev-0001", device.client);
    CHECK(ota != NULL);
    check_before_anything();

    check_step("firmware");
    await_announcement();
    check_firmware();

    check_step("page"); /* a web page instead of it */
    await_announcement();
    CHECK_INT(ask(IOT_OTAG_FETCHED_SIZE, 0), 0);
    CHECK_INT(fetch(4096), -1);
    CHECK_INT(IOT_OTA_GetLastError(ota), IOT_OTAE_FETCH_FAILED);
    CHECK_INT(IOT_OTA_GetFailure(ota), 404);
    CHECK_INT(IOT_OTA_IsFetchFinish(ota), 1);
    CHECK_INT(ask(IOT_OTAG_CHECK_FIRMWARE, 0), 0);
    CHECK_INT(ask(IOT_OTAG_FETCHED_SIZE, 0), 0);

    check_step("again"); /* and then it is there */
    await_announcement();
    CHECK_INT(fetch(2), 50000);
    CHECK_INT(ask(IOT_OTAG_CHECK_FIRMWARE, 0), 1);

    CHECK_INT(IOT_OTA_GetFailure(ota), IOT_OTAF_NONE);
    check_step("wrong bytes");
    await_announcement();
    CHECK_INT(fetch(3000), 50000);
    CHECK_INT(ask(IOT_OTAG_CHECK_FIRMWARE, 0), 0);
    CHECK_INT(IOT_OTA_GetFailure(ota), IOT_OTAF_DIGEST);

    check_step("configuration");
    await_announcement();
    ask_text(IOT_OTAG_VERSION, "");
    ask_text(IOT_OTAG_MD5SUM, "");
    CHECK_INT(fetch(64), 1000);
    CHECK_INT(ask(IOT_OTAG_CHECK_CONFIG, 0), 1);
    CHECK_INT(ask(IOT_OTAG_CHECK_FIRMWARE, 0), 0);

    check_step("configuration by MD5");
    await_announcement();
    CHECK_INT(fetch(5000), 1000);
    CHECK_INT(ask(IOT_OTAG_CHECK_CONFIG, 0), 1);

    device_topic(topic, "/ota/device/upgrade/%s/%s");
    device_subscribe(&device, topic, 1, on_any, NULL);
    inside = 1;
    check_step("inside a handler");
    end = now_ms() + patience();
    while (ask(IOT_OTAG_FETCHED_SIZE, 0) != 50000 && now_ms() < end) {
        IOT_MQTT_Yield(device.client, 20);
    }
    CHECK_INT(ask(IOT_OTAG_CHECK_FIRMWARE, 0), 1);

    inside = 0;
    check_step("left in the middle");
    await_announcement();
    {
        char part[100];

        CHECK_INT(IOT_OTA_FetchYield(ota, part, sizeof(part), 5), 99);
    }
    CHECK_INT(IOT_OTA_Deinit(ota), 0);
    CHECK_INT(IOT_OTA_Deinit(ota), -2);
    CHECK_INT(IOT_OTA_IsFetching(ota), 0);

    check_step("nobody listens"); /* it arrives all the same, and harms nobody */
    IOT_MQTT_Yield(device.client, 300);

    ota = IOT_OTA_Init("a1ProdKey01", "dev-0001", device.client);
    CHECK(ota != NULL);
    device_destroy(&device);
    CHECK_INT(IOT_OTA_ReportVersion(ota, "1"), -1); /* the client has gone before */
    CHECK_INT(IOT_OTA_GetLastError(ota), IOT_OTAE_OSC_FAILED);
    CHECK_INT(IOT_OTA_ReportProgress(ota, IOT_OTAP_FETCH_PERCENTAGE_MIN, NULL), IOT_OTAE_OSC_FAILED);
    CHECK_INT(IOT_OTA_GetConfig(ota, "product", "file", ""), IOT_OTAE_OSC_FAILED);
    CHECK_INT(IOT_OTA_Deinit(ota), 0);
    return check_end();
}
