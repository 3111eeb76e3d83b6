#include "respond/apply.h"

#include "base/limits.h"
#include "respond/apply_internal.h"

static gt_json *text(gt_apply *a, gt_str s)
{
    return s.ptr ? gt_json_new_str(a->arena, gt_arena_dup(a->arena, s)) : gt_json_new_null(a->arena);
}

gt_time_ms gt_apply_now(gt_apply *a)
{
    return a->options->env->now(a->options->env->ctx);
}

/* --- what is said ------------------------------------------------------------------------------- */

static void add_refusal(gt_apply *a, const char *code, bool hard, gt_str words)
{
    gt_json *r = gt_json_new_object(a->arena);
    gt_json_setl(r, "code", gt_json_new_str(a->arena, gt_str_c(code)));
    gt_json_setl(r, "text", text(a, words));
    gt_json_setl(r, "can_be_forced", gt_json_new_bool(a->arena, !hard));
    gt_json_append(a->refusals, r);
    a->soft += !hard;
    a->hard += hard;
}

void gt_apply_set_state(gt_apply *a, size_t i, gt_action_state state, gt_str detail)
{
    static const char *const words[] = {
        [GT_ACTION_NEEDED] = "needed", [GT_ACTION_ALREADY] = "already", [GT_ACTION_MOVED] = "moved on",
        [GT_ACTION_DONE] = "done",     [GT_ACTION_FAILED] = "failed",
    };
    a->states[i] = state;
    gt_json_setl(a->nodes[i], "state", gt_json_new_str(a->arena, gt_str_c(words[state])));
    gt_json_setl(a->nodes[i], "detail", detail.len ? text(a, detail) : gt_json_new_null(a->arena));
}

gt_str gt_apply_aws_words(gt_apply *a)
{
    return gt_arena_printf(a->arena, "%s%s%s", a->live.response.code,
                           a->live.response.code[0] ? ": " : "", a->live.response.message);
}

static gt_json *group_json(gt_apply *a, const gt_live_group *group)
{
    gt_json *node = gt_json_new_object(a->arena), *rules = gt_json_new_array(a->arena);
    gt_json_setl(node, "group_id", text(a, group->id));
    gt_json_setl(node, "exists", gt_json_new_bool(a->arena, group->exists));
    for (size_t i = 0; i < group->rule_count; i++)
        gt_json_append(rules, gt_sg_rule_json(a->arena, &group->rules[i], group->id, a->account));
    gt_json_setl(node, "rules", rules);
    return node;
}

/* --- reading and judging --------------------------------------------------------------------------- */

static gt_live_group *live_group(gt_apply *a, gt_str id)
{
    for (size_t i = 0; i < a->group_count; i++)
        if (gt_str_eq(a->groups[i].id, id))
            return &a->groups[i];
    return NULL;
}

static gt_status read_groups(gt_apply *a)
{
    const gt_plan *plan = a->plan;
    a->group_count = 0;
    for (size_t i = 0; i < plan->action_count; i++) {
        gt_str id = plan->actions[i].group_id;
        if (!id.len || live_group(a, id))
            continue;
        GT_TRY(gt_live_group_read(&a->live, id, &a->groups[a->group_count]));
        a->group_count++;
    }
    return GT_OK;
}

static gt_json *groups_json(gt_apply *a)
{
    gt_json *all = gt_json_new_array(a->arena);
    for (size_t i = 0; i < a->group_count; i++)
        gt_json_append(all, group_json(a, &a->groups[i]));
    return all;
}

static const gt_sg_rule *by_id(const gt_live_group *group, gt_str id)
{
    for (size_t i = 0; id.len && i < group->rule_count; i++)
        if (gt_str_eq(group->rules[i].rule_id, id))
            return &group->rules[i];
    return NULL;
}

static const gt_sg_rule *by_content(const gt_live_group *group, const gt_sg_rule *rule)
{
    for (size_t i = 0; rule->content_known && i < group->rule_count; i++)
        if (group->rules[i].content_known && gt_sg_rule_same(&group->rules[i], rule))
            return &group->rules[i];
    return NULL;
}

