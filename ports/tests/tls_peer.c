#include "tls_peer.h"

#include "net.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_ARGUMENTS 32
#define START_TRIES 500

static void sleep_us(long us)
{
    struct timespec pause = { us / 1000000, us % 1000000 * 1000 };

    nanosleep(&pause, NULL);
}

/* --- the server ---------------------------------------------------------------------------- */

/* The port that the server's log names, 0 if it does not yet. */
static uint16_t announced_port(const char *log)
{
    char line[256];
    unsigned port = 0;
    FILE *in = fopen(log, "r");

    while (in != NULL && port == 0 && fgets(line, sizeof(line), in) != NULL) {
        sscanf(line, "ACCEPT 127.0.0.1:%u", &port);
    }
    if (in != NULL) {
        fclose(in);
    }
    return (uint16_t)port;
}

struct tls_server tls_server_start(const char *folder, const char *name, const char *const *options)
{
    char certificate[64], key[64], log[256];
    const char *arguments[MAX_ARGUMENTS] = {
        "openssl", "s_server", "-accept", "127.0.0.1:0", "-rev", "-cert", certificate, "-key", key,
    };
    struct tls_server server = { 0, 0 };
    size_t n = 9;
    int i;

    snprintf(certificate, sizeof(certificate), "%s.pem", name);
    snprintf(key, sizeof(key), "%s.key", name);
    snprintf(log, sizeof(log), "%s/server.log", folder);
    while (options != NULL && *options != NULL && n < MAX_ARGUMENTS - 1) {
        arguments[n++] = *options++;
    }
    unlink(log);

    server.pid = fork();
    if (server.pid == 0) {
        int out = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        int in = open("/dev/null", O_RDONLY);

        if (chdir(folder) == 0 && dup2(in, 0) >= 0 && dup2(out, 1) >= 0 && dup2(out, 2) >= 0) {
            execvp("openssl", (char *const *)arguments);
        }
        _exit(127);
    }
    for (i = 0; i < START_TRIES && server.port == 0; i++) {
        sleep_us(10000);
        server.port = announced_port(log);
    }
    if (server.pid < 0 || server.port == 0) {
        net_die("openssl s_server");
    }
    return server;
}

void tls_server_stop(struct tls_server server)
{
    kill(server.pid, SIGKILL);
    while (waitpid(server.pid, NULL, 0) < 0 && errno == EINTR) {
        /* again */
    }
}

/* --- the relay ----------------------------------------------------------------------------- */

static int connect_to(uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        net_die("connect to the server");
    }
    return fd;
}

/* Returns whether all of it went out; it does not if the other side is gone. */
static int pass(int to, const char *data, ssize_t len)
{
    while (len > 0) {
        ssize_t n = send(to, data, (size_t)len, MSG_NOSIGNAL);

        if (n < 0) {
            return 0;
        }
        data += n;
        len -= n;
    }
    return 1;
}

static void *pass_down(void *argument)
{
    struct relay *relay = argument;
    char buf[4096];
    ssize_t n;

    for (;;) {
        int slow = relay->mode == RELAY_SLOW;

        n = recv(relay->server, buf, slow ? 1 : sizeof(buf), 0);
        if (n <= 0 || relay->mode == RELAY_ENDED || !pass(relay->client, buf, n)) {
            break;
        }
        if (slow) {
            sleep_us(200);
        }
    }
    if (relay->mode != RELAY_ENDED) {
        shutdown(relay->client, SHUT_WR);
    }
    return NULL;
}

static void *pass_up(void *argument)
{
    struct relay *relay = argument;
    int on = 1;
    char buf[4096];
    ssize_t n;

    relay->client = accept(relay->listener, NULL, NULL);
    if (relay->client < 0) {
        return NULL; /* stopped before a client came */
    }
    setsockopt(relay->client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    relay->server = connect_to(relay->target);
    relay->down = net_thread(pass_down, relay);
    do {
        while (relay->mode == RELAY_HOLD) {
            sleep_us(1000);
        }
        n = recv(relay->client, buf, sizeof(buf), 0);
    } while (n > 0 && pass(relay->server, buf, n));
    shutdown(relay->server, SHUT_WR);
    pthread_join(relay->down, NULL);
    return NULL;
}

void relay_start(struct relay *relay, uint16_t target, enum relay_mode mode)
{
    relay->listener = net_listen(AF_INET, SOCK_STREAM, &relay->port);
    relay->client = relay->server = -1;
    relay->target = target;
    relay->mode = mode;
    relay->up = net_thread(pass_up, relay);
}

void relay_stop(struct relay *relay, enum relay_end end)
{
    relay->mode = RELAY_ENDED; /* the server's last words, too, are not for the client */
    shutdown(relay->listener, SHUT_RDWR);
    shutdown(relay->client, SHUT_RD);
    shutdown(relay->server, SHUT_RDWR);
    pthread_join(relay->up, NULL);
    if (end == RELAY_RST) {
        struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

        setsockopt(relay->client, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    }
    close(relay->listener);
    if (relay->client >= 0) {
        close(relay->client);
    }
    if (relay->server >= 0) {
        close(relay->server);
    }
}
