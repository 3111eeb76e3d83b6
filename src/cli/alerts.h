/* alerts.h — the alert store for commands: opening it, and which alerts a command is about. */
#ifndef GT_CLI_ALERTS_H
#define GT_CLI_ALERTS_H

#include "cli/cli.h"
#include "query/query.h"
#include "store/alerts.h"

/* The database of --db, else of the configuration (--config, else gatetrail.toml). It must be there.
 * GT_EXIT_OK, or what the command should return (already said). */
int gt_cli_store_open(gt_cli *cli, bool write, gt_store **ret);
/* Say why the store failed; returns GT_EXIT_INPUT. */
int gt_cli_store_failed(gt_cli *cli, const gt_store *store, gt_status status);

/* Which alerts: --status, --severity, --rule, --assignee, --since, --until, and KQL over the alerts'
 * documents. */
typedef struct gt_cli_alert_set {
    gt_cli *cli;
    gt_store *store;
    gt_alert_filter filter;
    gt_query *query; /* NULL: all */
    gt_query_env env;
    gt_arena *batch;
} gt_cli_alert_set;

/* kql: ptr NULL for none. GT_EXIT_OK, or what to return. */
int gt_cli_alert_set_open(gt_cli *cli, gt_store *store, gt_str kql, gt_cli_alert_set *ret);
void gt_cli_alert_set_close(gt_cli_alert_set *set);
/* Call fn for each; as gt_alerts_each. */
gt_status gt_cli_alert_set_each(gt_cli_alert_set *set, gt_alert_fn fn, void *ctx) GT_MUST_CHECK;

#endif
