#include "watch/schedule.h"

bool gt_schedule_from(const gt_rule *rule, gt_time_ms started, gt_time_ms *ret)
{
    return gt_time_math(rule->from, started, false, ret);
}

bool gt_schedule_plan(const gt_rule *rule, bool has_previous, gt_time_ms previous, gt_time_ms started,
                      gt_schedule *ret)
{
    gt_time_window now;
    if (!gt_schedule_from(rule, started, &now.from) || !gt_time_math(rule->to, started, true, &now.to))
        return false;
    *ret = (gt_schedule){0};
    int64_t interval = rule->interval_ms > 0 ? rule->interval_ms : 1;
    int64_t gap = has_previous ? (started - previous) - (now.to - now.from) : 0;
    int64_t runs = gap > 0 ? (gap + interval - 1) / interval : 0;
    if (runs > GT_CATCH_UP_MAX)
        runs = GT_CATCH_UP_MAX;
    for (int64_t back = runs; back >= 0; back--)
        ret->windows[ret->count++] =
            (gt_time_window){now.from - back * interval, now.to - back * interval};
    int64_t left = gap - runs * interval;
    if (left > 0) {
        ret->has_gap = true;
        ret->gap = (gt_time_window){previous, previous + left};
    }
    return true;
}
