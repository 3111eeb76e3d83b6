#include "cli/alerts.h"

#include "base/file.h"
#include "base/limits.h"
#include "cli/config.h"

/* --- the store ---------------------------------------------------------------------------------------- */

static int store_path(gt_cli *cli, gt_str *ret)
{
    gt_config *config;
    gt_file_kind kind;
    gt_str path = gt_cli_str(cli, GT_OPT_CONFIG);
    if (gt_cli_has(cli, GT_OPT_DB)) {
        *ret = gt_cli_str(cli, GT_OPT_DB);
        return GT_EXIT_OK;
    }
    if (!path.ptr) {
        path = GT_STR("gatetrail.toml");
        if (gt_file_stat(cli->arena, path, &kind) != GT_OK)
            return gt_cli_usage(cli, "say where the alerts are: --db FILE or --config FILE");
    }
    int status = gt_cli_config_load(cli, path, &config);
    if (status == GT_EXIT_OK)
        *ret = gt_config_str(gt_config_get(config, GT_CONFIG_STORE), GT_CONFIG_STORE_PATH);
    return status;
}

int gt_cli_store_open(gt_cli *cli, bool write, gt_store **ret)
{
    gt_str path, message = GT_STR_NULL;
    gt_store_options options = {
        .must_exist = true, .read_only = !write, .sync = GT_STORE_SYNC_FULL};
    int status = store_path(cli, &path);
    if (status != GT_EXIT_OK)
        return status;
    gt_str copy = gt_arena_dup(cli->arena, path);
    if (!copy.ptr)
        return gt_cli_failed(cli, GT_NOMEM, "the database");
    gt_status opened = gt_store_open(copy.ptr, &options, cli->arena, ret, &message);
    if (opened == GT_INVALID && options.read_only) { /* an older gatetrail's: bring it up to date */
        options.read_only = false;
        opened = gt_store_open(copy.ptr, &options, cli->arena, ret, &message);
    }
    if (opened == GT_OK)
        return GT_EXIT_OK;
    gt_cli_error(cli, "%.*s", GT_STR_ARG(message.len ? message : gt_str_c(gt_status_text(opened))));
    return GT_EXIT_INPUT;
}

int gt_cli_store_failed(gt_cli *cli, const gt_store *store, gt_status status)
{
    gt_str message = gt_store_message(store);
    if (status == GT_NOMEM || status == GT_LIMIT || !message.len)
        return gt_cli_failed(cli, status, "the database");
    gt_cli_error(cli, "%.*s", GT_STR_ARG(message));
    return GT_EXIT_INPUT;
}

/* --- which alerts --------------------------------------------------------------------------------------- */

static int compile(gt_cli_alert_set *set, gt_str kql)
{
    gt_diags diags;
    gt_diags_init(&diags, set->cli->arena, GT_STR("query"), kql);
    gt_status status = gt_kql_compile(set->cli->arena, set->batch, kql, (gt_offsets){0, NULL},
                                      gt_schema_default(), &set->query, &diags);
    gt_cli_diags(set->cli, &diags);
    if (status == GT_OK)
        return GT_EXIT_OK;
    return diags.errors ? GT_EXIT_USAGE : gt_cli_failed(set->cli, status, "the query");
}

int gt_cli_alert_set_open(gt_cli *cli, gt_store *store, gt_str kql, gt_cli_alert_set *ret)
{
    static const gt_alert_status statuses[] = {GT_ALERT_OPEN, GT_ALERT_ACKNOWLEDGED,
                                               GT_ALERT_CLOSED};
    unsigned status = gt_cli_choice(cli, GT_OPT_STATUS, 3);
    *ret = (gt_cli_alert_set){
        .cli = cli, .store = store, .batch = gt_arena_new(GT_BATCH_ARENA_MAX)};
    if (!ret->batch)
        return gt_cli_failed(cli, GT_NOMEM, "the alerts");
    gt_alert_filter *f = &ret->filter;
    f->has_status = status < 3;
    f->status = f->has_status ? statuses[status] : GT_ALERT_OPEN;
    f->min_severity = (int)gt_cli_choice(cli, GT_OPT_MIN_SEVERITY, 0);
    f->rule = gt_cli_str(cli, GT_OPT_ALERT_RULE);
    f->assignee = gt_cli_str(cli, GT_OPT_ASSIGNEE);
    f->has_since = gt_cli_has(cli, GT_OPT_SINCE);
    f->since = gt_cli_number(cli, GT_OPT_SINCE, 0);
    f->has_until = gt_cli_has(cli, GT_OPT_UNTIL);
    f->until = gt_cli_number(cli, GT_OPT_UNTIL, 0);
    ret->env = (gt_query_env){.scratch = ret->batch, .now = cli->now};
    return kql.ptr ? compile(ret, kql) : GT_EXIT_OK;
}

void gt_cli_alert_set_close(gt_cli_alert_set *set)
{
    gt_arena_free(set->batch);
}

typedef struct each {
    gt_cli_alert_set *set;
    gt_alert_fn fn;
    void *ctx;
} each;

static gt_status pass(void *ctx, const gt_alert *alert)
{
    each *e = ctx;
    if (e->set->query && !gt_query_run(e->set->query, alert->document, &e->set->env))
        return GT_OK;
    return e->fn(e->ctx, alert);
}

gt_status gt_cli_alert_set_each(gt_cli_alert_set *set, gt_alert_fn fn, void *ctx)
{
    each e = {set, fn, ctx};
    return gt_alerts_each(set->store, set->batch, &set->filter, pass, &e);
}
