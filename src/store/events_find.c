/* Searching: filters say which blocks, blocks say which records.
 *
 * Method: all candidate blocks are known before the first is inflated, and are inflated in order of
 * their earliest event. What was found waits in a heap until no block to come can hold anything
 * earlier; so the answer is in order of time and memory holds about as much as blocks overlap. */
#include "base/limits.h"
#include "base/mem.h"
#include "store/events_internal.h"
#include "store/terms.h"

typedef struct candidate {
    int64_t id;
    gt_time_ms min_time;
    gt_time_ms floor;
    const gt_event_pick *pick; /* NULL: all events */
} candidate;

typedef struct waiting {
    gt_time_ms time;
    gt_hash128 key;
    char *json; /* owned */
    size_t len;
} waiting;

typedef struct search {
    gt_store *store;
    const gt_event_search *asked;
    gt_event_found_fn found;
    void *user;
    gt_event_search_cost cost;
    gt_arena *scratch;
    uint64_t **hashes; /* by all_of and any_of; an array is NULL when a value is too long to be indexed */
    candidate *blocks;
    size_t block_count;
    size_t block_cap;
    waiting *heap;
    size_t heap_count;
    size_t heap_cap;
    waiting last; /* the last one given out, without its bytes */
    bool have_last;
    gt_event_reader *reader;
} search;

static gt_status hash_terms(search *s)
{
    size_t n = s->asked->all_of_count;
    s->hashes = gt_arena_array(s->scratch, uint64_t *, n ? n : 1);
    if (!s->hashes)
        return GT_NOMEM;
    for (size_t i = 0; i < n; i++) {
        const gt_event_terms *terms = &s->asked->all_of[i];
        uint64_t *hashes = gt_arena_array(s->scratch, uint64_t, terms->count ? terms->count : 1);
        if (!hashes)
            return GT_NOMEM;
        bool indexed = true;
        for (size_t j = 0; j < terms->count; j++) {
            gt_str value = terms->any_of[j];
            indexed &= value.len > 0 && value.len <= GT_EVENT_TERM_BYTES_MAX;
            uint64_t hash = gt_term_hash(value);
            hashes[j] = hash ? hash : 1;
        }
        s->hashes[i] = indexed ? hashes : NULL;
    }
    return GT_OK;
}

static bool block_may_hold(const search *s, gt_str filter)
{
    for (size_t i = 0; i < s->asked->all_of_count; i++) {
        bool may = !s->hashes[i];
        for (size_t j = 0; !may && j < s->asked->all_of[i].count; j++)
            may = gt_filter_may_have((const uint8_t *)filter.ptr, filter.len, s->hashes[i][j]);
        if (!may)
            return false;
    }
    return true;
}

static gt_status add_candidate(search *s, candidate block)
{
    if (s->block_count == s->block_cap) {
        size_t cap = s->block_cap ? s->block_cap * 2 : 256;
        candidate *blocks = gt_realloc(s->blocks, cap * sizeof *blocks);
        if (!blocks)
            return GT_NOMEM;
        s->blocks = blocks;
        s->block_cap = cap;
    }
    s->blocks[s->block_count++] = block;
    return GT_OK;
}

static int candidate_cmp(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->min_time != y->min_time)
        return x->min_time < y->min_time ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

/* The row is id, min_time, floor, filter. */
static gt_status take_row(search *s, sqlite3_stmt *stmt, const gt_event_pick *pick)
{
    s->cost.blocks_seen++;
    if (!block_may_hold(s, gt_store_col_blob(stmt, 3)))
        return GT_OK;
    return add_candidate(s, (candidate){gt_store_col_i64(stmt, 0), gt_store_col_i64(stmt, 1),
                                        gt_store_col_i64(stmt, 2), pick});
}

static gt_status find_all_blocks(search *s)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(s->store,
                            "SELECT id, min_time, floor, filter FROM event_blocks"
                            " WHERE (max_time >= ?1 AND min_time < ?2)"
                            " OR (?3 AND min_time = -9223372036854775807 - 1)",
                            &stmt));
    gt_store_bind_i64(stmt, 1, s->asked->since);
    gt_store_bind_i64(stmt, 2, s->asked->until);
    gt_store_bind_i64(stmt, 3, s->asked->untimed);
    bool row;
    GT_TRY(gt_store_step(s->store, stmt, &row));
    while (row) {
        GT_TRY(take_row(s, stmt, NULL));
        GT_TRY(gt_store_step(s->store, stmt, &row));
    }
    return GT_OK;
}

static gt_status find_block(search *s, int64_t id, const gt_event_pick *pick)
{
    sqlite3_stmt *stmt;
    bool row;
    GT_TRY(gt_store_prepare(s->store,
                            "SELECT id, min_time, floor, filter FROM event_blocks WHERE id = ?1",
                            &stmt));
    gt_store_bind_i64(stmt, 1, id);
    GT_TRY(gt_store_step(s->store, stmt, &row));
    gt_status status = row ? take_row(s, stmt, pick) : GT_OK;
    if (row)
        (void)sqlite3_reset(stmt);
    return status;
}

