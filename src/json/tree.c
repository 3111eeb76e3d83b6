#include "json/json.h"

#include <stdio.h>

gt_json *gt_json_get(const gt_json *object, gt_str key)
{
    if (!gt_json_is(object, GT_JSON_OBJECT))
        return NULL;
    for (gt_json *m = object->first; m; m = m->next)
        if (gt_str_eq(m->key, key))
            return m;
    return NULL;
}

gt_json *gt_json_path(const gt_json *object, const char *path)
{
    const gt_json *at = object;
    gt_str rest = gt_str_c(path), key;
    while (at && rest.len) {
        rest = gt_str_cut(rest, '.', &key);
        at = gt_json_get(at, key);
    }
    return (gt_json *)(uintptr_t)at; /* const for reading; the tree is the caller's */
}

gt_str gt_json_path_str(const gt_json *object, const char *path)
{
    return gt_json_str(gt_json_path(object, path));
}

bool gt_json_is(const gt_json *node, gt_json_type type)
{
    return node && node->type == type;
}

gt_str gt_json_str(const gt_json *node)
{
    return gt_json_is(node, GT_JSON_STRING) ? (gt_str){node->str.ptr ? node->str.ptr : "", node->str.len}
                                            : GT_STR_NULL;
}

gt_str gt_json_text(const gt_json *node)
{
    if (gt_json_is(node, GT_JSON_NUMBER))
        return node->str;
    if (gt_json_is(node, GT_JSON_BOOL))
        return node->boolean ? GT_STR("true") : GT_STR("false");
    return gt_json_str(node);
}

bool gt_json_i64(const gt_json *node, int64_t *ret)
{
    return gt_json_is(node, GT_JSON_NUMBER) && gt_str_to_i64(node->str, ret);
}

bool gt_json_double(const gt_json *node, double *ret)
{
    return gt_json_is(node, GT_JSON_NUMBER) && gt_str_to_double(node->str, ret);
}

static bool equal_numbers(const gt_json *a, const gt_json *b)
{
    double x, y;
    int64_t i, j;
    if (gt_str_eq(a->str, b->str))
        return true;
    if (gt_json_i64(a, &i) && gt_json_i64(b, &j))
        return i == j;
    return gt_json_double(a, &x) && gt_json_double(b, &y) && x == y;
}

bool gt_json_equal(const gt_json *a, const gt_json *b)
{
    if (!a || !b)
        return a == b;
    if (a->type != b->type || (a->type >= GT_JSON_ARRAY && a->count != b->count))
        return false;
    switch ((gt_json_type)a->type) {
    case GT_JSON_NULL:
        return true;
    case GT_JSON_BOOL:
        return a->boolean == b->boolean;
    case GT_JSON_NUMBER:
        return equal_numbers(a, b);
    case GT_JSON_STRING:
        return gt_str_eq(a->str, b->str);
    case GT_JSON_ARRAY:
        for (gt_json *x = a->first, *y = b->first; x; x = x->next, y = y->next)
            if (!gt_json_equal(x, y))
                return false;
        return true;
    case GT_JSON_OBJECT:
        for (gt_json *m = a->first; m; m = m->next) {
            gt_json *other = gt_json_get(b, m->key);
            if (!other || !gt_json_equal(m, other))
                return false;
        }
        return true;
    }
    return false;
}

static gt_json *new_node(gt_arena *arena, gt_json_type type)
{
    gt_json *node = gt_arena_new_of(arena, gt_json);
    if (node)
        node->type = (uint8_t)type;
    return node;
}

gt_json *gt_json_new_object(gt_arena *arena)
{
    return new_node(arena, GT_JSON_OBJECT);
}

gt_json *gt_json_new_array(gt_arena *arena)
{
    return new_node(arena, GT_JSON_ARRAY);
}

gt_json *gt_json_new_str(gt_arena *arena, gt_str s)
{
    gt_json *node = new_node(arena, GT_JSON_STRING);
    if (node)
        node->str = s;
    return node;
}

