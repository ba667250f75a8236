/* SPDX-License-Identifier: Apache-2.0 */
/* Generated from capi/src/v2/tfs.rs: change that, then run `cargo xtask headers`. */

#ifndef TFS_H
#define TFS_H

#include <stdint.h>

/** Length of an ID2. */
#define TFS_ID2_LEN 24

#endif /* TFS_H */
