/* Opening sockets. */
#include "port.h"

#include <fcntl.h>
#include <unistd.h>

#define FIRST_FREE_FD 3 /* behind standard input, output and error */

int iotport_socket(const struct addrinfo *address)
{
    int fd = socket(address->ai_family, address->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC,
                    address->ai_protocol);

    if (fd >= 0 && fd < FIRST_FREE_FD) {
        int moved = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FREE_FD);

        close(fd);
        fd = moved;
    }
    return fd;
}
