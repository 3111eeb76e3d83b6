/* status — how the engine is, from what it writes into the store. */
#include "base/limits.h"
#include "cli/database.h"
#include "json/json.h"
#include "store/alerts.h"
#include "store/feeds.h"
#include "store/sinks.h"
#include "store/watch.h"

#include <stdio.h>

typedef struct status {
    gt_cli *cli;
    gt_watch_source *sources;
    size_t source_count;
    gt_sink_state *sinks;
    size_t sink_count;
    gt_watch_gap *gaps;
    size_t gap_count;
    int64_t alerts[3];
    uint64_t late, capped;
    gt_buf findings_text, findings_json;
    bool attention; /* something wants a person */
} status;

/* --- reading --------------------------------------------------------------------------------------- */

static gt_status count_missed(void *ctx, const gt_watch_match *m)
{
    status *s = ctx;
    s->late += m->state == GT_WATCH_LATE;
    s->capped += m->state == GT_WATCH_CAPPED;
    return GT_OK;
}

static gt_status note_finding(void *ctx, const gt_feed_finding *f)
{
    status *s = ctx;
    gt_buf *out = &s->findings_text;
    gt_buf_printf(out, "finding: %.*s: ", GT_STR_ARG(f->kind));
    gt_cli_escape(out, f->name);
    gt_buf_lit(out, ": ");
    gt_cli_escape(out, f->detail);
    gt_buf_lit(out, "\n");
    out = &s->findings_json;
    const gt_str texts[] = {f->source, f->kind, f->name, f->detail};
    static const char *const keys[] = {"source", "kind", "name", "detail"};
    for (size_t i = 0; i < 4; i++) {
        gt_buf_printf(out, "%s\"%s\":", i ? "," : out->len ? ",{" : "{", keys[i]);
        gt_json_write_str(out, texts[i]);
    }
    gt_buf_lit(out, "}");
    return gt_buf_status(out);
}

static gt_status gather(status *s, gt_store *store)
{
    gt_arena *arena = s->cli->arena;
    GT_TRY(gt_watch_sources(store, arena, &s->sources, &s->source_count));
    GT_TRY(gt_sinks_list(store, arena, &s->sinks, &s->sink_count));
    GT_TRY(gt_watch_gaps(store, arena, true, &s->gaps, &s->gap_count));
    GT_TRY(gt_watch_missed(store, GT_STR(""), count_missed, s));
    GT_TRY(gt_alerts_count(store, s->alerts));
    GT_TRY(gt_feeds_findings_each(store, note_finding, s));
    s->attention = s->gap_count || s->late || s->capped;
    for (size_t i = 0; i < s->source_count; i++)
        s->attention = s->attention || s->sources[i].problem.len || s->sources[i].set_aside ||
                       s->sources[i].findings;
    for (size_t i = 0; i < s->sink_count; i++)
        s->attention = s->attention || s->sinks[i].problem.len || s->sinks[i].dead;
    return GT_OK;
}

/* --- text ------------------------------------------------------------------------------------------ */

/* "4m12s ago", or "never". */
static void ago(const status *s, gt_time_ms t, char out[48])
{
    int64_t seconds = (s->cli->now - t) / 1000;
    if (!t)
        snprintf(out, 48, "never");
    else if (seconds < 0)
        snprintf(out, 48, "%llds ahead", (long long)-seconds);
    else if (seconds < 3600)
        snprintf(out, 48, "%lldm%02llds ago", (long long)(seconds / 60), (long long)(seconds % 60));
    else if (seconds < 48 * 3600)
        snprintf(out, 48, "%lldh%02lldm ago", (long long)(seconds / 3600),
                 (long long)(seconds % 3600 / 60));
    else
        snprintf(out, 48, "%lldd ago", (long long)(seconds / 86400));
}

static void problem_text(status *s, gt_str problem, gt_time_ms since)
{
    gt_cli *cli = s->cli;
    if (!problem.len)
        return;
    char when[48];
    ago(s, since, when);
    gt_buf text = GT_BUF(GT_MIB);
    gt_cli_escape(&text, problem);
    gt_cli_printf(cli, "  %sfails%s since %s: %s\n", gt_cli_colour(cli->colour_out, GT_COLOUR_BOLD_RED),
                  gt_cli_colour(cli->colour_out, GT_COLOUR_OFF), when, text.data ? text.data : "");
    gt_buf_done(&text);
}

