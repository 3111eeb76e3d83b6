/* The tables that belong to one rule type: threshold, new_terms; and alert suppression. */
#include "rule/rule_internal.h"

#include "base/timeutil.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static bool is_type(const rule_source *src, const char *type)
{
    return gt_str_eq(rule_get_str(src->table, "type"), gt_str_c(type));
}

/* A table that a type must have, and that no other may have. */
static const gt_toml *own_table(rule_source *src, const char *key, const char *type)
{
    const gt_toml *node = gt_toml_get(src->table, gt_str_c(key));
    if (node && node->type == GT_TOML_NULL)
        node = NULL;
    if (node && !is_type(src, type))
        rule_complain(src, "RULE-014", node->key_span, NULL, "'%s' belongs to rules of type %s",
                      key, type);
    else if (!node && is_type(src, type))
        gt_diag_error(src->diags, "RULE-002", rule_place(src), NULL, "a %s rule has no '%s'", type,
                      key);
    else if (node && node->type == GT_TOML_TABLE)
        return node;
    return NULL;
}

/* An integer of at least 1; absent ones were reported. */
static void check_positive(rule_source *src, const char *code, const gt_toml *node,
                           const char *what)
{
    if (node && node->integer < 1)
        gt_diag_error(src->diags, code, node->span, NULL, "%s is at least 1", what);
}

/* --- threshold -------------------------------------------------------------------------------- */

/* Rules for stacks before 9.2 group by at most three fields. */
static size_t threshold_fields_max(const rule_source *src)
{
    gt_str stack = rule_get_str(src->metadata, "min_stack_version"), major, minor;
    int64_t a, b = 0;
    gt_str rest = gt_str_cut(stack, '.', &major);
    gt_str_cut(rest, '.', &minor);
    if (!stack.len || !gt_str_to_i64(major, &a))
        return 5;
    if (minor.len && !gt_str_to_i64(minor, &b))
        b = 0;
    return a < 9 || (a == 9 && b < 2) ? 3 : 5;
}

static void check_cardinality(rule_source *src, const gt_toml *threshold)
{
    static const rule_key keys[] = {{GT_STR("field"), TEXT, T | K | R},
                                    {GT_STR("value"), INTEGER, T | K | R}};
    const gt_toml *array = rule_get(threshold, "cardinality", GT_TOML_ARRAY);
    for (gt_toml *e = gt_toml_first(array); e; e = e->next) {
        if (e->type != GT_TOML_TABLE)
            continue;
        rule_check_keys(src, e, e->span, "cardinality", keys, COUNT(keys));
        check_positive(src, "RULE-014", rule_get(e, "value", GT_TOML_INTEGER),
                       "a cardinality's value");
    }
}

void rule_check_threshold(rule_source *src)
{
    static const rule_key keys[] = {{GT_STR("cardinality"), TABLES, T | K},
                                    {GT_STR("field"), ANY, T | K | R},
                                    {GT_STR("value"), INTEGER, T | K | R}};
    const gt_toml *table = own_table(src, "threshold", "threshold");
    if (!table)
        return;
    rule_check_keys(src, table, table->span, "threshold", keys, COUNT(keys));
    const gt_toml *field = gt_toml_getl(table, "field");
    size_t max = threshold_fields_max(src);
    bool single = field && field->type == GT_TOML_STRING && src->form == FORM_KIBANA;
    if (field && field->type != GT_TOML_ARRAY && !single)
        gt_diag_error(src->diags, "RULE-003", field->span, NULL,
                      "'field' must be an array of strings");
    else if (field && field->type == GT_TOML_ARRAY && field->count > max)
        gt_diag_error(src->diags, "RULE-014", field->span,
                      max == 3 ? "five need min_stack_version 9.2" : NULL,
                      "a threshold groups by at most %zu fields", max);
    for (gt_toml *e = gt_toml_first(field); e; e = e->next)
        if (e->type != GT_TOML_STRING)
            gt_diag_error(src->diags, "RULE-003", e->span, NULL, "a field's name must be a string");
    check_positive(src, "RULE-014", rule_get(table, "value", GT_TOML_INTEGER),
                   "a threshold's value");
    check_cardinality(src, table);
}

/* --- new_terms -------------------------------------------------------------------------------- */

static void check_term_fields(rule_source *src, const gt_toml *fields)
{
    if (!fields || fields->type != GT_TOML_ARRAY)
        return;
    if (fields->count < 1 || fields->count > 3)
        gt_diag_error(src->diags, "RULE-015", fields->span, NULL, "new terms are 1 to 3 fields");
    for (gt_toml *e = gt_toml_first(fields); e; e = e->next)
        for (gt_toml *other = gt_toml_first(fields); other != e; other = other->next)
            if (e->type == GT_TOML_STRING && gt_str_eq(e->str, other->str))
                gt_diag_error(src->diags, "RULE-015", e->span, NULL, "this field is named twice");
}

static void check_history(rule_source *src, const gt_toml *start)
{
    gt_str from = rule_get_str(src->table, "from");
    int64_t history, back;
    if (!start || start->type != GT_TOML_STRING)
        return;
    if (!rule_look_back(start->str, &history))
        gt_diag_error(src->diags, "RULE-015", start->span, "as in now-7d",
                      "history_window_start is no date math");
    else if (rule_look_back(from.len ? from : GT_STR("now-6m"), &back) && history <= back)
        gt_diag_error(src->diags, "RULE-015", start->span, NULL,
                      "the history must begin before 'from'");
}

