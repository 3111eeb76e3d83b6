/* The event store against a naive list: random records, random searches, refilling, expiry, damage. */
#include "test.h"

#include "base/limits.h"
#include "store/events.h"
#include "store/filler.h"
#include "store/terms.h"

#define RECORDS 6000

typedef struct rec {
    char *json;
    gt_time_ms time;
} rec;

typedef struct fixture {
    gt_arena *arena;
    gt_store *store;
    rec *recs;
    uint64_t rng;
} fixture;

static uint64_t rnd(fixture *f, uint64_t n)
{
    f->rng ^= f->rng << 13;
    f->rng ^= f->rng >> 7;
    f->rng ^= f->rng << 17;
    return f->rng % n;
}

static void make_record(fixture *f, rec *r, size_t i)
{
    char buf[1024];
    /* Mostly in order of time, some far off, a few without a time. */
    r->time = (gt_time_ms)(i * 100 + rnd(f, 1000));
    if (rnd(f, 50) == 0)
        r->time = (gt_time_ms)rnd(f, RECORDS * 100);
    if (rnd(f, 500) == 0)
        r->time = GT_EVENT_NO_TIME;
    static const char *const names[] = {"A", "Bb", "Ccc", "D\\u0044d", "with \\\"quote\\\""};
    (void)snprintf(buf, sizeof buf,
                   "{\"eventID\" : \"id-%zu\",\n\"eventName\":\"%s\",\"key\":\"AKIA%llu\","
                   "\"n\":{\"list\":[\"g-%llu\", \"g-%llu\"],\"v\":%llu}}",
                   i, names[rnd(f, 5)], (unsigned long long)rnd(f, 300),
                   (unsigned long long)rnd(f, 2000), (unsigned long long)rnd(f, 2000),
                   (unsigned long long)rnd(f, 100));
    r->json = strdup(buf);
}

static void put(fixture *f, gt_event_batch *batch, int64_t first_own, size_t *written)
{
    size_t n;
    assert_int_equal(gt_event_batch_drop_known(batch, f->store, first_own), GT_OK);
    assert_int_equal(gt_event_batch_seal(batch), GT_OK);
    assert_int_equal(gt_events_insert(f->store, batch, &n), GT_OK);
    *written += n;
}

/* Fill with records from..to; blocks of a random size. Returns how many were new. */
static size_t fill(fixture *f, size_t from, size_t to)
{
    int64_t first_own;
    size_t written = 0;
    gt_event_batch *batch = gt_event_batch_new();
    assert_non_null(batch);
    assert_int_equal(gt_events_next_block(f->store, &first_own), GT_OK);
    assert_int_equal(gt_store_begin(f->store), GT_OK);
    for (size_t i = from; i < to; i++) {
        assert_int_equal(gt_event_batch_add(batch, gt_str_c(f->recs[i].json), f->recs[i].time),
                         GT_OK);
        if (rnd(f, 150) == 0)
            put(f, batch, first_own, &written);
    }
    put(f, batch, first_own, &written);
    assert_int_equal(gt_store_commit(f->store), GT_OK);
    gt_event_batch_free(batch);
    return written;
}

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    f->rng = 88172645463325252ULL;
    f->arena = gt_arena_new(GT_SCRATCH_ARENA_MAX);
    assert_int_equal(gt_store_open("", NULL, f->arena, &f->store, NULL), GT_OK);
    f->recs = calloc(RECORDS, sizeof *f->recs);
    for (size_t i = 0; i < RECORDS; i++)
        make_record(f, &f->recs[i], i);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    gt_store_close(f->store);
    for (size_t i = 0; i < RECORDS; i++)
        free(f->recs[i].json);
    free(f->recs);
    gt_arena_free(f->arena);
    free(f);
    return 0;
}

typedef struct answer {
    fixture *f;
    bool *seen; /* by record */
    size_t count;
    gt_time_ms last;
} answer;

static gt_status take(void *user, const gt_event_found *found)
{
    answer *a = user;
    unsigned long i = strtoul(found->json.ptr + sizeof("{\"eventID\" : \"id-") - 1, NULL, 10);
    assert_true(i < RECORDS);
    assert_true(gt_str_eq(found->json, gt_str_c(a->f->recs[i].json)));
    assert_true(found->time == a->f->recs[i].time);
    assert_false(a->seen[i]);
    assert_true(found->time >= a->last);
    a->last = found->time;
    a->seen[i] = true;
    a->count++;
    return GT_OK;
}

