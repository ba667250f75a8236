/* ali_ota_test: takes firmware updates.
 *
 *   ali_ota_test start   connects, reports the version that runs, fetches what is announced and checks it
 *   ali_ota_test stop    disconnects, also in the middle of a download
 *
 * A product writes each part to the partition for downloads, and reports the new version when it runs. Where that
 * partition is, a sample cannot know: this one counts the bytes, and reports the new version at the next `start`. */
#include "connect.h"

#include "exports/iot_export_ota.h"

#include <finsh.h>
#include <string.h>

#define VERSION_SIZE 33
#define PAUSES_MAX 180 /* seconds without a byte: the library gives up earlier */

static volatile int running;  /* the thread is there */
static volatile int stopping; /* and shall end */

/* What runs, or would after a restart. */
static char version[VERSION_SIZE];

/* Fetches the image. Returns 0, or what to report instead of a percentage. */
static int fetch(void *client, void *ota)
{
    static char part[2048];
    uint32_t size = 0, fetched = 0;
    int percent, reported = 0, pauses = 0, count;

    IOT_OTA_Ioctl(ota, IOT_OTAG_FILE_SIZE, &size, sizeof(size));
    while (!IOT_OTA_IsFetchFinish(ota)) {
        count = stopping ? -1 : IOT_OTA_FetchYield(ota, part, sizeof(part), 1);
        pauses = count == 0 ? pauses + 1 : 0;
        if (count < 0 || pauses == PAUSES_MAX) {
            return IOT_OTAP_FETCH_FAILED;
        }
        IOT_OTA_Ioctl(ota, IOT_OTAG_FETCHED_SIZE, &fetched, sizeof(fetched));
        percent = (int)((uint64_t)fetched * 100 / size);
        if (percent >= reported + 10) {
            reported = percent;
            HAL_Printf("ota: %d %% of %u bytes\n", percent, (unsigned)size);
            IOT_OTA_ReportProgress(ota, (IOT_OTA_Progress_t)percent, NULL);
        }
        IOT_MQTT_Yield(client, 1); /* the connection is kept alive meanwhile */
    }
    return 0;
}

/* Takes the image that was announced. */
static void update(void *client, void *ota)
{
    char announced[VERSION_SIZE] = "";
    uint32_t valid = 0;
    int failed;

    IOT_OTA_Ioctl(ota, IOT_OTAG_VERSION, announced, sizeof(announced));
    HAL_Printf("ota: version %s is announced\n", announced);
    failed = fetch(client, ota);
    if (failed == 0) {
        IOT_OTA_Ioctl(ota, IOT_OTAG_CHECK_FIRMWARE, &valid, sizeof(valid));
        failed = valid ? 0 : IOT_OTAP_CHECK_FALIED;
    }
    if (failed != 0) {
        HAL_Printf("ota: failed, %d\n", failed);
        IOT_OTA_ReportProgress(ota, (IOT_OTA_Progress_t)failed, NULL);
    } else {
        HAL_Printf("ota: the firmware is valid\n");
        strcpy(version, announced);
    }
}

static void wait_for_updates(void *client)
{
    void *ota = IOT_OTA_Init(sample_product_key(), sample_device_name(), client);
    int done = 0;

    if (ota == NULL) {
        HAL_Printf("ota: cannot begin\n");
        return;
    }
    if (IOT_OTA_ReportVersion(ota, version) == 0) {
        HAL_Printf("ota: version %s runs, waiting for another\n", version);
        while (!stopping && !done) {
            IOT_MQTT_Yield(client, 200);
            if (IOT_OTA_IsFetching(ota)) {
                update(client, ota);
                done = 1;
            }
        }
    }
    IOT_MQTT_Yield(client, 500); /* what was said last goes out, and is acknowledged */
    IOT_OTA_Deinit(ota);
}

static void run(void *context)
{
    void *client = sample_connect(NULL, NULL);

    (void)context;
    if (version[0] == '\0' && HAL_GetFirmwareVesion(version) <= 0) {
        strcpy(version, "1.0.0");
    }
    if (client != NULL) {
        wait_for_updates(client);
        sample_disconnect(&client);
    }
    HAL_Printf("ota: stopped\n");
    running = 0;
}

static int start(void)
{
    rt_thread_t thread;

    if (running) {
        HAL_Printf("ota: it runs\n");
        return -1;
    }
    thread = rt_thread_create("ali_ota", run, NULL, SAMPLE_STACK, RT_THREAD_PRIORITY_MAX / 2, 10);
    if (thread == NULL) {
        HAL_Printf("ota: no memory for a thread\n");
        return -1;
    }
    running = 1;
    stopping = 0;
    rt_thread_startup(thread);
    return 0;
}

static int ali_ota_test(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "start") == 0) {
        return start();
    }
    if (argc == 2 && strcmp(argv[1], "stop") == 0) {
        stopping = 1;
        return 0;
    }
    HAL_Printf("usage: ali_ota_test start|stop\n");
    return -1;
}
MSH_CMD_EXPORT(ali_ota_test, OTA sample: start / stop);
