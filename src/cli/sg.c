#include "cli/sg.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/db.h"
#include "cli/sg_db.h"

#include <stdio.h>
#include <sys/stat.h>

/* --- reading ------------------------------------------------------------------------------------ */

typedef struct worker {
    gt_arena *batch;
    gt_buf packed;
} worker;

static void worker_free(void *ctx, void *opaque)
{
    worker *w = opaque;
    (void)ctx;
    if (!w)
        return;
    gt_arena_free(w->batch);
    gt_buf_done(&w->packed);
    gt_free(w);
}

static gt_status worker_new(void *ctx, size_t index, void **ret)
{
    (void)ctx;
    (void)index;
    worker *w = gt_calloc(1, sizeof(*w));
    if (!w)
        return GT_NOMEM;
    w->packed = GT_BUF(GT_RECORD_BYTES_MAX);
    w->batch = gt_arena_new(GT_BATCH_ARENA_MAX);
    if (!w->batch) {
        worker_free(NULL, w);
        return GT_NOMEM;
    }
    *ret = w;
    return GT_OK;
}

static gt_status on_record(void *opaque, const gt_input *input, const gt_record *record,
                           gt_emit *emit)
{
    worker *w = opaque;
    gt_json *tree = NULL;
    gt_sg_change *change = NULL;
    char id[GT_RECORD_ID_MAX];
    (void)input;
    if (!gt_sg_event_name(record->event_name))
        return GT_OK;
    gt_arena_reset(w->batch, 4 * GT_MIB);
    GT_TRY(gt_json_parse(w->batch, record->json, &tree, NULL));
    GT_TRY(gt_sg_change_of(w->batch, tree, gt_record_id(record, id), &change));
    if (!change || change->outcome != GT_SG_APPLIED)
        return GT_OK;
    gt_buf_reset(&w->packed);
    gt_sg_change_pack(change, &w->packed);
    GT_TRY(gt_buf_status(&w->packed));
    gt_emit_bytes(emit, 0, gt_buf_str(&w->packed));
    return GT_OK;
}

/* A rule that EC2 could not have taken: it opens nothing, and is never left out in silence. */
static void report_malformed(gt_sg_run *r, const gt_committed *item, const gt_sg_change *change)
{
    for (size_t i = 0; i < change->rule_count; i++)
        if (change->rules[i].malformed) {
            gt_buf text = GT_BUF(GT_MIB);
            gt_cli_escape(&text, change->event_id);
            gt_cli_warn(r->cli, "%s: event %s: %s: the rule opens nothing", item->input->name.ptr,
                        text.data ? text.data : "", change->rules[i].malformed);
            gt_buf_done(&text);
        }
}

static gt_status on_commit(void *ctx, const gt_committed *item)
{
    gt_sg_run *r = ctx;
    gt_sg_change *change;
    gt_arena_reset(r->arena, GT_MIB);
    GT_TRY(gt_sg_change_unpack(r->arena, item->bytes, &change));
    report_malformed(r, item, change);
    return gt_sg_history_add(r->history, change);
}

static int read_paths(gt_sg_run *r)
{
    gt_pipeline_stage stage = {
        .ctx = r,
        .worker_new = worker_new,
        .record = on_record,
        .fields = GT_RECORD_DISPATCH_FIELDS,
        .worker_free = worker_free,
        .commit = on_commit,
    };
    int exit = gt_run_open(r->cli, r->paths, r->path_count, &r->run);
    return exit ? exit : gt_run_go(&r->run, &stage);
}

/* --- snapshots ---------------------------------------------------------------------------------- */

static int read_snapshot(gt_sg_run *r, gt_str path, gt_time_ms time)
{
    gt_cli *cli = r->cli;
    gt_str text;
    gt_json *tree;
    gt_json_error error = {0};
    size_t groups = 0;
    gt_status status = gt_file_read(cli->arena, path, GT_SG_SNAPSHOT_MAX, &text);
    if (status != GT_OK) {
        gt_cli_error(cli, "%.*s: cannot be read", GT_STR_ARG(path));
        return GT_EXIT_USAGE;
    }
    status = gt_json_parse(cli->arena, text, &tree, &error);
    if (status == GT_INVALID) {
        gt_cli_error(cli, "%.*s: no JSON: %s at byte %zu", GT_STR_ARG(path), error.message,
                     error.offset);
        return GT_EXIT_USAGE;
    }
    if (status == GT_OK)
        status = gt_sg_history_anchor(r->history, tree, time, &groups);
    if (status == GT_INVALID) {
        gt_cli_error(cli,
                     "%.*s: neither the answer of describe-security-groups, nor of "
                     "describe-security-group-rules, nor an AWS Config item",
                     GT_STR_ARG(path));
        return GT_EXIT_USAGE;
    }
    if (status != GT_OK)
        return gt_cli_failed(cli, status, "reading the snapshot");
    return GT_EXIT_OK;
}

