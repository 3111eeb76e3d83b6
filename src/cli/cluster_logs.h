/* cluster_logs.h — events of a cluster as records in a temporary file, for commands that read PATHs. */
#ifndef GT_CLI_CLUSTER_LOGS_H
#define GT_CLI_CLUSTER_LOGS_H

#include "cli/cluster.h"
#include "cli/run.h"

/* Replace URLs of clusters among the paths by files of the events there: those between --since and
 * --until, or else within 30 days of `subject` (an eventID, or the id of an alert in gatetrail-alerts).
 * GT_EXIT_OK, or what to end with (said). */
int gt_cluster_logs_fetch(gt_cli *cli, gt_str subject, const gt_str *paths, size_t count,
                          const gt_str **ret_paths);

#endif
