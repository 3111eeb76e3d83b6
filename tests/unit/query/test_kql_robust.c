/* Hostile queries and documents, and running out of memory at every place. */
#include "kql_test.h"

#include "base/limits.h"

#include <time.h>

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static gt_str repeat(kql_test *t, const char *part, size_t times, const char *tail)
{
    size_t n = strlen(part), rest = strlen(tail);
    char *text = gt_arena_alloc(t->arena, n * times + rest + 1);
    assert_non_null(text);
    for (size_t i = 0; i < times; i++)
        memcpy(text + i * n, part, n);
    memcpy(text + n * times, tail, rest);
    return (gt_str){text, n * times + rest};
}

static void test_limits(void **state)
{
    (void)state;
    kql_test t;
    kql_test_begin(&t);
    gt_query *query = NULL;
    assert_int_equal(kql_test_compile(&t, repeat(&t, "(", GT_QUERY_DEPTH_MAX, "a"), &query),
                     GT_INVALID);
    assert_int_equal(kql_test_compile(&t, repeat(&t, "(", 100000, "a"), &query), GT_LIMIT);
    assert_int_equal(t.diags.errors, 1);
    assert_int_equal(kql_test_compile(&t, repeat(&t, "a:{", 100000, "a"), &query), GT_LIMIT);
    assert_int_equal(kql_test_compile(&t, repeat(&t, "not (", 100000, "a"), &query), GT_LIMIT);
    gt_str list = gt_arena_printf(t.arena, "a:%.*s", GT_STR_ARG(repeat(&t, "(not ", 100000, "b")));
    assert_int_equal(kql_test_compile(&t, list, &query), GT_LIMIT);
    assert_int_equal(kql_test_compile(&t, repeat(&t, "x", GT_QUERY_BYTES_MAX + 1, ""), &query),
                     GT_LIMIT);
    assert_int_equal(t.diags.errors, 1);
    kql_test_end(&t);
}

/* Each takes time that grows with the text, not with its square. */
static void test_hostile_texts(void **state)
{
    (void)state;
    static const char *const parts[] = {
        " ", "a ", "a or ", "not ", "a:(b or ", "*", "\\", "\"", ")", "a:b ) ", "\\u0041", "a and ",
        "f:x or ", "=", " = ", "a:b c:d and ", "\xC2\xA0", "\n", "{", "a:{b:c} and ",
    };
    kql_test t;
    kql_test_begin(&t);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        gt_query *query = NULL;
        double begin = seconds();
        size_t times = (GT_QUERY_BYTES_MAX - 8) / strlen(parts[i]);
        (void)!kql_test_compile(&t, repeat(&t, parts[i], times, "x:y"), &query);
        if (query) {
            gt_query_needs needs = gt_query_needs_of(query, t.arena, GT_STR("f"));
            (void)needs;
            (void)kql_test_run(&t, query, kql_test_json(&t, GT_STR("{\"f\":\"y\"}")));
        }
        if (seconds() - begin > 20)
            fail_msg("'%s' repeated takes %.1f s", parts[i], seconds() - begin);
    }
    kql_test_end(&t);
}

/* Many stars against a text that almost matches. */
static void test_hostile_patterns(void **state)
{
    (void)state;
    kql_test t;
    kql_test_begin(&t);
    gt_query *query = NULL;
    gt_str value = repeat(&t, "a", 200000, "");
    gt_json *doc = gt_json_new_object(t.arena);
    gt_json_setl(doc, "f", gt_json_new_str(t.arena, value));
    gt_str text = gt_arena_printf(t.arena, "f: %.*s", GT_STR_ARG(repeat(&t, "*a", 50000, "*b")));
    assert_int_equal(kql_test_compile(&t, text, &query), GT_OK);
    double begin = seconds();
    for (int i = 0; i < 20; i++)
        assert_false(kql_test_run(&t, query, doc));
    assert_true(seconds() - begin < 10);
    kql_test_end(&t);
}

