#include "cli/deferred.h"

#include "base/limits.h"
#include "base/mem.h"
#include "cli/sg_db.h"

#include <stdio.h>

/* The tag of emissions that hold a record set aside; rules have small numbers. */
#define TAG_SET_ASIDE UINT64_MAX

struct gt_deferred {
    const gt_detector *detector;
    gt_sg_history *history;
    gt_arena *scratch; /* the committing thread's */
    gt_sg_effects *effects;
    gt_detect_enrich enrich;
    const gt_record *current; /* while it is evaluated at the end */
    FILE *file;
    uint64_t kept;
};

/* --- enriching ---------------------------------------------------------------------------------- */

static gt_status enrich(void *ctx, gt_arena *batch, const gt_json *record, gt_json *document)
{
    gt_deferred *d = ctx;
    char id[GT_RECORD_ID_MAX];
    gt_str fallback = GT_STR("");
    if (!record)
        return GT_OK;
    if (d->current)
        fallback = gt_arena_dup(batch, gt_record_id(d->current, id));
    return gt_sg_fields_set(batch, d->effects, record, fallback, document);
}

const gt_detect_enrich *gt_deferred_enrich(gt_deferred *d)
{
    return d ? &d->enrich : NULL;
}

gt_status gt_deferred_new(const gt_detector *detector, gt_deferred **ret)
{
    *ret = NULL;
    if (!gt_detector_reads(detector, GT_STR("gatetrail")))
        return GT_OK;
    gt_deferred *d = gt_calloc(1, sizeof(*d));
    if (!d)
        return GT_NOMEM;
    d->detector = detector;
    d->enrich = (gt_detect_enrich){.enrich = enrich, .ctx = d};
    d->history = gt_sg_history_new();
    d->scratch = gt_arena_new(GT_BATCH_ARENA_MAX);
    if (!d->history || !d->scratch) {
        gt_deferred_free(d);
        return GT_NOMEM;
    }
    *ret = d;
    return GT_OK;
}

void gt_deferred_free(gt_deferred *d)
{
    if (!d)
        return;
    gt_sg_history_free(d->history);
    gt_sg_effects_free(d->effects);
    gt_arena_free(d->scratch);
    if (d->file)
        fclose(d->file);
    gt_free(d);
}

/* --- records as bytes --------------------------------------------------------------------------- */

/* Every text of a record; a NULL one (absent) is told from an empty one. */
static void record_texts(gt_record *record, gt_str *texts[8])
{
    gt_str *const all[8] = {&record->event_id,   &record->event_source, &record->event_name,
                            &record->event_time, &record->aws_region,   &record->account_id,
                            &record->recipient_account_id, &record->json};
    memcpy(texts, all, sizeof(all));
}

static void put_size(gt_buf *out, uint64_t n)
{
    gt_buf_add(out, (gt_str){(const char *)&n, sizeof(n)});
}

static void put_text(gt_buf *out, gt_str s)
{
    put_size(out, s.ptr ? (uint64_t)s.len + 1 : 0);
    gt_buf_add(out, s);
}

static bool get_text(gt_str *bytes, gt_str *ret)
{
    uint64_t n;
    if (bytes->len < sizeof(n))
        return false;
    memcpy(&n, bytes->ptr, sizeof(n));
    *bytes = gt_str_from(*bytes, sizeof(n));
    if (n && n - 1 > bytes->len)
        return false;
    *ret = n ? gt_str_head(*bytes, (size_t)n - 1) : GT_STR_NULL;
    *bytes = gt_str_from(*bytes, n ? (size_t)n - 1 : 0);
    return true;
}

static void put_record(gt_buf *out, const gt_record *record)
{
    gt_record copy = *record;
    gt_str *texts[8];
    record_texts(&copy, texts);
    for (size_t i = 0; i < 8; i++)
        put_text(out, *texts[i]);
}

static bool get_record(gt_str bytes, uint64_t offset, gt_record *ret)
{
    gt_str *texts[8];
    *ret = (gt_record){.offset = offset};
    record_texts(ret, texts);
    for (size_t i = 0; i < 8; i++)
        if (!get_text(&bytes, texts[i]))
            return false;
    return true;
}

void gt_deferred_write(gt_buf *out, const gt_record *record)
{
    put_record(out, record);
}

gt_status gt_deferred_read(gt_str bytes, uint64_t offset, gt_record *ret)
{
    return get_record(bytes, offset, ret) ? GT_OK : GT_CORRUPT;
}

/* --- setting aside ------------------------------------------------------------------------------ */

gt_status gt_deferred_take(gt_deferred *d, gt_run_worker *w, const gt_record *record,
                           gt_emit *emit, bool *ret_taken)
{
    gt_json *tree = NULL;
    gt_sg_change *change = NULL;
    char id[GT_RECORD_ID_MAX];
    *ret_taken = false;
    if (!d || !gt_sg_event_name(record->event_name))
        return GT_OK;
    gt_arena *batch = gt_detect_worker_batch(w->detect);
    gt_arena_reset(batch, 4 * GT_MIB);
    GT_TRY(gt_json_parse(batch, record->json, &tree, NULL));
    GT_TRY(gt_sg_change_of(batch, tree, gt_record_id(record, id), &change));
    if (!change)
        return GT_OK; /* about something else: evaluated at once */
    gt_buf packed = GT_BUF(GT_RECORD_BYTES_MAX);
    if (change->outcome == GT_SG_APPLIED)
        gt_sg_change_pack(change, &packed);
    gt_buf_reset(&w->text);
    put_text(&w->text, gt_buf_str(&packed));
    gt_status status = gt_buf_status(&packed);
    gt_buf_done(&packed);
    GT_TRY(status);
    if (gt_detector_candidate(d->detector, record))
        put_record(&w->text, record);
    GT_TRY(gt_buf_status(&w->text));
    gt_emit_bytes(emit, TAG_SET_ASIDE, gt_buf_str(&w->text));
    *ret_taken = true;
    return GT_OK;
}

