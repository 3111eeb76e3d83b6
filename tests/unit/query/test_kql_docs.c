/* The examples of docs/reference/kql.md do what it says. */
#include "kql_test.h"

typedef struct counts {
    size_t documents;
    size_t errors;
} counts;

static void run_example(kql_test *t, gt_str block, counts *n)
{
    gt_str line, query_text;
    gt_query *query = NULL;
    block = gt_str_cut(block, '\n', &query_text);
    if (kql_test_compile(t, query_text, &query) != GT_OK) {
        kql_test_say(t);
        fail_msg("%.*s", GT_STR_ARG(query_text));
    }
    while (block.len) {
        block = gt_str_cut(block, '\n', &line);
        assert_true(line.len > 2 && (line.ptr[0] == '=' || line.ptr[0] == '!'));
        bool match = kql_test_run(t, query, kql_test_json(t, gt_str_from(line, 2)));
        if (match != (line.ptr[0] == '='))
            fail_msg("%.*s: %.*s", GT_STR_ARG(query_text), GT_STR_ARG(line));
        n->documents++;
    }
}

static void run_mistake(kql_test *t, gt_str block, counts *n)
{
    gt_str query_text, codes;
    gt_query *query = NULL;
    block = gt_str_cut(block, '\n', &query_text);
    (void)gt_str_cut(block, '\n', &codes);
    assert_int_equal(kql_test_compile(t, query_text, &query), GT_INVALID);
    gt_buf got = GT_BUF(1000);
    for (size_t i = 0; i < t->diags.count; i++)
        gt_buf_printf(&got, "%s%s", i ? " " : "", t->diags.items[i].code);
    if (!gt_str_eq(gt_buf_str(&got), codes))
        fail_msg("%.*s: %.*s", GT_STR_ARG(query_text), GT_STR_ARG(gt_buf_str(&got)));
    gt_buf_done(&got);
    n->errors++;
}

static void test_examples(void **state)
{
    (void)state;
    kql_test t;
    kql_test_begin(&t);
    gt_str file = test_read_file("docs/reference/kql.md"), rest = file;
    counts n = {0, 0};
    assert_non_null(file.ptr);
    size_t at;
    while ((at = gt_str_find(rest, GT_STR("\n```kql"))) != GT_NPOS) {
        gt_str kind, block;
        rest = gt_str_cut(gt_str_from(rest, at + 4), '\n', &kind);
        at = gt_str_find(rest, GT_STR("\n```"));
        assert_true(at != GT_NPOS);
        block = gt_str_head(rest, at);
        rest = gt_str_from(rest, at + 4);
        if (gt_str_is(kind, "kql"))
            run_example(&t, block, &n);
        else
            run_mistake(&t, block, &n);
    }
    assert_true(n.documents > 40 && n.errors >= 3);
    free((void *)(uintptr_t)file.ptr);
    kql_test_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_examples)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
