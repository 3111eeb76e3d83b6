/* hash.h — digests and table hashes. */
#ifndef GT_BASE_HASH_H
#define GT_BASE_HASH_H

#include "base/str.h"

/* SHA-256 (FIPS 180-4) as 32 bytes, or as 64 lower-case hex digits (not NUL-terminated). */
void gt_sha256(gt_str data, uint8_t out[32]);
void gt_sha256_hex(gt_str data, char out[64]);
/* Lower-case hex of n bytes into out[2 * n]. */
void gt_hex(const uint8_t *bytes, size_t n, char *out);

/* Fast, well mixed, not keyed: for tables whose keys we count, and for telling copies apart. */
uint64_t gt_hash64(gt_str data, uint64_t seed);
typedef struct gt_hash128 {
    uint64_t low;
    uint64_t high;
} gt_hash128;
gt_hash128 gt_hash128_of(gt_str data);

#endif