static void judge_revoke(gt_apply *a, size_t i, const gt_live_group *group)
{
    const gt_action *action = &a->plan->actions[i];
    const gt_sg_rule *same = by_id(group, action->rule.rule_id);
    if (same && (!action->rule.content_known || gt_sg_rule_same(same, &action->rule))) {
        gt_apply_set_state(a, i, GT_ACTION_NEEDED, GT_STR_NULL);
        return;
    }
    if (same) {
        gt_apply_set_state(a, i, GT_ACTION_MOVED,
                           gt_arena_printf(a->arena, "%.*s has other content now",
                                           GT_STR_ARG(action->rule.rule_id)));
        return;
    }
    same = by_content(group, &action->rule);
    if (!same)
        gt_apply_set_state(a, i, GT_ACTION_ALREADY, GT_STR("the rule is not there"));
    else if (!action->rule.rule_id.len)
        gt_apply_set_state(a, i, GT_ACTION_NEEDED, GT_STR_NULL);
    else
        gt_apply_set_state(a, i, GT_ACTION_MOVED,
                           gt_arena_printf(a->arena, "the same rule stands under another id (%.*s): "
                                           "somebody has authorised it again since",
                                           GT_STR_ARG(same->rule_id)));
    if (same && action->rule.rule_id.len)
        a->found_ids[i] = same->rule_id;
}

static void judge_modify(gt_apply *a, size_t i, const gt_live_group *group)
{
    const gt_action *action = &a->plan->actions[i];
    const gt_sg_rule *live = by_id(group, action->rule.rule_id);
    /* A description that the logs do not tell is no reason to change a rule again, unless the change
     * was about the description alone. */
    bool words_only = gt_sg_rule_same(&action->rule, &action->now);
    if (!live)
        gt_apply_set_state(a, i, GT_ACTION_MOVED, GT_STR("the rule is gone"));
    else if (gt_sg_rule_same(live, &action->rule) &&
             ((!action->rule.description.len && !words_only) ||
              gt_str_eq(live->description, action->rule.description)))
        gt_apply_set_state(a, i, GT_ACTION_ALREADY, GT_STR("the rule is as it was before"));
    else if (gt_sg_rule_same(live, &action->now))
        gt_apply_set_state(a, i, GT_ACTION_NEEDED, GT_STR_NULL);
    else
        gt_apply_set_state(a, i, GT_ACTION_MOVED, GT_STR("the rule was changed again since"));
}

static void judge_rule(gt_apply *a, size_t i)
{
    const gt_action *action = &a->plan->actions[i];
    const gt_live_group *group = live_group(a, action->group_id);
    if (!group->exists) {
        if (action->kind == GT_ACTION_REVOKE || action->kind == GT_ACTION_DELETE)
            gt_apply_set_state(a, i, GT_ACTION_ALREADY, GT_STR("the group does not exist any more"));
        else
            gt_apply_set_state(a, i, GT_ACTION_MOVED, GT_STR("the group does not exist any more"));
        a->group_gone |= a->states[i] == GT_ACTION_MOVED;
        return;
    }
    switch (action->kind) {
    case GT_ACTION_REVOKE:
        judge_revoke(a, i, group);
        break;
    case GT_ACTION_AUTHORIZE:
        if (by_content(group, &action->rule))
            gt_apply_set_state(a, i, GT_ACTION_ALREADY, GT_STR("the rule is there"));
        else
            gt_apply_set_state(a, i, GT_ACTION_NEEDED, GT_STR_NULL);
        break;
    case GT_ACTION_MODIFY:
        judge_modify(a, i, group);
        break;
    default:
        gt_apply_set_state(a, i, GT_ACTION_NEEDED, GT_STR_NULL);
    }
}

static gt_status judge_policy(gt_apply *a, size_t i)
{
    const gt_action *action = &a->plan->actions[i];
    bool there = false;
    gt_status status = gt_live_policy(&a->live, action->is_role, action->entity,
                                      GT_STR(GT_DENY_POLICY_NAME), &there);
    if (status == GT_NOTFOUND) {
        gt_apply_set_state(a, i, GT_ACTION_MOVED, GT_STR("there is no such role or user any more"));
        a->group_gone = true;
        return GT_OK;
    }
    GT_TRY(status);
    if (there == !a->options->undo)
        gt_apply_set_state(a, i, GT_ACTION_ALREADY, there ? GT_STR("the policy is there")
                                                          : GT_STR("the policy is not there"));
    else
        gt_apply_set_state(a, i, GT_ACTION_NEEDED, GT_STR_NULL);
    return GT_OK;
}

