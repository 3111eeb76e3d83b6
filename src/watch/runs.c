/* runs — rules on Elastic's schedule.
 *
 * Method: whether a rule matches an event is decided when the event arrives, and a match waits in the
 * store. A run takes the matches in its windows that had arrived when it started, evaluates each again
 * with the run's own time (date math, the times that alerts carry), and makes at most max_signals
 * alerts a window. What no later window can hold is written down as late, what a window had no room
 * for as capped: nothing is dropped without a line in the ledger. */
#include "watch/engine.h"

#include "base/limits.h"
#include "base/mem.h"
#include "detect/alert.h"
#include "watch/schedule.h"
#include "watch/suppress.h"

struct gt_runs {
    gt_watch *watch;
    gt_watch_setup *setup; /* held */
    gt_judge *judge;
    gt_reader *reader;
    gt_time_ms *next; /* by the detector's index; INT64_MAX: not on a schedule */
    gt_arena *arena;  /* of one run */
    gt_buf text, terms;
};

/* --- when ------------------------------------------------------------------------------------------ */

gt_runs *gt_runs_new(gt_watch *watch)
{
    gt_runs *r = gt_calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->watch = watch;
    r->text = r->terms = GT_BUF(GT_WATCH_PART_TEXT_MAX);
    r->arena = gt_arena_new(GT_BATCH_ARENA_MAX);
    r->reader = gt_reader_new(GT_RECORD_ALL_FIELDS);
    if (!r->arena || !r->reader) {
        gt_runs_free(r);
        return NULL;
    }
    return r;
}

static void drop_setup(gt_runs *r)
{
    gt_judge_free(r->judge);
    gt_watch_setup_release(r->setup);
    gt_free(r->next);
    r->judge = NULL;
    r->setup = NULL;
    r->next = NULL;
}

void gt_runs_free(gt_runs *r)
{
    if (!r)
        return;
    drop_setup(r);
    gt_reader_free(r->reader);
    gt_buf_done(&r->text);
    gt_buf_done(&r->terms);
    gt_arena_free(r->arena);
    gt_free(r);
}

/* The first run of a rule comes at once; later ones an interval after the last started, at once when
 * that is past. */
static gt_status first_times(gt_runs *r, gt_time_ms now)
{
    const gt_detector *detector = r->setup->detector;
    for (size_t i = 0; i < gt_detector_count(detector); i++) {
        r->next[i] = INT64_MAX;
        if (!r->setup->scheduled || !r->setup->scheduled[i])
            continue;
        const gt_rule *rule = gt_detector_rule(detector, i);
        bool has = false;
        gt_time_ms last = 0;
        GT_TRY(gt_watch_run_get(r->watch->store, rule->rule_id, &has, &last));
        r->next[i] = has && last <= now ? last + rule->interval_ms : now;
    }
    return GT_OK;
}

static gt_status refresh(gt_runs *r, gt_time_ms now)
{
    gt_watch_setup *setup = gt_watch_setup_get(r->watch);
    if (setup == r->setup) {
        gt_watch_setup_release(setup);
        return GT_OK;
    }
    drop_setup(r);
    r->setup = setup;
    r->next = gt_calloc(gt_detector_count(setup->detector) + 1, sizeof *r->next);
    gt_status status = r->next ? GT_OK : GT_NOMEM;
    if (status == GT_OK && setup->any_scheduled)
        status = gt_judge_new(setup, r->watch->store, &r->judge);
    if (r->judge)
        gt_judge_set_log(r->judge, &r->watch->options.log);
    if (status == GT_OK)
        status = first_times(r, now);
    if (status != GT_OK)
        drop_setup(r);
    return status;
}

bool gt_runs_due(gt_runs *r, gt_time_ms now)
{
    if (refresh(r, now) != GT_OK)
        return false; /* tried again at the next look */
    for (size_t i = 0; r->setup->any_scheduled && i < gt_detector_count(r->setup->detector); i++) {
        if (r->next[i] <= now)
            return true;
    }
    return false;
}

