/* fold.c — a group's changes to its timeline. */
#include "base/limits.h"
#include "sg/state.h"

#include <stdlib.h>

typedef struct builder {
    gt_sg_history *history;
    gt_arena *arena, *scratch;
    gt_sg_timeline *timeline;
    gt_sg_fold fold;
    gt_sg_state state;
    gt_sg_change **changes;
    size_t change_count;
    size_t step_cap;
} builder;

/* --- gathering ----------------------------------------------------------------------------------- */

static void resolve_peers(gt_sg_history *h, const gt_sg_change *c, gt_sg_rule *rules, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        gt_sg_rule *r = &rules[i];
        bool own = r->peer_account.len == 0 || gt_str_eq(r->peer_account, c->account);
        if (r->peer == GT_SG_PEER_GROUP && r->peer_id.len == 0 && own)
            r->peer_id = gt_sg_name_lookup(h, c, r->peer_name);
    }
}

static gt_status gather_one(builder *b, uint32_t entry, bool inferred)
{
    if (gt_sg_history_operation(b->history, entry) >= GT_SG_ATTACH)
        return GT_OK;
    gt_sg_change *c = gt_sg_history_unpack(b->history, b->arena, entry);
    if (!c)
        return gt_arena_status(b->arena) != GT_OK ? gt_arena_status(b->arena) : GT_CORRUPT;
    c->group_id = b->timeline->group.id;
    c->inferred = inferred;
    resolve_peers(b->history, c, c->rules, c->rule_count);
    resolve_peers(b->history, c, c->unmatched, c->unmatched_count);
    b->changes[b->change_count++] = c;
    return GT_OK;
}