static gt_status judge(gt_apply *a)
{
    GT_TRY(read_groups(a));
    for (size_t i = 0; i < a->plan->action_count; i++) {
        switch (a->plan->actions[i].kind) {
        case GT_ACTION_REVOKE:
        case GT_ACTION_AUTHORIZE:
        case GT_ACTION_MODIFY:
        case GT_ACTION_DELETE:
            judge_rule(a, i);
            break;
        case GT_ACTION_ATTACH:
        case GT_ACTION_DETACH:
        case GT_ACTION_ISOLATE:
            GT_TRY(gt_apply_judge_interfaces(a, i));
            break;
        case GT_ACTION_DENY:
            GT_TRY(judge_policy(a, i));
            break;
        }
    }
    return gt_arena_status(a->arena);
}

/* --- doing ------------------------------------------------------------------------------------------- */

static gt_status do_rule(gt_apply *a, size_t i)
{
    const gt_action *action = &a->plan->actions[i];
    bool egress = action->rule.direction == GT_SG_EGRESS;
    gt_params params = {.arena = a->arena};
    const gt_xml *root;
    gt_params_add(&params, "GroupId", action->group_id);
    if (action->kind == GT_ACTION_DELETE)
        return gt_live_ec2(&a->live, "DeleteSecurityGroup", &params, &root);
    if (action->kind == GT_ACTION_MODIFY) {
        gt_params_modify(&params, &action->rule);
        return gt_live_ec2(&a->live, "ModifySecurityGroupRules", &params, &root);
    }
    if (action->kind == GT_ACTION_AUTHORIZE) {
        gt_params_permission(&params, &action->rule, true);
        gt_params_tags(&params, action->tags);
        return gt_live_ec2(&a->live, egress ? "AuthorizeSecurityGroupEgress"
                                            : "AuthorizeSecurityGroupIngress", &params, &root);
    }
    gt_str id = a->found_ids[i].len ? a->found_ids[i] : action->rule.rule_id;
    if (id.len)
        gt_params_add(&params, "SecurityGroupRuleId.1", id);
    else
        gt_params_permission(&params, &action->rule, false);
    return gt_live_ec2(&a->live, egress ? "RevokeSecurityGroupEgress" : "RevokeSecurityGroupIngress",
                       &params, &root);
}

static gt_status do_policy(gt_apply *a, size_t i)
{
    const gt_action *action = &a->plan->actions[i];
    gt_params params = {.arena = a->arena};
    const gt_xml *root;
    gt_params_add(&params, action->is_role ? "RoleName" : "UserName", action->entity);
    gt_params_add(&params, "PolicyName", GT_STR(GT_DENY_POLICY_NAME));
    if (a->options->undo)
        return gt_live_iam(&a->live, action->is_role ? "DeleteRolePolicy" : "DeleteUserPolicy", &params,
                           &root);
    gt_params_add(&params, "PolicyDocument", gt_deny_policy());
    return gt_live_iam(&a->live, action->is_role ? "PutRolePolicy" : "PutUserPolicy", &params, &root);
}

static bool on_interfaces(gt_action_kind kind)
{
    return kind == GT_ACTION_ATTACH || kind == GT_ACTION_DETACH || kind == GT_ACTION_ISOLATE;
}

static gt_status do_action(gt_apply *a, size_t i)
{
    const gt_action *action = &a->plan->actions[i];
    gt_json *line = gt_json_new_object(a->arena);
    gt_json_setl(line, "action", gt_json_new_i64(a->arena, (int64_t)i));
    gt_json_setl(line, "words", text(a, action->words));
    GT_TRY(gt_arena_status(a->arena));
    GT_TRY(gt_journal_add(&a->journal, gt_apply_now(a), "call", line));
    gt_status status = on_interfaces(action->kind) ? gt_apply_do_interfaces(a, i)
                       : action->kind == GT_ACTION_DENY ? do_policy(a, i)
                                                        : do_rule(a, i);
    if (status == GT_NOMEM || a->journal_failed)
        return status;
    bool ok = status == GT_OK;
    gt_apply_set_state(a, i, ok ? GT_ACTION_DONE : GT_ACTION_FAILED,
                       ok ? GT_STR_NULL : gt_apply_aws_words(a));
    gt_json_setl(a->nodes[i], "request_id", text(a, gt_str_c(a->live.response.request_id)));
    a->failed |= !ok;
    return gt_journal_add(&a->journal, gt_apply_now(a), "called", a->nodes[i]);
}

