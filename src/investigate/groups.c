/* The history of the groups that the event is about, made of every record that mentions them, their
 * names, their prefix lists, their VPC and what they are attached to. */
#include <stdlib.h>

#include "base/limits.h"
#include "investigate/internal.h"

/* Values asked for in one search: each is one look at a filter of 4 KB. */
#define KEYS_AT_ONCE 256

typedef struct loader {
    gt_inv *inv;
    gt_strs subjects; /* group ids, "name:NAME" */
    gt_strs seen;     /* keys asked for */
    gt_strs next;     /* keys to ask for */
    gt_arena *scratch;
    gt_status status;
    bool vpc_round; /* the keys asked for are VPCs: only what is about the VPC itself counts */
} loader;

static gt_str plain_key(gt_str key)
{
    return gt_str_starts(key, GT_STR("name:")) ? gt_str_from(key, 5) : key;
}

static void add_key(void *context, gt_str key)
{
    loader *l = context;
    gt_str plain = plain_key(key);
    bool other_group = gt_str_starts(plain, GT_STR("sg-")) && !gt_strs_has(&l->subjects, key);
    if (!plain.len || other_group || gt_strs_has(&l->seen, plain) || gt_strs_has(&l->next, plain))
        return;
    gt_str copy = gt_arena_dup(l->inv->arena, plain);
    gt_status status = copy.ptr ? gt_strs_add(l->inv->arena, &l->next, copy) : GT_NOMEM;
    if (l->status == GT_OK)
        l->status = status;
}

/* Keys of a rule's prefix list, which gt_sg_change_keys gives for the list's own changes only. */
static void add_rule_keys(loader *l, const gt_sg_change *change)
{
    for (size_t i = 0; i < change->rule_count; i++)
        if (change->rules[i].peer == GT_SG_PEER_PREFIX_LIST)
            add_key(l, change->rules[i].peer_id);
}

static bool names_subject(const loader *l, const gt_sg_change *change)
{
    if (gt_strs_has(&l->subjects, change->group_id))
        return true;
    for (size_t i = 0; i < change->attachment_count; i++)
        for (size_t j = 0; j < change->attachments[i].group_count; j++)
            if (gt_strs_has(&l->subjects, change->attachments[i].groups[j]))
                return true;
    return false;
}

static gt_status take(void *user, const gt_event *event)
{
    loader *l = user;
    if (!gt_sg_event_name(event->name))
        return GT_OK;
    gt_arena_mark mark = gt_arena_save(l->scratch);
    gt_sg_change *change = NULL;
    gt_status status = gt_sg_change_of(l->scratch, event->record, event->id, &change);
    if (status == GT_OK && change && (!l->vpc_round || change->operation == GT_SG_VPC)) {
        status = gt_sg_history_add(l->inv->history, change);
        if (status == GT_OK && names_subject(l, change)) {
            gt_sg_change_keys(change, l->scratch, add_key, l);
            add_rule_keys(l, change);
            gt_event *kept;
            status = gt_event_keep(l->inv->arena, event, &kept);
            if (status == GT_OK)
                status = gt_event_list_add(l->inv->arena, &l->inv->sg_events, kept);
        }
    }
    gt_arena_rewind(l->scratch, mark);
    return status == GT_OK ? l->status : status;
}

static gt_status ask(loader *l, const gt_strs *keys, bool vpcs)
{
    gt_strs chosen = {0};
    for (size_t i = 0; i < keys->count; i++)
        if (gt_str_starts(keys->items[i], GT_STR("vpc-")) == vpcs)
            GT_TRY(gt_strs_add(l->inv->arena, &chosen, keys->items[i]));
    l->vpc_round = vpcs;
    for (size_t at = 0; at < chosen.count; at += KEYS_AT_ONCE) {
        size_t n = chosen.count - at < KEYS_AT_ONCE ? chosen.count - at : KEYS_AT_ONCE;
        GT_TRY(gt_evidence_each(l->inv->evidence, chosen.items + at, n, INT64_MIN, INT64_MAX, take,
                                l));
    }
    return GT_OK;
}

static gt_status round_of(loader *l)
{
    gt_strs keys = l->next;
    l->next = (gt_strs){0};
    for (size_t i = 0; i < keys.count; i++)
        GT_TRY(gt_strs_add(l->inv->arena, &l->seen, keys.items[i]));
    GT_TRY(ask(l, &keys, false));
    return ask(l, &keys, true);
}

static void add_subject(loader *l, gt_str group)
{
    if (l->status == GT_OK && group.len)
        l->status = gt_strs_add(l->inv->arena, &l->subjects, group);
}

static gt_status find_subjects(loader *l)
{
    const gt_sg_change *change = l->inv->change;
    add_subject(l, change->group_id);
    if (!change->group_id.len && change->group_name.len)
        add_subject(l, gt_arena_printf(l->inv->arena, "name:%.*s", GT_STR_ARG(change->group_name)));
    for (size_t i = 0; i < change->attachment_count; i++)
        for (size_t j = 0; j < change->attachments[i].group_count; j++)
            add_subject(l, change->attachments[i].groups[j]);
    return l->status;
}

