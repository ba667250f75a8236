/* dynamic_register: a device that was made with its product's secret alone asks the platform for its own, which it can do
 * once, and keeps it in a file.
 *
 *   dynamic_register FILE
 *
 * PRODUCT_KEY, PRODUCT_SECRET and DEVICE_NAME in the environment say who it is.
 * Exit status: 0 FILE has the secret, 1 not. */
#include "iot_export.h"
#include "iot_import.h"

#include "exports/iot_export_ext.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    iotx_dev_meta_info_t device;
    const char *level = getenv("SAMPLE_LOG");
    FILE *file;
    int kept;

    if (argc != 2) {
        fprintf(stderr, "usage: dynamic_register FILE\n");
        return 2;
    }
    if (level != NULL) {
        IOT_OpenLog("sample");
        IOT_SetLogLevel((IOT_LogLevel)atoi(level));
    }
    memset(&device, 0, sizeof(device));
    if (HAL_GetProductKey(device.product_key) <= 0 || HAL_GetProductSecret(device.product_secret) <= 0
        || HAL_GetDeviceName(device.device_name) <= 0) {
        fprintf(stderr, "register: PRODUCT_KEY, PRODUCT_SECRET and DEVICE_NAME say who the device is\n");
        return 1;
    }
    if (IOT_Dynamic_Register(IOTX_HTTP_REGION_SHANGHAI, &device) != 0) {
        printf("register: failed (SAMPLE_LOG=5 tells more)\n");
        return 1;
    }
    file = fopen(argv[1], "wb");
    kept = file != NULL && fputs(device.device_secret, file) >= 0;
    if (file != NULL && fclose(file) != 0) {
        kept = 0;
    }
    memset(&device, 0, sizeof(device));
    printf("register: %s\n", kept ? "done" : "the secret could not be kept");
    return kept ? 0 : 1;
}
