/* A sink's thread: take what is due, send it, write down what became of it, wait. */
#include "base/limits.h"
#include "sink/sink_internal.h"

#include <stdio.h>
#include <time.h>

/* --- the world, for the sink ------------------------------------------------------------------ */

static const gt_net_env *outer(void *worker)
{
    return ((sink_worker *)worker)->group->options.env;
}

static const char *env_getenv(void *worker, const char *name)
{
    return outer(worker)->getenv(outer(worker)->ctx, name);
}

static gt_time_ms env_now(void *worker)
{
    return outer(worker)->now(outer(worker)->ctx);
}

static void env_sleep(void *worker, int64_t ms)
{
    outer(worker)->sleep(outer(worker)->ctx, ms);
}

static uint64_t env_random(void *worker)
{
    return outer(worker)->random(outer(worker)->ctx);
}

/* What is being sent is given up when a stop has waited long enough. */
static bool env_stopped(void *worker)
{
    gt_sink_group *group = ((sink_worker *)worker)->group;
    gt_time_ms now = env_now(worker);
    pthread_mutex_lock(&group->lock);
    bool stopped = group->stopping && now >= group->stop_at;
    pthread_mutex_unlock(&group->lock);
    return stopped;
}

gt_net_env sink_worker_env(sink_worker *worker)
{
    return (gt_net_env){worker, env_getenv, env_now, env_sleep, env_random, env_stopped};
}

static gt_time_ms now_of(const sink_worker *w)
{
    return w->sink.env->now(w->sink.env->ctx);
}

static void say(sink_worker *w, gt_sink_event event, gt_str id, gt_str message)
{
    const gt_sink_group_options *o = &w->group->options;
    if (!o->say)
        return;
    pthread_mutex_lock(&w->group->say_lock);
    o->say(o->ctx, event, w->name, id, message);
    pthread_mutex_unlock(&w->group->say_lock);
}

/* --- waiting ---------------------------------------------------------------------------------- */

/* Wait for up to ms, or until woken (when that counts) or told to stop. */
static void wait_for(sink_worker *w, int64_t ms, bool wake_counts)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&w->group->lock);
    while (!w->group->stopping && !(wake_counts && w->woken))
        if (pthread_cond_timedwait(&w->group->changed, &w->group->lock, &until) != 0)
            break;
    w->woken = w->woken && !wake_counts;
    pthread_mutex_unlock(&w->group->lock);
}

/* Is it time to end? While stopping, sending goes on until stop_at, but nothing is waited for. */
static bool must_end(sink_worker *w, bool nothing_to_do)
{
    pthread_mutex_lock(&w->group->lock);
    bool end = w->group->stopping && (nothing_to_do || now_of(w) >= w->group->stop_at);
    pthread_mutex_unlock(&w->group->lock);
    return end;
}

static bool is_stopping(sink_worker *w)
{
    pthread_mutex_lock(&w->group->lock);
    bool stopping = w->group->stopping;
    pthread_mutex_unlock(&w->group->lock);
    return stopping;
}

static int64_t pause_ms(sink_worker *w)
{
    const gt_config_section *section = w->sink.section;
    gt_retry retry = {.base_ms = gt_config_number(section, GT_CONFIG_SINK_RETRY_BASE),
                      .max_ms = gt_config_number(section, GT_CONFIG_SINK_RETRY_MAX)};
    unsigned attempt = w->failures < 30 ? w->failures : 30;
    int64_t ms = gt_backoff_ms(&retry, attempt ? attempt : 1,
                               w->sink.env->random(w->sink.env->ctx));
    if (w->sink.retry_after_ms > ms)
        ms = w->sink.retry_after_ms < retry.max_ms ? w->sink.retry_after_ms : retry.max_ms;
    return ms;
}

/* --- health ----------------------------------------------------------------------------------- */

static void note_failure(sink_worker *w, gt_str reason)
{
    gt_time_ms now = now_of(w);
    w->failures++;
    pthread_mutex_lock(&w->group->lock);
    bool fresh = !w->health.fails;
    w->health.fails = true;
    w->health.failures++;
    if (fresh)
        w->health.since = now;
    snprintf(w->health.problem, sizeof w->health.problem, "%.*s", GT_STR_ARG(reason));
    pthread_mutex_unlock(&w->group->lock);
    if (fresh)
        say(w, GT_SINK_FAILS, GT_STR_NULL, reason);
}

