#include "watch/pace.h"

#include "base/limits.h"

#include <time.h>

#define NS_PER_MS UINT64_C(1000000)
#define WINDOW_NS (60 * 1000 * NS_PER_MS)

static uint64_t monotonic_ns(void *ctx)
{
    (void)ctx;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

/* Has a whole minute passed since? `then` may be another thread's, and a little later than now. */
static bool is_past(uint64_t now, uint64_t then)
{
    return now > then && now - then > WINDOW_NS;
}

/* Two threads that both see the window's end may lose one another's share: it only decides a warning. */
static uint64_t add_to_window(gt_pace_rule *r, uint64_t now, uint64_t ns)
{
    if (is_past(now, atomic_load(&r->window))) {
        atomic_store(&r->window, now);
        atomic_store(&r->window_ns, 0);
    }
    return atomic_fetch_add(&r->window_ns, ns) + ns;
}

static void warn(const gt_pace *pace, size_t index, uint64_t now, uint64_t ns, uint64_t window_ns)
{
    gt_pace_rule *r = &pace->rules[index];
    const gt_rule *rule = gt_detector_rule(pace->detector, index);
    unsigned long long said = atomic_load(&r->said);
    if (said && !is_past(now, said))
        return;
    if (!atomic_compare_exchange_strong(&r->said, &said, now))
        return; /* another thread says it */
    gt_log_say(pace->log, GT_LOG_WARN, "rule is slow; events wait for it",
               GT_LOG_TEXT("rule", rule->rule_id), GT_LOG_TEXT("name", rule->name),
               GT_LOG_NUMBER("took_ms", ns / NS_PER_MS),
               GT_LOG_NUMBER("took_ms_in_a_minute", window_ns / NS_PER_MS),
               GT_LOG_NUMBER("evaluations", atomic_load(&r->evaluations)));
}

static void took(void *ctx, size_t index, uint64_t now, uint64_t ns)
{
    const gt_pace *pace = ctx;
    gt_pace_rule *r = &pace->rules[index];
    atomic_fetch_add(&r->evaluations, 1);
    atomic_fetch_add(&r->ns, ns);
    uint64_t window_ns = add_to_window(r, now, ns);
    if (ns >= GT_WATCH_SLOW_EVALUATION_MS * NS_PER_MS ||
        window_ns >= GT_WATCH_SLOW_MINUTE_MS * NS_PER_MS)
        warn(pace, index, now, ns, window_ns);
}

gt_detect_timing gt_pace_timing(gt_pace *pace)
{
    return (gt_detect_timing){pace, monotonic_ns, took};
}
