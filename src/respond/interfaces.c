/* Actions on network interfaces. What an interface had before is remembered in the journal before it is
 * changed; --undo reads it there. */
#include "base/limits.h"
#include "respond/apply_internal.h"

static bool has_group(const gt_live_interface *eni, gt_str group)
{
    for (size_t i = 0; i < eni->group_count; i++)
        if (gt_str_eq(eni->groups[i], group))
            return true;
    return false;
}

static gt_status set_groups(gt_apply *a, gt_str eni, const gt_str *groups, size_t count)
{
    gt_params params = {.arena = a->arena};
    const gt_xml *root;
    gt_params_add(&params, "NetworkInterfaceId", eni);
    for (size_t i = 0; i < count; i++) {
        gt_str name = gt_arena_printf(a->arena, "SecurityGroupId.%zu", i + 1);
        if (!name.ptr)
            return gt_arena_status(a->arena);
        gt_params_add(&params, name.ptr, groups[i]);
    }
    return gt_live_ec2(&a->live, "ModifyNetworkInterfaceAttribute", &params, &root);
}

static gt_json *interface_json(gt_apply *a, const gt_live_interface *eni)
{
    gt_json *node = gt_json_new_object(a->arena), *groups = gt_json_new_array(a->arena);
    gt_json_setl(node, "interface", gt_json_new_str(a->arena, eni->id));
    gt_json_setl(node, "group", gt_json_new_null(a->arena));
    for (size_t i = 0; i < eni->group_count; i++)
        gt_json_append(groups, gt_json_new_str(a->arena, eni->groups[i]));
    gt_json_setl(node, "groups", groups);
    return node;
}

static gt_status remember(gt_apply *a, const gt_live_interface *eni, gt_str group)
{
    gt_json *node = interface_json(a, eni);
    gt_json_setl(node, "group", gt_json_new_str(a->arena, group));
    GT_TRY(gt_arena_status(a->arena));
    gt_status status = gt_journal_add(&a->journal, gt_apply_now(a), "remember", node);
    a->journal_failed |= status != GT_OK;
    return status;
}

/* --- isolate ------------------------------------------------------------------------------------------ */

static gt_status close_group(gt_apply *a, gt_str id)
{
    gt_live_group group;
    GT_TRY(gt_live_group_read(&a->live, id, &group));
    for (size_t i = 0; i < group.rule_count; i++) {
        const gt_sg_rule *rule = &group.rules[i];
        gt_params params = {.arena = a->arena};
        const gt_xml *root;
        gt_params_add(&params, "GroupId", id);
        gt_params_add(&params, "SecurityGroupRuleId.1", rule->rule_id);
        GT_TRY(gt_live_ec2(&a->live, rule->direction == GT_SG_EGRESS ? "RevokeSecurityGroupEgress"
                                                                     : "RevokeSecurityGroupIngress",
                           &params, &root));
    }
    return GT_OK;
}

/* The isolation group of the VPC, made when there is none, and without any rule. */
static gt_status isolation_group(gt_apply *a, gt_str vpc, gt_str *ret)
{
    gt_live_group group;
    GT_TRY(gt_live_group_named(&a->live, GT_STR(GT_ISOLATION_GROUP_NAME), vpc, &group));
    if (!group.exists) {
        gt_params params = {.arena = a->arena};
        const gt_xml *root;
        gt_params_add(&params, "GroupName", GT_STR(GT_ISOLATION_GROUP_NAME));
        gt_params_add(&params, "GroupDescription", GT_STR("no traffic: made by gatetrail"));
        gt_params_add(&params, "VpcId", vpc);
        GT_TRY(gt_live_ec2(&a->live, "CreateSecurityGroup", &params, &root));
        group.id = gt_xml_text(root, "groupId");
    }
    GT_TRY(close_group(a, group.id));
    *ret = group.id;
    return GT_OK;
}

