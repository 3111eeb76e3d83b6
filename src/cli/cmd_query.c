/* A query is a detector with one rule that has nothing but a query: events that cannot match are
 * never parsed. */
#include "base/limits.h"
#include "cli/db.h"
#include "cli/cluster_scan.h"
#include "cli/deferred.h"
#include "cli/render.h"
#include "cli/run.h"
#include "detect/detect.h"

#include <stdio.h>
#include <sys/stat.h>

typedef enum format { TEXT, NDJSON, CSV, RAW, COUNT } format;

typedef struct query {
    gt_cli *cli;
    gt_run run;
    gt_rule rule;
    gt_detector *detector;
    gt_deferred *deferred; /* NULL unless the query reads gatetrail.* */
    format format;
    uint64_t found;
} query;

static gt_status worker_new(void *ctx, size_t index, void **ret)
{
    query *q = ctx;
    (void)index;
    return gt_run_worker_new(&q->run, q->detector, gt_deferred_enrich(q->deferred), q, ret);
}

/* The record's own bytes on one line: line ends in JSON stand between its parts only. */
static void add_raw(gt_buf *out, gt_str json, bool terminal)
{
    for (size_t i = 0; i < json.len; i++) {
        char c = json.ptr[i];
        if (c == '\n' || c == '\r')
            gt_buf_add_byte(out, ' ');
        else if (terminal && c == 0x7f)
            gt_buf_lit(out, "\\u007f");
        else if (terminal && (unsigned char)c == 0xc2 && i + 1 < json.len &&
                 (unsigned char)json.ptr[i + 1] < 0xa0)
            gt_buf_printf(out, "\\u00%02x", (unsigned char)json.ptr[++i]);
        else
            gt_buf_add_byte(out, c);
    }
    gt_buf_add_byte(out, '\n');
}

static gt_status render(const query *q, gt_run_worker *w, const gt_json *document, gt_str file)
{
    gt_buf_reset(&w->text);
    switch (q->format) {
    case TEXT:
        gt_render_event(&w->text, document, file, q->cli->colour_out);
        break;
    case NDJSON:
        gt_json_write(&w->text, document);
        gt_buf_add_byte(&w->text, '\n');
        break;
    case CSV:
        gt_render_csv(&w->text, NULL, document, file);
        break;
    case RAW:
    case COUNT:
        break;
    }
    return gt_buf_status(&w->text);
}

/* Counting often needs no document. */
static gt_status count_record(gt_run_worker *w, const gt_record *record, gt_emit *emit)
{
    bool any;
    gt_status status = gt_detect_any(w->detect, record, &any);
    if (status == GT_INVALID) {
        gt_emit_reject(emit, "not a JSON object");
        return GT_OK;
    }
    if (status == GT_OK && any)
        gt_emit_bytes(emit, 0, GT_STR(""));
    return status;
}

static gt_status on_record(void *opaque, const gt_input *input, const gt_record *record,
                           gt_emit *emit)
{
    gt_run_worker *w = opaque;
    query *q = w->command;
    const gt_match *matches;
    size_t count;
    bool taken;
    GT_TRY(gt_deferred_take(q->deferred, w, record, emit, &taken));
    if (taken)
        return GT_OK;
    if (q->format == COUNT && !gt_run_is_ecs(&q->run))
        return count_record(w, record, emit);
    gt_status status = gt_detect_record(w->detect, record, &matches, &count);
    if (status == GT_INVALID) {
        gt_emit_reject(emit, "not a JSON object");
        return GT_OK;
    }
    if (status != GT_OK || !count)
        return status;
    const gt_json *document = matches[0].document;
    if (gt_run_is_ecs(&q->run) && !gt_run_document_inside(&q->run, document))
        return GT_OK;
    GT_TRY(render(q, w, document, input->name));
    if (q->format == RAW)
        add_raw(&w->text, record->json, q->cli->tty_out);
    gt_emit_bytes(emit, 0, gt_buf_str(&w->text));
    return gt_buf_status(&w->text);
}

static gt_status put_event(void *ctx, const gt_committed *item)
{
    query *q = ctx;
    q->found++;
    gt_cli_print(q->cli, item->bytes);
    return GT_OK;
}

static gt_status on_commit(void *ctx, const gt_committed *item)
{
    query *q = ctx;
    bool kept;
    GT_TRY(gt_deferred_keep(q->deferred, item, &kept));
    return kept ? GT_OK : put_event(q, item);
}

