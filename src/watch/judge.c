#include "watch/judge.h"

#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "store/sg_changes.h"
#include "store/watch.h"
#include "watch/effects_cache.h"

#include <stdlib.h>

struct gt_judge {
    gt_watch_setup *setup; /* held */
    gt_store *store;
    gt_detect_worker *detect;
    gt_pace pace; /* of setup's rules */
    gt_detect_enrich enrich;
    gt_arena *arena;   /* of one record */
    gt_arena *scratch; /* of one change that is loaded */
    gt_effects_cache *cache; /* made from the store's changes up to `newest` */
    int64_t newest;
    const gt_sg_effects *effects; /* of the current record; NULL: it stands alone */
    const gt_record *current;
    gt_arena *noted_arena; /* of one transaction */
    struct noted {
        gt_str key;
        gt_time_ms from;
    } *noted;
    size_t noted_count, noted_cap;
};

/* --- enriching -------------------------------------------------------------------------------------- */

static gt_status enrich_plain(void *ctx, gt_arena *batch, const gt_json *record, gt_json *document)
{
    (void)ctx;
    return record ? gt_sg_fields_set(batch, NULL, record, GT_STR(""), document) : GT_OK;
}

const gt_detect_enrich gt_judge_plain = {.enrich = enrich_plain};

static gt_status enrich(void *ctx, gt_arena *batch, const gt_json *record, gt_json *document)
{
    gt_judge *j = ctx;
    char id[GT_RECORD_ID_MAX];
    gt_str fallback = GT_STR("");
    if (!record)
        return GT_OK;
    if (j->current)
        fallback = gt_arena_dup(batch, gt_record_id(j->current, id));
    return gt_sg_fields_set(batch, j->effects, record, fallback, document);
}

gt_status gt_judge_new(gt_watch_setup *setup, gt_store *store, gt_judge **ret)
{
    gt_judge *j = gt_calloc(1, sizeof *j);
    if (!j)
        return GT_NOMEM;
    j->setup = gt_watch_setup_hold(setup);
    j->store = store;
    j->enrich = (gt_detect_enrich){.enrich = enrich, .ctx = j};
    j->arena = gt_arena_new(GT_BATCH_ARENA_MAX);
    j->noted_arena = gt_arena_new(GT_BATCH_ARENA_MAX);
    j->scratch = gt_arena_new(GT_BATCH_ARENA_MAX);
    j->cache = gt_effects_cache_new();
    const gt_detect_enrich *with = setup->enrich ? &j->enrich : NULL;
    gt_status status = j->arena && j->noted_arena && j->scratch && j->cache
                           ? gt_detect_worker_new(setup->detector, setup->tables, with, &j->detect)
                           : GT_NOMEM;
    if (status == GT_OK)
        *ret = j;
    else
        gt_judge_free(j);
    return status;
}

void gt_judge_free(gt_judge *j)
{
    if (!j)
        return;
    gt_detect_worker_free(j->detect);
    gt_watch_setup_release(j->setup);
    gt_arena_free(j->arena);
    gt_arena_free(j->noted_arena);
    gt_arena_free(j->scratch);
    gt_effects_cache_free(j->cache);
    gt_free(j);
}

void gt_judge_set_now(gt_judge *j, gt_time_ms now)
{
    gt_detect_worker_set_now(j->detect, now);
}

void gt_judge_set_log(gt_judge *j, const gt_log *log)
{
    j->pace = (gt_pace){j->setup->detector, j->setup->pace, log};
    const gt_detect_timing timing = gt_pace_timing(&j->pace);
    gt_detect_worker_set_timing(j->detect, &timing);
}

/* --- what a record needs of the history -------------------------------------------------------------- */

typedef struct keys {
    gt_arena *arena;
    gt_str *items;
    size_t count, cap;
    bool failed;
} keys;

