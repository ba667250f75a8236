/* HAL_GetPartnerID, HAL_GetModuleID, HAL_GetChipID: who made the module, and which it is.
 * From the settings PARTNER_ID, MODULE_ID and CHIP_ID; empty where that is unset, which also
 * means that the library reports no module to the platform. Any thread. */
#include "common.h"

#include "iot_import.h"

/* Writes at most 63 characters and a NUL. Returns the length, -1 for NULL. */
IOTPORT_REPLACEABLE int HAL_GetPartnerID(char *pid_str)
{
    return pid_str == NULL ? -1 : iotport_copy_setting("PARTNER_ID", "", pid_str, PID_STRLEN_MAX - 1);
}

/* Writes at most 63 characters and a NUL. Returns the length, -1 for NULL. */
IOTPORT_REPLACEABLE int HAL_GetModuleID(char *mid_str)
{
    return mid_str == NULL ? -1 : iotport_copy_setting("MODULE_ID", "", mid_str, MID_STRLEN_MAX - 1);
}

/* Writes at most 64 characters and a NUL. Returns `cid_str`. */
IOTPORT_REPLACEABLE char *HAL_GetChipID(char *cid_str)
{
    if (cid_str != NULL) {
        iotport_copy_setting("CHIP_ID", "", cid_str, HAL_CID_LEN - 1);
    }
    return cid_str;
}
