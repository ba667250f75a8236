/* HAL_Get/Set ProductKey, DeviceName, DeviceSecret, ProductSecret, and HAL_GetDeviceID.
 *
 * A value is what the application has set since the start, else what the setting PRODUCT_KEY,
 * DEVICE_NAME, DEVICE_SECRET or PRODUCT_SECRET says, else unknown. Any thread.
 *
 * The buffers given to the getters hold the longest value and a NUL: PRODUCT_KEY_LEN + 1 bytes,
 * and so on; for the product secret DEVICE_SECRET_LEN + 1. Getters return the length, 0 if the
 * value is unknown, -1 for NULL. Setters copy; they return the length, or -1 (and change nothing)
 * for NULL or a text that is too long. Setting an empty text makes the setting count again.
 * Nothing is kept over a restart. */
#include "common.h"

#include "iot_import.h"

#include <string.h>

#define LONGEST 64 /* of the four values below */

struct value {
    const char *setting;
    size_t max;
    char set[LONGEST + 1]; /* empty: not set; covered by iotport_guard() */
};

static struct value product_key = { "PRODUCT_KEY", PRODUCT_KEY_LEN, "" };
static struct value device_name = { "DEVICE_NAME", DEVICE_NAME_LEN, "" };
static struct value device_secret = { "DEVICE_SECRET", DEVICE_SECRET_LEN, "" };
static struct value product_secret = { "PRODUCT_SECRET", DEVICE_SECRET_LEN, "" };

static int get(const struct value *value, char *out);
static int set(struct value *value, const char *text);

/* Each pair below: see the head of this file. */
IOTPORT_REPLACEABLE int HAL_GetProductKey(char *key)
{
    return get(&product_key, key);
}

IOTPORT_REPLACEABLE int HAL_SetProductKey(char *key)
{
    return set(&product_key, key);
}

IOTPORT_REPLACEABLE int HAL_GetDeviceName(char *name)
{
    return get(&device_name, name);
}

IOTPORT_REPLACEABLE int HAL_SetDeviceName(char *name)
{
    return set(&device_name, name);
}

IOTPORT_REPLACEABLE int HAL_GetDeviceSecret(char *secret)
{
    return get(&device_secret, secret);
}

IOTPORT_REPLACEABLE int HAL_SetDeviceSecret(char *secret)
{
    return set(&device_secret, secret);
}

IOTPORT_REPLACEABLE int HAL_GetProductSecret(char *secret)
{
    return get(&product_secret, secret);
}

IOTPORT_REPLACEABLE int HAL_SetProductSecret(char *secret)
{
    return set(&product_secret, secret);
}

/* Writes "{product key}.{device name}" (at most 53 characters and a NUL). Returns its length, 0
 * if either part is unknown, -1 for NULL. */
IOTPORT_REPLACEABLE int HAL_GetDeviceID(char *id)
{
    char key[PRODUCT_KEY_LEN + 1] = "";
    char name[DEVICE_NAME_LEN + 1] = "";

    if (id == NULL) {
        return -1;
    }
    id[0] = '\0';
    if (HAL_GetProductKey(key) <= 0 || HAL_GetDeviceName(name) <= 0) {
        return 0;
    }
    return HAL_Snprintf(id, DEVICE_ID_LEN, "%s.%s", key, name);
}

static int get(const struct value *value, char *out)
{
    long before;
    int len;

    if (out == NULL) {
        return -1;
    }
    before = iotport_guard();
    len = (int)strlen(value->set);
    memcpy(out, value->set, (size_t)len + 1);
    iotport_unguard(before);

    return len > 0 ? len : iotport_copy_setting(value->setting, "", out, value->max);
}

static int set(struct value *value, const char *text)
{
    long before;
    size_t len;

    if (text == NULL || strlen(text) > value->max) {
        return -1;
    }
    len = strlen(text);
    before = iotport_guard();
    memcpy(value->set, text, len + 1);
    iotport_unguard(before);
    return (int)len;
}
