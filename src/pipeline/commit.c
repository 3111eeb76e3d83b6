/* Batches, and their commit in the order of the inputs: whoever hands in what is in turn commits it
 * and what waits behind it, while the others go on. */
#include "base/limits.h"
#include "base/mem.h"
#include "pipeline/pipeline_internal.h"

size_t batch_bytes(const batch *b)
{
    return b->item_count * sizeof *b->items + b->emission_count * sizeof *b->emissions +
           b->bytes.len;
}

void batch_free(batch *b)
{
    if (!b)
        return;
    gt_free(b->items);
    gt_free(b->emissions);
    gt_buf_done(&b->bytes);
    gt_free(b);
}

item *batch_add(batch *b)
{
    if (b->item_count == b->item_cap) {
        size_t cap = b->item_cap ? b->item_cap * 2 : 256;
        item *items = gt_realloc(b->items, cap * sizeof *items);
        if (!items)
            return NULL;
        b->items = items;
        b->item_cap = cap;
    }
    return &b->items[b->item_count++];
}

/* What it keeps from others while it waits: also the room that its text does not fill. */
size_t batch_held(const batch *b)
{
    return batch_bytes(b) + (b->bytes.cap - b->bytes.len);
}

batch *batch_take(run *r, size_t owner)
{
    pthread_mutex_lock(&r->lock);
    batch *b = r->free_batches;
    if (b)
        r->free_batches = b->next;
    pthread_mutex_unlock(&r->lock);
    if (!b && (b = gt_calloc(1, sizeof *b)))
        b->bytes = GT_BUF(UINT32_MAX);
    if (!b)
        return NULL;
    b->next = NULL;
    b->owner = owner;
    b->item_count = b->emission_count = 0;
    gt_buf_reset(&b->bytes);
    return b;
}

void run_fail(run *r, gt_status status)
{
    pthread_mutex_lock(&r->lock);
    if (r->status == GT_OK)
        r->status = status;
    atomic_store(&r->stop, true);
    pthread_cond_broadcast(&r->moved);
    pthread_mutex_unlock(&r->lock);
}

/* --- committing --------------------------------------------------------------------------------*/

static void tell_problem(run *r, const gt_input *input, gt_problem_kind kind, uint64_t offset,
                         const char *reason)
{
    if (kind == GT_PROBLEM_WARNING)
        r->counts.warnings++;
    else
        r->counts.problems++;
    if (kind == GT_PROBLEM_RECORD) {
        r->counts.read++;
        r->counts.rejected++;
    }
    gt_problem problem = {input, kind, offset, reason};
    if (r->stage->problem)
        r->stage->problem(r->stage->ctx, &problem);
}

static gt_status commit_emissions(run *r, const gt_input *input, const batch *b, const item *it,
                                  size_t begin)
{
    for (size_t i = begin; i < it->emission_end && r->stage->commit; i++) {
        const emission *e = &b->emissions[i];
        gt_committed committed = {input, it->offset, e->tag, {b->bytes.data + e->begin, e->len}};
        GT_TRY(r->stage->commit(r->stage->ctx, &committed));
    }
    return GT_OK;
}

static gt_status commit_record(run *r, const gt_input *input, const batch *b, const item *it,
                               size_t begin)
{
    gt_seen seen = GT_SEEN_NEW;
    if (r->dedup)
        GT_TRY(gt_dedup_see(r->dedup, it->id, it->content, &seen));
    r->counts.read++;
    if (seen == GT_SEEN_SAME) {
        r->counts.duplicate++;
        return GT_OK;
    }
    r->counts.evaluated++;
    r->counts.outside += it->type == ITEM_OUTSIDE;
    if (seen == GT_SEEN_OTHER)
        tell_problem(r, input, GT_PROBLEM_WARNING, it->offset,
                     "the eventID was seen before with other bytes; both records are evaluated");
    return commit_emissions(r, input, b, it, begin);
}

/* Slots fetched by another processor are looked for again, ahead of their use. */
#define PREFETCH 16

static gt_status commit_batch(run *r, const gt_input *input, const batch *b, size_t committer)
{
    bool fetch = r->dedup && b->owner != committer;
    for (size_t i = 0; fetch && i < PREFETCH && i < b->item_count; i++)
        gt_dedup_prefetch(r->dedup, b->items[i].id);
    for (size_t i = 0, begin = 0; i < b->item_count; begin = b->items[i++].emission_end) {
        const item *it = &b->items[i];
        if (fetch && i + PREFETCH < b->item_count)
            gt_dedup_prefetch(r->dedup, it[PREFETCH].id);
        if (it->type == ITEM_PROBLEM)
            tell_problem(r, input, (gt_problem_kind)it->problem_kind, it->offset, it->reason);
        else
            GT_TRY(commit_record(r, input, b, it, begin));
    }
    return GT_OK;
}

void batch_recycle(run *r, batch *b)
{
    if (b->bytes.cap + b->item_cap * sizeof *b->items > 4 * GT_MIB) {
        batch_free(b); /* an exceptional one */
        return;
    }
    b->next = r->free_batches;
    r->free_batches = b;
}

/* Commit everything whose turn it is. Called and left with the lock held. */
static void drain(run *r, size_t committer)
{
    if (r->committing)
        return; /* that thread sees what we have queued */
    r->committing = true;
    while (r->status == GT_OK && r->head < r->unit_count) {
        unit *u = &r->units[r->head];
        queue *q = &u->queue;
        batch *b = q->first;
        if (!b) {
            if (!q->finished && !(u->part && u->part->state == PART_ABSORBED))
                break;
            r->counts.files += u->last;
            r->progress.inputs_done += u->last;
            r->head++;
            continue;
        }
        if (!(q->first = b->next))
            q->last = NULL;
        const gt_input *input = &r->options->inputs->items[u->input];
        pthread_mutex_unlock(&r->lock);
        uint64_t begin_ns = now_ns(r);
        gt_status status = commit_batch(r, input, b, committer);
        r->counts.profile.commit_ns += now_ns(r) - begin_ns;
        if (status != GT_OK)
            run_fail(r, status);
        pthread_mutex_lock(&r->lock);
        r->progress.records = r->counts.read;
        r->workers[b->owner].waiting_bytes -= batch_held(b);
        batch_recycle(r, b);
        pthread_cond_broadcast(&r->moved);
    }
    r->committing = false;
    pthread_cond_broadcast(&r->moved);
}

void batch_give(worker *w, bool finished)
{
    run *r = w->run;
    pthread_mutex_lock(&r->lock);
    queue *q = &r->units[w->unit].queue;
    if (finished && w->part)
        part_finish(w);
    if (w->batch && w->part && w->part->state == PART_ABSORBED) {
        batch_recycle(r, w->batch);
        w->batch = NULL;
    }
    if (w->batch) {
        w->waiting_bytes += batch_held(w->batch);
        if (q->last)
            q->last->next = w->batch;
        else
            q->first = w->batch;
        q->last = w->batch;
        w->batch = NULL;
    }
    q->finished |= finished;
    if (w->unit == r->head)
        drain(r, w->index);
    while (w->waiting_bytes > GT_PIPELINE_PENDING_MAX && r->status == GT_OK &&
           (r->head != w->unit || r->committing))
        pthread_cond_wait(&r->moved, &r->lock);
    if (r->head == w->unit)
        drain(r, w->index); /* our turn came while we waited */
    pthread_mutex_unlock(&r->lock);
}
