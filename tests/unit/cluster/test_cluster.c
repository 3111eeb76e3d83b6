/* The parts of cluster/ that need no server: URLs, templates, records made back from documents. */
#include "test.h"

#include "cluster/template.h"
#include "cluster/unmap.h"

static gt_arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = gt_arena_new((size_t)64 << 20);
    return arena ? 0 : 1;
}

static int tear_down(void **state)
{
    (void)state;
    gt_arena_free(arena);
    return 0;
}

static void test_urls(void **state)
{
    (void)state;
    static const struct {
        const char *url, *node, *index; /* node NULL: refused */
    } cases[] = {
        {"https://host:9200/logs-*", "https://host:9200", "logs-*"},
        {"http://127.0.0.1:9200", "http://127.0.0.1:9200", ""},
        {"https://host/a,b/", "https://host", "a,b"},
        {"https://[2001:db8::1]:9200/x", "https://[2001:db8::1]:9200", "x"},
        {"https://host/a/b", NULL, NULL},
        {"https://user:secret@host/a", NULL, NULL},
        {"https://host/a?x=1", NULL, NULL},
        {"ftp://host/a", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gt_str node, index;
        bool good = gt_cluster_url_split(arena, gt_str_c(cases[i].url), &node, &index);
        if (good != (cases[i].node != NULL))
            fail_msg("%s", cases[i].url);
        if (good) {
            assert_true(gt_str_eq(node, gt_str_c(cases[i].node)));
            assert_true(gt_str_eq(index, gt_str_c(cases[i].index)));
        }
    }
}

static void test_patterns(void **state)
{
    (void)state;
    gt_str name = GT_STR("logs-aws.cloudtrail-default");
    assert_true(gt_index_pattern_covers(GT_STR("logs-*-*"), name));
    assert_true(gt_index_pattern_covers(GT_STR("*"), name));
    assert_true(gt_index_pattern_covers(name, name));
    assert_true(gt_index_pattern_covers(GT_STR("*cloudtrail*"), name));
    assert_false(gt_index_pattern_covers(GT_STR("logs-aws"), name));
    assert_false(gt_index_pattern_covers(GT_STR("*-production"), name));
    assert_false(gt_index_pattern_covers(GT_STR("metrics-*"), name));
}

/* Each row of the field table has its place and the server's own word for its type. */
static void test_mappings(void **state)
{
    (void)state;
    const gt_schema *schema = gt_schema_default();
    static const gt_dsl_server servers[] = {GT_DSL_ELASTICSEARCH, GT_DSL_OPENSEARCH};
    for (size_t s = 0; s < 2; s++) {
        gt_json *mappings = gt_template_mappings(arena, schema, servers[s]);
        assert_non_null(mappings);
        for (size_t i = 0; i < schema->count; i++) {
            gt_json *node = mappings;
            for (gt_str rest = schema->fields[i].name, head; rest.ptr;) {
                rest = gt_str_cut(rest, '.', &head);
                node = gt_json_get(gt_json_getl(node, "properties"), head);
                assert_non_null(node);
            }
            gt_str type = gt_json_path_str(node, "type");
            if (schema->fields[i].type == GT_FIELD_FLATTENED)
                assert_true(gt_str_eq(type, servers[s] == GT_DSL_OPENSEARCH ? GT_STR("flat_object")
                                                                           : GT_STR("flattened")));
            int64_t above = 0;
            (void)!gt_json_i64(gt_json_getl(node, "ignore_above"), &above);
            if (schema->fields[i].type == GT_FIELD_KEYWORD)
                assert_int_equal(above, schema->fields[i].ignore_above);
        }
    }
}

static void test_unmap(void **state)
{
    (void)state;
    gt_json *document = NULL, *record;
    gt_str text = GT_STR("{\"@timestamp\":\"2024-01-01T00:00:00Z\",\"event\":{\"id\":\"1\",\"action\":\"A\"},"
                         "\"user\":{\"name\":\"admin\"},\"aws\":{\"cloudtrail\":{\"management_event\":"
                         "\"true\",\"resources\":[{\"arn\":\"x\"}],\"flattened\":{\"request_parameters\":"
                         "{\"n\":22}}}}}");
    assert_int_equal(gt_json_parse(arena, text, &document, NULL), GT_OK);
    record = gt_unmap(arena, document);
    assert_non_null(record);
    gt_json *wanted = NULL;
    assert_int_equal(gt_json_parse(arena, GT_STR("{\"eventTime\":\"2024-01-01T00:00:00Z\",\"eventID\":\"1\","
                                                 "\"eventName\":\"A\",\"requestParameters\":{\"n\":22},"
                                                 "\"managementEvent\":true,\"userIdentity\":{\"userName\":"
                                                 "\"admin\"},\"resources\":[{\"ARN\":\"x\"}]}"),
                                   &wanted, NULL), GT_OK);
    assert_true(gt_json_equal(record, wanted));
    gt_json_set_path(arena, document, "event.original",
                     gt_json_new_str(arena, GT_STR("{\"eventID\":\"raw\"}")));
    record = gt_unmap(arena, document);
    assert_true(gt_str_is(gt_json_path_str(record, "eventID"), "raw"));
    assert_int_equal(record->count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_mappings),
        cmocka_unit_test(test_unmap),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