/* --- one run ---------------------------------------------------------------------------------------- */

typedef struct waiting {
    gt_str alert_id, record;
    gt_time_ms event;
    gt_watch_state state;
} waiting;

typedef struct collected {
    gt_runs *runs;
    waiting *items;
    size_t count, cap;
} collected;

static gt_status collect(void *ctx, const gt_watch_match *m)
{
    collected *list = ctx;
    gt_arena *arena = list->runs->arena;
    if (list->count == list->cap) {
        size_t cap = list->cap ? list->cap * 2 : 128;
        list->items = gt_arena_grow(arena, list->items, list->cap * sizeof *list->items,
                                    cap * sizeof *list->items);
        if (!list->items)
            return gt_arena_status(arena);
        list->cap = cap;
    }
    waiting *w = &list->items[list->count++];
    *w = (waiting){gt_arena_dup(arena, m->alert_id), gt_arena_dup(arena, m->record), m->event,
                   m->state};
    return w->alert_id.ptr && w->record.ptr ? GT_OK : gt_arena_status(arena);
}

/* A stored record read again. */
typedef struct again {
    gt_runs *runs;
    size_t rule;
    gt_str alert_id, left;
    bool found; /* the rule still matches: r->text holds the alert */
} again;

static gt_status again_read(void *ctx, char *to, size_t room, size_t *ret_len)
{
    again *a = ctx;
    size_t n = a->left.len < room ? a->left.len : room;
    if (n)
        memcpy(to, a->left.ptr, n);
    a->left = gt_str_from(a->left, n);
    *ret_len = n;
    return GT_OK;
}

static gt_status again_record(void *ctx, const gt_record *record)
{
    again *a = ctx;
    gt_runs *r = a->runs;
    const gt_match *matches = NULL;
    size_t count = 0;
    gt_status status = gt_judge_record(r->judge, record, &matches, &count);
    for (size_t i = 0; status == GT_OK && i < count; i++) {
        if (matches[i].index != a->rule || !gt_str_eq(matches[i].id, a->alert_id))
            continue;
        gt_buf_reset(&r->text);
        gt_buf_reset(&r->terms);
        gt_suppress_terms(matches[i].rule, matches[i].document, &r->terms);
        gt_alert_write(r->setup->detector, &matches[i], &r->text);
        a->found = true;
        status = gt_buf_status(&r->text);
    }
    return status == GT_LIMIT || status == GT_INVALID ? GT_OK : status;
}

static gt_status again_problem(void *ctx, gt_problem_kind kind, uint64_t offset, const char *reason)
{
    (void)ctx, (void)kind, (void)offset, (void)reason; /* it was read before; now it does not match */
    return GT_OK;
}

static gt_status evaluate_again(gt_runs *r, size_t rule, const waiting *w, bool *ret_found)
{
    again a = {.runs = r, .rule = rule, .alert_id = w->alert_id, .left = w->record};
    const gt_record_sink sink = {.ctx = &a, .record = again_record, .problem = again_problem};
    GT_TRY(gt_reader_run(r->reader, GT_RECORDS_CLOUDTRAIL, again_read, &a, w->record.len, &sink));
    *ret_found = a.found;
    return GT_OK;
}

/* Evaluate one again, and alert. *ret_new: there was no such alert. */
static gt_status alert_again(gt_runs *r, size_t index, const waiting *w, gt_time_ms now, bool *ret_new)
{
    gt_watch *watch = r->watch;
    const gt_rule *rule = gt_detector_rule(r->setup->detector, index);
    bool found = false;
    GT_TRY(evaluate_again(r, index, w, &found));
    if (!found)
        return GT_OK; /* it depends on the time, and that has moved on; it stays in the ledger */
    gt_watch_alert alert = {.rule = rule, .id = w->alert_id, .json = gt_buf_str(&r->text),
                            .source = GT_STR("schedule"), .event = w->event, .now = now,
                            .terms = gt_buf_str(&r->terms),
                            .window_ms = rule->suppression.duration_ms};
    GT_TRY(gt_watch_alert_put(watch, &alert, ret_new));
    return gt_watch_match_set(watch->store, rule->rule_id, w->alert_id, GT_WATCH_ALERTED, now);
}

