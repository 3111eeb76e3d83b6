/* replay — past logs through Elastic's schedule, with the times at which AWS delivered them. */
#include "base/limits.h"
#include "cli/rules.h"
#include "cli/run.h"
#include "detect/alert.h"
#include "watch/replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

typedef struct replay {
    gt_cli *cli;
    gt_run run;
    gt_cli_rules rules;
    gt_detector *detector;
    gt_arena *arena;       /* of the matches */
    gt_replay_rule *plans; /* by the detector's index */
    size_t *caps;
    gt_replay_down *downs;
    size_t down_count;
    gt_time_ms start; /* the earliest arrival */
    bool any;
} replay;

/* What a worker tells commit of a match. */
typedef struct told {
    gt_time_ms event, at; /* at: 0 stands for the arrival */
    char alert_id[64];
    uint32_t event_id_len; /* the id follows */
} told;

/* --- on the workers' threads ------------------------------------------------------------------------ */

static gt_status worker_new(void *ctx, size_t index, void **ret)
{
    replay *r = ctx;
    (void)index;
    return gt_run_worker_new(&r->run, r->detector, NULL, r, ret);
}

static gt_status on_record(void *opaque, const gt_input *input, const gt_record *record,
                           gt_emit *emit)
{
    gt_run_worker *w = opaque;
    const gt_match *matches;
    size_t count;
    (void)input;
    gt_status status = gt_detect_record(w->detect, record, &matches, &count);
    if (status == GT_INVALID) {
        gt_emit_reject(emit, "not a JSON object");
        return GT_OK;
    }
    for (size_t i = 0; status == GT_OK && i < count; i++) {
        const gt_match *m = &matches[i];
        told t = {.event_id_len = (uint32_t)m->event_id.len};
        gt_time_ms override;
        if (!gt_time_parse(record->event_time, &t.event))
            continue; /* no window holds it: not a question of schedules */
        gt_str field = m->rule->timestamp_override;
        t.at = t.event;
        if (gt_str_is(field, "event.ingested"))
            t.at = 0;
        else if (field.len && gt_time_parse(gt_document_text(m->document, field), &override))
            t.at = override;
        memcpy(t.alert_id, m->id.ptr, sizeof t.alert_id);
        gt_buf_reset(&w->text);
        gt_buf_add(&w->text, (gt_str){(const char *)&t, sizeof t});
        gt_buf_add(&w->text, m->event_id);
        gt_emit_bytes(emit, m->index, gt_buf_str(&w->text));
        status = gt_buf_status(&w->text);
    }
    return status;
}

/* --- in order --------------------------------------------------------------------------------------- */

/* When AWS delivered a file: the minute in its name, else when it was last written. */
static gt_time_ms arrival(const gt_input *input)
{
    struct stat st;
    if (input->key.sure && input->key.end - input->key.begin == 60000)
        return input->key.end;
    if (stat(input->name.ptr, &st) == 0)
        return (gt_time_ms)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
    return 0;
}

static gt_status on_commit(void *ctx, const gt_committed *item)
{
    replay *r = ctx;
    gt_replay_rule *plan = &r->plans[item->tag];
    told t;
    memcpy(&t, item->bytes.ptr, sizeof t);
    if (plan->count == r->caps[item->tag]) {
        size_t cap = plan->count ? plan->count * 2 : 64;
        plan->matches = gt_arena_grow(r->arena, plan->matches, plan->count * sizeof *plan->matches,
                                      cap * sizeof *plan->matches);
        if (!plan->matches)
            return gt_arena_status(r->arena);
        r->caps[item->tag] = cap;
    }
    gt_time_ms arrived = arrival(item->input);
    if (arrived < t.event)
        arrived = t.event; /* a copied file's time, or a clock: nothing arrives before it happens */
    gt_replay_match *m = &plan->matches[plan->count++];
    *m = (gt_replay_match){
        .event_id = gt_arena_dup(r->arena, gt_str_from(item->bytes, sizeof t)),
        .alert_id = gt_arena_dup(r->arena, (gt_str){t.alert_id, sizeof t.alert_id}),
        .event = t.event, .at = t.at ? t.at : arrived, .arrived = arrived};
    if (!r->any || arrived < r->start)
        r->start = arrived;
    r->any = true;
    return m->event_id.ptr && m->alert_id.ptr ? GT_OK : gt_arena_status(r->arena);
}

