/* HAL_SSL_*, whoever implements them: linked with libiot_tls.a, or with an archive that carries
 * the rustls port. CERTS names the folder with the certificates of make_certs.sh; TLS_HANDLES is "checked" for a port
 * that refuses handles it has not given out. */
#include "check.h"
#include "net.h"
#include "tls_peer.h"

#include "iot_import.h"

#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOST "device.tls.example"
#define LINE 1000
#define LINES 300

static const char *folder;
static char root[8192]; /* the CA that the good certificates come from, PEM */

/* --- the log: the text functions of the port are replaced, so that tests read it -------------- */

static char logged[4096];

void HAL_Printf(const char *fmt, ...)
{
    size_t used = strlen(logged);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(logged + used, sizeof(logged) - used, fmt, ap);
    va_end(ap);
    fputs(logged + used, stdout);
}

int HAL_Snprintf(char *str, const int len, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(str, (size_t)len, fmt, ap);
    va_end(ap);
    return n;
}

int HAL_Vsnprintf(char *str, const int len, const char *fmt, va_list ap)
{
    return vsnprintf(str, (size_t)len, fmt, ap);
}

/* --- connecting ----------------------------------------------------------------------------- */

static void lead_to(uint16_t port)
{
    char rule[64];

    snprintf(rule, sizeof(rule), "tls.example=127.0.0.1:%u", (unsigned)port);
    setenv("IOTKIT_RESOLVE", rule, 1);
    logged[0] = '\0';
}

/* The name leads to `port`; the port given here must not matter. */
static uintptr_t establish(uint16_t port)
{
    lead_to(port);
    return HAL_SSL_Establish(HOST, 8883, root, strlen(root) + 1);
}

static void read_file(const char *name, char *out, size_t size)
{
    char path[256];
    FILE *in;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    in = fopen(path, "rb");
    if (in == NULL) {
        net_die(path);
    }
    out[fread(out, 1, size - 1, in)] = '\0';
    fclose(in);
}

/* Sends a line and expects it back, reversed. */
static void exchange(uintptr_t session)
{
    char buf[7] = "";

    CHECK_EQUAL(HAL_SSL_Write(session, "hello!\n", 7, 5000), 7);
    CHECK_EQUAL(HAL_SSL_Read(session, buf, 7, 10000), 7);
    CHECK(memcmp(buf, "!olleh\n", 7) == 0);
}

/* Whether a server with that certificate and those options is accepted. */
static int accepted(const char *certificate, const char *const *options)
{
    struct tls_server server = tls_server_start(folder, certificate, options);
    uintptr_t session = establish(server.port);

    if (session != 0) {
        exchange(session);
        CHECK_EQUAL(HAL_SSL_Destroy(session), 0);
    }
    tls_server_stop(server);
    return session != 0;
}

static void a_good_certificate_is_accepted(void)
{
    const char *const tls12[] = { "-tls1_2", NULL };
    const char *const no_forward_secrecy[] = { "-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256", NULL };

    CHECK(accepted("good", NULL));
    CHECK(accepted("good", tls12));
    CHECK(accepted("good", no_forward_secrecy));
    CHECK(accepted("good_ec", NULL));
    CHECK(accepted("good_ec", tls12));
    CHECK_EQUAL(logged[0], '\0');
}

static void refused(const char *certificate, const char *reason, const char *remedy, int line)
{
    check(!accepted(certificate, NULL), certificate, __FILE__, line);
    check(strstr(logged, HOST) != NULL, "the log names the host", __FILE__, line);
    check(strstr(logged, reason) != NULL, reason, __FILE__, line);
    check(strstr(logged, remedy) != NULL, remedy, __FILE__, line);
}
#define REFUSED(certificate, reason, remedy) refused(certificate, reason, remedy, __LINE__)

static void a_bad_certificate_is_refused_and_named(void)
{
    REFUSED("expired", "has expired", "clock");
    REFUSED("future", "is not valid yet", "clock");
    REFUSED("wrong_name", "is for another name", "IOTKIT_RESOLVE");
    REFUSED("unknown_ca", "comes from an unknown CA", "IOTKIT_CA_FILE");
    REFUSED("self_signed", "is self-signed", "IOTKIT_CA_FILE");
}

