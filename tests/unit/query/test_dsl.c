/* KQL to Query DSL: what each clause becomes, what is refused, and running out of memory. Real servers
 * see all public cases in tests/e2e/kql_on_servers. */
#include "kql_test.h"

#include "query/dsl.h"

typedef struct translation {
    const char *query;
    const char *dsl; /* NULL: not exact */
} translation;

static const translation translations[] = {
    {"event.action: A", "{\"term\":{\"event.action\":\"A\"}}"},
    {"event.action: (A or B or A)", "{\"terms\":{\"event.action\":[\"A\",\"B\"]}}"},
    {"event.action: A*?\\*", "{\"wildcard\":{\"event.action\":{\"value\":\"A*\\\\?\\\\*\"}}}"},
    {"event.action: *", "{\"exists\":{\"field\":\"event.action\"}}"},
    {"event.action >= A", "{\"range\":{\"event.action\":{\"gte\":\"A\"}}}"},
    {"event.action: A and not user.name: B",
     "{\"bool\":{\"filter\":[{\"term\":{\"event.action\":\"A\"}}],\"must_not\":[{\"term\":{\"user.name\":"
     "\"B\"}}]}}"},
    {"event.action: A or user.name: B",
     "{\"bool\":{\"should\":[{\"term\":{\"event.action\":\"A\"}},{\"term\":{\"user.name\":\"B\"}}],"
     "\"minimum_should_match\":1}}"},
    {"not event.action: A", "{\"bool\":{\"must_not\":[{\"term\":{\"event.action\":\"A\"}}]}}"},
    {"source.as.number > 1.5", "{\"range\":{\"source.as.number\":{\"gte\":2}}}"},
    {"source.as.number <= -1.5", "{\"range\":{\"source.as.number\":{\"lte\":-2}}}"},
    {"source.as.number: 1.5", "{\"match_none\":{}}"},
    {"source.as.number < 99999999999999999999", "{\"exists\":{\"field\":\"source.as.number\"}}"},
    {"source.as.number > 99999999999999999999", "{\"match_none\":{}}"},
    {"source.ip: 10.0.0.0/8",
     "{\"range\":{\"source.ip\":{\"gte\":\"10.0.0.0\",\"lte\":\"10.255.255.255\"}}}"},
    {"source.ip: \"2001:DB8::0\"", "{\"term\":{\"source.ip\":\"2001:db8::\"}}"},
    {"@timestamp <= 2024-05-01",
     "{\"range\":{\"@timestamp\":{\"lt\":1714608000000,\"format\":\"epoch_millis\"}}}"},
    {"@timestamp > now-1d/d",
     "{\"range\":{\"@timestamp\":{\"gte\":1715731200000,\"format\":\"epoch_millis\"}}}"},
    {"gatetrail.security_group.opened:{ port: 22 }",
     "{\"nested\":{\"path\":\"gatetrail.security_group.opened\",\"query\":{\"range\":{"
     "\"gatetrail.security_group.opened.port\":{\"gte\":22,\"lte\":22,\"relation\":\"intersects\"}}},"
     "\"score_mode\":\"none\",\"ignore_unmapped\":true}}"},
    {"aws.cloudtrail.flattened.request_parameters.a: 1",
     "{\"term\":{\"aws.cloudtrail.flattened.request_parameters.a\":\"1\"}}"},
    {"", "{\"match_all\":{}}"},
    {"event.action: null", "{\"match_none\":{}}"},
    /* left to us */
    {"aws.cloudtrail.flattened.request_parameters.a: x*", NULL},
    {"message: denied", NULL},
    {"someone", NULL},
    {"event.*: x", NULL},
    {"no.type: 1", NULL},
    {"event.action: *a*b*c*d*e*f*g*h*", NULL},
};

static gt_status translate(kql_test *t, const char *text, gt_dsl *ret)
{
    gt_query *query = NULL;
    gt_dsl_target target = {.has_now = true, .now = KQL_TEST_NOW};
    assert_int_equal(kql_test_compile(t, gt_str_c(text), &query), GT_OK);
    return gt_query_to_dsl(query, &target, t->arena, ret);
}

static void test_translations(void **state)
{
    (void)state;
    kql_test t;
    kql_test_begin(&t);
    for (size_t i = 0; i < sizeof translations / sizeof *translations; i++) {
        gt_dsl dsl;
        gt_buf out = GT_BUF((size_t)1 << 20);
        assert_int_equal(translate(&t, translations[i].query, &dsl), GT_OK);
        gt_json_write(&out, dsl.query);
        if (!translations[i].dsl) {
            if (dsl.exact || !dsl.reason_count)
                fail_msg("%s is said to be exact", translations[i].query);
        } else if (!dsl.exact || !gt_str_eq(gt_buf_str(&out), gt_str_c(translations[i].dsl))) {
            fail_msg("%s: %.*s", translations[i].query, GT_STR_ARG(gt_buf_str(&out)));
        }
        gt_buf_done(&out);
    }
    kql_test_end(&t);
}

