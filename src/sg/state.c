#include "sg/state.h"

#include <stdlib.h>

#define NONE SIZE_MAX

/* --- looking ------------------------------------------------------------------------------------- */

static size_t find_content(const gt_sg_state *s, const gt_sg_rule *rule)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->items[i].live && s->items[i].rule.content_known &&
            gt_sg_rule_same(&s->items[i].rule, rule))
            return i;
    return NONE;
}

/* A rule of this content whose direction nobody told. */
static size_t find_undirected(const gt_sg_state *s, const gt_sg_rule *rule)
{
    gt_sg_rule undirected = *rule;
    undirected.direction = GT_SG_DIRECTION_UNKNOWN;
    return find_content(s, &undirected);
}

static size_t find_id(const gt_sg_state *s, gt_str id)
{
    if (id.len)
        for (size_t i = 0; i < s->count; i++)
            if (s->items[i].live && gt_str_eq(s->items[i].rule.rule_id, id))
                return i;
    return NONE;
}

static bool is_absent(const gt_sg_state *s, const gt_sg_rule *rule)
{
    for (size_t i = 0; i < s->count; i++)
        if (!s->items[i].live && gt_sg_rule_same(&s->items[i].rule, rule))
            return true;
    return false;
}

static int cmp_id(const void *a, const void *b)
{
    return gt_str_cmp(*(const gt_str *)a, *(const gt_str *)b);
}

/* Did an authorise tell this id, now or later? Then no rule of unknown id can be the one. */
static bool is_told(const gt_sg_fold *f, gt_str id)
{
    return f->told_count && bsearch(&id, f->told, f->told_count, sizeof id, cmp_id);
}

static bool is_candidate(const gt_sg_slot *slot, gt_sg_direction direction)
{
    return slot->live && slot->rule.rule_id.len == 0 &&
           (direction == GT_SG_DIRECTION_UNKNOWN || slot->rule.direction == direction);
}

/* The rule that an id nobody told must mean: when the state is wholly known and one rule alone has no
 * id. */
static size_t find_untold(const gt_sg_fold *f, const gt_sg_state *s, gt_sg_direction direction)
{
    size_t found = NONE;
    if (!f->complete)
        return NONE;
    for (size_t i = 0; i < s->count; i++)
        if (is_candidate(&s->items[i], direction)) {
            if (found != NONE)
                return NONE;
            found = i;
        }
    return found;
}

static size_t count_candidates(const gt_sg_state *s, gt_sg_direction direction)
{
    size_t n = 0;
    for (size_t i = 0; i < s->count; i++)
        n += is_candidate(&s->items[i], direction);
    return n;
}

/* The rule a revoke or a description means. */
static size_t find_target(const gt_sg_fold *f, const gt_sg_state *s, const gt_sg_rule *rule)
{
    size_t at = find_id(s, rule->rule_id);
    if (at == NONE && rule->content_known)
        at = find_content(s, rule);
    if (at == NONE && !rule->content_known && !is_told(f, rule->rule_id))
        at = find_untold(f, s, rule->direction);
    return at;
}

static bool is_unmatched(const gt_sg_change *c, const gt_sg_rule *rule)
{
    for (size_t i = 0; i < c->unmatched_count && rule->content_known; i++)
        if (gt_sg_rule_same(&c->unmatched[i], rule))
            return true;
    return false;
}

/* --- could it have happened? ---------------------------------------------------------------------- */

static int check_authorize(const gt_sg_state *s, const gt_sg_change *c)
{
    int broken = 0;
    for (size_t i = 0; i < c->rule_count; i++) {
        const gt_sg_rule *r = &c->rules[i];
        if (!r->malformed && r->content_known)
            broken += (find_content(s, r) != NONE) + (find_id(s, r->rule_id) != NONE);
    }
    return broken;
}

static int check_target(const gt_sg_fold *f, const gt_sg_state *s, const gt_sg_rule *r)
{
    size_t at = find_target(f, s, r);
    if (at != NONE) {
        gt_str id = s->items[at].rule.rule_id;
        return id.len && r->rule_id.len && !gt_str_eq(id, r->rule_id);
    }
    if (!r->content_known)
        return is_told(f, r->rule_id) ||
               (f->complete && count_candidates(s, r->direction) == 0);
    if (r->rule_id.len && is_told(f, r->rule_id))
        return 1;
    return f->complete || is_absent(s, r);
}

