#include "cli/sg_db.h"

#include "base/hash.h"
#include "base/limits.h"
#include "store/sg_changes.h"

/* --- filling ------------------------------------------------------------------------------------ */

#define KEYS_MAX 4096 /* a call names a few groups and resources */

typedef struct fill {
    gt_str packed;
    gt_str *keys;
    size_t key_count;
    gt_arena *arena;
    bool failed;
} fill;

static void collect_key(void *context, gt_str key)
{
    fill *f = context;
    if (key.len == 0 || f->key_count == KEYS_MAX)
        return;
    gt_str copy = gt_arena_dup(f->arena, key);
    f->failed = f->failed || !copy.ptr;
    f->keys[f->key_count++] = copy;
}

static gt_status write_change(void *context, gt_store *store)
{
    const fill *f = context;
    return gt_store_sg_add(store, f->packed, f->keys, f->key_count);
}

gt_status gt_sg_db_fill(gt_filler_worker *filler, gt_arena *scratch, const gt_record *record)
{
    gt_json *tree = NULL;
    gt_sg_change *change = NULL;
    char id[GT_RECORD_ID_MAX];
    if (!gt_sg_event_name(record->event_name))
        return GT_OK;
    gt_arena_reset(scratch, 4 * GT_MIB);
    GT_TRY(gt_json_parse(scratch, record->json, &tree, NULL));
    GT_TRY(gt_sg_change_of(scratch, tree, gt_record_id(record, id), &change));
    if (!change || change->outcome != GT_SG_APPLIED)
        return GT_OK;
    gt_buf packed = GT_BUF(GT_RECORD_BYTES_MAX);
    fill f = {.arena = scratch, .keys = gt_arena_alloc(scratch, KEYS_MAX * sizeof(gt_str))};
    gt_arena *keys = gt_arena_new(GT_BATCH_ARENA_MAX); /* gt_sg_change_keys rewinds its own */
    gt_status status = f.keys && keys ? GT_OK : GT_NOMEM;
    if (status == GT_OK) {
        gt_sg_change_pack(change, &packed);
        gt_sg_change_keys(change, keys, collect_key, &f);
        status = f.failed ? GT_NOMEM : gt_buf_status(&packed);
    }
    f.packed = gt_buf_str(&packed);
    if (status == GT_OK)
        status = gt_filler_with(filler, write_change, &f);
    gt_arena_free(keys);
    gt_buf_done(&packed);
    return status;
}

/* --- loading ------------------------------------------------------------------------------------ */

typedef struct loader {
    gt_store *store;
    const gt_sg_db_facts *facts;
    gt_sg_history *history;
    gt_arena *arena;   /* keys */
    gt_arena *scratch; /* one change */
    gt_hash128 *seen;  /* keys that were loaded or are waiting: an open table, zeros are free */
    size_t seen_count, seen_cap;
    gt_str *queue; /* keys that changes at hand lead to */
    size_t queue_count, queue_cap;
    bool names; /* follow what calls by name lead to */
} loader;

static bool text_push(gt_arena *arena, gt_str **list, size_t *count, size_t *cap, gt_str s)
{
    if (*count == *cap) {
        size_t more = *cap ? *cap * 2 : 64;
        gt_str *grown = gt_arena_grow(arena, *list, *cap * sizeof s, more * sizeof s);
        if (!grown)
            return false;
        *list = grown;
        *cap = more;
    }
    s = gt_arena_dup(arena, s);
    (*list)[(*count)++] = s;
    return s.ptr != NULL;
}

static bool seen_put(gt_hash128 *table, size_t cap, gt_hash128 hash)
{
    size_t at = hash.low & (cap - 1);
    for (; table[at].low | table[at].high; at = (at + 1) & (cap - 1))
        if (table[at].low == hash.low && table[at].high == hash.high)
            return false;
    table[at] = hash;
    return true;
}

/* *ret_new: the key was not seen before. */
static gt_status see(loader *l, gt_str key, bool *ret_new)
{
    if (l->seen_count * 2 >= l->seen_cap) {
        size_t cap = l->seen_cap ? l->seen_cap * 2 : 256;
        gt_hash128 *grown = gt_arena_array(l->arena, gt_hash128, cap);
        if (!grown)
            return GT_NOMEM;
        for (size_t i = 0; i < l->seen_cap; i++)
            if (l->seen[i].low | l->seen[i].high)
                (void)seen_put(grown, cap, l->seen[i]);
        l->seen = grown;
        l->seen_cap = cap;
    }
    *ret_new = seen_put(l->seen, l->seen_cap, gt_hash128_of(key));
    l->seen_count += *ret_new;
    return GT_OK;
}

static gt_status enqueue(loader *l, gt_str key)
{
    bool new;
    if (key.len == 0)
        return GT_OK;
    GT_TRY(see(l, key, &new));
    if (!new)
        return GT_OK;
    return text_push(l->arena, &l->queue, &l->queue_count, &l->queue_cap, key) ? GT_OK : GT_NOMEM;
}