typedef struct entry {
    const gt_input *input; /* lives as long as the run */
    uint64_t offset, tag, len;
} entry;

static gt_status write_entry(gt_deferred *d, const gt_committed *item, gt_str bytes)
{
    entry e = {item->input, item->offset, item->tag, bytes.len};
    if (!d->file)
        d->file = tmpfile();
    if (!d->file || fwrite(&e, sizeof(e), 1, d->file) != 1 ||
        (bytes.len && fwrite(bytes.ptr, bytes.len, 1, d->file) != 1))
        return GT_IO;
    d->kept++;
    return GT_OK;
}

gt_status gt_deferred_keep(gt_deferred *d, const gt_committed *item, bool *ret_kept)
{
    gt_str rest = item->bytes, packed;
    *ret_kept = false;
    if (!d)
        return GT_OK;
    if (item->tag != TAG_SET_ASIDE) {
        if (d->kept == 0)
            return GT_OK; /* nothing waits before it */
        *ret_kept = true;
        return write_entry(d, item, item->bytes);
    }
    *ret_kept = true;
    if (!get_text(&rest, &packed))
        return GT_CORRUPT;
    if (packed.len) {
        gt_sg_change *change;
        gt_arena_reset(d->scratch, GT_MIB);
        GT_TRY(gt_sg_change_unpack(d->scratch, packed, &change));
        GT_TRY(gt_sg_history_add(d->history, change));
    }
    return rest.len ? write_entry(d, item, rest) : GT_OK;
}

/* --- without a pipeline ------------------------------------------------------------------------- */

gt_status gt_deferred_learn(gt_deferred *d, const gt_record *record)
{
    gt_json *tree = NULL;
    gt_sg_change *change = NULL;
    char id[GT_RECORD_ID_MAX];
    if (!d || !gt_sg_event_name(record->event_name))
        return GT_OK;
    gt_arena_reset(d->scratch, GT_MIB);
    GT_TRY(gt_json_parse(d->scratch, record->json, &tree, NULL));
    GT_TRY(gt_sg_change_of(d->scratch, tree, gt_record_id(record, id), &change));
    return change ? gt_sg_history_add(d->history, change) : GT_OK;
}

gt_status gt_deferred_load(gt_deferred *d, gt_store *store)
{
    return d ? gt_sg_db_load(store, d->history) : GT_OK;
}

gt_status gt_deferred_fold(gt_deferred *d)
{
    if (!d)
        return GT_OK;
    GT_TRY(gt_sg_effects_new(d->history, &d->effects));
    gt_sg_history_free(d->history);
    d->history = NULL;
    return GT_OK;
}

void gt_deferred_current(gt_deferred *d, const gt_record *record)
{
    if (d)
        d->current = record;
}

/* --- at the end --------------------------------------------------------------------------------- */

static gt_status replay_record(gt_deferred *d, gt_run_worker *w, const entry *e, gt_str bytes,
                               const gt_deferred_sink *sink)
{
    gt_record record;
    const gt_match *matches;
    size_t count;
    if (!get_record(bytes, e->offset, &record))
        return GT_CORRUPT;
    d->current = &record;
    gt_status status = gt_detect_record(w->detect, &record, &matches, &count);
    if (status == GT_OK && count)
        status = sink->matches(sink->ctx, w, e->input, &record, matches, count);
    d->current = NULL;
    return status;
}

static gt_status replay_entries(gt_deferred *d, gt_run_worker *w, gt_buf *bytes,
                                const gt_deferred_sink *sink)
{
    for (uint64_t i = 0; i < d->kept; i++) {
        entry e;
        gt_buf_reset(bytes);
        if (fread(&e, sizeof(e), 1, d->file) != 1)
            return GT_IO;
        char *at = gt_buf_room(bytes, (size_t)e.len + 1);
        if (!at)
            return gt_buf_status(bytes);
        if (e.len && fread(at, (size_t)e.len, 1, d->file) != 1)
            return GT_IO;
        gt_str text = {at, (size_t)e.len};
        gt_committed item = {.input = e.input, .offset = e.offset, .tag = e.tag, .bytes = text};
        if (e.tag == TAG_SET_ASIDE)
            GT_TRY(replay_record(d, w, &e, text, sink));
        else
            GT_TRY(sink->item(sink->ctx, &item));
    }
    return GT_OK;
}

gt_status gt_deferred_replay(gt_deferred *d, gt_run *run, const gt_deferred_sink *sink)
{
    void *worker = NULL;
    gt_buf bytes = GT_BUF(GT_GIB);
    if (!d || d->kept == 0)
        return GT_OK;
    if (fflush(d->file) != 0 || fseek(d->file, 0, SEEK_SET) != 0)
        return GT_IO;
    GT_TRY(gt_deferred_fold(d));
    GT_TRY(gt_run_worker_new(run, d->detector, &d->enrich, NULL, &worker));
    gt_status status = replay_entries(d, worker, &bytes, sink);
    gt_run_worker_free(NULL, worker);
    gt_buf_done(&bytes);
    return status;
}
