/* A record against the built-in rules and some that ask for no action or for what is judged before the
 * mapping: dispatch, prefilter and judging leave what evaluating every rule finds, and alerts are JSON. */
#include "base/limits.h"
#include "cloudtrail/cloudtrail.h"
#include "detect/alert.h"
#include "detect/detect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RULE(id, query)                                                                            \
    "[metadata]\ncreation_date = \"2025/01/01\"\nmaturity = \"production\"\n"                       \
    "updated_date = \"2025/01/01\"\n[rule]\nauthor = [\"gatetrail\"]\ndescription = \"d\"\n"       \
    "index = [\"logs-aws.cloudtrail-*\"]\nlanguage = \"kuery\"\n"                                  \
    "license = \"Elastic License v2\"\nname = \"Rule " id "\"\nrisk_score = 21\n"                  \
    "rule_id = \"aaaaaaaa-0000-4000-8000-00000000000" id "\"\nseverity = \"low\"\n"                \
    "type = \"query\"\nquery = '''" query "'''\n"

typedef struct state {
    gt_arena *rules;
    gt_detector *detector;
    gt_detect_worker *quick, *slow;
} state;

static bool every_rule(void *ctx, const gt_rule *rule)
{
    (void)ctx;
    (void)rule;
    return true;
}

static state *open_once(void)
{
    static state s; /* a fuzz target's process has one */
    static const gt_rule_text texts[] = {
        {GT_STR("1.toml"), GT_STR(RULE("1", "user.name: admin* and not event.action: X"))},
        {GT_STR("2.toml"), GT_STR(RULE("2", "event.action: *Group* or user_agent.original: *kali*"))},
        {GT_STR("3.toml"), GT_STR(RULE("3", "aws.cloudtrail.flattened.request_parameters.groupId: sg-*"))},
        {GT_STR("4.toml"), GT_STR(RULE("4", "event.provider: ec2.amazonaws.com and user.name: *"))},
        {GT_STR("5.toml"), GT_STR(RULE("5", "not aws.cloudtrail.user_identity.type: Root"))},
        {GT_STR("6.toml"), GT_STR(RULE("6", "event.outcome: success and not aws.cloudtrail.error_code: *"))},
        {GT_STR("7.toml"), GT_STR(RULE("7", "event.outcome: failure or source.address: *amazonaws.com"))},
        {GT_STR("8.toml"), GT_STR(RULE("8", "not aws.cloudtrail.flattened.request_parameters.groupId: *"))},
        {GT_STR("9.toml"), GT_STR(RULE("9", "not aws.cloudtrail.user_identity.type: Root"))},
    };
    if (s.detector)
        return &s;
    gt_rules_options options = {.texts = texts, .text_count = sizeof texts / sizeof *texts};
    gt_ecs_options ecs = {0};
    gt_arena *rules = gt_arena_new(GT_RULES_ARENA_MAX), *scratch = gt_arena_new(GT_SCRATCH_ARENA_MAX);
    gt_rules *set = NULL;
    gt_ecs_tables *tables = NULL;
    gt_str message;
    gt_assert(rules && scratch && gt_rules_load(rules, scratch, &options, &set) == GT_OK);
    gt_arena_free(scratch);
    gt_assert(set->errors == 0);
    s.rules = rules;
    gt_assert(gt_ecs_tables_open(&ecs, rules, &tables, &message) == GT_OK);
    gt_detector_options detect = {.rules = set, .select = every_rule};
    gt_assert(gt_detector_new(rules, &detect, &s.detector) == GT_OK);
    gt_assert(gt_detect_worker_new(s.detector, tables, NULL, &s.quick) == GT_OK);
    gt_assert(gt_detect_worker_new(s.detector, tables, NULL, &s.slow) == GT_OK);
    return &s;
}

static void compare(state *s, const gt_record *record, gt_arena *arena)
{
    const gt_match *quick, *slow;
    size_t quick_count, slow_count;
    gt_json *document = NULL, *alert = NULL;
    gt_status status = gt_detect_map(s->slow, record, &document);
    if (status != GT_OK) {
        gt_assert(status == GT_LIMIT || status == GT_INVALID);
        return;
    }
    gt_assert(gt_detect_document(s->slow, document, GT_STR("x"), &slow, &slow_count) == GT_OK);
    gt_assert(gt_detect_record(s->quick, record, &quick, &quick_count) == GT_OK);
    gt_assert(quick_count == slow_count);
    bool any;
    for (size_t i = 0; i < quick_count; i++) {
        gt_buf out = GT_BUF(GT_GIB);
        gt_assert(quick[i].index == slow[i].index);
        gt_alert_write(s->detector, &quick[i], &out);
        gt_assert(gt_json_parse(arena, gt_buf_str(&out), &alert, NULL) == GT_OK);
        gt_buf_done(&out);
    }
    gt_assert(gt_detect_any(s->quick, record, &any) == GT_OK && any == (quick_count > 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gt_arena *arena = gt_arena_new(GT_GIB);
    gt_json *tree = NULL;
    gt_str json = {(const char *)data, size};
    if (arena && gt_json_parse(arena, json, &tree, NULL) == GT_OK &&
        gt_json_is(tree, GT_JSON_OBJECT)) {
        gt_record record = {
            .json = json,
            .event_id = gt_json_path_str(tree, "eventID"),
            .event_source = gt_json_str(gt_json_getl(tree, "eventSource")),
            .event_name = gt_json_str(gt_json_getl(tree, "eventName")),
        };
        compare(open_once(), &record, arena);
    }
    gt_arena_free(arena);
    return 0;
}
