/* IOTKIT_RESOLVE: which name leads where. */
#include "check.h"

#include "../linux/port.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where `host`, port 1883, leads under `rules`: "address port", or "-" for nowhere. */
static const char *leads(const char *rules, const char *host)
{
    static char text[INET6_ADDRSTRLEN + 8];
    char address[INET6_ADDRSTRLEN], port[6];
    struct addrinfo *list;

    setenv("IOTKIT_RESOLVE", rules, 1);
    list = iotport_resolve(host, 1883, SOCK_STREAM);
    unsetenv("IOTKIT_RESOLVE");
    if (list == NULL) {
        return "-";
    }
    if (getnameinfo(list->ai_addr, list->ai_addrlen, address, sizeof(address), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        address[0] = port[0] = '\0';
    }
    freeaddrinfo(list);
    snprintf(text, sizeof(text), "%s %s", address, port);
    return text;
}

static void check_leads(const char *rules, const char *host, const char *expected, int line)
{
    const char *actual = leads(rules, host);

    if (strcmp(actual, expected) != 0) {
        printf("  %s:%d: %s leads to %s, not %s\n", __FILE__, line, host, actual, expected);
        check(0, rules, __FILE__, line);
    }
}
#define LEADS(rules, host, expected) check_leads(rules, host, expected, __LINE__)

static void a_suffix_takes_the_host_and_all_below(void)
{
    LEADS("aliyuncs.com=127.0.0.2", "aliyuncs.com", "127.0.0.2 1883");
    LEADS("aliyuncs.com=127.0.0.2", "pk.iot-as-mqtt.cn-shanghai.aliyuncs.com", "127.0.0.2 1883");
    LEADS(".aliyuncs.com=127.0.0.2", "a.aliyuncs.com", "127.0.0.2 1883");
    LEADS("Aliyuncs.COM=127.0.0.2", "a.aliYUNcs.com", "127.0.0.2 1883");
}

static void a_port_replaces_the_callers(void)
{
    LEADS("aliyuncs.com=127.0.0.2:40000", "a.aliyuncs.com", "127.0.0.2 40000");
    LEADS("aliyuncs.com=127.0.0.2:1", "a.aliyuncs.com", "127.0.0.2 1");
    LEADS("aliyuncs.com=127.0.0.2:65535", "a.aliyuncs.com", "127.0.0.2 65535");
}

static void ipv6_addresses_may_stand_in_brackets(void)
{
    LEADS("aliyuncs.com=[::1]:40000", "a.aliyuncs.com", "::1 40000");
    LEADS("aliyuncs.com=[::1]", "a.aliyuncs.com", "::1 1883");
    LEADS("aliyuncs.com=::1", "a.aliyuncs.com", "::1 1883");
}

static void the_first_match_counts(void)
{
    const char *rules = "mqtt.example=127.0.0.2:1,,example=127.0.0.3:2,other.example=127.0.0.4,";

    LEADS(rules, "a.mqtt.example", "127.0.0.2 1");
    LEADS(rules, "other.example", "127.0.0.3 2");
    LEADS(rules, "127.0.0.9", "127.0.0.9 1883");
}

static void other_hosts_go_to_the_system_resolver(void)
{
    LEADS("example.com=127.0.0.2", "127.0.0.9", "127.0.0.9 1883");
    LEADS("", "127.0.0.9", "127.0.0.9 1883");
    /* A suffix ends at a label's border: notexample.com is another host. */
    LEADS("27.0.0.9=127.0.0.2", "127.0.0.9", "127.0.0.9 1883");
    LEADS("a.very.long.suffix.9=127.0.0.2", "127.0.0.9", "127.0.0.9 1883");
}

static void a_rule_that_makes_no_sense_leads_nowhere(void)
{
    LEADS("aliyuncs.com", "a.aliyuncs.com", "-");
    LEADS("=127.0.0.1", "a.aliyuncs.com", "-");
    LEADS("aliyuncs.com=", "a.aliyuncs.com", "-");
    LEADS("aliyuncs.com=:1883", "a.aliyuncs.com", "-");
    LEADS("aliyuncs.com=127.0.0.1:", "a.aliyuncs.com", "-");
    LEADS("aliyuncs.com=127.0.0.1:0", "a.aliyuncs.com", "-");
    LEADS("aliyuncs.com=127.0.0.1:65536", "a.aliyuncs.com", "-");
    LEADS("aliyuncs.com=127.0.0.1:4294967297", "a.aliyuncs.com", "-");
    LEADS("aliyuncs.com=127.0.0.1:18x3", "a.aliyuncs.com", "-");
    LEADS("aliyuncs.com=[::1", "a.aliyuncs.com", "-");
    LEADS("aliyuncs.com=[::1]x", "a.aliyuncs.com", "-");
    LEADS("aliyuncs.com=not an address", "a.aliyuncs.com", "-");
}

static void overlong_names_are_refused(void)
{
    char host[400], rules[400];

    memset(host, 'a', sizeof(host) - 1);
    host[sizeof(host) - 1] = '\0';
    LEADS("example=127.0.0.1", host, "-");
    snprintf(rules, sizeof(rules), "example=%.300s", host);
    LEADS(rules, "example", "-");
}

int main(void)
{
    RUN(a_suffix_takes_the_host_and_all_below);
    RUN(a_port_replaces_the_callers);
    RUN(ipv6_addresses_may_stand_in_brackets);
    RUN(the_first_match_counts);
    RUN(other_hosts_go_to_the_system_resolver);
    RUN(a_rule_that_makes_no_sense_leads_nowhere);
    RUN(overlong_names_are_refused);
    return finish();
}
