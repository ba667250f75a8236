/* HAL_TCP_*. */
#include "check.h"
#include "net.h"

#include "iot_import.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define BULK (8 * 1024 * 1024) /* more than socket buffers take */

struct pair {
    uintptr_t device; /* what the HAL returned */
    int peer;
};

static void sleep_ms(long ms)
{
    struct timespec pause = { ms / 1000, ms % 1000 * 1000000 };

    while (nanosleep(&pause, &pause) != 0) {
        /* signals: sleep on */
    }
}

static struct pair connect_pair(void)
{
    struct pair pair;
    uint16_t port;
    int listener = net_listen(AF_INET, SOCK_STREAM, &port);

    pair.device = HAL_TCP_Establish("127.0.0.1", port);
    CHECK(pair.device != 0);
    pair.peer = net_accept(listener);
    close(listener);
    return pair;
}

static void end_pair(struct pair pair)
{
    CHECK_EQUAL(HAL_TCP_Destroy(pair.device), 0);
    close(pair.peer);
}

/* --- Establish ----------------------------------------------------------------------------- */

static void connects_by_name(void)
{
    uint16_t port;
    int listener = net_listen(AF_INET, SOCK_STREAM, &port);
    uintptr_t device = HAL_TCP_Establish("localhost", port); /* may have to go past ::1 */

    CHECK(device != 0);
    CHECK_EQUAL(HAL_TCP_Destroy(device), 0);
    close(listener);
}

static void connects_over_ipv6(void)
{
    struct sockaddr_in6 loopback = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    int probe = socket(AF_INET6, SOCK_STREAM, 0);
    uint16_t port;
    int listener;
    uintptr_t device;

    if (probe < 0 || bind(probe, (struct sockaddr *)&loopback, sizeof(loopback)) != 0) {
        skip("this machine has no ::1");
        close(probe);
        return;
    }
    close(probe);
    listener = net_listen(AF_INET6, SOCK_STREAM, &port);
    device = HAL_TCP_Establish("::1", port);
    CHECK(device != 0);
    CHECK_EQUAL(HAL_TCP_Destroy(device), 0);
    close(listener);
}

static void a_refused_or_unknown_host_gives_0(void)
{
    uint16_t port;
    int64_t start = clock_ms();

    close(net_listen(AF_INET, SOCK_STREAM, &port));
    CHECK_EQUAL(HAL_TCP_Establish("127.0.0.1", port), 0);
    CHECK_EQUAL(HAL_TCP_Establish("", port), 0);
    CHECK_EQUAL(HAL_TCP_Establish(NULL, port), 0);
    CHECK_EQUAL(HAL_TCP_Establish("not an address", port), 0);
    CHECK(clock_ms() - start < 10000);
}

/* A listener whose queue is full drops SYNs: the network's way of not answering. */
static void connecting_gives_up_after_10_seconds(void)
{
    uint16_t port;
    int listener = net_listen(AF_INET, SOCK_STREAM, &port);
    uintptr_t queued[4];
    int64_t start;
    size_t n;

    CHECK_EQUAL(listen(listener, 0), 0);
    for (n = 0; n < 4; n++) {
        start = clock_ms();
        queued[n] = HAL_TCP_Establish("127.0.0.1", port);
        if (queued[n] == 0) {
            break;
        }
    }
    CHECK(n < 4);
    CHECK(took_about(start, 10000));
    while (n-- > 0) {
        CHECK_EQUAL(HAL_TCP_Destroy(queued[n]), 0);
    }
    close(listener);
}

static void a_handle_is_never_a_standard_stream(void)
{
    int kept = dup(0);
    uint16_t port;
    int listener = net_listen(AF_INET, SOCK_STREAM, &port);
    uintptr_t device;

    close(0);
    device = HAL_TCP_Establish("127.0.0.1", port);
    CHECK(device > 2);
    CHECK_EQUAL(HAL_TCP_Destroy(device), 0);
    dup2(kept, 0);
    close(kept);
    close(listener);
}

static void works_beyond_the_limits_of_select(void)
{
    struct rlimit limit;
    int held[1100];
    struct pair pair;
    size_t i;
    char byte;

    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < 1200) {
        skip("fewer than 1200 descriptors allowed");
        return;
    }
    if (limit.rlim_cur < 1200) {
        limit.rlim_cur = 1200;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    for (i = 0; i < 1100; i++) {
        held[i] = dup(0);
    }
    pair = connect_pair();
    CHECK(pair.device >= 1024);
    CHECK_EQUAL(HAL_TCP_Read(pair.device, &byte, 1, 20), 0);
    net_send(pair.peer, "x", 1);
    CHECK_EQUAL(HAL_TCP_Read(pair.device, &byte, 1, 1000), 1);
    end_pair(pair);
    for (i = 0; i < 1100; i++) {
        close(held[i]);
    }
}

