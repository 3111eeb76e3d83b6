/* The pass with AVX-512 (F, BW, DQ, VBMI2) and a carry-less multiply: comparisons give the masks at
 * once, and a compress cuts the insides of strings out. */
#if defined(__x86_64__)
#include <immintrin.h>

#include "json/scan_masks_internal.h"
#include "json/skeleton_internal.h"

static inline void classify(const char *p, scan_masks *m)
{
    __m512i v = _mm512_loadu_si512((const void *)p);
    __m512i lower = _mm512_or_si512(v, _mm512_set1_epi8(0x20));
    m->quote = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('"'));
    m->backslash = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('\\'));
    m->open = _mm512_cmpeq_epi8_mask(lower, _mm512_set1_epi8('{'));
    m->close = _mm512_cmpeq_epi8_mask(lower, _mm512_set1_epi8('}'));
    m->curly = _mm512_test_epi8_mask(v, _mm512_set1_epi8(0x20));
    m->colon = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(':'));
    m->comma = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(','));
    m->low = _mm512_cmple_epu8_mask(v, _mm512_set1_epi8(0x20));
    m->space = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(' '));
}

static inline uint64_t white_space(const char *p)
{
    __m512i v = _mm512_loadu_si512((const void *)p);
    return _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(' ')) |
           _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('\t')) |
           _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('\n')) |
           _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('\r'));
}

static inline uint64_t prefix_xor(uint64_t x)
{
    __m128i product = _mm_clmulepi64_si128(_mm_set_epi64x(0, (long long)x), _mm_set1_epi8(-1), 0);
    return (uint64_t)_mm_cvtsi128_si64(product);
}

#include "json/scan_core_internal.h"

typedef struct skeleton_masks {
    uint64_t quote, backslash, before; /* before: ':' and '[' */
} skeleton_masks;

typedef __m512i lowest;

static inline lowest lowest_none(void)
{
    return _mm512_set1_epi8(-1);
}

static inline bool has_control(lowest low)
{
    return _mm512_cmplt_epu8_mask(low, _mm512_set1_epi8(0x20)) != 0;
}

static inline uint64_t control_mask(const char *p)
{
    return _mm512_cmplt_epu8_mask(_mm512_loadu_si512((const void *)p), _mm512_set1_epi8(0x20));
}

static inline lowest string_masks(const char *p, skeleton_masks *m, lowest low)
{
    __m512i v = _mm512_loadu_si512((const void *)p);
    m->quote = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('"'));
    m->backslash = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('\\'));
    m->before = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(':')) |
                _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('['));
    return _mm512_min_epu8(low, v);
}

static inline unsigned cut(unsigned char *to, const char *from, uint64_t keep)
{
    __m512i v = _mm512_loadu_si512((const void *)from);
    _mm512_storeu_si512(to, _mm512_maskz_compress_epi8(keep, v));
    return (unsigned)_mm_popcnt_u64(keep);
}

static inline uint64_t boundary_mask(const unsigned char *p)
{
    __m512i second = _mm512_loadu_si512(p + 1);
    return _mm512_cmpeq_epi8_mask(_mm512_loadu_si512(p), _mm512_set1_epi8('}')) &
           (_mm512_cmpeq_epi8_mask(second, _mm512_set1_epi8(',')) |
            _mm512_cmpeq_epi8_mask(second, _mm512_set1_epi8('\n'))) &
           _mm512_cmpeq_epi8_mask(_mm512_loadu_si512(p + 2), _mm512_set1_epi8('{'));
}

static inline __m512i mix(const unsigned char *p, __m512i key)
{
    __m512i v = _mm512_loadu_si512(p), x = _mm512_xor_si512(v, key);
    return _mm512_add_epi64(_mm512_mul_epu32(x, _mm512_srli_epi64(x, 32)), v);
}

typedef struct hash_state {
    __m512i key, sum;
} hash_state;

static inline hash_state hash_begin(void)
{
    return (hash_state){_mm512_loadu_si512(skeleton_factors), _mm512_setzero_si512()};
}

static inline hash_state hash_piece(hash_state h, const unsigned char *p)
{
    h.sum = _mm512_add_epi64(h.sum, mix(p, h.key));
    h.key = _mm512_add_epi64(h.key, _mm512_set1_epi64((long long)skeleton_factors[0]));
    return h;
}

static inline uint64_t hash_end(hash_state h, const unsigned char *p, unsigned len)
{
    __m512i sum = _mm512_add_epi64(h.sum, mix(p + len - PIECE, h.key));
    sum = _mm512_xor_si512(sum, _mm512_srli_epi64(sum, 29));
    sum = _mm512_mul_epu32(sum, _mm512_loadu_si512(skeleton_factors));
    __m256i four = _mm256_add_epi64(_mm512_castsi512_si256(sum), _mm512_extracti64x4_epi64(sum, 1));
    __m128i two = _mm_add_epi64(_mm256_castsi256_si128(four), _mm256_extracti128_si256(four, 1));
    uint64_t all = (uint64_t)_mm_cvtsi128_si64(two) + (uint64_t)_mm_extract_epi64(two, 1);
    return all ^ all >> 32;
}

static inline bool equal_bytes(const unsigned char *a, const unsigned char *b, unsigned len)
{
    __m512i other = _mm512_xor_si512(_mm512_loadu_si512(a + len - PIECE),
                                     _mm512_loadu_si512(b + len - PIECE));
    for (unsigned at = 0; at + PIECE < len; at += PIECE) {
        __m512i x = _mm512_loadu_si512(a + at), y = _mm512_loadu_si512(b + at);
        other = _mm512_or_si512(other, _mm512_xor_si512(x, y));
    }
    return _mm512_test_epi64_mask(other, other) == 0;
}

static inline unsigned count_up_to(const int16_t *base, int16_t value)
{
    __m512i v = _mm512_loadu_si512(base);
    return (unsigned)_mm_popcnt_u32(_mm512_cmple_epi16_mask(v, _mm512_set1_epi16(value)));
}

#include "json/skeleton_core_internal.h"

static const skeleton_kernel kernel = {feed, hash_bytes, recognise};
const gt_scanner scan_avx512 = {"avx512", scan, hash, &kernel};
#endif
