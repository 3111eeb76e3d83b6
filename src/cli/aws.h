/* aws.h — AWS as the options GT_OPTS_AWS say. */
#ifndef GT_CLI_AWS_H
#define GT_CLI_AWS_H

#include "cli/cli.h"
#include "net/aws.h"

typedef struct gt_cli_aws {
    gt_net_env env;
    gt_aws *aws;
    gt_aws_client *client;
} gt_cli_aws;

/* region: empty for the configured one. *ret must stay where it is. GT_EXIT_OK, or what the command
 * should return (already said); gt_cli_aws_close is due in every case and takes a zeroed one. */
int gt_cli_aws_open(gt_cli *cli, gt_str region, gt_cli_aws *ret);
void gt_cli_aws_close(gt_cli_aws *aws);

#endif
