/* What the files of ../rtos ask of RT-Thread. */
#include "../rtos/rtos.h"

#include <rthw.h>

long iotport_guard(void)
{
    return (long)rt_hw_interrupt_disable(); /* keeps the other processors out, too */
}

void iotport_unguard(long before)
{
    rt_hw_interrupt_enable((rt_base_t)before);
}

/* rt_kprintf() would cut it, and formats into a buffer that all threads share. */
void iotport_print(const char *text)
{
    rt_kputs(text);
}
