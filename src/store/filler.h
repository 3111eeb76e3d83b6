/* filler.h — filling the event store from many threads: what a scan with --db does beside scanning.
 *
 * Each worker adds records to batches of its own (one for those of the gzip member at hand, one for all
 * others, which it compresses there); only the look for known records and the insertion are done one
 * at a time, under the filler's lock. Records that the store
 * has, or that came earlier in this run, are left out (same bytes; the filler remembers 16 bytes a
 * record for the second, in a table at most half empty).
 *
 * While a filler is open its gt_store belongs to it. */
#ifndef GT_STORE_FILLER_H
#define GT_STORE_FILLER_H

#include "store/events.h"

typedef struct gt_filler gt_filler;
typedef struct gt_filler_worker gt_filler_worker;

/* Begins a transaction; every GT_FILLER_BLOCKS_COMMIT blocks it is committed and a new one begun. */
gt_status gt_filler_new(gt_store *store, gt_filler **ret) GT_MUST_CHECK;

/* Any thread; a worker is used by one at a time. NULL without memory. */
gt_filler_worker *gt_filler_worker_new(gt_filler *filler);
/* Add one record; event_time as written in it. A failure of the store is remembered: every later
 * call answers it. GT_LIMIT only for a record larger than GT_RECORD_BYTES_MAX. */
gt_status gt_filler_add(gt_filler_worker *worker, gt_str json, gt_str event_time) GT_MUST_CHECK;
/* skeleton: of the record, if it is known (json/skeleton.h); NULL is slower. */
gt_status gt_filler_add_known(gt_filler_worker *worker, gt_str json,
                              const gt_skeleton_view *skeleton, gt_str event_time) GT_MUST_CHECK;
/* The records to come lie in the text of this gzip member, which is then kept as it is; NULL strings: the
 * one told before is about to vanish. */
gt_status gt_filler_member(gt_filler_worker *worker, gt_str packed, gt_str text) GT_MUST_CHECK;
/* Run fn with the store, under the filler's lock and inside its transaction: for what other tables keep of
 * the same records. Its failure is remembered as those of gt_filler_add are. */
gt_status gt_filler_with(gt_filler_worker *worker, gt_status (*fn)(void *ctx, gt_store *store),
                         void *ctx) GT_MUST_CHECK;
/* Write what the worker still holds, and free it. NULL is allowed. */
gt_status gt_filler_worker_done(gt_filler_worker *worker) GT_MUST_CHECK;

typedef struct gt_filler_counts {
    uint64_t given;   /* records added */
    uint64_t written; /* of these: new in the store */
} gt_filler_counts;

/* Commit and free; all workers are done. Answers the first failure; what was committed stays. */
gt_status gt_filler_close(gt_filler *filler, gt_filler_counts *ret) GT_MUST_CHECK;

#endif
