/* Loading: Elastic's own rules, TOML and Kibana's export of the same rule, the built-in rules,
 * duplicates, places in files, memory running out. */
#include "rules_test.h"

/* --- Elastic's rules ---------------------------------------------------------------------------------- */

static void shared_rules(void **state)
{
    (void)state;
    char path[2][512], probe[600];
    snprintf(path[0], sizeof path[0], "%s/rules/elastic-aws", test_shared());
    snprintf(path[1], sizeof path[1], "%s/rules/elastic-aws-building-block", test_shared());
    snprintf(probe, sizeof probe, "%s/LICENSE.txt", path[0]);
    TEST_NEEDS_SHARED(probe);
    gt_str paths[] = {gt_str_c(path[0]), gt_str_c(path[1])};
    loaded l = load(&(gt_rules_options){.paths = paths, .path_count = 2, .no_builtin = true});
    assert_string_equal(said(&l), "");
    assert_int_equal(l.set->count, 201);
    size_t kql = 0, runs = 0;
    for (size_t i = 0; i < l.set->count; i++) {
        const gt_rule *rule = l.set->items[i];
        kql += rule->query != NULL;
        runs += rule->state == GT_RULE_RUNS;
        assert_true((rule->state == GT_RULE_RUNS) == (rule->type == GT_RULE_QUERY));
        assert_int_equal(rule->query != NULL, gt_str_is(rule->language, "kuery"));
    }
    assert_int_equal(kql, 144);
    assert_int_equal(runs, 90);
    unload(&l);
}

/* --- the built-in rules --------------------------------------------------------------------------------- */

static void builtin_rules(void **state)
{
    (void)state;
    loaded l = load(&(gt_rules_options){.lint = true});
    assert_int_equal(l.set->errors, 0);
    const gt_rule *now = gt_rules_find(l.set, GT_STR("29052c19-ff3e-42fd-8363-7be14d7c5469"));
    const gt_rule *old =
        gt_rules_find(l.set, GT_STR("aws_ec2_security_group_configuration_change_v207"));
    assert_non_null(now);
    assert_non_null(old);
    assert_true(now->enabled && now->builtin && now->state == GT_RULE_RUNS);
    assert_true(!old->enabled && old->state == GT_RULE_RUNS);
    assert_int_equal(old->version, 207);
    assert_int_equal(old->risk_score, 21);
    assert_int_equal(old->max_signals, 100);
    assert_str(old->severity, "low");
    assert_str(old->from, "now-9m");
    assert_str(old->interval, "5m");
    assert_str(now->from, "now-6m");
    assert_str(old->license, "Elastic License v2");
    assert_non_null(strstr(said(&l), "never sees AuthorizeSecurityGroupIngress"));
    assert_non_null(strstr(said(&l), "[RULE-026]"));
    for (size_t i = 0; i < l.set->file_count; i++)
        if (i == now->file)
            assert_int_equal(l.set->files[i].diags.count, 0);
    unload(&l);
}

