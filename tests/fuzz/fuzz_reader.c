/* Bytes as an input of any shape, compressed or not: every record handed out is a JSON object, and
 * what comes out does not depend on the pieces the bytes arrive in. The first byte is that size. */
#include "base/hash.h"
#include "base/limits.h"
#include "cloudtrail/cloudtrail.h"
#include "json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct state {
    gt_str data;
    size_t pos, step;
    gt_arena *arena;
    uint64_t sum; /* of all that came out, in order */
    bool lost;    /* corrupt zstd: how much of it comes out depends on the pieces it came in */
} state;

static gt_status read_some(void *ctx, char *to, size_t room, size_t *ret_len)
{
    state *s = ctx;
    size_t n = s->data.len - s->pos;
    n = n > room ? room : n;
    if (s->step && n > s->step)
        n = s->step;
    if (n)
        memcpy(to, s->data.ptr + s->pos, n);
    s->pos += n;
    *ret_len = n;
    return GT_OK;
}

static gt_status on_record(void *ctx, const gt_record *record)
{
    state *s = ctx;
    gt_json *tree = NULL;
    char id[GT_RECORD_ID_MAX];
    gt_arena_reset(s->arena, GT_MIB);
    gt_assert(gt_json_parse(s->arena, record->json, &tree, NULL) == GT_OK);
    gt_assert(gt_json_is(tree, GT_JSON_OBJECT));
    gt_assert(gt_str_eq(record->event_id, gt_json_path_str(tree, "eventID")) ||
              !record->event_id.ptr);
    s->sum = gt_hash64(gt_record_id(record, id), s->sum + record->offset);
    return GT_OK;
}

static gt_status on_problem(void *ctx, gt_problem_kind kind, uint64_t offset, const char *reason)
{
    state *s = ctx;
    if (kind == GT_PROBLEM_STREAM && gt_str_find(gt_str_c(reason), GT_STR("zstd")) != GT_NPOS)
        s->lost = true;
    /* Where corrupt data is noticed depends on how much of it the library was given. */
    s->sum = gt_hash64(gt_str_c(reason),
                       s->sum + (uint64_t)kind + (kind == GT_PROBLEM_STREAM ? 0 : offset));
    return GT_OK;
}

static state run(gt_reader *reader, gt_arena *arena, gt_record_kind kind, gt_str data, size_t step)
{
    state s = {.data = data, .step = step, .arena = arena};
    gt_record_sink sink = {&s, on_record, on_problem, NULL, NULL, NULL};
    gt_status status = gt_reader_run(reader, kind, read_some, &s, step ? 0 : data.len, &sink);
    gt_assert(status == GT_OK);
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    gt_reader *reader = gt_reader_new(GT_RECORD_ALL_FIELDS);
    gt_arena *arena = gt_arena_new(256 * GT_MIB);
    gt_str text = {(const char *)data + 1, size - 1};
    size_t step = 1 + data[0] % 64;
    for (gt_record_kind kind = GT_RECORDS_CLOUDTRAIL; kind <= GT_RECORDS_ECS && arena; kind++)
        if (reader) {
            state whole = run(reader, arena, kind, text, 0);
            state pieces = run(reader, arena, kind, text, step);
            gt_assert(whole.sum == pieces.sum || (whole.lost && pieces.lost));
        }
    gt_reader_free(reader);
    gt_arena_free(arena);
    return 0;
}
