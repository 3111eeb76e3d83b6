#include "respond/live.h"

#include "base/limits.h"

#define EC2_VERSION "2016-11-15"
#define IAM_VERSION "2010-05-08"
#define STS_VERSION "2011-06-15"

void gt_live_init(gt_live *live, gt_arena *arena, gt_aws_client *client)
{
    *live = (gt_live){.arena = arena, .client = client};
    gt_aws_response_init(&live->response);
}

void gt_live_done(gt_live *live)
{
    gt_aws_response_done(&live->response);
}

/* The tree's strings live in the response, which the next call overwrites: copy the body first. */
static gt_status call(gt_live *live, const char *service, const char *version, const char *action,
                      const gt_params *params, const gt_xml **ret)
{
    const gt_xml *ignored;
    GT_TRY(gt_aws_query(live->client, service, version, action, params ? params->items : NULL,
                        params ? params->count : 0, live->arena, &live->response, &ignored));
    gt_str body = gt_arena_dup(live->arena, gt_buf_str(&live->response.http.body));
    gt_xml *root;
    if (!body.ptr)
        return gt_arena_status(live->arena);
    GT_TRY(gt_xml_parse(live->arena, body, &root));
    *ret = root;
    return GT_OK;
}

gt_status gt_live_ec2(gt_live *live, const char *action, const gt_params *params,
                      const gt_xml **ret)
{
    return call(live, "ec2", EC2_VERSION, action, params, ret);
}

gt_status gt_live_iam(gt_live *live, const char *action, const gt_params *params,
                      const gt_xml **ret)
{
    return call(live, "iam", IAM_VERSION, action, params, ret);
}

gt_status gt_live_caller(gt_live *live, gt_str *ret_arn, gt_str *ret_account)
{
    const gt_xml *root;
    GT_TRY(call(live, "sts", STS_VERSION, "GetCallerIdentity", NULL, &root));
    *ret_arn = gt_xml_text(root, "GetCallerIdentityResult/Arn");
    *ret_account = gt_xml_text(root, "GetCallerIdentityResult/Account");
    return GT_OK;
}

static bool add_rule(gt_live *live, gt_live_group *group, gt_sg_rule rule)
{
    gt_sg_rule *rules = gt_arena_grow(live->arena, group->rules,
                                      group->rule_count * sizeof *rules,
                                      (group->rule_count + 1) * sizeof *rules);
    if (!rules)
        return false;
    group->rules = rules;
    rules[group->rule_count++] = rule;
    return true;
}

static gt_status read_rules(gt_live *live, gt_live_group *group)
{
    gt_str next = GT_STR_NULL;
    do {
        gt_params params = {.arena = live->arena};
        gt_params_add(&params, "Filter.1.Name", GT_STR("group-id"));
        gt_params_add(&params, "Filter.1.Value.1", group->id);
        gt_params_add(&params, "MaxResults", GT_STR("1000"));
        if (next.len)
            gt_params_add(&params, "NextToken", next);
        const gt_xml *root;
        GT_TRY(gt_live_ec2(live, "DescribeSecurityGroupRules", &params, &root));
        const gt_xml *item = gt_xml_path(root, "securityGroupRuleSet/item");
        for (; item; item = gt_xml_next(item))
            if (!add_rule(live, group, gt_wire_rule(item)))
                return gt_arena_status(live->arena);
        next = gt_xml_text(root, "nextToken");
    } while (next.len);
    return GT_OK;
}

gt_status gt_live_group_read(gt_live *live, gt_str group_id, gt_live_group *ret)
{
    gt_params params = {.arena = live->arena};
    const gt_xml *root;
    *ret = (gt_live_group){.id = group_id};
    gt_params_add(&params, "GroupId.1", group_id);
    gt_status status = gt_live_ec2(live, "DescribeSecurityGroups", &params, &root);
    if (status != GT_OK && gt_str_starts(gt_str_c(live->response.code), GT_STR("InvalidGroup")))
        return GT_OK;
    GT_TRY(status);
    const gt_xml *item = gt_xml_path(root, "securityGroupInfo/item");
    ret->exists = item != NULL;
    if (!item)
        return GT_OK;
    ret->name = gt_xml_text(item, "groupName");
    ret->vpc_id = gt_xml_text(item, "vpcId");
    return read_rules(live, ret);
}