static void add_key(void *ctx, gt_str key)
{
    keys *k = ctx;
    for (size_t i = 0; i < k->count; i++) {
        if (gt_str_eq(k->items[i], key))
            return;
    }
    if (k->count == k->cap) {
        size_t cap = k->cap ? k->cap * 2 : 16;
        k->items = gt_arena_grow(k->arena, k->items, k->cap * sizeof *k->items, cap * sizeof *k->items);
        k->cap = k->items ? cap : 0;
    }
    gt_str copy = k->items ? gt_arena_dup(k->arena, key) : GT_STR_NULL;
    k->failed = k->failed || !copy.ptr;
    if (copy.ptr)
        k->items[k->count++] = copy;
}

/* In the judge's arena; its scratch is rewound meanwhile. */
static keys keys_of(gt_judge *j, const gt_sg_change *change)
{
    keys k = {.arena = j->arena};
    gt_sg_change_keys(change, j->scratch, add_key, &k);
    return k;
}

/* The prefix lists that a change's rules name, as keys "BEFORE" + id. */
static void list_keys(const gt_sg_change *change, const char *before, keys *k)
{
    for (size_t i = 0; i < change->rule_count; i++) {
        const gt_sg_rule *rule = &change->rules[i];
        if (rule->peer == GT_SG_PEER_PREFIX_LIST && rule->peer_id.len)
            add_key(k, gt_arena_printf(k->arena, "%s%.*s", before, GT_STR_ARG(rule->peer_id)));
    }
}

/* A VPC's or a default's key would bring every group of theirs. */
static bool is_wide_key(gt_str key)
{
    return gt_str_starts(key, GT_STR("vpc-")) || gt_str_starts(key, GT_STR("default"));
}

/* From this time on, what is kept under the key must be judged (again). */
static gt_status note(gt_judge *j, gt_str key, gt_time_ms from)
{
    for (size_t i = 0; i < j->noted_count; i++) {
        if (!gt_str_eq(j->noted[i].key, key))
            continue;
        if (from < j->noted[i].from)
            j->noted[i].from = from;
        return GT_OK;
    }
    if (j->noted_count == j->noted_cap) {
        size_t cap = j->noted_cap ? j->noted_cap * 2 : 32;
        j->noted = gt_arena_grow(j->noted_arena, j->noted, j->noted_cap * sizeof *j->noted,
                                 cap * sizeof *j->noted);
        if (!j->noted)
            return gt_arena_status(j->noted_arena);
        j->noted_cap = cap;
    }
    gt_str copy = gt_arena_dup(j->noted_arena, key);
    if (!copy.ptr)
        return gt_arena_status(j->noted_arena);
    j->noted[j->noted_count].key = copy;
    j->noted[j->noted_count++].from = from;
    return GT_OK;
}

void gt_judge_begin(gt_judge *j)
{
    gt_arena_reset(j->noted_arena, GT_MIB);
    gt_effects_cache_clear(j->cache); /* a transaction that failed may have left its changes there */
    j->noted = NULL;
    j->noted_count = j->noted_cap = 0;
}

static bool is_attachment(const gt_sg_change *change)
{
    return change->operation == GT_SG_ATTACH || change->operation == GT_SG_DETACH;
}

/* Keys of our own beside those that every reader knows: "rules:ID" finds what changed a group's rules
 * without its attachments, of which an auto-scaling group has thousands a day; "in:LIST" finds the groups
 * whose rules name a prefix list. */
static void add_own_keys(const gt_sg_change *change, keys *k)
{
    if (!is_attachment(change) && change->group_id.len)
        add_key(k, gt_arena_printf(k->arena, "rules:%.*s", GT_STR_ARG(change->group_id)));
    list_keys(change, "in:", k);
}

/* Keep a record under a key, and note that the key is to be judged from its time on. */
static gt_status keep_and_note(gt_judge *j, gt_str key, const gt_watch_kept *kept, bool keep,
                               gt_time_ms now)
{
    if (is_wide_key(key))
        return GT_OK;
    if (keep && kept->record.len)
        GT_TRY(gt_watch_kept_put(j->store, key, kept, now));
    return note(j, key, kept->event);
}

