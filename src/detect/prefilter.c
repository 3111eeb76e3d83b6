#include "detect/prefilter.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

struct gt_prefilter {
    gt_query_needs *parts; /* of each rule */
};

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

/* Does eventSource or eventName decide already? Then looking for their text finds nothing new. */
static bool is_dispatched(const gt_query *query, gt_arena *scratch)
{
    return gt_query_needs_of(query, scratch, GT_STR("event.action")).known;
}

gt_status gt_prefilter_new(gt_arena *rules, const gt_rule *const *items, size_t count,
                           gt_prefilter **ret)
{
    gt_prefilter *p = gt_arena_new_of(rules, gt_prefilter);
    if (!p)
        return gt_arena_status(rules);
    p->parts = gt_arena_array(rules, gt_query_needs, count + 1);
    if (!p->parts)
        return gt_arena_status(rules);
    for (size_t i = 0; i < count; i++)
        if (!is_dispatched(items[i]->query, rules))
            p->parts[i] = gt_query_parts_of(items[i]->query, rules, is_verbatim);
    *ret = p;
    return GT_OK;
}

#ifdef __SSE2__
/* Sixteen places at a time: those where both the first and the last byte of needle stand. */
size_t gt_prefilter_find(gt_str s, gt_str needle)
{
    if (needle.len > s.len)
        return GT_NPOS;
    const __m128i first = _mm_set1_epi8(needle.ptr[0]);
    const __m128i last = _mm_set1_epi8(needle.ptr[needle.len - 1]);
    size_t i = 0;
    for (; i + needle.len - 1 + 16 <= s.len; i += 16) {
        const char *at = s.ptr + i;
        __m128i a = _mm_loadu_si128((const __m128i *)(const void *)at);
        __m128i z = _mm_loadu_si128((const __m128i *)(const void *)(at + needle.len - 1));
        unsigned both = (unsigned)_mm_movemask_epi8(
            _mm_and_si128(_mm_cmpeq_epi8(a, first), _mm_cmpeq_epi8(z, last)));
        for (; both; both &= both - 1) {
            size_t k = (size_t)__builtin_ctz(both);
            if (memcmp(at + k, needle.ptr, needle.len) == 0)
                return i + k;
        }
    }
    size_t rest = gt_str_find(gt_str_from(s, i), needle);
    return rest == GT_NPOS ? GT_NPOS : i + rest;
}
#else
size_t gt_prefilter_find(gt_str s, gt_str needle)
{
    return gt_str_find(s, needle);
}
#endif

bool gt_prefilter_passes(const gt_prefilter *prefilter, size_t rule, gt_str json)
{
    const gt_query_needs *parts = &prefilter->parts[rule];
    if (!parts->known)
        return true;
    for (size_t i = 0; i < parts->count; i++)
        if (gt_prefilter_find(json, parts->values[i]) != GT_NPOS)
            return true;
    return gt_prefilter_find(json, GT_STR("\\u")) != GT_NPOS;
}
