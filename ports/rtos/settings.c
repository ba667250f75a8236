/* Settings are what the firmware was built with. */
#include "rtos.h"

#include <string.h>

static const struct {
    const char *name;
    const char *value;
} settings[] = {
    { "PRODUCT_KEY", IOTPORT_PRODUCT_KEY },       { "DEVICE_NAME", IOTPORT_DEVICE_NAME },
    { "DEVICE_SECRET", IOTPORT_DEVICE_SECRET },   { "PRODUCT_SECRET", IOTPORT_PRODUCT_SECRET },
    { "FIRMWARE_VERSION", IOTPORT_FIRMWARE_VERSION }, { "IOTKIT_RESOLVE", IOTPORT_RESOLVE },
};

const char *iotport_setting(const char *name)
{
    size_t i;

    for (i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        if (strcmp(settings[i].name, name) == 0 && settings[i].value[0] != '\0') {
            return settings[i].value;
        }
    }
    return NULL;
}
