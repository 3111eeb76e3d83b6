#include "detect/prefilter.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

/* The texts of one query, one of which must occur; absent: the query sees every record. */
typedef struct needs {
    bool known;
    uint32_t *texts; /* indices */
    size_t count;
} needs;

struct gt_prefilter {
    gt_str *texts; /* distinct; the first one begins an escape that could spell any other */
    size_t count;
    needs *queries;
};

#define ESCAPE 0 /* the index of "\\u" */

static bool is_verbatim(gt_str field)
{
    static const gt_str names[] = {
#define VERBATIM(name) {name, sizeof(name) - 1},
#include "detect/verbatim.def"
#undef VERBATIM
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        bool below = names[i].ptr[names[i].len - 1] == '.';
        if (below ? gt_str_starts(field, names[i]) : gt_str_eq(field, names[i]))
            return true;
    }
    return false;
}

gt_query_needs gt_prefilter_needs_of(const gt_query *query, gt_arena *arena)
{
    /* Where eventName decides, looking for its text finds nothing new. */
    if (gt_query_needs_of(query, arena, GT_STR("event.action")).known)
        return (gt_query_needs){false, NULL, 0};
    return gt_query_parts_of(query, arena, is_verbatim);
}

static uint32_t intern(gt_prefilter *p, gt_str text)
{
    for (size_t i = 0; i < p->count; i++)
        if (gt_str_eq(p->texts[i], text))
            return (uint32_t)i;
    p->texts[p->count] = text;
    return (uint32_t)p->count++;
}

static gt_status add_query(gt_arena *rules, gt_prefilter *p, const gt_query_needs *parts, needs *ret)
{
    gt_str *texts = gt_arena_grow(rules, p->texts, p->count * sizeof(gt_str),
                                  (p->count + parts->count) * sizeof(gt_str));
    *ret = (needs){true, gt_arena_array(rules, uint32_t, parts->count + 1), parts->count};
    if (!texts || !ret->texts)
        return gt_arena_status(rules);
    p->texts = texts;
    for (size_t i = 0; i < parts->count; i++)
        ret->texts[i] = intern(p, parts->values[i]);
    return GT_OK;
}

gt_status gt_prefilter_new(gt_arena *rules, const gt_query *const *items, size_t count,
                           gt_prefilter **ret)
{
    gt_prefilter *p = gt_arena_new_of(rules, gt_prefilter);
    if (!p)
        return gt_arena_status(rules);
    p->queries = gt_arena_array(rules, needs, count + 1);
    p->texts = gt_arena_array(rules, gt_str, 1);
    if (!p->queries || !p->texts)
        return gt_arena_status(rules);
    p->texts[p->count++] = GT_STR("\\u");
    for (size_t i = 0; i < count; i++) {
        gt_query_needs parts = gt_prefilter_needs_of(items[i], rules);
        if (parts.known)
            GT_TRY(add_query(rules, p, &parts, &p->queries[i]));
    }
    *ret = p;
    return GT_OK;
}

size_t gt_prefilter_texts(const gt_prefilter *prefilter)
{
    return prefilter->count;
}

#ifdef __x86_64__
/* Places k of the window where needle stands, given those where its first and last bytes do. */
static size_t confirm(const char *window, uint64_t both, gt_str needle)
{
    for (; both; both &= both - 1) {
        size_t k = (size_t)__builtin_ctzll(both);
        if (memcmp(window + k, needle.ptr, needle.len) == 0)
            return k;
    }
    return GT_NPOS;
}

/* Sixteen places at a time; the last window overlaps the one before. s has at least that many. */
static size_t find_sse2(gt_str s, gt_str needle, bool *ret_backslash)
{
    const __m128i first = _mm_set1_epi8(needle.ptr[0]);
    const __m128i last = _mm_set1_epi8(needle.ptr[needle.len - 1]);
    const __m128i escape = _mm_set1_epi8('\\');
    __m128i escapes = _mm_setzero_si128();
    const size_t end = s.len - needle.len + 1 - 16;
    size_t k = GT_NPOS, i = 0;
    for (;; i = i + 16 < end ? i + 16 : end) {
        const char *at = s.ptr + i;
        __m128i a = _mm_loadu_si128((const __m128i *)(const void *)at);
        __m128i z = _mm_loadu_si128((const __m128i *)(const void *)(at + needle.len - 1));
        __m128i same = _mm_and_si128(_mm_cmpeq_epi8(a, first), _mm_cmpeq_epi8(z, last));
        escapes = _mm_or_si128(escapes, _mm_cmpeq_epi8(a, escape));
        k = confirm(at, (uint32_t)_mm_movemask_epi8(same), needle);
        if (k != GT_NPOS || i == end)
            break;
    }
    *ret_backslash = _mm_movemask_epi8(escapes) != 0;
    return k == GT_NPOS ? k : i + k;
}

