/* HAL_SSL_*: TLS 1.2 and later through mbedTLS, over HAL_TCP_* of whatever port it is linked with.
 *
 * The chain and the name of the server are always verified.
 *
 * One thread may read while another writes. An mbedTLS session is one state for both directions,
 * so a mutex covers it; but no thread waits for the network with that mutex held. mbedTLS
 * therefore never meets the socket: it takes its input from `in` and leaves its output in `out`,
 *
 *     HAL_TCP_Read  --> in  --> mbedtls_ssl_read   --> the application
 *     HAL_TCP_Write <-- out <-- mbedtls_ssl_write  <-- the application
 *         no lock                  locked
 *
 * and HAL_TCP_Read is asked for exactly what the record layer misses, because it waits until it
 * has got all it was asked for. */
#include "tls.h"

#include "iot_import.h"

#include <limits.h>
#include <string.h>

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/error.h>
#include <mbedtls/platform.h>
#include <mbedtls/ssl.h>
#include <mbedtls/version.h>
#if MBEDTLS_VERSION_MAJOR >= 3                                                                     \
    && (defined(MBEDTLS_USE_PSA_CRYPTO) || defined(MBEDTLS_SSL_PROTO_TLS1_3))
#include <psa/crypto.h>
#define NEEDS_PSA 1
#endif

#define HANDSHAKE_MS 15000 /* a small controller needs seconds for its part */
#define GOODBYE_MS 500     /* for a last alert, which the peer can do without */
#define HELP_MS 100        /* how often a waiting reader tries to move output that got stuck */
#define PAUSE_MS 10        /* before asking a port again that came back early with nothing */

#define IN_SIZE 2048
#define CHUNK 4096              /* plaintext of one record that is sent */
#define OUT_SIZE (CHUNK + 1024) /* one record with its overhead (at most 325), and some alerts */

#define CLOSED (-1)
#define FAILED (-2)

struct session {
    uintptr_t tcp;
    void *lock; /* covers all that follows, but for `in` and `out` as told there */
    mbedtls_ssl_context ssl;
    mbedtls_ssl_config config;
    mbedtls_entropy_context entropy;
    mbedtls_ctr_drbg_context random;
    mbedtls_x509_crt roots;
    struct iottls_peer peer;

    int established;
    int read_end;  /* what reading returns from now on; 0 as long as there may be more */
    int write_end; /* likewise for writing */

    size_t wanted;        /* bytes the record layer misses */
    size_t in_at, in_len; /* input not yet taken: in[in_at..in_len] */
    int filling;          /* a thread is reading into `in`, unlocked */
    size_t out_at, out_len; /* output not yet sent: out[out_at..out_len] */
    int sending; /* a thread is sending that part of `out`, unlocked; more may be added behind it */
    unsigned char in[IN_SIZE];
    unsigned char out[OUT_SIZE];
};

/* Time that a call has, told on a clock that may wrap at 2^32 milliseconds. */
struct timer {
    uint32_t start;
    uint32_t length;
};

#if MBEDTLS_VERSION_MAJOR >= 3 && defined(MBEDTLS_SSL_PROTO_TLS1_3)
/* mbedTLS' own list, but with PKCS#1 before PSS: it offers PSS for TLS 1.3, and 3.6.6 breaks off
 * when a server that speaks TLS 1.2 alone chooses that. TLS 1.3 does without PKCS#1 anyway. */
static const uint16_t signatures[] = {
    MBEDTLS_TLS1_3_SIG_ECDSA_SECP256R1_SHA256, MBEDTLS_TLS1_3_SIG_ECDSA_SECP384R1_SHA384,
    MBEDTLS_TLS1_3_SIG_ECDSA_SECP521R1_SHA512, MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA512,
    MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA384,       MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA256,
    MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA512,    MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA384,
    MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA256,    MBEDTLS_TLS1_3_SIG_NONE,
};
#endif

