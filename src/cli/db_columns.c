/* Method: segment by segment. A test on a field is decided for each distinct value (or combination of
 * values) of the columns the field depends on, by the evaluator itself, on a document made of these values;
 * events then look their value up. So there is one evaluator, and nothing is approximated: where a
 * column says "odd", the event stays undecided. */
#include "cli/db_columns.h"

#include "base/hash.h"
#include "base/limits.h"
#include "query/decide.h"
#include "sg/sg.h"
#include "store/columns.h"

typedef enum how { COPY, MAP } how;
#define DEPENDS_MAX 5

typedef struct field_row {
    gt_str field;
    how how;
    size_t count;
    gt_column columns[DEPENDS_MAX];
} field_row;

#define C(column) GT_COLUMN_##column
#define ARGUMENTS(...) (sizeof((gt_column[]){GT_COLUMN_COUNT, ##__VA_ARGS__}) / sizeof(gt_column) - 1)
static const field_row FIELDS[] = {
#define GT_DB_FIELD(field, how, ...)                                                               \
    {{(field), sizeof(field) - 1}, how, ARGUMENTS(__VA_ARGS__), {__VA_ARGS__}},
#include "cli/db_fields.def"
#undef GT_DB_FIELD
};

/* What a test says about one combination of values. */
typedef enum verdict { UNKNOWN, NO, YES, UNDECIDED } verdict;

typedef struct memo {
    gt_hash128 key;
    uint8_t verdict; /* UNKNOWN: free */
} memo;

typedef struct decider {
    gt_store *store;
    const gt_query *query;
    const gt_ecs_tables *tables;
    gt_time_ms now;
    gt_ecs *ecs;         /* made when first needed */
    gt_arena *batch;     /* a document */
    gt_arena *memory;    /* the memos */
    memo *memos;         /* open addressing: verdicts of mapped documents, over all segments */
    size_t memo_count, memo_cap;
    /* Of the segment at hand: */
    gt_arena *columns_arena;
    gt_arena *scratch;
    const gt_segment *segment;
    size_t words;
    bool loaded[GT_COLUMN_COUNT];
    gt_column_data data[GT_COLUMN_COUNT];
    gt_time_ms *times;
} decider;

static gt_status load_column(decider *d, gt_column column)
{
    if (d->loaded[column])
        return GT_OK;
    GT_TRY(gt_segment_column(d->store, d->segment, column, d->columns_arena, &d->data[column]));
    d->loaded[column] = true;
    return GT_OK;
}

static gt_status load_times(decider *d)
{
    return d->times ? GT_OK
                    : gt_segment_times(d->store, d->segment, d->columns_arena, &d->times);
}

/* --- one combination --------------------------------------------------------------------------- */

/* Text that the mapping may take for nothing is left to the mapping. */
static bool is_plain_text(const gt_cell *cell)
{
    return cell->kind == GT_CELL_TEXT && cell->text.len > 1 && !gt_str_is(cell->text, "none");
}

static gt_json *cell_json(gt_arena *arena, const gt_cell *cell)
{
    return cell->kind == GT_CELL_TEXT ? gt_json_new_str(arena, cell->text)
                                      : gt_json_new_bool(arena, cell->kind == GT_CELL_TRUE);
}

static void put_cell(gt_arena *arena, gt_json *record, gt_column column, const gt_cell *cell)
{
    gt_str keys[GT_COLUMN_KEYS_MAX];
    size_t count;
    if (cell->kind == GT_CELL_NONE)
        return;
    gt_column_path(column, keys, &count);
    for (size_t i = 0; i + 1 < count; i++) {
        if (!gt_json_get(record, keys[i]))
            gt_json_set(record, keys[i], gt_json_new_object(arena));
        record = gt_json_get(record, keys[i]);
    }
    gt_json_set(record, keys[count - 1], cell_json(arena, cell));
}

static gt_status map_cells(decider *d, const field_row *row, const gt_cell *const *cells,
                           gt_json **ret)
{
    if (!d->ecs && !(d->ecs = gt_ecs_new(d->tables)))
        return GT_NOMEM;
    gt_json *record = gt_json_new_object(d->batch);
    for (size_t i = 0; i < row->count; i++)
        put_cell(d->batch, record, row->columns[i], cells[i]);
    GT_TRY(gt_arena_status(d->batch));
    return gt_ecs_map(d->ecs, d->batch, record, GT_STR(""), ret);
}

