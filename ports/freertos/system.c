/* What the files of ../rtos ask of FreeRTOS. */
#include "../rtos/rtos.h"

#include <stdio.h>

long iotport_guard(void)
{
    taskENTER_CRITICAL();
    return 0;
}

void iotport_unguard(long before)
{
    (void)before;
    taskEXIT_CRITICAL();
}

/* To the C library's standard output; replaced by boards that have none. */
IOTPORT_REPLACEABLE void iotport_print(const char *text)
{
    fputs(text, stdout);
    fflush(stdout);
}
