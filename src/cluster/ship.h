/* ship.h — ECS documents into a data stream (or index) of a cluster.
 *
 * Documents are created, never overwritten, under ids of their own: shipping a thing twice adds
 * nothing. An id is unique only within one backing index, so where the stream has several, ids are
 * looked up in the older ones first. When the id is there, the document there is compared with ours
 * in what comes from the log itself; is it another event, ours is created beside it under a longer id:
 * nothing is lost.
 *
 * Senders are threads with a connection each; gt_ship_add waits when all are busy. What the server
 * refuses for now (429, 503) is sent again, record by record; what it refuses for good is told to
 * `failed` and counted. added == created + present + failed, always. */
#ifndef GT_CLUSTER_SHIP_H
#define GT_CLUSTER_SHIP_H

#include "cluster/cluster.h"

typedef struct gt_ship_counts {
    uint64_t added;
    uint64_t created;
    uint64_t present; /* were there already */
    uint64_t failed;
    uint64_t beside;  /* of the created: under a longer id, beside another event of the same id */
    uint64_t repeats; /* records sent again, calls repeated */
    uint64_t bytes;   /* of documents */
} gt_ship_counts;

typedef struct gt_ship_options {
    const gt_cluster_options *cluster;
    gt_str target;        /* name of the data stream or index */
    unsigned senders;     /* 0: GT_SHIP_SENDERS */
    size_t batch_records; /* 0: GT_SHIP_BATCH_RECORDS */
    size_t batch_bytes;   /* 0: GT_SHIP_BATCH_BYTES */
    /* A record that the server refuses for good; called on senders' threads, one at a time. */
    void (*failed)(void *ctx, gt_str id, gt_str reason);
    void *ctx;
} gt_ship_options;

typedef struct gt_ship gt_ship;

/* The template must be there (template.h). GT_OK, GT_NOMEM, or as gt_cluster_call. reterr_message
 * gains why it failed. */
gt_status gt_ship_open(const gt_ship_options *options, gt_ship **ret, gt_buf *reterr_message)
    GT_MUST_CHECK;
/* Add a document (copied), with a line end or without. GT_OK, or what made a sender give up. */
gt_status gt_ship_add(gt_ship *ship, gt_str id, gt_str document) GT_MUST_CHECK;
/* Send what waits, and wait until all that was added is created, present or failed. */
gt_status gt_ship_flush(gt_ship *ship) GT_MUST_CHECK;
/* Send what waits and end the senders. GT_OK: every document is created, present or failed. Else
 * (said in reterr_message) `added` is larger: the rest was not sent. */
gt_status gt_ship_close(gt_ship *ship, gt_ship_counts *ret_counts, gt_buf *reterr_message)
    GT_MUST_CHECK;
/* The counts so far, for progress. */
gt_ship_counts gt_ship_counts_now(gt_ship *ship);

#endif