/* An event that had to wait for the whole history. */
static gt_status put_match(void *ctx, gt_run_worker *w, const gt_input *input,
                           const gt_record *record, const gt_match *matches, size_t count)
{
    query *q = ctx;
    (void)count;
    GT_TRY(render(q, w, matches[0].document, input->name));
    if (q->format == RAW)
        add_raw(&w->text, record->json, q->cli->tty_out);
    gt_committed item = {.input = input, .bytes = gt_buf_str(&w->text)};
    GT_TRY(gt_buf_status(&w->text));
    return put_event(q, &item);
}

static int compile(query *q)
{
    gt_cli *cli = q->cli;
    gt_diags diags;
    gt_offsets where = {0};
    gt_arena *scratch = gt_arena_new(GT_SCRATCH_ARENA_MAX);
    gt_status status = GT_NOMEM;
    q->rule = (gt_rule){.enabled = true, .state = GT_RULE_RUNS, .query_text = cli->args[0]};
    gt_diags_init(&diags, cli->arena, GT_STR("query"), cli->args[0]);
    if (scratch)
        status = gt_kql_compile(cli->arena, scratch, cli->args[0], where, gt_schema_default(),
                                &q->rule.query, &diags);
    gt_arena_free(scratch);
    gt_cli_diags(cli, &diags);
    if (status == GT_INVALID || (status == GT_LIMIT && diags.errors))
        return GT_EXIT_USAGE;
    if (status != GT_OK)
        return gt_cli_failed(cli, status, "compiling the query");
    gt_rule *one[1] = {&q->rule};
    gt_rules rules = {.items = one, .count = 1};
    gt_detector_options options = {
        .rules = &rules,
        .documents = gt_run_is_ecs(&q->run),
        .now = cli->now,
    };
    status = gt_detector_new(cli->arena, &options, &q->detector);
    return status == GT_OK ? GT_EXIT_OK : gt_cli_failed(cli, status, "preparing the query");
}

/* --- over a database --------------------------------------------------------------------------- */

static gt_status on_db_record(void *user, const gt_record *record)
{
    gt_run_worker *w = user;
    query *q = w->command;
    if (!gt_detector_candidate(q->detector, record))
        return GT_OK;
    const gt_match *matches;
    size_t count;
    gt_deferred_current(q->deferred, record);
    bool any = false;
    gt_status status = q->format == COUNT
                           ? gt_detect_any(w->detect, record, &any)
                           : gt_detect_record(w->detect, record, &matches, &count);
    if (status == GT_LIMIT || status == GT_INVALID)
        return GT_OK; /* the scan that filled the database has told it */
    if (status != GT_OK || !(q->format == COUNT ? any : count > 0))
        return status;
    q->found++;
    if (q->format == COUNT)
        return GT_OK;
    GT_TRY(render(q, w, matches[0].document, gt_str_c(gt_cli_path(q->cli, GT_OPT_DB))));
    if (q->format == RAW)
        add_raw(&w->text, record->json, q->cli->tty_out);
    gt_cli_print(q->cli, gt_buf_str(&w->text));
    return q->cli->out_failed ? GT_IO : gt_buf_status(&w->text);
}

static int query_db(query *q)
{
    gt_cli *cli = q->cli;
    gt_store *store;
    void *worker;
    uint64_t certain = 0;
    int exit = gt_db_open(cli, false, &store);
    if (exit)
        return exit;
    gt_status status = gt_deferred_new(q->detector, &q->deferred);
    if (status == GT_OK)
        status = gt_deferred_load(q->deferred, store);
    if (status == GT_OK)
        status = gt_deferred_fold(q->deferred);
    if (status == GT_OK)
        status = gt_run_worker_new(&q->run, q->detector, gt_deferred_enrich(q->deferred), q,
                                   &worker);
    if (status == GT_OK) {
        status = gt_db_query(store, &q->run, q->rule.query, on_db_record, worker,
                             q->format == COUNT ? &certain : NULL);
        q->found += certain;
        gt_run_worker_free(NULL, worker);
    }
    exit = status == GT_OK || cli->out_failed ? GT_EXIT_OK : gt_db_failed(cli, store, status);
    gt_store_close(store);
    if (exit)
        return exit;
    if (q->format == COUNT)
        gt_cli_printf(cli, "%llu\n", (unsigned long long)q->found);
    gt_cli_note(cli, "%llu event%s matched", (unsigned long long)q->found, q->found == 1 ? "" : "s");
    return GT_EXIT_OK;
}

/* --- over a cluster ---------------------------------------------------------------------------- */

