/* Filling: batches of records to compressed blocks. */
#include <endian.h>
#include <zstd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "store/events_internal.h"
#include "store/terms.h"

/* The heads are written right before the first record once their number is known, so that what is
 * compressed lies in one piece without being copied. */
#define HEAD_ROOM (GT_EVENT_BLOCK_EVENTS * sizeof(gt_event_head))

/* Level 1 packs CloudTrail 7:1. Level -1 is a quarter faster and packs 5:1; level 3 gains a tenth for
 * three times the time. */
#define ZSTD_LEVEL 1

typedef struct entry {
    gt_hash128 key;
    gt_time_ms time;
    size_t offset; /* in text */
    uint32_t len;
    uint32_t first_term; /* in terms */
} entry;

struct gt_event_batch {
    gt_arena *scratch;
    gt_buf text; /* HEAD_ROOM bytes, then the records one after the other */
    entry *entries;
    size_t count;
    size_t entry_cap;
    uint64_t *terms; /* hashes, by entry, with repetitions */
    size_t term_count;
    size_t term_cap;
    /* After sealing. */
    bool sealed;
    gt_buf data;   /* compressed */
    gt_buf filter;
    gt_buf keys;
    gt_str plain;  /* what is compressed: heads and records; inside text */
    ZSTD_CCtx *zstd;
};

static bool make_head_room(gt_event_batch *batch)
{
    gt_buf_reset(&batch->text);
    if (!gt_buf_room(&batch->text, HEAD_ROOM))
        return false;
    batch->text.len = HEAD_ROOM;
    return true;
}

gt_event_batch *gt_event_batch_new(void)
{
    gt_event_batch *batch = gt_calloc(1, sizeof *batch);
    if (!batch)
        return NULL;
    batch->text = GT_BUF(2 * GT_RECORD_BYTES_MAX);
    batch->data = GT_BUF(4 * GT_RECORD_BYTES_MAX);
    batch->filter = GT_BUF(4 * GT_RECORD_BYTES_MAX);
    batch->keys = GT_BUF(GT_EVENT_BLOCK_EVENTS * GT_EVENT_KEY_BYTES);
    batch->scratch = gt_arena_new(GT_SCRATCH_ARENA_MAX);
    batch->zstd = ZSTD_createCCtx();
    if (batch->scratch && batch->zstd && make_head_room(batch))
        return batch;
    gt_event_batch_free(batch);
    return NULL;
}

void gt_event_batch_free(gt_event_batch *batch)
{
    if (!batch)
        return;
    gt_buf_done(&batch->text);
    gt_buf_done(&batch->data);
    gt_buf_done(&batch->filter);
    gt_buf_done(&batch->keys);
    gt_free(batch->entries);
    gt_free(batch->terms);
    gt_arena_free(batch->scratch);
    (void)ZSTD_freeCCtx(batch->zstd);
    gt_free(batch);
}

static void batch_clear(gt_event_batch *batch)
{
    batch->text.len = HEAD_ROOM;
    batch->text.status = GT_OK;
    batch->count = 0;
    batch->term_count = 0;
    batch->sealed = false;
}

size_t gt_event_batch_count(const gt_event_batch *batch)
{
    return batch->count;
}

bool gt_event_batch_full(const gt_event_batch *batch)
{
    return batch->text.len - HEAD_ROOM >= GT_EVENT_BLOCK_BYTES || batch->count >= GT_EVENT_BLOCK_EVENTS;
}

/* A larger array in place of *array; *cap counts elements. */
static gt_status grow(void **array, size_t *cap, size_t need, size_t element)
{
    if (need <= *cap)
        return GT_OK;
    size_t more = *cap ? *cap * 2 : 1024;
    while (more < need)
        more *= 2;
    void *larger = gt_realloc(*array, more * element);
    if (!larger)
        return GT_NOMEM;
    *array = larger;
    *cap = more;
    return GT_OK;
}

static gt_status add_term(void *user, gt_str value)
{
    gt_event_batch *batch = user;
    if (!value.len || value.len > GT_EVENT_TERM_BYTES_MAX)
        return GT_OK;
    GT_TRY(grow((void **)&batch->terms, &batch->term_cap, batch->term_count + 1,
                sizeof *batch->terms));
    batch->terms[batch->term_count++] = gt_term_hash(value);
    return GT_OK;
}

