/* Method: one walk over the members that the mapping knows. A name that is a scope in sources.def
 * is walked too. Nothing is unlinked: values move by being hung elsewhere, after all walks. */
#include "ecs/ecs_internal.h"

static void fill(mapping *m, source_id scope, const gt_json *object)
{
    for (gt_json *member = gt_json_first(object); member; member = member->next) {
        if (member->type == GT_JSON_NULL)
            continue;
        uint32_t id = gt_names_find(&m->tables->sources, scope, member->key);
        if (id == NAMES_NONE)
            continue;
        m->slot[id] = member;
        if (m->tables->is_parent[id] && member->type == GT_JSON_OBJECT)
            fill(m, (source_id)id, member);
    }
}

void gt_slots_fill(mapping *m, gt_json *record)
{
    m->slot[SRC_ROOT] = record;
    if (gt_json_is(record, GT_JSON_OBJECT))
        fill(m, SRC_ROOT, record);
}

static bool empty_text(gt_str s)
{
    return s.len == 0 || (s.len == 1 && s.ptr[0] == '-') ||
           (s.len == 4 && memcmp(s.ptr, "none", 4) == 0);
}

bool gt_ecs_clean(gt_json *node)
{
    if (node->type < GT_JSON_ARRAY)
        return node->type == GT_JSON_NULL ||
               (node->type == GT_JSON_STRING && empty_text(node->str));
    gt_json *before = NULL;
    for (gt_json *e = node->first; e; e = e->next) {
        if (!gt_ecs_clean(e)) {
            before = e;
            continue;
        }
        if (before)
            before->next = e->next;
        else
            node->first = e->next;
        node->count--;
    }
    node->last = before;
    return node->first == NULL;
}
