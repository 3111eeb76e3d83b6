#include "watch/replay.h"

#include <stdlib.h>

const char *gt_replay_fate_text(gt_replay_fate fate)
{
    static const char *const texts[] = {"late", "alerted", "capped", "gap"};
    return texts[fate];
}

static int by_time(const void *a, const void *b)
{
    const gt_replay_match *x = a, *y = b;
    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    if (x->event != y->event)
        return x->event < y->event ? -1 : 1;
    return gt_str_cmp(x->alert_id, y->alert_id);
}

/* The first match at or after t. */
static size_t first_at(const gt_replay_rule *r, gt_time_ms t)
{
    size_t low = 0, high = r->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (r->matches[middle].at < t)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void run_window(gt_replay_rule *r, const gt_time_window *window, gt_time_ms now)
{
    int64_t made = 0;
    for (size_t i = first_at(r, window->from); i < r->count && r->matches[i].at <= window->to; i++) {
        gt_replay_match *m = &r->matches[i];
        if (m->fate == GT_REPLAY_ALERTED || m->arrived > now)
            continue;
        if (made >= r->rule->max_signals) {
            m->fate = GT_REPLAY_MISSED_CAPPED;
            continue;
        }
        m->fate = GT_REPLAY_ALERTED;
        m->run = now;
        made++;
    }
}

static void mark_gap(gt_replay_rule *r, const gt_time_window *gap)
{
    for (size_t i = first_at(r, gap->from); i < r->count && r->matches[i].at <= gap->to; i++) {
        if (r->matches[i].fate == GT_REPLAY_MISSED_LATE)
            r->matches[i].fate = GT_REPLAY_MISSED_GAP;
    }
    r->gaps++;
}

/* The last moment at which something can still change. */
static gt_time_ms end_of(const gt_replay_rule *r, gt_time_ms start, gt_time_ms width)
{
    gt_time_ms end = start;
    for (size_t i = 0; i < r->count; i++) {
        const gt_replay_match *m = &r->matches[i];
        gt_time_ms last = (m->at > m->arrived ? m->at : m->arrived) + width;
        end = last > end ? last : end;
    }
    return end + r->rule->interval_ms;
}

/* t, or when the engine is up again. */
static gt_time_ms when_up(gt_time_ms t, const gt_replay_down *downs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (t >= downs[i].from && t < downs[i].to)
            return downs[i].to;
    }
    return t;
}

gt_status gt_replay_run(gt_replay_rule *r, gt_time_ms start, const gt_replay_down *downs,
                        size_t down_count)
{
    gt_time_ms from;
    if (!gt_schedule_from(r->rule, start, &from) || r->rule->interval_ms <= 0)
        return GT_INVALID;
    qsort(r->matches, r->count, sizeof *r->matches, by_time);
    for (size_t i = 0; i < r->count; i++)
        r->matches[i].fate = GT_REPLAY_MISSED_LATE;
    bool has_previous = false;
    gt_time_ms previous = 0, end = end_of(r, start, start - from);
    for (gt_time_ms due = start; due <= end; due += r->rule->interval_ms) {
        gt_time_ms now = when_up(due, downs, down_count);
        gt_schedule plan;
        if (!gt_schedule_plan(r->rule, has_previous, previous, now, &plan))
            return GT_INVALID;
        for (size_t i = 0; i < plan.count; i++)
            run_window(r, &plan.windows[i], now);
        if (plan.has_gap)
            mark_gap(r, &plan.gap);
        has_previous = true;
        previous = due = now;
        r->runs++;
    }
    for (size_t i = 0; i < r->count; i++) {
        const gt_replay_match *m = &r->matches[i];
        r->fates[m->fate]++;
        /* Only runs between its arrival and the end of its last window can see it. */
        bool certain = m->at + (start - from) - m->arrived >= r->rule->interval_ms;
        r->lucky += m->fate == GT_REPLAY_ALERTED && !certain;
    }
    return GT_OK;
}
