#include "watch/engine.h"

#include "base/limits.h"
#include "base/mem.h"

#include <stdlib.h>
#include <unistd.h>

#define NEXT_WAIT_MS 200
#define TICK_MS 500
/* A network source gains workers that wait for S3 while others compute. */
#define NETWORK_WORKERS 6

gt_time_ms gt_watch_now(const gt_watch *watch)
{
    return watch->options.now(watch->options.now_ctx);
}

gt_watch_setup *gt_watch_setup_get(gt_watch *watch)
{
    pthread_mutex_lock(&watch->lock);
    gt_watch_setup *setup = gt_watch_setup_hold(watch->setup);
    pthread_mutex_unlock(&watch->lock);
    return setup;
}

void gt_watch_swap(gt_watch *watch, gt_watch_setup *setup)
{
    pthread_mutex_lock(&watch->lock);
    gt_watch_setup *old = watch->setup;
    watch->setup = setup;
    watch->stats.reloads++;
    pthread_mutex_unlock(&watch->lock);
    gt_watch_setup_release(old);
}

/* --- taking off (the keeper) ------------------------------------------------------------------------ */

void gt_watch_ack(gt_slot *slot, gt_delivery *delivery, const char *reason)
{
    gt_ack *ack = gt_calloc(1, sizeof *ack);
    char *copy = reason ? gt_malloc(strlen(reason) + 1) : NULL;
    if (copy)
        memcpy(copy, reason, strlen(reason) + 1);
    bool sent = false;
    if (ack && (copy || !reason)) {
        *ack = (gt_ack){delivery, copy};
        sent = gt_queue_put(slot->acks, ack, 1) == GT_OK;
    }
    if (sent)
        return;
    /* Without memory: stay silent about it, so that the source hands it out again in its own time. */
    gt_free(ack);
    gt_free(copy);
}

static void take_off(gt_slot *slot, gt_ack *ack)
{
    if (ack->reason) {
        atomic_fetch_add(&slot->put_back, 1);
        gt_feed_put_back(slot->feed, ack->delivery, ack->reason);
    } else {
        gt_feed_commit(slot->feed, ack->delivery);
    }
    atomic_fetch_sub(&slot->out, 1);
    gt_free(ack->reason);
    gt_free(ack);
}

static void *keeper_main(void *ctx)
{
    gt_slot *slot = ctx;
    const gt_net_env *env = slot->watch->options.env;
    gt_time_ms ticked = env->now(env->ctx);
    for (;;) {
        void *ack = NULL;
        gt_status status = gt_queue_take(slot->acks, TICK_MS, &ack);
        gt_time_ms now = env->now(env->ctx);
        if (status == GT_OK)
            take_off(slot, ack);
        /* llabs: a clock that was set back must not silence the tick. */
        if (status != GT_OK || llabs(now - ticked) >= TICK_MS) {
            gt_feed_tick(slot->feed);
            ticked = now;
        }
        if (status != GT_OK && gt_queue_is_closed(slot->acks))
            return NULL;
    }
}

/* --- reading ----------------------------------------------------------------------------------------- */

static void hand_out(gt_slot *slot, gt_delivery *delivery)
{
    gt_job *job = gt_calloc(1, sizeof *job);
    atomic_fetch_add(&slot->out, 1);
    if (job) {
        *job = (gt_job){slot, delivery};
        size_t weight = delivery->bytes < GT_WATCH_QUEUE_BYTES ? delivery->bytes : GT_WATCH_QUEUE_BYTES;
        if (gt_queue_put(slot->watch->todo, job, weight + 4096) == GT_OK)
            return;
    }
    gt_free(job);
    gt_watch_ack(slot, delivery, "stopping");
}

/* Say when a source begins to fail and when it works again. Between two tries there is nothing to hand
 * out either: what the feed last noted counts, not that it is quiet. */