/* As find_sse2 with 32 places. */
__attribute__((target("avx2"))) static size_t find_avx2(gt_str s, gt_str needle,
                                                        bool *ret_backslash)
{
    const __m256i first = _mm256_set1_epi8(needle.ptr[0]);
    const __m256i last = _mm256_set1_epi8(needle.ptr[needle.len - 1]);
    const __m256i escape = _mm256_set1_epi8('\\');
    __m256i escapes = _mm256_setzero_si256();
    const size_t end = s.len - needle.len + 1 - 32;
    size_t k = GT_NPOS, i = 0;
    for (;; i = i + 32 < end ? i + 32 : end) {
        const char *at = s.ptr + i;
        __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)at);
        __m256i z = _mm256_loadu_si256((const __m256i *)(const void *)(at + needle.len - 1));
        __m256i same = _mm256_and_si256(_mm256_cmpeq_epi8(a, first), _mm256_cmpeq_epi8(z, last));
        escapes = _mm256_or_si256(escapes, _mm256_cmpeq_epi8(a, escape));
        k = confirm(at, (uint32_t)_mm256_movemask_epi8(same), needle);
        if (k != GT_NPOS || i == end)
            break;
    }
    *ret_backslash = _mm256_movemask_epi8(escapes) != 0;
    return k == GT_NPOS ? k : i + k;
}

/* The first window, of 64 places, from `at` to `end` where the needle's first and last bytes stand at one
 * place, or NULL. The first window is taken as it lies, the others in whole cache lines, the last at `end`.
 * Nothing is called in the loop, so that what is compared with stays in registers. */
__attribute__((target("avx512f,avx512bw"))) static const char *
find_ends(const char *at, const char *end, gt_str needle, bool *ret_backslash)
{
    const __m512i first = _mm512_set1_epi8(needle.ptr[0]);
    const __m512i last = _mm512_set1_epi8(needle.ptr[needle.len - 1]);
    const __m512i escape = _mm512_set1_epi8('\\');
    const char *next = at + 64 - ((uintptr_t)at & 63);
    __m512i least = escape; /* 0 where a backslash was met */
    bool found;
    for (;;) {
        __m512i a = _mm512_loadu_si512(at), z = _mm512_loadu_si512(at + needle.len - 1);
        least = _mm512_min_epu8(least, _mm512_xor_si512(a, escape));
        found = _mm512_mask_cmpeq_epi8_mask(_mm512_cmpeq_epi8_mask(a, first), z, last) != 0;
        if (found || at == end)
            break;
        at = next < end ? next : end;
        next += 64;
    }
    *ret_backslash |= _mm512_testn_epi8_mask(least, least) != 0;
    return found ? at : NULL;
}

/* As find_sse2 with 64 places. */
static size_t find_avx512(gt_str s, gt_str needle, bool *ret_backslash)
{
    const char *end = s.ptr + s.len - needle.len + 1 - 64;
    bool ignored;
    *ret_backslash = false;
    for (const char *at = s.ptr;; at = end - at > 64 ? at + 64 : end) {
        at = find_ends(at, end, needle, ret_backslash);
        if (!at)
            return GT_NPOS;
        size_t k = find_avx2((gt_str){at, 64 + needle.len - 1}, needle, &ignored);
        if (k != GT_NPOS)
            return (size_t)(at - s.ptr) + k;
        if (at == end)
            return GT_NPOS;
    }
}

static size_t find(gt_str s, gt_str needle, bool *ret_backslash)
{
    size_t least = needle.len - 1; /* bytes beside the places of one window */
    if (s.len >= least + 64 && __builtin_cpu_supports("avx512bw"))
        return find_avx512(s, needle, ret_backslash);
    if (s.len >= least + 32 && __builtin_cpu_supports("avx2"))
        return find_avx2(s, needle, ret_backslash);
    if (s.len >= least + 16)
        return find_sse2(s, needle, ret_backslash);
    *ret_backslash = true; /* not looked for */
    return gt_str_find(s, needle);
}
#else
static size_t find(gt_str s, gt_str needle, bool *ret_backslash)
{
    *ret_backslash = true; /* not looked for */
    return gt_str_find(s, needle);
}
#endif

size_t gt_prefilter_find(gt_str s, gt_str needle, bool *ret_backslash)
{
    size_t at = find(s, needle, ret_backslash);
    /* No window's first bytes reach the last ones of the text. */
    if (at == GT_NPOS && !*ret_backslash && needle.len <= s.len)
        *ret_backslash = gt_str_find_byte(gt_str_from(s, s.len - needle.len), '\\') != GT_NPOS;
    return at;
}

static bool known(const gt_prefilter_look *look, uint32_t text)
{
    return look->seen[text] >> 1 == look->serial;
}

static bool holds(const gt_prefilter *p, uint32_t text, gt_prefilter_look *look)
{
    if (!known(look, text)) {
        bool backslash;
        bool found = gt_prefilter_find(look->json, p->texts[text], &backslash) != GT_NPOS;
        look->seen[text] = look->serial << 1 | found;
        if (!found && !backslash)
            look->seen[ESCAPE] = look->serial << 1; /* nor is there an escape */
    }
    return look->seen[text] & 1;
}

bool gt_prefilter_passes(const gt_prefilter *prefilter, size_t query, gt_prefilter_look *look)
{
    const needs *n = &prefilter->queries[query];
    if (!n->known)
        return true;
    for (size_t i = 0; i < n->count; i++)
        if (holds(prefilter, n->texts[i], look))
            return true;
    return holds(prefilter, ESCAPE, look);
}