static gt_status note_alone(gt_judge *j, const gt_watch_kept *kept, gt_time_ms now)
{
    gt_str key = gt_arena_printf(j->arena, "event:%.*s", GT_STR_ARG(kept->id));
    return key.ptr ? keep_and_note(j, key, kept, true, now) : gt_arena_status(j->arena);
}

gt_status gt_judge_learn(gt_judge *j, gt_str packed, gt_str record, gt_str source, gt_time_ms now)
{
    gt_sg_change *change = NULL;
    gt_arena_reset(j->arena, GT_MIB);
    GT_TRY(gt_sg_change_unpack(j->arena, packed, &change));
    keys k = keys_of(j, change), lists = {.arena = j->arena};
    size_t own = k.count;
    add_own_keys(change, &k);
    list_keys(change, "", &lists);
    if (k.failed || lists.failed)
        return GT_NOMEM;
    GT_TRY(gt_store_sg_add(j->store, packed, k.items, k.count));
    /* Two records of one event id may differ: both are judged. */
    gt_str id = gt_arena_printf(j->arena, "%.*s %016llx", GT_STR_ARG(change->event_id),
                                (unsigned long long)gt_hash64(record, 0));
    if (!id.ptr)
        return gt_arena_status(j->arena);
    const gt_watch_kept kept = {id, source, change->time, record};
    if (is_attachment(change)) {
        /* It changes no rule: it alone is to be judged now, and again when a rule comes late. */
        for (size_t i = 0; record.len && i < own; i++) {
            if (!is_wide_key(k.items[i]))
                GT_TRY(gt_watch_kept_put(j->store, k.items[i], &kept, now));
        }
        return note_alone(j, &kept, now);
    }
    bool noted = false;
    for (size_t i = 0; i < own; i++) {
        noted = noted || !is_wide_key(k.items[i]);
        GT_TRY(keep_and_note(j, k.items[i], &kept, true, now));
    }
    if (!noted) /* it names nothing that could be known: judged by itself */
        return note_alone(j, &kept, now);
    for (size_t i = 0; i < lists.count; i++) /* what changed those lists is judged with this group */
        GT_TRY(keep_and_note(j, lists.items[i], &kept, false, now));
    return GT_OK;
}

/* Keys of changes to load, each once; following one may add more. */
typedef struct loading {
    gt_judge *judge;
    gt_sg_history *history;
    keys *keys;
    bool lists;  /* follow the lists that loaded rules name */
    bool groups; /* follow the groups that loaded changes are of */
} loading;

/* A group is loaded by its rules' key, whatever other key names it. */
static void follow_group(void *ctx, gt_str key)
{
    keys *k = ctx;
    if (gt_str_starts(key, GT_STR("sg-")))
        add_key(k, gt_arena_printf(k->arena, "rules:%.*s", GT_STR_ARG(key)));
    else if (gt_str_starts(key, GT_STR("life:")))
        add_key(k, key);
}

static gt_status load_change(void *ctx, gt_str bytes)
{
    loading *l = ctx;
    gt_sg_change *change = NULL;
    gt_arena *arena = l->judge->scratch;
    gt_arena_reset(arena, GT_MIB);
    GT_TRY(gt_sg_change_unpack(arena, bytes, &change));
    GT_TRY(gt_sg_history_add(l->history, change));
    if (l->lists)
        list_keys(change, "", l->keys);
    if (l->groups)
        gt_sg_change_keys(change, arena, follow_group, l->keys);
    return l->keys->failed ? GT_NOMEM : GT_OK;
}

/* What to load for a change: its groups' rules; of a prefix list also itself and the groups whose rules
 * name it; of a call by name what tells which group that is. */
