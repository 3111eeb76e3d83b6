/* Dispatch never hides a match, ids are the documented digest, alerts are whole, memory may fail. */
#include "test.h"

#include "base/hash.h"
#include "base/limits.h"
#include "detect/alert.h"
#include "detect/detect.h"
#include "detect/prefilter.h"

#include <dirent.h>

static const char rule_a[] =
    "[metadata]\ncreation_date = \"2025/01/01\"\nmaturity = \"production\"\n"
    "updated_date = \"2025/01/01\"\n[rule]\nauthor = [\"gatetrail\"]\ndescription = \"d\"\n"
    "index = [\"logs-aws.cloudtrail-*\"]\nlanguage = \"kuery\"\nlicense = \"Elastic License v2\"\n"
    "name = \"Rule A\"\nrisk_score = 47\nrule_id = \"aaaaaaaa-0000-4000-8000-000000000001\"\n"
    "severity = \"medium\"\ntype = \"query\"\n"
    "query = '''event.provider: ec2.amazonaws.com and event.action: (A or B)'''\n";
static const char rule_b[] =
    "[metadata]\ncreation_date = \"2025/01/01\"\nmaturity = \"production\"\n"
    "updated_date = \"2025/01/01\"\n[rule]\nauthor = [\"gatetrail\"]\ndescription = \"d\"\n"
    "index = [\"logs-aws.cloudtrail-*\"]\nlanguage = \"kuery\"\nlicense = \"Elastic License v2\"\n"
    "name = \"Rule B\"\nrisk_score = 21\nrule_id = \"bbbbbbbb-0000-4000-8000-000000000002\"\n"
    "severity = \"low\"\ntype = \"query\"\nenabled = false\n"
    "query = '''source.ip: 192.0.2.0/24 or gatetrail.actor.class: root'''\n";

typedef struct bench {
    gt_arena *rules;
    gt_arena *scratch;
    gt_rules *set;
    gt_ecs_tables *tables;
} bench;

static bool select_all(void *ctx, const gt_rule *rule)
{
    (void)ctx;
    (void)rule;
    return true;
}

static gt_status bench_open(bench *b, const gt_str *paths, size_t count)
{
    gt_rule_text texts[2] = {{GT_STR("a.toml"), GT_STR(rule_a)}, {GT_STR("b.toml"), GT_STR(rule_b)}};
    gt_rules_options options = {
        .no_builtin = true,
        .paths = paths,
        .path_count = count,
        .texts = texts,
        .text_count = paths ? 0 : 2,
    };
    gt_ecs_options ecs = {0};
    gt_str message;
    b->rules = gt_arena_new(GT_RULES_ARENA_MAX);
    b->scratch = gt_arena_new(GT_SCRATCH_ARENA_MAX);
    if (!b->rules || !b->scratch)
        return GT_NOMEM;
    GT_TRY(gt_rules_load(b->rules, b->scratch, &options, &b->set));
    return gt_ecs_tables_open(&ecs, b->rules, &b->tables, &message);
}

static void bench_close(bench *b)
{
    gt_ecs_tables_close(b->tables);
    gt_arena_free(b->rules);
    gt_arena_free(b->scratch);
}

/* The record's head, read from its tree. */
static gt_record record_of(gt_arena *arena, gt_str json)
{
    gt_json *tree = NULL;
    assert_int_equal(gt_json_parse(arena, json, &tree, NULL), GT_OK);
    return (gt_record){
        .json = json,
        .event_id = gt_json_path_str(tree, "eventID"),
        .event_source = gt_json_path_str(tree, "eventSource"),
        .event_name = gt_json_path_str(tree, "eventName"),
        .aws_region = gt_json_path_str(tree, "awsRegion"),
    };
}

static const char event_a[] =
    "{\"eventVersion\":\"1.08\",\"userIdentity\":{\"type\":\"IAMUser\",\"principalId\":\"AIDA\","
    "\"arn\":\"arn:aws:iam::123456789012:user/admin\",\"accountId\":\"123456789012\","
    "\"userName\":\"admin\"},\"eventTime\":\"2025-03-06T02:09:14Z\","
    "\"eventSource\":\"ec2.amazonaws.com\",\"eventName\":\"A\",\"awsRegion\":\"us-east-1\","
    "\"sourceIPAddress\":\"192.0.2.7\",\"userAgent\":\"x\",\"eventID\":\"id-1\","
    "\"recipientAccountId\":\"111122223333\"}";