gt_status gt_event_batch_add(gt_event_batch *batch, gt_str json, gt_time_ms time)
{
    gt_assert(!batch->sealed);
    if (json.len > GT_RECORD_BYTES_MAX || batch->count >= GT_EVENT_BLOCK_EVENTS)
        return GT_LIMIT;
    GT_TRY(grow((void **)&batch->entries, &batch->entry_cap, batch->count + 1,
                sizeof *batch->entries));
    size_t offset = batch->text.len, first_term = batch->term_count;
    gt_buf_add(&batch->text, json);
    gt_status status = gt_buf_status(&batch->text);
    if (status == GT_OK)
        status = gt_terms_walk(json, batch->scratch, add_term, batch);
    if (status != GT_OK) {
        batch->text.len = offset;
        batch->term_count = first_term;
        return status;
    }
    batch->entries[batch->count++] = (entry){
        .key = gt_hash128_of(json),
        .time = time,
        .offset = offset,
        .len = (uint32_t)json.len,
        .first_term = (uint32_t)first_term,
    };
    return GT_OK;
}

static int key_cmp(const void *a, const void *b)
{
    const gt_hash128 *x = a, *y = b;
    if (x->low != y->low)
        return x->low < y->low ? -1 : 1;
    return (x->high > y->high) - (x->high < y->high);
}

static void time_range(const gt_event_batch *batch, gt_time_ms *ret_min, gt_time_ms *ret_max)
{
    gt_time_ms min = INT64_MAX, max = INT64_MIN;
    for (size_t i = 0; i < batch->count; i++) {
        gt_time_ms t = batch->entries[i].time;
        min = t < min ? t : min;
        max = t > max ? t : max;
    }
    *ret_min = min;
    *ret_max = max;
}

/* Of the events that have a time; INT64_MAX when none has. */
static gt_time_ms first_time(const gt_event_batch *batch)
{
    gt_time_ms first = INT64_MAX;
    for (size_t i = 0; i < batch->count; i++) {
        gt_time_ms t = batch->entries[i].time;
        first = t > INT64_MIN && t < first ? t : first;
    }
    return first;
}

/* The same bytes hold the same eventTime, so only blocks that overlap the batch in time can hold one
 * of its events. */
static gt_status collect_known(gt_event_batch *batch, gt_store *store, int64_t first_own,
                               gt_hash128 *mine, bool *known)
{
    gt_time_ms min, max;
    time_range(batch, &min, &max);
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(store,
                            "SELECT r.keys FROM event_blocks b JOIN event_raw r ON r.id = b.id "
                            "WHERE b.max_time >= ?1 AND b.min_time <= ?2 AND b.id < ?3",
                            &stmt));
    gt_store_bind_i64(stmt, 1, min);
    gt_store_bind_i64(stmt, 2, max);
    gt_store_bind_i64(stmt, 3, first_own);
    bool row;
    GT_TRY(gt_store_step(store, stmt, &row));
    while (row) {
        gt_str keys = gt_store_col_blob(stmt, 0);
        for (size_t at = 0; at + GT_EVENT_KEY_BYTES <= keys.len; at += GT_EVENT_KEY_BYTES) {
            gt_hash128 key = gt_event_key_read(keys.ptr + at);
            gt_hash128 *at_mine = bsearch(&key, mine, batch->count, sizeof *mine, key_cmp);
            if (at_mine)
                known[at_mine - mine] = true;
        }
        GT_TRY(gt_store_step(store, stmt, &row));
    }
    return GT_OK;
}

gt_status gt_event_batch_keep(gt_event_batch *batch,
                              gt_status (*is_new)(void *user, gt_hash128 key, bool *ret_new),
                              void *user)
{
    gt_assert(!batch->sealed);
    size_t kept = 0, terms = 0;
    for (size_t i = 0; i < batch->count; i++) {
        entry e = batch->entries[i];
        size_t end = i + 1 < batch->count ? batch->entries[i + 1].first_term : batch->term_count;
        bool keep;
        GT_TRY(is_new(user, e.key, &keep));
        if (!keep)
            continue;
        size_t n = end - e.first_term;
        if (terms != e.first_term)
            memmove(batch->terms + terms, batch->terms + e.first_term, n * sizeof *batch->terms);
        e.first_term = (uint32_t)terms;
        terms += n;
        batch->entries[kept++] = e;
    }
    batch->count = kept;
    batch->term_count = terms;
    return GT_OK;
}

