#include "shim.h"

/* Ends a program whose firmware was replaced, as V2.10 does. A port without HAL_Sys_reboot goes on. */
#if defined(__linux__)
void exit(int status);

void iotkit_restart(void)
{
    exit(0);
}
#else
void HAL_Sys_reboot(void) __attribute__((weak));

void iotkit_restart(void)
{
    if (HAL_Sys_reboot != 0) {
        HAL_Sys_reboot();
    }
}
#endif
