/* SPDX-License-Identifier: Apache-2.0 */
/* Generated from xtask/headers.toml: change that, then run `cargo xtask headers`. */

#ifndef IOT_IMPORT_COAP_H
#define IOT_IMPORT_COAP_H

#include "iot_import.h"

/** Memory, for ports of CoAP and DTLS. */
#define coap_malloc HAL_Malloc
/** Frees memory of `coap_malloc`. */
#define coap_free HAL_Free

#endif /* IOT_IMPORT_COAP_H */