/* One window: alerts for what is in it, at most `most` new ones. */
static gt_status run_window(gt_runs *r, size_t index, const gt_time_window *window, int64_t most,
                            gt_time_ms now, uint64_t *ret_alerts, uint64_t *ret_capped)
{
    gt_watch *watch = r->watch;
    const gt_rule *rule = gt_detector_rule(r->setup->detector, index);
    collected list = {.runs = r};
    gt_arena_reset(r->arena, GT_MIB);
    GT_TRY(gt_watch_matches(watch->store, rule->rule_id, window->from, window->to, now, collect,
                            &list));
    int64_t made = 0;
    for (size_t i = 0; i < list.count; i++) {
        const waiting *w = &list.items[i];
        if (made >= most) {
            *ret_capped += w->state != GT_WATCH_CAPPED;
            GT_TRY(gt_watch_match_set(watch->store, rule->rule_id, w->alert_id, GT_WATCH_CAPPED, now));
            continue;
        }
        bool fresh = false;
        GT_TRY(alert_again(r, index, w, now, &fresh));
        made += fresh;
    }
    *ret_alerts += (uint64_t)made;
    return GT_OK;
}

typedef struct outcome {
    uint64_t alerts, capped, late;
    bool gap;
} outcome;

static gt_status run_rule(gt_runs *r, size_t index, gt_time_ms now, outcome *ret)
{
    gt_store *store = r->watch->store;
    const gt_rule *rule = gt_detector_rule(r->setup->detector, index);
    bool has = false;
    gt_time_ms previous = 0, from = 0;
    gt_schedule plan;
    GT_TRY(gt_watch_run_get(store, rule->rule_id, &has, &previous));
    if (!gt_schedule_plan(rule, has && previous <= now, previous, now, &plan))
        return GT_OK; /* refused when rules are loaded */
    for (size_t i = 0; i < plan.count; i++)
        GT_TRY(run_window(r, index, &plan.windows[i], rule->max_signals, now, &ret->alerts,
                          &ret->capped));
    if (plan.has_gap)
        GT_TRY(gt_watch_gap_put(store, rule->rule_id, plan.gap.from, plan.gap.to, now));
    ret->gap = plan.has_gap;
    int64_t late = 0;
    if (gt_schedule_from(rule, now + rule->interval_ms, &from))
        GT_TRY(gt_watch_matches_expire(store, rule->rule_id, from, now, &late));
    ret->late = (uint64_t)late;
    return gt_watch_run_put(store, rule->rule_id, now);
}

static void say(gt_runs *r, const gt_rule *rule, const outcome *o)
{
    gt_watch *w = r->watch;
    pthread_mutex_lock(&w->lock);
    w->stats.runs++;
    w->stats.gaps += o->gap;
    w->stats.late += o->late;
    w->stats.capped += o->capped;
    pthread_mutex_unlock(&w->lock);
    bool loss = o->gap || o->late || o->capped;
    gt_log_say(&w->options.log, loss ? GT_LOG_WARN : GT_LOG_DEBUG, "rule run",
               GT_LOG_TEXT("rule_id", rule->rule_id), GT_LOG_NUMBER("alerts", o->alerts),
               GT_LOG_NUMBER("capped", o->capped), GT_LOG_NUMBER("late", o->late),
               GT_LOG_NUMBER("gap", o->gap));
    if (o->alerts && w->options.output.stored)
        w->options.output.stored(w->options.output.ctx, (size_t)o->alerts);
}

