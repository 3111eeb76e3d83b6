/* sink_internal.h — between group.c (life, routing) and worker.c (a sink's thread). */
#ifndef GT_SINK_SINK_INTERNAL_H
#define GT_SINK_SINK_INTERNAL_H

#include "sink/sink.h"

#include <pthread.h>

typedef struct sink_worker {
    gt_sink_group *group;
    gt_sink sink;
    gt_net_env env; /* the group's, but stopped() once a stop has waited long enough */
    gt_str name;
    pthread_t thread;
    bool started;
    bool is_open;
    gt_arena *batch;
    size_t batch_items; /* at most so many at once; halved when the other side says "too large" */
    unsigned failures;  /* in a row */
    gt_time_ms pause_until;
    /* Under the group's lock. */
    bool woken;
    bool idle; /* its last look found nothing due */
    gt_sink_health health;
} sink_worker;

struct gt_sink_group {
    gt_sink_group_options options;
    gt_arena *arena;
    sink_worker *workers;
    size_t count;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stopping;
    gt_time_ms stop_at; /* when sending ends for good */
    pthread_mutex_t say_lock;
};

/* worker.c: the thread, and the world as its sink sees it. */
void *sink_worker_main(void *worker);
gt_net_env sink_worker_env(sink_worker *worker);

/* aws.c: how a section (or [aws]) reaches AWS. */
typedef struct gt_aws gt_aws;
gt_status sink_aws_open(const gt_sink *sink, gt_aws **ret, gt_buf *reterr_message) GT_MUST_CHECK;

#endif
