/* apply.h — carry a plan out: read the live state, judge, call, read back, verify, write it all down.
 *
 * Every action is judged against the live state on its own: still to be done, done already, or moved on
 * (somebody changed what the plan is about since). So a run after a crash does what is left, and a
 * second run says that all is done already. */
#ifndef GT_RESPOND_APPLY_H
#define GT_RESPOND_APPLY_H

#include "net/aws.h"
#include "respond/journal.h"
#include "respond/respond.h"

typedef struct gt_apply_options {
    gt_aws_client *client; /* of the plan's region */
    const gt_net_env *env; /* for the clock */
    gt_store *journal;     /* may be NULL only without `apply` */
    bool apply;            /* false: read and judge only */
    bool undo;             /* restrict, quarantine: take it back */
    gt_str force;          /* a reason to go on despite refusals; empty: none */
} gt_apply_options;

/* *ret: {outcome, verified, caller, forced, resumed, refusals, actions: [{words, state, detail,
 * request_id}], before, after} in the arena. outcome is one of
 *   applied       done and verified
 *   already       nothing was left to do ("already reverted")
 *   ready         apply was not asked for; the actions' states tell what would be done
 *   refused       see refusals; nothing was changed
 *   failed        a call failed, or the state read back is not what it should be
 * GT_OK whenever there is such an answer; else GT_NOMEM, or the journal's failure (nothing is called
 * that was not written down before). */
gt_status gt_plan_apply(gt_arena *arena, const gt_plan *plan, const gt_apply_options *options,
                        gt_json **ret) GT_MUST_CHECK;

#endif
