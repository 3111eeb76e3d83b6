/* s3 — a bucket without notifications, listed again and again.
 *
 * Method: keys are not in the order of delivery, so there is no high-water mark: every look lists the
 * days of a window that moves with time, and what the store has not seen is new. Below
 * …/CloudTrail/REGION/ only those days are listed; elsewhere everything. After a pause the window
 * reaches back to the last look that was finished and stored. */
#include "source/feed.h"

#include "base/limits.h"
#include "base/mem.h"
#include "source/inflight.h"
#include "source/s3/objects.h"
#include "store/feeds.h"

#include <stdatomic.h>

#define POLL_MS_DEFAULT 60000
#define WINDOW_MS_DEFAULT (48 * 3600 * (int64_t)1000)
#define DAY_MS (24 * 3600 * (int64_t)1000)

typedef struct prefix prefix;
struct prefix {
    prefix *next;
    bool deep; /* list everything below, without a delimiter */
    size_t len;
    char text[];
};

typedef struct s3_feed {
    gt_store *store; /* of the thread that calls next */
    gt_aws_client *client;
    gt_s3_pool *pool;
    gt_inflight *out;
    gt_s3 s3;
    gt_aws_response response;
    /* The look that is going on. */
    prefix *pending;
    prefix *current;
    gt_arena *page_arena;
    gt_s3_page page;
    size_t at; /* next object of the page */
    gt_time_ms look_began, look_from, next_look;
    bool looking, look_failed, undated;
    atomic_bool put_back; /* something is not stored: the window must keep reaching back to it */
} s3_feed;

typedef struct s3_own {
    gt_s3_target target; /* first */
    gt_str mark;
    gt_str out;
} s3_own;

static gt_status push_prefix(s3_feed *f, gt_str text, bool deep)
{
    prefix *p = gt_malloc(sizeof *p + text.len + 1);
    if (!p)
        return GT_NOMEM;
    *p = (prefix){.next = f->pending, .deep = deep, .len = text.len};
    if (text.len)
        memcpy(p->text, text.ptr, text.len);
    p->text[text.len] = '\0';
    f->pending = p;
    return GT_OK;
}

static void drop_look(s3_feed *f)
{
    while (f->pending) {
        prefix *next = f->pending->next;
        gt_free(f->pending);
        f->pending = next;
    }
    gt_free(f->current);
    f->current = NULL;
    f->page = (gt_s3_page){0};
    f->at = 0;
}

/* What stands behind "/CloudTrail/" or a sister of it; ptr NULL without one. */
static gt_str behind_trail(gt_str key)
{
    static const char *const marks[] = {"/CloudTrail/", "/CloudTrail-Insight/", "/CloudTrail-Digest/"};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        size_t found = gt_str_find(key, gt_str_c(marks[i]));
        if (found != GT_NPOS)
            return gt_str_from(key, found + strlen(marks[i]));
    }
    return GT_STR_NULL;
}

/* Every day of the window below …/CloudTrail/REGION/, the newest listed first. */
static gt_status push_days(s3_feed *f, gt_str region_prefix)
{
    gt_status status = GT_OK;
    int64_t last = f->look_began / DAY_MS;
    for (int64_t day = f->look_from / DAY_MS; status == GT_OK && day <= last; day++) {
        gt_civil c = gt_civil_from_days(day);
        gt_buf text = GT_BUF(8192);
        gt_buf_printf(&text, "%.*s%04d/%02d/%02d/", GT_STR_ARG(region_prefix), c.year, c.month, c.day);
        status = gt_buf_status(&text);
        if (status == GT_OK)
            status = push_prefix(f, gt_buf_str(&text), true);
        gt_buf_done(&text);
    }
    return status;
}

static gt_status push_found(gt_feed *feed, s3_feed *f, gt_str text)
{
    if (!feed->config.verify_digests && gt_str_find(text, GT_STR("/CloudTrail-Digest/")) != GT_NPOS)
        return GT_OK;
    gt_str rest = behind_trail(text);
    if (!rest.ptr || !rest.len)
        return push_prefix(f, text, false);
    size_t slash = gt_str_find_byte(rest, '/');
    if (slash != GT_NPOS && slash + 1 == rest.len)
        return push_days(f, text);
    return push_prefix(f, text, slash != GT_NPOS);
}

/* --- a look --------------------------------------------------------------------------------------- */

/* The look before is finished and everything of it is stored: from now on a pause need not reach back
 * behind it. */