static gt_status enqueue_printf(loader *l, const char *prefix, gt_str s)
{
    return enqueue(l, gt_arena_printf(l->arena, "%s%.*s", prefix, GT_STR_ARG(s)));
}

/* What the rules of a group lead to: prefix lists, groups named by name. */
static gt_status follow_rules(loader *l, const gt_sg_change *c)
{
    for (size_t i = 0; i < c->rule_count; i++) {
        const gt_sg_rule *r = &c->rules[i];
        if (r->peer == GT_SG_PEER_PREFIX_LIST)
            GT_TRY(enqueue(l, r->peer_id));
        if (r->peer == GT_SG_PEER_GROUP && r->peer_id.len == 0 && r->peer_name.len)
            GT_TRY(enqueue_printf(l, "named:", r->peer_name));
    }
    return GT_OK;
}

static gt_status on_change(void *ctx, gt_str packed)
{
    loader *l = ctx;
    gt_sg_change *c;
    gt_arena_reset(l->scratch, GT_MIB);
    GT_TRY(gt_sg_change_unpack(l->scratch, packed, &c));
    GT_TRY(follow_rules(l, c));
    for (size_t i = 0; i < c->attachment_count; i++) {
        GT_TRY(enqueue(l, c->attachments[i].resource));
        GT_TRY(enqueue(l, c->attachments[i].interface));
        GT_TRY(enqueue(l, c->attachments[i].vpc_id));
    }
    if (l->names && c->group_id.len && c->operation < GT_SG_ATTACH)
        GT_TRY(enqueue_printf(l, "life:", c->group_id));
    if (c->operation == GT_SG_CREATE)
        GT_TRY(enqueue(l, c->vpc_id));
    return gt_sg_history_add(l->history, c);
}

static gt_status load_key(loader *l, gt_str key)
{
    bool new;
    GT_TRY(see(l, key, &new));
    return new ? gt_store_sg_find(l->store, key, on_change, l) : GT_OK;
}

static gt_status load_queue(loader *l)
{
    while (l->queue_count > 0) {
        gt_str key = l->queue[--l->queue_count];
        GT_TRY(gt_store_sg_find(l->store, key, on_change, l));
    }
    return GT_OK;
}

/* Calls by the group's name: who else bears it, and which VPC is the default one. */
static gt_status load_names(loader *l, gt_str group_id)
{
    const gt_sg_group *g = gt_sg_history_find(l->history, group_id);
    if (!g || g->name.len == 0)
        return GT_OK;
    gt_str name = gt_arena_printf(l->arena, "name:%.*s", GT_STR_ARG(g->name));
    gt_str named = gt_arena_printf(l->arena, "named:%.*s", GT_STR_ARG(g->name));
    gt_str witness = gt_arena_printf(l->arena, "default:%.*s/%.*s", GT_STR_ARG(g->account),
                                     GT_STR_ARG(g->region));
    size_t before = gt_sg_history_count(l->history);
    GT_TRY(load_key(l, name));
    if (gt_sg_history_count(l->history) == before)
        return load_queue(l); /* nobody called it by its name */
    l->names = true;
    GT_TRY(load_key(l, named));
    GT_TRY(load_key(l, witness));
    return load_queue(l);
}

static gt_status load_ipv6(loader *l, gt_str group_id)
{
    const gt_sg_group *g = gt_sg_history_find(l->history, group_id);
    if (!g || g->baseline != GT_SG_COMPLETE || !gt_sg_history_needs_ipv6(l->history, g))
        return GT_OK;
    if (l->facts->known) {
        gt_str vpc = gt_arena_dup(l->arena, g->vpc_id);
        for (size_t i = 0; i < l->facts->count; i++)
            if (gt_str_eq(l->facts->items[i].vpc_id, vpc))
                GT_TRY(gt_sg_history_tell(l->history, vpc, l->facts->items[i].told));
        return GT_OK;
    }
    l->names = true;
    GT_TRY(load_key(l, GT_STR("default-ipv6")));
    return load_queue(l);
}

/* Only the whole history can tell which group a name meant that no group is known to bear. */
static gt_status is_hard(loader *l, gt_str group_id, bool *ret)
{
    const gt_sg_group *g = gt_sg_history_find(l->history, group_id);
    gt_str name = g && g->name.len
                      ? gt_arena_printf(l->arena, "name:%.*s", GT_STR_ARG(g->name))
                      : GT_STR("");
    *ret = false;
    if (!g || g->baseline == GT_SG_COMPLETE)
        return GT_OK;
    if (g->name.len == 0)
        return gt_store_sg_nameless(l->store, ret);
    size_t before = gt_sg_history_count(l->history);
    GT_TRY(load_key(l, name));
    *ret = gt_sg_history_count(l->history) > before;
    return GT_OK;
}