static void note_success(sink_worker *w, size_t sent)
{
    w->failures = 0;
    pthread_mutex_lock(&w->group->lock);
    bool was = w->health.fails;
    w->health.fails = false;
    w->health.problem[0] = '\0';
    w->health.sent += sent;
    w->health.answered = now_of(w);
    pthread_mutex_unlock(&w->group->lock);
    if (was)
        say(w, GT_SINK_WORKS, GT_STR_NULL, GT_STR("alerts are taken again"));
}

/* --- what became of a batch ------------------------------------------------------------------- */

typedef struct outcome {
    size_t ok, retry, error;
    gt_str reason; /* of the first that is not OK */
} outcome;

static outcome count_answers(const gt_sink_item *items, size_t count)
{
    outcome o = {0};
    for (size_t i = 0; i < count; i++) {
        o.ok += items[i].answer == GT_SINK_OK;
        o.retry += items[i].answer == GT_SINK_RETRY;
        o.error += items[i].answer == GT_SINK_ERROR;
        if (items[i].answer != GT_SINK_OK && !o.reason.len)
            o.reason = items[i].reason.len ? items[i].reason : GT_STR("no answer");
    }
    return o;
}

static gt_status settle_item(sink_worker *w, const gt_sink_item *item, const outcome *o,
                             gt_time_ms now, gt_time_ms due)
{
    const gt_sink_row *row = item->row;
    gt_store *store = w->sink.store;
    bool old = now - row->queued >= gt_config_number(w->sink.section, GT_CONFIG_SINK_GIVE_UP);
    gt_str reason = item->reason.len ? item->reason : GT_STR("no answer");
    if (item->answer == GT_SINK_OK)
        return gt_sinks_done(store, row->seq);
    if (item->answer == GT_SINK_ERROR || old)
        return gt_sinks_give_up(store, row->seq, reason, now);
    /* When nothing got through, the whole sink waits and its rows need no writing. */
    return o->ok || o->error ? gt_sinks_again(store, row->seq, due) : GT_OK;
}

static gt_status settle(sink_worker *w, const gt_sink_item *items, size_t count, const outcome *o,
                        gt_time_ms due)
{
    gt_time_ms now = now_of(w);
    GT_TRY(gt_store_begin(w->sink.store));
    gt_status status = GT_OK;
    for (size_t i = 0; i < count && status == GT_OK; i++)
        status = settle_item(w, &items[i], o, now, due);
    if (status == GT_OK)
        status = gt_sinks_state_put(w->sink.store, w->name, w->sink.section->type, (int64_t)o->ok,
                                    o->reason, o->reason.len ? now : 0, o->ok ? now : 0,
                                    w->sink.place);
    return gt_store_end(w->sink.store, status);
}

/* What was sent must be written down before anything else is: else it would be sent again. */
static void settle_surely(sink_worker *w, const gt_sink_item *items, size_t count, const outcome *o,
                          gt_time_ms due)
{
    unsigned attempt = 0;
    while (settle(w, items, count, o, due) != GT_OK) {
        gt_retry retry = {.base_ms = 50, .max_ms = 5000};
        note_failure(w, gt_store_message(w->sink.store));
        if (must_end(w, false))
            return;
        attempt = attempt < 20 ? attempt + 1 : attempt;
        wait_for(w, gt_backoff_ms(&retry, attempt, w->sink.env->random(w->sink.env->ctx)), false);
        if (is_stopping(w)) /* waits end at once then: do not spin */
            w->sink.env->sleep(w->sink.env->ctx, 50);
    }
}

static void tell_given_up(sink_worker *w, const gt_sink_item *items, size_t count)
{
    gt_time_ms now = now_of(w);
    int64_t give_up = gt_config_number(w->sink.section, GT_CONFIG_SINK_GIVE_UP);
    for (size_t i = 0; i < count; i++) {
        bool old = items[i].answer == GT_SINK_RETRY && now - items[i].row->queued >= give_up;
        if (items[i].answer != GT_SINK_ERROR && !old)
            continue;
        pthread_mutex_lock(&w->group->lock);
        w->health.given_up++;
        pthread_mutex_unlock(&w->group->lock);
        say(w, GT_SINK_GAVE_UP, items[i].row->id, items[i].reason);
    }
}

static void after_send(sink_worker *w, const gt_sink_item *items, size_t count)
{
    outcome o = count_answers(items, count);
    bool stuck = o.retry == count;
    if (o.ok || o.error)
        note_success(w, o.ok);
    else
        note_failure(w, o.reason);
    int64_t pause = o.retry ? pause_ms(w) : 0;
    settle_surely(w, items, count, &o, now_of(w) + pause);
    tell_given_up(w, items, count);
    w->pause_until = stuck ? now_of(w) + pause : 0;
}