static struct session *open_session(uintptr_t tcp);
static int configure(struct session *s, const char *host, const char *ca_crt, size_t ca_crt_len);
static int handshake(struct session *s, const char *host);
static void close_session(struct session *s);
static int take_input(void *session, unsigned char *buf, size_t len);
static int put_output(void *session, const unsigned char *buf, size_t len);
static int receive(struct session *s, const struct timer *timer);
static int flush(struct session *s, const struct timer *timer);
static void sent_from_out(struct session *s, int32_t sent, size_t size);
static void help_writer(struct session *s);
static struct timer begin(int timeout_ms);
static uint32_t left(const struct timer *timer);
static void pause_if_early(int32_t transferred, const struct timer *timer);
static void tell(const char *what, const char *host, int error);

/* Connects to `port` of `host` and performs the handshake, within the port's limit for connecting
 * plus 15 s. `host` is also the name that the certificate must carry, and is sent as SNI. `ca_crt`
 * is PEM text (`ca_crt_len` bytes, NUL included): its certificates are trusted; see trust.c for
 * IOTKIT_CA_FILE. Returns a handle for HAL_SSL_Destroy(), or 0 after telling why in the log. */
uintptr_t HAL_SSL_Establish(const char *host, uint16_t port, const char *ca_crt, size_t ca_crt_len)
{
    uintptr_t tcp;
    struct session *s;

    if (host == NULL || host[0] == '\0') {
        return 0;
    }
    tcp = HAL_TCP_Establish(host, port);
    if (tcp == 0) {
        return 0;
    }
    s = open_session(tcp);
    if (s == NULL) {
        HAL_TCP_Destroy(tcp);
        return 0;
    }
    if (configure(s, host, ca_crt, ca_crt_len) != 0 || handshake(s, host) != 0) {
        close_session(s);
        return 0;
    }
    return (uintptr_t)s;
}

/* Says goodbye, closes the connection and frees all that belongs to it; no other call on `handle`
 * may be running. Returns 0; `handle` 0 is harmless. */
int32_t HAL_SSL_Destroy(uintptr_t handle)
{
    struct session *s = (struct session *)handle;

    if (s == NULL) {
        return 0;
    }
    if (s->write_end == 0) {
        mbedtls_ssl_close_notify(&s->ssl);
    }
    close_session(s);
    return 0;
}

/* Sends `len` bytes, within `timeout_ms`. Returns how many were taken (fewer when time ran out or
 * the connection broke on the way), 0 if none, -1 if the peer has closed, -2 on any other error.
 * Bytes that were taken but not sent in time go out with the next Write or Read. */
int32_t HAL_SSL_Write(uintptr_t handle, const char *buf, int len, int timeout_ms)
{
    struct session *s = (struct session *)handle;
    struct timer timer = begin(timeout_ms);
    int done = 0;

    if (s == NULL || len < 0 || (buf == NULL && len > 0)) {
        return FAILED;
    }
    HAL_MutexLock(s->lock);
    /* A record is begun only when those before it are gone, so there is room for it. */
    while (s->write_end == 0 && flush(s, &timer) && done < len) {
        size_t size = len - done < CHUNK ? (size_t)(len - done) : CHUNK;
        int n = mbedtls_ssl_write(&s->ssl, (const unsigned char *)buf + done, size);

        if (n > 0) {
            done += n;
        } else {
            s->write_end = FAILED;
        }
    }
    if (done == 0) {
        done = s->write_end;
    }
    HAL_MutexUnlock(s->lock);
    return done;
}

/* Fills `buf` with `len` bytes, or with what came within `timeout_ms` (counted over the whole
 * call). Returns how many (fewer when time ran out or the connection ended on the way), 0 if none
 * came in time, -1 if the peer has closed, with or without TLS' closing alert, -2 on any other
 * error. A timeout of 0 takes what has arrived already. */
