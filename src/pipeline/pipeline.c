#include "pipeline/pipeline.h"

#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "pipeline/pipeline_internal.h"
#include "source/file/file.h"

#include <stdlib.h>

#define BATCH_BYTES (1 * GT_MIB)      /* hand in a large input's output in pieces of this size */
#define PROGRESS_BYTES (4 * GT_MIB)   /* decoded bytes between two reports within one input */
#define LARGE_INPUT (4 * GT_MIB)      /* an input that alone may keep a thread busy at the end */
#define READ_AHEAD 32                 /* inputs, where files are not in memory */
#define COLD_INPUTS 32                /* taken to be so when one was not: a single one may be chance */
#define INTERRUPT_MASK 63             /* records between two looks at the flag */

/* --- emitting ----------------------------------------------------------------------------------*/

void gt_emit_bytes(gt_emit *emit, uint64_t tag, gt_str bytes)
{
    batch *b = emit->batch;
    if (emit->status != GT_OK)
        return;
    if (b->emission_count == b->emission_cap) {
        size_t cap = b->emission_cap ? b->emission_cap * 2 : 64;
        emission *more = gt_realloc(b->emissions, cap * sizeof *more);
        if (!more) {
            emit->status = GT_NOMEM;
            return;
        }
        b->emissions = more;
        b->emission_cap = cap;
    }
    size_t begin = b->bytes.len;
    gt_buf_add(&b->bytes, bytes);
    emit->status = gt_buf_status(&b->bytes);
    if (emit->status == GT_OK)
        b->emissions[b->emission_count++] = (emission){tag, (uint32_t)begin, (uint32_t)bytes.len};
}

void gt_emit_reject(gt_emit *emit, const char *reason)
{
    emit->reject = reason;
}

/* --- a worker's records ------------------------------------------------------------------------*/

static batch *current_batch(worker *w)
{
    if (w->batch && batch_bytes(w->batch) >= BATCH_BYTES)
        batch_give(w, false);
    if (!w->batch)
        w->batch = batch_take(w->run, w->index);
    return w->batch;
}

static gt_status on_problem(void *ctx, gt_problem_kind kind, uint64_t offset, const char *reason)
{
    worker *w = ctx;
    batch *b = current_batch(w);
    item *it = b ? batch_add(b) : NULL;
    if (!it)
        return GT_NOMEM;
    *it = (item){.reason = reason, .offset = offset, .type = ITEM_PROBLEM,
                 .problem_kind = (uint8_t)kind, .emission_end = (uint32_t)b->emission_count};
    return GT_OK;
}

static bool in_list(gt_str s, const gt_str *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (gt_str_eq(s, list[i]))
            return true;
    return count == 0;
}

static bool filters(const gt_input_filter *f)
{
    return f->has_since || f->has_until || f->account_count || f->region_count;
}

static bool is_outside(const gt_input_filter *f, const gt_record *record)
{
    gt_time_ms when;
    if ((f->has_since || f->has_until) && record->event_time.ptr &&
        gt_time_parse(record->event_time, &when) &&
        ((f->has_since && when < f->since) || (f->has_until && when >= f->until)))
        return true;
    gt_str account = record->recipient_account_id.ptr ? record->recipient_account_id
                                                      : record->account_id;
    if (f->account_count && account.ptr && !in_list(account, f->accounts, f->account_count))
        return true;
    return f->region_count && record->aws_region.ptr &&
           !in_list(record->aws_region, f->regions, f->region_count);
}

