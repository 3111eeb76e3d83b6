/* pipeline_internal.h — batches on their way from workers to the ordered commit. */
#ifndef GT_PIPELINE_PIPELINE_INTERNAL_H
#define GT_PIPELINE_PIPELINE_INTERNAL_H

#include "base/buf.h"
#include "json/scan.h"
#include "pipeline/dedup.h"
#include "pipeline/pipeline.h"
#include "source/file/file.h"

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

typedef struct queue { /* of one unit */
    batch *first, *last;
    bool finished; /* no more batches come */
} queue;

typedef enum part_state {
    PART_FREE,     /* nobody reads it yet */
    PART_GUESSING, /* its worker looks for where it begins */
    PART_GUESSED,  /* `begin` is known */
    PART_ABSORBED, /* a part before it reads it too; what it found is thrown away */
} part_state;

/* A part of a large plain file. */
typedef struct part {
    uint64_t offset, size; /* nominal */
    part_state state;      /* under run->lock, as are begin, right and wrong */
    atomic_bool absorbed;  /* the same, for its worker's eyes */
    gt_reader_place begin;
    uint64_t decoded;      /* bytes of the file, if it read to the end */
    struct part *head;     /* the file's first, where the guesses are counted */
    unsigned right, wrong;
} part;

/* What one worker reads in one go: an input or a part of one. */
typedef struct unit {
    queue queue;
    part *part; /* NULL: all of it */
    size_t input;
    bool claimed, last; /* last of its input */
} unit;

typedef struct worker worker;

typedef struct run {
    const gt_pipeline_options *options;
    const gt_pipeline_stage *stage;
    gt_pipeline_counts counts; /* the committer's */
    gt_dedup *dedup;

    pthread_mutex_t lock; /* of all below */
    pthread_cond_t moved; /* head or a worker's waiting bytes changed */
    unit *units;
    size_t unit_count;
    part *parts;
    size_t head;          /* the unit whose batches are committed now */
    bool committing;
    batch *free_batches;
    gt_status status;     /* the first failure; ends the run */
    size_t next_unit;     /* the lowest that may be unclaimed */
    uint64_t unclaimed_bytes;
    size_t fetched;       /* inputs before this one were fetched ahead */
    size_t *large;        /* units that are large inputs, by size */
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
    size_t unit;  /* at hand */
    size_t input; /* the unit's */
    part *part;   /* the unit's */
    bool met;     /* the part ended where another one begins */
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
size_t batch_held(const batch *b); /* with the room it holds */
void batch_free(batch *b);
item *batch_add(batch *b);

/* A batch to fill; NULL without memory. */
batch *batch_take(run *r, size_t owner);
/* Hand over the worker's batch (may be NULL); `finished`: the input's last. Commits what is in turn,
 * and waits while too much of this worker's output does. */
void batch_give(worker *w, bool finished);
/* Remember the first failure and stop all workers. */
void run_fail(run *r, gt_status status);
/* Forget a batch that was taken. With the lock held. */
void batch_recycle(run *r, batch *b);

/* --- units.c --- */

/* Cut the inputs into units. */
gt_status units_plan(run *r);
void units_free(run *r);
static inline uint64_t unit_size(const run *r, const unit *u)
{
    return u->part ? u->part->size : r->options->inputs->items[u->input].size;
}
/* Read the worker's part of this open file. */
gt_status part_read(worker *w, gt_source_file *file, const gt_record_sink *sink);
/* The worker has come to the end of its part. With the lock held. */
void part_finish(worker *w);
/* The part was absorbed: its worker may stop. */
static inline bool part_is_lost(const worker *w)
{
    return w->part && atomic_load_explicit(&w->part->absorbed, memory_order_relaxed);
}

#endif
