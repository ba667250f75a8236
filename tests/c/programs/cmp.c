/* IOT_CMP_*: events and messages of the one connection of a process. The test publishes, refuses and disconnects at the
 * steps. */
#define CMP_ENABLED
#define SERVICE_OTA_ENABLED

#include "support/check.h"
#include "support/device.h"
#include "support/hal.h"

#include "iot_import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SYS IOTX_CMP_URI_SYS
#define WHOLE IOTX_CMP_URI_UNDEFINE
#define RAW IOTX_CMP_MESSAGE_RAW
#define REQUEST IOTX_CMP_MESSAGE_REQUEST
#define RESPONSE IOTX_CMP_MESSAGE_RESPONSE
#define LARGE 20000

/* What was told, in order. */
static struct {
    int who, event, result, type;
    char uri[160];
} told[400];
static int told_count;

/* The last message. */
static struct {
    int count, id, code, type, shape;
    char uri[128], method[32], parameter[LARGE + 1];
    unsigned length, longest; /* of those that are all 'x' */
    const char *user;
} got;

static int first, second, missing_id;
static char own_get[TOPIC_SIZE], own_update[TOPIC_SIZE];

/* In front of the port's. */
int HAL_GetDeviceID(char *id)
{
    strcpy(id, missing_id ? "" : "a1ProdKey01.dev-0001");
    return (int)strlen(id);
}

static void on_event(void *context, iotx_cmp_event_msg_pt msg, void *user)
{
    int who = user == &first ? 1 : 2;

    CHECK(context != NULL);
    CHECK_INT(hal_held(), 0);
    if (told_count == (int)(sizeof(told) / sizeof(*told))) {
        return;
    }
    told[told_count].who = who;
    told[told_count].event = msg->event_id;
    told[told_count].result = 0;
    told[told_count].type = 0;
    told[told_count].uri[0] = 0;
    if (msg->event_id >= IOTX_CMP_EVENT_REGISTER_RESULT) {
        iotx_cmp_event_result_pt result = msg->msg;

        told[told_count].result = result->result;
        told[told_count].type = (int)result->URI_type;
        snprintf(told[told_count].uri, sizeof(told->uri), "%s", result->URI);
    } else {
        CHECK(msg->msg == NULL);
    }
    told_count++;
}

/* How often one was told of this from `from` on; of any URI if that is NULL. */
static int seen(int from, int who, int event, int result, const char *uri, int type)
{
    int i, count = 0;

    for (i = from; i < told_count; i++) {
        count += told[i].who == who && told[i].event == event && told[i].result == result &&
                 (uri == NULL || (strcmp(told[i].uri, uri) == 0 && told[i].type == type));
    }
    return count;
}

/* Yields until both were told once. */
static void await(int from, int event, int result, const char *uri, int type)
{
    long end = now_ms() + patience();

    while (seen(from, 2, event, result, uri, type) == 0 && now_ms() < end) {
        CHECK_INT(IOT_CMP_Yield(20, NULL), 0);
    }
    CHECK_CASE(uri != NULL ? uri : "event", seen(from, 1, event, result, uri, type), 1);
    CHECK_CASE(uri != NULL ? uri : "event", seen(from, 2, event, result, uri, type), 1);
}

static void on_message(iotx_cmp_send_peer_pt source, iotx_cmp_message_info_pt msg, void *user)
{
    CHECK_INT(hal_held(), 0);
    CHECK(strcmp(source->product_key, "a1ProdKey01") == 0 && strcmp(source->device_name, "dev-0001") == 0);
    got.count++;
    got.id = msg->id;
    got.code = (int)msg->code;
    got.type = (int)msg->URI_type;
    got.shape = (int)msg->message_type;
    got.user = user;
    snprintf(got.uri, sizeof(got.uri), "%s", msg->URI);
    snprintf(got.method, sizeof(got.method), "%s", msg->method != NULL ? msg->method : "-");
    got.length = msg->parameter_length;
    if (got.length > got.longest && strspn(msg->parameter, "x") == got.length) {
        got.longest = got.length;
    }
    if (msg->parameter_length < sizeof(got.parameter)) {
        memcpy(got.parameter, msg->parameter, msg->parameter_length + 1); /* with its NUL */
    }
}

