/* Exceptions: every operator over documents, which rules a list holds for, expiry, value lists, and
 * mistakes in them. */
#include "rules_test.h"

#include "rule/exceptions.h"

#include <unistd.h>

#define ID_A "00000000-0000-4000-8000-00000000000a"
#define ID_B "00000000-0000-4000-8000-00000000000b"
#define RULE(id, more)                                                                             \
    "{\"name\":\"A rule\",\"description\":\"d\",\"risk_score\":30,\"severity\":\"medium\",\"type\":"  \
    "\"query\",\"rule_id\":\"" id "\",\"query\":\"*\"" more "}\n"
#define REFERS(list) ",\"exceptions_list\":[{\"id\":\"1\",\"list_id\":\"" list "\",\"type\":"       \
    "\"detection\",\"namespace_type\":\"single\"}]"
#define LIST(list) "{\"list_id\":\"" list "\",\"type\":\"detection\",\"name\":\"l\"}\n"
#define ITEM(list, id, entries, more)                                                              \
    "{\"item_id\":\"" id "\",\"list_id\":\"" list "\",\"name\":\"n\",\"entries\":[" entries "]" more "}\n"
#define COUNTS "{\"exported_exception_list_count\":1,\"exported_exception_list_item_count\":1}\n"
#define ENTRY(field, type, value) "{\"field\":\"" field "\",\"operator\":\"included\",\"type\":\"" type \
    "\",\"value\":" value "}"
#define NOT(field, type, value) "{\"field\":\"" field "\",\"operator\":\"excluded\",\"type\":\"" type \
    "\",\"value\":" value "}"

static gt_rule_verdict verdict(const loaded *l, const char *rule_id, const char *document, const char *now)
{
    gt_json *json;
    gt_query_env env = {.scratch = l->scratch};
    assert_true(gt_time_parse(gt_str_c(now), &env.now));
    assert_int_equal(gt_json_parse(l->rules, gt_str_c(document), &json, NULL), GT_OK);
    const gt_rule *rule = gt_rules_find(l->set, gt_str_c(rule_id));
    assert_non_null(rule);
    return gt_rule_run(rule, json, &env);
}

typedef struct operator_case {
    const char *entries, *document;
    bool excepted;
} operator_case;

#define DOC                                                                                        \
    "{\"event\":{\"action\":\"CreateUser\",\"outcome\":\"success\"},\"user.name\":\"Deploy\","       \
    "\"source\":{\"ip\":\"192.0.2.7\",\"port\":443},\"tags\":[\"a\",\"b?c\"],"                      \
    "\"aws\":{\"cloudtrail\":{\"flattened\":{\"request_parameters\":{\"port\":22}}}},"             \
    "\"x\":[{\"k\":\"a\",\"v\":\"1\"},{\"k\":\"b\",\"v\":\"2\"}],\"empty\":[],\"nil\":null}"

