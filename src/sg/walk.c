/* walk.c — questions to a timeline: state at a time, effects of each step, net no-ops, windows. */
#include "base/limits.h"
#include "sg/history_internal.h"

#include <stdlib.h>

bool gt_sg_timeline_exists(const gt_sg_timeline *t, gt_time_ms time)
{
    if (t->created && t->created->change->time > time)
        return false;
    return !t->deleted || t->deleted->change->time > time;
}

bool gt_sg_version_at(const gt_sg_version *v, gt_time_ms time)
{
    if ((v->from && v->from->change->time > time) || (v->refuted && v->gone_by <= time))
        return false;
    return !v->to || v->to->change->time > time;
}

/* --- the walk ------------------------------------------------------------------------------------ */

typedef struct walker {
    gt_sg_history *history;
    gt_arena *arena;   /* for the whole walk */
    gt_arena *scratch; /* for one step */
    const gt_sg_timeline *timeline;
    const gt_sg_version **live;
    size_t live_count;
    gt_sg_list_history **lists;
    size_t *list_at; /* the state in force, of each list */
    size_t list_count;
} walker;

typedef struct boxes {
    gt_sg_box *items;
    size_t count, cap;
} boxes;

static bool boxes_push(gt_arena *arena, boxes *b, const gt_sg_box *box)
{
    if (b->count == b->cap) {
        size_t cap = b->cap ? b->cap * 2 : 32;
        gt_sg_box *grown = gt_arena_grow(arena, b->items, b->cap * sizeof *grown,
                                         cap * sizeof *grown);
        if (!grown)
            return false;
        b->items = grown;
        b->cap = cap;
    }
    b->items[b->count++] = *box;
    return true;
}

static size_t list_find(const walker *w, gt_str id)
{
    for (size_t i = 0; i < w->list_count; i++)
        if (gt_str_eq(w->lists[i]->id, id))
            return i;
    return SIZE_MAX;
}

/* The boxes of one rule; *unknown when it may open more than they say. */
static bool rule_boxes(walker *w, const gt_sg_rule *rule, boxes *ret, bool *unknown)
{
    gt_sg_box box;
    if (rule->peer != GT_SG_PEER_PREFIX_LIST) {
        if (!rule->malformed && (!rule->content_known || rule->direction == GT_SG_DIRECTION_UNKNOWN))
            *unknown = true;
        return !gt_sg_box_of(rule, &box) || boxes_push(w->scratch, ret, &box);
    }
    size_t at = list_find(w, rule->peer_id);
    if (at == SIZE_MAX) {
        *unknown = true;
        return true;
    }
    const gt_sg_list_state *state = &w->lists[at]->states[w->list_at[at]];
    *unknown = *unknown || !state->known;
    for (size_t i = 0; i < state->count; i++)
        if (gt_sg_box_of_entry(rule, &state->entries[i], &box) &&
            !boxes_push(w->scratch, ret, &box))
            return false;
    return true;
}

static bool live_boxes(walker *w, boxes *ret)
{
    bool ignored = false;
    for (size_t i = 0; i < w->live_count; i++)
        if (!rule_boxes(w, &w->live[i]->rule, ret, &ignored))
            return false;
    return true;
}

/* What of `from` is not in `base`, disjoint, into *ret. */
static bool newly(walker *w, const boxes *from, const boxes *base, gt_sg_space *ret)
{
    for (size_t i = 0; i < from->count; i++) {
        gt_sg_space fresh = {0};
        if (!gt_sg_space_minus(w->scratch, &from->items[i], base->items, base->count, &fresh))
            return false;
        for (size_t k = 0; k < fresh.count; k++)
            if (!gt_sg_space_add(w->scratch, ret, &fresh.items[k]))
                return false;
    }
    gt_sg_space_normalise(ret);
    return true;
}

static gt_status lists_load(walker *w)
{
    const gt_sg_timeline *t = w->timeline;
    w->lists = gt_arena_array(w->arena, gt_sg_list_history *, t->version_count + 1);
    w->list_at = gt_arena_array(w->arena, size_t, t->version_count + 1);
    if (!w->lists || !w->list_at)
        return gt_arena_status(w->arena);
    for (size_t i = 0; i < t->version_count; i++) {
        const gt_sg_rule *r = &t->versions[i]->rule;
        if (r->peer != GT_SG_PEER_PREFIX_LIST || list_find(w, r->peer_id) != SIZE_MAX)
            continue;
        GT_TRY(gt_sg_list_fold(w->history, w->arena, r->peer_id, &w->lists[w->list_count]));
        w->list_count++;
    }
    return GT_OK;
}

/* Bring every list to what it was when the step happened; the list that the step changes stays at the
 * state before. */