static gt_status isolate(gt_apply *a, const gt_action *action)
{
    gt_live_interface *enis;
    size_t count;
    GT_TRY(gt_live_interfaces(&a->live, "group-id", action->group_id, &enis, &count));
    for (size_t i = 0; i < count; i++) {
        gt_str isolation;
        GT_TRY(isolation_group(a, enis[i].vpc_id, &isolation));
        GT_TRY(remember(a, &enis[i], action->group_id));
        GT_TRY(set_groups(a, enis[i].id, &isolation, 1));
    }
    return GT_OK;
}

/* --- undo --------------------------------------------------------------------------------------------- */

typedef gt_status (*memory_fn)(gt_apply *a, const gt_live_interface *eni, const gt_str *groups,
                               size_t count, void *user);

/* Every interface that was isolated because of this group, with the groups it had; the first memory of
 * an interface counts, a later one may already show the isolation group. */
static gt_status each_memory(gt_apply *a, const gt_action *action, memory_fn fn, void *user)
{
    gt_json *lines;
    if (!a->options->journal)
        return GT_OK;
    GT_TRY(gt_journal_read(a->options->journal, a->arena, a->plan->event_id,
                           gt_plan_kind_text(a->plan->kind), "remember", &lines));
    for (const gt_json *l = gt_json_first(lines); l; l = l->next) {
        gt_str id = gt_json_path_str(l, "interface");
        bool earlier = false;
        for (const gt_json *e = gt_json_first(lines); e != l; e = e->next)
            earlier |= gt_str_eq(gt_json_path_str(e, "interface"), id);
        if (earlier || !gt_str_eq(gt_json_path_str(l, "group"), action->group_id))
            continue;
        const gt_json *list = gt_json_getl(l, "groups");
        gt_str *groups = gt_arena_array(a->arena, gt_str, list && list->count ? list->count : 1);
        size_t n = 0, count;
        gt_live_interface *eni;
        if (!groups)
            return gt_arena_status(a->arena);
        for (const gt_json *g = gt_json_first(list); g; g = g->next)
            groups[n++] = gt_json_str(g);
        GT_TRY(gt_live_interfaces(&a->live, "network-interface-id", id, &eni, &count));
        if (count)
            GT_TRY(fn(a, eni, groups, n, user));
    }
    return GT_OK;
}

static bool same_groups(const gt_live_interface *eni, const gt_str *groups, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!has_group(eni, groups[i]))
            return false;
    return eni->group_count == count;
}

typedef struct undo_count {
    size_t isolated, back, other;
} undo_count;

static gt_status is_isolated(gt_apply *a, const gt_live_interface *eni, bool *ret)
{
    gt_live_group group;
    GT_TRY(gt_live_group_named(&a->live, GT_STR(GT_ISOLATION_GROUP_NAME), eni->vpc_id, &group));
    *ret = group.exists && eni->group_count == 1 && gt_str_eq(eni->groups[0], group.id);
    return GT_OK;
}

static gt_status count_memory(gt_apply *a, const gt_live_interface *eni, const gt_str *groups,
                              size_t count, void *user)
{
    undo_count *c = user;
    bool isolated;
    if (same_groups(eni, groups, count)) {
        c->back++;
        return GT_OK;
    }
    GT_TRY(is_isolated(a, eni, &isolated));
    *(isolated ? &c->isolated : &c->other) += 1;
    return GT_OK;
}

static gt_status restore_memory(gt_apply *a, const gt_live_interface *eni, const gt_str *groups,
                                size_t count, void *user)
{
    bool isolated;
    (void)user;
    GT_TRY(is_isolated(a, eni, &isolated));
    return isolated ? set_groups(a, eni->id, groups, count) : GT_OK;
}

/* --- attach, detach -------------------------------------------------------------------------------------- */

static gt_status of_resource(gt_apply *a, const gt_action *action, gt_live_interface **ret,
                             size_t *ret_count)
{
    bool instance = gt_str_starts(action->resource, GT_STR("i-"));
    return gt_live_interfaces(&a->live, instance ? "attachment.instance-id" : "network-interface-id",
                              action->resource, ret, ret_count);
}

