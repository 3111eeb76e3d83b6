/* cluster.h — the options that say how to talk to a cluster (GT_OPTS_CLUSTER), and secrets from the
 * environment: GATETRAIL_PASSWORD, GATETRAIL_API_KEY. */
#ifndef GT_CLI_CLUSTER_H
#define GT_CLI_CLUSTER_H

#include "cli/cli.h"
#include "cluster/cluster.h"

typedef struct gt_cli_cluster {
    gt_cluster_options options;
    gt_str index; /* what the URLs name behind the host; empty: nothing */
    gt_net_env env;
    gt_aws *aws;
} gt_cli_cluster;

/* Is it a URL of a cluster ("https://host:9200/index")? */
bool gt_cli_is_cluster_url(gt_str text);
/* Read the options; urls: one node, or several of one cluster joined by commas, with the index behind
 * the last. ret is not moved afterwards. GT_EXIT_OK, or what to end with (said). gt_cli_cluster_done is
 * due in every case. */
int gt_cli_cluster_open(gt_cli *cli, gt_str urls, gt_cli_cluster *ret);
void gt_cli_cluster_done(gt_cli_cluster *cluster);
/* Say that a call failed: what, and the server's words. Returns GT_EXIT_INPUT, or GT_EXIT_USAGE when
 * the server refused. */
int gt_cli_cluster_failed(gt_cli *cli, gt_status status, const gt_cluster *cluster, const char *what);

#endif
