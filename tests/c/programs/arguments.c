/* Every function with every pointer NULL, with handles that are none or no more, and with numbers out of range. */
#include "support/check.h"
#include "support/device.h"

#include "iot_import.h"
#include "lite-utils.h"
#include "utils_hmac.h"

#include <stdio.h>
#include <string.h>

static struct device device;

static void nothing(void *context, void *client, iotx_mqtt_event_msg_pt event)
{
    (void)context;
    (void)client;
    (void)event;
}

static void logging(void)
{
    IOT_OpenLog(NULL);
    IOT_OpenLog("");
    IOT_OpenLog("a name of more than seven letters");
    IOT_SetLogLevel((IOT_LogLevel)-1);
    IOT_SetLogLevel((IOT_LogLevel)6);
    IOT_DumpMemoryStats((IOT_LogLevel)99);
    IOT_CloseLog();
    IOT_CloseLog();
}

static void connection_info(void)
{
    static const char key20[] = "12345678901234567890", key21[] = "123456789012345678901";
    static const char name32[] = "12345678901234567890123456789012";
    static const char name33[] = "123456789012345678901234567890123";
    static char secret64[65], secret65[66];
    void *info = NULL, *again = NULL;

    memset(secret64, 's', 64);
    memset(secret65, 's', 65);
    CHECK_INT(IOT_SetupConnInfo("pk", "dn", "ds", NULL), -1);
    CHECK_INT(IOT_SetupConnInfo(NULL, "dn", "ds", &info), -1);
    CHECK_INT(IOT_SetupConnInfo("pk", NULL, "ds", &info), -1);
    CHECK_INT(IOT_SetupConnInfo("pk", "dn", NULL, &info), -1);
    CHECK_INT(IOT_SetupConnInfo("", "dn", "ds", &info), -1);
    CHECK_INT(IOT_SetupConnInfo("pk", "", "ds", &info), -1);
    CHECK_INT(IOT_SetupConnInfo("pk", "dn", "", &info), -1);
    CHECK_INT(IOT_SetupConnInfo(key21, "dn", "ds", &info), -1);
    CHECK_INT(IOT_SetupConnInfo("pk", name33, "ds", &info), -1);
    CHECK_INT(IOT_SetupConnInfo("pk", "dn", secret65, &info), -1);
    CHECK_INT(IOT_SetupConnInfo(key20, name32, secret64, &info), 0);
    CHECK_INT(IOT_SetupConnInfo("pk", "dn", "ds", &again), 0);
    CHECK(info != NULL && info == again);

    CHECK_INT(IOT_SetupConnInfoSecure("pk", "dn", "ds", NULL), -1);
    CHECK_INT(IOT_SetupConnInfoSecure(NULL, "dn", "ds", &info), -1);
    CHECK_INT(IOT_SetupConnInfoSecure("pk", NULL, "ds", &info), -1);
    CHECK_INT(IOT_SetupConnInfoSecure("pk", "dn", NULL, &info), -1);
}

static void helpers(void)
{
    char json[] = "{\"a\":1}", key[] = "a", digest[41] = "untouched";
    char *value = LITE_json_value_of(key, NULL);

    CHECK(value == NULL);
    value = LITE_json_value_of(NULL, json);
    CHECK(value == NULL);
    value = LITE_format_string(NULL);
    CHECK(value == NULL);
    LITE_free(value);
    utils_hmac_sha1(NULL, 1, digest, "key", 3);
    utils_hmac_sha1("text", 4, digest, NULL, 3);
    utils_hmac_md5(NULL, 1, digest, "key", 3);
    utils_hmac_md5("text", 4, digest, NULL, 3);
    CHECK(strcmp(digest, "untouched") == 0);
    utils_hmac_sha1("text", 4, NULL, "key", 3);
    utils_hmac_md5("text", 4, NULL, "key", 3);
}

static void construct(void)
{
    const char **strings[] = { &device.how.host, &device.how.client_id, &device.how.username, &device.how.password };
    uint32_t size;
    size_t i;

    CHECK(IOT_MQTT_Construct(NULL) == NULL);
    CHECK(IOT_MQTT_ConstructSecure(NULL) == NULL);
    for (i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
        const char *kept = *strings[i];

        *strings[i] = NULL;
        CHECK(IOT_MQTT_Construct(&device.how) == NULL);
        *strings[i] = "";
        CHECK(IOT_MQTT_Construct(&device.how) == NULL);
        *strings[i] = kept;
    }
    device.how.pwrite_buf = NULL;
    CHECK(IOT_MQTT_Construct(&device.how) == NULL);
    device.how.pwrite_buf = device.write_buffer;
    device.how.pread_buf = NULL;
    CHECK(IOT_MQTT_Construct(&device.how) == NULL);
    device.how.pread_buf = device.read_buffer;
    for (size = 0; size < 100; size += 11) { /* CONNECT of this device is longer */
        device.how.write_buf_size = size;
        CHECK(IOT_MQTT_Construct(&device.how) == NULL);
    }
    device.how.write_buf_size = sizeof(device.write_buffer);
    for (size = 0; size < 5; size++) {
        device.how.read_buf_size = size;
        CHECK(IOT_MQTT_Construct(&device.how) == NULL);
    }
    device.how.read_buf_size = sizeof(device.read_buffer);
}

