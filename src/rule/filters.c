/* Kibana's filters (`filters` of a rule): pieces of Query DSL that the filter bar makes. Those that
 * KQL can say become small programs; a rule with any other filter is not run. */
#include "rule/rule_internal.h"

#include "base/limits.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static bool write_clause(gt_buf *out, const gt_toml *node, unsigned depth);

static void add_quoted(gt_buf *out, gt_str s)
{
    gt_buf_add_byte(out, '"');
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '"' || s.ptr[i] == '\\')
            gt_buf_add_byte(out, '\\');
        gt_buf_add_byte(out, s.ptr[i]);
    }
    gt_buf_add_byte(out, '"');
}

static bool is_scalar(const gt_toml *node)
{
    return node && (node->type == GT_TOML_STRING || node->type == GT_TOML_INTEGER ||
                    node->type == GT_TOML_FLOAT || node->type == GT_TOML_BOOL);
}

static bool write_is(gt_buf *out, gt_str field, const gt_toml *value)
{
    if (!is_scalar(value) || !field.len)
        return false;
    add_quoted(out, field);
    gt_buf_lit(out, ": ");
    add_quoted(out, value->str);
    return true;
}

/* The only member of a table that has no more; NULL otherwise. */
static const gt_toml *only_member(const gt_toml *table)
{
    return gt_toml_is(table, GT_TOML_TABLE) && table->count == 1 ? table->first : NULL;
}

/* {"FIELD": value}, or {"FIELD": {"query" or "value": value}}. match: only as a phrase. */
static bool write_phrase(gt_buf *out, const gt_toml *body, bool match)
{
    const gt_toml *field = only_member(body);
    if (!field || field->type != GT_TOML_TABLE)
        return field && !match && write_is(out, field->key, field);
    const gt_toml *value = gt_toml_getl(field, "query"), *type = gt_toml_getl(field, "type");
    if (!value)
        value = gt_toml_getl(field, "value");
    bool phrase = gt_toml_is(type, GT_TOML_STRING) && gt_str_is(type->str, "phrase");
    if (field->count != 1u + (type != NULL) || (type || match) != phrase)
        return false;
    return write_is(out, field->key, value);
}

static bool write_terms(gt_buf *out, const gt_toml *body)
{
    const gt_toml *field = only_member(body);
    if (!gt_toml_is(field, GT_TOML_ARRAY) || !field->count)
        return false;
    gt_buf_lit(out, "(");
    bool good = true;
    for (const gt_toml *e = gt_toml_first(field); e && good; e = e->next) {
        gt_buf_add(out, e == gt_toml_first(field) ? GT_STR("") : GT_STR(" or "));
        good = write_is(out, field->key, e);
    }
    gt_buf_lit(out, ")");
    return good;
}

static bool write_exists(gt_buf *out, const gt_toml *body)
{
    const gt_toml *field = rule_get(body, "field", GT_TOML_STRING);
    if (!field || body->count != 1)
        return false;
    add_quoted(out, field->str);
    gt_buf_lit(out, ": *");
    return true;
}

static bool write_range(gt_buf *out, const gt_toml *body)
{
    static const struct {
        const char *key, *sign;
    } bounds[] = {{"gte", " >= "}, {"gt", " > "}, {"lte", " <= "}, {"lt", " < "}};
    const gt_toml *field = only_member(body);
    bool any = false, good = gt_toml_is(field, GT_TOML_TABLE);
    for (const gt_toml *m = gt_toml_first(field); m && good; m = m->next) {
        size_t i = 0;
        while (i < COUNT(bounds) && !gt_str_eq(m->key, gt_str_c(bounds[i].key)))
            i++;
        if (m->type == GT_TOML_NULL)
            continue;
        good = i < COUNT(bounds) && is_scalar(m);
        if (!good)
            break;
        gt_buf_add(out, any ? GT_STR(" and ") : GT_STR("("));
        add_quoted(out, field->key);
        gt_buf_add(out, gt_str_c(bounds[i].sign));
        add_quoted(out, m->str);
        any = true;
    }
    gt_buf_lit(out, ")");
    return good && any;
}

/* An array (or a single clause), joined. */
static bool write_clauses(gt_buf *out, const gt_toml *node, const char *join, unsigned depth)
{
    if (node->type == GT_TOML_TABLE)
        return write_clause(out, node, depth);
    bool good = node->type == GT_TOML_ARRAY && node->count;
    for (const gt_toml *e = gt_toml_first(node); e && good; e = e->next) {
        gt_buf_add(out, e == gt_toml_first(node) ? GT_STR("") : gt_str_c(join));
        good = write_clause(out, e, depth);
    }
    return good;
}

static bool is_empty(const gt_toml *node)
{
    return node->type == GT_TOML_NULL || (node->type == GT_TOML_ARRAY && !node->count);
}

