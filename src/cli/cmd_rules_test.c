/* rules test: the records beside the rules must and must not raise alerts. */
#include "cli/deferred.h"
#include "cli/rules.h"

#include "base/file.h"
#include "base/limits.h"
#include "detect/detect.h"
#include "rule/rule_test.h"

#include <errno.h>

typedef struct test_run {
    gt_cli *cli;
    gt_cli_rules rules;
    gt_ecs_tables *tables;
    size_t passed, failed, skipped, untested;
    bool broken; /* a test file cannot be read */
} test_run;

static bool is_rule(void *ctx, const gt_rule *rule)
{
    return rule == ctx;
}

/* The record as the pipeline would hand it over. */
static gt_record record_of(gt_buf *text, const gt_json *event)
{
    gt_buf_reset(text);
    gt_json_write(text, event);
    gt_str account = gt_json_path_str(event, "userIdentity.accountId");
    return (gt_record){.json = gt_buf_str(text),
                       .event_id = gt_json_path_str(event, "eventID"),
                       .event_source = gt_json_path_str(event, "eventSource"),
                       .event_name = gt_json_path_str(event, "eventName"),
                       .event_time = gt_json_path_str(event, "eventTime"),
                       .aws_region = gt_json_path_str(event, "awsRegion"),
                       .account_id = account.ptr ? account
                                                 : gt_json_path_str(event, "recipientAccountId"),
                       .recipient_account_id = gt_json_path_str(event, "recipientAccountId")};
}

/* Rules that read gatetrail.* see what all records of the test together tell. */
static gt_status learn(gt_deferred *deferred, const gt_rule_test *test)
{
    gt_buf text = GT_BUF(GT_RECORD_BYTES_MAX);
    gt_status status = GT_OK;
    for (const gt_json *e = gt_json_first(test->events); e && status == GT_OK; e = e->next) {
        gt_record record = record_of(&text, e);
        status = gt_buf_status(&text);
        if (status == GT_OK && deferred)
            status = gt_deferred_learn(deferred, &record);
    }
    gt_buf_done(&text);
    return status == GT_OK ? gt_deferred_fold(deferred) : status;
}

static gt_status count_alerts(test_run *run, gt_detect_worker *worker, gt_deferred *deferred,
                              const gt_rule_test *test, size_t *ret_alerts)
{
    gt_buf text = GT_BUF(GT_RECORD_BYTES_MAX);
    gt_status status = GT_OK;
    *ret_alerts = 0;
    for (const gt_json *e = gt_json_first(test->events); e && status == GT_OK; e = e->next) {
        const gt_match *matches;
        size_t count = 0;
        if (test->documents) {
            gt_json *copy = gt_json_copy(run->cli->arena, e, false);
            status = copy ? gt_detect_document(worker, copy, GT_STR("test"), &matches, &count)
                          : GT_NOMEM;
        } else {
            gt_record record = record_of(&text, e);
            status = gt_buf_status(&text);
            gt_deferred_current(deferred, &record);
            if (status == GT_OK)
                status = gt_detect_record(worker, &record, &matches, &count);
            gt_deferred_current(deferred, NULL);
        }
        *ret_alerts += count;
    }
    gt_buf_done(&text);
    return status;
}

static gt_status run_one(test_run *run, const gt_rule *rule, const gt_rule_test *test,
                         size_t *ret_alerts)
{
    gt_arena *arena = gt_arena_new(GT_RULES_ARENA_MAX);
    gt_detector_options options = {.rules = run->rules.set,
                                   .select = is_rule,
                                   .select_ctx = (void *)(uintptr_t)rule,
                                   .documents = test->documents,
                                   .now = run->cli->now};
    gt_detector *detector;
    gt_detect_worker *worker = NULL;
    gt_deferred *deferred = NULL;
    gt_status status = arena ? gt_detector_new(arena, &options, &detector) : GT_NOMEM;
    if (status == GT_OK && !test->documents)
        status = gt_deferred_new(detector, &deferred);
    if (status == GT_OK && deferred)
        status = learn(deferred, test);
    if (status == GT_OK)
        status = gt_detect_worker_new(detector, run->tables, gt_deferred_enrich(deferred), &worker);
    if (status == GT_OK)
        status = count_alerts(run, worker, deferred, test, ret_alerts);
    gt_detect_worker_free(worker);
    gt_deferred_free(deferred);
    gt_arena_free(arena);
    return status;
}

static void report(test_run *run, const char *word, gt_colour colour, gt_str file, gt_str name,
                   const char *more)
{
    gt_buf text = GT_BUF(GT_MIB);
    gt_cli_escape(&text, file);
    gt_buf_lit(&text, ": ");
    gt_cli_escape(&text, name);
    gt_cli_printf(run->cli, "%s%s%s %.*s%s\n", gt_cli_colour(run->cli->colour_out, colour), word,
                  gt_cli_colour(run->cli->colour_out, GT_COLOUR_OFF), GT_STR_ARG(gt_buf_str(&text)),
                  more);
    gt_buf_done(&text);
}

