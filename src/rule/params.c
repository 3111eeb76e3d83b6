/* From a checked rule to the views the engine reads, and its parameters in Kibana's spelling. */
#include "rule/rule_internal.h"

#include "base/timeutil.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* --- names of enumerations -------------------------------------------------------------------- */

static const char *const type_names[] = {
    [GT_RULE_QUERY] = "query",
    [GT_RULE_SAVED_QUERY] = "saved_query",
    [GT_RULE_EQL] = "eql",
    [GT_RULE_ESQL] = "esql",
    [GT_RULE_THRESHOLD] = "threshold",
    [GT_RULE_NEW_TERMS] = "new_terms",
    [GT_RULE_THREAT_MATCH] = "threat_match",
    [GT_RULE_MACHINE_LEARNING] = "machine_learning",
};

const char *gt_rule_type_name(gt_rule_type type)
{
    return type_names[type];
}

const char *gt_rule_state_text(gt_rule_state state)
{
    switch (state) {
    case GT_RULE_RUNS:
        return "runs";
    case GT_RULE_TYPE_NOT_RUN:
        return "rules of this type are not run yet";
    case GT_RULE_OTHER_PRODUCT:
        return "its indices hold no CloudTrail data";
    case GT_RULE_LANGUAGE_NOT_RUN:
        return "its query language is not run";
    case GT_RULE_FILTERS_NOT_RUN:
        return "it has Kibana filters of a kind that is not run";
    case GT_RULE_BROKEN:
        break;
    }
    return "it has errors";
}

/* --- parameters ------------------------------------------------------------------------------- */

/* The texts that Elastic's tools strip when a rule is released. */
static void strip_text(gt_json *node)
{
    if (gt_json_is(node, GT_JSON_STRING))
        node->str = gt_str_trim(node->str);
    else if (gt_json_is(node, GT_JSON_ARRAY))
        for (gt_json *e = gt_json_first(node); e; e = e->next)
            strip_text(e);
}

/* TOML groups what Kibana has as two keys:
 * new_terms = {field, value, history_window_start = [{field, value}]}. */
static void spread_new_terms(gt_json *params)
{
    gt_json *table = gt_json_remove(params, GT_STR("new_terms"));
    gt_json *fields = gt_json_remove(table, GT_STR("value"));
    gt_json *window = gt_json_first(gt_json_getl(table, "history_window_start"));
    gt_json *start = window ? gt_json_remove(window, GT_STR("value")) : NULL;
    if (fields)
        gt_json_setl(params, "new_terms_fields", fields);
    if (start)
        gt_json_setl(params, "history_window_start", start);
}

static void set_default(gt_arena *arena, gt_json *params, const char *key, gt_str text)
{
    const gt_json *node = gt_json_get(params, gt_str_c(key));
    if (!node || node->type == GT_JSON_NULL)
        gt_json_set(params, gt_str_c(key), gt_json_new_str(arena, text));
}

static void set_default_i64(gt_arena *arena, gt_json *params, const char *key, int64_t n)
{
    const gt_json *node = gt_json_get(params, gt_str_c(key));
    if (!node || node->type == GT_JSON_NULL)
        gt_json_set(params, gt_str_c(key), gt_json_new_i64(arena, n));
}

static bool has_language(gt_rule_type type)
{
    return type != GT_RULE_MACHINE_LEARNING && type != GT_RULE_EQL && type != GT_RULE_ESQL;
}

static gt_status make_params(rule_source *src)
{
    gt_rule *rule = src->rule;
    gt_json *params = gt_toml_to_json(src->arena, src->table);
    if (!params)
        return gt_arena_status(src->arena);
    if (src->form == FORM_TOML)
        spread_new_terms(params);
    strip_text(gt_json_getl(params, "description"));
    strip_text(gt_json_getl(params, "false_positives"));
    set_default(src->arena, params, "from", GT_STR("now-6m"));
    set_default(src->arena, params, "to", GT_STR("now"));
    set_default(src->arena, params, "interval", GT_STR("5m"));
    set_default_i64(src->arena, params, "max_signals", 100);
    if (has_language(rule->type))
        set_default(src->arena, params, "language", GT_STR("kuery"));
    const gt_toml *version = gt_toml_path(src->metadata, "extended.version");
    set_default_i64(src->arena, params, "version",
                    gt_toml_is(version, GT_TOML_INTEGER) ? version->integer : 1);
    rule->params = params;
    rule->metadata = gt_toml_to_json(src->arena, src->metadata);
    rule->transform = gt_toml_to_json(src->arena, src->transform);
    return gt_arena_status(src->arena);
}

/* --- views ------------------------------------------------------------------------------------ */

static gt_str text_of(const gt_json *params, const char *key)
{
    gt_str s = gt_json_str(gt_json_get(params, gt_str_c(key)));
    return s.ptr ? s : GT_STR("");
}

static int64_t number_of(const gt_json *params, const char *key)
{
    int64_t n = 0;
    return gt_json_i64(gt_json_get(params, gt_str_c(key)), &n) ? n : 0;
}

