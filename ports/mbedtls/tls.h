/* What the files of the mbedTLS port share: HAL_SSL_* over any port's HAL_TCP_*, with mbedTLS 2.28
 * or 3.1 and later (3.0 hides what these files read). */
#ifndef IOTKIT_PORT_MBEDTLS_H
#define IOTKIT_PORT_MBEDTLS_H

#include <stddef.h>
#include <stdint.h>

#include <mbedtls/x509_crt.h>

/* What the server's certificate turned out to be like, beside mbedTLS' own flags. */
struct iottls_peer {
    int self_signed;
};

/* --- trust.c ----------------------------------------------------------------------------- */

/* Fills `roots` with the certificates of `pem` (`len` bytes, with or without a final NUL; NULL for
 * none) and, on hosted builds, of the PEM file that IOTKIT_CA_FILE names. Returns 0, or -1 after
 * telling in the log that there is nothing to trust. */
int iottls_load_roots(mbedtls_x509_crt *roots, const char *pem, size_t len);

/* --- verify.c ---------------------------------------------------------------------------- */

/* Callback of mbedTLS for each certificate of the chain: notes what the flags do not tell, and
 * changes no verdict. `peer` is a struct iottls_peer. */
int iottls_note_certificate(void *peer, mbedtls_x509_crt *certificate, int depth, uint32_t *flags);

/* Logs what is wrong with the certificate of `host` and what to do about it. */
void iottls_explain(const char *host, uint32_t flags, const struct iottls_peer *peer);

#endif