static bool naive(const rec *r, const char *json_form)
{
    return !json_form || strstr(r->json, json_form);
}

/* One search of up to two values (given decoded, and as they stand in the JSON text). */
static void compare(fixture *f, gt_str v1, const char *j1, gt_str v2, const char *j2,
                    gt_time_ms since, gt_time_ms until)
{
    bool untimed = rnd(f, 2);
    gt_event_terms terms[2] = {{&v1, 1}, {&v2, 1}};
    gt_event_search search = {.since = since, .until = until, .all_of = terms,
                              .all_of_count = v2.ptr ? 2 : v1.ptr ? 1 : 0, .untimed = untimed};
    bool *seen = calloc(RECORDS, sizeof *seen);
    answer a = {f, seen, 0, INT64_MIN};
    gt_event_search_cost cost;
    assert_int_equal(gt_events_find(f->store, &search, take, &a, &cost), GT_OK);
    for (size_t i = 0; i < RECORDS; i++) {
        const rec *r = &f->recs[i];
        bool inside = r->time >= since && r->time < until;
        bool want = (inside || (untimed && r->time == GT_EVENT_NO_TIME)) && naive(r, j1) &&
                    naive(r, j2);
        if (want != seen[i])
            fail_msg("record %zu: want %d, got %d", i, want, seen[i]);
    }
    free(seen);
}

static void equals_naive(void **state)
{
    fixture *f = *state;
    assert_int_equal(fill(f, 0, RECORDS), RECORDS);
    char value[32], json[64], value2[32], json2[64];
    for (int round = 0; round < 60; round++) {
        gt_time_ms since = rnd(f, 2) ? INT64_MIN : (gt_time_ms)rnd(f, RECORDS * 100);
        gt_time_ms until = rnd(f, 2) ? INT64_MAX : (gt_time_ms)rnd(f, RECORDS * 100);
        (void)snprintf(value, sizeof value, "g-%llu", (unsigned long long)rnd(f, 2100));
        (void)snprintf(json, sizeof json, "\"%s\"", value);
        (void)snprintf(value2, sizeof value2, "AKIA%llu", (unsigned long long)rnd(f, 310));
        (void)snprintf(json2, sizeof json2, "\"%s\"", value2);
        compare(f, gt_str_c(value), json, GT_STR_NULL, NULL, since, until);
        compare(f, gt_str_c(value2), json2, gt_str_c(value), json, INT64_MIN, INT64_MAX);
    }
    compare(f, GT_STR_NULL, NULL, GT_STR_NULL, NULL, INT64_MIN, INT64_MAX);
    compare(f, GT_STR("DDd"), "D\\u0044d", GT_STR_NULL, NULL, INT64_MIN, INT64_MAX);
    compare(f, GT_STR("with \"quote\""), "\"with \\\"quote", GT_STR_NULL, NULL, INT64_MIN, 300000);
    compare(f, GT_STR("eventID"), "no such value: it is a key", GT_STR_NULL, NULL, INT64_MIN,
            INT64_MAX);
}

static void filters_select(void **state)
{
    fixture *f = *state;
    (void)fill(f, 0, RECORDS);
    gt_str id = GT_STR("id-4711");
    gt_event_terms terms = {&id, 1};
    gt_event_search search = {
        .since = INT64_MIN, .until = INT64_MAX, .all_of = &terms, .all_of_count = 1};
    bool *seen = calloc(RECORDS, sizeof *seen);
    answer a = {f, seen, 0, INT64_MIN};
    gt_event_search_cost cost;
    assert_int_equal(gt_events_find(f->store, &search, take, &a, &cost), GT_OK);
    assert_int_equal(a.count, 1);
    assert_true(cost.blocks_seen > 20);
    assert_true(cost.blocks_inflated <= 3);
    free(seen);
}

