/* A stand-in for that of RT-Thread's SAL. */
#ifndef SYS_SOCKET_H
#define SYS_SOCKET_H

#include <stddef.h>
#include <stdint.h>

typedef uint32_t socklen_t;
struct sockaddr;

#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define SOL_SOCKET 0xfff
#define SO_ERROR 0x1007
#define IPPROTO_TCP 6
#define TCP_NODELAY 0x01

int socket(int domain, int type, int protocol);
int connect(int s, const struct sockaddr *name, socklen_t namelen);
int recv(int s, void *mem, size_t len, int flags);
int send(int s, const void *data, size_t size, int flags);
int getsockopt(int s, int level, int optname, void *optval, socklen_t *optlen);
int setsockopt(int s, int level, int optname, const void *optval, socklen_t optlen);
int ioctlsocket(int s, long cmd, void *arg);
int closesocket(int s);

#endif
