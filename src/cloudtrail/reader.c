/* The reader: its life, and records out of objects. */
#include "cloudtrail/records_internal.h"

#include "base/hash.h"
#include "base/mem.h"

#define NESTED_MAX 6 /* strings and envelopes inside each other: Firehose in CloudWatch in a dump is 4 */

enum { FIELD, CONTAINER, WRAPPER };

static const uint8_t roles[] = {
#define X(name, role, ...) role,
#include "cloudtrail/shapes.def"
#undef X
};

static bool is_for_dispatch(size_t which)
{
    return roles[which] != FIELD || which == SHAPE_EVENT_ID || which == SHAPE_EVENT_SOURCE ||
           which == SHAPE_EVENT_NAME;
}

/* Slots that are not asked for stay: they are never found. */
static gt_status make_plan(gt_arena *rules, gt_record_fields fields, const gt_scan_plan **ret)
{
    gt_str keys[SHAPE_COUNT][2];
    gt_scan_path paths[SHAPE_COUNT];
    static const char *const names[][2] = {
#define X(name, role, ...) {__VA_ARGS__},
#include "cloudtrail/shapes.def"
#undef X
    };
    for (size_t i = 0; i < SHAPE_COUNT; i++) {
        keys[i][0] = gt_str_c(names[i][0]);
        keys[i][1] = gt_str_c(names[i][1]);
        paths[i] = (gt_scan_path){keys[i], names[i][1] ? 2 : 1};
        if (fields == GT_RECORD_DISPATCH_FIELDS && !is_for_dispatch(i))
            paths[i].count = 0;
    }
    return gt_scan_plan_new(rules, paths, SHAPE_COUNT, ret);
}

/* Fields of records, digests and Insight events that FIELD rows do not name. */
static const char *const marks[] = {
    "eventVersion",   "userIdentity",     "eventType",        "eventCategory",  "sourceIPAddress",
    "insightDetails", "requestParameters", "responseElements", "digestStartTime", "digestEndTime",
    "digestS3Object", "digestS3Bucket",   "awsAccountId",     "errorCode",      "sharedEventID",
};
#define MARKS (sizeof marks / sizeof *marks)

static gt_status make_marks(gt_arena *rules, const gt_scan_plan **ret)
{
    gt_str keys[MARKS];
    gt_scan_path paths[MARKS];
    for (size_t i = 0; i < MARKS; i++) {
        keys[i] = gt_str_c(marks[i]);
        paths[i] = (gt_scan_path){&keys[i], 1};
    }
    return gt_scan_plan_new(rules, paths, MARKS, ret);
}

gt_reader *gt_reader_new(gt_record_fields fields)
{
    gt_reader *r = gt_calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->decoder = gt_decoder_new();
    r->rules = gt_arena_new(GT_RULES_ARENA_MAX);
    r->scratch = gt_arena_new(GT_SCRATCH_ARENA_MAX);
    r->scanner = gt_scanner_best();
    r->fields = fields;
    bool planned = r->rules && make_plan(r->rules, GT_RECORD_ALL_FIELDS, &r->plan) == GT_OK &&
                   make_plan(r->rules, fields, &r->item_plan) == GT_OK &&
                   make_marks(r->rules, &r->marks) == GT_OK;
    r->skeletons = planned ? gt_skeletons_new(r->scanner, r->item_plan) : NULL;
    if (!r->decoder || !planned || !r->scratch || (r->scanner->skeleton && !r->skeletons)) {
        gt_reader_free(r);
        return NULL;
    }
    return r;
}

void gt_reader_free(gt_reader *r)
{
    if (!r)
        return;
    gt_decoder_free(r->decoder);
    gt_skeletons_free(r->skeletons);
    gt_arena_free(r->rules);
    gt_arena_free(r->scratch);
    gt_free(r);
}

void gt_reader_stats(const gt_reader *r, uint64_t *ret_known, uint64_t *ret_other)
{
    gt_skeletons_stats(r->skeletons, ret_known, ret_other);
}

gt_status gt_reader_run(gt_reader *r, gt_record_kind kind, gt_read_fn read, void *read_ctx,
                        uint64_t size_hint, const gt_record_sink *sink)
{
    return gt_reader_run_part(r, kind, read, read_ctx, size_hint, sink, NULL);
}