static gt_status finish_look(gt_feed *feed, s3_feed *f)
{
    bool missing = atomic_exchange(&f->put_back, false);
    if (missing || f->look_failed || !f->look_began || gt_inflight_count(f->out))
        return GT_OK;
    char text[GT_TIME_TEXT_MAX];
    GT_TRY(gt_feeds_checkpoint_put(f->store, feed->config.name, gt_time_format(f->look_began, text)));
    int64_t gone;
    if (f->undated)
        return GT_OK; /* those keys are met at every look */
    return gt_feeds_seen_prune(f->store, feed->config.name, f->look_from - 2 * DAY_MS, &gone);
}

static gt_status begin_look(gt_feed *feed, s3_feed *f)
{
    GT_TRY(finish_look(feed, f));
    gt_time_ms now = gt_feed_now(feed), last;
    gt_arena *scratch = gt_arena_new(GT_MIB);
    gt_str text = GT_STR("");
    gt_status status =
        scratch ? gt_feeds_checkpoint_get(f->store, feed->config.name, scratch, &text) : GT_NOMEM;
    f->look_began = now;
    f->look_from = now - feed->config.window_ms;
    if (status == GT_OK && gt_time_parse(text, &last) && last < now)
        f->look_from = last - feed->config.window_ms;
    gt_arena_free(scratch);
    GT_TRY(status);
    f->looking = true;
    f->look_failed = f->undated = false;
    return push_found(feed, f, feed->config.prefix);
}

static void end_look(gt_feed *feed, s3_feed *f)
{
    f->looking = false;
    f->next_look = gt_feed_now(feed) + feed->config.poll_ms;
    if (!f->look_failed)
        gt_feed_note(feed, NULL);
}

/* The next page of the current prefix, or the first of the next one; GT_END: the look is over. */
static gt_status next_page(gt_feed *feed, s3_feed *f)
{
    gt_str token = GT_STR_NULL;
    gt_arena *fresh = gt_arena_new(GT_FEED_ARENA_MAX);
    if (!fresh)
        return GT_NOMEM;
    if (f->current && f->page.next.ptr) {
        token = gt_arena_dup(fresh, f->page.next);
    } else {
        gt_free(f->current);
        f->current = f->pending;
        if (f->pending)
            f->pending = f->pending->next;
    }
    gt_arena_free(f->page_arena);
    f->page_arena = fresh;
    f->page = (gt_s3_page){0};
    f->at = 0;
    if (!f->current)
        return GT_END;
    gt_s3_list list = {.prefix = {f->current->text, f->current->len},
                       .delimiter = f->current->deep ? GT_STR("") : GT_STR("/"),
                       .continuation = token};
    gt_status status = gt_s3_list_page(&f->s3, &list, fresh, &f->response, &f->page);
    if (status != GT_OK) {
        gt_feed_note(feed, "s3://%s/%s: %s%s%s", f->s3.bucket, f->current->text, f->response.code,
                     f->response.code[0] ? ": " : "", f->response.message);
        f->look_failed = true;
        f->page = (gt_s3_page){0};
        drop_look(f);
        end_look(feed, f);
        return status == GT_NOMEM ? status : GT_RETRY;
    }
    for (size_t i = 0; i < f->page.prefix_count; i++)
        GT_TRY(push_found(feed, f, f->page.prefixes[i]));
    return GT_OK;
}

/* --- deliveries ----------------------------------------------------------------------------------- */

/* GT_END: nothing to do for this object. */
static gt_status deliver(gt_feed *feed, s3_feed *f, const gt_s3_object *object, gt_delivery **ret)
{
    gt_s3_key_kind kind = gt_s3_key_kind_of(object->key);
    if (kind == GT_S3_KEY_OTHER || (kind == GT_S3_KEY_DIGEST && !feed->config.verify_digests))
        return GT_END;
    if (!behind_trail(object->key).ptr)
        f->undated = true;
    gt_delivery *d = gt_delivery_new(1, sizeof(s3_own));
    if (!d)
        return GT_NOMEM;
    s3_own *own = d->own;
    own->target = (gt_s3_target){.bucket = feed->config.bucket,
                                 .key = gt_arena_dup(d->arena, object->key),
                                 .region = gt_arena_dup(d->arena, gt_str_c(f->s3.region)),
                                 .digest = kind == GT_S3_KEY_DIGEST};
    own->mark = gt_arena_dup(d->arena, object->etag.ptr ? object->etag : GT_STR(""));
    own->out = gt_arena_printf(d->arena, "%.*s\n%.*s", GT_STR_ARG(own->target.key),
                               GT_STR_ARG(own->mark));
    d->pieces[d->count++] = (gt_piece){
        .name = gt_arena_printf(d->arena, "s3://%s/%.*s", f->s3.bucket, GT_STR_ARG(object->key)),
        .bytes = GT_STR(""), .arrived = object->modified};
    d->bytes = object->size;
    bool seen = false;
    gt_status status = gt_arena_status(d->arena);
    if (status == GT_OK)
        status = gt_feeds_seen_has(f->store, feed->config.name, own->target.key, own->mark, &seen);
    if (status == GT_OK)
        status = seen ? GT_END : gt_inflight_add(f->out, own->out);
    if (status == GT_OK)
        *ret = d;
    else
        gt_delivery_free(d);
    return status;
}

