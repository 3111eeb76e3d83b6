#include "respond/respond.h"

#include "investigate/words.h"

const char *gt_plan_kind_text(gt_plan_kind kind)
{
    static const char *const names[] = {"revert", "narrow", "restrict", "quarantine", "audit"};
    return names[kind];
}

const char *gt_action_kind_text(gt_action_kind kind)
{
    static const char *const names[] = {"revoke", "authorize", "modify",  "delete_group",
                                        "attach", "detach",    "isolate", "deny_policy"};
    return names[kind];
}

gt_str gt_deny_policy(void)
{
    return GT_STR("{\"Version\":\"2012-10-17\",\"Statement\":[{\"Sid\":\"GatetrailRestrict\","
                  "\"Effect\":\"Deny\",\"Action\":["
                  "\"ec2:AuthorizeSecurityGroupIngress\",\"ec2:AuthorizeSecurityGroupEgress\","
                  "\"ec2:RevokeSecurityGroupIngress\",\"ec2:RevokeSecurityGroupEgress\","
                  "\"ec2:ModifySecurityGroupRules\","
                  "\"ec2:UpdateSecurityGroupRuleDescriptionsIngress\","
                  "\"ec2:UpdateSecurityGroupRuleDescriptionsEgress\","
                  "\"ec2:CreateSecurityGroup\",\"ec2:DeleteSecurityGroup\","
                  "\"ec2:ModifyNetworkInterfaceAttribute\",\"ec2:ModifyInstanceAttribute\","
                  "\"ec2:AssociateSecurityGroupVpc\",\"ec2:DisassociateSecurityGroupVpc\","
                  "\"ec2:ModifyManagedPrefixList\"],\"Resource\":\"*\"}]}");
}

typedef struct planner {
    gt_arena *arena;
    const gt_subject *subject;
    const gt_plan_options *options;
    gt_plan *plan;
} planner;

static void *push(gt_arena *arena, void *items, size_t count, size_t size)
{
    return gt_arena_grow(arena, items, count * size, (count + 1) * size);
}

static gt_action *add_action(planner *p, gt_action_kind kind, gt_str group)
{
    gt_action *items = push(p->arena, p->plan->actions, p->plan->action_count, sizeof *items);
    if (!items)
        return NULL;
    p->plan->actions = items;
    gt_action *action = &items[p->plan->action_count++];
    *action = (gt_action){.kind = kind, .group_id = group};
    return action;
}

static void refuse(planner *p, const char *code, bool hard, gt_str text)
{
    gt_refusal *items = push(p->arena, p->plan->refusals, p->plan->refusal_count, sizeof *items);
    if (!items)
        return;
    p->plan->refusals = items;
    items[p->plan->refusal_count++] = (gt_refusal){code, text, hard};
}

static void note(planner *p, gt_str text)
{
    gt_str *items = push(p->arena, p->plan->notes, p->plan->note_count, sizeof *items);
    if (!items)
        return;
    p->plan->notes = items;
    items[p->plan->note_count++] = text;
}

/* --- revert --------------------------------------------------------------------------------------- */

/* Tags that were given to a rule when it was authorised. */
static const gt_json *tags_of(planner *p, const gt_sg_version *v)
{
    if (!v->introduced)
        return NULL;
    for (size_t i = 0; i < p->subject->sg_events.count; i++) {
        const gt_event *e = p->subject->sg_events.items[i];
        if (!gt_str_eq(e->id, v->introduced->change->event_id))
            continue;
        const gt_json *specs = gt_json_path(e->record, "requestParameters.tagSpecificationSet.items");
        gt_json *tags = gt_json_new_object(p->arena);
        for (const gt_json *s = gt_json_first(specs); s; s = s->next) {
            if (!gt_str_is(gt_json_path_str(s, "resourceType"), "security-group-rule"))
                continue;
            const gt_json *list = gt_json_getl(s, "tags");
            if (!gt_json_is(list, GT_JSON_ARRAY))
                list = gt_json_getl(list, "items");
            for (const gt_json *t = gt_json_first(list); t; t = t->next)
                gt_json_set(tags, gt_json_path_str(t, "key"),
                            gt_json_new_str(p->arena, gt_json_path_str(t, "value")));
        }
        return tags && tags->count ? tags : NULL;
    }
    return NULL;
}

static gt_str id_words(gt_arena *arena, const gt_sg_rule *rule)
{
    return rule->rule_id.len ? gt_arena_printf(arena, " (%.*s)", GT_STR_ARG(rule->rule_id))
                             : GT_STR("");
}

