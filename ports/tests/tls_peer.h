/* Peers for the TLS tests: OpenSSL's server, and a relay that spoils the connection to it. */
#ifndef PORT_TESTS_TLS_PEER_H
#define PORT_TESTS_TLS_PEER_H

#include <stdatomic.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/types.h>

struct tls_server {
    pid_t pid;
    uint16_t port;
};

/* Starts `openssl s_server` in the folder of the certificates, with certificate `name`; it sends
 * back each line it receives, reversed, and closes after the line CLOSE. `options` is a list of
 * further arguments that ends in NULL, or NULL. */
struct tls_server tls_server_start(const char *folder, const char *name, const char *const *options);
void tls_server_stop(struct tls_server server);

enum relay_mode {
    RELAY_NORMAL,
    RELAY_SLOW, /* what the server says arrives byte by byte */
    RELAY_HOLD, /* what the client says is not taken any more */
    RELAY_ENDED /* nothing passes any more */
};

/* Passes one connection on to a port of this machine. */
struct relay {
    uint16_t port; /* where the client connects */
    uint16_t target;
    int listener, client, server;
    _Atomic enum relay_mode mode;
    pthread_t up, down;
};

void relay_start(struct relay *relay, uint16_t target, enum relay_mode mode);

/* How the client's connection ends. Waits until nothing passes any more. */
enum relay_end { RELAY_FIN, RELAY_RST };
void relay_stop(struct relay *relay, enum relay_end end);

#endif
