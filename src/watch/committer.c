/* committer — the one thread that writes: parts to transactions. */
#include "store/alerts.h"
#include "watch/engine.h"

#include "base/limits.h"
#include "base/mem.h"
#include "detect/alert.h"
#include "store/alerts.h"
#include "watch/suppress.h"

#include <stdio.h>
#include <unistd.h>

#define WAIT_MS 100         /* for parts; also how late a scheduled run may be */
#define ROOM_MIN_MS 5
#define ROOM_MAX_MS 50
#define HEALTH_EVERY_MS 2000
#define PRUNE_EVERY_MS (3600 * 1000)
/* Records about security groups wait so long for what may have come before them: ten times longer than
 * CloudTrail has ever been seen to be late. */
#define KEPT_MS (14 * 24 * 3600 * (int64_t)1000)
#define RETENTION_MS (90 * 24 * 3600 * (int64_t)1000)

typedef struct committer {
    gt_watch *watch;
    gt_runs *runs;
    gt_part *parts[GT_WATCH_BATCH_PARTS];
    size_t count;
    size_t fresh; /* new alerts of this transaction */
    gt_judge *judge; /* made from judge_setup */
    gt_watch_setup *judge_setup;
    gt_event_batch *events; /* of one transaction */
    gt_buf text, terms;
    gt_time_ms next_health, next_prune;
} committer;

const int64_t gt_watch_bounds_ms[GT_WATCH_BUCKETS] = {5,    10,   25,    50,    100,   250,      500,
                                                      1000, 2500, 10000, 60000, 600000, 3600000,
                                                      INT64_MAX};

/* --- which records are copies -------------------------------------------------------------------- */

/* Once for each part, in the order of their coming: a transaction that is tried again does not ask
 * again, else everything would look like a copy of itself. */
static gt_status decide(committer *c, gt_part *part)
{
    if (part->decided)
        return GT_OK;
    part->answers = gt_malloc(part->count + 1);
    if (!part->answers)
        return GT_NOMEM;
    for (size_t i = 0; i < part->count; i++) {
        gt_memory_answer answer = gt_memory_meet(c->watch->memory, part->keys[i]);
        part->answers[i] = (uint8_t)answer;
        part->counts.duplicate += answer == GT_MEMORY_COPY;
        part->counts.evaluated += answer != GT_MEMORY_COPY;
        part->counts.changed += answer == GT_MEMORY_CHANGED;
    }
    part->decided = true;
    return GT_OK;
}

/* --- one transaction ------------------------------------------------------------------------------- */

gt_status gt_watch_alert_put(gt_watch *watch, const gt_watch_alert *alert, bool *ret_new)
{
    return watch->options.output.alert(watch->options.output.ctx, watch->store, alert, ret_new);
}

/* A suppression "per run" has no runs here: the rule's interval stands for one. */
static int64_t suppression_window(const gt_rule *rule)
{
    return rule->suppression.duration_ms ? rule->suppression.duration_ms : rule->interval_ms;
}

static gt_status store_found(committer *c, gt_part *part, const gt_found *f, gt_time_ms now)
{
    const gt_detector *detector = part->setup->detector;
    const gt_rule *rule = gt_detector_rule(detector, f->rule);
    gt_str text = gt_buf_str(&part->text), id = {f->id, sizeof f->id};
    if (f->raw_len) {
        gt_watch_match m = {.rule_id = rule->rule_id, .alert_id = id,
                            .event_id = {text.ptr + f->event_id, f->event_id_len}, .at = f->at,
                            .event = f->event, .arrived = now,
                            .record = {text.ptr + f->raw, f->raw_len}};
        return gt_watch_match_put(c->watch->store, &m);
    }
    bool fresh = false;
    gt_buf_reset(&c->text);
    gt_buf_add(&c->text, (gt_str){text.ptr + f->json, f->json_len});
    gt_buf_add(&c->text, gt_detector_alert_tail(detector, f->rule));
    GT_TRY(gt_buf_status(&c->text));
    gt_watch_alert alert = {.rule = rule, .id = id, .json = gt_buf_str(&c->text),
                            .source = part->slot->feed->config.name, .event = f->event, .now = now,
                            .terms = {text.ptr + f->terms, f->terms_len}, .window_ms = suppression_window(rule)};
    GT_TRY(gt_watch_alert_put(c->watch, &alert, &fresh));
    part->counts.alerts += fresh;
    c->fresh += fresh;
    return GT_OK;
}