/* Yields until that many messages have come. */
static void await_messages(int count)
{
    long end = now_ms() + patience();

    while (got.count < count && now_ms() < end) {
        CHECK_INT(IOT_CMP_Yield(20, NULL), 0);
    }
    CHECK_INT(got.count, count);
}

static int init(iotx_cmp_event_handle_func_fpt function, void *user)
{
    iotx_cmp_init_param_t param;

    memset(&param, 0, sizeof(param));
    param.secret_type = IOTX_CMP_DEVICE_SECRET_DEVICE;
    param.domain_type = IOTX_CMP_CLOUD_DOMAIN_SH;
    param.event_func = function;
    param.user_data = user;
    return IOT_CMP_Init(&param, NULL);
}

static int register_uri(const char *uri, int type, int shape, iotx_cmp_register_func_fpt function, const char *user)
{
    iotx_cmp_register_param_t param;

    memset(&param, 0, sizeof(param));
    param.URI = (char *)uri;
    param.URI_type = (iotx_cmp_uri_types_t)type;
    param.message_type = (iotx_cmp_message_types_t)shape;
    param.register_func = function;
    param.user_data = (void *)user;
    return IOT_CMP_Register(&param, NULL);
}

static int unregister_uri(const char *uri, int type)
{
    iotx_cmp_unregister_param_t param;

    param.URI = (char *)uri;
    param.URI_type = (iotx_cmp_uri_types_t)type;
    return IOT_CMP_Unregister(&param, NULL);
}

/* Sends; `id` is what goes out, and comes back. */
static int send_message(const char *uri, int type, int shape, int *id, const char *parameter, unsigned length)
{
    iotx_cmp_message_info_t message;
    int sent;

    memset(&message, 0, sizeof(message));
    message.id = *id;
    message.ack_type = IOTX_CMP_MESSAGE_NEED_ACK;
    message.URI = (char *)uri;
    message.URI_type = (iotx_cmp_uri_types_t)type;
    message.message_type = (iotx_cmp_message_types_t)shape;
    message.code = 200;
    message.method = shape == REQUEST ? "thing.event.property.post" : NULL;
    message.parameter = (void *)parameter;
    message.parameter_length = length;
    sent = IOT_CMP_Send(NULL, &message, NULL);
    *id = message.id;
    return sent;
}

static void check_without_cmp(void)
{
    int id = 1;

    CHECK_INT(register_uri(own_get, WHOLE, RAW, on_message, NULL), -1);
    CHECK_INT(unregister_uri(own_get, WHOLE), -1);
    CHECK_INT(send_message(own_update, WHOLE, RAW, &id, "x", 1), -1);
    CHECK_INT(IOT_CMP_Send_Sync(NULL, NULL, NULL), -1);
    CHECK_INT(IOT_CMP_Yield(10, NULL), -1);
    CHECK_INT(IOT_CMP_OTA_Start((char *)"1", NULL), -1);
    CHECK_INT(IOT_CMP_OTA_Set_Callback(IOTX_CMP_OTA_TYPE_FOTA, (void *)(uintptr_t)on_event, NULL, NULL), -1);
    CHECK_INT(IOT_CMP_OTA_Get_Config("product", "file", "", NULL), -1);
    CHECK_INT(IOT_CMP_OTA_Request_Image("1", NULL), -1);
    CHECK_INT(IOT_CMP_OTA_Yield(NULL), -1);
    CHECK_INT(IOT_CMP_Deinit(NULL), -1);
}

