/* What queries mean, case by case: types, dates, ranges, nested fields, free text. */
#include "kql_test.h"

typedef struct meaning {
    const char *query;
    const char *document;
    bool match;
} meaning;

static const meaning meanings[] = {
    /* keywords are exact and keep their case; arrays are any */
    {"event.action: GetObject", "{\"event\":{\"action\":\"GetObject\"}}", true},
    {"event.action: getobject", "{\"event\":{\"action\":\"GetObject\"}}", false},
    {"event.action: \"GetObject\"", "{\"event.action\":[\"x\",[\"GetObject\"]]}", true},
    {"event.action: (a and b)", "{\"event\":[{\"action\":\"a\"},{\"action\":\"b\"}]}", true},
    {"not event.action: a", "{}", true},
    {"event.action: (not a)", "{\"event.action\":[\"a\",\"b\"]}", false},
    {"event.action: foo bar", "{\"event.action\":\"foo bar\"}", true},
    /* dotted, nested and mixed keys */
    {"a.b.c: x", "{\"a.b\":{\"c\":\"x\"}}", true},
    {"a.b.c: x", "{\"a\":{\"b.c\":\"x\"}}", true},
    {"a.b.c: x", "{\"a\":{\"b\":{\"c\":\"y\"}},\"a.b.c\":\"x\"}", true},
    {"a.b.c: x", "{\"a.b.cc\":\"x\",\"a.bb\":{\"c\":\"x\"}}", false},
    /* presence */
    {"user.name: *", "{\"user\":{\"name\":\"\"}}", true},
    {"user.name: *", "{\"user\":{\"name\":null}}", false},
    {"user.name: *", "{\"user\":{\"name\":[]}}", false},
    {"user.name: *", "{\"user\":{\"name\":[null]}}", false},
    {"user: *", "{\"user\":{\"name\":\"x\"}}", true},
    {"user: *", "{\"user\":{\"name\":null}}", false},
    {"*", "{}", true},
    {"*: *", "{}", true},
    {"", "{}", true},
    {" \t\n", "{}", true},
    /* wildcards: only '*', only unquoted and unescaped */
    {"user.name: adm*", "{\"user.name\":\"admin\"}", true},
    {"user.name: *m*n", "{\"user.name\":\"admin\"}", true},
    {"user.name: adm?n", "{\"user.name\":\"admin\"}", false},
    {"user.name: adm?*", "{\"user.name\":\"adm?n\"}", true},
    {"user.name: \"adm*\"", "{\"user.name\":\"admin\"}", false},
    {"user.name: adm\\*", "{\"user.name\":\"adm*\"}", true},
    {"user.name: a\\**", "{\"user.name\":\"a*b\"}", true},
    {"user.name: a\\**", "{\"user.name\":\"ab\"}", false},
    {"user.name: *foo bar*", "{\"user.name\":\"a foo bar b\"}", true},
    {"user.name: ab*ba", "{\"user.name\":\"aba\"}", false},
    /* escapes */
    {"user.name: a\\:b", "{\"user.name\":\"a:b\"}", true},
    {"user.name: \\u0041\\u00e9", "{\"user.name\":\"A\\u00e9\"}", true},
    {"user.name: \"\\ud83d\\ude00\"", "{\"user.name\":\"\\ud83d\\ude00\"}", true},
    {"user.name: \"a\\tb\"", "{\"user.name\":\"a\\tb\"}", true},
    {"user.name: \"a\\qb\"", "{\"user.name\":\"a\\\\qb\"}", true},
    {"user.name: \\and", "{\"user.name\":\"and\"}", true},
    {"user.name: fish \\and chips", "{\"user.name\":\"fish and chips\"}", true},
    {"\"user.name\": x", "{\"user.name\":\"x\"}", true},
    /* numbers */
    {"source.as.number: 22", "{\"source.as\":{\"number\":22}}", true},
    {"source.as.number: 22.0", "{\"source.as\":{\"number\":22}}", true},
    {"source.as.number: 22.5", "{\"source.as\":{\"number\":22}}", false},
    {"source.as.number: \"22\"", "{\"source.as\":{\"number\":\"22\"}}", true},
    {"source.as.number > 21 and source.as.number <= 22", "{\"source.as\":{\"number\":22}}", true},
    {"source.as.number > 9223372036854775806", "{\"source.as\":{\"number\":9223372036854775807}}", true},
    {"source.as.number: 9223372036854775806", "{\"source.as\":{\"number\":9223372036854775807}}", false},
    /* a field without a type takes it from the value */
    {"x: 1", "{\"x\":1.0}", true},
    {"x: 1", "{\"x\":\"1.0\"}", false},
    {"x: 1", "{\"x\":\"1\"}", true},
    {"x: true", "{\"x\":true}", true},
    {"x: true", "{\"x\":\"true\"}", true},
    {"x > 9", "{\"x\":10}", true},
    {"x > 9", "{\"x\":\"10\"}", false},
    {"x: 1*", "{\"x\":10}", false},
    {"x: null", "{\"x\":null}", false},
    /* booleans */
    {"aws.cloudtrail.console_login.additional_eventdata.mfa_used: true",
     "{\"aws.cloudtrail.console_login.additional_eventdata\":{\"mfa_used\":true}}", true},
    {"aws.cloudtrail.console_login.additional_eventdata.mfa_used: \"false\"",
     "{\"aws.cloudtrail.console_login.additional_eventdata\":{\"mfa_used\":true}}", false},
    /* addresses */
    {"source.ip: 10.0.0.0/8", "{\"source.ip\":\"10.1.2.3\"}", true},
    {"source.ip: \"10.0.0.0/8\"", "{\"source.ip\":\"11.1.2.3\"}", false},
    {"source.ip: 2001:db8:*", "{\"source.ip\":\"2001:db8::1\"}", false},
    {"source.ip: \"2001:db8::1\"", "{\"source.ip\":\"2001:0db8:0:0::1\"}", true},
    {"source.ip: \"2001:db8::/32\"", "{\"source.ip\":\"2001:db8:1::\"}", true},
    {"source.ip: 0.0.0.0/0", "{\"source.ip\":\"2001:db8::1\"}", false},
    {"source.ip: \"::/0\"", "{\"source.ip\":\"192.0.2.1\"}", true},
    {"source.ip: \"::ffff:192.0.2.1\"", "{\"source.ip\":\"192.0.2.1\"}", true},
    {"source.ip >= 192.0.2.10", "{\"source.ip\":\"192.0.2.9\"}", false},
    {"source.ip: *", "{\"source.ip\":\"ec2.amazonaws.com\"}", true},
    /* dates round as Elasticsearch's range does */
    {"@timestamp: 2024-05-01", "{\"@timestamp\":\"2024-05-01T23:59:59.999Z\"}", true},
    {"@timestamp > 2024-05-01", "{\"@timestamp\":\"2024-05-01T23:59:59.999Z\"}", false},
    {"@timestamp > 2024-05-01", "{\"@timestamp\":\"2024-05-02T00:00:00.000Z\"}", true},
    {"@timestamp >= 2024-05-01", "{\"@timestamp\":\"2024-05-01T00:00:00.000Z\"}", true},
    {"@timestamp < 2024-05-01", "{\"@timestamp\":\"2024-05-01T00:00:00.000Z\"}", false},
    {"@timestamp <= \"2024-05-01T10:00:00Z\"", "{\"@timestamp\":\"2024-05-01T10:00:00.500Z\"}", true},
    {"@timestamp <= \"2024-05-01T10:00:00.499Z\"", "{\"@timestamp\":\"2024-05-01T10:00:00.500Z\"}",
     false},
    {"@timestamp <= \"2024-05-01T10\"", "{\"@timestamp\":\"2024-05-01T10:59:00Z\"}", true},
    {"@timestamp: \"2024-05\"", "{\"@timestamp\":\"2024-05-01T12:00:00Z\"}", true},
    {"@timestamp: \"2024-05\"", "{\"@timestamp\":\"2024-05-02T12:00:00Z\"}", false},
    {"@timestamp >= now-1d", "{\"@timestamp\":\"2024-05-14T12:34:56.789Z\"}", true},
    {"@timestamp >= now-1d", "{\"@timestamp\":\"2024-05-14T12:34:56.788Z\"}", false},
    {"@timestamp >= now-1d/d", "{\"@timestamp\":\"2024-05-14T00:00:00Z\"}", true},
    {"@timestamp > now-1d/d", "{\"@timestamp\":\"2024-05-14T23:00:00Z\"}", false},
    {"@timestamp: 1715776496789", "{\"@timestamp\":\"2024-05-15T12:34:56.789Z\"}", true},
    {"@timestamp >= \"2024-05-01||+1M/d\"", "{\"@timestamp\":\"2024-06-01T00:00:00Z\"}", true},
    {"@timestamp < 2024-05-02", "{\"@timestamp\":1714521600000}", true},
    /* analysed text */
    {"message: denied", "{\"message\":\"Access Denied.\"}", true},
    {"message: access granted", "{\"message\":\"Access Denied\"}", true},
    {"message: \"access granted\"", "{\"message\":\"Access Denied\"}", false},
    {"message: \"not authorized\"", "{\"message\":\"User is not authorized to perform\"}", true},
    {"message: auth*", "{\"message\":\"User is not Authorized\"}", true},
    {"message: AUTH*", "{\"message\":\"User is not authorized\"}", true},
    {"message: zz* User*", "{\"message\":\"User is\"}", true},
    {"message: \"iam.amazonaws.com\"", "{\"message\":\"by iam.amazonaws.com\"}", true},
    {"message: amazonaws", "{\"message\":\"by iam.amazonaws.com\"}", false},
    {"message: \"\"", "{\"message\":\"x\"}", false},
    /* flattened: every leaf a keyword, arrays drop out of the path */
    {"aws.cloudtrail.flattened.request_parameters.ipPermissions.items.fromPort: (22 or 3389)",
     "{\"aws\":{\"cloudtrail\":{\"flattened\":{\"request_parameters\":{\"ipPermissions\":{\"items\":"
     "[{\"fromPort\":22}]}}}}}}", true},
    {"aws.cloudtrail.flattened.request_parameters.omitted: true",
     "{\"aws.cloudtrail.flattened.request_parameters\":{\"omitted\":true}}", true},
    {"aws.cloudtrail.flattened.request_parameters.n: 1.0",
     "{\"aws.cloudtrail.flattened.request_parameters\":{\"n\":1}}", false},
    {"aws.cloudtrail.flattened.request_parameters: sg-1",
     "{\"aws.cloudtrail.flattened.request_parameters\":{\"a\":[{\"b\":\"sg-1\"}]}}", true},
    {"aws.cloudtrail.flattened.request_parameters.a: *",
     "{\"aws.cloudtrail.flattened.request_parameters\":{\"a\":{\"b\":\"sg-1\"}}}", false},
    {"aws.cloudtrail.flattened.request_parameters.a.b: *g-*",
     "{\"aws.cloudtrail.flattened.request_parameters\":{\"a\":{\"b\":\"sg-1\"}}}", true},
    /* nested: one object must hold all */
    {"n:{ a: 1 and b: 2 }", "{\"n\":[{\"a\":1,\"b\":1},{\"a\":2,\"b\":2}]}", false},
    {"n.a: 1 and n.b: 2", "{\"n\":[{\"a\":1,\"b\":1},{\"a\":2,\"b\":2}]}", true},
    {"n:{ a: 1 and not b: 2 }", "{\"n\":[{\"a\":1,\"b\":1},{\"a\":1,\"b\":2}]}", true},
    {"not n:{ a: 1 }", "{}", true},
    {"n:{ *: * }", "{\"n\":{}}", true},
    {"n:{ *: * }", "{\"n\":3}", false},
    {"n:{ m:{ a: 1 } }", "{\"n\":[{\"m\":[{\"a\":2},{\"a\":1}]}]}", true},
    {"n:{ text }", "{\"n\":[{\"a\":\"text\"}]}", false},
    /* ranges as values */
    {"gatetrail.security_group.opened:{ port: 22 }",
     "{\"gatetrail\":{\"security_group\":{\"opened\":[{\"port\":{\"gte\":20,\"lte\":25}}]}}}", true},
    {"gatetrail.security_group.opened:{ port: 26 }",
     "{\"gatetrail\":{\"security_group\":{\"opened\":[{\"port\":{\"gte\":20,\"lte\":25}}]}}}", false},
    {"gatetrail.security_group.opened:{ port > 25 }",
     "{\"gatetrail\":{\"security_group\":{\"opened\":[{\"port\":{\"gte\":20,\"lte\":25}}]}}}", false},
    {"gatetrail.security_group.opened:{ port >= 25 }",
     "{\"gatetrail\":{\"security_group\":{\"opened\":[{\"port\":{\"gte\":20,\"lte\":25}}]}}}", true},
    {"gatetrail.security_group.opened:{ cidr: 10.1.2.3 }",
     "{\"gatetrail\":{\"security_group\":{\"opened\":[{\"cidr\":\"10.0.0.0/8\"}]}}}", true},
    {"gatetrail.security_group.opened:{ cidr: 10.1.0.0/16 and port: 3389 }",
     "{\"gatetrail\":{\"security_group\":{\"opened\":[{\"cidr\":\"10.0.0.0/8\",\"port\":22},"
     "{\"cidr\":\"0.0.0.0/0\",\"port\":{\"gte\":0,\"lt\":3389}}]}}}", false},
    /* field wildcards and free text */
    {"event.*: GetObject", "{\"event\":{\"action\":\"GetObject\"}}", true},
    {"*.action: GetObject", "{\"event\":{\"action\":\"GetObject\"}}", true},
    {"event*: *", "{\"event\":{\"action\":null}}", false},
    {"source.*: 22", "{\"source\":{\"as.number\":22,\"ip\":\"192.0.2.1\"}}", true},
    {"source.* > 21", "{\"source.as\":{\"number\":22}}", true},
    {"GetObject", "{\"event\":{\"action\":\"GetObject\"}}", true},
    {"Object", "{\"event\":{\"action\":\"GetObject\"}}", false},
    {"denied", "{\"message\":\"Access denied\"}", true},
    {"192.0.2.0/24", "{\"source\":{\"ip\":\"192.0.2.1\"}}", true},
    {"foo* bar*", "{\"x\":\"barn\"}", true},
    {"sg-1", "{\"gatetrail.security_group.opened\":[{\"group_id\":\"sg-1\"}]}", false},
    {"gatetrail.*: sg-1", "{\"gatetrail.security_group.opened\":[{\"group_id\":\"sg-1\"}]}", true},
    {"null: x", "{\"x\":\"x\"}", true},
    /* connectives */
    {"a: 1 or b: 2 and c: 3", "{\"a\":1}", true},
    {"(a: 1 or b: 2) and c: 3", "{\"a\":1}", false},
    {"a: 1 OR NOT b: 2", "{\"b\":3}", true},
    {"a: b or", "{\"a\":\"b or\"}", true},
    {"a: android", "{\"a\":\"android\"}", true},
};

