#include "shim.h"

/* Ends a program whose firmware was replaced, as V2.10 does. */
#if defined(__linux__)
void exit(int status);

void iotkit_restart(void)
{
    exit(0);
}
#else
void HAL_Sys_reboot(void); /* of the port; V2.10 declares it nowhere */

void iotkit_restart(void)
{
    HAL_Sys_reboot();
}
#endif
