/* The local engine: order, counts and copies, the same for any number of threads. */
#include "test.h"

#include "base/buf.h"
#include "base/hash.h"
#include "base/limits.h"
#include "pipeline/dedup.h"
#include "pipeline/pipeline.h"

#include <sys/stat.h>
#include <unistd.h>

typedef struct result {
    gt_pipeline_counts counts;
    gt_buf out;      /* what was committed */
    gt_buf problems; /* kind offset reason */
    size_t commit_limit;
    size_t commits;
} result;

static gt_status on_record(void *w, const gt_input *input, const gt_record *record, gt_emit *emit)
{
    (void)w;
    (void)input;
    char id[GT_RECORD_ID_MAX];
    if (gt_str_is(record->event_name, "Limit"))
        return GT_LIMIT;
    if (gt_str_is(record->event_name, "Reject"))
        gt_emit_reject(emit, "asked to");
    gt_emit_bytes(emit, 1, gt_record_id(record, id));
    if (gt_str_is(record->event_name, "Twice"))
        gt_emit_bytes(emit, 2, GT_STR("again"));
    return GT_OK;
}

static gt_status on_commit(void *ctx, const gt_committed *item)
{
    result *r = ctx;
    gt_buf_printf(&r->out, "%s %llu %llu %.*s\n", item->input->name.ptr,
                  (unsigned long long)item->offset, (unsigned long long)item->tag,
                  GT_STR_ARG(item->bytes));
    if (r->commit_limit && ++r->commits == r->commit_limit)
        return GT_END;
    return gt_buf_status(&r->out);
}

static void on_problem(void *ctx, const gt_problem *problem)
{
    result *r = ctx;
    gt_buf_printf(&r->problems, "%d %llu %s\n", (int)problem->kind,
                  (unsigned long long)problem->offset, problem->reason);
}

static result run_options(gt_pipeline_options options, const char *path, size_t commit_limit)
{
    result r = {.out = GT_BUF(GT_GIB), .problems = GT_BUF(GT_GIB), .commit_limit = commit_limit};
    gt_arena *arena = gt_arena_new(GT_GIB);
    gt_inputs inputs;
    gt_str p = gt_str_c(path);
    assert_int_equal(gt_inputs_expand(arena, &p, 1, NULL, &inputs), GT_OK);
    options.inputs = &inputs;
    gt_pipeline_stage stage = {
        .ctx = &r, .record = on_record, .commit = on_commit, .problem = on_problem};
    assert_int_equal(gt_pipeline_run(&options, &stage, &r.counts), GT_OK);
    gt_arena_free(arena);
    assert_int_equal(r.counts.read, r.counts.evaluated + r.counts.duplicate + r.counts.rejected);
    return r;
}

static result run(const char *path, size_t threads)
{
    return run_options((gt_pipeline_options){.threads = threads}, path, 0);
}

static void done(result *r)
{
    gt_buf_done(&r->out);
    gt_buf_done(&r->problems);
}

static void assert_same(const result *a, const result *b)
{
    assert_memory_equal(&a->counts, &b->counts, sizeof a->counts);
    assert_true(gt_str_eq(gt_buf_str(&a->out), gt_buf_str(&b->out)));
    assert_true(gt_str_eq(gt_buf_str(&a->problems), gt_buf_str(&b->problems)));
}