/* --- records that the state of security groups matters to ------------------------------------------- */

static gt_status refresh_judge(committer *c, gt_watch_setup *setup, gt_time_ms now)
{
    if (c->judge_setup != setup) {
        gt_judge_free(c->judge); /* it holds its setup, so that no other can have its address */
        c->judge = NULL;
        c->judge_setup = NULL;
        GT_TRY(gt_judge_new(setup, c->watch->store, &c->judge));
        gt_judge_set_log(c->judge, &c->watch->options.log);
        c->judge_setup = setup;
        gt_judge_begin(c->judge);
    }
    gt_judge_set_now(c->judge, now);
    return GT_OK;
}

typedef struct judged {
    committer *committer;
    gt_watch_setup *setup;
    gt_time_ms now;
} judged;

static gt_slot *slot_of(gt_watch *w, gt_str source)
{
    for (size_t i = 0; i < w->slot_count; i++) {
        if (gt_str_eq(w->slots[i].feed->config.name, source))
            return &w->slots[i];
    }
    return NULL; /* of an earlier configuration */
}

static gt_status store_match(const judged *j, gt_str source, const gt_record *record,
                             const gt_match *match)
{
    committer *c = j->committer;
    gt_time_ms event;
    bool fresh = false;
    if (!gt_time_parse(record->event_time, &event))
        event = j->now;
    if (j->setup->scheduled[match->index]) {
        gt_watch_match m = {.rule_id = match->rule->rule_id, .alert_id = match->id,
                            .event_id = match->event_id, .event = event, .arrived = j->now,
                            .at = gt_watch_primary_time(match, event, j->now),
                            .record = record->json};
        return gt_watch_match_put(c->watch->store, &m);
    }
    gt_buf_reset(&c->text);
    gt_buf_reset(&c->terms);
    gt_alert_write(j->setup->detector, match, &c->text);
    gt_suppress_terms(match->rule, match->document, &c->terms);
    GT_TRY(gt_buf_status(&c->text));
    GT_TRY(gt_buf_status(&c->terms));
    gt_watch_alert alert = {.rule = match->rule, .id = match->id, .json = gt_buf_str(&c->text),
                            .source = source, .event = event, .now = j->now,
                            .terms = gt_buf_str(&c->terms),
                            .window_ms = suppression_window(match->rule)};
    GT_TRY(gt_watch_alert_put(c->watch, &alert, &fresh));
    gt_slot *slot = slot_of(c->watch, source);
    if (fresh && slot)
        slot->judged_alerts++;
    c->fresh += fresh;
    return GT_OK;
}

static gt_status on_judged(void *ctx, gt_str source, const gt_record *record,
                           const gt_match *matches, size_t count)
{
    for (size_t i = 0; i < count; i++)
        GT_TRY(store_match(ctx, source, record, &matches[i]));
    return GT_OK;
}

/* More than a limit allows: said, and no reason to hold up everything else. */
static gt_status judge_noted(committer *c, gt_watch_setup *setup, gt_time_ms now)
{
    judged j = {c, setup, now};
    gt_status status = gt_judge_noted(c->judge, on_judged, &j);
    if (status != GT_LIMIT)
        return status;
    gt_log_say(&c->watch->options.log, GT_LOG_ERROR, "too many events of one security group to judge "
                                                     "again; later ones are not",
               GT_LOG_TEXT("reason", gt_str_c(gt_status_text(status))));
    return GT_OK;
}

/* A change is learned now and judged at the transaction's end, when all of it is known; a call that
 * changed nothing is judged as it is. */
static gt_status store_aside(committer *c, gt_part *part, const gt_aside *a, gt_time_ms now)
{
    const char *text = part->text.data;
    gt_str raw = {text + a->raw, a->raw_len}, source = part->slot->feed->config.name;
    gt_record record;
    const gt_match *matches = NULL;
    size_t count = 0;
    if (a->packed_len)
        return gt_judge_learn(c->judge, (gt_str){text + a->packed, a->packed_len}, raw, source, now);
    if (!a->raw_len || !gt_record_read(raw, &record))
        return GT_OK;
    gt_status status = gt_judge_record(c->judge, &record, &matches, &count);
    if (status == GT_LIMIT || status == GT_INVALID)
        return GT_OK;
    GT_TRY(status);
    judged j = {c, part->setup, now};
    return on_judged(&j, source, &record, matches, count);
}

