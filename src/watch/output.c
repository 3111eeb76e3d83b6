#include "watch/output.h"

#include "base/limits.h"
#include "base/mem.h"
#include "sink/sink.h"
#include "store/alerts.h"

#include <stdatomic.h>

struct gt_output {
    gt_output_options options;
    gt_sink_group *sinks;
    gt_arena *arena; /* of one alert; the committer's thread */
    atomic_ullong raised, known, folded;
};

/* --- the engine's side ------------------------------------------------------------------------------- */

static gt_status read_terms(gt_output *o, const gt_watch_alert *alert, gt_alert_group *ret)
{
    gt_json *terms = NULL;
    if (!alert->terms.len)
        return GT_OK;
    GT_TRY(gt_json_parse(o->arena, alert->terms, &terms, NULL));
    *ret = (gt_alert_group){terms, alert->window_ms, alert->now};
    return GT_OK;
}

static gt_status put_alert(void *ctx, gt_store *store, const gt_watch_alert *alert, bool *ret_new)
{
    gt_output *o = ctx;
    const gt_rule *rule = alert->rule;
    gt_alert_new fresh = {.id = alert->id, .rule_id = rule->rule_id, .rule_name = rule->name,
                          .severity = gt_alert_severity(rule->severity), .risk = rule->risk_score,
                          .source = alert->source, .event = alert->event, .now = alert->now,
                          .document = alert->json};
    gt_alert_outcome outcome = GT_ALERT_KNOWN;
    int64_t seq = 0;
    gt_arena_reset(o->arena, GT_MIB);
    GT_TRY(read_terms(o, alert, &fresh.group));
    GT_TRY(gt_alerts_put(store, &fresh, &outcome, &seq));
    *ret_new = outcome == GT_ALERT_RAISED;
    atomic_fetch_add(outcome == GT_ALERT_RAISED  ? &o->raised
                     : outcome == GT_ALERT_KNOWN ? &o->known
                                                 : &o->folded, 1);
    if (outcome != GT_ALERT_RAISED)
        return GT_OK;
    const gt_sink_alert queued = {.seq = seq, .rule_id = rule->rule_id, .rule_name = rule->name,
                                  .file = rule->path, .severity = fresh.severity, .now = alert->now};
    return gt_sink_group_queue(o->sinks, store, &queued);
}

static void stored(void *ctx, size_t new_alerts)
{
    (void)new_alerts;
    gt_sink_group_wake(((gt_output *)ctx)->sinks);
}

gt_watch_output gt_output_of(gt_output *output)
{
    return (gt_watch_output){output, put_alert, stored};
}

bool gt_output_is_idle(gt_output *output)
{
    return gt_sink_group_is_idle(output->sinks);
}

/* --- starting and stopping ----------------------------------------------------------------------------- */

static void say(void *ctx, gt_sink_event event, gt_str sink, gt_str id, gt_str message)
{
    const gt_output *o = ctx;
    const gt_log *log = &o->options.log;
    if (event == GT_SINK_WORKS)
        gt_log_say(log, GT_LOG_INFO, "sink works again", GT_LOG_TEXT("sink", sink));
    else if (event == GT_SINK_FAILS)
        gt_log_say(log, GT_LOG_WARN, "sink fails; its alerts wait", GT_LOG_TEXT("sink", sink),
                   GT_LOG_TEXT("reason", message));
    else
        gt_log_say(log, GT_LOG_ERROR, "alert given up; see the sink's dead letters",
                   GT_LOG_TEXT("sink", sink), GT_LOG_TEXT("alert", id),
                   GT_LOG_TEXT("reason", message));
}

gt_status gt_output_start(const gt_output_options *options, gt_output **ret, gt_buf *reterr_message)
{
    gt_output *o = gt_calloc(1, sizeof *o);
    if (!o)
        return GT_NOMEM;
    o->options = *options;
    o->arena = gt_arena_new(GT_BATCH_ARENA_MAX);
    gt_status status = o->arena ? GT_OK : GT_NOMEM;
    const gt_config_section *store = gt_config_get(options->config, GT_CONFIG_STORE);
    const gt_sink_group_options sinks = {.config = options->config, .env = options->steady,
                                         .store_path =
                                             gt_config_str(store, GT_CONFIG_STORE_PATH).ptr,
                                         .say = say, .ctx = o};
    if (status == GT_OK)
        status = gt_sink_group_start(&sinks, &o->sinks, reterr_message);
    if (status != GT_OK) {
        gt_output_stop(o, 0);
        return status;
    }
    *ret = o;
    return GT_OK;
}

void gt_output_stop(gt_output *o, int64_t drain_ms)
{
    if (!o)
        return;
    gt_sink_group_stop(o->sinks, drain_ms);
    gt_arena_free(o->arena);
    gt_free(o);
}

/* --- seen from outside ------------------------------------------------------------------------------- */

static void metrics(void *ctx, gt_buf *out)
{
    gt_output *o = ctx;
    gt_buf_printf(out,
                  "# HELP gatetrail_alerts_by_outcome_total What became of matches.\n"
                  "# TYPE gatetrail_alerts_by_outcome_total counter\n"
                  "gatetrail_alerts_by_outcome_total{outcome=\"raised\"} %llu\n"
                  "gatetrail_alerts_by_outcome_total{outcome=\"known\"} %llu\n"
                  "gatetrail_alerts_by_outcome_total{outcome=\"suppressed\"} %llu\n",
                  atomic_load(&o->raised), atomic_load(&o->known), atomic_load(&o->folded));
    size_t count = gt_sink_group_count(o->sinks);
    static const char *const names[][2] = {{"sent_total", "Alerts that the other side has."},
                                           {"failures_total", "Attempts that failed."},
                                           {"given_up_total", "Alerts in the dead letters."},
                                           {"up", "1 while the sink takes alerts."}};
    for (size_t n = 0; n < 4 && count; n++) {
        gt_buf_printf(out, "# HELP gatetrail_sink_%s %s\n# TYPE gatetrail_sink_%s %s\n", names[n][0],
                      names[n][1], names[n][0], n == 3 ? "gauge" : "counter");
        for (size_t i = 0; i < count; i++) {
            gt_sink_health h = gt_sink_group_health(o->sinks, i);
            const uint64_t values[] = {h.sent, h.failures, h.given_up, h.fails ? 0 : 1};
            gt_buf_printf(out, "gatetrail_sink_%s{sink=\"", names[n][0]);
            gt_outside_label(out, h.name);
            gt_buf_printf(out, "\"} %llu\n", (unsigned long long)values[n]);
        }
    }
}

gt_outside_more gt_output_outside(gt_output *output)
{
    /* A sink that is down is no reason to be unready: its alerts wait, and detection goes on. */
    return (gt_outside_more){.ctx = output, .metrics = metrics};
}
