/* What is judged from a record's bytes is what its document says: random queries over random records with
 * everything that makes a value no plain one, and the shared rules over the shared records as they lie
 * there, in every mapping and instruction set. And the detector as a whole against evaluating every rule. */
#include "test.h"

#include "base/limits.h"
#include "detect/detect.h"
#include "detect/early.h"
#include "ecs/ecs.h"

#include <dirent.h>

#define QUERIES 400
#define RECORDS 2000

static uint32_t seed = 20261125;

static uint32_t pick(uint32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)seed * n) >> 32);
}

#define PICK(list) list[pick(sizeof list / sizeof *list)]

/* --- queries ------------------------------------------------------------------------------------ */

static const char *const fields[] = {
    "event.provider", "event.action", "event.outcome", "event.outcome", "event.id", "event.dataset",
    "cloud.region", "source.address", "user_agent.original", "aws.cloudtrail.error_code",
    "aws.cloudtrail.error_message", "aws.cloudtrail.event_type", "aws.cloudtrail.event_category",
    "aws.cloudtrail.recipient_account_id", "aws.cloudtrail.vpc_endpoint_id",
    "aws.cloudtrail.user_identity.type", "aws.cloudtrail.user_identity.type",
    "aws.cloudtrail.user_identity.arn", "aws.cloudtrail.user_identity.access_key_id",
    "aws.cloudtrail.user_identity.invoked_by",
    "aws.cloudtrail.user_identity.session_context.session_issuer.type",
    "aws.cloudtrail.user_identity.session_context.session_issuer.arn",
    "aws.cloudtrail.flattened.request_parameters.key",
    "aws.cloudtrail.flattened.request_parameters.a",
    "aws.cloudtrail.flattened.request_parameters.a.b", "aws.cloudtrail.flattened.request_parameters",
    "data_stream.dataset", "user.name", "aws.cloudtrail.request_parameters", "source.ip",
    "aws.cloudtrail.user_identity.*",
};
static const char *const values[] = {
    "a", "b", "Root", "success", "failure", "none", "\"-\"", "\"\"", "true", "1", "*", "a*", "*b",
    "A*", "\"a b\"", "aws.cloudtrail", "ConsoleLogin", "192.0.2.1", "(a or b or Root)",
    "(a or not b)", "(A or B or a or none or x)",
};

static void add_clause(gt_buf *out, unsigned depth)
{
    switch (depth ? pick(6) : 5) {
    case 0:
        gt_buf_lit(out, "not ");
        add_clause(out, depth - 1);
        return;
    case 1:
    case 2:
    case 3: {
        const char *word = pick(3) ? " and " : " or ";
        gt_buf_lit(out, "(");
        add_clause(out, depth - 1);
        for (uint32_t i = 0; i <= pick(3); i++) {
            gt_buf_add(out, gt_str_c(word));
            add_clause(out, depth - 1);
        }
        gt_buf_lit(out, ")");
        return;
    }
    default:
        gt_buf_printf(out, "%s: %s", PICK(fields), PICK(values));
    }
}

static size_t make_queries(gt_arena *arena, gt_arena *scratch, const gt_query **ret)
{
    size_t count = 0;
    while (count < QUERIES) {
        gt_buf text = GT_BUF(GT_MIB);
        gt_diags diags;
        gt_query *query = NULL;
        add_clause(&text, 3);
        gt_str copy = gt_arena_dup(arena, gt_buf_str(&text));
        gt_buf_done(&text);
        gt_diags_init(&diags, arena, GT_STR("q"), copy);
        gt_offsets where = {0};
        if (gt_kql_compile(arena, scratch, copy, where, gt_schema_default(), &query, &diags) == GT_OK)
            ret[count++] = query;
    }
    return count;
}

/* --- records ------------------------------------------------------------------------------------ */

static const char *const keys[] = {
    "eventSource", "eventName", "eventName", "eventID", "awsRegion", "sourceIPAddress", "userAgent",
    "errorCode", "errorMessage", "eventType", "eventCategory", "recipientAccountId",
    "vpcEndpointId", "error\\u0043ode", "event\\u004eame", "userIdentity", "userIdentity",
    "userIdent\\u0069ty", "requestParameters", "requestParameters", "responseElements",
};
static const char *const user_keys[] = {"type", "type", "arn", "accessKeyId", "invokedBy", "userName",
                                        "t\\u0079pe", "sessionContext", "sessionContext"};