/* Documents as deep as JSON may be, read by paths as deep. */
static void test_deep_documents(void **state)
{
    (void)state;
    kql_test t;
    kql_test_begin(&t);
    gt_json *doc = gt_json_new_object(t.arena), *at = doc;
    for (size_t i = 0; i + 1 < GT_JSON_DEPTH_MAX; i++) {
        gt_json *inner = gt_json_new_object(t.arena);
        gt_json_setl(at, "a", inner);
        at = inner;
    }
    gt_json_setl(at, "a", gt_json_new_str(t.arena, GT_STR("x")));
    gt_str path = repeat(&t, "a.", GT_JSON_DEPTH_MAX - 1, "a: x");
    gt_query *query = NULL;
    assert_int_equal(kql_test_compile(&t, path, &query), GT_OK);
    assert_true(kql_test_run(&t, query, doc));
    static const char *const queries[] = {"a*: x", "x", "a: *", "a:{ a:{ a:{ a: * } } }"};
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        assert_int_equal(kql_test_compile(&t, gt_str_c(queries[i]), &query), GT_OK);
        assert_true(kql_test_run(&t, query, doc));
    }
    /* a nested query as deep as queries may be, explained on it */
    gt_buf deep = GT_BUF(4096);
    for (size_t i = 0; i < GT_QUERY_DEPTH_MAX; i++)
        gt_buf_lit(&deep, "a:{");
    gt_buf_lit(&deep, "a: *");
    for (size_t i = 0; i < GT_QUERY_DEPTH_MAX; i++)
        gt_buf_lit(&deep, "}");
    assert_int_equal(kql_test_compile(&t, gt_buf_str(&deep), &query), GT_OK);
    assert_true(kql_test_run(&t, query, doc));
    gt_query_env env = {t.scratch, KQL_TEST_NOW};
    gt_query_clause *clauses;
    size_t count;
    assert_int_equal(gt_query_explain(query, doc, &env, t.arena, &clauses, &count), GT_OK);
    assert_int_equal(count, GT_QUERY_DEPTH_MAX + 1);
    gt_buf_done(&deep);
    kql_test_end(&t);
}

/* Compile, explain and ask for needs with the nth request for memory failing. */
static gt_status all_of_it(gt_str text, const gt_schema *schema)
{
    gt_query *query = NULL;
    gt_diags diags;
    gt_query_clause *clauses;
    size_t count;
    gt_json *doc = NULL;
    gt_arena *arena = gt_arena_new((size_t)1 << 24), *scratch = gt_arena_new((size_t)1 << 24);
    gt_status status = arena && scratch ? GT_OK : GT_NOMEM;
    if (status == GT_OK) {
        gt_diags_init(&diags, arena, GT_STR("query"), text);
        status = gt_kql_compile(arena, scratch, text, (gt_offsets){0, NULL}, schema, &query, &diags);
        assert_true(status != GT_INVALID || diags.errors > 0);
    }
    if (status == GT_OK)
        status = gt_json_parse(arena, GT_STR("{\"event\":{\"action\":\"x\"},\"n\":[{\"a\":1}]}"),
                               &doc, NULL);
    if (status == GT_OK) {
        gt_query_env env = {scratch, KQL_TEST_NOW};
        (void)gt_query_run(query, doc, &env);
        (void)gt_query_needs_of(query, arena, GT_STR("event.action"));
        status = gt_query_explain(query, doc, &env, arena, &clauses, &count);
    }
    gt_arena_free(arena);
    gt_arena_free(scratch);
    return status;
}

static void test_memory(void **state)
{
    (void)state;
    gt_buf list = GT_BUF((size_t)1 << 20);
    gt_buf_lit(&list, "event.action: (a");
    for (int i = 0; i < 3000; i++)
        gt_buf_printf(&list, " or value%d", i);
    gt_buf_lit(&list, ") and n:{ a: 1 } or event.*: x* and @timestamp > now-1d and message: foo*");
    for (int i = 0; i < 3000; i++)
        gt_buf_printf(&list, " or field%d: value%d*", i, i);
    const gt_str texts[] = {
        GT_STR("event.action: (a or \"b\") and not x*: y* or n:{ a: 1 }"),
        GT_STR("event.action: ( and n:{ a: 1 or \\q"),
        gt_buf_str(&list),
    };
    for (size_t i = 0; i < 3; i++) {
        long after = 0;
        gt_status status;
        do {
            gt_mem_fail_after(after++);
            status = all_of_it(texts[i], gt_schema_default());
            gt_mem_fail_after(-1);
        } while (status == GT_NOMEM);
        assert_int_equal(status, i == 1 ? GT_INVALID : GT_OK);
        assert_true(after > 3);
    }
    gt_buf_done(&list);
}

/* Running a compiled query asks for no memory. */
static void test_run_without_memory(void **state)
{
    (void)state;
    kql_test t;
    kql_test_begin(&t);
    gt_query *query = NULL;
    assert_int_equal(kql_test_compile(&t, GT_STR("event.*: x* or n:{ a: 1 } or message: a b"),
                                      &query), GT_OK);
    gt_json *doc = kql_test_json(&t, GT_STR("{\"event\":{\"action\":\"y\"},\"n\":[{\"a\":1}]}"));
    unsigned long before = gt_mem_requests();
    assert_true(kql_test_run(&t, query, doc));
    assert_int_equal(gt_mem_requests(), before);
    kql_test_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits),           cmocka_unit_test(test_hostile_texts),
        cmocka_unit_test(test_hostile_patterns), cmocka_unit_test(test_deep_documents),
        cmocka_unit_test(test_memory),           cmocka_unit_test(test_run_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
