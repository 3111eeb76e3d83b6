#include <endian.h>

#include "base/limits.h"
#include "store/columns_internal.h"
#include "store/events.h"
#include "store/rows.h"

static const uint8_t NUMBERS[] = {
#define GT_SCOPE(name, parent, key)
#define GT_COLUMN(number, name, scope, key, what) number,
#define GT_ODD(scope, key)
#include "store/columns.def"
#undef GT_SCOPE
#undef GT_COLUMN
#undef GT_ODD
};

unsigned gt_column_number(gt_column column)
{
    return NUMBERS[column];
}

static gt_status corrupt(gt_store *store)
{
    return gt_store_fail(store, SQLITE_CORRUPT);
}

/* --- segments ---------------------------------------------------------------------------------- */

static gt_status read_blocks(gt_store *store, gt_arena *arena, gt_str bytes, gt_segment *ret)
{
    size_t first = 0;
    ret->block_count = bytes.len / sizeof(segment_block);
    ret->blocks = gt_arena_alloc(arena, (ret->block_count + 1) * sizeof *ret->blocks);
    if (!ret->blocks)
        return gt_arena_status(arena);
    for (size_t i = 0; i < ret->block_count; i++) {
        segment_block b;
        memcpy(&b, bytes.ptr + i * sizeof b, sizeof b);
        ret->blocks[i] = (gt_segment_block){(int64_t)le64toh(b.id), first, le32toh(b.events)};
        first += ret->blocks[i].count;
    }
    return first == ret->events ? GT_OK : corrupt(store);
}

typedef struct load {
    gt_store *store;
    gt_arena *arena;
} load;

static gt_status on_segment(void *ctx, sqlite3_stmt *stmt, void *row)
{
    load *l = ctx;
    gt_segment *segment = row;
    *segment = (gt_segment){
        .id = gt_store_col_i64(stmt, 0),
        .events = (size_t)gt_store_col_i64(stmt, 1),
        .min_time = gt_store_col_i64(stmt, 2),
        .max_time = gt_store_col_i64(stmt, 3),
        .floor = gt_store_col_i64(stmt, 4),
    };
    return read_blocks(l->store, l->arena, gt_store_col_blob(stmt, 5), segment);
}

static gt_status on_loose(void *ctx, sqlite3_stmt *stmt, void *row)
{
    (void)ctx;
    *(int64_t *)row = gt_store_col_i64(stmt, 0);
    return GT_OK;
}

gt_status gt_segments_load(gt_store *store, gt_arena *arena, gt_segment **ret, size_t *ret_count,
                           int64_t **ret_loose, size_t *ret_loose_count)
{
    load l = {store, arena};
    sqlite3_stmt *stmt;
    void *rows;
    GT_TRY(gt_store_prepare(store,
                            "SELECT id, events, min_time, max_time, floor, blocks"
                            " FROM event_segments ORDER BY id",
                            &stmt));
    GT_TRY(gt_store_rows(store, stmt, arena, sizeof(gt_segment), on_segment, &l, &rows, ret_count));
    *ret = rows;
    GT_TRY(gt_store_prepare(store, "SELECT id FROM event_loose ORDER BY id", &stmt));
    GT_TRY(gt_store_rows(store, stmt, arena, sizeof(int64_t), on_loose, NULL, &rows,
                         ret_loose_count));
    *ret_loose = rows;
    return GT_OK;
}

/* --- columns ----------------------------------------------------------------------------------- */

static uint32_t get_u32(gt_str bytes, size_t at)
{
    uint32_t n;
    memcpy(&n, bytes.ptr + at, sizeof n);
    return le32toh(n);
}

/* The largest code; loops of one width each, which the compiler turns into vectors. */
static uint32_t largest_code(const uint8_t *codes, unsigned width, size_t events)
{
    uint8_t most1 = 0;
    uint16_t most2 = 0;
    uint32_t most4 = 0;
    for (size_t i = 0; width == 1 && i < events; i++)
        most1 = codes[i] > most1 ? codes[i] : most1;
    for (size_t i = 0; width == 2 && i < events; i++) {
        uint16_t code;
        memcpy(&code, codes + 2 * i, sizeof code);
        code = le16toh(code);
        most2 = code > most2 ? code : most2;
    }
    for (size_t i = 0; width == 4 && i < events; i++) {
        uint32_t code;
        memcpy(&code, codes + 4 * i, sizeof code);
        code = le32toh(code);
        most4 = code > most4 ? code : most4;
    }
    return most1 > most2 ? most1 : most2 > most4 ? most2 : most4;
}

