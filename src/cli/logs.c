#include "cli/logs.h"

#include "cli/cluster_logs.h"
#include "cli/db.h"

static int read_paths(gt_cli *cli, gt_run *run, gt_store **ret_store, int *ret_exit)
{
    int exit = gt_db_open_private(cli, ret_store);
    if (!exit)
        exit = gt_db_fill(run, *ret_store);
    /* The store is the caller's; and what is private is not worth a word. */
    run->fill = NULL;
    run->filled = (gt_filler_counts){0};
    if (!exit)
        *ret_exit = gt_run_finish(run, NULL);
    return exit;
}

int gt_logs_open(gt_cli *cli, size_t skip, gt_run *ret_run, gt_store **ret_store, int *ret_exit)
{
    bool db = gt_cli_has(cli, GT_OPT_DB);
    size_t paths = cli->arg_count - skip;
    *ret_store = NULL;
    *ret_exit = GT_EXIT_OK;
    const gt_str *files = cli->args + skip;
    int exit = GT_EXIT_OK;
    if (gt_cli_accepts(cli, GT_OPT_CLUSTER_USER) && skip)
        exit = gt_cluster_logs_fetch(cli, cli->args[0], files, paths, &files);
    if (!exit)
        exit = gt_run_open(cli, files, paths, ret_run);
    if (exit)
        return exit;
    if (db && paths)
        return gt_cli_usage(cli, "give PATHs or --db, not both");
    if (!db && !paths)
        return gt_cli_usage(cli, "which logs? give PATHs or --db");
    return db ? gt_db_open(cli, false, ret_store) : read_paths(cli, ret_run, ret_store, ret_exit);
}

void gt_logs_close(gt_run *run, gt_store *store)
{
    gt_store_close(store);
    if (run->cli)
        gt_run_done(run);
}
