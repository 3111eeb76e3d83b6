/* An exception item to something that runs. Entries with exact values become small KQL programs, so
 * that field types mean the same as in queries. */
#include "rule/exceptions_internal.h"

#include "base/limits.h"

static bool refuse(exception_compiler *c, const gt_toml *node, const char *hint,
                   const char *message)
{
    gt_diag_error(c->diags, "RULE-018", node->span, hint, "%s", message);
    return false;
}

static const gt_toml *need(exception_compiler *c, const gt_toml *entry, const char *key,
                           gt_toml_type type)
{
    const gt_toml *node = gt_toml_get(entry, gt_str_c(key));
    if (node && node->type == type)
        return node;
    gt_diag_error(c->diags, "RULE-018", node ? node->span : entry->span, NULL,
                  "an exception's '%s' must be %s", key, gt_toml_type_name(type));
    return NULL;
}

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

/* The field's name; inside a field of type nested, in the block that such fields are queried by. */
static void begin_kql(const exception_compiler *c, gt_buf *kql, gt_str field)
{
    if (c->nested.len) {
        add_quoted(kql, c->nested);
        gt_buf_lit(kql, ": { ");
        field = gt_str_from(field, c->nested.len + 1);
    }
    add_quoted(kql, field);
    gt_buf_lit(kql, ": ");
}

static void end_kql(const exception_compiler *c, gt_buf *kql)
{
    if (c->nested.len)
        gt_buf_lit(kql, " }");
}

/* Compile KQL that was made from an entry; what it complains about is shown at the entry's value.
 */
static bool compile_kql(exception_compiler *c, gt_buf *kql, const gt_toml *place, gt_query **ret)
{
    gt_diags own;
    gt_str text = gt_arena_dup(c->arena, gt_buf_str(kql));
    c->no_memory = c->no_memory || gt_buf_status(kql) == GT_NOMEM;
    if (gt_buf_status(kql) == GT_LIMIT)
        return refuse(c, place, NULL, "this exception is too large");
    if (!text.ptr || c->no_memory)
        return false;
    gt_diags_init(&own, c->arena, GT_STR("exception"), text);
    gt_status status = gt_kql_compile(c->arena, c->scratch, text, (gt_offsets){0, NULL}, c->schema,
                                      ret, &own);
    if (status == GT_OK)
        return true;
    c->no_memory = c->no_memory || status == GT_NOMEM;
    if (own.count)
        gt_diag_error(c->diags, "RULE-018", place->span, NULL, "%.*s",
                      GT_STR_ARG(own.items[0].message));
    return false;
}

static bool compile_match(exception_compiler *c, const gt_toml *node, gt_str field,
                          exception_entry *ret)
{
    const gt_toml *value = need(c, node, "value", GT_TOML_STRING);
    if (!value)
        return false;
    gt_buf kql = GT_BUF(GT_QUERY_BYTES_MAX);
    begin_kql(c, &kql, field);
    add_quoted(&kql, value->str);
    end_kql(c, &kql);
    bool good = compile_kql(c, &kql, value, &ret->query);
    gt_buf_done(&kql);
    return good;
}

static bool compile_match_any(exception_compiler *c, const gt_toml *node, gt_str field,
                              exception_entry *ret)
{
    const gt_toml *value = need(c, node, "value", GT_TOML_ARRAY);
    if (!value)
        return false;
    if (value->count == 0)
        return refuse(c, value, NULL, "'is one of' needs values");
    gt_buf kql = GT_BUF(GT_QUERY_BYTES_MAX);
    begin_kql(c, &kql, field);
    bool good = true;
    for (gt_toml *e = gt_toml_first(value); e; e = e->next) {
        gt_buf_add(&kql, e == gt_toml_first(value) ? GT_STR("(") : GT_STR(" or "));
        if (e->type == GT_TOML_STRING)
            add_quoted(&kql, e->str);
        else
            good = refuse(c, e, NULL, "values of an exception are strings");
    }
    gt_buf_lit(&kql, ")");
    end_kql(c, &kql);
    good = good && compile_kql(c, &kql, value, &ret->query);
    gt_buf_done(&kql);
    return good;
}

static bool compile_exists(exception_compiler *c, const gt_toml *node, gt_str field,
                           exception_entry *ret)
{
    gt_buf kql = GT_BUF(GT_QUERY_BYTES_MAX);
    begin_kql(c, &kql, field);
    gt_buf_lit(&kql, "*");
    end_kql(c, &kql);
    bool good = compile_kql(c, &kql, node, &ret->query);
    gt_buf_done(&kql);
    return good;
}

static bool compile_list(exception_compiler *c, const gt_toml *node, exception_entry *ret)
{
    const gt_toml *list = need(c, node, "list", GT_TOML_TABLE);
    const gt_toml *id = list ? need(c, list, "id", GT_TOML_STRING) : NULL;
    const gt_toml *type = list ? need(c, list, "type", GT_TOML_STRING) : NULL;
    if (!id || !type)
        return false;
    ret->kind = ENTRY_LIST;
    ret->list = c->find(c->find_ctx, c->diags, id->span, id->str, type->str);
    return ret->list != NULL;
}

static bool compile_entries(exception_compiler *c, const gt_toml *array, gt_str prefix,
                            unsigned depth, exception_entry **ret, size_t *ret_count);

