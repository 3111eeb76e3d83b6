/* Method: the end of a document is built node by node the first time an action's category and outcome
 * are met, rendered, and put as two pieces of text from then on: behind `event`, behind the root. */
#include "ecs/ready.h"

#include "base/limits.h"
#include "base/mem.h"
#include "ecs/category.h"

struct gt_ready {
    gt_arena *arena;
    gt_str root;
    gt_str *events; /* by category and outcome */
};

gt_ready *gt_ready_new(void)
{
    gt_ready *ready = gt_calloc(1, sizeof *ready);
    if (!ready)
        return NULL;
    ready->arena = gt_arena_new(GT_SCRATCH_ARENA_MAX);
    if (ready->arena)
        ready->events = gt_arena_array(ready->arena, gt_str, 2 * (gt_categories_count() + 1));
    if (!ready->events) {
        gt_ready_free(ready);
        return NULL;
    }
    return ready;
}

void gt_ready_free(gt_ready *ready)
{
    if (!ready)
        return;
    gt_arena_free(ready->arena);
    gt_free(ready);
}

gt_str gt_ready_render(mapping *m, const gt_json *first)
{
    gt_buf *text = &m->ecs->text;
    gt_buf_reset(text);
    for (const gt_json *e = first; e; e = e->next) {
        if (e != first) {
            gt_buf_add_byte(text, ',');
            gt_json_write_str(text, e->key);
            gt_buf_add_byte(text, ':');
        }
        gt_json_write(text, e);
    }
    return gt_buf_status(text) == GT_OK ? gt_buf_str(text) : GT_STR_NULL;
}

gt_json *gt_ready_put(mapping *m, object_id id, gt_str key, gt_str text)
{
    gt_json *node = gt_doc_node(m, GT_JSON_NUMBER);
    if (node)
        node->str = text;
    return gt_doc_put(m, id, key, node);
}

static gt_str keep(mapping *m, const gt_json *first)
{
    gt_str text = gt_ready_render(m, first);
    return text.ptr ? gt_arena_dup(m->ecs->ready->arena, text) : GT_STR_NULL;
}

/* Where the text of this document's end is kept; NULL: it is not like that of others. */
static gt_str *kept(mapping *m)
{
    gt_ready *ready = m->ecs->ready;
    if (!m->text || m->filebeat || m->message_count || m->failed || m->tables->created.len ||
        m->tables->original || !m->object[OBJ_EVENT] || m->slot[SRC_S_CONSOLE_LOGIN])
        return NULL;
    uint32_t category = gt_ecs_category(m);
    size_t row = category == NAMES_NONE ? gt_categories_count() : category;
    bool failure = m->slot[SRC_ERROR_CODE] || m->slot[SRC_ERROR_MESSAGE];
    return &ready->events[row * 2 + failure];
}

void gt_ready_end(mapping *m)
{
    gt_ready *ready = m->ecs->ready;
    gt_str *event = kept(m);
    if (event && event->ptr && ready->root.ptr) {
        gt_ready_put(m, OBJ_EVENT, GT_STR("kind"), *event);
        gt_ready_put(m, OBJ_ROOT, GT_STR("ecs"), ready->root);
        return;
    }
    const gt_json *event_last = event ? m->object[OBJ_EVENT]->last : NULL;
    const gt_json *root_last = event ? m->object[OBJ_ROOT]->last : NULL;
    gt_ecs_end(m);
    if (!event || m->failed)
        return;
    *event = keep(m, event_last->next);
    if (!ready->root.ptr)
        ready->root = keep(m, root_last->next);
}
