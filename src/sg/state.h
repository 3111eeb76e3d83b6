/* state.h — the rules of one group while its changes are applied; inside src/sg.
 * The same code runs for real (a step is given: versions are kept) and as a trial (no step) that asks
 * which order of the changes of one second can have happened. */
#ifndef GT_SG_STATE_H
#define GT_SG_STATE_H

#include "sg/history_internal.h"

typedef struct gt_sg_slot {
    gt_sg_rule rule;
    gt_sg_version *version; /* NULL in a trial */
    bool live;              /* false: known to be absent; kept only while the baseline is partial */
} gt_sg_slot;

typedef struct gt_sg_state {
    gt_sg_slot *items;
    size_t count, cap;
    bool exists; /* seen created */
    bool deleted;
} gt_sg_state;

typedef struct gt_sg_fold {
    gt_arena *arena; /* versions and steps */
    bool complete;   /* every rule is known: what is not in the state is not there */
    bool ipv6;       /* a new group gets ::/0 too */
    gt_str *told;    /* ids that some authorise told, sorted */
    size_t told_count;
    gt_sg_version **versions;
    size_t version_count, version_cap;
    size_t unknown_removed;
} gt_sg_fold;

/* How many of EC2's own rules would this change break here: 0 means that it can have happened. */
int gt_sg_state_check(const gt_sg_fold *fold, const gt_sg_state *state, const gt_sg_change *change);
/* Apply it. step: NULL in a trial. false without memory. */
bool gt_sg_state_apply(gt_sg_fold *fold, gt_arena *arena, gt_sg_state *state,
                       const gt_sg_change *change, gt_sg_step *step) GT_MUST_CHECK;
/* Put a rule into the state that was in force before the first change. */
bool gt_sg_state_seed(gt_sg_fold *fold, gt_arena *arena, gt_sg_state *state,
                      const gt_sg_rule *rule, bool anchored) GT_MUST_CHECK;
bool gt_sg_state_copy(gt_arena *arena, const gt_sg_state *from, gt_sg_state *ret) GT_MUST_CHECK;

/* order.c: put the `count` changes of one second, sorted by event id, into an order that can have
 * happened. */
bool gt_sg_changes_order(gt_sg_fold *fold, gt_arena *scratch, const gt_sg_state *state,
                         gt_sg_change **changes, size_t count) GT_MUST_CHECK;

#endif
