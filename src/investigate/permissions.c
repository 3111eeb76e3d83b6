/* The permission review: do the actor's policies limit changes of security groups at all?
 * The policies come from a file or a live read: one policy document, a list of them, an object that
 * holds documents anywhere, or `aws iam get-account-authorization-details`. */
#include "investigate/expected.h"
#include "investigate/internal.h"
#include "investigate/policies.h"

const char *const gt_policy_actions[GT_POLICY_ACTIONS] = {
    "ec2:AuthorizeSecurityGroupIngress", "ec2:AuthorizeSecurityGroupEgress",
    "ec2:RevokeSecurityGroupIngress",    "ec2:RevokeSecurityGroupEgress",
    "ec2:ModifySecurityGroupRules",      "ec2:CreateSecurityGroup",
    "ec2:DeleteSecurityGroup",           "ec2:ModifyInstanceAttribute",
    "ec2:ModifyNetworkInterfaceAttribute",
};

static gt_str lower(gt_arena *arena, gt_str s)
{
    gt_str copy = gt_arena_dup(arena, s);
    char *p = copy.ptr ? (char *)(uintptr_t)copy.ptr : NULL;
    for (size_t i = 0; p && i < copy.len; i++)
        if (p[i] >= 'A' && p[i] <= 'Z')
            p[i] = (char)(p[i] - 'A' + 'a');
    return copy;
}

/* A string or a list of strings: does one match? Actions are compared without case. */
static bool one_matches(gt_arena *arena, const gt_json *node, gt_str text)
{
    if (gt_json_is(node, GT_JSON_STRING))
        return gt_expected_glob(lower(arena, node->str), lower(arena, text));
    for (const gt_json *e = gt_json_first(node); e; e = e->next)
        if (one_matches(arena, e, text))
            return true;
    return false;
}

static bool holds_star(const gt_json *node)
{
    if (gt_json_is(node, GT_JSON_STRING))
        return gt_str_is(node->str, "*");
    for (const gt_json *e = gt_json_first(node); e; e = e->next)
        if (holds_star(e))
            return true;
    return false;
}

static void read_statement(gt_arena *arena, const gt_json *statement, gt_policy_review *r)
{
    const gt_json *action = gt_json_getl(statement, "Action");
    const gt_json *not_action = gt_json_getl(statement, "NotAction");
    const gt_json *condition = gt_json_getl(statement, "Condition");
    bool everything = holds_star(gt_json_getl(statement, "Resource")) &&
                      !(condition && condition->count);
    bool deny = gt_str_is(gt_json_path_str(statement, "Effect"), "Deny");
    for (size_t i = 0; i < GT_POLICY_ACTIONS; i++) {
        gt_str name = gt_str_c(gt_policy_actions[i]);
        bool about = action ? one_matches(arena, action, name)
                            : not_action && !one_matches(arena, not_action, name);
        if (!about)
            continue;
        if (deny)
            r->denied[i] |= everything;
        else if (everything)
            r->open[i] = true;
        else
            r->limited[i] = true;
    }
}

/* Documents anywhere below the node. */
static void read_documents(gt_arena *arena, const gt_json *node, gt_policy_review *r)
{
    const gt_json *statement = gt_json_getl(node, "Statement");
    if (statement) {
        r->documents++;
        if (gt_json_is(statement, GT_JSON_OBJECT))
            read_statement(arena, statement, r);
        for (const gt_json *e = statement->type == GT_JSON_ARRAY ? statement->first : NULL; e;
             e = e->next)
            read_statement(arena, e, r);
        return;
    }
    for (const gt_json *e = gt_json_first(node); e; e = e->next)
        if (!gt_str_is(e->key, "AssumeRolePolicyDocument"))
            read_documents(arena, e, r);
}

static const gt_json *entry_of(const gt_json *list, const char *member, gt_str value)
{
    for (const gt_json *e = gt_json_first(list); e; e = e->next)
        if (gt_str_eq(gt_json_path_str(e, member), value))
            return e;
    return NULL;
}

