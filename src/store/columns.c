/* A segment in the making: for each column a table of the distinct values and a code for each event. */
#include "store/columns.h"

#include <endian.h>

#include "base/limits.h"
#include "base/mem.h"
#include "store/columns_internal.h"
#include "store/events.h"
#include "store/terms.h"

typedef struct value {
    uint64_t hash;
    size_t at; /* in text */
    uint32_t len;
    uint8_t kind;
} value;

typedef struct column {
    value *values; /* codes 0 and 1 are NONE and ODD */
    uint32_t count, cap;
    uint32_t *slots; /* open addressing: a code; 0 is free */
    uint32_t slot_cap;
    uint32_t *codes; /* by event */
    uint32_t last;   /* the code of the last event */
    gt_buf text;
} column;

struct gt_columns {
    column columns[GT_COLUMN_COUNT];
    gt_time_ms *times;
    size_t count; /* events, those of the block at hand too */
    size_t cap;
    size_t base; /* events before the block at hand */
    gt_buf blocks; /* segment_block each */
    gt_buf out;
};

static void column_reset(column *c)
{
    gt_buf_reset(&c->text);
    c->count = CODE_FIRST;
    c->last = CODE_NONE;
    if (c->slots)
        memset(c->slots, 0, c->slot_cap * sizeof *c->slots);
}

gt_columns *gt_columns_new(void)
{
    gt_columns *s = gt_calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->blocks = GT_BUF(GT_SEGMENT_BYTES_MAX);
    s->out = GT_BUF(4 * GT_SEGMENT_BYTES_MAX);
    for (size_t i = 0; i < GT_COLUMN_COUNT; i++) {
        s->columns[i].text = GT_BUF(2 * GT_SEGMENT_BYTES_MAX);
        column_reset(&s->columns[i]);
    }
    return s;
}

void gt_columns_free(gt_columns *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < GT_COLUMN_COUNT; i++) {
        gt_free(s->columns[i].values);
        gt_free(s->columns[i].slots);
        gt_free(s->columns[i].codes);
        gt_buf_done(&s->columns[i].text);
    }
    gt_free(s->times);
    gt_buf_done(&s->blocks);
    gt_buf_done(&s->out);
    gt_free(s);
}

/* --- values to codes --------------------------------------------------------------------------- */

static gt_status column_grow(column *c)
{
    uint32_t cap = c->cap ? c->cap * 2 : 16;
    value *values = gt_realloc(c->values, cap * sizeof *values);
    if (!values)
        return GT_NOMEM;
    c->values = values;
    uint32_t *slots = gt_calloc(cap * 2, sizeof *slots);
    if (!slots)
        return GT_NOMEM;
    for (uint32_t code = CODE_FIRST; code < c->count; code++) {
        uint32_t at = (uint32_t)values[code].hash & (cap * 2 - 1);
        while (slots[at])
            at = (at + 1) & (cap * 2 - 1);
        slots[at] = code;
    }
    gt_free(c->slots);
    c->slots = slots;
    c->slot_cap = cap * 2;
    c->cap = cap;
    return GT_OK;
}

static bool is_value(const column *c, uint32_t code, const gt_cell *cell)
{
    const value *v = &c->values[code];
    return v->len == cell->text.len && v->kind == cell->kind &&
           (!v->len || memcmp(c->text.data + v->at, cell->text.ptr, v->len) == 0);
}

static gt_status add_value(column *c, const gt_cell *cell, uint64_t hash, uint32_t at)
{
    value v = {hash, c->text.len, (uint32_t)cell->text.len, (uint8_t)cell->kind};
    gt_buf_add(&c->text, cell->text);
    GT_TRY(gt_buf_status(&c->text));
    c->values[c->count] = v;
    c->slots[at] = c->count++;
    return GT_OK;
}