static void the_name_is_sent_as_sni(void)
{
    /* The good certificate is shown only to who asks for that name. */
    const char *const options[] = { "-servername", HOST, "-cert2", "good.pem", "-key2", "good.key", NULL };

    CHECK(accepted("wrong_name", options));
}

static void tls_1_1_is_refused(void)
{
    const char *const options[] = { "-tls1_1", "-cipher", "ALL:@SECLEVEL=0", NULL };

    CHECK(!accepted("good", options));
    CHECK(logged[0] != '\0');
}

static void without_a_root_nobody_is_trusted(void)
{
    struct tls_server server = tls_server_start(folder, "good", NULL);

    lead_to(server.port);
    CHECK_EQUAL(HAL_SSL_Establish(HOST, 1, NULL, 0), 0);
    CHECK(strstr(logged, "no root certificate") != NULL);
    CHECK_EQUAL(HAL_SSL_Establish(HOST, 1, "", 1), 0);
    CHECK_EQUAL(HAL_SSL_Establish(HOST, 1, "no PEM", 7), 0);
    CHECK_EQUAL(HAL_SSL_Establish(NULL, 1, root, strlen(root) + 1), 0);
    CHECK_EQUAL(HAL_SSL_Establish("", 1, root, strlen(root) + 1), 0);
    tls_server_stop(server);
}

static void a_root_may_come_without_its_nul_and_beside_others(void)
{
    struct tls_server server = tls_server_start(folder, "good", NULL);
    char roots[2 * sizeof(root)];
    uintptr_t session;

    lead_to(server.port);
    session = HAL_SSL_Establish(HOST, 1, root, strlen(root));
    CHECK(session != 0);
    CHECK_EQUAL(HAL_SSL_Destroy(session), 0);

    read_file("other_root.pem", roots, sizeof(root));
    strcat(roots, root);
    session = HAL_SSL_Establish(HOST, 1, roots, strlen(roots) + 1);
    CHECK(session != 0);
    CHECK_EQUAL(HAL_SSL_Destroy(session), 0);
    tls_server_stop(server);
}

static void the_ca_file_is_trusted_in_addition(void)
{
    struct tls_server server = tls_server_start(folder, "good", NULL);
    char path[256], other[sizeof(root)];
    uintptr_t session;

    read_file("other_root.pem", other, sizeof(other));
    lead_to(server.port);
    CHECK_EQUAL(HAL_SSL_Establish(HOST, 1, other, strlen(other) + 1), 0);

    snprintf(path, sizeof(path), "%s/root.pem", folder);
    setenv("IOTKIT_CA_FILE", path, 1);
    session = HAL_SSL_Establish(HOST, 1, other, strlen(other) + 1);
    CHECK(session != 0);
    CHECK_EQUAL(HAL_SSL_Destroy(session), 0);
    session = HAL_SSL_Establish(HOST, 1, NULL, 0);
    CHECK(session != 0);
    CHECK_EQUAL(HAL_SSL_Destroy(session), 0);

    setenv("IOTKIT_CA_FILE", "/nonexistent/roots.pem", 1);
    lead_to(server.port);
    CHECK_EQUAL(HAL_SSL_Establish(HOST, 1, other, strlen(other) + 1), 0);
    CHECK(strstr(logged, "/nonexistent/roots.pem") != NULL);
    unsetenv("IOTKIT_CA_FILE");
    tls_server_stop(server);
}

/* --- servers that are none -------------------------------------------------------------------- */

static void a_silent_server_is_given_up(void)
{
    uint16_t port;
    int listener = net_listen(AF_INET, SOCK_STREAM, &port);
    int64_t start = clock_ms();

    CHECK_EQUAL(establish(port), 0);
    CHECK(took_about(start, 15000));
    close(listener);
}

static void *answer_in_plain_text(void *argument)
{
    int fd = net_accept(*(int *)argument);
    char buf[16];

    net_receive(fd, buf, sizeof(buf));
    net_send(fd, "HTTP/1.0 400 Bad Request\r\n\r\n", 28);
    net_receive(fd, buf, sizeof(buf));
    close(fd);
    return NULL;
}

static void *hang_up(void *argument)
{
    close(net_accept(*(int *)argument));
    return NULL;
}

