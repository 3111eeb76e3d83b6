#include "cli/database.h"

#include "cli/config.h"

int gt_cli_database_open(gt_cli *cli, bool read_only, gt_store **ret, gt_config **ret_config)
{
    gt_config *config = NULL;
    const char *path = gt_cli_path(cli, GT_OPT_DB);
    if (!path || gt_cli_has(cli, GT_OPT_CONFIG)) {
        gt_str file = gt_cli_has(cli, GT_OPT_CONFIG) ? gt_cli_str(cli, GT_OPT_CONFIG)
                                                     : GT_STR("gatetrail.toml");
        int code = gt_cli_config_load(cli, file, &config);
        if (code != GT_EXIT_OK)
            return code;
    }
    if (!path)
        path = gt_config_str(gt_config_get(config, GT_CONFIG_STORE), GT_CONFIG_STORE_PATH).ptr;
    gt_str why = GT_STR("");
    const gt_store_options options = {.read_only = read_only, .must_exist = true};
    gt_status status = gt_store_open(path, &options, cli->arena, ret, &why);
    if (status != GT_OK) {
        gt_cli_error(cli, "%.*s", GT_STR_ARG(why));
        return status == GT_NOTFOUND || status == GT_INVALID ? GT_EXIT_USAGE : GT_EXIT_INPUT;
    }
    if (ret_config)
        *ret_config = config;
    return GT_EXIT_OK;
}