/* The first resolved by-name change of the group. */
static size_t named_first(const gt_sg_history *h, gt_str id)
{
    size_t low = 0, high = h->named_count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (gt_str_cmp(h->named[mid].group_id, id) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* The CreateVpc that made a default group, as the group's own create. */
static gt_status gather_default(builder *b)
{
    const gt_sg_group *g = &b->timeline->group;
    const gt_sg_bucket *vpc = gt_sg_history_bucket(b->history, g->vpc_id);
    if (!gt_str_is(g->name, "default") || g->baseline != GT_SG_COMPLETE)
        return GT_OK;
    for (uint32_t i = 0; vpc && i < vpc->count; i++) {
        if (gt_sg_history_operation(b->history, vpc->items[i]) != GT_SG_VPC)
            continue;
        gt_sg_change *c = gt_sg_history_unpack(b->history, b->arena, vpc->items[i]);
        if (!c)
            return gt_arena_status(b->arena);
        if (!c->vpc_created)
            continue;
        c->operation = GT_SG_CREATE;
        c->group_id = g->id;
        c->group_name = g->name;
        c->default_group = true;
        b->changes[b->change_count++] = c;
    }
    return GT_OK;
}

static gt_status gather(builder *b)
{
    gt_sg_history *h = b->history;
    gt_str id = b->timeline->group.id;
    const gt_sg_bucket *own = gt_sg_history_bucket(h, id);
    size_t first = named_first(h, id), last = first;
    while (last < h->named_count && gt_str_eq(h->named[last].group_id, id))
        last++;
    const gt_sg_bucket *vpc = gt_sg_history_bucket(h, b->timeline->group.vpc_id);
    size_t room = (own ? own->count : 0) + (last - first) + (vpc ? vpc->count : 0) + 1;
    b->changes = gt_arena_array(b->arena, gt_sg_change *, room);
    if (!b->changes)
        return gt_arena_status(b->arena);
    for (uint32_t i = 0; own && i < own->count; i++)
        GT_TRY(gather_one(b, own->items[i], false));
    for (; first < last; first++)
        GT_TRY(gather_one(b, h->named[first].entry, h->named[first].inferred));
    GT_TRY(gather_default(b));
    return gt_sg_changes_sort(b->arena, b->changes, &b->change_count);
}

static int cmp_str(const void *a, const void *b)
{
    return gt_str_cmp(*(const gt_str *)a, *(const gt_str *)b);
}

/* The ids that authorises told, and whether every change was recorded whole. */
static gt_status prepare(builder *b)
{
    size_t rules = 0;
    gt_sg_fold *f = &b->fold;
    f->arena = b->arena;
    f->complete = b->timeline->group.baseline == GT_SG_COMPLETE;
    for (size_t i = 0; i < b->change_count; i++) {
        rules += b->changes[i]->rule_count;
        if (b->changes[i]->confidence == GT_SG_INCOMPLETE)
            f->complete = false;
    }
    f->told = gt_arena_array(b->arena, gt_str, rules + 1);
    if (!f->told)
        return gt_arena_status(b->arena);
    for (size_t i = 0; i < b->change_count; i++)
        for (size_t k = 0; k < b->changes[i]->rule_count; k++)
            if (b->changes[i]->operation == GT_SG_AUTHORIZE &&
                b->changes[i]->rules[k].rule_id.len)
                f->told[f->told_count++] = b->changes[i]->rules[k].rule_id;
    qsort(f->told, f->told_count, sizeof *f->told, cmp_str);
    if (b->timeline->group.baseline == GT_SG_COMPLETE) {
        gt_sg_truth v6 = gt_sg_vpc_ipv6(b->history, b->arena, &b->timeline->group);
        f->ipv6 = v6 == GT_SG_YES;
        b->timeline->default_ipv6_unknown = v6 == GT_SG_NOT_TOLD;
    } else if (f->complete) {
        f->complete = false;
    }
    return GT_OK;
}

/* --- steps --------------------------------------------------------------------------------------- */

static gt_sg_step *step_new(builder *b, const gt_sg_change *c, gt_sg_operation operation)
{
    gt_sg_timeline *t = b->timeline;
    gt_sg_step *step = gt_arena_new_of(b->arena, gt_sg_step);
    if (!step)
        return NULL;
    if (t->step_count == b->step_cap) {
        size_t cap = b->step_cap ? b->step_cap * 2 : 32;
        gt_sg_step **grown = gt_arena_grow(b->arena, t->steps, b->step_cap * sizeof *grown,
                                           cap * sizeof *grown);
        if (!grown)
            return NULL;
        t->steps = grown;
        b->step_cap = cap;
    }
    step->change = c;
    step->operation = operation;
    step->inferred = c->inferred;
    t->steps[t->step_count++] = step;
    return step;
}

static bool has_malformed(const gt_sg_change *c)
{
    for (size_t i = 0; i < c->rule_count; i++)
        if (c->rules[i].malformed)
            return true;
    return false;
}

static gt_status step_apply(builder *b, const gt_sg_change *c)
{
    gt_sg_step *step = step_new(b, c, c->operation);
    if (!step || !gt_sg_state_apply(&b->fold, b->arena, &b->state, c, step))
        return gt_arena_status(b->arena);
    if (c->operation == GT_SG_CREATE) {
        b->timeline->created = b->timeline->created ? b->timeline->created : step;
        step->effective = true;
    } else if (c->operation == GT_SG_DELETE) {
        b->timeline->deleted = step;
        step->effective = true;
    }
    step->effective = step->effective || step->uncertain || has_malformed(c);
    return GT_OK;
}

static gt_sg_slot *anchor_known(gt_sg_state *state, const gt_sg_rule *r)
{
    gt_sg_rule undirected = *r;
    undirected.direction = GT_SG_DIRECTION_UNKNOWN;
    for (size_t k = 0; k < state->count; k++) {
        gt_sg_slot *slot = &state->items[k];
        if (slot->live && slot->rule.content_known &&
            (gt_sg_rule_same(&slot->rule, r) || gt_sg_rule_same(&slot->rule, &undirected)))
            return slot;
    }
    return NULL;
}

/* A rule of the snapshot: one that we know gains its id and loses its doubt, any other one has been there
 * since before the first change. */
static bool anchor_rule(builder *b, gt_sg_state *fresh, const gt_sg_rule *r)
{
    gt_sg_slot *known = anchor_known(&b->state, r);
    if (!gt_sg_state_seed(&b->fold, b->arena, fresh, r, true))
        return false;
    if (!known)
        return true;
    gt_sg_slot *slot = &fresh->items[fresh->count - 1];
    b->fold.version_count--; /* not a new version after all */
    slot->version = known->version;
    slot->version->anchored = true;
    slot->version->doubt = NULL;
    slot->version->rule.direction = r->direction;
    if (slot->version->rule.rule_id.len == 0)
        slot->version->rule.rule_id = r->rule_id;
    slot->rule = slot->version->rule;
    known->live = false;
    return true;
}

/* Set the state to what the snapshot says; the changes before it have been applied. What we believed to
 * be in force and it does not have must have gone unseen. */
static gt_status anchor_apply(builder *b, const gt_sg_anchor *anchor, gt_time_ms time)
{
    gt_sg_state fresh = {.exists = true};
    for (size_t i = 0; i < anchor->rule_count; i++)
        if (!anchor_rule(b, &fresh, &anchor->rules[i]))
            return gt_arena_status(b->arena);
    for (size_t k = 0; k < b->state.count; k++) {
        gt_sg_slot *slot = &b->state.items[k];
        if (slot->live && slot->version) {
            slot->version->refuted = true;
            slot->version->gone_by = time;
        }
    }
    b->state = fresh;
    b->fold.complete = true;
    return GT_OK;
}

static gt_status apply_all(builder *b)
{
    const gt_sg_anchor *anchor = gt_sg_history_anchor_of(b->history, b->timeline->group.id);
    for (size_t i = 0, next; i < b->change_count; i = next) {
        gt_time_ms time = b->changes[i]->time;
        for (next = i + 1; next < b->change_count && b->changes[next]->time == time;)
            next++;
        if (anchor && anchor->time != GT_SG_NO_TIME && anchor->time < time) {
            GT_TRY(anchor_apply(b, anchor, anchor->time));
            anchor = NULL;
        }
        gt_arena_mark mark = gt_arena_save(b->scratch);
        if (!gt_sg_changes_order(&b->fold, b->scratch, &b->state, b->changes + i, next - i))
            return gt_arena_status(b->scratch);
        gt_arena_rewind(b->scratch, mark);
        for (size_t k = i; k < next; k++)
            GT_TRY(step_apply(b, b->changes[k]));
    }
    if (!anchor || b->state.deleted)
        return GT_OK;
    gt_time_ms last = b->change_count ? b->changes[b->change_count - 1]->time : GT_SG_NO_TIME;
    return anchor_apply(b, anchor, anchor->time != GT_SG_NO_TIME ? anchor->time : last + 1);
}

/* --- prefix lists and attachments ----------------------------------------------------------------- */

/* In force just before this second? */
static bool in_force_before(const gt_sg_version *v, gt_time_ms time)
{
    return (!v->from || v->from->change->time < time) && (!v->to || v->to->change->time >= time);
}

static bool names_list(const gt_sg_timeline *t, gt_str id, gt_time_ms time)
{
    for (size_t i = 0; i < t->version_count; i++)
        if (t->versions[i]->rule.peer == GT_SG_PEER_PREFIX_LIST &&
            gt_str_eq(t->versions[i]->rule.peer_id, id) && in_force_before(t->versions[i], time))
            return true;
    return false;
}

static bool seen_before(const gt_sg_timeline *t, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (t->versions[k]->rule.peer == GT_SG_PEER_PREFIX_LIST &&
            gt_str_eq(t->versions[k]->rule.peer_id, t->versions[i]->rule.peer_id))
            return true;
    return false;
}

static gt_status lists_add(builder *b)
{
    gt_sg_timeline *t = b->timeline;
    for (size_t i = 0; i < t->version_count; i++) {
        gt_sg_list_history *list;
        if (t->versions[i]->rule.peer != GT_SG_PEER_PREFIX_LIST || seen_before(t, i))
            continue;
        GT_TRY(gt_sg_list_fold(b->history, b->arena, t->versions[i]->rule.peer_id, &list));
        for (size_t k = 1; k < list->count; k++) {
            const gt_sg_change *c = list->states[k].change;
            if (!names_list(t, list->id, c->time))
                continue;
            gt_sg_step *step = step_new(b, c, GT_SG_PREFIX_LIST);
            if (!step)
                return gt_arena_status(b->arena);
            step->effective = true;
        }
    }
    return GT_OK;
}

static gt_status attachments_add(builder *b)
{
    gt_sg_change **changes;
    size_t count;
    const gt_sg_group *g = &b->timeline->group;
    GT_TRY(gt_sg_attached_collect(b->history, b->arena, g, &changes, &count));
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < changes[i]->attachment_count; k++) {
            const gt_sg_attachment *a = &changes[i]->attachments[k];
            if (!gt_sg_attachment_names(a, changes[i], g))
                continue;
            gt_sg_step *step = step_new(b, changes[i], a->mode == GT_SG_ATTACH_REMOVE
                                                           ? GT_SG_DETACH
                                                           : GT_SG_ATTACH);
            if (!step)
                return gt_arena_status(b->arena);
            step->effective = true;
            step->resource = a->resource;
            step->resource_kind = a->kind;
            break; /* one line for a group, however many resources the call made */
        }
    gt_sg_timeline *t = b->timeline;
    GT_TRY(gt_sg_attached_spans(b->arena, g, changes, count, &t->attached, &t->attached_count));
    for (size_t i = 0; i < t->attached_count; i++) {
        const gt_sg_attached *span = &t->attached[i];
        const gt_sg_change *to = span->to;
        bool named = false;
        for (size_t k = 0; to && k < to->attachment_count; k++)
            named = named || gt_sg_attachment_names(&to->attachments[k], to, g);
        if (!to || named)
            continue;
        gt_sg_step *step = step_new(b, to, GT_SG_DETACH);
        if (!step)
            return gt_arena_status(b->arena);
        step->effective = true;
        step->resource = span->resource;
        step->resource_kind = span->kind;
    }
    return GT_OK;
}

/* Inside a second: lists first (a rule authorised then sees the new content), then rules in their order,
 * then attachments. */
static int phase(const gt_sg_step *s)
{
    if (s->operation == GT_SG_PREFIX_LIST)
        return 0;
    return s->operation == GT_SG_ATTACH || s->operation == GT_SG_DETACH ? 2 : 1;
}

static int cmp_step(const void *pa, const void *pb)
{
    const gt_sg_step *a = *(gt_sg_step *const *)pa, *b = *(gt_sg_step *const *)pb;
    if (a->change->time != b->change->time)
        return a->change->time > b->change->time ? 1 : -1;
    if (phase(a) != phase(b))
        return phase(a) - phase(b);
    return (a->index > b->index) - (a->index < b->index);
}

static int cmp_version(const void *pa, const void *pb)
{
    const gt_sg_version *a = *(gt_sg_version *const *)pa, *b = *(gt_sg_version *const *)pb;
    int c = gt_sg_rule_cmp(&a->rule, &b->rule);
    if (c)
        return c;
    size_t x = a->from ? a->from->index + 1 : 0, y = b->from ? b->from->index + 1 : 0;
    return (x > y) - (x < y);
}

static int cmp_same(const void *pa, const void *pb)
{
    const gt_sg_version *a = *(gt_sg_version *const *)pa, *b = *(gt_sg_version *const *)pb;
    int c = gt_sg_rule_content_cmp(&a->rule, &b->rule);
    if (c)
        return c;
    size_t x = a->from ? a->from->index + 1 : 0, y = b->from ? b->from->index + 1 : 0;
    return (x > y) - (x < y);
}

/* Link every version to the next one of the same rule that begins after it has ended. */
static gt_status link_same(builder *b)
{
    gt_sg_timeline *t = b->timeline;
    gt_sg_version **all = gt_arena_array(b->scratch, gt_sg_version *, t->version_count + 1);
    size_t count = 0;
    if (!all)
        return gt_arena_status(b->scratch);
    for (size_t i = 0; i < t->version_count; i++)
        if (t->versions[i]->rule.content_known)
            all[count++] = t->versions[i];
    qsort(all, count, sizeof *all, cmp_same);
    for (size_t i = 0; i + 1 < count; i++)
        for (size_t k = i + 1; k < count && all[i]->to && !all[i]->next_same &&
                               gt_sg_rule_same(&all[i]->rule, &all[k]->rule);
             k++)
            if (all[k]->from && all[k]->from->index > all[i]->to->index)
                all[i]->next_same = all[k];
    return GT_OK;
}

static gt_status finish(builder *b)
{
    gt_sg_timeline *t = b->timeline;
    t->versions = b->fold.versions;
    t->version_count = b->fold.version_count;
    t->unknown_removed = b->fold.unknown_removed;
    GT_TRY(lists_add(b));
    GT_TRY(attachments_add(b));
    for (size_t i = 0; i < t->step_count; i++)
        t->steps[i]->index = i;
    if (t->step_count)
        qsort(t->steps, t->step_count, sizeof *t->steps, cmp_step);
    for (size_t i = 0; i < t->step_count; i++)
        t->steps[i]->index = i;
    if (t->version_count)
        qsort(t->versions, t->version_count, sizeof *t->versions, cmp_version);
    return link_same(b);
}

gt_status gt_sg_history_fold(gt_sg_history *h, gt_arena *arena, gt_str group_id,
                             gt_sg_timeline **ret)
{
    GT_TRY(gt_sg_history_seal(h));
    const gt_sg_group *group = gt_sg_history_find(h, group_id);
    if (!group)
        return GT_NOTFOUND;
    builder b = {.history = h, .arena = arena};
    b.timeline = gt_arena_new_of(arena, gt_sg_timeline);
    b.scratch = gt_arena_new(GT_SG_HISTORY_MAX);
    gt_status status = b.timeline && b.scratch ? GT_OK : GT_NOMEM;
    if (status == GT_OK) {
        b.timeline->group = *group;
        status = gather(&b);
    }
    if (status == GT_OK)
        status = prepare(&b);
    if (status == GT_OK)
        status = apply_all(&b);
    if (status == GT_OK)
        status = finish(&b);
    gt_arena_free(b.scratch);
    if (status == GT_OK)
        *ret = b.timeline;
    return status;
}
