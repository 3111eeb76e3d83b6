/* database.h — the store a command works on: --db FILE, or [store] of the configuration. */
#ifndef GT_CLI_DATABASE_H
#define GT_CLI_DATABASE_H

#include "cli/cli.h"
#include "config/config.h"
#include "store/store.h"

/* Open it; it must exist. The command has GT_OPT_CONFIG and GT_OPT_DB. GT_EXIT_OK, or the status to
 * end with (already said). ret_config may be NULL; it is NULL when --db was given without --config. */
int gt_cli_database_open(gt_cli *cli, bool read_only, gt_store **ret, gt_config **ret_config);

#endif