static void a_server_without_tls_is_refused_at_once(void)
{
    int64_t start = clock_ms();
    void *(*const bodies[])(void *) = { answer_in_plain_text, hang_up };
    size_t i;

    for (i = 0; i < 2; i++) {
        uint16_t port;
        int listener = net_listen(AF_INET, SOCK_STREAM, &port);
        pthread_t thread = net_thread(bodies[i], &listener);

        CHECK_EQUAL(establish(port), 0);
        CHECK(strstr(logged, HOST) != NULL);
        pthread_join(thread, NULL);
        close(listener);
    }
    CHECK(took_about(start, 0));
}

/* --- reading and writing ------------------------------------------------------------------------ */

static void reading_waits_as_long_as_told(void)
{
    struct tls_server server = tls_server_start(folder, "good", NULL);
    uintptr_t session = establish(server.port);
    int64_t start = clock_ms();
    char buf[32];

    CHECK_EQUAL(HAL_SSL_Read(session, buf, sizeof(buf), 150), 0);
    CHECK(took_about(start, 150));
    start = clock_ms();
    CHECK_EQUAL(HAL_SSL_Read(session, buf, sizeof(buf), 0), 0);
    CHECK_EQUAL(HAL_SSL_Read(session, buf, sizeof(buf), -5), 0);
    CHECK(took_about(start, 0));

    CHECK_EQUAL(HAL_SSL_Write(session, "abc\n", 4, 1000), 4);
    start = clock_ms();
    CHECK_EQUAL(HAL_SSL_Read(session, buf, sizeof(buf), 300), 4);
    CHECK(took_about(start, 300));
    CHECK_EQUAL(HAL_SSL_Destroy(session), 0);
    tls_server_stop(server);
}

static void a_record_may_be_read_byte_by_byte(void)
{
    struct tls_server server = tls_server_start(folder, "good", NULL);
    uintptr_t session = establish(server.port);
    const char *expected = "fedcba\n";
    int i;

    CHECK_EQUAL(HAL_SSL_Write(session, "abcdef\n", 7, 1000), 7);
    for (i = 0; i < 7; i++) {
        char byte = 0;

        /* The rest of the record is there already: no time is needed for it. */
        CHECK_EQUAL(HAL_SSL_Read(session, &byte, 1, i == 0 ? 5000 : 0), 1);
        CHECK_EQUAL(byte, expected[i]);
    }
    CHECK_EQUAL(HAL_SSL_Destroy(session), 0);
    tls_server_stop(server);
}

static void fill_line(char *line, int number)
{
    memset(line, 'a' + number % 26, LINE);
    line[LINE - 1] = '\n';
}

/* How many of `count` lines from `in` are not as the server should have sent them. */
static int wrong_lines(const char *in, int count)
{
    char expected[LINE];
    int i, wrong = 0;

    for (i = 0; i < count; i++) {
        fill_line(expected, i);
        wrong += memcmp(in + i * LINE, expected, LINE) != 0;
    }
    return wrong;
}

static void a_long_write_and_a_long_read_go_through(void)
{
    struct tls_server server = tls_server_start(folder, "good", NULL);
    uintptr_t session = establish(server.port);
    static char out[60 * LINE], in[60 * LINE];
    int i;

    for (i = 0; i < 60; i++) {
        fill_line(out + i * LINE, i);
    }
    CHECK_EQUAL(HAL_SSL_Write(session, out, sizeof(out), 10000), sizeof(out));
    CHECK_EQUAL(HAL_SSL_Read(session, in, sizeof(in), 20000), sizeof(in));
    CHECK_EQUAL(wrong_lines(in, 60), 0);
    CHECK_EQUAL(HAL_SSL_Destroy(session), 0);
    tls_server_stop(server);
}

static void *write_lines(void *argument)
{
    uintptr_t session = *(uintptr_t *)argument;
    char line[LINE];
    int i;

    for (i = 0; i < LINES; i++) {
        fill_line(line, i);
        CHECK_EQUAL(HAL_SSL_Write(session, line, LINE, 20000), LINE);
    }
    return NULL;
}

