/* The pass with AVX2 and a carry-less multiply. */
#if defined(__x86_64__)
#include <immintrin.h>

#include "json/scan_masks_internal.h"

static inline uint64_t gather(__m256i a, __m256i b)
{
    return (uint64_t)(unsigned)_mm256_movemask_epi8(a) |
           (uint64_t)(unsigned)_mm256_movemask_epi8(b) << 32;
}

#define EACH(f) gather(f(v0), f(v1))
#define EQUAL(v, byte) _mm256_cmpeq_epi8((v), _mm256_set1_epi8(byte))
#define IS_QUOTE(v) EQUAL(v, '"')
#define IS_BACKSLASH(v) EQUAL(v, '\\')
#define IS_OPEN(v) EQUAL(_mm256_or_si256((v), _mm256_set1_epi8(0x20)), '{')
#define IS_CLOSE(v) EQUAL(_mm256_or_si256((v), _mm256_set1_epi8(0x20)), '}')
#define IS_CURLY(v) _mm256_slli_epi16((v), 2) /* bit 5 tells '{' from '['; movemask takes bit 7 */
#define IS_COLON(v) EQUAL(v, ':')
#define IS_COMMA(v) EQUAL(v, ',')
#define IS_SPACE(v) EQUAL(v, ' ')
#define IS_LOW(v) _mm256_cmpeq_epi8(_mm256_min_epu8((v), _mm256_set1_epi8(0x20)), (v))
#define IS_WHITE(v)                                                                                \
    _mm256_or_si256(_mm256_or_si256(EQUAL(v, ' '), EQUAL(v, '\t')),                                \
                    _mm256_or_si256(EQUAL(v, '\n'), EQUAL(v, '\r')))

#define LOAD(p)                                                                                    \
    const __m256i *from = (const __m256i *)(const void *)(p);                                      \
    __m256i v0 = _mm256_loadu_si256(from), v1 = _mm256_loadu_si256(from + 1)

static inline void classify(const char *p, scan_masks *m)
{
    LOAD(p);
    m->quote = EACH(IS_QUOTE);
    m->backslash = EACH(IS_BACKSLASH);
    m->open = EACH(IS_OPEN);
    m->close = EACH(IS_CLOSE);
    m->curly = EACH(IS_CURLY);
    m->colon = EACH(IS_COLON);
    m->comma = EACH(IS_COMMA);
    m->low = EACH(IS_LOW);
    m->space = EACH(IS_SPACE);
}

static inline uint64_t white_space(const char *p)
{
    LOAD(p);
    return EACH(IS_WHITE);
}

static inline uint64_t prefix_xor(uint64_t x)
{
    __m128i product = _mm_clmulepi64_si128(_mm_set_epi64x(0, (long long)x), _mm_set1_epi8(-1), 0);
    return (uint64_t)_mm_cvtsi128_si64(product);
}

#include "json/scan_core_internal.h"

const gt_scanner scan_avx2 = {"avx2", scan, hash};
#endif