/* All records of the transaction that the state matters to, and those before that it changes. */
static gt_status judge_asides(committer *c, gt_time_ms now)
{
    for (size_t i = 0; i < c->watch->slot_count; i++)
        c->watch->slots[i].judged_alerts = 0;
    for (size_t i = 0; i < c->count; i++) {
        gt_part *part = c->parts[i];
        if (!part->aside_count)
            continue;
        /* Parts of two setups in one transaction: what was noted is judged by the first's rules. */
        if (c->judge_setup && c->judge_setup != part->setup)
            GT_TRY(judge_noted(c, c->judge_setup, now));
        GT_TRY(refresh_judge(c, part->setup, now));
        for (size_t k = 0; k < part->aside_count; k++) {
            if (part->answers[part->asides[k].record] != GT_MEMORY_COPY)
                GT_TRY(store_aside(c, part, &part->asides[k], now));
        }
    }
    if (c->judge)
        GT_TRY(judge_noted(c, c->judge_setup, now));
    for (size_t i = 0; i < c->watch->slot_count; i++) {
        gt_slot *slot = &c->watch->slots[i];
        const gt_watch_counts counts = {.alerts = slot->judged_alerts};
        if (slot->judged_alerts)
            GT_TRY(gt_watch_counts_add(c->watch->store, slot->feed->config.name,
                                       slot->feed->config.type, &counts, now));
    }
    return GT_OK;
}

/* --- the event store --------------------------------------------------------------------------------- */

static gt_status flush_events(committer *c)
{
    size_t written;
    if (!c->events || !gt_event_batch_count(c->events))
        return GT_OK;
    GT_TRY(gt_event_batch_drop_known(c->events, c->watch->store, INT64_MAX));
    if (!gt_event_batch_count(c->events))
        return GT_OK;
    GT_TRY(gt_event_batch_seal(c->events));
    GT_TRY(gt_events_insert(c->watch->store, c->events, &written));
    return gt_events_insert_columns(c->watch->store, c->events);
}

static gt_status store_events(committer *c, const gt_part *part)
{
    for (size_t i = 0; i < part->raw_count; i++) {
        const gt_kept_raw *raw = &part->raws[i];
        if (part->answers[raw->record] == GT_MEMORY_COPY)
            continue;
        GT_TRY(gt_event_batch_add(c->events, (gt_str){part->text.data + raw->raw, raw->raw_len},
                                  raw->event));
        if (gt_event_batch_full(c->events))
            GT_TRY(flush_events(c));
    }
    return GT_OK;
}

/* A batch of the transaction's own: what an earlier attempt left in it was rolled back. */
static gt_status begin_events(committer *c)
{
    if (!c->watch->options.keep_events)
        return GT_OK;
    gt_event_batch_free(c->events);
    c->events = gt_event_batch_new();
    return c->events ? GT_OK : GT_NOMEM;
}

static gt_status store_part(committer *c, gt_part *part, gt_time_ms now)
{
    const gt_feed_config *config = &part->slot->feed->config;
    GT_TRY(decide(c, part));
    part->counts.alerts = 0;
    for (size_t i = 0; i < part->found_count; i++) {
        const gt_found *f = &part->founds[i];
        if (part->answers[f->record] != GT_MEMORY_COPY)
            GT_TRY(store_found(c, part, f, now));
    }
    GT_TRY(store_events(c, part));
    if (part->delivery)
        GT_TRY(gt_feed_save(part->slot->feed, c->watch->store, part->delivery));
    return gt_watch_counts_add(c->watch->store, config->name, config->type, &part->counts, now);
}

static gt_status store_parts(committer *c)
{
    gt_store *store = c->watch->store;
    gt_time_ms now = gt_watch_now(c->watch);
    c->fresh = 0;
    GT_TRY(begin_events(c));
    GT_TRY(gt_store_begin(store));
    gt_status status = GT_OK;
    for (size_t i = 0; status == GT_OK && i < c->count; i++)
        status = store_part(c, c->parts[i], now);
    if (c->judge)
        gt_judge_begin(c->judge);
    if (status == GT_OK)
        status = judge_asides(c, now);
    if (status == GT_OK)
        status = flush_events(c);
    return gt_store_end(store, status);
}