static bool write_bool(gt_buf *out, const gt_toml *body, unsigned depth)
{
    static const struct {
        const char *key, *before, *join;
    } parts[] = {{"must", "(", " and "},
                 {"filter", "(", " and "},
                 {"must_not", "not (", " or "},
                 {"should", "(", " or "}};
    bool any = false, good = true, others = false;
    for (const gt_toml *m = gt_toml_first(body); m && good; m = m->next) {
        size_t i = 0;
        while (i < COUNT(parts) && !gt_str_eq(m->key, gt_str_c(parts[i].key)))
            i++;
        if (gt_str_is(m->key, "minimum_should_match")) {
            good = m->type == GT_TOML_INTEGER && m->integer == 1;
            continue;
        }
        if (i == COUNT(parts))
            return false;
        if (is_empty(m))
            continue;
        others = others || i < 2;
        gt_buf_add(out, any ? GT_STR(" and ") : GT_STR("("));
        gt_buf_add(out, gt_str_c(parts[i].before));
        good = write_clauses(out, m, parts[i].join, depth + 1);
        gt_buf_lit(out, ")");
        any = true;
    }
    gt_buf_lit(out, ")");
    /* beside must or filter, should counts only when a minimum says so */
    const gt_toml *should = gt_toml_getl(body, "should");
    if (should && !is_empty(should) && others && !gt_toml_getl(body, "minimum_should_match"))
        return false;
    return good && any;
}

static bool write_clause(gt_buf *out, const gt_toml *node, unsigned depth)
{
    const gt_toml *clause = only_member(node);
    if (!clause || depth > GT_QUERY_DEPTH_MAX / 4)
        return false;
    gt_str kind = clause->key;
    if (gt_str_is(kind, "match_phrase") || gt_str_is(kind, "term"))
        return write_phrase(out, clause, false);
    if (gt_str_is(kind, "match"))
        return write_phrase(out, clause, true);
    if (gt_str_is(kind, "terms"))
        return write_terms(out, clause);
    if (gt_str_is(kind, "exists"))
        return write_exists(out, clause);
    if (gt_str_is(kind, "range"))
        return write_range(out, clause);
    if (gt_str_is(kind, "bool"))
        return write_bool(out, clause, depth);
    return false;
}

/* The DSL of a filter: below "query", or beside "meta" as older Kibanas wrote it. */
static bool write_filter(gt_buf *out, gt_arena *scratch, const gt_toml *filter)
{
    const gt_toml *query = gt_toml_getl(filter, "query");
    if (query)
        return write_clause(out, query, 0);
    gt_toml *rest = gt_arena_new_of(scratch, gt_toml);
    for (const gt_toml *m = gt_toml_first(filter); m && rest; m = m->next) {
        if (gt_str_is(m->key, "meta") || gt_str_is(m->key, "$state"))
            continue;
        gt_toml *copy = gt_arena_new_of(scratch, gt_toml);
        if (!copy)
            return false;
        *copy = *m;
        copy->next = rest->first;
        rest->first = copy;
        rest->count++;
        rest->type = GT_TOML_TABLE;
    }
    return rest && write_clause(out, rest, 0);
}

static bool meta_flag(const gt_toml *filter, const char *path)
{
    const gt_toml *node = gt_toml_path(filter, path);
    return gt_toml_is(node, GT_TOML_BOOL) && node->boolean;
}

static gt_status compile_filter(rule_source *src, const gt_toml *filter, gt_rule_filter *ret,
                                bool *ret_good)
{
    gt_diags own;
    gt_buf kql = GT_BUF(GT_QUERY_BYTES_MAX);
    gt_arena_mark mark = gt_arena_save(src->scratch);
    bool written = write_filter(&kql, src->scratch, filter);
    gt_arena_rewind(src->scratch, mark);
    gt_str text = gt_arena_dup(src->arena, gt_buf_str(&kql));
    gt_status status = gt_buf_status(&kql) == GT_NOMEM ? GT_NOMEM : gt_arena_status(src->arena);
    *ret_good = written && gt_buf_status(&kql) == GT_OK;
    gt_buf_done(&kql);
    if (status != GT_OK || !*ret_good)
        return status;
    gt_diags_init(&own, src->arena, GT_STR("filter"), text);
    status = gt_kql_compile(src->arena, src->scratch, text, (gt_offsets){0, NULL}, src->schema,
                            &ret->query, &own);
    *ret_good = status == GT_OK;
    ret->negated = meta_flag(filter, "meta.negate");
    return status == GT_NOMEM ? status : gt_arena_status(src->arena);
}

gt_status rule_compile_filters(rule_source *src, bool *ret_all)
{
    const gt_toml *list = rule_get(src->table, "filters", GT_TOML_ARRAY);
    *ret_all = true;
    if (!list || !list->count)
        return GT_OK;
    gt_rule_filter *filters = gt_arena_array(src->arena, gt_rule_filter, list->count);
    if (!filters)
        return gt_arena_status(src->arena);
    for (const gt_toml *f = gt_toml_first(list); f; f = f->next) {
        bool good = false;
        if (f->type != GT_TOML_TABLE || meta_flag(f, "meta.disabled"))
            continue;
        GT_TRY(compile_filter(src, f, &filters[src->rule->filter_count], &good));
        src->rule->filter_count += good;
        if (!good)
            gt_diag_warn(src->diags, "RULE-031", f->span, NULL,
                         "this Kibana filter is not run, and so the rule is not");
        *ret_all = *ret_all && good;
    }
    src->rule->filters = filters;
    return GT_OK;
}
