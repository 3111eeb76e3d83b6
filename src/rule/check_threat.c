/* ATT&CK, and the [metadata] of a TOML file. */
#include "rule/rule_internal.h"

#include "base/timeutil.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* --- threat ----------------------------------------------------------------------------------- */

/* Does s match the pattern, in which '#' is a digit? */
static bool digits_match(gt_str s, gt_str pattern)
{
    if (s.len != pattern.len)
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (pattern.ptr[i] == '#' ? s.ptr[i] < '0' || s.ptr[i] > '9' : s.ptr[i] != pattern.ptr[i])
            return false;
    return true;
}

/* What an id and the end of its page's address look like. MITRE ATLAS prefixes them. */
typedef struct threat_level {
    const char *what;
    gt_str id, page;
} threat_level;
static const threat_level attack_levels[] = {
    {"tactic", GT_STR("TA####"), GT_STR("/tactics/TA####")},
    {"technique", GT_STR("T####"), GT_STR("/techniques/T####")},
    {"subtechnique", GT_STR("T####.###"), GT_STR("/techniques/T####/###")},
};
static const threat_level atlas_levels[] = {
    {"tactic", GT_STR("AML.TA####"), GT_STR("/tactics/AML.TA####")},
    {"technique", GT_STR("AML.T####"), GT_STR("/techniques/AML.T####")},
    {"subtechnique", GT_STR("AML.T####.###"), GT_STR("/techniques/AML.T####.###")},
};

static bool page_matches(gt_str url, gt_str page)
{
    if (gt_str_ends(url, GT_STR("/")))
        url.len--;
    return url.len > page.len && gt_str_starts(url, GT_STR("https://")) &&
           digits_match(gt_str_from(url, url.len - page.len), page);
}

static void check_level(rule_source *src, const gt_toml *node, const threat_level *levels,
                        size_t level)
{
    static const rule_key keys[] = {{GT_STR("id"), TEXT, T | K | R},
                                    {GT_STR("name"), TEXT, T | K | R},
                                    {GT_STR("reference"), TEXT, T | K | R},
                                    {GT_STR("subtechnique"), TABLES, T | K}};
    const threat_level *at = &levels[level];
    rule_check_keys(src, node, node->span, at->what, keys, COUNT(keys) - (level != 1));
    const gt_toml *id = rule_get(node, "id", GT_TOML_STRING);
    const gt_toml *reference = rule_get(node, "reference", GT_TOML_STRING);
    if (id && !digits_match(id->str, at->id))
        rule_complain(src, "RULE-017", id->span, NULL, "the id of a %s looks like %.*s", at->what,
                      GT_STR_ARG(at->id));
    if (reference && !page_matches(reference->str, at->page))
        rule_complain(src, "RULE-017", reference->span, NULL,
                      "the page of a %s ends in %.*s/ (# is a digit)", at->what,
                      GT_STR_ARG(at->page));
    if (level != 1)
        return;
    for (gt_toml *s = gt_toml_first(rule_get(node, "subtechnique", GT_TOML_ARRAY)); s; s = s->next)
        if (s->type == GT_TOML_TABLE)
            check_level(src, s, levels, 2);
}

void rule_check_threat(rule_source *src)
{
    static const rule_key keys[] = {{GT_STR("framework"), TEXT, T | K | R},
                                    {GT_STR("tactic"), TABLE, T | K | R},
                                    {GT_STR("technique"), TABLES, T | K}};
    static const gt_str frameworks[] = {GT_STR("MITRE ATT&CK"), GT_STR("MITRE ATLAS")};
    for (gt_toml *t = gt_toml_first(rule_get(src->table, "threat", GT_TOML_ARRAY)); t;
         t = t->next) {
        if (t->type != GT_TOML_TABLE)
            continue;
        const gt_toml *framework = rule_get(t, "framework", GT_TOML_STRING);
        rule_check_keys(src, t, t->span, "threat", keys, COUNT(keys));
        rule_check_enum(src, framework, "framework", frameworks, COUNT(frameworks));
        bool atlas = framework && gt_str_is(framework->str, "MITRE ATLAS");
        const threat_level *levels = atlas ? atlas_levels : attack_levels;
        const gt_toml *tactic = rule_get(t, "tactic", GT_TOML_TABLE);
        if (tactic)
            check_level(src, tactic, levels, 0);
        for (gt_toml *e = gt_toml_first(rule_get(t, "technique", GT_TOML_ARRAY)); e; e = e->next)
            if (e->type == GT_TOML_TABLE)
                check_level(src, e, levels, 1);
    }
}