static bool is_picked(const gt_event_pick *pick, size_t i)
{
    size_t at = pick->first + i;
    return pick->bits[at / 64] >> at % 64 & 1;
}

static bool picks_any(const gt_event_pick *pick)
{
    for (size_t i = 0; i < pick->count; i++)
        if (is_picked(pick, i))
            return true;
    return false;
}

static gt_status find_blocks(search *s)
{
    const gt_event_search *asked = s->asked;
    if (!asked->picks)
        GT_TRY(find_all_blocks(s));
    for (size_t i = 0; i < asked->pick_count; i++)
        if (picks_any(&asked->picks[i]))
            GT_TRY(find_block(s, asked->picks[i].block, &asked->picks[i]));
    for (size_t i = 0; i < asked->whole_count; i++)
        GT_TRY(find_block(s, asked->whole[i], NULL));
    if (s->block_count)
        qsort(s->blocks, s->block_count, sizeof *s->blocks, candidate_cmp);
    return GT_OK;
}

static int waiting_cmp(const waiting *a, const waiting *b)
{
    if (a->time != b->time)
        return a->time < b->time ? -1 : 1;
    if (a->key.low != b->key.low)
        return a->key.low < b->key.low ? -1 : 1;
    return (a->key.high > b->key.high) - (a->key.high < b->key.high);
}

static gt_status heap_push(search *s, waiting w)
{
    if (s->heap_count == s->heap_cap) {
        size_t cap = s->heap_cap ? s->heap_cap * 2 : 256;
        waiting *heap = gt_realloc(s->heap, cap * sizeof *heap);
        if (!heap)
            return GT_NOMEM;
        s->heap = heap;
        s->heap_cap = cap;
    }
    size_t at = s->heap_count++;
    while (at && waiting_cmp(&w, &s->heap[(at - 1) / 2]) < 0) {
        s->heap[at] = s->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    s->heap[at] = w;
    return GT_OK;
}

static waiting heap_pop(search *s)
{
    waiting top = s->heap[0], moved = s->heap[--s->heap_count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= s->heap_count)
            break;
        if (child + 1 < s->heap_count && waiting_cmp(&s->heap[child + 1], &s->heap[child]) < 0)
            child++;
        if (waiting_cmp(&moved, &s->heap[child]) <= 0)
            break;
        s->heap[at] = s->heap[child];
        at = child;
    }
    s->heap[at] = moved;
    return top;
}

/* Give out what waits and is earlier than `before` (all of it with `rest`). */
static gt_status give_out(search *s, gt_time_ms before, bool rest)
{
    gt_status status = GT_OK;
    while (status == GT_OK && s->heap_count && (rest || s->heap[0].time < before)) {
        waiting w = heap_pop(s);
        bool again = s->have_last && waiting_cmp(&s->last, &w) == 0;
        if (!again) {
            gt_event_found found = {{w.json, w.len}, w.time, w.key};
            status = s->found(s->user, &found);
        }
        gt_free(w.json);
        s->last = w;
        s->have_last = true;
    }
    return status;
}

typedef struct term_match {
    const gt_event_search *asked;
    bool *holds;
} term_match;

static gt_status match_term(void *user, gt_str value)
{
    term_match *m = user;
    for (size_t i = 0; i < m->asked->all_of_count; i++)
        for (size_t j = 0; !m->holds[i] && j < m->asked->all_of[i].count; j++)
            m->holds[i] = gt_str_eq(value, m->asked->all_of[i].any_of[j]);
    return GT_OK;
}

static gt_status record_holds(search *s, gt_str json, bool *ret)
{
    *ret = true;
    if (!s->asked->all_of_count)
        return GT_OK;
    gt_arena_mark mark = gt_arena_save(s->scratch);
    term_match m = {s->asked, gt_arena_array(s->scratch, bool, s->asked->all_of_count)};
    gt_status status = m.holds ? gt_terms_walk(json, s->scratch, match_term, &m) : GT_NOMEM;
    for (size_t i = 0; status == GT_OK && i < s->asked->all_of_count; i++)
        *ret &= m.holds[i];
    gt_arena_rewind(s->scratch, mark);
    return status;
}

static gt_status keep(search *s, gt_str json, gt_time_ms time, gt_hash128 key)
{
    waiting w = {time, key, gt_malloc(json.len), json.len};
    if (!w.json)
        return GT_NOMEM;
    if (json.len)
        memcpy(w.json, json.ptr, json.len);
    gt_status status = heap_push(s, w);
    if (status != GT_OK)
        gt_free(w.json);
    return status;
}

/* The records of a block. */
typedef struct record_list {
    gt_event_block block;
    bool *may; /* could the record hold what is asked for, judged by its bytes? */
} record_list;

