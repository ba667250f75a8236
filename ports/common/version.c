/* HAL_GetFirmwareVesion: the setting FIRMWARE_VERSION, else "1.0". Any thread. */
#include "common.h"

#include "iot_import.h"

/* Writes at most 32 characters and a NUL. Returns the length, -1 for NULL. */
IOTPORT_REPLACEABLE int HAL_GetFirmwareVesion(char *version)
{
    return version == NULL
        ? -1
        : iotport_copy_setting("FIRMWARE_VERSION", "1.0", version, FIRMWARE_VERSION_MAXLEN - 1);
}
