/* A stand-in: where poll() is before RT-Thread 4.1. */
#define POLLIN 0x01
#define POLLOUT 0x02

struct pollfd {
    int fd;
    short events;
    short revents;
};

int poll(struct pollfd *fds, unsigned int nfds, int timeout);
