#include "watch/cluster_watch.h"

#include "base/limits.h"
#include "base/mem.h"
#include "cluster/lease.h"
#include "cluster/search.h"
#include "cluster/template.h"
#include "detect/alert.h"
#include "watch/schedule.h"

#define LEASE_MS 60000
/* Alerts of one request. */
#define ALERTS_BATCH 200
/* How long an idle look at the leases waits at most: rules of other gatetrails may be left behind. */
#define IDLE_MS 5000

typedef struct watch {
    const gt_cluster_watch_options *options;
    const gt_net_env *env;
    gt_cluster *cluster;
    gt_dsl_server server;
    gt_detect_worker *worker;
    gt_arena *arena; /* of one run */
    gt_arena *batch; /* of one batch of alerts */
    gt_buf text;
    gt_buf message;
    gt_time_ms *next; /* when to ask for each rule's lease */
    gt_str alerts_index;
    int64_t lease_ms;
    gt_cluster_watch_counts counts;
} watch;

typedef struct run {
    watch *w;
    size_t index; /* of the rule in the detector */
    const gt_rule *rule;
    gt_lease lease;
    gt_run_counts counts;
    gt_alert_doc alerts[ALERTS_BATCH];
    size_t alert_count;
    uint64_t window_created;
} run;

static gt_time_ms now_of(const watch *w)
{
    return w->env->now(w->env->ctx);
}

static bool is_stopped(const watch *w)
{
    return w->env->stopped && w->env->stopped(w->env->ctx);
}

/* --- what is asked -------------------------------------------------------------------------------- */

/* "logs-aws.cloudtrail-*,filebeat-*" of the rule, or the one index that was given. */
static gt_str indices_of(const watch *w, const gt_rule *rule)
{
    const gt_json *list = gt_json_getl(rule->params, "index");
    if (w->options->index.len)
        return w->options->index;
    gt_buf text = GT_BUF(GT_MIB);
    for (const gt_json *i = gt_json_first(list); i; i = i->next)
        gt_buf_printf(&text, "%s%.*s", text.len ? "," : "", GT_STR_ARG(gt_json_str(i)));
    gt_str copy = gt_arena_dup(w->arena, gt_buf_str(&text));
    gt_buf_done(&text);
    return copy;
}

static gt_json *time_range(gt_arena *arena, gt_str field, const gt_time_window *window)
{
    gt_json *body = gt_json_new_object(arena), *range = gt_json_new_object(arena);
    gt_json *clause = gt_json_new_object(arena);
    gt_json_setl(body, "gte", gt_json_new_i64(arena, window->from));
    gt_json_setl(body, "lt", gt_json_new_i64(arena, window->to + 1));
    gt_json_setl(body, "format", gt_json_new_str(arena, GT_STR("epoch_millis")));
    gt_json_set(range, field, body);
    gt_json_setl(clause, "range", range);
    return clause;
}

/* The override in the window, or @timestamp of documents without the override. */
static gt_json *window_clause(gt_arena *arena, const gt_rule *rule, const gt_time_window *window)
{
    gt_str primary = rule->timestamp_override;
    if (!primary.len || gt_str_is(primary, "@timestamp"))
        return time_range(arena, GT_STR("@timestamp"), window);
    gt_json *any = gt_json_new_object(arena), *should = gt_json_new_array(arena);
    gt_json *fallback = gt_json_new_object(arena), *filter = gt_json_new_array(arena);
    gt_json_append(filter, time_range(arena, GT_STR("@timestamp"), window));
    gt_json_set_path(arena, fallback, "bool.must_not.exists.field", gt_json_new_str(arena, primary));
    gt_json_set_path(arena, fallback, "bool.filter", filter);
    gt_json_append(should, time_range(arena, primary, window));
    gt_json_append(should, fallback);
    gt_json_set_path(arena, any, "bool.should", should);
    gt_json_set_path(arena, any, "bool.minimum_should_match", gt_json_new_i64(arena, 1));
    return any;
}

static gt_status window_query(run *r, gt_mappings *mappings, const gt_time_window *window,
                              gt_json **ret)
{
    watch *w = r->w;
    gt_dsl dsl;
    gt_dsl_target target = {
        .server = w->server, .field = gt_mappings_field, .ctx = mappings, .has_now = true,
        .now = r->lease.started,
    };
    GT_TRY(gt_query_to_dsl(r->rule->query, &target, w->arena, &dsl));
    gt_json *root = gt_json_new_object(w->arena), *filter = gt_json_new_array(w->arena);
    gt_json_append(filter, window_clause(w->arena, r->rule, window));
    gt_json_append(filter, dsl.query);
    gt_json_set_path(w->arena, root, "bool.filter", filter);
    if (!root || gt_arena_status(w->arena) != GT_OK)
        return GT_NOMEM;
    *ret = root;
    return GT_OK;
}

