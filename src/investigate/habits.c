#include "investigate/internal.h"

bool gt_event_changes_groups(const gt_event *event)
{
    static const char *const names[] = {
        "AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress",
        "RevokeSecurityGroupIngress", "RevokeSecurityGroupEgress", "ModifySecurityGroupRules",
        "CreateSecurityGroup", "DeleteSecurityGroup",
        "UpdateSecurityGroupRuleDescriptionsIngress", "UpdateSecurityGroupRuleDescriptionsEgress",
        "ModifyManagedPrefixList", "AssociateSecurityGroupVpc", "DisassociateSecurityGroupVpc",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (gt_str_eq(event->name, gt_str_c(names[i])))
            return true;
    return false;
}

const gt_seen *gt_seen_find(const gt_seen_list *list, gt_str value)
{
    for (size_t i = 0; i < list->count; i++)
        if (gt_str_eq(list->items[i].value, value))
            return &list->items[i];
    return NULL;
}

static gt_status set_last(gt_arena *arena, gt_last_id *last, gt_str id)
{
    if (id.len > last->cap) {
        size_t cap = id.len + 64;
        last->text = gt_arena_alloc(arena, cap);
        last->len = 0;
        last->cap = last->text ? cap : 0;
        if (!last->text)
            return gt_arena_status(arena);
    }
    if (id.len)
        memcpy(last->text, id.ptr, id.len);
    last->len = id.len;
    return GT_OK;
}

static gt_status see(gt_arena *arena, gt_seen_list *list, gt_str value, const gt_event *event)
{
    if (!value.len)
        return GT_OK;
    for (size_t i = 0; i < list->count; i++) {
        gt_seen *s = &list->items[i];
        if (gt_str_eq(s->value, value)) {
            s->last = event->time;
            s->count++;
            return set_last(arena, &s->last_id, event->id);
        }
    }
    if (list->count == list->cap) {
        size_t cap = list->cap ? list->cap * 2 : 16;
        gt_seen *items = gt_arena_grow(arena, list->items, list->cap * sizeof *items,
                                       cap * sizeof *items);
        if (!items)
            return gt_arena_status(arena);
        list->items = items;
        list->cap = cap;
    }
    gt_seen *added = &list->items[list->count++];
    *added = (gt_seen){.value = gt_arena_dup(arena, value), .first = event->time,
                       .last = event->time, .first_id = gt_arena_dup(arena, event->id), .count = 1};
    GT_TRY(gt_arena_status(arena));
    return set_last(arena, &added->last_id, event->id);
}

static int hour_of(gt_time_ms time)
{
    int64_t hours = time / 3600000;
    return (int)((hours % 24 + 24) % 24);
}

typedef struct counter {
    gt_inv *inv;
    gt_str actor;
} counter;

static gt_status remember(gt_inv *inv, uint64_t *count, gt_last_id *last, const gt_event *event)
{
    (*count)++;
    return set_last(inv->arena, last, event->id);
}

static gt_status count_event(void *user, const gt_event *event)
{
    counter *c = user;
    gt_inv *inv = c->inv;
    gt_habits *h = &inv->habits;
    if (!gt_str_eq(gt_event_actor(event), c->actor) || gt_str_eq(event->id, inv->event->id))
        return GT_OK;
    if (!h->events++) {
        h->first = event->time;
        h->first_id = gt_arena_dup(inv->arena, event->id);
    }
    if (gt_event_changes_groups(event))
        GT_TRY(remember(inv, &h->sg_changes, &h->last_sg, event));
    if (gt_str_eq(event->name, inv->event->name))
        GT_TRY(remember(inv, &h->same_call, &h->last_same_call, event));
    for (size_t i = 0; i < inv->group_count; i++)
        if (gt_event_changes_groups(event) &&
            gt_str_find(event->text, inv->groups[i].id) != GT_NPOS) {
            GT_TRY(remember(inv, &h->same_group, &h->last_same_group, event));
            break;
        }
    h->same_region += gt_str_eq(event->region, inv->event->region);
    h->same_hour += hour_of(event->time) == hour_of(inv->event->time);
    h->same_key += event->key.len && gt_str_eq(event->key, inv->event->key);
    GT_TRY(see(inv->arena, &h->addresses, event->address, event));
    return see(inv->arena, &h->agents, event->agent, event);
}

gt_status gt_inv_count_habits(gt_inv *inv)
{
    gt_habits *h = &inv->habits;
    counter c = {inv, gt_event_actor(inv->event)};
    gt_time_ms begin = inv->evidence->stats.min_time;
    if (begin < inv->baseline_from)
        begin = inv->baseline_from;
    h->covered_ms = inv->event->time > begin ? inv->event->time - begin : 0;
    h->known = c.actor.len != 0;
    if (!h->known)
        return GT_OK;
    /* A role's name without its path is ours when sessionIssuer was empty; the session's ARN is what
     * stands in such records. */
    gt_str values[2] = {c.actor, inv->event->arn};
    size_t count = inv->event->arn.len && !gt_str_eq(c.actor, inv->event->arn) ? 2 : 1;
    return gt_evidence_each(inv->evidence, values, count, inv->baseline_from, inv->event->time,
                            count_event, &c);
}
