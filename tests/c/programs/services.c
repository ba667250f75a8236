/* The update services over CMP: firmware and remote configuration, from the announcement to the port. The test announces
 * at the steps. With the argument "exit", the program ends as V2.10's does. */
#define CMP_ENABLED
#define SERVICE_OTA_ENABLED

#include "support/check.h"
#include "support/device.h"
#include "support/hal.h"

#include "class_interface.h"
#include "exports/iot_export_cota.h"
#include "exports/iot_export_ext.h"
#include "iot_import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IMAGE 50000
#define CONFIG 1000

/* The port's storage. */
static struct {
    int starts, writes, stops, fail_write, fail_stop;
    unsigned bytes, sum;
} store;

static int restarts, done, result;
static void *firmware, *config;
static char part[1500];

/* In front of the port's. */
int HAL_GetFirmwareVesion(char *version)
{
    strcpy(version, "1.0.0");
    return 5;
}

void HAL_Firmware_Persistence_Start(void)
{
    store.starts++;
    store.bytes = store.sum = 0;
}

int HAL_Firmware_Persistence_Write(char *buffer, uint32_t length)
{
    CHECK(store.starts > 0 && length > 0);
    store.writes++;
    while (length-- > 0) {
        store.sum = store.sum * 31 + (unsigned char)*buffer++;
        store.bytes++;
    }
    return store.fail_write ? -1 : 0;
}

int HAL_Firmware_Persistence_Stop(void)
{
    store.stops++;
    return store.fail_stop ? -1 : 0;
}

static void on_restart(void)
{
    restarts++;
}

static void on_firmware(service_fota_callback_type_t type, const char *version)
{
    fota_t **object = firmware;

    CHECK_INT(type, service_fota_callback_type_new_version_detected);
    CHECK(strcmp(version, "2.0.0") == 0);
    CHECK_INT(hal_held(), 0);
    result = (*object)->perform_ota_service(object, part, sizeof(part));
    done++;
}

static void on_config(service_cota_callback_type_t type, const char *id, uint32_t size, const char *get_type,
                      const char *sign, const char *method, const char *url)
{
    cota_t **object = config;

    CHECK_INT(type, service_cota_callback_type_new_version_detected);
    CHECK(id[0] != 0 && sign[0] != 0 && strncmp(url, "http", 4) == 0);
    CHECK_INT(size, CONFIG);
    CHECK(strcmp(get_type, "file") == 0 && strcmp(method, "Sha256") == 0);
    result = (*object)->perform_ota_service(object, part, sizeof(part));
    done++;
}

static void await(const char *step)
{
    long end = now_ms() + patience() + 20000;
    int before = done;

    memset(&store, 0, offsetof(__typeof__(store), fail_write));
    result = 77;
    check_step(step);
    while (done == before && now_ms() < end) {
        CHECK_INT(IOT_CMP_Yield(20, NULL), 0);
    }
    CHECK_INT(done, before + 1);
    CHECK_INT(store.starts, 1);
    store.fail_write = store.fail_stop = 0;
}

static void make_firmware(void)
{
    fota_t **object = firmware = new_object(get_service_ota_class());
    int starts = store.starts;

    CHECK(object != NULL);
    CHECK(strcmp((*object)->_class_name, "fota_cls") == 0);
    CHECK_INT((*object)->perform_ota_service(object, part, sizeof(part)), -1); /* nothing was announced */
    CHECK_INT((*object)->perform_ota_service(object, NULL, sizeof(part)), -1);
    CHECK_INT((*object)->perform_ota_service(object, part, 0), -1);
    CHECK_INT(store.starts, starts);
    (*object)->install_callback_function(object, on_firmware);
}

static void check_firmware(void)
{
    int i;

    for (i = 0; i < 2; i++) { /* and once more, with another object */
        make_firmware();
        await("firmware");
        CHECK_INT(result, 0);
        CHECK_INT(store.bytes, IMAGE);
        CHECK(store.writes >= IMAGE / (int)sizeof(part));
        CHECK_INT(store.stops, 1);
        CHECK_INT(restarts, i + 1);
        CHECK_INT(((service_ota_t *)firmware)->_total_len, IMAGE);
        if (i == 0) {
            delete_object(firmware);
        }
    }
    await("wrong bytes");
    CHECK_INT(result, -1);
    CHECK_INT(store.bytes, IMAGE);
    CHECK_INT(store.stops, 0);

    await("page");
    CHECK_INT(result, -1);
    CHECK_INT(store.writes, 0);
    CHECK_INT(store.stops, 0);

    store.fail_write = 1;
    await("not written");
    CHECK_INT(result, -1);
    CHECK_INT(store.writes, 1);
    CHECK_INT(store.stops, 0);
}

