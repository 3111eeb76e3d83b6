/* sg diff — what is different in a group between two times. */
#include "cli/sg.h"

typedef struct diff_command {
    gt_sg_run run;
    gt_time_ms from, to;
} diff_command;

/* The rule as it stood at `time`: same content. */
static const gt_sg_version *same_at(const gt_sg_timeline *t, const gt_sg_version *v,
                                    gt_time_ms time)
{
    if (!gt_sg_timeline_exists(t, time))
        return NULL;
    for (size_t i = 0; i < t->version_count; i++)
        if (gt_sg_version_at(t->versions[i], time) && t->versions[i]->rule.content_known &&
            gt_sg_rule_same(&t->versions[i]->rule, &v->rule))
            return t->versions[i];
    return NULL;
}

typedef struct diff_lists {
    gt_json *added, *removed, *described;
} diff_lists;

static void compare(diff_command *c, const gt_sg_timeline *t, diff_lists *ret)
{
    gt_arena *a = c->run.arena;
    *ret = (diff_lists){gt_json_new_array(a), gt_json_new_array(a), gt_json_new_array(a)};
    for (size_t i = 0; i < t->version_count; i++) {
        const gt_sg_version *v = t->versions[i], *other;
        if (!v->rule.content_known)
            continue;
        bool before = gt_sg_timeline_exists(t, c->from) && gt_sg_version_at(v, c->from);
        bool after = gt_sg_timeline_exists(t, c->to) && gt_sg_version_at(v, c->to);
        if (after && !before) {
            other = same_at(t, v, c->from);
            if (!other)
                gt_json_append(ret->added, gt_sg_version_json(a, t, v));
            else if (!gt_str_eq(other->rule.description, v->rule.description))
                gt_json_append(ret->described, gt_sg_version_json(a, t, v));
        }
        if (before && !after && !same_at(t, v, c->to))
            gt_json_append(ret->removed, gt_sg_version_json(a, t, v));
    }
}

static gt_status spaces(diff_command *c, const gt_sg_timeline *t, gt_sg_space *opened,
                        gt_sg_space *closed)
{
    gt_arena *a = c->run.arena;
    gt_sg_space before = {0}, after = {0};
    bool ignored = false;
    if (gt_sg_timeline_exists(t, c->from))
        GT_TRY(gt_sg_timeline_space(c->run.history, a, t, c->from, &before, &ignored));
    if (gt_sg_timeline_exists(t, c->to))
        GT_TRY(gt_sg_timeline_space(c->run.history, a, t, c->to, &after, &ignored));
    for (size_t i = 0; i < after.count; i++)
        if (!gt_sg_space_minus(a, &after.items[i], before.items, before.count, opened))
            return gt_arena_status(a);
    for (size_t i = 0; i < before.count; i++)
        if (!gt_sg_space_minus(a, &before.items[i], after.items, after.count, closed))
            return gt_arena_status(a);
    gt_sg_space_normalise(opened);
    gt_sg_space_normalise(closed);
    return GT_OK;
}

static void put_versions(diff_command *c, const gt_sg_timeline *t, bool added)
{
    gt_sg_run *r = &c->run;
    bool on = r->cli->colour_out;
    gt_time_ms here = added ? c->to : c->from, there = added ? c->from : c->to;
    for (size_t i = 0; i < t->version_count; i++) {
        const gt_sg_version *v = t->versions[i], *other;
        if (!v->rule.content_known || !gt_sg_timeline_exists(t, here) ||
            !gt_sg_version_at(v, here))
            continue;
        other = same_at(t, v, there);
        if (other && (!added || gt_str_eq(other->rule.description, v->rule.description)))
            continue;
        gt_buf_printf(&r->text, "%s%c ", gt_cli_colour(on, added ? GT_COLOUR_GREEN : GT_COLOUR_RED),
                      other ? '~' : added ? '+' : '-');
        gt_sg_put(r, gt_sg_rule_text(r->arena, &v->rule));
        if (v->rule.description.len) {
            gt_buf_lit(&r->text, "  \"");
            gt_sg_put(r, v->rule.description);
            gt_buf_lit(&r->text, "\"");
        }
        gt_buf_printf(&r->text, "%s\n", gt_cli_colour(on, GT_COLOUR_OFF));
    }
}

