/* http_report: authenticates over HTTPS and reports one reading, without MQTT.
 * Exit status: 0 the platform has taken it, 1 not. */
#include "iot_export.h"
#include "iot_import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOPIC_SIZE 128

static int report(void *http)
{
    const iotx_http_t *state = http; /* what of it is shown to applications */
    static char reading[] = "{\"temperature\":21.5}";
    char topic[TOPIC_SIZE], answer[256] = "";
    iotx_http_message_param_t message;

    if (IOT_HTTP_DeviceNameAuth(http) != 0) {
        fprintf(stderr, "http: not authenticated (SAMPLE_LOG=5 tells more)\n");
        return -1;
    }
    snprintf(topic, sizeof(topic), "/topic/%s/%s/update", state->p_devinfo->product_key, state->p_devinfo->device_name);
    memset(&message, 0, sizeof(message));
    message.topic_path = topic;
    message.request_payload = reading;
    message.request_payload_len = (uint32_t)strlen(reading); /* one more would send the NUL, too */
    message.response_payload = answer;
    message.response_payload_len = sizeof(answer);
    message.timeout_ms = (uint32_t)state->timeout_ms;
    if (IOT_HTTP_SendMessage(http, &message) != 0) {
        fprintf(stderr, "http: not taken: %s\n", answer);
        return -1;
    }
    return 0;
}

int main(void)
{
    iotx_device_info_t device;
    iotx_http_param_t how;
    const char *level = getenv("SAMPLE_LOG");
    void *http;
    int result = -1;

    if (level != NULL) {
        IOT_OpenLog("sample");
        IOT_SetLogLevel((IOT_LogLevel)atoi(level));
    }
    memset(&device, 0, sizeof(device));
    if (HAL_GetProductKey(device.product_key) <= 0 || HAL_GetDeviceName(device.device_name) <= 0
        || HAL_GetDeviceSecret(device.device_secret) <= 0 || HAL_GetDeviceID(device.device_id) <= 0) {
        fprintf(stderr, "http: PRODUCT_KEY, DEVICE_NAME and DEVICE_SECRET say who the device is\n");
        return 1;
    }
    memset(&how, 0, sizeof(how));
    how.device_info = &device;
    how.timeout_ms = 5000;
    http = IOT_HTTP_Init(&how);
    if (http != NULL) {
        result = report(http);
        IOT_HTTP_Disconnect(http);
        IOT_HTTP_DeInit(&http);
    }
    printf("http: %s\n", result == 0 ? "reported" : "failed");
    return result == 0 ? 0 : 1;
}