static int by_id_then_arrival(const void *a, const void *b)
{
    const gt_replay_match *x = a, *y = b;
    int order = gt_str_cmp(x->alert_id, y->alert_id);
    if (order)
        return order;
    return x->arrived < y->arrived ? -1 : x->arrived > y->arrived;
}

/* Of an event that was delivered several times, the first delivery counts. */
static void drop_copies(gt_replay_rule *plan)
{
    if (!plan->count)
        return;
    qsort(plan->matches, plan->count, sizeof *plan->matches, by_id_then_arrival);
    size_t kept = 1;
    for (size_t i = 1; i < plan->count; i++) {
        if (!gt_str_eq(plan->matches[i].alert_id, plan->matches[kept - 1].alert_id))
            plan->matches[kept++] = plan->matches[i];
    }
    plan->count = kept;
}

/* --- output ----------------------------------------------------------------------------------------- */

static void print_span(gt_buf *out, int64_t ms)
{
    int64_t s = ms / 1000;
    if (s >= 3600)
        gt_buf_printf(out, "%lldh%02lldm", (long long)(s / 3600), (long long)(s % 3600 / 60));
    else
        gt_buf_printf(out, "%lldm%02llds", (long long)(s / 60), (long long)(s % 60));
}

static void print_match_text(replay *r, const gt_replay_match *m)
{
    char event[GT_TIME_TEXT_MAX], arrived[GT_TIME_TEXT_MAX];
    gt_time_format_short(m->event, event);
    gt_time_format_short(m->arrived, arrived);
    gt_buf delay = GT_BUF(64), id = GT_BUF(GT_MIB);
    print_span(&delay, m->arrived - m->event);
    gt_cli_escape(&id, m->event_id);
    gt_cli_printf(r->cli, "  %-6s %s  delivered %s (after %s)  %s\n",
                  gt_replay_fate_text(m->fate), event, arrived, delay.data, id.data ? id.data : "");
    gt_buf_done(&delay);
    gt_buf_done(&id);
}

static void print_rule_text(replay *r, const gt_replay_rule *p)
{
    gt_cli *cli = r->cli;
    gt_buf name = GT_BUF(GT_MIB);
    gt_cli_escape(&name, p->rule->name);
    gt_cli_printf(cli, "%s%s%s (%.*s)\n", gt_cli_colour(cli->colour_out, GT_COLOUR_BOLD), name.data,
                  gt_cli_colour(cli->colour_out, GT_COLOUR_OFF), GT_STR_ARG(p->rule->rule_id));
    gt_buf_done(&name);
    gt_cli_printf(cli, "  every %.*s from %.*s, at most %lld alerts a run%s\n",
                  GT_STR_ARG(p->rule->interval), GT_STR_ARG(p->rule->from),
                  (long long)p->rule->max_signals,
                  p->rule->timestamp_override.len ? ", by the time of arrival" : "");
    uint64_t missed = p->count - p->fates[GT_REPLAY_ALERTED];
    gt_cli_printf(cli, "  %zu matches, %llu alerts, %s%llu missed%s (%llu late, %llu capped, %llu in "
                       "gaps) in %llu runs\n",
                  p->count, (unsigned long long)p->fates[GT_REPLAY_ALERTED],
                  missed ? gt_cli_colour(cli->colour_out, GT_COLOUR_BOLD_RED) : "",
                  (unsigned long long)missed, gt_cli_colour(cli->colour_out, GT_COLOUR_OFF),
                  (unsigned long long)p->fates[GT_REPLAY_MISSED_LATE],
                  (unsigned long long)p->fates[GT_REPLAY_MISSED_CAPPED],
                  (unsigned long long)p->fates[GT_REPLAY_MISSED_GAP], (unsigned long long)p->runs);
    if (p->lucky)
        gt_cli_printf(cli, "  %llu of the alerts by luck: a schedule that starts at another second "
                           "misses them\n", (unsigned long long)p->lucky);
    for (size_t i = 0; i < p->count; i++) {
        if (p->matches[i].fate != GT_REPLAY_ALERTED)
            print_match_text(r, &p->matches[i]);
    }
    gt_cli_print(cli, GT_STR("\n"));
}