static gt_status evaluate(decider *d, const field_row *row, uint32_t test,
                          const gt_cell *const *cells, verdict *ret)
{
    gt_json *document;
    gt_arena_reset(d->batch, GT_MIB);
    if (row->how == COPY && is_plain_text(cells[0])) {
        document = gt_json_new_object(d->batch);
        gt_json_add(document, row->field, gt_json_new_str(d->batch, cells[0]->text));
        GT_TRY(gt_arena_status(d->batch));
    } else {
        GT_TRY(map_cells(d, row, cells, &document));
    }
    *ret = gt_query_decide_test(d->query, test, document, d->now) ? YES : NO;
    return GT_OK;
}

static gt_hash128 memo_key(uint32_t test, const field_row *row,
                           const gt_cell *const *cells)
{
    gt_hash128 key = {test, row->count};
    for (size_t i = 0; i < row->count; i++) {
        gt_hash128 h = gt_hash128_of(cells[i]->text.ptr ? cells[i]->text : GT_STR(""));
        uint64_t mixed[5] = {key.low, key.high, h.low, h.high, (uint64_t)cells[i]->kind};
        key = gt_hash128_of((gt_str){(const char *)mixed, sizeof mixed});
    }
    return key;
}

static memo *memo_find(const decider *d, gt_hash128 key)
{
    size_t at = (size_t)key.low & (d->memo_cap - 1);
    while (d->memos[at].verdict &&
           (d->memos[at].key.low != key.low || d->memos[at].key.high != key.high))
        at = (at + 1) & (d->memo_cap - 1);
    return &d->memos[at];
}

static gt_status memo_room(decider *d)
{
    if (d->memo_count * 2 < d->memo_cap)
        return GT_OK;
    decider old = *d;
    d->memo_cap = old.memo_cap ? old.memo_cap * 2 : 1024;
    d->memos = gt_arena_array(d->memory, memo, d->memo_cap);
    if (!d->memos) {
        *d = old;
        return gt_arena_status(d->memory);
    }
    for (size_t i = 0; i < old.memo_cap; i++)
        if (old.memos[i].verdict)
            *memo_find(d, old.memos[i].key) = old.memos[i];
    return GT_OK;
}

static gt_status verdict_of(decider *d, const field_row *row, uint32_t test, const uint32_t *codes,
                            verdict *ret)
{
    const gt_cell *cells[DEPENDS_MAX + 1];
    for (size_t i = 0; i < row->count; i++) {
        cells[i] = &d->data[row->columns[i]].values[codes[i]];
        if (cells[i]->kind == GT_CELL_ODD) {
            *ret = UNDECIDED;
            return GT_OK;
        }
    }
    if (row->how == COPY && is_plain_text(cells[0]))
        return evaluate(d, row, test, cells, ret);
    GT_TRY(memo_room(d));
    gt_hash128 key = memo_key(test, row, cells);
    memo *m = memo_find(d, key);
    if (!m->verdict) {
        GT_TRY(evaluate(d, row, test, cells, ret));
        *m = (memo){key, (uint8_t)*ret};
        d->memo_count++;
    }
    *ret = (verdict)m->verdict;
    return GT_OK;
}

/* --- all events of a segment ------------------------------------------------------------------- */

static void put_verdict(gt_query_sets *ret, size_t word, uint64_t bit, verdict v)
{
    if (v != NO)
        ret->may[word] |= bit;
    if (v == YES)
        ret->must[word] |= bit;
}

/* A word's events by the verdicts that are known; false: some are not. */
static bool word_by_code(const gt_column_data *data, const uint8_t *verdicts, size_t word,
                         uint64_t *ret_may, uint64_t *ret_must)
{
    uint64_t may = 0, must = 0;
    uint8_t unknown = 0;
    for (size_t i = 0; i < 64; i++) {
        uint8_t v = verdicts[gt_column_code(data, 64 * word + i)];
        may |= (uint64_t)(v != NO) << i;
        must |= (uint64_t)(v == YES) << i;
        unknown |= v == UNKNOWN;
    }
    *ret_may = may;
    *ret_must = must;
    return !unknown;
}