gt_status gt_live_group_named(gt_live *live, gt_str name, gt_str vpc_id, gt_live_group *ret)
{
    gt_params params = {.arena = live->arena};
    const gt_xml *root;
    *ret = (gt_live_group){.name = name, .vpc_id = vpc_id};
    gt_params_add(&params, "Filter.1.Name", GT_STR("group-name"));
    gt_params_add(&params, "Filter.1.Value.1", name);
    gt_params_add(&params, "Filter.2.Name", GT_STR("vpc-id"));
    gt_params_add(&params, "Filter.2.Value.1", vpc_id);
    GT_TRY(gt_live_ec2(live, "DescribeSecurityGroups", &params, &root));
    const gt_xml *item = gt_xml_path(root, "securityGroupInfo/item");
    ret->exists = item != NULL;
    ret->id = gt_xml_text(item, "groupId");
    return GT_OK;
}

static bool read_interface(gt_live *live, const gt_xml *item, gt_live_interface *ret)
{
    *ret = (gt_live_interface){.id = gt_xml_text(item, "networkInterfaceId"),
                               .vpc_id = gt_xml_text(item, "vpcId")};
    const gt_xml *group = gt_xml_path(item, "groupSet/item");
    for (; group; group = gt_xml_next(group)) {
        gt_str *groups = gt_arena_grow(live->arena, ret->groups, ret->group_count * sizeof *groups,
                                       (ret->group_count + 1) * sizeof *groups);
        if (!groups)
            return false;
        ret->groups = groups;
        groups[ret->group_count++] = gt_xml_text(group, "groupId");
    }
    return true;
}

gt_status gt_live_interfaces(gt_live *live, const char *filter, gt_str value,
                             gt_live_interface **ret, size_t *ret_count)
{
    gt_str next = GT_STR_NULL;
    gt_live_interface *all = NULL;
    size_t count = 0;
    do {
        gt_params params = {.arena = live->arena};
        gt_params_add(&params, "Filter.1.Name", gt_str_c(filter));
        gt_params_add(&params, "Filter.1.Value.1", value);
        if (next.len)
            gt_params_add(&params, "NextToken", next);
        const gt_xml *root;
        GT_TRY(gt_live_ec2(live, "DescribeNetworkInterfaces", &params, &root));
        const gt_xml *item = gt_xml_path(root, "networkInterfaceSet/item");
        for (; item; item = gt_xml_next(item)) {
            gt_live_interface *grown = gt_arena_grow(live->arena, all, count * sizeof *all,
                                                     (count + 1) * sizeof *all);
            if (!grown || !read_interface(live, item, &grown[count]))
                return gt_arena_status(live->arena);
            all = grown;
            count++;
        }
        next = gt_xml_text(root, "nextToken");
    } while (next.len);
    *ret = all;
    *ret_count = count;
    return GT_OK;
}

gt_status gt_live_policy(gt_live *live, bool is_role, gt_str entity, gt_str policy, bool *ret)
{
    gt_params params = {.arena = live->arena};
    const gt_xml *root;
    gt_params_add(&params, is_role ? "RoleName" : "UserName", entity);
    gt_status status = gt_live_iam(live, is_role ? "GetRole" : "GetUser", &params, &root);
    if (status != GT_OK)
        return gt_str_is(gt_str_c(live->response.code), "NoSuchEntity") ? GT_NOTFOUND : status;
    gt_params_add(&params, "PolicyName", policy);
    status = gt_live_iam(live, is_role ? "GetRolePolicy" : "GetUserPolicy", &params, &root);
    *ret = status == GT_OK;
    if (status != GT_OK && gt_str_is(gt_str_c(live->response.code), "NoSuchEntity"))
        return GT_OK;
    return status;
}
