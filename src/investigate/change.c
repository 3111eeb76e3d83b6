/* What changed: the group, the rules, before and after, in words. */
#include "base/limits.h"
#include "investigate/internal.h"

static void join(gt_buf *out, gt_str part)
{
    if (out->len)
        gt_buf_lit(out, ", ");
    gt_buf_add(out, part);
}

/* Who could before: "before, only 10.0.0.0/8 could". */
static gt_str before_words(gt_inv *inv, const gt_group_view *view, const gt_reach *r)
{
    gt_buf peers = GT_BUF(64 * GT_KIB);
    gt_strs known = {0};
    size_t count = 0;
    for (size_t i = 0; i < view->timeline->version_count; i++) {
        const gt_sg_version *v = view->timeline->versions[i];
        if (!gt_version_before(v, view->step) || !gt_reach_meets(r, &v->rule))
            continue;
        gt_str peer = gt_words_peer(inv->arena, &v->rule);
        if (gt_strs_has(&known, peer) || gt_strs_add(inv->arena, &known, peer) != GT_OK)
            continue;
        if (++count <= 8)
            join(&peers, peer);
    }
    bool partial = view->timeline->group.baseline == GT_SG_PARTIAL;
    gt_str text;
    if (!count && partial)
        text = GT_STR("before: not known, the group is older than these logs");
    else if (!count)
        text = GT_STR("before, nobody could");
    else if (count > 8)
        text = gt_arena_printf(inv->arena, "before, %.*s and %zu more could",
                               GT_STR_ARG(gt_buf_str(&peers)), count - 8);
    else
        text = gt_arena_printf(inv->arena, "before, only %.*s could%s",
                               GT_STR_ARG(gt_buf_str(&peers)),
                               partial ? ", as far as these logs show" : "");
    gt_buf_done(&peers);
    return text;
}

/* Other rules that, together with this step, let the whole internet in: who added them. */
static void name_helpers(gt_step *step, gt_json *fact, const gt_group_view *view, const gt_reach *r)
{
    gt_inv *inv = step->inv;
    gt_json *helpers = gt_json_new_array(inv->arena);
    gt_buf text = GT_BUF(64 * GT_KIB);
    for (size_t i = 0; i < view->timeline->version_count; i++) {
        const gt_sg_version *v = view->timeline->versions[i];
        if (!gt_version_after(v, view->step) || v->from == view->step ||
            v->rule.peer != GT_SG_PEER_CIDR || !gt_reach_meets(r, &v->rule))
            continue;
        gt_str peer = gt_words_peer(inv->arena, &v->rule);
        const gt_sg_change *by = v->introduced ? v->introduced->change : NULL;
        join(&text, peer);
        gt_json *helper = gt_sg_rule_json(inv->arena, &v->rule, view->id, GT_STR_NULL);
        if (by) {
            gt_buf_printf(&text, " (added by %.*s at %.*s, event %.*s)", GT_STR_ARG(by->actor.arn),
                          GT_STR_ARG(gt_time_words(inv, by->time)), GT_STR_ARG(by->event_id));
            gt_json_setl(helper, "introduced_by", gt_str_node(inv, by->actor.arn));
            gt_json_setl(helper, "event_id", gt_str_node(inv, by->event_id));
            gt_fact_proof(step, fact, by->event_id);
        }
        gt_json_append(helpers, helper);
    }
    gt_str before = gt_json_path_str(fact, "text");
    gt_json_setl(fact, "text",
                 gt_json_new_str(inv->arena,
                                 gt_arena_printf(inv->arena,
                                                 "%.*s; together with %.*s the whole %s internet "
                                                 "can",
                                                 GT_STR_ARG(before), GT_STR_ARG(gt_buf_str(&text)),
                                                 r->whole_v4 && !r->alone_v4 ? "IPv4" : "IPv6")));
    gt_json_setl(fact, "together_with", helpers);
    gt_buf_done(&text);
}

