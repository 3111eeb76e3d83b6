/* Does it try to stay? The same change elsewhere, IAM changes and other footholds of the same chain. */
#include "base/limits.h"
#include "investigate/internal.h"

typedef struct same_change {
    gt_step *step;
    gt_json *fact; /* NULL until the first */
    gt_strs groups;
    size_t by_chain, by_others;
} same_change;

static bool is_subject(const gt_inv *inv, gt_str group)
{
    for (size_t i = 0; i < inv->group_count; i++)
        if (gt_str_eq(inv->groups[i].id, group))
            return true;
    return false;
}

/* A rule of the event's own: what it added as the history resolved it, else what its record says. */
static bool adds_same_rule(const gt_inv *inv, const gt_sg_rule *rule)
{
    for (size_t i = 0; i < inv->group_count; i++) {
        if (!inv->groups[i].step)
            continue;
        for (const gt_sg_version *v = inv->groups[i].step->added; v; v = v->next_added)
            if (v->rule.content_known && rule->content_known && gt_sg_rule_same(&v->rule, rule))
                return true;
    }
    return false;
}

static gt_status take_same(void *user, const gt_event *event)
{
    same_change *s = user;
    gt_inv *inv = s->step->inv;
    if (event->error.len || gt_str_eq(event->id, inv->event->id))
        return GT_OK;
    gt_sg_change *change = NULL;
    GT_TRY(gt_sg_change_of(inv->arena, event->record, event->id, &change));
    if (!change || !change->group_id.len || is_subject(inv, change->group_id) ||
        (change->operation != GT_SG_AUTHORIZE && change->operation != GT_SG_MODIFY))
        return GT_OK;
    bool same = false;
    for (size_t i = 0; i < change->rule_count; i++) {
        gt_sg_rule rule = change->rules[i];
        /* A modify names no direction; the same content is what counts. */
        if (rule.direction == GT_SG_DIRECTION_UNKNOWN)
            rule.direction = GT_SG_INGRESS;
        same |= adds_same_rule(inv, &rule);
    }
    if (!same)
        return GT_OK;
    *(gt_chain_has(&inv->chain, event) ? &s->by_chain : &s->by_others) += 1;
    gt_str group = gt_arena_dup(inv->arena, change->group_id);
    GT_TRY(gt_strs_add(inv->arena, &s->groups, group));
    if (!s->fact)
        s->fact = gt_fact(s->step, "same_change", "the same rule was added to other groups");
    gt_event *kept;
    GT_TRY(gt_event_keep(inv->arena, event, &kept));
    gt_fact_proof(s->step, s->fact, kept->id);
    gt_timeline_add(inv, kept, "change", "the same rule added to %.*s", GT_STR_ARG(group));
    return gt_arena_status(inv->arena);
}

static gt_status same_change_facts(gt_step *step)
{
    static const gt_str names[] = {
        {"AuthorizeSecurityGroupIngress", 29},
        {"AuthorizeSecurityGroupEgress", 28},
        {"ModifySecurityGroupRules", 24},
    };
    gt_inv *inv = step->inv;
    same_change s = {.step = step};
    bool added = false;
    for (size_t i = 0; i < inv->group_count; i++)
        added |= inv->groups[i].step && inv->groups[i].step->added;
    if (!added) {
        (void)gt_fact_nothing(step, "same_change", "the event added no rule that could be looked "
                              "for on other groups");
        return GT_OK;
    }
    GT_TRY(gt_evidence_each(inv->evidence, names, sizeof names / sizeof *names, inv->from, inv->until,
                            take_same, &s));
    if (!s.fact) {
        (void)gt_fact_nothing(step, "same_change", "no other group got the same rule within %.*s",
                              GT_STR_ARG(gt_span_words(inv, inv->until - inv->event->time)));
        return GT_OK;
    }
    gt_buf list = GT_BUF(GT_MIB);
    gt_json *groups = gt_json_new_array(inv->arena);
    for (size_t i = 0; i < s.groups.count; i++) {
        gt_buf_printf(&list, "%s%.*s", i ? ", " : "", GT_STR_ARG(s.groups.items[i]));
        gt_json_append(groups, gt_json_new_str(inv->arena, s.groups.items[i]));
    }
    gt_str text = gt_arena_printf(inv->arena,
                                  "the same rule was added to %zu other group%s (%.*s): "
                                  "%zu by the same keys, %zu by others",
                                  s.groups.count, s.groups.count == 1 ? "" : "s",
                                  GT_STR_ARG(gt_buf_str(&list)), s.by_chain, s.by_others);
    gt_buf_done(&list);
    gt_json_setl(s.fact, "text", gt_json_new_str(inv->arena, text));
    gt_json_setl(s.fact, "groups", groups);
    if (s.by_chain && inv->opens_internet)
        gt_reason(inv, 10, gt_json_text(gt_json_first(gt_json_getl(s.fact, "evidence"))),
                  "the same rule was added to %zu other group%s",
                  s.groups.count, s.groups.count == 1 ? "" : "s");
    return GT_OK;
}