static const operator_case operators[] = {
    {ENTRY("event.action", "match", "\"CreateUser\""), DOC, true},
    {ENTRY("event.action", "match", "\"createuser\""), DOC, false},
    {ENTRY("event.action", "match", "\"Create\""), DOC, false},
    {ENTRY("event.action", "match", "\"Create*\""), DOC, false},
    {NOT("event.action", "match", "\"CreateUser\""), DOC, false},
    {NOT("event.action", "match", "\"Other\""), DOC, true},
    {NOT("no.such", "match", "\"x\""), DOC, true},
    {ENTRY("user.name", "match", "\"Deploy\""), DOC, true},
    {ENTRY("source.ip", "match", "\"192.0.2.7\""), DOC, true},
    {ENTRY("source.ip", "match", "\"192.0.2.0/24\""), DOC, true},
    {ENTRY("source.port", "match", "\"443\""), DOC, true},
    {ENTRY("aws.cloudtrail.flattened.request_parameters.port", "match", "\"22\""), DOC, true},
    {ENTRY("tags", "match", "\"a\""), DOC, true},
    {ENTRY("event.action", "match_any", "[\"X\",\"CreateUser\"]"), DOC, true},
    {ENTRY("event.action", "match_any", "[\"X\",\"Y\"]"), DOC, false},
    {NOT("event.action", "match_any", "[\"X\",\"Y\"]"), DOC, true},
    {ENTRY("event.action", "match_any", "[\"a \\\"quoted\\\" \\\\ one\",\"CreateUser\"]"), DOC, true},
    {"{\"field\":\"event.outcome\",\"operator\":\"included\",\"type\":\"exists\"}", DOC, true},
    {"{\"field\":\"event\",\"operator\":\"included\",\"type\":\"exists\"}", DOC, true},
    {"{\"field\":\"empty\",\"operator\":\"included\",\"type\":\"exists\"}", DOC, false},
    {"{\"field\":\"nil\",\"operator\":\"included\",\"type\":\"exists\"}", DOC, false},
    {"{\"field\":\"nil\",\"operator\":\"excluded\",\"type\":\"exists\"}", DOC, true},
    {ENTRY("event.action", "wildcard", "\"Create*\""), DOC, true},
    {ENTRY("event.action", "wildcard", "\"*U?er\""), DOC, true},
    {ENTRY("event.action", "wildcard", "\"create*\""), DOC, false},
    {ENTRY("event.action", "wildcard", "\"Create\""), DOC, false},
    {ENTRY("tags", "wildcard", "\"b\\\\?c\""), DOC, true},
    {ENTRY("tags", "wildcard", "\"?\""), DOC, true},
    {ENTRY("tags", "wildcard", "\"??\""), DOC, false},
    {ENTRY("source.ip", "wildcard", "\"192.0.*\""), DOC, true},
    {NOT("event.action", "wildcard", "\"Delete*\""), DOC, true},
    /* entries are and-ed */
    {ENTRY("event.action", "match", "\"CreateUser\"") "," ENTRY("user.name", "match", "\"Deploy\""), DOC,
     true},
    {ENTRY("event.action", "match", "\"CreateUser\"") "," ENTRY("user.name", "match", "\"x\""), DOC, false},
    /* nested: one object must satisfy all */
    {"{\"field\":\"x\",\"type\":\"nested\",\"entries\":[" ENTRY("k", "match", "\"a\"") ","
     ENTRY("v", "match", "\"1\"") "]}", DOC, true},
    {"{\"field\":\"x\",\"type\":\"nested\",\"entries\":[" ENTRY("k", "match", "\"a\"") ","
     ENTRY("v", "match", "\"2\"") "]}", DOC, false},
    {"{\"field\":\"x\",\"type\":\"nested\",\"entries\":[" ENTRY("k", "match_any", "[\"a\",\"b\"]") ","
     NOT("v", "match", "\"1\"") "]}", DOC, true},
    {"{\"field\":\"x\",\"type\":\"nested\",\"entries\":[" ENTRY("k", "wildcard", "\"z*\"") "]}", DOC,
     false},
    /* nested in a field that is typed as such */
    {"{\"field\":\"gatetrail.security_group.opened\",\"type\":\"nested\",\"entries\":["
     ENTRY("direction", "match", "\"ingress\"") "," ENTRY("protocol", "match", "\"tcp\"") "]}",
     "{\"gatetrail\":{\"security_group\":{\"opened\":[{\"direction\":\"ingress\",\"protocol\":\"tcp\"}]}}}",
     true},
    {"{\"field\":\"gatetrail.security_group.opened\",\"type\":\"nested\",\"entries\":["
     ENTRY("direction", "match", "\"ingress\"") "," ENTRY("protocol", "match", "\"udp\"") "]}",
     "{\"gatetrail\":{\"security_group\":{\"opened\":[{\"direction\":\"ingress\",\"protocol\":\"tcp\"},"
     "{\"direction\":\"egress\",\"protocol\":\"udp\"}]}}}",
     false},
};

static void each_operator(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        gt_buf text = GT_BUF(GT_MIB);
        gt_buf_printf(&text, RULE(ID_A, REFERS("l")) LIST("l")
                      "{\"item_id\":\"i\",\"list_id\":\"l\",\"entries\":[%s]}\n" COUNTS, operators[i].entries);
        loaded l = load_text("e.ndjson", gt_buf_str(&text));
        if (l.set->errors || l.set->warnings)
            fail_msg("%s: %s", operators[i].entries, said(&l));
        gt_rule_verdict v = verdict(&l, ID_A, operators[i].document, "2024-01-01");
        if ((v == GT_RULE_EXCEPTED) != operators[i].excepted)
            fail_msg("%s", operators[i].entries);
        unload(&l);
        gt_buf_done(&text);
    }
}

