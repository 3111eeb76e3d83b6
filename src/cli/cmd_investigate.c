/* `gatetrail investigate EVENT|ALERT`: over PATHs (read into a private database) or --db. */
#include <errno.h>

#include "base/file.h"
#include "base/limits.h"
#include "cli/aws.h"
#include "cli/config.h"
#include "cli/db.h"
#include "cli/logs.h"
#include "cli/rules.h"
#include "cli/run.h"
#include "investigate/investigate.h"
#include "respond/audit.h"

typedef enum format { TEXT, JSON, MARKDOWN, HTML } format;

typedef struct investigate {
    gt_cli *cli;
    gt_run run;
    gt_cli_rules rules;
    gt_store *store;
    gt_arena *arena;
    gt_expected expected;
    gt_investigate_options options;
    format format;
    gt_cli_aws aws;
    int exit; /* of reading the PATHs */
} investigate;

static int read_json(gt_cli *cli, gt_option_id id, const gt_json **ret)
{
    const char *path = gt_cli_path(cli, id);
    gt_str text;
    gt_json *json;
    gt_json_error error = {0};
    if (!path)
        return GT_EXIT_OK;
    gt_status status = gt_file_read(cli->arena, gt_str_c(path), GT_RULE_FILE_MAX, &text);
    if (status != GT_OK) {
        gt_cli_error(cli, "%s: %s", path,
                     status == GT_IO ? strerror(errno) : gt_status_text(status));
        return GT_EXIT_USAGE;
    }
    status = gt_json_parse(cli->arena, text, &json, &error);
    if (status != GT_OK) {
        gt_cli_error(cli, "%s: offset %zu: %s", path, error.offset,
                     error.message ? error.message : gt_status_text(status));
        return GT_EXIT_USAGE;
    }
    *ret = json;
    return GT_EXIT_OK;
}

/* Alerts of rules that are off by default are alerts too. */
static bool is_any(void *ctx, const gt_rule *rule)
{
    (void)ctx;
    (void)rule;
    return true;
}

static int prepare_detector(investigate *v)
{
    gt_cli *cli = v->cli;
    int exit = gt_cli_rules_load(cli, NULL, 0, false, &v->rules);
    if (!exit)
        exit = gt_cli_rules_choose(cli, &v->rules, false);
    if (!exit)
        exit = gt_run_tables(&v->run);
    if (exit)
        return exit;
    gt_detector *detector;
    gt_detector_options options = {
        .rules = v->rules.set,
        .select = v->rules.chosen_count ? gt_cli_rules_selected : is_any,
        .select_ctx = &v->rules,
        .now = cli->now,
    };
    gt_status status = gt_detector_new(cli->arena, &options, &detector);
    if (status != GT_OK)
        return gt_cli_failed(cli, status, "preparing the rules");
    v->options.detector = detector;
    v->options.tables = v->run.tables;
    return GT_EXIT_OK;
}

/* The [expected] table of --config. */
static int read_expected(investigate *v)
{
    gt_cli *cli = v->cli;
    gt_config *config;
    if (!gt_cli_has(cli, GT_OPT_CONFIG))
        return GT_EXIT_OK;
    int exit = gt_cli_config_load(cli, gt_cli_str(cli, GT_OPT_CONFIG), &config);
    if (exit)
        return exit;
    gt_diags diags;
    gt_diags_init(&diags, cli->arena, config->diags.name, config->diags.text);
    gt_status status = gt_expected_read(
        cli->arena, gt_config_get(config, GT_CONFIG_EXPECTED)->table, &diags, &v->expected);
    gt_cli_diags(cli, &diags);
    if (status == GT_INVALID)
        return GT_EXIT_USAGE;
    return status == GT_OK ? GT_EXIT_OK : gt_cli_failed(cli, status, "reading the configuration");
}

