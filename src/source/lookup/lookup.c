/* lookup — CloudTrail's LookupEvents, for a first look without a bucket: 90 days of management events
 * of one region, fifty at a time, two calls a second.
 *
 * Method: each look asks for a window that reaches back from now; the next look begins an overlap
 * before the end of the last one that was stored, since events come late. Events met twice are
 * recognised by their ids. */
#include "source/feed.h"

#include "base/limits.h"
#include "base/mem.h"
#include "store/feeds.h"

#define POLL_MS_DEFAULT 60000
#define WINDOW_MS_DEFAULT (24 * 3600 * (int64_t)1000)
#define LATE_MS (3600 * (int64_t)1000)
#define PACE_MS 500

/* One look; shared by its deliveries, freed with the last. */
typedef struct look {
    gt_time_ms until;
    size_t left;    /* holders: deliveries out, and the feed while it looks */
    size_t unsaved; /* deliveries whose events are not stored yet */
    bool complete; /* no more will come */
    bool failed;
} look;

typedef struct lookup_feed {
    gt_aws_client *client;
    gt_store *store;
    gt_time_ms from, next_look;
    look *current;
    gt_arena *token_arena;
    gt_str token; /* of the next page; ptr NULL on the first */
} lookup_feed;

typedef struct lookup_own {
    look *look;
    bool saved; /* a transaction that was tried again saves twice */
} lookup_own;

static void release(gt_feed *feed, look *l, bool failed)
{
    pthread_mutex_lock(&feed->lock);
    l->failed = l->failed || failed;
    bool last = --l->left == 0;
    pthread_mutex_unlock(&feed->lock);
    if (last)
        gt_free(l);
}

static gt_status begin_look(gt_feed *feed, lookup_feed *f)
{
    gt_arena *scratch = gt_arena_new(GT_MIB);
    gt_str text = GT_STR("");
    gt_status status =
        scratch ? gt_feeds_checkpoint_get(f->store, feed->config.name, scratch, &text) : GT_NOMEM;
    gt_time_ms now = gt_feed_now(feed), last;
    f->from = now - feed->config.window_ms;
    if (status == GT_OK && gt_time_parse(text, &last))
        f->from = last - LATE_MS;
    gt_arena_free(scratch);
    GT_TRY(status);
    f->current = gt_calloc(1, sizeof *f->current);
    if (!f->current)
        return GT_NOMEM;
    f->current->until = now;
    f->current->left = 1; /* ours, until the last page */
    f->token = GT_STR_NULL;
    return GT_OK;
}

static void end_look(gt_feed *feed, lookup_feed *f, bool failed)
{
    release(feed, f->current, failed);
    f->current = NULL;
    f->next_look = gt_feed_now(feed) + feed->config.poll_ms;
}

static gt_status ask(gt_feed *feed, lookup_feed *f, gt_arena *arena, gt_aws_response *response,
                     gt_json **ret)
{
    gt_buf body = GT_BUF(GT_MIB);
    gt_buf_printf(&body, "{\"MaxResults\":50,\"StartTime\":%lld,\"EndTime\":%lld",
                  (long long)(f->from / 1000), (long long)(f->current->until / 1000));
    if (f->token.ptr) {
        gt_buf_lit(&body, ",\"NextToken\":");
        gt_json_write_str(&body, f->token);
    }
    gt_buf_lit(&body, "}");
    gt_status status = gt_buf_status(&body);
    if (status == GT_OK)
        status = gt_aws_json(f->client, "cloudtrail", "1.1",
                             "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents",
                             gt_buf_str(&body), 0, arena, response, ret);
    gt_buf_done(&body);
    if (status != GT_OK)
        gt_feed_note(feed, "LookupEvents: %s%s%s", response->code, response->code[0] ? ": " : "",
                     response->message);
    return status;
}