/* Nobody is there at first. */
static void check_offline(void)
{
    long begun;
    int id = 0;

    missing_id = 1;
    CHECK_INT(IOT_CMP_Init(NULL, NULL), -1);
    CHECK_INT(init(on_event, &first), -1);
    missing_id = 0;
    check_step("nobody is there");
    CHECK_INT(init(on_event, &first), 0);
    CHECK_INT(init(on_event, &second), 0);
    CHECK_INT(init(NULL, NULL), 0);
    CHECK_INT(told_count, 0);
    CHECK_INT(register_uri(own_get, WHOLE, RAW, on_message, NULL), -1);
    CHECK_INT(unregister_uri(own_get, WHOLE), -1);
    CHECK_INT(told_count, 0);
    CHECK_INT(send_message(own_update, WHOLE, RAW, &id, "x", 1), -1);
    CHECK_INT(id, 1);
    CHECK_INT(seen(0, 1, IOTX_CMP_EVENT_SEND_RESULT, -1, own_update, 0), 1);
    CHECK_INT(seen(0, 2, IOTX_CMP_EVENT_SEND_RESULT, -1, own_update, 0), 1);
    CHECK_INT(IOT_CMP_OTA_Start((char *)"1", NULL), -1);
    begun = now_ms();
    CHECK_INT(IOT_CMP_Yield(100, NULL), 0); /* the next attempt is not due yet */
    CHECK(now_ms() - begun >= 95);
    CHECK_INT(IOT_CMP_Yield(-1, NULL), 0);
    check_step("somebody is there");
    await(0, IOTX_CMP_EVENT_CLOUD_CONNECTED, 0, NULL, 0);
    CHECK(now_ms() - begun >= 500);
    check_step("connected");
    CHECK_INT(IOT_CMP_Deinit(NULL), 0);
    CHECK_INT(IOT_CMP_Deinit(NULL), -1);
    told_count = 0;
}

static void check_registering(void)
{
    char long_uri[300];
    int from, i, accepted;

    memset(long_uri, 'u', sizeof(long_uri));
    long_uri[0] = '/';
    long_uri[256] = 0;
    CHECK_INT(IOT_CMP_Register(NULL, NULL), -1);
    CHECK_INT(IOT_CMP_Unregister(NULL, NULL), -1);
    CHECK_INT(register_uri(NULL, WHOLE, RAW, on_message, NULL), -1);
    CHECK_INT(register_uri("", WHOLE, RAW, on_message, NULL), -1);
    CHECK_INT(register_uri(long_uri, WHOLE, RAW, on_message, NULL), -1);
    CHECK_INT(register_uri(own_get, 0, RAW, on_message, NULL), -1);
    CHECK_INT(register_uri(own_get, 4, RAW, on_message, NULL), -1);
    CHECK_INT(register_uri(own_get, WHOLE, 0, on_message, NULL), -1);
    CHECK_INT(register_uri(own_get, WHOLE, 4, on_message, NULL), -1);

    from = told_count;
    CHECK_INT(unregister_uri("/nobody/has/it", WHOLE), -1); /* the platform is told all the same */
    await(from, IOTX_CMP_EVENT_UNREGISTER_RESULT, 0, "/nobody/has/it", WHOLE);

    from = told_count;
    CHECK_INT(register_uri(own_get, WHOLE, REQUEST, on_message, "get"), 0);
    CHECK_INT(register_uri(own_get, WHOLE, RAW, on_message, "get"), -1);
    await(from, IOTX_CMP_EVENT_REGISTER_RESULT, 0, own_get, WHOLE);
    CHECK_INT(register_uri("thing/event/property/post_reply", SYS, RESPONSE, on_message, "reply"), 0);
    await(from, IOTX_CMP_EVENT_REGISTER_RESULT, 0, "thing/event/property/post_reply", SYS);
    CHECK_INT(register_uri("thing/event/property/post", SYS, RAW, NULL, NULL), 0); /* what another begins with */
    CHECK_INT(register_uri("thing/model/down_raw", SYS, RAW, on_message, "raw"), 0);
    await(from, IOTX_CMP_EVENT_REGISTER_RESULT, 0, "thing/model/down_raw", SYS);

    check_step("refuse");
    from = told_count;
    CHECK_INT(register_uri("x", IOTX_CMP_URI_EXT, RAW, on_message, NULL), 0);
    await(from, IOTX_CMP_EVENT_REGISTER_RESULT, -1, "x", IOTX_CMP_URI_EXT);
    check_step("grant");
    from = told_count;
    CHECK_INT(register_uri("x", IOTX_CMP_URI_EXT, RAW, on_message, NULL), 0); /* again, without unregistering */
    await(from, IOTX_CMP_EVENT_REGISTER_RESULT, -1, "x", IOTX_CMP_URI_EXT);
    CHECK_INT(unregister_uri("x", IOTX_CMP_URI_EXT), 0);
    CHECK_INT(register_uri("not a topic", WHOLE, RAW, on_message, NULL), 0);
    CHECK_INT(seen(from, 1, IOTX_CMP_EVENT_REGISTER_RESULT, -1, "not a topic", WHOLE), 1); /* at once */
    CHECK_INT(unregister_uri("not a topic", WHOLE), 0);

    /* 4 are there. */
    for (i = accepted = 0; i < 260; i++) {
        char uri[32];

        snprintf(uri, sizeof(uri), "not a topic %d", i);
        told_count = 0;
        accepted += register_uri(uri, WHOLE, RAW, on_message, NULL) == 0;
    }
    CHECK_INT(accepted, 252);
    CHECK_INT(seen(0, 1, IOTX_CMP_EVENT_REGISTER_RESULT, -1, "not a topic 259", 0), 1);
    for (i = 0; i < 252; i++) {
        char uri[32];

        snprintf(uri, sizeof(uri), "not a topic %d", i);
        told_count = 0;
        CHECK_INT(unregister_uri(uri, WHOLE), 0);
    }
}

