/* Method: a table from each exact value that some query asks for to the set of queries (a bit each)
 * that accept it, once for event.provider and once for event.action; a query that asks for nothing
 * there is in every set. The candidates are the meet of two sets. */
#include "detect/dispatch.h"

#include "base/hash.h"

typedef struct slot {
    gt_str value; /* ptr NULL: free */
    uint64_t *rules;
} slot;

typedef struct table {
    slot *slots;
    size_t mask;
    uint64_t *others; /* for values that no rule names */
    size_t used;
} table;

struct gt_dispatch {
    table provider;
    table action;
    uint64_t *all; /* for a value that is not known */
    size_t words;
};

static slot *find(const table *t, gt_str value)
{
    for (size_t i = gt_hash64(value, 0) & t->mask;; i = (i + 1) & t->mask) {
        slot *s = &t->slots[i];
        if (!s->value.ptr || gt_str_eq(s->value, value))
            return s;
    }
}

static void set_bit(uint64_t *set, size_t i)
{
    set[i / 64] |= (uint64_t)1 << (i % 64);
}

static gt_status add_value(gt_arena *rules, table *t, gt_str value, size_t rule, size_t words)
{
    slot *s = find(t, value);
    if (!s->value.ptr) {
        s->value = value.ptr ? value : GT_STR("");
        uint64_t *set = gt_arena_array(rules, uint64_t, words);
        if (!set)
            return gt_arena_status(rules);
        s->rules = set;
        t->used++;
    }
    set_bit(s->rules, rule);
    return GT_OK;
}

static gt_status build(gt_arena *rules, table *t, const gt_query *const *items, size_t count,
                       size_t words, gt_str field)
{
    gt_query_needs *needs = gt_arena_array(rules, gt_query_needs, count + 1);
    size_t values = 0, size = 16;
    t->others = gt_arena_array(rules, uint64_t, words);
    if (!needs || !t->others)
        return gt_arena_status(rules);
    for (size_t i = 0; i < count; i++) {
        needs[i] = gt_query_needs_of(items[i], rules, field);
        values += needs[i].known ? needs[i].count : 0;
        if (!needs[i].known)
            set_bit(t->others, i);
    }
    while (size < 2 * values)
        size *= 2;
    t->mask = size - 1;
    t->slots = gt_arena_array(rules, slot, size);
    if (!t->slots)
        return gt_arena_status(rules);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; needs[i].known && k < needs[i].count; k++)
            GT_TRY(add_value(rules, t, needs[i].values[k], i, words));
    for (size_t k = 0; k < size; k++)
        for (size_t w = 0; t->slots[k].value.ptr && w < words; w++)
            t->slots[k].rules[w] |= t->others[w];
    return GT_OK;
}

gt_status gt_dispatch_new(gt_arena *rules, const gt_query *const *items, size_t count,
                          gt_dispatch **ret)
{
    gt_dispatch *d = gt_arena_new_of(rules, gt_dispatch);
    if (!d)
        return gt_arena_status(rules);
    d->words = (count + 63) / 64;
    d->all = gt_arena_array(rules, uint64_t, d->words + 1);
    if (!d->all)
        return gt_arena_status(rules);
    for (size_t i = 0; i < count; i++)
        set_bit(d->all, i);
    GT_TRY(build(rules, &d->provider, items, count, d->words, GT_STR("event.provider")));
    GT_TRY(build(rules, &d->action, items, count, d->words, GT_STR("event.action")));
    *ret = d;
    return GT_OK;
}

size_t gt_dispatch_words(const gt_dispatch *dispatch)
{
    return dispatch->words;
}

static const uint64_t *lookup(const gt_dispatch *d, const table *t, gt_str value)
{
    if (!value.ptr)
        return d->all;
    const slot *s = find(t, value);
    return s->value.ptr ? s->rules : t->others;
}

gt_dispatch_key gt_dispatch_find(const gt_dispatch *dispatch, gt_str provider, gt_str action)
{
    return (gt_dispatch_key){lookup(dispatch, &dispatch->provider, provider),
                             lookup(dispatch, &dispatch->action, action)};
}