/* bytes is the arena's. */
static gt_status decode(gt_str bytes, size_t events, gt_arena *arena, gt_column_data *ret)
{
    if (bytes.len < 12)
        return GT_CORRUPT;
    size_t count = get_u32(bytes, 0), at = 12;
    gt_column_data data = {.width = get_u32(bytes, 4), .constant = get_u32(bytes, 8)};
    if (count > (bytes.len - at) / 4 || (data.width > 2 && data.width != 4))
        return GT_CORRUPT;
    gt_cell *values = gt_arena_array(arena, gt_cell, count + CODE_FIRST);
    if (!values)
        return gt_arena_status(arena);
    values[CODE_ODD].kind = GT_CELL_ODD;
    size_t text = at + 4 * count;
    for (size_t i = 0; i < count; i++, at += 4) {
        uint32_t head = get_u32(bytes, at);
        size_t len = head >> 3;
        if (len > bytes.len - text || (head & 7) < GT_CELL_TEXT || (head & 7) > GT_CELL_FALSE)
            return GT_CORRUPT;
        values[CODE_FIRST + i] = (gt_cell){(gt_cell_kind)(head & 7), {bytes.ptr + text, len}, 0};
        text += len;
    }
    data.values = values;
    data.value_count = count + CODE_FIRST;
    data.codes = (const uint8_t *)bytes.ptr + text;
    if ((bytes.len - text) != events * data.width || data.constant >= data.value_count)
        return GT_CORRUPT;
    if (largest_code(data.codes, data.width, events) >= data.value_count)
        return GT_CORRUPT;
    *ret = data;
    return GT_OK;
}

/* The bytes of a column, copied; ptr NULL: there are none. */
static gt_status fetch(gt_store *store, const gt_segment *segment, unsigned number, gt_arena *arena,
                       gt_str *ret)
{
    sqlite3_stmt *stmt;
    bool row;
    GT_TRY(gt_store_prepare(store, "SELECT data FROM event_columns WHERE id = ?1", &stmt));
    gt_store_bind_i64(stmt, 1, segment->id * COLUMNS_MAX + number);
    GT_TRY(gt_store_step(store, stmt, &row));
    *ret = GT_STR_NULL;
    if (row) {
        *ret = gt_arena_dup(arena, gt_store_col_blob(stmt, 0));
        (void)sqlite3_reset(stmt);
        return ret->ptr ? GT_OK : gt_arena_status(arena);
    }
    return GT_OK;
}

gt_status gt_segment_column(gt_store *store, const gt_segment *segment, gt_column column,
                            gt_arena *arena, gt_column_data *ret)
{
    static const gt_cell odd[] = {{.kind = GT_CELL_NONE}, {.kind = GT_CELL_ODD}};
    gt_str bytes;
    GT_TRY(fetch(store, segment, gt_column_number(column), arena, &bytes));
    if (!bytes.ptr) {
        *ret = (gt_column_data){.values = odd, .value_count = CODE_FIRST, .constant = CODE_ODD,
                                .codes = (const uint8_t *)""};
        return GT_OK;
    }
    gt_status status = decode(bytes, segment->events, arena, ret);
    return status == GT_CORRUPT ? corrupt(store) : status;
}

gt_status gt_segment_times(gt_store *store, const gt_segment *segment, gt_arena *arena,
                           gt_time_ms **ret)
{
    gt_str bytes;
    GT_TRY(fetch(store, segment, TIMES_NUMBER, arena, &bytes));
    if (bytes.len != segment->events * sizeof(uint64_t))
        return corrupt(store);
    gt_time_ms *times = gt_arena_array(arena, gt_time_ms, segment->events + 1);
    if (!times)
        return gt_arena_status(arena);
    for (size_t i = 0; i < segment->events; i++) {
        uint64_t t;
        memcpy(&t, bytes.ptr + i * sizeof t, sizeof t);
        times[i] = (gt_time_ms)le64toh(t);
    }
    *ret = times;
    return GT_OK;
}

static gt_status run_before(gt_store *store, sqlite3_stmt *stmt, gt_time_ms before)
{
    gt_store_bind_i64(stmt, 1, before);
    return gt_store_run(store, stmt);
}

gt_status gt_segments_expire(gt_store *store, gt_time_ms before)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(store,
                            "DELETE FROM event_columns WHERE id / 256 IN (SELECT id FROM"
                            " event_segments WHERE max_time < ?1"
                            " AND min_time > -9223372036854775807 - 1)",
                            &stmt));
    GT_TRY(run_before(store, stmt, before));
    GT_TRY(gt_store_prepare(store,
                            "DELETE FROM event_segments WHERE max_time < ?1"
                            " AND min_time > -9223372036854775807 - 1",
                            &stmt));
    GT_TRY(run_before(store, stmt, before));
    GT_TRY(gt_store_prepare(store,
                            "UPDATE event_segments SET floor = ?1"
                            " WHERE floor < ?1 AND min_time < ?1",
                            &stmt));
    return run_before(store, stmt, before);
}
