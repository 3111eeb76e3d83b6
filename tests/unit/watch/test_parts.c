/* watch: queues, the memory of events, windows and catch-up runs. */
#include "test.h"

#include "watch/memory.h"
#include "watch/queue.h"
#include "watch/replay.h"
#include "watch/schedule.h"

#include <pthread.h>

/* --- queue ------------------------------------------------------------------------------------------ */

static void *producer(void *ctx)
{
    gt_queue *q = ctx;
    for (uintptr_t i = 1; i <= 10000; i++)
        assert_int_equal(gt_queue_put(q, (void *)i, 100), GT_OK); /* waits for room */
    gt_queue_close(q);
    return NULL;
}

static void queue(void **state)
{
    (void)state;
    gt_queue *q = gt_queue_new(1000);
    pthread_t thread;
    void *item = NULL;
    assert_int_equal(gt_queue_take(q, 10, &item), GT_END);
    assert_int_equal(pthread_create(&thread, NULL, producer, q), 0);
    for (uintptr_t i = 1; i <= 10000; i++) {
        assert_int_equal(gt_queue_take(q, -1, &item), GT_OK);
        assert_int_equal((uintptr_t)item, i);
        size_t weight;
        assert_true(gt_queue_count(q, &weight) <= 10 && weight <= 1000);
    }
    assert_int_equal(gt_queue_take(q, -1, &item), GT_END);
    assert_int_equal(gt_queue_put(q, q, 1), GT_END);
    pthread_join(thread, NULL);
    gt_queue_free(q);
    /* one item always fits */
    q = gt_queue_new(10);
    assert_int_equal(gt_queue_put(q, q, 1000), GT_OK);
    assert_int_equal(gt_queue_take(q, 0, &item), GT_OK);
    gt_queue_free(q);
}

/* --- memory ----------------------------------------------------------------------------------------- */

static gt_memory_key key_of(uint64_t n, uint64_t content)
{
    uint64_t x = n * UINT64_C(0x9E3779B97F4A7C15);
    return (gt_memory_key){x ^ x >> 29, content};
}

static void memory(void **state)
{
    (void)state;
    gt_memory *m = gt_memory_new(1000);
    for (uint64_t n = 0; n < 100000; n++) {
        assert_int_equal(gt_memory_meet(m, key_of(n, 1)), GT_MEMORY_NEW);
        assert_int_equal(gt_memory_meet(m, key_of(n, 1)), GT_MEMORY_COPY);
        /* at least the last thousand are known */
        if (n >= 999)
            assert_int_equal(gt_memory_meet(m, key_of(n - 999, 1)), GT_MEMORY_COPY);
    }
    assert_int_equal(gt_memory_meet(m, key_of(99999, 2)), GT_MEMORY_CHANGED);
    assert_int_equal(gt_memory_meet(m, key_of(99999, 2)), GT_MEMORY_COPY);
    assert_int_equal(gt_memory_meet(m, key_of(99999, 1)), GT_MEMORY_COPY);
    assert_int_equal(gt_memory_meet(m, (gt_memory_key){0, 0}), GT_MEMORY_NEW);
    assert_int_equal(gt_memory_meet(m, (gt_memory_key){0, 0}), GT_MEMORY_COPY);
    gt_memory_free(m);
}

/* --- schedule --------------------------------------------------------------------------------------- */

#define MINUTE 60000

static void plan_is(const char *from, int64_t interval_min, int64_t since_min, size_t windows,
                    int64_t oldest_from_min, int64_t gap_min)
{
    const gt_time_ms now = (gt_time_ms)1700000000 * 1000;
    gt_rule rule = {.from = gt_str_c(from), .to = GT_STR("now"), .interval_ms = interval_min * MINUTE};
    gt_schedule plan;
    assert_true(gt_schedule_plan(&rule, since_min >= 0, now - since_min * MINUTE, now, &plan));
    assert_int_equal(plan.count, windows);
    assert_int_equal((now - plan.windows[0].from) / MINUTE, oldest_from_min);
    assert_true(plan.windows[plan.count - 1].to == now);
    for (size_t i = 1; i < plan.count; i++)
        assert_true(plan.windows[i].from - plan.windows[i - 1].from == interval_min * MINUTE);
    assert_int_equal(plan.has_gap, gap_min > 0);
    if (gap_min > 0) {
        assert_true(plan.gap.from == now - since_min * MINUTE);
        assert_int_equal((plan.gap.to - plan.gap.from) / MINUTE, gap_min);
    }
}

