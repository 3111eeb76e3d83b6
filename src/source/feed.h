/* feed.h — sources that never end: what arrives, and how it is taken off them.
 *
 * A feed hands out deliveries (a file, an S3 object, a run of Kafka messages). Each is evaluated, its
 * alerts are made durable, and only then is it taken off the source: a delivery that is not taken off
 * comes again, after a crash too. Coming twice does no harm, because alerts have ids.
 *
 *   next      → deliveries, one at a time; a feed may have many out at once
 *   fetch     bring the bytes, where next only told of them (slow: many threads do it at once)
 *   save      inside the transaction that makes the alerts durable: what the store must remember
 *   commit    after that transaction: take it off (delete the message, commit the offset)
 *   put_back  it could not be evaluated or stored: let it come again, later
 *   tick      every second or so: keep what is out from coming again meanwhile
 *
 * Threads: next belongs to one thread, fetch to any number, save to another, commit, put_back and
 * tick to a third; feeds
 * lock what they share. A delivery belongs to whoever holds it until commit or put_back. */
#ifndef GT_SOURCE_FEED_H
#define GT_SOURCE_FEED_H

#include "base/buf.h"
#include "base/timeutil.h"
#include "net/aws.h"
#include "store/store.h"

#include <pthread.h>

/* One text to evaluate by itself: a file's bytes, a message's value. */
typedef struct gt_piece {
    gt_str name;  /* for people and for evidence: "s3://bucket/key", "topic/3@17"; NUL-terminated */
    gt_str bytes; /* as they lie there, compressed or not; unused when path is set */
    const char *path;   /* a file to read; NULL: bytes */
    gt_time_ms arrived; /* when the source got it; 0: unknown */
} gt_piece;

typedef struct gt_delivery {
    gt_piece *pieces;
    size_t count;
    size_t bytes;    /* memory it holds, or will need */
    gt_arena *arena; /* all of it lives here */
    void *own;       /* the feed's */
} gt_delivery;

/* For feeds: an empty delivery with room for `count` pieces and own_size zeroed bytes at own; NULL
 * without memory. */
gt_delivery *gt_delivery_new(size_t count, size_t own_size);
void gt_delivery_free(gt_delivery *delivery);

typedef struct gt_feed_config {
    gt_str name; /* in the configuration: names its rows in the store */
    gt_str type; /* "folder", "s3", "sqs", "kafka", "lookup", "canary" */
    const gt_net_env *env; /* once it is stopped, next ends soon; the rest works on */
    const char *store_path; /* the database; the feed opens its own connection to it */
    gt_aws *aws;            /* of this source; NULL where none is needed; outlives the feed */
    gt_str path;            /* folder */
    gt_str bucket, prefix, region;
    gt_str queue_url;
    gt_str brokers, topic, group;
    const gt_str *properties; /* Kafka: "key=value", handed to librdkafka */
    size_t property_count;
    int64_t poll_ms;       /* between two looks; 0: the feed's own default */
    int64_t window_ms;     /* s3, lookup: how far back each look goes; 0: the default */
    int64_t visibility_ms; /* sqs: how long a message stays hidden; 0: the default */
    unsigned max_receives; /* sqs: a message that came this often is set aside; 0: the default */
    bool verify_digests;   /* s3, sqs: check CloudTrail's digest files and what they sign */
} gt_feed_config;

typedef struct gt_feed gt_feed;

typedef struct gt_feed_ops {
    const char *type;
    gt_status (*open)(const gt_feed_config *config, gt_feed *feed);
    gt_status (*next)(gt_feed *feed, int64_t wait_ms, gt_delivery **ret);
    gt_status (*fetch)(gt_feed *feed, gt_delivery *delivery,
                       gt_buf *reterr_message); /* NULL: the bytes are there */
    gt_status (*save)(gt_feed *feed, gt_store *store, const gt_delivery *delivery);
    void (*commit)(gt_feed *feed, gt_delivery *delivery);
    void (*put_back)(gt_feed *feed, gt_delivery *delivery, const char *reason);
    void (*tick)(gt_feed *feed); /* may be NULL */
    void (*close)(gt_feed *feed);
} gt_feed_ops;

/* What status and metrics show of a feed. Written by the feed under its lock. */
typedef struct gt_feed_health {
    char problem[512];   /* the last failure; empty when the last look was fine */
    gt_time_ms since;    /* of the failure */
    gt_time_ms looked;   /* last time the source answered */
    int64_t waiting;     /* known to wait at the source; -1: unknown */
    uint64_t set_aside;  /* messages given up, with their reason in the store */
} gt_feed_health;

struct gt_feed {
    const gt_feed_ops *ops;
    gt_feed_config config;
    gt_arena *arena; /* as long as the feed */
    void *own;
    pthread_mutex_t lock; /* health, and what the feed shares between its threads */
    gt_feed_health health;
};

/* Open a source of config->type. GT_INVALID: the configuration cannot work; GT_IO: neither can what
 * it names. reterr_message says why. config's strings are copied; what it points to must outlive the
 * feed. */
gt_status gt_feed_open(const gt_feed_config *config, gt_feed **ret, gt_buf *reterr_message)
    GT_MUST_CHECK;
void gt_feed_close(gt_feed *feed);

/* The next delivery, waiting up to wait_ms for one.
 * GT_OK; GT_END: none now; GT_RETRY: the source fails, health says how; GT_NOMEM. */
gt_status gt_feed_next(gt_feed *feed, int64_t wait_ms, gt_delivery **ret) GT_MUST_CHECK;
/* GT_OK; everything else is a reason to put the delivery back; reterr_message says it. */
gt_status gt_feed_fetch(gt_feed *feed, gt_delivery *delivery, gt_buf *reterr_message) GT_MUST_CHECK;
gt_status gt_feed_save(gt_feed *feed, gt_store *store, const gt_delivery *delivery) GT_MUST_CHECK;
/* Both take the delivery away. */
void gt_feed_commit(gt_feed *feed, gt_delivery *delivery);
void gt_feed_put_back(gt_feed *feed, gt_delivery *delivery, const char *reason);
void gt_feed_tick(gt_feed *feed);
/* A copy, taken under the lock. */
gt_feed_health gt_feed_health_get(gt_feed *feed);

/* For feeds: note a failure (printf) or, with NULL, that all is well. */
void gt_feed_note(gt_feed *feed, const char *fmt, ...) GT_PRINTF(2, 3);
gt_time_ms gt_feed_now(const gt_feed *feed);

/* Does a file's or key's name look like a log? Hidden files, and names that writers use before they
 * rename, do not. */
bool gt_feed_name_is_log(gt_str name);

extern const gt_feed_ops gt_feed_folder, gt_feed_s3, gt_feed_sqs, gt_feed_kafka, gt_feed_lookup,
    gt_feed_canary;

#endif
