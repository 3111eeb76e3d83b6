#include "toml/toml_internal.h"

#include "base/hash.h"

#include <math.h>
#include <stdio.h>

/* Tables of a few keys are searched along their list; larger ones get an index. */
#define INDEX_FROM 16

struct gt_toml_index {
    gt_toml **slots;
    size_t mask;
};

gt_toml *toml_new(gt_arena *arena, gt_toml_type type, gt_span span)
{
    gt_toml *node = gt_arena_new_of(arena, gt_toml);
    if (!node)
        return NULL;
    node->type = (uint8_t)type;
    node->span = span;
    node->key_span = (gt_span){span.begin, span.begin};
    return node;
}

static void index_put(struct gt_toml_index *index, gt_toml *member)
{
    size_t i = (size_t)gt_hash64(member->key, 0) & index->mask;
    while (index->slots[i])
        i = (i + 1) & index->mask;
    index->slots[i] = member;
}

/* Keep the index at most half full. */
static bool index_room(gt_arena *arena, gt_toml *table)
{
    if (table->count < INDEX_FROM || (table->index && table->count * 2 <= table->index->mask))
        return true;
    struct gt_toml_index *index = gt_arena_new_of(arena, struct gt_toml_index);
    size_t slots = table->index ? (table->index->mask + 1) * 4 : INDEX_FROM * 4;
    if (!index || !(index->slots = gt_arena_array(arena, gt_toml *, slots)))
        return false;
    index->mask = slots - 1;
    for (gt_toml *m = table->first; m; m = m->next)
        index_put(index, m);
    table->index = index;
    return true;
}

static void append(gt_toml *parent, gt_toml *child)
{
    if (parent->last)
        parent->last->next = child;
    else
        parent->first = child;
    parent->last = child;
    parent->count++;
}

bool toml_table_add(gt_arena *arena, gt_toml *table, gt_toml *member)
{
    if (!index_room(arena, table))
        return false;
    append(table, member);
    if (table->index)
        index_put(table->index, member);
    return true;
}

void toml_array_add(gt_toml *array, gt_toml *element)
{
    append(array, element);
}

gt_toml *gt_toml_get(const gt_toml *table, gt_str key)
{
    if (!gt_toml_is(table, GT_TOML_TABLE))
        return NULL;
    if (!table->index) {
        for (gt_toml *m = table->first; m; m = m->next)
            if (gt_str_eq(m->key, key))
                return m;
        return NULL;
    }
    size_t i = (size_t)gt_hash64(key, 0) & table->index->mask;
    for (; table->index->slots[i]; i = (i + 1) & table->index->mask)
        if (gt_str_eq(table->index->slots[i]->key, key))
            return table->index->slots[i];
    return NULL;
}

gt_toml *gt_toml_path(const gt_toml *table, const char *path)
{
    gt_str rest = gt_str_c(path), head;
    gt_toml *node = NULL;
    for (const gt_toml *at = table; rest.ptr; at = node) {
        rest = gt_str_cut(rest, '.', &head);
        node = gt_toml_get(at, head);
        if (!node)
            return NULL;
    }
    return node;
}

bool gt_toml_is(const gt_toml *node, gt_toml_type type)
{
    return node && node->type == type;
}

const char *gt_toml_type_name(gt_toml_type type)
{
    switch (type) {
    case GT_TOML_NULL:
        return "null";
    case GT_TOML_STRING:
        return "a string";
    case GT_TOML_INTEGER:
        return "an integer";
    case GT_TOML_FLOAT:
        return "a float";
    case GT_TOML_BOOL:
        return "a boolean";
    case GT_TOML_DATETIME:
    case GT_TOML_LOCAL_DATETIME:
        return "a date and time";
    case GT_TOML_LOCAL_DATE:
        return "a date";
    case GT_TOML_LOCAL_TIME:
        return "a time";
    case GT_TOML_ARRAY:
        return "an array";
    case GT_TOML_TABLE:
        break;
    }
    return "a table";
}

/* The shortest decimal text that reads back as the same number. */
static gt_json *float_to_json(gt_arena *arena, const gt_toml *node)
{
    double n = node->number;
    if (isnan(n))
        return gt_json_new_str(arena, GT_STR("nan"));
    if (isinf(n))
        return gt_json_new_str(arena, n < 0 ? GT_STR("-inf") : GT_STR("inf"));
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, n);
        double back;
        if (gt_str_to_double(gt_str_c(text), &back) && !(back < n) && !(back > n))
            break;
    }
    if (!strpbrk(text, ".e"))
        memcpy(text + strlen(text), ".0", 3);
    gt_str copy = gt_arena_dup(arena, gt_str_c(text));
    return copy.ptr ? gt_json_new_number(arena, copy) : NULL;
}

static gt_json *container_to_json(gt_arena *arena, const gt_toml *node)
{
    bool table = node->type == GT_TOML_TABLE;
    gt_json *json = table ? gt_json_new_object(arena) : gt_json_new_array(arena);
    for (gt_toml *child = node->first; child && json; child = child->next) {
        gt_json *value = gt_toml_to_json(arena, child);
        if (!value)
            return NULL;
        if (table)
            gt_json_add(json, child->key, value);
        else
            gt_json_append(json, value);
    }
    return json;
}

gt_json *gt_toml_to_json(gt_arena *arena, const gt_toml *node)
{
    if (!node)
        return NULL;
    switch ((gt_toml_type)node->type) {
    case GT_TOML_NULL:
        return gt_json_new_null(arena);
    case GT_TOML_INTEGER:
        return gt_json_new_i64(arena, node->integer);
    case GT_TOML_FLOAT:
        return float_to_json(arena, node);
    case GT_TOML_BOOL:
        return gt_json_new_bool(arena, node->boolean);
    case GT_TOML_ARRAY:
    case GT_TOML_TABLE:
        return container_to_json(arena, node);
    case GT_TOML_STRING:
    case GT_TOML_DATETIME:
    case GT_TOML_LOCAL_DATETIME:
    case GT_TOML_LOCAL_DATE:
    case GT_TOML_LOCAL_TIME:
        break;
    }
    return gt_json_new_str(arena, node->str);
}
