/* setup.h — what is swapped as a whole when rules or configuration are reloaded: the rule set, its
 * detector, the mapper's tables, and which rules run on a schedule. Immutable and counted; threads
 * that still work with an old one keep it alive. Only `pace` is written, by atomic additions. */
#ifndef GT_WATCH_SETUP_H
#define GT_WATCH_SETUP_H

#include "detect/detect.h"

#include "watch/pace.h"

typedef struct gt_watch_setup {
    gt_arena *arena; /* owns everything but the tables */
    const gt_rules *rules;
    const gt_detector *detector;
    gt_ecs_tables *tables;
    const gt_detect_enrich *enrich; /* what workers use (judge.h); NULL: no rule reads gatetrail.* */
    const bool *scheduled;          /* by the detector's index: runs on its schedule */
    bool any_scheduled;
    gt_pace_rule *pace;             /* by the detector's index */
    atomic_uint holders;
} gt_watch_setup;

typedef struct gt_watch_setup_options {
    gt_rules_options rules;
    gt_ecs_options ecs;
    /* Which rules run; NULL: those that are enabled. */
    bool (*select)(void *ctx, const gt_rule *rule);
    /* Which of them on their schedule; NULL: none. */
    bool (*scheduled)(void *ctx, const gt_rule *rule);
    void *ctx;
    gt_time_ms now;
} gt_watch_setup_options;

/* Load and check everything. GT_INVALID: rules or tables are wrong, out says how (as `rules check`
 * prints it); warnings are there too on GT_OK. */
gt_status gt_watch_setup_load(const gt_watch_setup_options *options, gt_watch_setup **ret,
                              gt_buf *out) GT_MUST_CHECK;

/* In `arena`, which it owns from then on; NULL without memory (the arena stays the caller's). */
gt_watch_setup *gt_watch_setup_new(gt_arena *arena);
gt_watch_setup *gt_watch_setup_hold(gt_watch_setup *setup);
void gt_watch_setup_release(gt_watch_setup *setup); /* NULL is allowed */

#endif
