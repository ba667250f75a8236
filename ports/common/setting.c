/* Values that come from outside the program: the environment, or the build's configuration. */
#include "common.h"

#include "iot_import.h"

#include <string.h>

int iotport_copy_setting(const char *name, const char *otherwise, char *out, size_t max)
{
    const char *value = iotport_setting(name);

    if (value != NULL && strlen(value) > max) {
        /* The value may be a secret: its length is all that is told. */
        HAL_Printf("HAL: %s has %lu characters, %lu are allowed: ignored\n", name,
                   (unsigned long)strlen(value), (unsigned long)max);
        value = NULL;
    }
    if (value == NULL) {
        value = otherwise;
    }
    memcpy(out, value, strlen(value) + 1);
    return (int)strlen(value);
}