static void refill_changes_nothing(void **state)
{
    fixture *f = *state;
    assert_int_equal(fill(f, 0, 4000), 4000);
    assert_int_equal(fill(f, 0, 4000), 0);
    assert_int_equal(fill(f, 2000, RECORDS), RECORDS - 4000);
    gt_events_stats stats;
    assert_int_equal(gt_events_stats_get(f->store, &stats), GT_OK);
    assert_int_equal(stats.events, RECORDS);
    compare(f, GT_STR_NULL, NULL, GT_STR_NULL, NULL, INT64_MIN, INT64_MAX);
}

/* Two processes may fill at the same moment; the answer still has each record once. */
static void doubled_block_is_answered_once(void **state)
{
    fixture *f = *state;
    size_t n;
    gt_event_batch *batch = gt_event_batch_new();
    for (int copy = 0; copy < 2; copy++) {
        for (size_t i = 0; i < 100; i++)
            assert_int_equal(
                gt_event_batch_add(batch, gt_str_c(f->recs[i].json), f->recs[i].time), GT_OK);
        assert_int_equal(gt_event_batch_seal(batch), GT_OK);
        assert_int_equal(gt_events_insert(f->store, batch, &n), GT_OK);
        assert_int_equal(n, 100);
    }
    gt_event_batch_free(batch);
    bool *seen = calloc(RECORDS, sizeof *seen);
    answer a = {f, seen, 0, INT64_MIN};
    gt_event_search search = {.since = INT64_MIN, .until = INT64_MAX};
    assert_int_equal(gt_events_find(f->store, &search, take, &a, NULL), GT_OK);
    assert_int_equal(a.count, 100);
    free(seen);
}

static void expires(void **state)
{
    fixture *f = *state;
    (void)fill(f, 0, RECORDS);
    uint64_t gone;
    gt_events_stats before, after;
    assert_int_equal(gt_events_stats_get(f->store, &before), GT_OK);
    assert_int_equal(gt_events_expire(f->store, 100000, &gone), GT_OK);
    assert_int_equal(gt_events_stats_get(f->store, &after), GT_OK);
    assert_true(gone > 0);
    assert_int_equal(before.events, after.events + gone);
    sqlite3_stmt *stmt;
    bool row;
    assert_int_equal(gt_store_prepare(f->store, "SELECT count(*) FROM event_raw", &stmt), GT_OK);
    assert_int_equal(gt_store_step(f->store, stmt, &row), GT_OK);
    assert_int_equal(gt_store_col_i64(stmt, 0), (int64_t)after.blocks);
    (void)sqlite3_reset(stmt);
    /* What is left holds every record that is young enough. */
    bool *seen = calloc(RECORDS, sizeof *seen);
    answer a = {f, seen, 0, INT64_MIN};
    gt_event_search search = {.since = 100000, .until = INT64_MAX};
    assert_int_equal(gt_events_find(f->store, &search, take, &a, NULL), GT_OK);
    for (size_t i = 0; i < RECORDS; i++)
        assert_true(seen[i] == (f->recs[i].time >= 100000));
    free(seen);
}

static void damage_is_told(void **state)
{
    fixture *f = *state;
    (void)fill(f, 0, 500);
    assert_int_equal(gt_store_exec(f->store, "UPDATE event_raw SET data = substr(data, 1, 100)"),
                     GT_OK);
    bool *seen = calloc(RECORDS, sizeof *seen);
    answer a = {f, seen, 0, INT64_MIN};
    gt_event_search search = {.since = INT64_MIN, .until = INT64_MAX};
    assert_int_equal(gt_events_find(f->store, &search, take, &a, NULL), GT_CORRUPT);
    free(seen);
}

static gt_status stop_at_once(void *user, const gt_event_found *found)
{
    (void)found;
    (*(int *)user)++;
    return GT_END;
}

static void callback_stops(void **state)
{
    fixture *f = *state;
    (void)fill(f, 0, 500);
    int calls = 0;
    gt_event_search search = {.since = INT64_MIN, .until = INT64_MAX};
    assert_int_equal(gt_events_find(f->store, &search, stop_at_once, &calls, NULL), GT_OK);
    assert_int_equal(calls, 1);
}

