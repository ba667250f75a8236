/* An application that brings some HAL functions of its own links beside the rest of the port. */
#include "check.h"

#include "iot_import.h"

#include <string.h>

/* One function of a group that may be replaced in part ... */
int HAL_GetProductKey(char *product_key)
{
    return HAL_Snprintf(product_key, PRODUCT_KEY_LEN, "ownkey");
}

/* ... and a whole group. */
uintptr_t HAL_TCP_Establish(const char *host, uint16_t port)
{
    (void)host;
    return port;
}

int32_t HAL_TCP_Destroy(uintptr_t fd)
{
    (void)fd;
    return 0;
}

int32_t HAL_TCP_Write(uintptr_t fd, const char *buf, uint32_t len, uint32_t timeout_ms)
{
    (void)fd, (void)buf, (void)timeout_ms;
    return (int32_t)len;
}

int32_t HAL_TCP_Read(uintptr_t fd, char *buf, uint32_t len, uint32_t timeout_ms)
{
    (void)fd, (void)buf, (void)len, (void)timeout_ms;
    return 0;
}

static void the_applications_functions_win(void)
{
    char name[] = "lamp";
    char id[DEVICE_ID_LEN + 1] = "";

    CHECK_EQUAL(HAL_SetDeviceName(name), 4);
    CHECK_EQUAL(HAL_GetDeviceID(id), 11); /* the port's function, with the application's key */
    CHECK(strcmp(id, "ownkey.lamp") == 0);
    CHECK_EQUAL(HAL_TCP_Establish("example", 7), 7);
}

int main(void)
{
    RUN(the_applications_functions_win);
    return finish();
}
