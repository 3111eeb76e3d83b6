/* watch: the whole engine on a folder, with the built-in rules; alerts go to a table of the test's.
 * The clock of schedules is frozen and moved by hand. */
#include "test.h"

#include "base/limits.h"
#include "watch/watch.h"

#include <stdatomic.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* --- the world -------------------------------------------------------------------------------------- */

static atomic_bool stop;
static _Atomic gt_time_ms frozen; /* 0: the real clock */

static gt_time_ms real_now(void *ctx)
{
    (void)ctx;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (gt_time_ms)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}
static gt_time_ms engine_now(void *ctx)
{
    gt_time_ms t = atomic_load(&frozen);
    return t ? t : real_now(ctx);
}
static void real_sleep(void *ctx, int64_t ms)
{
    (void)ctx;
    for (; ms > 0 && !atomic_load(&stop); ms -= 10)
        usleep(10000);
}
static uint64_t real_random(void *ctx)
{
    (void)ctx;
    return 4;
}
static bool real_stopped(void *ctx)
{
    (void)ctx;
    return atomic_load(&stop);
}
static const gt_net_env ENV = {NULL, NULL, real_now, real_sleep, real_random, real_stopped};

/* --- output ----------------------------------------------------------------------------------------- */

static atomic_int fail_next; /* so many calls fail */

static gt_status put_alert(void *ctx, gt_store *store, const gt_watch_alert *alert, bool *ret_new)
{
    (void)ctx;
    if (atomic_load(&fail_next) > 0) {
        atomic_fetch_sub(&fail_next, 1);
        return GT_IO;
    }
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(store, "INSERT INTO t_alert(id, json) VALUES(?1,?2)"
                                   " ON CONFLICT(id) DO NOTHING", &stmt));
    gt_store_bind_str(stmt, 1, alert->id);
    gt_store_bind_str(stmt, 2, alert->json);
    GT_TRY(gt_store_run(store, stmt));
    *ret_new = sqlite3_changes(gt_store_db(store)) > 0;
    return GT_OK;
}

static char root[64], db[96];

static int64_t number(const char *sql)
{
    gt_arena *arena = gt_arena_new(GT_MIB);
    gt_store *store = NULL;
    gt_str why;
    assert_int_equal(gt_store_open(db, NULL, arena, &store, &why), GT_OK);
    sqlite3_stmt *stmt;
    assert_int_equal(gt_store_prepare(store, sql, &stmt), GT_OK);
    bool row = false;
    assert_int_equal(gt_store_step(store, stmt, &row), GT_OK);
    int64_t n = row ? gt_store_col_i64(stmt, 0) : -1;
    gt_store_close(store);
    gt_arena_free(arena);
    return n;
}

static int setup(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "/tmp/gatetrail-engine-XXXXXX");
    if (!mkdtemp(root))
        return -1;
    snprintf(db, sizeof db, "%s.db", root);
    gt_arena *arena = gt_arena_new(GT_MIB);
    gt_store *store = NULL;
    gt_str why;
    assert_int_equal(gt_store_open(db, NULL, arena, &store, &why), GT_OK);
    assert_int_equal(gt_store_exec(store, "CREATE TABLE t_alert(id TEXT PRIMARY KEY, json TEXT)"), GT_OK);
    gt_store_close(store);
    gt_arena_free(arena);
    atomic_store(&frozen, 0);
    atomic_store(&fail_next, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    char command[256];
    snprintf(command, sizeof command, "rm -r %s %s*", root, db);
    return system(command);
}

/* --- events ----------------------------------------------------------------------------------------- */

/* One record; unless quiet, the built-in rule fires on it. */
static void add_record(gt_buf *out, unsigned id, gt_time_ms at, bool quiet)
{
    char time[GT_TIME_TEXT_MAX];
    gt_time_format_short(at, time);
    gt_buf_printf(out,
                  "%s{\"eventVersion\":\"1.08\",\"userIdentity\":{\"type\":\"IAMUser\",\"accountId\":"
                  "\"123456789012\",\"userName\":\"admin\"},\"eventTime\":\"%s\",\"eventSource\":"
                  "\"ec2.amazonaws.com\",\"eventName\":\"%s\",\"awsRegion\":"
                  "\"us-east-1\",\"sourceIPAddress\":\"192.0.2.1\",\"eventID\":"
                  "\"00000000-0000-4000-8000-%012u\"}",
                  out->len ? "," : "", time, quiet ? "DescribeInstances" : "RevokeSecurityGroupIngress",
                  id);
}

/* Ids from 1000000 on do not fire. */
static void write_records(const char *name, unsigned first, unsigned count, gt_time_ms at)
{
    gt_buf text = GT_BUF(GT_GIB);
    for (unsigned i = 0; i < count; i++)
        add_record(&text, first + i, at, first + i >= 1000000);
    char tmp[160], path[160];
    snprintf(tmp, sizeof tmp, "%s/%s.tmp", root, name);
    snprintf(path, sizeof path, "%s/%s", root, name);
    FILE *f = fopen(tmp, "wb");
    assert_non_null(f);
    fprintf(f, "{\"Records\":[%s]}", text.data);
    fclose(f);
    assert_int_equal(rename(tmp, path), 0);
    gt_buf_done(&text);
}

