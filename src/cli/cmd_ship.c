#include "base/limits.h"
#include "base/mem.h"
#include "cli/cluster.h"
#include "cli/run.h"
#include "cluster/ship.h"
#include "cluster/template.h"
#include "json/json.h"

#include <stdio.h>

/* Refused records that are named one by one; the rest is counted. */
#define FAILURES_SHOWN 20

typedef struct shipping {
    gt_cli *cli;
    gt_run run;
    gt_cli_cluster cluster;
    gt_str stream;
    gt_ship *ship;
    gt_buf message;
    gt_status failure;
    uint64_t shown;
} shipping;

typedef struct worker {
    shipping *shipping;
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
    shipping *s = ctx;
    (void)index;
    worker *w = gt_calloc(1, sizeof(*w));
    if (!w)
        return GT_NOMEM;
    w->shipping = s;
    w->text = GT_BUF(GT_BATCH_ARENA_MAX);
    w->batch = gt_arena_new(GT_BATCH_ARENA_MAX);
    w->ecs = s->run.tables ? gt_ecs_new(s->run.tables) : NULL;
    if (!w->batch || (s->run.tables && !w->ecs)) {
        worker_free(NULL, w);
        return GT_NOMEM;
    }
    *ret = w;
    return GT_OK;
}

/* Servers take ids of up to 512 bytes. */
#define ID_MAX 400

/* The document's id, then a line end, then the document. */
static gt_status on_record(void *opaque, const gt_input *input, const gt_record *record, gt_emit *emit)
{
    worker *w = opaque;
    char name[GT_RECORD_ID_MAX];
    gt_json *document = NULL;
    (void)input;
    gt_arena_reset(w->batch, 4 * GT_MIB);
    GT_TRY(gt_json_parse(w->batch, record->json, &document, NULL));
    gt_str id = gt_record_id(record, name);
    if (w->ecs) {
        GT_TRY(gt_ecs_map(w->ecs, w->batch, document, record->json, &document));
    } else {
        if (!gt_run_document_inside(&w->shipping->run, document))
            return GT_OK;
        gt_str own = gt_json_path_str(document, "event.id");
        id = own.len ? own : id;
    }
    if (id.len > ID_MAX) {
        gt_record hashed = *record;
        hashed.event_id = GT_STR_NULL;
        id = gt_record_id(&hashed, name);
    }
    gt_buf_reset(&w->text);
    gt_json_write_str(&w->text, id);
    gt_buf_add_byte(&w->text, '\n');
    gt_json_write(&w->text, document);
    gt_emit_bytes(emit, 0, gt_buf_str(&w->text));
    return gt_buf_status(&w->text);
}

static gt_status on_commit(void *ctx, const gt_committed *item)
{
    shipping *s = ctx;
    gt_str quoted, document = gt_str_cut(item->bytes, '\n', &quoted);
    gt_json *id = NULL;
    gt_arena_mark mark = gt_arena_save(s->cli->arena);
    gt_status status = gt_json_parse(s->cli->arena, quoted, &id, NULL);
    if (status == GT_OK)
        status = gt_ship_add(s->ship, gt_json_str(id), document);
    gt_arena_rewind(s->cli->arena, mark);
    s->failure = status;
    return status == GT_OK ? GT_OK : GT_END; /* gt_ship_close says why */
}

/* On a sender's thread, one at a time. */
static void on_failed(void *ctx, gt_str id, gt_str reason)
{
    shipping *s = ctx;
    gt_buf text = GT_BUF(GT_MIB);
    if (s->shown++ >= FAILURES_SHOWN)
        return;
    gt_cli_escape(&text, id);
    gt_buf_lit(&text, ": ");
    gt_cli_escape(&text, gt_str_head(reason, 500));
    gt_cli_warn(s->cli, "the server refuses event %.*s", GT_STR_ARG(gt_buf_str(&text)));
    gt_buf_done(&text);
}

