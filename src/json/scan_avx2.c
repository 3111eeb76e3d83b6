/* The pass with AVX2 and a carry-less multiply. */
#if defined(__x86_64__)
#include <immintrin.h>

#include "json/scan_masks_internal.h"
#include "json/skeleton_internal.h"

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

typedef struct skeleton_masks {
    uint64_t quote, backslash, before; /* before: ':' and '[' */
} skeleton_masks;

typedef __m256i lowest;

static inline lowest lowest_none(void)
{
    return _mm256_set1_epi8(-1);
}

#define IS_CONTROL(v) _mm256_cmpeq_epi8(_mm256_min_epu8((v), _mm256_set1_epi8(0x1F)), (v))
#define IS_BEFORE(v) _mm256_or_si256(EQUAL(v, ':'), EQUAL(v, '['))

static inline bool has_control(lowest low)
{
    return _mm256_movemask_epi8(IS_CONTROL(low)) != 0;
}

static inline uint64_t control_mask(const char *p)
{
    LOAD(p);
    return EACH(IS_CONTROL);
}

static inline lowest string_masks(const char *p, skeleton_masks *m, lowest low)
{
    LOAD(p);
    m->quote = EACH(IS_QUOTE);
    m->backslash = EACH(IS_BACKSLASH);
    m->before = EACH(IS_BEFORE);
    return _mm256_min_epu8(low, _mm256_min_epu8(v0, v1));
}

/* There is no compress: runs of kept bytes are copied, whole vectors at a time. */
static inline unsigned cut(unsigned char *to, const char *from, uint64_t keep)
{
    unsigned char *begin = to;
    unsigned at = 0;
    while (keep) {
        unsigned gap = (unsigned)__builtin_ctzll(keep);
        keep >>= gap;
        at += gap;
        unsigned run = ~keep ? (unsigned)__builtin_ctzll(~keep) : 64;
        __m256i low = _mm256_loadu_si256((const __m256i *)(const void *)(from + at));
        _mm256_storeu_si256((__m256i *)(void *)to, low);
        if (run > 32) {
            __m256i high = _mm256_loadu_si256((const __m256i *)(const void *)(from + at + 32));
            _mm256_storeu_si256((__m256i *)(void *)(to + 32), high);
        }
        to += run;
        at += run;
        keep = run < 64 ? keep >> run : 0;
    }
    return (unsigned)(to - begin);
}

static inline __m256i load(const unsigned char *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

static inline unsigned boundaries(const unsigned char *p)
{
    __m256i around = _mm256_and_si256(EQUAL(load(p), '}'), EQUAL(load(p + 2), '{'));
    return (unsigned)_mm256_movemask_epi8(around);
}

static inline uint64_t boundary_mask(const unsigned char *p)
{
    return boundaries(p) | (uint64_t)boundaries(p + 32) << 32;
}

typedef __m128i digest_state;

static inline digest_state digest_begin(void)
{
    return _mm_setzero_si128();
}

static inline digest_state digest_piece(digest_state sum, const unsigned char *key,
                                        const unsigned char *p)
{
    for (unsigned i = 0; i < PIECE; i += 16) {
        __m128i x = _mm_xor_si128(_mm_loadu_si128((const __m128i *)(const void *)(p + i)),
                                  _mm_loadu_si128((const __m128i *)(const void *)(key + i)));
        sum = _mm_xor_si128(sum, _mm_clmulepi64_si128(x, x, 0x10));
    }
    return sum;
}

static inline __m128i digest_sum(digest_state sum)
{
    return sum;
}

static inline unsigned count_up_to(const int16_t *base, int16_t value)
{
    const __m256i limit = _mm256_set1_epi16(value);
    const __m256i *v = (const __m256i *)(const void *)base;
    __m256i low = _mm256_cmpgt_epi16(_mm256_loadu_si256(v), limit);
    __m256i high = _mm256_cmpgt_epi16(_mm256_loadu_si256(v + 1), limit);
    return LOCATE_LANES - (unsigned)__builtin_popcountll(gather(low, high)) / 2;
}

#include "json/skeleton_core_internal.h"

static const skeleton_kernel kernel = {feed, digest_bytes, recognise};
const gt_scanner scan_avx2 = {"avx2", scan, hash, &kernel};
#endif
