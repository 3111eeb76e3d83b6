#include "base/limits.h"
#include "cli/cluster_scan.h"
#include "cli/deferred.h"
#include "cli/render.h"
#include "cli/rules.h"
#include "cli/run.h"
#include "detect/alert.h"
#include "detect/detect.h"

#include <stdio.h>

typedef enum format { TEXT, NDJSON, CSV, COUNT } format;

typedef struct scan {
    gt_cli *cli;
    gt_run run;
    gt_cli_rules rules;
    gt_detector *detector;
    gt_deferred *deferred; /* NULL unless rules need the whole history */
    format format;
    uint64_t *by_rule; /* alerts found, by the detector's index */
    uint64_t found;
    uint64_t written;
    uint64_t most; /* --max-alerts */
    gt_arena *texts;   /* of `own` */
    gt_alert_own *own; /* by the detector's index; made when a rule has its first alert */
} scan;

/* The NDJSON of all alerts of an event, as it is emitted: this, the text they share, and an entry each. */
typedef struct event_head {
    gt_alert_cuts cuts;
    size_t shared_len;
    size_t count;
} event_head;

typedef struct event_entry {
    size_t index; /* of the rule */
    char id[GT_ALERT_ID_LEN];
} event_entry;

/* --- on the workers' threads ------------------------------------------------------------------ */

static gt_status worker_new(void *ctx, size_t index, void **ret)
{
    scan *s = ctx;
    (void)index;
    return gt_run_worker_new(&s->run, s->detector, gt_deferred_enrich(s->deferred), s, ret);
}

/* In NDJSON what an alert has of its rule is added at the commit. */
static gt_status render_event(gt_run_worker *w, const gt_match *matches, size_t count)
{
    event_head head = {.count = count};
    gt_buf *out = &w->text;
    gt_buf_reset(out);
    gt_buf_add(out, (gt_str){(const char *)&head, sizeof head});
    gt_alert_write_shared(&matches[0], out, &head.cuts);
    if (gt_buf_status(out) != GT_OK)
        return gt_buf_status(out);
    head.shared_len = out->len - sizeof head;
    memcpy(out->data, &head, sizeof head);
    for (size_t i = 0; i < count; i++) {
        event_entry entry = {.index = matches[i].index};
        memcpy(entry.id, matches[i].id.ptr, sizeof entry.id);
        gt_buf_add(out, (gt_str){(const char *)&entry, sizeof entry});
    }
    return gt_buf_status(out);
}

static gt_status render_alert(const scan *s, gt_run_worker *w, const gt_match *match, gt_str file)
{
    gt_buf_reset(&w->text);
    switch (s->format) {
    case TEXT:
        gt_render_alert(&w->text, match, file, s->cli->colour_out);
        break;
    case CSV:
        gt_render_csv(&w->text, match, match->document, file);
        break;
    case NDJSON:
    case COUNT:
        break;
    }
    return gt_buf_status(&w->text);
}

static gt_status emit_matches(const scan *s, gt_run_worker *w, const gt_match *matches, size_t count,
                              gt_str file, gt_emit *emit)
{
    if (s->format == NDJSON) {
        GT_TRY(render_event(w, matches, count));
        gt_emit_bytes(emit, 0, gt_buf_str(&w->text));
        return GT_OK;
    }
    for (size_t i = 0; i < count; i++) {
        GT_TRY(render_alert(s, w, &matches[i], file));
        gt_emit_bytes(emit, matches[i].index, gt_buf_str(&w->text));
    }
    return GT_OK;
}

static gt_status on_record(void *opaque, const gt_input *input, const gt_record *record,
                           gt_emit *emit)
{
    gt_run_worker *w = opaque;
    scan *s = w->command;
    const gt_match *matches;
    size_t count;
    bool taken;
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
    if (gt_run_is_ecs(&s->run) &&
        !gt_run_document_inside(&s->run, matches[0].document))
        return GT_OK;
    return emit_matches(s, w, matches, count, input->name, emit);
}

/* --- in order --------------------------------------------------------------------------------- */

/* Count it; is it to be written? */
static bool take_alert(scan *s, size_t index)
{
    s->found++;
    s->by_rule[index]++;
    if (s->found > s->most)
        return false;
    s->written++;
    return s->format != COUNT;
}

static gt_status own_of(scan *s, size_t index, const gt_alert_own **ret)
{
    if (!s->own[index].tail.ptr)
        GT_TRY(gt_alert_own_make(s->detector, index, gt_detector_now(s->detector), s->texts,
                                 &s->own[index]));
    *ret = &s->own[index];
    return GT_OK;
}