static int install_template(shipping *s)
{
    gt_cli *cli = s->cli;
    gt_template_state state;
    gt_str owner;
    gt_cluster *cluster = gt_cluster_new(&s->cluster.options);
    if (!cluster)
        return gt_cli_failed(cli, GT_NOMEM, "the cluster");
    gt_status status = gt_template_ensure(cluster, cli->arena, gt_schema_default(), s->stream, true,
                                          &state, &owner);
    int exit = status == GT_OK ? GT_EXIT_OK
                               : gt_cli_cluster_failed(cli, status, cluster, "the index template");
    gt_cluster_free(cluster);
    if (!exit && state == GT_TEMPLATE_FOREIGN)
        gt_cli_note(cli, "index template '%.*s' is not gatetrail's: left as it is", GT_STR_ARG(owner));
    return exit;
}

static int finish(shipping *s)
{
    gt_cli *cli = s->cli;
    gt_ship_counts n;
    char text[256];
    gt_status status = gt_ship_close(s->ship, &n, &s->message);
    s->ship = NULL;
    uint64_t unsent = n.added - n.created - n.present - n.failed;
    if (s->shown > FAILURES_SHOWN)
        gt_cli_warn(cli, "%llu more are refused", (unsigned long long)(s->shown - FAILURES_SHOWN));
    if (status != GT_OK)
        gt_cli_error(cli, "shipping ended early: %.*s", GT_STR_ARG(gt_buf_str(&s->message)));
    snprintf(text, sizeof text, "shipped %llu = created %llu + present %llu + refused %llu%s",
             (unsigned long long)(n.added - unsent), (unsigned long long)n.created,
             (unsigned long long)n.present, (unsigned long long)n.failed,
             n.repeats ? " (some sent again)" : "");
    gt_buf members = GT_BUF(4096);
    gt_buf_printf(&members, ",\"shipped\":{\"created\":%llu,\"present\":%llu,\"refused\":%llu,"
                  "\"beside\":%llu,\"unsent\":%llu,\"repeats\":%llu,\"bytes\":%llu}",
                  (unsigned long long)n.created, (unsigned long long)n.present,
                  (unsigned long long)n.failed, (unsigned long long)n.beside,
                  (unsigned long long)unsent, (unsigned long long)n.repeats,
                  (unsigned long long)n.bytes);
    int summary = gt_run_summary(&s->run, gt_buf_str(&members));
    gt_buf_done(&members);
    int exit = gt_run_finish(&s->run, text);
    if (status != GT_OK || n.failed)
        return GT_EXIT_INPUT;
    return exit ? exit : summary;
}

static int ship(shipping *s)
{
    gt_cli *cli = s->cli;
    size_t count;
    const gt_str *urls = gt_cli_list(cli, GT_OPT_SHIP_TO, &count);
    if (!count)
        return gt_cli_usage(cli, "--to URL is missing");
    int exit = gt_cli_cluster_open(cli, urls, count, &s->cluster);
    s->stream = s->cluster.index.len ? s->cluster.index : GT_STR("logs-aws.cloudtrail-default");
    if (!exit)
        exit = gt_run_open(cli, cli->args, cli->arg_count, &s->run);
    if (!exit && !gt_run_is_ecs(&s->run))
        exit = gt_run_tables(&s->run);
    if (!exit)
        exit = install_template(s);
    if (exit)
        return exit;
    gt_ship_options options = {
        .cluster = &s->cluster.options,
        .target = s->stream,
        .senders = (unsigned)gt_cli_number(cli, GT_OPT_SENDERS, 0),
        .failed = on_failed,
        .ctx = s,
    };
    gt_status status = gt_ship_open(&options, &s->ship, &s->message);
    if (status != GT_OK) {
        gt_cli_error(cli, "the cluster: %.*s", GT_STR_ARG(gt_buf_str(&s->message)));
        return GT_EXIT_INPUT;
    }
    gt_pipeline_stage stage = {
        .ctx = s,
        .worker_new = worker_new,
        .record = on_record,
        .worker_free = worker_free,
        .commit = on_commit,
    };
    exit = gt_run_go(&s->run, &stage);
    int end = finish(s);
    return exit ? exit : end;
}

int gt_cmd_ship(gt_cli *cli)
{
    shipping s = {.cli = cli, .message = GT_BUF(8192)};
    int exit = ship(&s);
    gt_run_done(&s.run);
    gt_cli_cluster_done(&s.cluster);
    gt_buf_done(&s.message);
    return exit;
}