gt_json *gt_json_new_number(gt_arena *arena, gt_str text)
{
    gt_json *node = new_node(arena, GT_JSON_NUMBER);
    if (node)
        node->str = text;
    return node;
}

gt_json *gt_json_new_i64(gt_arena *arena, int64_t n)
{
    gt_str text = gt_arena_printf(arena, "%lld", (long long)n);
    return text.ptr ? gt_json_new_number(arena, text) : NULL;
}

gt_json *gt_json_new_bool(gt_arena *arena, bool b)
{
    gt_json *node = new_node(arena, GT_JSON_BOOL);
    if (node)
        node->boolean = b;
    return node;
}

gt_json *gt_json_new_null(gt_arena *arena)
{
    return new_node(arena, GT_JSON_NULL);
}

gt_json *gt_json_copy(gt_arena *arena, const gt_json *node, bool dup_strings)
{
    if (!node)
        return NULL;
    gt_json *copy = gt_arena_new_of(arena, gt_json);
    if (!copy)
        return NULL;
    *copy = *node;
    copy->next = NULL;
    if (dup_strings)
        copy->key = gt_arena_dup(arena, node->key);
    if (node->type == GT_JSON_STRING || node->type == GT_JSON_NUMBER) {
        if (dup_strings)
            copy->str = gt_arena_dup(arena, node->str);
        return copy;
    }
    if (node->type < GT_JSON_ARRAY)
        return copy;
    copy->first = copy->last = NULL;
    for (const gt_json *e = node->first; e; e = e->next) {
        gt_json *child = gt_json_copy(arena, e, dup_strings);
        if (!child)
            return NULL;
        if (copy->last)
            copy->last->next = child;
        else
            copy->first = child;
        copy->last = child;
    }
    return copy;
}

static gt_json *append(gt_json *parent, gt_json *value)
{
    value->next = NULL;
    if (parent->last)
        parent->last->next = value;
    else
        parent->first = value;
    parent->last = value;
    parent->count++;
    return value;
}

gt_json *gt_json_add(gt_json *object, gt_str key, gt_json *value)
{
    if (!object || !value)
        return NULL;
    gt_assert(object->type == GT_JSON_OBJECT);
    value->key = key;
    return append(object, value);
}

gt_json *gt_json_set(gt_json *object, gt_str key, gt_json *value)
{
    if (!object || !value)
        return NULL;
    gt_assert(object->type == GT_JSON_OBJECT);
    gt_json **link = &object->first, *before = NULL;
    for (; *link; before = *link, link = &(*link)->next) {
        if (!gt_str_eq((*link)->key, key))
            continue;
        gt_json *old = *link;
        value->key = key;
        value->next = old->next;
        if (before)
            before->next = value;
        else
            object->first = value;
        if (object->last == old)
            object->last = value;
        return value;
    }
    return gt_json_add(object, key, value);
}

gt_json *gt_json_append(gt_json *array, gt_json *value)
{
    if (!array || !value)
        return NULL;
    gt_assert(array->type == GT_JSON_ARRAY);
    return append(array, value);
}

gt_json *gt_json_set_path(gt_arena *arena, gt_json *object, const char *path, gt_json *value)
{
    gt_str rest = gt_str_c(path), key;
    for (;;) {
        rest = gt_str_cut(rest, '.', &key);
        if (!rest.ptr)
            return gt_json_set(object, key, value);
        gt_json *next = gt_json_get(object, key);
        if (!gt_json_is(next, GT_JSON_OBJECT))
            next = gt_json_set(object, key, gt_json_new_object(arena));
        if (!next)
            return NULL;
        object = next;
    }
}

gt_json *gt_json_remove(gt_json *object, gt_str key)
{
    if (!gt_json_is(object, GT_JSON_OBJECT))
        return NULL;
    gt_json *before = NULL;
    for (gt_json *m = object->first; m; before = m, m = m->next) {
        if (!gt_str_eq(m->key, key))
            continue;
        if (before)
            before->next = m->next;
        else
            object->first = m->next;
        if (object->last == m)
            object->last = before;
        object->count--;
        m->next = NULL;
        return m;
    }
    return NULL;
}
