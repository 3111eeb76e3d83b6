/* The pass with AVX-512 (F, BW) and a carry-less multiply: comparisons give the masks at once. */
#if defined(__x86_64__)
#include <immintrin.h>

#include "json/scan_masks_internal.h"

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

const gt_scanner scan_avx512 = {"avx512", scan, hash};
#endif
