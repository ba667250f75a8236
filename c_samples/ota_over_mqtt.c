/* ota_over_mqtt: takes firmware updates. Reports the version it runs, waits for an image, fetches it into a file, checks
 * it, and then reports the new version, as the new firmware would after a restart.
 *
 *   ota_over_mqtt FILE [VERSION]     FILE receives the image; VERSION runs now, "1.0.0" if none is given
 *
 * On a terminal it draws a bar; `kill -INT` ends it at any moment.
 * Exit status: 0 an image came and is what was announced, 1 not. */
#include "sample_common.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WAIT_SECONDS 60 /* for an announcement */
#define PAUSES_MAX 180  /* seconds without a byte: the library gives up earlier */
#define BAR_WIDTH 40

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
    (void)number;
    stopped = 1;
}

/* Shows how far it is: a bar on a terminal, else a line now and then. */
static void show(uint32_t fetched, uint32_t size, int percent)
{
    static int shown = -1;
    int i;

    if (isatty(STDOUT_FILENO)) {
        printf("\r[");
        for (i = 0; i < BAR_WIDTH; i++) {
            putchar(i * 100 < percent * BAR_WIDTH ? '#' : '.');
        }
        printf("] %3d %% of %u KiB%s", percent, (unsigned)(size / 1024), fetched == size ? "\n" : "");
        fflush(stdout);
    } else if (percent / 10 != shown) {
        shown = percent / 10;
        printf("ota: %d %%\n", percent);
        fflush(stdout);
    }
}

/* Fetches the image into `file`. Returns 0, or what to report instead of a percentage. */
static int fetch(void *client, void *ota, FILE *file)
{
    static char part[4096];
    uint32_t size = 0, fetched = 0;
    int percent, reported = 0, pauses = 0, count;

    IOT_OTA_Ioctl(ota, IOT_OTAG_FILE_SIZE, &size, sizeof(size));
    while (!IOT_OTA_IsFetchFinish(ota)) {
        if (stopped) {
            return IOT_OTAP_GENERAL_FAILED;
        }
        count = IOT_OTA_FetchYield(ota, part, sizeof(part), 1);
        if (count < 0 || (count == 0 && ++pauses == PAUSES_MAX)) {
            return IOT_OTAP_FETCH_FAILED;
        }
        if (count > 0) {
            pauses = 0;
            if (fwrite(part, 1, (size_t)count, file) != (size_t)count) {
                return IOT_OTAP_BURN_FAILED;
            }
        }
        IOT_OTA_Ioctl(ota, IOT_OTAG_FETCHED_SIZE, &fetched, sizeof(fetched));
        percent = (int)((uint64_t)fetched * 100 / size);
        show(fetched, size, percent);
        if (percent >= reported + 10) {
            reported = percent;
            IOT_OTA_ReportProgress(ota, (IOT_OTA_Progress_t)percent, NULL);
        }
        IOT_MQTT_Yield(client, 1); /* the connection is kept alive meanwhile */
    }
    return fflush(file) == 0 ? 0 : IOT_OTAP_BURN_FAILED;
}

/* Waits for an announcement and takes the image. Returns 0, or what was reported instead. */
static int update(void *client, void *ota, const char *path)
{
    char version[64];
    uint32_t valid = 0;
    int i, failed;
    FILE *file;

    for (i = 0; !IOT_OTA_IsFetching(ota); i++) {
        if (stopped || i == WAIT_SECONDS * 5) {
            printf("ota: nothing was announced\n");
            return IOT_OTAP_GENERAL_FAILED;
        }
        IOT_MQTT_Yield(client, 200);
    }
    IOT_OTA_Ioctl(ota, IOT_OTAG_VERSION, version, sizeof(version));
    printf("ota: version %s is announced\n", version);
    file = fopen(path, "wb");
    if (file == NULL) {
        perror(path);
        failed = IOT_OTAP_BURN_FAILED;
    } else {
        failed = fetch(client, ota, file);
        if (fclose(file) != 0 && failed == 0) {
            failed = IOT_OTAP_BURN_FAILED;
        }
    }
    if (failed == 0) {
        IOT_OTA_Ioctl(ota, IOT_OTAG_CHECK_FIRMWARE, &valid, sizeof(valid));
        failed = valid ? 0 : IOT_OTAP_CHECK_FALIED;
    }
    if (failed != 0) {
        printf("ota: failed, %d\n", failed);
        IOT_OTA_ReportProgress(ota, (IOT_OTA_Progress_t)failed, NULL);
        return failed;
    }
    printf("ota: the image is what was announced\n");
    IOT_OTA_ReportVersion(ota, version);
    return 0;
}

int main(int argc, char **argv)
{
    const char *version = argc > 2 ? argv[2] : "1.0.0";
    int failed = -1;
    void *client, *ota;

    if (argc < 2) {
        fprintf(stderr, "usage: ota_over_mqtt FILE [VERSION]\n");
        return 2;
    }
    signal(SIGINT, on_signal);
    setvbuf(stdout, NULL, _IOLBF, 0);
    client = sample_connect(NULL, NULL);
    if (client == NULL) {
        return 1;
    }
    ota = IOT_OTA_Init(sample_product_key(), sample_device_name(), client);
    if (ota != NULL) {
        if (IOT_OTA_ReportVersion(ota, version) == 0) {
            printf("ota: version %s runs, waiting for another\n", version);
            failed = update(client, ota, argv[1]);
        }
        IOT_MQTT_Yield(client, 500); /* what was said last goes out, and is acknowledged */
        IOT_OTA_Deinit(ota);
    }
    IOT_MQTT_Destroy(&client);
    return failed == 0 ? 0 : 1;
}