static void check_sending(void)
{
    static char large[60000];
    iotx_cmp_message_info_t message;
    int id = 0, from = told_count;

    CHECK_INT(IOT_CMP_Send(NULL, NULL, NULL), -1);
    CHECK_INT(send_message(NULL, SYS, RAW, &id, "x", 1), -1);
    CHECK_INT(send_message("", SYS, RAW, &id, "x", 1), -1);
    CHECK_INT(send_message(own_update, WHOLE, 0, &id, "x", 1), -1);
    CHECK_INT(send_message(own_update, WHOLE, 4, &id, "x", 1), -1);
    CHECK_INT(send_message(own_update, WHOLE, RAW, &id, NULL, 1), -1);
    CHECK_INT(id, 0);
    memset(&message, 0, sizeof(message));
    message.URI = own_update;
    message.URI_type = WHOLE;
    message.message_type = REQUEST; /* without a method */
    CHECK_INT(IOT_CMP_Send(NULL, &message, NULL), -1);
    CHECK_INT(told_count, from);
    CHECK_INT(send_message("no topic", WHOLE, RAW, &id, "x", 1), -1);
    CHECK_INT(id, 1);
    CHECK_INT(seen(from, 1, IOTX_CMP_EVENT_SEND_RESULT, -1, "no topic", 0), 1);

    /* The platform answers. The length of a text is what it is. */
    id = 0;
    CHECK_INT(send_message("thing/event/property/post", SYS, REQUEST, &id, "{\"Power\":1}", 3), 0);
    CHECK_INT(id, 2);
    await_messages(1);
    CHECK_INT(got.id, 2);
    CHECK_INT(got.code, 200);
    CHECK_INT(got.shape, RESPONSE);
    CHECK_INT(got.type, SYS);
    CHECK(strcmp(got.uri, "thing/event/property/post_reply") == 0);
    CHECK(strcmp(got.method, "-") == 0);
    CHECK(strcmp(got.parameter, "{}") == 0);
    CHECK(got.user != NULL && strcmp(got.user, "reply") == 0);

    id = 77;
    CHECK_INT(send_message(own_update, WHOLE, RESPONSE, &id, NULL, 0), 0);
    CHECK_INT(send_message(own_update, WHOLE, RAW, &id, "a\0b", 3), 0);
    CHECK_INT(send_message(own_update, WHOLE, RAW, &id, NULL, 0), 0);
    CHECK_INT(id, 77);
    memset(large, 'x', sizeof(large));
    CHECK_INT(send_message(own_update, WHOLE, RAW, &id, large, LARGE), 0); /* the buffer grows */
    from = told_count;
    CHECK_INT(send_message(own_update, WHOLE, RAW, &id, large, sizeof(large)), -1);
    CHECK_INT(seen(from, 2, IOTX_CMP_EVENT_SEND_RESULT, -1, own_update, 0), 1);
    CHECK_INT(IOT_CMP_Send_Sync(NULL, &message, NULL), 0);
}

