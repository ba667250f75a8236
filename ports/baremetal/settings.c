/* Who the device is: what the firmware was compiled with. A product keeps name and secret where its factory puts them, and
 * says so here. */
#include "../common/common.h"

#include <string.h>

#if !defined(PRODUCT_KEY) || !defined(DEVICE_NAME) || !defined(DEVICE_SECRET)
#error "compile with -DPRODUCT_KEY, -DDEVICE_NAME and -DDEVICE_SECRET, each a string"
#endif

const char *iotport_setting(const char *name)
{
    if (strcmp(name, "PRODUCT_KEY") == 0) {
        return PRODUCT_KEY;
    }
    if (strcmp(name, "DEVICE_NAME") == 0) {
        return DEVICE_NAME;
    }
    return strcmp(name, "DEVICE_SECRET") == 0 ? DEVICE_SECRET : NULL;
}

/* There are no other threads. */
long iotport_guard(void)
{
    return 0;
}

void iotport_unguard(long before)
{
    (void)before;
}