static gt_status load_group(loader *l, gt_str id)
{
    bool hard;
    GT_TRY(load_key(l, id));
    GT_TRY(load_queue(l));
    GT_TRY(gt_sg_history_seal(l->history));
    GT_TRY(is_hard(l, id, &hard));
    if (hard) {
        gt_sg_history_free(l->history);
        l->history = gt_sg_history_new();
        return l->history ? gt_sg_db_load(l->store, l->history) : GT_NOMEM;
    }
    GT_TRY(load_names(l, id));
    return load_ipv6(l, id);
}

gt_status gt_sg_db_load_group(gt_store *store, const gt_sg_db_facts *facts, gt_str group_id,
                              gt_sg_history **ret)
{
    loader l = {.store = store, .facts = facts, .history = gt_sg_history_new(),
                .arena = gt_arena_new(GT_SG_HISTORY_MAX),
                .scratch = gt_arena_new(GT_SG_HISTORY_MAX)};
    gt_status status =
        l.history && l.arena && l.scratch ? load_group(&l, group_id) : GT_NOMEM;
    gt_arena_free(l.arena);
    gt_arena_free(l.scratch);
    if (status == GT_OK)
        *ret = l.history;
    else
        gt_sg_history_free(l.history);
    return status;
}

static gt_status on_any(void *ctx, gt_str packed)
{
    loader *l = ctx;
    gt_sg_change *c;
    gt_arena_reset(l->scratch, GT_MIB);
    GT_TRY(gt_sg_change_unpack(l->scratch, packed, &c));
    return gt_sg_history_add(l->history, c);
}

gt_status gt_sg_db_load(gt_store *store, gt_sg_history *history)
{
    loader l = {.history = history, .scratch = gt_arena_new(GT_SG_HISTORY_MAX)};
    gt_status status = l.scratch ? gt_store_sg_all(store, on_any, &l) : GT_NOMEM;
    gt_arena_free(l.scratch);
    return status;
}

/* --- conclusions -------------------------------------------------------------------------------- */

/* "vpc-1 yes,vpc-2 no," */
static gt_status conclude(gt_store *store, int64_t newest, gt_sg_history *history)
{
    size_t count;
    gt_buf text = GT_BUF(GT_GIB);
    GT_TRY(gt_sg_db_load(store, history));
    GT_TRY(gt_sg_history_seal(history));
    const gt_sg_vpc_fact *facts = gt_sg_history_vpc_facts(history, &count);
    for (size_t i = 0; i < count; i++)
        gt_buf_printf(&text, "%.*s %s,", GT_STR_ARG(facts[i].vpc_id),
                      facts[i].told == GT_SG_YES ? "yes" : "no");
    gt_status status = gt_buf_status(&text);
    if (status == GT_OK)
        status = gt_store_sg_facts_put(store, newest, text.data ? gt_buf_str(&text) : GT_STR(""));
    gt_buf_done(&text);
    return status;
}

gt_status gt_sg_db_conclude(gt_store *store)
{
    int64_t newest, concluded;
    gt_str ignored;
    gt_arena *arena = gt_arena_new(GT_BATCH_ARENA_MAX);
    gt_sg_history *history = gt_sg_history_new();
    gt_status status = arena && history ? gt_store_sg_newest(store, &newest) : GT_NOMEM;
    if (status == GT_OK)
        status = gt_store_sg_facts_get(store, arena, &concluded, &ignored);
    if (status == GT_OK && newest != concluded)
        status = conclude(store, newest, history);
    gt_sg_history_free(history);
    gt_arena_free(arena);
    return status;
}

gt_status gt_sg_db_facts_get(gt_store *store, gt_arena *arena, gt_sg_db_facts *ret)
{
    int64_t newest, concluded;
    gt_str text, one, vpc;
    gt_sg_db_facts facts = {0};
    GT_TRY(gt_store_sg_newest(store, &newest));
    GT_TRY(gt_store_sg_facts_get(store, arena, &concluded, &text));
    facts.known = newest == concluded;
    facts.items = gt_arena_array(arena, gt_sg_vpc_fact, text.len / 4 + 1);
    if (!facts.items)
        return gt_arena_status(arena);
    while (text.len) {
        text = gt_str_cut(text, ',', &one);
        gt_str told = gt_str_cut(one, ' ', &vpc);
        if (vpc.len)
            facts.items[facts.count++] =
                (gt_sg_vpc_fact){vpc, gt_str_is(told, "yes") ? GT_SG_YES : GT_SG_NO};
    }
    *ret = facts;
    return GT_OK;
}

typedef struct ids {
    gt_arena *arena;
    gt_str *items;
    size_t count, cap;
} ids;

static gt_status on_id(void *ctx, gt_str id)
{
    ids *i = ctx;
    return text_push(i->arena, &i->items, &i->count, &i->cap, id) ? GT_OK : GT_NOMEM;
}

gt_status gt_sg_db_groups(gt_store *store, gt_arena *arena, gt_str **ret, size_t *ret_count)
{
    ids found = {.arena = arena};
    GT_TRY(gt_store_sg_keys(store, GT_STR("sg-"), on_id, &found));
    *ret = found.items;
    *ret_count = found.count;
    return GT_OK;
}