/* What each call says of a handle that is none. */
static void bad_handle(const char *which, void *handle)
{
    iotx_mqtt_topic_info_t message;
    void *copy = handle;

    printf("handle: %s\n", which);
    memset(&message, 0, sizeof(message));
    CHECK_INT(IOT_MQTT_Yield(handle, 1), NULL_VALUE_ERROR);
    CHECK_INT(IOT_MQTT_CheckStateNormal(handle), NULL_VALUE_ERROR);
    CHECK_INT(IOT_MQTT_Disable_Reconnect(handle), FAIL_RETURN);
    CHECK_INT(IOT_MQTT_Subscribe(handle, "/t", IOTX_MQTT_QOS0, nothing, NULL), NULL_VALUE_ERROR);
    CHECK_INT(IOT_MQTT_Unsubscribe(handle, "/t"), NULL_VALUE_ERROR);
    CHECK_INT(IOT_MQTT_Publish(handle, "/t", &message), NULL_VALUE_ERROR);
    CHECK_INT(IOT_MQTT_Destroy(&copy), NULL_VALUE_ERROR);
}

static void calls(void)
{
    char topic[TOPIC_SIZE];
    iotx_mqtt_topic_info_t message;
    int qos;

    memset(&message, 0, sizeof(message));
    device_topic(topic, "/%s/%s/update");

    CHECK_INT(IOT_MQTT_CheckStateNormal(device.client), 1);
    CHECK_INT(IOT_MQTT_Yield(device.client, -1), FAIL_RETURN);
    CHECK_INT(IOT_MQTT_Yield(device.client, 0), SUCCESS_RETURN);

    CHECK_INT(IOT_MQTT_Subscribe(device.client, NULL, IOTX_MQTT_QOS0, nothing, NULL), NULL_VALUE_ERROR);
    CHECK_INT(IOT_MQTT_Subscribe(device.client, "", IOTX_MQTT_QOS0, nothing, NULL), NULL_VALUE_ERROR);
    CHECK_INT(IOT_MQTT_Subscribe(device.client, topic, IOTX_MQTT_QOS0, NULL, NULL), NULL_VALUE_ERROR);
    CHECK_INT(IOT_MQTT_Subscribe(device.client, "no slash", IOTX_MQTT_QOS0, nothing, NULL), MQTT_TOPIC_FORMAT_ERROR);
    CHECK(IOT_MQTT_Subscribe(device.client, topic, (iotx_mqtt_qos_t)77, nothing, NULL) > 0);

    CHECK_INT(IOT_MQTT_Unsubscribe(device.client, NULL), NULL_VALUE_ERROR);
    CHECK_INT(IOT_MQTT_Unsubscribe(device.client, ""), NULL_VALUE_ERROR);
    CHECK_INT(IOT_MQTT_Unsubscribe(device.client, "no slash"), MQTT_TOPIC_FORMAT_ERROR);

    CHECK_INT(IOT_MQTT_Publish(device.client, NULL, &message), NULL_VALUE_ERROR);
    CHECK_INT(IOT_MQTT_Publish(device.client, "", &message), NULL_VALUE_ERROR);
    CHECK_INT(IOT_MQTT_Publish(device.client, topic, NULL), NULL_VALUE_ERROR);
    CHECK_INT(IOT_MQTT_Publish(device.client, "no slash", &message), MQTT_TOPIC_FORMAT_ERROR);
    CHECK_INT(IOT_MQTT_Publish(device.client, topic, &message), SUCCESS_RETURN); /* (NULL, 0): an empty message */
    message.payload_len = 1;
    CHECK_INT(IOT_MQTT_Publish(device.client, topic, &message), NULL_VALUE_ERROR);
    message.payload_len = 0;
    for (qos = 2; qos < 256; qos++) {
        message.qos = (uint8_t)qos;
        CHECK_INT(IOT_MQTT_Publish(device.client, topic, &message), MQTT_PUBLISH_QOS_ERROR);
    }
    CHECK_INT(IOT_MQTT_CheckStateNormal(device.client), 1);
}

int main(void)
{
    void *null = NULL, *stale;
    char elsewhere[4096];

    logging();
    connection_info();
    helpers();
    device_prepare(&device, 1);
    construct();

    memset(elsewhere, 0x11, sizeof(elsewhere));
    CHECK_INT(IOT_MQTT_Destroy(NULL), NULL_VALUE_ERROR);
    CHECK_INT(IOT_MQTT_Destroy(&null), NULL_VALUE_ERROR);
    bad_handle("NULL", NULL);
    bad_handle("foreign, before there is a client", elsewhere);
    device_connect(&device);
    calls();
    bad_handle("foreign", elsewhere);
    bad_handle("beside the client", (char *)device.client + 1);
    bad_handle("inside the parameters", &device.how);
    stale = device.client;
    device_destroy(&device);
    CHECK_INT(IOT_MQTT_Destroy(&device.client), NULL_VALUE_ERROR);
    bad_handle("destroyed", stale);
    return check_end();
}
