/* The certificates that a server's chain may end in. */
#include "tls.h"

#include "iot_import.h"

#include <stdlib.h>
#include <string.h>

#include <mbedtls/version.h>

/* Reading a file that the environment names is for hosted systems. */
#if defined(__unix__) && defined(MBEDTLS_FS_IO) && !defined(IOTKIT_NO_CA_FILE)
#define HAS_CA_FILE 1
#else
#define HAS_CA_FILE 0
#endif

static int add_pem(mbedtls_x509_crt *roots, const char *pem, size_t len);
static int add_file(mbedtls_x509_crt *roots);

int iottls_load_roots(mbedtls_x509_crt *roots, const char *pem, size_t len)
{
    int known = 0;

    if (pem != NULL && len > 0) {
        known += add_pem(roots, pem, len);
    }
    known += add_file(roots);
    if (known == 0) {
        HAL_Printf("HAL: TLS: no root certificate to trust: no connection\n");
        return -1;
    }
    return 0;
}

/* Adds what can be read in `pem`. Returns 1 if that is anything. */
static int add_pem(mbedtls_x509_crt *roots, const char *pem, size_t len)
{
    char *terminated = NULL;
    int ret;

    /* mbedTLS recognises PEM by the NUL behind it, and counts that. */
    if (pem[len - 1] != '\0') {
        terminated = HAL_Malloc((uint32_t)len + 1);
        if (terminated == NULL) {
            return 0;
        }
        memcpy(terminated, pem, len);
        terminated[len] = '\0';
        pem = terminated;
        len++;
    }
    ret = mbedtls_x509_crt_parse(roots, (const unsigned char *)pem, len);
    HAL_Free(terminated);

    if (ret < 0) {
        HAL_Printf("HAL: TLS: the given root is no PEM certificate (-0x%04x)\n", (unsigned)-ret);
    } else if (ret > 0) {
        HAL_Printf("HAL: TLS: %d of the given roots cannot be read\n", ret);
    }
    return ret >= 0;
}

#if HAS_CA_FILE
/* Adds the certificates of the file that IOTKIT_CA_FILE names, if it does. Returns 1 if any. */
static int add_file(mbedtls_x509_crt *roots)
{
    const char *path = getenv("IOTKIT_CA_FILE");
    int ret;

    if (path == NULL || path[0] == '\0') {
        return 0;
    }
    ret = mbedtls_x509_crt_parse_file(roots, path);
    if (ret < 0) {
        HAL_Printf("HAL: TLS: IOTKIT_CA_FILE=%s: no PEM certificate can be read (-0x%04x)\n", path,
                   (unsigned)-ret);
        return 0;
    }
    return 1;
}
#else
static int add_file(mbedtls_x509_crt *roots)
{
    (void)roots;
    return 0;
}
#endif