/* One column: a verdict for each of its codes. */
static gt_status by_code(decider *d, const field_row *row, uint32_t test, const uint64_t *asked,
                         gt_query_sets *ret)
{
    const gt_column_data *data = &d->data[row->columns[0]];
    uint8_t *verdicts = gt_arena_array(d->columns_arena, uint8_t, data->value_count);
    if (!verdicts)
        return gt_arena_status(d->columns_arena);
    for (size_t w = 0; w < d->words; w++) {
        if (asked[w] == UINT64_MAX &&
            word_by_code(data, verdicts, w, &ret->may[w], &ret->must[w]))
            continue;
        ret->may[w] = ret->must[w] = 0;
        for (uint64_t rest = asked[w]; rest; rest &= rest - 1) {
            size_t event = 64 * w + (size_t)__builtin_ctzll(rest);
            uint32_t code = gt_column_code(data, event);
            if (!verdicts[code]) {
                verdict v;
                GT_TRY(verdict_of(d, row, test, &code, &v));
                verdicts[code] = (uint8_t)v;
            }
            put_verdict(ret, w, rest & -rest, (verdict)verdicts[code]);
        }
    }
    return GT_OK;
}

typedef struct combination {
    uint64_t number; /* of the codes, as digits; + 1 */
    verdict verdict;
} combination;

/* Several columns: a verdict for each combination of codes that occurs. */
static gt_status by_codes(decider *d, const field_row *row, uint32_t test, const uint64_t *asked,
                          gt_query_sets *ret)
{
    size_t cap = 1024, count = 0;
    combination *table = gt_arena_array(d->columns_arena, combination, cap);
    for (size_t w = 0; table && w < d->words; w++) {
        for (uint64_t rest = asked[w]; rest; rest &= rest - 1) {
            size_t event = 64 * w + (size_t)__builtin_ctzll(rest);
            uint32_t codes[DEPENDS_MAX];
            uint64_t number = 0;
            for (size_t i = 0; i < row->count; i++) {
                codes[i] = gt_column_code(&d->data[row->columns[i]], event);
                number = number * d->data[row->columns[i]].value_count + codes[i];
            }
            number++;
            size_t at = (size_t)((number * 0x9e3779b97f4a7c15u) >> 20) & (cap - 1);
            while (table[at].number && table[at].number != number)
                at = (at + 1) & (cap - 1);
            if (!table[at].number) {
                GT_TRY(verdict_of(d, row, test, codes, &table[at].verdict));
                table[at].number = number;
                count++;
            }
            put_verdict(ret, w, rest & -rest, table[at].verdict);
            if (count * 2 < cap)
                continue;
            combination *old = table;
            table = gt_arena_array(d->columns_arena, combination, cap * 4);
            if (!table)
                break;
            for (size_t i = 0; i < cap; i++) {
                size_t to = (size_t)((old[i].number * 0x9e3779b97f4a7c15u) >> 20) & (cap * 4 - 1);
                while (old[i].number && table[to].number)
                    to = (to + 1) & (cap * 4 - 1);
                if (old[i].number)
                    table[to] = old[i];
            }
            cap *= 4;
        }
    }
    return table ? GT_OK : gt_arena_status(d->columns_arena);
}

/* Can the combinations be numbered? (Five columns of 65536 values each could not.) */
static bool are_numbered(const decider *d, const field_row *row)
{
    uint64_t product = 1;
    for (size_t i = 0; i < row->count; i++)
        if (__builtin_mul_overflow(product, d->data[row->columns[i]].value_count, &product))
            return false;
    return product < UINT64_MAX;
}

static gt_status on_constant(decider *d, const field_row *row, uint32_t test,
                             const uint64_t *asked, gt_query_sets *ret)
{
    verdict v;
    GT_TRY(verdict_of(d, row, test, NULL, &v));
    for (size_t w = 0; w < d->words; w++)
        put_verdict(ret, w, asked[w], v);
    return GT_OK;
}

/* --- @timestamp -------------------------------------------------------------------------------- */

