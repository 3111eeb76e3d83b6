#include "investigate/investigate.h"

#include <stdlib.h>

#include "base/limits.h"
#include "detect/alert.h"
#include "investigate/internal.h"

#define DAY_MS 86400000LL

static gt_record record_of(const gt_event *e)
{
    return (gt_record){
        .json = e->text,
        .event_id = gt_json_path_str(e->record, "eventID"),
        .event_source = e->source,
        .event_name = e->name,
        .event_time = gt_json_path_str(e->record, "eventTime"),
        .aws_region = e->region,
        .account_id = e->account,
        .recipient_account_id = gt_json_path_str(e->record, "recipientAccountId"),
    };
}

/* --- which event ------------------------------------------------------------------------------------ */

typedef struct by_alert {
    gt_inv *inv;
    gt_detect_worker *worker;
    gt_str id;
} by_alert;

/* An alert's id is made of rule, account, region and event alone, so it can be told without evaluating
 * the rule, which may need the whole history of a group. */
static gt_status take_alert(void *user, const gt_event *event)
{
    by_alert *b = user;
    const gt_detector *detector = b->inv->options->detector;
    gt_record record = record_of(event);
    if (!gt_detector_candidate(detector, &record))
        return GT_OK;
    gt_json *document;
    gt_status status = gt_detect_map(b->worker, &record, &document);
    if (status == GT_LIMIT || status == GT_INVALID)
        return GT_OK;
    GT_TRY(status);
    for (size_t i = 0; i < gt_detector_count(detector); i++) {
        char id[GT_ALERT_ID_LEN];
        GT_TRY(gt_alert_id(gt_detector_rule(detector, i), document, event->id, id));
        if (gt_str_eq(b->id, (gt_str){id, sizeof id})) {
            GT_TRY(gt_event_keep(b->inv->arena, event, &b->inv->event));
            return GT_END;
        }
    }
    return GT_OK;
}

static gt_status find_event(gt_inv *inv, gt_str id)
{
    gt_status status = gt_evidence_event(inv->evidence, id, &inv->event, &inv->copies);
    if (status != GT_NOTFOUND || id.len != GT_ALERT_ID_LEN || !inv->options->detector)
        return status;
    by_alert b = {inv, NULL, id};
    GT_TRY(gt_detect_worker_new(inv->options->detector, inv->options->tables, NULL, &b.worker));
    status = gt_evidence_each(inv->evidence, NULL, 0, INT64_MIN, INT64_MAX, take_alert, &b);
    gt_detect_worker_free(b.worker);
    inv->copies = 1;
    return status == GT_OK && !inv->event ? GT_NOTFOUND : status;
}

/* --- the top of the report ---------------------------------------------------------------------------- */

static void event_section(gt_inv *inv)
{
    const gt_event *e = inv->event;
    gt_json *node = gt_json_new_object(inv->arena);
    gt_json_setl(node, "id", gt_str_node(inv, e->id));
    gt_json_setl(node, "time", gt_str_node(inv, gt_time_words(inv, e->time)));
    gt_json_setl(node, "provider", gt_str_node(inv, e->source));
    gt_json_setl(node, "action", gt_str_node(inv, e->name));
    gt_json_setl(node, "outcome", gt_json_new_str(inv->arena, e->error.len ? GT_STR("failure")
                                                                          : GT_STR("success")));
    gt_json_setl(node, "error_code", gt_str_node(inv, e->error));
    gt_json_setl(node, "account", gt_str_node(inv, e->account));
    gt_json_setl(node, "region", gt_str_node(inv, e->region));
    gt_json_setl(node, "arn", gt_str_node(inv, e->arn));
    gt_json_setl(node, "actor", gt_str_node(inv, gt_event_actor(e)));
    gt_json_setl(node, "access_key_id", gt_str_node(inv, e->key));
    gt_json_setl(node, "address", gt_str_node(inv, e->address));
    gt_json_setl(node, "user_agent", gt_str_node(inv, e->agent));
    gt_json *groups = gt_json_new_array(inv->arena);
    for (size_t i = 0; i < inv->group_count; i++)
        gt_json_append(groups, gt_str_node(inv, inv->groups[i].id));
    gt_json_setl(node, "groups", groups);
    if (inv->copies > 1)
        gt_json_setl(node, "copies", gt_json_new_i64(inv->arena, (int64_t)inv->copies));
    gt_json_setl(inv->report, "event", node);
}

static void logs_section(gt_inv *inv)
{
    const gt_events_stats *s = &inv->evidence->stats;
    gt_json *node = gt_json_new_object(inv->arena);
    gt_json_setl(node, "events", gt_json_new_i64(inv->arena, (int64_t)s->events));
    gt_json_setl(node, "first", gt_str_node(inv, gt_time_words(inv, s->min_time)));
    gt_json_setl(node, "last", gt_str_node(inv, gt_time_words(inv, s->max_time)));
    gt_json_setl(node, "window_from", gt_str_node(inv, gt_time_words(inv, inv->from)));
    gt_json_setl(node, "window_until", gt_str_node(inv, gt_time_words(inv, inv->until)));
    gt_json_setl(node, "baseline_from", gt_str_node(inv, gt_time_words(inv, inv->baseline_from)));
    gt_json_setl(inv->report, "logs", node);
}