static void print_rule_json(replay *r, const gt_replay_rule *p)
{
    for (size_t i = 0; i < p->count; i++) {
        const gt_replay_match *m = &p->matches[i];
        char event[GT_TIME_TEXT_MAX], arrived[GT_TIME_TEXT_MAX];
        if (m->fate == GT_REPLAY_ALERTED)
            continue;
        gt_buf line = GT_BUF(16 * GT_MIB);
        gt_buf_lit(&line, "{\"rule_id\":");
        gt_json_write_str(&line, p->rule->rule_id);
        gt_buf_lit(&line, ",\"event_id\":");
        gt_json_write_str(&line, m->event_id);
        gt_time_format(m->event, event);
        gt_time_format(m->arrived, arrived);
        gt_buf_printf(&line, ",\"alert_id\":\"%.*s\",\"reason\":\"%s\",\"event_time\":\"%s\","
                             "\"delivered\":\"%s\"}\n",
                      GT_STR_ARG(m->alert_id), gt_replay_fate_text(m->fate), event, arrived);
        gt_cli_print(r->cli, gt_buf_str(&line));
        gt_buf_done(&line);
    }
}

static void summary_members(const replay *r, gt_buf *out)
{
    gt_buf_lit(out, ",\"rules\":{");
    for (size_t i = 0; i < gt_detector_count(r->detector); i++) {
        const gt_replay_rule *p = &r->plans[i];
        if (i)
            gt_buf_lit(out, ",");
        gt_json_write_str(out, p->rule->rule_id);
        gt_buf_printf(out, ":{\"matches\":%zu,\"alerts\":%llu,\"late\":%llu,\"capped\":%llu,"
                           "\"gap\":%llu,\"lucky\":%llu,\"runs\":%llu,\"gaps\":%llu}",
                      p->count, (unsigned long long)p->fates[GT_REPLAY_ALERTED],
                      (unsigned long long)p->fates[GT_REPLAY_MISSED_LATE],
                      (unsigned long long)p->fates[GT_REPLAY_MISSED_CAPPED],
                      (unsigned long long)p->fates[GT_REPLAY_MISSED_GAP],
                      (unsigned long long)p->lucky, (unsigned long long)p->runs,
                      (unsigned long long)p->gaps);
    }
    gt_buf_lit(out, "}");
}

/* --- the command ------------------------------------------------------------------------------------- */

static int by_from(const void *a, const void *b)
{
    const gt_replay_down *x = a, *y = b;
    return x->from < y->from ? -1 : x->from > y->from;
}

/* --down FROM/TO */
static int read_downs(replay *r)
{
    size_t count;
    const gt_str *texts = gt_cli_list(r->cli, GT_OPT_DOWN, &count);
    r->downs = gt_arena_array(r->cli->arena, gt_replay_down, count + 1);
    for (size_t i = 0; r->downs && i < count; i++) {
        gt_str from;
        gt_str to = gt_str_cut(texts[i], '/', &from);
        gt_replay_down *d = &r->downs[r->down_count++];
        if (!gt_time_math(from, r->cli->now, false, &d->from) ||
            !gt_time_math(to, r->cli->now, false, &d->to) || d->to <= d->from)
            return gt_cli_usage(r->cli, "--down takes FROM/TO, two times, not '%.*s'",
                                GT_STR_ARG(texts[i]));
    }
    qsort(r->downs, r->down_count, sizeof *r->downs, by_from);
    return r->downs ? GT_EXIT_OK : gt_cli_failed(r->cli, GT_NOMEM, "--down");
}

