/* worker — a delivery to parts: fetched, decoded, every record evaluated. */
#include "watch/engine.h"

#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "detect/alert.h"
#include "watch/suppress.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

typedef struct worker {
    gt_watch *watch;
    gt_watch_setup *setup; /* held: the one that `detect` was made from */
    gt_detect_worker *detect;
    gt_pace pace; /* of setup's rules */
    gt_reader *reader;
    /* The delivery at hand. */
    gt_job *job;
    const gt_piece *piece;
    gt_part *part;
    gt_time_ms now;
} worker;

/* --- parts ----------------------------------------------------------------------------------------- */

static gt_part *part_new(worker *w)
{
    gt_part *part = gt_calloc(1, sizeof *part);
    if (!part)
        return NULL;
    part->slot = w->job->slot;
    part->setup = gt_watch_setup_hold(w->setup);
    part->text = GT_BUF(GT_WATCH_PART_TEXT_MAX);
    part->arrived = w->piece ? w->piece->arrived : 0;
    return part;
}

void gt_part_free(gt_part *part)
{
    if (!part)
        return;
    gt_watch_setup_release(part->setup);
    gt_free(part->keys);
    gt_free(part->answers);
    gt_free(part->founds);
    gt_free(part->asides);
    gt_free(part->raws);
    gt_buf_done(&part->text);
    gt_free(part);
}

/* Pass the part on; waits while the committer is behind. On failure the part is freed. */
static gt_status part_send(worker *w, gt_delivery *delivery)
{
    gt_part *part = w->part;
    w->part = NULL;
    part->delivery = delivery;
    size_t weight = sizeof *part + part->count * sizeof *part->keys + part->text.cap +
                    (delivery ? delivery->bytes : 0);
    gt_status status = gt_queue_put(w->watch->done, part, weight);
    if (status != GT_OK) {
        part->delivery = NULL;
        gt_part_free(part);
    }
    return status;
}

static gt_status grow(void *array, size_t count, size_t *cap, size_t size)
{
    void **at = array;
    if (count < *cap)
        return GT_OK;
    size_t more = *cap ? *cap * 2 : 256;
    void *p = gt_realloc(*at, more * size);
    if (!p)
        return GT_NOMEM;
    *at = p;
    *cap = more;
    return GT_OK;
}

/* --- records --------------------------------------------------------------------------------------- */

gt_time_ms gt_watch_primary_time(const gt_match *match, gt_time_ms event, gt_time_ms now)
{
    gt_str field = match->rule->timestamp_override;
    gt_time_ms t;
    if (gt_str_is(field, "event.ingested"))
        return now;
    if (field.len && gt_time_parse(gt_document_text(match->document, field), &t))
        return t;
    return event;
}

static gt_status add_found(worker *w, const gt_record *record, const gt_match *match)
{
    gt_part *part = w->part;
    GT_TRY(grow(&part->founds, part->found_count, &part->found_cap, sizeof *part->founds));
    gt_time_ms event;
    if (!gt_time_parse(record->event_time, &event))
        event = w->now;
    gt_found f = {.record = (uint32_t)part->count, .rule = (uint32_t)match->index, .event = event,
                  .at = gt_watch_primary_time(match, event, w->now)};
    memcpy(f.id, match->id.ptr, sizeof f.id);
    f.event_id = part->text.len;
    f.event_id_len = match->event_id.len;
    gt_buf_add(&part->text, match->event_id);
    if (w->setup->scheduled && w->setup->scheduled[match->index]) {
        f.raw = part->text.len;
        f.raw_len = record->json.len;
        gt_buf_add(&part->text, record->json);
    } else {
        f.json = part->text.len;
        gt_alert_write_head(match, &part->text);
        f.json_len = part->text.len - f.json;
        f.terms = part->text.len;
        gt_suppress_terms(match->rule, match->document, &part->text);
        f.terms_len = part->text.len - f.terms;
    }
    GT_TRY(gt_buf_status(&part->text));
    part->founds[part->found_count++] = f;
    return GT_OK;
}

