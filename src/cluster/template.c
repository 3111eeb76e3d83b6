#include "cluster/template.h"

/* Raised when the mappings change: an older template of ours is then replaced. */
#define TEMPLATE_VERSION 1
/* Elastic's general `logs` template has 100, its integrations' have 200. */
#define TEMPLATE_PRIORITY 150

/* The server's word for a type. constant_keyword is a keyword that every server has. */
static const char *type_word(gt_field_type type, gt_dsl_server server)
{
    switch (type) {
    case GT_FIELD_CONSTANT_KEYWORD:
    case GT_FIELD_WILDCARD:
        return "keyword";
    case GT_FIELD_FLATTENED:
        return server == GT_DSL_OPENSEARCH ? "flat_object" : "flattened";
    default:
        return gt_field_type_name(type);
    }
}

/* The "properties" object that holds the last part of a dotted name. */
static gt_json *parent_of(gt_arena *arena, gt_json *properties, gt_str name, gt_str *ret_last)
{
    gt_str head, rest = name;
    for (;;) {
        gt_str next = gt_str_cut(rest, '.', &head);
        if (!next.ptr)
            break;
        gt_json *node = gt_json_get(properties, head);
        if (!node)
            node = gt_json_set(properties, head, gt_json_new_object(arena));
        node = gt_json_get(properties, head);
        properties = gt_json_getl(node, "properties");
        if (!properties) {
            properties = gt_json_new_object(arena);
            gt_json_setl(node, "properties", properties);
        }
        rest = next;
    }
    *ret_last = head;
    return properties;
}

static gt_json *field_mapping(gt_arena *arena, const gt_field *field, gt_dsl_server server)
{
    gt_json *m = gt_json_new_object(arena);
    gt_json_setl(m, "type", gt_json_new_str(arena, gt_str_c(type_word(field->type, server))));
    if (field->ignore_above && field->type == GT_FIELD_KEYWORD)
        gt_json_setl(m, "ignore_above", gt_json_new_i64(arena, field->ignore_above));
    return m;
}

/* Strings of fields that no row types are keywords, as in Elastic's own templates. */
static gt_json *dynamic_templates(gt_arena *arena)
{
    gt_json *mapping = gt_json_new_object(arena), *rule = gt_json_new_object(arena);
    gt_json_setl(mapping, "type", gt_json_new_str(arena, GT_STR("keyword")));
    gt_json_setl(mapping, "ignore_above", gt_json_new_i64(arena, 1024));
    gt_json_setl(rule, "match_mapping_type", gt_json_new_str(arena, GT_STR("string")));
    gt_json_setl(rule, "mapping", mapping);
    gt_json *named = gt_json_new_object(arena), *list = gt_json_new_array(arena);
    gt_json_setl(named, "strings_as_keyword", rule);
    gt_json_append(list, named);
    return list;
}

gt_json *gt_template_mappings(gt_arena *arena, const gt_schema *schema, gt_dsl_server server)
{
    gt_json *root = gt_json_new_object(arena), *properties = gt_json_new_object(arena);
    gt_json_setl(root, "date_detection", gt_json_new_bool(arena, false));
    gt_json_setl(root, "dynamic_templates", dynamic_templates(arena));
    gt_json_setl(root, "properties", properties);
    for (size_t i = 0; i < schema->count; i++) {
        const gt_field *field = &schema->fields[i];
        gt_str last;
        gt_json *parent = parent_of(arena, properties, field->name, &last);
        if (field->type == GT_FIELD_UNTYPED || gt_json_get(parent, last))
            continue;
        gt_json_set(parent, last, field_mapping(arena, field, server));
    }
    return root;
}

bool gt_index_pattern_covers(gt_str pattern, gt_str name)
{
    size_t star = gt_str_find_byte(pattern, '*');
    if (star == GT_NPOS)
        return gt_str_eq(pattern, name);
    if (!gt_str_starts(name, gt_str_head(pattern, star)))
        return false;
    gt_str rest = gt_str_from(pattern, star + 1);
    for (size_t i = star; i <= name.len; i++)
        if (gt_index_pattern_covers(rest, gt_str_from(name, i)))
            return true;
    return false;
}

