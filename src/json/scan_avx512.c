/* The pass with AVX-512 (F, BW, DQ, VBMI2) and carry-less multiplies: comparisons give the masks at
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
    __mmask64 ends = _mm512_cmpeq_epi8_mask(_mm512_loadu_si512(p), _mm512_set1_epi8('}'));
    return _mm512_mask_cmpeq_epi8_mask(ends, _mm512_loadu_si512(p + 2), _mm512_set1_epi8('{'));
}

typedef __m512i digest_state;

static inline digest_state digest_begin(void)
{
    return _mm512_setzero_si512();
}

static inline digest_state digest_piece(digest_state sum, const unsigned char *key,
                                        const unsigned char *p)
{
    __m512i x = _mm512_xor_si512(_mm512_loadu_si512(p), _mm512_loadu_si512(key));
    return _mm512_xor_si512(sum, _mm512_clmulepi64_epi128(x, x, 0x10));
}

static inline __m128i digest_sum(digest_state sum)
{
    __m256i two = _mm256_xor_si256(_mm512_castsi512_si256(sum), _mm512_extracti64x4_epi64(sum, 1));
    return _mm_xor_si128(_mm256_castsi256_si128(two), _mm256_extracti128_si256(two, 1));
}

static inline unsigned count_up_to(const int16_t *base, int16_t value)
{
    __m512i v = _mm512_loadu_si512(base);
    return (unsigned)_mm_popcnt_u32(_mm512_cmple_epi16_mask(v, _mm512_set1_epi16(value)));
}

#include "json/skeleton_core_internal.h"

static const skeleton_kernel kernel = {feed, digest_bytes, recognise};
const gt_scanner scan_avx512 = {"avx512", scan, hash, &kernel};
#endif