/* --- alerts --------------------------------------------------------------------------------------- */

/* How many of the alerts are not there: those that max_signals leaves no room for. */
static gt_status count_capped(run *r)
{
    watch *w = r->w;
    gt_json *ids = gt_json_new_array(w->batch), *body = gt_json_new_object(w->batch), *answer = NULL;
    for (size_t i = 0; i < r->alert_count; i++)
        gt_json_append(ids, gt_json_new_str(w->batch, r->alerts[i].id));
    gt_json_setl(body, "ids", ids);
    gt_str path = gt_arena_printf(w->batch, "/%.*s/_mget?_source=false", GT_STR_ARG(w->alerts_index));
    GT_TRY(gt_cluster_json(w->cluster, w->batch, "POST", path, body, &answer));
    for (const gt_json *d = gt_json_first(gt_json_getl(answer, "docs")); d; d = d->next) {
        const gt_json *found = gt_json_getl(d, "found");
        bool there = found && found->boolean;
        r->counts.capped += !there;
        r->counts.present += there;
    }
    return GT_OK;
}

static gt_status flush(run *r)
{
    watch *w = r->w;
    size_t created = 0;
    if (!r->alert_count)
        return GT_OK;
    if (r->window_created >= (uint64_t)r->rule->max_signals) {
        GT_TRY(count_capped(r));
    } else {
        GT_TRY(gt_alerts_create(w->cluster, w->batch, w->alerts_index, r->alerts, r->alert_count,
                                &created));
        r->counts.alerts += created;
        r->counts.present += r->alert_count - created;
        r->window_created += created;
    }
    r->alert_count = 0;
    gt_arena_reset(w->batch, GT_MIB);
    gt_time_ms now = now_of(w);
    if (r->lease.until - now < w->lease_ms / 2)
        return gt_lease_renew(w->cluster, w->arena, &r->lease, now + w->lease_ms);
    return GT_OK;
}

/* As many as max_signals surely leaves room for, at most a batch. */
static size_t batch_room(const run *r)
{
    uint64_t max = (uint64_t)r->rule->max_signals;
    if (r->window_created >= max)
        return ALERTS_BATCH;
    uint64_t left = max - r->window_created;
    return left < ALERTS_BATCH ? (size_t)left : ALERTS_BATCH;
}

static gt_status take_hit(run *r, const gt_hit *hit)
{
    watch *w = r->w;
    const gt_match *matches;
    size_t count;
    r->counts.documents++;
    if (!hit->source)
        return GT_OK;
    GT_TRY(gt_detect_document(w->worker, hit->source, hit->id, &matches, &count));
    for (size_t i = 0; i < count; i++) {
        if (matches[i].index != r->index)
            continue;
        gt_buf_reset(&w->text);
        gt_alert_write(w->options->detector, &matches[i], &w->text);
        GT_TRY(gt_buf_status(&w->text));
        gt_alert_doc alert = {gt_arena_dup(w->batch, matches[i].id),
                              gt_arena_dup(w->batch, gt_buf_str(&w->text))};
        if (!alert.id.ptr || !alert.json.ptr)
            return gt_arena_status(w->batch);
        r->alerts[r->alert_count++] = alert;
    }
    return r->alert_count >= batch_room(r) ? flush(r) : GT_OK;
}

static gt_status run_window(run *r, gt_str index, gt_mappings *mappings, const gt_time_window *window)
{
    watch *w = r->w;
    gt_search *search = NULL;
    gt_hit hit;
    gt_search_options options = {.cluster = w->options->cluster, .index = index};
    gt_json *query = NULL;
    GT_TRY(window_query(r, mappings, window, &query));
    options.query = query;
    r->window_created = 0;
    gt_status status = gt_search_open(&options, &search, &w->message);
    while (status == GT_OK) {
        status = gt_search_next(search, &hit, &w->message);
        if (status == GT_OK)
            status = take_hit(r, &hit);
        if (status == GT_OK && is_stopped(w))
            status = GT_RETRY;
    }
    gt_search_close(search, NULL);
    return status == GT_END ? flush(r) : status;
}

