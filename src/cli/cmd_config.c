/* config check, config show, config reference. */
#include "base/limits.h"
#include "cli/config.h"

#include <stdlib.h>

static const char *environment(void *ctx, const char *name)
{
    (void)ctx;
    return getenv(name);
}

int gt_cli_config_load(gt_cli *cli, gt_str path, gt_config **ret)
{
    const gt_config_env env = {NULL, environment};
    gt_status status = gt_config_load(cli->arena, path, &env, ret);
    if (status != GT_OK)
        return gt_cli_failed(cli, status, "the configuration");
    gt_cli_diags(cli, &(*ret)->diags);
    return (*ret)->diags.errors ? GT_EXIT_USAGE : GT_EXIT_OK;
}

static gt_str file_of(const gt_cli *cli)
{
    return cli->arg_count ? cli->args[0] : GT_STR("gatetrail.toml");
}

int gt_cmd_config_check(gt_cli *cli)
{
    gt_config *config;
    int status = gt_cli_config_load(cli, file_of(cli), &config);
    if (status == GT_EXIT_OK)
        gt_cli_note(cli, "%.*s: no mistakes", GT_STR_ARG(config->path));
    return status;
}

int gt_cmd_config_show(gt_cli *cli)
{
    gt_config *config;
    int status = gt_cli_config_load(cli, file_of(cli), &config);
    gt_buf text = GT_BUF(16 * GT_MIB);
    if (status == GT_EXIT_OK)
        gt_config_show(config, &text);
    gt_cli_print(cli, gt_buf_str(&text));
    gt_buf_done(&text);
    return status;
}

int gt_cmd_config_reference(gt_cli *cli)
{
    gt_buf text = GT_BUF(16 * GT_MIB);
    gt_config_reference(&text);
    gt_cli_print(cli, gt_buf_str(&text));
    gt_buf_done(&text);
    return GT_EXIT_OK;
}