static gt_status put_entry(scan *s, gt_str shared, const event_head *head, const event_entry *entry)
{
    const gt_alert_own *own;
    gt_str parts[GT_ALERT_PARTS];
    if (!take_alert(s, entry->index))
        return GT_OK;
    GT_TRY(own_of(s, entry->index, &own));
    gt_alert_parts(shared, &head->cuts, (gt_str){entry->id, sizeof entry->id}, own, parts);
    for (size_t i = 0; i + 1 < GT_ALERT_PARTS; i++)
        gt_cli_print(s->cli, parts[i]);
    gt_cli_print_lasting(s->cli, parts[GT_ALERT_PARTS - 1]);
    gt_cli_print(s->cli, GT_STR("\n"));
    return GT_OK;
}

static gt_status put_event(scan *s, gt_str bytes)
{
    event_head head;
    event_entry entry;
    memcpy(&head, bytes.ptr, sizeof head);
    gt_str shared = gt_str_head(gt_str_from(bytes, sizeof head), head.shared_len);
    const char *at = shared.ptr + shared.len;
    for (size_t i = 0; i < head.count; i++, at += sizeof entry) {
        memcpy(&entry, at, sizeof entry);
        GT_TRY(put_entry(s, shared, &head, &entry));
    }
    return GT_OK;
}

static gt_status put_item(void *ctx, const gt_committed *item)
{
    scan *s = ctx;
    if (s->format == NDJSON)
        return put_event(s, item->bytes);
    if (take_alert(s, (size_t)item->tag))
        gt_cli_print(s->cli, item->bytes);
    return GT_OK;
}

static gt_status on_commit(void *ctx, const gt_committed *item)
{
    scan *s = ctx;
    bool kept;
    GT_TRY(gt_deferred_keep(s->deferred, item, &kept));
    return kept ? GT_OK : put_item(s, item);
}

/* Alerts of an event that had to wait for the whole history. */
static gt_status put_matches(void *ctx, gt_run_worker *w, const gt_input *input,
                             const gt_record *record, const gt_match *matches, size_t count)
{
    scan *s = ctx;
    (void)record;
    if (!count)
        return GT_OK;
    if (s->format == NDJSON) {
        GT_TRY(render_event(w, matches, count));
        return put_event(s, gt_buf_str(&w->text));
    }
    for (size_t i = 0; i < count; i++) {
        GT_TRY(render_alert(s, w, &matches[i], input->name));
        gt_committed item = {.input = input, .tag = matches[i].index,
                             .bytes = gt_buf_str(&w->text)};
        GT_TRY(put_item(s, &item));
    }
    return GT_OK;
}

/* --- the command ------------------------------------------------------------------------------ */

/* Alerts found, held back ones too, by rule_id. */
static void summary_members(const scan *s, gt_buf *out)
{
    const char *separator = "";
    gt_buf_lit(out, ",\"alerts\":{");
    for (size_t i = 0; i < gt_detector_count(s->detector); i++) {
        if (!s->by_rule[i])
            continue;
        gt_buf_add(out, gt_str_c(separator));
        gt_json_write_str(out, gt_detector_rule(s->detector, i)->rule_id);
        gt_buf_printf(out, ":%llu", (unsigned long long)s->by_rule[i]);
        separator = ",";
    }
    gt_buf_printf(out, "},\"held_back\":%llu,\"rules\":%zu",
                  (unsigned long long)(s->found - s->written), gt_detector_count(s->detector));
}

static int finish(scan *s)
{
    gt_cli *cli = s->cli;
    char text[128];
    gt_buf members = GT_BUF(GT_GIB);
    uint64_t held = s->found - s->written;
    if (s->format == COUNT)
        gt_cli_printf(cli, "%llu\n", (unsigned long long)s->found);
    gt_cli_flush(cli);
    summary_members(s, &members);
    int summary = gt_run_summary(&s->run, gt_buf_str(&members));
    gt_buf_done(&members);
    if (held)
        snprintf(text, sizeof(text), "%llu alerts, %llu of them held back by --max-alerts",
                 (unsigned long long)s->found, (unsigned long long)held);
    else
        snprintf(text, sizeof(text), "%llu alert%s", (unsigned long long)s->found,
                 s->found == 1 ? "" : "s");
    int input = gt_run_finish(&s->run, text);
    if (input || summary)
        return GT_EXIT_INPUT;
    return s->found && gt_cli_flag(cli, GT_OPT_EXIT_CODE) ? GT_EXIT_ALERTS : GT_EXIT_OK;
}

/* --- over a cluster --------------------------------------------------------------------------- */

static gt_status on_cluster_matches(void *ctx, const gt_match *matches, size_t count, gt_str file)
{
    gt_run_worker *w = ctx;
    gt_input input = {.name = file};
    return put_matches(w->command, w, &input, NULL, matches, count);
}