/* --- running ---------------------------------------------------------------------------------------- */

static bool always(void *ctx, const gt_rule *rule)
{
    (void)ctx, (void)rule;
    return true;
}

static gt_watch *start(bool scheduled, const gt_rule_text *text)
{
    gt_watch_setup_options setup_options = {.now = engine_now(NULL)};
    if (scheduled)
        setup_options.scheduled = always;
    if (text) {
        setup_options.rules = (gt_rules_options){.no_builtin = true, .texts = text, .text_count = 1};
    }
    gt_watch_setup *s = NULL;
    gt_buf why = GT_BUF(GT_MIB);
    if (gt_watch_setup_load(&setup_options, &s, &why) != GT_OK)
        fail_msg("%s", why.data);
    gt_feed_config source = {.name = GT_STR("logs"), .type = GT_STR("folder"),
                             .path = gt_str_c(root), .poll_ms = 500};
    gt_watch_options options = {.env = &ENV, .now = engine_now, .store_path = db, .sources = &source,
                                .source_count = 1, .setup = s, .output = {.alert = put_alert}};
    gt_watch *w = NULL;
    atomic_store(&stop, false);
    if (gt_watch_start(&options, &w, &why) != GT_OK)
        fail_msg("%s", why.data);
    gt_buf_done(&why);
    return w;
}

static gt_status end(gt_watch *w, int64_t drain_ms)
{
    atomic_store(&stop, true);
    return gt_watch_stop(w, drain_ms);
}

/* Wait until the query gives the number, for ten seconds. */
static void becomes(const char *sql, int64_t expected)
{
    int64_t n = -1;
    for (int i = 0; i < 200; i++) {
        n = number(sql);
        if (n == expected)
            return;
        usleep(50000);
    }
    fail_msg("%s: %lld, expected %lld", sql, (long long)n, (long long)expected);
}

#define ALERTS "SELECT count(*) FROM t_alert"
#define COUNT(column) "SELECT " column " FROM watch_source WHERE name = 'logs'"

static void continuous(void **state)
{
    (void)state;
    gt_time_ms old = (gt_time_ms)1600000000 * 1000; /* however late */
    gt_watch *w = start(false, NULL);
    write_records("a.json", 1, 50, old);
    becomes(ALERTS, 50);
    write_records("b.json", 26, 50, old); /* half of them copies */
    becomes(ALERTS, 75);
    becomes(COUNT("duplicate"), 25);
    write_records("c.json", 70, 10, old + 10000); /* known ids, other bytes; five new */
    becomes(ALERTS, 79);
    becomes(COUNT("changed"), 6);
    gt_arena *arena = gt_arena_new(GT_MIB);
    gt_watch_stats stats;
    assert_int_equal(gt_watch_stats_get(w, arena, &stats), GT_OK);
    assert_int_equal(stats.sources[0].counts.read, 110);
    assert_int_equal(stats.sources[0].counts.alerts, 79);
    assert_int_equal(stats.store_failures, 0);
    gt_arena_free(arena);
    assert_int_equal(end(w, 5000), GT_OK);

    /* started again: old files are not read, a copy is harmless */
    w = start(false, NULL);
    write_records("d.json", 100, 7, old);
    write_records("e.json", 1, 50, old);
    becomes(ALERTS, 86);
    becomes(COUNT("read"), 167);
    assert_int_equal(number(COUNT("read - evaluated - duplicate - rejected")), 0);
    assert_int_equal(end(w, 5000), GT_OK);
}

/* The store fails for a while: everything waits, nothing is lost or twice. */
static void store_fails(void **state)
{
    (void)state;
    atomic_store(&fail_next, 3);
    gt_watch *w = start(false, NULL);
    for (unsigned i = 0; i < 20; i++) {
        char name[32];
        snprintf(name, sizeof name, "f%u.json", i);
        write_records(name, 1 + i * 10, 10, (gt_time_ms)1600000000 * 1000);
    }
    becomes(ALERTS, 200);
    becomes(COUNT("read"), 200);
    assert_int_equal(number(COUNT("duplicate")), 0);
    assert_int_equal(end(w, 5000), GT_OK);
    /* it fails to the end: stopped in time, and the next start finds everything again */
    atomic_store(&fail_next, 1000000);
    w = start(false, NULL);
    write_records("g.json", 1000, 10, (gt_time_ms)1600000000 * 1000);
    usleep(3500000); /* new, so it is read by the second walk */
    assert_int_not_equal(end(w, 300), GT_OK);
    assert_int_equal(number(ALERTS), 200);
    atomic_store(&fail_next, 0);
    w = start(false, NULL);
    becomes(ALERTS, 210);
    assert_int_equal(end(w, 5000), GT_OK);
}

