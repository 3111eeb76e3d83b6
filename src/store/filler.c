#include "store/filler.h"

#include <pthread.h>

#include "base/limits.h"
#include "base/mem.h"
#include "store/events_internal.h"

#define SEEN_AHEAD 256

struct gt_filler {
    gt_store *store;
    pthread_mutex_t lock;
    int64_t first_own;
    int64_t last_seen;   /* the newest block when this transaction began, or ours since */
    uint64_t strangers;  /* transactions before which somebody else had written */
    gt_status status; /* the first failure */
    size_t blocks;    /* since the last commit */
    bool first;       /* the store had no events before */
    bool all_seen;    /* `seen` holds what the store had before, too */
    gt_filler_counts counts;
    gt_hash128 *seen; /* open addressing; {0, 0} is empty */
    size_t seen_count;
    size_t seen_cap;
};

struct gt_filler_worker {
    gt_filler *filler;
    gt_event_batch *member; /* records of the gzip member at hand */
    gt_event_batch *batch;  /* all others */
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

/* At the beginning of a transaction: has somebody else written blocks since the last one? Then ours are no
 * longer known by their ids, and every later batch is held against all blocks. */
static gt_status look_for_strangers(gt_filler *filler)
{
    int64_t next;
    GT_TRY(gt_events_next_block(filler->store, &next));
    if (next - 1 != filler->last_seen)
        filler->strangers++;
    filler->last_seen = next - 1;
    return GT_OK;
}

static gt_status see_known(gt_filler *filler);

gt_status gt_filler_new(gt_store *store, gt_filler **ret)
{
    gt_filler *filler = gt_calloc(1, sizeof *filler);
    if (!filler)
        return GT_NOMEM;
    filler->store = store;
    gt_status status = gt_events_next_block(store, &filler->first_own);
    filler->first = filler->first_own == 1;
    filler->last_seen = filler->first_own - 1;
    if (status == GT_OK)
        status = set_journal(filler, true);
    if (status == GT_OK)
        status = gt_store_begin(store);
    if (status == GT_OK)
        status = look_for_strangers(filler);
    if (status == GT_OK && !filler->first)
        status = see_known(filler);
    if (status != GT_OK) {
        gt_store_rollback(store);
        gt_free(filler->seen);
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
    worker->member = gt_event_batch_new();
    if (worker->batch && worker->member)
        return worker;
    gt_event_batch_free(worker->batch);
    gt_event_batch_free(worker->member);
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

/* Of a store that is not too large, all is remembered at once: cheaper than to look for each batch. Not
 * where some events of a block are gone, which may come again. */
static gt_status see_known(gt_filler *filler)
{
    sqlite3_stmt *stmt;
    bool row, ignored;
    GT_TRY(gt_store_prepare(filler->store,
                            "SELECT keys FROM event_raw WHERE (SELECT coalesce(sum(events), 0) <= ?1"
                            " AND coalesce(max(floor > min_time), 0) = 0 FROM event_blocks)",
                            &stmt));
    gt_store_bind_i64(stmt, 1, GT_FILLER_KNOWN_MAX);
    GT_TRY(gt_store_step(filler->store, stmt, &row));
    filler->all_seen = row;
    while (row) {
        gt_str keys = gt_store_col_blob(stmt, 0);
        gt_status status = GT_OK;
        for (size_t at = 0; status == GT_OK && at + sizeof(gt_hash128) <= keys.len;
             at += sizeof(gt_hash128))
            status = seen_add(filler, gt_event_key_read(keys.ptr + at), &ignored);
        if (status != GT_OK)
            (void)sqlite3_reset(stmt);
        GT_TRY(status);
        GT_TRY(gt_store_step(filler->store, stmt, &row));
    }
    return GT_OK;
}

static gt_status drop_known(gt_filler *filler, gt_event_batch *batch)
{
    if (filler->strangers)
        return gt_event_batch_drop_known(batch, filler->store, INT64_MAX);
    return filler->first_own > 1 && !filler->all_seen
               ? gt_event_batch_drop_known(batch, filler->store, filler->first_own)
               : GT_OK;
}

/* The table is larger than the caches: its lines are fetched before they are asked for. */
static gt_status drop_copies(gt_filler *filler, gt_event_batch *batch)
{
    size_t count = gt_event_batch_count(batch), ahead = count < SEEN_AHEAD ? count : SEEN_AHEAD;
    for (size_t i = 0; filler->seen_cap && i < ahead; i++)
        __builtin_prefetch(
            &filler->seen[gt_event_batch_key(batch, i).low & (filler->seen_cap - 1)]);
    GT_TRY(gt_event_batch_keep(batch, seen_add, filler));
    return drop_known(filler, batch);
}

static gt_status write_batch(gt_filler *filler, gt_event_batch *batch)
{
    size_t written;
    GT_TRY(gt_events_insert(filler->store, batch, &written));
    filler->counts.written += written;
    filler->last_seen += written != 0;
    if (gt_event_batch_columns_full(batch))
        GT_TRY(gt_events_insert_columns(filler->store, batch));
    size_t most = filler->first ? GT_FILLER_BLOCKS_COMMIT_FIRST : GT_FILLER_BLOCKS_COMMIT;
    if (++filler->blocks < most)
        return GT_OK;
    filler->blocks = 0;
    GT_TRY(gt_store_commit(filler->store));
    GT_TRY(gt_store_begin(filler->store));
    return look_for_strangers(filler);
}

static gt_status locked(gt_filler *filler, gt_status (*work)(void *ctx, gt_store *store), void *ctx)
{
    (void)pthread_mutex_lock(&filler->lock);
    gt_status status = filler->status;
    if (status == GT_OK)
        status = filler->status = work(ctx, filler->store);
    (void)pthread_mutex_unlock(&filler->lock);
    return status;
}

/* A batch on its way into the store. */
typedef struct passage {
    gt_filler *filler;
    gt_event_batch *batch;
    uint64_t strangers; /* when we looked */
} passage;

static gt_status sort_out(void *ctx, gt_store *store)
{
    passage *p = ctx;
    (void)store;
    p->strangers = p->filler->strangers;
    return drop_copies(p->filler, p->batch);
}

static gt_status write_sealed(void *ctx, gt_store *store)
{
    passage *p = ctx;
    (void)store;
    if (p->strangers != p->filler->strangers) { /* since we looked */
        gt_event_batch_unseal(p->batch);
        GT_TRY(drop_known(p->filler, p->batch));
        GT_TRY(gt_event_batch_seal(p->batch));
    }
    return write_batch(p->filler, p->batch);
}

static gt_status seal_and_write(passage *p)
{
    GT_TRY(gt_event_batch_seal(p->batch));
    return locked(p->filler, write_sealed, p);
}

static gt_status flush(gt_filler_worker *worker)
{
    passage p = {.filler = worker->filler, .batch = worker->batch};
    if (!gt_event_batch_count(p.batch))
        return GT_OK;
    GT_TRY(locked(p.filler, sort_out, &p));
    return seal_and_write(&p);
}

static gt_status flush_member(gt_filler_worker *worker)
{
    passage p = {.filler = worker->filler, .batch = worker->member};
    GT_TRY(locked(p.filler, sort_out, &p));
    if (!gt_event_batch_sparse(p.batch))
        return seal_and_write(&p);
    for (size_t i = 0; i < gt_event_batch_count(p.batch); i++) {
        GT_TRY(gt_event_batch_move(p.batch, i, worker->batch));
        if (gt_event_batch_full(worker->batch))
            GT_TRY(flush(worker));
    }
    return gt_event_batch_drop(p.batch);
}

gt_status gt_filler_member(gt_filler_worker *worker, gt_str packed, gt_str text)
{
    if (gt_event_batch_count(worker->member))
        GT_TRY(flush_member(worker));
    GT_TRY(gt_event_batch_drop(worker->member));
    if (packed.ptr && text.len <= GT_EVENT_MEMBER_BYTES)
        gt_event_batch_member(worker->member, packed, text);
    return GT_OK;
}

gt_status gt_filler_add(gt_filler_worker *worker, gt_str json, gt_str event_time)
{
    return gt_filler_add_known(worker, json, NULL, event_time);
}

gt_status gt_filler_add_known(gt_filler_worker *worker, gt_str json,
                              const gt_skeleton_view *skeleton, gt_str event_time)
{
    gt_time_ms time;
    if (!gt_time_parse(event_time, &time))
        time = GT_EVENT_NO_TIME;
    bool member = gt_event_batch_takes(worker->member, json);
    GT_TRY(gt_event_batch_add_known(member ? worker->member : worker->batch, json, skeleton, time));
    worker->given++;
    return gt_event_batch_full(worker->batch) ? flush(worker) : GT_OK;
}

gt_status gt_filler_with(gt_filler_worker *worker, gt_status (*fn)(void *ctx, gt_store *store),
                         void *ctx)
{
    return locked(worker->filler, fn, ctx);
}

static gt_status write_columns(void *ctx, gt_store *store)
{
    const gt_filler_worker *worker = ctx;
    GT_TRY(gt_events_insert_columns(store, worker->member));
    return gt_events_insert_columns(store, worker->batch);
}

gt_status gt_filler_worker_done(gt_filler_worker *worker)
{
    if (!worker)
        return GT_OK;
    gt_filler *filler = worker->filler;
    /* A member that is still at hand belongs to a run that failed: its text is gone. */
    gt_status status = gt_event_batch_drop(worker->member);
    if (status == GT_OK)
        status = flush(worker);
    if (status == GT_OK)
        status = locked(filler, write_columns, worker);
    (void)pthread_mutex_lock(&filler->lock);
    filler->counts.given += worker->given;
    if (status != GT_OK && filler->status == GT_OK)
        filler->status = status;
    (void)pthread_mutex_unlock(&filler->lock);
    gt_event_batch_free(worker->batch);
    gt_event_batch_free(worker->member);
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