static void read_managed(gt_arena *arena, const gt_json *all, const gt_json *attached, gt_policy_review *r)
{
    for (const gt_json *e = gt_json_first(attached); e; e = e->next) {
        const gt_json *policy = entry_of(gt_json_getl(all, "Policies"), "Arn",
                                         gt_json_path_str(e, "PolicyArn"));
        const gt_json *versions = gt_json_getl(policy, "PolicyVersionList");
        for (const gt_json *v = gt_json_first(versions); v; v = v->next) {
            const gt_json *is_default = gt_json_getl(v, "IsDefaultVersion");
            if (gt_json_is(is_default, GT_JSON_BOOL) && is_default->boolean)
                read_documents(arena, v, r);
        }
    }
}

void gt_policies_review_entity(gt_arena *arena, const gt_json *all, const gt_json *entity,
                               gt_policy_review *r)
{
    read_documents(arena, entity, r);
    read_managed(arena, all, gt_json_getl(entity, "AttachedManagedPolicies"), r);
    const gt_json *groups = gt_json_getl(entity, "GroupList");
    for (const gt_json *g = gt_json_first(groups); g; g = g->next) {
        const gt_json *group = entry_of(gt_json_getl(all, "GroupDetailList"), "GroupName",
                                        gt_json_str(g));
        read_documents(arena, group, r);
        read_managed(arena, all, gt_json_getl(group, "AttachedManagedPolicies"), r);
    }
}

bool gt_policies_review(gt_arena *scratch, const gt_json *policies, gt_str arn, gt_policy_review *ret)
{
    const gt_json *roles = gt_json_getl(policies, "RoleDetailList");
    const gt_json *users = gt_json_getl(policies, "UserDetailList");
    *ret = (gt_policy_review){0};
    if (!roles && !users) {
        read_documents(scratch, policies, ret);
        return ret->documents > 0;
    }
    const gt_json *entity = entry_of(roles, "Arn", arn);
    if (!entity)
        entity = entry_of(users, "Arn", arn);
    if (entity)
        gt_policies_review_entity(scratch, policies, entity, ret);
    return entity != NULL;
}

size_t gt_policy_review_open(const gt_policy_review *r)
{
    size_t n = 0;
    for (size_t i = 0; i < GT_POLICY_ACTIONS; i++)
        n += r->open[i] && !r->denied[i];
    return n;
}

size_t gt_policy_review_limited(const gt_policy_review *r)
{
    size_t n = 0;
    for (size_t i = 0; i < GT_POLICY_ACTIONS; i++)
        n += !r->open[i] && r->limited[i] && !r->denied[i];
    return n;
}

void gt_permissions_review(gt_inv *inv, gt_step *step)
{
    gt_policy_review r;
    if (!inv->options->policies) {
        (void)gt_fact_no_data(step, "permissions", "the actor's policies were not given (--policies "
                              "FILE, or --live)");
        return;
    }
    if (!gt_policies_review(inv->arena, inv->options->policies, gt_event_actor(inv->event), &r)) {
        (void)gt_fact_no_data(step, "permissions", "%.*s holds no policy of %.*s",
                              GT_STR_ARG(inv->options->policies_from),
                              GT_STR_ARG(gt_event_actor(inv->event)));
        return;
    }
    size_t open = gt_policy_review_open(&r), limited = gt_policy_review_limited(&r);
    gt_json *actions = gt_json_new_object(inv->arena);
    for (size_t i = 0; i < GT_POLICY_ACTIONS; i++) {
        const char *word = r.denied[i]    ? "denied"
                           : r.open[i]    ? "unlimited"
                           : r.limited[i] ? "limited"
                                          : "not allowed";
        gt_json_set(actions, gt_str_c(gt_policy_actions[i]), gt_json_new_str(inv->arena, gt_str_c(word)));
    }
    gt_json *fact;
    if (open)
        fact = gt_fact(step, "permissions", "the policies (%.*s) do not limit %zu of the %zu calls "
                       "that change security groups: any group, no condition",
                       GT_STR_ARG(inv->options->policies_from), open, (size_t)GT_POLICY_ACTIONS);
    else if (limited)
        fact = gt_fact(step, "permissions", "the policies (%.*s) allow changes of security groups on "
                       "some resources or under conditions only",
                       GT_STR_ARG(inv->options->policies_from));
    else
        fact = gt_fact(step, "permissions", "the policies (%.*s) allow no change of security groups "
                       "today: they were changed since, or the permission came from elsewhere",
                       GT_STR_ARG(inv->options->policies_from));
    gt_json_setl(fact, "actions", actions);
    gt_fact_proof(step, fact, inv->event->id);
}