/* A record about security groups is for the committer. *ret_aside false: it is about something else. */
static gt_status set_aside(worker *w, const gt_record *record, bool *ret_aside)
{
    gt_part *part = w->part;
    gt_json *tree = NULL;
    gt_sg_change *change = NULL;
    char id[GT_RECORD_ID_MAX];
    gt_arena *batch = gt_detect_worker_batch(w->detect);
    *ret_aside = false;
    if (!w->setup->enrich || !gt_sg_event_name(record->event_name))
        return GT_OK;
    gt_arena_reset(batch, 4 * GT_MIB);
    GT_TRY(gt_json_parse(batch, record->json, &tree, NULL));
    GT_TRY(gt_sg_change_of(batch, tree, gt_record_id(record, id), &change));
    if (!change)
        return GT_OK;
    GT_TRY(grow(&part->asides, part->aside_count, &part->aside_cap, sizeof *part->asides));
    gt_aside a = {.record = (uint32_t)part->count, .packed = part->text.len};
    if (change->outcome == GT_SG_APPLIED)
        gt_sg_change_pack(change, &part->text);
    a.packed_len = part->text.len - a.packed;
    a.raw = part->text.len;
    if (gt_detector_candidate(w->setup->detector, record))
        gt_record_write(&part->text, record);
    a.raw_len = part->text.len - a.raw;
    GT_TRY(gt_buf_status(&part->text));
    part->asides[part->aside_count++] = a;
    *ret_aside = true;
    return GT_OK;
}

static void log_record(const worker *w, const gt_record *record, const char *reason)
{
    gt_log_say(&w->watch->options.log, GT_LOG_WARN, "record rejected",
               GT_LOG_TEXT("source", w->job->slot->feed->config.name),
               GT_LOG_TEXT("input", w->piece->name), GT_LOG_NUMBER("offset", record->offset),
               GT_LOG_TEXT("reason", gt_str_c(reason)));
}

static gt_status keep_raw(worker *w, const gt_record *record)
{
    gt_part *part = w->part;
    GT_TRY(grow(&part->raws, part->raw_count, &part->raw_cap, sizeof *part->raws));
    gt_kept_raw raw = {.record = (uint32_t)part->count, .raw = part->text.len,
                       .raw_len = record->json.len};
    if (!gt_time_parse(record->event_time, &raw.event))
        raw.event = GT_EVENT_NO_TIME;
    gt_buf_add(&part->text, record->json);
    GT_TRY(gt_buf_status(&part->text));
    part->raws[part->raw_count++] = raw;
    return GT_OK;
}

static gt_status evaluate(worker *w, const gt_record *record)
{
    const gt_match *matches = NULL;
    size_t count = 0;
    bool aside = false;
    gt_status status = set_aside(w, record, &aside);
    if (aside)
        return GT_OK;
    if (status == GT_OK)
        status = gt_detect_record(w->detect, record, &matches, &count);
    if (status == GT_LIMIT || status == GT_INVALID) {
        w->part->counts.rejected++;
        w->part->counts.problems++;
        log_record(w, record, status == GT_LIMIT ? "too large to evaluate" : "no JSON object");
        return GT_END; /* counted; do not remember it */
    }
    for (size_t i = 0; status == GT_OK && i < count; i++)
        status = add_found(w, record, &matches[i]);
    return status;
}

static gt_status on_record(void *ctx, const gt_record *record)
{
    worker *w = ctx;
    gt_part *part = w->part;
    if (part->count >= GT_WATCH_PART_RECORDS || part->text.len >= GT_WATCH_PART_BYTES) {
        GT_TRY(part_send(w, NULL));
        w->part = part = part_new(w);
        if (!part)
            return GT_NOMEM;
    }
    part->counts.read++;
    gt_status status = evaluate(w, record);
    if (status == GT_END)
        return GT_OK;
    GT_TRY(status);
    if (w->watch->options.keep_events)
        GT_TRY(keep_raw(w, record));
    GT_TRY(grow(&part->keys, part->count, &part->cap, sizeof *part->keys));
    char name[GT_RECORD_ID_MAX];
    part->keys[part->count++] = (gt_memory_key){gt_hash64(gt_record_id(record, name), 0),
                                                gt_hash64(record->json, 1)};
    gt_time_ms event;
    if (gt_time_parse(record->event_time, &event) && event > part->counts.event_last)
        part->counts.event_last = event;
    return atomic_load(&w->watch->aborting) ? GT_RETRY : GT_OK;
}

static gt_status on_problem(void *ctx, gt_problem_kind kind, uint64_t offset, const char *reason)
{
    worker *w = ctx;
    if (kind == GT_PROBLEM_RECORD) {
        w->part->counts.read++;
        w->part->counts.rejected++;
    }
    if (kind != GT_PROBLEM_WARNING)
        w->part->counts.problems++;
    gt_log_say(&w->watch->options.log, GT_LOG_WARN, "input is broken",
               GT_LOG_TEXT("source", w->job->slot->feed->config.name),
               GT_LOG_TEXT("input", w->piece->name), GT_LOG_NUMBER("offset", offset),
               GT_LOG_TEXT("reason", gt_str_c(reason)));
    return GT_OK;
}