static int check_targets(const gt_sg_fold *f, const gt_sg_state *s, const gt_sg_change *c)
{
    int broken = 0;
    for (size_t i = 0; i < c->rule_count; i++)
        if (!c->rules[i].malformed && !is_unmatched(c, &c->rules[i]))
            broken += check_target(f, s, &c->rules[i]);
    return broken;
}

static bool modifies(const gt_sg_change *c, gt_str id)
{
    for (size_t i = 0; i < c->rule_count; i++)
        if (id.len && gt_str_eq(c->rules[i].rule_id, id))
            return true;
    return false;
}

/* The new content must not be there yet, but for rules that the same call changes. */
static int check_modify(const gt_sg_fold *f, const gt_sg_state *s, const gt_sg_change *c)
{
    int broken = 0;
    for (size_t i = 0; i < c->rule_count; i++) {
        gt_sg_rule r = c->rules[i];
        size_t at = find_id(s, r.rule_id);
        if (at == NONE) {
            broken += is_told(f, r.rule_id) || (f->complete && count_candidates(s, 0) == 0);
            continue;
        }
        r.direction = s->items[at].rule.direction;
        size_t same = r.content_known && !r.malformed ? find_content(s, &r) : NONE;
        broken += same != NONE && !modifies(c, s->items[same].rule.rule_id);
    }
    return broken;
}

int gt_sg_state_check(const gt_sg_fold *f, const gt_sg_state *s, const gt_sg_change *c)
{
    int broken = s->deleted ? 16 : 0;
    if (c->operation == GT_SG_CREATE)
        return broken + (s->exists ? 16 : 0);
    if (f->complete && !s->exists)
        broken += 16;
    switch (c->operation) {
    case GT_SG_AUTHORIZE:
        return broken + check_authorize(s, c);
    case GT_SG_REVOKE:
    case GT_SG_DESCRIBE:
        return broken + check_targets(f, s, c);
    case GT_SG_MODIFY:
        return broken + check_modify(f, s, c);
    default:
        return broken;
    }
}

/* --- versions ------------------------------------------------------------------------------------ */

static gt_sg_version *version_new(gt_sg_fold *f, const gt_sg_rule *rule, gt_sg_step *from)
{
    gt_sg_version *v = gt_arena_new_of(f->arena, gt_sg_version);
    if (!v)
        return NULL;
    if (f->version_count == f->version_cap) {
        size_t cap = f->version_cap ? f->version_cap * 2 : 32;
        gt_sg_version **grown = gt_arena_grow(f->arena, f->versions,
                                              f->version_cap * sizeof *grown, cap * sizeof *grown);
        if (!grown)
            return NULL;
        f->versions = grown;
        f->version_cap = cap;
    }
    f->versions[f->version_count++] = v;
    v->rule = *rule;
    v->from = from;
    if (from) { /* in the order of the record */
        gt_sg_version **at = &from->added;
        while (*at)
            at = &(*at)->next_added;
        *at = v;
        from->effective = true;
    }
    return v;
}

static void version_end(gt_sg_version *v, gt_sg_step *step)
{
    if (!v || !step)
        return;
    gt_sg_version **at = &step->removed;
    while (*at)
        at = &(*at)->next_removed;
    *at = v;
    v->to = step;
    step->effective = true;
}

static gt_sg_slot *slot_new(gt_arena *arena, gt_sg_state *s)
{
    for (size_t i = 0; i < s->count; i++)
        if (!s->items[i].live && !s->items[i].rule.content_known)
            return &s->items[i]; /* emptied by slot_end */
    if (s->count == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 16;
        gt_sg_slot *grown =
            gt_arena_grow(arena, s->items, s->cap * sizeof *grown, cap * sizeof *grown);
        if (!grown)
            return NULL;
        s->items = grown;
        s->cap = cap;
    }
    return &s->items[s->count++];
}

