/* sg log — every change of a group, newest last, with what it opened and closed. */
#include "cli/sg.h"

typedef struct log_command {
    gt_sg_run run;
    const gt_sg_timeline *timeline;
    gt_sg_pair *pairs;
    size_t pair_count;
} log_command;

/* --- JSON --------------------------------------------------------------------------------------- */

static gt_json *rule_json(log_command *c, const gt_sg_rule *rule)
{
    return gt_sg_rule_json(c->run.arena, rule, c->timeline->group.id, c->timeline->group.account);
}

/* A description update changes no rule: what it touched stands in a list of its own. */
static void add_rules(log_command *c, const gt_sg_step *step, gt_json *line)
{
    gt_arena *a = c->run.arena;
    bool describes = step->operation == GT_SG_DESCRIBE;
    gt_json *added = gt_json_new_array(a), *removed = gt_json_new_array(a);
    gt_json *described = gt_json_new_array(a);
    for (const gt_sg_version *v = step->added; v; v = v->next_added)
        gt_json_append(describes ? described : added, rule_json(c, &v->rule));
    for (const gt_sg_version *v = step->removed; v && !describes; v = v->next_removed)
        gt_json_append(removed, rule_json(c, &v->rule));
    gt_json_add(line, GT_STR("added"), added);
    gt_json_add(line, GT_STR("removed"), removed);
    if (describes)
        gt_json_add(line, GT_STR("described"), described);
}

static void add_malformed(log_command *c, const gt_sg_step *step, gt_json *line)
{
    gt_arena *a = c->run.arena;
    gt_json *list = NULL;
    const gt_sg_change *change = step->change;
    for (size_t i = 0; i < change->rule_count; i++) {
        if (!change->rules[i].malformed)
            continue;
        if (!list)
            list = gt_json_new_array(a);
        gt_json *o = rule_json(c, &change->rules[i]);
        gt_json_add(o, GT_STR("reason"), gt_json_new_str(a, gt_str_c(change->rules[i].malformed)));
        gt_json_append(list, o);
    }
    if (list)
        gt_json_add(line, GT_STR("malformed"), list);
}

static void add_pairs(log_command *c, const gt_sg_step *step, gt_json *line)
{
    gt_arena *a = c->run.arena;
    gt_json *list = NULL;
    for (size_t i = 0; i < c->pair_count; i++) {
        const gt_sg_pair *p = &c->pairs[i];
        if (p->revoked->to != step && p->authorized->from != step)
            continue;
        if (!list)
            list = gt_json_new_array(a);
        gt_json *o = gt_json_new_object(a);
        gt_json_add(o, GT_STR("revoke"), gt_json_new_str(a, p->revoked->to->change->event_id));
        gt_json_add(o, GT_STR("authorize"),
                    gt_json_new_str(a, p->authorized->from->change->event_id));
        gt_json_add(o, GT_STR("gap_seconds"), gt_json_new_i64(a, p->gap_seconds));
        gt_json_add(o, GT_STR("rule"), rule_json(c, &p->authorized->rule));
        gt_json_append(list, o);
    }
    if (list)
        gt_json_add(line, GT_STR("noop_pairs"), list);
    gt_json *lost = NULL;
    for (const gt_sg_version *v = step->removed; v; v = v->next_removed) {
        if (!gt_sg_version_never_back(v))
            continue;
        if (!lost)
            lost = gt_json_new_array(a);
        gt_json_append(lost, rule_json(c, &v->rule));
    }
    if (lost)
        gt_json_add(line, GT_STR("never_readded"), lost);
}

static const char *confidence(const gt_sg_change *change)
{
    static const char *const texts[] = {"response", "request", "ids only", "incomplete"};
    return texts[change->confidence <= GT_SG_INCOMPLETE ? change->confidence : GT_SG_INCOMPLETE];
}

static const char *net_effect(const gt_sg_effect *effect)
{
    if (effect->opened.count)
        return effect->closed.count ? "opens and closes" : "opens";
    if (effect->closed.count)
        return "closes";
    return effect->unknown ? "unknown" : "none";
}