static void schedule(void **state)
{
    (void)state;
    plan_is("now-9m", 5, -1, 1, 9, 0); /* first run */
    plan_is("now-9m", 5, 5, 1, 9, 0);  /* on time */
    plan_is("now-9m", 5, 9, 1, 9, 0);  /* late, but the window reaches */
    plan_is("now-9m", 5, 10, 2, 14, 0);
    plan_is("now-9m", 5, 14, 2, 14, 0);
    plan_is("now-9m", 5, 15, 3, 19, 0);
    plan_is("now-9m", 5, 29, 5, 29, 0); /* four runs make up for 20 minutes */
    plan_is("now-9m", 5, 30, 5, 29, 1);
    plan_is("now-9m", 5, 60, 5, 29, 31);
    plan_is("now-6m", 5, 24 * 60, 5, 26, 24 * 60 - 26);
    gt_rule bad = {.from = GT_STR("yesterday"), .to = GT_STR("now"), .interval_ms = MINUTE};
    gt_schedule plan;
    assert_false(gt_schedule_plan(&bad, false, 0, 0, &plan));
}

/* --- replay: the windows against a plain search over every run --------------------------------------- */

static gt_replay_match match_at(unsigned id, int64_t event_s, int64_t delay_s, char name[8])
{
    snprintf(name, 8, "%u", id);
    gt_time_ms base = (gt_time_ms)1700000000 / 300 * 300 * 1000;
    return (gt_replay_match){.event_id = gt_str_c(name), .alert_id = gt_str_c(name),
                             .event = base + event_s * 1000, .at = base + event_s * 1000,
                             .arrived = base + (event_s + delay_s) * 1000};
}

static void replay(void **state)
{
    (void)state;
    gt_rule rule = {.from = GT_STR("now-9m"), .to = GT_STR("now"), .interval_ms = 5 * MINUTE,
                    .max_signals = 100};
    gt_time_ms start = (gt_time_ms)1700000000 / 300 * 300 * 1000;
    /* every second of an interval, every delay up to 20 minutes: missed exactly when no multiple of
     * five minutes lies between arrival and event + 9 minutes */
    for (int64_t delay = 0; delay < 1200; delay += 7) {
        for (int64_t second = 600; second < 900; second += 13) {
            char name[8];
            gt_replay_match m = match_at(1, second, delay, name);
            gt_replay_rule plan = {.rule = &rule, .matches = &m, .count = 1};
            assert_int_equal(gt_replay_run(&plan, start, NULL, 0), GT_OK);
            bool seen = false;
            for (int64_t run = 0; run < 3600; run += 300)
                seen = seen || (run >= second + delay && run - 540 <= second && run >= second);
            assert_int_equal(m.fate == GT_REPLAY_ALERTED, seen);
        }
    }
    /* five at once, two allowed: two now, two in the next run, one never */
    char names[5][8];
    gt_replay_match five[5];
    for (unsigned i = 0; i < 5; i++)
        five[i] = match_at(i, 1, 0, names[i]);
    rule.max_signals = 2;
    gt_replay_rule plan = {.rule = &rule, .matches = five, .count = 5};
    assert_int_equal(gt_replay_run(&plan, start, NULL, 0), GT_OK);
    assert_int_equal(plan.fates[GT_REPLAY_ALERTED], 2); /* the run at 10:00 reaches back to 1 minute */
    assert_int_equal(plan.fates[GT_REPLAY_MISSED_CAPPED], 3);
    /* down for two hours: events of the first 90 minutes are in the gap */
    rule.max_signals = 100;
    gt_replay_match during[12];
    char more[12][8];
    for (unsigned i = 0; i < 12; i++)
        during[i] = match_at(i, 600 + i * 600, 0, more[i]);
    gt_replay_down down = {start + 5 * MINUTE + 1, start + 125 * MINUTE};
    plan = (gt_replay_rule){.rule = &rule, .matches = during, .count = 12};
    assert_int_equal(gt_replay_run(&plan, start, &down, 1), GT_OK);
    /* last run 0:05, next 2:05: gap 120 - 9 - 20 = 91 minutes, to 1:36 */
    assert_int_equal(plan.gaps, 1);
    assert_int_equal(plan.fates[GT_REPLAY_MISSED_GAP], 9); /* 0:10 … 1:30 */
    assert_int_equal(plan.fates[GT_REPLAY_ALERTED], 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queue),
        cmocka_unit_test(memory),
        cmocka_unit_test(schedule),
        cmocka_unit_test(replay),
    };
    return cmocka_run_group_tests_name("watch/parts", tests, NULL, NULL);
}