static void run_test(test_run *run, const gt_rule *rule, const gt_rule_tests *tests,
                     const gt_rule_test *test)
{
    size_t alerts = 0;
    if (rule->state != GT_RULE_RUNS) {
        run->skipped++;
        report(run, "skip", GT_COLOUR_YELLOW, tests->path, test->name,
               gt_arena_printf(run->cli->arena, " (%s)", gt_rule_state_text(rule->state)).ptr);
        return;
    }
    gt_status status = run_one(run, rule, test, &alerts);
    const char *more = "";
    if (status != GT_OK)
        more = gt_arena_printf(run->cli->arena, " (%s)", gt_status_text(status)).ptr;
    else if (alerts != test->alerts)
        more = gt_arena_printf(run->cli->arena, " (%zu alerts, expected %zu)", alerts, test->alerts)
                   .ptr;
    if (status == GT_OK && alerts == test->alerts) {
        run->passed++;
        report(run, "ok", GT_COLOUR_GREEN, tests->path, test->name, more);
    } else {
        run->failed++;
        report(run, "FAIL", GT_COLOUR_BOLD_RED, tests->path, test->name, more);
    }
}

/* --- finding the tests ------------------------------------------------------------------------ */

/* NAME.toml → NAME.test.json */
static gt_str test_name(gt_cli *cli, gt_str path)
{
    size_t dot = gt_str_rfind_byte(path, '.');
    return gt_arena_printf(cli->arena, "%.*s.test.json", GT_STR_ARG(gt_str_head(path, dot)));
}

static bool builtin_text(gt_str name, gt_str *ret)
{
    for (size_t i = 0; i < gt_builtin_count(); i++) {
        gt_builtin_file file = gt_builtin_at(i);
        if (gt_str_eq(file.name, name)) {
            *ret = file.text;
            return true;
        }
    }
    return false;
}

static bool test_text(test_run *run, const gt_rule *rule, gt_str *ret_path, gt_str *ret)
{
    *ret_path = test_name(run->cli, rule->path);
    if (rule->builtin)
        return builtin_text(gt_str_from(*ret_path, sizeof "builtin:" - 1), ret);
    gt_status status = gt_file_read(run->cli->arena, *ret_path, GT_RULE_FILE_MAX, ret);
    if (status != GT_OK && !(status == GT_IO && errno == ENOENT)) {
        gt_cli_error(run->cli, "%.*s: %s", GT_STR_ARG(*ret_path),
                     status == GT_IO ? strerror(errno) : gt_status_text(status));
        run->broken = true;
    }
    return status == GT_OK;
}

static void test_rule(test_run *run, const gt_rule *rule)
{
    gt_rule_tests tests;
    gt_str path, text;
    if (!test_text(run, rule, &path, &text)) {
        run->untested++;
        return;
    }
    gt_status status = gt_rule_tests_read(run->cli->arena, path, text, &tests);
    if (status != GT_OK) {
        gt_cli_failed(run->cli, status, "the tests");
        run->broken = true;
        return;
    }
    gt_cli_diags(run->cli, &tests.diags);
    run->broken = run->broken || tests.diags.errors;
    const gt_rule *meant = tests.rule.len ? gt_cli_rules_find(run->cli, &run->rules, tests.rule)
                                          : rule;
    run->broken = run->broken || !meant;
    for (size_t i = 0; meant && i < tests.count; i++)
        run_test(run, meant, &tests, &tests.items[i]);
}

/* A file of many rules has one file of tests. */
static bool same_file_before(const gt_rules *set, size_t i)
{
    return i > 0 && set->items[i]->file == set->items[i - 1]->file;
}

static int test_all(test_run *run)
{
    gt_str message;
    gt_ecs_options options = {0};
    gt_status status = gt_ecs_tables_open(&options, run->cli->arena, &run->tables, &message);
    if (status != GT_OK) {
        gt_cli_error(run->cli, "%.*s", GT_STR_ARG(message));
        return GT_EXIT_INPUT;
    }
    for (size_t i = 0; i < run->rules.set->count; i++) {
        const gt_rule *rule = run->rules.set->items[i];
        if (run->rules.chosen_count ? gt_cli_rules_selected(&run->rules, rule)
                                    : !same_file_before(run->rules.set, i))
            test_rule(run, rule);
    }
    gt_ecs_tables_close(run->tables);
    gt_cli_note(run->cli, "%zu passed, %zu failed, %zu skipped; %zu rule files have no tests",
                run->passed, run->failed, run->skipped, run->untested);
    if (run->broken)
        return GT_EXIT_USAGE;
    return run->failed ? GT_EXIT_INPUT : GT_EXIT_OK;
}

int gt_cmd_rules_test(gt_cli *cli)
{
    test_run run = {.cli = cli};
    int status = gt_cli_rules_load(cli, cli->args, cli->arg_count, false, &run.rules);
    if (status == GT_EXIT_OK)
        status = gt_cli_rules_choose(cli, &run.rules, true);
    return status == GT_EXIT_OK ? test_all(&run) : status;
}
