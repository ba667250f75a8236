/* IOT_HTTP_*: what each function answers, against the platform's web server. The test makes the server misbehave at the
 * steps. */
#include "support/check.h"
#include "support/device.h"

#include "exports/iot_export_http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *http;
static char answer[1024];

static int post_to(const char *path, const char *payload, uint32_t len, uint32_t room)
{
    static char topic[300], text[64];
    iotx_http_message_param_t message;
    int result;

    memset(&message, 0, sizeof(message));
    snprintf(topic, sizeof(topic), "%s", path);
    snprintf(text, sizeof(text), "%s", payload);
    memset(answer, 'x', sizeof(answer));
    message.topic_path = topic;
    message.request_payload = text;
    message.request_payload_len = len;
    message.response_payload = answer;
    message.response_payload_len = room;
    message.timeout_ms = 2000;
    result = IOT_HTTP_SendMessage(http, &message);
    CHECK(message.request_payload_len <= len);
    CHECK(message.request_payload_len <= strlen(payload) + 1);
    return result;
}

static int post(const char *payload)
{
    return post_to("/topic/a1ProdKey01/dev-0001/update", payload, (uint32_t)strlen(payload) + 1, sizeof(answer));
}

static void check_arguments(void)
{
    iotx_http_message_param_t message;
    char topic[] = "/topic/x", text[] = "x";
    void *nothing = NULL, *strange = &message;

    CHECK_INT(IOT_HTTP_DeviceNameAuth(NULL), -1);
    CHECK_INT(IOT_HTTP_DeviceNameAuth(strange), -1);
    IOT_HTTP_Disconnect(NULL);
    IOT_HTTP_Disconnect(strange);
    IOT_HTTP_DeInit(NULL);
    IOT_HTTP_DeInit(&nothing);
    IOT_HTTP_DeInit(&strange);
    CHECK(strange == &message);

    CHECK_INT(post("before authentication"), -1);
    CHECK_INT(IOT_HTTP_SendMessage(http, NULL), -1);
    CHECK_INT(IOT_HTTP_DeviceNameAuth(http), 0);
    memset(&message, 0, sizeof(message));
    message.request_payload_len = 1;
    message.response_payload_len = sizeof(answer);
    message.timeout_ms = 2000;
    message.topic_path = topic;
    message.request_payload = text;
    CHECK_INT(IOT_HTTP_SendMessage(http, &message), -1);
    message.response_payload = answer;
    message.request_payload = NULL;
    CHECK_INT(IOT_HTTP_SendMessage(http, &message), -1);
    message.request_payload = text;
    message.topic_path = NULL;
    CHECK_INT(IOT_HTTP_SendMessage(http, &message), -1);
    message.topic_path = topic;
    message.response_payload_len = 0;
    CHECK_INT(IOT_HTTP_SendMessage(http, &message), -1);
    CHECK_INT(IOT_HTTP_SendMessage(NULL, &message), -1);
    CHECK_INT(post_to("topic/a1ProdKey01/dev-0001/update", "x", 1, sizeof(answer)), -1);
    CHECK_INT(post_to("/topic/a1ProdKey01/dev-0001/a b", "x", 1, sizeof(answer)), -1);
    CHECK_INT(post_to("/topic/a1ProdKey01/dev-0001/\r\nX: y", "x", 1, sizeof(answer)), -1);
}

