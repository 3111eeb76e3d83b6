/* ship_internal.h — between ship.c (threads and batches) and bulk.c (what a sender does). */
#ifndef GT_CLUSTER_SHIP_INTERNAL_H
#define GT_CLUSTER_SHIP_INTERNAL_H

#include "cluster/ship.h"

#include <pthread.h>
#include <stdio.h>

typedef enum gt_ship_state {
    GT_SHIP_PENDING,
    GT_SHIP_DONE,
    GT_SHIP_CONFLICT, /* the id is there: compare */
} gt_ship_state;

typedef struct gt_ship_item {
    size_t id_at, id_len; /* in the batch's text */
    size_t document_at, document_len;
    gt_ship_state state;
    bool longer_id; /* another event has the id: ours gets the hash of its document behind it */
    gt_str index;   /* where the conflicting document stands; empty: in the write index */
} gt_ship_item;

typedef struct gt_ship_batch {
    gt_buf text;
    gt_ship_item *items;
    size_t count, cap;
    size_t document_bytes;
} gt_ship_batch;

typedef struct gt_ship_sender {
    gt_ship *ship;
    pthread_t thread;
    gt_cluster *cluster;
    gt_arena *arena; /* of one batch */
    gt_buf body;
    gt_str write_index; /* that the last answer named, in the ship's arena */
} gt_ship_sender;

struct gt_ship {
    gt_ship_options options;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    gt_arena *arena;
    gt_ship_sender *senders;
    unsigned sender_count, started;
    gt_ship_batch *filling; /* only the adding thread's */
    gt_ship_batch *waiting; /* for a sender */
    bool closing;
    unsigned busy; /* senders with a batch in hand */
    gt_status failure;
    char message[1024];
    gt_ship_counts counts;
    /* Backing indices of a data stream that has several, the write index last; else none. */
    gt_str *indices;
    size_t index_count;
};

void gt_ship_batch_free(gt_ship_batch *batch);
/* Bring one batch to its end: every item created, present or failed. */
gt_status gt_ship_send(gt_ship_sender *sender, gt_ship_batch *batch);
/* Learn the stream's backing indices, and make what the older ones hold visible to lookups. */
gt_status gt_ship_indices_read(gt_ship_sender *sender);

#endif