/* What is not exact is wider, under `not` too. */
static void test_wider(void **state)
{
    (void)state;
    static const translation wider[] = {
        {"event.action: A and message: x",
         "{\"bool\":{\"filter\":[{\"term\":{\"event.action\":\"A\"}}]}}"},
        {"event.action: A and not message: x",
         "{\"bool\":{\"filter\":[{\"term\":{\"event.action\":\"A\"}}]}}"},
        {"event.action: A or message: x",
         "{\"bool\":{\"should\":[{\"term\":{\"event.action\":\"A\"}},{\"match_all\":{}}],"
         "\"minimum_should_match\":1}}"},
        {"not (event.action: A and message: x)",
         "{\"bool\":{\"must_not\":[{\"bool\":{\"filter\":[{\"term\":{\"event.action\":\"A\"}},"
         "{\"match_none\":{}}]}}]}}"},
        {"not aws.cloudtrail.flattened.request_parameters.a: x*",
         "{\"bool\":{\"must_not\":[{\"match_none\":{}}]}}"},
        {"aws.cloudtrail.flattened.request_parameters.a: x*",
         "{\"exists\":{\"field\":\"aws.cloudtrail.flattened.request_parameters.a\"}}"},
    };
    kql_test t;
    kql_test_begin(&t);
    for (size_t i = 0; i < sizeof wider / sizeof *wider; i++) {
        gt_dsl dsl;
        gt_buf out = GT_BUF((size_t)1 << 20);
        assert_int_equal(translate(&t, wider[i].query, &dsl), GT_OK);
        gt_json_write(&out, dsl.query);
        assert_false(dsl.exact);
        if (!gt_str_eq(gt_buf_str(&out), gt_str_c(wider[i].dsl)))
            fail_msg("%s: %.*s", wider[i].query, GT_STR_ARG(gt_buf_str(&out)));
        gt_buf_done(&out);
    }
    kql_test_end(&t);
}

static gt_dsl_field as_float(void *ctx, gt_str name)
{
    (void)ctx;
    if (gt_str_is(name, "event.action"))
        return (gt_dsl_field){.type = GT_FIELD_TEXT};
    if (gt_str_is(name, "user.name"))
        return (gt_dsl_field){.type = GT_FIELD_KEYWORD, .ignore_above = 10};
    return (gt_dsl_field){.type = GT_FIELD_UNTYPED};
}

/* What counts is how the index maps a field, not how we would. */
static void test_other_mapping(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        bool exact;
    } cases[] = {
        {"event.action: A", false},     {"user.name: short", true},
        {"user.name: longer-than-ten", false}, {"user.name: sh*", false},
        {"user.name: *", false},        {"source.ip: 10.0.0.1", false},
    };
    kql_test t;
    kql_test_begin(&t);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gt_query *query = NULL;
        gt_dsl dsl;
        gt_dsl_target target = {.field = as_float};
        assert_int_equal(kql_test_compile(&t, gt_str_c(cases[i].query), &query), GT_OK);
        assert_int_equal(gt_query_to_dsl(query, &target, t.arena, &dsl), GT_OK);
        if (dsl.exact != cases[i].exact)
            fail_msg("%s", cases[i].query);
    }
    kql_test_end(&t);
}

static void test_limits(void **state)
{
    (void)state;
    kql_test t;
    kql_test_begin(&t);
    gt_buf text = GT_BUF((size_t)1 << 20);
    for (int i = 0; i < 1500; i++)
        gt_buf_printf(&text, "%suser.name: u%d*", i ? " or " : "", i);
    gt_dsl dsl;
    assert_int_equal(translate(&t, text.data, &dsl), GT_OK);
    assert_false(dsl.exact);
    gt_buf_reset(&text);
    for (int i = 0; i < 60; i++)
        gt_buf_printf(&text, "(user.name: u%d %s ", i, i % 2 ? "and" : "or");
    gt_buf_lit(&text, "user.name: x");
    for (int i = 0; i < 60; i++)
        gt_buf_lit(&text, ")");
    assert_int_equal(translate(&t, text.data, &dsl), GT_OK);
    assert_false(dsl.exact);
    gt_buf_done(&text);
    kql_test_end(&t);
}

static void test_memory(void **state)
{
    (void)state;
    kql_test t;
    kql_test_begin(&t);
    gt_query *query = NULL;
    assert_int_equal(kql_test_compile(&t, GT_STR("event.action: (A or B*) and not n:{ a: 1 } or message: "
                                                 "x or @timestamp > now-1d or source.ip: 10.0.0.0/8"),
                                      &query), GT_OK);
    long after = 0;
    gt_status status;
    do {
        gt_mem_fail_after(after++);
        gt_arena *arena = gt_arena_new((size_t)1 << 24);
        gt_dsl dsl;
        gt_dsl_target target = {.server = GT_DSL_OPENSEARCH};
        status = arena ? gt_query_to_dsl(query, &target, arena, &dsl) : GT_NOMEM;
        gt_mem_fail_after(-1);
        gt_arena_free(arena);
    } while (status == GT_NOMEM);
    assert_int_equal(status, GT_OK);
    kql_test_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_translations), cmocka_unit_test(test_wider),
        cmocka_unit_test(test_other_mapping), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
