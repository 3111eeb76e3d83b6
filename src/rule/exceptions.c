#include "rule/exceptions_internal.h"

/* UTF-16 units, as Elasticsearch counts ignore_above. */
static bool too_long(gt_str s, uint32_t max)
{
    if (max == 0 || s.len <= max)
        return false;
    size_t units = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        units += (c & 0xC0) != 0x80;
        units += c >= 0xF0;
    }
    return units > max;
}

static bool wildcard_found(const gt_json *value, void *ctx)
{
    const exception_entry *entry = ctx;
    gt_str text = gt_json_text(value);
    return text.ptr && !too_long(text, entry->ignore_above) &&
           rule_wildcard_match(entry->pattern, text);
}

static bool listed(const gt_json *value, void *ctx)
{
    const exception_entry *entry = ctx;
    gt_str text = gt_json_text(value);
    return text.ptr && !too_long(text, entry->ignore_above) &&
           rule_value_list_holds(entry->list, text);
}

static bool entries_hold(const exception_entry *entries, size_t count, const gt_json *document,
                         gt_query_env *env);

typedef struct nested_walk {
    const exception_entry *entry;
    gt_query_env *env;
} nested_walk;

/* All entries hold for this one object: it is looked at as a document of its own, in which the
 * nested field has no other object. */
static bool object_holds(const gt_json *object, void *ctx)
{
    nested_walk *walk = ctx;
    gt_json alone = *object,
            document = {.type = GT_JSON_OBJECT, .first = &alone, .last = &alone, .count = 1};
    alone.next = NULL;
    alone.key = walk->entry->field; /* a dotted key is as good as nested ones */
    return entries_hold(walk->entry->entries, walk->entry->entry_count, &document, walk->env);
}

static bool entry_holds(const exception_entry *entry, const gt_json *document, gt_query_env *env)
{
    nested_walk walk = {entry, env};
    exception_entry copy = *entry; /* the walk's context is not const */
    switch (entry->kind) {
    case ENTRY_QUERY:
        return gt_query_run(entry->query, document, env);
    case ENTRY_WILDCARD:
        return rule_values_any(document, entry->field, false, wildcard_found, &copy);
    case ENTRY_LIST:
        return rule_values_any(document, entry->field, false, listed, &copy);
    case ENTRY_NESTED:
        break;
    }
    return rule_values_any(document, entry->field, true, object_holds, &walk);
}

static bool entries_hold(const exception_entry *entries, size_t count, const gt_json *document,
                         gt_query_env *env)
{
    for (size_t i = 0; i < count; i++)
        if (entry_holds(&entries[i], document, env) == entries[i].excluded)
            return false;
    return true;
}

bool gt_exceptions_hold(const gt_exceptions *exceptions, const gt_json *document, gt_query_env *env,
                        gt_str *ret_item)
{
    for (size_t i = 0; exceptions && i < exceptions->count; i++) {
        const exception_item *item = exceptions->items[i];
        if ((item->expires && item->expire_time <= env->now) ||
            !entries_hold(item->entries, item->entry_count, document, env))
            continue;
        if (ret_item)
            *ret_item = item->id;
        return true;
    }
    return false;
}

size_t gt_exceptions_count(const gt_exceptions *exceptions)
{
    return exceptions ? exceptions->count : 0;
}