static void one_thread_reads_while_another_writes(void)
{
    struct tls_server server = tls_server_start(folder, "good", NULL);
    uintptr_t session = establish(server.port);
    static char in[LINES * LINE];
    pthread_t writer = net_thread(write_lines, &session);

    CHECK_EQUAL(HAL_SSL_Read(session, in, sizeof(in), 40000), sizeof(in));
    CHECK_EQUAL(wrong_lines(in, LINES), 0);
    pthread_join(writer, NULL);
    CHECK_EQUAL(HAL_SSL_Destroy(session), 0);
    tls_server_stop(server);
}

static void *read_for_a_second(void *argument)
{
    char buf[8];

    CHECK_EQUAL(HAL_SSL_Read(*(uintptr_t *)argument, buf, sizeof(buf), 1000), 0);
    return NULL;
}

static void a_waiting_reader_does_not_hold_up_a_writer(void)
{
    struct tls_server server = tls_server_start(folder, "good", NULL);
    uintptr_t session = establish(server.port);
    pthread_t reader = net_thread(read_for_a_second, &session);
    int64_t start;
    char buf[4];

    HAL_SleepMs(100);
    start = clock_ms();
    CHECK_EQUAL(HAL_SSL_Write(session, "abc", 3, 5000), 3); /* no line yet: no answer */
    CHECK(clock_ms() - start < 500);
    pthread_join(reader, NULL);
    CHECK_EQUAL(HAL_SSL_Write(session, "\n", 1, 5000), 1);
    CHECK_EQUAL(HAL_SSL_Read(session, buf, 4, 5000), 4);
    CHECK(memcmp(buf, "cba\n", 4) == 0);
    CHECK_EQUAL(HAL_SSL_Destroy(session), 0);
    tls_server_stop(server);
}

static void a_slow_server_is_understood(void)
{
    struct tls_server server = tls_server_start(folder, "good", NULL);
    struct relay relay;
    uintptr_t session;
    int64_t start;
    static char out[10 * LINE], in[10 * LINE];
    int i, n;

    relay_start(&relay, server.port, RELAY_SLOW);
    session = establish(relay.port);
    CHECK(session != 0);
    exchange(session);

    /* The timeout is one for the call, however many pieces come. */
    for (i = 0; i < 10; i++) {
        fill_line(out + i * LINE, i);
    }
    CHECK_EQUAL(HAL_SSL_Write(session, out, sizeof(out), 5000), sizeof(out));
    start = clock_ms();
    n = HAL_SSL_Read(session, in, sizeof(in), 300);
    CHECK(took_about(start, 300));
    CHECK(n >= 0 && n < (int)sizeof(in));
    CHECK_EQUAL(HAL_SSL_Read(session, in + n, (int)sizeof(in) - n, 30000), (int)sizeof(in) - n);
    CHECK_EQUAL(wrong_lines(in, 10), 0);
    CHECK_EQUAL(HAL_SSL_Destroy(session), 0);
    relay_stop(&relay, RELAY_FIN);
    tls_server_stop(server);
}

/* What Write has taken arrives, also when the network was stuck in the middle of a record. */
static void a_stuck_write_ends_in_time_and_loses_nothing(void)
{
    static char out[8000 * LINE], in[LINE];
    struct tls_server server = tls_server_start(folder, "good", NULL);
    struct relay relay;
    uintptr_t session;
    int64_t start;
    int i, n, taken, lines, wrong = 0;

    for (i = 0; i < 8000; i++) {
        fill_line(out + i * LINE, i);
    }
    relay_start(&relay, server.port, RELAY_NORMAL);
    session = establish(relay.port);
    CHECK(session != 0);
    exchange(session);

    relay.mode = RELAY_HOLD;
    start = clock_ms();
    taken = HAL_SSL_Write(session, out, sizeof(out), 1000);
    CHECK(took_about(start, 1000));
    CHECK(taken > 0 && taken < (int)sizeof(out));
    do { /* the system's buffers may still grow */
        start = clock_ms();
        n = HAL_SSL_Write(session, out + taken, (int)sizeof(out) - taken, 200);
        taken += n;
    } while (n > 0);
    CHECK_EQUAL(n, 0);
    CHECK(took_about(start, 200));

    /* Only reading from here on: that moves what is left of the last record, too. */
    relay.mode = RELAY_NORMAL;
    lines = taken / LINE;
    for (i = 0; i < lines; i++) {
        char expected[LINE];

        fill_line(expected, i);
        wrong += HAL_SSL_Read(session, in, LINE, 20000) != LINE || memcmp(in, expected, LINE) != 0;
    }
    CHECK_EQUAL(wrong, 0);
    CHECK_EQUAL(HAL_SSL_Write(session, out + taken, LINE - taken % LINE, 5000), LINE - taken % LINE);
    CHECK_EQUAL(HAL_SSL_Read(session, in, LINE, 20000), LINE);
    CHECK_EQUAL(memcmp(in, out + lines * LINE, LINE), 0);
    CHECK_EQUAL(HAL_SSL_Destroy(session), 0);
    relay_stop(&relay, RELAY_FIN);
    tls_server_stop(server);
}