static void matches_and_ids(void **state)
{
    (void)state;
    bench b = {0};
    assert_int_equal(bench_open(&b, NULL, 0), GT_OK);
    gt_detector *detector = NULL;
    gt_detector_options options = {.rules = b.set, .select = select_all, .now = 1741000000000};
    assert_int_equal(gt_detector_new(b.rules, &options, &detector), GT_OK);
    assert_int_equal(gt_detector_count(detector), 2);
    gt_detect_worker *worker = NULL;
    assert_int_equal(gt_detect_worker_new(detector, b.tables, NULL, &worker), GT_OK);

    const gt_match *matches;
    size_t count;
    gt_record record = record_of(b.rules, GT_STR(event_a));
    assert_true(gt_detector_candidate(detector, &record));
    assert_int_equal(gt_detect_record(worker, &record, &matches, &count), GT_OK);
    assert_int_equal(count, 2);

    /* The caller's account, not the recipient's: cloud.account.id. */
    static const char parts[] = "aaaaaaaa-0000-4000-8000-000000000001\0"
                                "123456789012\0us-east-1\0id-1";
    char want[64];
    gt_sha256_hex((gt_str){parts, sizeof(parts) - 1}, want);
    assert_memory_equal(matches[0].id.ptr, want, 64);
    assert_true(gt_str_is(matches[0].rule->name, "Rule A"));

    gt_buf out = GT_BUF(GT_MIB);
    gt_alert_write(detector, &matches[0], &out);
    assert_int_equal(gt_buf_status(&out), GT_OK);
    gt_json *alert = NULL;
    assert_int_equal(gt_json_parse(b.rules, gt_buf_str(&out), &alert, NULL), GT_OK);
    assert_int_equal(alert->count, alert->parsed);
    assert_true(gt_str_is(gt_json_path_str(alert, "@timestamp"), "2025-03-03T11:06:40.000Z"));
    assert_true(gt_str_is(gt_json_path_str(alert, "event.kind"), "signal"));
    assert_true(gt_str_is(gt_json_str(gt_json_getl(alert, "kibana.alert.original_event.kind")),
                          "event"));
    assert_true(gt_str_is(gt_json_str(gt_json_getl(alert, "kibana.alert.original_event.id")),
                          "id-1"));
    assert_true(gt_str_is(gt_json_str(gt_json_getl(alert, "kibana.alert.original_time")),
                          "2025-03-06T02:09:14.000Z"));
    assert_true(gt_str_is(gt_json_str(gt_json_getl(alert, "kibana.alert.rule.name")), "Rule A"));
    assert_true(gt_str_is(gt_json_str(gt_json_getl(alert, "kibana.alert.workflow_status")), "open"));
    assert_true(gt_json_is(gt_json_getl(alert, "kibana.alert.rule.parameters"), GT_JSON_OBJECT));
    gt_json *ancestors = gt_json_getl(alert, "kibana.alert.ancestors");
    assert_true(gt_str_is(gt_json_path_str(gt_json_first(ancestors), "index"),
                          "logs-aws.cloudtrail-default"));
    assert_true(gt_str_is(gt_json_str(gt_json_getl(alert, "kibana.alert.reason")),
                          "event with source 192.0.2.7 by admin created medium alert Rule A."));
    gt_buf_done(&out);
    gt_detect_worker_free(worker);
    bench_close(&b);
}