/* --- Read ---------------------------------------------------------------------------------- */

static void *send_in_pieces(void *argument)
{
    int fd = *(int *)argument;

    net_send(fd, "abc", 3);
    sleep_ms(60);
    net_send(fd, "de", 2);
    sleep_ms(60);
    net_send(fd, "fgh+", 4);
    return NULL;
}

static void read_fills_the_buffer_across_pieces(void)
{
    struct pair pair = connect_pair();
    pthread_t sender = net_thread(send_in_pieces, &pair.peer);
    char buf[9] = "";

    CHECK_EQUAL(HAL_TCP_Read(pair.device, buf, 8, 5000), 8);
    CHECK(memcmp(buf, "abcdefgh", 8) == 0);
    CHECK_EQUAL(HAL_TCP_Read(pair.device, buf, 1, 5000), 1);
    CHECK_EQUAL(buf[0], '+');
    pthread_join(sender, NULL);
    end_pair(pair);
}

static void read_returns_what_came_when_the_time_is_over(void)
{
    struct pair pair = connect_pair();
    int64_t start = clock_ms();
    char buf[8];

    CHECK_EQUAL(HAL_TCP_Read(pair.device, buf, sizeof(buf), 150), 0);
    CHECK(took_about(start, 150));

    net_send(pair.peer, "abc", 3);
    start = clock_ms();
    CHECK_EQUAL(HAL_TCP_Read(pair.device, buf, sizeof(buf), 150), 3);
    CHECK(took_about(start, 150));
    end_pair(pair);
}

static void a_timeout_of_0_takes_what_is_there(void)
{
    struct pair pair = connect_pair();
    int64_t start = clock_ms();
    char buf[8];

    CHECK_EQUAL(HAL_TCP_Read(pair.device, buf, sizeof(buf), 0), 0);
    net_send(pair.peer, "abc", 3);
    CHECK_EQUAL(HAL_TCP_Read(pair.device, buf, 1, 5000), 1); /* now it has arrived */
    CHECK_EQUAL(HAL_TCP_Read(pair.device, buf, sizeof(buf), 0), 2);
    CHECK(took_about(start, 0));
    end_pair(pair);
}

static void *trickle(void *argument)
{
    int fd = *(int *)argument;
    int i;

    for (i = 0; i < 100; i++) {
        net_send(fd, "x", 1);
        sleep_ms(10);
    }
    return NULL;
}

static void a_trickle_does_not_stretch_the_timeout(void)
{
    struct pair pair = connect_pair();
    pthread_t sender = net_thread(trickle, &pair.peer);
    int64_t start = clock_ms();
    char buf[1000];
    int32_t n = HAL_TCP_Read(pair.device, buf, sizeof(buf), 200);

    CHECK(took_about(start, 200));
    CHECK(n > 0 && n < 100);
    pthread_join(sender, NULL);
    end_pair(pair);
}

static void the_end_is_told_behind_the_last_bytes(void)
{
    struct pair pair = connect_pair();
    int64_t start = clock_ms();
    char buf[8];

    net_send(pair.peer, "abc", 3);
    close(pair.peer);
    CHECK_EQUAL(HAL_TCP_Read(pair.device, buf, sizeof(buf), 5000), 3);
    CHECK_EQUAL(HAL_TCP_Read(pair.device, buf, sizeof(buf), 5000), -1);
    CHECK_EQUAL(HAL_TCP_Read(pair.device, buf, sizeof(buf), 0), -1);
    CHECK(took_about(start, 0));
    CHECK_EQUAL(HAL_TCP_Destroy(pair.device), 0);
}

static void a_reset_is_an_error(void)
{
    struct pair pair = connect_pair();
    char buf[8];

    net_reset(pair.peer);
    CHECK_EQUAL(HAL_TCP_Read(pair.device, buf, sizeof(buf), 5000), -2);
    CHECK(HAL_TCP_Read(pair.device, buf, sizeof(buf), 5000) < 0);
    CHECK_EQUAL(HAL_TCP_Destroy(pair.device), 0);
}

