/* Mistakes: each is one error, with a stable code and the right place; what follows is still read. */
#include "kql_test.h"

#include "base/limits.h"

typedef struct mistake {
    const char *query;
    const char *marks; /* under the query: '^' where an error's span begins */
    const char *codes; /* in the order of their places */
} mistake;

static const mistake mistakes[] = {
    {"a:",                        "  ^",                         "KQL-002"},
    {"a < ",                      "    ^",                       "KQL-002"},
    {"()",                        "^",                           "KQL-002"},
    {"a:()",                      "  ^",                         "KQL-002"},
    {"a:b and ()",                "        ^",                   "KQL-002"},
    {"a: or b:c",                 "   ^",                        "KQL-002"},
    {"a == b",                    "  ^",                         "KQL-003"},
    {"a:b and c.d != x",          "            ^",               "KQL-003"},
    {"a==b",                      " ^",                          "KQL-003"},
    {"a ==b and c:d",             "  ^",                         "KQL-003"},
    {"a <> 3",                    "  ^",                         "KQL-003"},
    {"a:b && c:d",                "    ^",                       "KQL-003"},
    {"a:b || c:d",                "    ^",                       "KQL-003"},
    {"a:\"b",                     "  ^",                         "KQL-004"},
    {"(a:\"b) and c:d",           "   ^",                        "KQL-004"},
    {"(a:b",                      "^",                           "KQL-005"},
    {"a:(b or (c or d)",          "  ^",                         "KQL-005"},
    {"a:{b:c",                    "  ^",                         "KQL-005"},
    {"a:(b} and c:d",             "    ^",                       "KQL-005"},
    {"a:b)",                      "   ^",                        "KQL-006"},
    {"a:b) and c:d",              "   ^",                        "KQL-006"},
    {"a:b or )",                  "       ^",                    "KQL-002"},
    {"a:\\q",                     "  ^",                         "KQL-007"},
    {"a:b and fo\\x:y",           "          ^",                 "KQL-007"},
    {"a:\"b\" c",                 "      ^",                     "KQL-008"},
    {"a:(b)(c)",                  "     ^",                      "KQL-008"},
    {"a:b c:d and e:f",           "    ^",                       "KQL-008"},
    {"a<3 b:c",                   "    ^",                       "KQL-008"},
    {"not a:b c:d",               "        ^",                   "KQL-008"},
    {"a: not b",                  "   ^",                        "KQL-009"},
    {"not(a:b)",                  "^",                           "KQL-009"},
    {"not not a:b",               "    ^",                       "KQL-009"},
    {"cannot connect",            "   ^",                        "KQL-009"},
    {"a:<3",                      "  ^",                         "KQL-011"},
    {"a < (1 or 2)",              "    ^",                       "KQL-011"},
    {"<5",                        "^",                           "KQL-011"},
    {"a{b:c}",                    " ^",                          "KQL-001"},
    {"a::b",                      "  ^",                         "KQL-001"},
    {"a:b>c",                     "   ^",                        "KQL-001"},
    {"a:b\"c\"",                  "   ^",                        "KQL-001"},
    {"source.as.number: x",        "                  ^",              "KQL-013"},
    {"source.as.number > \"x\"",  "                   ^",             "KQL-013"},
    {"source.ip: 10.0.0.0/33",    "           ^",                "KQL-013"},
    {"source.ip > 10.0.0.0/8",    "            ^",               "KQL-013"},
    {"@timestamp: x",             "            ^",               "KQL-013"},
    {"@timestamp > 5",            "             ^",              "KQL-013"},
    {"source.as.number: 2*",       "                  ^",              "KQL-014"},
    {"@timestamp: 2024*",         "            ^",               "KQL-014"},
    {"user.name:{ x:y }",         "^",                           "KQL-015"},
    {"gatetrail.security_group.opened.port: 22", "^",            "KQL-015"},
    {"a*:{ x:y }",                "^",                           "KQL-015"},
    {"source.geo.location: 3",    "                     ^",      "KQL-016"},
    /* several at once */
    {"a: and b:c or d:e) or f:\\q", "   ^             ^      ^", "KQL-002 KQL-006 KQL-007"},
    {"source.as.number: x and source.ip: y", "                  ^                ^", "KQL-013 KQL-013"},
};

