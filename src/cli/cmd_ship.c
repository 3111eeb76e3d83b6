#include "base/limits.h"
#include "cli/cluster.h"
#include "cli/deferred.h"
#include "cli/run.h"
#include "cli/ship_from.h"
#include "cluster/ship.h"
#include "cluster/template.h"
#include "json/json.h"

#include <stdio.h>

/* Refused records that are named one by one; the rest is counted. */
#define FAILURES_SHOWN 20

/* Matches every event, and reads what the history of security groups adds to them. */
static const char *const EVERYTHING = "*: * or gatetrail.security_group.id: *";

typedef struct shipping {
    gt_cli *cli;
    gt_run run;
    gt_cli_cluster cluster;
    gt_str stream;
    gt_rule rule;
    gt_detector *detector;
    gt_deferred *deferred;
    gt_ship *ship;
    gt_buf message;
    gt_arena *scratch; /* of the committing thread */
    uint64_t shown;
} shipping;

static gt_status worker_new(void *ctx, size_t index, void **ret)
{
    shipping *s = ctx;
    (void)index;
    return gt_run_worker_new(&s->run, s->detector, gt_deferred_enrich(s->deferred), s, ret);
}

/* Servers take ids of up to 512 bytes. */
#define ID_MAX 400

gt_str gt_ship_id(const gt_record *record, const gt_json *document, char out[GT_RECORD_ID_MAX])
{
    gt_str id = gt_record_id(record, out);
    if (!record->event_id.len) {
        gt_str own = gt_json_path_str(document, "event.id");
        id = own.len ? own : id;
    }
    if (id.len > ID_MAX) {
        gt_record hashed = *record;
        hashed.event_id = GT_STR_NULL;
        id = gt_record_id(&hashed, out);
    }
    return id;
}

/* The document's id as JSON, then a line end, then the document. */
static gt_status render(gt_run_worker *w, const gt_record *record, const gt_json *document)
{
    char name[GT_RECORD_ID_MAX];
    gt_str id = gt_ship_id(record, document, name);
    gt_buf_reset(&w->text);
    gt_json_write_str(&w->text, id);
    gt_buf_add_byte(&w->text, '\n');
    gt_json_write(&w->text, document);
    return gt_buf_status(&w->text);
}

static gt_status on_record(void *opaque, const gt_input *input, const gt_record *record, gt_emit *emit)
{
    gt_run_worker *w = opaque;
    shipping *s = w->command;
    const gt_match *matches;
    size_t count;
    bool taken;
    (void)input;
    GT_TRY(gt_deferred_take(s->deferred, w, record, emit, &taken));
    if (taken)
        return GT_OK;
    gt_status status = gt_detect_record(w->detect, record, &matches, &count);
    if (status == GT_INVALID) {
        gt_emit_reject(emit, "not a JSON object");
        return GT_OK;
    }
    if (status != GT_OK || !count)
        return status;
    if (gt_run_is_ecs(&s->run) && !gt_run_document_inside(&s->run, matches[0].document))
        return GT_OK;
    GT_TRY(render(w, record, matches[0].document));
    gt_emit_bytes(emit, 0, gt_buf_str(&w->text));
    return GT_OK;
}

static gt_status put_document(void *ctx, const gt_committed *item)
{
    shipping *s = ctx;
    gt_str quoted, document = gt_str_cut(item->bytes, '\n', &quoted);
    gt_json *id = NULL;
    gt_arena_reset(s->scratch, GT_KIB);
    gt_status status = gt_json_parse(s->scratch, quoted, &id, NULL);
    if (status == GT_OK)
        status = gt_ship_add(s->ship, gt_json_str(id), document);
    return status == GT_OK ? GT_OK : GT_END; /* gt_ship_close says why */
}

/* The order of documents in a cluster means nothing: only what waits for the history is kept. */
static gt_status on_commit(void *ctx, const gt_committed *item)
{
    shipping *s = ctx;
    bool kept;
    if (item->tag == 0)
        return put_document(s, item);
    return gt_deferred_keep(s->deferred, item, &kept);
}