static void *close_later(void *argument)
{
    sleep_ms(80);
    close(*(int *)argument);
    return NULL;
}

static void a_waiting_read_wakes_up_when_the_peer_closes(void)
{
    struct pair pair = connect_pair();
    pthread_t closer = net_thread(close_later, &pair.peer);
    int64_t start = clock_ms();
    char buf[8];

    CHECK_EQUAL(HAL_TCP_Read(pair.device, buf, sizeof(buf), 30000), -1);
    CHECK(took_about(start, 80));
    pthread_join(closer, NULL);
    CHECK_EQUAL(HAL_TCP_Destroy(pair.device), 0);
}

static void signals_do_not_disturb_reading(void)
{
    struct pair pair = connect_pair();
    int64_t start = clock_ms();
    pthread_t sender;
    char buf[8];

    net_signals_begin();
    CHECK_EQUAL(HAL_TCP_Read(pair.device, buf, sizeof(buf), 150), 0);
    CHECK(took_about(start, 150));
    sender = net_thread(send_in_pieces, &pair.peer);
    CHECK_EQUAL(HAL_TCP_Read(pair.device, buf, sizeof(buf), 5000), 8);
    net_signals_end();
    pthread_join(sender, NULL);
    end_pair(pair);
}

/* --- Write --------------------------------------------------------------------------------- */

static void write_sends_everything(void)
{
    struct pair pair = connect_pair();
    char buf[6] = "";

    CHECK_EQUAL(HAL_TCP_Write(pair.device, "hello", 5, 1000), 5);
    CHECK_EQUAL(HAL_TCP_Write(pair.device, "!", 1, 0), 1);
    CHECK_EQUAL(net_receive(pair.peer, buf, 6), 6);
    CHECK(memcmp(buf, "hello!", 6) == 0);
    end_pair(pair);
}