static void opened_fact(gt_step *step, const gt_group_view *view, const gt_reach *r)
{
    gt_inv *inv = step->inv;
    gt_str ports = gt_reach_ports(inv, r), peers = gt_reach_peers(inv, r);
    gt_str before = before_words(inv, view, r);
    gt_json *fact;
    if (r->direction == GT_SG_EGRESS)
        fact = gt_fact(step, "opened", "let %.*s send %.*s to %.*s; %.*s", GT_STR_ARG(view->id),
                       GT_STR_ARG(ports), GT_STR_ARG(peers), GT_STR_ARG(before));
    else
        fact = gt_fact(step, "opened", "opened %.*s of %.*s to %.*s; %.*s", GT_STR_ARG(ports),
                       GT_STR_ARG(view->id), GT_STR_ARG(peers), GT_STR_ARG(before));
    gt_json_setl(fact, "group_id", gt_str_node(inv, view->id));
    gt_json_setl(fact, "opened", gt_reach_json(inv, r, 1));
    gt_fact_proof(step, fact, inv->event->id);
    if ((r->whole_v4 && !r->alone_v4) || (r->whole_v6 && !r->alone_v6 && r->internet)) {
        bool v4 = false, v6 = false;
        for (size_t i = 0; i < r->piece_count; i++)
            *(r->pieces[i]->cidr.net.v6 ? &v6 : &v4) |= r->pieces[i]->internet;
        if ((r->whole_v4 && !r->alone_v4 && v4) || (r->whole_v6 && !r->alone_v6 && v6))
            name_helpers(step, fact, view, r);
    }
}

static void closed_fact(gt_step *step, const gt_group_view *view, const gt_reach *r)
{
    gt_inv *inv = step->inv;
    gt_json *fact = gt_fact(step, "closed", "%s %.*s of %.*s %s %.*s",
                            r->direction == GT_SG_EGRESS ? "stopped" : "closed",
                            GT_STR_ARG(gt_reach_ports(inv, r)), GT_STR_ARG(view->id),
                            r->direction == GT_SG_EGRESS ? "to" : "for",
                            GT_STR_ARG(gt_reach_peers(inv, r)));
    gt_json_setl(fact, "group_id", gt_str_node(inv, view->id));
    gt_json_setl(fact, "closed", gt_reach_json(inv, r, 1));
    gt_fact_proof(step, fact, inv->event->id);
}

static gt_json *rules_json(gt_inv *inv, const gt_group_view *view,
                           bool (*in)(const gt_sg_version *, const gt_sg_step *))
{
    gt_json *array = gt_json_new_array(inv->arena);
    for (size_t i = 0; i < view->timeline->version_count; i++) {
        const gt_sg_version *v = view->timeline->versions[i];
        if (!in(v, view->step))
            continue;
        gt_json *rule = gt_sg_rule_json(inv->arena, &v->rule, view->id, GT_STR_NULL);
        gt_json_setl(rule, "words", gt_json_new_str(inv->arena, gt_words_rule(inv->arena, &v->rule)));
        gt_json_append(array, rule);
    }
    return array;
}

static const gt_sg_version *replaced_by(const gt_sg_step *s, const gt_sg_version *removed)
{
    for (const gt_sg_version *v = s->added; v && removed->rule.rule_id.len; v = v->next_added)
        if (gt_str_eq(v->rule.rule_id, removed->rule.rule_id))
            return v;
    return NULL;
}

static bool replaces(const gt_sg_step *s, const gt_sg_version *added)
{
    for (const gt_sg_version *v = s->removed; v; v = v->next_removed)
        if (replaced_by(s, v) == added)
            return true;
    return false;
}

static void rule_fact(gt_step *step, const gt_group_view *view, const char *word, const char *verb,
                      const gt_sg_version *v)
{
    gt_inv *inv = step->inv;
    gt_json *fact = gt_fact(step, word, "%s %.*s%s%.*s%s%.*s%s", verb,
                            GT_STR_ARG(gt_words_rule(inv->arena, &v->rule)),
                            v->rule.rule_id.len ? " as " : "", GT_STR_ARG(v->rule.rule_id),
                            v->rule.description.len ? ", described as '" : "",
                            GT_STR_ARG(v->rule.description), v->rule.description.len ? "'" : "");
    gt_json_setl(fact, "rule", gt_sg_rule_json(inv->arena, &v->rule, view->id, GT_STR_NULL));
    gt_fact_proof(step, fact, inv->event->id);
    if (v->introduced && v->introduced != view->step)
        gt_fact_proof(step, fact, v->introduced->change->event_id);
}