/* The codes of the errors and the places where they begin. */
static void found(kql_test *t, gt_buf *codes, gt_buf *marks)
{
    size_t order[GT_DIAGS_MAX], count = 0;
    for (size_t i = 0; i < t->diags.count; i++)
        if (t->diags.items[i].severity == GT_ERROR)
            order[count++] = i;
    for (size_t i = 1; i < count; i++)
        for (size_t k = i; k > 0 && t->diags.items[order[k]].span.begin <
                                        t->diags.items[order[k - 1]].span.begin; k--) {
            size_t swap = order[k];
            order[k] = order[k - 1];
            order[k - 1] = swap;
        }
    for (size_t i = 0; i < count; i++) {
        const gt_diag *d = &t->diags.items[order[i]];
        gt_buf_printf(codes, "%s%s", i ? " " : "", d->code);
        while (marks->len < d->span.begin)
            gt_buf_add_byte(marks, ' ');
        gt_buf_add_byte(marks, '^');
    }
}

static void test_mistakes(void **state)
{
    (void)state;
    kql_test t;
    kql_test_begin(&t);
    size_t failed = 0;
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        gt_query *query = NULL;
        gt_status status = kql_test_compile(&t, gt_str_c(mistakes[i].query), &query);
        gt_buf codes = GT_BUF(4096), marks = GT_BUF(4096);
        found(&t, &codes, &marks);
        if (status != GT_INVALID || query ||
            !gt_str_eq(gt_buf_str(&codes), gt_str_c(mistakes[i].codes)) ||
            !gt_str_eq(gt_buf_str(&marks), gt_str_c(mistakes[i].marks))) {
            print_message("expected %s at\n  %s\n  %s\n", mistakes[i].codes, mistakes[i].query,
                          mistakes[i].marks);
            kql_test_say(&t);
            failed++;
        }
        gt_buf_done(&codes);
        gt_buf_done(&marks);
    }
    assert_int_equal(failed, 0);
    kql_test_end(&t);
}

/* What Kibana accepts and a person hardly means. */
static void test_warnings(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        const char *code;
    } cases[] = {
        {"a: b or", "KQL-101"},          {"or a: b", "KQL-101"},
        {"!a: b", "KQL-101"},            {"a: b || c", "KQL-101"},
        {"a: [1 TO 5]", "KQL-101"},      {"a: null", "KQL-103"},
        {"related: x", NULL},            {"n:{ x }", "KQL-105"},
        {"aws.cloudtrail.resources: x", "KQL-104"},
        {"gatetrail.security_group.opened: *", "KQL-104"},
        {"a: android and b: \"or\"", NULL},
    };
    kql_test t;
    kql_test_begin(&t);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gt_query *query = NULL;
        assert_int_equal(kql_test_compile(&t, gt_str_c(cases[i].query), &query), GT_OK);
        const char *code = t.diags.count ? t.diags.items[0].code : NULL;
        if (!code != !cases[i].code || (code && strcmp(code, cases[i].code) != 0)) {
            kql_test_say(&t);
            fail_msg("%s: %s", cases[i].query, code ? code : "no warning");
        }
    }
    kql_test_end(&t);
}

/* Offsets of a query inside a file are the file's. */
static void test_offsets(void **state)
{
    (void)state;
    kql_test t;
    kql_test_begin(&t);
    gt_str file = GT_STR("query = \"a:\\\"b\\\" c\"\n");
    uint32_t map[] = {9, 10, 11, 13, 14, 16, 17, 18}; /* of a:"b" c */
    gt_query *query = NULL;
    gt_diags_init(&t.diags, t.arena, GT_STR("x.toml"), file);
    assert_int_equal(gt_kql_compile(t.arena, t.scratch, GT_STR("a:\"b\" c"),
                                    (gt_offsets){0, map}, t.schema, &query, &t.diags), GT_INVALID);
    assert_int_equal(t.diags.items[0].span.begin, 17);
    kql_test_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_warnings),
        cmocka_unit_test(test_offsets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
