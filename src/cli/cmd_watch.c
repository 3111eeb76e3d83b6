/* watch — the engine that runs for ever. */
#include "base/limits.h"
#include "cli/config.h"
#include "watch/service.h"

int gt_cmd_watch(gt_cli *cli)
{
    gt_config *config = NULL;
    gt_str path = gt_cli_has(cli, GT_OPT_CONFIG) ? gt_cli_str(cli, GT_OPT_CONFIG)
                                                 : GT_STR("gatetrail.toml");
    int code = gt_cli_config_load(cli, path, &config);
    if (code != GT_EXIT_OK)
        return code;
    gt_service_options options = {.config_path = path, .config = config,
                                  .clock_file = gt_cli_path(cli, GT_OPT_CLOCK_FILE),
                                  .once = gt_cli_flag(cli, GT_OPT_ONCE)};
    gt_buf why = GT_BUF(16 * GT_MIB);
    gt_status status = gt_service_run(&options, &why);
    if (status != GT_OK) {
        gt_str reason = gt_str_trim(gt_buf_str(&why));
        gt_cli_error(cli, "%.*s", GT_STR_ARG(reason.len ? reason : gt_str_c(gt_status_text(status))));
    }
    gt_buf_done(&why);
    if (status == GT_OK)
        return GT_EXIT_OK;
    return status == GT_INVALID ? GT_EXIT_USAGE : GT_EXIT_INPUT;
}
