/* `gatetrail respond EVENT`: a plan from the logs; with --check or --apply against the live account. */
#include "base/limits.h"
#include "cli/aws.h"
#include "cli/db.h"
#include "cli/logs.h"
#include "respond/apply.h"
#include "respond/audit.h"
#include "respond/respond.h"

typedef enum format { TEXT, COMMANDS, JSON, TERRAFORM } format;

typedef struct respond {
    gt_cli *cli;
    gt_run run;
    gt_store *store; /* the logs */
    gt_store *state; /* the journal */
    gt_arena *arena;
    gt_subject subject;
    gt_plan *plan;
    gt_plan_options options;
    gt_cli_aws aws;
    format format;
    int exit; /* of reading the PATHs */
} respond;

static int read_options(respond *r)
{
    gt_cli *cli = r->cli;
    size_t count;
    const gt_str *texts = gt_cli_list(cli, GT_OPT_CIDR, &count);
    gt_cidr *cidrs = gt_arena_array(cli->arena, gt_cidr, count + 1);
    if (!cidrs)
        return gt_cli_failed(cli, gt_arena_status(cli->arena), "reading the options");
    for (size_t i = 0; i < count; i++)
        if (!gt_cidr_parse(texts[i], &cidrs[i]))
            return gt_cli_usage(cli, "--cidr must be an address range like 203.0.113.0/24, not "
                                "'%.*s'", GT_STR_ARG(texts[i]));
    r->options = (gt_plan_options){
        .kind = (gt_plan_kind)gt_cli_choice(cli, GT_OPT_PLAN, GT_PLAN_REVERT),
        .cidrs = cidrs,
        .cidr_count = count,
        .has_alarm = gt_cli_has(cli, GT_OPT_ALARM),
        .alarm = gt_cli_number(cli, GT_OPT_ALARM, 0),
    };
    if (r->options.kind == GT_PLAN_NARROW && !count)
        return gt_cli_usage(cli, "--plan narrow needs --cidr: the ranges that may stay");
    bool undo = gt_cli_flag(cli, GT_OPT_UNDO);
    if (undo && r->options.kind != GT_PLAN_RESTRICT && r->options.kind != GT_PLAN_QUARANTINE)
        return gt_cli_usage(cli, "--undo is for --plan restrict and --plan quarantine");
    if (gt_cli_has(cli, GT_OPT_FORCE) && !gt_str_trim(gt_cli_str(cli, GT_OPT_FORCE)).len)
        return gt_cli_usage(cli, "--force needs a reason, which is written down");
    return GT_EXIT_OK;
}

static int make_plan(respond *r)
{
    gt_cli *cli = r->cli;
    gt_evidence evidence;
    gt_investigate_options options = {.now = cli->now};
    gt_status status = gt_evidence_init(&evidence, r->store, r->arena);
    if (status == GT_OK)
        status = gt_subject_load(&evidence, cli->args[0], &options, &r->subject);
    if (status == GT_NOTFOUND) {
        gt_cli_error(cli, "no event '%.*s' in these logs: nothing is known about it",
                     GT_STR_ARG(cli->args[0]));
        return GT_EXIT_INPUT;
    }
    if (status != GT_OK)
        return gt_db_failed(cli, r->store, status);
    status = gt_plan_make(r->arena, &r->subject, &r->options, &r->plan);
    return status == GT_OK ? GT_EXIT_OK : gt_cli_failed(cli, status, "planning");
}

/* --- without the account ------------------------------------------------------------------------------ */

static int print_plan(respond *r)
{
    gt_cli *cli = r->cli;
    gt_buf out = GT_BUF(GT_BATCH_ARENA_MAX);
    switch (r->format) {
    case TEXT:
        gt_plan_text(r->arena, r->plan, gt_cli_escape, &out);
        break;
    case COMMANDS:
        gt_plan_commands(r->arena, r->plan, &out);
        break;
    case JSON:
        gt_json_write_pretty(&out, gt_plan_json(r->arena, r->plan));
        gt_buf_add_byte(&out, '\n');
        break;
    case TERRAFORM:
        gt_plan_terraform(r->arena, r->plan, &out);
        break;
    }
    gt_status status = gt_buf_status(&out);
    if (status == GT_OK)
        gt_cli_print(cli, gt_buf_str(&out));
    gt_buf_done(&out);
    if (status != GT_OK)
        return gt_cli_failed(cli, status, "writing the plan");
    return r->exit;
}

