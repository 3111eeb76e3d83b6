#include "ecs/ecs_internal.h"

#include "base/timeutil.h"

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

void gt_doc_append(mapping *m, doc_list *list, object_id id, gt_str key, gt_str text)
{
    bool added;
    if (!text.len)
        return;
    m->failed |= gt_text_set_add(&list->set, m->batch, text, &added) == SIZE_MAX;
    if (!added)
        return;
    if (!list->node)
        list->node = gt_doc_put(m, id, key, gt_doc_node(m, GT_JSON_ARRAY));
    gt_json_append(list->node, gt_doc_str(m, text));
}

void gt_doc_error(mapping *m, gt_str message)
{
    if (!message.ptr)
        m->failed = true; /* the caller's printf had no memory */
    else if (m->message_count < MESSAGES_MAX)
        m->messages[m->message_count++] = message;
}

/* As Elasticsearch prints a date: UTC, three decimals. */
static gt_str utc(mapping *m, gt_str text)
{
    char out[GT_TIME_TEXT_MAX];
    gt_time_ms t;
    if (!gt_time_parse(text, &t))
        return GT_STR_NULL;
    gt_str copy;
    if (text.len == 20 && text.ptr[10] == 'T' && text.ptr[19] == 'Z') {
        /* What nearly every record has: the same text with the fraction added. */
        memcpy(out, text.ptr, 19);
        memcpy(out + 19, ".000Z", 5);
        copy = gt_arena_dup(m->batch, (gt_str){out, 24});
    } else {
        copy = gt_arena_dup(m->batch, gt_time_format(t, out));
    }
    m->failed |= !copy.ptr;
    return copy;
}

gt_str gt_doc_date(mapping *m, source_id id, const char *name)
{
    const gt_json *value = m->slot[id];
    if (!value || (value->type == GT_JSON_STRING && !value->str.len))
        return GT_STR_NULL;
    gt_str date = utc(m, slot_str(m, id));
    if (!date.ptr && !m->failed)
        gt_doc_error(m, gt_arena_printf(m->batch, "%s is not a date", name));
    return date;
}
