/* The public KQL cases: query × document → match, errors, equivalences, queries that parse. */
#include "kql_test.h"

#include "base/limits.h"

static gt_json *load(kql_test *t)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/query/kql_cases.json", test_shared());
    gt_str text = test_read_file(path);
    if (!text.ptr) {
        print_message("# SKIP %s is absent\n", path);
        kql_test_end(t);
        skip();
    }
    gt_str copy = gt_arena_dup(t->arena, text);
    free((void *)(uintptr_t)text.ptr);
    return kql_test_json(t, copy);
}

static const gt_schema *schema_of(kql_test *t, const gt_json *types)
{
    static const char *const flattened[] = {
        "additional_eventdata", "request_parameters", "response_elements", "service_event_details",
    };
    gt_field more[4];
    for (size_t i = 0; i < 4; i++) {
        gt_str name = gt_arena_printf(t->arena, "aws.cloudtrail.flattened.%s", flattened[i]);
        more[i] = (gt_field){name, GT_FIELD_FLATTENED, 0, GT_STR("")};
    }
    return kql_test_schema(t, types, more, 4);
}

static bool check_case(kql_test *t, const gt_json *c, const gt_json *other)
{
    gt_query *query = NULL, *second = NULL;
    gt_str text = gt_json_str(gt_json_getl(c, "query"));
    gt_status status = kql_test_compile(t, text, &query);
    const gt_json *match = gt_json_getl(c, "match"), *doc = gt_json_getl(c, "doc");
    const gt_json *equivalent = gt_json_getl(c, "equivalent");
    if (gt_json_getl(c, "error"))
        return status == GT_INVALID && t->diags.errors > 0;
    if (status != GT_OK)
        return false;
    if (match)
        return kql_test_run(t, query, doc) == match->boolean;
    if (equivalent) {
        if (kql_test_compile(t, gt_json_str(equivalent), &second) != GT_OK)
            return false;
        for (const gt_json *d = gt_json_first(other); d; d = d->next)
            if (kql_test_run(t, query, d) != kql_test_run(t, second, d))
                return false;
    }
    return true;
}

static void test_cases(void **state)
{
    (void)state;
    kql_test t;
    kql_test_begin(&t);
    gt_json *root = load(&t);
    const gt_schema *typed = schema_of(&t, gt_json_getl(root, "types"));
    gt_json *documents = kql_test_json(
        &t, GT_STR("[{},{\"a\":\"b\"},{\"a\":[\"b\",\"c\"]},{\"a\":\"c\",\"x\":\"y\"},{\"a\":1},"
                   "{\"a\":1.234},{\"a\":\"1.234\"},{\"a\":\"e\",\"c\":\"d\"},{\"c\":[3,4],\"a\":1,"
                   "\"b\":2},{\"a\":1,\"b\":2},{\"c\":\"d\"},{\"e\":\"f\",\"a\":\"b\"},"
                   "{\"m\":\"agent12\"},{\"m\":\"the password is\"},{\"a\":[\"b\",\"c\",\"d\"]}]"));
    size_t failed = 0, run = 0, other_dialect = 0;
    for (const gt_json *c = gt_json_first(gt_json_getl(root, "cases")); c; c = c->next) {
        if (gt_json_getl(c, "dsl")) {
            other_dialect++;
            continue;
        }
        const gt_json *own = gt_json_getl(c, "schema");
        t.schema = own ? kql_test_schema(&t, own, NULL, 0) : typed;
        run++;
        if (check_case(&t, c, documents))
            continue;
        if (++failed <= 20) {
            gt_buf out = GT_BUF((size_t)1 << 20);
            gt_json_write(&out, c);
            print_message("not as it should be: %.*s\n", GT_STR_ARG(gt_buf_str(&out)));
            gt_buf_done(&out);
            kql_test_say(&t);
        }
    }
    print_message("%zu cases run, %zu failed, %zu of another dialect\n", run, failed, other_dialect);
    assert_true(run > 2000);
    assert_int_equal(failed, 0);
    kql_test_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