static void say_health(gt_slot *slot, gt_status status, bool *failing)
{
    const gt_log *log = &slot->watch->options.log;
    gt_str name = slot->feed->config.name;
    if (status == GT_OK && !*failing)
        return;
    gt_feed_health h = gt_feed_health_get(slot->feed);
    bool fails = h.problem[0] || (status != GT_OK && status != GT_END);
    if (fails && !*failing)
        gt_log_say(log, GT_LOG_WARN, "source fails", GT_LOG_TEXT("source", name),
                   GT_LOG_TEXT("reason", gt_str_c(h.problem)));
    else if (!fails && *failing)
        gt_log_say(log, GT_LOG_INFO, "source works again", GT_LOG_TEXT("source", name));
    *failing = fails;
}

static void *reader_main(void *ctx)
{
    gt_slot *slot = ctx;
    gt_watch *w = slot->watch;
    const gt_net_env *env = w->options.env;
    const gt_retry pace = {1, 500, 30000};
    unsigned failures = 0;
    bool failing = false;
    while (!atomic_load(&w->stopping)) {
        gt_delivery *delivery = NULL;
        gt_status status = gt_feed_next(slot->feed, NEXT_WAIT_MS, &delivery);
        if (atomic_load(&w->stopping) && status != GT_OK)
            break;
        say_health(slot, status, &failing);
        if (status == GT_OK)
            hand_out(slot, delivery);
        atomic_store(&slot->empty, status == GT_END);
        if (status == GT_OK || !failing)
            failures = 0;
        else if (status != GT_END)
            env->sleep(env->ctx, gt_backoff_ms(&pace, ++failures, env->random(env->ctx)));
    }
    return NULL;
}

/* --- starting ---------------------------------------------------------------------------------------- */

static gt_status open_store(gt_watch *w, gt_buf *reterr)
{
    gt_str why = GT_STR("");
    gt_status status = gt_store_open(w->options.store_path, NULL, w->arena, &w->store, &why);
    if (status != GT_OK)
        gt_buf_add(reterr, why);
    return status;
}

static gt_status open_slots(gt_watch *w, gt_buf *reterr)
{
    w->slots = gt_arena_array(w->arena, gt_slot, w->options.source_count + 1);
    if (!w->slots)
        return GT_NOMEM;
    for (size_t i = 0; i < w->options.source_count; i++) {
        gt_slot *slot = &w->slots[i];
        gt_feed_config config = w->options.sources[i];
        config.env = w->options.env;
        config.store_path = w->options.store_path;
        slot->watch = w;
        slot->acks = gt_queue_new(SIZE_MAX / 2); /* bounded by what is out */
        w->slot_count++;
        if (!slot->acks)
            return GT_NOMEM;
        GT_TRY(gt_feed_open(&config, &slot->feed, reterr));
    }
    return GT_OK;
}

static size_t worker_count(const gt_watch *w)
{
    if (w->options.workers)
        return w->options.workers;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    size_t count = processors > 0 ? (size_t)processors : 1;
    for (size_t i = 0; i < w->slot_count; i++) {
        if (w->slots[i].feed->ops->fetch)
            return count + NETWORK_WORKERS;
    }
    return count;
}

static gt_status start_threads(gt_watch *w)
{
    size_t count = worker_count(w);
    w->workers = gt_arena_array(w->arena, pthread_t, count);
    if (!w->workers)
        return GT_NOMEM;
    if (pthread_create(&w->committer, NULL, gt_watch_committer_main, w) != 0)
        return GT_NOMEM;
    w->committer_started = true;
    for (; w->worker_count < count; w->worker_count++) {
        if (pthread_create(&w->workers[w->worker_count], NULL, gt_watch_worker_main, w) != 0)
            return GT_NOMEM;
    }
    for (size_t i = 0; i < w->slot_count; i++) {
        gt_slot *slot = &w->slots[i];
        slot->keeper_started = pthread_create(&slot->keeper, NULL, keeper_main, slot) == 0;
        slot->reader_started =
            slot->keeper_started && pthread_create(&slot->reader, NULL, reader_main, slot) == 0;
        if (!slot->reader_started)
            return GT_NOMEM;
    }
    return GT_OK;
}