static const char *const issuer_keys[] = {"type", "arn", "\\u0061rn", "userName"};
static const char *const payload_keys[] = {"key", "a", "a.b", "k\\u0065y", "ConsoleLogin", "", "b"};
static const char *const plain[] = {
    "\"a\"", "\"b\"", "\"Root\"", "\"none\"", "\"-\"", "\"\"", "\"\\u0061\"", "\"a b\"", "\"\\u002d\"",
    "\"AssumedRole\"", "\"ConsoleLogin\"", "\"192.0.2.1\"", "\"success\"", "\"no\\u006ee\"", "\"A\"",
    "\"\\ud800\"", "\"\\\"\\\\\"", "\"Success\"", "\"failure\"",
};
static const char *const odd[] = {"null", "true", "1", "1.0", "[]", "{}", "[\"a\"]", "[\"a\",\"b\"]",
                                  "[{\"type\":\"a\",\"key\":\"a\"}]", "{\"a\":\"b\"}", "[null]",
                                  "{\"b\":{\"a\":\"\"}}", "false"};

static void add_value(gt_buf *out)
{
    gt_buf_add(out, gt_str_c(pick(4) ? PICK(plain) : PICK(odd)));
}

static void add_object(gt_buf *out, const char *const *names, size_t count, unsigned level)
{
    gt_buf_lit(out, "{");
    for (uint32_t n = pick(8), i = 0; i < n; i++) {
        const char *name = names[pick((uint32_t)count)];
        gt_buf_printf(out, "%s\"%s\"%s:%s", i ? "," : "", name, pick(9) ? "" : " ",
                      pick(9) ? "" : "\n ");
        gt_str key = gt_str_c(name);
        if (gt_str_starts(key, GT_STR("userIdent")) && pick(8))
            add_object(out, user_keys, sizeof user_keys / sizeof *user_keys, 1);
        else if (gt_str_is(key, "sessionContext") && pick(8))
            add_object(out, (const char *const[]){"sessionIssuer", "sessionIssuer", "x"}, 3, 2);
        else if ((gt_str_is(key, "sessionIssuer") || level == 2) && pick(8))
            add_object(out, issuer_keys, sizeof issuer_keys / sizeof *issuer_keys, 3);
        else if ((gt_str_is(key, "requestParameters") || gt_str_is(key, "responseElements")) && pick(8))
            add_object(out, payload_keys, sizeof payload_keys / sizeof *payload_keys, 3);
        else
            add_value(out);
    }
    gt_buf_lit(out, "}");
}

/* --- the comparison ------------------------------------------------------------------------------ */

typedef struct setting {
    gt_ecs_mapping mapping;
    gt_ecs_retain retain;
} setting;

static const setting settings[] = {
    {GT_ECS_8_8, GT_ECS_RETAIN_ALL},  {GT_ECS_9_0, GT_ECS_RETAIN_ALL},
    {GT_ECS_FILEBEAT, 0},             {GT_ECS_8_8, GT_ECS_RETAIN_KEYWORD},
    {GT_ECS_9_0, GT_ECS_RETAIN_NONE}, {GT_ECS_8_8, GT_ECS_RETAIN_MINIMAL},
};
#define SETTINGS (sizeof settings / sizeof *settings)

typedef struct world {
    gt_arena *arena, *scratch, *batch;
    const gt_query *queries[QUERIES];
    size_t count;
    gt_early *early;
    gt_early_look *looks[8];
    size_t look_count;
    gt_ecs_tables *tables[SETTINGS];
    gt_ecs *ecs[SETTINGS];
    size_t truths[3];
} world;

static void world_open(world *w)
{
    size_t scanners;
    gt_str message;
    const gt_scanner *const *all = gt_scanners(&scanners);
    w->arena = gt_arena_new(GT_RULES_ARENA_MAX);
    w->scratch = gt_arena_new(GT_SCRATCH_ARENA_MAX);
    w->batch = gt_arena_new(GT_BATCH_ARENA_MAX);
    w->count = make_queries(w->arena, w->scratch, w->queries);
    assert_int_equal(gt_early_new(w->arena, w->queries, w->count, &w->early), GT_OK);
    for (size_t i = 0; i < scanners && i < 8; i++)
        assert_non_null(w->looks[w->look_count++] = gt_early_look_new(w->early, all[i]));
    for (size_t i = 0; i < SETTINGS; i++) {
        gt_ecs_options options = {.mapping = settings[i].mapping, .retain = settings[i].retain};
        assert_int_equal(gt_ecs_tables_open(&options, w->arena, &w->tables[i], &message), GT_OK);
        assert_non_null(w->ecs[i] = gt_ecs_new(w->tables[i]));
    }
}

static void world_close(world *w)
{
    for (size_t i = 0; i < w->look_count; i++)
        gt_early_look_free(w->looks[i]);
    for (size_t i = 0; i < SETTINGS; i++) {
        gt_ecs_free(w->ecs[i]);
        gt_ecs_tables_close(w->tables[i]);
    }
    gt_arena_free(w->arena);
    gt_arena_free(w->scratch);
    gt_arena_free(w->batch);
}

