/* bits.h — words of 64 bits as sets. */
#ifndef GT_BASE_BITS_H
#define GT_BASE_BITS_H

#include <stdint.h>

/* Bit i of the result is the xor of bits 0 to i, without a carry-less multiply. */
static inline uint64_t gt_prefix_xor(uint64_t x)
{
    x ^= x << 1;
    x ^= x << 2;
    x ^= x << 4;
    x ^= x << 8;
    x ^= x << 16;
    return x ^ x << 32;
}

#endif
