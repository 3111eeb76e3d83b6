#include "detect/early.h"

#include "base/limits.h"
#include "base/mem.h"
#include "json/skeleton.h"

#define KEYS_MAX 4
#define PATHS_MAX 512 /* distinct places; fields beyond are never known */
/* Records are copied to where a scan may read behind them. For larger ones the copy is not worth it. */
#define RECORD_MAX (256 * GT_KIB)
#define ARENA_KEEP (64 * GT_KIB)

typedef enum fact_kind {
    FACT_STRING,  /* the string at a place of the record */
    FACT_SOURCE,  /* the same, known to the record already */
    FACT_NAME,
    FACT_MAYBE,   /* the same, where the mapping may leave it out */
    FACT_OUTCOME, /* event.outcome */
    FACT_DATASET, /* event.dataset */
} fact_kind;

typedef struct fact {
    gt_str field;
    fact_kind kind;
    uint8_t depth; /* keys of the place */
    uint16_t paths[KEYS_MAX]; /* its beginnings, of one key, two, … */
} fact;

typedef struct bound {
    const gt_query *query;
    const uint32_t *slots;
} bound;

struct gt_early {
    bound *queries;
    fact *facts;
    size_t fact_count;
    gt_scan_path *paths;
    size_t path_count;
    uint16_t error_code, error_message;
    const gt_scan_plan *plan;
};

typedef struct known {
    uint64_t serial; /* of the record it is known of */
    gt_known state;
    gt_str value;
} known;

struct gt_early_look {
    const gt_early *early;
    const gt_scanner *scanner;
    gt_skeletons *skeletons; /* of records seen before; NULL: full scans */
    const gt_record *record;
    uint64_t serial;
    uint64_t scanned; /* serial of the record that values are of */
    bool valid;
    const char *end;
    char *copy;
    size_t cap;
    gt_arena *arena; /* decoded strings */
    bool decoded;    /* something is in it */
    known *facts;
    const char **values, **ends;
};

/* --- which places ------------------------------------------------------------------------------ */

typedef struct row {
    gt_str field;
    gt_str keys[KEYS_MAX];
} row;

#define TEXT(s) {(s), sizeof(s) - 1}
#define KEYS4(a, b, c, d, ...) {TEXT(a), TEXT(b), TEXT(c), TEXT(d)}
static const row ROWS[] = {
#define EARLY(field, ...) {TEXT(field), KEYS4(__VA_ARGS__, "", "", "", "")},
#include "detect/early.def"
#undef EARLY
};

typedef struct builder {
    gt_arena *rules;
    gt_early *early;
} builder;

static bool same_path(const gt_scan_path *p, const gt_str *keys, size_t count)
{
    if (p->count != count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!gt_str_eq(p->keys[i], keys[i]))
            return false;
    return true;
}

static gt_status add_path(builder *b, const gt_str *keys, size_t count, uint16_t *ret)
{
    gt_early *e = b->early;
    for (size_t i = 0; i < e->path_count; i++)
        if (same_path(&e->paths[i], keys, count)) {
            *ret = (uint16_t)i;
            return GT_OK;
        }
    gt_str *copy = gt_arena_array(b->rules, gt_str, count);
    gt_scan_path *paths = gt_arena_grow(b->rules, e->paths, e->path_count * sizeof *paths,
                                        (e->path_count + 1) * sizeof *paths);
    if (!copy || !paths)
        return gt_arena_status(b->rules);
    for (size_t i = 0; i < count; i++)
        copy[i] = keys[i];
    e->paths = paths;
    *ret = (uint16_t)e->path_count;
    paths[e->path_count++] = (gt_scan_path){copy, count};
    return GT_OK;
}