static void lists_advance(walker *w, const gt_sg_step *step)
{
    for (size_t i = 0; i < w->list_count; i++) {
        const gt_sg_list_history *list = w->lists[i];
        while (w->list_at[i] + 1 < list->count) {
            const gt_sg_change *next = list->states[w->list_at[i] + 1].change;
            if (next->time > step->change->time ||
                (step->operation == GT_SG_PREFIX_LIST &&
                 gt_str_eq(next->event_id, step->change->event_id)))
                break;
            w->list_at[i]++;
        }
    }
}

static bool list_effect(walker *w, const gt_sg_step *step, gt_sg_effect *effect)
{
    boxes before = {0}, after = {0};
    size_t at = list_find(w, step->change->prefix_list);
    if (!live_boxes(w, &before))
        return false;
    if (at != SIZE_MAX && w->list_at[at] + 1 < w->lists[at]->count)
        w->list_at[at]++;
    effect->unknown = at == SIZE_MAX || !w->lists[at]->states[w->list_at[at]].known;
    return live_boxes(w, &after) && newly(w, &after, &before, &effect->opened) &&
           newly(w, &before, &after, &effect->closed);
}

static void live_drop(walker *w, const gt_sg_version *v)
{
    for (size_t i = 0; i < w->live_count; i++)
        if (w->live[i] == v) {
            w->live[i] = w->live[--w->live_count];
            return;
        }
}

static bool rules_effect(walker *w, const gt_sg_step *step, gt_sg_effect *effect)
{
    boxes before = {0}, after = {0}, added = {0}, removed = {0};
    bool ok = (!step->added || live_boxes(w, &before));
    for (const gt_sg_version *v = step->removed; ok && v; v = v->next_removed) {
        ok = rule_boxes(w, &v->rule, &removed, &effect->unknown);
        live_drop(w, v);
    }
    for (const gt_sg_version *v = step->added; ok && v; v = v->next_added) {
        ok = rule_boxes(w, &v->rule, &added, &effect->unknown);
        w->live[w->live_count++] = v;
    }
    ok = ok && (!step->removed || live_boxes(w, &after));
    return ok && newly(w, &added, &before, &effect->opened) &&
           newly(w, &removed, &after, &effect->closed);
}

/* What the group lets in from the internet when it is put on something. */
static bool attach_effect(walker *w, gt_sg_effect *effect)
{
    boxes live = {0};
    gt_sg_space all = {0};
    if (!live_boxes(w, &live) || !newly(w, &live, &(boxes){0}, &all))
        return false;
    for (size_t i = 0; i < all.count; i++)
        if (all.items[i].direction == GT_SG_INGRESS && gt_sg_is_internet(&all.items[i].cidr) &&
            !gt_sg_space_push(w->scratch, &effect->open, &all.items[i]))
            return false;
    return true;
}

static gt_status walk_steps(walker *w, gt_sg_step_fn *fn, void *context)
{
    const gt_sg_timeline *t = w->timeline;
    for (size_t i = 0; i < t->step_count; i++) {
        const gt_sg_step *step = t->steps[i];
        gt_arena_mark mark = gt_arena_save(w->scratch);
        gt_sg_effect effect = {.unknown = step->uncertain};
        lists_advance(w, step);
        bool ok = step->operation == GT_SG_PREFIX_LIST ? list_effect(w, step, &effect)
                  : step->operation == GT_SG_ATTACH    ? attach_effect(w, &effect)
                                                       : rules_effect(w, step, &effect);
        if (!ok)
            return gt_arena_status(w->scratch);
        GT_TRY(fn(context, step, &effect));
        gt_arena_rewind(w->scratch, mark);
    }
    return GT_OK;
}

static gt_status walker_init(walker *w, gt_sg_history *h, gt_arena *arena,
                             const gt_sg_timeline *t)
{
    *w = (walker){.history = h, .arena = arena, .timeline = t};
    w->live = gt_arena_array(arena, const gt_sg_version *, t->version_count + 1);
    if (!w->live)
        return gt_arena_status(arena);
    for (size_t i = 0; i < t->version_count; i++)
        if (!t->versions[i]->from)
            w->live[w->live_count++] = t->versions[i];
    return lists_load(w);
}

gt_status gt_sg_timeline_walk(gt_sg_history *h, gt_arena *scratch, const gt_sg_timeline *t,
                              gt_sg_step_fn *fn, void *context)
{
    walker w;
    gt_arena_mark mark = gt_arena_save(scratch);
    GT_TRY(walker_init(&w, h, scratch, t));
    w.scratch = gt_arena_new(GT_SG_HISTORY_MAX);
    gt_status status = w.scratch ? walk_steps(&w, fn, context) : GT_NOMEM;
    gt_arena_free(w.scratch);
    if (status == GT_OK)
        gt_arena_rewind(scratch, mark);
    return status;
}