/* --- with it ---------------------------------------------------------------------------------------------- */

static int open_state(respond *r)
{
    gt_cli *cli = r->cli;
    const char *path = gt_cli_path(cli, GT_OPT_STATE);
    gt_str message = GT_STR_NULL;
    gt_store_options options = {.sync = GT_STORE_SYNC_FULL};
    if (!path)
        path = gt_cli_has(cli, GT_OPT_DB) ? gt_cli_path(cli, GT_OPT_DB) : "gatetrail-responses.db";
    gt_status status = gt_store_open(path, &options, cli->arena, &r->state, &message);
    if (status == GT_OK)
        return GT_EXIT_OK;
    gt_cli_error(cli, "%.*s", GT_STR_ARG(message));
    return GT_EXIT_INPUT;
}

static const char *outcome_words(const respond *r, gt_str outcome)
{
    bool undo = gt_cli_flag(r->cli, GT_OPT_UNDO);
    bool revert = r->plan->kind == GT_PLAN_REVERT;
    if (gt_str_is(outcome, "applied"))
        return undo ? "taken back, and verified" : "done, and verified";
    if (gt_str_is(outcome, "already"))
        return revert ? "already reverted: nothing to do" : "already so: nothing to do";
    if (gt_str_is(outcome, "ready"))
        return "ready: --apply would do it";
    if (gt_str_is(outcome, "refused"))
        return "refused: nothing was changed";
    return "failed";
}

static void print_line(gt_buf *out, const char *before, gt_str text)
{
    gt_buf_add(out, gt_str_c(before));
    gt_cli_escape(out, text);
}

static void result_text(const respond *r, const gt_json *result, gt_buf *out)
{
    gt_buf_printf(out, "%s\n", outcome_words(r, gt_json_path_str(result, "outcome")));
    const gt_json *list = gt_json_getl(result, "actions");
    for (const gt_json *a = gt_json_first(list); a; a = a->next) {
        gt_str state = gt_json_path_str(a, "state"), detail = gt_json_path_str(a, "detail");
        gt_buf_printf(out, "  %-9.*s ", GT_STR_ARG(state.len ? state : GT_STR("-")));
        if (gt_json_path_str(a, "group_id").len)
            print_line(out, "", gt_json_path_str(a, "group_id"));
        print_line(out, gt_json_path_str(a, "group_id").len ? ": " : "", gt_json_path_str(a, "words"));
        if (detail.len)
            print_line(out, "; ", detail);
        gt_buf_add_byte(out, '\n');
    }
    list = gt_json_getl(result, "refusals");
    for (const gt_json *f = gt_json_first(list); f; f = f->next) {
        const gt_json *can = gt_json_getl(f, "can_be_forced");
        bool soft = gt_json_is(can, GT_JSON_BOOL) && can->boolean;
        print_line(out, soft ? "  refused unless --force REASON: " : "  not possible: ",
                   gt_json_path_str(f, "text"));
        print_line(out, " [", gt_json_path_str(f, "code"));
        gt_buf_lit(out, "]\n");
    }
    if (gt_json_path_str(result, "message").len) {
        print_line(out, "  AWS says: ", gt_json_path_str(result, "message"));
        gt_buf_add_byte(out, '\n');
    }
}

static int print_result(respond *r, gt_json *result)
{
    gt_cli *cli = r->cli;
    gt_buf out = GT_BUF(GT_BATCH_ARENA_MAX);
    gt_str outcome = gt_json_path_str(result, "outcome");
    bool good = gt_str_is(outcome, "applied") || gt_str_is(outcome, "already") ||
                gt_str_is(outcome, "ready");
    if (r->format == JSON) {
        gt_json *all = gt_plan_json(r->arena, r->plan);
        gt_json_setl(all, "result", result);
        gt_json_write_pretty(&out, all);
        gt_buf_add_byte(&out, '\n');
    } else {
        result_text(r, result, &out);
    }
    gt_cli_print(cli, gt_buf_str(&out));
    gt_buf_done(&out);
    return good ? r->exit : GT_EXIT_INPUT;
}

