/* The [expected] table: patterns, windows, ports, mistakes. */
#include "test.h"

#include "base/limits.h"
#include "investigate/expected.h"

static gt_arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = gt_arena_new(GT_SCRATCH_ARENA_MAX);
    return arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    gt_arena_free(arena);
    return 0;
}

static gt_status read(const char *text, gt_expected *ret, gt_diags *diags)
{
    gt_toml *root;
    gt_diags_init(diags, arena, GT_STR("test"), gt_str_c(text));
    assert_int_equal(gt_toml_parse(arena, GT_TOML_1_0, diags, &root), GT_OK);
    return gt_expected_read(arena, gt_toml_getl(root, "expected"), diags, ret);
}

static void globs(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool match;
    } cases[] = {
        {"", "", true}, {"*", "", true}, {"a*", "abc", true}, {"*c", "abc", true},
        {"a*c", "abcbc", true}, {"a*c", "abcb", false}, {"a**c", "ac", true}, {"abc", "abcd", false},
        {"arn:aws:iam::*:role/ops-*", "arn:aws:iam::123456789012:role/ops-1", true},
        {"arn:aws:iam::*:role/ops-*", "arn:aws:iam::123456789012:role/dev", false},
        {"?", "a", false}, {"[a]", "a", false}, {"A", "a", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(
            gt_expected_glob(gt_str_c(cases[i].pattern), gt_str_c(cases[i].text)), cases[i].match);
}

static const gt_expected_window *at(const gt_expected *e, const char *time)
{
    gt_time_ms t;
    assert_true(gt_time_parse(gt_str_c(time), &t));
    return gt_expected_window_at(e, t);
}

static void windows(void **state)
{
    (void)state;
    gt_expected e;
    gt_diags diags;
    assert_int_equal(
        read("[expected]\nwindows = [\n"
             "  { days = [\"mon\", \"Tuesday\"], from = \"08:00\", to = \"18:00\" },\n"
             "  { days = [\"fri\"], from = \"22:00\", to = \"02:00\", reason = \"night\" },\n"
             "  { start = \"2024-10-16T09:00:00Z\", end = \"2024-10-16T11:00:00Z\" } ]\n",
             &e, &diags),
        GT_OK);
    assert_int_equal(e.window_count, 3);
    assert_non_null(at(&e, "2024-10-14T08:00:00Z")); /* a Monday */
    assert_null(at(&e, "2024-10-14T07:59:59Z"));
    assert_null(at(&e, "2024-10-14T18:00:00Z"));
    assert_non_null(at(&e, "2024-10-15T17:59:59.999Z"));
    assert_null(at(&e, "2024-10-17T12:00:00Z"));
    /* Over midnight: the window belongs to the day it begins on. */
    assert_true(gt_str_is(at(&e, "2024-10-18T23:00:00Z")->reason, "night"));
    assert_non_null(at(&e, "2024-10-19T01:59:00Z"));
    assert_null(at(&e, "2024-10-19T02:00:00Z"));
    assert_null(at(&e, "2024-10-18T01:00:00Z"));
    assert_non_null(at(&e, "2024-10-16T09:00:00Z"));
    assert_null(at(&e, "2024-10-16T11:00:00Z"));
    /* Before 1970, weekdays still count. */
    assert_non_null(at(&e, "1969-12-29T09:00:00Z"));
}

static void lists(void **state)
{
    (void)state;
    gt_expected e;
    gt_diags diags;
    assert_int_equal(read("[expected]\nregions = []\nports = [\"tcp/22\", \"udp/1-5\", \"icmp\"]\n"
                          "networks = [\"192.0.2.7/24\", \"2001:db8::/32\"]\n",
                          &e, &diags),
                     GT_OK);
    assert_true(e.regions.given && e.regions.count == 0);
    assert_false(e.countries.given);
    assert_int_equal(e.port_count, 3);
    assert_int_equal(e.ports[1].to, 5);
    assert_int_equal(e.ports[2].to, 65535);
    assert_int_equal(e.network_count, 2);
    assert_int_equal(read("x = 1\n", &e, &diags), GT_OK);
    assert_false(e.ports_given || e.windows_given || e.networks_given);
}

static void mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *text, *code;
    } cases[] = {
        {"[expected]\nadmins = []\n", "CFG-305"},
        {"[expected]\nregions = \"eu-west-1\"\n", "CFG-301"},
        {"[expected]\nregions = [1]\n", "CFG-301"},
        {"[expected]\nnetworks = [\"192.0.2.0/33\"]\n", "CFG-302"},
        {"[expected]\nports = [\"tcp/5-1\"]\n", "CFG-303"},
        {"[expected]\nports = [\"tcp/70000\"]\n", "CFG-303"},
        {"[expected]\nwindows = [{ from = \"08:00\" }]\n", "CFG-304"},
        {"[expected]\nwindows = [{ days = [\"someday\"] }]\n", "CFG-304"},
        {"[expected]\nwindows = [{ start = \"yesterday\", end = \"2024-01-01\" }]\n", "CFG-304"},
        {"[expected]\nwindows = [{ from = \"08:00\", to = \"25:00\" }]\n", "CFG-304"},
        {"[expected]\nwindows = [{ until = 1 }]\n", "CFG-305"},
        {"expected = 1\n", "CFG-301"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gt_expected e;
        gt_diags diags;
        assert_int_equal(read(cases[i].text, &e, &diags), GT_INVALID);
        assert_string_equal(diags.items[0].code, cases[i].code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        T(globs), T(windows), T(lists), T(mistakes),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
