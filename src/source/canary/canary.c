/* canary — a made-up event every now and then, which a rule of gatetrail's own fires on: when its
 * alert is stored, and comes out of the sinks, the whole way is known to work. */
#include "source/feed.h"

#define POLL_MS_DEFAULT (5 * 60 * 1000)

typedef struct canary {
    gt_time_ms next;
} canary;

static gt_status canary_open(const gt_feed_config *config, gt_feed *feed)
{
    (void)config;
    feed->own = gt_arena_new_of(feed->arena, canary);
    if (feed->config.poll_ms <= 0)
        feed->config.poll_ms = POLL_MS_DEFAULT;
    return feed->own ? GT_OK : GT_NOMEM;
}

static gt_str record_at(gt_arena *arena, gt_time_ms now)
{
    char time[GT_TIME_TEXT_MAX];
    gt_time_format_short(now - now % 1000, time);
    return gt_arena_printf(
        arena,
        "{\"eventVersion\":\"1.09\",\"userIdentity\":{\"type\":\"AWSService\",\"invokedBy\":"
        "\"canary.gatetrail\"},\"eventTime\":\"%s\",\"eventSource\":\"canary.gatetrail\","
        "\"eventName\":\"Canary\",\"awsRegion\":\"us-east-1\",\"sourceIPAddress\":\"canary.gatetrail\","
        "\"userAgent\":\"canary.gatetrail\",\"requestParameters\":null,\"responseElements\":null,"
        "\"eventID\":\"canary-%lld\",\"eventType\":\"AwsServiceEvent\",\"recipientAccountId\":"
        "\"123456789012\"}",
        time, (long long)now);
}

static gt_status canary_next(gt_feed *feed, int64_t wait_ms, gt_delivery **ret)
{
    canary *c = feed->own;
    const gt_net_env *env = feed->config.env;
    gt_time_ms now = gt_feed_now(feed);
    if (now < c->next) {
        int64_t left = c->next - now;
        env->sleep(env->ctx, left < wait_ms ? left : wait_ms);
        return GT_END;
    }
    gt_delivery *d = gt_delivery_new(1, 0);
    gt_str record = d ? record_at(d->arena, now) : GT_STR_NULL;
    if (!record.ptr) {
        gt_delivery_free(d);
        return GT_NOMEM;
    }
    d->pieces[d->count++] = (gt_piece){.name = GT_STR("canary"), .bytes = record, .arrived = now};
    d->bytes = record.len;
    c->next = now + feed->config.poll_ms;
    gt_feed_note(feed, NULL);
    *ret = d;
    return GT_OK;
}

static gt_status canary_save(gt_feed *feed, gt_store *store, const gt_delivery *delivery)
{
    (void)feed, (void)store, (void)delivery; /* its alert is the memory of it */
    return GT_OK;
}

static void canary_commit(gt_feed *feed, gt_delivery *delivery)
{
    (void)feed;
    gt_delivery_free(delivery);
}

static void canary_put_back(gt_feed *feed, gt_delivery *delivery, const char *reason)
{
    gt_feed_note(feed, "%s", reason);
    gt_delivery_free(delivery);
}

static void canary_close(gt_feed *feed)
{
    (void)feed;
}

const gt_feed_ops gt_feed_canary = {.type = "canary", .open = canary_open, .next = canary_next,
                                    .save = canary_save, .commit = canary_commit,
                                    .put_back = canary_put_back, .close = canary_close};
