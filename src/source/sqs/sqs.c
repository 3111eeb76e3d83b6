/* sqs — S3 objects as a queue tells of them.
 *
 * Method: a message stays hidden from others while its objects are worked on (tick extends that) and
 * is deleted once all of them are stored. One that fails comes again after a growing pause; one that
 * came max_receives times, or that says nothing we know, is set aside in the store with its body and
 * its reason, and then deleted. */
#include "source/feed.h"

#include "base/limits.h"
#include "base/mem.h"
#include "source/s3/objects.h"
#include "source/sqs/notice.h"
#include "store/feeds.h"

#include <stdio.h>

#define VISIBILITY_MS_DEFAULT (5 * 60 * 1000)
#define MAX_RECEIVES_DEFAULT 5
#define WAIT_S 20       /* SQS's longest poll */
#define BATCH 10        /* SQS's largest batch */
#define REPEAT_MS 10000 /* pause before a failed message comes again; doubles with each time */

typedef struct message message;
struct message {
    message *next;
    gt_arena *arena;
    gt_str receipt, body;
    char reason[512]; /* of the last failure */
    gt_time_ms hidden_until, sent;
    int64_t receives;
    size_t left; /* deliveries not yet taken off */
    bool failed;
};

typedef struct sqs_feed {
    gt_aws_client *receiver;  /* of the thread that calls next */
    gt_aws_client *keeper;    /* of the thread that calls commit, put_back and tick */
    gt_store *store;          /* the keeper's */
    gt_s3_pool *pool;
    gt_str region;
    /* Under feed->lock. */
    message *active;
    /* The receiver's: deliveries not yet handed out. */
    gt_delivery **ready;
    size_t ready_at, ready_count, ready_cap;
    /* The keeper's: messages to delete. */
    message *done;
    size_t done_count;
} sqs_feed;

typedef struct sqs_own {
    gt_s3_target target; /* first; bucket empty: the piece is in the message */
    message *message;
} sqs_own;

static void free_message(message *m)
{
    if (m)
        gt_arena_free(m->arena); /* it lives in it */
}

/* "https://sqs.eu-west-1.amazonaws.com/1/q" → "eu-west-1"; empty when the URL does not say. */
static gt_str region_of_url(gt_str queue_url)
{
    gt_url url;
    gt_str first, region;
    if (!gt_url_parse(queue_url, &url))
        return GT_STR("");
    gt_str rest = gt_str_cut(url.host, '.', &first);
    gt_str_cut(rest, '.', &region);
    return gt_str_is(first, "sqs") && gt_str_find(rest, GT_STR("amazonaws")) != GT_NPOS ? region
                                                                                        : GT_STR("");
}

/* One call of the JSON protocol; body is the request. */
static gt_status call(gt_feed *feed, gt_aws_client *client, const char *action, gt_str body,
                      gt_arena *arena, gt_json **ret)
{
    sqs_feed *f = feed->own;
    gt_aws_response response;
    gt_aws_response_init(&response);
    char target[64];
    snprintf(target, sizeof target, "AmazonSQS.%s", action);
    gt_http_header headers[] = {{GT_STR("Content-Type"), GT_STR("application/x-amz-json-1.0")},
                                {GT_STR("X-Amz-Target"), gt_str_c(target)}};
    gt_aws_request request = {.service = "sqs", .region = f->region, .method = "POST",
                              .headers = headers, .header_count = 2, .body = body,
                              .timeout_ms = (WAIT_S + 15) * 1000};
    gt_status status = gt_aws_send(client, &request, &response);
    if (status == GT_OK) {
        gt_str text = gt_arena_dup(arena, gt_buf_str(&response.http.body));
        status = text.ptr ? gt_json_parse(arena, text.len ? text : GT_STR("{}"), ret, NULL) : GT_NOMEM;
    }
    if (status == GT_OK)
        gt_feed_note(feed, NULL);
    else
        gt_feed_note(feed, "%s: %s%s%s", action, response.code, response.code[0] ? ": " : "",
                     response.message[0] ? response.message : gt_status_text(status));
    gt_aws_response_done(&response);
    return status;
}