/* The queries are the published ones, byte for byte. */
static void builtin_queries(void **state)
{
    (void)state;
    char path[2][512];
    snprintf(path[0], sizeof path[0], "%s/000_ff7838afa6eaae2b.txt", test_shared());
    snprintf(path[1], sizeof path[1],
             "%s/rules/elastic-aws/persistence_ec2_security_group_configuration_change_detection.toml",
             test_shared());
    TEST_NEEDS_SHARED(path[0]);
    loaded l = load(&(gt_rules_options){0});
    const gt_rule *old =
        gt_rules_find(l.set, GT_STR("aws_ec2_security_group_configuration_change_v207"));
    gt_str text = test_read_file(path[0]);
    size_t at = gt_str_find(text, old->query_text);
    assert_true(at != GT_NPOS && text.ptr[at - 1] == '\n' && text.ptr[at + old->query_text.len] == '\n');
    gt_str published = GT_STR_NULL;
    gt_str file = test_read_file(path[1]);
    gt_str paths[] = {gt_str_c(path[1])};
    loaded own = load(&(gt_rules_options){.paths = paths, .path_count = 1, .no_builtin = true});
    published = own.set->items[0]->query_text;
    const gt_rule *now = gt_rules_find(l.set, GT_STR("29052c19-ff3e-42fd-8363-7be14d7c5469"));
    assert_true(gt_str_eq(now->query_text, published));
    static const char *const values[] = {"index", "risk_score", "severity", "tags", "from", "threat",
                                         "author", "license", "timestamp_override", "references",
                                         "investigation_fields", "type", "language", "name"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        if (!gt_json_equal(gt_json_get(now->params, gt_str_c(values[i])),
                           gt_json_get(own.set->items[0]->params, gt_str_c(values[i]))))
            fail_msg("%s is not as published", values[i]);
    unload(&own);
    unload(&l);
    free((void *)(uintptr_t)text.ptr);
    free((void *)(uintptr_t)file.ptr);
}

/* --- one rule in both forms ------------------------------------------------------------------------------ */

#define ID_A "00000000-0000-4000-8000-00000000000a"
#define ID_B "00000000-0000-4000-8000-00000000000b"
#define META "[metadata]\ncreation_date = \"2024/01/01\"\nupdated_date = \"2024/01/01\"\n"
#define RULE_WITH(id, more)                                                                        \
    META "[rule]\nname = \"One rule\"\ndescription = \"d\"\nrisk_score = 30\n"                     \
         "severity = \"medium\"\ntype = \"query\"\nrule_id = \"" id "\"\n" more
#define RULE(id) RULE_WITH(id, "query = 'event.action: \"A\"'\n")

static void both_forms(void **state)
{
    (void)state;
    loaded toml = load_text("a.toml", GT_STR(
        META "[rule]\nname = \"New terms\"\ndescription = \"\"\"\n  d\n\"\"\"\nrisk_score = 30\n"
             "severity = \"medium\"\ntype = \"new_terms\"\nrule_id = \"" ID_A "\"\nmax_signals = 5\n"
             "query = '''\nevent.action: \"A\"\n'''\nindex = [\"logs-aws.cloudtrail-*\"]\n"
             "[rule.new_terms]\nfield = \"new_terms_fields\"\nvalue = [\"user.name\"]\n"
             "[[rule.new_terms.history_window_start]]\nfield = \"history_window_start\"\n"
             "value = \"now-7d\"\n"));
    loaded json = load_text("a.ndjson", GT_STR(
        "{\"name\":\"New terms\",\"description\":\"d\",\"risk_score\":30,\"severity\":\"medium\","
        "\"type\":\"new_terms\",\"rule_id\":\"" ID_A "\",\"query\":\"event.action: \\\"A\\\"\\n\","
        "\"index\":[\"logs-aws.cloudtrail-*\"],\"new_terms_fields\":[\"user.name\"],\"version\":1,"
        "\"history_window_start\":\"now-7d\",\"max_signals\":5}\n"
        "{\"exported_count\":1,\"exported_rules_count\":1,\"missing_rules\":[]}\n"));
    assert_string_equal(said(&toml), "");
    assert_string_equal(said(&json), "");
    assert_int_equal(json.set->count, 1);
    assert_true(gt_json_equal(toml.set->items[0]->params, json.set->items[0]->params));
    assert_int_equal(toml.set->items[0]->state, GT_RULE_TYPE_NOT_RUN);
    assert_non_null(toml.set->items[0]->query);
    assert_str(gt_json_path_str(toml.set->items[0]->metadata, "creation_date"), "2024/01/01");
    unload(&toml);
    unload(&json);
}

/* --- where errors point ------------------------------------------------------------------------------------ */

static gt_str place(const loaded *l, const char *code)
{
    for (size_t f = 0; f < l->set->file_count; f++) {
        const gt_diags *d = &l->set->files[f].diags;
        for (size_t i = 0; i < d->count; i++)
            if (gt_str_starts(gt_str_c(d->items[i].code), gt_str_c(code)))
                return (gt_str){d->text.ptr + d->items[i].span.begin,
                                d->items[i].span.end - d->items[i].span.begin};
    }
    fail_msg("no %s in: %s", code, said(l));
    return GT_STR_NULL;
}

static void query_errors_point_into_the_file(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        gt_str text;
    } files[] = {
        {"a.toml", GT_STR(RULE_WITH(ID_A, "query = '''\nevent.action: \"A\" and\nevent.x == 1'''\n"))},
        {"b.toml", GT_STR(RULE_WITH(ID_A, "query = \"event.action: \\\"\\u0041\\\" and event.x == 1\"\n"))},
        {"c.ndjson", GT_STR("\n{\"name\":\"One rule\",\"description\":\"d\",\"risk_score\":30,"
                            "\"severity\":\"medium\",\"type\":\"query\",\"rule_id\":\"" ID_A "\","
                            "\"query\":\"event.action: \\\"\\u0041\\\" and event.x == 1\"}\n")},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        loaded l = load_text(files[i].name, files[i].text);
        assert_int_equal(l.set->items[0]->state, GT_RULE_BROKEN);
        assert_str(place(&l, "KQL-"), "==");
        unload(&l);
    }
}

