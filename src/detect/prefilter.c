#include "detect/prefilter.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* The texts of one rule, one of which must occur; absent: the rule sees every record. */
typedef struct needs {
    bool known;
    uint32_t *texts; /* indices */
    size_t count;
} needs;

struct gt_prefilter {
    gt_str *texts; /* distinct; the first one begins an escape that could spell any other */
    size_t count;
    needs *rules;
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

static uint32_t intern(gt_prefilter *p, gt_str text)
{
    for (size_t i = 0; i < p->count; i++)
        if (gt_str_eq(p->texts[i], text))
            return (uint32_t)i;
    p->texts[p->count] = text;
    return (uint32_t)p->count++;
}

static gt_status add_rule(gt_arena *rules, gt_prefilter *p, const gt_query_needs *parts, needs *ret)
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

gt_status gt_prefilter_new(gt_arena *rules, const gt_rule *const *items, size_t count,
                           gt_prefilter **ret)
{
    gt_prefilter *p = gt_arena_new_of(rules, gt_prefilter);
    if (!p)
        return gt_arena_status(rules);
    p->rules = gt_arena_array(rules, needs, count + 1);
    p->texts = gt_arena_array(rules, gt_str, 1);
    if (!p->rules || !p->texts)
        return gt_arena_status(rules);
    p->texts[p->count++] = GT_STR("\\u");
    for (size_t i = 0; i < count; i++) {
        if (is_dispatched(items[i]->query, rules))
            continue;
        gt_query_needs parts = gt_query_parts_of(items[i]->query, rules, is_verbatim);
        if (parts.known)
            GT_TRY(add_rule(rules, p, &parts, &p->rules[i]));
    }
    *ret = p;
    return GT_OK;
}

size_t gt_prefilter_texts(const gt_prefilter *prefilter)
{
    return prefilter->count;
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

static bool holds(const gt_prefilter *p, uint32_t text, gt_prefilter_look *look)
{
    if (look->seen[text] >> 1 != look->serial)
        look->seen[text] = look->serial << 1 |
                           (gt_prefilter_find(look->json, p->texts[text]) != GT_NPOS);
    return look->seen[text] & 1;
}

bool gt_prefilter_passes(const gt_prefilter *prefilter, size_t rule, gt_prefilter_look *look)
{
    const needs *n = &prefilter->rules[rule];
    if (!n->known)
        return true;
    for (size_t i = 0; i < n->count; i++)
        if (holds(prefilter, n->texts[i], look))
            return true;
    return holds(prefilter, 0, look);
}