static void rule_facts(gt_step *step, const gt_group_view *view)
{
    gt_inv *inv = step->inv;
    for (const gt_sg_version *v = view->step->removed; v; v = v->next_removed) {
        const gt_sg_version *now = replaced_by(view->step, v);
        if (!now) {
            rule_fact(step, view, "removed", "removed", v);
            continue;
        }
        gt_json *fact;
        if (gt_sg_rule_same(&v->rule, &now->rule))
            fact = gt_fact(step, "modified", "changed the description of %.*s from '%.*s' to '%.*s'",
                           GT_STR_ARG(v->rule.rule_id), GT_STR_ARG(v->rule.description),
                           GT_STR_ARG(now->rule.description));
        else
            fact = gt_fact(step, "modified", "changed the rule %.*s from %.*s to %.*s",
                           GT_STR_ARG(v->rule.rule_id),
                           GT_STR_ARG(gt_words_rule(inv->arena, &v->rule)),
                           GT_STR_ARG(gt_words_rule(inv->arena, &now->rule)));
        gt_json_setl(fact, "before", gt_sg_rule_json(inv->arena, &v->rule, view->id, GT_STR_NULL));
        gt_json_setl(fact, "after", gt_sg_rule_json(inv->arena, &now->rule, view->id, GT_STR_NULL));
        gt_fact_proof(step, fact, inv->event->id);
        if (v->introduced)
            gt_fact_proof(step, fact, v->introduced->change->event_id);
    }
    for (const gt_sg_version *v = view->step->added; v; v = v->next_added)
        if (!replaces(view->step, v))
            rule_fact(step, view, "added", "added", v);
}

static void group_fact(gt_step *step, const gt_group_view *view)
{
    static const char *const baselines[] = {
        [GT_SG_PARTIAL] = "older than these logs, so rules may exist that no record shows",
        [GT_SG_COMPLETE] = "known from its creation on",
        [GT_SG_ANCHORED] = "anchored by a snapshot",
    };
    gt_inv *inv = step->inv;
    const gt_sg_timeline *t = view->timeline;
    if (!t) {
        gt_json *fact = gt_fact_no_data(step, "group", "the logs hold no history of %.*s",
                                        GT_STR_ARG(view->id));
        gt_json_setl(fact, "group_id", gt_str_node(inv, view->id));
        return;
    }
    gt_json *fact = gt_fact(step, "group", "%.*s%s%.*s%s%s%.*s is %s", GT_STR_ARG(view->id),
                            t->group.name.len ? " '" : "", GT_STR_ARG(t->group.name),
                            t->group.name.len ? "'" : "", t->group.vpc_id.len ? " in " : "",
                            GT_STR_ARG(t->group.vpc_id), baselines[t->group.baseline]);
    gt_json_setl(fact, "group_id", gt_str_node(inv, view->id));
    gt_json_setl(fact, "name", gt_str_node(inv, t->group.name.len ? t->group.name : GT_STR_NULL));
    gt_json_setl(fact, "vpc_id", gt_str_node(inv, t->group.vpc_id.len ? t->group.vpc_id
                                                                      : GT_STR_NULL));
    gt_json_setl(fact, "baseline",
                 gt_json_new_str(inv->arena, gt_str_c(gt_sg_baseline_text(t->group.baseline))));
    gt_fact_proof(step, fact, inv->event->id);
    if (t->created)
        gt_fact_proof(step, fact, t->created->change->event_id);
}

static void attach_fact(gt_step *step, const gt_group_view *view)
{
    bool on = view->step->operation == GT_SG_ATTACH;
    gt_json *fact = gt_fact(step, on ? "attached" : "detached", "%s %.*s %s the %.*s %.*s",
                            on ? "put" : "took", GT_STR_ARG(view->id), on ? "on" : "off",
                            GT_STR_ARG(view->step->resource_kind.len ? view->step->resource_kind
                                                                     : GT_STR("resource")),
                            GT_STR_ARG(view->step->resource));
    gt_fact_proof(step, fact, step->inv->event->id);
}

