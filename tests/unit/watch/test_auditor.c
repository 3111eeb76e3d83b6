/* watch: when the audit runs, by a frozen clock, and what stands in the file. */
#include "test.h"

#include "base/limits.h"
#include "json/json.h"
#include "watch/auditor.h"

#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#define MINUTE INT64_C(60000)
#define DAY (24 * 60 * MINUTE)
#define START ((gt_time_ms)1700000000 * 1000)

/* --- the world -------------------------------------------------------------------------------------- */

typedef struct world {
    atomic_bool stop;
    gt_time_ms now;
    atomic_int runs;
    gt_status answer; /* of the next audits */
    bool stops;       /* the next audit is interrupted by the stop */
    int infos, warnings;
    char reason[256]; /* the last one that was logged */
    int64_t seconds;  /* until the next try, as it was logged */
    char folder[64], path[96], store[96];
    gt_net_env env;
    gt_auditor *auditor;
} world;

static gt_time_ms now(void *ctx)
{
    return ((world *)ctx)->now;
}
static bool stopped(void *ctx)
{
    return atomic_load(&((world *)ctx)->stop);
}
static void pause_a_little(void *ctx, int64_t ms)
{
    if (!stopped(ctx))
        usleep(ms < 2 ? 0 : 2000);
}
static uint64_t most_random(void *ctx)
{
    (void)ctx;
    return UINT64_MAX;
}

static void take_line(void *ctx, gt_log_level level, const char *message, const gt_log_field *fields,
                      size_t count)
{
    world *w = ctx;
    (void)message;
    *(level == GT_LOG_WARN ? &w->warnings : &w->infos) += 1;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(fields[i].key, "reason") == 0)
            snprintf(w->reason, sizeof w->reason, "%.*s", GT_STR_ARG(fields[i].text));
        if (strcmp(fields[i].key, "in_seconds") == 0)
            w->seconds = fields[i].number;
    }
}

static gt_status fake_audit(void *ctx, gt_arena *arena, gt_json **ret, gt_buf *reterr)
{
    world *w = ctx;
    char text[256];
    int n = atomic_fetch_add(&w->runs, 1) + 1;
    if (w->stops)
        atomic_store(&w->stop, true);
    if (w->answer != GT_OK) {
        gt_buf_lit(reterr, "AccessDenied: not for you");
        return w->answer;
    }
    int len = snprintf(text, sizeof text, "{\"source\":\"live\",\"account\":\"123456789012\","
                       "\"region\":\"us-east-1\",\"groups\":[{\"group_id\":\"sg-%d\"}],"
                       "\"identities\":[{},{}]}", n);
    return gt_json_parse(arena, gt_arena_dup(arena, (gt_str){text, (size_t)len}), ret, NULL);
}

static void open_auditor(world *w)
{
    gt_buf reason = GT_BUF(4096);
    const gt_auditor_options options = {
        .env = &w->env, .now = now, .now_ctx = w, .every_ms = DAY, .path = w->path,
        .store_path = w->store, .log = {w, take_line}, .run = fake_audit, .run_ctx = w,
    };
    assert_int_equal(gt_auditor_open(&options, &w->auditor, &reason), GT_OK);
    gt_buf_done(&reason);
}

static void restart(world *w)
{
    gt_auditor_stop(w->auditor);
    open_auditor(w);
}