static gt_status s3_next(gt_feed *feed, int64_t wait_ms, gt_delivery **ret)
{
    s3_feed *f = feed->own;
    const gt_net_env *env = feed->config.env;
    if (!f->looking) {
        int64_t left = f->next_look - gt_feed_now(feed);
        if (left > 0) {
            env->sleep(env->ctx, left < wait_ms ? left : wait_ms);
            return GT_END;
        }
        GT_TRY(begin_look(feed, f));
    }
    while (f->at < f->page.count) {
        gt_status status = deliver(feed, f, &f->page.objects[f->at], ret);
        if (status != GT_RETRY)
            f->at++;
        if (status != GT_END)
            return status;
    }
    gt_status status = next_page(feed, f);
    if (status == GT_END)
        end_look(feed, f);
    return status == GT_OK ? GT_END : status;
}

static gt_status s3_fetch(gt_feed *feed, gt_delivery *delivery, gt_buf *reterr_message)
{
    s3_feed *f = feed->own;
    s3_own *own = delivery->own;
    return gt_s3_target_fetch(feed, f->pool, &own->target, delivery, delivery->pieces,
                              reterr_message);
}

static gt_status s3_save(gt_feed *feed, gt_store *store, const gt_delivery *delivery)
{
    const s3_own *own = delivery->own;
    GT_TRY(gt_s3_target_save(feed, store, &own->target));
    return gt_feeds_seen_put(store, feed->config.name, own->target.key, own->mark, gt_feed_now(feed));
}

static void s3_commit(gt_feed *feed, gt_delivery *delivery)
{
    s3_feed *f = feed->own;
    gt_inflight_remove(f->out, ((s3_own *)delivery->own)->out);
    gt_delivery_free(delivery);
}

static void s3_put_back(gt_feed *feed, gt_delivery *delivery, const char *reason)
{
    s3_feed *f = feed->own;
    gt_feed_note(feed, "%s", reason); /* the next look finds the key again */
    atomic_store(&f->put_back, true);
    s3_commit(feed, delivery);
}

/* --- open and close ------------------------------------------------------------------------------- */

static void s3_close(gt_feed *feed)
{
    s3_feed *f = feed->own;
    if (!f)
        return;
    drop_look(f);
    gt_arena_free(f->page_arena);
    gt_aws_response_done(&f->response);
    gt_s3_pool_free(f->pool);
    gt_aws_client_free(f->client);
    gt_inflight_free(f->out);
    gt_store_close(f->store);
}

static gt_status s3_open(const gt_feed_config *config, gt_feed *feed)
{
    s3_feed *f = gt_arena_new_of(feed->arena, s3_feed);
    feed->own = f;
    if (!f)
        return GT_NOMEM;
    gt_aws_response_init(&f->response);
    if (feed->config.poll_ms <= 0)
        feed->config.poll_ms = POLL_MS_DEFAULT;
    if (feed->config.window_ms <= 0)
        feed->config.window_ms = WINDOW_MS_DEFAULT;
    f->out = gt_inflight_new();
    f->client = gt_aws_client_new_env(config->aws, config->env);
    f->pool = gt_s3_pool_new(config->aws);
    if (!f->out || !f->client || !f->pool)
        return GT_NOMEM;
    if (gt_s3_init(&f->s3, f->client, config->bucket, config->region) != GT_OK) {
        gt_feed_note(feed, "\"%.*s\" is no bucket name", GT_STR_ARG(config->bucket));
        return GT_INVALID;
    }
    gt_str why = GT_STR("");
    gt_status status = gt_store_open(config->store_path, NULL, feed->arena, &f->store, &why);
    if (status != GT_OK)
        gt_feed_note(feed, "%.*s", GT_STR_ARG(why));
    return status;
}

const gt_feed_ops gt_feed_s3 = {.type = "s3", .open = s3_open, .next = s3_next, .fetch = s3_fetch,
                                .save = s3_save, .commit = s3_commit, .put_back = s3_put_back,
                                .close = s3_close};
