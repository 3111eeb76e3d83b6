/* auditor.h — the audit of respond/audit.h at regular times, on a thread of its own: detection never
 * waits for it.
 *
 * Invariants
 *  - The store knows when the last audit began whose result was written: a restart repeats none.
 *  - The first look runs an audit when the store knows of none, or of one older than every_ms.
 *  - The file holds one whole result, always: it is replaced by a rename.
 *  - A failure is logged and tried again with growing pauses; it ends nothing else. */
#ifndef GT_WATCH_AUDITOR_H
#define GT_WATCH_AUDITOR_H

#include "config/config.h"
#include "net/net.h"
#include "watch/log.h"

/* One audit, in the arena: what gt_audit_live gives. reterr_message: why not. */
typedef gt_status (*gt_auditor_run)(void *ctx, gt_arena *arena, gt_json **ret, gt_buf *reterr_message);

typedef struct gt_auditor_options {
    const gt_net_env *env; /* its stopped() gives up the audit at hand */
    gt_time_ms (*now)(void *ctx); /* the clock of the schedule; tests freeze it */
    void *now_ctx;
    int64_t every_ms;
    const char *path; /* of the result */
    const char *store_path;
    gt_log log;
    gt_auditor_run run;
    void *run_ctx;
} gt_auditor_options;

typedef struct gt_auditor gt_auditor;

/* Read from the store when the last one was; starts nothing yet. options are copied, what they point
 * to must outlive the auditor. */
gt_status gt_auditor_open(const gt_auditor_options *options, gt_auditor **ret, gt_buf *reterr_message)
    GT_MUST_CHECK;
/* Look at the clock and run the audit if it is due. true: one was run, or failed. The thread's body:
 * not for use beside gt_auditor_start. */
bool gt_auditor_look(gt_auditor *auditor);
gt_status gt_auditor_start(gt_auditor *auditor) GT_MUST_CHECK;
/* End the thread (env's stopped() must be true, or become so) and free all. NULL is allowed. */
void gt_auditor_stop(gt_auditor *auditor);
/* Has looked, and nothing is due. NULL is: yes. */
bool gt_auditor_is_idle(const gt_auditor *auditor);
/* In Prometheus' text form. NULL adds nothing. */
void gt_auditor_metrics(const gt_auditor *auditor, gt_buf *out);

#endif