/* --- the end -------------------------------------------------------------------------------------- */

static void the_closing_alert_means_closed(void)
{
    struct tls_server server = tls_server_start(folder, "good", NULL);
    uintptr_t session = establish(server.port);
    int64_t start = clock_ms();
    char buf[16];

    CHECK_EQUAL(HAL_SSL_Write(session, "ab\nCLOSE\n", 9, 1000), 9);
    CHECK_EQUAL(HAL_SSL_Read(session, buf, sizeof(buf), 20000), 3);
    CHECK_EQUAL(HAL_SSL_Read(session, buf, sizeof(buf), 20000), -1);
    CHECK_EQUAL(HAL_SSL_Read(session, buf, sizeof(buf), 20000), -1);
    CHECK(HAL_SSL_Write(session, "x", 1, 1000) < 0);
    CHECK(took_about(start, 0));
    CHECK_EQUAL(HAL_SSL_Destroy(session), 0);
    tls_server_stop(server);
}

static void an_end_without_alert_means_closed(void)
{
    struct tls_server server = tls_server_start(folder, "good", NULL);
    struct relay relay;
    uintptr_t session;
    int64_t start;
    char buf[16];

    relay_start(&relay, server.port, RELAY_NORMAL);
    session = establish(relay.port);
    exchange(session);
    relay_stop(&relay, RELAY_FIN);
    start = clock_ms();
    CHECK_EQUAL(HAL_SSL_Read(session, buf, sizeof(buf), 20000), -1);
    CHECK_EQUAL(HAL_SSL_Read(session, buf, sizeof(buf), 20000), -1);
    CHECK(took_about(start, 0));
    CHECK_EQUAL(HAL_SSL_Destroy(session), 0);
    tls_server_stop(server);
}

static void a_reset_is_an_error(void)
{
    struct tls_server server = tls_server_start(folder, "good", NULL);
    struct relay relay;
    uintptr_t session;
    int i, n = 0;
    char buf[16];

    relay_start(&relay, server.port, RELAY_NORMAL);
    session = establish(relay.port);
    exchange(session);
    relay_stop(&relay, RELAY_RST);
    CHECK_EQUAL(HAL_SSL_Read(session, buf, sizeof(buf), 20000), -2);
    for (i = 0; i < 50 && n >= 0; i++) {
        n = HAL_SSL_Write(session, "x", 1, 100);
    }
    CHECK(n < 0);
    CHECK_EQUAL(HAL_SSL_Destroy(session), 0);
    tls_server_stop(server);
}

static void a_killed_server_is_noticed(void)
{
    struct tls_server server = tls_server_start(folder, "good", NULL);
    uintptr_t session = establish(server.port);
    char buf[16];

    exchange(session);
    tls_server_stop(server);
    CHECK(HAL_SSL_Read(session, buf, sizeof(buf), 20000) < 0);
    CHECK_EQUAL(HAL_SSL_Destroy(session), 0);
}

