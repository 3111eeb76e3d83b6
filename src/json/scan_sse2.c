/* The pass with SSE2, which every x86-64 has. */
#if defined(__x86_64__)
#include <emmintrin.h>

#include "base/bits.h"
#include "json/scan_masks_internal.h"

static inline uint64_t gather(__m128i a, __m128i b, __m128i c, __m128i d)
{
    return (uint64_t)(unsigned)_mm_movemask_epi8(a) | (uint64_t)(unsigned)_mm_movemask_epi8(b) << 16 |
           (uint64_t)(unsigned)_mm_movemask_epi8(c) << 32 |
           (uint64_t)(unsigned)_mm_movemask_epi8(d) << 48;
}

#define EACH(f) gather(f(v0), f(v1), f(v2), f(v3))
#define EQUAL(v, byte) _mm_cmpeq_epi8((v), _mm_set1_epi8(byte))
#define IS_QUOTE(v) EQUAL(v, '"')
#define IS_BACKSLASH(v) EQUAL(v, '\\')
#define IS_OPEN(v) EQUAL(_mm_or_si128((v), _mm_set1_epi8(0x20)), '{')
#define IS_CLOSE(v) EQUAL(_mm_or_si128((v), _mm_set1_epi8(0x20)), '}')
#define IS_CURLY(v) _mm_slli_epi16((v), 2) /* bit 5 tells '{' from '['; movemask takes bit 7 */
#define IS_COLON(v) EQUAL(v, ':')
#define IS_COMMA(v) EQUAL(v, ',')
#define IS_SPACE(v) EQUAL(v, ' ')
#define IS_LOW(v) _mm_cmpeq_epi8(_mm_min_epu8((v), _mm_set1_epi8(0x20)), (v))
#define IS_WHITE(v)                                                                                \
    _mm_or_si128(_mm_or_si128(EQUAL(v, ' '), EQUAL(v, '\t')),                                      \
                 _mm_or_si128(EQUAL(v, '\n'), EQUAL(v, '\r')))

#define LOAD(p)                                                                                    \
    const __m128i *from = (const __m128i *)(const void *)(p);                                      \
    __m128i v0 = _mm_loadu_si128(from), v1 = _mm_loadu_si128(from + 1);                            \
    __m128i v2 = _mm_loadu_si128(from + 2), v3 = _mm_loadu_si128(from + 3)

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

#define prefix_xor gt_prefix_xor
#include "json/scan_core_internal.h"

const gt_scanner scan_sse2 = {"sse2", scan, hash, NULL};
#endif