static bool compile_value(exception_compiler *c, const gt_toml *node, const gt_toml *type,
                          unsigned depth, exception_entry *ret)
{
    if (gt_str_is(type->str, "match"))
        return compile_match(c, node, ret->field, ret);
    if (gt_str_is(type->str, "match_any"))
        return compile_match_any(c, node, ret->field, ret);
    if (gt_str_is(type->str, "exists"))
        return compile_exists(c, node, ret->field, ret);
    if (gt_str_is(type->str, "wildcard")) {
        const gt_toml *value = need(c, node, "value", GT_TOML_STRING);
        ret->kind = ENTRY_WILDCARD;
        ret->pattern = value ? value->str : GT_STR_NULL;
        return value != NULL;
    }
    if (gt_str_is(type->str, "nested") && depth == 0) {
        const gt_toml *entries = need(c, node, "entries", GT_TOML_ARRAY);
        ret->kind = ENTRY_NESTED;
        if (gt_schema_type(c->schema, ret->field, NULL) == GT_FIELD_NESTED)
            c->nested = ret->field;
        bool good = entries &&
                    compile_entries(c, entries, ret->field, 1, &ret->entries, &ret->entry_count);
        c->nested = GT_STR_NULL;
        return good;
    }
    if (gt_str_is(type->str, "list") && depth == 0)
        return compile_list(c, node, ret);
    return refuse(c, type, "match, match_any, exists, list, wildcard or nested",
                  depth ? "this type of entry cannot stand inside a nested one"
                        : "this is no type of an exception's entry");
}

static bool read_operator(exception_compiler *c, const gt_toml *node, const gt_toml *type,
                          bool *ret_excluded)
{
    *ret_excluded = false;
    if (gt_str_is(type->str, "nested"))
        return true; /* has none */
    const gt_toml *operator= need(c, node, "operator", GT_TOML_STRING);
    if (!operator)
        return false;
    *ret_excluded = gt_str_is(operator->str, "excluded");
    if (!*ret_excluded && !gt_str_is(operator->str, "included"))
        return refuse(c, operator, NULL, "the operator is included or excluded");
    const gt_toml *list = gt_toml_getl(node, "list");
    if (list && list->type != GT_TOML_NULL && !gt_str_is(type->str, "list"))
        return refuse(c, list, NULL, "only an entry of type list has a 'list'");
    return true;
}

/* prefix: the nested field whose objects are looked at; inner names are relative to it. */
static bool compile_entry(exception_compiler *c, const gt_toml *node, gt_str prefix, unsigned depth,
                          exception_entry *ret)
{
    if (node->type != GT_TOML_TABLE)
        return refuse(c, node, NULL, "an exception's entry is an object");
    const gt_toml *type = need(c, node, "type", GT_TOML_STRING);
    const gt_toml *field = need(c, node, "field", GT_TOML_STRING);
    const gt_field *row = NULL;
    if (!type || !field || !read_operator(c, node, type, &ret->excluded))
        return false;
    if (field->str.len == 0)
        return refuse(c, field, NULL, "the field's name is empty");
    ret->field = field->str;
    if (prefix.len) {
        ret->field = gt_arena_printf(c->arena, "%.*s.%.*s", GT_STR_ARG(prefix),
                                     GT_STR_ARG(field->str));
        if (!ret->field.ptr)
            return false;
    }
    gt_schema_type(c->schema, ret->field, &row);
    ret->ignore_above = row ? row->ignore_above : 0;
    return compile_value(c, node, type, depth, ret);
}

static bool compile_entries(exception_compiler *c, const gt_toml *array, gt_str prefix,
                            unsigned depth, exception_entry **ret, size_t *ret_count)
{
    exception_entry *entries = gt_arena_array(c->arena, exception_entry,
                                              array->count ? array->count : 1);
    size_t n = 0;
    bool good = entries != NULL;
    for (gt_toml *e = gt_toml_first(array); e && entries; e = e->next)
        good = compile_entry(c, e, prefix, depth, &entries[n++]) && good;
    if (array->count == 0) /* it would hold for every document */
        good = refuse(c, array, NULL, "an exception without entries would hide every alert");
    *ret = entries;
    *ret_count = n;
    return good;
}

static bool read_expiry(exception_compiler *c, const gt_toml *node, exception_item *item)
{
    const gt_toml *time = gt_toml_getl(node, "expire_time");
    if (!time || time->type == GT_TOML_NULL)
        return true;
    item->expires = true;
    if (time->type == GT_TOML_STRING && gt_time_parse(time->str, &item->expire_time))
        return true;
    return refuse(c, time, "as in 2024-10-14T14:11:38Z", "expire_time is no time");
}

gt_status rule_exception_compile(exception_compiler *c, const gt_toml *node, exception_item **ret)
{
    size_t errors = c->diags->errors;
    exception_item *item = gt_arena_new_of(c->arena, exception_item);
    const gt_toml *id = gt_toml_getl(node, "item_id"), *name = gt_toml_getl(node, "name");
    const gt_toml *list_id = need(c, node, "list_id", GT_TOML_STRING);
    const gt_toml *entries = need(c, node, "entries", GT_TOML_ARRAY);
    if (!item)
        return gt_arena_status(c->arena);
    item->id = gt_toml_is(id, GT_TOML_STRING)     ? id->str
               : gt_toml_is(name, GT_TOML_STRING) ? name->str
                                                  : GT_STR("");
    item->list_id = list_id ? list_id->str : GT_STR("");
    bool good = read_expiry(c, node, item);
    if (entries)
        good = compile_entries(c, entries, GT_STR(""), 0, &item->entries, &item->entry_count) &&
               good;
    if (gt_arena_status(c->arena) != GT_OK || c->no_memory)
        return c->no_memory ? GT_NOMEM : gt_arena_status(c->arena);
    if (c->diags->errors > errors || !good || !entries || !list_id)
        return GT_INVALID;
    *ret = item;
    return GT_OK;
}