static gt_status on_record(void *ctx, const gt_record *record)
{
    worker *w = ctx;
    run *r = w->run;
    batch *b = current_batch(w);
    item *it = b ? batch_add(b) : NULL;
    if (!it)
        return GT_NOMEM;
    if ((b->item_count & INTERRUPT_MASK) == 0) {
        if (r->options->interrupt && *r->options->interrupt)
            atomic_store(&r->stop, true);
        if (atomic_load_explicit(&r->stop, memory_order_relaxed) || part_is_lost(w)) {
            b->item_count--;
            return GT_END;
        }
    }
    *it = (item){.offset = record->offset, .type = ITEM_RECORD};
    if (r->dedup) {
        const uint8_t *secret = gt_dedup_secret(r->dedup);
        uint64_t seed;
        memcpy(&seed, secret, sizeof seed);
        it->content = w->scanner->hash(secret, record->json.ptr, record->json.len);
        it->id = record->event_id.len ? gt_hash64(record->event_id, seed) : it->content;
        gt_dedup_prefetch(r->dedup, it->id);
    }
    size_t emissions = b->emission_count, bytes = b->bytes.len;
    gt_emit emit = {.batch = b};
    gt_status status = GT_OK;
    if (is_outside(&r->options->filter, record)) {
        it->type = ITEM_OUTSIDE;
    } else {
        uint64_t begin_ns = now_ns(r);
        status = r->stage->record(w->state, &r->options->inputs->items[w->input], record, &emit);
        w->profile.stage_ns += now_ns(r) - begin_ns;
    }
    if (status == GT_LIMIT) {
        status = GT_OK;
        emit.reject = "evaluating the record needs more memory than the limit allows";
    }
    if (status == GT_OK && emit.status != GT_OK)
        return emit.status;
    if (emit.reject) {
        b->emission_count = emissions;
        b->bytes.len = bytes;
        *it = (item){.reason = emit.reject, .offset = record->offset, .type = ITEM_PROBLEM,
                     .problem_kind = GT_PROBLEM_RECORD};
    }
    it->emission_end = (uint32_t)b->emission_count;
    return status;
}

/* --- progress ----------------------------------------------------------------------------------*/

static void tell_progress(worker *w)
{
    run *r = w->run;
    const gt_pipeline_stage *stage = r->stage;
    if (!stage->progress)
        return;
    pthread_mutex_lock(&r->lock);
    stage->progress(stage->ctx, &r->progress);
    pthread_mutex_unlock(&r->lock);
}

static gt_status on_progress(void *ctx, uint64_t bytes_read, uint64_t bytes_decoded)
{
    worker *w = ctx;
    run *r = w->run;
    if (r->options->interrupt && *r->options->interrupt)
        atomic_store(&r->stop, true);
    if (atomic_load_explicit(&r->stop, memory_order_relaxed))
        return GT_END;
    if (part_is_lost(w))
        return GT_END;
    uint64_t until = bytes_read;
    if (w->part && until > w->part->offset + w->part->size)
        until = w->part->offset + w->part->size; /* what lies behind is another part's */
    uint64_t fresh = until > w->bytes_read ? until - w->bytes_read : 0;
    w->bytes_read += fresh;
    w->bytes_decoded = bytes_decoded;
    if (fresh) {
        pthread_mutex_lock(&r->lock);
        r->progress.bytes_done += fresh;
        pthread_mutex_unlock(&r->lock);
    }
    if (bytes_decoded >= w->progress_told + PROGRESS_BYTES) {
        w->progress_told = bytes_decoded;
        tell_progress(w);
    }
    return GT_OK;
}

static void on_decoding(void *ctx, bool begins)
{
    worker *w = ctx;
    uint64_t now = now_ns(w->run);
    if (begins)
        w->decode_begin_ns = now;
    else
        w->profile.decode_ns += now - w->decode_begin_ns;
}

static gt_status on_member(void *ctx, gt_str packed, gt_str text)
{
    worker *w = ctx;
    uint64_t begin_ns = now_ns(w->run);
    gt_status status = w->run->stage->member(w->state, packed, text);
    w->profile.stage_ns += now_ns(w->run) - begin_ns;
    return status;
}

/* --- inputs ------------------------------------------------------------------------------------*/

static gt_status read_remote(worker *w, const gt_input *input, const gt_record_sink *sink)
{
    const gt_pipeline_fetch *fetch = w->run->options->fetch;
    gt_buf bytes = GT_BUF(0);
    const char *reason = "cannot be fetched";
    gt_status status = fetch->fetch(fetch->ctx, input, &bytes, &reason);
    if (status == GT_IO)
        return on_problem(w, GT_PROBLEM_INPUT, 0, reason);
    gt_str left = gt_buf_str(&bytes);
    if (status == GT_OK)
        status = gt_reader_run(w->reader, w->run->options->kind, gt_read_memory, &left, left.len, sink);
    gt_buf_done(&bytes);
    return status;
}

