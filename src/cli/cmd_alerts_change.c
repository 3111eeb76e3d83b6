/* alerts ack, close, reopen, assign, note: each change is one transaction, written down with who made it. */
#include "base/limits.h"
#include "cli/alerts.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct change {
    gt_cli *cli;
    gt_store *store;
    gt_alert_change what;
    int64_t changed, same;
    gt_str *ids; /* of --matching: collected first, since changing moves what is read */
    size_t id_count, id_cap;
} change;

/* Who: --by, else the user's name, else the number. */
static gt_str who(gt_cli *cli)
{
    static const char *const names[] = {"SUDO_USER", "USER", "LOGNAME"};
    if (gt_cli_has(cli, GT_OPT_BY))
        return gt_cli_str(cli, GT_OPT_BY);
    for (size_t i = 0; i < 3; i++) {
        const char *name = getenv(names[i]);
        if (name && *name)
            return gt_str_c(name);
    }
    return gt_arena_printf(cli->arena, "uid %u", (unsigned)getuid());
}

static gt_status change_one(change *c, gt_str id)
{
    bool changed = false;
    GT_TRY(gt_alerts_change(c->store, id, &c->what, &changed));
    c->changed += changed;
    c->same += !changed;
    return GT_OK;
}

/* --- by id ------------------------------------------------------------------------------------------------- */

static int full_id(change *c, gt_str word, gt_str *ret)
{
    gt_alert alert;
    gt_status status = gt_alerts_get(c->store, c->cli->arena, word, &alert);
    if (status == GT_OK) {
        *ret = alert.id;
        return GT_EXIT_OK;
    }
    if (status != GT_NOTFOUND && status != GT_INVALID)
        return gt_cli_store_failed(c->cli, c->store, status);
    gt_cli_error(c->cli,
                 status == GT_NOTFOUND ? "no alert '%.*s'" : "several alerts begin with '%.*s'",
                 GT_STR_ARG(word));
    return GT_EXIT_USAGE;
}

static bool keep_id(change *c, gt_str id)
{
    if (c->id_count == c->id_cap) {
        size_t cap = c->id_cap ? c->id_cap * 2 : 64;
        gt_str *ids = gt_arena_grow(c->cli->arena, c->ids, c->id_cap * sizeof *ids,
                                    cap * sizeof *ids);
        if (!ids)
            return false;
        c->ids = ids;
        c->id_cap = cap;
    }
    c->ids[c->id_count] = gt_arena_dup(c->cli->arena, id);
    return c->ids[c->id_count++].ptr != NULL;
}

static gt_status collect(void *ctx, const gt_alert *alert)
{
    return keep_id(ctx, alert->id) ? GT_OK : GT_NOMEM;
}

static int collect_ids(change *c, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        gt_str id;
        int status = full_id(c, c->cli->args[i], &id);
        if (status != GT_EXIT_OK)
            return status;
        if (!keep_id(c, id))
            return gt_cli_failed(c->cli, GT_NOMEM, "the alerts");
    }
    return GT_EXIT_OK;
}

static int collect_matching(change *c)
{
    gt_cli_alert_set set = {0};
    int status = gt_cli_alert_set_open(c->cli, c->store, gt_cli_str(c->cli, GT_OPT_MATCHING), &set);
    if (status == GT_EXIT_OK) {
        gt_status done = gt_cli_alert_set_each(&set, collect, c);
        if (done != GT_OK)
            status = gt_cli_store_failed(c->cli, c->store, done);
    }
    gt_cli_alert_set_close(&set);
    return status;
}

/* --- the change ---------------------------------------------------------------------------------------------- */

static int apply(change *c)
{
    gt_status status = gt_store_begin(c->store);
    if (status == GT_OK) {
        for (size_t i = 0; i < c->id_count && status == GT_OK; i++)
            status = change_one(c, c->ids[i]);
        status = gt_store_end(c->store, status);
    }
    if (status != GT_OK)
        return gt_cli_store_failed(c->cli, c->store, status);
    gt_cli_note(c->cli, "%lld changed, %lld were so already", (long long)c->changed,
                (long long)c->same);
    return GT_EXIT_OK;
}

static int run_change(gt_cli *cli, gt_alert_action action, gt_str text, size_t ids)
{
    change c = {.cli = cli, .what = {action, text, who(cli), cli->now}};
    bool matching = gt_cli_has(cli, GT_OPT_MATCHING);
    if (matching == (ids > 0))
        return gt_cli_usage(cli, "name alerts by their ids, or all that match with --matching KQL");
    int status = gt_cli_store_open(cli, true, &c.store);
    if (status == GT_EXIT_OK)
        status = matching ? collect_matching(&c) : collect_ids(&c, ids);
    if (status == GT_EXIT_OK)
        status = apply(&c);
    gt_store_close(c.store);
    return status;
}

int gt_cmd_alerts_ack(gt_cli *cli)
{
    return run_change(cli, GT_ALERT_ACK, GT_STR(""), cli->arg_count);
}

int gt_cmd_alerts_close(gt_cli *cli)
{
    gt_str reason = gt_cli_str(cli, GT_OPT_REASON);
    return run_change(cli, GT_ALERT_CLOSE, reason.ptr ? reason : GT_STR(""), cli->arg_count);
}

int gt_cmd_alerts_reopen(gt_cli *cli)
{
    gt_str reason = gt_cli_str(cli, GT_OPT_REASON);
    return run_change(cli, GT_ALERT_REOPEN, reason.ptr ? reason : GT_STR(""), cli->arg_count);
}

int gt_cmd_alerts_assign(gt_cli *cli)
{
    if (!gt_cli_has(cli, GT_OPT_ASSIGN_TO))
        return gt_cli_usage(cli, "say to whom: --to NAME, or --to '' for nobody");
    return run_change(cli, GT_ALERT_ASSIGN, gt_cli_str(cli, GT_OPT_ASSIGN_TO), cli->arg_count);
}

int gt_cmd_alerts_note(gt_cli *cli)
{
    gt_str text = cli->args[cli->arg_count - 1];
    if (!gt_str_trim(text).len)
        return gt_cli_usage(cli, "the note is empty");
    return run_change(cli, GT_ALERT_NOTE, text, cli->arg_count - 1);
}
