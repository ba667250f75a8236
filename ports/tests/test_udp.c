/* HAL_UDP_*. */
#include "check.h"
#include "net.h"

#include "iot_import.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define INVALID ((void *)-1)

struct pair {
    void *device;
    int peer;
};

static char loopback[] = "127.0.0.1";

static const unsigned char *bytes(const char *text)
{
    return (const unsigned char *)text;
}

/* The peer knows the device from its first datagram, and answers it alone. */
static struct pair connect_pair(void)
{
    struct sockaddr_in device;
    socklen_t size = sizeof(device);
    struct pair pair;
    uint16_t port;
    char buf[8];

    pair.peer = net_listen(AF_INET, SOCK_DGRAM, &port);
    pair.device = HAL_UDP_create(loopback, port);
    CHECK(pair.device != INVALID);
    CHECK_EQUAL(HAL_UDP_write(pair.device, bytes("hi"), 2), 2);
    CHECK_EQUAL(recvfrom(pair.peer, buf, sizeof(buf), 0, (struct sockaddr *)&device, &size), 2);
    CHECK_EQUAL(connect(pair.peer, (struct sockaddr *)&device, size), 0);
    return pair;
}

static void end_pair(struct pair pair)
{
    HAL_UDP_close(pair.device);
    close(pair.peer);
}

static void datagrams_keep_their_borders(void)
{
    struct pair pair = connect_pair();
    unsigned char buf[16];

    net_send(pair.peer, "first", 5);
    net_send(pair.peer, "2nd", 3);
    CHECK_EQUAL(HAL_UDP_readTimeout(pair.device, buf, sizeof(buf), 1000), 5);
    CHECK(memcmp(buf, "first", 5) == 0);
    CHECK_EQUAL(HAL_UDP_read(pair.device, buf, sizeof(buf)), 3);
    CHECK(memcmp(buf, "2nd", 3) == 0);
    end_pair(pair);
}

static void a_long_datagram_is_cut_and_an_empty_one_is_0(void)
{
    struct pair pair = connect_pair();
    unsigned char buf[4];

    net_send(pair.peer, "longer", 6);
    CHECK_EQUAL(HAL_UDP_readTimeout(pair.device, buf, sizeof(buf), 1000), 4);
    CHECK(memcmp(buf, "long", 4) == 0);
    CHECK_EQUAL(send(pair.peer, "", 0, 0), 0);
    CHECK_EQUAL(HAL_UDP_readTimeout(pair.device, buf, sizeof(buf), 1000), 0);
    CHECK_EQUAL(HAL_UDP_readTimeout(pair.device, buf, sizeof(buf), 10), -2);
    end_pair(pair);
}

static void silence_is_a_timeout(void)
{
    struct pair pair = connect_pair();
    int64_t start = clock_ms();
    unsigned char buf[4];

    CHECK_EQUAL(HAL_UDP_readTimeout(pair.device, buf, sizeof(buf), 150), -2);
    CHECK(took_about(start, 150));
    start = clock_ms();
    CHECK_EQUAL(HAL_UDP_readTimeout(pair.device, buf, sizeof(buf), 0), -2);
    CHECK(took_about(start, 0));
    end_pair(pair);
}

static void a_refused_port_is_told_at_once(void)
{
    struct pair pair = connect_pair();
    int64_t start = clock_ms();
    unsigned char buf[4];

    close(pair.peer);
    CHECK_EQUAL(HAL_UDP_write(pair.device, bytes("x"), 1), 1);
    CHECK_EQUAL(HAL_UDP_readTimeout(pair.device, buf, sizeof(buf), 5000), -1);
    CHECK(took_about(start, 0));
    CHECK_EQUAL(HAL_UDP_write(pair.device, bytes("x"), 1), 1);
    start = clock_ms();
    while (clock_ms() - start < 1000 && HAL_UDP_write(pair.device, bytes("x"), 1) != -1) {
        /* the refusal of the one before is on its way */
    }
    CHECK(took_about(start, 0));
    HAL_UDP_close(pair.device);
}

static void a_signal_interrupts_waiting(void)
{
    struct pair pair = connect_pair();
    int64_t start = clock_ms();
    unsigned char buf[4];

    net_signals_begin();
    CHECK_EQUAL(HAL_UDP_readTimeout(pair.device, buf, sizeof(buf), 5000), -3);
    net_signals_end();
    CHECK(took_about(start, 5));
    end_pair(pair);
}

static void too_long_a_datagram_is_an_error(void)
{
    static unsigned char huge[70000];
    struct pair pair = connect_pair();

    CHECK_EQUAL(HAL_UDP_write(pair.device, huge, sizeof(huge)), -1);
    end_pair(pair);
}

static void an_unknown_host_gives_minus_1(void)
{
    char nowhere[] = "not an address";
    char empty[] = "";
    int before = net_open_descriptors();

    CHECK(HAL_UDP_create(nowhere, 5683) == INVALID);
    CHECK(HAL_UDP_create(empty, 5683) == INVALID);
    CHECK(HAL_UDP_create(NULL, 5683) == INVALID);
    CHECK_EQUAL(net_open_descriptors(), before);
}

static void closing_frees_the_descriptor(void)
{
    int before = net_open_descriptors();

    end_pair(connect_pair());
    HAL_UDP_close(NULL);
    HAL_UDP_close(INVALID);
    CHECK_EQUAL(net_open_descriptors(), before);
}

static void a_handle_is_never_a_standard_stream(void)
{
    int kept = dup(0);
    uint16_t port;
    int peer = net_listen(AF_INET, SOCK_DGRAM, &port);
    void *device;

    close(0);
    device = HAL_UDP_create(loopback, port);
    CHECK((intptr_t)device > 2);
    HAL_UDP_close(device);
    dup2(kept, 0);
    close(kept);
    close(peer);
}

static void senseless_arguments_are_refused(void)
{
    struct pair pair = connect_pair();
    unsigned char buf[4];

    CHECK_EQUAL(HAL_UDP_readTimeout(NULL, buf, sizeof(buf), 10), -1);
    CHECK_EQUAL(HAL_UDP_readTimeout(INVALID, buf, sizeof(buf), 10), -1);
    CHECK_EQUAL(HAL_UDP_readTimeout(pair.device, NULL, 4, 10), -1);
    CHECK_EQUAL(HAL_UDP_readTimeout(pair.device, buf, 0, 10), -1);
    CHECK_EQUAL(HAL_UDP_write(NULL, buf, sizeof(buf)), -1);
    CHECK_EQUAL(HAL_UDP_write(INVALID, buf, sizeof(buf)), -1);
    CHECK_EQUAL(HAL_UDP_write(pair.device, NULL, 4), -1);
    end_pair(pair);
}

int main(void)
{
    RUN(datagrams_keep_their_borders);
    RUN(a_long_datagram_is_cut_and_an_empty_one_is_0);
    RUN(silence_is_a_timeout);
    RUN(a_refused_port_is_told_at_once);
    RUN(a_signal_interrupts_waiting);
    RUN(too_long_a_datagram_is_an_error);
    RUN(an_unknown_host_gives_minus_1);
    RUN(closing_frees_the_descriptor);
    RUN(a_handle_is_never_a_standard_stream);
    RUN(senseless_arguments_are_refused);
    return finish();
}
