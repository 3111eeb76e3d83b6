#include "store/filler.h"

#include <pthread.h>

#include "base/limits.h"
#include "base/mem.h"

struct gt_filler {
    gt_store *store;
    pthread_mutex_t lock;
    int64_t first_own;
    gt_status status; /* the first failure */
    size_t blocks;    /* since the last commit */
    bool first;       /* the store had no events before */
    gt_filler_counts counts;
    gt_hash128 *seen; /* open addressing; {0, 0} is empty */
    size_t seen_count;
    size_t seen_cap;
};

struct gt_filler_worker {
    gt_filler *filler;
    gt_event_batch *batch;
    uint64_t given;
};

/* A first fill only appends. With a rollback journal each page is then written once, in place; the
 * write-ahead log would write each twice, with a checksum. When somebody else has the file open the
 * mode stays as it is, which is no failure. */
static gt_status set_journal(gt_filler *filler, bool bulk)
{
    if (!filler->first)
        return GT_OK;
    return gt_store_exec(filler->store, bulk ? "PRAGMA journal_mode = TRUNCATE"
                                             : "PRAGMA journal_mode = WAL");
}

gt_status gt_filler_new(gt_store *store, gt_filler **ret)
{
    gt_filler *filler = gt_calloc(1, sizeof *filler);
    if (!filler)
        return GT_NOMEM;
    filler->store = store;
    gt_status status = gt_events_next_block(store, &filler->first_own);
    filler->first = filler->first_own == 1;
    if (status == GT_OK)
        status = set_journal(filler, true);
    if (status == GT_OK)
        status = gt_store_begin(store);
    if (status != GT_OK) {
        gt_free(filler);
        return status;
    }
    (void)pthread_mutex_init(&filler->lock, NULL);
    *ret = filler;
    return GT_OK;
}

gt_filler_worker *gt_filler_worker_new(gt_filler *filler)
{
    gt_filler_worker *worker = gt_calloc(1, sizeof *worker);
    if (!worker)
        return NULL;
    worker->filler = filler;
    worker->batch = gt_event_batch_new();
    if (worker->batch)
        return worker;
    gt_free(worker);
    return NULL;
}

static gt_status seen_grow(gt_filler *filler)
{
    size_t cap = filler->seen_cap ? filler->seen_cap * 2 : (size_t)1 << 14;
    gt_hash128 *seen = gt_calloc(cap, sizeof *seen);
    if (!seen)
        return GT_NOMEM;
    for (size_t i = 0; i < filler->seen_cap; i++) {
        gt_hash128 key = filler->seen[i];
        if (!key.low && !key.high)
            continue;
        size_t at = (size_t)key.low & (cap - 1);
        while (seen[at].low || seen[at].high)
            at = (at + 1) & (cap - 1);
        seen[at] = key;
    }
    gt_free(filler->seen);
    filler->seen = seen;
    filler->seen_cap = cap;
    return GT_OK;
}

/* Under the lock. True when the key is new to this run. */
static gt_status seen_add(void *user, gt_hash128 key, bool *ret_new)
{
    gt_filler *filler = user;
    if (filler->seen_count * 4 >= filler->seen_cap * 3)
        GT_TRY(seen_grow(filler));
    size_t mask = filler->seen_cap - 1, at = (size_t)key.low & mask;
    while (filler->seen[at].low || filler->seen[at].high) {
        if (filler->seen[at].low == key.low && filler->seen[at].high == key.high) {
            *ret_new = false;
            return GT_OK;
        }
        at = (at + 1) & mask;
    }
    filler->seen[at] = key;
    filler->seen_count++;
    *ret_new = true;
    return GT_OK;
}

static gt_status drop_copies(gt_filler *filler, gt_event_batch *batch)
{
    GT_TRY(filler->status);
    GT_TRY(gt_event_batch_keep(batch, seen_add, filler));
    return filler->first_own > 1 ? gt_event_batch_drop_known(batch, filler->store,
                                                             filler->first_own)
                                 : GT_OK;
}

static gt_status write_batch(gt_filler *filler, gt_event_batch *batch)
{
    GT_TRY(filler->status);
    size_t written;
    GT_TRY(gt_events_insert(filler->store, batch, &written));
    filler->counts.written += written;
    size_t most = filler->first ? GT_FILLER_BLOCKS_COMMIT_FIRST : GT_FILLER_BLOCKS_COMMIT;
    if (++filler->blocks < most)
        return GT_OK;
    filler->blocks = 0;
    GT_TRY(gt_store_commit(filler->store));
    return gt_store_begin(filler->store);
}

static gt_status locked(gt_filler *filler, gt_event_batch *batch,
                        gt_status (*work)(gt_filler *, gt_event_batch *))
{
    (void)pthread_mutex_lock(&filler->lock);
    gt_status status = work(filler, batch);
    if (status != GT_OK && filler->status == GT_OK)
        filler->status = status;
    (void)pthread_mutex_unlock(&filler->lock);
    return status;
}

static gt_status flush(gt_filler_worker *worker)
{
    if (!gt_event_batch_count(worker->batch))
        return GT_OK;
    GT_TRY(locked(worker->filler, worker->batch, drop_copies));
    GT_TRY(gt_event_batch_seal(worker->batch));
    return locked(worker->filler, worker->batch, write_batch);
}

gt_status gt_filler_add(gt_filler_worker *worker, gt_str json, gt_str event_time)
{
    gt_time_ms time;
    if (!gt_time_parse(event_time, &time))
        time = GT_EVENT_NO_TIME;
    GT_TRY(gt_event_batch_add(worker->batch, json, time));
    worker->given++;
    return gt_event_batch_full(worker->batch) ? flush(worker) : GT_OK;
}

gt_status gt_filler_with(gt_filler_worker *worker, gt_status (*fn)(void *ctx, gt_store *store),
                         void *ctx)
{
    gt_filler *filler = worker->filler;
    (void)pthread_mutex_lock(&filler->lock);
    gt_status status = filler->status;
    if (status == GT_OK)
        status = filler->status = fn(ctx, filler->store);
    (void)pthread_mutex_unlock(&filler->lock);
    return status;
}

gt_status gt_filler_worker_done(gt_filler_worker *worker)
{
    if (!worker)
        return GT_OK;
    gt_status status = flush(worker);
    gt_filler *filler = worker->filler;
    (void)pthread_mutex_lock(&filler->lock);
    filler->counts.given += worker->given;
    if (status != GT_OK && filler->status == GT_OK)
        filler->status = status;
    (void)pthread_mutex_unlock(&filler->lock);
    gt_event_batch_free(worker->batch);
    gt_free(worker);
    return status;
}

gt_status gt_filler_close(gt_filler *filler, gt_filler_counts *ret)
{
    gt_status status = gt_store_end(filler->store, filler->status);
    if (status == GT_OK)
        status = set_journal(filler, false);
    *ret = filler->counts;
    (void)pthread_mutex_destroy(&filler->lock);
    gt_free(filler->seen);
    gt_free(filler);
    return status;
}
