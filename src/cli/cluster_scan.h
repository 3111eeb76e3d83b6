/* cluster_scan.h — rules over the documents of a cluster: what can be asked of the server is asked
 * there, and every document that comes back is evaluated here, exceptions included. */
#ifndef GT_CLI_CLUSTER_SCAN_H
#define GT_CLI_CLUSTER_SCAN_H

#include "cli/cluster.h"
#include "cli/run.h"
#include "detect/detect.h"

typedef struct gt_cluster_scan {
    gt_cli *cli;
    gt_run *run; /* its filter is applied, its counts are filled in */
    const gt_detector *detector;
    const gt_str *urls; /* of several clusters: one after the other */
    size_t url_count;
    /* One document's matches, in the order of time. file: "INDEX/ID". */
    gt_status (*matched)(void *ctx, const gt_match *matches, size_t count, gt_str file);
    void *ctx;
} gt_cluster_scan;

/* GT_EXIT_OK, or what to end with (said). */
int gt_cluster_scan_run(const gt_cluster_scan *scan);

/* Are the arguments URLs of a cluster? With files among them: says so, and *ret_exit is not 0. */
bool gt_cli_args_are_cluster(gt_cli *cli, const gt_str *args, size_t count, int *ret_exit);

#endif