/* All values at a dotted path, in every object of the lists on the way, each once. */
static void values_at(gt_inv *inv, const gt_json *node, gt_str path, gt_json *out)
{
    for (const gt_json *m = gt_json_first(node); m; m = m->next) {
        bool element = node->type == GT_JSON_ARRAY;
        bool here = element ? path.len == 0 : gt_str_eq(m->key, path);
        if (element && m->type == GT_JSON_OBJECT && path.len) {
            values_at(inv, m, path, out);
        } else if (here && m->type == GT_JSON_ARRAY) {
            values_at(inv, m, GT_STR(""), out);
        } else if (here && m->type != GT_JSON_NULL) {
            gt_str text = gt_json_text(m);
            bool known = false;
            for (const gt_json *o = gt_json_first(out); o && text.len; o = o->next)
                known |= gt_str_eq(gt_json_text(o), text);
            if (!known)
                gt_json_append(out, gt_json_copy(inv->arena, m, true));
        } else if (!element && gt_str_starts(path, m->key) && m->key.len < path.len &&
                   path.ptr[m->key.len] == '.') {
            values_at(inv, m, gt_str_from(path, m->key.len + 1), out);
        }
    }
}

static void add_fields(gt_inv *inv, const gt_match *match, gt_json *fields)
{
    const gt_json *names = gt_json_path(match->rule->params, "investigation_fields.field_names");
    for (const gt_json *e = gt_json_first(names); e; e = e->next) {
        gt_json *all = gt_json_new_array(inv->arena);
        values_at(inv, match->document, gt_json_str(e), all);
        gt_json *first = gt_json_first(all);
        if (!first || gt_json_get(fields, e->str))
            continue;
        if (!first->next)
            all = gt_json_copy(inv->arena, first, true);
        gt_json_set(fields, gt_arena_dup(inv->arena, e->str), all);
    }
}

/* gatetrail.* fields of the event, given the history of its groups. */
static gt_status enrich(void *ctx, gt_arena *batch, const gt_json *record, gt_json *document)
{
    const gt_inv *inv = ctx;
    return gt_sg_fields_set(batch, inv->effects, record, inv->event->id, document);
}

static gt_status alerts_section(gt_inv *inv)
{
    gt_json *alerts = gt_json_new_array(inv->arena), *fields = gt_json_new_object(inv->arena);
    gt_json_setl(inv->report, "alerts", alerts);
    gt_json_setl(inv->report, "investigation_fields", fields);
    if (!inv->options->detector)
        return GT_OK;
    if (inv->history)
        GT_TRY(gt_sg_effects_new(inv->history, &inv->effects));
    gt_detect_worker *worker;
    gt_detect_enrich enriching = {.enrich = enrich, .ctx = inv};
    GT_TRY(gt_detect_worker_new(inv->options->detector, inv->options->tables, &enriching, &worker));
    gt_record record = record_of(inv->event);
    const gt_match *matches;
    size_t count = 0;
    gt_status status = gt_detect_record(worker, &record, &matches, &count);
    if (status == GT_LIMIT || status == GT_INVALID)
        status = GT_OK;
    for (size_t i = 0; status == GT_OK && i < count; i++) {
        const gt_match *m = &matches[i];
        gt_json *alert = gt_json_new_object(inv->arena);
        gt_json_setl(alert, "id", gt_str_node(inv, gt_arena_dup(inv->arena, m->id)));
        gt_json_setl(alert, "rule_id", gt_str_node(inv, m->rule->rule_id));
        gt_json_setl(alert, "rule", gt_str_node(inv, m->rule->name));
        gt_json_setl(alert, "severity", gt_str_node(inv, m->rule->severity));
        gt_json_setl(alert, "enabled", gt_json_new_bool(inv->arena, m->rule->enabled));
        gt_json_append(alerts, alert);
        add_fields(inv, m, fields);
    }
    gt_detect_worker_free(worker);
    return status;
}

static int line_cmp(const void *a, const void *b)
{
    const gt_json *x = *(gt_json *const *)a, *y = *(gt_json *const *)b;
    int by_time = gt_str_cmp(gt_json_path_str(x, "time"), gt_json_path_str(y, "time"));
    return by_time ? by_time
                   : gt_str_cmp(gt_json_path_str(x, "event_id"), gt_json_path_str(y, "event_id"));
}