/* --- rule_ids ------------------------------------------------------------------------------------------------ */

static void duplicates_and_replacements(void **state)
{
    (void)state;
    gt_rule_text twice[] = {{GT_STR("a.toml"), GT_STR(RULE(ID_A))},
                            {GT_STR("b.toml"), GT_STR(RULE(ID_A))},
                            {GT_STR("c.toml"), GT_STR(RULE(ID_B))}};
    loaded l = load(&(gt_rules_options){.no_builtin = true, .texts = twice, .text_count = 3});
    assert_int_equal(l.set->errors, 2);
    assert_non_null(strstr(said(&l), "a.toml:10:11: error: the rule_id also stands in b.toml:10"));
    assert_non_null(strstr(said(&l), "b.toml:10:11: error: the rule_id also stands in a.toml:10"));
    assert_int_equal(l.set->items[0]->state, GT_RULE_BROKEN);
    assert_int_equal(l.set->items[2]->state, GT_RULE_RUNS);
    unload(&l);
    gt_rule_text one = {GT_STR("own.toml"), GT_STR(RULE("29052c19-ff3e-42fd-8363-7be14d7c5469"))};
    l = load(&(gt_rules_options){.texts = &one, .text_count = 1});
    assert_int_equal(l.set->errors, 0);
    assert_non_null(strstr(said(&l), "own.toml:10:11: note: replaces the built-in rule"));
    const gt_rule *rule = gt_rules_find(l.set, GT_STR("29052c19-ff3e-42fd-8363-7be14d7c5469"));
    assert_str(rule->name, "One rule");
    unload(&l);
}

/* --- states -------------------------------------------------------------------------------------------------- */

static void states(void **state)
{
    (void)state;
    static const struct {
        const char *more;
        gt_rule_state expected;
    } cases[] = {
        {"index = ['filebeat-*']", GT_RULE_RUNS},
        {"index = ['logs-*']", GT_RULE_RUNS},
        {"index = ['*']", GT_RULE_RUNS},
        {"index = ['logs-aws*']", GT_RULE_RUNS},
        {"index = ['logs-aws.cloudtrail-default']", GT_RULE_RUNS},
        {"index = ['logs-*.cloudtrail-prod*', 'winlogbeat-*']", GT_RULE_RUNS},
        {"index = ['eu:filebeat-8*']", GT_RULE_RUNS},
        {"index = ['my-cloudtrail']", GT_RULE_RUNS},
        {"index = []", GT_RULE_RUNS},
        {"index = ['winlogbeat-*', 'logs-endpoint.events.*']", GT_RULE_OTHER_PRODUCT},
        {"index = ['logs-aws.vpcflow-*']", GT_RULE_OTHER_PRODUCT},
        {"index = ['logs-aws_bedrock.invocation-*']", GT_RULE_OTHER_PRODUCT},
        {"index = ['.alerts-security.*']", GT_RULE_OTHER_PRODUCT},
        {"index = ['logs-azure.signinlogs-*', '-logs-aws.cloudtrail-*']", GT_RULE_OTHER_PRODUCT},
        {"index = ['auditbeat-*', 'traces-apm*', 'metrics-*']", GT_RULE_OTHER_PRODUCT},
        {"language = 'lucene'", GT_RULE_LANGUAGE_NOT_RUN},
        {"filters = [{meta = {disabled = false}, query = {script = {}}}]", GT_RULE_FILTERS_NOT_RUN},
        {"filters = [{query = {match_phrase = {a = 'b'}}}]", GT_RULE_RUNS},
        {"filters = [{meta = {disabled = true}}]", GT_RULE_RUNS},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gt_buf text = GT_BUF(GT_MIB);
        gt_buf_printf(&text, "%s%s\n", RULE(ID_A), cases[i].more);
        loaded l = load_text("a.toml", gt_buf_str(&text));
        if (l.set->items[0]->state != cases[i].expected)
            fail_msg("%s: %s %s", cases[i].more, gt_rule_state_text(l.set->items[0]->state), said(&l));
        unload(&l);
        gt_buf_done(&text);
    }
}

