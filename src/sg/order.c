/* order.c — CloudTrail's time has whole seconds, and scripts make many calls in one.
 * Method: take, again and again, the first change that EC2 would have accepted in the state so far; by
 * operation (create, authorise, modify, describe, revoke, delete), then event id. When that leads into a
 * dead end, search with going back, for a bounded number of trials. When no order works at all (changes
 * are missing), take the one that breaks least. */
#include "sg/state.h"

#include <stdlib.h>

/* Trials before the search gives up: a second holds a few calls; hostile input must not hang us. */
#define TRIALS_MAX 20000
/* Going back over more changes than this is hopeless within the trials. */
#define SEARCH_MAX 24

static int rank(const gt_sg_change *c)
{
    static const uint8_t ranks[] = {
        [GT_SG_CREATE] = 0,   [GT_SG_AUTHORIZE] = 1, [GT_SG_MODIFY] = 2,
        [GT_SG_DESCRIBE] = 3, [GT_SG_REVOKE] = 4,    [GT_SG_DELETE] = 5,
    };
    return c->operation < sizeof ranks ? ranks[c->operation] : 6;
}

static int cmp_rank(const void *a, const void *b)
{
    const gt_sg_change *x = *(gt_sg_change *const *)a, *y = *(gt_sg_change *const *)b;
    int c = rank(x) - rank(y);
    return c ? c : gt_sg_change_cmp(x, y);
}

typedef struct search {
    gt_sg_fold *fold;
    gt_arena *scratch;
    gt_sg_change **changes; /* sorted by rank */
    size_t count;
    bool *used;
    size_t *order;
    size_t trials;
    bool failed;
} search;

/* One way through, always taking what breaks least; true when nothing was broken. */
static bool greedy(search *s, const gt_sg_state *start)
{
    gt_sg_state state;
    bool clean = true;
    if (!gt_sg_state_copy(s->scratch, start, &state)) {
        s->failed = true;
        return false;
    }
    for (size_t n = 0; n < s->count; n++) {
        size_t best = SIZE_MAX;
        int best_broken = 0;
        for (size_t i = 0; i < s->count && (best == SIZE_MAX || best_broken > 0); i++) {
            if (s->used[i])
                continue;
            int broken = gt_sg_state_check(s->fold, &state, s->changes[i]);
            if (best == SIZE_MAX || broken < best_broken) {
                best = i;
                best_broken = broken;
            }
        }
        clean = clean && best_broken == 0;
        s->used[best] = true;
        s->order[n] = best;
        if (!gt_sg_state_apply(s->fold, s->scratch, &state, s->changes[best], NULL)) {
            s->failed = true;
            return false;
        }
    }
    return clean;
}

/* NOLINTNEXTLINE(misc-no-recursion): at most SEARCH_MAX deep */
static bool descend(search *s, const gt_sg_state *state, size_t depth)
{
    if (depth == s->count)
        return true;
    for (size_t i = 0; i < s->count && !s->failed; i++) {
        if (s->used[i] || s->trials++ > TRIALS_MAX ||
            gt_sg_state_check(s->fold, state, s->changes[i]) > 0)
            continue;
        gt_arena_mark mark = gt_arena_save(s->scratch);
        gt_sg_state next;
        if (!gt_sg_state_copy(s->scratch, state, &next) ||
            !gt_sg_state_apply(s->fold, s->scratch, &next, s->changes[i], NULL)) {
            s->failed = true;
            return false;
        }
        s->used[i] = true;
        s->order[depth] = i;
        if (descend(s, &next, depth + 1))
            return true;
        s->used[i] = false;
        gt_arena_rewind(s->scratch, mark);
    }
    return false;
}

bool gt_sg_changes_order(gt_sg_fold *fold, gt_arena *scratch, const gt_sg_state *state,
                         gt_sg_change **changes, size_t count)
{
    search s = {.fold = fold, .scratch = scratch, .count = count};
    if (count < 2)
        return true;
    s.changes = gt_arena_array(scratch, gt_sg_change *, count);
    s.used = gt_arena_array(scratch, bool, count);
    s.order = gt_arena_array(scratch, size_t, count);
    size_t *kept = gt_arena_array(scratch, size_t, count);
    if (!s.changes || !s.used || !s.order || !kept)
        return false;
    memcpy(s.changes, changes, count * sizeof *changes);
    qsort(s.changes, count, sizeof *s.changes, cmp_rank);
    bool clean = greedy(&s, state);
    if (!clean && !s.failed && count <= SEARCH_MAX) {
        memcpy(kept, s.order, count * sizeof *kept);
        memset(s.used, 0, count * sizeof *s.used);
        if (!descend(&s, state, 0))
            memcpy(s.order, kept, count * sizeof *kept);
    }
    for (size_t i = 0; i < count && !s.failed; i++)
        changes[i] = s.changes[s.order[i]];
    return !s.failed;
}