static gt_status prepare(gt_watch *w, gt_buf *reterr)
{
    size_t bytes = w->options.queue_bytes ? w->options.queue_bytes : GT_WATCH_QUEUE_BYTES;
    w->arena = gt_arena_new(GT_FEED_ARENA_MAX);
    w->todo = gt_queue_new(bytes);
    w->done = gt_queue_new(bytes);
    w->memory = gt_memory_new(w->options.remember ? w->options.remember : GT_WATCH_REMEMBER);
    if (!w->arena || !w->todo || !w->done || !w->memory)
        return GT_NOMEM;
    w->stats.started = w->options.env->now(w->options.env->ctx);
    GT_TRY(open_store(w, reterr));
    GT_TRY(open_slots(w, reterr));
    return start_threads(w);
}

gt_status gt_watch_start(const gt_watch_options *options, gt_watch **ret, gt_buf *reterr_message)
{
    gt_watch *w = gt_calloc(1, sizeof *w);
    if (!w) {
        gt_watch_setup_release(options->setup);
        return GT_NOMEM;
    }
    w->options = *options;
    w->setup = options->setup;
    pthread_mutex_init(&w->lock, NULL);
    gt_status status = prepare(w, reterr_message);
    if (status == GT_OK) {
        *ret = w;
        return GT_OK;
    }
    if (!reterr_message->len)
        gt_buf_add(reterr_message, gt_str_c(gt_status_text(status)));
    gt_status stopped = gt_watch_stop(w, 0);
    return stopped == GT_NOMEM ? stopped : status;
}

/* --- filling gaps, without threads --------------------------------------------------------------------- */

gt_status gt_watch_fill(const gt_watch_options *options, bool missed, gt_watch_filled *ret,
                        gt_buf *reterr_message)
{
    gt_watch *w = gt_calloc(1, sizeof *w);
    if (!w) {
        gt_watch_setup_release(options->setup);
        return GT_NOMEM;
    }
    w->options = *options;
    w->setup = options->setup;
    pthread_mutex_init(&w->lock, NULL);
    *ret = (gt_watch_filled){0};
    w->arena = gt_arena_new(GT_FEED_ARENA_MAX);
    gt_status status = w->arena ? open_store(w, reterr_message) : GT_NOMEM;
    gt_runs *runs = status == GT_OK ? gt_runs_new(w) : NULL;
    if (status == GT_OK)
        status = runs ? gt_runs_fill(runs, missed, gt_watch_now(w), ret) : GT_NOMEM;
    if (status != GT_OK && !reterr_message->len)
        gt_buf_add(reterr_message, w->store ? gt_store_message(w->store) : GT_STR("out of memory"));
    gt_runs_free(runs);
    return gt_watch_stop(w, 0) == GT_NOMEM ? GT_NOMEM : status;
}

/* --- stopping ---------------------------------------------------------------------------------------- */

/* Wait until a queue has run empty; false: drain_ms are over. */
static bool wait_empty(gt_watch *w, gt_queue *queue, int64_t *left_ms)
{
    while (queue && gt_queue_count(queue, NULL) && *left_ms > 0 && !atomic_load(&w->failed)) {
        usleep(20000); /* not env->sleep, which ends at once when asked to stop */
        *left_ms -= 20;
    }
    return !queue || !gt_queue_count(queue, NULL);
}

static void close_slots(gt_watch *w)
{
    for (size_t i = 0; i < w->slot_count; i++) {
        gt_slot *slot = &w->slots[i];
        if (slot->acks)
            gt_queue_close(slot->acks);
        if (slot->keeper_started)
            pthread_join(slot->keeper, NULL);
        gt_feed_close(slot->feed);
        gt_queue_free(slot->acks);
    }
}

static void throw_away(gt_queue *queue, void (*drop)(void *item))
{
    void *item = NULL;
    while (queue && gt_queue_take(queue, 0, &item) == GT_OK)
        drop(item);
    gt_queue_free(queue);
}

static void drop_job(void *item)
{
    gt_job *job = item;
    gt_delivery_free(job->delivery);
    gt_free(job);
}

static void drop_part(void *item)
{
    gt_part *part = item;
    gt_delivery_free(part->delivery);
    gt_part_free(part);
}

