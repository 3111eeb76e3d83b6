#include "ecs/ecs_internal.h"

#define SPARE_NODES 32

static const struct {
    uint8_t parent;
    gt_str key;
} OBJECTS[OBJ_COUNT] = {
    [OBJ_ROOT] = {OBJ_ROOT, {"", 0}},
#define GT_OBJECT(name, parent, key) [OBJ_##name] = {OBJ_##parent, {(key), sizeof(key) - 1}},
#include "ecs/objects.def"
#undef GT_OBJECT
};

gt_json *gt_doc_node(mapping *m, gt_json_type type)
{
    if (m->spare_count == 0) {
        m->spare = gt_arena_array(m->batch, gt_json, SPARE_NODES);
        if (!m->spare) {
            m->failed = true;
            return NULL;
        }
        m->spare_count = SPARE_NODES;
    }
    gt_json *node = m->spare++;
    m->spare_count--;
    node->type = (uint8_t)type;
    return node;
}

static void append(gt_json *parent, gt_json *value)
{
    value->next = NULL;
    if (parent->last)
        parent->last->next = value;
    else
        parent->first = value;
    parent->last = value;
    parent->count++;
}

gt_json *gt_doc_object(mapping *m, object_id id)
{
    if (m->object[id])
        return m->object[id];
    gt_json *node = gt_doc_node(m, GT_JSON_OBJECT);
    gt_json *parent = node && id != OBJ_ROOT ? gt_doc_object(m, OBJECTS[id].parent) : NULL;
    if (parent) {
        node->key = OBJECTS[id].key;
        append(parent, node);
    }
    return m->object[id] = node;
}

gt_json *gt_doc_put(mapping *m, object_id id, gt_str key, gt_json *value)
{
    gt_json *object = value ? gt_doc_object(m, id) : NULL;
    if (!object)
        return NULL;
    value->key = key;
    append(object, value);
    return value;
}

gt_json *gt_doc_str(mapping *m, gt_str s)
{
    gt_json *node = gt_doc_node(m, GT_JSON_STRING);
    if (node)
        node->str = s;
    return node;
}

gt_json *gt_doc_put_str(mapping *m, object_id id, gt_str key, gt_str value)
{
    return value.len ? gt_doc_put(m, id, key, gt_doc_str(m, value)) : NULL;
}

gt_json *gt_doc_copy(mapping *m, const gt_json *value)
{
    if (!value)
        return NULL;
    gt_json *copy;
    if (value->type < GT_JSON_ARRAY) {
        copy = gt_doc_node(m, (gt_json_type)value->type);
        if (copy) {
            copy->str = value->str;
            copy->boolean = value->boolean;
        }
    } else if (!(copy = gt_json_copy(m->batch, value, false))) {
        m->failed = true;
    }
    return copy;
}

void gt_doc_append(mapping *m, gt_json **list, object_id id, gt_str key, gt_str text)
{
    if (!text.len)
        return;
    if (!*list)
        *list = gt_doc_put(m, id, key, gt_doc_node(m, GT_JSON_ARRAY));
    for (gt_json *e = gt_json_first(*list); e; e = e->next)
        if (gt_str_eq(e->str, text))
            return;
    gt_json *node = *list ? gt_doc_str(m, text) : NULL;
    if (node)
        append(*list, node);
}

void gt_doc_error(mapping *m, gt_str message)
{
    if (!message.ptr)
        m->failed = true; /* the caller's printf had no memory */
    else if (m->message_count < MESSAGES_MAX)
        m->messages[m->message_count++] = message;
}