static void slot_end(const gt_sg_fold *f, gt_sg_slot *slot, gt_sg_step *step)
{
    version_end(slot->version, step);
    slot->version = NULL;
    slot->live = false;
    if (f->complete)
        slot->rule.content_known = false; /* absence needs no remembering: the slot is free again */
}

/* Put a rule in force from this step on. NULL without memory. */
static gt_sg_slot *slot_begin(gt_sg_fold *f, gt_arena *arena, gt_sg_state *s,
                              const gt_sg_rule *rule, gt_sg_step *step)
{
    gt_sg_slot *slot = NULL;
    for (size_t i = 0; i < s->count && !slot; i++)
        if (!s->items[i].live && s->items[i].rule.content_known &&
            gt_sg_rule_same(&s->items[i].rule, rule))
            slot = &s->items[i];
    if (!slot)
        slot = slot_new(arena, s);
    if (!slot)
        return NULL;
    *slot = (gt_sg_slot){.rule = *rule, .live = true};
    if (step) {
        slot->version = version_new(f, rule, step);
        if (!slot->version)
            return NULL;
    }
    return slot;
}

/* The same rule with other content or description from this step on. */
static bool slot_change(gt_sg_fold *f, gt_sg_slot *slot, const gt_sg_rule *rule, gt_sg_step *step)
{
    const gt_sg_version *old = slot->version;
    slot->rule = *rule;
    if (!step)
        return true;
    gt_sg_version *v = version_new(f, rule, step);
    if (!v)
        return false;
    v->modified = step;
    if (old) {
        v->introduced = old->introduced;
        v->implied = old->implied;
        version_end(slot->version, step);
    }
    slot->version = v;
    return true;
}

/* --- applying ------------------------------------------------------------------------------------ */

/* An id that nobody told was touched: any rule without an id may be the one. */
static void doubt_all(gt_sg_state *s, gt_sg_direction direction, const gt_sg_step *step)
{
    for (size_t i = 0; step && i < s->count; i++)
        if (is_candidate(&s->items[i], direction) && s->items[i].version &&
            !s->items[i].version->doubt)
            s->items[i].version->doubt = step;
}

static bool apply_authorize(gt_sg_fold *f, gt_arena *arena, gt_sg_state *s, const gt_sg_change *c,
                            gt_sg_step *step)
{
    for (size_t i = 0; i < c->rule_count; i++) {
        const gt_sg_rule *r = &c->rules[i];
        if (r->malformed || !r->content_known)
            continue;
        size_t same = find_content(s, r);
        if (same != NONE) /* AWS accepted it, so the one we know must have gone unseen */
            slot_end(f, &s->items[same], step);
        gt_sg_slot *slot = slot_begin(f, arena, s, r, step);
        if (!slot)
            return false;
        if (slot->version)
            slot->version->introduced = step;
    }
    return true;
}

/* A rule that a call proves to have been there before the log began. */
static gt_sg_slot *slot_reveal(gt_sg_fold *f, gt_arena *arena, gt_sg_state *s,
                               const gt_sg_rule *rule, gt_sg_step *step)
{
    gt_sg_slot *slot = slot_begin(f, arena, s, rule, NULL);
    if (slot && step)
        slot->version = version_new(f, rule, NULL);
    return slot && (!step || slot->version) ? slot : NULL;
}

/* A revoke by an id whose rule nobody told. */
static bool revoke_untold(gt_sg_fold *f, gt_sg_state *s, const gt_sg_rule *r, gt_sg_step *step)
{
    if (!step)
        return true;
    if (is_told(f, r->rule_id) && f->complete)
        return true; /* known to be gone already */
    doubt_all(s, r->direction, step);
    f->unknown_removed++;
    gt_sg_version *v = version_new(f, r, NULL);
    version_end(v, step);
    step->uncertain = true;
    return v != NULL;
}

