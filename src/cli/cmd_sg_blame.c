/* sg blame — for each rule in force: who introduced it, who changed it last. */
#include "cli/sg.h"

static gt_status item_json(gt_sg_run *r, const gt_sg_timeline *t, const gt_sg_version *v)
{
    gt_arena *a = r->arena;
    gt_json *o = gt_json_new_object(a);
    gt_json *introduced = gt_sg_origin_json(a, v->introduced);
    if (v->introduced)
        gt_json_add(introduced, GT_STR("implied"), gt_json_new_bool(a, v->implied));
    gt_json_add(o, GT_STR("group_id"), gt_json_new_str(a, t->group.id));
    gt_json_add(o, GT_STR("rule"), gt_sg_version_json(a, t, v));
    gt_json_add(o, GT_STR("introduced"), introduced);
    gt_json_add(o, GT_STR("modified"), gt_sg_origin_json(a, v->modified));
    gt_json_add(o, GT_STR("certainty"), gt_json_new_str(a, gt_str_c(gt_sg_certainty(v))));
    if (v->doubt)
        gt_json_add(o, GT_STR("doubt"), gt_sg_origin_json(a, v->doubt));
    gt_json_add(o, GT_STR("baseline"),
                gt_json_new_str(a, gt_str_c(gt_sg_baseline_text(t->group.baseline))));
    GT_TRY(gt_arena_status(a));
    gt_sg_print_item(r, o);
    return GT_OK;
}

/* "0a1d3045 (deploy       2022-10-10T18:54:00Z aws-cli 2.17) ingress tcp 22 0.0.0.0/0" */
static void put_line(gt_sg_run *r, const gt_sg_version *v)
{
    bool on = r->cli->colour_out;
    const gt_sg_step *step = v->modified ? v->modified : v->introduced;
    gt_buf field = GT_BUF((size_t)1 << 16);
    if (step) {
        gt_buf_printf(&r->text, "%s", gt_cli_colour(on, GT_COLOUR_YELLOW));
        gt_sg_put(r, gt_str_head(step->change->event_id, 8));
        gt_buf_printf(&r->text, "%s%c(", gt_cli_colour(on, GT_COLOUR_OFF),
                      v->modified ? '*' : v->implied ? '^' : ' ');
        gt_cli_escape(&field, gt_sg_actor_short(&step->change->actor));
        gt_str when = gt_sg_time_text(r->arena, step->change->time);
        gt_buf_printf(&r->text, "%-28.28s %.*s ", field.data ? field.data : "", GT_STR_ARG(when));
        gt_buf_reset(&field);
        gt_cli_escape(&field, step->change->actor.tool);
        gt_buf_printf(&r->text, "%-20.20s) ", field.data ? field.data : "");
    } else {
        gt_buf_printf(&r->text, "%-8s (%-28s %-20s %-20s) ", "--------",
                      v->anchored ? "in the snapshot" : "before the log", "", "");
    }
    gt_buf_done(&field);
    gt_sg_put(r, gt_sg_rule_text(r->arena, &v->rule));
    if (v->rule.description.len) {
        gt_buf_lit(&r->text, "  \"");
        gt_sg_put(r, v->rule.description);
        gt_buf_lit(&r->text, "\"");
    }
    if (v->doubt)
        gt_buf_lit(&r->text, "  (in doubt)");
    gt_buf_lit(&r->text, "\n");
}

static gt_status on_group(void *context, const gt_sg_timeline *t)
{
    gt_sg_run *r = context;
    if (!gt_sg_timeline_exists(t, GT_SG_END - 1))
        return GT_OK;
    if (r->format == GT_SG_TEXT) {
        gt_sg_put(r, t->group.id);
        if (t->group.name.len) {
            gt_buf_lit(&r->text, " (");
            gt_sg_put(r, t->group.name);
            gt_buf_lit(&r->text, ")");
        }
        gt_buf_printf(&r->text, ", baseline %s%s\n", gt_sg_baseline_text(t->group.baseline),
                      t->group.baseline == GT_SG_PARTIAL
                          ? ": rules from before the log may exist that no record shows"
                          : "");
    }
    for (size_t i = 0; i < t->version_count; i++) {
        const gt_sg_version *v = t->versions[i];
        if (!gt_sg_version_at(v, GT_SG_END - 1))
            continue;
        if (r->format == GT_SG_TEXT)
            put_line(r, v);
        else
            GT_TRY(item_json(r, t, v));
    }
    if (r->format == GT_SG_TEXT)
        gt_buf_lit(&r->text, "\n");
    return GT_OK;
}

int gt_cmd_sg_blame(gt_cli *cli)
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
