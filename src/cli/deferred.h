/* deferred.h — rules that read gatetrail.* need the whole history before they can judge an event.
 * While a scan runs, records about security groups are set aside with what was found before and between
 * them, in an unlinked temporary file; at the end the history is folded, the records are evaluated with
 * it, and everything comes out in the order of paths and records. Memory grows with security-group
 * changes only. A detector without such rules costs nothing: everything streams. */
#ifndef GT_CLI_DEFERRED_H
#define GT_CLI_DEFERRED_H

#include "cli/run.h"
#include "sg/fields.h"
#include "store/store.h"

typedef struct gt_deferred gt_deferred;

/* *ret is NULL when no running rule reads gatetrail.* (or the events are ECS documents). */
gt_status gt_deferred_new(const gt_detector *detector, gt_deferred **ret) GT_MUST_CHECK;
/* NULL is allowed, here and below. */
void gt_deferred_free(gt_deferred *deferred);

/* For workers: what enriches the records that are not set aside; NULL when deferred is. */
const gt_detect_enrich *gt_deferred_enrich(gt_deferred *deferred);
/* In a stage's record function: is the record set aside? Then it has been emitted, and there is nothing
 * else to do. */
gt_status gt_deferred_take(gt_deferred *deferred, gt_run_worker *worker, const gt_record *record,
                           gt_emit *emit, bool *ret_taken) GT_MUST_CHECK;
/* In a stage's commit function: is the item kept for later? */
gt_status gt_deferred_keep(gt_deferred *deferred, const gt_committed *item, bool *ret_kept)
    GT_MUST_CHECK;

/* A record as bytes and back (views of them), for those who keep one. */
void gt_deferred_write(gt_buf *out, const gt_record *record);
gt_status gt_deferred_read(gt_str bytes, uint64_t offset, gt_record *ret) GT_MUST_CHECK;

/* Without a pipeline: learn from a record; fold once all are learned; then the enrichment knows the whole
 * history. current names the record that is evaluated next (NULL: none). */
gt_status gt_deferred_learn(gt_deferred *deferred, const gt_record *record) GT_MUST_CHECK;
gt_status gt_deferred_load(gt_deferred *deferred, gt_store *store) GT_MUST_CHECK; /* all of a database */
gt_status gt_deferred_fold(gt_deferred *deferred) GT_MUST_CHECK;
void gt_deferred_current(gt_deferred *deferred, const gt_record *record);

/* After the run. replay calls `item` for what was kept as it is, and `matches` for every record that was
 * set aside and that rules match, in order, on this thread. */
typedef struct gt_deferred_sink {
    void *ctx;
    gt_status (*item)(void *ctx, const gt_committed *item);
    gt_status (*matches)(void *ctx, gt_run_worker *worker, const gt_input *input,
                         const gt_record *record, const gt_match *matches, size_t count);
} gt_deferred_sink;
gt_status gt_deferred_replay(gt_deferred *deferred, gt_run *run, const gt_deferred_sink *sink)
    GT_MUST_CHECK;

#endif