/* The parts of alerts of one event make what is written for each alone. */
static void alerts_in_parts(void **state)
{
    (void)state;
    static const char *const names[] = {"admin", "-", "a\xe2\x82", "\xf0\x9f", "a\\u0001\\\"b", "\xc2\x9b"};
    bench b = {0};
    assert_int_equal(bench_open(&b, NULL, 0), GT_OK);
    b.set->items[0]->name = GT_STR("\x82 \"A\"\\ \x01");
    gt_detector *detector = NULL;
    gt_detector_options options = {.rules = b.set, .select = select_all, .now = 1741000000000};
    assert_int_equal(gt_detector_new(b.rules, &options, &detector), GT_OK);
    gt_detect_worker *worker = NULL;
    assert_int_equal(gt_detect_worker_new(detector, b.tables, NULL, &worker), GT_OK);
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        gt_str json = GT_STR(event_a), name = GT_STR("\"userName\":\"admin\"");
        size_t at = gt_str_find(json, name);
        gt_str text = gt_arena_printf(b.rules, "%.*s\"userName\":\"%s\"%.*s", (int)at, json.ptr,
                                      names[n], GT_STR_ARG(gt_str_from(json, at + name.len)));
        gt_record record = record_of(b.rules, text);
        const gt_match *matches;
        size_t count;
        gt_buf shared = GT_BUF(GT_MIB);
        gt_alert_cuts cuts;
        assert_int_equal(gt_detect_record(worker, &record, &matches, &count), GT_OK);
        assert_int_equal(count, 2);
        gt_alert_write_shared(&matches[1], &shared, &cuts);
        for (size_t i = 0; i < count; i++) {
            gt_buf whole = GT_BUF(GT_MIB), joined = GT_BUF(GT_MIB);
            gt_str parts[GT_ALERT_PARTS];
            gt_alert_own own;
            gt_alert_write(detector, &matches[i], &whole);
            assert_int_equal(gt_alert_own_make(detector, i, matches[i].now, b.rules, &own), GT_OK);
            gt_alert_parts(gt_buf_str(&shared), &cuts, matches[i].id, &own, parts);
            for (size_t k = 0; k < GT_ALERT_PARTS; k++)
                gt_buf_add(&joined, parts[k]);
            assert_string_equal(joined.data, whole.data);
            gt_json *alert = NULL;
            assert_int_equal(gt_json_parse(b.rules, gt_buf_str(&whole), &alert, NULL), GT_OK);
            gt_buf_done(&whole);
            gt_buf_done(&joined);
        }
        gt_buf_done(&shared);
    }
    gt_detect_worker_free(worker);
    bench_close(&b);
}

static void selection_and_fields(void **state)
{
    (void)state;
    bench b = {0};
    assert_int_equal(bench_open(&b, NULL, 0), GT_OK);
    gt_detector *detector = NULL;
    gt_detector_options options = {.rules = b.set};
    assert_int_equal(gt_detector_new(b.rules, &options, &detector), GT_OK);
    assert_int_equal(gt_detector_count(detector), 1); /* Rule B is off */
    assert_false(gt_detector_reads(detector, GT_STR("gatetrail.actor")));
    assert_true(gt_detector_reads(detector, GT_STR("event.action")));
    assert_false(gt_detector_reads(detector, GT_STR("event.act")));
    assert_true(gt_rule_reads(b.set->items[1], GT_STR("gatetrail.actor")));
    assert_true(gt_rule_reads(b.set->items[1], GT_STR("gatetrail")));

    gt_record other = {.json = GT_STR("{}"), .event_source = GT_STR("ec2.amazonaws.com"),
                       .event_name = GT_STR("C")};
    assert_false(gt_detector_candidate(detector, &other));
    other.event_name = GT_STR_NULL; /* not a string there: who knows */
    assert_true(gt_detector_candidate(detector, &other));
    other.event_source = GT_STR("s3.amazonaws.com");
    assert_false(gt_detector_candidate(detector, &other));
    bench_close(&b);
}

static void odd_reasons(void **state)
{
    (void)state;
    static const struct {
        const char *document, *reason;
    } rows[] = {
        {"{}", "event created low alert N."},
        {"{\"event\":{\"category\":[\"network\",\"configuration\"]},\"source.address\":\"192.0.2.1\","
         "\"source\":{\"port\":443},\"user\":{\"name\":[\"a\",\"b\"]},\"host\":{\"name\":\"h\"}}",
         "network, configuration event with source 192.0.2.1:443, by a, b on h created low alert N."},
        {"{\"process\":{\"name\":\"p\"},\"file.name\":\"f\",\"user\":{\"name\":\"-\"}}",
         "event with process p, file f, created low alert N."},
        {"{\"destination\":{\"address\":\"d\"}}", "event with destination d created low alert N."},
    };
    gt_rule rule = {.severity = GT_STR("low"), .name = GT_STR("N")};
    gt_arena *arena = gt_arena_new(GT_MIB);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        gt_json *document = NULL;
        gt_buf out = GT_BUF(GT_MIB);
        assert_int_equal(gt_json_parse(arena, gt_str_c(rows[i].document), &document, NULL), GT_OK);
        gt_alert_reason(&rule, document, &out);
        assert_string_equal(out.data, rows[i].reason);
        gt_buf_done(&out);
    }
    gt_arena_free(arena);
}

