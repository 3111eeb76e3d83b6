#include "watch/judge.h"

#include "base/limits.h"
#include "base/mem.h"
#include "store/sg_changes.h"

struct gt_judge {
    gt_watch_setup *setup; /* held */
    gt_store *store;
    gt_detect_worker *detect;
    gt_detect_enrich enrich;
    gt_arena *arena; /* of one record */
    gt_sg_effects *effects;
    const gt_record *current;
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
    const gt_detect_enrich *with = setup->enrich ? &j->enrich : NULL;
    gt_status status = j->arena ? gt_detect_worker_new(setup->detector, setup->tables, with, &j->detect)
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
    gt_free(j);
}

void gt_judge_set_now(gt_judge *j, gt_time_ms now)
{
    gt_detect_worker_set_now(j->detect, now);
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

static keys keys_of(gt_arena *arena, const gt_sg_change *change)
{
    keys k = {.arena = arena};
    gt_sg_change_keys(change, arena, add_key, &k);
    return k;
}

gt_status gt_judge_learn(gt_judge *j, gt_str packed)
{
    gt_sg_change *change = NULL;
    gt_arena_reset(j->arena, GT_MIB);
    GT_TRY(gt_sg_change_unpack(j->arena, packed, &change));
    keys k = keys_of(j->arena, change);
    if (k.failed)
        return GT_NOMEM;
    return gt_store_sg_add(j->store, packed, k.items, k.count);
}

typedef struct loading {
    gt_judge *judge;
    gt_sg_history *history;
    keys *more; /* prefix lists that loaded changes name; NULL: do not look */
} loading;

static void add_list_key(void *ctx, gt_str key)
{
    if (gt_str_starts(key, GT_STR("pl-")))
        add_key(ctx, key);
}

static gt_status load_change(void *ctx, gt_str bytes)
{
    loading *l = ctx;
    gt_sg_change *change = NULL;
    gt_arena *arena = l->judge->arena;
    gt_arena_mark mark = gt_arena_save(arena);
    gt_status status = gt_sg_change_unpack(arena, bytes, &change);
    if (status == GT_OK)
        status = gt_sg_history_add(l->history, change);
    if (!l->more) {
        gt_arena_rewind(arena, mark);
        return status;
    }
    if (status == GT_OK)
        gt_sg_change_keys(change, arena, add_list_key, l->more);
    return l->more->failed ? GT_NOMEM : status;
}

/* Everything under the change's own keys, then under the prefix lists that those name. Only identities
 * are looked for: a VPC's or a default's key would bring every group of theirs. */
static gt_status load_history(gt_judge *j, const gt_sg_change *change, gt_sg_history *history)
{
    keys own = keys_of(j->arena, change), lists = {.arena = j->arena};
    loading l = {j, history, &lists};
    if (own.failed)
        return GT_NOMEM;
    for (size_t i = 0; i < own.count; i++) {
        bool wide = gt_str_starts(own.items[i], GT_STR("vpc-")) ||
                    gt_str_starts(own.items[i], GT_STR("default"));
        if (!wide)
            GT_TRY(gt_store_sg_find(j->store, own.items[i], load_change, &l));
    }
    l.more = NULL;
    for (size_t i = 0; i < lists.count; i++)
        GT_TRY(gt_store_sg_find(j->store, lists.items[i], load_change, &l));
    return GT_OK;
}

static gt_status make_effects(gt_judge *j, const gt_sg_change *change)
{
    gt_sg_history *history = gt_sg_history_new();
    if (!history)
        return GT_NOMEM;
    gt_status status = load_history(j, change, history);
    if (status == GT_OK)
        status = gt_sg_effects_new(history, &j->effects);
    gt_sg_history_free(history);
    return status;
}

gt_status gt_judge_record(gt_judge *j, const gt_record *record, const gt_match **ret_matches,
                          size_t *ret_count)
{
    gt_json *tree = NULL;
    gt_sg_change *change = NULL;
    char id[GT_RECORD_ID_MAX];
    gt_arena_reset(j->arena, GT_MIB);
    if (j->setup->enrich && gt_sg_event_name(record->event_name)) {
        GT_TRY(gt_json_parse(j->arena, record->json, &tree, NULL));
        GT_TRY(gt_sg_change_of(j->arena, tree, gt_record_id(record, id), &change));
        if (change && change->outcome == GT_SG_APPLIED)
            GT_TRY(make_effects(j, change));
    }
    j->current = record;
    gt_status status = gt_detect_record(j->detect, record, ret_matches, ret_count);
    j->current = NULL;
    gt_sg_effects_free(j->effects);
    j->effects = NULL;
    return status;
}

/* --- records as bytes -------------------------------------------------------------------------------- */

static void record_texts(gt_record *record, gt_str *texts[8])
{
    gt_str *const all[8] = {&record->event_id,   &record->event_source, &record->event_name,
                            &record->event_time, &record->aws_region,   &record->account_id,
                            &record->recipient_account_id, &record->json};
    memcpy(texts, all, sizeof all);
}

/* Each text with its length and one more, 0 for an absent one. */
void gt_record_write(gt_buf *out, const gt_record *record)
{
    gt_record copy = *record;
    gt_str *texts[8];
    record_texts(&copy, texts);
    for (size_t i = 0; i < 8; i++) {
        uint64_t n = texts[i]->ptr ? (uint64_t)texts[i]->len + 1 : 0;
        gt_buf_add(out, (gt_str){(const char *)&n, sizeof n});
        gt_buf_add(out, *texts[i]);
    }
}

bool gt_record_read(gt_str bytes, gt_record *ret)
{
    gt_str *texts[8];
    *ret = (gt_record){.offset = 0};
    record_texts(ret, texts);
    for (size_t i = 0; i < 8; i++) {
        uint64_t n;
        if (bytes.len < sizeof n)
            return false;
        memcpy(&n, bytes.ptr, sizeof n);
        bytes = gt_str_from(bytes, sizeof n);
        if (n && n - 1 > bytes.len)
            return false;
        *texts[i] = n ? gt_str_head(bytes, (size_t)n - 1) : GT_STR_NULL;
        bytes = gt_str_from(bytes, n ? (size_t)n - 1 : 0);
    }
    return true;
}
