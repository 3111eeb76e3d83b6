#include "source/feed.h"

#include "base/limits.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

static const gt_feed_ops *const FEEDS[] = {&gt_feed_folder, &gt_feed_s3,     &gt_feed_sqs,
                                           &gt_feed_kafka,  &gt_feed_lookup, &gt_feed_canary};

static const gt_feed_ops *find_ops(gt_str type)
{
    for (size_t i = 0; i < sizeof FEEDS / sizeof *FEEDS; i++) {
        if (gt_str_eq(type, gt_str_c(FEEDS[i]->type)))
            return FEEDS[i];
    }
    return NULL;
}

static void keep_strings(gt_feed *feed)
{
    gt_feed_config *c = &feed->config;
    gt_str *const strings[] = {&c->name,   &c->type,      &c->path,    &c->bucket, &c->prefix,
                               &c->region, &c->queue_url, &c->brokers, &c->topic,  &c->group};
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
        *strings[i] = gt_arena_dup(feed->arena, strings[i]->ptr ? *strings[i] : GT_STR(""));
    c->store_path = gt_arena_dup(feed->arena, gt_str_c(c->store_path)).ptr;
    gt_str *properties = gt_arena_array(feed->arena, gt_str, c->property_count + 1);
    for (size_t i = 0; properties && i < c->property_count; i++)
        properties[i] = gt_arena_dup(feed->arena, c->properties[i]);
    c->properties = properties;
}

gt_status gt_feed_open(const gt_feed_config *config, gt_feed **ret, gt_buf *reterr_message)
{
    const gt_feed_ops *ops = find_ops(config->type);
    if (!ops) {
        gt_buf_printf(reterr_message, "there is no source of type \"%.*s\"",
                      GT_STR_ARG(config->type));
        return GT_INVALID;
    }
    gt_feed *feed = gt_calloc(1, sizeof *feed);
    if (!feed)
        return GT_NOMEM;
    pthread_mutex_init(&feed->lock, NULL);
    feed->health.waiting = -1;
    feed->config = *config;
    feed->arena = gt_arena_new(GT_FEED_ARENA_MAX);
    gt_status status = GT_NOMEM;
    if (feed->arena) {
        keep_strings(feed);
        status = gt_arena_status(feed->arena);
    }
    if (status == GT_OK) {
        feed->ops = ops; /* from here on close undoes what open did */
        status = ops->open(&feed->config, feed);
    }
    if (status != GT_OK) {
        gt_buf_printf(reterr_message, "source %.*s: %s", GT_STR_ARG(config->name),
                      feed->health.problem[0] ? feed->health.problem : gt_status_text(status));
        gt_feed_close(feed);
        return status;
    }
    *ret = feed;
    return GT_OK;
}

void gt_feed_close(gt_feed *feed)
{
    if (!feed)
        return;
    if (feed->ops)
        feed->ops->close(feed);
    gt_arena_free(feed->arena);
    pthread_mutex_destroy(&feed->lock);
    gt_free(feed);
}

gt_delivery *gt_delivery_new(size_t count, size_t own_size)
{
    gt_arena *arena = gt_arena_new(GT_DELIVERY_ARENA_MAX);
    gt_delivery *delivery = arena ? gt_arena_new_of(arena, gt_delivery) : NULL;
    if (delivery) {
        delivery->arena = arena;
        delivery->pieces = gt_arena_array(arena, gt_piece, count + 1);
        delivery->own = gt_arena_calloc(arena, 1, own_size + 1);
    }
    if (!delivery || !delivery->pieces || !delivery->own) {
        gt_arena_free(arena);
        return NULL;
    }
    return delivery;
}

void gt_delivery_free(gt_delivery *delivery)
{
    if (delivery)
        gt_arena_free(delivery->arena); /* the delivery lives in it */
}

gt_status gt_feed_next(gt_feed *feed, int64_t wait_ms, gt_delivery **ret)
{
    return feed->ops->next(feed, wait_ms, ret);
}

gt_status gt_feed_fetch(gt_feed *feed, gt_delivery *delivery, gt_buf *reterr_message)
{
    return feed->ops->fetch ? feed->ops->fetch(feed, delivery, reterr_message) : GT_OK;
}

gt_status gt_feed_save(gt_feed *feed, gt_store *store, const gt_delivery *delivery)
{
    return feed->ops->save(feed, store, delivery);
}

void gt_feed_commit(gt_feed *feed, gt_delivery *delivery)
{
    feed->ops->commit(feed, delivery);
}

void gt_feed_put_back(gt_feed *feed, gt_delivery *delivery, const char *reason)
{
    feed->ops->put_back(feed, delivery, reason);
}

void gt_feed_tick(gt_feed *feed)
{
    if (feed->ops->tick)
        feed->ops->tick(feed);
}

gt_feed_health gt_feed_health_get(gt_feed *feed)
{
    pthread_mutex_lock(&feed->lock);
    gt_feed_health health = feed->health;
    pthread_mutex_unlock(&feed->lock);
    return health;
}

gt_time_ms gt_feed_now(const gt_feed *feed)
{
    const gt_net_env *env = feed->config.env;
    return env->now(env->ctx);
}

void gt_feed_note(gt_feed *feed, const char *fmt, ...)
{
    gt_time_ms now = gt_feed_now(feed);
    pthread_mutex_lock(&feed->lock);
    if (!fmt) {
        feed->health.problem[0] = '\0';
        feed->health.looked = now;
    } else {
        va_list args;
        va_start(args, fmt);
        (void)vsnprintf(feed->health.problem, sizeof feed->health.problem, fmt, args);
        va_end(args);
        feed->health.since = now;
    }
    pthread_mutex_unlock(&feed->lock);
}

bool gt_feed_name_is_log(gt_str name)
{
    static const char *const ends[] = {".json",     ".json.gz",  ".gz",        ".json.zst", ".zst",
                                       ".ndjson",   ".jsonl",    ".log",       ".ndjson.gz"};
    size_t slash = gt_str_rfind_byte(name, '/');
    gt_str base = slash == GT_NPOS ? name : gt_str_from(name, slash + 1);
    if (!base.len || base.ptr[0] == '.')
        return false;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        if (gt_str_ends(base, gt_str_c(ends[i])))
            return true;
    }
    return false;
}