static int read_snapshots(gt_sg_run *r)
{
    size_t count = 0;
    gt_time_ms time = gt_cli_number(r->cli, GT_OPT_SNAPSHOT_TIME, GT_SG_NO_TIME);
    const gt_str *paths = gt_cli_list(r->cli, GT_OPT_SNAPSHOT, &count);
    for (size_t i = 0; i < count; i++) {
        int exit = read_snapshot(r, paths[i], time);
        if (exit)
            return exit;
    }
    return GT_EXIT_OK;
}

/* --- opening ------------------------------------------------------------------------------------ */

/* An argument that begins with sg- and is no existing path is a group. */
static bool is_group(gt_str arg)
{
    struct stat st;
    return gt_str_starts(arg, GT_STR("sg-")) && stat(arg.ptr, &st) != 0;
}

static int take_arguments(gt_sg_run *r)
{
    gt_cli *cli = r->cli;
    r->groups = gt_arena_array(cli->arena, gt_str, cli->arg_count + 1);
    r->paths = gt_arena_array(cli->arena, gt_str, cli->arg_count + 1);
    if (!r->groups || !r->paths)
        return gt_cli_failed(cli, GT_NOMEM, "reading the arguments");
    for (size_t i = 0; i < cli->arg_count; i++) {
        if (is_group(cli->args[i]))
            r->groups[r->group_count++] = cli->args[i];
        else
            r->paths[r->path_count++] = cli->args[i];
    }
    bool db = gt_cli_has(cli, GT_OPT_DB);
    if (db && r->path_count)
        return gt_cli_usage(cli, "give PATHs or --db, not both");
    if (!db && r->path_count == 0)
        return gt_cli_usage(cli, "which logs? give PATHs or --db");
    return GT_EXIT_OK;
}

/* A snapshot may speak of any group: then everything is loaded, else one group at a time. */
static int open_db(gt_sg_run *r)
{
    int exit = gt_db_open(r->cli, false, &r->store);
    if (exit)
        return exit;
    r->whole = gt_cli_has(r->cli, GT_OPT_SNAPSHOT);
    gt_status status = r->whole ? gt_sg_db_load(r->store, r->history)
                                : gt_sg_db_facts_get(r->store, r->cli->arena, &r->facts);
    if (status == GT_OK && !r->whole && !r->facts.known && r->group_count == 0) {
        status = gt_sg_db_conclude(r->store); /* once, not for every group */
        if (status == GT_OK)
            status = gt_sg_db_facts_get(r->store, r->cli->arena, &r->facts);
    }
    return status == GT_OK ? GT_EXIT_OK : gt_db_failed(r->cli, r->store, status);
}

int gt_sg_run_open(gt_cli *cli, gt_sg_run *ret)
{
    static const gt_sg_format formats[] = {GT_SG_TEXT, GT_SG_JSON, GT_SG_NDJSON};
    gt_sg_run *r = ret;
    *r = (gt_sg_run){.cli = cli, .text = GT_BUF(GT_GIB), .whole = true};
    r->format = formats[gt_cli_choice(cli, GT_OPT_FORMAT_SG, cli->tty_out ? 0 : 2)];
    r->arena = gt_arena_new(GT_SG_HISTORY_MAX);
    r->history = gt_sg_history_new();
    r->run = (gt_run){.cli = cli};
    if (!r->arena || !r->history)
        return gt_cli_failed(cli, GT_NOMEM, "starting");
    int exit = take_arguments(r);
    if (!exit)
        exit = gt_cli_has(cli, GT_OPT_DB) ? open_db(r) : read_paths(r);
    if (!exit)
        exit = read_snapshots(r);
    if (!exit && r->whole && gt_sg_history_seal(r->history) != GT_OK)
        exit = gt_cli_failed(cli, GT_NOMEM, "ordering the changes");
    return exit;
}

