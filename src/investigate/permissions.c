/* The permission review: do the actor's policies limit changes of security groups at all?
 * The policies come from a file or a live read: one policy document, a list of them, an object that
 * holds documents anywhere, or `aws iam get-account-authorization-details`. */
#include "investigate/expected.h"
#include "investigate/internal.h"

static const char *const ACTIONS[] = {
    "ec2:AuthorizeSecurityGroupIngress", "ec2:AuthorizeSecurityGroupEgress",
    "ec2:RevokeSecurityGroupIngress",    "ec2:RevokeSecurityGroupEgress",
    "ec2:ModifySecurityGroupRules",      "ec2:CreateSecurityGroup",
    "ec2:DeleteSecurityGroup",           "ec2:ModifyInstanceAttribute",
    "ec2:ModifyNetworkInterfaceAttribute",
};
#define ACTION_COUNT (sizeof ACTIONS / sizeof *ACTIONS)

typedef struct review {
    bool open[ACTION_COUNT];    /* allowed on everything, without a condition */
    bool limited[ACTION_COUNT]; /* allowed on some resources, or under a condition */
    bool denied[ACTION_COUNT];  /* denied on everything, without a condition */
    size_t documents;
} review;

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

static void read_statement(gt_arena *arena, const gt_json *statement, review *r)
{
    const gt_json *action = gt_json_getl(statement, "Action");
    const gt_json *not_action = gt_json_getl(statement, "NotAction");
    const gt_json *condition = gt_json_getl(statement, "Condition");
    bool everything = holds_star(gt_json_getl(statement, "Resource")) &&
                      !(condition && condition->count);
    bool deny = gt_str_is(gt_json_path_str(statement, "Effect"), "Deny");
    for (size_t i = 0; i < ACTION_COUNT; i++) {
        gt_str name = gt_str_c(ACTIONS[i]);
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
static void read_documents(gt_arena *arena, const gt_json *node, review *r)
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

static void read_managed(gt_arena *arena, const gt_json *all, const gt_json *attached, review *r)
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

static void read_entity(gt_arena *arena, const gt_json *all, const gt_json *entity, review *r)
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

static bool read_policies(gt_inv *inv, review *r)
{
    const gt_json *all = inv->options->policies;
    const gt_json *roles = gt_json_getl(all, "RoleDetailList");
    const gt_json *users = gt_json_getl(all, "UserDetailList");
    if (!roles && !users) {
        read_documents(inv->arena, all, r);
        return r->documents > 0;
    }
    gt_str actor = gt_event_actor(inv->event);
    const gt_json *entity = entry_of(roles, "Arn", actor);
    if (!entity)
        entity = entry_of(users, "Arn", actor);
    if (entity)
        read_entity(inv->arena, all, entity, r);
    return entity != NULL;
}

void gt_permissions_review(gt_inv *inv, gt_step *step)
{
    review r = {0};
    if (!inv->options->policies) {
        (void)gt_fact_no_data(step, "permissions", "the actor's policies were not given (--policies "
                              "FILE, or --live)");
        return;
    }
    if (!read_policies(inv, &r)) {
        (void)gt_fact_no_data(step, "permissions", "%.*s holds no policy of %.*s",
                              GT_STR_ARG(inv->options->policies_from),
                              GT_STR_ARG(gt_event_actor(inv->event)));
        return;
    }
    size_t open = 0, limited = 0;
    gt_json *actions = gt_json_new_object(inv->arena);
    for (size_t i = 0; i < ACTION_COUNT; i++) {
        const char *word = r.denied[i]    ? "denied"
                           : r.open[i]    ? "unlimited"
                           : r.limited[i] ? "limited"
                                          : "not allowed";
        open += r.open[i] && !r.denied[i];
        limited += !r.open[i] && r.limited[i] && !r.denied[i];
        gt_json_set(actions, gt_str_c(ACTIONS[i]), gt_json_new_str(inv->arena, gt_str_c(word)));
    }
    gt_json *fact;
    if (open)
        fact = gt_fact(step, "permissions", "the policies (%.*s) do not limit %zu of the %zu calls "
                       "that change security groups: any group, no condition",
                       GT_STR_ARG(inv->options->policies_from), open, ACTION_COUNT);
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