static bool apply_revoke_one(gt_sg_fold *f, gt_arena *arena, gt_sg_state *s, const gt_sg_rule *r,
                             gt_sg_step *step)
{
    size_t at = find_target(f, s, r);
    if (at != NONE) {
        gt_sg_version *v = s->items[at].version;
        if (v && v->rule.direction == GT_SG_DIRECTION_UNKNOWN)
            v->rule.direction = r->direction; /* the call's name tells it at last */
        slot_end(f, &s->items[at], step);
        return true;
    }
    if (!r->content_known)
        return revoke_untold(f, s, r, step);
    at = find_undirected(s, r);
    if (at != NONE && step && s->items[at].version && !s->items[at].version->doubt)
        s->items[at].version->doubt = step; /* this one, or another of the same content */
    if (f->complete || is_absent(s, r))
        return true;
    gt_sg_rule revealed = *r;
    gt_sg_slot *slot = slot_reveal(f, arena, s, &revealed, step);
    if (!slot)
        return false;
    slot_end(f, slot, step);
    return true;
}

static bool apply_revoke(gt_sg_fold *f, gt_arena *arena, gt_sg_state *s, const gt_sg_change *c,
                         gt_sg_step *step)
{
    for (size_t i = 0; i < c->rule_count; i++)
        if (!c->rules[i].malformed && !is_unmatched(c, &c->rules[i]) &&
            !apply_revoke_one(f, arena, s, &c->rules[i], step))
            return false;
    return true;
}

/* The direction that all rules without an id share; unknown when they do not, or may be unseen. */
static gt_sg_direction shared_direction(const gt_sg_fold *f, const gt_sg_state *s)
{
    gt_sg_direction shared = GT_SG_DIRECTION_UNKNOWN;
    for (size_t i = 0; f->complete && i < s->count; i++)
        if (is_candidate(&s->items[i], GT_SG_DIRECTION_UNKNOWN)) {
            if (shared != GT_SG_DIRECTION_UNKNOWN && shared != s->items[i].rule.direction)
                return GT_SG_DIRECTION_UNKNOWN;
            shared = s->items[i].rule.direction;
        }
    return shared;
}

static bool modify_untold(gt_sg_fold *f, gt_arena *arena, gt_sg_state *s, const gt_sg_rule *r,
                          gt_sg_step *step)
{
    gt_sg_rule rule = *r;
    rule.direction = shared_direction(f, s);
    doubt_all(s, rule.direction, step);
    gt_sg_slot *slot = slot_begin(f, arena, s, &rule, step);
    if (!slot)
        return false;
    if (slot->version)
        slot->version->modified = step;
    if (step)
        step->uncertain = true;
    return true;
}

/* All old contents first, then all new ones: two rules may swap theirs in one call. */
static bool apply_modify(gt_sg_fold *f, gt_arena *arena, gt_sg_state *s, const gt_sg_change *c,
                         gt_sg_step *step)
{
    for (size_t i = 0; i < c->rule_count; i++) {
        gt_sg_rule r = c->rules[i];
        if (r.malformed || !r.content_known)
            continue;
        size_t at = find_id(s, r.rule_id);
        if (at == NONE && !is_told(f, r.rule_id))
            at = find_untold(f, s, GT_SG_DIRECTION_UNKNOWN);
        if (at == NONE) {
            if (!modify_untold(f, arena, s, &r, step))
                return false;
            continue;
        }
        gt_sg_slot *slot = &s->items[at];
        r.direction = slot->rule.direction;
        if (r.tags.len == 0)
            r.tags = slot->rule.tags; /* they are the rule's, whatever it says now */
        if (!f->complete) { /* remember that the old content is gone */
            gt_sg_slot gone = {.rule = slot->rule};
            gt_sg_slot *kept = slot_new(arena, s);
            if (!kept)
                return false;
            *kept = gone;
            slot = &s->items[at];
        }
        if (!slot_change(f, slot, &r, step))
            return false;
    }
    return true;
}

