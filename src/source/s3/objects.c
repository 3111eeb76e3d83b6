#include "source/s3/objects.h"

#include "base/limits.h"
#include "base/mem.h"
#include "source/s3/digest.h"
#include "store/feeds.h"

#define POOL_MAX 32

struct gt_s3_pool {
    gt_aws *aws;
    pthread_mutex_t lock;
    gt_aws_client *idle[POOL_MAX];
    size_t count;
};

gt_s3_pool *gt_s3_pool_new(gt_aws *aws)
{
    gt_s3_pool *pool = gt_calloc(1, sizeof *pool);
    if (!pool)
        return NULL;
    pool->aws = aws;
    pthread_mutex_init(&pool->lock, NULL);
    return pool;
}

void gt_s3_pool_free(gt_s3_pool *pool)
{
    if (!pool)
        return;
    for (size_t i = 0; i < pool->count; i++)
        gt_aws_client_free(pool->idle[i]);
    pthread_mutex_destroy(&pool->lock);
    gt_free(pool);
}

gt_aws_client *gt_s3_pool_take(gt_s3_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    gt_aws_client *client = pool->count ? pool->idle[--pool->count] : NULL;
    pthread_mutex_unlock(&pool->lock);
    return client ? client : gt_aws_client_new(pool->aws);
}

void gt_s3_pool_give(gt_s3_pool *pool, gt_aws_client *client)
{
    if (!client)
        return;
    pthread_mutex_lock(&pool->lock);
    bool room = pool->count < POOL_MAX;
    if (room)
        pool->idle[pool->count++] = client;
    pthread_mutex_unlock(&pool->lock);
    if (!room)
        gt_aws_client_free(client);
}

static bool has_segment(gt_str key, gt_str segment)
{
    return gt_str_find(key, segment) != GT_NPOS;
}

gt_s3_key_kind gt_s3_key_kind_of(gt_str key)
{
    if (!gt_feed_name_is_log(key))
        return GT_S3_KEY_OTHER;
    return has_segment(key, GT_STR("/CloudTrail-Digest/")) ? GT_S3_KEY_DIGEST : GT_S3_KEY_LOG;
}

static void say(gt_buf *reterr, const gt_s3_target *t, const gt_aws_response *r, gt_status status)
{
    gt_buf_printf(reterr, "s3://%.*s/%.*s: %s%s%s", GT_STR_ARG(t->bucket), GT_STR_ARG(t->key),
                  r->code, r->code[0] ? ": " : "",
                  r->message[0] ? r->message : gt_status_text(status));
}

gt_status gt_s3_target_fetch(gt_feed *feed, gt_s3_pool *pool, gt_s3_target *target,
                             gt_delivery *delivery, gt_piece *piece, gt_buf *reterr_message)
{
    gt_aws_client *client = gt_s3_pool_take(pool);
    if (!client)
        return GT_NOMEM;
    gt_aws_response response;
    gt_aws_response_init(&response);
    gt_s3 s3;
    gt_status status = gt_s3_init(&s3, client, target->bucket, target->region);
    if (status == GT_OK)
        status = gt_s3_get(&s3, target->key, GT_OBJECT_BYTES_MAX, &response);
    if (status == GT_OK) {
        gt_str body = gt_buf_str(&response.http.body);
        piece->bytes = gt_arena_dup(delivery->arena, body.len ? body : GT_STR(""));
        status = piece->bytes.ptr ? GT_OK : gt_arena_status(delivery->arena);
    }
    if (status == GT_OK && target->digest)
        status = gt_digest_check(feed, client, &s3, target, delivery->arena, piece->bytes, &response);
    if (status != GT_OK)
        say(reterr_message, target, &response, status);
    gt_aws_response_done(&response);
    gt_s3_pool_give(pool, client);
    return status;
}

gt_status gt_s3_target_save(gt_feed *feed, gt_store *store, const gt_s3_target *target)
{
    for (size_t i = 0; i < target->finding_count; i++) {
        const gt_digest_finding *f = &target->findings[i];
        GT_TRY(gt_feeds_finding_put(store, feed->config.name, f->kind, f->name, f->detail,
                                    gt_feed_now(feed)));
    }
    return GT_OK;
}