static gt_json *line_json(log_command *c, const gt_sg_step *step, const gt_sg_effect *effect)
{
    gt_arena *a = c->run.arena;
    const gt_sg_change *change = step->change;
    const gt_sg_group *g = &c->timeline->group;
    gt_json *line = gt_json_new_object(a);
    gt_json_add(line, GT_STR("event_id"), gt_json_new_str(a, change->event_id));
    gt_json_add(line, GT_STR("time"), gt_sg_time_json(a, change->time));
    gt_json_add(line, GT_STR("account"), gt_json_new_str(a, g->account));
    gt_json_add(line, GT_STR("region"), gt_json_new_str(a, g->region));
    gt_json_add(line, GT_STR("group_id"), gt_json_new_str(a, g->id));
    gt_json_add(line, GT_STR("event_name"), gt_json_new_str(a, change->event_name));
    gt_json_add(line, GT_STR("operation"),
                gt_json_new_str(a, gt_str_c(gt_sg_operation_text(step->operation))));
    add_rules(c, step, line);
    gt_json_add(line, GT_STR("opened"), gt_sg_pieces_json(a, &effect->opened));
    gt_json_add(line, GT_STR("closed"), gt_sg_pieces_json(a, &effect->closed));
    gt_json_add(line, GT_STR("net_effect"), gt_json_new_str(a, gt_str_c(net_effect(effect))));
    gt_json_add(line, GT_STR("unknown"), gt_json_new_bool(a, effect->unknown));
    gt_json_add(line, GT_STR("baseline"),
                gt_json_new_str(a, gt_str_c(gt_sg_baseline_text(g->baseline))));
    gt_json_add(line, GT_STR("confidence"), gt_json_new_str(a, gt_str_c(confidence(change))));
    gt_json_add(line, GT_STR("actor"), gt_sg_actor_json(a, &change->actor));
    if (step->resource.len)
        gt_json_add(line, GT_STR("resource"), gt_json_new_str(a, step->resource));
    if (step->operation == GT_SG_PREFIX_LIST)
        gt_json_add(line, GT_STR("prefix_list"), gt_json_new_str(a, change->prefix_list));
    if (step->inferred)
        gt_json_add(line, GT_STR("group_inferred"), gt_json_new_bool(a, true));
    add_malformed(c, step, line);
    add_pairs(c, step, line);
    return line;
}

/* --- text --------------------------------------------------------------------------------------- */

static void put_rules(log_command *c, const gt_sg_step *step)
{
    gt_sg_run *r = &c->run;
    bool on = r->cli->colour_out, describes = step->operation == GT_SG_DESCRIBE;
    for (int sign = 0; sign < 2; sign++) {
        const gt_sg_version *v = sign ? step->added : step->removed;
        for (; v && (sign || !describes); v = sign ? v->next_added : v->next_removed) {
            gt_buf_printf(&r->text, "    %s%c ", gt_cli_colour(on, sign ? GT_COLOUR_GREEN
                                                                        : GT_COLOUR_RED),
                          describes ? '~' : sign ? '+' : '-');
            gt_sg_put(r, gt_sg_rule_text(r->arena, &v->rule));
            if (v->rule.rule_id.len && v->rule.content_known) {
                gt_buf_lit(&r->text, "  ");
                gt_sg_put(r, v->rule.rule_id);
            }
            if (v->rule.description.len) {
                gt_buf_lit(&r->text, "  \"");
                gt_sg_put(r, v->rule.description);
                gt_buf_lit(&r->text, "\"");
            }
            if (!sign && gt_sg_version_never_back(v))
                gt_buf_lit(&r->text, "  (never re-added)");
            gt_buf_printf(&r->text, "%s\n", gt_cli_colour(on, GT_COLOUR_OFF));
        }
    }
}

/* Exact pieces can be many: after so many lines the rest is counted, the JSON has them all. */
#define LINES_SHOWN 6

static void put_space(log_command *c, const char *word, const gt_sg_space *space)
{
    gt_sg_run *r = &c->run;
    gt_sg_pieces pieces = {0};
    bool on = r->cli->colour_out;
    size_t lines = 0;
    for (size_t i = 0; i < space->count; i++)
        if (!gt_sg_pieces_of(r->arena, &space->items[i], &pieces))
            return;
    for (size_t i = 0, n; i < pieces.count; i += n) {
        const gt_sg_piece *p = &pieces.items[i];
        bool alarming = p->internet && *word == 'o' && p->direction == GT_SG_INGRESS;
        n = gt_sg_pieces_alike(p, pieces.count - i);
        if (lines++ == LINES_SHOWN) {
            gt_buf_printf(&r->text, "    %s %zu more pieces (--format json has them)\n", word,
                          pieces.count - i);
            return;
        }
        gt_buf_printf(&r->text, "    %s%s ", gt_cli_colour(on, alarming ? GT_COLOUR_BOLD_RED
                                                                        : GT_COLOUR_OFF),
                      word);
        gt_sg_put_pieces(r, p, n);
        gt_buf_printf(&r->text, "%s\n", gt_cli_colour(on, GT_COLOUR_OFF));
    }
}

