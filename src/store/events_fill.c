/* Filling: what is known already, and sealed batches to rows. */
#include "base/limits.h"
#include "store/events_internal.h"
#include "store/rows.h"
#include "store/terms.h"

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

#define MARKS 65536u

typedef struct known_keys {
    const gt_hash128 *sorted;
    bool *known;
    size_t count;
    uint64_t marks[MARKS / 64]; /* a bit of each key: most others are told apart by it alone */
} known_keys;

static void note_known(known_keys *mine, const char *bytes)
{
    gt_hash128 key = gt_event_key_read(bytes);
    size_t mark = (size_t)key.high % MARKS;
    if (!(mine->marks[mark / 64] >> mark % 64 & 1))
        return;
    const gt_hash128 *at = bsearch(&key, mine->sorted, mine->count, sizeof key, key_cmp);
    if (at)
        mine->known[at - mine->sorted] = true;
}

/* A block of which some events are gone: those may come again. */
static gt_status note_living(known_keys *mine, sqlite3_stmt *stmt)
{
    gt_event_block block;
    gt_event_reader *reader = gt_event_reader_new();
    gt_status status = reader ? gt_event_block_open(reader, gt_store_col_blob(stmt, 0),
                                                    gt_store_col_blob(stmt, 2),
                                                    gt_store_col_blob(stmt, 3), &block)
                              : GT_NOMEM;
    for (size_t i = 0; status == GT_OK && i < block.count; i++)
        if (!gt_event_is_gone(block.spots[i].time, gt_store_col_i64(stmt, 1)))
            note_known(mine, block.keys.ptr + i * GT_EVENT_KEY_BYTES);
    gt_event_reader_free(reader);
    return status;
}

/* The same bytes hold the same eventTime, so only blocks that overlap the batch in time can hold one
 * of its events. */
static gt_status collect_known(const gt_event_batch *batch, gt_store *store, int64_t first_own,
                               known_keys *mine)
{
    gt_time_ms min, max;
    time_range(batch, &min, &max);
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(store,
                            "SELECT r.keys, b.floor, r.heads, CASE WHEN b.floor > b.min_time"
                            " THEN r.data END"
                            " FROM event_blocks b JOIN event_raw r ON r.id = b.id "
                            "WHERE b.max_time >= ?1 AND b.min_time <= ?2 AND b.id < ?3",
                            &stmt));
    gt_store_bind_i64(stmt, 1, min);
    gt_store_bind_i64(stmt, 2, max);
    gt_store_bind_i64(stmt, 3, first_own);
    bool row;
    GT_TRY(gt_store_step(store, stmt, &row));
    while (row) {
        gt_str keys = gt_store_col_blob(stmt, 0);
        gt_status status = GT_OK;
        if (!gt_store_col_is_null(stmt, 3))
            status = note_living(mine, stmt);
        else
            for (size_t at = 0; at + GT_EVENT_KEY_BYTES <= keys.len; at += GT_EVENT_KEY_BYTES)
                note_known(mine, keys.ptr + at);
        if (status != GT_OK) {
            (void)sqlite3_reset(stmt);
            return status == GT_CORRUPT ? gt_store_fail(store, SQLITE_CORRUPT) : status;
        }
        GT_TRY(gt_store_step(store, stmt, &row));
    }
    return GT_OK;
}

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
        known_keys keys = {mine, known, batch->count, {0}};
        for (size_t i = 0; i < batch->count; i++)
            keys.marks[mine[i].high % MARKS / 64] |= (uint64_t)1 << mine[i].high % 64;
        status = collect_known(batch, store, first_own, &keys);
        if (status == GT_OK)
            status = gt_event_batch_sift(batch, true, is_unknown, &keys);
    }
    gt_arena_rewind(batch->scratch, mark);
    return status;
}

static gt_status insert_block(gt_store *store, const gt_event_batch *batch, int64_t *ret_id)
{
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
    gt_store_bind_i64(stmt, 4, (int64_t)batch->plain_len);
    gt_store_bind_blob(stmt, 5, gt_buf_str(&batch->filter));
    gt_store_bind_i64(stmt, 6, first_time(batch));
    GT_TRY(gt_store_run(store, stmt));
    *ret_id = sqlite3_last_insert_rowid(gt_store_db(store));
    return GT_OK;
}

static gt_status insert_raw(gt_store *store, const gt_event_batch *batch, int64_t id)
{
    bool member = batch->whole.ptr != NULL;
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(
        store, "INSERT INTO event_raw(id, keys, data, heads) VALUES(?1, ?2, ?3, ?4)", &stmt));
    gt_store_bind_i64(stmt, 1, id);
    gt_store_bind_blob(stmt, 2, gt_buf_str(&batch->keys));
    gt_store_bind_blob(stmt, 3, member ? batch->packed : gt_buf_str(&batch->data));
    gt_store_bind_blob(stmt, 4, member ? gt_buf_str(&batch->heads) : GT_STR_NULL);
    return gt_store_run(store, stmt);
}