gt_status gt_sg_timeline_space(gt_sg_history *h, gt_arena *arena, const gt_sg_timeline *t,
                               gt_time_ms time, gt_sg_space *ret, bool *ret_unknown)
{
    walker w;
    boxes all = {0};
    gt_sg_space space = {0};
    bool unknown = t->group.baseline == GT_SG_PARTIAL;
    GT_TRY(walker_init(&w, h, arena, t));
    w.scratch = arena;
    for (size_t i = 0; i < w.list_count; i++)
        while (w.list_at[i] + 1 < w.lists[i]->count &&
               w.lists[i]->states[w.list_at[i] + 1].change->time <= time)
            w.list_at[i]++;
    for (size_t i = 0; i < t->version_count; i++)
        if (gt_sg_version_at(t->versions[i], time) &&
            !rule_boxes(&w, &t->versions[i]->rule, &all, &unknown))
            return gt_arena_status(arena);
    if (!newly(&w, &all, &(boxes){0}, &space))
        return gt_arena_status(arena);
    *ret = space;
    *ret_unknown = unknown;
    return GT_OK;
}

/* --- net no-ops ---------------------------------------------------------------------------------- */

gt_status gt_sg_timeline_pairs(gt_arena *arena, const gt_sg_timeline *t, gt_sg_pair **ret,
                               size_t *ret_count)
{
    gt_sg_pair *pairs = NULL;
    size_t count = 0;
    for (size_t i = 0; i < t->version_count; i++) {
        const gt_sg_version *v = t->versions[i];
        if (!v->to || v->to->operation != GT_SG_REVOKE || !v->rule.content_known)
            continue;
        const gt_sg_version *next = v->next_same;
        if (!next || next->from->operation != GT_SG_AUTHORIZE)
            continue;
        int64_t gap = (next->from->change->time - v->to->change->time) / 1000;
        if (gap > GT_SG_NOOP_SECONDS)
            continue;
        size_t size = count * sizeof *pairs;
        gt_sg_pair *grown = gt_arena_grow(arena, pairs, size, size + sizeof *pairs);
        if (!grown)
            return gt_arena_status(arena);
        pairs = grown;
        pairs[count++] = (gt_sg_pair){v, next, gap};
    }
    *ret = pairs;
    *ret_count = count;
    return GT_OK;
}

bool gt_sg_version_never_back(const gt_sg_version *v)
{
    return v->to && v->to->operation == GT_SG_REVOKE && v->rule.content_known && !v->next_same;
}

/* --- windows ------------------------------------------------------------------------------------- */

typedef struct windows {
    gt_arena *arena;
    gt_sg_window *items;
    size_t count, cap;
    size_t *open; /* indexes of those still open */
    size_t open_count, open_cap;
} windows;

static bool window_push(windows *w, const gt_sg_box *box, const gt_sg_step *opened, bool known)
{
    if (w->count == w->cap) {
        size_t cap = w->cap ? w->cap * 2 : 32;
        gt_sg_window *grown = gt_arena_grow(w->arena, w->items, w->cap * sizeof *grown,
                                            cap * sizeof *grown);
        if (!grown)
            return false;
        w->items = grown;
        w->cap = cap;
    }
    if (w->open_count == w->open_cap) {
        size_t cap = w->open_cap ? w->open_cap * 2 : 32;
        size_t *grown =
            gt_arena_grow(w->arena, w->open, w->open_cap * sizeof *grown, cap * sizeof *grown);
        if (!grown)
            return false;
        w->open = grown;
        w->open_cap = cap;
    }
    w->open[w->open_count++] = w->count;
    w->items[w->count++] = (gt_sg_window){.box = *box, .opened = opened, .known = known};
    return true;
}

/* Cut `box` out of the open windows: what it covers gets `closed` and `known`, what is left of a window
 * stays open as it was. */
static bool windows_cut(windows *w, const gt_sg_box *box, const gt_sg_step *closed, bool known)
{
    for (size_t i = 0; i < w->open_count;) {
        size_t at = w->open[i];
        gt_sg_window whole = w->items[at];
        gt_sg_box both;
        if (!gt_sg_box_intersect(&whole.box, box, &both)) {
            i++;
            continue;
        }
        gt_sg_space rest = {0};
        if (!gt_sg_box_subtract(w->arena, &whole.box, box, &rest))
            return false;
        w->items[at].box = both;
        w->items[at].closed = closed;
        w->items[at].known = whole.known && known;
        w->open[i] = w->open[--w->open_count];
        for (size_t k = 0; k < rest.count; k++)
            if (!window_push(w, &rest.items[k], whole.opened, whole.known))
                return false;
    }
    return true;
}

