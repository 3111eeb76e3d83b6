/* rules_test.h — loading texts as rules, shared by the tests of rule/. */
#ifndef GT_TESTS_RULES_TEST_H
#define GT_TESTS_RULES_TEST_H

#include "test.h"

#include "base/limits.h"
#include "rule/rule.h"

typedef struct loaded {
    gt_arena *rules, *scratch;
    gt_rules *set;
    gt_buf text; /* all diagnostics, rendered */
} loaded;

static inline loaded load(const gt_rules_options *options)
{
    loaded l = {.rules = gt_arena_new(GT_RULES_ARENA_MAX),
                .scratch = gt_arena_new(GT_SCRATCH_ARENA_MAX),
                .text = GT_BUF(64 * GT_MIB)};
    assert_int_equal(gt_rules_load(l.rules, l.scratch, options, &l.set), GT_OK);
    for (size_t i = 0; i < l.set->file_count; i++)
        gt_diags_render(&l.set->files[i].diags, false, &l.text);
    gt_buf_add(&l.text, GT_STR(""));
    return l;
}

static inline loaded load_text(const char *name, gt_str text)
{
    gt_rule_text t = {gt_str_c(name), text};
    return load(&(gt_rules_options){.no_builtin = true, .texts = &t, .text_count = 1});
}

static inline void unload(loaded *l)
{
    gt_buf_done(&l->text);
    gt_arena_free(l->rules);
    gt_arena_free(l->scratch);
}

static inline const char *said(const loaded *l)
{
    return l->text.data ? l->text.data : "";
}

static inline void assert_str(gt_str s, const char *expected)
{
    if (!gt_str_eq(s, gt_str_c(expected)))
        fail_msg("'%.*s' is not '%s'", GT_STR_ARG(s), expected);
}

#endif