/* --- metadata --------------------------------------------------------------------------------- */

/* yyyy/mm/dd of a day that the calendar has. */
static const gt_toml *check_date(rule_source *src, const char *key)
{
    const gt_toml *node = rule_get(src->metadata, key, GT_TOML_STRING);
    gt_time_ms t;
    if (!node)
        return NULL;
    if (digits_match(node->str, GT_STR("####/##/##"))) {
        char iso[10];
        memcpy(iso, node->str.ptr, sizeof iso);
        iso[4] = iso[7] = '-';
        if (gt_time_parse((gt_str){iso, sizeof iso}, &t))
            return node;
    }
    gt_diag_error(src->diags, "RULE-019", node->span, "as in 2024/10/14", "'%s' is no date", key);
    return NULL;
}

static void check_stack(rule_source *src)
{
    const gt_toml *stack = rule_get(src->metadata, "min_stack_version", GT_TOML_STRING);
    if (!stack)
        return;
    size_t dots = 0;
    bool good = stack->str.len > 0;
    for (size_t i = 0; i < stack->str.len; i++) {
        char c = stack->str.ptr[i], before = i ? stack->str.ptr[i - 1] : '.';
        dots += c == '.';
        good = good && ((c >= '0' && c <= '9') || (c == '.' && before != '.'));
    }
    if (!good || dots < 1 || stack->str.ptr[stack->str.len - 1] == '.')
        gt_diag_error(src->diags, "RULE-019", stack->span, "as in 8.17.0",
                      "min_stack_version is no version");
    if (!gt_toml_getl(src->metadata, "min_stack_comments"))
        gt_diag_error(src->diags, "RULE-019", stack->key_span, NULL,
                      "min_stack_version needs min_stack_comments, which say why");
}

void rule_check_metadata(rule_source *src)
{
    static const rule_key keys[] = {
        {GT_STR("bypass_bbr_timing"), BOOLEAN, T},
        {GT_STR("comments"), TEXT, T},
        {GT_STR("creation_date"), TEXT, T},
        {GT_STR("deprecation_date"), TEXT, T},
        {GT_STR("extended"), TABLE, T},
        {GT_STR("integration"), ANY, T},
        {GT_STR("maturity"), TEXT, T},
        {GT_STR("min_stack_comments"), TEXT, T},
        {GT_STR("min_stack_version"), TEXT, T},
        {GT_STR("os_type_list"), TEXTS, T},
        {GT_STR("promotion"), BOOLEAN, T},
        {GT_STR("query_schema_validation"), BOOLEAN, T},
        {GT_STR("related_endpoint_rules"), ANY, T},
        {GT_STR("updated_date"), TEXT, T},
    };
    static const gt_str maturities[] = {GT_STR("development"), GT_STR("experimental"),
                                        GT_STR("beta"), GT_STR("production"), GT_STR("deprecated")};
    if (src->form != FORM_TOML)
        return;
    gt_span place = src->metadata ? src->metadata->span : rule_place(src);
    rule_check_keys(src, src->metadata, place, "[metadata]", keys, COUNT(keys));
    rule_check_enum(src, rule_get(src->metadata, "maturity", GT_TOML_STRING), "maturity",
                    maturities, COUNT(maturities));
    const gt_toml *creation = check_date(src, "creation_date"),
                  *updated = check_date(src, "updated_date");
    check_date(src, "deprecation_date");
    /* A rule without dates runs as well as one with them: only Elastic's repository wants them. */
    if (!gt_toml_getl(src->metadata, "creation_date") ||
        !gt_toml_getl(src->metadata, "updated_date"))
        gt_diag_warn(src->diags, "RULE-019", place, NULL,
                     "[metadata] should have creation_date and updated_date");
    if (creation && updated && gt_str_cmp(updated->str, creation->str) < 0)
        gt_diag_error(src->diags, "RULE-019", updated->span, NULL,
                      "the rule was updated before it was made");
    check_stack(src);
}