static keys keys_to_load(gt_judge *j, const gt_sg_change *change)
{
    keys own = keys_of(j, change), k = {.arena = j->arena};
    bool by_name = !is_attachment(change) && !change->group_id.len;
    for (size_t i = 0; i < own.count; i++) {
        gt_str key = own.items[i];
        follow_group(&k, key);
        if (gt_str_starts(key, GT_STR("pl-"))) {
            add_key(&k, key);
            add_key(&k, gt_arena_printf(j->arena, "in:%.*s", GT_STR_ARG(key)));
        }
        if (by_name && gt_str_starts(key, GT_STR("name")))
            add_key(&k, key);
        if (by_name && gt_str_starts(key, GT_STR("name:")))
            add_key(&k, gt_arena_printf(j->arena, "named:%.*s", GT_STR_ARG(gt_str_from(key, 5))));
    }
    k.failed = k.failed || own.failed;
    return k;
}

static gt_status load_history(gt_judge *j, keys *k, gt_sg_history *history)
{
    loading l = {.judge = j, .history = history, .keys = k};
    for (size_t i = 0; i < k->count; i++) {
        l.lists = !gt_str_starts(k->items[i], GT_STR("pl-"));
        l.groups = gt_str_starts(k->items[i], GT_STR("in:")) ||
                   gt_str_starts(k->items[i], GT_STR("name"));
        GT_TRY(gt_store_sg_find(j->store, k->items[i], load_change, &l));
    }
    return GT_OK;
}

/* Changes of one signature are folded from the same changes. One that names nothing is by itself. */
static gt_hash128 signature_of(const keys *k, const gt_sg_change *change)
{
    gt_buf text = GT_BUF(GT_BATCH_ARENA_MAX);
    for (size_t i = 0; i < k->count; i++)
        gt_buf_printf(&text, "%.*s\n", GT_STR_ARG(k->items[i]));
    if (!k->count)
        gt_buf_printf(&text, "\n%.*s", GT_STR_ARG(change->event_id));
    gt_hash128 hash = gt_hash128_of(gt_buf_str(&text));
    gt_buf_done(&text);
    return hash;
}

/* *ret NULL: the record is about something else, or changed nothing. */
static gt_status change_of(gt_judge *j, const gt_record *record, gt_sg_change **ret)
{
    gt_json *tree = NULL;
    char id[GT_RECORD_ID_MAX];
    *ret = NULL;
    if (!j->setup->enrich || !gt_sg_event_name(record->event_name))
        return GT_OK;
    GT_TRY(gt_json_parse(j->arena, record->json, &tree, NULL));
    GT_TRY(gt_sg_change_of(j->arena, tree, gt_record_id(record, id), ret));
    if (*ret && (*ret)->outcome != GT_SG_APPLIED)
        *ret = NULL;
    return GT_OK;
}

/* Changes that are not found in the store under the keys that are loaded: attachments. */
typedef struct beside {
    const gt_str *packed;
    size_t count;
} beside;

static gt_status fold_effects(gt_judge *j, const gt_sg_change *change, keys *k, const beside *more,
                              gt_sg_effects **ret, size_t *ret_changes)
{
    gt_sg_history *history = gt_sg_history_new();
    if (!history)
        return GT_NOMEM;
    gt_status status = gt_sg_history_add(history, change);
    if (status == GT_OK)
        status = load_history(j, k, history);
    for (size_t i = 0; status == GT_OK && i < more->count; i++) {
        loading l = {.judge = j, .history = history, .keys = k};
        if (more->packed[i].len)
            status = load_change(&l, more->packed[i]);
    }
    *ret_changes = gt_sg_history_count(history);
    if (status == GT_OK)
        status = gt_sg_effects_new(history, ret);
    gt_sg_history_free(history);
    return status;
}

/* The effects that a change is among, folded once for all changes of its signature; what is known of
 * earlier ones counts until the store learns another change. */
