/* From a host name to addresses. */
#include "port.h"

#include "iot_import.h"

struct addrinfo *iotport_resolve(const char *host, uint16_t port, int socktype)
{
    struct addrinfo hints = { .ai_flags = AI_NUMERICSERV, .ai_socktype = socktype };
    struct addrinfo *list = NULL;
    struct iotport_route route;
    int error;

    if (iotport_route(host, port, &route) != 0) {
        return NULL;
    }
    error = getaddrinfo(route.address, route.port, &hints, &list);
    if (error != 0) {
        HAL_Printf("HAL: cannot resolve %s: %s\n", route.address, gai_strerror(error));
        return NULL;
    }
    return list;
}