typedef struct known_keys {
    const gt_hash128 *sorted;
    const bool *known;
    size_t count;
} known_keys;

static gt_status is_unknown(void *user, gt_hash128 key, bool *ret_new)
{
    const known_keys *keys = user;
    const gt_hash128 *at = bsearch(&key, keys->sorted, keys->count, sizeof key, key_cmp);
    *ret_new = !keys->known[at - keys->sorted];
    return GT_OK;
}

gt_status gt_event_batch_drop_known(gt_event_batch *batch, gt_store *store, int64_t first_own)
{
    gt_assert(!batch->sealed);
    if (!batch->count)
        return GT_OK;
    gt_arena_mark mark = gt_arena_save(batch->scratch);
    gt_hash128 *mine = gt_arena_array(batch->scratch, gt_hash128, batch->count);
    bool *known = gt_arena_array(batch->scratch, bool, batch->count);
    gt_status status = mine && known ? GT_OK : GT_NOMEM;
    if (status == GT_OK) {
        for (size_t i = 0; i < batch->count; i++)
            mine[i] = batch->entries[i].key;
        qsort(mine, batch->count, sizeof *mine, key_cmp);
        status = collect_known(batch, store, first_own, mine, known);
    }
    if (status == GT_OK)
        status = gt_event_batch_keep(batch, is_unknown,
                                     &(known_keys){mine, known, batch->count});
    gt_arena_rewind(batch->scratch, mark);
    return status;
}

/* A filter large enough for all terms as if each were new, then halved while it is sparse: that costs
 * less than telling the distinct ones apart first. Halving joins neighbours, which is exactly the filter
 * of half the size, as a block's number is the high bits of a hash. */
static gt_status build_filter(gt_event_batch *batch)
{
    size_t bytes = GT_FILTER_BLOCK_BYTES;
    while (bytes < gt_filter_bytes(batch->term_count) / 2)
        bytes *= 2;
    gt_buf_reset(&batch->filter);
    char *room = gt_buf_room(&batch->filter, bytes);
    if (!room)
        return gt_buf_status(&batch->filter);
    uint8_t *filter = (uint8_t *)room;
    memset(filter, 0, bytes);
    for (size_t i = 0; i < batch->term_count; i++)
        gt_filter_add(filter, bytes, batch->terms[i]);
    while (bytes > GT_FILTER_BLOCK_BYTES && gt_filter_sparse(filter, bytes)) {
        gt_filter_halve(filter, bytes);
        bytes /= 2;
    }
    batch->filter.len = bytes;
    return GT_OK;
}

/* Records side by side again after some were left out, their heads before them. */
static gt_status lay_out(gt_event_batch *batch)
{
    size_t end = HEAD_ROOM, heads = batch->count * sizeof(gt_event_head);
    char *head_at = batch->text.data + HEAD_ROOM - heads;
    gt_buf_reset(&batch->keys);
    for (size_t i = 0; i < batch->count; i++) {
        entry *e = &batch->entries[i];
        gt_event_head head = {htole64((uint64_t)e->time), htole32(e->len)};
        uint64_t key[2] = {htole64(e->key.low), htole64(e->key.high)};
        memcpy(head_at + i * sizeof head, &head, sizeof head);
        gt_buf_add(&batch->keys, (gt_str){(const char *)key, sizeof key});
        if (e->offset != end)
            memmove(batch->text.data + end, batch->text.data + e->offset, e->len);
        e->offset = end;
        end += e->len;
    }
    batch->plain = (gt_str){head_at, heads + end - HEAD_ROOM};
    return gt_buf_status(&batch->keys);
}

gt_status gt_event_batch_seal(gt_event_batch *batch)
{
    gt_assert(!batch->sealed);
    if (batch->count) {
        GT_TRY(build_filter(batch));
        GT_TRY(lay_out(batch));
        gt_buf_reset(&batch->data);
        size_t bound = ZSTD_compressBound(batch->plain.len);
        char *room = gt_buf_room(&batch->data, bound);
        if (!room)
            return gt_buf_status(&batch->data);
        (void)ZSTD_CCtx_setParameter(batch->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL);
        (void)ZSTD_CCtx_setParameter(batch->zstd, ZSTD_c_checksumFlag, 1);
        size_t n = ZSTD_compress2(batch->zstd, room, bound, batch->plain.ptr, batch->plain.len);
        if (ZSTD_isError(n))
            return GT_NOMEM;
        batch->data.len = n;
    }
    batch->sealed = true;
    return GT_OK;
}