static gt_status read_input(worker *w)
{
    run *r = w->run;
    gt_record_sink sink = {w, on_record, on_problem, on_progress,
                           r->options->clock_ns ? on_decoding : NULL,
                           r->stage->member ? on_member : NULL};
    gt_source_file file;
    const char *reason;
    const gt_input *input = &r->options->inputs->items[w->input];
    w->bytes_read = w->progress_told = w->part ? w->part->offset : 0;
    w->bytes_decoded = 0;
    if (r->options->fetch && gt_str_starts(input->name, GT_STR("s3://"))) {
        gt_status fetched = read_remote(w, input, &sink);
        atomic_fetch_add(&r->decoded_bytes, w->bytes_decoded);
        return fetched;
    }
    if (gt_source_file_open(input, &file, &reason) != GT_OK)
        return on_problem(w, GT_PROBLEM_INPUT, 0, reason);
    file.interrupt = r->options->interrupt;
    gt_status status = w->part ? part_read(w, &file, &sink)
                               : gt_reader_run(w->reader, r->options->kind, gt_source_file_read,
                                               &file, file.size, &sink);
    gt_source_file_close(&file);
    if (!w->part) /* else it is known when all parts are */
        atomic_fetch_add(&r->decoded_bytes, w->bytes_decoded);
    if (file.waited)
        atomic_store_explicit(&r->cold, COLD_INPUTS, memory_order_relaxed);
    return status;
}

/* Where files are not in memory, the disk is kept busy with the ones that come next. */
static void fetch_ahead(run *r)
{
    const gt_inputs *inputs = r->options->inputs;
    size_t from, to;
    unsigned cold = atomic_load_explicit(&r->cold, memory_order_relaxed);
    if (!cold)
        return;
    atomic_store_explicit(&r->cold, cold - 1, memory_order_relaxed);
    pthread_mutex_lock(&r->lock);
    size_t next = r->next_unit < r->unit_count ? r->units[r->next_unit].input : inputs->count;
    from = r->fetched > next ? r->fetched : next;
    to = next + READ_AHEAD < inputs->count ? next + READ_AHEAD : inputs->count;
    if (to > from)
        r->fetched = to;
    pthread_mutex_unlock(&r->lock);
    for (size_t i = from; i < to; i++)
        if (!r->options->fetch || !gt_str_starts(inputs->items[i].name, GT_STR("s3://")))
            gt_source_file_prefetch(&inputs->items[i]);
}

/* The next unit for a free worker: in order, so that output need not wait; but a large input that
 * would else still run when everything else is done goes first. One worker always goes in order:
 * output of the others may have to wait for it. */
static bool claim(worker *w)
{
    run *r = w->run;
    bool found = false;
    pthread_mutex_lock(&r->lock);
    r->ahead -= w->ahead;
    w->ahead = false;
    while (r->next_unit < r->unit_count && r->units[r->next_unit].claimed)
        r->next_unit++;
    while (r->large_next < r->large_count && r->units[r->large[r->large_next]].claimed)
        r->large_next++;
    if (!atomic_load(&r->stop) && r->next_unit < r->unit_count) {
        found = true;
        w->unit = r->next_unit;
        if (r->large_next < r->large_count && r->ahead + 1 < r->claimers) {
            size_t large = r->large[r->large_next];
            w->ahead = unit_size(r, &r->units[large]) >= r->unclaimed_bytes / r->worker_count;
            if (w->ahead)
                w->unit = large;
            r->ahead += w->ahead;
        }
        unit *u = &r->units[w->unit];
        u->claimed = true;
        w->input = u->input;
        w->met = false;
        if ((w->part = u->part))
            w->part->state = PART_GUESSING;
        r->unclaimed_bytes -= unit_size(r, u);
    }
    pthread_mutex_unlock(&r->lock);
    return found;
}

static void *work(void *ctx)
{
    worker *w = ctx;
    run *r = w->run;
    uint64_t begin_ns = now_ns(r);
    while (claim(w)) {
        gt_status status = read_input(w);
        fetch_ahead(r);
        if (status != GT_OK && status != GT_END)
            run_fail(r, status);
        batch_give(w, true);
        tell_progress(w);
    }
    w->profile.total_ns = now_ns(r) - begin_ns;
    return NULL;
}

/* --- the run -----------------------------------------------------------------------------------*/

/* glibc's qsort_r hands the context last. */
static int compare_sizes(const void *a, const void *b, void *ctx)
{
    const run *r = ctx;
    uint64_t x = unit_size(r, &r->units[*(const size_t *)a]);
    uint64_t y = unit_size(r, &r->units[*(const size_t *)b]);
    return x > y ? -1 : x < y;
}

