#include "sg/sg_internal.h"

gt_json *gt_sg_field(const gt_json *object, const char *name)
{
    gt_str key = gt_str_c(name);
    gt_json *exact = gt_json_get(object, key);
    if (exact || !gt_json_is(object, GT_JSON_OBJECT))
        return exact;
    for (gt_json *m = object->first; m; m = m->next)
        if (gt_str_eq_nocase(m->key, key))
            return m;
    return NULL;
}

gt_json *gt_sg_field_deep(const gt_json *object, const char *name)
{
    gt_json *found = gt_sg_field(object, name);
    if (found || !gt_json_is(object, GT_JSON_OBJECT))
        return found;
    for (gt_json *m = object->first; m && !found; m = m->next)
        if (m->type == GT_JSON_OBJECT)
            found = gt_sg_field(m, name);
    return found;
}

gt_str gt_sg_text(const gt_json *node)
{
    if (gt_json_is(node, GT_JSON_ARRAY) && node->count == 1)
        node = node->first;
    gt_str text = gt_json_text(node);
    return text.ptr ? text : GT_STR("");
}

gt_str gt_sg_field_text(const gt_json *object, const char *name)
{
    return gt_sg_text(gt_sg_field(object, name));
}

gt_sg_truth gt_sg_bool(const gt_json *node)
{
    gt_str text = gt_str_trim(gt_sg_text(node));
    if (gt_str_eq_nocase(text, GT_STR("true")) || gt_str_is(text, "1"))
        return GT_SG_YES;
    if (gt_str_eq_nocase(text, GT_STR("false")) || gt_str_is(text, "0"))
        return GT_SG_NO;
    return GT_SG_NOT_TOLD;
}

const gt_json *gt_sg_items(const gt_json *list, gt_sg_list *it)
{
    *it = (gt_sg_list){NULL, false};
    if (gt_json_is(list, GT_JSON_OBJECT)) {
        const gt_json *inner = gt_sg_field(list, "items");
        if (!inner)
            inner = gt_sg_field(list, "item");
        if (!inner) {
            it->single = true;
            it->at = list->first ? list : NULL; /* {} is the empty list */
            return it->at;
        }
        list = inner;
    }
    if (gt_json_is(list, GT_JSON_ARRAY)) {
        it->at = list->first;
    } else if (list && list->type != GT_JSON_NULL) {
        it->single = true;
        it->at = list;
    }
    return it->at;
}

const gt_json *gt_sg_items_next(gt_sg_list *it)
{
    it->at = it->single || !it->at ? NULL : it->at->next;
    return it->at;
}

const gt_json *gt_sg_unwrap(const gt_json *parameters, const char *suffix)
{
    if (!gt_json_is(parameters, GT_JSON_OBJECT))
        return parameters;
    for (const gt_json *m = parameters->first; m; m = m->next)
        if (m->type == GT_JSON_OBJECT && gt_str_ends(m->key, gt_str_c(suffix)))
            return m;
    return parameters;
}
