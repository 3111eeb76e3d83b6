/* logs.h — the logs a question is asked of: PATHs, read into a private database, or --db. */
#ifndef GT_CLI_LOGS_H
#define GT_CLI_LOGS_H

#include "cli/run.h"

/* The arguments behind the first `skip` are PATHs; without any, --db is opened for reading.
 * *ret_exit: GT_EXIT_INPUT when some PATH could not be read (already said), which is no failure here.
 * GT_EXIT_OK, or what the command should return; gt_logs_close is due in every case. */
int gt_logs_open(gt_cli *cli, size_t skip, gt_run *ret_run, gt_store **ret_store, int *ret_exit);
void gt_logs_close(gt_run *run, gt_store *store);

#endif
