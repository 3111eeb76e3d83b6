/* sg list — every group that the records name, and how much is known of it. */
#include "cli/sg.h"

typedef struct facts {
    size_t rules, changes, attached;
    bool internet; /* something of the internet is let in */
} facts;

static gt_status gather(gt_sg_run *r, const gt_sg_timeline *t, facts *ret)
{
    gt_sg_space space = {0};
    bool ignored = false, exists = gt_sg_timeline_exists(t, GT_SG_END - 1);
    for (size_t i = 0; exists && i < t->version_count; i++)
        ret->rules += gt_sg_is_fact(t->versions[i], GT_SG_END - 1);
    for (size_t i = 0; i < t->step_count; i++)
        ret->changes += t->steps[i]->effective;
    for (size_t i = 0; i < t->attached_count; i++)
        ret->attached += !t->attached[i].to;
    if (!exists)
        return GT_OK;
    GT_TRY(gt_sg_timeline_space(r->history, r->arena, t, GT_SG_END - 1, &space, &ignored));
    for (size_t i = 0; i < space.count; i++)
        ret->internet = ret->internet || (space.items[i].direction == GT_SG_INGRESS &&
                                          gt_sg_is_internet(&space.items[i].cidr));
    return GT_OK;
}

static gt_status on_group(void *context, const gt_sg_timeline *t)
{
    gt_sg_run *r = context;
    gt_arena *a = r->arena;
    const gt_sg_group *g = &t->group;
    facts f = {0};
    GT_TRY(gather(r, t, &f));
    if (r->format == GT_SG_TEXT) {
        gt_sg_put(r, g->id);
        gt_buf_printf(&r->text, "  %-8s  %4zu rules  %5zu changes  %4zu attached  %s  ",
                      t->deleted ? "deleted" : gt_sg_baseline_text(g->baseline), f.rules,
                      f.changes, f.attached, f.internet ? "internet" : "        ");
        gt_sg_put(r, g->name.len ? g->name : GT_STR("-"));
        gt_buf_lit(&r->text, "\n");
        return GT_OK;
    }
    gt_json *o = gt_json_new_object(a);
    gt_json_add(o, GT_STR("group_id"), gt_json_new_str(a, g->id));
    gt_json_add(o, GT_STR("name"),
                g->name.len ? gt_json_new_str(a, g->name) : gt_json_new_null(a));
    gt_json_add(o, GT_STR("vpc_id"),
                g->vpc_id.len ? gt_json_new_str(a, g->vpc_id) : gt_json_new_null(a));
    gt_json_add(o, GT_STR("account"), gt_json_new_str(a, g->account));
    gt_json_add(o, GT_STR("region"), gt_json_new_str(a, g->region));
    gt_json_add(o, GT_STR("baseline"),
                gt_json_new_str(a, gt_str_c(gt_sg_baseline_text(g->baseline))));
    gt_json_add(o, GT_STR("created"), gt_sg_origin_json(a, t->created));
    gt_json_add(o, GT_STR("deleted"), gt_sg_origin_json(a, t->deleted));
    gt_json_add(o, GT_STR("rules"), gt_json_new_i64(a, (int64_t)f.rules));
    gt_json_add(o, GT_STR("changes"), gt_json_new_i64(a, (int64_t)f.changes));
    gt_json_add(o, GT_STR("attached"), gt_json_new_i64(a, (int64_t)f.attached));
    gt_json_add(o, GT_STR("open_to_internet"), gt_json_new_bool(a, f.internet));
    GT_TRY(gt_arena_status(a));
    gt_sg_print_item(r, o);
    return GT_OK;
}

int gt_cmd_sg_list(gt_cli *cli)
{
    gt_sg_run run;
    int exit = gt_sg_run_open(cli, &run);
    if (!exit)
        exit = gt_sg_run_groups(&run, on_group, &run);
    if (!exit)
        exit = gt_sg_run_end(&run);
    gt_sg_run_done(&run);
    return exit;
}
