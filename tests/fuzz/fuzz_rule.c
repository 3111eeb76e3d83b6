/* A rule file of any content: TOML when its first byte is '[' or '#', else Kibana's export. Loading never
 * fails but for memory, a rule that is not broken can run, and exceptions can be evaluated. */
#include "base/limits.h"
#include "rule/rule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char document[] =
    "{\"event\":{\"action\":\"CreateUser\",\"outcome\":\"success\"},\"user.name\":\"deploy\","
    "\"source\":{\"ip\":\"192.0.2.7\"},\"x\":[{\"k\":\"a\"},{\"k\":null}]}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gt_arena *rules = gt_arena_new(256 * GT_MIB), *scratch = gt_arena_new(64 * GT_MIB);
    bool toml = size && (data[0] == '[' || data[0] == '#');
    gt_rule_text text = {toml ? GT_STR("f.toml") : GT_STR("f.ndjson"), {(const char *)data, size}};
    gt_rules_options options = {.no_builtin = true, .texts = &text, .text_count = 1, .lint = true};
    gt_rules *set;
    gt_json *json;
    if (rules && scratch && gt_rules_load(rules, scratch, &options, &set) == GT_OK &&
        gt_json_parse(rules, gt_str_c(document), &json, NULL) == GT_OK) {
        gt_query_env env = {scratch, 1700000000000};
        gt_buf out = GT_BUF(16 * GT_MIB);
        for (size_t i = 0; i < set->count; i++)
            if (set->items[i]->state == GT_RULE_RUNS)
                (void)gt_rule_run(set->items[i], json, &env);
        for (size_t i = 0; i < set->file_count; i++)
            gt_diags_render(&set->files[i].diags, false, &out);
        gt_buf_done(&out);
    }
    gt_arena_free(rules);
    gt_arena_free(scratch);
    return 0;
}
