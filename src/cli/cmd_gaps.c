/* gaps list, gaps fill — the ledger of what schedules did not look at. */
#include "base/limits.h"
#include "cli/config.h"
#include "cli/database.h"
#include "json/json.h"
#include "watch/configure.h"
#include "watch/host.h"
#include "watch/output.h"

#include <stdio.h>

/* --- list -------------------------------------------------------------------------------------------- */

typedef struct listing {
    gt_cli *cli;
    bool json;
} listing;

static void times(char from[GT_TIME_TEXT_MAX], char to[GT_TIME_TEXT_MAX], gt_time_ms a, gt_time_ms b)
{
    gt_time_format_short(a, from);
    gt_time_format_short(b, to);
}

static void print_gap(listing *l, const gt_watch_gap *g)
{
    char from[GT_TIME_TEXT_MAX], to[GT_TIME_TEXT_MAX], noticed[GT_TIME_TEXT_MAX];
    times(from, to, g->from, g->to);
    gt_time_format_short(g->noticed, noticed);
    if (!l->json) {
        gt_cli_printf(l->cli, "gap     %s to %s  %.*s  %s", from, to, GT_STR_ARG(g->rule_id),
                      g->filled ? "filled" : "open");
        if (g->filled)
            gt_cli_printf(l->cli, ", %lld alerts", (long long)g->alerts);
        gt_cli_print(l->cli, GT_STR("\n"));
        return;
    }
    gt_buf out = GT_BUF(GT_MIB);
    gt_buf_printf(&out, "{\"kind\":\"gap\",\"id\":%lld,\"rule_id\":", (long long)g->id);
    gt_json_write_str(&out, g->rule_id);
    gt_buf_printf(&out, ",\"from\":\"%s\",\"to\":\"%s\",\"noticed\":\"%s\",\"filled\":%s,"
                        "\"alerts\":%lld}\n",
                  from, to, noticed, g->filled ? "true" : "false", (long long)g->alerts);
    gt_cli_print(l->cli, gt_buf_str(&out));
    gt_buf_done(&out);
}

static gt_status print_missed(void *ctx, const gt_watch_match *m)
{
    listing *l = ctx;
    char event[GT_TIME_TEXT_MAX], arrived[GT_TIME_TEXT_MAX];
    const char *kind = m->state == GT_WATCH_LATE ? "late" : "capped";
    times(event, arrived, m->event, m->arrived);
    if (!l->json) {
        gt_buf id = GT_BUF(GT_MIB);
        gt_cli_escape(&id, m->event_id);
        gt_cli_printf(l->cli, "%-7s %s arrived %s  %.*s  %s\n", kind, event, arrived,
                      GT_STR_ARG(m->rule_id), id.data ? id.data : "");
        gt_buf_done(&id);
        return GT_OK;
    }
    gt_buf out = GT_BUF(GT_MIB);
    gt_buf_printf(&out, "{\"kind\":\"%s\",\"rule_id\":", kind);
    gt_json_write_str(&out, m->rule_id);
    gt_buf_lit(&out, ",\"event_id\":");
    gt_json_write_str(&out, m->event_id);
    gt_buf_printf(&out, ",\"alert_id\":\"%.*s\",\"event_time\":\"%s\",\"arrived\":\"%s\"}\n",
                  GT_STR_ARG(m->alert_id), event, arrived);
    gt_cli_print(l->cli, gt_buf_str(&out));
    gt_buf_done(&out);
    return GT_OK;
}

int gt_cmd_gaps_list(gt_cli *cli)
{
    listing l = {.cli = cli,
                 .json = gt_cli_choice(cli, GT_OPT_FORMAT_CHECK, cli->tty_out ? 0 : 1) == 1};
    gt_store *store = NULL;
    gt_watch_gap *gaps = NULL;
    size_t count = 0;
    int code = gt_cli_database_open(cli, true, &store, NULL);
    if (code != GT_EXIT_OK)
        return code;
    gt_status status = gt_watch_gaps(store, cli->arena, !gt_cli_flag(cli, GT_OPT_ALL), &gaps, &count);
    for (size_t i = 0; status == GT_OK && i < count; i++)
        print_gap(&l, &gaps[i]);
    if (status == GT_OK)
        status = gt_watch_missed(store, GT_STR(""), print_missed, &l);
    if (status != GT_OK) {
        gt_cli_error(cli, "%.*s", GT_STR_ARG(gt_store_message(store)));
        code = GT_EXIT_INPUT;
    }
    gt_store_close(store);
    return code;
}

/* --- fill -------------------------------------------------------------------------------------------- */

static gt_time_ms cli_now(void *ctx)
{
    return ((const gt_cli *)ctx)->now;
}

static gt_status fill(gt_cli *cli, const gt_config *config, gt_watch_filled *ret, gt_buf *why)
{
    const gt_net_env env = gt_host_env(NULL);
    gt_watch_setup *setup = NULL;
    GT_TRY(gt_watch_setup_of(config, cli->now, &setup, why));
    gt_buf_reset(why); /* warnings of rule files: `rules check` shows them */
    gt_output *output = NULL;
    const gt_output_options out = {.config = config, .env = &env, .steady = &env, .now = cli_now,
                                   .now_ctx = cli};
    gt_status status = gt_output_start(&out, &output, why);
    if (status != GT_OK) {
        gt_watch_setup_release(setup);
        return status;
    }
    gt_str path = gt_config_str(gt_config_get(config, GT_CONFIG_STORE), GT_CONFIG_STORE_PATH);
    const gt_watch_options options = {.env = &env, .now = cli_now, .now_ctx = cli,
                                      .store_path = path.ptr, .setup = setup,
                                      .output = gt_output_of(output)};
    status = gt_watch_fill(&options, gt_cli_flag(cli, GT_OPT_MISSED), ret, why);
    gt_output_stop(output, 30000);
    return status;
}

int gt_cmd_gaps_fill(gt_cli *cli)
{
    gt_config *config = NULL;
    gt_str path = gt_cli_has(cli, GT_OPT_CONFIG) ? gt_cli_str(cli, GT_OPT_CONFIG)
                                                 : GT_STR("gatetrail.toml");
    int code = gt_cli_config_load(cli, path, &config);
    if (code != GT_EXIT_OK)
        return code;
    gt_watch_filled filled = {0};
    gt_buf why = GT_BUF(16 * GT_MIB);
    gt_status status = fill(cli, config, &filled, &why);
    if (status != GT_OK) {
        gt_str reason = gt_str_trim(gt_buf_str(&why));
        gt_cli_error(cli, "%.*s", GT_STR_ARG(reason.len ? reason : gt_str_c(gt_status_text(status))));
        code = status == GT_INVALID ? GT_EXIT_USAGE : GT_EXIT_INPUT;
    } else {
        gt_cli_printf(cli, "filled %llu gaps: %llu new alerts\n", (unsigned long long)filled.gaps,
                      (unsigned long long)filled.alerts);
        if (filled.unknown)
            gt_cli_warn(cli, "%llu gaps of rules that do not run stay open",
                        (unsigned long long)filled.unknown);
    }
    gt_buf_done(&why);
    return code;
}