/* --- the whole ------------------------------------------------------------------------------------------ */

static gt_str role_of_caller(gt_str arn)
{
    size_t at = gt_str_find(arn, GT_STR(":assumed-role/"));
    gt_str role;
    if (at == GT_NPOS)
        return GT_STR_NULL;
    (void)gt_str_cut(gt_str_from(arn, at + 14), '/', &role);
    return role;
}

/* By role, else by user; never by a session's name, which anybody may choose. */
static bool is_own(const gt_apply *a)
{
    gt_str role = role_of_caller(a->caller), actor = a->plan->actor;
    if (!role.len)
        return gt_str_eq(a->caller, actor);
    size_t slash = gt_str_rfind_byte(actor, '/');
    return gt_str_find(actor, GT_STR(":role/")) != GT_NPOS && slash != GT_NPOS &&
           gt_str_eq(gt_str_from(actor, slash + 1), role) && gt_str_eq(a->account, a->plan->account);
}

static void collect_refusals(gt_apply *a)
{
    const gt_plan *plan = a->plan;
    for (size_t i = 0; i < plan->refusal_count; i++)
        add_refusal(a, plan->refusals[i].code, plan->refusals[i].hard, plan->refusals[i].text);
    for (size_t i = 0; i < plan->action_count; i++)
        if (a->states[i] == GT_ACTION_MOVED)
            add_refusal(a, "moved_on", a->group_gone,
                        gt_arena_printf(a->arena, "%.*s: the live state has moved on: %.*s",
                                        GT_STR_ARG(plan->actions[i].words),
                                        GT_STR_ARG(gt_json_path_str(a->nodes[i], "detail"))));
    if ((plan->kind == GT_PLAN_REVERT || plan->kind == GT_PLAN_NARROW) && is_own(a))
        add_refusal(a, "own_change", false, GT_STR("the change was made by the same role or user as "
                                                  "these credentials"));
    if (plan->kind == GT_PLAN_RESTRICT && !a->options->undo && is_own(a))
        add_refusal(a, "own_identity", true, GT_STR("these credentials would lock themselves out"));
}

static gt_status check_caller(gt_apply *a)
{
    GT_TRY(gt_live_caller(&a->live, &a->caller, &a->account));
    gt_json_setl(a->result, "caller", text(a, a->caller));
    if (a->plan->account.len && a->account.len && !gt_str_eq(a->plan->account, a->account))
        add_refusal(a, "other_account", true,
                    gt_arena_printf(a->arena, "the event is of account %.*s, the credentials are of "
                                    "%.*s", GT_STR_ARG(a->plan->account), GT_STR_ARG(a->account)));
    return GT_OK;
}

static bool all_in(const gt_apply *a, gt_action_state state)
{
    for (size_t i = 0; i < a->plan->action_count; i++)
        if (a->states[i] != state)
            return false;
    return true;
}

static const char *finish(gt_apply *a, const char *outcome)
{
    gt_json_setl(a->result, "outcome", gt_json_new_str(a->arena, gt_str_c(outcome)));
    return outcome;
}

static gt_status apply_actions(gt_apply *a, const char **ret_outcome)
{
    GT_TRY(gt_journal_begin(a->options->journal, a->plan->event_id, gt_plan_kind_text(a->plan->kind),
                            a->options->undo, a->caller, a->options->force, gt_apply_now(a),
                            gt_plan_json(a->arena, a->plan), &a->journal));
    gt_json_setl(a->result, "resumed", gt_json_new_bool(a->arena, a->journal.resumed));
    GT_TRY(gt_journal_add(&a->journal, gt_apply_now(a), "before",
                          gt_json_getl(a->result, "before")));
    for (size_t i = 0; i < a->plan->action_count && !a->failed; i++)
        if (a->states[i] == GT_ACTION_NEEDED || a->states[i] == GT_ACTION_MOVED)
            GT_TRY(do_action(a, i));
    if (a->failed) {
        *ret_outcome = finish(a, "failed");
        return GT_OK;
    }
    /* Read back: every action must now be one that is done already. */
    gt_json **nodes = a->nodes;
    a->nodes = gt_arena_array(a->arena, gt_json *, a->plan->action_count + 1);
    if (!a->nodes)
        return gt_arena_status(a->arena);
    for (size_t i = 0; i < a->plan->action_count; i++)
        a->nodes[i] = gt_json_new_object(a->arena);
    gt_status status = judge(a);
    bool verified = status == GT_OK && all_in(a, GT_ACTION_ALREADY);
    for (size_t i = 0; i < a->plan->action_count; i++)
        gt_json_setl(nodes[i], "read_back", gt_json_copy(a->arena, gt_json_getl(a->nodes[i], "state"),
                                                         false));
    a->nodes = nodes;
    gt_json_setl(a->result, "after", groups_json(a));
    gt_json_setl(a->result, "verified", gt_json_new_bool(a->arena, verified));
    if (status != GT_OK && status != GT_NOMEM)
        gt_json_setl(a->result, "message", text(a, gt_apply_aws_words(a)));
    *ret_outcome = finish(a, verified ? "applied" : "failed");
    return gt_journal_add(&a->journal, gt_apply_now(a), "after", gt_json_getl(a->result, "after"));
}