static gt_status windows_step(void *context, const gt_sg_step *step, const gt_sg_effect *effect)
{
    windows *w = context;
    for (size_t i = 0; i < effect->closed.count; i++)
        if (!windows_cut(w, &effect->closed.items[i], step, true))
            return gt_arena_status(w->arena);
    for (size_t i = 0; i < effect->opened.count; i++)
        if (!window_push(w, &effect->opened.items[i], step, true))
            return gt_arena_status(w->arena);
    return GT_OK;
}

/* The rules that were there before the first change; those in doubt at the end make what only they open
 * doubtful. */
static gt_status windows_begin(windows *w, walker *walk)
{
    boxes base = {0};
    gt_sg_space space = {0};
    walk->scratch = w->arena;
    if (!live_boxes(walk, &base) || !newly(walk, &base, &(boxes){0}, &space))
        return gt_arena_status(w->arena);
    for (size_t i = 0; i < space.count; i++)
        if (!window_push(w, &space.items[i], NULL, true))
            return gt_arena_status(w->arena);
    return GT_OK;
}

static gt_status windows_doubt(windows *w, walker *walk)
{
    const gt_sg_timeline *t = walk->timeline;
    boxes solid = {0}, doubtful = {0};
    gt_sg_space space = {0};
    bool ignored = false, any = false;
    walk->scratch = w->arena;
    for (size_t i = 0; i < walk->list_count; i++)
        walk->list_at[i] = walk->lists[i]->count - 1;
    for (size_t i = 0; i < t->version_count; i++) {
        const gt_sg_version *v = t->versions[i];
        bool doubt = v->doubt || v->refuted;
        any = any || (doubt && !v->to);
        if (!v->to && !rule_boxes(walk, &v->rule, doubt ? &doubtful : &solid, &ignored))
            return gt_arena_status(w->arena);
    }
    if (!any)
        return GT_OK;
    if (!newly(walk, &doubtful, &solid, &space))
        return gt_arena_status(w->arena);
    size_t open = w->open_count;
    for (size_t i = 0; i < space.count && open; i++)
        if (!windows_cut(w, &space.items[i], NULL, false))
            return gt_arena_status(w->arena);
    return GT_OK;
}

static int cmp_window(const void *pa, const void *pb)
{
    const gt_sg_window *a = pa, *b = pb;
    size_t x = a->opened ? a->opened->index + 1 : 0, y = b->opened ? b->opened->index + 1 : 0;
    if (x != y)
        return x > y ? 1 : -1;
    x = a->closed ? a->closed->index : SIZE_MAX;
    y = b->closed ? b->closed->index : SIZE_MAX;
    if (x != y)
        return x > y ? 1 : -1;
    if (a->known != b->known)
        return a->known ? -1 : 1;
    return gt_sg_box_cmp(&a->box, &b->box);
}

/* Windows of one opening and one closing are joined again: cutting splits what need not be split. */
static bool windows_join(windows *w)
{
    size_t kept = 0;
    for (size_t i = 0, next; i < w->count; i = next) {
        gt_sg_space same = {0};
        gt_sg_window model = w->items[i];
        for (next = i; next < w->count && w->items[next].opened == model.opened &&
                       w->items[next].closed == model.closed &&
                       w->items[next].known == model.known;
             next++)
            if (!gt_sg_space_push(w->arena, &same, &w->items[next].box))
                return false;
        gt_sg_space_normalise(&same);
        for (size_t k = 0; k < same.count; k++) {
            model.box = same.items[k];
            w->items[kept++] = model;
        }
    }
    w->count = kept;
    return true;
}

gt_status gt_sg_timeline_windows(gt_sg_history *h, gt_arena *arena, const gt_sg_timeline *t,
                                 gt_sg_window **ret, size_t *ret_count)
{
    windows w = {.arena = arena};
    walker walk;
    GT_TRY(walker_init(&walk, h, arena, t));
    GT_TRY(windows_begin(&w, &walk));
    gt_arena *scratch = gt_arena_new(GT_SG_HISTORY_MAX);
    if (!scratch)
        return GT_NOMEM;
    gt_status status = gt_sg_timeline_walk(h, scratch, t, windows_step, &w);
    gt_arena_free(scratch);
    GT_TRY(status);
    GT_TRY(windows_doubt(&w, &walk));
    if (w.count)
        qsort(w.items, w.count, sizeof *w.items, cmp_window);
    if (!windows_join(&w))
        return gt_arena_status(arena);
    *ret = w.items;
    *ret_count = w.count;
    return GT_OK;
}