static void source_text(status *s, const gt_watch_source *w)
{
    gt_cli *cli = s->cli;
    char event[48], arrived[48], stored[48];
    ago(s, w->counts.event_last, event);
    ago(s, w->counts.arrived_last, arrived);
    ago(s, w->stored, stored);
    const gt_watch_counts *c = &w->counts;
    gt_cli_printf(cli, "%ssource %.*s%s (%.*s)\n", gt_cli_colour(cli->colour_out, GT_COLOUR_BOLD),
                  GT_STR_ARG(w->name), gt_cli_colour(cli->colour_out, GT_COLOUR_OFF),
                  GT_STR_ARG(w->type));
    gt_cli_printf(cli, "  read %llu = evaluated %llu + duplicate %llu + rejected %llu, in %llu "
                       "deliveries; %llu alerts\n",
                  (unsigned long long)c->read, (unsigned long long)c->evaluated,
                  (unsigned long long)c->duplicate, (unsigned long long)c->rejected,
                  (unsigned long long)c->deliveries, (unsigned long long)c->alerts);
    gt_cli_printf(cli, "  newest event %s, newest arrival %s, last stored %s\n", event, arrived, stored);
    if (w->set_aside || w->findings || c->changed || c->problems)
        gt_cli_printf(cli, "  set aside %lld, findings %lld, changed copies %llu, broken input %llu\n",
                      (long long)w->set_aside, (long long)w->findings,
                      (unsigned long long)c->changed, (unsigned long long)c->problems);
    problem_text(s, w->problem, w->since);
}

static void sink_text(status *s, const gt_sink_state *k)
{
    gt_cli *cli = s->cli;
    char answered[48];
    ago(s, k->answered, answered);
    gt_cli_printf(cli, "%ssink %.*s%s (%.*s)\n  sent %lld, queued %lld, given up %lld; last answer %s\n",
                  gt_cli_colour(cli->colour_out, GT_COLOUR_BOLD), GT_STR_ARG(k->name),
                  gt_cli_colour(cli->colour_out, GT_COLOUR_OFF), GT_STR_ARG(k->type),
                  (long long)k->sent, (long long)k->queued, (long long)k->dead, answered);
    problem_text(s, k->problem, k->since);
}

static void print_text(status *s)
{
    for (size_t i = 0; i < s->source_count; i++)
        source_text(s, &s->sources[i]);
    for (size_t i = 0; i < s->sink_count; i++)
        sink_text(s, &s->sinks[i]);
    gt_cli_print(s->cli, gt_buf_str(&s->findings_text));
    gt_cli_printf(s->cli, "alerts: %lld open, %lld acknowledged, %lld closed\n",
                  (long long)s->alerts[0], (long long)s->alerts[1], (long long)s->alerts[2]);
    gt_cli_printf(s->cli, "schedule: %zu open gaps, %llu late, %llu capped%s\n", s->gap_count,
                  (unsigned long long)s->late, (unsigned long long)s->capped,
                  s->gap_count || s->late || s->capped ? "; see 'gatetrail gaps list'" : "");
}

/* --- JSON ------------------------------------------------------------------------------------------ */

static void time_member(gt_buf *out, const char *key, gt_time_ms t)
{
    char text[GT_TIME_TEXT_MAX];
    if (t)
        gt_buf_printf(out, ",\"%s\":\"%.*s\"", key, GT_STR_ARG(gt_time_format(t, text)));
    else
        gt_buf_printf(out, ",\"%s\":null", key);
}

static void string_member(gt_buf *out, const char *key, gt_str value)
{
    gt_buf_printf(out, ",\"%s\":", key);
    gt_json_write_str(out, value);
}