static void revoke(planner *p, const gt_group_view *view, const gt_sg_version *v)
{
    if (!v->rule.content_known && !v->rule.rule_id.len) {
        refuse(p, "unknown_rule", true, GT_STR("a rule that was added is not known"));
        return;
    }
    gt_action *a = add_action(p, GT_ACTION_REVOKE, view->id);
    if (!a)
        return;
    a->rule = v->rule;
    a->words = gt_arena_printf(p->arena, "revoke %.*s%.*s",
                               GT_STR_ARG(gt_words_rule(p->arena, &v->rule)),
                               GT_STR_ARG(id_words(p->arena, &v->rule)));
}

static void authorize(planner *p, const gt_group_view *view, const gt_sg_version *v)
{
    if (!v->rule.content_known || v->rule.direction == GT_SG_DIRECTION_UNKNOWN) {
        refuse(p, "unknown_rule", true,
               gt_arena_printf(p->arena, "the content of the removed rule %.*s is not in these logs",
                               GT_STR_ARG(v->rule.rule_id)));
        return;
    }
    gt_action *a = add_action(p, GT_ACTION_AUTHORIZE, view->id);
    if (!a)
        return;
    a->rule = v->rule;
    a->tags = tags_of(p, v);
    a->words = gt_arena_printf(p->arena, "authorise %.*s again%s%.*s%s",
                               GT_STR_ARG(gt_words_rule(p->arena, &v->rule)),
                               v->rule.description.len ? ", described as '" : "",
                               GT_STR_ARG(v->rule.description), v->rule.description.len ? "'" : "");
    if (v->rule.rule_id.len)
        note(p, gt_arena_printf(p->arena, "the rule that was %.*s comes back under a new id",
                                GT_STR_ARG(v->rule.rule_id)));
}

static const gt_sg_version *successor(const gt_sg_step *step, const gt_sg_version *removed)
{
    for (const gt_sg_version *v = step->added; v && removed->rule.rule_id.len; v = v->next_added)
        if (gt_str_eq(v->rule.rule_id, removed->rule.rule_id))
            return v;
    return NULL;
}

static bool succeeds(const gt_sg_step *step, const gt_sg_version *added)
{
    for (const gt_sg_version *v = step->removed; v; v = v->next_removed)
        if (successor(step, v) == added)
            return true;
    return false;
}

static void modify_back(planner *p, const gt_group_view *view, const gt_sg_version *was,
                        const gt_sg_version *now)
{
    if (!was->rule.content_known || !now->rule.content_known) {
        refuse(p, "unknown_rule", true,
               gt_arena_printf(p->arena, "what the rule %.*s was before is not in these logs",
                               GT_STR_ARG(was->rule.rule_id)));
        return;
    }
    gt_action *a = add_action(p, GT_ACTION_MODIFY, view->id);
    if (!a)
        return;
    a->rule = was->rule;
    a->now = now->rule;
    if (gt_sg_rule_same(&was->rule, &now->rule))
        a->words = gt_arena_printf(p->arena, "change the description of %.*s back from '%.*s' to "
                                   "'%.*s'", GT_STR_ARG(was->rule.rule_id),
                                   GT_STR_ARG(now->rule.description),
                                   GT_STR_ARG(was->rule.description));
    else
        a->words = gt_arena_printf(p->arena, "change %.*s back from %.*s to %.*s",
                                   GT_STR_ARG(was->rule.rule_id),
                                   GT_STR_ARG(gt_words_rule(p->arena, &now->rule)),
                                   GT_STR_ARG(gt_words_rule(p->arena, &was->rule)));
}

static void revert_attachment(planner *p, const gt_group_view *view)
{
    const gt_sg_step *step = view->step;
    bool attached = step->operation == GT_SG_ATTACH;
    gt_action *a = add_action(p, attached ? GT_ACTION_DETACH : GT_ACTION_ATTACH, view->id);
    if (!a)
        return;
    a->resource = step->resource;
    a->words = gt_arena_printf(p->arena, "%s %.*s %s %.*s", attached ? "take" : "put",
                               GT_STR_ARG(view->id), attached ? "off" : "back on",
                               GT_STR_ARG(step->resource));
}

