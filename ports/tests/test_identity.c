/* Product and device identity. All names and secrets are made up. */
#include "check.h"

#include "iot_import.h"

#include <stdlib.h>
#include <string.h>

/* One of the four values that can be set. */
struct value {
    const char *variable;
    size_t max;
    int (*get)(char *out);
    int (*set)(char *text);
};

static const struct value values[] = {
    { "PRODUCT_KEY", PRODUCT_KEY_LEN, HAL_GetProductKey, HAL_SetProductKey },
    { "DEVICE_NAME", DEVICE_NAME_LEN, HAL_GetDeviceName, HAL_SetDeviceName },
    { "DEVICE_SECRET", DEVICE_SECRET_LEN, HAL_GetDeviceSecret, HAL_SetDeviceSecret },
    { "PRODUCT_SECRET", DEVICE_SECRET_LEN, HAL_GetProductSecret, HAL_SetProductSecret },
};
#define VALUES (sizeof(values) / sizeof(values[0]))

static void forget_everything(void)
{
    char nothing[] = "";
    size_t i;

    for (i = 0; i < VALUES; i++) {
        values[i].set(nothing);
        unsetenv(values[i].variable);
    }
}

/* Exactly LEN characters fit, with the NUL in the byte behind them, and nothing is written beyond. */
static void a_value_of_full_length_fits(void)
{
    size_t i;

    forget_everything();
    for (i = 0; i < VALUES; i++) {
        char text[100], out[100];

        memset(text, 'k', sizeof(text));
        text[values[i].max] = '\0';
        memset(out, '#', sizeof(out));
        CHECK_EQUAL(values[i].set(text), values[i].max);
        CHECK_EQUAL(values[i].get(out), values[i].max);
        CHECK(strcmp(out, text) == 0);
        CHECK_EQUAL(out[values[i].max + 1], '#');
    }
}

static void a_longer_value_is_refused_and_changes_nothing(void)
{
    char good[] = "made-up";
    size_t i;

    forget_everything();
    for (i = 0; i < VALUES; i++) {
        char text[100], out[100];

        memset(text, 'k', sizeof(text));
        text[values[i].max + 1] = '\0';
        CHECK_EQUAL(values[i].set(good), 7);
        CHECK_EQUAL(values[i].set(text), -1);
        CHECK_EQUAL(values[i].set(NULL), -1);
        CHECK_EQUAL(values[i].get(out), 7);
        CHECK(strcmp(out, good) == 0);
        CHECK_EQUAL(values[i].get(NULL), -1);
    }
}

static void the_environment_counts_until_the_application_sets(void)
{
    char own[] = "own";
    char nothing[] = "";
    size_t i;

    forget_everything();
    for (i = 0; i < VALUES; i++) {
        char out[100] = "#";

        CHECK_EQUAL(values[i].get(out), 0);
        CHECK_EQUAL(out[0], '\0');
        setenv(values[i].variable, "environment", 1);
        CHECK_EQUAL(values[i].get(out), 11);
        CHECK(strcmp(out, "environment") == 0);
        CHECK_EQUAL(values[i].set(own), 3);
        CHECK_EQUAL(values[i].get(out), 3);
        CHECK(strcmp(out, "own") == 0);
        CHECK_EQUAL(values[i].set(nothing), 0);
        CHECK_EQUAL(values[i].get(out), 11);
    }
}

static void a_too_long_environment_is_ignored(void)
{
    char text[200], out[100];
    size_t i;

    forget_everything();
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    for (i = 0; i < VALUES; i++) {
        setenv(values[i].variable, text, 1);
        CHECK_EQUAL(values[i].get(out), 0);
        CHECK_EQUAL(out[0], '\0');
    }
}

static void the_device_id_is_made_of_key_and_name(void)
{
    char id[100] = "#";
    char key[] = "a1MadeUpKey";
    char name[] = "lamp";

    forget_everything();
    CHECK_EQUAL(HAL_GetDeviceID(id), 0);
    CHECK_EQUAL(id[0], '\0');
    CHECK_EQUAL(HAL_GetDeviceID(NULL), -1);
    HAL_SetProductKey(key);
    CHECK_EQUAL(HAL_GetDeviceID(id), 0);
    HAL_SetDeviceName(name);
    CHECK_EQUAL(HAL_GetDeviceID(id), 16);
    CHECK(strcmp(id, "a1MadeUpKey.lamp") == 0);
}

static void partner_and_module_are_empty_unless_told(void)
{
    char buf[PID_STRLEN_MAX] = "#"; /* as the library calls them */
    char longest[64];

    CHECK_EQUAL(HAL_GetPartnerID(buf), 0);
    CHECK_EQUAL(buf[0], '\0');
    CHECK_EQUAL(HAL_GetModuleID(buf), 0);
    CHECK_EQUAL(HAL_GetPartnerID(NULL), -1);
    CHECK_EQUAL(HAL_GetModuleID(NULL), -1);

    memset(longest, 'p', 63);
    longest[63] = '\0';
    setenv("PARTNER_ID", longest, 1);
    CHECK_EQUAL(HAL_GetPartnerID(buf), 63);
    CHECK(strcmp(buf, longest) == 0);
    setenv("PARTNER_ID", "pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp", 1); /* 64 */
    CHECK_EQUAL(HAL_GetPartnerID(buf), 0);
    setenv("MODULE_ID", "module", 1);
    CHECK_EQUAL(HAL_GetModuleID(buf), 6);
    unsetenv("PARTNER_ID");
    unsetenv("MODULE_ID");
}

static void the_firmware_version_is_1_0_unless_told(void)
{
    char version[FIRMWARE_VERSION_MAXLEN];

    CHECK_EQUAL(HAL_GetFirmwareVesion(version), 3);
    CHECK(strcmp(version, "1.0") == 0);
    setenv("FIRMWARE_VERSION", "2.1.7-rc1", 1);
    CHECK_EQUAL(HAL_GetFirmwareVesion(version), 9);
    CHECK(strcmp(version, "2.1.7-rc1") == 0);
    unsetenv("FIRMWARE_VERSION");
    CHECK_EQUAL(HAL_GetFirmwareVesion(NULL), -1);
}

static void the_chip_is_unknown_unless_told(void)
{
    char chip[HAL_CID_LEN] = "#";

    CHECK(HAL_GetChipID(chip) == chip);
    CHECK_EQUAL(chip[0], '\0');
    setenv("CHIP_ID", "made-up chip 7", 1);
    CHECK(strcmp(HAL_GetChipID(chip), "made-up chip 7") == 0);
    unsetenv("CHIP_ID");
    CHECK(HAL_GetChipID(NULL) == NULL);
}

int main(void)
{
    RUN(a_value_of_full_length_fits);
    RUN(a_longer_value_is_refused_and_changes_nothing);
    RUN(the_environment_counts_until_the_application_sets);
    RUN(a_too_long_environment_is_ignored);
    RUN(the_device_id_is_made_of_key_and_name);
    RUN(partner_and_module_are_empty_unless_told);
    RUN(the_firmware_version_is_1_0_unless_told);
    RUN(the_chip_is_unknown_unless_told);
    return finish();
}