static int open_all(replay *r)
{
    gt_cli *cli = r->cli;
    int code = gt_cli_rules_load(cli, NULL, 0, false, &r->rules);
    if (code == GT_EXIT_OK)
        code = gt_cli_rules_choose(cli, &r->rules, false);
    if (code == GT_EXIT_OK)
        code = read_downs(r);
    if (code == GT_EXIT_OK)
        code = gt_run_open(cli, cli->args, cli->arg_count, &r->run);
    if (code == GT_EXIT_OK)
        code = gt_run_tables(&r->run);
    if (code != GT_EXIT_OK)
        return code;
    gt_cli_rules_note(cli, &r->rules);
    r->run.options.keep_duplicates = true;
    gt_detector_options options = {.rules = r->rules.set, .select = gt_cli_rules_selected,
                                   .select_ctx = &r->rules, .scheduled = true, .now = cli->now};
    gt_status status = gt_detector_new(cli->arena, &options, &r->detector);
    r->arena = gt_arena_new(GT_RULES_ARENA_MAX);
    size_t count = status == GT_OK ? gt_detector_count(r->detector) : 0;
    r->plans = gt_arena_array(cli->arena, gt_replay_rule, count + 1);
    r->caps = gt_arena_array(cli->arena, size_t, count + 1);
    if (status != GT_OK || !r->arena || !r->plans || !r->caps)
        return gt_cli_failed(cli, GT_NOMEM, "the rules");
    for (size_t i = 0; i < count; i++)
        r->plans[i].rule = gt_detector_rule(r->detector, i);
    return GT_EXIT_OK;
}

static int show(replay *r, bool json)
{
    uint64_t missed = 0;
    for (size_t i = 0; i < gt_detector_count(r->detector); i++) {
        gt_replay_rule *p = &r->plans[i];
        drop_copies(p);
        int64_t interval = p->rule->interval_ms > 0 ? p->rule->interval_ms : 1;
        gt_time_ms start = r->start - r->start % interval;
        if (p->count && gt_replay_run(p, start, r->downs, r->down_count) != GT_OK) {
            gt_cli_error(r->cli, "%.*s: from \"%.*s\" is no window of time", GT_STR_ARG(p->rule->path),
                         GT_STR_ARG(p->rule->from));
            return GT_EXIT_USAGE;
        }
        missed += p->count - p->fates[GT_REPLAY_ALERTED];
        if (json)
            print_rule_json(r, p);
        else if (p->count)
            print_rule_text(r, p);
    }
    gt_buf members = GT_BUF(GT_GIB);
    summary_members(r, &members);
    int code = gt_run_summary(&r->run, gt_buf_str(&members));
    gt_buf_done(&members);
    char more[64];
    snprintf(more, sizeof more, "%llu missed", (unsigned long long)missed);
    int finished = gt_run_finish(&r->run, more);
    return code ? code : finished;
}

int gt_cmd_replay(gt_cli *cli)
{
    replay r = {.cli = cli};
    int code = open_all(&r);
    const gt_pipeline_stage stage = {.ctx = &r, .worker_new = worker_new, .record = on_record,
                                     .worker_free = gt_run_worker_free, .commit = on_commit};
    if (code == GT_EXIT_OK)
        code = gt_run_go(&r.run, &stage);
    if (code == GT_EXIT_OK) {
        unsigned absent = cli->tty_out ? 0 : 1;
        code = show(&r, gt_cli_choice(cli, GT_OPT_FORMAT_CHECK, absent) == 1);
    }
    gt_run_done(&r.run);
    gt_arena_free(r.arena);
    return code;
}
