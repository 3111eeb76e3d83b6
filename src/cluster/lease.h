/* lease.h — who runs a rule now: one document a rule, changed only by compare-and-set.
 *
 * A run is begun by writing holder, start and end of the lease into the rule's document, and ended by
 * writing the start as the previous one. A holder that dies leaves the lease behind; when it has ended,
 * another takes the same run over, with the same start and so the same windows. Two that believe to
 * hold a lease (clocks differ) do the work twice and harm nothing: alerts are created only once. */
#ifndef GT_CLUSTER_LEASE_H
#define GT_CLUSTER_LEASE_H

#include "cluster/cluster.h"

typedef struct gt_lease {
    gt_str index, rule_id, holder;
    bool has_previous; /* the rule ran before, and that run started at: */
    gt_time_ms previous;
    gt_time_ms started; /* of this run */
    bool taken_over;    /* begun by another, who did not end it */
    gt_time_ms until;
    int64_t seq_no, primary_term; /* of the document as we wrote it last */
} gt_lease;

typedef struct gt_run_counts {
    uint64_t documents, alerts, present, capped;
} gt_run_counts;

/* Begin a run of the rule when it is due (an interval after the last start, or never run) and nobody
 * holds it. GT_OK: begun. GT_END: not now; *ret_next is when to ask again. Else as gt_cluster_call. */
gt_status gt_lease_take(gt_cluster *cluster, gt_arena *arena, gt_str index, gt_str rule_id,
                        gt_str holder, int64_t interval_ms, int64_t lease_ms, gt_time_ms now,
                        gt_lease *ret, gt_time_ms *ret_next) GT_MUST_CHECK;
/* Hold it longer. GT_END: another has taken it over; stop. */
gt_status gt_lease_renew(gt_cluster *cluster, gt_arena *arena, gt_lease *lease, gt_time_ms until)
    GT_MUST_CHECK;
/* The run is done. GT_END: another took it over meanwhile and will do it again. */
gt_status gt_lease_finish(gt_cluster *cluster, gt_arena *arena, gt_lease *lease,
                          const gt_run_counts *counts) GT_MUST_CHECK;
/* Write down a time that no run will look at, once. */
gt_status gt_lease_gap(gt_cluster *cluster, gt_arena *arena, const gt_lease *lease, gt_time_ms from,
                       gt_time_ms to) GT_MUST_CHECK;

/* --- alerts --------------------------------------------------------------------------------------- */

typedef struct gt_alert_doc {
    gt_str id;
    gt_str json;
} gt_alert_doc;

/* Create alerts that are not there yet, all or an error: what is refused for now is repeated as long
 * as patience lasts. *ret_created counts the new ones. */
gt_status gt_alerts_create(gt_cluster *cluster, gt_arena *arena, gt_str index,
                           const gt_alert_doc *alerts, size_t count, size_t *ret_created)
    GT_MUST_CHECK;

#endif