static void compare_query(world *w, size_t q, gt_json *const *documents, gt_str json)
{
    gt_query_env env = {.scratch = w->scratch, .now = 1741000000000};
    gt_truth truth = gt_early_judge(w->looks[0], q, env.now);
    for (size_t i = 1; i < w->look_count; i++)
        assert_int_equal(gt_early_judge(w->looks[i], q, env.now), truth);
    w->truths[truth]++;
    for (size_t i = 0; truth != GT_UNKNOWN && i < SETTINGS; i++) {
        if (gt_query_run(w->queries[q], documents[i], &env) == (truth == GT_TRUE))
            continue;
        gt_str text = gt_query_text(w->queries[q]);
        fail_msg("setting %zu: judged %s: %.*s\n%.*s", i, truth == GT_TRUE ? "true" : "false",
                 GT_STR_ARG(text), GT_STR_ARG(json));
    }
}

static void compare_record(world *w, gt_str json)
{
    gt_json *tree = NULL, *documents[SETTINGS];
    gt_arena_reset(w->batch, GT_MIB);
    assert_int_equal(gt_json_parse(w->batch, json, &tree, NULL), GT_OK);
    gt_record record = {
        .json = json,
        .event_id = gt_json_path_str(tree, "eventID"),
        .event_source = gt_json_path_str(tree, "eventSource"),
        .event_name = gt_json_path_str(tree, "eventName"),
    };
    for (size_t i = 0; i < SETTINGS; i++) {
        gt_json *copy = gt_json_copy(w->batch, tree, true);
        assert_int_equal(gt_ecs_map(w->ecs[i], w->batch, copy, json, &documents[i]), GT_OK);
    }
    for (size_t i = 0; i < w->look_count; i++)
        gt_early_turn(w->looks[i], &record);
    for (size_t q = 0; q < w->count; q++)
        compare_query(w, q, documents, json);
}

static void judged_as_mapped(void **state)
{
    (void)state;
    world w = {0};
    world_open(&w);
    for (size_t n = 0; n < RECORDS; n++) {
        gt_buf text = GT_BUF(GT_MIB);
        add_object(&text, keys, sizeof keys / sizeof *keys, 0);
        /* Of the exact size: a read past the end is seen by AddressSanitizer. */
        char *exact = malloc(text.len);
        memcpy(exact, text.data, text.len);
        compare_record(&w, (gt_str){exact, text.len});
        free(exact);
        gt_buf_done(&text);
    }
    /* It must have something to say, or the comparison would mean little. */
    size_t all = QUERIES * RECORDS;
    print_message("# false %zu %%, true %zu %%\n", w.truths[GT_FALSE] * 100 / all,
                  w.truths[GT_TRUE] * 100 / all);
    assert_true(w.truths[GT_FALSE] > all / 5);
    assert_true(w.truths[GT_TRUE] > all / 20);
    world_close(&w);
}

/* --- the shared rules over the shared records ---------------------------------------------------- */

typedef struct shared_world {
    gt_arena *rules, *scratch;
    gt_rules *set;
    gt_ecs_tables *tables;
    gt_detect_worker *quick, *slow;
    gt_early *early;
    const gt_query **queries;
    size_t query_count;
    gt_early_look *looks[8];
    size_t look_count;
    gt_reader *reader;
    size_t records, alerts, decided;
} shared_world;

static bool every_rule(void *ctx, const gt_rule *rule)
{
    (void)ctx;
    (void)rule;
    return true;
}

static void shared_open(shared_world *w)
{
    char folders[2][1024];
    gt_str paths[2], message;
    size_t scanners;
    const gt_scanner *const *all = gt_scanners(&scanners);
    snprintf(folders[0], sizeof folders[0], "%s/rules/elastic-aws", test_shared());
    snprintf(folders[1], sizeof folders[1], "%s/rules/elastic-aws-building-block", test_shared());
    for (size_t i = 0; i < 2; i++)
        paths[i] = gt_str_c(folders[i]);
    gt_rules_options options = {.paths = paths, .path_count = 2};
    gt_ecs_options ecs = {0};
    w->rules = gt_arena_new(GT_RULES_ARENA_MAX);
    w->scratch = gt_arena_new(GT_SCRATCH_ARENA_MAX);
    assert_int_equal(gt_rules_load(w->rules, w->scratch, &options, &w->set), GT_OK);
    assert_int_equal(gt_ecs_tables_open(&ecs, w->rules, &w->tables, &message), GT_OK);
    gt_detector *detector;
    gt_detector_options detect = {.rules = w->set, .select = every_rule, .now = 1741000000000};
    assert_int_equal(gt_detector_new(w->rules, &detect, &detector), GT_OK);
    assert_int_equal(gt_detect_worker_new(detector, w->tables, NULL, &w->quick), GT_OK);
    assert_int_equal(gt_detect_worker_new(detector, w->tables, NULL, &w->slow), GT_OK);
    w->query_count = gt_detector_count(detector);
    w->queries = gt_arena_array(w->rules, const gt_query *, w->query_count);
    for (size_t i = 0; i < w->query_count; i++)
        w->queries[i] = gt_detector_rule(detector, i)->query;
    assert_int_equal(gt_early_new(w->rules, w->queries, w->query_count, &w->early), GT_OK);
    for (size_t i = 0; i < scanners && i < 8; i++)
        assert_non_null(w->looks[w->look_count++] = gt_early_look_new(w->early, all[i]));
    assert_non_null(w->reader = gt_reader_new(GT_RECORD_ALL_FIELDS));
}