static int scan_cluster(scan *s)
{
    gt_run_worker worker = {.command = s, .text = GT_BUF(GT_BATCH_ARENA_MAX)};
    gt_cluster_scan pushdown = {
        .cli = s->cli,
        .run = &s->run,
        .detector = s->detector,
        .urls = s->cli->args,
        .url_count = s->cli->arg_count,
        .matched = on_cluster_matches,
        .ctx = &worker,
    };
    int exit = gt_cluster_scan_run(&pushdown);
    gt_buf_done(&worker.text);
    if (exit == GT_EXIT_USAGE)
        return exit;
    int end = finish(s);
    return exit ? exit : end;
}

static int prepare(scan *s)
{
    gt_cli *cli = s->cli;
    int exit = gt_cli_rules_load(cli, NULL, 0, false, &s->rules);
    if (exit)
        return exit;
    exit = gt_cli_rules_choose(cli, &s->rules, false);
    if (exit)
        return exit;
    gt_detector_options options = {
        .rules = s->rules.set,
        .select = gt_cli_rules_selected,
        .select_ctx = &s->rules,
        .documents = gt_run_is_ecs(&s->run),
        .now = cli->now,
    };
    gt_status status = gt_detector_new(cli->arena, &options, &s->detector);
    if (status != GT_OK)
        return gt_cli_failed(cli, status, "preparing the rules");
    size_t count = gt_detector_count(s->detector);
    s->by_rule = gt_arena_array(cli->arena, uint64_t, count + 1);
    s->own = gt_arena_array(cli->arena, gt_alert_own, count + 1);
    s->texts = gt_cli_arena_new(cli, GT_RULES_ARENA_MAX);
    if (!s->by_rule || !s->own || !s->texts)
        return gt_cli_failed(cli, GT_NOMEM, "preparing the rules");
    gt_cli_rules_note(cli, &s->rules);
    if (count == 0)
        gt_cli_warn(cli, "no rule runs");
    return GT_EXIT_OK;
}

static format wanted_format(const gt_cli *cli)
{
    if (gt_cli_flag(cli, GT_OPT_COUNT))
        return COUNT;
    return (format)gt_cli_choice(cli, GT_OPT_FORMAT, cli->tty_out ? TEXT : NDJSON);
}

/* Documents come as they are: what security groups were like is not worked out for them. */
static void tell_unseen(scan *s)
{
    size_t count = 0, all = gt_detector_count(s->detector);
    for (size_t i = 0; i < all; i++)
        count += gt_rule_reads(gt_detector_rule(s->detector, i), GT_STR("gatetrail"));
    if (count)
        gt_cli_warn(s->cli, "%zu of %zu rules ask for gatetrail.* fields, which are made from CloudTrail "
                    "records: over ECS documents without them they see nothing", count, all);
}

static int scan_run(scan *s)
{
    gt_cli *cli = s->cli;
    int exit;
    bool cluster = gt_cli_args_are_cluster(cli, cli->args, cli->arg_count, &exit);
    if (!exit)
        exit = gt_run_open(cli, cli->args, cluster ? 0 : cli->arg_count, &s->run);
    if (cluster)
        s->run.options.kind = GT_RECORDS_ECS; /* documents come out of it */
    if (!exit)
        exit = prepare(s);
    if (!exit && !gt_run_is_ecs(&s->run))
        exit = gt_run_tables(&s->run);
    if (!exit)
        exit = gt_run_fill(&s->run);
    if (exit)
        return exit;
    if (s->format == CSV) {
        gt_buf head = GT_BUF(GT_MIB);
        gt_render_csv_head(&head, true);
        gt_cli_print(cli, gt_buf_str(&head));
        gt_buf_done(&head);
    }
    if (cluster)
        return scan_cluster(s);
    gt_pipeline_stage stage = {
        .ctx = s,
        .worker_new = worker_new,
        .record = on_record,
        .fields = GT_RECORD_DISPATCH_FIELDS,
        .worker_free = gt_run_worker_free,
        .commit = on_commit,
    };
    gt_status status = GT_OK;
    if (gt_run_is_ecs(&s->run))
        tell_unseen(s);
    else
        status = gt_deferred_new(s->detector, &s->deferred);
    if (status != GT_OK)
        return gt_cli_failed(cli, status, "preparing the rules");
    exit = gt_run_go(&s->run, &stage);
    if (exit)
        return exit;
    gt_deferred_sink sink = {.ctx = s, .item = put_item, .matches = put_matches};
    status = gt_deferred_replay(s->deferred, &s->run, &sink);
    if (status != GT_OK)
        return gt_cli_failed(cli, status, "evaluating security-group events");
    return finish(s);
}

int gt_cmd_scan(gt_cli *cli)
{
    scan s = {
        .cli = cli,
        .format = wanted_format(cli),
        .most = (uint64_t)gt_cli_number(cli, GT_OPT_MAX_ALERTS, INT64_MAX),
    };
    int exit = scan_run(&s);
    gt_deferred_free(s.deferred);
    gt_run_done(&s.run);
    return exit;
}