static void set_views(gt_rule *rule)
{
    const gt_json *p = rule->params;
    rule->rule_id = text_of(p, "rule_id");
    rule->name = text_of(p, "name");
    rule->description = text_of(p, "description");
    rule->severity = text_of(p, "severity");
    rule->language = text_of(p, "language");
    rule->license = text_of(p, "license");
    rule->note = text_of(p, "note");
    rule->setup = text_of(p, "setup");
    rule->from = text_of(p, "from");
    rule->to = text_of(p, "to");
    rule->interval = text_of(p, "interval");
    rule->timestamp_override = text_of(p, "timestamp_override");
    rule->building_block_type = text_of(p, "building_block_type");
    rule->risk_score = number_of(p, "risk_score");
    rule->version = number_of(p, "version");
    rule->max_signals = number_of(p, "max_signals");
    if (!gt_span_parse(rule->interval, &rule->interval_ms))
        rule->interval_ms = 5 * 60000;
    const gt_json *enabled = gt_json_getl(p, "enabled");
    rule->enabled = !gt_json_is(enabled, GT_JSON_BOOL) || enabled->boolean;
}

static gt_status set_suppression(rule_source *src)
{
    const gt_json *table = gt_json_getl(src->rule->params, "alert_suppression");
    const gt_json *group_by = gt_json_getl(table, "group_by"),
                  *duration = gt_json_getl(table, "duration");
    gt_rule_suppression *s = &src->rule->suppression;
    if (!gt_json_is(group_by, GT_JSON_ARRAY) || group_by->count == 0)
        return GT_OK;
    gt_str *fields = gt_arena_array(src->arena, gt_str, group_by->count);
    if (!fields)
        return gt_arena_status(src->arena);
    for (const gt_json *e = gt_json_first(group_by); e; e = e->next)
        if (e->type == GT_JSON_STRING)
            fields[s->group_count++] = e->str;
    s->group_by = fields;
    s->missing_suppress = !gt_str_is(text_of(table, "missing_fields_strategy"), "doNotSuppress");
    int64_t value = number_of(duration, "value");
    gt_str unit = text_of(duration, "unit");
    int64_t unit_ms = gt_str_is(unit, "h") ? 3600000 : gt_str_is(unit, "m") ? 60000 : 1000;
    if (value > 0 && value < INT64_MAX / unit_ms)
        s->duration_ms = value * unit_ms;
    return GT_OK;
}

static void set_type(rule_source *src)
{
    gt_str name = rule_get_str(src->table, "type");
    for (size_t i = 0; i < COUNT(type_names); i++)
        if (gt_str_eq(name, gt_str_c(type_names[i])))
            src->rule->type = (gt_rule_type)i;
}

/* --- state and query -------------------------------------------------------------------------- */

static bool other_product(const gt_rule *rule)
{
    const gt_json *index = gt_json_getl(rule->params, "index");
    if (!gt_json_is(index, GT_JSON_ARRAY) || index->count == 0)
        return false; /* Kibana's default indices have CloudTrail among them */
    for (const gt_json *e = gt_json_first(index); e; e = e->next)
        if (e->type == GT_JSON_STRING && rule_index_may_hold_cloudtrail(e->str))
            return false;
    return true;
}

static gt_rule_state state_of(const gt_rule *rule, bool filters_run)
{
    if (other_product(rule))
        return GT_RULE_OTHER_PRODUCT;
    if (rule->type != GT_RULE_QUERY)
        return GT_RULE_TYPE_NOT_RUN;
    if (!gt_str_is(rule->language, "kuery"))
        return GT_RULE_LANGUAGE_NOT_RUN;
    return filters_run && rule->query ? GT_RULE_RUNS : GT_RULE_FILTERS_NOT_RUN;
}

/* Without a query, filters alone decide: the empty one matches everything. */
static gt_status compile_query(rule_source *src)
{
    const gt_toml *query = rule_get(src->table, "query", GT_TOML_STRING);
    gt_rule *rule = src->rule;
    rule->query_text = query ? query->str : GT_STR("");
    rule->query_where = query ? query->where : (gt_offsets){src->span.begin, NULL};
    rule->query_span = gt_offsets_span(rule->query_where, (gt_span){0, rule->query_text.len});
    if (!gt_str_is(rule->language, "kuery") || !has_language(rule->type))
        return GT_OK;
    gt_status status = gt_kql_compile(src->arena, src->scratch, rule->query_text, rule->query_where,
                                      src->schema, &rule->query, src->diags);
    return status == GT_INVALID || (status == GT_LIMIT && gt_arena_status(src->arena) == GT_OK)
               ? GT_OK
               : status;
}

gt_status rule_fill(rule_source *src)
{
    size_t errors = src->diags->errors;
    bool filters_run;
    set_type(src);
    GT_TRY(make_params(src));
    set_views(src->rule);
    GT_TRY(set_suppression(src));
    GT_TRY(compile_query(src));
    GT_TRY(rule_compile_filters(src, &filters_run));
    src->rule->state = src->diags->errors > errors ? GT_RULE_BROKEN
                                                   : state_of(src->rule, filters_run);
    return GT_OK;
}
