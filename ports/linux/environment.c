/* Values that come from the environment. */
#include "port.h"

#include "iot_import.h"

#include <stdlib.h>
#include <string.h>

int iotport_environment(const char *name, const char *otherwise, char *out, size_t max)
{
    const char *value = getenv(name);

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