/* Groups whose rules name the prefix list. */
static gt_status take_list_user(void *user, const gt_event *event)
{
    loader *l = user;
    if (!gt_sg_event_name(event->name))
        return GT_OK;
    gt_sg_change *change = NULL;
    GT_TRY(gt_sg_change_of(l->inv->arena, event->record, event->id, &change));
    if (change && change->group_id.len && change->rule_count)
        add_subject(l, gt_arena_dup(l->inv->arena, change->group_id));
    return l->status;
}

static const gt_sg_step *step_of(const gt_sg_timeline *timeline, gt_str event_id)
{
    for (size_t i = 0; i < timeline->step_count; i++)
        if (gt_str_eq(timeline->steps[i]->change->event_id, event_id))
            return timeline->steps[i];
    return NULL;
}

typedef struct effect_of {
    gt_group_view *view;
    gt_arena *arena;
} effect_of;

static bool copy_space(gt_arena *arena, const gt_sg_space *from, gt_sg_space *to)
{
    *to = (gt_sg_space){0};
    for (size_t i = 0; i < from->count; i++)
        if (!gt_sg_space_push(arena, to, &from->items[i]))
            return false;
    return true;
}

static gt_status take_effect(void *context, const gt_sg_step *step, const gt_sg_effect *effect)
{
    effect_of *e = context;
    if (step != e->view->step)
        return GT_OK;
    e->view->effect.unknown = effect->unknown;
    if (!copy_space(e->arena, &effect->opened, &e->view->effect.opened) ||
        !copy_space(e->arena, &effect->closed, &e->view->effect.closed))
        return gt_arena_status(e->arena);
    return GT_OK;
}

static gt_status view_of(loader *l, gt_str id, gt_group_view *view)
{
    gt_inv *inv = l->inv;
    gt_sg_timeline *timeline = NULL;
    view->id = id;
    gt_status status = gt_sg_history_fold(inv->history, inv->arena, id, &timeline);
    if (status == GT_NOTFOUND)
        return GT_OK;
    GT_TRY(status);
    view->timeline = timeline;
    view->step = step_of(timeline, inv->event->id);
    if (!view->step)
        return GT_OK;
    effect_of e = {view, inv->arena};
    gt_arena *scratch = gt_arena_new(GT_BATCH_ARENA_MAX);
    if (!scratch)
        return GT_NOMEM;
    status = gt_sg_timeline_walk(inv->history, scratch, timeline, take_effect, &e);
    gt_arena_free(scratch);
    return status;
}

/* Subjects that are known by name become the groups of that name which the event changed. */
static gt_status add_views(loader *l)
{
    gt_inv *inv = l->inv;
    size_t known = gt_sg_history_group_count(inv->history);
    inv->groups = gt_arena_array(inv->arena, gt_group_view, l->subjects.count + known + 1);
    if (!inv->groups)
        return gt_arena_status(inv->arena);
    bool by_name = false;
    for (size_t i = 0; i < l->subjects.count; i++) {
        gt_str id = l->subjects.items[i];
        if (gt_str_starts(id, GT_STR("name:")))
            by_name = true;
        else
            GT_TRY(view_of(l, id, &inv->groups[inv->group_count++]));
    }
    for (size_t i = 0; by_name && i < known; i++) {
        gt_str id = gt_arena_dup(inv->arena, gt_sg_history_group(inv->history, i)->id);
        if (gt_strs_has(&l->subjects, id))
            continue;
        gt_group_view view = {0};
        GT_TRY(view_of(l, id, &view));
        if (view.step)
            inv->groups[inv->group_count++] = view;
    }
    return GT_OK;
}

static gt_status load(loader *l)
{
    gt_inv *inv = l->inv;
    GT_TRY(find_subjects(l));
    if (inv->change->prefix_list.len)
        GT_TRY(gt_evidence_each(inv->evidence, &inv->change->prefix_list, 1, INT64_MIN, INT64_MAX,
                                take_list_user, l));
    for (size_t i = 0; i < l->subjects.count; i++)
        add_key(l, l->subjects.items[i]);
    gt_sg_change_keys(inv->change, l->scratch, add_key, l);
    add_rule_keys(l, inv->change);
    /* The event's own change, should its record name the group in no way a search finds. */
    GT_TRY(gt_sg_history_add(inv->history, inv->change));
    for (int i = 0; i < 2 && l->next.count; i++)
        GT_TRY(round_of(l));
    GT_TRY(l->status);
    GT_TRY(gt_sg_history_seal(inv->history));
    return add_views(l);
}

gt_status gt_inv_load_groups(gt_inv *inv)
{
    if (!inv->change)
        return GT_OK;
    loader l = {.inv = inv, .scratch = gt_arena_new(GT_BATCH_ARENA_MAX)};
    inv->history = gt_sg_history_new();
    gt_status status = l.scratch && inv->history ? load(&l) : GT_NOMEM;
    gt_arena_free(l.scratch);
    return status;
}

bool gt_version_before(const gt_sg_version *version, const gt_sg_step *step)
{
    return (!version->from || version->from->index < step->index) &&
           (!version->to || version->to->index >= step->index);
}

bool gt_version_after(const gt_sg_version *version, const gt_sg_step *step)
{
    return (!version->from || version->from->index <= step->index) &&
           (!version->to || version->to->index > step->index);
}