static void items_are_ored_and_expire(void **state)
{
    (void)state;
    loaded l = load_text("e.ndjson", GT_STR(
        RULE(ID_A, REFERS("l"))
        ITEM("l", "one", ENTRY("a", "match", "\"1\""), ",\"expire_time\":\"2024-06-01T00:00:00.000Z\"")
        ITEM("l", "two", ENTRY("a", "match", "\"2\""), ",\"expire_time\":null")));
    assert_string_equal(said(&l), "");
    assert_int_equal(verdict(&l, ID_A, "{\"a\":\"1\"}", "2024-05-31"), GT_RULE_EXCEPTED);
    assert_int_equal(verdict(&l, ID_A, "{\"a\":\"1\"}", "2024-06-01"), GT_RULE_MATCHES);
    assert_int_equal(verdict(&l, ID_A, "{\"a\":\"2\"}", "2030-01-01"), GT_RULE_EXCEPTED);
    assert_int_equal(verdict(&l, ID_A, "{\"a\":\"3\"}", "2024-01-01"), GT_RULE_MATCHES);
    assert_int_equal(gt_exceptions_count(l.set->items[0]->exceptions), 2);
    assert_true(l.set->items[0]->more_field_count >= 2);
    assert_str(l.set->items[0]->more_fields[0], "a");
    unload(&l);
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* A list given with --exceptions holds for every rule, unless a rule refers to it. */
static void which_rules(void **state)
{
    (void)state;
    char folder[] = "/tmp/gt-exceptions-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/e.ndjson", folder);
    write_file(path, LIST("mine") ITEM("mine", "m", ENTRY("a", "match", "\"1\""), "")
                     ITEM("all", "o", ENTRY("a", "match", "\"2\""), "") COUNTS);
    gt_str paths[] = {gt_str_c(path)};
    gt_rule_text texts[] = {{GT_STR("r.ndjson"), GT_STR(RULE(ID_A, REFERS("mine")) RULE(ID_B, ""))}};
    loaded l = load(&(gt_rules_options){.no_builtin = true, .texts = texts, .text_count = 1,
                                        .exception_paths = paths, .exception_count = 1});
    assert_string_equal(said(&l), "");
    assert_int_equal(verdict(&l, ID_A, "{\"a\":\"1\"}", "2024-01-01"), GT_RULE_EXCEPTED);
    assert_int_equal(verdict(&l, ID_B, "{\"a\":\"1\"}", "2024-01-01"), GT_RULE_MATCHES);
    assert_int_equal(verdict(&l, ID_A, "{\"a\":\"2\"}", "2024-01-01"), GT_RULE_EXCEPTED);
    assert_int_equal(verdict(&l, ID_B, "{\"a\":\"2\"}", "2024-01-01"), GT_RULE_EXCEPTED);
    unload(&l);
    remove(path);
    rmdir(folder);
}