static int set_up(void **state)
{
    world *w = calloc(1, sizeof *w);
    strcpy(w->folder, "/tmp/gt-auditor-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    snprintf(w->path, sizeof w->path, "%s/audit.json", w->folder);
    snprintf(w->store, sizeof w->store, "%s/gatetrail.db", w->folder);
    w->now = START;
    w->env = (gt_net_env){w, NULL, now, pause_a_little, most_random, stopped};
    open_auditor(w);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    world *w = *state;
    char command[96];
    gt_auditor_stop(w->auditor);
    snprintf(command, sizeof command, "rm -rf %s", w->folder);
    int status = system(command);
    free(w);
    return status;
}

/* Look once: does an audit run? */
static bool runs_at(world *w, gt_time_ms at)
{
    int before = atomic_load(&w->runs);
    w->now = at;
    bool said = gt_auditor_look(w->auditor);
    int after = atomic_load(&w->runs);
    assert_int_equal(said, after > before);
    return said;
}

static void file_has(const world *w, const char *part)
{
    gt_str text = test_read_file(w->path);
    assert_non_null(text.ptr);
    assert_non_null(strstr(text.ptr, part));
    free((void *)(uintptr_t)text.ptr);
}

static void metrics_have(const world *w, const char *part, bool wanted)
{
    gt_buf text = GT_BUF(64 * GT_KIB);
    gt_auditor_metrics(w->auditor, &text);
    gt_buf_add_byte(&text, '\0');
    assert_int_equal(strstr(text.data, part) != NULL, wanted);
    gt_buf_done(&text);
}

/* --- tests ------------------------------------------------------------------------------------------ */

static void due_and_not_due(void **state)
{
    world *w = *state;
    assert_false(gt_auditor_is_idle(w->auditor)); /* it has not looked yet */
    metrics_have(w, "gatetrail_audit_open_groups ", false);
    assert_true(runs_at(w, START));
    assert_true(gt_auditor_is_idle(w->auditor));
    file_has(w, "\"sg-1\"");
    file_has(w, "\"time\": \"2023-11-14T22:13:20.000Z\"");
    assert_false(runs_at(w, START));
    assert_false(runs_at(w, START + DAY - 1));
    assert_true(runs_at(w, START + DAY));
    file_has(w, "\"sg-2\"");
    assert_false(runs_at(w, START + DAY + 1));
    assert_int_equal(w->infos, 2);
    assert_int_equal(w->warnings, 0);
    w->now = START + DAY + MINUTE;
    metrics_have(w, "gatetrail_audits_total{outcome=\"done\"} 2\n", true);
    metrics_have(w, "gatetrail_audit_age_seconds 60\n", true);
    metrics_have(w, "gatetrail_audit_open_groups 1\n", true);
    metrics_have(w, "gatetrail_audit_identities 2\n", true);
    char draft[128];
    snprintf(draft, sizeof draft, "%s.new", w->path);
    assert_int_equal(access(draft, F_OK), -1);
}

static void after_a_restart(void **state)
{
    world *w = *state;
    assert_true(runs_at(w, START));
    restart(w);
    assert_false(runs_at(w, START + MINUTE));
    assert_true(gt_auditor_is_idle(w->auditor));
    metrics_have(w, "gatetrail_audit_age_seconds 60\n", true);
    restart(w);
    assert_false(runs_at(w, START + DAY - 1));
    restart(w);
    assert_true(runs_at(w, START + 3 * DAY)); /* once, however much was missed */
    assert_false(runs_at(w, START + 3 * DAY));
}

static void failures(void **state)
{
    world *w = *state;
    assert_true(runs_at(w, START));
    gt_time_ms t = START + DAY;
    w->answer = GT_IO;
    int64_t last = 0;
    for (int i = 1; i <= 12; i++) {
        assert_true(runs_at(w, t));
        assert_true(gt_auditor_is_idle(w->auditor));
        assert_int_equal(w->warnings, i);
        assert_string_equal(w->reason, "AccessDenied: not for you");
        assert_true(w->seconds >= 29 && w->seconds >= last && w->seconds <= 3600);
        last = w->seconds;
        assert_false(runs_at(w, t + last * 1000 - 1));
        t += last * 1000 + 1000;
    }
    assert_true(last > 1800); /* the pauses have grown */
    file_has(w, "\"sg-1\"");  /* the last good one stays */
    metrics_have(w, "outcome=\"failed\"} 12\n", true);
    restart(w); /* none was recorded since: it is still due */
    assert_true(runs_at(w, t));
    w->answer = GT_OK;
    t += w->seconds * 1000 + 1000;
    assert_true(runs_at(w, t));
    file_has(w, "\"sg-15\"");
    assert_false(runs_at(w, t + DAY - 1));
    assert_true(runs_at(w, t + DAY));
}

static void file_that_cannot_be_written(void **state)
{
    world *w = *state;
    char path[96];
    memcpy(path, w->path, sizeof path);
    snprintf(w->path, sizeof w->path, "%s/no/such/folder.json", w->folder);
    restart(w);
    assert_true(runs_at(w, START));
    assert_int_equal(w->warnings, 1);
    assert_non_null(strstr(w->reason, "No such file"));
    memcpy(w->path, path, sizeof path);
    restart(w); /* a result that was not written was no audit */
    assert_true(runs_at(w, START));
    file_has(w, "\"sg-2\"");
}

static void clock_set_back(void **state)
{
    world *w = *state;
    assert_true(runs_at(w, START));
    assert_false(runs_at(w, START - MINUTE));
    assert_true(runs_at(w, START - 10 * DAY));
    assert_false(runs_at(w, START - 9 * DAY - 1));
    assert_true(runs_at(w, START - 9 * DAY));
}

static void stopped_amidst(void **state)
{
    world *w = *state;
    w->answer = GT_RETRY;
    w->stops = true;
    assert_false(gt_auditor_look(w->auditor));
    assert_int_equal(w->runs, 1);
    assert_int_equal(w->warnings, 0); /* a stop is no failure */
    w->answer = GT_OK;
    w->stops = false;
    restart(w);
    assert_true(runs_at(w, START));
}

static void on_its_thread(void **state)
{
    world *w = *state;
    assert_int_equal(gt_auditor_start(w->auditor), GT_OK);
    for (int i = 0; i < 5000 && !gt_auditor_is_idle(w->auditor); i++)
        usleep(1000);
    assert_true(gt_auditor_is_idle(w->auditor));
    usleep(20000);
    atomic_store(&w->stop, true);
    restart(w);
    assert_int_equal(w->runs, 1);
    assert_int_equal(w->infos, 1);
    file_has(w, "\"sg-1\"");
    gt_buf none = GT_BUF(16);
    gt_auditor_metrics(NULL, &none); /* no [audit] */
    assert_int_equal(none.len, 0);
    assert_true(gt_auditor_is_idle(NULL));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(due_and_not_due), TEST(after_a_restart), TEST(failures),
        TEST(file_that_cannot_be_written), TEST(clock_set_back), TEST(stopped_amidst),
        TEST(on_its_thread),
    };
    return cmocka_run_group_tests_name("watch: auditor", tests, NULL, NULL);
}
