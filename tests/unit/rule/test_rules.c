#include "test.h"

#include "base/limits.h"
#include "rule/rule.h"

typedef struct loaded {
    gt_arena *rules, *scratch;
    gt_rules *set;
    gt_buf text; /* all diagnostics */
} loaded;

static loaded load(const gt_rules_options *options)
{
    loaded l = {.rules = gt_arena_new(GT_RULES_ARENA_MAX), .scratch = gt_arena_new(GT_SCRATCH_ARENA_MAX),
                .text = GT_BUF(64 * GT_MIB)};
    assert_int_equal(gt_rules_load(l.rules, l.scratch, options, &l.set), GT_OK);
    for (size_t i = 0; i < l.set->file_count; i++)
        gt_diags_render(&l.set->files[i].diags, false, &l.text);
    return l;
}

static void unload(loaded *l)
{
    gt_buf_done(&l->text);
    gt_arena_free(l->rules);
    gt_arena_free(l->scratch);
}

static void shared_rules(void **state)
{
    (void)state;
    char path[2][512];
    snprintf(path[0], sizeof path[0], "%s/rules/elastic-aws", test_shared());
    snprintf(path[1], sizeof path[1], "%s/rules/elastic-aws-building-block", test_shared());
    TEST_NEEDS_SHARED(path[0]);
    gt_str paths[] = {gt_str_c(path[0]), gt_str_c(path[1])};
    loaded l = load(&(gt_rules_options){.paths = paths, .path_count = 2, .no_builtin = true, .lint = true});
    print_message("%s", l.text.data ? l.text.data : "");
    unload(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shared_rules),
    };
    return cmocka_run_group_tests_name("rules", tests, NULL, NULL);
}