static void source_json(gt_buf *out, const gt_watch_source *w)
{
    const gt_watch_counts *c = &w->counts;
    gt_buf_lit(out, "{\"name\":");
    gt_json_write_str(out, w->name);
    string_member(out, "type", w->type);
    gt_buf_printf(out,
                  ",\"read\":%llu,\"evaluated\":%llu,\"duplicate\":%llu,\"rejected\":%llu,"
                  "\"changed\":%llu,\"deliveries\":%llu,\"bytes\":%llu,\"problems\":%llu,"
                  "\"alerts\":%llu,\"set_aside\":%lld,\"findings\":%lld",
                  (unsigned long long)c->read, (unsigned long long)c->evaluated,
                  (unsigned long long)c->duplicate, (unsigned long long)c->rejected,
                  (unsigned long long)c->changed, (unsigned long long)c->deliveries,
                  (unsigned long long)c->bytes, (unsigned long long)c->problems,
                  (unsigned long long)c->alerts, (long long)w->set_aside, (long long)w->findings);
    time_member(out, "event_last", c->event_last);
    time_member(out, "arrived_last", c->arrived_last);
    time_member(out, "stored_last", w->stored);
    string_member(out, "problem", w->problem);
    gt_buf_lit(out, "}");
}

static void sink_json(gt_buf *out, const gt_sink_state *k)
{
    gt_buf_lit(out, "{\"name\":");
    gt_json_write_str(out, k->name);
    string_member(out, "type", k->type);
    gt_buf_printf(out, ",\"sent\":%lld,\"queued\":%lld,\"dead\":%lld", (long long)k->sent,
                  (long long)k->queued, (long long)k->dead);
    time_member(out, "oldest", k->oldest);
    time_member(out, "answered", k->answered);
    string_member(out, "problem", k->problem);
    gt_buf_lit(out, "}");
}

static void print_json(status *s)
{
    gt_buf out = GT_BUF(GT_GIB);
    gt_buf_lit(&out, "{\"sources\":[");
    for (size_t i = 0; i < s->source_count; i++) {
        gt_buf_add(&out, i ? GT_STR(",") : GT_STR(""));
        source_json(&out, &s->sources[i]);
    }
    gt_buf_lit(&out, "],\"sinks\":[");
    for (size_t i = 0; i < s->sink_count; i++) {
        gt_buf_add(&out, i ? GT_STR(",") : GT_STR(""));
        sink_json(&out, &s->sinks[i]);
    }
    gt_buf_lit(&out, "],\"findings\":[");
    gt_buf_add(&out, gt_buf_str(&s->findings_json));
    gt_buf_printf(&out,
                  "],\"alerts\":{\"open\":%lld,\"acknowledged\":%lld,\"closed\":%lld},\"schedule\":{"
                  "\"open_gaps\":%zu,\"late\":%llu,\"capped\":%llu},\"attention\":%s}\n",
                  (long long)s->alerts[0], (long long)s->alerts[1], (long long)s->alerts[2],
                  s->gap_count, (unsigned long long)s->late, (unsigned long long)s->capped,
                  s->attention ? "true" : "false");
    gt_cli_print(s->cli, gt_buf_str(&out));
    gt_buf_done(&out);
}

int gt_cmd_status(gt_cli *cli)
{
    status s = {.cli = cli, .findings_text = GT_BUF(GT_GIB), .findings_json = GT_BUF(GT_GIB)};
    gt_store *store = NULL;
    int code = gt_cli_database_open(cli, true, &store, NULL);
    if (code != GT_EXIT_OK)
        return code;
    gt_status result = gather(&s, store);
    if (result != GT_OK) {
        gt_cli_error(cli, "%.*s", GT_STR_ARG(gt_store_message(store)));
        code = GT_EXIT_INPUT;
    } else if (gt_cli_choice(cli, GT_OPT_FORMAT_SHOW, cli->tty_out ? 0 : 1) == 1) {
        print_json(&s);
    } else {
        print_text(&s);
    }
    gt_store_close(store);
    gt_buf_done(&s.findings_text);
    gt_buf_done(&s.findings_json);
    return code == GT_EXIT_OK && s.attention && gt_cli_flag(cli, GT_OPT_EXIT_CODE) ? GT_EXIT_ALERTS
                                                                                   : code;
}