/* --live: what IAM says about the account. */
static int read_live(investigate *v)
{
    gt_cli *cli = v->cli;
    gt_json *policies;
    gt_live live;
    if (!gt_cli_flag(cli, GT_OPT_LIVE))
        return GT_EXIT_OK;
    int exit = gt_cli_aws_open(cli, GT_STR_NULL, &v->aws);
    if (exit)
        return exit;
    gt_live_init(&live, cli->arena, v->aws.client);
    gt_status status = gt_live_policies(&live, &policies);
    if (status != GT_OK)
        gt_cli_error(cli, "IAM: %s %s", live.response.code,
                     live.response.message[0] ? live.response.message : gt_status_text(status));
    gt_live_done(&live);
    if (status != GT_OK)
        return GT_EXIT_INPUT;
    v->options.policies = policies;
    v->options.policies_from = GT_STR("IAM");
    return GT_EXIT_OK;
}

static int read_options(investigate *v)
{
    gt_cli *cli = v->cli;
    v->options.now = cli->now;
    v->options.window_ms = gt_cli_number(cli, GT_OPT_WINDOW, 0);
    v->options.baseline_ms = gt_cli_number(cli, GT_OPT_BASELINE, 0);
    v->options.geo = gt_cli_has(cli, GT_OPT_GEOIP_CITY) || gt_cli_has(cli, GT_OPT_GEOIP_ASN);
    int exit = read_json(cli, GT_OPT_TERRAFORM_PLAN, &v->options.terraform_plan);
    if (!exit)
        exit = read_json(cli, GT_OPT_POLICIES, &v->options.policies);
    if (v->options.policies)
        v->options.policies_from = gt_str_c(gt_cli_path(cli, GT_OPT_POLICIES));
    if (!exit)
        exit = read_live(v);
    if (!exit)
        exit = read_expected(v);
    v->options.expected = &v->expected;
    return exit;
}

static int print(investigate *v, const gt_json *report)
{
    gt_cli *cli = v->cli;
    gt_buf out = GT_BUF(GT_BATCH_ARENA_MAX);
    switch (v->format) {
    case TEXT:
        gt_investigate_text(report, cli->colour_out, gt_cli_escape, &out);
        break;
    case JSON:
        gt_json_write_pretty(&out, report);
        gt_buf_add_byte(&out, '\n');
        break;
    case MARKDOWN:
        gt_investigate_markdown(report, gt_cli_escape, &out);
        break;
    case HTML:
        gt_investigate_html(report, gt_cli_escape, &out);
        break;
    }
    gt_status status = gt_buf_status(&out);
    if (status == GT_OK)
        gt_cli_print(cli, gt_buf_str(&out));
    gt_buf_done(&out);
    return status == GT_OK ? v->exit : gt_cli_failed(cli, status, "writing the report");
}

static int ask(investigate *v)
{
    gt_cli *cli = v->cli;
    gt_evidence evidence;
    gt_json *report;
    gt_status status = gt_evidence_init(&evidence, v->store, v->arena);
    if (status == GT_OK)
        status = gt_investigate(&evidence, cli->args[0], &v->options, &report);
    if (status == GT_NOTFOUND) {
        gt_cli_error(cli, "no event and no alert '%.*s' in these logs: nothing is known about it",
                     GT_STR_ARG(cli->args[0]));
        return GT_EXIT_INPUT;
    }
    if (status != GT_OK)
        return gt_db_failed(cli, v->store, status);
    return print(v, report);
}

static int run(investigate *v)
{
    gt_cli *cli = v->cli;
    v->arena = gt_arena_new(GT_RULES_ARENA_MAX);
    if (!v->arena)
        return gt_cli_failed(cli, GT_NOMEM, "investigating");
    int exit = read_options(v);
    if (!exit)
        exit = gt_logs_open(cli, 1, &v->run, &v->store, &v->exit);
    if (!exit)
        exit = prepare_detector(v);
    return exit ? exit : ask(v);
}

int gt_cmd_investigate(gt_cli *cli)
{
    investigate v = {.cli = cli};
    v.format = (format)gt_cli_choice(cli, GT_OPT_FORMAT_REPORT, cli->tty_out ? TEXT : JSON);
    int exit = run(&v);
    gt_logs_close(&v.run, v.store);
    gt_cli_aws_close(&v.aws);
    gt_arena_free(v.arena);
    return exit;
}
