/* Paths to inputs, and what their keys let us leave out. */
#include "test.h"

#include "base/limits.h"
#include "source/source.h"

#include <sys/stat.h>
#include <unistd.h>

static gt_time_ms at(const char *text)
{
    gt_time_ms t = 0;
    assert_true(gt_time_parse(gt_str_c(text), &t));
    return t;
}

static void check_key(const char *path, const char *account, const char *region, const char *begin,
                      const char *end)
{
    gt_input_key key = gt_input_key_parse(gt_str_c(path));
    if (!account) {
        assert_false(key.sure);
        return;
    }
    assert_true(key.sure);
    assert_true(gt_str_eq(key.account, gt_str_c(account)));
    assert_true(gt_str_eq(key.region, gt_str_c(region)));
    assert_int_equal(key.begin, at(begin));
    assert_int_equal(key.end, at(end));
}

#define NAME "123456789012_CloudTrail_us-east-1_20240131T2355Z_AbC.json.gz"

static void test_keys(void **state)
{
    (void)state;
    const char *a = "123456789012", *r = "us-east-1";
    check_key("x/AWSLogs/123456789012/CloudTrail/us-east-1/2024/01/31/" NAME, a, r,
              "2024-01-31T23:55:00Z", "2024-01-31T23:56:00Z");
    check_key("AWSLogs/o-abc/123456789012/CloudTrail/us-east-1/2024/01/31/f.json", a, r, "2024-01-31",
              "2024-02-01");
    check_key("123456789012/CloudTrail-Insight/us-gov-west-1/2024/02/29/f", a, "us-gov-west-1",
              "2024-02-29", "2024-03-01");
    check_key(NAME, a, r, "2024-01-31T23:55:00Z", "2024-01-31T23:56:00Z");
    check_key("d/123456789012_CloudTrail-Digest_us-east-1_my_trail_us-east-1_20240101T010203Z.json.gz",
              a, r, "2024-01-01T01:02:00Z", "2024-01-01T01:03:00Z");
    /* The folders and the name disagree: nothing is sure. */
    check_key("111122223333/CloudTrail/us-east-1/2024/01/31/" NAME, NULL, NULL, NULL, NULL);
    check_key("123456789012/CloudTrail/us-east-1/2023/01/31/" NAME, NULL, NULL, NULL, NULL);
    check_key("123456789012/CloudTrail/us-east-1/2024/13/31/f", NULL, NULL, NULL, NULL);
    check_key("123456789012/CloudTrail/US/2024/01/31/f", NULL, NULL, NULL, NULL);
    check_key("12345678901/CloudTrail/us-east-1/2024/01/31/f", NULL, NULL, NULL, NULL);
    check_key("events.json", NULL, NULL, NULL, NULL);
    check_key("123456789012_CloudTrail_us-east-1_20240131T2460Z_A.json.gz", NULL, NULL, NULL, NULL);
    check_key("", NULL, NULL, NULL, NULL);
}

static void test_pruning(void **state)
{
    (void)state;
    gt_input_key day = gt_input_key_parse(
        GT_STR("123456789012/CloudTrail/us-east-1/2024/01/10/f"));
    gt_input_filter f = {.has_since = true, .since = at("2024-01-11T23:59:59Z")};
    assert_true(gt_input_key_passes(&day, &f)); /* within 24 hours of the day's end */
    f.since = at("2024-01-12");
    assert_false(gt_input_key_passes(&day, &f));
    f = (gt_input_filter){.has_until = true, .until = at("2024-01-09T00:00:01Z")};
    assert_true(gt_input_key_passes(&day, &f));
    f.until = at("2024-01-09");
    assert_false(gt_input_key_passes(&day, &f));
    gt_str accounts[] = {GT_STR("111122223333"), GT_STR("123456789012")};
    f = (gt_input_filter){.accounts = accounts, .account_count = 1};
    assert_false(gt_input_key_passes(&day, &f));
    f.account_count = 2;
    assert_true(gt_input_key_passes(&day, &f));
    gt_str region = GT_STR("eu-west-1");
    f = (gt_input_filter){.regions = &region, .region_count = 1};
    assert_false(gt_input_key_passes(&day, &f));
    gt_input_key unsure = {0};
    assert_true(gt_input_key_passes(&unsure, &f));
}

static void put(const char *dir, const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void test_expansion(void **state)
{
    (void)state;
    char dir[] = "/tmp/gt-inputs-XXXXXX", path[128];
    assert_non_null(mkdtemp(dir));
    const char *folders[] = {"a", "a.b", "a/.hidden", "z"};
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, folders[i]);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    put(dir, "a/2.json", "{}");
    put(dir, "a/1.JSON.GZ", "");
    put(dir, "a/.hidden/x.json", "{}");
    put(dir, "a/stream-1-2023", "\x1f\x8b");
    put(dir, "a/LICENSE", "words");
    put(dir, "a/words", "2023-07-10T11:45:00.000Z {}");
    put(dir, "a.b/3.log", "{}");
    put(dir, "a-1.zst", "");
    put(dir, "z/" NAME, "{}");
    snprintf(path, sizeof path, "%s/z/loop", dir);
    assert_int_equal(symlink("..", path), 0);
    snprintf(path, sizeof path, "%s/z/nowhere.json", dir);
    assert_int_equal(symlink("nothing", path), 0);

    gt_arena *arena = gt_arena_new(GT_MIB);
    gt_inputs in;
    gt_str paths[] = {gt_str_c(dir), GT_STR("-"), GT_STR("/nonexistent"), GT_STR("")};
    assert_int_equal(gt_inputs_expand(arena, paths, 4, NULL, &in), GT_OK);
    static const char *const want[] = {"/a-1.zst", "/a.b/3.log", "/a/1.JSON.GZ", "/a/2.json",
                                       "/a/stream-1-2023", "/a/words", "/z/" NAME,
                                       "/z/nowhere.json", "-", "/nonexistent", ""};
    assert_int_equal(in.count, sizeof want / sizeof *want);
    for (size_t i = 0; i < in.count; i++)
        assert_true(gt_str_ends(in.items[i].name, gt_str_c(want[i])));
    assert_null(in.items[0].problem);
    assert_non_null(in.items[7].problem);
    assert_non_null(in.items[9].problem);
    assert_int_equal(in.ignored, 1);
    gt_input_filter f = {.has_since = true, .since = at("2024-03-01")};
    assert_int_equal(gt_inputs_expand(arena, paths, 1, &f, &in), GT_OK);
    assert_int_equal(in.pruned, 1);
    assert_int_equal(in.count, 7);
    gt_arena_free(arena);
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    assert_int_equal(system(command), 0);
}

static void test_no_memory(void **state)
{
    (void)state;
    gt_str path = GT_STR("tests/unit");
    for (long n = 0; n < 1000; n++) {
        gt_inputs in;
        gt_mem_fail_after(n);
        gt_arena *arena = gt_arena_new(GT_MIB);
        gt_status status = arena ? gt_inputs_expand(arena, &path, 1, NULL, &in) : GT_NOMEM;
        gt_mem_fail_after(-1);
        gt_arena_free(arena);
        if (status == GT_OK)
            return;
        assert_int_equal(status, GT_NOMEM);
    }
    fail();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_pruning),
        cmocka_unit_test(test_expansion),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