/* --- bytes ----------------------------------------------------------------------------------------- */

static gt_status read_piece(worker *w, const gt_piece *piece, gt_buf *reterr)
{
    const gt_record_sink sink = {.ctx = w, .record = on_record, .problem = on_problem};
    w->piece = piece;
    if (piece->arrived > w->part->counts.arrived_last)
        w->part->counts.arrived_last = piece->arrived;
    if (piece->arrived && (!w->part->arrived || piece->arrived < w->part->arrived))
        w->part->arrived = piece->arrived;
    if (!piece->path) {
        gt_str left = piece->bytes;
        w->part->counts.bytes += left.len;
        return gt_reader_run(w->reader, GT_RECORDS_CLOUDTRAIL, gt_read_memory, &left, left.len, &sink);
    }
    int fd = open(piece->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        if (errno == ENOENT)
            return GT_OK; /* taken away between notice and reading: there is nothing to read */
        gt_buf_printf(reterr, "%s: %s", piece->path, strerror(errno));
        return GT_RETRY;
    }
    w->part->counts.bytes += w->job->delivery->bytes;
    gt_status status = gt_reader_run(w->reader, GT_RECORDS_CLOUDTRAIL, gt_read_file, &fd,
                                     w->job->delivery->bytes, &sink);
    close(fd);
    return status;
}

/* --- deliveries ------------------------------------------------------------------------------------ */

/* Work with the newest setup. */
static gt_status refresh(worker *w)
{
    gt_watch_setup *setup = gt_watch_setup_get(w->watch);
    if (setup == w->setup) {
        gt_watch_setup_release(setup);
        return GT_OK;
    }
    gt_detect_worker_free(w->detect);
    gt_watch_setup_release(w->setup);
    w->detect = NULL;
    w->setup = setup;
    GT_TRY(gt_detect_worker_new(setup->detector, setup->tables, setup->enrich, &w->detect));
    w->pace = (gt_pace){setup->detector, setup->pace, &w->watch->options.log};
    const gt_detect_timing timing = gt_pace_timing(&w->pace);
    gt_detect_worker_set_timing(w->detect, &timing);
    return GT_OK;
}

static gt_status process(worker *w, gt_job *job, gt_buf *reterr)
{
    gt_delivery *d = job->delivery;
    w->job = job;
    w->piece = NULL;
    GT_TRY(gt_feed_fetch(job->slot->feed, d, reterr));
    GT_TRY(refresh(w));
    w->now = gt_watch_now(w->watch);
    gt_detect_worker_set_now(w->detect, w->now);
    w->part = part_new(w);
    gt_status status = w->part ? GT_OK : GT_NOMEM;
    if (status == GT_OK)
        w->part->counts.deliveries = 1;
    for (size_t i = 0; status == GT_OK && i < d->count; i++)
        status = read_piece(w, &d->pieces[i], reterr);
    return status == GT_OK ? part_send(w, d) : status;
}

static void work_on(worker *w, gt_job *job)
{
    gt_buf reason = GT_BUF(4096);
    gt_status status = GT_RETRY;
    if (atomic_load(&w->watch->aborting))
        gt_buf_lit(&reason, "stopping");
    else
        status = process(w, job, &reason);
    if (status != GT_OK) {
        gt_part_free(w->part);
        w->part = NULL;
        const char *why = reason.len ? reason.data : gt_status_text(status);
        if (!atomic_load(&w->watch->aborting))
            gt_log_say(&w->watch->options.log, GT_LOG_WARN, "delivery put back",
                       GT_LOG_TEXT("source", job->slot->feed->config.name),
                       GT_LOG_TEXT("reason", gt_str_c(why)));
        gt_watch_ack(job->slot, job->delivery, why);
    }
    gt_buf_done(&reason);
    gt_free(job);
}

void *gt_watch_worker_main(void *ctx)
{
    worker w = {.watch = ctx};
    void *job = NULL;
    while (!w.reader && !atomic_load(&w.watch->aborting)) {
        w.reader = gt_reader_new(GT_RECORD_ALL_FIELDS);
        if (!w.reader)
            w.watch->options.env->sleep(w.watch->options.env->ctx, 1000);
    }
    while (gt_queue_take(w.watch->todo, -1, &job) == GT_OK)
        work_on(&w, job);
    gt_detect_worker_free(w.detect);
    gt_watch_setup_release(w.setup);
    gt_reader_free(w.reader);
    return NULL;
}