gt_status gt_watch_stop(gt_watch *w, int64_t drain_ms)
{
    int64_t left = drain_ms;
    atomic_store(&w->stopping, true);
    if (w->todo && !wait_empty(w, w->todo, &left))
        atomic_store(&w->aborting, true);
    if (w->todo)
        gt_queue_close(w->todo); /* also frees readers that wait for room */
    for (size_t i = 0; i < w->slot_count; i++) {
        if (w->slots[i].reader_started)
            pthread_join(w->slots[i].reader, NULL);
    }
    if (!wait_empty(w, w->done, &left) || drain_ms <= 0)
        atomic_store(&w->aborting, true);
    for (size_t i = 0; i < w->worker_count; i++)
        pthread_join(w->workers[i], NULL);
    if (w->done)
        gt_queue_close(w->done);
    for (; w->committer_started && !atomic_load(&w->committer_ended) && left > 0; left -= 20)
        usleep(20000);
    if (!atomic_load(&w->committer_ended))
        atomic_store(&w->aborting, true);
    if (w->committer_started)
        pthread_join(w->committer, NULL);
    gt_status status = atomic_load(&w->failed) ? GT_CORRUPT : w->stats.store_fails ? GT_IO : GT_OK;
    close_slots(w);
    throw_away(w->todo, drop_job);
    throw_away(w->done, drop_part);
    gt_memory_free(w->memory);
    gt_store_close(w->store);
    gt_watch_setup_release(w->setup);
    gt_arena_free(w->arena);
    pthread_mutex_destroy(&w->lock);
    gt_free(w);
    return status;
}

/* --- looking in -------------------------------------------------------------------------------------- */

bool gt_watch_has_failed(gt_watch *watch)
{
    return atomic_load(&watch->failed);
}

bool gt_watch_is_idle(gt_watch *w)
{
    for (size_t i = 0; i < w->slot_count; i++) {
        if (!atomic_load(&w->slots[i].empty) || atomic_load(&w->slots[i].out))
            return false;
    }
    return true;
}

static gt_status rule_stats(gt_watch *w, gt_arena *arena, gt_watch_stats *ret)
{
    gt_watch_setup *setup = gt_watch_setup_get(w);
    size_t count = gt_detector_count(setup->detector);
    ret->evaluated = gt_arena_array(arena, gt_watch_rule_stats, count + 1);
    ret->evaluated_count = 0;
    for (size_t i = 0; ret->evaluated && i < count; i++) {
        gt_pace_rule *pace = &setup->pace[i];
        uint64_t evaluations = atomic_load(&pace->evaluations);
        if (evaluations) /* the name may outlive the setup */
            ret->evaluated[ret->evaluated_count++] = (gt_watch_rule_stats){
                gt_arena_dup(arena, gt_detector_rule(setup->detector, i)->rule_id), evaluations,
                atomic_load(&pace->ns)};
    }
    gt_watch_setup_release(setup);
    return gt_arena_status(arena);
}

gt_status gt_watch_stats_get(gt_watch *w, gt_arena *arena, gt_watch_stats *ret)
{
    gt_watch_source_stats *sources =
        gt_arena_array(arena, gt_watch_source_stats, w->slot_count + 1);
    if (!sources)
        return gt_arena_status(arena);
    for (size_t i = 0; i < w->slot_count; i++) {
        gt_slot *slot = &w->slots[i];
        sources[i].name = slot->feed->config.name;
        sources[i].type = slot->feed->config.type;
        sources[i].health = gt_feed_health_get(slot->feed);
        sources[i].put_back = atomic_load(&slot->put_back);
    }
    size_t todo_weight, done_weight;
    size_t todo = gt_queue_count(w->todo, &todo_weight), done = gt_queue_count(w->done, &done_weight);
    pthread_mutex_lock(&w->lock);
    *ret = w->stats;
    ret->rules = gt_detector_count(w->setup->detector);
    for (size_t i = 0; i < w->slot_count; i++) {
        sources[i].counts = w->slots[i].counts;
        sources[i].stored = w->slots[i].stored;
    }
    pthread_mutex_unlock(&w->lock);
    ret->now = w->options.env->now(w->options.env->ctx);
    ret->todo = todo;
    ret->done = done;
    ret->queue_bytes = todo_weight + done_weight;
    ret->sources = sources;
    ret->source_count = w->slot_count;
    return rule_stats(w, arena, ret);
}
