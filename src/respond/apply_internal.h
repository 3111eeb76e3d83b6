/* apply_internal.h — shared by the parts that apply a plan. */
#ifndef GT_RESPOND_APPLY_INTERNAL_H
#define GT_RESPOND_APPLY_INTERNAL_H

#include "respond/apply.h"
#include "respond/live.h"

typedef enum gt_action_state {
    GT_ACTION_NEEDED,
    GT_ACTION_ALREADY,
    GT_ACTION_MOVED,
    GT_ACTION_DONE,
    GT_ACTION_FAILED,
} gt_action_state;

typedef struct gt_apply {
    gt_arena *arena;
    const gt_plan *plan;
    const gt_apply_options *options;
    gt_live live;
    gt_journal journal;
    bool journal_failed;
    gt_str caller, account;
    gt_live_group *groups;
    size_t group_count;
    gt_action_state *states; /* by action */
    gt_str *found_ids;       /* by action: the id under which a rule was authorised again */
    gt_json **nodes;         /* by action, of the result */
    gt_json *result, *refusals;
    size_t soft, hard;       /* refusals */
    bool group_gone;
    bool failed;
} gt_apply;

gt_time_ms gt_apply_now(gt_apply *apply);
void gt_apply_set_state(gt_apply *apply, size_t action, gt_action_state state, gt_str detail);
/* AWS's code and message of the last call. */
gt_str gt_apply_aws_words(gt_apply *apply);

/* attach, detach, isolate (interfaces.c) */
gt_status gt_apply_judge_interfaces(gt_apply *apply, size_t action) GT_MUST_CHECK;
gt_status gt_apply_do_interfaces(gt_apply *apply, size_t action) GT_MUST_CHECK;

#endif
