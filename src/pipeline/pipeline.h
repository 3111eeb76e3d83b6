/* pipeline.h — inputs to worker threads to ordered output: the engine of every local command.
 *
 * Every record of every input goes to the stage's `record` function, on some worker thread. What it
 * emits is kept with the record and handed to `commit` strictly in the order of inputs and records,
 * whatever the number of threads, on one thread at a time. Between the two, copies are sorted out:
 *  - the first record of an eventID is evaluated;
 *  - a later one with the same bytes is a duplicate: what it emitted is dropped;
 *  - a later one with other bytes is evaluated too, and a warning (GT_PROBLEM_WARNING) says so;
 *  - without an eventID (or an empty one) a hash of the record's bytes stands in.
 * Always: read == evaluated + duplicate + rejected. Records outside --since/--until, or of another
 * account or region than asked for, are read and counted as evaluated (`outside` says how many),
 * but no stage sees them. A record whose eventTime is absent or unreadable is inside.
 *
 * A large plain file is read in parts by several workers; the outcome is that of one reading it from
 * its beginning (units.c has the argument).
 *
 * Memory: what waits for its turn is bounded (GT_PIPELINE_PENDING_MAX a worker); duplicates are
 * remembered in at most 32 bytes for each distinct record. */
#ifndef GT_PIPELINE_PIPELINE_H
#define GT_PIPELINE_PIPELINE_H

#include "base/buf.h"
#include "cloudtrail/cloudtrail.h"
#include "source/source.h"

typedef struct gt_emit gt_emit; /* where one record's output goes */

/* Emit bytes (copied) for the record at hand, with a tag of the stage's own. Order is kept. A
 * failure (memory) is remembered and ends the run. */
void gt_emit_bytes(gt_emit *emit, uint64_t tag, gt_str bytes);
/* Count the record at hand as rejected, with this reason (static text); what it emitted is dropped. */
void gt_emit_reject(gt_emit *emit, const char *reason);

/* One emission, when its turn has come. Views are valid during the call. */
typedef struct gt_committed {
    const gt_input *input;
    uint64_t offset; /* of the record, in the input's decoded bytes */
    uint64_t tag;
    gt_str bytes;
} gt_committed;

typedef struct gt_problem {
    const gt_input *input;
    gt_problem_kind kind; /* cloudtrail.h */
    uint64_t offset;
    const char *reason; /* static text */
} gt_problem;

typedef struct gt_progress {
    uint64_t bytes_done, bytes_total; /* of the files as they lie on disk */
    size_t inputs_done, inputs_total;
    uint64_t records;
} gt_progress;

/* What a command does with records. Functions other than record may be NULL. */
typedef struct gt_pipeline_stage {
    void *ctx;
    /* One state a worker, made on the calling thread before the run. */
    gt_status (*worker_new)(void *ctx, size_t index, void **ret_worker);
    /* On the worker's own thread, concurrently with other workers. GT_LIMIT (GT_NOMEM from a capped
     * arena should be told as GT_LIMIT) rejects the record; every other failure ends the run. The
     * record's views die with the call. */
    gt_status (*record)(void *worker, const gt_input *input, const gt_record *record,
                        gt_emit *emit);
    /* As of gt_record_sink; on the worker's thread. */
    gt_status (*member)(void *worker, gt_str packed, gt_str text);
    /* record() does more than emit. Then no input is split: what a wrong guess read could not be taken
     * back. */
    bool effects;
    gt_record_fields fields; /* that record() reads; fewer are quicker */
    /* After the run, on the calling thread, in the order of the indices: merge statistics, free. */
    void (*worker_free)(void *ctx, void *worker);
    /* In order, on one thread at a time. A failure ends the run and is what gt_pipeline_run gives
     * (GT_END: stop early, all is well). */
    gt_status (*commit)(void *ctx, const gt_committed *item);
    /* In order, beside commit, as they are met. */
    void (*problem)(void *ctx, const gt_problem *problem);
    /* On one thread at a time, at every finished input and every few MiB of large ones. */
    void (*progress)(void *ctx, const gt_progress *progress);
} gt_pipeline_stage;

/* Inputs that are no local files ("s3://…"): their bytes by name, from any worker's thread. GT_IO with a
 * reason that lives as long as the run; GT_NOMEM. The bytes are freed by the pipeline. */
typedef struct gt_pipeline_fetch {
    void *ctx;
    gt_status (*fetch)(void *ctx, const gt_input *input, gt_buf *ret_bytes,
                       const char **reterr_reason);
} gt_pipeline_fetch;

typedef struct gt_pipeline_options {
    const gt_inputs *inputs;
    gt_record_kind kind; /* GT_RECORDS_CLOUDTRAIL or GT_RECORDS_ECS (never de-duplicated) */
    size_t threads;      /* 0: one */
    uint64_t unit_bytes; /* parts of this size, of files twice as large; 0: GT_PIPELINE_UNIT_BYTES */
    bool keep_duplicates;
    const gt_pipeline_fetch *fetch; /* for inputs whose name begins with "s3://"; NULL: none are */
    gt_input_filter filter; /* on the records; give gt_inputs_expand the same */
    const volatile int *interrupt; /* when it becomes non-zero the run ends soon; may be NULL */
    uint64_t (*clock_ns)(void); /* not NULL: fill counts.profile, at some cost */
} gt_pipeline_options;

/* Where the workers' time went, summed over them. What is left of `total` is finding, checking and
 * telling records apart, and waiting. */
typedef struct gt_pipeline_profile {
    uint64_t total_ns;
    uint64_t decode_ns; /* reading and inflating */
    uint64_t stage_ns;  /* the stage's record function */
    uint64_t commit_ns; /* duplicates sorted out, the stage's commit */
    size_t parts, absorbed; /* of large plain files; of them those that another one read */
    uint64_t known, other; /* records with a known skeleton, and others */
} gt_pipeline_profile;

typedef struct gt_pipeline_counts {
    size_t files; /* inputs begun */
    uint64_t read, evaluated, duplicate, rejected;
    uint64_t outside;       /* of the evaluated: not shown to the stage */
    uint64_t problems;      /* all but warnings: when it is not 0, some input could not be read */
    uint64_t warnings;
    uint64_t decoded_bytes;
    bool interrupted;
    gt_pipeline_profile profile;
} gt_pipeline_counts;

/* Run to the end. ret_counts is written whatever the result. The calling thread is worker 0.
 * GT_OK, GT_NOMEM, or what a stage's function failed with. */
gt_status gt_pipeline_run(const gt_pipeline_options *options, const gt_pipeline_stage *stage,
                          gt_pipeline_counts *ret_counts) GT_MUST_CHECK;

#endif