int main(int argc, char **argv)
{
    iotx_device_info_t info;
    iotx_http_param_t how;
    iotx_http_pt shown;
    char path[300];
    int i, codes = argc > 1 ? atoi(argv[1]) : 0;

    memset(&info, 0, sizeof(info));
    memset(&how, 0, sizeof(how));
    CHECK(IOT_HTTP_Init(NULL) == NULL);
    CHECK(IOT_HTTP_Init(&how) == NULL);
    snprintf(info.product_key, sizeof(info.product_key), "%s", getenv("PRODUCT_KEY"));
    snprintf(info.device_name, sizeof(info.device_name), "%s", getenv("DEVICE_NAME"));
    snprintf(info.device_id, sizeof(info.device_id), "%s.%s", info.product_key, info.device_name);
    snprintf(info.device_secret, sizeof(info.device_secret), "%s", getenv("DEVICE_SECRET"));
    how.device_info = &info;
    how.keep_alive = 1;
    how.timeout_ms = 5000;
    IOT_OpenLog("http");
    IOT_SetLogLevel(IOT_LOG_DEBUG);

    http = IOT_HTTP_Init(&how);
    CHECK(http != NULL);
    CHECK(IOT_HTTP_Init(&how) == NULL); /* there is one */
    shown = http;
    CHECK(strcmp(shown->p_devinfo->product_key, info.product_key) == 0);
    CHECK(strcmp(shown->p_devinfo->device_name, info.device_name) == 0);
    CHECK_INT(shown->timeout_ms, 5000);
    CHECK_INT(shown->keep_alive, 1);
    CHECK_INT(shown->is_authed, 0);
    CHECK_INT(shown->auth_token_len, 193);
    CHECK(shown->httpc != NULL && shown->p_auth_token[0] == 0);
    memset(&info, 'x', sizeof(info)); /* it was copied */
    check_arguments();
    CHECK_INT(shown->is_authed, 1);
    CHECK(strlen(shown->p_auth_token) > 0);

    check_step("messages");
    CHECK_INT(post("{\"a\":1}"), 0);
    CHECK(strstr(answer, "\"messageId\"") != NULL);
    CHECK_INT(post_to("/topic/a1ProdKey01/dev-0001/update", "cut here", 3, sizeof(answer)), 0);
    CHECK_INT(post_to("/topic/a1ProdKey01/dev-0001/update", "", 0, sizeof(answer)), 0);
    snprintf(path, sizeof(path), "/topic/a1ProdKey01/dev-0001/%0100d", 1);
    CHECK_INT(post_to(path, "long", 5, sizeof(answer)), 0);
    CHECK_INT(post_to("/topic/a1ProdKey01/somebody-else/update", "x", 2, sizeof(answer)), -1);
    CHECK(strstr(answer, "30001") != NULL); /* the application may read why */
    IOT_HTTP_Disconnect(http);
    CHECK_INT(post("after a disconnect"), 0);

    check_step("a small buffer");
    CHECK_INT(post_to("/topic/a1ProdKey01/dev-0001/update", "x", 2, 10), -1);
    CHECK(strlen(answer) == 9 && answer[10] == 'x');
    CHECK_INT(post("and the next is well"), 0);

    for (i = 0; i < codes; i++) {
        check_step("code");
        CHECK_INT(post("x"), -1);
        CHECK(strncmp(answer, "{\"code\":", 8) == 0);
    }
    check_step("expired");
    CHECK_INT(post("with another token"), 0);

    check_step("strange answers");
    CHECK_INT(post("1"), -1);
    CHECK_INT(post("2"), -1);
    CHECK_INT(post("3"), ERROR_HTTP_CONN); /* none, twice */
    CHECK_INT(post("4"), 0);  /* status 500, but the answer says that all is well */
    CHECK_INT(post("5"), -1); /* late */

    check_step("no token");
    CHECK_INT(IOT_HTTP_DeviceNameAuth(http), -1);
    CHECK_INT(shown->is_authed, 0);
    CHECK_INT(IOT_HTTP_DeviceNameAuth(http), -1);
    CHECK_INT(IOT_HTTP_DeviceNameAuth(http), -1);
    CHECK_INT(post("not authenticated"), -1);
    CHECK_INT(IOT_HTTP_DeviceNameAuth(http), 0);
    CHECK_INT(shown->is_authed, 1);

    {
        void *handle = http;

        IOT_HTTP_DeInit(&handle); /* with a connection that was kept */
        CHECK(handle == http);
        IOT_HTTP_DeInit(&handle); /* which is nothing now */
        CHECK_INT(IOT_HTTP_DeviceNameAuth(handle), -1);
    }
    return check_end();
}