static void revert_group(planner *p, const gt_group_view *view)
{
    const gt_sg_step *step = view->step;
    if (!step) {
        refuse(p, "nothing_changed", true,
               gt_arena_printf(p->arena, "the event changed nothing about %.*s that these logs know",
                               GT_STR_ARG(view->id)));
        return;
    }
    if (step->operation == GT_SG_CREATE) {
        gt_action *a = add_action(p, GT_ACTION_DELETE, view->id);
        if (a)
            a->words = gt_arena_printf(p->arena, "delete the group %.*s", GT_STR_ARG(view->id));
        return;
    }
    if (step->operation == GT_SG_DELETE) {
        refuse(p, "group_deleted", true,
               gt_arena_printf(p->arena, "%.*s was deleted: a new group gets a new id, and what named "
                               "the old one does not come back", GT_STR_ARG(view->id)));
        return;
    }
    if (step->operation == GT_SG_PREFIX_LIST) {
        refuse(p, "prefix_list", true, GT_STR("the change was to a prefix list; restore its earlier "
                                             "version (ec2 restore-managed-prefix-list-version)"));
        return;
    }
    if (step->operation == GT_SG_ATTACH || step->operation == GT_SG_DETACH) {
        revert_attachment(p, view);
        return;
    }
    /* What comes back first: nobody is locked out while the rest is taken away. */
    for (const gt_sg_version *v = step->removed; v; v = v->next_removed) {
        const gt_sg_version *now = successor(step, v);
        if (now)
            modify_back(p, view, v, now);
        else
            authorize(p, view, v);
    }
    for (const gt_sg_version *v = step->added; v; v = v->next_added)
        if (!succeeds(step, v))
            revoke(p, view, v);
    if (step->uncertain)
        note(p, GT_STR("part of what the event did is not known: compare with the live rules"));
}

/* --- narrow --------------------------------------------------------------------------------------- */

static bool in_rule(const gt_sg_rule *rule, const gt_cidr *cidr)
{
    return rule->cidr.net.v6 == cidr->net.v6 && rule->cidr.len <= cidr->len &&
           gt_cidr_contains(&rule->cidr, &cidr->net);
}

static bool stands_already(const gt_group_view *view, const gt_sg_rule *rule)
{
    for (size_t i = 0; i < view->timeline->version_count; i++) {
        const gt_sg_version *v = view->timeline->versions[i];
        if (!v->to && v->rule.content_known && gt_sg_rule_same(&v->rule, rule))
            return true;
    }
    return false;
}

static void narrow_rule(planner *p, const gt_group_view *view, const gt_sg_version *v)
{
    size_t fitting = 0;
    for (size_t i = 0; i < p->options->cidr_count; i++) {
        const gt_cidr *cidr = &p->options->cidrs[i];
        if (!in_rule(&v->rule, cidr))
            continue;
        fitting++;
        gt_sg_rule rule = v->rule;
        rule.cidr = *cidr;
        rule.rule_id = GT_STR_NULL;
        if (cidr->len == v->rule.cidr.len || stands_already(view, &rule))
            continue;
        gt_action *a = add_action(p, GT_ACTION_AUTHORIZE, view->id);
        if (!a)
            return;
        a->rule = rule;
        a->words = gt_arena_printf(p->arena, "authorise %.*s",
                                   GT_STR_ARG(gt_words_rule(p->arena, &rule)));
    }
    if (!fitting)
        note(p, gt_arena_printf(p->arena, "none of the given ranges lies inside %.*s: it is revoked "
                                "without a successor",
                                GT_STR_ARG(gt_words_rule(p->arena, &v->rule))));
    revoke(p, view, v);
}

static void narrow_group(planner *p, const gt_group_view *view)
{
    size_t before = p->plan->action_count;
    const gt_sg_version *v = view->step ? view->step->added : NULL;
    for (; v; v = v->next_added)
        if (v->rule.content_known && v->rule.peer == GT_SG_PEER_CIDR &&
            gt_sg_is_internet(&v->rule.cidr))
            narrow_rule(p, view, v);
    if (p->plan->action_count == before)
        refuse(p, "nothing_to_narrow", true,
               gt_arena_printf(p->arena, "the event opened nothing of %.*s to internet addresses",
                               GT_STR_ARG(view->id)));
}

/* --- restrict, quarantine ---------------------------------------------------------------------------- */

static void restrict_actor(planner *p)
{
    gt_str actor = gt_event_actor(p->subject->event);
    size_t role = gt_str_find(actor, GT_STR(":role/")), user = gt_str_find(actor, GT_STR(":user/"));
    if (role == GT_NPOS && user == GT_NPOS) {
        refuse(p, "no_role_or_user", true,
               gt_arena_printf(p->arena, "%.*s is neither a role nor a user: no policy can be attached",
                               GT_STR_ARG(actor.len ? actor : p->subject->event->type)));
        return;
    }
    gt_str path = gt_str_from(actor, (role != GT_NPOS ? role : user) + 6);
    if (gt_str_find(path, GT_STR("aws-service-role/")) != GT_NPOS) {
        refuse(p, "service_linked_role", true, GT_STR("a service-linked role takes no policies"));
        return;
    }
    size_t slash = gt_str_rfind_byte(path, '/');
    gt_str name = slash == GT_NPOS ? path : gt_str_from(path, slash + 1);
    if (gt_str_starts(name, GT_STR("AWSReservedSSO_"))) {
        refuse(p, "identity_center_role", true,
               GT_STR("the role belongs to IAM Identity Center: change its permission set instead"));
        return;
    }
    gt_action *a = add_action(p, GT_ACTION_DENY, GT_STR_NULL);
    if (!a)
        return;
    a->entity = name;
    a->is_role = role != GT_NPOS;
    a->words = gt_arena_printf(p->arena, "put the inline policy %s on the %s %.*s",
                               GT_DENY_POLICY_NAME, a->is_role ? "role" : "user", GT_STR_ARG(name));
    note(p, GT_STR("to take it back: run the same plan with --undo, or delete that inline policy"));
}