static gt_status insert_raw(gt_store *store, const gt_event_batch *batch)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(store, "INSERT INTO event_raw(id, keys, data) VALUES(?1, ?2, ?3)",
                            &stmt));
    gt_store_bind_i64(stmt, 1, sqlite3_last_insert_rowid(gt_store_db(store)));
    gt_store_bind_blob(stmt, 2, gt_buf_str(&batch->keys));
    gt_store_bind_blob(stmt, 3, gt_buf_str(&batch->data));
    return gt_store_run(store, stmt);
}

gt_status gt_events_insert(gt_store *store, gt_event_batch *batch, size_t *ret_written)
{
    gt_assert(batch->sealed);
    if (batch->count) {
        gt_time_ms min, max;
        time_range(batch, &min, &max);
        sqlite3_stmt *stmt;
        GT_TRY(gt_store_prepare(store,
                                "INSERT INTO event_blocks(min_time, max_time, events, bytes, filter,"
                                " first_time) VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
                                &stmt));
        gt_store_bind_i64(stmt, 1, min);
        gt_store_bind_i64(stmt, 2, max);
        gt_store_bind_i64(stmt, 3, (int64_t)batch->count);
        gt_store_bind_i64(stmt, 4, (int64_t)batch->plain.len);
        gt_store_bind_blob(stmt, 5, gt_buf_str(&batch->filter));
        gt_store_bind_i64(stmt, 6, first_time(batch));
        GT_TRY(gt_store_run(store, stmt));
        GT_TRY(insert_raw(store, batch));
    }
    *ret_written = batch->count;
    batch_clear(batch);
    return GT_OK;
}

static gt_status one_number(gt_store *store, sqlite3_stmt *stmt, int64_t *ret)
{
    bool row;
    GT_TRY(gt_store_step(store, stmt, &row));
    *ret = row ? gt_store_col_i64(stmt, 0) : 0;
    (void)sqlite3_reset(stmt);
    return GT_OK;
}

gt_status gt_events_next_block(gt_store *store, int64_t *ret)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(store, "SELECT coalesce(max(id), 0) + 1 FROM event_blocks", &stmt));
    return one_number(store, stmt, ret);
}

gt_status gt_events_expire(gt_store *store, gt_time_ms before, uint64_t *ret_events)
{
    GT_TRY(gt_store_begin(store));
    sqlite3_stmt *stmt;
    int64_t events = 0;
    gt_status status = gt_store_prepare(
        store, "SELECT coalesce(sum(events), 0) FROM event_blocks WHERE max_time < ?1", &stmt);
    if (status == GT_OK) {
        gt_store_bind_i64(stmt, 1, before);
        status = one_number(store, stmt, &events);
    }
    if (status == GT_OK)
        status = gt_store_prepare(store, "DELETE FROM event_blocks WHERE max_time < ?1", &stmt);
    if (status == GT_OK) {
        gt_store_bind_i64(stmt, 1, before);
        status = gt_store_run(store, stmt);
    }
    GT_TRY(gt_store_end(store, status));
    *ret_events = (uint64_t)events;
    return GT_OK;
}

gt_status gt_events_stats_get(gt_store *store, gt_events_stats *ret)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(store,
                            "SELECT coalesce(sum(events), 0), count(*), coalesce(sum(bytes), 0),"
                            " coalesce(min(CASE WHEN first_time < 9223372036854775807"
                            " THEN first_time END), 0),"
                            " coalesce(max(CASE WHEN max_time > -9223372036854775808"
                            " THEN max_time END), 0) FROM event_blocks",
                            &stmt));
    bool row;
    GT_TRY(gt_store_step(store, stmt, &row));
    gt_assert(row);
    *ret = (gt_events_stats){
        .events = (uint64_t)gt_store_col_i64(stmt, 0),
        .blocks = (uint64_t)gt_store_col_i64(stmt, 1),
        .raw_bytes = (uint64_t)gt_store_col_i64(stmt, 2),
        .min_time = gt_store_col_i64(stmt, 3),
        .max_time = gt_store_col_i64(stmt, 4),
    };
    (void)sqlite3_reset(stmt);
    return GT_OK;
}