static void write_file(const char *dir, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/gt-pipeline-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static void test_copies(void **state)
{
    (void)state;
    write_file(folder, "a.json", "{\"Records\":[{\"eventID\":\"1\",\"eventName\":\"Twice\"},"
                                 "{\"eventID\":\"2\"},{\"eventID\":\"1\",\"eventName\":\"Twice\"}]}");
    write_file(folder, "b.json", "{\"eventID\":\"2\"}\n{\"eventID\":\"2\",\"x\":1}\n"
                                 "{\"eventID\":\"2\",\"x\":1}\n{\"eventName\":\"n\"}\n"
                                 "{\"eventName\":\"n\"}\n{\"eventName\":\"n\" }\n");
    write_file(folder, "c.json", "{\"eventID\":\"3\",\"eventName\":\"Limit\"}\n"
                                 "{\"eventID\":\"4\",\"eventName\":\"Reject\"}\nnonsense\n"
                                 "{\"eventID\":\"5\"}\n{\"eventID\":\"\"}\n{\"eventID\":\"\",\"a\":1}");
    for (size_t threads = 1; threads <= 5; threads++) {
        result r = run(folder, threads);
        assert_int_equal(r.counts.files, 3);
        assert_int_equal(r.counts.read, 15);
        assert_int_equal(r.counts.duplicate, 4);
        assert_int_equal(r.counts.rejected, 3);
        assert_int_equal(r.counts.evaluated, 8);
        assert_int_equal(r.counts.warnings, 1);
        assert_int_equal(r.counts.problems, 3);
        char want[1024];
        snprintf(want, sizeof want, "%s/a.json 12 1 1\n%s/a.json 12 2 again\n%s/a.json 48 1 2\n",
                 folder, folder, folder);
        assert_memory_equal(r.out.data, want, strlen(want));
        assert_string_equal(
            r.problems.data,
            "4 16 the eventID was seen before with other bytes; both records are evaluated\n"
            "2 0 evaluating the record needs more memory than the limit allows\n"
            "2 36 asked to\n2 73 text that is no JSON object\n");
        done(&r);
    }
}

static void test_early_end(void **state)
{
    (void)state;
    for (size_t threads = 1; threads <= 3; threads++) {
        result r = run_options((gt_pipeline_options){.threads = threads}, folder, 2);
        assert_int_equal(r.commits, 2);
        done(&r);
        int flag = 1;
        r = run_options((gt_pipeline_options){.threads = threads, .interrupt = &flag}, folder, 0);
        assert_true(r.counts.interrupted);
        assert_int_equal(r.counts.read, 0);
        done(&r);
    }
}

static void test_window(void **state)
{
    (void)state;
    write_file(folder, "t.json", "[{\"eventID\":\"1\",\"eventTime\":\"2024-01-01T00:00:00Z\"},"
                                 "{\"eventID\":\"2\",\"eventTime\":\"2024-01-02T00:00:00Z\"},"
                                 "{\"eventID\":\"3\",\"eventTime\":\"2024-01-03T00:00:00Z\"},"
                                 "{\"eventID\":\"4\"},{\"eventID\":\"5\",\"eventTime\":\"soon\"}]");
    char path[128];
    snprintf(path, sizeof path, "%s/t.json", folder);
    gt_pipeline_options options = {.filter = {.has_since = true, .has_until = true}};
    assert_true(gt_time_parse(GT_STR("2024-01-02T00:00:00Z"), &options.filter.since));
    assert_true(gt_time_parse(GT_STR("2024-01-03T00:00:00Z"), &options.filter.until));
    result r = run_options(options, path, 0);
    assert_int_equal(r.counts.evaluated, 5);
    assert_int_equal(r.counts.outside, 2);
    assert_non_null(strstr(r.out.data, " 1 2\n"));
    assert_non_null(strstr(r.out.data, " 1 4\n"));
    assert_non_null(strstr(r.out.data, " 1 5\n"));
    assert_null(strstr(r.out.data, " 1 1\n"));
    assert_null(strstr(r.out.data, " 1 3\n"));
    done(&r);
}

static void test_missing(void **state)
{
    (void)state;
    result r = run("/nonexistent/x", 2);
    assert_int_equal(r.counts.problems, 1);
    assert_string_equal(r.problems.data, "0 0 no such file or folder\n");
    done(&r);
}

/* Counts of the real data, made with an independent program. */
static void test_real(void **state)
{
    (void)state;
    char path[4096];
    snprintf(path, sizeof path, "%s/cloudtrail/LICENSE", test_shared());
    snprintf(path, sizeof path, "%s/cloudtrail/invictus/LICENSE", test_shared());
    TEST_NEEDS_SHARED(path);
    snprintf(path, sizeof path, "%s/cloudtrail/sans", test_shared());
    result one = run(path, 1);
    assert_int_equal(one.counts.read, 30477);
    assert_int_equal(one.counts.duplicate, 6496);
    assert_int_equal(one.counts.rejected, 0);
    assert_int_equal(one.counts.problems, 0);
    for (size_t threads = 2; threads <= 5; threads += 3) {
        result more = run(path, threads);
        assert_same(&one, &more);
        done(&more);
    }
    done(&one);
    snprintf(path, sizeof path, "%s/cloudtrail/invictus", test_shared());
    one = run(path, 2);
    assert_int_equal(one.counts.read, 2900);
    assert_int_equal(one.counts.rejected, 0);
    assert_int_equal(one.counts.problems, 0);
    done(&one);
}

static void test_no_memory(void **state)
{
    (void)state;
    gt_arena *arena = gt_arena_new(GT_GIB);
    gt_inputs inputs;
    gt_str p = gt_str_c(folder);
    assert_int_equal(gt_inputs_expand(arena, &p, 1, NULL, &inputs), GT_OK);
    gt_pipeline_stage stage = {.record = on_record};
    gt_pipeline_options options = {.inputs = &inputs, .threads = 1};
    gt_status status = GT_NOMEM;
    for (long n = 0; n < 2000 && status != GT_OK; n++) {
        gt_pipeline_counts counts;
        gt_mem_fail_after(n);
        status = gt_pipeline_run(&options, &stage, &counts);
        gt_mem_fail_after(-1);
        assert_true(status == GT_OK || status == GT_NOMEM);
    }
    assert_int_equal(status, GT_OK);
    gt_arena_free(arena);
}

/* As a hash is: ids and contents come as such. */
static uint64_t spread(uint64_t i)
{
    return (i + 1) * UINT64_C(0x9E3779B97F4A7C15);
}

static void test_dedup(void **state)
{
    (void)state;
    gt_dedup *d = gt_dedup_new();
    gt_seen seen;
    for (uint64_t i = 0; i < 300000; i++) {
        assert_int_equal(gt_dedup_see(d, spread(i), spread(~i), &seen), GT_OK);
        assert_int_equal(seen, GT_SEEN_NEW);
        if (i % 3 == 0) {
            assert_int_equal(gt_dedup_see(d, spread(i), spread(~i), &seen), GT_OK);
            assert_int_equal(seen, GT_SEEN_SAME);
        }
        if (i % 1000 == 0)
            assert_true(gt_dedup_bytes(d) <= 32 * gt_dedup_count(d) + 33 * GT_MIB);
    }
    /* Many versions of one id must not be slow, and each counts once. */
    for (uint64_t i = 0; i < 300000; i++) {
        assert_int_equal(gt_dedup_see(d, 7777, spread(i), &seen), GT_OK);
        assert_int_equal(seen, i == 0 ? GT_SEEN_NEW : GT_SEEN_OTHER);
        assert_int_equal(gt_dedup_see(d, 7777, spread(i), &seen), GT_OK);
        assert_int_equal(seen, GT_SEEN_SAME);
    }
    gt_dedup_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_early_end),
        cmocka_unit_test(test_window),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_real),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_dedup),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