int32_t HAL_SSL_Read(uintptr_t handle, char *buf, int len, int timeout_ms)
{
    struct session *s = (struct session *)handle;
    struct timer timer = begin(timeout_ms);
    int more = 1;
    int got = 0;

    if (s == NULL || len < 0 || (buf == NULL && len > 0)) {
        return FAILED;
    }
    HAL_MutexLock(s->lock);
    while (got < len && s->read_end == 0) {
        int n = mbedtls_ssl_read(&s->ssl, (unsigned char *)buf + got, (size_t)(len - got));

        help_writer(s);
        if (n > 0) {
            got += n;
        } else if (n == 0 || n == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) {
            s->read_end = s->write_end = CLOSED;
#ifdef MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET
        } else if (n == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET) {
            continue; /* TLS 1.3: no data, no error */
#endif
        } else if (n != MBEDTLS_ERR_SSL_WANT_READ) {
            tell("reading failed", "the server", n);
            s->read_end = s->write_end = FAILED;
        } else if (!more && left(&timer) == 0) {
            break;
        } else {
            more = receive(s, &timer);
        }
    }
    if (got == 0) {
        got = s->read_end;
    }
    HAL_MutexUnlock(s->lock);
    return got;
}

#if defined(MBEDTLS_PLATFORM_MEMORY)                                                               \
    && !(defined(MBEDTLS_PLATFORM_CALLOC_MACRO) && defined(MBEDTLS_PLATFORM_FREE_MACRO))
static void *allocate(size_t count, size_t size)
{
    void *block;

    if (size != 0 && count > UINT32_MAX / size) {
        return NULL;
    }
    block = HAL_Malloc((uint32_t)(count * size));
    if (block != NULL) {
        memset(block, 0, count * size);
    }
    return block;
}

/* Lets mbedTLS allocate through the HAL, where its build leaves the choice. */
static void use_hal_memory(void)
{
    mbedtls_platform_set_calloc_free(allocate, HAL_Free);
}
#else
static void use_hal_memory(void)
{
}
#endif

/* Returns a session with everything initialised and nothing configured, NULL for lack of memory. */
static struct session *open_session(uintptr_t tcp)
{
    struct session *s = HAL_Malloc(sizeof(*s));

    if (s == NULL) {
        return NULL;
    }
    memset(s, 0, sizeof(*s));
    s->tcp = tcp;
    s->lock = HAL_MutexCreate();
    if (s->lock == NULL) {
        HAL_Free(s);
        return NULL;
    }
    use_hal_memory();
    mbedtls_ssl_init(&s->ssl);
    mbedtls_ssl_config_init(&s->config);
    mbedtls_entropy_init(&s->entropy);
    mbedtls_ctr_drbg_init(&s->random);
    mbedtls_x509_crt_init(&s->roots);
    return s;
}