static void check_receiving(void)
{
    got.count = 0;
    check_step("request");
    await_messages(1);
    CHECK_INT(got.id, 7);
    CHECK_INT(got.shape, REQUEST);
    CHECK_INT(got.type, WHOLE);
    CHECK(strcmp(got.uri, own_get) == 0);
    CHECK(strcmp(got.method, "m") == 0);
    CHECK(strcmp(got.parameter, "{\"a\":[1]}") == 0);
    CHECK_INT(got.length, 9);
    CHECK(strcmp(got.user, "get") == 0);

    check_step("without a method, then with a word"); /* the first is dropped */
    await_messages(2);
    CHECK(strcmp(got.parameter, "null") == 0);

    check_step("raw");
    await_messages(3);
    CHECK_INT(got.shape, RAW);
    CHECK_INT(got.type, SYS);
    CHECK_INT(got.length, 3);
    CHECK(memcmp(got.parameter, "a\0b", 4) == 0);
    CHECK(strcmp(got.uri, "thing/model/down_raw") == 0);

    check_step("large"); /* 20,000 bytes; then 50,000, which are dropped; then 1 */
    await_messages(5);
    CHECK_INT(got.longest, LARGE);
    CHECK_INT(got.length, 1);
}

static void check_link(void)
{
    int from = told_count, id = 0;

    got.count = 0;
    check_step("disconnect");
    await(from, IOTX_CMP_EVENT_CLOUD_RECONNECT, 0, NULL, 0);
    CHECK_INT(seen(from, 1, IOTX_CMP_EVENT_CLOUD_DISCONNECT, 0, NULL, 0), 1);
    CHECK_INT(seen(from, 1, IOTX_CMP_EVENT_CLOUD_CONNECTED, 0, NULL, 0), 0);
    check_step("raw again");
    await_messages(1);
    CHECK_INT(send_message(own_update, WHOLE, RAW, &id, "x", 1), 0);

    check_step("forget"); /* the session, and refuse to renew */
    await(from, IOTX_CMP_EVENT_REGISTER_RESULT, -1, own_get, WHOLE);
    check_step("grant again");
    from = told_count;
    CHECK_INT(register_uri(own_get, WHOLE, REQUEST, on_message, "get"), 0);
    await(from, IOTX_CMP_EVENT_REGISTER_RESULT, 0, own_get, WHOLE);
}

static int inside;

/* Uses the connection while a message is delivered, ends its own registration, and in the end CMP. */
static void on_inside(iotx_cmp_send_peer_pt source, iotx_cmp_message_info_pt msg, void *user)
{
    char before[16];
    int id = 0;

    (void)source;
    (void)user;
    snprintf(before, sizeof(before), "%s", (char *)msg->parameter);
    inside++;
    if (inside == 1) {
        CHECK_INT(send_message(own_update, WHOLE, RAW, &id, "inside", 6), 0);
        CHECK_INT(IOT_CMP_Yield(50, NULL), 0);
        CHECK_INT(unregister_uri(own_get, WHOLE), 0);
        CHECK_INT(register_uri(own_get, WHOLE, REQUEST, on_inside, NULL), 0);
        CHECK_INT(IOT_CMP_Yield(200, NULL), 0);
        CHECK(strcmp(before, (char *)msg->parameter) == 0);
        CHECK(strcmp(msg->URI, own_get) == 0);
    } else {
        CHECK_INT(IOT_CMP_Deinit(NULL), 0);
        CHECK_INT(IOT_CMP_Deinit(NULL), -1);
        CHECK_INT(init(on_event, &first), -1);
    }
}

