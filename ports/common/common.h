/* What the ports in C have in common. Not for applications: they include iot_import.h.
 *
 * A port brings iotport_setting() and the guard; the rest is here. */
#ifndef IOTKIT_PORT_COMMON_H
#define IOTKIT_PORT_COMMON_H

#include <stddef.h>
#include <stdint.h>

/* Marks a function that an application may replace alone, without the rest of its group. */
#define IOTPORT_REPLACEABLE __attribute__((weak))

/* --- the port's own ---------------------------------------------------------------------- */

/* What the environment, or the build's configuration, says about `name`; NULL if nothing. The
 * text stays where it is. */
const char *iotport_setting(const char *name);

/* Keeps other threads out until iotport_unguard(), which is given what this returned. For copying
 * a few bytes: a port may turn interrupts off. */
long iotport_guard(void);
void iotport_unguard(long before);

/* --- setting.c --------------------------------------------------------------------------- */

/* Copies the setting `name`, or `otherwise` if there is none or it is longer than `max`
 * characters, to `out`, which has room for `max` + 1. Returns the length. */
int iotport_copy_setting(const char *name, const char *otherwise, char *out, size_t max);

/* --- route.c ----------------------------------------------------------------------------- */

/* What to ask the resolver for. */
struct iotport_route {
    char address[256]; /* a host name, or an address without brackets */
    char port[6];
};

/* Says where `port` of `host` is: elsewhere if the setting IOTKIT_RESOLVE names the host. Returns 0,
 * or -1 after telling why in the log. */
int iotport_route(const char *host, uint16_t port, struct iotport_route *route);

#endif
