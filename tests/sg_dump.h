/* sg_dump.h — everything a history says, as text: two orders of the same changes must say the same.
 * For the fuzzer and the property test. */
#ifndef TESTS_SG_DUMP_H
#define TESTS_SG_DUMP_H

#include "base/limits.h"
#include "sg/history.h"

typedef struct sg_dump {
    gt_arena *arena;
    gt_buf *out;
} sg_dump;

static inline void sg_dump_step(gt_buf *out, const char *name, const gt_sg_step *step)
{
    if (step)
        gt_buf_printf(out, " %s=%zu:%.*s", name, step->index, GT_STR_ARG(step->change->event_id));
}

static inline void sg_dump_space(const sg_dump *d, const char *name, const gt_sg_space *space)
{
    for (size_t i = 0; i < space->count; i++) {
        gt_sg_pieces pieces = {0};
        if (!gt_sg_pieces_of(d->arena, &space->items[i], &pieces))
            gt_buf_add(d->out, GT_STR(" no memory"));
        for (size_t k = 0; k < pieces.count; k++)
            gt_buf_printf(d->out, " %s(%.*s)", name,
                          GT_STR_ARG(gt_sg_piece_text(d->arena, &pieces.items[k])));
    }
}

static inline gt_status sg_dump_effect(void *context, const gt_sg_step *step,
                                       const gt_sg_effect *effect)
{
    const sg_dump *d = context;
    gt_buf_printf(d->out, "  %zu %.*s %s%s%s%s %.*s", step->index,
                  GT_STR_ARG(step->change->event_id), gt_sg_operation_text(step->operation),
                  step->effective ? "" : " nothing", step->uncertain ? " uncertain" : "",
                  step->inferred ? " inferred" : "", GT_STR_ARG(step->resource));
    sg_dump_space(d, "opened", &effect->opened);
    sg_dump_space(d, "closed", &effect->closed);
    gt_buf_add(d->out, effect->unknown ? GT_STR(" unknown\n") : GT_STR("\n"));
    return GT_OK;
}

static inline void sg_dump_version(const sg_dump *d, const gt_sg_version *v)
{
    gt_buf_printf(d->out, "  rule %.*s id=%.*s text=%.*s%s%s",
                  GT_STR_ARG(gt_sg_rule_text(d->arena, &v->rule)), GT_STR_ARG(v->rule.rule_id),
                  GT_STR_ARG(v->rule.description), v->implied ? " implied" : "",
                  v->next_same ? " again" : "");
    sg_dump_step(d->out, "from", v->from);
    sg_dump_step(d->out, "to", v->to);
    sg_dump_step(d->out, "introduced", v->introduced);
    sg_dump_step(d->out, "modified", v->modified);
    sg_dump_step(d->out, "doubt", v->doubt);
    gt_buf_add(d->out, GT_STR("\n"));
}

static inline gt_status sg_dump_group(const sg_dump *d, gt_sg_history *h, const gt_sg_group *g)
{
    gt_sg_timeline *t;
    gt_sg_window *windows;
    gt_sg_attached *spans;
    size_t n;
    gt_buf_printf(d->out, "%.*s name=%.*s vpc=%.*s account=%.*s region=%.*s text=%.*s %s "
                          "created=%lld deleted=%lld\n",
                  GT_STR_ARG(g->id), GT_STR_ARG(g->name), GT_STR_ARG(g->vpc_id),
                  GT_STR_ARG(g->account), GT_STR_ARG(g->region), GT_STR_ARG(g->description),
                  gt_sg_baseline_text(g->baseline), (long long)g->created, (long long)g->deleted);
    GT_TRY(gt_sg_history_fold(h, d->arena, g->id, &t));
    gt_buf_printf(d->out, "  untold=%zu ipv6=%d", t->unknown_removed, t->default_ipv6_unknown);
    sg_dump_step(d->out, "created", t->created);
    sg_dump_step(d->out, "deleted", t->deleted);
    gt_buf_add(d->out, GT_STR("\n"));
    sg_dump copy = *d;
    GT_TRY(gt_sg_timeline_walk(h, d->arena, t, sg_dump_effect, &copy));
    for (size_t i = 0; i < t->version_count; i++)
        sg_dump_version(d, t->versions[i]);
    GT_TRY(gt_sg_timeline_windows(h, d->arena, t, &windows, &n));
    for (size_t i = 0; i < n; i++) {
        gt_sg_space one = {.items = &windows[i].box, .count = 1};
        sg_dump_space(d, windows[i].known ? "window" : "window?", &one);
        sg_dump_step(d->out, "opened", windows[i].opened);
        sg_dump_step(d->out, "closed", windows[i].closed);
    }
    GT_TRY(gt_sg_history_attached(h, d->arena, g->id, &spans, &n));
    for (size_t i = 0; i < n; i++)
        gt_buf_printf(d->out, "\n  on %.*s from %.*s to %.*s", GT_STR_ARG(spans[i].resource),
                      GT_STR_ARG(spans[i].from->event_id),
                      GT_STR_ARG(spans[i].to ? spans[i].to->event_id : GT_STR("-")));
    gt_buf_add(d->out, GT_STR("\n"));
    return GT_OK;
}

/* The history of changes[order[0]], changes[order[1]], …, as text. Each group in an arena of its own. */
static inline gt_status sg_dump_history(gt_sg_change *const *changes, const size_t *order,
                                        size_t count, gt_buf *out)
{
    gt_sg_history *h = gt_sg_history_new();
    gt_status status = h ? GT_OK : GT_NOMEM;
    for (size_t i = 0; i < count && status == GT_OK; i++)
        status = gt_sg_history_add(h, changes[order[i]]);
    size_t groups = status == GT_OK ? gt_sg_history_group_count(h) : 0;
    for (size_t i = 0; i < groups && status == GT_OK; i++) {
        sg_dump d = {gt_arena_new(256 * GT_MIB), out};
        status = d.arena ? sg_dump_group(&d, h, gt_sg_history_group(h, i)) : GT_NOMEM;
        gt_arena_free(d.arena);
    }
    gt_sg_history_free(h);
    return status == GT_OK ? gt_buf_status(out) : status;
}

#endif
