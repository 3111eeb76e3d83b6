/* Every path out of memory: each request fails once; nothing crashes, leaks or is half done. And in
 * the steady state a record asks for no memory at all. */
#include "ecs_test.h"

static const char RECORD[] =
    "{\"eventVersion\":\"1.08\",\"userIdentity\":{\"type\":\"AssumedRole\",\"principalId\":\"A:s\","
    "\"arn\":\"arn:aws:sts::123456789012:assumed-role/deploy/a@example.com\",\"accountId\":"
    "\"123456789012\",\"sessionContext\":{\"sessionIssuer\":{\"userName\":\"deploy\",\"arn\":"
    "\"arn:aws:iam::123456789012:role/deploy\"},\"attributes\":{\"creationDate\":"
    "\"2024-01-01T00:00:00Z\"}}},\"eventTime\":\"2024-01-01T00:00:00.5Z\",\"eventSource\":"
    "\"ec2.amazonaws.com\",\"eventName\":\"RunInstances\",\"sourceIPAddress\":\"192.0.2.1\","
    "\"userAgent\":\"aws-cli/2.14.5 Python/3.11.6\",\"requestParameters\":{\"groupId\":\"sg-1\","
    "\"a1\":1,\"a2\":2,\"a3\":3,\"a4\":4,\"a5\":5,\"a6\":6,\"a7\":7,\"a8\":8,\"a9\":9,\"b0\":0,"
    "\"b1\":1,"
    "\"b2\":2,\"b3\":3,\"b4\":4,\"b5\":5,\"b6\":6,\"b7\":7,\"b8\":8,\"b9\":9,\"c0\":0,\"c1\":1,"
    "\"c2\":2,"
    "\"c3\":3,\"c4\":4,\"instanceIds\":[\"i-0000000001\",\"i-0000000002\"]},\"resources\":[{"
    "\"ARN\":"
    "\"arn:aws:ec2:eu-west-1:123456789012:instance/i-0000000003\"}],\"tlsDetails\":{\"tlsVersion\":"
    "\"TLSv1.3\"},\"responseElements\":{\"x\":1.5},\"eventID\":\"e\",\"managementEvent\":true}";

static gt_status run_all(const gt_ecs_options *options)
{
    gt_arena *arena = gt_arena_new(GT_BATCH_ARENA_MAX);
    gt_ecs_tables *tables = NULL;
    gt_ecs *ecs = NULL;
    gt_str why;
    gt_json *record, *document;
    gt_status status = arena ? gt_ecs_tables_open(options, arena, &tables, &why) : GT_NOMEM;
    if (status == GT_OK && !(ecs = gt_ecs_new(tables)))
        status = GT_NOMEM;
    if (status == GT_OK)
        status = gt_json_parse(arena, gt_str_c(RECORD), &record, NULL);
    if (status == GT_OK)
        status = gt_ecs_map(ecs, arena, record, gt_str_c(RECORD), &document);
    if (status == GT_OK && !gt_json_path(document, "event.action"))
        status = GT_CORRUPT;
    gt_ecs_free(ecs);
    gt_ecs_tables_close(tables);
    gt_arena_free(arena);
    return status;
}

static void every_request_fails_once(void **state)
{
    (void)state;
    static const gt_ecs_mapping mappings[] = {GT_ECS_9_0, GT_ECS_FILEBEAT};
    for (size_t i = 0; i < 2; i++) {
        gt_ecs_options options = {.mapping = mappings[i]};
        gt_status status = GT_NOMEM;
        long n = 0;
        for (; status != GT_OK && n < 10000; n++) {
            gt_mem_fail_after(n);
            status = run_all(&options);
            gt_mem_fail_after(-1);
            assert_true(status == GT_OK || status == GT_NOMEM);
        }
        assert_int_equal(status, GT_OK);
        assert_true(n > 10);
    }
}

static void a_small_batch_is_a_limit(void **state)
{
    (void)state;
    bench b = bench_open(&(gt_ecs_options){0});
    for (size_t bytes = 4096; bytes < 65536; bytes += 512) {
        gt_arena *batch = gt_arena_new(bytes);
        gt_json *record = NULL, *document = NULL;
        if (gt_json_parse(batch, gt_str_c(RECORD), &record, NULL) == GT_OK) {
            gt_status status = gt_ecs_map(b.ecs, batch, record, gt_str_c(RECORD), &document);
            assert_true(status == GT_OK || status == GT_LIMIT);
            assert_int_equal(status == GT_OK, document != NULL);
        }
        gt_arena_free(batch);
    }
    bench_close(&b);
}

static void no_requests_in_the_steady_state(void **state)
{
    (void)state;
    bench b = bench_open(&(gt_ecs_options){0});
    gt_arena *batch = gt_arena_new(GT_BATCH_ARENA_MAX);
    unsigned long before = 0;
    for (int i = 0; i < 100; i++) {
        gt_json *record, *document;
        if (i == 2)
            before = gt_mem_requests();
        gt_arena_reset(batch, GT_MIB);
        assert_int_equal(gt_json_parse(batch, gt_str_c(RECORD), &record, NULL), GT_OK);
        assert_int_equal(gt_ecs_map(b.ecs, batch, record, gt_str_c(RECORD), &document), GT_OK);
    }
    assert_int_equal(gt_mem_requests(), before);
    gt_arena_free(batch);
    bench_close(&b);
}

/* More distinct agents and addresses than the caches hold: documents stay right. */
static void caches_are_bounded(void **state)
{
    (void)state;
    bench b = bench_open(&(gt_ecs_options){0});
    gt_arena *batch = gt_arena_new(GT_BATCH_ARENA_MAX);
    for (int i = 0; i < GT_ECS_CACHE_ENTRIES * 2 + 100; i++) {
        gt_json *record, *document;
        gt_arena_reset(batch, GT_MIB);
        gt_str text = gt_arena_printf(batch, "{\"userAgent\":\"aws-cli/%d.1\"}", i);
        gt_str want = gt_arena_printf(batch, "%d.1", i);
        assert_int_equal(gt_json_parse(batch, text, &record, NULL), GT_OK);
        assert_int_equal(gt_ecs_map(b.ecs, batch, record, text, &document), GT_OK);
        gt_str version = gt_json_path_str(document, "user_agent.version");
        if (gt_ecs_tables_warning(b.tables).len == 0)
            assert_true(gt_str_eq(version, want));
    }
    gt_arena_free(batch);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_request_fails_once),
        cmocka_unit_test(a_small_batch_is_a_limit),
        cmocka_unit_test(no_requests_in_the_steady_state),
        cmocka_unit_test(caches_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