static void senseless_arguments_are_refused(void)
{
    struct tls_server server = tls_server_start(folder, "good", NULL);
    uintptr_t session = establish(server.port);
    char buf[4];

    CHECK_EQUAL(HAL_SSL_Destroy(0), 0);
    CHECK(HAL_SSL_Read(0, buf, sizeof(buf), 10) < 0);
    CHECK(HAL_SSL_Write(0, buf, sizeof(buf), 10) < 0);
    CHECK(HAL_SSL_Read(session, NULL, 4, 10) < 0);
    CHECK(HAL_SSL_Write(session, NULL, 4, 10) < 0);
    CHECK(HAL_SSL_Read(session, buf, -1, 10) < 0);
    CHECK(HAL_SSL_Write(session, buf, -1, 10) < 0);
    CHECK_EQUAL(HAL_SSL_Read(session, NULL, 0, 10), 0);
    CHECK_EQUAL(HAL_SSL_Write(session, NULL, 0, 10), 0);
    exchange(session);
    CHECK_EQUAL(HAL_SSL_Destroy(session), 0);
    tls_server_stop(server);
}

/* A promise of the rustls port alone, which looks handles up in a table. */
static void dead_and_foreign_handles_are_harmless(void)
{
    const char *handles = getenv("TLS_HANDLES");
    struct tls_server server;
    uintptr_t dead, session;
    char buf[4];

    if (handles == NULL || strcmp(handles, "checked") != 0) {
        skip("this port follows its handles");
        return;
    }
    server = tls_server_start(folder, "good", NULL);
    dead = establish(server.port);
    CHECK_EQUAL(HAL_SSL_Destroy(dead), 0);
    session = establish(server.port);
    CHECK(session != dead);
    CHECK_EQUAL(HAL_SSL_Destroy(dead), 0);
    CHECK(HAL_SSL_Read(dead, buf, sizeof(buf), 10) < 0);
    CHECK(HAL_SSL_Write(dead, buf, sizeof(buf), 10) < 0);
    CHECK_EQUAL(HAL_SSL_Destroy((uintptr_t)buf), 0);
    CHECK(HAL_SSL_Read((uintptr_t)buf, buf, sizeof(buf), 10) < 0);
    CHECK(HAL_SSL_Write((uintptr_t)buf, buf, sizeof(buf), 10) < 0);
    exchange(session);
    CHECK_EQUAL(HAL_SSL_Destroy(session), 0);
    tls_server_stop(server);
}

static void nothing_stays_open(void)
{
    struct tls_server server = tls_server_start(folder, "good", NULL);
    struct tls_server bad = tls_server_start(folder, "expired", NULL);
    int before = net_open_descriptors();
    int i;

    for (i = 0; i < 5; i++) {
        uintptr_t session = establish(server.port);

        exchange(session);
        CHECK_EQUAL(HAL_SSL_Destroy(session), 0);
        CHECK_EQUAL(establish(bad.port), 0);
    }
    CHECK_EQUAL(net_open_descriptors(), before);
    tls_server_stop(server);
    tls_server_stop(bad);
}

int main(void)
{
    folder = getenv("CERTS");
    if (folder == NULL) {
        printf("FAIL CERTS is not set\n");
        return 1;
    }
    read_file("root.pem", root, sizeof(root));
    unsetenv("IOTKIT_CA_FILE");

    RUN(a_good_certificate_is_accepted);
    RUN(a_bad_certificate_is_refused_and_named);
    RUN(the_name_is_sent_as_sni);
    RUN(tls_1_1_is_refused);
    RUN(without_a_root_nobody_is_trusted);
    RUN(a_root_may_come_without_its_nul_and_beside_others);
    RUN(the_ca_file_is_trusted_in_addition);
    RUN(a_silent_server_is_given_up);
    RUN(a_server_without_tls_is_refused_at_once);
    RUN(reading_waits_as_long_as_told);
    RUN(a_record_may_be_read_byte_by_byte);
    RUN(a_long_write_and_a_long_read_go_through);
    RUN(one_thread_reads_while_another_writes);
    RUN(a_waiting_reader_does_not_hold_up_a_writer);
    RUN(a_slow_server_is_understood);
    RUN(a_stuck_write_ends_in_time_and_loses_nothing);
    RUN(the_closing_alert_means_closed);
    RUN(an_end_without_alert_means_closed);
    RUN(a_reset_is_an_error);
    RUN(a_killed_server_is_noticed);
    RUN(senseless_arguments_are_refused);
    RUN(dead_and_foreign_handles_are_harmless);
    RUN(nothing_stays_open);
    return finish();
}
