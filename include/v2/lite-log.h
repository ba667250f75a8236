/* SPDX-License-Identifier: Apache-2.0 */
/* Generated from capi/src/v2/lite_log.rs: change that, then run `cargo xtask headers`. */

#ifndef LITE_LOG_H
#define LITE_LOG_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif /* __cplusplus */

/**
 * Writes a line to the log, if the log is open and `level` is at most its level. Call it through
 * `log_emerg(...)` to `log_debug(...)`, which add the place of the call.
 *
 * @param f      name of the calling function
 * @param l      line of the call
 * @param level  0 (emergency) to 5 (debug), as `IOT_LogLevel`
 * @param fmt    a format as for `printf`
 */
void LITE_syslog(const char *f, int l, int level, const char *fmt, ...);

#ifdef __cplusplus
} /* extern "C" */
#endif /* __cplusplus */

#define log_emerg(...) LITE_syslog(__func__, __LINE__, 0, __VA_ARGS__)
#define log_crit(...) LITE_syslog(__func__, __LINE__, 1, __VA_ARGS__)
#define log_err(...) LITE_syslog(__func__, __LINE__, 2, __VA_ARGS__)
#define log_warning(...) LITE_syslog(__func__, __LINE__, 3, __VA_ARGS__)
#define log_info(...) LITE_syslog(__func__, __LINE__, 4, __VA_ARGS__)
#define log_debug(...) LITE_syslog(__func__, __LINE__, 5, __VA_ARGS__)

#endif /* LITE_LOG_H */