static int apply_plan(respond *r)
{
    gt_cli *cli = r->cli;
    gt_json *result = NULL;
    bool apply = gt_cli_flag(cli, GT_OPT_APPLY);
    int exit = gt_cli_aws_open(cli, r->plan->region, &r->aws);
    if (!exit && (apply || gt_cli_flag(cli, GT_OPT_UNDO)))
        exit = open_state(r);
    if (exit)
        return exit;
    gt_apply_options options = {
        .client = r->aws.client,
        .env = &r->aws.env,
        .journal = r->state,
        .apply = apply,
        .undo = gt_cli_flag(cli, GT_OPT_UNDO),
        .force = gt_cli_str(cli, GT_OPT_FORCE),
    };
    gt_status status = gt_plan_apply(r->arena, r->plan, &options, &result);
    if (status == GT_OK)
        return print_result(r, result);
    return r->state ? gt_db_failed(cli, r->state, status)
                    : gt_cli_failed(cli, status, "reading the live state");
}

/* --- audit -------------------------------------------------------------------------------------------- */

static int print_audit(respond *r, const gt_json *audit)
{
    gt_buf out = GT_BUF(GT_BATCH_ARENA_MAX);
    if (r->format == TEXT) {
        gt_audit_text(audit, gt_cli_escape, &out);
    } else {
        gt_json_write_pretty(&out, audit);
        gt_buf_add_byte(&out, '\n');
    }
    gt_cli_print(r->cli, gt_buf_str(&out));
    gt_buf_done(&out);
    return r->exit;
}

static int audit_live(respond *r)
{
    gt_cli *cli = r->cli;
    gt_plan plan = {.kind = GT_PLAN_AUDIT};
    size_t regions;
    const gt_str *region = gt_cli_list(cli, GT_OPT_REGION, &regions);
    if (regions)
        plan.region = region[0];
    r->plan = &plan;
    int exit = gt_cli_aws_open(cli, r->plan->region, &r->aws);
    if (exit)
        return exit;
    gt_live live;
    gt_json *audit;
    gt_live_init(&live, r->arena, r->aws.client);
    gt_status status = gt_audit_live(&live, gt_aws_region(r->aws.aws), &audit);
    if (status != GT_OK)
        gt_cli_error(cli, "%s: %s", live.response.code[0] ? live.response.code : "AWS",
                     live.response.message[0] ? live.response.message : gt_status_text(status));
    gt_live_done(&live);
    return status == GT_OK ? print_audit(r, audit) : GT_EXIT_INPUT;
}

static int audit_logs(respond *r)
{
    gt_cli *cli = r->cli;
    gt_evidence evidence;
    gt_json *audit;
    int exit = gt_logs_open(cli, 0, &r->run, &r->store, &r->exit);
    if (exit)
        return exit;
    gt_status status = gt_evidence_init(&evidence, r->store, r->arena);
    if (status == GT_OK)
        status = gt_audit_logs(&evidence, &audit);
    return status == GT_OK ? print_audit(r, audit) : gt_db_failed(cli, r->store, status);
}

static int run_audit(respond *r)
{
    r->arena = gt_arena_new(GT_RULES_ARENA_MAX);
    if (!r->arena)
        return gt_cli_failed(r->cli, GT_NOMEM, "auditing");
    return gt_cli_flag(r->cli, GT_OPT_CHECK) ? audit_live(r) : audit_logs(r);
}

static int run(respond *r)
{
    gt_cli *cli = r->cli;
    int exit = read_options(r);
    if (!exit && r->options.kind == GT_PLAN_AUDIT)
        return run_audit(r);
    if (!exit && !cli->arg_count)
        return gt_cli_usage(cli, "which event? only --plan audit needs none");
    if (!exit)
        exit = gt_logs_open(cli, 1, &r->run, &r->store, &r->exit);
    if (exit)
        return exit;
    r->arena = gt_arena_new(GT_RULES_ARENA_MAX);
    if (!r->arena)
        return gt_cli_failed(cli, GT_NOMEM, "responding");
    exit = make_plan(r);
    if (exit)
        return exit;
    bool live = gt_cli_flag(cli, GT_OPT_APPLY) || gt_cli_flag(cli, GT_OPT_CHECK);
    return live ? apply_plan(r) : print_plan(r);
}

int gt_cmd_respond(gt_cli *cli)
{
    respond r = {.cli = cli};
    r.format = (format)gt_cli_choice(cli, GT_OPT_FORMAT_PLAN, cli->tty_out ? TEXT : JSON);
    int exit = run(&r);
    gt_subject_done(&r.subject);
    gt_cli_aws_close(&r.aws);
    gt_store_close(r.state);
    gt_logs_close(&r.run, r.store);
    gt_arena_free(r.arena);
    return exit;
}