/* More than a part holds, and broken input. */
static void large_and_broken(void **state)
{
    (void)state;
    gt_watch *w = start(false, NULL);
    char path[160];
    snprintf(path, sizeof path, "%s/broken.json", root);
    FILE *f = fopen(path, "wb");
    fprintf(f, "{\"Records\":[7,{\"eventID\":\"x\",\"eventName\":\"A\",\"eventSource\":\"b\"},{\"even");
    fclose(f);
    write_records("large.json", 999900, 150000, (gt_time_ms)1600000000 * 1000);
    becomes(COUNT("read"), 150000 + 3);
    becomes(ALERTS, 100);
    becomes(COUNT("rejected"), 2);
    assert_int_equal(number(COUNT("read - evaluated - duplicate - rejected")), 0);
    assert_int_equal(end(w, 5000), GT_OK);
}

/* --- the schedule, minute by minute ------------------------------------------------------------------ */

static const char RULE[] =
    "[rule]\nname = \"Revoked\"\ndescription = \"x\"\nrule_id = \"00000000-0000-4000-8000-00000000abcd\"\n"
    "type = \"query\"\nlanguage = \"kuery\"\nseverity = \"low\"\nrisk_score = 21\n"
    "from = \"now-9m\"\ninterval = \"5m\"\nmax_signals = 3\nindex = [\"logs-aws.cloudtrail-*\"]\n"
    "query = 'event.action: RevokeSecurityGroupIngress'\n";

static gt_time_ms minute(int n)
{
    return (gt_time_ms)1700000000 / 3600 * 3600 * 1000 + n * (gt_time_ms)60000;
}

/* Let the engine see a time, and wait until the runs that are due then are done. */
static void at_minute(int n, int64_t runs_expected)
{
    atomic_store(&frozen, minute(n));
    char sql[160];
    snprintf(sql, sizeof sql, "SELECT started FROM watch_run WHERE started = %lld",
             (long long)minute(n));
    if (runs_expected)
        becomes(sql, minute(n));
    else
        usleep(300000);
}

#define STATE(n) "SELECT count(*) FROM watch_match WHERE state = " #n

static void scheduled(void **state)
{
    (void)state;
    const gt_rule_text text = {GT_STR("x.toml"), {RULE, sizeof RULE - 1}};
    atomic_store(&frozen, minute(0));
    gt_watch *w = start(true, &text);
    at_minute(0, 1);
    /* in time: seen by the next run, once, though two windows hold it */
    atomic_store(&frozen, minute(1));
    write_records("a.json", 1, 2, minute(1));
    becomes(STATE(0), 2);
    assert_int_equal(number(ALERTS), 0);
    at_minute(5, 1);
    becomes(ALERTS, 2);
    at_minute(10, 1);
    assert_int_equal(number(ALERTS), 2);
    /* late: its last window was minute 10's; nobody will see it, and the ledger says so */
    atomic_store(&frozen, minute(12));
    write_records("b.json", 10, 1, minute(4));
    becomes("SELECT count(*) FROM watch_match", 3);
    at_minute(15, 1);
    becomes(STATE(2), 1);
    assert_int_equal(number(ALERTS), 2);
    /* five in one window, three allowed; the next run has room for the rest */
    atomic_store(&frozen, minute(17));
    write_records("c.json", 20, 5, minute(17));
    becomes(STATE(0), 5);
    at_minute(20, 1);
    becomes(ALERTS, 5);
    becomes(STATE(3), 2);
    at_minute(25, 1);
    becomes(ALERTS, 7);
    becomes(STATE(3), 0);
    assert_int_equal(end(w, 5000), GT_OK);

    /* an hour's pause: four runs make up, the rest is a gap of 60 - 9 - 20 minutes */
    write_records("d.json", 30, 1, minute(40)); /* in the gap */
    write_records("e.json", 40, 1, minute(60)); /* in reach of a catch-up run */
    atomic_store(&frozen, minute(84));
    w = start(true, &text);
    /* the first run comes before the files are read: at the next minute they wait */
    becomes("SELECT count(*) FROM watch_gap", 1);
    becomes("SELECT count(*) FROM watch_match", 10);
    assert_int_equal(number("SELECT began FROM watch_gap"), minute(25));
    assert_int_equal(number("SELECT (ended - began) / 60000 FROM watch_gap"), 59 - 9 - 20);
    assert_int_equal(end(w, 5000), GT_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(continuous, setup, teardown),
        cmocka_unit_test_setup_teardown(store_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(large_and_broken, setup, teardown),
        cmocka_unit_test_setup_teardown(scheduled, setup, teardown),
    };
    return cmocka_run_group_tests_name("watch/engine", tests, NULL, NULL);
}
