/* names.c — which group a call by name meant.
 * Method: such calls work in the default VPC alone, so a group of a VPC that was seen made as another one
 * is no candidate. Names are free again after a delete; calls are resolved in the order of time, so that
 * a delete by name ends its group for the calls behind it. What stays ambiguous stays unresolved. */
#include "base/limits.h"
#include "sg/history_internal.h"

#include <stdlib.h>

typedef struct vpc_fact {
    gt_str id;
    gt_str account, region; /* empty when only a VPC event told it */
    gt_sg_truth told;       /* is it the default one? By VPC events: yes beats no */
    bool by_name;           /* a call by name worked in it */
} vpc_fact;

/* What a VPC event says beats what calls let us believe. */
static gt_sg_truth fact_default(const vpc_fact *fact)
{
    return fact->told != GT_SG_NOT_TOLD ? fact->told : fact->by_name ? GT_SG_YES : GT_SG_NOT_TOLD;
}

/* Lives in history->sealed, as long as its index. */
typedef struct gt_sg_names {
    gt_sg_history *history;
    gt_sg_group **by_name; /* groups with a name, sorted */
    size_t count;
    vpc_fact *vpcs;
    size_t vpc_count;
} resolver;

static vpc_fact *vpc_find(resolver *r, gt_str id)
{
    for (size_t i = 0; i < r->vpc_count; i++)
        if (gt_str_eq(r->vpcs[i].id, id))
            return &r->vpcs[i];
    return NULL;
}

/* The fact of this VPC, made when it is new. */
static vpc_fact *vpc_get(resolver *r, gt_str id)
{
    vpc_fact *fact = vpc_find(r, id);
    if (fact)
        return fact;
    size_t size = r->vpc_count * sizeof *r->vpcs;
    vpc_fact *grown = gt_arena_grow(r->history->sealed, r->vpcs, size, size + sizeof *grown);
    if (!grown)
        return NULL;
    r->vpcs = grown;
    grown[r->vpc_count] = (vpc_fact){.id = id};
    return &grown[r->vpc_count++];
}

static void keep_min(gt_str *at, gt_str s)
{
    if (s.len && (at->len == 0 || gt_str_cmp(s, *at) < 0))
        *at = s;
}

/* A call by name worked on a group of this VPC. What is learnt never depends on the order. */
static bool vpc_by_name(resolver *r, const gt_sg_group *g)
{
    vpc_fact *fact = vpc_get(r, g->vpc_id);
    if (!fact)
        return false;
    fact->by_name = true;
    keep_min(&fact->account, g->account);
    keep_min(&fact->region, g->region);
    return true;
}

static bool vpc_told(resolver *r, gt_str id, bool is_default)
{
    vpc_fact *fact = vpc_get(r, id);
    if (fact && fact->told != GT_SG_YES)
        fact->told = is_default ? GT_SG_YES : GT_SG_NO;
    return fact != NULL;
}

static int cmp_name(const void *a, const void *b)
{
    const gt_sg_group *x = *(gt_sg_group *const *)a, *y = *(gt_sg_group *const *)b;
    int c = gt_str_cmp(x->name, y->name);
    return c ? c : gt_str_cmp(x->id, y->id);
}

static bool matches(gt_str a, gt_str b)
{
    return a.len == 0 || b.len == 0 || gt_str_eq(a, b);
}

/* An account has one default VPC in a region: when another one is known, this is none. */
static gt_sg_truth vpc_is_default(resolver *r, const gt_sg_group *g)
{
    const vpc_fact *fact = vpc_find(r, g->vpc_id);
    if (fact && fact_default(fact) != GT_SG_NOT_TOLD)
        return fact_default(fact);
    for (size_t i = 0; g->vpc_id.len && i < r->vpc_count; i++)
        if (fact_default(&r->vpcs[i]) == GT_SG_YES && r->vpcs[i].account.len &&
            gt_str_eq(r->vpcs[i].account, g->account) && gt_str_eq(r->vpcs[i].region, g->region))
            return GT_SG_NO;
    return GT_SG_NOT_TOLD;
}