/* --- afterwards ------------------------------------------------------------------------------------- */

static void note_latency(gt_watch_stats *stats, gt_time_ms arrived, gt_time_ms now)
{
    int64_t ms = arrived && now > arrived ? now - arrived : 0;
    size_t i = 0;
    while (ms > gt_watch_bounds_ms[i])
        i++;
    stats->latency[i]++;
    stats->latency_sum_ms += (uint64_t)ms;
}

static void add_counts(gt_watch_counts *to, const gt_watch_counts *c)
{
    to->read += c->read;
    to->evaluated += c->evaluated;
    to->duplicate += c->duplicate;
    to->rejected += c->rejected;
    to->changed += c->changed;
    to->deliveries += c->deliveries;
    to->bytes += c->bytes;
    to->problems += c->problems;
    to->alerts += c->alerts;
    to->event_last = c->event_last > to->event_last ? c->event_last : to->event_last;
    to->arrived_last = c->arrived_last > to->arrived_last ? c->arrived_last : to->arrived_last;
}

static void parts_stored(committer *c)
{
    gt_watch *w = c->watch;
    const gt_net_env *env = w->options.env;
    gt_time_ms now = env->now(env->ctx); /* arrivals are by the real clock */
    pthread_mutex_lock(&w->lock);
    w->stats.transactions++;
    w->stats.store_fails = false;
    for (size_t i = 0; i < c->count; i++) {
        add_counts(&c->parts[i]->slot->counts, &c->parts[i]->counts);
        c->parts[i]->slot->stored = now;
        c->parts[i]->slot->counts.alerts += c->parts[i]->slot->judged_alerts;
        c->parts[i]->slot->judged_alerts = 0;
        if (c->parts[i]->delivery)
            note_latency(&w->stats, c->parts[i]->arrived, now);
    }
    pthread_mutex_unlock(&w->lock);
    for (size_t i = 0; i < c->count; i++) {
        if (c->parts[i]->delivery)
            gt_watch_ack(c->parts[i]->slot, c->parts[i]->delivery, NULL);
        gt_part_free(c->parts[i]);
    }
    c->count = 0;
    if (c->fresh && w->options.output.stored)
        w->options.output.stored(w->options.output.ctx, c->fresh);
}

static void parts_dropped(committer *c, const char *reason)
{
    for (size_t i = 0; i < c->count; i++) {
        if (c->parts[i]->delivery)
            gt_watch_ack(c->parts[i]->slot, c->parts[i]->delivery, reason);
        gt_part_free(c->parts[i]);
    }
    c->count = 0;
}

/* Say it once when it begins, and count it. */
static void store_failed(committer *c, gt_status status)
{
    gt_watch *w = c->watch;
    gt_str why = gt_store_message(w->store);
    pthread_mutex_lock(&w->lock);
    bool first = !w->stats.store_fails;
    w->stats.store_fails = true;
    w->stats.store_failures++;
    snprintf(w->stats.store_problem, sizeof w->stats.store_problem, "%.*s", GT_STR_ARG(why));
    pthread_mutex_unlock(&w->lock);
    if (first)
        gt_log_say(&w->options.log, GT_LOG_ERROR, "the store fails; sources wait",
                   GT_LOG_TEXT("reason", why), GT_LOG_TEXT("status", gt_str_c(gt_status_text(status))));
    if (status == GT_CORRUPT)
        atomic_store(&w->failed, true);
}

/* SQLite lets one writer in at a time and is not fair: sinks and commands get in between two of our
 * transactions only when there is room, and they look some ten times a second. */
static void leave_room(int64_t took_ms)
{
    int64_t pause = took_ms / 2;
    pause = pause < ROOM_MIN_MS ? ROOM_MIN_MS : pause > ROOM_MAX_MS ? ROOM_MAX_MS : pause;
    usleep((useconds_t)pause * 1000);
}

/* Try until it works: what is in hand was not taken off its source, so nothing is lost by waiting, or
 * by giving up when the process must end. */
