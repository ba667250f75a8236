/* What the functions with "..." call: stable Rust cannot define them, so each is a few lines of C
 * around one of these. Every file is a member of the archive on its own, so that a program needs
 * HAL_Vsnprintf only if it uses a function that formats. */
#ifndef IOTKIT_SHIM_H
#define IOTKIT_SHIM_H

#include <stdarg.h>
#include <stdint.h>

/* The application's HAL, as iot_import.h declares it. */
void *HAL_Malloc(uint32_t size);
int HAL_Vsnprintf(char *str, const int len, const char *fmt, va_list ap);

/* capi/src/v2/class_interface.rs */
void *iotkit_object_make(const void *_class);
void *iotkit_object_construct(void *object, va_list *params);
/* capi/src/v2/lite_log.rs */
int iotkit_log_enabled(int level);
void iotkit_log_write(const char *function, int line, int level, const char *text, int whole);
/* capi/src/v2/lite_utils.rs */
char *iotkit_json_value_of(const char *key, const char *src);

#endif