static void begin_body(gt_feed *feed, gt_buf *body)
{
    gt_buf_lit(body, "{\"QueueUrl\":");
    gt_json_write_str(body, feed->config.queue_url);
}

/* --- setting aside, deleting, extending (the keeper's) -------------------------------------------- */

/* Entries of a batch request for messages from *list on: at most BATCH; with seconds >= 0, that
 * visibility. */
static void batch_entries(gt_buf *body, message *const *list, size_t count, int64_t seconds)
{
    gt_buf_lit(body, ",\"Entries\":[");
    for (size_t i = 0; i < count; i++) {
        gt_buf_printf(body, "%s{\"Id\":\"%zu\",\"ReceiptHandle\":", i ? "," : "", i);
        gt_json_write_str(body, list[i]->receipt);
        if (seconds >= 0)
            gt_buf_printf(body, ",\"VisibilityTimeout\":%lld", (long long)seconds);
        gt_buf_lit(body, "}");
    }
    gt_buf_lit(body, "]}");
}

static gt_status batch_call(gt_feed *feed, const char *action, message *const *list, size_t count,
                            int64_t seconds)
{
    sqs_feed *f = feed->own;
    gt_arena *arena = gt_arena_new(4 * GT_MIB);
    gt_buf body = GT_BUF(4 * GT_MIB);
    begin_body(feed, &body);
    batch_entries(&body, list, count, seconds);
    gt_json *answer = NULL;
    gt_status status = arena ? gt_buf_status(&body) : GT_NOMEM;
    if (status == GT_OK)
        status = call(feed, f->keeper, action, gt_buf_str(&body), arena, &answer);
    gt_buf_done(&body);
    gt_arena_free(arena);
    return status;
}

/* Delete what is done. A message that cannot be deleted comes again: its alerts are known then. */
static void flush_done(gt_feed *feed)
{
    sqs_feed *f = feed->own;
    while (f->done) {
        message *batch[BATCH];
        size_t count = 0;
        for (; f->done && count < BATCH; count++) {
            batch[count] = f->done;
            f->done = f->done->next;
        }
        f->done_count -= count;
        gt_status status = batch_call(feed, "DeleteMessageBatch", batch, count, -1);
        for (size_t i = 0; i < count; i++)
            free_message(batch[i]);
        if (status == GT_RETRY)
            break;
    }
}

static gt_status set_aside(gt_feed *feed, const message *m, gt_str reason)
{
    sqs_feed *f = feed->own;
    gt_status status = gt_feeds_dead_put(f->store, feed->config.name, feed->config.queue_url, reason,
                                         m->body, gt_feed_now(feed));
    if (status != GT_OK) {
        gt_feed_note(feed, "%.*s", GT_STR_ARG(gt_store_message(f->store)));
        return status;
    }
    pthread_mutex_lock(&feed->lock);
    feed->health.set_aside++;
    pthread_mutex_unlock(&feed->lock);
    return GT_OK;
}

/* A message that failed: set aside when it came often enough, else hidden for a growing pause. */
static bool give_up_or_wait(gt_feed *feed, message *m)
{
    bool often = m->receives >= (int64_t)feed->config.max_receives;
    if (often && set_aside(feed, m, gt_str_c(m->reason)) == GT_OK)
        return true;
    int64_t pause = REPEAT_MS;
    for (int64_t i = 1; i < m->receives && pause < feed->config.visibility_ms; i++)
        pause *= 2;
    if (pause > feed->config.visibility_ms)
        pause = feed->config.visibility_ms;
    message *one[] = {m};
    /* When this fails, it shows itself later, with its old time. */
    (void)batch_call(feed, "ChangeMessageVisibilityBatch", one, 1, pause / 1000);
    return false;
}