/* Everything again with the nth allocation failing, until none does. */
static void memory_fails(void **state)
{
    (void)state;
    bench b = {0};
    assert_int_equal(bench_open(&b, NULL, 0), GT_OK);
    gt_record record = record_of(b.rules, GT_STR(event_a));
    bool whole = false;
    for (long n = 0; !whole && n < 2000; n++) {
        gt_arena *arena = gt_arena_new(GT_RULES_ARENA_MAX);
        gt_detector *detector = NULL;
        gt_detect_worker *worker = NULL;
        gt_detector_options options = {.rules = b.set, .select = select_all};
        const gt_match *matches;
        size_t count = 0;
        gt_buf out = GT_BUF(GT_MIB);
        gt_mem_fail_after(n);
        gt_status status = gt_detector_new(arena, &options, &detector);
        if (status == GT_OK)
            status = gt_detect_worker_new(detector, b.tables, NULL, &worker);
        if (status == GT_OK)
            status = gt_detect_record(worker, &record, &matches, &count);
        if (status == GT_OK) {
            gt_alert_write(detector, &matches[0], &out);
            status = gt_buf_status(&out);
        }
        gt_mem_fail_after(-1);
        assert_true(status == GT_OK || status == GT_NOMEM);
        whole = status == GT_OK;
        gt_buf_done(&out);
        gt_detect_worker_free(worker);
        gt_arena_free(arena);
    }
    assert_true(whole);
    bench_close(&b);
}

/* The quick search finds what the slow one finds, at every length and place. */
static void prefilter_finds(void **state)
{
    (void)state;
    uint32_t random = 7;
    size_t unseen = 0;
    for (size_t n = 0; n < 40000; n++) {
        size_t len = n % 331, needle_len = 1 + n / 7 % 12;
        /* Of the exact size: a read past the end is seen by AddressSanitizer. */
        char *text = malloc(len + 1);
        char needle[12];
        for (size_t i = 0; i < len + needle_len; i++) {
            random = random * 1664525u + 1013904223u;
            char c = "ab"[random >> 31];
            if (i < len && n % 3 == 0 && (random >> 8) % 211 == 0)
                c = '\\';
            if (i < len)
                text[i] = c;
            else
                needle[i - len] = c;
        }
        gt_str s = {text, len}, what = {needle, needle_len};
        bool backslash;
        assert_int_equal(gt_prefilter_find(s, what, &backslash), gt_str_find(s, what));
        if (gt_str_find(s, what) == GT_NPOS && !backslash)
            assert_int_equal(gt_str_find_byte(s, '\\'), GT_NPOS);
        unseen += !backslash;
        free(text);
    }
    assert_true(unseen > 1000);
}

/* A rule without an action is found by its text, however the record spells it. */
static void prefilter_is_sound(void **state)
{
    (void)state;
    static const char *const queries[] = {
        "user.name: Bedrock-* and not event.action: X",
        "user.name: \"Bedrock-1\" or aws.cloudtrail.error_code: Thrott*ling",
        "source.ip: 192.0.2.7 and event.action: *Bedrock-1*",
        "user.name: (true or Bedrock-1)",
        "not user.name: Bedrock-1",
    };
    static const char *const names[] = {"Bedrock-1", "\\u0042edrock-1", "B\\u0065drock\\u002d1",
                                        "Other", "true"};
    static const bool want[5][5] = {
        {1, 1, 1, 0, 0}, {1, 1, 1, 0, 0}, {0, 0, 0, 0, 0}, {1, 1, 1, 0, 1}, {0, 0, 0, 1, 1}};
    bench b = {0};
    assert_int_equal(bench_open(&b, NULL, 0), GT_OK);
    for (size_t r = 0; r < 5; r++) {
        gt_str head = gt_str_head(GT_STR(rule_a), gt_str_find(GT_STR(rule_a), GT_STR("query =")));
        gt_rule_text text = {GT_STR("x.toml"),
                             gt_arena_printf(b.rules, "%.*squery = '''%s'''\n", GT_STR_ARG(head),
                                             queries[r])};
        gt_rules_options options = {.no_builtin = true, .texts = &text, .text_count = 1};
        gt_rules *set = NULL;
        assert_int_equal(gt_rules_load(b.rules, b.scratch, &options, &set), GT_OK);
        assert_int_equal(set->errors, 0);
        gt_detector *detector = NULL;
        gt_detector_options detect = {.rules = set};
        assert_int_equal(gt_detector_new(b.rules, &detect, &detector), GT_OK);
        gt_detect_worker *worker = NULL;
        assert_int_equal(gt_detect_worker_new(detector, b.tables, NULL, &worker), GT_OK);
        for (size_t n = 0; n < 5; n++) {
            gt_str json = gt_arena_printf(
                b.rules,
                "{\"eventVersion\":\"1.08\",\"userIdentity\":{\"type\":\"IAMUser\","
                "\"userName\":\"%s\"},\"eventTime\":\"2025-03-06T02:09:14Z\","
                "\"eventSource\":\"s3.amazonaws.com\",\"eventName\":\"A\","
                "\"sourceIPAddress\":\"192.0.2.7\",\"eventID\":\"i\"}", names[n]);
            gt_record record = record_of(b.rules, json);
            const gt_match *matches;
            size_t count;
            assert_int_equal(gt_detect_record(worker, &record, &matches, &count), GT_OK);
            if ((count == 1) != want[r][n])
                fail_msg("%s, %s: %zu matches", queries[r], names[n], count);
        }
        gt_detect_worker_free(worker);
    }
    bench_close(&b);
}