static void commit_parts(committer *c)
{
    gt_watch *w = c->watch;
    const gt_net_env *env = w->options.env;
    const gt_retry pace = {1, 100, 5000};
    for (unsigned attempt = 1;; attempt++) {
        gt_time_ms began = env->now(env->ctx);
        gt_status status = store_parts(c);
        if (status == GT_OK) {
            int64_t took = env->now(env->ctx) - began;
            parts_stored(c);
            leave_room(took);
            return;
        }
        store_failed(c, status);
        if (atomic_load(&w->failed) || atomic_load(&w->aborting)) {
            parts_dropped(c, "the store fails");
            return;
        }
        /* Not env->sleep: while draining it would not wait at all. */
        int64_t pause = gt_backoff_ms(&pace, attempt, env->random(env->ctx));
        for (; pause > 0 && !atomic_load(&w->aborting); pause -= 20)
            usleep(20000);
    }
}

/* --- now and then ----------------------------------------------------------------------------------- */

static gt_status put_health(gt_watch *w)
{
    for (size_t i = 0; i < w->slot_count; i++) {
        gt_feed_health h = gt_feed_health_get(w->slots[i].feed);
        const gt_feed_config *config = &w->slots[i].feed->config;
        GT_TRY(gt_watch_health_put(w->store, config->name, config->type, gt_str_c(h.problem), h.since,
                                   h.looked, h.waiting));
    }
    return GT_OK;
}

static gt_status prune(gt_watch *w, gt_time_ms now)
{
    int64_t keep = w->options.retention_ms ? w->options.retention_ms : RETENTION_MS, alerts;
    uint64_t events;
    GT_TRY(gt_watch_matches_prune(w->store, now - keep));
    GT_TRY(gt_watch_kept_prune(w->store, now - KEPT_MS));
    GT_TRY(gt_alerts_prune(w->store, now - keep, &alerts));
    return w->options.keep_events ? gt_events_expire(w->store, now - keep, &events) : GT_OK;
}

static void housekeeping(committer *c)
{
    gt_watch *w = c->watch;
    gt_time_ms now = gt_watch_now(w), real = w->options.env->now(w->options.env->ctx);
    if (real >= c->next_health) {
        c->next_health = real + HEALTH_EVERY_MS;
        if (gt_store_begin(w->store) == GT_OK && gt_store_end(w->store, put_health(w)) != GT_OK)
            store_failed(c, GT_RETRY);
    }
    if (real >= c->next_prune) {
        c->next_prune = real + PRUNE_EVERY_MS;
        gt_status status = prune(w, now);
        if (status != GT_OK)
            store_failed(c, status);
    }
    if (gt_runs_due(c->runs, now)) {
        gt_status status = gt_runs_go(c->runs, now);
        if (status != GT_OK)
            store_failed(c, status);
    }
}

static bool take_parts(committer *c)
{
    void *part = NULL;
    gt_status status = gt_queue_take(c->watch->done, WAIT_MS, &part);
    while (status == GT_OK) {
        c->parts[c->count++] = part;
        if (c->count == GT_WATCH_BATCH_PARTS)
            break;
        status = gt_queue_take(c->watch->done, 0, &part);
    }
    return c->count > 0;
}

void *gt_watch_committer_main(void *ctx)
{
    committer *c = gt_calloc(1, sizeof *c);
    gt_watch *w = ctx;
    gt_runs *runs = c ? gt_runs_new(w) : NULL;
    if (!runs) {
        gt_free(c);
        atomic_store(&w->failed, true);
        gt_queue_close(w->done);
        atomic_store(&w->committer_ended, true);
        return NULL;
    }
    c->watch = w;
    c->runs = runs;
    c->text = c->terms = GT_BUF(GT_WATCH_PART_TEXT_MAX);
    for (;;) {
        if (take_parts(c))
            commit_parts(c);
        else if (gt_queue_is_closed(w->done))
            break;
        housekeeping(c);
    }
    gt_runs_free(c->runs);
    gt_judge_free(c->judge);
    gt_event_batch_free(c->events);
    gt_buf_done(&c->text);
    gt_buf_done(&c->terms);
    gt_free(c);
    atomic_store(&w->committer_ended, true);
    return NULL;
}