static size_t behind(const gt_event_spot *spot)
{
    return spot->begin + spot->len;
}

/* Mark the records in which a byte string stands. */
static void mark(record_list *list, gt_str needle)
{
    const gt_event_block *block = &list->block;
    size_t record = 0, at = block->count ? block->spots[0].begin : 0;
    while (record < block->count) {
        size_t found = gt_bytes_find(gt_str_from(block->text, at), needle);
        if (found == GT_NPOS)
            return;
        at += found;
        while (record < block->count && behind(&block->spots[record]) <= at)
            record++;
        if (record == block->count)
            return;
        if (at < block->spots[record].begin) { /* between records: those left out */
            at = block->spots[record].begin;
            continue;
        }
        list->may[record] = true;
        at = behind(&block->spots[record++]);
    }
}

/* One pass over the whole block for each value of the first condition: far cheaper than looking at
 * every string of every record. With escapes in it, a record could hold anything. */
static void mark_candidates(search *s, record_list *list)
{
    if (!s->asked->all_of_count) {
        memset(list->may, 1, list->block.count);
        return;
    }
    const gt_event_terms *terms = &s->asked->all_of[0];
    for (size_t j = 0; j < terms->count; j++)
        mark(list, terms->any_of[j]);
    mark(list, GT_STR("\\"));
}

static bool is_inside(const search *s, const candidate *from, gt_time_ms time)
{
    if (time == GT_EVENT_NO_TIME && s->asked->untimed)
        return true;
    return time >= s->asked->since && time < s->asked->until && !gt_event_is_gone(time, from->floor);
}

static gt_status read_records(search *s, const candidate *from, record_list *list)
{
    const gt_event_block *block = &list->block;
    list->may = gt_arena_array(s->scratch, bool, block->count + 1);
    if (!list->may)
        return gt_arena_status(s->scratch);
    if (from->pick && from->pick->count != block->count)
        return GT_CORRUPT;
    mark_candidates(s, list);
    for (size_t i = 0; i < block->count; i++) {
        const gt_event_spot *spot = &block->spots[i];
        if (!list->may[i] || !is_inside(s, from, spot->time) ||
            (from->pick && !is_picked(from->pick, i)))
            continue;
        gt_str json = {block->text.ptr + spot->begin, spot->len};
        s->cost.events_seen++;
        bool holds;
        GT_TRY(record_holds(s, json, &holds));
        if (holds)
            GT_TRY(keep(s, json, spot->time,
                        gt_event_key_read(block->keys.ptr + i * GT_EVENT_KEY_BYTES)));
    }
    return GT_OK;
}

static gt_status read_block(search *s, const candidate *from)
{
    sqlite3_stmt *stmt;
    record_list list = {0};
    GT_TRY(gt_store_prepare(s->store, "SELECT keys, heads, data FROM event_raw WHERE id = ?1",
                            &stmt));
    gt_store_bind_i64(stmt, 1, from->id);
    bool row;
    GT_TRY(gt_store_step(s->store, stmt, &row));
    if (!row)
        return GT_OK; /* expired since the filters were read */
    s->cost.blocks_inflated++;
    gt_status status =
        gt_event_block_open(s->reader, gt_store_col_blob(stmt, 0), gt_store_col_blob(stmt, 1),
                            gt_store_col_blob(stmt, 2), &list.block);
    gt_arena_mark mark_at = gt_arena_save(s->scratch);
    if (status == GT_OK)
        status = read_records(s, from, &list);
    gt_arena_rewind(s->scratch, mark_at);
    (void)sqlite3_reset(stmt);
    if (status == GT_CORRUPT)
        return gt_store_fail(s->store, SQLITE_CORRUPT);
    return status;
}

static gt_status run_search(search *s)
{
    GT_TRY(hash_terms(s));
    GT_TRY(find_blocks(s));
    for (size_t i = 0; i < s->block_count; i++) {
        GT_TRY(give_out(s, s->blocks[i].min_time, false));
        GT_TRY(read_block(s, &s->blocks[i]));
    }
    return give_out(s, INT64_MAX, true);
}

gt_status gt_events_find(gt_store *store, const gt_event_search *asked, gt_event_found_fn found,
                         void *user, gt_event_search_cost *cost)
{
    search s = {.store = store, .asked = asked, .found = found, .user = user};
    s.scratch = gt_arena_new(GT_SCRATCH_ARENA_MAX);
    s.reader = gt_event_reader_new();
    gt_status status = s.scratch && s.reader ? run_search(&s) : GT_NOMEM;
    for (size_t i = 0; i < s.heap_count; i++)
        gt_free(s.heap[i].json);
    gt_free(s.heap);
    gt_free(s.blocks);
    gt_arena_free(s.scratch);
    gt_event_reader_free(s.reader);
    if (cost)
        *cost = s.cost;
    return status == GT_END ? GT_OK : status;
}