static gt_status run_windows(run *r)
{
    watch *w = r->w;
    gt_schedule plan;
    gt_mappings *mappings = NULL;
    gt_str index = indices_of(w, r->rule);
    if (!gt_schedule_plan(r->rule, r->lease.has_previous, r->lease.previous, r->lease.started, &plan))
        return GT_INVALID;
    if (plan.has_gap) {
        GT_TRY(gt_lease_gap(w->cluster, w->arena, &r->lease, plan.gap.from, plan.gap.to));
        w->counts.gaps++;
        gt_log_say(&w->options->log, GT_LOG_WARN, "gap: no run looks at this time",
                   GT_LOG_TEXT("rule", r->rule->rule_id), GT_LOG_NUMBER("from", plan.gap.from),
                   GT_LOG_NUMBER("to", plan.gap.to));
    }
    if (!index.len)
        return GT_OK;
    gt_status status = gt_mappings_read(w->cluster, w->arena, index, &mappings);
    if (status == GT_NOTFOUND || (status == GT_OK && !gt_mappings_any(mappings)))
        return GT_OK; /* no such index yet: nothing to look at */
    GT_TRY(status);
    for (size_t i = 0; i < plan.count; i++)
        GT_TRY(run_window(r, index, mappings, &plan.windows[i]));
    return GT_OK;
}

/* --- rules ---------------------------------------------------------------------------------------- */

static void log_run(const watch *w, const run *r)
{
    if (r->counts.capped)
        gt_log_say(&w->options->log, GT_LOG_WARN, "max_signals left no room for some alerts",
                   GT_LOG_TEXT("rule", r->rule->rule_id), GT_LOG_NUMBER("capped", r->counts.capped));
    gt_log_say(&w->options->log, r->counts.alerts ? GT_LOG_INFO : GT_LOG_DEBUG, "run",
               GT_LOG_TEXT("rule", r->rule->rule_id), GT_LOG_NUMBER("started", r->lease.started),
               GT_LOG_NUMBER("documents", r->counts.documents), GT_LOG_NUMBER("alerts", r->counts.alerts),
               GT_LOG_NUMBER("present", r->counts.present));
}

static gt_status run_rule(watch *w, run *r)
{
    gt_detect_worker_set_now(w->worker, r->lease.started);
    if (r->lease.taken_over) {
        w->counts.taken_over++;
        gt_log_say(&w->options->log, GT_LOG_WARN, "taking over a run that was not ended",
                   GT_LOG_TEXT("rule", r->rule->rule_id), GT_LOG_NUMBER("started", r->lease.started));
    }
    gt_status status = run_windows(r);
    if (status == GT_OK)
        status = gt_lease_finish(w->cluster, w->arena, &r->lease, &r->counts);
    w->counts.documents += r->counts.documents;
    w->counts.alerts += r->counts.alerts;
    w->counts.present += r->counts.present;
    if (status == GT_OK) {
        w->counts.runs++;
        w->counts.capped += r->counts.capped;
        log_run(w, r);
    }
    return status;
}

/* Ask for one rule's run, and do it. A failure waits for the next turn. */
static gt_status turn(watch *w, run *r, size_t index)
{
    const gt_rule *rule = gt_detector_rule(w->options->detector, index);
    gt_time_ms now = now_of(w);
    gt_arena_reset(w->arena, 4 * GT_MIB);
    gt_arena_reset(w->batch, GT_MIB);
    gt_buf_reset(&w->message);
    *r = (run){.w = w, .index = index, .rule = rule};
    gt_status status = gt_lease_take(w->cluster, w->arena, GT_STR(GT_CLUSTER_RUNS_INDEX), rule->rule_id,
                                     w->options->holder, rule->interval_ms, w->lease_ms, now, &r->lease,
                                     &w->next[index]);
    if (status == GT_END)
        return GT_OK;
    if (status == GT_OK) {
        status = run_rule(w, r);
        w->next[index] = r->lease.started + rule->interval_ms;
    }
    if (status == GT_OK || status == GT_NOMEM)
        return status;
    gt_str why = w->message.len ? gt_buf_str(&w->message) : gt_cluster_message(w->cluster);
    if (!is_stopped(w)) {
        w->counts.failed_runs++;
        gt_log_say(&w->options->log, GT_LOG_ERROR, "a run failed and comes again",
                   GT_LOG_TEXT("rule", rule->rule_id),
                   GT_LOG_TEXT("why", why.len ? why : gt_str_c(gt_status_text(status))));
    }
    w->next[index] = now_of(w) + IDLE_MS / 2;
    return GT_OK;
}