static gt_status code_of(column *c, const gt_cell *cell, gt_terms *terms, uint32_t *ret)
{
    if (cell->kind == GT_CELL_NONE || cell->kind == GT_CELL_ODD) {
        *ret = cell->kind == GT_CELL_NONE ? CODE_NONE : CODE_ODD;
        return GT_OK;
    }
    bool owes_term = !cell->hash && cell->text.len;
    if (c->last >= CODE_FIRST && is_value(c, c->last, cell)) {
        *ret = c->last;
        return owes_term ? gt_terms_add(terms, c->values[c->last].hash) : GT_OK;
    }
    uint64_t hash = owes_term ? gt_term_hash(cell->text) : cell->hash;
    if (owes_term)
        GT_TRY(gt_terms_add(terms, hash));
    if (c->count >= c->cap)
        GT_TRY(column_grow(c));
    uint32_t at = (uint32_t)hash & (c->slot_cap - 1);
    for (; c->slots[at]; at = (at + 1) & (c->slot_cap - 1))
        if (c->values[c->slots[at]].hash == hash && is_value(c, c->slots[at], cell))
            break;
    if (!c->slots[at])
        GT_TRY(add_value(c, cell, hash, at));
    *ret = c->last = c->slots[at];
    return GT_OK;
}

static gt_status more_room(gt_columns *s)
{
    size_t cap = s->cap ? s->cap * 2 : 1024;
    gt_time_ms *times = gt_realloc(s->times, cap * sizeof *times);
    if (!times)
        return GT_NOMEM;
    s->times = times;
    for (size_t i = 0; i < GT_COLUMN_COUNT; i++) {
        uint32_t *codes = gt_realloc(s->columns[i].codes, cap * sizeof *codes);
        if (!codes)
            return GT_NOMEM;
        s->columns[i].codes = codes;
    }
    s->cap = cap;
    return GT_OK;
}

gt_status gt_columns_add(gt_columns *s, const gt_cell *cells, gt_time_ms time, gt_terms *terms)
{
    if (s->count == s->cap)
        GT_TRY(more_room(s));
    for (size_t i = 0; i < GT_COLUMN_COUNT; i++)
        GT_TRY(code_of(&s->columns[i], &cells[i], terms, &s->columns[i].codes[s->count]));
    s->times[s->count++] = time;
    return GT_OK;
}

void gt_columns_move(gt_columns *s, size_t from, size_t to)
{
    if (from == to)
        return;
    for (size_t i = 0; i < GT_COLUMN_COUNT; i++)
        s->columns[i].codes[s->base + to] = s->columns[i].codes[s->base + from];
    s->times[s->base + to] = s->times[s->base + from];
}

gt_status gt_columns_block(gt_columns *s, int64_t id, size_t events)
{
    if (id && events) {
        segment_block b = {htole64((uint64_t)id), htole32((uint32_t)events)};
        gt_buf_add(&s->blocks, (gt_str){(const char *)&b, sizeof b});
        GT_TRY(gt_buf_status(&s->blocks));
        s->base += events;
    }
    s->count = s->base;
    return GT_OK;
}

bool gt_columns_full(const gt_columns *s)
{
    size_t bytes = 0;
    for (size_t i = 0; i < GT_COLUMN_COUNT; i++)
        bytes += s->columns[i].text.len;
    return s->count >= GT_SEGMENT_EVENTS || bytes >= GT_SEGMENT_BYTES_MAX;
}

/* --- writing ----------------------------------------------------------------------------------- */

static void put_u32(gt_buf *out, uint32_t n)
{
    n = htole32(n);
    gt_buf_add(out, (gt_str){(const char *)&n, sizeof n});
}

static unsigned width_for(uint64_t largest)
{
    return largest <= UINT8_MAX ? 1 : largest <= UINT16_MAX ? 2 : 4;
}

static void put_codes(gt_buf *out, const uint32_t *codes, size_t count, unsigned width)
{
    char *room = gt_buf_room(out, count * width);
    if (!room)
        return;
    for (size_t i = 0; i < count; i++) {
        uint32_t code = htole32(codes[i]);
        memcpy(room + i * width, &code, width); /* the low bytes come first */
    }
    out->len += count * width;
}

