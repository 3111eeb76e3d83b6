#include "cli/aws.h"

#include "base/limits.h"
#include "watch/host.h"

int gt_cli_aws_open(gt_cli *cli, gt_str region, gt_cli_aws *ret)
{
    gt_buf message = GT_BUF(64 * GT_KIB);
    gt_str copy = gt_arena_dup(cli->arena, region);
    *ret = (gt_cli_aws){.env = gt_host_env(NULL)};
    gt_aws_options options = {
        .env = &ret->env,
        .profile = gt_cli_path(cli, GT_OPT_PROFILE),
        .region = copy.len ? copy.ptr : NULL,
        .endpoint_url = gt_cli_path(cli, GT_OPT_ENDPOINT_URL),
        .role_arn = gt_cli_path(cli, GT_OPT_ROLE_ARN),
        .external_id = gt_cli_path(cli, GT_OPT_EXTERNAL_ID),
        .mfa_serial = gt_cli_path(cli, GT_OPT_MFA_SERIAL),
        .mfa_token = gt_cli_path(cli, GT_OPT_MFA_TOKEN),
    };
    gt_status status = gt_aws_open(&options, &ret->aws, &message);
    if (status == GT_OK)
        ret->client = gt_aws_client_new(ret->aws);
    if (status == GT_OK && !ret->client)
        status = GT_NOMEM;
    if (status != GT_OK && message.len)
        gt_cli_error(cli, "%.*s", GT_STR_ARG(gt_buf_str(&message)));
    else if (status != GT_OK)
        (void)gt_cli_failed(cli, status, "preparing AWS");
    gt_buf_done(&message);
    return status == GT_OK ? GT_EXIT_OK : GT_EXIT_USAGE;
}

void gt_cli_aws_close(gt_cli_aws *aws)
{
    gt_aws_client_free(aws->client);
    gt_aws_close(aws->aws);
}