/* How well a group fits a call by name at a time: 0 not at all; alive all around beats a border. */
static int fit(resolver *r, const gt_sg_group *g, const gt_sg_change *c)
{
    gt_sg_truth is_default = vpc_is_default(r, g);
    bool born = g->created != GT_SG_NO_TIME, dead = g->deleted != GT_SG_NO_TIME;
    if (!matches(g->account, c->account) || !matches(g->region, c->region) ||
        (born && g->created > c->time) || (dead && g->deleted < c->time) ||
        is_default == GT_SG_NO)
        return 0;
    bool border_begin = born && g->created == c->time, border_end = dead && g->deleted == c->time;
    bool ending = c->operation == GT_SG_REVOKE || c->operation == GT_SG_DELETE;
    int score = is_default == GT_SG_YES ? 8 : 4;
    if (!border_begin && !border_end)
        return score + 2;
    return score + (border_end == ending ? 1 : 0);
}

static gt_sg_group *best(resolver *r, gt_str name, const gt_sg_change *c)
{
    gt_sg_group *found = NULL;
    int found_fit = 0;
    bool tie = false;
    size_t low = 0, high = r->count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (gt_str_cmp(r->by_name[mid]->name, name) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    for (; low < r->count && gt_str_eq(r->by_name[low]->name, name); low++) {
        int score = fit(r, r->by_name[low], c);
        tie = score == found_fit ? tie || score > 0 : (score > found_fit ? false : tie);
        if (score > found_fit) {
            found_fit = score;
            found = r->by_name[low];
        }
    }
    return tie ? NULL : found;
}

/* What the VPC events say, and calls by name whose answer told the id. */
static gt_status vpcs_learn(resolver *r, gt_arena *scratch)
{
    gt_sg_history *h = r->history;
    for (size_t i = 0; i < h->keys.count; i++) {
        gt_str key = h->keys.items[i];
        bool vpc = gt_str_starts(key, GT_STR("vpc-"));
        if (!vpc && !gt_str_starts(key, GT_STR("named:")))
            continue;
        for (uint32_t k = 0; k < h->buckets[i].count; k++) {
            uint32_t entry = h->buckets[i].items[k];
            if (vpc && gt_sg_history_operation(h, entry) != GT_SG_VPC)
                continue;
            gt_arena_mark mark = gt_arena_save(scratch);
            gt_sg_change *c = gt_sg_history_unpack(h, scratch, entry);
            if (!c)
                return GT_NOMEM;
            if (vpc && c->vpc_created) {
                if (!vpc_told(r, key, c->vpc_default))
                    return GT_NOMEM;
            } else if (!vpc && c->operation != GT_SG_CREATE) {
                const gt_sg_group *g = gt_sg_history_find(h, c->group_id);
                if (g && g->vpc_id.len && !vpc_by_name(r, g))
                    return GT_NOMEM;
            }
            gt_arena_rewind(scratch, mark);
        }
    }
    return GT_OK;
}

static gt_status resolver_make(gt_sg_history *h, gt_arena *scratch, resolver **ret)
{
    resolver *r = gt_arena_new_of(h->sealed, resolver);
    if (!r)
        return GT_NOMEM;
    r->history = h;
    r->by_name = gt_arena_array(h->sealed, gt_sg_group *, h->group_count + 1);
    if (!r->by_name)
        return GT_NOMEM;
    for (size_t i = 0; i < h->group_count; i++)
        if (h->groups[i].name.len)
            r->by_name[r->count++] = &h->groups[i];
    qsort(r->by_name, r->count, sizeof *r->by_name, cmp_name);
    GT_TRY(vpcs_learn(r, scratch));
    *ret = r;
    return GT_OK;
}

/* The few fields of a call by name that resolving needs: a log may hold many such calls. */
typedef struct pending {
    gt_time_ms time;
    gt_str event_id, account, region, name;
    uint32_t entry;
    gt_sg_operation operation;
} pending;

static int cmp_pending(const void *a, const void *b)
{
    const pending *x = a, *y = b;
    if (x->time != y->time)
        return x->time > y->time ? 1 : -1;
    int c = gt_str_cmp(x->event_id, y->event_id);
    if (!c)
        c = gt_str_cmp(x->name, y->name);
    if (!c)
        c = gt_str_cmp(x->account, y->account);
    if (!c)
        c = gt_str_cmp(x->region, y->region);
    if (!c)
        c = (x->operation > y->operation) - (x->operation < y->operation);
    return c ? c : (x->entry > y->entry) - (x->entry < y->entry); /* all that counts is equal */
}

static gt_sg_group *pending_best(resolver *r, const pending *p)
{
    gt_sg_change call = {.account = p->account, .region = p->region, .time = p->time,
                         .operation = p->operation};
    return best(r, p->name, &call);
}

static gt_status pending_read(resolver *r, gt_arena *scratch, gt_str name, uint32_t entry,
                              pending *ret)
{
    gt_arena_mark mark = gt_arena_save(scratch);
    gt_arena *keep = r->history->sealed;
    gt_sg_change *c = gt_sg_history_unpack(r->history, scratch, entry);
    if (!c)
        return GT_NOMEM;
    *ret = (pending){.time = c->time, .name = name, .entry = entry, .operation = c->operation,
                     .event_id = gt_arena_dup(keep, c->event_id),
                     .account = gt_arena_dup(keep, c->account),
                     .region = gt_arena_dup(keep, c->region)};
    gt_arena_rewind(scratch, mark);
    return gt_arena_status(keep);
}

static gt_status pending_collect(resolver *r, gt_arena *scratch, pending **ret, size_t *count)
{
    gt_sg_history *h = r->history;
    size_t total = 0;
    for (size_t i = 0; i < h->keys.count; i++)
        if (gt_str_starts(h->keys.items[i], GT_STR("name:")))
            total += h->buckets[i].count;
    pending *all = gt_arena_array(scratch, pending, total + 1);
    if (!all)
        return GT_NOMEM;
    for (size_t i = 0; i < h->keys.count; i++) {
        gt_str key = h->keys.items[i];
        for (uint32_t k = 0; gt_str_starts(key, GT_STR("name:")) && k < h->buckets[i].count; k++)
            GT_TRY(pending_read(r, scratch, gt_str_from(key, 5), h->buckets[i].items[k],
                                &all[(*count)++]));
    }
    qsort(all, *count, sizeof *all, cmp_pending);
    *ret = all;
    return GT_OK;
}

/* A name that no known group bears, while one group alone in the default VPC has no known name. Groups
 * whose VPC is not known count too: they make it two. */
static gt_sg_group *only_unnamed(resolver *r, const pending *p)
{
    gt_sg_change call = {.account = p->account, .region = p->region, .time = p->time,
                         .operation = p->operation};
    gt_sg_history *h = r->history;
    gt_sg_group *found = NULL;
    for (size_t i = 0; i < h->group_count; i++) {
        gt_sg_group *g = &h->groups[i];
        if (g->name.len || g->baseline == GT_SG_COMPLETE || fit(r, g, &call) == 0)
            continue;
        if (found)
            return NULL;
        found = g;
    }
    const vpc_fact *fact = found ? vpc_find(r, found->vpc_id) : NULL;
    return fact && fact_default(fact) == GT_SG_YES ? found : NULL;
}

static bool name_known(const resolver *r, gt_str name)
{
    for (size_t i = 0; i < r->count; i++)
        if (gt_str_eq(r->by_name[i]->name, name))
            return true;
    return false;
}

static int cmp_named(const void *a, const void *b)
{
    const gt_sg_named *x = a, *y = b;
    int c = gt_str_cmp(x->group_id, y->group_id);
    return c ? c : (x->entry > y->entry) - (x->entry < y->entry);
}

/* Two rounds: what only one group can have meant teaches which VPC is the default one. */
static gt_status resolve_all(resolver *r, gt_arena *scratch)
{
    pending *all = NULL;
    size_t count = 0;
    gt_sg_history *h = r->history;
    GT_TRY(pending_collect(r, scratch, &all, &count));
    h->named = gt_arena_array(h->sealed, gt_sg_named, count + 1);
    if (!h->named)
        return GT_NOMEM;
    for (size_t i = 0; i < count; i++) {
        gt_sg_group *g = pending_best(r, &all[i]);
        if (g && g->vpc_id.len && !vpc_by_name(r, g))
            return GT_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        gt_sg_group *g = pending_best(r, &all[i]);
        bool inferred = !g && !name_known(r, all[i].name);
        if (inferred)
            g = only_unnamed(r, &all[i]);
        if (!g)
            continue;
        if (all[i].operation == GT_SG_DELETE)
            g->deleted = all[i].time;
        h->named[h->named_count++] = (gt_sg_named){g->id, all[i].entry, inferred};
    }
    qsort(h->named, h->named_count, sizeof *h->named, cmp_named);
    return GT_OK;
}

gt_str gt_sg_name_lookup(gt_sg_history *h, const gt_sg_change *call, gt_str name)
{
    const gt_sg_group *g = h->names ? best(h->names, name, call) : NULL;
    return g ? g->id : GT_STR("");
}

/* --- does the VPC have IPv6? --------------------------------------------------------------------- */

static gt_sg_truth from_vpc_events(gt_sg_history *h, gt_arena *scratch, const gt_sg_group *group)
{
    const gt_sg_bucket *b = gt_sg_history_bucket(h, group->vpc_id);
    gt_sg_truth answer = GT_SG_NOT_TOLD;
    for (uint32_t i = 0; b && i < b->count; i++) {
        if (gt_sg_history_operation(h, b->items[i]) != GT_SG_VPC)
            continue;
        gt_sg_change *c = gt_sg_history_unpack(h, scratch, b->items[i]);
        if (!c || c->time > group->created)
            continue;
        if (c->vpc_ipv6)
            return GT_SG_YES;
        if (c->vpc_created)
            answer = GT_SG_NO;
    }
    return answer;
}

typedef struct touch {
    gt_str group_id;
    gt_time_ms time;
    gt_sg_truth told;
} touch;

static int cmp_touch(const void *pa, const void *pb)
{
    const touch *a = pa, *b = pb;
    int c = gt_str_cmp(a->group_id, b->group_id);
    return c ? c : (a->time > b->time) - (a->time < b->time);
}

static int cmp_named_entry(const void *pa, const void *pb)
{
    const gt_sg_named *a = pa, *b = pb;
    return (a->entry > b->entry) - (a->entry < b->entry);
}

static bool unmatched_ipv6(const gt_sg_change *c)
{
    for (size_t i = 0; i < c->unmatched_count; i++)
        if (c->unmatched[i].cidr.net.v6 && c->unmatched[i].cidr.len == 0)
            return true;
    return false;
}

/* Every call about ::/0 for all of egress, by group and time; calls by name resolved. */
static gt_status touches_collect(gt_sg_history *h, gt_arena *scratch, const gt_sg_bucket *touched,
                                 touch **ret, size_t *ret_count)
{
    size_t count = 0;
    touch *items = gt_arena_array(scratch, touch, touched->count + 1u);
    gt_sg_named *named = gt_arena_array(scratch, gt_sg_named, h->named_count + 1);
    if (!items || !named)
        return GT_NOMEM;
    if (h->named_count)
        memcpy(named, h->named, h->named_count * sizeof *named);
    qsort(named, h->named_count, sizeof *named, cmp_named_entry);
    for (uint32_t i = 0; i < touched->count; i++) {
        gt_sg_named key = {.entry = touched->items[i]}, *found = NULL;
        gt_arena_mark mark = gt_arena_save(scratch);
        gt_sg_change *c = gt_sg_history_unpack(h, scratch, touched->items[i]);
        if (!c)
            return GT_NOMEM;
        if (c->group_id.len == 0)
            found = bsearch(&key, named, h->named_count, sizeof key, cmp_named_entry);
        const gt_sg_group *g = gt_sg_history_find(h, found ? found->group_id : c->group_id);
        if (g && !unmatched_ipv6(c))
            items[count++] = (touch){g->id, c->time,
                                     c->operation == GT_SG_AUTHORIZE ? GT_SG_NO
                                     : c->operation == GT_SG_MODIFY  ? GT_SG_NOT_TOLD
                                                                     : GT_SG_YES};
        gt_arena_rewind(scratch, mark);
    }
    qsort(items, count, sizeof *items, cmp_touch);
    *ret = items;
    *ret_count = count;
    return GT_OK;
}

static void vpc_ipv6_learn(gt_sg_history *h, gt_str vpc, gt_sg_truth told)
{
    for (size_t i = 0; i < h->vpc_ipv6_count; i++)
        if (gt_str_eq(h->vpc_ipv6[i].vpc_id, vpc)) {
            if (told == GT_SG_YES)
                h->vpc_ipv6[i].told = told;
            return;
        }
    h->vpc_ipv6[h->vpc_ipv6_count++] = (gt_sg_vpc_fact){vpc, told};
}

/* The first call about ::/0 for all of egress on a group that was seen created tells whether AWS had put
 * that rule there: it could be revoked or described, or it could be added. Calls of one second contradict
 * each other, and a modified rule may have become this one: then nothing is told. */
static gt_status ipv6_learn(gt_sg_history *h, gt_arena *scratch)
{
    const gt_sg_bucket *touched = gt_sg_history_bucket(h, GT_STR("default-ipv6"));
    touch *items;
    size_t count;
    h->group_ipv6 = gt_arena_array(h->sealed, uint8_t, h->group_count + 1);
    h->vpc_ipv6 = gt_arena_array(h->sealed, gt_sg_vpc_fact, h->group_count + 1);
    if (!h->group_ipv6 || !h->vpc_ipv6)
        return GT_NOMEM;
    if (!touched)
        return GT_OK;
    GT_TRY(touches_collect(h, scratch, touched, &items, &count));
    for (size_t i = 0, next; i < count; i = next) {
        gt_sg_truth told = items[i].told;
        for (next = i + 1; next < count && gt_str_eq(items[next].group_id, items[i].group_id);
             next++)
            if (items[next].time == items[i].time && items[next].told != told)
                told = GT_SG_NOT_TOLD;
        const gt_sg_group *g = gt_sg_history_find(h, items[i].group_id);
        if (!g || g->baseline != GT_SG_COMPLETE || told == GT_SG_NOT_TOLD)
            continue;
        h->group_ipv6[g - h->groups] = (uint8_t)told;
        if (g->vpc_id.len)
            vpc_ipv6_learn(h, g->vpc_id, told);
    }
    return GT_OK;
}

bool gt_sg_history_needs_ipv6(gt_sg_history *h, const gt_sg_group *group)
{
    gt_arena *scratch = gt_arena_new(GT_SG_HISTORY_MAX);
    bool needs = scratch && from_vpc_events(h, scratch, group) == GT_SG_NOT_TOLD;
    gt_arena_free(scratch);
    return needs;
}

gt_sg_truth gt_sg_vpc_ipv6(gt_sg_history *h, gt_arena *scratch, const gt_sg_group *group)
{
    gt_sg_truth answer = from_vpc_events(h, scratch, group);
    const gt_sg_group *own = gt_sg_history_find(h, group->id);
    if (answer == GT_SG_NOT_TOLD && own)
        answer = (gt_sg_truth)h->group_ipv6[own - h->groups];
    for (size_t i = 0; answer == GT_SG_NOT_TOLD && i < h->vpc_ipv6_count; i++)
        if (gt_str_eq(h->vpc_ipv6[i].vpc_id, group->vpc_id))
            answer = h->vpc_ipv6[i].told;
    for (size_t i = 0; answer == GT_SG_NOT_TOLD && i < h->told_count; i++)
        if (gt_str_eq(h->told[i].vpc_id, group->vpc_id))
            answer = h->told[i].told;
    return answer;
}

const gt_sg_vpc_fact *gt_sg_history_vpc_facts(gt_sg_history *h, size_t *ret_count)
{
    *ret_count = gt_sg_history_seal(h) == GT_OK ? h->vpc_ipv6_count : 0;
    return h->vpc_ipv6;
}

gt_status gt_sg_history_tell(gt_sg_history *h, gt_str vpc_id, gt_sg_truth told)
{
    size_t size = h->told_count * sizeof *h->told;
    gt_sg_vpc_fact *grown = gt_arena_grow(h->arena, h->told, size, size + sizeof *grown);
    gt_str copy = gt_arena_dup(h->arena, vpc_id);
    if (!grown || !copy.ptr)
        return gt_arena_status(h->arena);
    h->told = grown;
    grown[h->told_count++] = (gt_sg_vpc_fact){copy, told};
    return GT_OK;
}

gt_status gt_sg_names_resolve(gt_sg_history *h)
{
    gt_arena *scratch = gt_arena_new(GT_SG_HISTORY_MAX);
    if (!scratch)
        return GT_NOMEM;
    gt_status status = resolver_make(h, scratch, &h->names);
    if (status == GT_OK)
        status = resolve_all(h->names, scratch);
    if (status == GT_OK)
        status = ipv6_learn(h, scratch);
    gt_arena_free(scratch);
    return status;
}
