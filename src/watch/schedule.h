/* schedule.h — when a rule runs and what it looks at, as Elastic's detection engine decides it.
 * Pure arithmetic on times: no clock, no store. */
#ifndef GT_WATCH_SCHEDULE_H
#define GT_WATCH_SCHEDULE_H

#include "base/timeutil.h"
#include "rule/rule.h"

/* Runs that make up for time in which there was none; more is not made up for. */
#define GT_CATCH_UP_MAX 4

typedef struct gt_time_window {
    gt_time_ms from, to; /* both inclusive */
} gt_time_window;

typedef struct gt_schedule {
    gt_time_window windows[GT_CATCH_UP_MAX + 1]; /* the oldest first; the last one is now's */
    size_t count;
    bool has_gap;
    gt_time_window gap; /* what no window covers */
} gt_schedule;

/* What a run that starts at `started` looks at. previous: when the last run started (has_previous
 * false: this is the first). false when the rule's `from` or `to` is no date math. */
bool gt_schedule_plan(const gt_rule *rule, bool has_previous, gt_time_ms previous, gt_time_ms started,
                      gt_schedule *ret);

/* The start of events that a run at `started` can still see. */
bool gt_schedule_from(const gt_rule *rule, gt_time_ms started, gt_time_ms *ret);

#endif