static void test_meanings(void **state)
{
    (void)state;
    kql_test t;
    kql_test_begin(&t);
    size_t failed = 0;
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++) {
        const meaning *m = &meanings[i];
        gt_query *query = NULL;
        bool got = false;
        gt_status status = kql_test_compile(&t, gt_str_c(m->query), &query);
        if (status == GT_OK)
            got = kql_test_run(&t, query, kql_test_json(&t, gt_str_c(m->document)));
        else if (strchr(m->query, ':') && !m->match && t.diags.errors == 1)
            continue; /* refused, so it matches nothing */
        if (status == GT_OK && got == m->match)
            continue;
        print_message("%s on %s: %s\n", m->query, m->document, status == GT_OK
                      ? (got ? "matches" : "does not match") : gt_status_text(status));
        kql_test_say(&t);
        failed++;
    }
    assert_int_equal(failed, 0);
    kql_test_end(&t);
}

/* keyword values longer than ignore_above (UTF-16 units) are not there */
static void test_ignore_above(void **state)
{
    (void)state;
    kql_test t;
    kql_test_begin(&t);
    const gt_field row = {GT_STR("k"), GT_FIELD_KEYWORD, 3, GT_STR("")};
    t.schema = kql_test_schema(&t, NULL, &row, 1);
    static const struct {
        const char *document;
        bool there;
    } cases[] = {
        {"{\"k\":\"abc\"}", true},
        {"{\"k\":\"abcd\"}", false},
        {"{\"k\":\"\\u00e9\\u00e9\\u00e9\"}", true},
        {"{\"k\":\"a\\ud83d\\ude00\"}", true},
        {"{\"k\":\"ab\\ud83d\\ude00\"}", false},
        {"{\"k\":[\"abcd\",\"x\"]}", true},
    };
    static const char *const queries[] = {"k: *", "k >= \"\"", "k: (* and not zzz)", "k*: *"};
    for (size_t q = 0; q < sizeof queries / sizeof *queries; q++) {
        gt_query *query = NULL;
        assert_int_equal(kql_test_compile(&t, gt_str_c(queries[q]), &query), GT_OK);
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
            assert_int_equal(kql_test_run(&t, query,
                                          kql_test_json(&t, gt_str_c(cases[i].document))),
                             cases[i].there);
    }
    kql_test_end(&t);
}