static gt_status change_groups(gt_apply *a, const gt_live_interface *eni, const gt_action *action)
{
    gt_str *groups = gt_arena_array(a->arena, gt_str, eni->group_count + 1);
    size_t n = 0;
    if (!groups)
        return gt_arena_status(a->arena);
    for (size_t i = 0; i < eni->group_count; i++)
        if (action->kind == GT_ACTION_ATTACH || !gt_str_eq(eni->groups[i], action->group_id))
            groups[n++] = eni->groups[i];
    if (action->kind == GT_ACTION_ATTACH)
        groups[n++] = action->group_id;
    GT_TRY(remember(a, eni, action->group_id));
    return set_groups(a, eni->id, groups, n);
}

gt_status gt_apply_do_interfaces(gt_apply *a, size_t i)
{
    const gt_action *action = &a->plan->actions[i];
    if (action->kind == GT_ACTION_ISOLATE)
        return a->options->undo ? each_memory(a, action, restore_memory, NULL) : isolate(a, action);
    gt_live_interface *enis;
    size_t count;
    GT_TRY(of_resource(a, action, &enis, &count));
    for (size_t k = 0; k < count; k++)
        if (has_group(&enis[k], action->group_id) != (action->kind == GT_ACTION_ATTACH))
            GT_TRY(change_groups(a, &enis[k], action));
    return GT_OK;
}

static gt_status judge_isolate(gt_apply *a, size_t i)
{
    const gt_action *action = &a->plan->actions[i];
    if (a->options->undo) {
        undo_count c = {0};
        GT_TRY(each_memory(a, action, count_memory, &c));
        if (c.isolated)
            gt_apply_set_state(a, i, GT_ACTION_NEEDED, GT_STR_NULL);
        else if (c.other)
            gt_apply_set_state(a, i, GT_ACTION_MOVED, GT_STR("somebody has changed the interfaces "
                                                            "since"));
        else
            gt_apply_set_state(a, i, GT_ACTION_ALREADY, c.back ? GT_STR("the old groups are back")
                                                               : GT_STR("nothing was isolated"));
        return GT_OK;
    }
    gt_live_interface *enis;
    size_t count;
    GT_TRY(gt_live_interfaces(&a->live, "group-id", action->group_id, &enis, &count));
    if (count)
        gt_apply_set_state(a, i, GT_ACTION_NEEDED,
                           gt_arena_printf(a->arena, "%zu interfaces have the group", count));
    else
        gt_apply_set_state(a, i, GT_ACTION_ALREADY, GT_STR("no interface has the group"));
    return GT_OK;
}

gt_status gt_apply_judge_interfaces(gt_apply *a, size_t i)
{
    const gt_action *action = &a->plan->actions[i];
    if (action->kind == GT_ACTION_ISOLATE)
        return judge_isolate(a, i);
    gt_live_interface *enis;
    size_t count, left = 0, last = 0;
    bool attach = action->kind == GT_ACTION_ATTACH;
    GT_TRY(of_resource(a, action, &enis, &count));
    for (size_t k = 0; k < count; k++) {
        left += has_group(&enis[k], action->group_id) != attach;
        last += !attach && enis[k].group_count == 1 && has_group(&enis[k], action->group_id);
    }
    if (!count && attach)
        gt_apply_set_state(a, i, GT_ACTION_MOVED, GT_STR("the resource has no interface any more"));
    else if (last) {
        gt_apply_set_state(a, i, GT_ACTION_MOVED, GT_STR("it is the interface's only group, and an "
                                                        "interface must have one"));
        a->group_gone = true;
    } else if (left)
        gt_apply_set_state(a, i, GT_ACTION_NEEDED, GT_STR_NULL);
    else
        gt_apply_set_state(a, i, GT_ACTION_ALREADY, attach ? GT_STR("the group is on it")
                                                           : GT_STR("the group is not on it"));
    return GT_OK;
}