/* columns_internal.h has the form. */
static void put_column(gt_buf *out, const column *c, size_t count)
{
    bool constant = true;
    for (size_t i = 1; i < count && constant; i++)
        constant = c->codes[i] == c->codes[0];
    gt_buf_reset(out);
    put_u32(out, c->count - CODE_FIRST);
    put_u32(out, constant ? 0 : width_for(c->count - 1));
    put_u32(out, constant && count ? c->codes[0] : 0);
    for (uint32_t code = CODE_FIRST; code < c->count; code++)
        put_u32(out, c->values[code].len << 3 | c->values[code].kind);
    gt_buf_add(out, c->text.len ? gt_buf_str(&c->text) : GT_STR(""));
    if (!constant)
        put_codes(out, c->codes, count, width_for(c->count - 1));
}

static void time_range(const gt_columns *s, gt_time_ms *ret_min, gt_time_ms *ret_max)
{
    *ret_min = INT64_MAX;
    *ret_max = INT64_MIN;
    for (size_t i = 0; i < s->count; i++) {
        *ret_min = s->times[i] < *ret_min ? s->times[i] : *ret_min;
        *ret_max = s->times[i] > *ret_max ? s->times[i] : *ret_max;
    }
}

static void put_times(gt_buf *out, const gt_columns *s)
{
    char *room;
    gt_buf_reset(out);
    if (!(room = gt_buf_room(out, s->count * sizeof(uint64_t))))
        return;
    for (size_t i = 0; i < s->count; i++) {
        uint64_t t = htole64((uint64_t)s->times[i]);
        memcpy(room + i * sizeof t, &t, sizeof t);
    }
    out->len += s->count * sizeof(uint64_t);
}

static gt_status write_column(gt_columns *s, gt_store *store, int64_t segment, unsigned number)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_buf_status(&s->out));
    GT_TRY(gt_store_prepare(store, "INSERT INTO event_columns(id, data) VALUES(?1, ?2)", &stmt));
    gt_store_bind_i64(stmt, 1, segment * COLUMNS_MAX + number);
    gt_store_bind_blob(stmt, 2, gt_buf_str(&s->out));
    return gt_store_run(store, stmt);
}

static gt_status write_segment(gt_columns *s, gt_store *store, int64_t *ret_id)
{
    gt_time_ms min, max;
    sqlite3_stmt *stmt;
    time_range(s, &min, &max);
    GT_TRY(gt_store_prepare(store,
                            "INSERT INTO event_segments(events, min_time, max_time, floor, blocks)"
                            " VALUES(?1, ?2, ?3, -9223372036854775807 - 1, ?4)",
                            &stmt));
    gt_store_bind_i64(stmt, 1, (int64_t)s->count);
    gt_store_bind_i64(stmt, 2, min);
    gt_store_bind_i64(stmt, 3, max);
    gt_store_bind_blob(stmt, 4, gt_buf_str(&s->blocks));
    GT_TRY(gt_store_run(store, stmt));
    *ret_id = sqlite3_last_insert_rowid(gt_store_db(store));
    return GT_OK;
}

static gt_status tie(gt_columns *s, gt_store *store)
{
    for (size_t at = 0; at < s->blocks.len; at += sizeof(segment_block)) {
        segment_block b;
        sqlite3_stmt *stmt;
        memcpy(&b, s->blocks.data + at, sizeof b);
        GT_TRY(gt_store_prepare(store, "DELETE FROM event_loose WHERE id = ?1", &stmt));
        gt_store_bind_i64(stmt, 1, (int64_t)le64toh(b.id));
        GT_TRY(gt_store_run(store, stmt));
    }
    return GT_OK;
}

gt_status gt_columns_write(gt_columns *s, gt_store *store)
{
    int64_t id;
    gt_assert(s->count == s->base);
    if (!s->count)
        return GT_OK;
    GT_TRY(write_segment(s, store, &id));
    for (size_t i = 0; i < GT_COLUMN_COUNT; i++) {
        put_column(&s->out, &s->columns[i], s->count);
        GT_TRY(write_column(s, store, id, gt_column_number((gt_column)i)));
    }
    put_times(&s->out, s);
    GT_TRY(write_column(s, store, id, TIMES_NUMBER));
    GT_TRY(tie(s, store));
    for (size_t i = 0; i < GT_COLUMN_COUNT; i++)
        column_reset(&s->columns[i]);
    gt_buf_reset(&s->blocks);
    s->count = s->base = 0;
    return GT_OK;
}