static int finish(query *q)
{
    gt_cli *cli = q->cli;
    char text[64];
    if (q->format == COUNT)
        gt_cli_printf(cli, "%llu\n", (unsigned long long)q->found);
    snprintf(text, sizeof(text), "%llu event%s matched", (unsigned long long)q->found,
             q->found == 1 ? "" : "s");
    int summary = gt_run_summary(&q->run, GT_STR_NULL);
    int exit = gt_run_finish(&q->run, text);
    return exit ? exit : summary;
}

static gt_status on_cluster_matches(void *ctx, const gt_match *matches, size_t count, gt_str file)
{
    gt_run_worker *w = ctx;
    gt_input input = {.name = file};
    gt_record none = {.json = GT_STR("")};
    return put_match(w->command, w, &input, &none, matches, count);
}

static int query_cluster(query *q)
{
    gt_run_worker worker = {.command = q, .text = GT_BUF(GT_BATCH_ARENA_MAX)};
    gt_cluster_scan pushdown = {
        .cli = q->cli,
        .run = &q->run,
        .detector = q->detector,
        .urls = q->cli->args + 1,
        .url_count = q->cli->arg_count - 1,
        .matched = on_cluster_matches,
        .ctx = &worker,
    };
    if (q->format == RAW)
        return gt_cli_usage(q->cli, "a cluster holds ECS documents: --raw has no records to print");
    int exit = gt_cluster_scan_run(&pushdown);
    gt_buf_done(&worker.text);
    if (exit == GT_EXIT_USAGE)
        return exit;
    int end = finish(q);
    return exit ? exit : end;
}

static int query_run(query *q)
{
    gt_cli *cli = q->cli;
    bool db = gt_cli_has(cli, GT_OPT_DB);
    if (db && cli->arg_count > 1)
        return gt_cli_usage(cli, "give PATHs or --db, not both");
    struct stat st;
    if (!db && cli->arg_count == 1 && stat(cli->args[0].ptr, &st) == 0)
        return gt_cli_usage(cli, "which query? the KQL stands before the PATHs ('' finds everything)");
    if (!db && cli->arg_count < 2)
        return gt_cli_usage(cli, "which logs? give PATHs or --db");
    int exit = GT_EXIT_OK;
    bool cluster = !db && gt_cli_args_are_cluster(cli, cli->args + 1, cli->arg_count - 1, &exit);
    if (!exit)
        exit = gt_run_open(cli, cli->args + 1, cluster ? 0 : cli->arg_count - 1, &q->run);
    if (cluster)
        q->run.options.kind = GT_RECORDS_ECS; /* documents come out of it */
    if (!exit)
        exit = compile(q);
    if (!exit && !gt_run_is_ecs(&q->run))
        exit = gt_run_tables(&q->run);
    if (exit)
        return exit;
    if (q->format == CSV) {
        gt_buf head = GT_BUF(GT_MIB);
        gt_render_csv_head(&head, false);
        gt_cli_print(cli, gt_buf_str(&head));
        gt_buf_done(&head);
    }
    if (db)
        return query_db(q);
    if (cluster)
        return query_cluster(q);
    gt_pipeline_stage stage = {
        .ctx = q,
        .worker_new = worker_new,
        .record = on_record,
        .fields = GT_RECORD_DISPATCH_FIELDS,
        .worker_free = gt_run_worker_free,
        .commit = on_commit,
    };
    gt_status status = GT_OK;
    if (!gt_run_is_ecs(&q->run))
        status = gt_deferred_new(q->detector, &q->deferred);
    if (status != GT_OK)
        return gt_cli_failed(cli, status, "preparing the query");
    exit = gt_run_go(&q->run, &stage);
    if (exit)
        return exit;
    gt_deferred_sink sink = {.ctx = q, .item = put_event, .matches = put_match};
    status = gt_deferred_replay(q->deferred, &q->run, &sink);
    if (status != GT_OK)
        return gt_cli_failed(cli, status, "evaluating security-group events");
    return finish(q);
}

int gt_cmd_query(gt_cli *cli)
{
    query q = {.cli = cli};
    q.format = (format)gt_cli_choice(cli, GT_OPT_FORMAT, cli->tty_out ? TEXT : NDJSON);
    if (gt_cli_flag(cli, GT_OPT_RAW))
        q.format = RAW;
    if (gt_cli_flag(cli, GT_OPT_COUNT))
        q.format = COUNT;
    int exit = query_run(&q);
    gt_deferred_free(q.deferred);
    gt_run_done(&q.run);
    return exit;
}