static void value_lists(void **state)
{
    (void)state;
    char folder[] = "/tmp/gt-values-XXXXXX", path[3][64];
    assert_non_null(mkdtemp(folder));
    snprintf(path[0], sizeof path[0], "%s/e.ndjson", folder);
    snprintf(path[1], sizeof path[1], "%s/addresses.txt", folder);
    snprintf(path[2], sizeof path[2], "%s/other", folder);
    write_file(path[0],
               ITEM("l", "i", "{\"field\":\"source.ip\",\"operator\":\"included\",\"type\":\"list\","
                              "\"list\":{\"id\":\"addresses.txt\",\"type\":\"ip_range\"}}", "")
               ITEM("l", "j", "{\"field\":\"user.name\",\"operator\":\"included\",\"type\":\"list\","
                              "\"list\":{\"id\":\"names\",\"type\":\"keyword\"}}", ""));
    write_file(path[1], "192.0.2.0/25\r\n198.51.100.4\n\n203.0.113.9-203.0.113.11\n192.0.2.64/26\n"
                        "2001:db8::/32\n");
    write_file(path[2], "deploy\nadmin\n");
    gt_str exceptions[] = {gt_str_c(path[0])};
    gt_value_list_path lists[] = {{GT_STR("names"), gt_str_c(path[2])}};
    gt_rule_text texts[] = {{GT_STR("r.ndjson"), GT_STR(RULE(ID_A, ""))}};
    gt_rules_options options = {.no_builtin = true, .texts = texts, .text_count = 1,
                                .exception_paths = exceptions, .exception_count = 1,
                                .value_lists = lists, .value_list_count = 1};
    loaded l = load(&options);
    assert_string_equal(said(&l), "");
    static const struct {
        const char *document;
        bool held;
    } cases[] = {
        {"{\"source\":{\"ip\":\"192.0.2.0\"}}", true},    {"{\"source\":{\"ip\":\"192.0.2.127\"}}", true},
        {"{\"source\":{\"ip\":\"192.0.2.128\"}}", false}, {"{\"source\":{\"ip\":\"198.51.100.4\"}}", true},
        {"{\"source\":{\"ip\":\"203.0.113.8\"}}", false}, {"{\"source\":{\"ip\":\"203.0.113.11\"}}", true},
        {"{\"source\":{\"ip\":\"203.0.113.12\"}}", false}, {"{\"source\":{\"ip\":\"2001:db8:1::1\"}}", true},
        {"{\"source\":{\"ip\":\"2001:db9::1\"}}", false},  {"{\"user\":{\"name\":\"admin\"}}", true},
        {"{\"user\":{\"name\":\"Admin\"}}", false},         {"{}", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gt_rule_verdict v = verdict(&l, ID_A, cases[i].document, "2024-01-01");
        if ((v == GT_RULE_EXCEPTED) != cases[i].held)
            fail_msg("%s", cases[i].document);
    }
    unload(&l);
    options.value_list_count = 0;
    l = load(&options);
    assert_non_null(strstr(said(&l), "there is no value list 'names' [RULE-025]"));
    assert_int_equal(l.set->errors, 1);
    unload(&l);
    for (int i = 0; i < 3; i++)
        remove(path[i]);
    rmdir(folder);
}

static void mistakes(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        ITEM("l", "i", "", ""),
        ITEM("l", "i", ENTRY("a", "matches", "\"x\""), ""),
        ITEM("l", "i", ENTRY("a", "match", "[\"x\"]"), ""),
        ITEM("l", "i", ENTRY("a", "match_any", "\"x\""), ""),
        ITEM("l", "i", ENTRY("a", "match_any", "[]"), ""),
        ITEM("l", "i", ENTRY("a", "match_any", "[1]"), ""),
        ITEM("l", "i", ENTRY("", "match", "\"x\""), ""),
        ITEM("l", "i", ENTRY("a", "list", "\"x\""), ""),
        ITEM("l", "i", ENTRY("source.as.number", "match", "\"ssh\""), ""),
        ITEM("l", "i", "{\"field\":\"a\",\"operator\":\"maybe\",\"type\":\"exists\"}", ""),
        ITEM("l", "i", "{\"field\":\"a\",\"type\":\"exists\"}", ""),
        ITEM("l", "i", "{\"field\":\"a\",\"operator\":\"included\",\"type\":\"match\",\"value\":\"x\","
                       "\"list\":{\"id\":\"x\",\"type\":\"ip\"}}", ""),
        ITEM("l", "i", "{\"field\":\"a\",\"type\":\"nested\",\"entries\":[]}", ""),
        ITEM("l", "i", "1", ""),
        ITEM("l", "i", ENTRY("a", "match", "\"x\""), ",\"expire_time\":\"soon\""),
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        loaded l = load_text("e.ndjson", gt_str_c(wrong[i]));
        if (l.set->errors == 0 || !strstr(said(&l), "[RULE-018]"))
            fail_msg("%s: %s", wrong[i], said(&l));
        unload(&l);
    }
    loaded l = load_text("e.ndjson", GT_STR(RULE(ID_A, REFERS("gone"))));
    assert_non_null(strstr(said(&l), "the exception list 'gone' is not here"));
    assert_int_equal(l.set->items[0]->state, GT_RULE_RUNS);
    unload(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_operator),
        cmocka_unit_test(items_are_ored_and_expire),
        cmocka_unit_test(which_rules),
        cmocka_unit_test(value_lists),
        cmocka_unit_test(mistakes),
    };
    return cmocka_run_group_tests_name("exceptions", tests, NULL, NULL);
}