/* One delivery of m is finished; with the last one the message is. */
static void finish(gt_feed *feed, message *m)
{
    sqs_feed *f = feed->own;
    pthread_mutex_lock(&feed->lock);
    bool last = --m->left == 0;
    for (message **link = &f->active; last && *link; link = &(*link)->next) {
        if (*link == m) {
            *link = m->next;
            break;
        }
    }
    pthread_mutex_unlock(&feed->lock);
    if (!last)
        return;
    if (m->failed && !give_up_or_wait(feed, m)) {
        free_message(m);
        return;
    }
    m->next = f->done;
    f->done = m;
    if (++f->done_count >= BATCH)
        flush_done(feed);
}

static void sqs_tick(gt_feed *feed)
{
    sqs_feed *f = feed->own;
    flush_done(feed);
    gt_time_ms now = gt_feed_now(feed);
    int64_t visibility = feed->config.visibility_ms;
    for (;;) {
        message *batch[BATCH];
        size_t count = 0;
        pthread_mutex_lock(&feed->lock);
        for (message *m = f->active; m && count < BATCH; m = m->next) {
            if (m->hidden_until - now < visibility / 2) {
                m->hidden_until = now + visibility;
                batch[count++] = m;
            }
        }
        pthread_mutex_unlock(&feed->lock);
        /* Only this thread takes messages away, so the batch stays valid without the lock. */
        if (!count || batch_call(feed, "ChangeMessageVisibilityBatch", batch, count,
                                 visibility / 1000) != GT_OK)
            return;
    }
}

/* --- receiving ------------------------------------------------------------------------------------ */

static int64_t attribute(const gt_json *attributes, const char *name)
{
    int64_t n;
    return gt_str_to_i64(gt_json_path_str(attributes, name), &n) ? n : 0;
}

static message *read_message(gt_feed *feed, const gt_json *json)
{
    gt_arena *arena = gt_arena_new(16 * GT_MIB);
    message *m = arena ? gt_arena_new_of(arena, message) : NULL;
    if (!m) {
        gt_arena_free(arena);
        return NULL;
    }
    const gt_json *attributes = gt_json_getl(json, "Attributes");
    m->arena = arena;
    m->receipt = gt_arena_dup(arena, gt_json_path_str(json, "ReceiptHandle"));
    m->body = gt_arena_dup(arena, gt_json_path_str(json, "Body"));
    m->receives = attribute(attributes, "ApproximateReceiveCount");
    m->sent = attribute(attributes, "SentTimestamp");
    m->hidden_until = gt_feed_now(feed) + feed->config.visibility_ms;
    if (!m->receipt.ptr || !m->body.ptr) {
        free_message(m);
        return NULL;
    }
    return m;
}

/* A delivery of one object (NULL: of the message itself) of a message. */
static gt_delivery *make_delivery(gt_feed *feed, message *m, const gt_notice_object *object)
{
    gt_delivery *d = gt_delivery_new(1, sizeof(sqs_own));
    if (!d)
        return NULL;
    sqs_own *own = d->own;
    own->message = m;
    gt_piece *piece = &d->pieces[d->count++];
    piece->arrived = object && object->at ? object->at : m->sent;
    piece->bytes = object ? GT_STR("") : gt_arena_dup(d->arena, m->body);
    piece->name = object ? gt_arena_printf(d->arena, "s3://%.*s/%.*s", GT_STR_ARG(object->bucket),
                                           GT_STR_ARG(object->key))
                         : gt_arena_dup(d->arena, feed->config.queue_url);
    if (object) {
        own->target.bucket = gt_arena_dup(d->arena, object->bucket);
        own->target.key = gt_arena_dup(d->arena, object->key);
        own->target.region =
            gt_arena_dup(d->arena, object->region.ptr ? object->region : feed->config.region);
        own->target.digest = gt_s3_key_kind_of(object->key) == GT_S3_KEY_DIGEST;
    }
    d->bytes = m->body.len + (object ? GT_MIB : 0); /* an object's size is not known yet */
    if (gt_arena_status(d->arena) != GT_OK) {
        gt_delivery_free(d);
        return NULL;
    }
    return d;
}

static bool wanted(const gt_feed *feed, const gt_notice_object *object)
{
    gt_s3_key_kind kind = gt_s3_key_kind_of(object->key);
    return kind == GT_S3_KEY_LOG || (kind == GT_S3_KEY_DIGEST && feed->config.verify_digests);
}