/* The page's answer as a delivery, and where the next page begins. */
static gt_status take_page(gt_feed *feed, lookup_feed *f, const gt_aws_response *response,
                           const gt_json *answer, gt_delivery **ret)
{
    gt_delivery *d = gt_delivery_new(1, sizeof(lookup_own));
    gt_arena *arena = gt_arena_new(GT_MIB);
    gt_str next = gt_json_path_str(answer, "NextToken");
    gt_str token = GT_STR_NULL;
    if (arena && next.len)
        token = gt_arena_dup(arena, next);
    if (!d || !arena || (next.len && !token.ptr)) {
        gt_delivery_free(d);
        gt_arena_free(arena);
        return GT_NOMEM;
    }
    d->pieces[d->count++] =
        (gt_piece){.name = GT_STR("cloudtrail:LookupEvents"),
                   .bytes = gt_arena_dup(d->arena, gt_buf_str(&response->http.body)),
                   .arrived = gt_feed_now(feed)};
    d->bytes = response->http.body.len;
    ((lookup_own *)d->own)->look = f->current;
    if (!d->pieces[0].bytes.ptr) {
        gt_delivery_free(d);
        gt_arena_free(arena);
        return GT_NOMEM;
    }
    gt_arena_free(f->token_arena);
    f->token_arena = arena;
    f->token = token;
    pthread_mutex_lock(&feed->lock);
    f->current->left++;
    f->current->unsaved++;
    f->current->complete = !token.ptr;
    pthread_mutex_unlock(&feed->lock);
    *ret = d;
    return GT_OK;
}

static gt_status lookup_next(gt_feed *feed, int64_t wait_ms, gt_delivery **ret)
{
    lookup_feed *f = feed->own;
    const gt_net_env *env = feed->config.env;
    if (!f->current) {
        int64_t left = f->next_look - gt_feed_now(feed);
        if (left > 0) {
            env->sleep(env->ctx, left < wait_ms ? left : wait_ms);
            return GT_END;
        }
        GT_TRY(begin_look(feed, f));
    } else if (f->token.ptr) {
        env->sleep(env->ctx, PACE_MS);
    }
    gt_arena *arena = gt_arena_new(64 * GT_MIB);
    gt_aws_response response;
    gt_aws_response_init(&response);
    gt_json *answer = NULL;
    gt_status status = arena ? ask(feed, f, arena, &response, &answer) : GT_NOMEM;
    if (status == GT_OK)
        status = take_page(feed, f, &response, answer, ret);
    if (status != GT_OK) {
        end_look(feed, f, true);
        status = status == GT_NOMEM ? status : GT_RETRY;
    } else {
        gt_feed_note(feed, NULL);
        if (!f->token.ptr)
            end_look(feed, f, false);
    }
    gt_aws_response_done(&response);
    gt_arena_free(arena);
    return status;
}

static gt_status lookup_save(gt_feed *feed, gt_store *store, const gt_delivery *delivery)
{
    lookup_own *own = delivery->own;
    look *l = own->look;
    pthread_mutex_lock(&feed->lock);
    l->unsaved -= own->saved ? 0 : 1;
    own->saved = true;
    bool last = l->complete && !l->failed && l->unsaved == 0;
    pthread_mutex_unlock(&feed->lock);
    char text[GT_TIME_TEXT_MAX];
    return last ? gt_feeds_checkpoint_put(store, feed->config.name, gt_time_format(l->until, text))
                : GT_OK;
}

static void lookup_commit(gt_feed *feed, gt_delivery *delivery)
{
    release(feed, ((lookup_own *)delivery->own)->look, false);
    gt_delivery_free(delivery);
}

static void lookup_put_back(gt_feed *feed, gt_delivery *delivery, const char *reason)
{
    gt_feed_note(feed, "%s", reason);
    release(feed, ((lookup_own *)delivery->own)->look, true);
    gt_delivery_free(delivery);
}

static void lookup_close(gt_feed *feed)
{
    lookup_feed *f = feed->own;
    if (!f)
        return;
    if (f->current)
        release(feed, f->current, true);
    gt_arena_free(f->token_arena);
    gt_aws_client_free(f->client);
    gt_store_close(f->store);
}

static gt_status lookup_open(const gt_feed_config *config, gt_feed *feed)
{
    lookup_feed *f = gt_arena_new_of(feed->arena, lookup_feed);
    feed->own = f;
    if (!f)
        return GT_NOMEM;
    if (feed->config.poll_ms <= 0)
        feed->config.poll_ms = POLL_MS_DEFAULT;
    if (feed->config.window_ms <= 0)
        feed->config.window_ms = WINDOW_MS_DEFAULT;
    f->client = gt_aws_client_new_env(config->aws, config->env);
    if (!f->client)
        return GT_NOMEM;
    gt_str why = GT_STR("");
    gt_status status = gt_store_open(config->store_path, NULL, feed->arena, &f->store, &why);
    if (status != GT_OK)
        gt_feed_note(feed, "%.*s", GT_STR_ARG(why));
    return status;
}

const gt_feed_ops gt_feed_lookup = {.type = "lookup", .open = lookup_open, .next = lookup_next,
                                    .save = lookup_save, .commit = lookup_commit,
                                    .put_back = lookup_put_back, .close = lookup_close};