static gt_status prepare(run *r)
{
    const gt_inputs *inputs = r->options->inputs;
    r->large = gt_calloc(inputs->count, sizeof *r->large);
    r->workers = gt_calloc(r->worker_count, sizeof *r->workers);
    if (!r->large || !r->workers)
        return GT_NOMEM;
    if (r->options->kind == GT_RECORDS_CLOUDTRAIL && !r->options->keep_duplicates &&
        !(r->dedup = gt_dedup_new()))
        return GT_NOMEM;
    for (size_t i = 0; i < r->unit_count; i++)
        if (!r->units[i].part && unit_size(r, &r->units[i]) >= LARGE_INPUT)
            r->large[r->large_count++] = i;
    qsort_r(r->large, r->large_count, sizeof *r->large, compare_sizes, r);
    r->claimers = r->worker_count;
    r->unclaimed_bytes = inputs->bytes;
    r->progress.inputs_total = inputs->count;
    r->progress.bytes_total = inputs->bytes;
    gt_record_fields fields =
        filters(&r->options->filter) ? GT_RECORD_ALL_FIELDS : r->stage->fields;
    for (size_t i = 0; i < r->worker_count; i++) {
        worker *w = &r->workers[i];
        w->run = r;
        w->index = i;
        w->scanner = gt_scanner_best();
        if (!(w->reader = gt_reader_new(fields)))
            return GT_NOMEM;
        if (r->stage->worker_new)
            GT_TRY(r->stage->worker_new(r->stage->ctx, i, &w->state));
        w->started = true;
    }
    return GT_OK;
}

static void work_all(run *r)
{
    size_t threads = 1;
    while (threads < r->worker_count &&
           pthread_create(&r->workers[threads].thread, NULL, work, &r->workers[threads]) == 0)
        threads++;
    if (threads < r->worker_count) { /* a thread that cannot be made is one less, no failure */
        pthread_mutex_lock(&r->lock);
        r->claimers = threads;
        pthread_mutex_unlock(&r->lock);
    }
    work(&r->workers[0]);
    for (size_t i = 1; i < threads; i++)
        pthread_join(r->workers[i].thread, NULL);
}

static void sum_profile(run *r)
{
    gt_pipeline_profile *sum = &r->counts.profile;
    for (size_t i = 0; i < r->unit_count; i++) {
        sum->parts += r->units[i].part != NULL;
        sum->absorbed += r->units[i].part && r->units[i].part->state == PART_ABSORBED;
    }
    for (size_t i = 0; r->workers && i < r->worker_count && r->workers[i].reader; i++) {
        uint64_t known, other;
        const gt_pipeline_profile *p = &r->workers[i].profile;
        gt_reader_stats(r->workers[i].reader, &known, &other);
        sum->total_ns += p->total_ns;
        sum->decode_ns += p->decode_ns;
        sum->stage_ns += p->stage_ns;
        sum->known += known;
        sum->other += other;
    }
}

static void release(run *r)
{
    for (size_t i = 0; r->workers && i < r->worker_count; i++) {
        worker *w = &r->workers[i];
        if (w->started && r->stage->worker_free)
            r->stage->worker_free(r->stage->ctx, w->state);
        gt_reader_free(w->reader);
        batch_free(w->batch);
    }
    units_free(r);
    for (batch *b = r->free_batches, *next; b; b = next) {
        next = b->next;
        batch_free(b);
    }
    gt_dedup_free(r->dedup);
    gt_free(r->large);
    gt_free(r->workers);
    pthread_mutex_destroy(&r->lock);
    pthread_cond_destroy(&r->moved);
}

gt_status gt_pipeline_run(const gt_pipeline_options *options, const gt_pipeline_stage *stage,
                          gt_pipeline_counts *ret_counts)
{
    run r = {.options = options, .stage = stage, .status = GT_OK};
    r.worker_count = options->threads ? options->threads : 1;
    pthread_mutex_init(&r.lock, NULL);
    pthread_cond_init(&r.moved, NULL);
    gt_status status = units_plan(&r);
    if (r.worker_count > r.unit_count)
        r.worker_count = r.unit_count ? r.unit_count : 1;
    if (status == GT_OK)
        status = prepare(&r);
    if (status == GT_OK) {
        work_all(&r);
        status = r.status == GT_END ? GT_OK : r.status;
    }
    if (options->clock_ns)
        sum_profile(&r);
    r.counts.decoded_bytes = r.decoded_bytes;
    for (size_t i = 0; i < r.unit_count; i++)
        if (r.units[i].part && r.units[i].part->state != PART_ABSORBED)
            r.counts.decoded_bytes += r.units[i].part->decoded;
    r.counts.interrupted = options->interrupt && *options->interrupt;
    release(&r);
    *ret_counts = r.counts;
    return status;
}
