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

/* Numbers of entries; a record stands under the keys of all its groups and resources. */
typedef struct collector {
    gt_sg_history *history;
    gt_arena *arena;
    uint32_t *entries;
    size_t count, cap;
    gt_sg_strings wanted; /* resources whose entries have been collected */
} collector;

static gt_status collect(collector *c, gt_str key)
{
    const gt_sg_bucket *b = key.len ? gt_sg_history_bucket(c->history, key) : NULL;
    if (!b)
        return GT_OK;
    if (c->count + b->count > c->cap) {
        size_t cap = (c->count + b->count) * 2;
        uint32_t *grown = gt_arena_grow(c->arena, c->entries, c->cap * sizeof *grown,
                                        cap * sizeof *grown);
        if (!grown)
            return gt_arena_status(c->arena);
        c->entries = grown;
        c->cap = cap;
    }
    memcpy(c->entries + c->count, b->items, b->count * sizeof *b->items);
    c->count += b->count;
    return GT_OK;
}

/* All that happened to a resource; each one is collected once. */
static gt_status want(collector *c, gt_str resource)
{
    uint32_t number;
    size_t before = c->wanted.count;
    if (resource.len == 0)
        return GT_OK;
    if (!gt_sg_strings_add(&c->wanted, resource, &number))
        return GT_NOMEM;
    return c->wanted.count > before ? collect(c, resource) : GT_OK;
}

static bool is_wanted(const collector *c, gt_str resource)
{
    uint32_t number;
    return resource.len && gt_sg_strings_find(&c->wanted, resource, &number);
}

static int cmp_entry(const void *pa, const void *pb)
{
    uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;
    return (a > b) - (a < b);
}

static void unique(collector *c)
{
    size_t kept = 0;
    if (c->count)
        qsort(c->entries, c->count, sizeof *c->entries, cmp_entry);
    for (size_t i = 0; i < c->count; i++)
        if (kept == 0 || c->entries[kept - 1] != c->entries[i])
            c->entries[kept++] = c->entries[i];
    c->count = kept;
}

/* The attachments among the collected entries, in the order of entries. What *all has already is among
 * them and is not unpacked again. */
static gt_status unpack_all(collector *c, gt_sg_change ***all, size_t *count, uint32_t **entries)
{
    size_t before = c->count;
    unique(c);
    if (*count && c->count == *count && before == *count)
        return GT_OK; /* nothing new */
    gt_sg_change **changes = gt_arena_array(c->arena, gt_sg_change *, c->count + 1);
    uint32_t *numbers = gt_arena_array(c->arena, uint32_t, c->count + 1);
    size_t kept = 0, at = 0;
    if (!changes || !numbers)
        return gt_arena_status(c->arena);
    for (size_t i = 0; i < c->count; i++) {
        uint32_t entry = c->entries[i];
        if (gt_sg_history_operation(c->history, entry) != GT_SG_ATTACH)
            continue;
        bool is_known = at < *count && (*entries)[at] == entry;
        changes[kept] = is_known ? (*all)[at++]
                                 : gt_sg_history_unpack(c->history, c->arena, entry);
        if (!changes[kept])
            return GT_NOMEM;
        c->entries[kept] = numbers[kept] = entry;
        kept++;
    }
    c->count = kept;
    *entries = numbers;
    *all = changes;
    *count = kept;
    return GT_OK;
}

/* The resources that the group was put on, then their other names: an instance and its first interface
 * are one. */
static gt_status collect_all(collector *c, const gt_sg_group *group, gt_sg_change ***ret,
                             size_t *count)
{
    gt_sg_change **some = NULL;
    uint32_t *entries = NULL;
    *count = 0;
    GT_TRY(collect(c, group->id));
    if (group->name.len)
        GT_TRY(collect(c, gt_arena_printf(c->arena, "name:%.*s", GT_STR_ARG(group->name))));
    GT_TRY(unpack_all(c, &some, count, &entries));
    for (size_t i = 0; i < *count; i++)
        for (size_t k = 0; k < some[i]->attachment_count; k++) {
            const gt_sg_attachment *a = &some[i]->attachments[k];
            if (!gt_sg_attachment_names(a, some[i], group))
                continue;
            GT_TRY(want(c, a->resource));
            GT_TRY(want(c, a->interface));
        }
    GT_TRY(unpack_all(c, &some, count, &entries));
    for (size_t i = 0; i < *count; i++)
        for (size_t k = 0; k < some[i]->attachment_count; k++) {
            const gt_sg_attachment *a = &some[i]->attachments[k];
            if (is_wanted(c, a->interface))
                GT_TRY(want(c, a->resource));
            else if (a->interface.len && is_wanted(c, a->resource))
                GT_TRY(want(c, a->interface));
        }
    GT_TRY(unpack_all(c, &some, count, &entries));
    *ret = some;
    return GT_OK;
}