void gt_sg_run_done(gt_sg_run *r)
{
    if (r->path_count && r->run.options.inputs)
        gt_run_done(&r->run);
    gt_sg_history_free(r->history);
    gt_store_close(r->store);
    gt_arena_free(r->arena);
    gt_buf_done(&r->text);
}

/* --- groups ------------------------------------------------------------------------------------- */

static bool is_one_of(gt_cli *cli, gt_option_id id, gt_str text)
{
    size_t count;
    const gt_str *list = gt_cli_list(cli, id, &count);
    for (size_t i = 0; i < count; i++)
        if (gt_str_eq(list[i], text))
            return true;
    return count == 0;
}

/* --account and --region; over paths the pipeline has seen to them. */
static bool is_wanted(gt_sg_run *r, const gt_sg_group *g)
{
    return is_one_of(r->cli, GT_OPT_ACCOUNT, g->account) &&
           is_one_of(r->cli, GT_OPT_REGION, g->region);
}

static gt_status one_group(gt_sg_run *r, gt_str id, gt_sg_group_fn *fn, void *context)
{
    gt_sg_timeline *timeline;
    gt_arena_reset(r->arena, GT_MIB);
    if (!r->whole) {
        gt_sg_history_free(r->history);
        r->history = NULL;
        GT_TRY(gt_sg_db_load_group(r->store, &r->facts, id, &r->history));
    }
    GT_TRY(gt_sg_history_fold(r->history, r->arena, id, &timeline));
    if (r->store && !is_wanted(r, &timeline->group))
        return GT_OK;
    GT_TRY(fn(context, timeline));
    gt_sg_flush_text(r);
    return r->cli->out_failed ? GT_IO : GT_OK;
}

/* The groups asked for, else all. */
static gt_status list_groups(gt_sg_run *r, gt_str **ret, size_t *ret_count)
{
    if (r->group_count || !r->whole) {
        *ret = r->groups;
        *ret_count = r->group_count;
        return r->group_count ? GT_OK
                              : gt_sg_db_groups(r->store, r->cli->arena, ret, ret_count);
    }
    size_t count = gt_sg_history_group_count(r->history);
    *ret = gt_arena_array(r->cli->arena, gt_str, count + 1);
    if (!*ret)
        return GT_NOMEM;
    for (size_t i = 0; i < count; i++)
        (*ret)[i] = gt_sg_history_group(r->history, i)->id;
    *ret_count = count;
    return GT_OK;
}

int gt_sg_run_groups(gt_sg_run *r, gt_sg_group_fn *fn, void *context)
{
    gt_str *ids = NULL;
    size_t count = 0;
    gt_status status = list_groups(r, &ids, &count);
    for (size_t i = 0; i < count && status == GT_OK; i++) {
        status = one_group(r, ids[i], fn, context);
        if (status == GT_NOTFOUND) {
            gt_cli_note(r->cli, "%.*s: no record names this group", GT_STR_ARG(ids[i]));
            status = GT_OK;
        }
    }
    if (status == GT_OK || (status == GT_IO && r->cli->out_failed))
        return status == GT_OK ? GT_EXIT_OK : GT_EXIT_INPUT;
    if (r->store)
        return gt_db_failed(r->cli, r->store, status);
    return gt_cli_failed(r->cli, status, "reading the history");
}

void gt_sg_print_item(gt_sg_run *r, const gt_json *item)
{
    if (r->format == GT_SG_JSON) {
        gt_buf_lit(&r->text, "\n");
        if (r->printed == 0)
            gt_cli_print(r->cli, GT_STR("["));
        else
            gt_cli_print(r->cli, GT_STR(","));
    }
    gt_json_write(&r->text, item);
    if (r->format == GT_SG_NDJSON)
        gt_buf_lit(&r->text, "\n");
    r->printed++;
    gt_sg_flush_text(r);
}

int gt_sg_run_end(gt_sg_run *r)
{
    char text[64];
    if (r->format == GT_SG_JSON)
        gt_cli_print(r->cli, r->printed ? GT_STR("\n]\n") : GT_STR("[]\n"));
    gt_cli_flush(r->cli);
    if (r->store)
        return GT_EXIT_OK;
    size_t count = gt_sg_history_count(r->history);
    snprintf(text, sizeof(text), "%zu security-group change%s", count, count == 1 ? "" : "s");
    return gt_run_finish(&r->run, text);
}