/* A delivery without pieces: the message is only to be deleted, or (failed) set aside. */
static gt_delivery *empty_delivery(message *m)
{
    gt_delivery *d = gt_delivery_new(0, sizeof(sqs_own));
    if (d)
        ((sqs_own *)d->own)->message = m;
    return d;
}

static gt_status ready_push(sqs_feed *f, gt_delivery *d)
{
    if (!d)
        return GT_NOMEM;
    if (f->ready_count == f->ready_cap) {
        size_t cap = f->ready_cap ? f->ready_cap * 2 : 64;
        gt_delivery **more = gt_realloc(f->ready, cap * sizeof *more);
        if (!more) {
            gt_delivery_free(d);
            return GT_NOMEM;
        }
        f->ready = more;
        f->ready_cap = cap;
    }
    f->ready[f->ready_count++] = d;
    return GT_OK;
}

/* A message becomes deliveries: one for each object that is wanted. */
static gt_status unpack(gt_feed *feed, message *m)
{
    sqs_feed *f = feed->own;
    size_t before = f->ready_count;
    gt_notice notice = {0};
    gt_status status = gt_notice_parse(m->arena, m->body, &notice);
    if (status == GT_INVALID) {
        m->failed = true;
        m->receives = (int64_t)feed->config.max_receives; /* no other try will read it better */
        snprintf(m->reason, sizeof m->reason, "the message tells of no S3 object");
        status = GT_OK;
    }
    for (size_t i = 0; status == GT_OK && i < notice.count; i++) {
        if (wanted(feed, &notice.objects[i]))
            status = ready_push(f, make_delivery(feed, m, &notice.objects[i]));
    }
    if (status == GT_OK && notice.events)
        status = ready_push(f, make_delivery(feed, m, NULL));
    if (status == GT_OK && f->ready_count == before)
        status = ready_push(f, empty_delivery(m));
    if (status != GT_OK) {
        while (f->ready_count > before)
            gt_delivery_free(f->ready[--f->ready_count]);
        return status;
    }
    m->left = f->ready_count - before;
    pthread_mutex_lock(&feed->lock);
    m->next = f->active;
    f->active = m;
    pthread_mutex_unlock(&feed->lock);
    return GT_OK;
}

static gt_status receive(gt_feed *feed)
{
    sqs_feed *f = feed->own;
    gt_arena *arena = gt_arena_new(64 * GT_MIB);
    gt_buf body = GT_BUF(64 * GT_KIB);
    begin_body(feed, &body);
    gt_buf_printf(&body,
                  ",\"MaxNumberOfMessages\":%d,\"WaitTimeSeconds\":%d,\"VisibilityTimeout\":%lld,"
                  "\"AttributeNames\":[\"ApproximateReceiveCount\",\"SentTimestamp\"],"
                  "\"MessageSystemAttributeNames\":[\"ApproximateReceiveCount\",\"SentTimestamp\"]}",
                  BATCH, WAIT_S, (long long)(feed->config.visibility_ms / 1000));
    gt_json *answer = NULL;
    gt_status status = arena ? gt_buf_status(&body) : GT_NOMEM;
    if (status == GT_OK)
        status = call(feed, f->receiver, "ReceiveMessage", gt_buf_str(&body), arena, &answer);
    const gt_json *list = gt_json_getl(answer, "Messages");
    for (const gt_json *j = gt_json_first(list); status == GT_OK && j; j = j->next) {
        message *m = read_message(feed, j);
        status = m ? unpack(feed, m) : GT_NOMEM;
        if (status != GT_OK)
            free_message(m); /* comes again */
    }
    gt_buf_done(&body);
    gt_arena_free(arena);
    return status == GT_OK || status == GT_NOMEM ? status : GT_RETRY;
}

