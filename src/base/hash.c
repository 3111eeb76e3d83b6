#include "base/hash.h"

#define XXH_INLINE_ALL
#include <openssl/sha.h>
#include <xxhash.h>

void gt_sha256(gt_str data, uint8_t out[32])
{
    SHA256((const unsigned char *)(data.ptr ? data.ptr : ""), data.len, out);
}

void gt_hex(const uint8_t *bytes, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
}

void gt_sha256_hex(gt_str data, char out[64])
{
    uint8_t digest[32];
    gt_sha256(data, digest);
    gt_hex(digest, sizeof digest, out);
}

uint64_t gt_hash64(gt_str data, uint64_t seed)
{
    return XXH3_64bits_withSeed(data.ptr ? data.ptr : "", data.len, seed);
}

gt_hash128 gt_hash128_of(gt_str data)
{
    XXH128_hash_t h = XXH3_128bits(data.ptr ? data.ptr : "", data.len);
    return (gt_hash128){h.low64, h.high64};
}