static void timeline_section(gt_inv *inv)
{
    size_t count = inv->timeline_events ? inv->timeline_events->count : 0, n = 0;
    gt_json *sorted = gt_json_new_array(inv->arena);
    gt_json **lines = gt_arena_array(inv->arena, gt_json *, count + 1);
    for (gt_json *e = gt_json_first(inv->timeline_events); lines && e; e = e->next)
        lines[n++] = e;
    if (n)
        qsort(lines, n, sizeof *lines, line_cmp);
    for (size_t i = 0; i < n; i++) {
        lines[i]->next = NULL;
        gt_json_append(sorted, lines[i]);
    }
    gt_json_setl(inv->report, "timeline", sorted);
}

/* --- the whole ------------------------------------------------------------------------------------------ */

static gt_time_ms shifted(gt_time_ms time, int64_t by)
{
    if (time == GT_EVENT_NO_TIME)
        return by < 0 ? INT64_MIN : INT64_MAX;
    return time + by;
}

static void set_windows(gt_inv *inv)
{
    int64_t window = inv->options->window_ms ? inv->options->window_ms : DAY_MS;
    int64_t baseline = inv->options->baseline_ms ? inv->options->baseline_ms : 30 * DAY_MS;
    inv->from = shifted(inv->event->time, -window);
    inv->until = shifted(inv->event->time, window + 1);
    inv->baseline_from = shifted(inv->event->time, -baseline);
}

static gt_status run_steps(gt_inv *inv)
{
    gt_json *steps = gt_json_new_array(inv->arena), *checks = gt_json_new_array(inv->arena);
    gt_json_setl(inv->report, "steps", steps);
    gt_json_setl(inv->report, "false_positive", checks);
    GT_TRY(gt_step_change(inv, steps));
    GT_TRY(gt_step_actor(inv, steps));
    GT_TRY(gt_step_exposure(inv, steps));
    GT_TRY(gt_step_origin(inv, steps));
    GT_TRY(gt_step_persistence(inv, steps));
    GT_TRY(gt_step_correlation(inv, steps));
    GT_TRY(gt_inv_false_positive(inv, checks));
    gt_inv_verdict(inv);
    timeline_section(inv);
    return gt_arena_status(inv->arena);
}

gt_status gt_subject_load(gt_evidence *evidence, gt_str event_or_alert_id,
                          const gt_investigate_options *options, gt_subject *ret)
{
    gt_inv inv = {.arena = evidence->arena, .evidence = evidence, .options = options};
    GT_TRY(find_event(&inv, event_or_alert_id));
    GT_TRY(gt_sg_change_of(inv.arena, inv.event->record, inv.event->id, &inv.change));
    gt_status status = gt_inv_load_groups(&inv);
    if (status != GT_OK) {
        gt_sg_history_free(inv.history);
        return status;
    }
    *ret = (gt_subject){
        .event = inv.event,
        .change = inv.change,
        .actor = gt_sg_actor_of(inv.arena, inv.event->record),
        .history = inv.history,
        .groups = inv.groups,
        .group_count = inv.group_count,
        .sg_events = inv.sg_events,
    };
    return gt_arena_status(inv.arena);
}

void gt_subject_done(gt_subject *subject)
{
    gt_sg_history_free(subject->history);
    subject->history = NULL;
}

static gt_status investigate(gt_inv *inv, gt_str id)
{
    GT_TRY(find_event(inv, id));
    set_windows(inv);
    GT_TRY(gt_sg_change_of(inv->arena, inv->event->record, inv->event->id, &inv->change));
    inv->actor = gt_sg_actor_of(inv->arena, inv->event->record);
    GT_TRY(gt_inv_load_groups(inv));
    GT_TRY(gt_inv_follow_chain(inv));
    GT_TRY(gt_inv_count_habits(inv));
    inv->report = gt_json_new_object(inv->arena);
    inv->reasons = gt_json_new_array(inv->arena);
    inv->timeline_events = gt_json_new_array(inv->arena);
    event_section(inv);
    GT_TRY(alerts_section(inv));
    logs_section(inv);
    return run_steps(inv);
}

gt_status gt_investigate(gt_evidence *evidence, gt_str event_or_alert_id,
                         const gt_investigate_options *options, gt_json **ret)
{
    static const gt_expected nothing_expected;
    gt_inv inv = {.arena = evidence->arena, .evidence = evidence, .options = options};
    inv.expected = options->expected ? options->expected : &nothing_expected;
    gt_status status = GT_OK;
    if (options->tables && options->geo) {
        inv.ecs = gt_ecs_new(options->tables);
        status = inv.ecs ? GT_OK : GT_NOMEM;
    }
    if (status == GT_OK)
        status = investigate(&inv, event_or_alert_id);
    /* Facts hold views into the history. */
    gt_json *copy = status == GT_OK ? gt_json_copy(inv.arena, inv.report, true) : NULL;
    gt_sg_effects_free(inv.effects);
    gt_sg_history_free(inv.history);
    gt_ecs_free(inv.ecs);
    if (status == GT_OK && !copy)
        status = gt_arena_status(inv.arena);
    if (status == GT_OK)
        *ret = copy;
    return status;
}
