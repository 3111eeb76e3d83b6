/* attached.c — on what a group is, over time. */
#include "sg/history_internal.h"

#include <stdlib.h>

bool gt_sg_attachment_names(const gt_sg_attachment *a, const gt_sg_change *c, const gt_sg_group *g)
{
    for (size_t i = 0; i < a->group_count; i++) {
        if (gt_str_eq(a->groups[i], g->id))
            return true;
        if (gt_str_starts(a->groups[i], GT_STR("name:")) && g->name.len &&
            gt_str_eq(gt_str_from(a->groups[i], 5), g->name) && gt_str_eq(c->account, g->account) &&
            gt_str_eq(c->region, g->region))
            return true;
    }
    return false;
}

typedef struct collector {
    gt_sg_history *history;
    gt_arena *arena;
    gt_sg_change **items;
    size_t count;
} collector;

static gt_status collect(collector *c, gt_str key)
{
    const gt_sg_bucket *b = key.len ? gt_sg_history_bucket(c->history, key) : NULL;
    if (!b)
        return GT_OK;
    size_t size = c->count * sizeof *c->items;
    gt_sg_change **grown =
        gt_arena_grow(c->arena, c->items, size, size + b->count * sizeof *grown);
    if (!grown)
        return gt_arena_status(c->arena);
    c->items = grown;
    for (uint32_t i = 0; i < b->count; i++) {
        gt_sg_change *change = gt_sg_history_unpack(c->history, c->arena, b->items[i]);
        if (!change)
            return GT_NOMEM;
        if (change->operation == GT_SG_ATTACH)
            grown[c->count++] = change;
    }
    return GT_OK;
}

gt_status gt_sg_attached_collect(gt_sg_history *h, gt_arena *arena, const gt_sg_group *group,
                                 gt_sg_change ***ret, size_t *count)
{
    collector c = {h, arena, NULL, 0};
    GT_TRY(collect(&c, group->id));
    if (group->name.len)
        GT_TRY(collect(&c, gt_arena_printf(arena, "name:%.*s", GT_STR_ARG(group->name))));
    size_t naming = c.count;
    for (size_t i = 0; i < naming; i++)
        for (size_t k = 0; k < c.items[i]->attachment_count; k++) {
            const gt_sg_attachment *a = &c.items[i]->attachments[k];
            GT_TRY(collect(&c, a->resource));
            GT_TRY(collect(&c, a->interface));
        }
    GT_TRY(gt_sg_changes_sort(arena, c.items, &c.count));
    *ret = c.items;
    *count = c.count;
    return GT_OK;
}

/* The instance whose first interface this is, or the resource itself. */
static gt_str owner(gt_sg_change **changes, size_t count, gt_str resource)
{
    if (!gt_str_starts(resource, GT_STR("eni-")))
        return resource;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < changes[i]->attachment_count; k++)
            if (gt_str_eq(changes[i]->attachments[k].interface, resource))
                return changes[i]->attachments[k].resource;
    return resource;
}

static gt_sg_attached *find_open(gt_sg_attached *spans, size_t count, gt_str resource)
{
    for (size_t i = count; i-- > 0;)
        if (!spans[i].to && gt_str_eq(spans[i].resource, resource))
            return &spans[i];
    return NULL;
}

gt_status gt_sg_history_attached(gt_sg_history *h, gt_arena *arena, gt_str group_id,
                                 gt_sg_attached **ret, size_t *ret_count)
{
    const gt_sg_group *group = gt_sg_history_find(h, group_id);
    gt_sg_change **changes = NULL;
    gt_sg_attached *spans = NULL;
    size_t count = 0, change_count = 0;
    if (!group)
        return GT_NOTFOUND;
    GT_TRY(gt_sg_attached_collect(h, arena, group, &changes, &change_count));
    for (size_t i = 0; i < change_count; i++)
        for (size_t k = 0; k < changes[i]->attachment_count; k++) {
            const gt_sg_attachment *a = &changes[i]->attachments[k];
            gt_str resource = owner(changes, change_count, a->resource);
            gt_sg_attached *open = find_open(spans, count, resource);
            bool named = gt_sg_attachment_names(a, changes[i], group);
            bool begins = named && (a->mode == GT_SG_ATTACH_SET || a->mode == GT_SG_ATTACH_ADD);
            bool ends = a->mode == GT_SG_ATTACH_END || (a->mode == GT_SG_ATTACH_SET && !named) ||
                        (a->mode == GT_SG_ATTACH_REMOVE && named);
            if (open && ends)
                open->to = changes[i];
            if (open || !begins)
                continue;
            size_t size = count * sizeof *spans;
            gt_sg_attached *grown = gt_arena_grow(arena, spans, size, size + sizeof *spans);
            if (!grown)
                return gt_arena_status(arena);
            spans = grown;
            spans[count++] = (gt_sg_attached){.resource = resource, .interface = a->interface,
                                              .kind = a->kind, .group_id = group->id,
                                              .from = changes[i]};
        }
    *ret = spans;
    *ret_count = count;
    return GT_OK;
}
