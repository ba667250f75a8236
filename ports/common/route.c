/* Where a host name leads.
 *
 * The setting IOTKIT_RESOLVE sends names elsewhere, for an unchanged program to meet a local platform:
 *
 *     suffix=address[:port][,suffix=address[:port]]...
 *
 * A suffix matches the host of that name and every host below it, letter case aside; the first
 * match counts. An address is what the system resolver understands, an IPv6 address with a port
 * stands in brackets: `aliyuncs.com=[::1]:1883`. Without a port the caller's port stays. */
#include "common.h"

#include "iot_import.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define ADDRESS_SIZE sizeof(((struct iotport_route *)0)->address)
#define PORT_SIZE sizeof(((struct iotport_route *)0)->port)

/* Part of the rules' text. */
struct slice {
    const char *at;
    size_t len;
};

static int redirect(const char *rules, const char *host, struct iotport_route *route);
static int parse_rule(struct slice rule, struct slice *suffix, struct slice *address,
                      struct slice *port);
static int matches(const char *host, struct slice suffix);
static void copy(char *out, size_t size, struct slice text);
static int is_port(struct slice text);

int iotport_route(const char *host, uint16_t port, struct iotport_route *route)
{
    const char *rules = iotport_setting("IOTKIT_RESOLVE");

    if (host == NULL || host[0] == '\0') {
        HAL_Printf("HAL: no host name given\n");
        return -1;
    }
    if (strlen(host) >= sizeof(route->address)) {
        HAL_Printf("HAL: a host name of %lu characters is too long\n", (unsigned long)strlen(host));
        return -1;
    }
    strcpy(route->address, host);
    snprintf(route->port, sizeof(route->port), "%u", (unsigned)port);
    return rules == NULL ? 0 : redirect(rules, host, route);
}

/* Applies the first rule that matches. Returns -1 at a rule that makes no sense: going on to the
 * real platform with a mistyped rule would surprise more than stopping. */
static int redirect(const char *rules, const char *host, struct iotport_route *route)
{
    const char *at = rules;

    while (*at != '\0') {
        struct slice rule = { at, strcspn(at, ",") };
        struct slice suffix, address, port;

        at += rule.len + (at[rule.len] == ',');
        if (rule.len == 0) {
            continue;
        }
        if (parse_rule(rule, &suffix, &address, &port) != 0) {
            HAL_Printf("HAL: IOTKIT_RESOLVE: '%.*s' is not suffix=address[:port]\n", (int)rule.len,
                       rule.at);
            return -1;
        }
        if (matches(host, suffix)) {
            copy(route->address, sizeof(route->address), address);
            if (port.len > 0) {
                copy(route->port, sizeof(route->port), port);
            }
            return 0;
        }
    }
    return 0;
}

/* Takes a rule apart; `port` is empty if the rule has none. */
static int parse_rule(struct slice rule, struct slice *suffix, struct slice *address,
                      struct slice *port)
{
    const char *end = rule.at + rule.len;
    const char *equals = memchr(rule.at, '=', rule.len);
    const char *colon;

    if (equals == NULL || equals == rule.at) {
        return -1;
    }
    *suffix = (struct slice){ rule.at, (size_t)(equals - rule.at) };
    *address = (struct slice){ equals + 1, (size_t)(end - equals - 1) };
    *port = (struct slice){ end, 0 };

    if (address->len > 0 && address->at[0] == '[') {
        const char *bracket = memchr(address->at, ']', address->len);

        if (bracket == NULL) {
            return -1;
        }
        *address = (struct slice){ address->at + 1, (size_t)(bracket - address->at - 1) };
        colon = bracket + 1;
        if (colon != end && *colon != ':') {
            return -1;
        }
    } else {
        colon = memchr(address->at, ':', address->len);
        if (colon == NULL || memchr(colon + 1, ':', (size_t)(end - colon - 1)) != NULL) {
            colon = end; /* no colon, or the many of an IPv6 address without a port */
        }
        address->len = (size_t)(colon - address->at);
    }
    if (address->len == 0 || address->len >= ADDRESS_SIZE) {
        return -1;
    }
    if (colon != end) {
        *port = (struct slice){ colon + 1, (size_t)(end - colon - 1) };
        return is_port(*port) ? 0 : -1;
    }
    return 0;
}

/* Whether `host` is `suffix` or a name below it. */
static int matches(const char *host, struct slice suffix)
{
    size_t len = strlen(host);
    const char *tail;

    if (len < suffix.len) {
        return 0;
    }
    tail = host + len - suffix.len;
    return strncasecmp(tail, suffix.at, suffix.len) == 0
        && (tail == host || tail[-1] == '.' || tail[0] == '.');
}

/* Copies `text`, which the caller knows to fit into `size` bytes with its NUL. */
static void copy(char *out, size_t size, struct slice text)
{
    snprintf(out, size, "%.*s", (int)text.len, text.at);
}

/* Whether `text` is a number from 1 to 65535. */
static int is_port(struct slice text)
{
    unsigned long value = 0;
    size_t i;

    for (i = 0; i < text.len && i < PORT_SIZE; i++) {
        if (text.at[i] < '0' || text.at[i] > '9') {
            return 0;
        }
        value = value * 10 + (unsigned long)(text.at[i] - '0');
    }
    return text.len < PORT_SIZE && value >= 1 && value <= 65535;
}