static void small_buffers(struct pair pair)
{
    int size = 4096;

    setsockopt((int)pair.device, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    setsockopt(pair.peer, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

static char bulk[BULK];

static void a_stuck_write_tells_how_far_it_came(void)
{
    struct pair pair = connect_pair();
    int64_t start = clock_ms();
    int32_t n;

    small_buffers(pair);
    n = HAL_TCP_Write(pair.device, bulk, sizeof(bulk), 200);
    CHECK(took_about(start, 200));
    CHECK(n > 0 && n < (int32_t)sizeof(bulk));

    start = clock_ms();
    CHECK_EQUAL(HAL_TCP_Write(pair.device, bulk, sizeof(bulk), 100), 0);
    CHECK(took_about(start, 100));
    CHECK_EQUAL(HAL_TCP_Write(pair.device, bulk, sizeof(bulk), 0), 0);

    /* What was reported as sent, and no more, has been sent. */
    CHECK_EQUAL(net_receive(pair.peer, bulk, (size_t)n), n);
    CHECK_EQUAL(recv(pair.peer, bulk, 1, MSG_DONTWAIT), -1);
    end_pair(pair);
}

static void writing_to_a_closed_peer_is_an_error_and_no_signal(void)
{
    struct pair pair = connect_pair();
    int32_t n = 0;
    int i;

    net_reset(pair.peer);
    for (i = 0; i < 50 && n >= 0; i++) {
        n = HAL_TCP_Write(pair.device, "x", 1, 100);
        sleep_ms(2);
    }
    CHECK(n < 0);
    CHECK_EQUAL(HAL_TCP_Write(pair.device, "x", 1, 100), -1);
    CHECK_EQUAL(HAL_TCP_Destroy(pair.device), 0);
}

static void signals_do_not_disturb_writing(void)
{
    struct pair pair = connect_pair();
    int64_t start = clock_ms();

    small_buffers(pair);
    net_signals_begin();
    while (clock_ms() - start < 2000 && HAL_TCP_Write(pair.device, bulk, 4096, 100) == 4096) {
        /* until the buffers are full */
    }
    start = clock_ms();
    CHECK_EQUAL(HAL_TCP_Write(pair.device, bulk, 4096, 200), 0);
    CHECK(took_about(start, 200));
    net_signals_end();
    end_pair(pair);
}

/* --- both ---------------------------------------------------------------------------------- */

static void *echo(void *argument)
{
    int fd = *(int *)argument;
    char buf[1000];
    ssize_t n;

    while ((n = recv(fd, buf, sizeof(buf), 0)) > 0) {
        net_send(fd, buf, (size_t)n);
    }
    return NULL;
}

#define NUMBERS 0x20000
#define BLOCK 0x100

static void *write_numbers(void *argument)
{
    uintptr_t device = *(uintptr_t *)argument;
    uint32_t block[BLOCK];
    uint32_t i;

    for (i = 0; i < NUMBERS; i++) {
        block[i % BLOCK] = i;
        if (i % BLOCK == BLOCK - 1) {
            CHECK_EQUAL(HAL_TCP_Write(device, (char *)block, sizeof(block), 10000), sizeof(block));
        }
    }
    return NULL;
}

static void one_thread_reads_while_another_writes(void)
{
    struct pair pair = connect_pair();
    pthread_t echoer = net_thread(echo, &pair.peer);
    pthread_t writer = net_thread(write_numbers, &pair.device);
    uint32_t block[BLOCK / 2];
    uint32_t i, wrong = 0;

    for (i = 0; i < NUMBERS; i++) {
        if (i % (BLOCK / 2) == 0) {
            CHECK_EQUAL(HAL_TCP_Read(pair.device, (char *)block, sizeof(block), 10000), sizeof(block));
        }
        wrong += block[i % (BLOCK / 2)] != i;
    }
    CHECK_EQUAL(wrong, 0);
    pthread_join(writer, NULL);
    CHECK_EQUAL(shutdown(pair.peer, SHUT_RDWR), 0);
    pthread_join(echoer, NULL);
    end_pair(pair);
}

static void nothing_stays_open(void)
{
    int before = net_open_descriptors();
    uint16_t port;
    int i;

    close(net_listen(AF_INET, SOCK_STREAM, &port));
    for (i = 0; i < 20; i++) {
        struct pair pair = connect_pair();

        if (i % 2 == 0) {
            net_reset(pair.peer); /* shutdown() fails from here on */
            CHECK_EQUAL(HAL_TCP_Destroy(pair.device), 0);
        } else {
            end_pair(pair);
        }
        CHECK_EQUAL(HAL_TCP_Establish("127.0.0.1", port), 0);
    }
    CHECK_EQUAL(net_open_descriptors(), before);
}

static void senseless_arguments_are_refused(void)
{
    struct pair pair = connect_pair();
    char byte = 0;

    CHECK(HAL_TCP_Read(0, &byte, 1, 10) < 0);
    CHECK(HAL_TCP_Write(0, &byte, 1, 10) < 0);
    CHECK(HAL_TCP_Destroy(0) < 0);
    CHECK(HAL_TCP_Read(UINTPTR_MAX, &byte, 1, 10) < 0);
    CHECK(HAL_TCP_Write(UINTPTR_MAX, &byte, 1, 10) < 0);
    CHECK(HAL_TCP_Destroy(UINTPTR_MAX) < 0);
    CHECK(HAL_TCP_Read(pair.device, NULL, 1, 10) < 0);
    CHECK(HAL_TCP_Write(pair.device, NULL, 1, 10) < 0);
    CHECK_EQUAL(HAL_TCP_Read(pair.device, NULL, 0, 10), 0);
    CHECK_EQUAL(HAL_TCP_Write(pair.device, NULL, 0, 10), 0);
    end_pair(pair);
}

int main(void)
{
    RUN(connects_by_name);
    RUN(connects_over_ipv6);
    RUN(a_refused_or_unknown_host_gives_0);
    RUN(connecting_gives_up_after_10_seconds);
    RUN(a_handle_is_never_a_standard_stream);
    RUN(works_beyond_the_limits_of_select);
    RUN(read_fills_the_buffer_across_pieces);
    RUN(read_returns_what_came_when_the_time_is_over);
    RUN(a_timeout_of_0_takes_what_is_there);
    RUN(a_trickle_does_not_stretch_the_timeout);
    RUN(the_end_is_told_behind_the_last_bytes);
    RUN(a_reset_is_an_error);
    RUN(a_waiting_read_wakes_up_when_the_peer_closes);
    RUN(signals_do_not_disturb_reading);
    RUN(write_sends_everything);
    RUN(a_stuck_write_tells_how_far_it_came);
    RUN(writing_to_a_closed_peer_is_an_error_and_no_signal);
    RUN(signals_do_not_disturb_writing);
    RUN(one_thread_reads_while_another_writes);
    RUN(nothing_stays_open);
    RUN(senseless_arguments_are_refused);
    return finish();
}
