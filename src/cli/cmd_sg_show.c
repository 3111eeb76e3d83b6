/* sg show — the rules at a time, as AWS itself would list them. */
#include "cli/sg.h"

typedef struct show_command {
    gt_sg_run run;
    gt_time_ms at;
    gt_json *rules, *groups; /* of the whole answer, in cli->arena */
} show_command;

static gt_json *attachments_json(show_command *c, const gt_sg_timeline *t)
{
    gt_arena *a = c->run.arena;
    const gt_sg_attached *spans = t->attached;
    gt_json *list = gt_json_new_array(a);
    for (size_t i = 0; i < t->attached_count; i++) {
        if (spans[i].from->time > c->at || (spans[i].to && spans[i].to->time <= c->at))
            continue;
        gt_json *o = gt_json_new_object(a);
        gt_json_add(o, GT_STR("ResourceId"), gt_json_new_str(a, spans[i].resource));
        gt_json_add(o, GT_STR("Kind"), gt_json_new_str(a, spans[i].kind));
        if (spans[i].interface.len)
            gt_json_add(o, GT_STR("NetworkInterfaceId"), gt_json_new_str(a, spans[i].interface));
        gt_json_add(o, GT_STR("Since"), gt_sg_time_json(a, spans[i].from->time));
        gt_json_add(o, GT_STR("EventId"), gt_json_new_str(a, spans[i].from->event_id));
        gt_json_append(list, o);
    }
    return list;
}

/* What is in force but no fact: told apart from the list that can be compared with AWS's answer. */
static void add_uncertain(show_command *c, const gt_sg_timeline *t, gt_json *group)
{
    gt_arena *a = c->run.arena;
    gt_json *maybe = gt_json_new_array(a), *undirected = gt_json_new_array(a);
    for (size_t i = 0; i < t->version_count; i++) {
        const gt_sg_version *v = t->versions[i];
        if (!gt_sg_version_at(v, c->at) || gt_sg_is_fact(v, c->at))
            continue;
        bool direction = v->rule.content_known && v->rule.direction == GT_SG_DIRECTION_UNKNOWN;
        gt_json_append(direction ? undirected : maybe, gt_sg_version_json(a, t, v));
    }
    gt_json_add(group, GT_STR("DirectionUnknown"), undirected);
    gt_json_add(group, GT_STR("MaybeInForce"), maybe);
}

static gt_json *group_json(show_command *c, const gt_sg_timeline *t, bool exists)
{
    gt_arena *a = c->run.arena;
    const gt_sg_group *g = &t->group;
    gt_json *o = gt_json_new_object(a);
    gt_json_add(o, GT_STR("GroupId"), gt_json_new_str(a, g->id));
    if (g->name.len)
        gt_json_add(o, GT_STR("GroupName"), gt_json_new_str(a, g->name));
    if (g->vpc_id.len)
        gt_json_add(o, GT_STR("VpcId"), gt_json_new_str(a, g->vpc_id));
    gt_json_add(o, GT_STR("OwnerId"), gt_json_new_str(a, g->account));
    gt_json_add(o, GT_STR("Region"), gt_json_new_str(a, g->region));
    gt_json_add(o, GT_STR("Exists"), gt_json_new_bool(a, exists));
    gt_json_add(o, GT_STR("Baseline"),
                gt_json_new_str(a, gt_str_c(gt_sg_baseline_text(g->baseline))));
    if (exists) {
        add_uncertain(c, t, o);
        gt_json_add(o, GT_STR("Attachments"), attachments_json(c, t));
    }
    return o;
}

static void put_group(show_command *c, const gt_sg_timeline *t, bool exists)
{
    gt_sg_run *r = &c->run;
    gt_sg_put(r, t->group.id);
    if (t->group.name.len) {
        gt_buf_lit(&r->text, " (");
        gt_sg_put(r, t->group.name);
        gt_buf_lit(&r->text, ")");
    }
    gt_buf_printf(&r->text, ", baseline %s%s\n", gt_sg_baseline_text(t->group.baseline),
                  exists ? "" : ": does not exist at that time");
    for (size_t i = 0; exists && i < t->version_count; i++) {
        const gt_sg_version *v = t->versions[i];
        if (!gt_sg_version_at(v, c->at))
            continue;
        gt_buf_add(&r->text, gt_str_c(gt_sg_is_fact(v, c->at) ? "  " : "? "));
        gt_sg_put(r, gt_sg_rule_text(r->arena, &v->rule));
        if (v->rule.content_known && v->rule.rule_id.len) {
            gt_buf_lit(&r->text, "  ");
            gt_sg_put(r, v->rule.rule_id);
        }
        if (v->rule.description.len) {
            gt_buf_lit(&r->text, "  \"");
            gt_sg_put(r, v->rule.description);
            gt_buf_lit(&r->text, "\"");
        }
        gt_buf_lit(&r->text, "\n");
    }
    gt_buf_lit(&r->text, "\n");
}

static gt_status on_group(void *context, const gt_sg_timeline *t)
{
    show_command *c = context;
    gt_arena *a = c->run.arena, *keep = c->run.cli->arena;
    bool exists = gt_sg_timeline_exists(t, c->at);
    if (c->run.format == GT_SG_TEXT) {
        put_group(c, t, exists);
        return GT_OK;
    }
    gt_json *rules = gt_json_new_array(a);
    for (size_t i = 0; exists && i < t->version_count; i++)
        if (gt_sg_is_fact(t->versions[i], c->at))
            gt_json_append(rules, gt_sg_version_json(a, t, t->versions[i]));
    gt_json *group = group_json(c, t, exists);
    GT_TRY(gt_arena_status(a));
    if (c->run.format == GT_SG_NDJSON) {
        gt_json *line = gt_json_new_object(a);
        gt_json_add(line, GT_STR("SecurityGroupRules"), rules);
        gt_json_add(line, GT_STR("Group"), group);
        GT_TRY(gt_arena_status(a));
        gt_sg_print_item(&c->run, line);
        return GT_OK;
    }
    for (gt_json *e = gt_json_first(rules); e; e = e->next)
        gt_json_append(c->rules, gt_json_copy(keep, e, true));
    gt_json_append(c->groups, gt_json_copy(keep, group, true));
    return gt_arena_status(keep);
}

static void print_answer(show_command *c)
{
    gt_arena *keep = c->run.cli->arena;
    gt_json *answer = gt_json_new_object(keep);
    gt_json_add(answer, GT_STR("SecurityGroupRules"), c->rules);
    gt_json_add(answer, GT_STR("At"),
                c->at == GT_SG_END - 1 ? gt_json_new_null(keep) : gt_sg_time_json(keep, c->at));
    gt_json_add(answer, GT_STR("Groups"), c->groups);
    gt_json_write_pretty(&c->run.text, answer);
    gt_buf_lit(&c->run.text, "\n");
    gt_sg_flush_text(&c->run);
}

int gt_cmd_sg_show(gt_cli *cli)
{
    show_command c = {.at = gt_cli_number(cli, GT_OPT_AT, GT_SG_END - 1)};
    c.rules = gt_json_new_array(cli->arena);
    c.groups = gt_json_new_array(cli->arena);
    int exit = gt_sg_run_open(cli, &c.run);
    if (!exit)
        exit = gt_sg_run_groups(&c.run, on_group, &c);
    if (!exit && c.run.format == GT_SG_JSON) {
        print_answer(&c);
        c.run.format = GT_SG_TEXT; /* nothing is left to close */
    }
    if (!exit)
        exit = gt_sg_run_end(&c.run);
    gt_sg_run_done(&c.run);
    return exit;
}