static void shared_close(shared_world *w)
{
    for (size_t i = 0; i < w->look_count; i++)
        gt_early_look_free(w->looks[i]);
    gt_reader_free(w->reader);
    gt_detect_worker_free(w->quick);
    gt_detect_worker_free(w->slow);
    gt_ecs_tables_close(w->tables);
    gt_arena_free(w->rules);
    gt_arena_free(w->scratch);
}

static gt_status shared_record(void *ctx, const gt_record *record)
{
    shared_world *w = ctx;
    gt_json *document = NULL;
    const gt_match *quick, *slow;
    size_t quick_count, slow_count;
    bool any;
    gt_query_env env = {.scratch = w->scratch, .now = 1741000000000};
    assert_int_equal(gt_detect_map(w->slow, record, &document), GT_OK);
    for (size_t i = 0; i < w->look_count; i++)
        gt_early_turn(w->looks[i], record);
    for (size_t q = 0; q < w->query_count; q++) {
        gt_early_look *look = w->looks[(q + w->records) % w->look_count];
        gt_truth truth = gt_early_judge(look, q, env.now);
        if (truth != GT_UNKNOWN)
            assert_int_equal(gt_query_run(w->queries[q], document, &env), truth == GT_TRUE);
        w->decided += truth != GT_UNKNOWN;
    }
    assert_int_equal(gt_detect_document(w->slow, document, GT_STR("x"), &slow, &slow_count), GT_OK);
    assert_int_equal(gt_detect_record(w->quick, record, &quick, &quick_count), GT_OK);
    assert_int_equal(quick_count, slow_count);
    for (size_t i = 0; i < quick_count; i++)
        assert_int_equal(quick[i].index, slow[i].index);
    assert_int_equal(gt_detect_any(w->quick, record, &any), GT_OK);
    assert_int_equal(any, slow_count > 0);
    w->alerts += quick_count;
    w->records++;
    return GT_OK;
}

static gt_status shared_problem(void *ctx, gt_problem_kind kind, uint64_t offset, const char *reason)
{
    (void)ctx;
    (void)kind;
    (void)offset;
    (void)reason;
    return GT_OK;
}

static gt_status read_text(void *ctx, char *to, size_t room, size_t *ret_len)
{
    gt_str *left = ctx;
    size_t n = left->len < room ? left->len : room;
    memcpy(to, left->ptr, n);
    *left = gt_str_from(*left, n);
    *ret_len = n;
    return GT_OK;
}

static void shared_walk(shared_world *w, const char *path)
{
    char below[4096];
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
        if (entry->d_name[0] == '.')
            continue;
        if (entry->d_type == DT_DIR) {
            shared_walk(w, below);
            continue;
        }
        gt_record_sink sink = {.ctx = w, .record = shared_record, .problem = shared_problem};
        gt_str text = test_read_file(below), left = text;
        assert_int_equal(gt_reader_run(w->reader, GT_RECORDS_CLOUDTRAIL, read_text, &left, left.len,
                                       &sink), GT_OK);
        free((void *)(uintptr_t)text.ptr);
    }
    if (dir)
        closedir(dir);
}

static void judged_on_shared_data(void **state)
{
    (void)state;
    char path[1024];
    snprintf(path, sizeof path, "%s/cloudtrail/invictus/LICENSE", test_shared());
    TEST_NEEDS_SHARED(path);
    shared_world w = {0};
    shared_open(&w);
    snprintf(path, sizeof path, "%s/cloudtrail", test_shared());
    shared_walk(&w, path);
    print_message("# %zu records, %zu alerts, %zu %% decided\n", w.records, w.alerts,
                  w.decided * 100 / (w.records * w.query_count));
    assert_true(w.records > 10000 && w.alerts > 10);
    shared_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judged_as_mapped),
        cmocka_unit_test(judged_on_shared_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