static gt_status test_time(decider *d, uint32_t test, gt_time_ms time, bool *ret)
{
    char text[GT_TIME_TEXT_MAX];
    gt_arena_reset(d->batch, GT_MIB);
    gt_json *document = gt_json_new_object(d->batch);
    gt_str date = gt_time_format(time, text);
    gt_json_add(document, GT_STR("@timestamp"), gt_json_new_str(d->batch, date));
    GT_TRY(gt_arena_status(d->batch));
    *ret = gt_query_decide_test(d->query, test, document, d->now);
    return GT_OK;
}

typedef struct bound {
    bool at_first;    /* the answer before `turn` */
    gt_time_ms turn;  /* from here on it is the other one */
} bound;

/* Where in first..last a test that changes its answer at most once does so. */
static gt_status find_bound(decider *d, uint32_t test, gt_time_ms first, gt_time_ms last, bound *ret)
{
    bool at_first, at_last;
    GT_TRY(test_time(d, test, first, &at_first));
    GT_TRY(test_time(d, test, last, &at_last));
    *ret = (bound){at_first, INT64_MAX};
    if (at_first == at_last)
        return GT_OK;
    while (last - first > 1) {
        gt_time_ms middle = first + (last - first) / 2;
        bool at_middle;
        GT_TRY(test_time(d, test, middle, &at_middle));
        if (at_middle == at_first)
            first = middle;
        else
            last = middle;
    }
    ret->turn = last;
    return GT_OK;
}

static void time_range(const decider *d, gt_time_ms *ret_first, gt_time_ms *ret_last)
{
    *ret_first = INT64_MAX;
    *ret_last = INT64_MIN;
    for (size_t i = 0; i < d->segment->events; i++) {
        gt_time_ms t = d->times[i];
        if (t == GT_EVENT_NO_TIME)
            continue;
        *ret_first = t < *ret_first ? t : *ret_first;
        *ret_last = t > *ret_last ? t : *ret_last;
    }
}

/* A record that is odd as a whole (a digest) may have its time from elsewhere: all its columns are. */
static gt_status on_time(decider *d, uint32_t test, const uint64_t *asked, gt_query_sets *ret)
{
    gt_time_ms first, last, known = GT_EVENT_NO_TIME;
    bound b = {0};
    bool bounded = gt_query_decide_is_bound(d->query, test), answer = false;
    GT_TRY(load_times(d));
    GT_TRY(load_column(d, GT_COLUMN_EVENT_SOURCE));
    const gt_column_data *source = &d->data[GT_COLUMN_EVENT_SOURCE];
    time_range(d, &first, &last);
    if (bounded && first <= last)
        GT_TRY(find_bound(d, test, first, last, &b));
    for (size_t w = 0; w < d->words; w++) {
        for (uint64_t rest = asked[w]; rest; rest &= rest - 1) {
            size_t event = 64 * w + (size_t)__builtin_ctzll(rest);
            gt_time_ms t = d->times[event];
            verdict v = UNDECIDED;
            if (t != GT_EVENT_NO_TIME &&
                source->values[gt_column_code(source, event)].kind != GT_CELL_ODD) {
                if (!bounded && t != known)
                    GT_TRY(test_time(d, test, t, &answer));
                known = t;
                v = (bounded ? b.at_first != (t >= b.turn) : answer) ? YES : NO;
            }
            put_verdict(ret, w, rest & -rest, v);
        }
    }
    return GT_OK;
}

/* gatetrail.security_group.*: of calls about security groups only; of those nothing is known here. */
static gt_status on_group_field(decider *d, uint32_t test, const uint64_t *asked,
                                gt_query_sets *ret)
{
    GT_TRY(load_column(d, GT_COLUMN_EVENT_NAME));
    const gt_column_data *data = &d->data[GT_COLUMN_EVENT_NAME];
    uint8_t *verdicts = gt_arena_array(d->columns_arena, uint8_t, data->value_count);
    if (!verdicts)
        return GT_NOMEM;
    gt_arena_reset(d->batch, GT_MIB);
    gt_json *empty = gt_json_new_object(d->batch);
    GT_TRY(gt_arena_status(d->batch));
    uint8_t of_others = gt_query_decide_test(d->query, test, empty, d->now) ? YES : NO;
    for (size_t i = 0; i < data->value_count; i++) {
        const gt_cell *name = &data->values[i];
        bool other = name->kind == GT_CELL_TEXT && !gt_sg_event_name(name->text);
        verdicts[i] = other ? of_others : UNDECIDED;
    }
    for (size_t w = 0; w < d->words; w++) {
        for (uint64_t rest = asked[w]; rest; rest &= rest - 1) {
            size_t event = 64 * w + (size_t)__builtin_ctzll(rest);
            put_verdict(ret, w, rest & -rest, (verdict)verdicts[gt_column_code(data, event)]);
        }
    }
    return GT_OK;
}

