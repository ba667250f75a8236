/* A refused certificate, in words: who is meant, what is wrong, what to do. */
#include "tls.h"

#include "iot_import.h"

#include <string.h>

#define WEAK                                                                                       \
    (MBEDTLS_X509_BADCERT_BAD_MD | MBEDTLS_X509_BADCERT_BAD_PK | MBEDTLS_X509_BADCERT_BAD_KEY)
#define WRONG_USE                                                                                  \
    (MBEDTLS_X509_BADCERT_KEY_USAGE | MBEDTLS_X509_BADCERT_EXT_KEY_USAGE                           \
     | MBEDTLS_X509_BADCERT_NS_CERT_TYPE)

static const struct {
    uint32_t flags;
    const char *problem;
    const char *remedy;
} reasons[] = {
    { MBEDTLS_X509_BADCERT_EXPIRED, "has expired",
      "renew it on the server; if it is current, set this device's clock" },
    { MBEDTLS_X509_BADCERT_FUTURE, "is not valid yet", "set this device's clock" },
    { MBEDTLS_X509_BADCERT_REVOKED, "is revoked", "renew it on the server" },
    { MBEDTLS_X509_BADCERT_CN_MISMATCH, "is for another name",
      "check the host name and where it leads (DNS, IOTKIT_RESOLVE)" },
    { WEAK, "uses a weak key or signature", "renew it on the server" },
    { WRONG_USE, "is not for a TLS server", "renew it on the server" },
    { MBEDTLS_X509_BADCERT_MISSING, "was not sent", "check the server" },
};

static void tell(const char *host, const char *problem, const char *remedy);

int iottls_note_certificate(void *peer, mbedtls_x509_crt *certificate, int depth, uint32_t *flags)
{
    const mbedtls_x509_buf *issuer = &certificate->issuer_raw;
    const mbedtls_x509_buf *subject = &certificate->subject_raw;

    (void)flags;
    if (depth == 0) {
        ((struct iottls_peer *)peer)->self_signed =
            issuer->len == subject->len && memcmp(issuer->p, subject->p, issuer->len) == 0;
    }
    return 0;
}

void iottls_explain(const char *host, uint32_t flags, const struct iottls_peer *peer)
{
    size_t i;

    for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (flags & reasons[i].flags) {
            tell(host, reasons[i].problem, reasons[i].remedy);
        }
    }
    if (flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED) {
        tell(host, peer->self_signed ? "is self-signed" : "comes from an unknown CA",
             "if it is right, trust its root: pub_key, or the PEM file IOTKIT_CA_FILE");
    }
}

/* Two pieces, since a port's HAL_Printf may cut at 128 characters. */
static void tell(const char *host, const char *problem, const char *remedy)
{
    HAL_Printf("HAL: TLS: the certificate of %s %s:\n", host, problem);
    HAL_Printf("HAL: TLS: %s\n", remedy);
}
