#include "base/limits.h"
#include "base/mem.h"
#include "cli/run.h"
#include "json/json.h"

typedef struct map {
    gt_cli *cli;
    gt_run run;
} map;

typedef struct worker {
    map *map;
    gt_ecs *ecs;
    gt_arena *batch;
    gt_buf text;
} worker;

static void worker_free(void *ctx, void *opaque)
{
    worker *w = opaque;
    (void)ctx;
    if (!w)
        return;
    gt_ecs_free(w->ecs);
    gt_arena_free(w->batch);
    gt_buf_done(&w->text);
    gt_free(w);
}

static gt_status worker_new(void *ctx, size_t index, void **ret)
{
    map *m = ctx;
    (void)index;
    worker *w = gt_calloc(1, sizeof(*w));
    if (!w)
        return GT_NOMEM;
    w->map = m;
    w->text = GT_BUF(GT_BATCH_ARENA_MAX);
    w->batch = gt_arena_new(GT_BATCH_ARENA_MAX);
    w->ecs = gt_ecs_new(m->run.tables);
    if (!w->batch || !w->ecs) {
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
    (void)input;
    gt_arena_reset(w->batch, 4 * GT_MIB);
    GT_TRY(gt_json_parse(w->batch, record->json, &tree, NULL));
    gt_buf_reset(&w->text);
    GT_TRY(gt_ecs_write(w->ecs, w->batch, tree, record->json, &w->text));
    gt_buf_add_byte(&w->text, '\n');
    gt_emit_bytes(emit, 0, gt_buf_str(&w->text));
    return gt_buf_status(&w->text);
}

static gt_status on_commit(void *ctx, const gt_committed *item)
{
    map *m = ctx;
    gt_cli_print(m->cli, item->bytes);
    return GT_OK;
}

int gt_cmd_map(gt_cli *cli)
{
    map m = {.cli = cli};
    gt_pipeline_stage stage = {
        .ctx = &m,
        .worker_new = worker_new,
        .record = on_record,
        .fields = GT_RECORD_DISPATCH_FIELDS,
        .worker_free = worker_free,
        .commit = on_commit,
    };
    int exit = gt_run_open(cli, cli->args, cli->arg_count, &m.run);
    if (!exit)
        exit = gt_run_tables(&m.run);
    if (!exit)
        exit = gt_run_go(&m.run, &stage);
    if (!exit) {
        int summary = gt_run_summary(&m.run, GT_STR_NULL);
        exit = gt_run_finish(&m.run, NULL);
        exit = exit ? exit : summary;
    }
    gt_run_done(&m.run);
    return exit;
}