static gt_status on_test(void *user, gt_str field, uint32_t test, const uint64_t *asked,
                         gt_query_sets *ret)
{
    decider *d = user;
    if (gt_str_is(field, "@timestamp"))
        return on_time(d, test, asked, ret);
    if (gt_str_starts(field, GT_STR("gatetrail.security_group.")))
        return on_group_field(d, test, asked, ret);
    const field_row *row = FIELDS;
    while (row < FIELDS + sizeof FIELDS / sizeof *FIELDS && !gt_str_eq(row->field, field))
        row++;
    if (row == FIELDS + sizeof FIELDS / sizeof *FIELDS)
        return GT_NOTFOUND;
    for (size_t i = 0; i < row->count; i++)
        GT_TRY(load_column(d, row->columns[i]));
    if (!row->count)
        return on_constant(d, row, test, asked, ret);
    if (!are_numbered(d, row))
        return GT_NOTFOUND;
    return row->count == 1 ? by_code(d, row, test, asked, ret)
                           : by_codes(d, row, test, asked, ret);
}

/* --- filters ----------------------------------------------------------------------------------- */

static bool is_one_of(gt_str text, const gt_str *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (gt_str_eq(text, list[i]))
            return true;
    return false;
}

/* As records are chosen when they are read: by their time, region and account; what is absent is inside. */
static gt_status outside_time(decider *d, const gt_input_filter *f, uint64_t *asked)
{
    const gt_segment *s = d->segment;
    bool any = (f->has_since && s->min_time < f->since) || (f->has_until && s->max_time >= f->until) ||
               s->min_time < s->floor;
    if (!any)
        return GT_OK;
    GT_TRY(load_times(d));
    for (size_t i = 0; i < s->events; i++) {
        gt_time_ms t = d->times[i];
        if (t != GT_EVENT_NO_TIME && ((f->has_since && t < f->since) ||
                                      (f->has_until && t >= f->until) || t < s->floor))
            asked[i / 64] &= ~((uint64_t)1 << i % 64);
    }
    return GT_OK;
}

static verdict in_list(const gt_cell *cell, const gt_str *list, size_t count)
{
    if (cell->kind == GT_CELL_ODD)
        return UNDECIDED;
    return cell->kind != GT_CELL_TEXT || is_one_of(cell->text, list, count) ? YES : NO;
}

static gt_status outside_lists(decider *d, const gt_input_filter *f, gt_query_sets *sets)
{
    if (!f->region_count && !f->account_count)
        return GT_OK;
    const gt_column_data *region = &d->data[GT_COLUMN_AWS_REGION];
    const gt_column_data *recipient = &d->data[GT_COLUMN_RECIPIENT];
    const gt_column_data *user = &d->data[GT_COLUMN_USER_ACCOUNT];
    GT_TRY(load_column(d, GT_COLUMN_AWS_REGION));
    GT_TRY(load_column(d, GT_COLUMN_RECIPIENT));
    GT_TRY(load_column(d, GT_COLUMN_USER_ACCOUNT));
    for (size_t i = 0; i < d->segment->events; i++) {
        uint64_t bit = (uint64_t)1 << i % 64;
        if (!(sets->may[i / 64] & bit))
            continue;
        const gt_cell *account = &recipient->values[gt_column_code(recipient, i)];
        if (account->kind != GT_CELL_TEXT && account->kind != GT_CELL_ODD)
            account = &user->values[gt_column_code(user, i)];
        const gt_cell *at = &region->values[gt_column_code(region, i)];
        verdict a = f->account_count ? in_list(account, f->accounts, f->account_count) : YES;
        verdict r = f->region_count ? in_list(at, f->regions, f->region_count) : YES;
        if (a == NO || r == NO)
            sets->may[i / 64] &= ~bit;
        if (a != YES || r != YES)
            sets->must[i / 64] &= ~bit;
    }
    return GT_OK;
}