static void quarantine_group(planner *p, const gt_group_view *view)
{
    gt_action *a = add_action(p, GT_ACTION_ISOLATE, view->id);
    if (!a)
        return;
    if (view->timeline)
        a->vpc_id = view->timeline->group.vpc_id;
    a->words = gt_arena_printf(p->arena, "put the isolation group %s (no rules at all) in the place of "
                               "all groups of every interface that has %.*s",
                               GT_ISOLATION_GROUP_NAME, GT_STR_ARG(view->id));
    note(p, GT_STR("connections that are open already may live on until they are idle; the old groups "
                   "of each interface are kept in the journal, and --undo puts them back"));
}

/* --- refusals --------------------------------------------------------------------------------------- */

/* Did the event take something away from the internet, which its inverse gives back? */
static bool closed_internet(const gt_subject *subject)
{
    for (size_t i = 0; i < subject->group_count; i++) {
        const gt_sg_space *closed = &subject->groups[i].effect.closed;
        for (size_t k = 0; k < closed->count; k++)
            if (closed->items[k].direction == GT_SG_INGRESS &&
                gt_sg_is_internet(&closed->items[k].cidr))
                return true;
    }
    return false;
}

static void add_refusals(planner *p)
{
    const gt_subject *s = p->subject;
    bool rules = p->plan->kind == GT_PLAN_REVERT || p->plan->kind == GT_PLAN_NARROW;
    if (s->event->error.len || (s->change && s->change->outcome != GT_SG_APPLIED))
        refuse(p, "nothing_changed", p->plan->kind != GT_PLAN_RESTRICT,
               GT_STR("the call failed: it changed nothing that could be undone"));
    if (p->plan->kind == GT_PLAN_REVERT && closed_internet(s))
        refuse(p, "may_be_the_fix", false, GT_STR("the event closed something to the internet, and this "
                                                 "plan opens it again: it may have been the fix"));
    if (p->options->has_alarm && s->event->time >= p->options->alarm && rules)
        refuse(p, "may_be_the_fix", false, GT_STR("the event came after the alarm: it may be the fix"));
    if (s->actor.class == GT_SG_ACTOR_IAC && rules)
        refuse(p, "infrastructure_as_code", false,
               GT_STR("infrastructure as code made the change: its next run would undo this; change the "
                      "code (--format terraform)"));
    if ((s->actor.class == GT_SG_ACTOR_SERVICE || s->actor.class == GT_SG_ACTOR_CONTROLLER) && rules)
        refuse(p, "service_or_controller", false,
               GT_STR("a service or controller made the change and may make it again"));
    if (gt_str_is(s->event->type, "Root"))
        refuse(p, "root", false, GT_STR("the root user made the change: no policy binds it"));
    if (s->change && s->change->confidence == GT_SG_INCOMPLETE && rules)
        refuse(p, "incomplete_record", false, GT_STR("the record does not hold the whole request"));
}

gt_status gt_plan_make(gt_arena *arena, const gt_subject *subject, const gt_plan_options *options,
                       gt_plan **ret)
{
    gt_plan *plan = gt_arena_new_of(arena, gt_plan);
    if (!plan)
        return gt_arena_status(arena);
    planner p = {arena, subject, options, plan};
    *plan = (gt_plan){
        .kind = options->kind,
        .event_id = subject->event->id,
        .event_time = subject->event->time,
        .event_name = subject->event->name,
        .actor = gt_event_actor(subject->event),
        .account = subject->event->account,
        .region = subject->event->region,
    };
    gt_str recipient = gt_json_path_str(subject->event->record, "recipientAccountId");
    if (recipient.len)
        plan->account = recipient;
    if (options->kind == GT_PLAN_RESTRICT)
        restrict_actor(&p);
    else if (!subject->change || !subject->group_count)
        refuse(&p, "no_group", true, GT_STR("the event is about no security group that these logs "
                                           "know"));
    for (size_t i = 0; i < subject->group_count; i++) {
        if (options->kind == GT_PLAN_REVERT)
            revert_group(&p, &subject->groups[i]);
        else if (options->kind == GT_PLAN_NARROW)
            narrow_group(&p, &subject->groups[i]);
        else if (options->kind == GT_PLAN_QUARANTINE)
            quarantine_group(&p, &subject->groups[i]);
    }
    add_refusals(&p);
    *ret = plan;
    return gt_arena_status(arena);
}