/* Lists beyond the short sets are searched by hash; every value must still be found. */
static void test_long_lists(void **state)
{
    (void)state;
    kql_test t;
    kql_test_begin(&t);
    gt_buf text = GT_BUF((size_t)1 << 20);
    gt_buf_lit(&text, "event.action: (v0");
    for (int i = 1; i < 1000; i++)
        gt_buf_printf(&text, " or v%d", i);
    gt_buf_lit(&text, ")");
    gt_query *query = NULL;
    assert_int_equal(kql_test_compile(&t, gt_buf_str(&text), &query), GT_OK);
    for (int i = 0; i < 1100; i++) {
        gt_str doc = gt_arena_printf(t.arena, "{\"event.action\":\"v%d\"}", i);
        assert_int_equal(kql_test_run(&t, query, kql_test_json(&t, doc)), i < 1000);
    }
    gt_query_needs needs = gt_query_needs_of(query, t.arena, GT_STR("event.action"));
    assert_true(needs.known);
    assert_int_equal(needs.count, 1000);
    gt_buf_done(&text);
    kql_test_end(&t);
}

static void test_needs(void **state)
{
    (void)state;
    kql_test t;
    kql_test_begin(&t);
    static const struct {
        const char *query;
        const char *needs; /* of event.action; NULL: unknown */
    } cases[] = {
        {"event.action: a", "a"},
        {"event.action: (b or a) and user.name: x", "a b"},
        {"event.action: a or event.action: (c or b)", "a b c"},
        {"event.action: a or user.name: x", NULL},
        {"not event.action: a", NULL},
        {"event.action: a*", NULL},
        {"event.action: (a or b) and event.action: c", "c"},
        {"user.name: x", NULL},
        {"event.action: a and not event.action: b", "a"},
        {"event.action: null", ""},
        {"event.action: null or event.action: x", "x"},
        {"n:{ event.action: x }", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gt_query *query = NULL;
        assert_int_equal(kql_test_compile(&t, gt_str_c(cases[i].query), &query), GT_OK);
        gt_query_needs needs = gt_query_needs_of(query, t.arena, GT_STR("event.action"));
        gt_buf got = GT_BUF(1000);
        for (size_t k = 0; k < needs.count; k++)
            gt_buf_printf(&got, "%s%.*s", k ? " " : "", GT_STR_ARG(needs.values[k]));
        if (needs.known != (cases[i].needs != NULL) ||
            (needs.known && !gt_str_eq(gt_buf_str(&got), gt_str_c(cases[i].needs))))
            fail_msg("%s needs %s %.*s", cases[i].query, needs.known ? "known" : "unknown",
                     GT_STR_ARG(gt_buf_str(&got)));
        gt_buf_done(&got);
    }
    kql_test_end(&t);
}

static void test_explain(void **state)
{
    (void)state;
    kql_test t;
    kql_test_begin(&t);
    gt_query *query = NULL;
    gt_str text = GT_STR("event.action: (A or B) and not user.name: x*");
    assert_int_equal(kql_test_compile(&t, text, &query), GT_OK);
    gt_query_env env = {t.scratch, KQL_TEST_NOW};
    gt_query_clause *c;
    size_t count;
    gt_json *doc = kql_test_json(&t, GT_STR("{\"event.action\":\"B\",\"user.name\":[\"xy\",\"z\"]}"));
    assert_int_equal(gt_query_explain(query, doc, &env, t.arena, &c, &count), GT_OK);
    assert_int_equal(count, 4);
    assert_false(c[0].result);
    assert_true(c[0].decided);
    assert_true(gt_str_is(c[1].text, "event.action: (A or B)"));
    assert_true(c[1].result);
    assert_false(c[1].decided); /* the other clause failed */
    assert_true(gt_str_is(c[2].text, "not user.name: x*"));
    assert_true(c[2].decided);
    assert_true(gt_str_is(c[3].text, "user.name: x*"));
    assert_true(c[3].result && c[3].decided);
    assert_int_equal(c[3].values->count, 2);
    size_t names;
    const gt_str *fields = gt_query_fields(query, &names);
    assert_int_equal(names, 2);
    assert_true(gt_str_is(fields[0], "event.action") && gt_str_is(fields[1], "user.name"));
    gt_buf out = GT_BUF(10000);
    gt_query_disassemble(query, &out);
    assert_true(gt_str_is(gt_buf_str(&out),
                          "   0  keyword-in     event.action in \"A\" \"B\"\n"
                          "   1  jump-if-false  4\n"
                          "   2  keyword-like   user.name ~ \"x*\"\n"
                          "   3  not\n"
                          "   4  end\n"));
    gt_buf_done(&out);
    kql_test_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_meanings),   cmocka_unit_test(test_ignore_above),
        cmocka_unit_test(test_long_lists), cmocka_unit_test(test_needs),
        cmocka_unit_test(test_explain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