/* --- segments ---------------------------------------------------------------------------------- */

static gt_status decide_segment(decider *d, const gt_segment *segment, const gt_input_filter *filter,
                                gt_query_sets *ret)
{
    gt_arena_reset(d->columns_arena, 16 * GT_MIB);
    d->segment = segment;
    d->words = (segment->events + 63) / 64;
    d->times = NULL;
    memset(d->loaded, 0, sizeof d->loaded);
    uint64_t *asked = gt_arena_array(d->columns_arena, uint64_t, d->words + 1);
    if (!asked)
        return gt_arena_status(d->columns_arena);
    memset(asked, 0xff, d->words * sizeof *asked);
    if (segment->events % 64)
        asked[d->words - 1] = ((uint64_t)1 << segment->events % 64) - 1;
    GT_TRY(outside_time(d, filter, asked));
    /* Not the columns' arena, which is not rewound: what is loaded meanwhile stays. */
    GT_TRY(gt_query_decide(d->query, d->scratch, d->words, asked, on_test, d, ret));
    return outside_lists(d, filter, ret);
}

static void add_picks(const gt_segment *s, const uint64_t *bits, size_t words, gt_db_decided *ret)
{
    uint64_t any = 0;
    for (size_t w = 0; w < words; w++)
        any |= bits[w];
    for (size_t b = 0; any && b < s->block_count; b++)
        ret->picks[ret->pick_count++] =
            (gt_event_pick){s->blocks[b].id, bits, s->blocks[b].first, s->blocks[b].count};
}

static gt_status decide_all(decider *d, gt_arena *arena, const gt_segment *segments, size_t count,
                            const gt_input_filter *filter, bool counting, gt_db_decided *ret)
{
    size_t blocks = 0;
    for (size_t i = 0; i < count; i++)
        blocks += segments[i].block_count;
    ret->picks = gt_arena_alloc(arena, (blocks + 1) * sizeof *ret->picks);
    if (!ret->picks)
        return gt_arena_status(arena);
    for (size_t i = 0; i < count; i++) {
        const gt_segment *s = &segments[i];
        size_t words = (s->events + 63) / 64;
        uint64_t *bits = gt_arena_array(arena, uint64_t, 2 * words + 1);
        if (!bits)
            return gt_arena_status(arena);
        gt_query_sets sets = {bits, bits + words};
        GT_TRY(decide_segment(d, s, filter, &sets));
        for (size_t w = 0; counting && w < words; w++) {
            ret->certain += (uint64_t)__builtin_popcountll(sets.must[w]);
            sets.may[w] &= ~sets.must[w];
        }
        add_picks(s, sets.may, words, ret);
    }
    return GT_OK;
}

gt_status gt_db_decide(gt_store *store, gt_arena *arena, const gt_query *query,
                       const gt_input_filter *filter, const gt_ecs_tables *tables, gt_time_ms now,
                       bool count, gt_db_decided *ret)
{
    gt_segment *segments;
    size_t segment_count;
    gt_db_decided found = {0};
    GT_TRY(gt_segments_load(store, arena, &segments, &segment_count, &found.loose,
                            &found.loose_count));
    decider d = {.store = store, .query = query, .tables = tables, .now = now};
    d.batch = gt_arena_new(GT_BATCH_ARENA_MAX);
    d.memory = gt_arena_new(GT_BATCH_ARENA_MAX);
    d.columns_arena = gt_arena_new(GT_BATCH_ARENA_MAX);
    d.scratch = gt_arena_new(GT_SCRATCH_ARENA_MAX);
    gt_status status = d.batch && d.memory && d.columns_arena && d.scratch ? GT_OK : GT_NOMEM;
    if (status == GT_OK)
        status = decide_all(&d, arena, segments, segment_count, filter, count, &found);
    gt_ecs_free(d.ecs);
    gt_arena_free(d.batch);
    gt_arena_free(d.memory);
    gt_arena_free(d.columns_arena);
    gt_arena_free(d.scratch);
    if (status == GT_OK)
        *ret = found;
    return status;
}
