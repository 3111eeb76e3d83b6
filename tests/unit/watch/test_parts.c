/* watch: queues, the memory of events, windows and catch-up runs. */
#include "test.h"

#include "watch/memory.h"
#include "watch/queue.h"
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queue),
        cmocka_unit_test(memory),
        cmocka_unit_test(schedule),
    };
    return cmocka_run_group_tests_name("watch/parts", tests, NULL, NULL);
}