static int configure(struct session *s, const char *host, const char *ca_crt, size_t ca_crt_len)
{
    int ret;

#ifdef NEEDS_PSA
    if (psa_crypto_init() != PSA_SUCCESS) {
        tell("cryptography cannot start", host, 0);
        return -1;
    }
#endif
    if (iottls_load_roots(&s->roots, ca_crt, ca_crt_len) != 0) {
        return -1;
    }
    ret = mbedtls_ctr_drbg_seed(&s->random, mbedtls_entropy_func, &s->entropy, NULL, 0);
    if (ret != 0) {
        tell("no entropy", host, ret);
        return -1;
    }
    ret = mbedtls_ssl_config_defaults(&s->config, MBEDTLS_SSL_IS_CLIENT,
                                      MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
    if (ret == 0) {
        mbedtls_ssl_conf_authmode(&s->config, MBEDTLS_SSL_VERIFY_REQUIRED);
        mbedtls_ssl_conf_ca_chain(&s->config, &s->roots, NULL);
        mbedtls_ssl_conf_verify(&s->config, iottls_note_certificate, &s->peer);
        mbedtls_ssl_conf_rng(&s->config, mbedtls_ctr_drbg_random, &s->random);
#if MBEDTLS_VERSION_MAJOR < 3 /* later versions have nothing below 1.2 */
        mbedtls_ssl_conf_min_version(&s->config, MBEDTLS_SSL_MAJOR_VERSION_3,
                                     MBEDTLS_SSL_MINOR_VERSION_3);
#elif defined(MBEDTLS_SSL_PROTO_TLS1_3)
        mbedtls_ssl_conf_sig_algs(&s->config, signatures);
#endif
        ret = mbedtls_ssl_setup(&s->ssl, &s->config);
    }
    if (ret == 0) {
        mbedtls_ssl_set_bio(&s->ssl, s, put_output, take_input, NULL);
        ret = mbedtls_ssl_set_hostname(&s->ssl, host); /* SNI, and the name to verify */
    }
    if (ret != 0) {
        tell("cannot prepare", host, ret);
        return -1;
    }
    return 0;
}

/* Returns 0 once both sides are agreed and the server is who it should be. */
static int handshake(struct session *s, const char *host)
{
    struct timer timer = begin(HANDSHAKE_MS);
    int ret;

    HAL_MutexLock(s->lock);
    do {
        ret = mbedtls_ssl_handshake(&s->ssl);
        if (!flush(s, &timer)) {
            break;
        }
        if (ret == MBEDTLS_ERR_SSL_WANT_READ) {
            receive(s, &timer);
        }
    } while ((ret == MBEDTLS_ERR_SSL_WANT_READ || ret == MBEDTLS_ERR_SSL_WANT_WRITE)
             && s->read_end == 0 && left(&timer) > 0);
    s->established = ret == 0 && s->out_len == 0;
    HAL_MutexUnlock(s->lock);

    if (s->established) {
        return 0;
    }
    if (ret == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED) {
        iottls_explain(host, mbedtls_ssl_get_verify_result(&s->ssl), &s->peer);
    } else if (s->read_end != 0 || s->write_end != 0) {
        tell("connection lost during the handshake", host, 0);
    } else if (left(&timer) == 0) {
        tell("handshake not finished in time", host, 0);
    } else {
        tell("handshake failed", host, ret);
    }
    return -1;
}

static void close_session(struct session *s)
{
    struct timer timer = begin(GOODBYE_MS);

    HAL_MutexLock(s->lock);
    flush(s, &timer);
    HAL_MutexUnlock(s->lock);
    HAL_TCP_Destroy(s->tcp);

    mbedtls_ssl_free(&s->ssl);
    mbedtls_ssl_config_free(&s->config);
    mbedtls_ctr_drbg_free(&s->random);
    mbedtls_entropy_free(&s->entropy);
    mbedtls_x509_crt_free(&s->roots);
    HAL_MutexDestroy(s->lock);
    HAL_Free(s);
}

/* mbedTLS asks for input: gives what is there, or notes how much is missing. */
static int take_input(void *session, unsigned char *buf, size_t len)
{
    struct session *s = session;
    size_t have = s->in_len - s->in_at;

    if (s->filling || have == 0) {
        s->wanted = len;
        return MBEDTLS_ERR_SSL_WANT_READ;
    }
    if (have > len) {
        have = len;
    }
    memcpy(buf, s->in + s->in_at, have);
    s->in_at += have;
    return (int)have;
}

/* mbedTLS has output. Behind the handshake a record is taken whole or not at all: left half
 * inside mbedTLS, it would be taken for the next one's. */
static int put_output(void *session, const unsigned char *buf, size_t len)
{
    struct session *s = session;
    size_t room = OUT_SIZE - s->out_len;

    if (len > room && s->established) {
        return MBEDTLS_ERR_SSL_BUFFER_TOO_SMALL;
    }
    if (room == 0) {
        return MBEDTLS_ERR_SSL_WANT_WRITE;
    }
    if (len > room) {
        len = room;
    }
    memcpy(s->out + s->out_len, buf, len);
    s->out_len += len;
    return (int)len;
}

/* Waits, unlocked, for the bytes that the record layer misses. Called, and returns, locked. Returns
 * whether as many came as were asked for, so that more may have arrived already. */
static int receive(struct session *s, const struct timer *timer)
{
    size_t size = s->wanted < IN_SIZE ? s->wanted : IN_SIZE;
    uint32_t wait = left(timer);
    int32_t n;

    if (s->out_len > 0 && wait > HELP_MS) {
        wait = HELP_MS;
    }
    s->filling = 1;
    HAL_MutexUnlock(s->lock);
    n = HAL_TCP_Read(s->tcp, (char *)s->in, (uint32_t)size, wait > 0 ? wait : 1);
    pause_if_early(n, timer);
    HAL_MutexLock(s->lock);
    s->filling = 0;

    s->in_at = 0;
    s->in_len = 0;
    if (n < 0 || (size_t)n > size) {
        s->read_end = s->write_end = n == CLOSED ? CLOSED : FAILED;
        return 0;
    }
    s->in_len = (size_t)n;
    return s->in_len == size;
}

/* Sends, unlocked, what is in `out`. Called, and returns, locked. Returns whether all of it is
 * gone; if not, the time is over or `write_end` is set. */
static int flush(struct session *s, const struct timer *timer)
{
    int tries;

    for (tries = 0; s->out_len > 0 && s->write_end == 0; tries++) {
        uint32_t wait = left(timer);
        int32_t sent = 0;

        if (tries > 0 && wait == 0) {
            break;
        }
        if (s->sending) { /* by the other thread: its turn ends soon */
            HAL_MutexUnlock(s->lock);
            pause_if_early(0, timer);
            HAL_MutexLock(s->lock);
        } else {
            size_t size = s->out_len - s->out_at;
            const char *from = (const char *)s->out + s->out_at;

            s->sending = 1;
            HAL_MutexUnlock(s->lock);
            sent = HAL_TCP_Write(s->tcp, from, (uint32_t)size, wait > 0 ? wait : 1);
            pause_if_early(sent, timer);
            HAL_MutexLock(s->lock);
            s->sending = 0;
            sent_from_out(s, sent, size);
        }
    }
    return s->out_len == 0;
}

/* Accounts for what HAL_TCP_Write made of `size` bytes of `out`. */
static void sent_from_out(struct session *s, int32_t sent, size_t size)
{
    if (sent < 0 || (size_t)sent > size) {
        s->write_end = sent == CLOSED ? CLOSED : FAILED;
        return;
    }
    s->out_at += (size_t)sent;
    if (s->out_at == s->out_len) {
        s->out_at = s->out_len = 0;
    }
}

/* A reader moves output that no writer is busy with: alerts, and what a writer had no time for. */
static void help_writer(struct session *s)
{
    struct timer at_once = begin(0);

    if (s->out_len > 0 && !s->sending) {
        flush(s, &at_once);
    }
}

static struct timer begin(int timeout_ms)
{
    struct timer timer = { (uint32_t)HAL_UptimeMs(), timeout_ms > 0 ? (uint32_t)timeout_ms : 0 };

    return timer;
}

static uint32_t left(const struct timer *timer)
{
    uint32_t gone = (uint32_t)HAL_UptimeMs() - timer->start;

    return gone < timer->length ? timer->length - gone : 0;
}

/* A port that returns nothing before its time must not make the caller spin. */
static void pause_if_early(int32_t transferred, const struct timer *timer)
{
    uint32_t rest = left(timer);

    if (transferred == 0 && rest > 0) {
        HAL_SleepMs(rest < PAUSE_MS ? rest : PAUSE_MS);
    }
}

static void tell(const char *what, const char *host, int error)
{
#if defined(MBEDTLS_ERROR_C)
    char reason[96] = "";

    if (error != 0) {
        mbedtls_strerror(error, reason, sizeof(reason));
    }
    HAL_Printf("HAL: TLS: %s: %s%s%s\n", host, what, error != 0 ? ": " : "", reason);
#else
    HAL_Printf("HAL: TLS: %s: %s (-0x%04x)\n", host, what, (unsigned)-error);
#endif
}