/* What `on_firmware` leaves half done is not what the next one begins with. */
static void check_after_failure(void)
{
    char rest[4096];
    iotx_cmp_ota_t step;
    int more = 0, total = 0;

    memset(&step, 0, sizeof(step));
    do { /* the image that the port refused is there still */
        step.ota_type = IOTX_CMP_OTA_TYPE_FOTA;
        step.buffer = rest;
        step.buffer_length = sizeof(rest);
        CHECK_INT(IOT_CMP_OTA_Yield(&step), 0);
        CHECK(step.buffer_length > 0 && rest[step.buffer_length] == 0);
        total += step.buffer_length;
        more = step.is_more;
    } while (more);
    CHECK_INT(step.result, 0);
    CHECK_INT(step.progress, 100);
    CHECK_INT(total + (int)store.bytes, IMAGE);
    step.buffer_length = sizeof(rest);
    CHECK_INT(IOT_CMP_OTA_Yield(&step), -1);
    CHECK_INT(step.is_more, 0);
    CHECK_INT(step.result, -2);
    CHECK_INT(step.progress, -2);
    CHECK_INT(IOT_CMP_OTA_Yield(NULL), -1);
    step.buffer = NULL;
    CHECK_INT(IOT_CMP_OTA_Yield(&step), -1);

    store.fail_stop = 1;
    await("not stored");
    CHECK_INT(result, -1);
    CHECK_INT(store.stops, 1);
    CHECK_INT(restarts, 2);

    await("a server that pauses");
    CHECK_INT(result, 0);
    CHECK_INT(restarts, 3);
}

static void check_config(void)
{
    cota_t **object = config = new_object(get_config_ota_class());

    CHECK(object != NULL);
    CHECK(strcmp((*object)->_class_name, "cota_cls") == 0);
    (*object)->install_callback_function(object, on_config);
    await("configuration");
    CHECK_INT(result, 0);
    CHECK_INT(store.bytes, CONFIG);
    CHECK_INT(store.stops, 1);
    CHECK_INT(restarts, 3); /* the program goes on */
    CHECK_INT((*object)->get(object, NULL, "file", "", NULL), -2);
    CHECK_INT((*object)->get(object, "product", "file", "", NULL), 0);
    await("configuration that was asked for");
    CHECK_INT(result, 0);
    CHECK_INT(store.bytes, CONFIG);
    CHECK(strcmp(((config_ota_t *)config)->_rsp_getType, "file") == 0);
}

static void check_objects(void)
{
    static const abstract_class_t plain = { sizeof(void *), "plain", NULL, NULL };
    void *object = new_object(&plain);
    void *memory;

    CHECK(object != NULL && *(const void **)object == &plain);
    delete_object(object); /* a class without a destructor: it stays */
    CHECK(*(const void **)object == &plain);
    HAL_Free(object);
    CHECK(new_object(NULL) == NULL);
    delete_object(NULL);

    memory = service_ota_lite_calloc(3, 7);
    CHECK(memory != NULL && ((char *)memory)[20] == 0);
    service_ota_lite_free(memory);
    CHECK(memory == NULL);
    memory = config_ota_lite_malloc(5);
    CHECK(memory != NULL);
    config_ota_lite_free_func(memory);
    CHECK(config_ota_lite_calloc((size_t)-1, 2) == NULL);
    CHECK(service_ota_lite_malloc(0) == NULL);
}

int main(int argc, char **argv)
{
    IOT_OpenLog("test");
    IOT_SetLogLevel(IOT_LOG_DEBUG);
    if (argc > 1 && strcmp(argv[1], "exit") == 0) {
        make_firmware();
        await("firmware");
        return 99; /* the program has ended before */
    }
    check_objects();
    IOT_OTA_SetRestart(on_restart);
    check_firmware();
    check_after_failure();
    check_config();
    CHECK_INT(IOT_CMP_OTA_Start((char *)"1.0.0", NULL), 0); /* it has begun */
    CHECK_INT(IOT_CMP_OTA_Set_Callback(IOTX_CMP_OTA_TYPE_FOTA, (void *)(uintptr_t)on_restart, NULL, NULL), -1);
    CHECK_INT(IOT_CMP_OTA_Set_Callback(IOTX_CMP_OTA_TYPE_MAX, (void *)(uintptr_t)on_restart, NULL, NULL), -1);
    CHECK_INT(IOT_CMP_OTA_Set_Callback(IOTX_CMP_OTA_TYPE_COTA, NULL, NULL, NULL), -1);
    delete_object(config);
    delete_object(firmware);
    CHECK_INT(IOT_CMP_OTA_Set_Callback(IOTX_CMP_OTA_TYPE_FOTA, (void *)(uintptr_t)on_restart, NULL, NULL), 0);
    check_step("nobody listens"); /* it is announced, to a CMP that ends */
    CHECK_INT(IOT_CMP_Deinit(NULL), 0);
    return check_end();
}