gt_status gt_events_insert(gt_store *store, gt_event_batch *batch, size_t *ret_written)
{
    gt_assert(batch->sealed);
    int64_t id = 0;
    if (batch->count) {
        sqlite3_stmt *stmt;
        GT_TRY(insert_block(store, batch, &id));
        GT_TRY(insert_raw(store, batch, id));
        GT_TRY(gt_store_prepare(store, "INSERT INTO event_loose(id) VALUES(?1)", &stmt));
        gt_store_bind_i64(stmt, 1, id);
        GT_TRY(gt_store_run(store, stmt));
    }
    GT_TRY(gt_columns_block(batch->columns, id, batch->count));
    *ret_written = batch->count;
    gt_event_batch_clear(batch);
    return GT_OK;
}

bool gt_event_batch_columns_full(const gt_event_batch *batch)
{
    return gt_columns_full(batch->columns);
}

gt_status gt_events_insert_columns(gt_store *store, gt_event_batch *batch)
{
    gt_assert(!batch->count);
    return gt_columns_write(batch->columns, store);
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

/* The blocks in which some events lie before `before`, and some do not. */
#define STRADDLES "floor < ?1 AND first_time < ?1 AND (max_time >= ?1 OR min_time < first_time)"

/* A block that straddles: count what is left of it. */
static gt_status trim_block(gt_store *store, gt_event_reader *reader, int64_t id, gt_time_ms before)
{
    sqlite3_stmt *stmt;
    bool row;
    gt_event_block block;
    GT_TRY(gt_store_prepare(store, "SELECT keys, heads, data FROM event_raw WHERE id = ?1", &stmt));
    gt_store_bind_i64(stmt, 1, id);
    GT_TRY(gt_store_step(store, stmt, &row));
    if (!row)
        return GT_OK;
    gt_status status = gt_event_block_open(reader, gt_store_col_blob(stmt, 0),
                                           gt_store_col_blob(stmt, 1), gt_store_col_blob(stmt, 2),
                                           &block);
    (void)sqlite3_reset(stmt);
    if (status != GT_OK)
        return status == GT_CORRUPT ? gt_store_fail(store, SQLITE_CORRUPT) : status;
    int64_t left = 0;
    gt_time_ms first = INT64_MAX;
    for (size_t i = 0; i < block.count; i++) {
        gt_time_ms t = block.spots[i].time;
        if (gt_event_is_gone(t, before))
            continue;
        left++;
        first = t != GT_EVENT_NO_TIME && t < first ? t : first;
    }
    GT_TRY(gt_store_prepare(
        store, "UPDATE event_blocks SET floor = ?2, events = ?3, first_time = ?4 WHERE id = ?1",
        &stmt));
    gt_store_bind_i64(stmt, 1, id);
    gt_store_bind_i64(stmt, 2, before);
    gt_store_bind_i64(stmt, 3, left);
    gt_store_bind_i64(stmt, 4, first);
    return gt_store_run(store, stmt);
}

static gt_status on_id(void *ctx, sqlite3_stmt *stmt, void *row)
{
    (void)ctx;
    *(int64_t *)row = gt_store_col_i64(stmt, 0);
    return GT_OK;
}

static gt_status trim_blocks(gt_store *store, gt_time_ms before)
{
    sqlite3_stmt *stmt;
    void *rows = NULL;
    size_t count = 0;
    gt_arena *arena = gt_arena_new(GT_SCRATCH_ARENA_MAX);
    gt_event_reader *reader = gt_event_reader_new();
    gt_status status = arena && reader ? GT_OK : GT_NOMEM;
    if (status == GT_OK)
        status = gt_store_prepare(store, "SELECT id FROM event_blocks WHERE " STRADDLES, &stmt);
    if (status == GT_OK) {
        gt_store_bind_i64(stmt, 1, before);
        status = gt_store_rows(store, stmt, arena, sizeof(int64_t), on_id, NULL, &rows, &count);
    }
    const int64_t *ids = rows;
    for (size_t i = 0; status == GT_OK && i < count; i++)
        status = trim_block(store, reader, ids[i], before);
    gt_event_reader_free(reader);
    gt_arena_free(arena);
    return status;
}

static gt_status count_events(gt_store *store, int64_t *ret)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(store, "SELECT coalesce(sum(events), 0) FROM event_blocks", &stmt));
    return one_number(store, stmt, ret);
}

static gt_status expire(gt_store *store, gt_time_ms before, uint64_t *ret_events)
{
    int64_t had, has;
    sqlite3_stmt *stmt;
    GT_TRY(count_events(store, &had));
    GT_TRY(gt_store_prepare(store,
                            "DELETE FROM event_blocks WHERE max_time < ?1"
                            " AND min_time > -9223372036854775807 - 1",
                            &stmt));
    gt_store_bind_i64(stmt, 1, before);
    GT_TRY(gt_store_run(store, stmt));
    GT_TRY(trim_blocks(store, before));
    GT_TRY(gt_segments_expire(store, before));
    GT_TRY(count_events(store, &has));
    *ret_events = (uint64_t)(had - has);
    return GT_OK;
}

gt_status gt_events_expire(gt_store *store, gt_time_ms before, uint64_t *ret_events)
{
    uint64_t gone = 0;
    GT_TRY(gt_store_begin(store));
    GT_TRY(gt_store_end(store, expire(store, before, &gone)));
    *ret_events = gone;
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
