/* cluster_watch.h — rules on their schedules over the documents of a cluster, shared by as many
 * gatetrails as there are: each run of a rule is held by one of them (cluster/lease.h), and alerts are
 * created in an index of the cluster, once each, whoever found them.
 *
 * A run looks at the windows that Elastic's detection engine would look at (schedule.h), by the rule's
 * timestamp_override, or by @timestamp where a document lacks that field, and makes at most
 * max_signals new alerts a window; what no window can reach is written down as a gap, what a window had
 * no room for is counted in the rule's run. Exceptions of rules count as everywhere; a rule with
 * alert_suppression is refused, in words. */
#ifndef GT_WATCH_CLUSTER_WATCH_H
#define GT_WATCH_CLUSTER_WATCH_H

#include "cluster/cluster.h"
#include "detect/detect.h"
#include "watch/log.h"

#define GT_CLUSTER_ALERTS_INDEX "gatetrail-alerts"
#define GT_CLUSTER_RUNS_INDEX "gatetrail-runs"

typedef struct gt_cluster_watch_options {
    const gt_cluster_options *cluster;
    gt_str index;        /* for every rule; empty: each rule's own indices */
    gt_str alerts_index; /* empty: GT_CLUSTER_ALERTS_INDEX */
    const gt_detector *detector; /* of documents, scheduled */
    gt_str holder;       /* names this gatetrail among the others */
    int64_t lease_ms;    /* 0: 60 s */
    bool once;           /* end when every rule that was due has run */
    gt_log log;
} gt_cluster_watch_options;

typedef struct gt_cluster_watch_counts {
    uint64_t runs, taken_over, failed_runs;
    uint64_t documents, alerts, present, capped, gaps;
} gt_cluster_watch_counts;

/* Until env->stopped. GT_OK, GT_NOMEM, or why it cannot begin (reterr_message), GT_INVALID where a rule
 * asks for suppression. A run that fails is logged and comes again. */
gt_status gt_cluster_watch_run(const gt_cluster_watch_options *options,
                               gt_cluster_watch_counts *ret_counts, gt_buf *reterr_message)
    GT_MUST_CHECK;

#endif