/* --- the shared rules over the shared records ------------------------------------------------- */

static size_t compare_file(const char *path, bench *b, gt_detect_worker *quick,
                           gt_detect_worker *slow, size_t *ret_alerts)
{
    gt_str text = test_read_file(path);
    gt_arena *arena = gt_arena_new(GT_GIB);
    gt_json *tree = NULL;
    size_t records = 0;
    (void)b;
    if (!text.ptr || gt_json_parse(arena, text, &tree, NULL) != GT_OK)
        tree = NULL;
    for (gt_json *r = gt_json_first(gt_json_getl(tree, "Records")); r; r = r->next) {
        gt_buf json = GT_BUF(GT_GIB);
        gt_json_write(&json, r);
        gt_record record = record_of(arena, gt_buf_str(&json));
        const gt_match *a, *z;
        size_t a_count, z_count;
        gt_json *document = NULL;
        assert_int_equal(gt_detect_map(slow, &record, &document), GT_OK);
        assert_int_equal(gt_detect_document(slow, document, record.event_id, &z, &z_count), GT_OK);
        assert_int_equal(gt_detect_record(quick, &record, &a, &a_count), GT_OK);
        assert_int_equal(a_count, z_count);
        for (size_t i = 0; i < a_count; i++)
            assert_memory_equal(a[i].id.ptr, z[i].id.ptr, 64);
        *ret_alerts += a_count;
        records++;
        gt_buf_done(&json);
    }
    gt_arena_free(arena);
    free((void *)(uintptr_t)text.ptr);
    return records;
}

static void dispatch_hides_nothing(void **state)
{
    (void)state;
    char folder[1024], logs[1024], path[2048];
    snprintf(folder, sizeof(folder), "%s/rules/elastic-aws", test_shared());
    snprintf(logs, sizeof(logs), "%s/cloudtrail/invictus", test_shared());
    DIR *dir = opendir(logs);
    if (!dir) {
        print_message("# SKIP %s is absent\n", logs);
        skip();
    }
    bench b = {0};
    gt_str paths[1] = {gt_str_c(folder)};
    assert_int_equal(bench_open(&b, paths, 1), GT_OK);
    gt_detector *detector = NULL;
    gt_detector_options options = {.rules = b.set, .select = select_all};
    assert_int_equal(gt_detector_new(b.rules, &options, &detector), GT_OK);
    gt_detect_worker *quick = NULL, *slow = NULL;
    assert_int_equal(gt_detect_worker_new(detector, b.tables, NULL, &quick), GT_OK);
    assert_int_equal(gt_detect_worker_new(detector, b.tables, NULL, &slow), GT_OK);
    size_t records = 0, alerts = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        snprintf(path, sizeof(path), "%s/%s", logs, entry->d_name);
        if (strstr(entry->d_name, ".json"))
            records += compare_file(path, &b, quick, slow, &alerts);
    }
    closedir(dir);
    assert_true(records > 1000);
    assert_true(alerts > 10);
    gt_detect_worker_free(quick);
    gt_detect_worker_free(slow);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_and_ids),
        cmocka_unit_test(alerts_in_parts),
        cmocka_unit_test(selection_and_fields),
        cmocka_unit_test(odd_reasons),
        cmocka_unit_test(memory_fails),
        cmocka_unit_test(prefilter_finds),
        cmocka_unit_test(prefilter_is_sound),
        cmocka_unit_test(dispatch_hides_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