gt_status gt_reader_run_part(gt_reader *r, gt_record_kind kind, gt_read_fn read, void *read_ctx,
                             uint64_t size_hint, const gt_record_sink *sink,
                             const gt_reader_part *part)
{
    r->kind = kind;
    r->sink = sink;
    r->in_member = false;
    gt_skeletons_leave(r->skeletons);
    text t = {.reader = r, .frames = {FRAME_TOP}, .first = true, .part = part};
    t.begin = t.p = t.end = "";
    if (part && part->begin) {
        gt_decoder_begin_plain(r->decoder, read, read_ctx, size_hint,
                               gt_reader_place_window(part->begin->offset));
        GT_TRY(text_continue(&t, part->begin));
    } else {
        gt_decoder_begin(r->decoder, read, read_ctx, size_hint);
    }
    GT_TRY(text_run(&t));
    GT_TRY(member_ends(r));
    const gt_decode_problem *problem = gt_decoder_problem(r->decoder);
    if (problem->reason)
        GT_TRY(sink->problem(sink->ctx, problem->reading ? GT_PROBLEM_INPUT : GT_PROBLEM_STREAM,
                             problem->offset, problem->reason));
    return GT_OK;
}

gt_str gt_record_id(const gt_record *record, char out[GT_RECORD_ID_MAX])
{
    if (record->event_id.len)
        return record->event_id;
    gt_hash128 hash = gt_hash128_of(record->json);
    uint8_t bytes[16];
    for (int i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(hash.high >> (56 - 8 * i));
        bytes[8 + i] = (uint8_t)(hash.low >> (56 - 8 * i));
    }
    memcpy(out, "xxh3:", 5);
    gt_hex(bytes, sizeof bytes, out + 5);
    return (gt_str){out, 37};
}

/* --- objects -----------------------------------------------------------------------------------*/

look look_of(const gt_reader *reader, const char *const *values)
{
    if (reader->kind == GT_RECORDS_ECS) {
        if (values[SHAPE_HITS] && *values[SHAPE_HITS] == '[')
            return LOOK_CONTAINER;
        return values[SHAPE_SOURCE] && *values[SHAPE_SOURCE] == '{' ? LOOK_WRAPPER : LOOK_RECORD;
    }
    look found = LOOK_OTHER;
    if (values[SHAPE_EVENT_ID])
        return LOOK_RECORD;
    for (size_t i = 0; i < SHAPE_COUNT; i++) {
        if (!values[i])
            continue;
        if (roles[i] == FIELD)
            return LOOK_RECORD;
        if (roles[i] == CONTAINER && *values[i] == '[')
            return LOOK_CONTAINER;
        if (roles[i] == WRAPPER && (*values[i] == '{' || *values[i] == '"'))
            found = LOOK_WRAPPER;
    }
    return found;
}

/* A field as a string: by its known ends where no escape is, else decoded; none leaves *ret alone. */
static bool field(text *t, gt_str object, const picks *found, shape which, gt_str *ret)
{
    const char *value = found->values[which];
    if (found->ends[which]) {
        *ret = (gt_str){value + 1, (size_t)(found->ends[which] - value - 1)};
        return true;
    }
    if (!value)
        return true;
    return gt_scan_string(value, object.ptr + object.len, t->reader->scratch, ret);
}

static gt_status emit_record(text *t, gt_str object, uint64_t offset, const picks *found)
{
    gt_reader *r = t->reader;
    gt_record record = {.json = object, .offset = offset};
    t->found++;
    if (r->kind == GT_RECORDS_ECS)
        return r->sink->record(r->sink->ctx, &record);
    if (gt_skeletons_view(r->skeletons, object.ptr, &r->view))
        record.skeleton = &r->view;
    gt_arena_mark mark = gt_arena_save(r->scratch);
    bool ok = field(t, object, found, SHAPE_EVENT_ID, &record.event_id) &&
              field(t, object, found, SHAPE_EVENT_SOURCE, &record.event_source) &&
              field(t, object, found, SHAPE_EVENT_NAME, &record.event_name);
    if (ok && r->fields == GT_RECORD_ALL_FIELDS) {
        ok = field(t, object, found, SHAPE_EVENT_TIME, &record.event_time) &&
             field(t, object, found, SHAPE_AWS_REGION, &record.aws_region) &&
             field(t, object, found, SHAPE_RECIPIENT, &record.recipient_account_id) &&
             field(t, object, found, SHAPE_ACCOUNT, &record.account_id);
        if (!record.account_id.ptr)
            record.account_id = record.recipient_account_id;
    }
    if (!ok)
        return GT_NOMEM;
    gt_status status = r->sink->record(r->sink->ctx, &record);
    gt_arena_rewind(r->scratch, mark);
    return status;
}