/* Notable calls of one kind by the chain; the first that succeeded, empty when none did. */
static gt_str kind_facts(gt_step *step, gt_notable_kind kind, const char *word, const char *line)
{
    gt_inv *inv = step->inv;
    gt_str first = GT_STR_NULL;
    for (size_t i = 0; i < inv->chain.events.count; i++) {
        const gt_event *e = inv->chain.events.items[i];
        const gt_notable *n = gt_notable_of(e->name);
        bool user_data = gt_str_is(e->name, "ModifyInstanceAttribute") &&
                         gt_json_path(e->record, "requestParameters.userData");
        if (gt_str_eq(e->id, inv->event->id) ||
            !((n && n->kind == kind) || (user_data && kind == GT_NOTABLE_FOOTHOLD)))
            continue;
        gt_str target = gt_event_target(inv->arena, e);
        bool with_data = n && gt_json_path(e->record, "requestParameters.userData");
        gt_str text = gt_arena_printf(
            inv->arena, "%.*s %s%s%s%.*s%s", GT_STR_ARG(gt_words_actor(inv->arena, e)),
            e->error.len ? "(without success) " : "",
            n ? n->words : "changed an instance's user data", target.len ? ": " : "",
            GT_STR_ARG(target), with_data ? ", with user data" : "");
        gt_json *fact = gt_fact(step, word, "%.*s (%.*s at %.*s%s%.*s)", GT_STR_ARG(text),
                                GT_STR_ARG(e->name), GT_STR_ARG(gt_time_words(inv, e->time)),
                                e->error.len ? ", " : "", GT_STR_ARG(e->error));
        gt_json_setl(fact, "action", gt_str_node(inv, e->name));
        gt_json_setl(fact, "target", gt_str_node(inv, target));
        gt_json_setl(fact, "actor", gt_str_node(inv, gt_event_actor(e)));
        gt_fact_proof(step, fact, e->id);
        gt_timeline_add(inv, e, line, "%.*s", GT_STR_ARG(text));
        if (!e->error.len && !first.len)
            first = e->id;
    }
    return first;
}

static void denied_fact(gt_step *step)
{
    gt_inv *inv = step->inv;
    size_t denied = 0;
    const gt_event *last = NULL;
    for (size_t i = 0; i < inv->chain.events.count; i++) {
        const gt_event *e = inv->chain.events.items[i];
        if (gt_str_find(e->error, GT_STR("AccessDenied")) == GT_NPOS &&
            gt_str_find(e->error, GT_STR("UnauthorizedOperation")) == GT_NPOS)
            continue;
        denied++;
        last = e;
    }
    if (!last) {
        (void)gt_fact_nothing(step, "denied", "none of the chain's calls was denied");
        return;
    }
    gt_json *fact = gt_fact(step, "denied", "%zu call%s of the chain %s denied, the last %.*s at "
                            "%.*s", denied, denied == 1 ? "" : "s", denied == 1 ? "was" : "were",
                            GT_STR_ARG(last->name), GT_STR_ARG(gt_time_words(inv, last->time)));
    gt_json_setl(fact, "count", gt_json_new_i64(inv->arena, (int64_t)denied));
    gt_fact_proof(step, fact, last->id);
    if (denied >= 5)
        gt_reason(inv, 10, last->id, "%zu calls of the same keys were denied", denied);
}

gt_status gt_step_persistence(gt_inv *inv, gt_json *steps)
{
    gt_step step = gt_step_begin(inv, steps, "step", "persistence",
                                 "Was the same done elsewhere, and does somebody try to stay?");
    GT_TRY(same_change_facts(&step));
    const char *of = inv->chain.by_key ? "the chain's keys"
                                       : "the same identity (its record has no "
                                         "access key)";
    gt_str first = kind_facts(&step, GT_NOTABLE_IAM, "iam", "iam");
    if (first.len)
        gt_reason(inv, 20, first, "identities or permissions were changed with the same keys");
    else
        (void)gt_fact_nothing(&step, "iam", "no successful IAM change by %s within the window", of);
    first = kind_facts(&step, GT_NOTABLE_FOOTHOLD, "foothold", "foothold");
    if (first.len)
        gt_reason(inv, 5, first, "instances, keys, functions or sessions were made with the same "
                  "keys");
    else
        (void)gt_fact_nothing(&step, "foothold", "no other foothold by %s within the window", of);
    denied_fact(&step);
    gt_permissions_review(inv, &step);
    gt_step_end(&step);
    return gt_arena_status(inv->arena);
}