/* --- one round -------------------------------------------------------------------------------- */

static bool open_store(sink_worker *w)
{
    gt_store_options options = {.must_exist = true, .sync = GT_STORE_SYNC_FULL};
    gt_str message = GT_STR_NULL;
    if (w->sink.store)
        return true;
    gt_status status = gt_store_open(w->group->options.store_path, &options, w->batch,
                                     &w->sink.store, &message);
    if (status == GT_OK)
        status = gt_sinks_place(w->sink.store, w->name, &w->sink.place);
    if (status == GT_OK)
        return true;
    note_failure(w, message.len ? message : gt_str_c(gt_status_text(status)));
    return false;
}

static bool open_sink(sink_worker *w)
{
    if (w->is_open)
        return true;
    gt_buf message = GT_BUF(4096);
    gt_status status = w->sink.ops->open(&w->sink, &message);
    w->is_open = status == GT_OK;
    if (!w->is_open) {
        w->sink.ops->close(&w->sink);
        note_failure(w, message.len ? gt_buf_str(&message) : gt_str_c(gt_status_text(status)));
    }
    gt_buf_done(&message);
    return w->is_open;
}

/* Answers whether there was something to send. */
static gt_status send_some(sink_worker *w, bool *ret_any)
{
    gt_sink_row *rows;
    size_t count;
    *ret_any = false;
    w->sink.retry_after_ms = 0;
    GT_TRY(gt_sinks_take(w->sink.store, w->batch, w->name, now_of(w), w->batch_items,
                         GT_SINK_BATCH_BYTES, &rows, &count));
    if (count == 0)
        return GT_OK;
    gt_sink_item *items = gt_arena_array(w->batch, gt_sink_item, count);
    if (!items)
        return GT_NOMEM;
    for (size_t i = 0; i < count; i++)
        items[i] = (gt_sink_item){&rows[i], GT_SINK_RETRY, GT_STR_NULL};
    *ret_any = true;
    if (!open_sink(w)) {
        gt_sink_answer_all(items, count, GT_SINK_RETRY,
                           gt_arena_dup(w->batch, gt_str_c(w->health.problem)));
        w->failures--; /* open_sink counted it */
    } else {
        w->sink.ops->send(&w->sink, w->batch, items, count);
    }
    after_send(w, items, count);
    return GT_OK;
}

/* How long until there may be something to send. */
static int64_t until_due(sink_worker *w)
{
    bool has;
    gt_time_ms due = 0, now = now_of(w);
    if (gt_sinks_due(w->sink.store, w->name, &has, &due) != GT_OK)
        return GT_SINK_LOOK_MS;
    if (!has || due - now > GT_SINK_LOOK_MS)
        return GT_SINK_LOOK_MS;
    return due > now ? due - now : 100; /* nothing was taken just now: never spin */
}

static void set_idle(sink_worker *w, bool idle)
{
    pthread_mutex_lock(&w->group->lock);
    w->idle = idle && !w->woken;
    pthread_mutex_unlock(&w->group->lock);
}

/* One look; returns how long to wait before the next, and whether a wake-up ends that wait. */
static int64_t one_round(sink_worker *w, bool *ret_wake_counts, bool *ret_nothing)
{
    bool any = false;
    gt_arena_reset(w->batch, 4 * GT_MIB);
    *ret_wake_counts = false;
    *ret_nothing = true;
    if (!open_store(w))
        return pause_ms(w);
    gt_time_ms now = now_of(w);
    if (w->pause_until > now)
        return w->pause_until - now;
    gt_status status = send_some(w, &any);
    if (status != GT_OK) {
        note_failure(w, status == GT_NOMEM || status == GT_LIMIT ? gt_str_c(gt_status_text(status))
                                                                 : gt_store_message(w->sink.store));
        return pause_ms(w);
    }
    if (any) {
        *ret_nothing = w->pause_until != 0;
        return w->pause_until ? w->pause_until - now_of(w) : 0;
    }
    *ret_wake_counts = true;
    return until_due(w);
}

void *sink_worker_main(void *worker)
{
    sink_worker *w = worker;
    for (;;) {
        bool wake_counts, nothing;
        pthread_mutex_lock(&w->group->lock);
        w->woken = false;
        pthread_mutex_unlock(&w->group->lock);
        int64_t ms = one_round(w, &wake_counts, &nothing);
        set_idle(w, wake_counts && ms > 0);
        if (must_end(w, nothing))
            break;
        if (ms > 0)
            wait_for(w, ms, wake_counts);
    }
    return NULL;
}