static void put_text(diff_command *c, const gt_sg_timeline *t)
{
    gt_sg_run *r = &c->run;
    gt_str from = gt_sg_time_text(r->arena, c->from), to = gt_sg_time_text(r->arena, c->to);
    gt_buf_printf(&r->text, "%s--- ", gt_cli_colour(r->cli->colour_out, GT_COLOUR_BOLD));
    gt_sg_put(r, t->group.id);
    gt_buf_printf(&r->text, " at %.*s\n+++ ", GT_STR_ARG(from));
    gt_sg_put(r, t->group.id);
    if (c->to == GT_SG_END - 1)
        gt_buf_lit(&r->text, " at the end of the log");
    else
        gt_buf_printf(&r->text, " at %.*s", GT_STR_ARG(to));
    gt_buf_printf(&r->text, "%s\n", gt_cli_colour(r->cli->colour_out, GT_COLOUR_OFF));
    put_versions(c, t, false);
    put_versions(c, t, true);
    gt_buf_lit(&r->text, "\n");
}

static gt_status on_group(void *context, const gt_sg_timeline *t)
{
    diff_command *c = context;
    gt_arena *a = c->run.arena;
    diff_lists lists;
    gt_sg_space opened = {0}, closed = {0};
    compare(c, t, &lists);
    bool same = !lists.added->count && !lists.removed->count && !lists.described->count;
    if (same && c->run.group_count == 0)
        return GT_OK; /* of all groups only those that differ */
    if (c->run.format == GT_SG_TEXT) {
        put_text(c, t);
        return GT_OK;
    }
    GT_TRY(spaces(c, t, &opened, &closed));
    gt_json *o = gt_json_new_object(a);
    gt_json_add(o, GT_STR("group_id"), gt_json_new_str(a, t->group.id));
    gt_json_add(o, GT_STR("from"), gt_sg_time_json(a, c->from));
    gt_json_add(o, GT_STR("to"),
                c->to == GT_SG_END - 1 ? gt_json_new_null(a) : gt_sg_time_json(a, c->to));
    gt_json_add(o, GT_STR("added"), lists.added);
    gt_json_add(o, GT_STR("removed"), lists.removed);
    gt_json_add(o, GT_STR("described"), lists.described);
    gt_json_add(o, GT_STR("opened"), gt_sg_pieces_json(a, &opened));
    gt_json_add(o, GT_STR("closed"), gt_sg_pieces_json(a, &closed));
    gt_json_add(o, GT_STR("baseline"),
                gt_json_new_str(a, gt_str_c(gt_sg_baseline_text(t->group.baseline))));
    GT_TRY(gt_arena_status(a));
    gt_sg_print_item(&c->run, o);
    return GT_OK;
}

int gt_cmd_sg_diff(gt_cli *cli)
{
    diff_command c = {.run = {.cli = cli},
                      .from = gt_cli_number(cli, GT_OPT_FROM, GT_SG_NO_TIME),
                      .to = gt_cli_number(cli, GT_OPT_TO, GT_SG_END - 1)};
    if (c.from == GT_SG_NO_TIME)
        return gt_cli_usage(cli, "--from is missing: the earlier of the two times");
    if (c.from > c.to)
        return gt_cli_usage(cli, "--from is after --to");
    int exit = gt_sg_run_open(cli, &c.run);
    if (!exit)
        exit = gt_sg_run_groups(&c.run, on_group, &c);
    if (!exit)
        exit = gt_sg_run_end(&c.run);
    gt_sg_run_done(&c.run);
    return exit;
}
