/* objects.h — S3 objects for feeds: fetched by many threads, digest files checked on the way. */
#ifndef GT_SOURCE_S3_OBJECTS_H
#define GT_SOURCE_S3_OBJECTS_H

#include "net/s3.h"
#include "source/feed.h"

/* Connections to S3, lent to whoever fetches. */
typedef struct gt_s3_pool gt_s3_pool;
gt_s3_pool *gt_s3_pool_new(gt_aws *aws);
void gt_s3_pool_free(gt_s3_pool *pool);
gt_aws_client *gt_s3_pool_take(gt_s3_pool *pool); /* NULL without memory */
void gt_s3_pool_give(gt_s3_pool *pool, gt_aws_client *client);

/* What a digest file, or what it signs, is found wrong with. */
typedef struct gt_digest_finding {
    const char *kind; /* "log missing", "log changed", "digest signature", "digest chain" */
    gt_str name;      /* s3://… of what is wrong */
    gt_str detail;
} gt_digest_finding;

/* An object to fetch; the `own` of deliveries begins with one. */
typedef struct gt_s3_target {
    gt_str bucket, key, region;
    bool digest; /* check it as a digest file */
    gt_digest_finding *findings;
    size_t finding_count;
} gt_s3_target;

/* Fill the first piece's bytes with the object; check it when it is a digest. */
gt_status gt_s3_target_fetch(gt_feed *feed, gt_s3_pool *pool, gt_s3_target *target,
                             gt_delivery *delivery, gt_piece *piece, gt_buf *reterr_message)
    GT_MUST_CHECK;
/* Put its findings into the store. */
gt_status gt_s3_target_save(gt_feed *feed, gt_store *store, const gt_s3_target *target)
    GT_MUST_CHECK;

typedef enum gt_s3_key_kind {
    GT_S3_KEY_OTHER, /* no log: folders' place holders, inventory, … */
    GT_S3_KEY_LOG,
    GT_S3_KEY_DIGEST,
} gt_s3_key_kind;
gt_s3_key_kind gt_s3_key_kind_of(gt_str key);

#endif