static gt_status find_effects(gt_judge *j, const gt_sg_change *change, gt_hash128 signature, keys *k,
                              const beside *more)
{
    int64_t newest;
    size_t changes;
    gt_sg_effects *made = NULL;
    GT_TRY(gt_store_sg_newest(j->store, &newest));
    if (newest != j->newest)
        gt_effects_cache_clear(j->cache);
    j->newest = newest;
    j->effects = gt_effects_cache_find(j->cache, signature);
    if (j->effects)
        return GT_OK;
    gt_status status = fold_effects(j, change, k, more, &made, &changes);
    if (status == GT_LIMIT) /* too much history: the event stands alone */
        return GT_OK;
    GT_TRY(status);
    gt_effects_cache_put(j->cache, signature, made, changes);
    j->effects = made;
    return GT_OK;
}

static gt_status evaluate(gt_judge *j, const gt_record *record, const gt_match **ret_matches,
                          size_t *ret_count)
{
    j->current = record;
    gt_status status = gt_detect_record(j->detect, record, ret_matches, ret_count);
    j->current = NULL;
    j->effects = NULL;
    return status;
}

gt_status gt_judge_record(gt_judge *j, const gt_record *record, const gt_match **ret_matches,
                          size_t *ret_count)
{
    gt_sg_change *change = NULL;
    gt_arena_reset(j->arena, GT_MIB);
    GT_TRY(change_of(j, record, &change));
    if (change) {
        keys k = keys_to_load(j, change);
        gt_hash128 signature = signature_of(&k, change);
        if (k.failed)
            return GT_NOMEM;
        if (is_attachment(change)) /* it is among no other's */
            signature = gt_hash128_of(record->json);
        GT_TRY(find_effects(j, change, signature, &k, &(beside){0}));
    }
    return evaluate(j, record, ret_matches, ret_count);
}

/* --- judging what was noted ----------------------------------------------------------------------------- */

typedef struct item { /* in noted_arena */
    gt_watch_kept kept;
    bool again;    /* a copy of the one before it */
    bool changes;  /* the signature stands */
    gt_hash128 signature;
    gt_str packed; /* of an attachment */
} item;

typedef struct to_judge {
    gt_judge *judge;
    item *items;
    size_t count, cap;
    /* By signature, with their packed forms beside them. */
    const item **sorted;
    gt_str *packed;
    size_t sorted_count;
} to_judge;

static gt_status collect(void *ctx, const gt_watch_kept *kept)
{
    to_judge *list = ctx;
    gt_arena *arena = list->judge->noted_arena;
    if (list->count == list->cap) {
        size_t cap = list->cap ? list->cap * 2 : 32;
        list->items = gt_arena_grow(arena, list->items, list->cap * sizeof *list->items,
                                    cap * sizeof *list->items);
        if (!list->items)
            return gt_arena_status(arena);
        list->cap = cap;
    }
    item *at = &list->items[list->count++];
    *at = (item){.again = false};
    gt_watch_kept *k = &at->kept;
    *k = (gt_watch_kept){gt_arena_dup(arena, kept->id), gt_arena_dup(arena, kept->source),
                         kept->event, gt_arena_dup(arena, kept->record)};
    return k->id.ptr && k->source.ptr && k->record.ptr ? GT_OK : gt_arena_status(arena);
}

static int by_time_then_id(const void *a, const void *b)
{
    const gt_watch_kept *x = &((const item *)a)->kept, *y = &((const item *)b)->kept;
    if (x->event != y->event)
        return x->event < y->event ? -1 : 1;
    return gt_str_cmp(x->id, y->id);
}

static int cmp_signature(gt_hash128 a, gt_hash128 b)
{
    if (a.high != b.high)
        return a.high < b.high ? -1 : 1;
    return (a.low > b.low) - (a.low < b.low);
}

static int by_signature(const void *a, const void *b)
{
    const item *x = *(const item *const *)a, *y = *(const item *const *)b;
    int c = cmp_signature(x->signature, y->signature);
    return c ? c : (x > y) - (x < y);
}