/* --- Kibana's filters -------------------------------------------------------------------------------------------- */

static void filters(void **state)
{
    (void)state;
    static const struct {
        const char *filter; /* of the array `filters` */
        const char *document;
        int matches; /* -1: the filter is not run */
    } cases[] = {
        {"{\"meta\":{\"negate\":false},\"query\":{\"match_phrase\":{\"a\":\"1\"}}}", "{\"a\":\"1\"}", 1},
        {"{\"meta\":{\"negate\":false},\"query\":{\"match_phrase\":{\"a\":\"1\"}}}", "{\"a\":\"2\"}", 0},
        {"{\"meta\":{\"negate\":true},\"query\":{\"match_phrase\":{\"a\":\"1\"}}}", "{\"a\":\"1\"}", 0},
        {"{\"meta\":{\"negate\":true},\"query\":{\"match_phrase\":{\"a\":\"1\"}}}", "{}", 1},
        {"{\"meta\":{\"disabled\":true},\"query\":{\"match_phrase\":{\"a\":\"1\"}}}", "{}", 1},
        {"{\"query\":{\"match_phrase\":{\"a\":{\"query\":\"x \\\"y\"}}}}", "{\"a\":\"x \\\"y\"}", 1},
        {"{\"query\":{\"match\":{\"a\":{\"query\":\"1\",\"type\":\"phrase\"}}}}", "{\"a\":\"1\"}", 1},
        {"{\"query\":{\"match\":{\"a\":\"1\"}}}", "{}", -1},
        {"{\"query\":{\"term\":{\"a\":{\"value\":\"1\"}}}}", "{\"a\":[\"0\",\"1\"]}", 1},
        {"{\"query\":{\"terms\":{\"a\":[\"1\",\"2\"]}}}", "{\"a\":\"2\"}", 1},
        {"{\"query\":{\"exists\":{\"field\":\"a\"}}}", "{\"a\":\"\"}", 1},
        {"{\"meta\":{\"key\":\"a\"},\"exists\":{\"field\":\"a\"},\"$state\":{\"store\":\"appState\"}}", "{}", 0},
        {"{\"query\":{\"range\":{\"n\":{\"gte\":2,\"lt\":\"4\"}}}}", "{\"n\":3}", 1},
        {"{\"query\":{\"range\":{\"n\":{\"gte\":2,\"lt\":\"4\"}}}}", "{\"n\":4}", 0},
        {"{\"query\":{\"range\":{\"n\":{\"gte\":2,\"boost\":1}}}}", "{}", -1},
        {"{\"query\":{\"bool\":{\"minimum_should_match\":1,\"should\":[{\"match_phrase\":{\"a\":\"1\"}},"
         "{\"match_phrase\":{\"a\":\"2\"}}]}}}", "{\"a\":\"2\"}", 1},
        {"{\"query\":{\"bool\":{\"must\":[],\"filter\":[{\"exists\":{\"field\":\"a\"}}],"
         "\"must_not\":[{\"match_phrase\":{\"a\":\"1\"}},{\"match_phrase\":{\"a\":\"2\"}}],\"should\":[]}}}",
         "{\"a\":\"3\"}", 1},
        {"{\"query\":{\"bool\":{\"must_not\":{\"match_phrase\":{\"a\":\"1\"}}}}}", "{\"a\":\"1\"}", 0},
        {"{\"query\":{\"bool\":{\"must\":[{\"exists\":{\"field\":\"a\"}}],\"should\":[{\"exists\":"
         "{\"field\":\"b\"}}]}}}", "{}", -1},
        {"{\"query\":{\"query_string\":{\"query\":\"x\"}}}", "{}", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gt_buf text = GT_BUF(GT_MIB);
        gt_buf_printf(&text, "{\"name\":\"One rule\",\"description\":\"d\",\"risk_score\":30,\"severity\":"
                             "\"medium\",\"type\":\"query\",\"rule_id\":\"" ID_A "\",\"query\":\"\","
                             "\"filters\":[%s]}", cases[i].filter);
        loaded l = load_text("a.ndjson", gt_buf_str(&text));
        const gt_rule *rule = l.set->items[0];
        gt_json *document;
        gt_query_env env = {l.scratch, 0};
        assert_int_equal(gt_json_parse(l.rules, gt_str_c(cases[i].document), &document, NULL), GT_OK);
        int got = rule->state == GT_RULE_RUNS ? gt_rule_run(rule, document, &env) == GT_RULE_MATCHES : -1;
        if (got != cases[i].matches || l.set->errors || l.set->warnings != (cases[i].matches < 0))
            fail_msg("%s: %d %s", cases[i].filter, got, said(&l));
        unload(&l);
        gt_buf_done(&text);
    }
}

/* --- files that cannot be read --------------------------------------------------------------------------------- */

static void unreadable(void **state)
{
    (void)state;
    gt_str paths[] = {GT_STR("no/such/rule.toml")};
    loaded l = load(&(gt_rules_options){.paths = paths, .path_count = 1, .no_builtin = true});
    assert_int_equal(l.set->errors, 1);
    assert_non_null(strstr(said(&l), "no/such/rule.toml"));
    assert_non_null(strstr(said(&l), "No such file or directory [RULE-030]"));
    unload(&l);
}

static void broken_lines_of_an_export(void **state)
{
    (void)state;
    loaded l = load_text("a.ndjson", GT_STR(
        "{\"name\":\"One rule\",\"description\":\"d\",\"risk_score\":30,\"severity\":\"medium\","
        "\"type\":\"query\",\"rule_id\":\"" ID_A "\",\"query\":\"a:b\"}\n"
        "{\"name\": oops}\n[1]\n"
        "{\"name\":\"Two rules\",\"description\":\"d\",\"risk_score\":30,\"severity\":\"medium\","
        "\"type\":\"query\",\"rule_id\":\"" ID_B "\",\"query\":\"a:b\"}\n{\"name\":"));
    assert_int_equal(l.set->count, 2);
    assert_int_equal(l.set->errors, 3);
    assert_non_null(strstr(said(&l), "a.ndjson:2:10: error:"));
    unload(&l);
}

/* --- memory ------------------------------------------------------------------------------------------------------ */

static void without_memory(void **state)
{
    (void)state;
    gt_rule_text texts[] = {{GT_STR("a.toml"), GT_STR(RULE(ID_A))},
                            {GT_STR("b.ndjson"), GT_STR("{\"name\":\"One rule\",\"description\":\"d\","
                             "\"risk_score\":30,\"severity\":\"medium\",\"type\":\"query\",\"rule_id\":\""
                             ID_B "\",\"query\":\"a:\\\"b\\\"\",\"exceptions_list\":[{\"list_id\":\"l\"}]}\n"
                             "{\"list_id\":\"l\",\"item_id\":\"i\",\"entries\":[{\"field\":\"a\",\"type\":"
                             "\"match\",\"operator\":\"included\",\"value\":\"x\"}]}\n")}};
    gt_rules_options options = {.texts = texts, .text_count = 2, .lint = true};
    for (long n = 0;; n++) {
        gt_arena *rules = gt_arena_new(GT_RULES_ARENA_MAX), *scratch = gt_arena_new(GT_SCRATCH_ARENA_MAX);
        gt_rules *set = NULL;
        gt_mem_fail_after(n);
        gt_status status = gt_rules_load(rules, scratch, &options, &set);
        gt_mem_fail_after(-1);
        bool done = status == GT_OK && set->errors == 0;
        gt_arena_free(rules);
        gt_arena_free(scratch);
        if (done)
            break;
        assert_int_equal(status, GT_NOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shared_rules),
        cmocka_unit_test(builtin_rules),
        cmocka_unit_test(builtin_queries),
        cmocka_unit_test(both_forms),
        cmocka_unit_test(query_errors_point_into_the_file),
        cmocka_unit_test(duplicates_and_replacements),
        cmocka_unit_test(states),
        cmocka_unit_test(filters),
        cmocka_unit_test(unreadable),
        cmocka_unit_test(broken_lines_of_an_export),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests_name("rules", tests, NULL, NULL);
}
