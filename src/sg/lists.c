/* lists.c — the content of a prefix list over time. */
#include "sg/history_internal.h"

#include <stdlib.h>

static int cmp_list_change(const void *pa, const void *pb)
{
    const gt_sg_change *a = *(gt_sg_change *const *)pa, *b = *(gt_sg_change *const *)pb;
    if (a->time != b->time)
        return a->time > b->time ? 1 : -1;
    if (a->list_created != b->list_created)
        return a->list_created ? -1 : 1;
    if (a->list_deleted != b->list_deleted)
        return a->list_deleted ? 1 : -1;
    if (a->list_version != b->list_version && a->list_version >= 0 && b->list_version >= 0 &&
        !a->list_restored && !b->list_restored)
        return a->list_version > b->list_version ? 1 : -1;
    return gt_str_cmp(a->event_id, b->event_id);
}

static bool same_entry(const gt_cidr *a, const gt_cidr *b)
{
    return a->len == b->len && gt_ip_cmp(&a->net, &b->net) == 0;
}

typedef struct list_fold {
    gt_arena *arena;
    gt_sg_list_history *list;
    int64_t *versions; /* of each state; -1 not known */
} list_fold;

/* The next state after a change: copy, take away, put in. */
static bool state_edit(list_fold *f, const gt_sg_list_state *before, const gt_sg_change *c,
                       gt_sg_list_state *ret)
{
    gt_sg_list_state next = {.change = c, .known = before->known};
    next.entries = gt_arena_array(f->arena, gt_cidr, before->count + c->list_added_count + 1);
    if (!next.entries)
        return false;
    for (size_t i = 0; i < before->count; i++) {
        bool gone = false;
        for (size_t k = 0; k < c->list_removed_count; k++)
            gone = gone || same_entry(&before->entries[i], &c->list_removed[k]);
        if (!gone)
            next.entries[next.count++] = before->entries[i];
    }
    for (size_t k = 0; k < c->list_added_count; k++) {
        bool there = false;
        for (size_t i = 0; i < next.count; i++)
            there = there || same_entry(&next.entries[i], &c->list_added[k]);
        if (!there)
            next.entries[next.count++] = c->list_added[k];
    }
    if (c->confidence == GT_SG_INCOMPLETE)
        next.known = false;
    *ret = next;
    return true;
}

static void state_restore(list_fold *f, const gt_sg_change *c, gt_sg_list_state *ret)
{
    *ret = (gt_sg_list_state){.change = c, .known = false};
    for (size_t i = f->list->count; i-- > 0;)
        if (c->list_version >= 0 && f->versions[i] == c->list_version) {
            *ret = f->list->states[i];
            ret->change = c;
            return;
        }
}

static bool state_push(list_fold *f, const gt_sg_change *c)
{
    gt_sg_list_history *list = f->list;
    size_t last = list->count - 1;
    gt_sg_list_state before = list->states[last], next;
    int64_t version = f->versions[last];
    if (c->list_created) {
        before = (gt_sg_list_state){.known = true};
        version = 0;
    }
    if (c->list_restored) {
        state_restore(f, c, &next);
        version = version < 0 ? -1 : version + 1;
    } else {
        /* The call names the version it edits: another one than ours means that changes are missing. */
        if (!c->list_created && c->list_version >= 0 && version != c->list_version) {
            before.known = before.known && version < 0;
            version = c->list_version;
        }
        if (!state_edit(f, &before, c, &next))
            return false;
        version = version < 0 ? -1 : version + 1;
    }
    f->versions[list->count] = version;
    list->states[list->count++] = next;
    return true;
}

gt_status gt_sg_list_fold(gt_sg_history *h, gt_arena *arena, gt_str id, gt_sg_list_history **ret)
{
    const gt_sg_bucket *b = gt_sg_history_bucket(h, id);
    size_t count = 0, capacity = (b ? b->count : 0) + 1u;
    list_fold f = {arena, gt_arena_new_of(arena, gt_sg_list_history), NULL};
    gt_sg_change **changes = gt_arena_array(arena, gt_sg_change *, capacity);
    f.versions = gt_arena_array(arena, int64_t, capacity);
    if (!f.list || !changes || !f.versions)
        return gt_arena_status(arena);
    f.list->id = id;
    f.list->states = gt_arena_array(arena, gt_sg_list_state, capacity);
    if (!f.list->states)
        return gt_arena_status(arena);
    f.list->count = 1;
    f.versions[0] = -1;
    for (uint32_t i = 0; b && i < b->count; i++) {
        gt_sg_change *c = gt_sg_history_unpack(h, arena, b->items[i]);
        if (!c)
            return GT_NOMEM;
        if (c->operation == GT_SG_PREFIX_LIST)
            changes[count++] = c;
    }
    GT_TRY(gt_sg_changes_sort(arena, changes, &count));
    if (count > 1)
        qsort(changes, count, sizeof *changes, cmp_list_change);
    for (size_t i = 0; i < count; i++)
        if (!state_push(&f, changes[i]))
            return gt_arena_status(arena);
    *ret = f.list;
    return GT_OK;
}