static void put_pairs(log_command *c, const gt_sg_step *step)
{
    for (size_t i = 0; i < c->pair_count; i++) {
        const gt_sg_pair *p = &c->pairs[i];
        bool revoked = p->revoked->to == step;
        if (!revoked && p->authorized->from != step)
            continue;
        const gt_sg_step *other = revoked ? p->authorized->from : p->revoked->to;
        gt_buf_printf(&c->run.text, "    net no-op: %s %lld s %s by ",
                      revoked ? "re-added" : "revoked", (long long)p->gap_seconds,
                      revoked ? "later" : "before");
        gt_sg_put(&c->run, other->change->event_id);
        gt_buf_lit(&c->run.text, "\n");
    }
}

static void put_head(log_command *c, const gt_sg_step *step)
{
    gt_sg_run *r = &c->run;
    const gt_sg_change *change = step->change;
    const gt_sg_group *g = &c->timeline->group;
    bool on = r->cli->colour_out;
    gt_buf_printf(&r->text, "%schange ", gt_cli_colour(on, GT_COLOUR_YELLOW));
    gt_sg_put(r, change->event_id);
    gt_buf_printf(&r->text, "%s\nGroup:  ", gt_cli_colour(on, GT_COLOUR_OFF));
    gt_sg_put(r, g->id);
    if (g->name.len) {
        gt_buf_lit(&r->text, " (");
        gt_sg_put(r, g->name);
        gt_buf_lit(&r->text, ")");
    }
    gt_buf_lit(&r->text, "\nAuthor: ");
    gt_sg_put(r, change->actor.arn.len ? change->actor.arn : gt_sg_actor_short(&change->actor));
    gt_buf_printf(&r->text, " <%s", gt_sg_actor_class_text(change->actor.class));
    if (change->actor.tool.len) {
        gt_buf_lit(&r->text, ", ");
        gt_sg_put(r, change->actor.tool);
    }
    if (change->actor.address.len) {
        gt_buf_lit(&r->text, ", from ");
        gt_sg_put(r, change->actor.address);
    }
    gt_str when = gt_sg_time_text(r->arena, change->time);
    gt_buf_printf(&r->text, ">\nDate:   %.*s\n\n    %s", GT_STR_ARG(when),
                  gt_sg_operation_text(step->operation));
    gt_str what = step->operation == GT_SG_PREFIX_LIST ? change->prefix_list : step->resource;
    if (what.len) {
        gt_buf_lit(&r->text, " ");
        gt_sg_put(r, what);
    }
    gt_buf_lit(&r->text, "\n");
}

static void put_step(log_command *c, const gt_sg_step *step, const gt_sg_effect *effect)
{
    gt_sg_run *r = &c->run;
    put_head(c, step);
    put_rules(c, step);
    put_space(c, "opened:", &effect->opened);
    put_space(c, "closed:", &effect->closed);
    if (effect->unknown)
        gt_buf_lit(&r->text, "    not all of its effect is known\n");
    for (size_t i = 0; i < step->change->rule_count; i++)
        if (step->change->rules[i].malformed)
            gt_buf_printf(&r->text, "    malformed: %s: opens nothing\n",
                          step->change->rules[i].malformed);
    put_pairs(c, step);
    gt_buf_lit(&r->text, "\n");
}

/* --- the command -------------------------------------------------------------------------------- */

static gt_status on_step(void *context, const gt_sg_step *step, const gt_sg_effect *effect)
{
    log_command *c = context;
    if (!step->effective)
        return GT_OK;
    if (c->run.format == GT_SG_TEXT) {
        put_step(c, step, effect);
        gt_sg_flush_text(&c->run);
    } else {
        gt_json *line = line_json(c, step, effect);
        GT_TRY(gt_arena_status(c->run.arena));
        gt_sg_print_item(&c->run, line);
    }
    return c->run.cli->out_failed ? GT_IO : GT_OK;
}

static gt_status on_group(void *context, const gt_sg_timeline *timeline)
{
    log_command *c = context;
    gt_arena *scratch = gt_arena_new((size_t)1 << 40);
    if (!scratch)
        return GT_NOMEM;
    c->timeline = timeline;
    gt_status status =
        gt_sg_timeline_pairs(c->run.arena, timeline, &c->pairs, &c->pair_count);
    if (status == GT_OK)
        status = gt_sg_timeline_walk(c->run.history, scratch, timeline, on_step, c);
    gt_arena_free(scratch);
    return status;
}

int gt_cmd_sg_log(gt_cli *cli)
{
    log_command c = {0};
    int exit = gt_sg_run_open(cli, &c.run);
    if (!exit)
        exit = gt_sg_run_groups(&c.run, on_group, &c);
    if (!exit)
        exit = gt_sg_run_end(&c.run);
    gt_sg_run_done(&c.run);
    return exit;
}
