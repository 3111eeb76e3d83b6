/* run.h — what commands over PATHs share: inputs, filters, the mapper's tables, progress, problems,
 * counts, the summary. A command opens a run, gives gt_run_go a stage, and ends with gt_run_finish. */
#ifndef GT_CLI_RUN_H
#define GT_CLI_RUN_H

#include "cli/cli.h"
#include "detect/detect.h"
#include "ecs/ecs.h"
#include "pipeline/pipeline.h"
#include "source/s3/scan.h"
#include "store/filler.h"

#include <pthread.h>

/* Hidden are those past GT_CLI_PROBLEMS_MAX; the summary lists every error. */
typedef struct gt_run_problems {
    uint64_t shown, hidden;
} gt_run_problems;

typedef struct gt_run {
    gt_cli *cli;
    gt_input_filter filter;
    gt_inputs inputs;
    gt_pipeline_options options;
    gt_pipeline_counts counts;
    gt_ecs_tables *tables; /* NULL until gt_run_tables */
    const gt_pipeline_stage *stage;
    gt_buf errors; /* the summary's list, without its brackets */
    gt_run_problems errors_told, warnings_told;
    const gt_input *broken; /* the input of the last error */
    pthread_mutex_t lock;     /* progress and the rest come from different threads */
    int64_t begin_ms, drawn_ms;
    gt_store *fill;    /* not NULL: gt_run_go also keeps every record it reads there */
    gt_filler *filler; /* during gt_run_go */
    gt_filler_counts filled;
    gt_net_env env; /* of what follows, which is only there when a path is an s3:// one */
    gt_aws *aws;
    gt_s3_scan *s3;
    gt_pipeline_fetch fetch;
} gt_run;

/* Expand paths and read the options that choose inputs and records (GT_OPTS_SELECT). On success
 * GT_EXIT_OK; gt_run_done is due in every case. */
int gt_run_open(gt_cli *cli, const gt_str *paths, size_t path_count, gt_run *ret);
/* Open the mapper's tables as GT_OPTS_MAPPING say. The command needs those options. */
int gt_run_tables(gt_run *run);
/* When the command was given --db: open it, so that gt_run_go fills it. gt_run_done closes it. */
int gt_run_fill(gt_run *run);
void gt_run_done(gt_run *run);

/* Run the pipeline. The stage's problem and progress functions are the run's own; its other
 * functions are called as they are. GT_EXIT_OK, or the status to end with. */
int gt_run_go(gt_run *run, const gt_pipeline_stage *stage);

/* Say the last line: "read 10 = evaluated 8 + duplicate 2 + rejected 0 (3 files); 2 alerts".
 * more may be NULL. Returns GT_EXIT_INPUT when some input could not be read, else GT_EXIT_OK. */
int gt_run_finish(gt_run *run, const char *more);

/* Write --summary's file; members is JSON members of the command's own (",\"alerts\":{…}"), or empty.
 * GT_EXIT_OK or GT_EXIT_INPUT. */
int gt_run_summary(gt_run *run, gt_str members);

/* Is an ECS document inside --since, --until, --account and --region? (The pipeline sees to
 * CloudTrail records.) */
bool gt_run_document_inside(const gt_run *run, const gt_json *document);

/* Does the command read ECS documents (--input ecs)? */
bool gt_run_is_ecs(const gt_run *run);

/* A detecting worker for stages; `command` is what the stage's ctx is for. */
typedef struct gt_run_worker {
    void *command;
    gt_detect_worker *detect;
    gt_buf text; /* for rendering; reset before use */
} gt_run_worker;
gt_status gt_run_worker_new(gt_run *run, const gt_detector *detector,
                            const gt_detect_enrich *enrich, void *command, void **ret) GT_MUST_CHECK;
void gt_run_worker_free(void *ctx, void *worker); /* a stage's worker_free */

#endif
