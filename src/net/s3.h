/* s3.h — reading S3: list, get, head. */
#ifndef GT_NET_S3_H
#define GT_NET_S3_H

#include "net/aws.h"

/* A bucket as one thread sees it. Its region is learnt when S3 says that it is another one. */
typedef struct gt_s3 {
    gt_aws_client *client;
    char bucket[256];
    char region[64]; /* empty: the configured one */
} gt_s3;

/* GT_INVALID: no possible bucket name. */
gt_status gt_s3_init(gt_s3 *s3, gt_aws_client *client, gt_str bucket, gt_str region) GT_MUST_CHECK;

/* Split "s3://bucket/prefix"; false when it is not that. The prefix may be empty. */
bool gt_s3_uri_parse(gt_str uri, gt_str *ret_bucket, gt_str *ret_prefix);

typedef struct gt_s3_object {
    gt_str key;
    gt_str etag; /* without quotes */
    uint64_t size;
    gt_time_ms modified;
} gt_s3_object;

typedef struct gt_s3_page {
    gt_s3_object *objects; /* in the order of keys' bytes */
    size_t count;
    gt_str *prefixes; /* common prefixes, with a delimiter */
    size_t prefix_count;
    gt_str next; /* continuation token; ptr NULL on the last page */
} gt_s3_page;

typedef struct gt_s3_list {
    gt_str prefix;
    gt_str delimiter;    /* empty: all keys below the prefix */
    gt_str start_after;  /* keys behind this one */
    gt_str continuation; /* of the page before; empty at first */
} gt_s3_list;

/* One page of at most 1000 keys (ListObjectsV2), in the arena. Answers as gt_aws_send. */
gt_status gt_s3_list_page(gt_s3 *s3, const gt_s3_list *list, gt_arena *arena,
                          gt_aws_response *response, gt_s3_page *ret) GT_MUST_CHECK;

/* The whole object into response->http.body; GT_LIMIT beyond max bytes. A body shorter than its
 * Content-Length is GT_RETRY. */
gt_status gt_s3_get(gt_s3 *s3, gt_str key, size_t max, gt_aws_response *response) GT_MUST_CHECK;

/* Existence and headers: look at response->http with gt_http_response_header. */
gt_status gt_s3_head(gt_s3 *s3, gt_str key, gt_aws_response *response) GT_MUST_CHECK;

#endif