static gt_status group_changes(gt_step *step, const gt_group_view *view)
{
    gt_inv *inv = step->inv;
    group_fact(step, view);
    if (!view->timeline || !view->step)
        return GT_OK;
    if (view->step->operation == GT_SG_ATTACH || view->step->operation == GT_SG_DETACH)
        attach_fact(step, view);
    rule_facts(step, view);
    gt_reach *reach;
    size_t count;
    GT_TRY(gt_reach_of(inv, view, &view->effect.opened, &reach, &count));
    for (size_t i = 0; i < count; i++)
        opened_fact(step, view, &reach[i]);
    GT_TRY(gt_reach_of(inv, view, &view->effect.closed, &reach, &count));
    for (size_t i = 0; i < count; i++)
        closed_fact(step, view, &reach[i]);
    if (!view->effect.opened.count && !view->effect.closed.count && view->step->effective &&
        !view->effect.unknown)
        gt_fact_nothing(step, "reach", "who can reach %.*s did not change", GT_STR_ARG(view->id));
    if (view->effect.unknown)
        gt_fact_no_data(step, "reach",
                        "part of what this opens or closes is not known: a prefix list, a "
                        "direction or an old rule is not in these logs");
    gt_json_setl(step->node, "before", rules_json(inv, view, gt_version_before));
    gt_json_setl(step->node, "after", rules_json(inv, view, gt_version_after));
    return GT_OK;
}

static void outcome_fact(gt_step *step)
{
    gt_inv *inv = step->inv;
    const gt_sg_change *change = inv->change;
    gt_str what = inv->event->name;
    gt_json *fact;
    if (change->outcome == GT_SG_FAILED)
        fact = gt_fact(step, "outcome", "the call %.*s failed%s%.*s%s: nothing changed",
                       GT_STR_ARG(what), change->error_code.len ? " (" : "",
                       GT_STR_ARG(change->error_code), change->error_code.len ? ")" : "");
    else if (change->outcome == GT_SG_DRY_RUN)
        fact = gt_fact(step, "outcome", "%.*s was a dry run: it would have succeeded, and changed "
                       "nothing", GT_STR_ARG(what));
    else
        fact = gt_fact(step, "outcome", "%.*s by %.*s at %.*s", GT_STR_ARG(what),
                       GT_STR_ARG(gt_words_actor(inv->arena, inv->event)),
                       GT_STR_ARG(gt_time_words(inv, inv->event->time)));
    gt_fact_proof(step, fact, inv->event->id);
    for (size_t i = 0; i < change->rule_count; i++) {
        if (change->outcome != GT_SG_APPLIED) {
            gt_json *asked = gt_fact(step, "attempted", "it asked to %s %.*s",
                                     gt_sg_operation_text(change->operation),
                                     GT_STR_ARG(gt_words_rule(inv->arena, &change->rules[i])));
            gt_fact_proof(step, asked, inv->event->id);
        }
        if (change->rules[i].malformed) {
            gt_json *bad = gt_fact(step, "malformed", "a rule of the record is not valid (%s) and "
                                   "opens nothing", change->rules[i].malformed);
            gt_fact_proof(step, bad, inv->event->id);
        }
    }
    if (change->confidence == GT_SG_INCOMPLETE)
        gt_fact_no_data(step, "record", "the record does not tell the whole request: there may be "
                        "more rules");
}

gt_status gt_step_change(gt_inv *inv, gt_json *steps)
{
    gt_step step = gt_step_begin(inv, steps, "step", "change",
                                 "Which group changed, and which rules were added and removed?");
    if (!inv->change) {
        gt_json *fact = gt_fact_nothing(&step, "outcome", "%.*s does not change security groups",
                                        GT_STR_ARG(inv->event->name));
        gt_fact_proof(&step, fact, inv->event->id);
    } else {
        outcome_fact(&step);
        if (!inv->group_count)
            gt_fact_no_data(&step, "group", "the record names no group that these logs know");
        for (size_t i = 0; i < inv->group_count; i++)
            GT_TRY(group_changes(&step, &inv->groups[i]));
    }
    gt_step_end(&step);
    return gt_arena_status(inv->arena);
}
