#include "query/walk.h"

#include "base/limits.h"

bool gt_walk_path(const gt_json *node, gt_str path, gt_walk_visit visit, void *context)
{
    if (node->type == GT_JSON_ARRAY) {
        for (const gt_json *e = node->first; e; e = e->next)
            if (gt_walk_path(e, path, visit, context))
                return true;
        return false;
    }
    if (path.len == 0)
        return visit(context, node);
    if (node->type != GT_JSON_OBJECT)
        return false;
    for (const gt_json *m = node->first; m; m = m->next) {
        size_t n = m->key.len;
        if (n > path.len || (n < path.len && path.ptr[n] != '.') ||
            (n && memcmp(m->key.ptr, path.ptr, n) != 0))
            continue;
        if (gt_walk_path(m, gt_str_from(path, n + 1), visit, context))
            return true;
    }
    return false;
}

bool gt_walk_scalars(const gt_json *node, gt_walk_visit visit, void *context)
{
    if (node->type != GT_JSON_ARRAY && node->type != GT_JSON_OBJECT)
        return visit(context, node);
    for (const gt_json *e = node->first; e; e = e->next)
        if (gt_walk_scalars(e, visit, context))
            return true;
    return false;
}

typedef struct leaf_walk {
    const gt_schema *schema;
    bool into_nested;
    gt_leaf_visit visit;
    void *context;
    gt_leaf leaf; /* of the flattened field we are in */
    char name[GT_FIELD_NAME_MAX];
} leaf_walk;

static bool flattened_scalar(void *context, const gt_json *value)
{
    leaf_walk *w = context;
    gt_leaf leaf = w->leaf;
    leaf.value = value;
    return w->visit(w->context, &leaf);
}

static bool walk_leaves(leaf_walk *w, const gt_json *node, size_t len)
{
    if (node->type == GT_JSON_ARRAY) {
        for (const gt_json *e = node->first; e; e = e->next)
            if (walk_leaves(w, e, len))
                return true;
        return false;
    }
    gt_leaf leaf = {.name = {w->name, len}, .value = node};
    leaf.type = gt_schema_type(w->schema, leaf.name, &leaf.row);
    if (leaf.type == GT_FIELD_NESTED && !w->into_nested)
        return false;
    if (leaf.type == GT_FIELD_FLATTENED) {
        w->leaf = leaf;
        return gt_walk_scalars(node, flattened_scalar, w);
    }
    if (node->type != GT_JSON_OBJECT || leaf.type == GT_FIELD_LONG_RANGE ||
        leaf.type == GT_FIELD_IP_RANGE || leaf.type == GT_FIELD_GEO_POINT)
        return w->visit(w->context, &leaf);
    for (const gt_json *m = node->first; m; m = m->next) {
        size_t at = len;
        if (m->key.len + 1 > sizeof w->name - len)
            continue;
        if (at)
            w->name[at++] = '.';
        if (m->key.len)
            memcpy(w->name + at, m->key.ptr, m->key.len);
        if (walk_leaves(w, m, at + m->key.len))
            return true;
    }
    return false;
}

bool gt_walk_leaves(const gt_schema *schema, const gt_json *node, gt_str base, bool into_nested,
                    gt_leaf_visit visit, void *context)
{
    leaf_walk w;
    w.schema = schema;
    w.into_nested = into_nested;
    w.visit = visit;
    w.context = context;
    if (base.len > sizeof w.name)
        return false;
    if (base.len)
        memcpy(w.name, base.ptr, base.len);
    if (node->type != GT_JSON_OBJECT)
        return false;
    /* The object of a nested field has the field's own name: begin with its members. */
    for (const gt_json *m = node->first; m; m = m->next) {
        size_t at = base.len;
        if (m->key.len + 1 > sizeof w.name - at)
            continue;
        if (at)
            w.name[at++] = '.';
        if (m->key.len)
            memcpy(w.name + at, m->key.ptr, m->key.len);
        if (walk_leaves(&w, m, at + m->key.len))
            return true;
    }
    return false;
}
