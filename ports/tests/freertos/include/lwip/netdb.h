/* A stand-in for that of lwIP 2.1. */
#include "lwip/sockets.h"

struct addrinfo {
    int ai_flags;
    int ai_family;
    int ai_socktype;
    int ai_protocol;
    socklen_t ai_addrlen;
    struct sockaddr *ai_addr;
    char *ai_canonname;
    struct addrinfo *ai_next;
};

int lwip_getaddrinfo(const char *nodename, const char *servname, const struct addrinfo *hints, struct addrinfo **res);
void lwip_freeaddrinfo(struct addrinfo *ai);

#define getaddrinfo(nodename, servname, hints, res) lwip_getaddrinfo(nodename, servname, hints, res)
#define freeaddrinfo(addrinfo) lwip_freeaddrinfo(addrinfo)