static bool covers(const gt_json *template, gt_str name)
{
    const gt_json *patterns = gt_json_getl(template, "index_patterns");
    if (gt_json_is(patterns, GT_JSON_STRING))
        return gt_index_pattern_covers(gt_json_str(patterns), name);
    for (const gt_json *p = gt_json_first(patterns); p; p = p->next)
        if (gt_index_pattern_covers(gt_json_str(p), name))
            return true;
    return false;
}

static bool is_ours(const gt_json *template)
{
    return gt_str_is(gt_json_path_str(template, "_meta.managed_by"), "gatetrail");
}

static gt_json *template_body(gt_arena *arena, const gt_schema *schema, gt_dsl_server server,
                              gt_str name, bool data_stream)
{
    gt_json *body = gt_json_new_object(arena), *patterns = gt_json_new_array(arena);
    gt_json *template = gt_json_new_object(arena), *meta = gt_json_new_object(arena);
    gt_json *settings = gt_json_new_object(arena);
    gt_json_append(patterns, gt_json_new_str(arena, name));
    gt_json_setl(body, "index_patterns", patterns);
    gt_json_setl(body, "priority", gt_json_new_i64(arena, TEMPLATE_PRIORITY));
    gt_json_setl(body, "version", gt_json_new_i64(arena, TEMPLATE_VERSION));
    gt_json_setl(meta, "managed_by", gt_json_new_str(arena, GT_STR("gatetrail")));
    gt_json_setl(body, "_meta", meta);
    gt_json_setl(settings, "index.mapping.total_fields.limit", gt_json_new_i64(arena, 5000));
    gt_json_setl(template, "settings", settings);
    gt_json_setl(template, "mappings", gt_template_mappings(arena, schema, server));
    gt_json_setl(body, "template", template);
    if (data_stream)
        gt_json_setl(body, "data_stream", gt_json_new_object(arena));
    return body;
}

/* The template of others that counts for the name, if it comes before ours. */
static gt_str foreign_template(const gt_json *list, gt_str name)
{
    gt_str best = GT_STR_NULL;
    int64_t best_priority = TEMPLATE_PRIORITY - 1;
    for (const gt_json *t = gt_json_first(list); t; t = t->next) {
        const gt_json *body = gt_json_getl(t, "index_template");
        int64_t priority = 0;
        (void)!gt_json_i64(gt_json_getl(body, "priority"), &priority);
        if (!is_ours(body) && covers(body, name) && priority > best_priority) {
            best = gt_json_path_str(t, "name");
            best_priority = priority;
        }
    }
    return best;
}

gt_status gt_template_ensure(gt_cluster *cluster, gt_arena *arena, const gt_schema *schema,
                             gt_str name, bool data_stream, gt_template_state *ret,
                             gt_str *ret_owner)
{
    gt_dsl_server server;
    gt_json *answer = NULL;
    gt_str own = gt_arena_printf(arena, "gatetrail-%.*s", GT_STR_ARG(name));
    GT_TRY(gt_cluster_server(cluster, &server));
    gt_status status = gt_cluster_json(cluster, arena, "GET", GT_STR("/_index_template"), NULL, &answer);
    if (status != GT_OK && status != GT_NOTFOUND)
        return status;
    const gt_json *list = gt_json_getl(answer, "index_templates"), *existing = NULL;
    gt_str foreign = foreign_template(list, name);
    for (const gt_json *t = gt_json_first(list); t; t = t->next)
        if (gt_str_eq(gt_json_path_str(t, "name"), own))
            existing = gt_json_getl(t, "index_template");
    if (foreign.len || (existing && !is_ours(existing))) {
        *ret = GT_TEMPLATE_FOREIGN;
        *ret_owner = foreign.len ? foreign : own;
        return GT_OK;
    }
    int64_t version = -1;
    if (existing)
        (void)!gt_json_i64(gt_json_getl(existing, "version"), &version);
    if (version < TEMPLATE_VERSION) {
        gt_str path = gt_arena_printf(arena, "/_index_template/%.*s", GT_STR_ARG(own));
        gt_json *body = template_body(arena, schema, server, name, data_stream);
        if (!body || !path.ptr)
            return gt_arena_status(arena);
        GT_TRY(gt_cluster_json(cluster, arena, "PUT", path, body, NULL));
    }
    *ret = GT_TEMPLATE_INSTALLED;
    *ret_owner = own;
    return GT_OK;
}
