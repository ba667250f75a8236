/* Who the device is: what the program was compiled with, unless the application sets something else.
 *
 * A product keeps name and secret where its factory puts them; these three functions are all that would change. */
#include "iot_import.h"

#include <string.h>

#if !defined(PRODUCT_KEY) || !defined(DEVICE_NAME) || !defined(DEVICE_SECRET)
#error "compile with -DPRODUCT_KEY, -DDEVICE_NAME and -DDEVICE_SECRET, each a string"
#endif

static char product_key[PRODUCT_KEY_LEN + 1] = PRODUCT_KEY;
static char device_name[DEVICE_NAME_LEN + 1] = DEVICE_NAME;
static char device_secret[DEVICE_SECRET_LEN + 1] = DEVICE_SECRET;

static int get(const char *from, char *to)
{
    strcpy(to, from);
    return (int)strlen(to);
}

static int set(char *to, const char *from, size_t max)
{
    if (strlen(from) > max) {
        return -1;
    }
    strcpy(to, from);
    return (int)strlen(to);
}

int HAL_GetProductKey(char *key)
{
    return get(product_key, key);
}

int HAL_GetDeviceName(char *name)
{
    return get(device_name, name);
}

int HAL_GetDeviceSecret(char *secret)
{
    return get(device_secret, secret);
}

int HAL_SetProductKey(char *key)
{
    return set(product_key, key, PRODUCT_KEY_LEN);
}

int HAL_SetDeviceName(char *name)
{
    return set(device_name, name, DEVICE_NAME_LEN);
}

int HAL_SetDeviceSecret(char *secret)
{
    return set(device_secret, secret, DEVICE_SECRET_LEN);
}

/* Made up ids would be reported to the platform: there are none. */
int HAL_GetPartnerID(char *id)
{
    id[0] = '\0';
    return 0;
}

int HAL_GetModuleID(char *id)
{
    id[0] = '\0';
    return 0;
}