static gt_status put_match(void *ctx, gt_run_worker *w, const gt_input *input,
                           const gt_record *record, const gt_match *matches, size_t count)
{
    (void)count;
    GT_TRY(render(w, record, matches[0].document));
    gt_committed item = {.input = input, .bytes = gt_buf_str(&w->text)};
    return put_document(ctx, &item);
}

static int prepare(shipping *s)
{
    gt_cli *cli = s->cli;
    gt_diags diags;
    gt_str text = gt_str_c(EVERYTHING);
    s->scratch = gt_arena_new(GT_SCRATCH_ARENA_MAX);
    if (!s->scratch)
        return gt_cli_failed(cli, GT_NOMEM, "shipping");
    gt_diags_init(&diags, cli->arena, GT_STR("query"), text);
    s->rule = (gt_rule){.enabled = true, .state = GT_RULE_RUNS, .query_text = text};
    gt_status status = gt_kql_compile(cli->arena, s->scratch, text, (gt_offsets){0, NULL},
                                      gt_schema_default(), &s->rule.query, &diags);
    gt_rule *one[1] = {&s->rule};
    gt_rules rules = {.items = one, .count = 1};
    gt_detector_options options = {
        .rules = &rules, .documents = gt_run_is_ecs(&s->run), .now = cli->now,
    };
    if (status == GT_OK)
        status = gt_detector_new(cli->arena, &options, &s->detector);
    if (status == GT_OK && !gt_run_is_ecs(&s->run) && !gt_cli_has(cli, GT_OPT_SHIP_FROM))
        status = gt_deferred_new(s->detector, &s->deferred);
    return status == GT_OK ? GT_EXIT_OK : gt_cli_failed(cli, status, "preparing to ship");
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
    bool from = gt_cli_has(cli, GT_OPT_SHIP_FROM);
    if (from == (cli->arg_count > 0))
        return gt_cli_usage(cli, "give PATHs or --from SOURCE%s", from ? ", not both" : "");
    if (!gt_cli_has(cli, GT_OPT_SHIP_TO))
        return gt_cli_usage(cli, "--to URL is missing");
    int exit = gt_cli_cluster_open(cli, gt_cli_str(cli, GT_OPT_SHIP_TO), &s->cluster);
    s->stream = s->cluster.index.len ? s->cluster.index : GT_STR("logs-aws.cloudtrail-default");
    if (!exit)
        exit = gt_run_open(cli, cli->args, cli->arg_count, &s->run);
    if (!exit && !gt_run_is_ecs(&s->run))
        exit = gt_run_tables(&s->run);
    if (!exit)
        exit = prepare(s);
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
        .worker_free = gt_run_worker_free,
        .commit = on_commit,
    };
    if (gt_cli_has(cli, GT_OPT_SHIP_FROM)) {
        exit = gt_ship_from(cli, s->detector, s->run.tables, s->ship, &s->run.counts);
        int ended = finish(s);
        return exit ? exit : ended;
    }
    exit = gt_run_go(&s->run, &stage);
    gt_deferred_sink sink = {.ctx = s, .item = put_document, .matches = put_match};
    if (!exit && gt_deferred_replay(s->deferred, &s->run, &sink) == GT_NOMEM)
        exit = gt_cli_failed(cli, GT_NOMEM, "evaluating security-group events");
    int end = finish(s);
    return exit ? exit : end;
}

int gt_cmd_ship(gt_cli *cli)
{
    shipping s = {.cli = cli, .message = GT_BUF(8192)};
    int exit = ship(&s);
    gt_deferred_free(s.deferred);
    gt_arena_free(s.scratch);
    gt_run_done(&s.run);
    gt_cli_cluster_done(&s.cluster);
    gt_buf_done(&s.message);
    return exit;
}