/* One allocation of a session fails, each in its turn: no call does anything but what it may, and nothing is left. */
static void check_scarce(void)
{
    unsigned long before;
    long which = 0;

    do {
        int id = 0, i;

        told_count = 0;
        before = hal_allocations();
        hal_fail_allocation(which);
        if (init(on_event, &first) == 0) {
            CHECK_CASE("a second listener", init(on_event, &second) <= 0, 1);
            CHECK_CASE("Register", register_uri(own_get, WHOLE, RAW, on_message, NULL) <= 0, 1);
            CHECK_CASE("Send", send_message(own_update, WHOLE, RESPONSE, &id, "1", 1) <= 0, 1);
            CHECK_CASE("OTA_Start", IOT_CMP_OTA_Start((char *)"1", NULL) <= 0, 1);
            for (i = 0; i < 3; i++) {
                CHECK_INT(IOT_CMP_Yield(10, NULL), 0);
            }
            CHECK_CASE("Unregister", unregister_uri(own_get, WHOLE) <= 0, 1);
            CHECK_INT(IOT_CMP_Deinit(NULL), 0);
        }
        before = hal_allocations() - before;
        hal_fail_allocation(-1);
        CHECK_CASE("bytes left", hal_bytes(), 0);
    } while ((unsigned long)which++ < before);
    CHECK(which > 20);
    CHECK_INT(init(on_event, &first), 0); /* and well afterwards */
    CHECK_INT(seen(0, 1, IOTX_CMP_EVENT_CLOUD_CONNECTED, 0, NULL, 0), 2);
    CHECK_INT(IOT_CMP_Deinit(NULL), 0);
}

int main(int argc, char **argv)
{
    int from;

    IOT_OpenLog("test");
    IOT_SetLogLevel(IOT_LOG_DEBUG);
    device_topic(own_get, "/%s/%s/get");
    device_topic(own_update, "/%s/%s/update");
    if (argc > 1 && strcmp(argv[1], "scarce") == 0) {
        check_scarce();
        return check_end();
    }
    check_without_cmp();
    check_offline();

    CHECK_INT(init(on_event, &first), 0);
    CHECK_INT(seen(0, 1, IOTX_CMP_EVENT_CLOUD_CONNECTED, 0, NULL, 0), 1);
    CHECK_INT(init(on_event, &second), 0);
    CHECK_INT(seen(0, 1, IOTX_CMP_EVENT_CLOUD_CONNECTED, 0, NULL, 0), 1);
    CHECK_INT(seen(0, 2, IOTX_CMP_EVENT_CLOUD_CONNECTED, 0, NULL, 0), 1);
    check_registering();
    check_sending();
    check_receiving();
    check_link();

    from = told_count;
    CHECK_INT(unregister_uri(own_get, WHOLE), 0);
    CHECK_INT(register_uri(own_get, WHOLE, REQUEST, on_inside, NULL), 0); /* at once: both results come */
    await(from, IOTX_CMP_EVENT_UNREGISTER_RESULT, 0, own_get, WHOLE);
    await(from, IOTX_CMP_EVENT_REGISTER_RESULT, 0, own_get, WHOLE);
    check_step("inside");
    while (inside < 1) {
        CHECK_INT(IOT_CMP_Yield(20, NULL), 0);
    }
    check_step("inside once more");
    while (inside < 2) {
        CHECK_INT(IOT_CMP_Yield(20, NULL), 0);
    }
    CHECK_INT(IOT_CMP_Yield(10, NULL), -1);
    CHECK_INT(init(on_event, &first), 0);
    CHECK_INT(IOT_CMP_Deinit(NULL), 0);
    return check_end();
}
