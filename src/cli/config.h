/* config.h — gatetrail.toml for commands. */
#ifndef GT_CLI_CONFIG_H
#define GT_CLI_CONFIG_H

#include "cli/cli.h"
#include "config/config.h"

/* Load a configuration and print all that is wrong with it. GT_EXIT_OK; else (already said) what the
 * command should return. The configuration lives as long as the process. */
int gt_cli_config_load(gt_cli *cli, gt_str path, gt_config **ret);

#endif