gt_status gt_runs_go(gt_runs *r, gt_time_ms now)
{
    gt_store *store = r->watch->store;
    gt_judge_set_now(r->judge, now);
    for (size_t i = 0; i < gt_detector_count(r->setup->detector); i++) {
        if (r->next[i] > now)
            continue;
        const gt_rule *rule = gt_detector_rule(r->setup->detector, i);
        outcome o = {0};
        GT_TRY(gt_store_begin(store));
        GT_TRY(gt_store_end(store, run_rule(r, i, now, &o)));
        /* From when it was due, so that runs do not drift; but never a burst of runs after a pause. */
        r->next[i] += rule->interval_ms > 0 ? rule->interval_ms : 60000;
        if (r->next[i] <= now)
            r->next[i] = now + (rule->interval_ms > 0 ? rule->interval_ms : 60000);
        say(r, rule, &o);
    }
    return GT_OK;
}

/* --- making up for gaps ------------------------------------------------------------------------------- */

/* The detector's index of a rule; GT_NPOS when it does not run. */
static size_t index_of(const gt_runs *r, gt_str rule_id)
{
    for (size_t i = 0; i < gt_detector_count(r->setup->detector); i++) {
        if (gt_str_eq(gt_detector_rule(r->setup->detector, i)->rule_id, rule_id))
            return i;
    }
    return GT_NPOS;
}

static gt_status fill_gap(gt_runs *r, const gt_watch_gap *gap, size_t index, gt_time_ms now,
                          gt_watch_filled *ret)
{
    uint64_t alerts = 0, capped = 0;
    const gt_time_window window = {gap->from, gap->to};
    GT_TRY(run_window(r, index, &window, INT64_MAX, now, &alerts, &capped));
    GT_TRY(gt_watch_gap_fill(r->watch->store, gap->id, now, (int64_t)alerts));
    ret->gaps++;
    ret->alerts += alerts;
    return GT_OK;
}

static gt_status fill_missed(gt_runs *r, size_t index, gt_time_ms now, gt_watch_filled *ret)
{
    collected list = {.runs = r};
    gt_arena_reset(r->arena, GT_MIB);
    gt_str rule_id = gt_detector_rule(r->setup->detector, index)->rule_id;
    GT_TRY(gt_watch_missed(r->watch->store, rule_id, collect, &list));
    for (size_t i = 0; i < list.count; i++) {
        bool fresh = false;
        GT_TRY(alert_again(r, index, &list.items[i], now, &fresh));
        ret->alerts += fresh;
    }
    return GT_OK;
}

gt_status gt_runs_fill(gt_runs *r, bool missed, gt_time_ms now, gt_watch_filled *ret)
{
    gt_store *store = r->watch->store;
    GT_TRY(refresh(r, now));
    if (!r->judge)
        GT_TRY(gt_judge_new(r->setup, store, &r->judge));
    gt_judge_set_now(r->judge, now);
    gt_watch_gap *gaps = NULL;
    size_t count = 0;
    gt_arena *arena = gt_arena_new(GT_BATCH_ARENA_MAX);
    gt_status status = arena ? gt_watch_gaps(store, arena, true, &gaps, &count) : GT_NOMEM;
    for (size_t i = 0; status == GT_OK && i < count; i++) {
        size_t index = index_of(r, gaps[i].rule_id);
        ret->unknown += index == GT_NPOS;
        if (index == GT_NPOS)
            continue;
        status = gt_store_begin(store);
        if (status == GT_OK)
            status = gt_store_end(store, fill_gap(r, &gaps[i], index, now, ret));
    }
    for (size_t i = 0; missed && status == GT_OK && i < gt_detector_count(r->setup->detector); i++) {
        status = gt_store_begin(store);
        if (status == GT_OK)
            status = gt_store_end(store, fill_missed(r, i, now, ret));
    }
    gt_arena_free(arena);
    return status;
}