static gt_status loop(watch *w)
{
    size_t count = gt_detector_count(w->options->detector);
    run *r = gt_calloc(1, sizeof *r);
    gt_status status = r ? GT_OK : GT_NOMEM;
    while (status == GT_OK && !is_stopped(w)) {
        gt_time_ms soonest = now_of(w) + IDLE_MS;
        bool worked = false;
        for (size_t i = 0; i < count && status == GT_OK && !is_stopped(w); i++) {
            if (w->next[i] <= now_of(w)) {
                status = turn(w, r, i);
                worked = true;
            }
            if (w->next[i] < soonest)
                soonest = w->next[i];
        }
        if (w->options->once && !worked)
            break;
        gt_time_ms now = now_of(w);
        if (status == GT_OK && soonest > now && !w->options->once)
            w->env->sleep(w->env->ctx, soonest - now);
        else if (w->options->once && soonest > now)
            break;
    }
    gt_free(r);
    return status;
}

/* The indices that this engine writes. */
static gt_status prepare_indices(watch *w)
{
    gt_template_state state;
    gt_str owner;
    GT_TRY(gt_cluster_server(w->cluster, &w->server));
    GT_TRY(gt_template_ensure(w->cluster, w->arena, gt_schema_default(), w->alerts_index, false, &state,
                              &owner));
    gt_str path = gt_arena_printf(w->arena, "/%.*s", GT_STR_ARG(w->alerts_index));
    gt_status status = gt_cluster_json(w->cluster, w->arena, "PUT", path, NULL, NULL);
    /* another gatetrail may be faster */
    if (status != GT_OK && gt_str_find(gt_cluster_message(w->cluster),
                                       GT_STR("resource_already_exists")) == GT_NPOS)
        return status;
    return GT_OK;
}

/* A lease tells what ran, not which alerts stand for others: folding would be guesswork when a run is
 * taken over. */
static gt_status refuse_suppression(const gt_detector *detector, gt_buf *reterr_message)
{
    size_t count = 0;
    for (size_t i = 0; i < gt_detector_count(detector); i++) {
        const gt_rule *rule = gt_detector_rule(detector, i);
        if (rule->suppression.group_count)
            gt_buf_printf(reterr_message, "%s'%.*s'", count++ ? ", " : "alert_suppression of ",
                          GT_STR_ARG(rule->name));
    }
    if (count)
        gt_buf_lit(reterr_message, " is not done over a cluster: leave these rules out, or have "
                                   "`gatetrail watch` run them");
    return count ? GT_INVALID : GT_OK;
}

static void free_all(watch *w)
{
    gt_detect_worker_free(w->worker);
    gt_cluster_free(w->cluster);
    gt_arena_free(w->arena);
    gt_arena_free(w->batch);
    gt_buf_done(&w->text);
    gt_buf_done(&w->message);
    gt_free(w->next);
}

gt_status gt_cluster_watch_run(const gt_cluster_watch_options *options,
                               gt_cluster_watch_counts *ret_counts, gt_buf *reterr_message)
{
    watch w = {
        .options = options, .env = options->cluster->env, .text = GT_BUF(GT_CLUSTER_BODY_MAX),
        .message = GT_BUF(8192), .lease_ms = options->lease_ms ? options->lease_ms : LEASE_MS,
        .alerts_index = options->alerts_index.len ? options->alerts_index
                                                  : GT_STR(GT_CLUSTER_ALERTS_INDEX),
    };
    w.cluster = gt_cluster_new(options->cluster);
    w.arena = gt_arena_new(GT_BATCH_ARENA_MAX);
    w.batch = gt_arena_new(GT_BATCH_ARENA_MAX);
    w.next = gt_calloc(gt_detector_count(options->detector) + 1, sizeof *w.next);
    gt_status status = refuse_suppression(options->detector, reterr_message);
    bool refused = status != GT_OK;
    if (status == GT_OK && (!w.cluster || !w.arena || !w.batch || !w.next))
        status = GT_NOMEM;
    if (status == GT_OK)
        status = gt_detect_worker_new(options->detector, NULL, NULL, &w.worker);
    if (status == GT_OK)
        status = prepare_indices(&w);
    if (status != GT_OK && w.cluster && !refused)
        gt_buf_add(reterr_message, gt_cluster_message(w.cluster));
    if (status == GT_OK)
        status = loop(&w);
    *ret_counts = w.counts;
    free_all(&w);
    return status;
}
