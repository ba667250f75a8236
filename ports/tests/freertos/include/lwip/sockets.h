/* A stand-in for that of lwIP 2.1, whose names of sockets are macros, too. */
#ifndef LWIP_SOCKETS_H
#define LWIP_SOCKETS_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define LWIP_COMPAT_SOCKETS 1
#define LWIP_SOCKET_POLL 1
#define LWIP_DNS 1

typedef uint32_t socklen_t;
struct sockaddr;
struct pollfd {
    int fd;
    short events;
    short revents;
};

#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define SOL_SOCKET 0xfff
#define SO_ERROR 0x1007
#define IPPROTO_TCP 6
#define TCP_NODELAY 0x01
#define FIONBIO 0x8004667EL
#define POLLIN 0x1
#define POLLOUT 0x2

int lwip_socket(int domain, int type, int protocol);
int lwip_connect(int s, const struct sockaddr *name, socklen_t namelen);
ssize_t lwip_recv(int s, void *mem, size_t len, int flags);
ssize_t lwip_send(int s, const void *data, size_t size, int flags);
int lwip_getsockopt(int s, int level, int optname, void *optval, socklen_t *optlen);
int lwip_setsockopt(int s, int level, int optname, const void *optval, socklen_t optlen);
int lwip_ioctl(int s, long cmd, void *argp);
int lwip_close(int s);
int lwip_poll(struct pollfd *fds, unsigned int nfds, int timeout);

#define socket(domain, type, protocol) lwip_socket(domain, type, protocol)
#define connect(s, name, namelen) lwip_connect(s, name, namelen)
#define recv(s, mem, len, flags) lwip_recv(s, mem, len, flags)
#define send(s, data, size, flags) lwip_send(s, data, size, flags)
#define getsockopt(s, level, optname, opval, optlen) lwip_getsockopt(s, level, optname, opval, optlen)
#define setsockopt(s, level, optname, opval, optlen) lwip_setsockopt(s, level, optname, opval, optlen)
#define ioctlsocket(s, cmd, argp) lwip_ioctl(s, cmd, argp)
#define closesocket(s) lwip_close(s)
#define poll(fds, nfds, timeout) lwip_poll(fds, nfds, timeout)

#endif