static bool apply_describe(gt_sg_fold *f, gt_arena *arena, gt_sg_state *s, const gt_sg_change *c,
                           gt_sg_step *step)
{
    for (size_t i = 0; i < c->rule_count; i++) {
        const gt_sg_rule *r = &c->rules[i];
        size_t at = r->malformed ? NONE : find_target(f, s, r);
        if (r->malformed)
            continue;
        if (at == NONE && !r->content_known) {
            if (step) {
                step->effective = step->effective || !f->complete;
                step->uncertain = true;
            }
            continue;
        }
        if (at == NONE) {
            if (f->complete || is_absent(s, r))
                continue;
            gt_sg_rule before = *r;
            before.description = GT_STR(""); /* not told */
            gt_sg_slot *slot = slot_reveal(f, arena, s, &before, step);
            if (!slot)
                return false;
            at = (size_t)(slot - s->items);
        }
        gt_sg_rule described = s->items[at].rule;
        described.description = r->description;
        if (!slot_change(f, &s->items[at], &described, step))
            return false;
    }
    return true;
}

static bool slot_imply(gt_sg_fold *f, gt_arena *arena, gt_sg_state *s, const gt_sg_rule *rule,
                       gt_sg_step *step)
{
    gt_sg_slot *slot = slot_begin(f, arena, s, rule, step);
    if (slot && slot->version) {
        slot->version->introduced = step;
        slot->version->implied = true;
    }
    return slot != NULL;
}

/* What AWS puts into a new group: all egress, and into a VPC's default group all ingress from itself. */
static bool apply_create(gt_sg_fold *f, gt_arena *arena, gt_sg_state *s, const gt_sg_change *c,
                         gt_sg_step *step)
{
    gt_sg_rule all = {.direction = GT_SG_EGRESS, .protocol = GT_SG_PROTOCOL_ALL, .from_port = -1,
                      .to_port = -1, .peer = GT_SG_PEER_CIDR, .content_known = true};
    gt_sg_rule self = {.direction = GT_SG_INGRESS, .protocol = GT_SG_PROTOCOL_ALL,
                       .from_port = -1, .to_port = -1, .peer = GT_SG_PEER_GROUP,
                       .peer_id = c->group_id, .peer_account = c->account, .content_known = true};
    s->exists = true;
    s->deleted = false;
    for (int v6 = 0; v6 <= (f->ipv6 ? 1 : 0); v6++) {
        all.cidr.net.v6 = v6;
        if (!slot_imply(f, arena, s, &all, step))
            return false;
    }
    return !c->default_group || slot_imply(f, arena, s, &self, step);
}

bool gt_sg_state_apply(gt_sg_fold *f, gt_arena *arena, gt_sg_state *s, const gt_sg_change *c,
                       gt_sg_step *step)
{
    if (step)
        step->uncertain = c->confidence == GT_SG_INCOMPLETE;
    switch (c->operation) {
    case GT_SG_CREATE:
        return apply_create(f, arena, s, c, step);
    case GT_SG_AUTHORIZE:
        return apply_authorize(f, arena, s, c, step);
    case GT_SG_REVOKE:
        return apply_revoke(f, arena, s, c, step);
    case GT_SG_MODIFY:
        return apply_modify(f, arena, s, c, step);
    case GT_SG_DESCRIBE:
        return apply_describe(f, arena, s, c, step);
    case GT_SG_DELETE:
        for (size_t i = 0; i < s->count; i++)
            if (s->items[i].live)
                slot_end(f, &s->items[i], step);
        s->deleted = true;
        return true;
    default:
        return true;
    }
}

bool gt_sg_state_seed(gt_sg_fold *f, gt_arena *arena, gt_sg_state *s, const gt_sg_rule *rule,
                      bool anchored)
{
    gt_sg_slot *slot = slot_begin(f, arena, s, rule, NULL);
    if (!slot)
        return false;
    slot->version = version_new(f, rule, NULL);
    if (!slot->version)
        return false;
    slot->version->anchored = anchored;
    return true;
}

bool gt_sg_state_copy(gt_arena *arena, const gt_sg_state *from, gt_sg_state *ret)
{
    *ret = *from;
    ret->cap = from->count + 8;
    ret->items = gt_arena_array(arena, gt_sg_slot, ret->cap);
    if (!ret->items)
        return false;
    if (from->count)
        memcpy(ret->items, from->items, from->count * sizeof *from->items);
    for (size_t i = 0; i < ret->count; i++)
        ret->items[i].version = NULL;
    return true;
}