/* What the item is folded from. */
static gt_status sign(gt_judge *j, item *at)
{
    gt_record record;
    gt_sg_change *change = NULL;
    if (!gt_record_read(at->kept.record, &record))
        return GT_OK;
    gt_arena_reset(j->arena, GT_MIB);
    gt_status status = change_of(j, &record, &change);
    if (status == GT_LIMIT || status == GT_INVALID || (status == GT_OK && !change))
        return GT_OK;
    GT_TRY(status);
    keys k = keys_to_load(j, change);
    if (k.failed)
        return GT_NOMEM;
    at->signature = signature_of(&k, change);
    at->changes = true;
    if (!is_attachment(change))
        return GT_OK;
    gt_buf packed = GT_BUF(GT_RECORD_BYTES_MAX);
    gt_sg_change_pack(change, &packed);
    status = gt_buf_status(&packed);
    at->packed = gt_arena_dup(j->noted_arena, gt_buf_str(&packed));
    gt_buf_done(&packed);
    return status == GT_OK && !at->packed.ptr ? gt_arena_status(j->noted_arena) : status;
}

/* Sort the list by time, find copies, and sign all of it. */
static gt_status prepare(to_judge *list)
{
    gt_arena *arena = list->judge->noted_arena;
    if (list->count)
        qsort(list->items, list->count, sizeof *list->items, by_time_then_id);
    list->sorted = gt_arena_alloc(arena, (list->count + 1) * sizeof *list->sorted);
    list->packed = gt_arena_alloc(arena, (list->count + 1) * sizeof *list->packed);
    if (!list->sorted || !list->packed)
        return gt_arena_status(arena);
    for (size_t i = 0; i < list->count; i++) {
        item *at = &list->items[i];
        /* The same event under several keys; two records of one id stand apart by their bytes. */
        at->again = i && by_time_then_id(at, at - 1) == 0 &&
                    gt_str_eq(at->kept.record, at[-1].kept.record);
        if (at->again)
            continue;
        GT_TRY(sign(list->judge, at));
        if (at->changes)
            list->sorted[list->sorted_count++] = at;
    }
    if (list->sorted_count)
        qsort(list->sorted, list->sorted_count, sizeof *list->sorted, by_signature);
    for (size_t i = 0; i < list->sorted_count; i++)
        list->packed[i] = list->sorted[i]->packed;
    return GT_OK;
}

/* The attachments of the signature that are judged now. */
static beside beside_of(const to_judge *list, gt_hash128 signature)
{
    size_t low = 0, high = list->sorted_count, end;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (cmp_signature(list->sorted[mid]->signature, signature) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    for (end = low; end < list->sorted_count &&
                    cmp_signature(list->sorted[end]->signature, signature) == 0;)
        end++;
    return (beside){list->packed + low, end - low};
}

static gt_status judge_item(const to_judge *list, const item *at, gt_judge_fn fn, void *ctx)
{
    gt_judge *j = list->judge;
    gt_record record;
    gt_sg_change *change = NULL;
    const gt_match *matches = NULL;
    size_t count = 0;
    if (!gt_record_read(at->kept.record, &record))
        return GT_OK;
    gt_arena_reset(j->arena, GT_MIB);
    if (at->changes) {
        beside more = beside_of(list, at->signature);
        GT_TRY(change_of(j, &record, &change));
        keys k = keys_to_load(j, change);
        GT_TRY(find_effects(j, change, at->signature, &k, &more));
    }
    gt_status status = evaluate(j, &record, &matches, &count);
    if (status == GT_LIMIT || status == GT_INVALID)
        return GT_OK;
    GT_TRY(status);
    return count ? fn(ctx, at->kept.source, &record, matches, count) : GT_OK;
}

gt_status gt_judge_noted(gt_judge *j, gt_judge_fn fn, void *ctx)
{
    to_judge list = {.judge = j};
    for (size_t i = 0; i < j->noted_count; i++)
        GT_TRY(gt_watch_kept_each(j->store, j->noted[i].key, j->noted[i].from, collect, &list));
    GT_TRY(prepare(&list));
    for (size_t i = 0; i < list.count; i++) {
        if (!list.items[i].again)
            GT_TRY(judge_item(&list, &list.items[i], fn, ctx));
    }
    return GT_OK;
}
