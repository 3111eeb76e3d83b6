/* replay.h — what a schedule would have made of past events, and what it would have missed.
 * Pure arithmetic over matches whose delivery times are known. */
#ifndef GT_WATCH_REPLAY_H
#define GT_WATCH_REPLAY_H

#include "base/arena.h"
#include "watch/schedule.h"

typedef enum gt_replay_fate {
    GT_REPLAY_MISSED_LATE, /* it arrived after the last run whose window holds its time */
    GT_REPLAY_ALERTED,
    GT_REPLAY_MISSED_CAPPED, /* runs saw it, but had made max_signals alerts already */
    GT_REPLAY_MISSED_GAP,    /* no run looked at its time, and the ledger says so */
} gt_replay_fate;

/* "late", "alerted", "capped", "gap" */
const char *gt_replay_fate_text(gt_replay_fate fate);

typedef struct gt_replay_match {
    gt_str event_id, alert_id;
    gt_time_ms event;   /* @timestamp */
    gt_time_ms at;      /* what windows go by: @timestamp, or the arrival */
    gt_time_ms arrived;
    gt_replay_fate fate; /* out */
    gt_time_ms run;      /* out: start of the run that alerted */
} gt_replay_match;

typedef struct gt_replay_rule {
    const gt_rule *rule;
    gt_replay_match *matches; /* sorted by gt_replay_run */
    size_t count;
    uint64_t runs, gaps;
    uint64_t fates[4]; /* by gt_replay_fate */
    uint64_t lucky;    /* of the alerts: a schedule that starts at another second would miss them */
} gt_replay_rule;

/* The times between which the engine is down: no run starts. */
typedef struct gt_replay_down {
    gt_time_ms from, to; /* to exclusive */
} gt_replay_down;

/* Runs every interval from `start` until every match's fate is sealed. downs are sorted and apart.
 * GT_INVALID: the rule's from and to are no window. */
gt_status gt_replay_run(gt_replay_rule *rule, gt_time_ms start, const gt_replay_down *downs,
                        size_t down_count) GT_MUST_CHECK;

#endif