static gt_status sqs_next(gt_feed *feed, int64_t wait_ms, gt_delivery **ret)
{
    (void)wait_ms; /* SQS waits itself, and stops when the environment does */
    sqs_feed *f = feed->own;
    if (f->ready_at == f->ready_count) {
        f->ready_at = f->ready_count = 0;
        gt_status status = receive(feed);
        if (status != GT_OK && !f->ready_count)
            return status;
    }
    if (!f->ready_count)
        return GT_END;
    *ret = f->ready[f->ready_at++];
    return GT_OK;
}

/* --- the feed ------------------------------------------------------------------------------------- */

static gt_status sqs_fetch(gt_feed *feed, gt_delivery *delivery, gt_buf *reterr_message)
{
    sqs_feed *f = feed->own;
    sqs_own *own = delivery->own;
    if (own->message->failed && !delivery->count) {
        gt_buf_printf(reterr_message, "%s", own->message->reason);
        return GT_INVALID;
    }
    if (!own->target.bucket.len)
        return GT_OK;
    return gt_s3_target_fetch(feed, f->pool, &own->target, delivery, delivery->pieces,
                              reterr_message);
}

static gt_status sqs_save(gt_feed *feed, gt_store *store, const gt_delivery *delivery)
{
    const sqs_own *own = delivery->own;
    return gt_s3_target_save(feed, store, &own->target);
}

static void sqs_commit(gt_feed *feed, gt_delivery *delivery)
{
    finish(feed, ((sqs_own *)delivery->own)->message);
    gt_delivery_free(delivery);
}

static void sqs_put_back(gt_feed *feed, gt_delivery *delivery, const char *reason)
{
    message *m = ((sqs_own *)delivery->own)->message;
    m->failed = true;
    snprintf(m->reason, sizeof m->reason, "%s", reason);
    finish(feed, m);
    gt_delivery_free(delivery);
}

static void free_list(message *m)
{
    while (m) {
        message *next = m->next;
        free_message(m);
        m = next;
    }
}

static void sqs_close(gt_feed *feed)
{
    sqs_feed *f = feed->own;
    if (!f)
        return;
    if (f->keeper)
        flush_done(feed);
    for (; f->ready_at < f->ready_count; f->ready_at++)
        gt_delivery_free(f->ready[f->ready_at]);
    gt_free(f->ready);
    free_list(f->active);
    free_list(f->done);
    gt_s3_pool_free(f->pool);
    gt_aws_client_free(f->receiver);
    gt_aws_client_free(f->keeper);
    gt_store_close(f->store);
}

static gt_status sqs_open(const gt_feed_config *config, gt_feed *feed)
{
    sqs_feed *f = gt_arena_new_of(feed->arena, sqs_feed);
    feed->own = f;
    if (!f)
        return GT_NOMEM;
    if (feed->config.visibility_ms < 1000)
        feed->config.visibility_ms = VISIBILITY_MS_DEFAULT;
    if (!feed->config.max_receives)
        feed->config.max_receives = MAX_RECEIVES_DEFAULT;
    f->region = region_of_url(config->queue_url);
    if (!f->region.len)
        f->region = config->region;
    f->receiver = gt_aws_client_new_env(config->aws, config->env);
    f->keeper = gt_aws_client_new(config->aws);
    f->pool = gt_s3_pool_new(config->aws);
    if (!f->receiver || !f->keeper || !f->pool)
        return GT_NOMEM;
    gt_url url;
    if (!gt_url_parse(config->queue_url, &url)) {
        gt_feed_note(feed, "\"%.*s\" is no queue's URL", GT_STR_ARG(config->queue_url));
        return GT_INVALID;
    }
    gt_str why = GT_STR("");
    gt_status status = gt_store_open(config->store_path, NULL, feed->arena, &f->store, &why);
    if (status != GT_OK)
        gt_feed_note(feed, "%.*s", GT_STR_ARG(why));
    return status;
}

const gt_feed_ops gt_feed_sqs = {.type = "sqs", .open = sqs_open, .next = sqs_next,
                                 .fetch = sqs_fetch, .save = sqs_save, .commit = sqs_commit,
                                 .put_back = sqs_put_back, .tick = sqs_tick, .close = sqs_close};
