/* Uses every macro of the headers that looks like a function, as applications do. Compiled, not run: C99 and C++11, for
 * each of the three ABIs, without a warning. */
#include "iot_import.h"

#include "class_interface.h"
#include "imports/iot_import_coap.h"
#include "imports/iot_import_dtls.h"
#include "imports/iot_import_ota.h"
#include "linkkit_export.h"
#include "lite-log.h"
#include "lite-utils.h"
#include "sdk-impl_internal.h"

int arguments(const char *text, void *pointer);
int memory(void);
int objects(void);
void logging(int number);

int arguments(const char *text, void *pointer)
{
    POINTER_SANITY_CHECK(pointer, NULL_VALUE_ERROR);
    STRING_PTR_SANITY_CHECK(text, NULL_VALUE_ERROR);
    OTA_ASSERT(text != pointer, "arguments");
    return SUCCESS_RETURN;
}

int memory(void)
{
    char *text = (char *)LITE_malloc(16);
    char *marked = (char *)LITE_malloc(16, "a mark", "another");
    char *from_hal = (char *)OTA_MALLOC(16);
    char *for_coap = (char *)coap_malloc(16);

    OTA_SNPRINTF(from_hal, 16, "%d", 1);
    LITE_free(text);
    LITE_free(marked);
    OTA_FREE(from_hal);
    coap_free(for_coap);
    return text == NULL && marked == NULL;
}

int objects(void)
{
    void *object = new_object(SERVICE_FOTA_CLASS);
    void *part = service_ota_lite_malloc(16);

    service_ota_lite_free(part);
    delete_object(object);
#ifdef SERVICE_OTA_ENABLED
    object = new_object(SERVICE_COTA_CLASS);
    part = config_ota_lite_malloc(16);
    config_ota_lite_free(part);
    delete_object(object);
#endif
#ifdef DM_ENABLED
    object = new_object(DM_IMPL_CLASS, "a thing", 0);
    delete_object(object);
#endif
    return part == NULL;
}

void logging(int number)
{
    log_emerg("text");
    log_crit("text");
    log_err("%d", number);
    log_warning("%d", number);
    log_info("%d %s", number, "text");
    log_debug("%d %s", number, "text");
    OTA_LOG_DEBUG("text");
    OTA_LOG_INFO("%d", number);
    OTA_LOG_ERROR("%d", number);
    DTLS_TRC("text\r\n");
    DTLS_DUMP("%02x", number);
    DTLS_DEBUG("%d\r\n", number);
    DTLS_INFO("%d\r\n", number);
    DTLS_ERR("%d %s\r\n", number, "text");
}