/* Fills in kind and place; false when nothing is ever known of the field. */
static bool find_place(gt_str field, fact *f, gt_str keys[KEYS_MAX])
{
    gt_str payload = GT_STR("aws.cloudtrail.flattened.request_parameters.");
    *f = (fact){.field = field};
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        if (!gt_str_eq(ROWS[i].field, field))
            continue;
        while (f->depth < KEYS_MAX && ROWS[i].keys[f->depth].len) {
            keys[f->depth] = ROWS[i].keys[f->depth];
            f->depth++;
        }
        return true;
    }
    if (gt_str_is(field, "event.outcome") || gt_str_is(field, "event.dataset")) {
        f->kind = gt_str_is(field, "event.outcome") ? FACT_OUTCOME : FACT_DATASET;
        return true;
    }
    if (gt_str_is(field, "event.provider") || gt_str_is(field, "event.action")) {
        f->kind = gt_str_is(field, "event.action") ? FACT_NAME : FACT_SOURCE;
        return true;
    }
    /* A name with a dot could be a key with one, or lie in a list. */
    if (gt_str_starts(field, payload) && field.len > payload.len &&
        gt_str_find_byte(gt_str_from(field, payload.len), '.') == GT_NPOS) {
        f->kind = FACT_MAYBE;
        f->depth = 2;
        keys[0] = GT_STR("requestParameters");
        keys[1] = gt_str_from(field, payload.len);
        return true;
    }
    return false;
}

static gt_status slot_of(void *ctx, gt_str field, uint32_t *ret)
{
    builder *b = ctx;
    gt_early *e = b->early;
    gt_str keys[KEYS_MAX];
    fact f;
    for (size_t i = 0; i < e->fact_count; i++)
        if (gt_str_eq(e->facts[i].field, field)) {
            *ret = (uint32_t)i;
            return GT_OK;
        }
    if (e->path_count + KEYS_MAX > PATHS_MAX || !find_place(field, &f, keys))
        return GT_OK;
    for (size_t i = 0; i < f.depth; i++)
        GT_TRY(add_path(b, keys, i + 1, &f.paths[i]));
    fact *facts = gt_arena_grow(b->rules, e->facts, e->fact_count * sizeof *facts,
                                (e->fact_count + 1) * sizeof *facts);
    if (!facts)
        return gt_arena_status(b->rules);
    e->facts = facts;
    facts[e->fact_count] = f;
    *ret = (uint32_t)e->fact_count++;
    return GT_OK;
}

gt_status gt_early_new(gt_arena *rules, const gt_query *const *queries, size_t count, gt_early **ret)
{
    builder b = {rules, gt_arena_new_of(rules, gt_early)};
    gt_str code = GT_STR("errorCode"), message = GT_STR("errorMessage");
    size_t fields;
    if (!b.early)
        return gt_arena_status(rules);
    b.early->queries = gt_arena_array(rules, bound, count + 1);
    if (!b.early->queries)
        return gt_arena_status(rules);
    GT_TRY(add_path(&b, &code, 1, &b.early->error_code));
    GT_TRY(add_path(&b, &message, 1, &b.early->error_message));
    for (size_t i = 0; i < count; i++) {
        b.early->queries[i].query = queries[i];
        GT_TRY(gt_query_bind(queries[i], rules, slot_of, &b, &b.early->queries[i].slots, &fields));
    }
    GT_TRY(gt_scan_plan_new(rules, b.early->paths, b.early->path_count, &b.early->plan));
    *ret = b.early;
    return GT_OK;
}

/* --- a record ---------------------------------------------------------------------------------- */

gt_early_look *gt_early_look_new(const gt_early *early, const gt_scanner *scanner)
{
    gt_early_look *l = gt_calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->early = early;
    l->scanner = scanner ? scanner : gt_scanner_best();
    l->facts = gt_calloc(early->fact_count + 1, sizeof *l->facts);
    l->values = gt_calloc(early->path_count + 1, sizeof *l->values);
    l->ends = gt_calloc(early->path_count + 1, sizeof *l->ends);
    l->arena = gt_arena_new(GT_SCRATCH_ARENA_MAX);
    l->skeletons = gt_skeletons_new(l->scanner, early->plan);
    if (l->facts && l->values && l->ends && l->arena)
        return l;
    gt_early_look_free(l);
    return NULL;
}

void gt_early_look_free(gt_early_look *look)
{
    if (!look)
        return;
    gt_free(look->facts);
    gt_free(look->values);
    gt_free(look->ends);
    gt_skeletons_free(look->skeletons);
    gt_free(look->copy);
    gt_arena_free(look->arena);
    gt_free(look);
}

void gt_early_turn(gt_early_look *look, const gt_record *record)
{
    look->record = record;
    look->serial++;
    if (look->decoded)
        gt_arena_reset(look->arena, ARENA_KEEP);
    look->decoded = false;
}