static void expect_str(rule_source *src, const gt_toml *node, const char *key, const char *expected)
{
    if (node && node->type == GT_TOML_STRING && !gt_str_eq(node->str, gt_str_c(expected)))
        gt_diag_error(src->diags, "RULE-015", node->span, NULL, "'%s' must be \"%s\"", key,
                      expected);
}

static void check_new_terms_toml(rule_source *src, const gt_toml *table)
{
    static const rule_key keys[] = {{GT_STR("field"), TEXT, T | R},
                                    {GT_STR("history_window_start"), TABLES, T | R},
                                    {GT_STR("value"), TEXTS, T | R}};
    static const rule_key window_keys[] = {{GT_STR("field"), TEXT, T | R},
                                           {GT_STR("value"), TEXT, T | R}};
    rule_check_keys(src, table, table->span, "new_terms", keys, COUNT(keys));
    expect_str(src, gt_toml_getl(table, "field"), "field", "new_terms_fields");
    check_term_fields(src, gt_toml_getl(table, "value"));
    const gt_toml *windows = rule_get(table, "history_window_start", GT_TOML_ARRAY);
    if (windows && windows->count != 1)
        gt_diag_error(src->diags, "RULE-015", windows->span, NULL,
                      "there is exactly one history_window_start");
    for (gt_toml *w = gt_toml_first(windows); w; w = w->next) {
        if (w->type != GT_TOML_TABLE)
            continue;
        rule_check_keys(src, w, w->span, "history_window_start", window_keys, COUNT(window_keys));
        expect_str(src, gt_toml_getl(w, "field"), "field", "history_window_start");
        check_history(src, gt_toml_getl(w, "value"));
    }
}

void rule_check_new_terms(rule_source *src)
{
    if (src->form == FORM_TOML) {
        const gt_toml *table = own_table(src, "new_terms", "new_terms");
        if (table)
            check_new_terms_toml(src, table);
        return;
    }
    const char *const keys[] = {"new_terms_fields", "history_window_start"};
    for (size_t i = 0; i < COUNT(keys) && is_type(src, "new_terms"); i++)
        if (!gt_toml_get(src->table, gt_str_c(keys[i])))
            gt_diag_error(src->diags, "RULE-002", rule_place(src), NULL,
                          "a new_terms rule has no '%s'", keys[i]);
    check_term_fields(src, gt_toml_getl(src->table, "new_terms_fields"));
    check_history(src, gt_toml_getl(src->table, "history_window_start"));
}

/* --- alert suppression ------------------------------------------------------------------------ */

static void check_duration(rule_source *src, const gt_toml *table)
{
    static const rule_key keys[] = {{GT_STR("unit"), TEXT, T | K | R},
                                    {GT_STR("value"), INTEGER, T | K | R}};
    static const gt_str units[] = {GT_STR("s"), GT_STR("m"), GT_STR("h")};
    const gt_toml *duration = rule_get(table, "duration", GT_TOML_TABLE);
    if (!duration)
        return;
    rule_check_keys(src, duration, duration->span, "duration", keys, COUNT(keys));
    rule_check_enum(src, rule_get(duration, "unit", GT_TOML_STRING), "unit of a duration", units,
                    COUNT(units));
    check_positive(src, "RULE-016", rule_get(duration, "value", GT_TOML_INTEGER),
                   "a duration's value");
}

static void check_groups(rule_source *src, const gt_toml *table)
{
    static const gt_str strategies[] = {GT_STR("suppress"), GT_STR("doNotSuppress")};
    const gt_toml *group_by = rule_get(table, "group_by", GT_TOML_ARRAY);
    const gt_toml *strategy = rule_get(table, "missing_fields_strategy", GT_TOML_STRING);
    if (!group_by)
        gt_diag_error(src->diags, "RULE-016", table->span, NULL,
                      "alert_suppression has no 'group_by'");
    else if (group_by->count < 1 || group_by->count > 3)
        gt_diag_error(src->diags, "RULE-016", group_by->span, NULL,
                      "alerts are suppressed by 1 to 3 fields");
    if (!strategy)
        rule_complain(src, "RULE-016", table->span, "\"suppress\" is what Kibana assumes",
                      "alert_suppression has no 'missing_fields_strategy'");
    rule_check_enum(src, strategy, "strategy for missing fields", strategies, COUNT(strategies));
}

void rule_check_suppression(rule_source *src)
{
    static const rule_key keys[] = {{GT_STR("duration"), TABLE, T | K},
                                    {GT_STR("group_by"), TEXTS, T | K},
                                    {GT_STR("missing_fields_strategy"), TEXT, T | K}};
    const gt_toml *table = rule_get(src->table, "alert_suppression", GT_TOML_TABLE);
    if (!table)
        return;
    rule_check_keys(src, table, table->span, "alert_suppression", keys, COUNT(keys));
    check_duration(src, table);
    if (!is_type(src, "threshold")) {
        check_groups(src, table);
        return;
    }
    const gt_toml *group_by = gt_toml_getl(table, "group_by");
    if (group_by)
        gt_diag_error(src->diags, "RULE-016", group_by->key_span, NULL,
                      "a threshold rule is suppressed by its own fields");
    if (!gt_toml_getl(table, "duration"))
        gt_diag_error(src->diags, "RULE-016", table->span, NULL,
                      "a threshold rule's suppression needs a duration");
}