static bool has_marks(const gt_reader *r, gt_str object)
{
    const char *values[MARKS];
    gt_scan scan = {0, values};
    if (gt_scan_text(r->scanner, r->marks, object.ptr, object.ptr + object.len, &scan) != GT_SCAN_OK)
        return false;
    for (size_t i = 0; i < MARKS; i++)
        if (values[i])
            return true;
    return false;
}

/* A string can hold a record only where it holds a brace. */
static bool may_hold_record(const char *value, const char *end)
{
    if (*value == '{')
        return true;
    gt_str inside = {value, (size_t)(gt_scan_value_end(value, end) - value)};
    return *value == '"' && gt_str_find_byte(inside, '{') != GT_NPOS;
}

static gt_status inner_object(text *t, const char *value, const char *end, uint64_t offset,
                              unsigned nested)
{
    picks found = {0};
    gt_scan scan = {0, found.values};
    gt_scan_verdict verdict = gt_scan_text(t->reader->scanner, t->reader->plan, value, end, &scan);
    gt_assert(verdict == GT_SCAN_OK); /* it is part of a valid object */
    return object_found(t, (gt_str){value, scan.len}, offset, &found, nested);
}

/* A whole object with an array of records in it (a line of {"Records":[…]}, a string's text): it is
 * read as a text of its own, so that the array is walked as everywhere. */
static gt_status container_found(text *t, gt_str object, uint64_t offset, unsigned nested)
{
    text inner = {.reader = t->reader, .begin = object.ptr, .p = object.ptr,
                  .end = object.ptr + object.len, .base = offset, .last = true, .fixed = true,
                  .first = true, .nested = nested, .frames = {FRAME_TOP}};
    gt_skeletons_leave(t->reader->skeletons); /* the same addresses may hold another text soon */
    gt_status status = text_run(&inner);
    gt_skeletons_leave(t->reader->skeletons);
    t->found += inner.found;
    return status;
}

gt_status string_found(text *t, const char *value, const char *end, uint64_t offset,
                       unsigned nested)
{
    gt_str decoded;
    gt_arena *scratch = t->reader->scratch;
    gt_arena_mark mark = gt_arena_save(scratch);
    if (!gt_scan_string(value, end, scratch, &decoded))
        return GT_NOMEM;
    char *copy = gt_arena_alloc(scratch, decoded.len + GT_SCAN_PADDING);
    if (!copy)
        return GT_NOMEM;
    memcpy(copy, decoded.ptr, decoded.len);
    memset(copy + decoded.len, 0, GT_SCAN_PADDING);
    gt_status status = container_found(t, (gt_str){copy, decoded.len}, offset, nested);
    gt_arena_rewind(scratch, mark);
    return status;
}

/* What CloudWatch Logs sends to see whether a subscription's destination is there: no record. */
static bool is_control(const char *message, const char *end)
{
    return message && gt_str_starts((gt_str){message, (size_t)(end - message)},
                                    GT_STR("\"CWL CONTROL MESSAGE:"));
}

gt_status item_found(text *t, gt_str object, uint64_t offset, const picks *found)
{
    const gt_reader *r = t->reader;
    if (look_of(r, found->values) == LOOK_RECORD)
        return emit_record(t, object, offset, found);
    return inner_object(t, object.ptr, object.ptr + object.len, offset, t->nested);
}

gt_status object_found(text *t, gt_str object, uint64_t offset, const picks *found,
                       unsigned nested)
{
    const char *const *values = found->values;
    look kind = look_of(t->reader, values);
    if (kind == LOOK_RECORD)
        return emit_record(t, object, offset, found);
    if (nested > NESTED_MAX)
        return text_reject(t, offset, "wrapped too many times");
    const char *end = object.ptr + object.len;
    if (t->reader->kind == GT_RECORDS_ECS && kind == LOOK_WRAPPER)
        return inner_object(t, values[SHAPE_SOURCE], end, offset, nested + 1);
    if (kind == LOOK_CONTAINER)
        return container_found(t, object, offset, nested + 1);
    if (has_marks(t->reader, object))
        return emit_record(t, object, offset, found);
    for (size_t i = 0; i < SHAPE_COUNT && kind == LOOK_WRAPPER; i++) {
        if (roles[i] != WRAPPER || !values[i] || !may_hold_record(values[i], end))
            continue;
        if (*values[i] == '{')
            return inner_object(t, values[i], end, offset, nested + 1);
        return string_found(t, values[i], end, offset, nested + 1);
    }
    if (is_control(values[SHAPE_MESSAGE], end))
        return GT_OK;
    return text_reject(t, offset, "an object without any field of CloudTrail");
}