gt_status gt_sg_attached_collect(gt_sg_history *h, gt_arena *arena, const gt_sg_group *group,
                                 gt_sg_change ***ret, size_t *count)
{
    collector c = {.history = h, .arena = arena, .wanted = {.arena = arena}};
    gt_status status = collect_all(&c, group, ret, count);
    gt_sg_strings_done(&c.wanted);
    return status == GT_OK ? gt_sg_changes_sort(arena, *ret, count) : status;
}

/* Resources by their ids: an interface that is an instance's first one, and the span still open. */
typedef struct resource {
    gt_str owner; /* of a first interface: its instance */
    size_t open;  /* span + 1; 0: none */
} resource;

typedef struct resources {
    gt_sg_strings ids;
    resource *items;
    size_t cap;
} resources;

static resource *resource_get(gt_arena *arena, resources *r, gt_str id)
{
    uint32_t number;
    size_t before = r->ids.count;
    if (!gt_sg_strings_add(&r->ids, id, &number))
        return NULL;
    if (r->ids.count > r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 64;
        resource *grown =
            gt_arena_grow(arena, r->items, r->cap * sizeof *grown, cap * sizeof *grown);
        if (!grown)
            return NULL;
        r->items = grown;
        r->cap = cap;
    }
    if (r->ids.count > before)
        r->items[number] = (resource){0};
    return &r->items[number];
}

typedef struct spans {
    gt_arena *arena;
    gt_sg_attached *items;
    size_t count, cap;
} spans;

static bool span_push(spans *s, const gt_sg_attached *span)
{
    if (s->count == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 16;
        gt_sg_attached *grown =
            gt_arena_grow(s->arena, s->items, s->cap * sizeof *grown, cap * sizeof *grown);
        if (!grown)
            return false;
        s->items = grown;
        s->cap = cap;
    }
    s->items[s->count++] = *span;
    return true;
}

static gt_status learn_owners(gt_arena *arena, resources *r, gt_sg_change **changes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < changes[i]->attachment_count; k++) {
            const gt_sg_attachment *a = &changes[i]->attachments[k];
            if (a->interface.len == 0)
                continue;
            resource *interface = resource_get(arena, r, a->interface);
            if (!interface)
                return GT_NOMEM;
            interface->owner = a->resource;
        }
    return GT_OK;
}

static gt_status span_step(spans *s, resources *r, const gt_sg_group *group,
                           const gt_sg_change *change, const gt_sg_attachment *a)
{
    bool named = gt_sg_attachment_names(a, change, group);
    uint32_t number;
    if (!named && !gt_sg_strings_find(&r->ids, a->resource, &number))
        return GT_OK; /* the group has never been there */
    resource *at = resource_get(s->arena, r, a->resource);
    gt_str id = at && at->owner.len ? at->owner : a->resource;
    if (at && at->owner.len)
        at = resource_get(s->arena, r, id);
    if (!at)
        return GT_NOMEM;
    bool begins = named && (a->mode == GT_SG_ATTACH_SET || a->mode == GT_SG_ATTACH_ADD);
    bool ends = a->mode == GT_SG_ATTACH_END || (a->mode == GT_SG_ATTACH_SET && !named) ||
                (a->mode == GT_SG_ATTACH_REMOVE && named);
    if (at->open && ends) {
        s->items[at->open - 1].to = change;
        at->open = 0;
    } else if (!at->open && begins) {
        gt_sg_attached span = {.resource = id, .interface = a->interface, .kind = a->kind,
                               .group_id = group->id, .from = change};
        if (!span_push(s, &span))
            return gt_arena_status(s->arena);
        at->open = id.len ? s->count : 0; /* what has no id cannot be told to end */
    }
    return GT_OK;
}

gt_status gt_sg_attached_spans(gt_arena *arena, const gt_sg_group *group, gt_sg_change **changes,
                               size_t count, gt_sg_attached **ret, size_t *ret_count)
{
    spans s = {.arena = arena};
    resources r = {.ids = {.arena = arena}};
    gt_status status = learn_owners(arena, &r, changes, count);
    for (size_t i = 0; i < count && status == GT_OK; i++)
        for (size_t k = 0; k < changes[i]->attachment_count && status == GT_OK; k++)
            status = span_step(&s, &r, group, changes[i], &changes[i]->attachments[k]);
    gt_sg_strings_done(&r.ids);
    *ret = s.items;
    *ret_count = s.count;
    return status;
}

gt_status gt_sg_history_attached(gt_sg_history *h, gt_arena *arena, gt_str group_id,
                                 gt_sg_attached **ret, size_t *ret_count)
{
    const gt_sg_group *group = gt_sg_history_find(h, group_id);
    gt_sg_change **changes = NULL;
    size_t count = 0;
    if (!group)
        return GT_NOTFOUND;
    GT_TRY(gt_sg_attached_collect(h, arena, group, &changes, &count));
    return gt_sg_attached_spans(arena, group, changes, count, ret, ret_count);
}
