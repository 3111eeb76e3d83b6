/* pipeline_internal.h — batches on their way from workers to the ordered commit. */
#ifndef GT_PIPELINE_PIPELINE_INTERNAL_H
#define GT_PIPELINE_PIPELINE_INTERNAL_H

#include "base/buf.h"
#include "json/scan.h"
#include "pipeline/dedup.h"
#include "pipeline/pipeline.h"

#include <pthread.h>
#include <stdatomic.h>

typedef enum item_type { ITEM_RECORD, ITEM_OUTSIDE, ITEM_PROBLEM } item_type;

/* A record, or a problem, in the order of the input. */
typedef struct item {
    uint64_t id;
    union {
        uint64_t content;
        const char *reason; /* ITEM_PROBLEM */
    };
    uint64_t offset;
    uint32_t emission_end; /* its emissions end there in the batch's list */
    uint8_t type;
    uint8_t problem_kind;
} item;

typedef struct emission {
    uint64_t tag;
    uint32_t begin; /* in bytes.data */
    uint32_t len;
} emission;

/* A run of one input's items. */
typedef struct batch {
    struct batch *next;
    size_t owner; /* worker, for what waits */
    item *items;
    size_t item_count, item_cap;
    emission *emissions;
    size_t emission_count, emission_cap;
    gt_buf bytes;
} batch;

typedef struct queue { /* of one input */
    batch *first, *last;
    bool finished; /* no more batches come */
} queue;

typedef struct worker worker;

typedef struct run {
    const gt_pipeline_options *options;
    const gt_pipeline_stage *stage;
    gt_pipeline_counts counts; /* the committer's */
    gt_dedup *dedup;

    pthread_mutex_t lock; /* of all below */
    pthread_cond_t moved; /* head or a worker's waiting bytes changed */
    queue *queues;
    size_t head;          /* the input whose batches are committed now */
    bool committing;
    batch *free_batches;
    gt_status status;     /* the first failure; ends the run */
    bool *claimed;
    size_t next_input;    /* the lowest that may be unclaimed */
    uint64_t unclaimed_bytes;
    size_t fetched;       /* inputs before this one were fetched ahead */
    size_t *large;        /* indices of large inputs, by size */
    size_t large_count, large_next;
    size_t ahead;         /* workers on an input taken out of order */
    size_t claimers;      /* workers that run */
    gt_progress progress;

    worker *workers;
    size_t worker_count;
    atomic_bool stop;
    atomic_uint cold; /* inputs to come that are likely not to be in memory */
    atomic_uint_least64_t decoded_bytes;
} run;

struct worker {
    run *run;
    size_t index;
    size_t input; /* at hand */
    bool ahead;   /* it was taken out of order */
    void *state;  /* the stage's */
    gt_reader *reader;
    const gt_scanner *scanner;
    batch *batch;          /* being filled; may be NULL */
    size_t waiting_bytes;  /* under run->lock: in queues, not committed */
    uint64_t bytes_read, bytes_decoded, progress_told;
    pthread_t thread;
    bool started;
    gt_pipeline_profile profile;
    uint64_t decode_begin_ns;
};

static inline uint64_t now_ns(const run *r)
{
    return r->options->clock_ns ? r->options->clock_ns() : 0;
}

struct gt_emit {
    batch *batch;
    gt_status status;
    const char *reject;
};

size_t batch_bytes(const batch *b);
void batch_free(batch *b);
item *batch_add(batch *b);

/* A batch to fill; NULL without memory. */
batch *batch_take(run *r, size_t owner);
/* Hand over the worker's batch (may be NULL); `finished`: the input's last. Commits what is in turn,
 * and waits while too much of this worker's output does. */
void batch_give(worker *w, bool finished);
/* Remember the first failure and stop all workers. */
void run_fail(run *r, gt_status status);

#endif