/* Without memory nothing is known. */
static bool scan_record(gt_early_look *l)
{
    gt_str json = l->record->json;
    if (json.len > RECORD_MAX)
        return false;
    if (l->cap < json.len + GT_SCAN_PADDING) {
        size_t cap = 2 * (json.len + GT_SCAN_PADDING);
        char *copy = gt_realloc(l->copy, cap);
        if (!copy)
            return false;
        memset(copy, 0, cap);
        l->copy = copy;
        l->cap = cap;
    }
    memcpy(l->copy, json.ptr, json.len);
    l->end = l->copy + json.len;
    gt_scan scan = {0, l->values};
    gt_skeletons_leave(l->skeletons);
    return json.len && *l->copy == '{' &&
           gt_skeletons_scan(l->skeletons, l->scanner, l->early->plan, l->copy, l->end, &scan,
                             l->ends) == GT_SCAN_OK;
}

static bool is_scanned(gt_early_look *l)
{
    if (l->scanned != l->serial) {
        l->scanned = l->serial;
        l->valid = scan_record(l);
    }
    return l->valid;
}

/* The mapping takes such a string for none. */
static bool counts_as_nothing(gt_str s)
{
    return !s.len || gt_str_is(s, "-") || gt_str_is(s, "none");
}

/* What stands at a path whose parents are objects, or absent. */
static gt_known at_path(gt_early_look *l, uint16_t path, gt_str *ret)
{
    const char *value = l->values[path];
    if (!value)
        return GT_KNOWN_ABSENT;
    l->decoded = true;
    if (*value != '"' || !gt_scan_string(value, l->end, l->arena, ret) || !ret->ptr ||
        counts_as_nothing(*ret))
        return GT_KNOWN_NOT;
    return GT_KNOWN_VALUE;
}

static gt_known outcome(gt_early_look *l, gt_str *ret)
{
    gt_str name = l->record->event_name, text;
    if (!name.ptr || gt_str_is(name, "ConsoleLogin") || !is_scanned(l))
        return GT_KNOWN_NOT; /* a login's outcome stands elsewhere */
    gt_known code = at_path(l, l->early->error_code, &text);
    gt_known message = at_path(l, l->early->error_message, &text);
    *ret = GT_STR("failure");
    if (code == GT_KNOWN_VALUE || message == GT_KNOWN_VALUE)
        return GT_KNOWN_VALUE;
    *ret = GT_STR("success");
    return code == GT_KNOWN_ABSENT && message == GT_KNOWN_ABSENT ? GT_KNOWN_VALUE : GT_KNOWN_NOT;
}

static gt_known find_out(gt_early_look *l, const fact *f, gt_str *ret)
{
    if (f->kind == FACT_OUTCOME)
        return outcome(l, ret);
    if (f->kind == FACT_DATASET) {
        *ret = GT_STR("aws.cloudtrail");
        return GT_KNOWN_VALUE;
    }
    if (f->kind == FACT_SOURCE || f->kind == FACT_NAME) {
        *ret = f->kind == FACT_NAME ? l->record->event_name : l->record->event_source;
        return !ret->ptr || counts_as_nothing(*ret) ? GT_KNOWN_NOT : GT_KNOWN_VALUE;
    }
    if (!is_scanned(l))
        return GT_KNOWN_NOT;
    for (unsigned i = 0; i + 1 < f->depth; i++) {
        const char *parent = l->values[f->paths[i]];
        if (parent && *parent != '{')
            return GT_KNOWN_NOT;
    }
    gt_known state = at_path(l, f->paths[f->depth - 1], ret);
    return state == GT_KNOWN_VALUE && f->kind == FACT_MAYBE ? GT_KNOWN_MAYBE : state;
}

static gt_known look_up(void *ctx, uint32_t slot, gt_str *ret_value)
{
    gt_early_look *l = ctx;
    known *k = &l->facts[slot];
    if (k->serial != l->serial) {
        k->serial = l->serial;
        k->state = find_out(l, &l->early->facts[slot], &k->value);
    }
    *ret_value = k->value;
    return k->state;
}

gt_truth gt_early_judge(gt_early_look *look, size_t query, gt_time_ms now)
{
    const bound *b = &look->early->queries[query];
    return gt_query_judge(b->query, b->slots, now, look_up, look);
}