/* What the plan says about itself is no reason against taking it back. */
static bool refused(gt_apply *a)
{
    if (!a->options->undo)
        collect_refusals(a);
    return a->hard || (a->soft && !a->options->force.len);
}

static gt_status run(gt_apply *a)
{
    GT_TRY(check_caller(a));
    if (a->hard) {
        (void)finish(a, "refused");
        return GT_OK;
    }
    GT_TRY(judge(a));
    gt_json_setl(a->result, "before", groups_json(a));
    if (a->plan->action_count && all_in(a, GT_ACTION_ALREADY)) {
        gt_json_setl(a->result, "verified", gt_json_new_bool(a->arena, true));
        (void)finish(a, "already");
        return GT_OK;
    }
    if (refused(a) || !a->plan->action_count) {
        (void)finish(a, "refused");
        return GT_OK;
    }
    if (!a->options->apply) {
        (void)finish(a, "ready");
        return GT_OK;
    }
    const char *outcome = "failed";
    GT_TRY(apply_actions(a, &outcome));
    return gt_journal_end(&a->journal, gt_apply_now(a), outcome);
}

static gt_status set_up(gt_apply *a)
{
    size_t n = a->plan->action_count + 1;
    a->result = gt_json_new_object(a->arena);
    a->refusals = gt_json_new_array(a->arena);
    a->nodes = gt_arena_array(a->arena, gt_json *, n);
    a->states = gt_arena_array(a->arena, gt_action_state, n);
    a->found_ids = gt_arena_array(a->arena, gt_str, n);
    a->groups = gt_arena_array(a->arena, gt_live_group, n);
    if (!a->nodes || !a->states || !a->found_ids || !a->groups)
        return gt_arena_status(a->arena);
    gt_json *actions = gt_json_new_array(a->arena);
    gt_json_setl(a->result, "outcome", gt_json_new_null(a->arena));
    gt_json_setl(a->result, "verified", gt_json_new_bool(a->arena, false));
    gt_json_setl(a->result, "forced", text(a, a->options->force.len ? a->options->force
                                                                    : GT_STR_NULL));
    gt_json_setl(a->result, "refusals", a->refusals);
    gt_json_setl(a->result, "actions", actions);
    for (size_t i = 0; i < a->plan->action_count; i++) {
        a->nodes[i] = gt_json_new_object(a->arena);
        gt_json_setl(a->nodes[i], "words", text(a, a->plan->actions[i].words));
        gt_json_setl(a->nodes[i], "group_id", text(a, a->plan->actions[i].group_id));
        gt_json_append(actions, a->nodes[i]);
    }
    return gt_arena_status(a->arena);
}

gt_status gt_plan_apply(gt_arena *arena, const gt_plan *plan, const gt_apply_options *options,
                        gt_json **ret)
{
    gt_apply a = {.arena = arena, .plan = plan, .options = options};
    gt_live_init(&a.live, arena, options->client);
    gt_status status = set_up(&a);
    if (status == GT_OK)
        status = run(&a);
    /* A call of AWS that failed is an answer; the rest is none. */
    if (status != GT_OK && status != GT_NOMEM && !a.journal_failed &&
        (a.live.response.message[0] || a.live.response.code[0])) {
        gt_json_setl(a.result, "message", text(&a, gt_apply_aws_words(&a)));
        (void)finish(&a, "failed");
        status = gt_arena_status(arena);
    }
    gt_live_done(&a.live);
    if (status == GT_OK)
        *ret = a.result;
    return status;
}
