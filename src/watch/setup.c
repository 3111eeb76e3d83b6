#include "watch/setup.h"

#include "base/limits.h"
#include "watch/judge.h"
#include "watch/schedule.h"

gt_watch_setup *gt_watch_setup_new(gt_arena *arena)
{
    gt_watch_setup *setup = gt_arena_new_of(arena, gt_watch_setup);
    if (!setup)
        return NULL;
    setup->arena = arena;
    atomic_init(&setup->holders, 1);
    return setup;
}

gt_watch_setup *gt_watch_setup_hold(gt_watch_setup *setup)
{
    atomic_fetch_add(&setup->holders, 1);
    return setup;
}

void gt_watch_setup_release(gt_watch_setup *setup)
{
    if (!setup || atomic_fetch_sub(&setup->holders, 1) != 1)
        return;
    gt_ecs_tables_close(setup->tables);
    gt_arena_free(setup->arena); /* the setup lives in it */
}

static gt_status load_rules(gt_watch_setup *setup, const gt_rules_options *options, gt_buf *out)
{
    gt_rules *rules = NULL;
    gt_arena *scratch = gt_arena_new(GT_SCRATCH_ARENA_MAX);
    gt_status status =
        scratch ? gt_rules_load(setup->arena, scratch, options, &rules) : GT_NOMEM;
    gt_arena_free(scratch);
    GT_TRY(status);
    for (size_t i = 0; i < rules->file_count; i++) {
        if (rules->files[i].diags.errors || rules->files[i].diags.warnings)
            gt_diags_render(&rules->files[i].diags, false, out);
    }
    setup->rules = rules;
    return rules->errors ? GT_INVALID : GT_OK;
}

/* A schedule that cannot be worked out would silently never run. */
static gt_status mark_scheduled(gt_watch_setup *setup, const gt_watch_setup_options *o, gt_buf *out)
{
    size_t count = gt_detector_count(setup->detector);
    bool *scheduled = gt_arena_array(setup->arena, bool, count + 1);
    gt_status status = scheduled ? GT_OK : gt_arena_status(setup->arena);
    for (size_t i = 0; scheduled && o->scheduled && i < count; i++) {
        const gt_rule *rule = gt_detector_rule(setup->detector, i);
        gt_schedule plan;
        scheduled[i] = o->scheduled(o->ctx, rule);
        setup->any_scheduled = setup->any_scheduled || scheduled[i];
        if (!scheduled[i] || gt_schedule_plan(rule, false, 0, o->now, &plan))
            continue;
        gt_buf_printf(out, "%.*s: error: from \"%.*s\" and to \"%.*s\" are no window of time\n",
                      GT_STR_ARG(rule->path), GT_STR_ARG(rule->from), GT_STR_ARG(rule->to));
        status = GT_INVALID;
    }
    setup->scheduled = scheduled;
    return status;
}

static gt_status load_all(gt_watch_setup *setup, const gt_watch_setup_options *o, gt_buf *out)
{
    GT_TRY(load_rules(setup, &o->rules, out));
    gt_str message = GT_STR("");
    gt_status status = gt_ecs_tables_open(&o->ecs, setup->arena, &setup->tables, &message);
    if (status != GT_OK) {
        gt_buf_printf(out, "error: %.*s\n", GT_STR_ARG(message));
        return status == GT_NOMEM ? status : GT_INVALID;
    }
    gt_detector *detector = NULL;
    gt_detector_options options = {.rules = setup->rules, .select = o->select, .select_ctx = o->ctx,
                                   .scheduled = true, .now = o->now};
    GT_TRY(gt_detector_new(setup->arena, &options, &detector));
    setup->detector = detector;
    setup->pace = gt_arena_array(setup->arena, gt_pace_rule, gt_detector_count(detector) + 1);
    if (!setup->pace)
        return gt_arena_status(setup->arena);
    setup->enrich = gt_detector_reads(detector, GT_STR("gatetrail")) ? &gt_judge_plain : NULL;
    return mark_scheduled(setup, o, out);
}

gt_status gt_watch_setup_load(const gt_watch_setup_options *options, gt_watch_setup **ret,
                              gt_buf *out)
{
    gt_arena *arena = gt_arena_new(GT_RULES_ARENA_MAX);
    gt_watch_setup *setup = arena ? gt_watch_setup_new(arena) : NULL;
    if (!setup) {
        gt_arena_free(arena);
        return GT_NOMEM;
    }
    gt_status status = load_all(setup, options, out);
    if (status != GT_OK) {
        gt_watch_setup_release(setup);
        return status;
    }
    *ret = setup;
    return GT_OK;
}