static void filter_never_says_no(void **state)
{
    (void)state;
    for (size_t n = 1; n < 3000; n = n * 3 + 1) {
        size_t bytes = gt_filter_bytes(n), wrong = 0;
        uint8_t *filter = calloc(1, bytes);
        for (size_t i = 0; i < n; i++)
            gt_filter_add(filter, bytes, gt_term_hash((gt_str){(char *)&i, sizeof i}));
        for (size_t i = 0; i < n; i++)
            assert_true(
                gt_filter_may_have(filter, bytes, gt_term_hash((gt_str){(char *)&i, sizeof i})));
        for (size_t i = n; i < n + 10000; i++)
            wrong += gt_filter_may_have(filter, bytes, gt_term_hash((gt_str){(char *)&i, sizeof i}));
        assert_true(wrong < 200);
        free(filter);
    }
}

static gt_status count_found(void *user, const gt_event_found *found)
{
    (void)found;
    (*(int *)user)++;
    return GT_OK;
}

/* Fill and search with the nth request for memory failing: an answer, or GT_NOMEM, and nothing leaks. */
static gt_status fill_and_find(fixture *f, int *ret_found)
{
    gt_filler *filler;
    gt_filler_counts counts;
    GT_TRY(gt_filler_new(f->store, &filler));
    gt_filler_worker *worker = gt_filler_worker_new(filler);
    gt_status status = worker ? GT_OK : GT_NOMEM;
    for (size_t i = 0; i < 40 && status == GT_OK; i++)
        status = gt_filler_add(worker, gt_str_c(f->recs[i].json), GT_STR("2025-01-01T00:00:00Z"));
    gt_status done = gt_filler_worker_done(worker), closed = gt_filler_close(filler, &counts);
    GT_TRY(status);
    GT_TRY(done);
    GT_TRY(closed);
    gt_event_search search = {.since = INT64_MIN, .until = INT64_MAX};
    return gt_events_find(f->store, &search, count_found, ret_found, NULL);
}

static void memory_runs_out(void **state)
{
    fixture *f = *state;
    bool ok = false;
    for (long after = 0; after < 400 && !ok; after++) {
        int found = 0;
        gt_mem_fail_after(after);
        gt_status status = fill_and_find(f, &found);
        gt_mem_fail_after(-1);
        ok = status == GT_OK;
        if (ok)
            assert_int_equal(found, 40);
        else
            assert_int_equal(status, GT_NOMEM);
    }
    assert_true(ok);
}

static void finds_bytes(void **state)
{
    (void)state;
    char hay[200];
    uint64_t rng = 7;
    for (int round = 0; round < 20000; round++) {
        size_t n = rng % sizeof hay, m = rng / 256 % 20;
        for (size_t i = 0; i < n; i++) {
            rng = rng * 6364136223846793005ULL + 1442695040888963407ULL;
            hay[i] = (char)('a' + (rng >> 60) % 3);
        }
        size_t from = n ? (rng >> 33) % n : 0;
        char needle[32];
        size_t len = from + m <= n ? m : n - from;
        memcpy(needle, hay + from, len);
        if (len && rng >> 63)
            needle[len - 1] = 'c';
        gt_str h = {hay, n}, s = {needle, len};
        assert_int_equal(gt_bytes_find(h, s), gt_str_find(h, s));
        rng = rng * 6364136223846793005ULL + 1442695040888963407ULL;
    }
}

/* Halving gives exactly the filter that would have been built at half the size. */
static void halving_is_exact(void **state)
{
    (void)state;
    enum { BYTES = 4096 };
    static uint8_t large[BYTES], small[BYTES / 2];
    for (size_t i = 0; i < 700; i++) {
        uint64_t hash = gt_term_hash((gt_str){(char *)&i, sizeof i});
        gt_filter_add(large, BYTES, hash);
        gt_filter_add(small, BYTES / 2, hash);
    }
    gt_filter_halve(large, BYTES);
    assert_memory_equal(large, small, BYTES / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        T(equals_naive), T(filters_select), T(refill_changes_nothing),
        T(doubled_block_is_answered_once), T(expires), T(damage_is_told), T(callback_stops),
        T(memory_runs_out),
        cmocka_unit_test(filter_never_says_no), cmocka_unit_test(halving_is_exact),
        cmocka_unit_test(finds_bytes),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
