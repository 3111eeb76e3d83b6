/* What speaks for a false alarm: windows, automation, deployments, controllers, changes without effect. */
#include "base/limits.h"
#include "investigate/internal.h"

#define DEPLOYMENT_MS (2 * 3600 * 1000LL) /* a CloudFormation stack operation lasts no longer, mostly */

static gt_status check_window(gt_inv *inv, gt_json *checks)
{
    gt_step step = gt_step_begin(inv, checks, "check", "change_window",
                                 "Did it happen in a planned change window?");
    const gt_expected_window *w = gt_expected_window_at(inv->expected, inv->event->time);
    if (!inv->expected->windows_given) {
        (void)gt_fact_no_data(&step, "window", "the configuration names no change windows "
                              "([expected])");
    } else if (w) {
        inv->in_window = true;
        gt_json *fact = gt_fact(&step, "window", "it lies in a change window%s%.*s",
                                w->reason.len ? ": " : "", GT_STR_ARG(w->reason));
        gt_fact_proof(&step, fact, inv->event->id);
        gt_reason(inv, -15, inv->event->id, "it happened in a change window");
    } else {
        gt_json *fact = gt_fact_nothing(&step, "window", "it lies in no change window");
        gt_fact_proof(&step, fact, inv->event->id);
        gt_reason(inv, 5, inv->event->id, "it happened outside the change windows");
    }
    gt_step_end(&step);
    return gt_arena_status(inv->arena);
}

bool gt_inv_is_stranger(const gt_inv *inv)
{
    const gt_chain *chain = &inv->chain;
    gt_str first = gt_event_actor(chain->first);
    return chain->link_count && chain->end != GT_END_WORKLOAD && chain->end != GT_END_SERVICE &&
           !gt_expected_match(&inv->expected->automation, first).ptr &&
           !gt_expected_match(&inv->expected->administrators, first).ptr;
}

static gt_status check_automation(gt_inv *inv, gt_json *checks)
{
    gt_step step = gt_step_begin(inv, checks, "check", "known_automation",
                                 "Is the actor an automation that the configuration names?");
    const gt_expected_list *list = &inv->expected->automation;
    gt_str actor = gt_event_actor(inv->event);
    gt_str pattern = gt_expected_match(list, actor);
    if (!list->given) {
        (void)gt_fact_no_data(&step, "automation", "the configuration names no automation "
                              "([expected])");
    } else if (pattern.ptr) {
        bool stranger = gt_inv_is_stranger(inv);
        inv->automation = !stranger;
        gt_json *fact = gt_fact(&step, "automation", "%.*s is known automation (%.*s)",
                                GT_STR_ARG(actor), GT_STR_ARG(pattern));
        gt_json_setl(fact, "assumed_by_stranger", gt_json_new_bool(inv->arena, stranger));
        gt_fact_proof(&step, fact, inv->event->id);
        gt_reason(inv, stranger ? -5 : -20, inv->event->id,
                  stranger ? "the role is known automation's, but who assumed it is not listed"
                           : "the actor is known automation");
    } else {
        gt_json *fact = gt_fact_nothing(&step, "automation", "%.*s is no known automation",
                                        GT_STR_ARG(actor));
        gt_fact_proof(&step, fact, inv->event->id);
    }
    gt_step_end(&step);
    return gt_arena_status(inv->arena);
}

/* --- infrastructure as code --------------------------------------------------------------------------- */

static bool text_of(const gt_json *node, gt_str want)
{
    gt_str text = gt_json_text(node);
    return text.ptr && gt_str_eq(text, want);
}

static bool list_holds(const gt_json *list, const gt_cidr *cidr)
{
    for (const gt_json *e = gt_json_first(list); e; e = e->next) {
        gt_cidr c;
        if (gt_cidr_parse(gt_json_str(e), &c) && c.len == cidr->len &&
            gt_ip_cmp(&c.net, &cidr->net) == 0)
            return true;
    }
    return false;
}

static bool protocol_is(const gt_json *node, int protocol)
{
    char text[8];
    gt_str name = gt_sg_protocol_text(protocol, text);
    gt_str told = gt_json_text(node);
    int64_t n;
    if (protocol == GT_SG_PROTOCOL_ALL)
        return gt_str_is(told, "-1") || gt_str_eq_nocase(told, GT_STR("all"));
    return gt_str_eq_nocase(told, name) || (gt_str_to_i64(told, &n) && n == protocol);
}

static bool port_is(const gt_json *node, const gt_sg_rule *rule, int32_t port)
{
    int64_t n;
    if (rule->protocol == GT_SG_PROTOCOL_ALL)
        return true;
    return gt_json_i64(node, &n) && n == port;
}

/* A rule as any of Terraform's resources spells it. */
static bool planned_rule(const gt_json *after, const gt_sg_rule *rule)
{
    const gt_json *protocol = gt_json_getl(after, "protocol");
    if (!protocol)
        protocol = gt_json_getl(after, "ip_protocol");
    if (!protocol_is(protocol, rule->protocol) ||
        !port_is(gt_json_getl(after, "from_port"), rule, rule->from_port) ||
        !port_is(gt_json_getl(after, "to_port"), rule, rule->to_port))
        return false;
    if (rule->peer == GT_SG_PEER_CIDR) {
        gt_cidr c;
        const gt_json *one = rule->cidr.net.v6 ? gt_json_getl(after, "cidr_ipv6")
                                                     : gt_json_getl(after, "cidr_ipv4");
        if (gt_cidr_parse(gt_json_str(one), &c) && c.len == rule->cidr.len &&
            gt_ip_cmp(&c.net, &rule->cidr.net) == 0)
            return true;
        return list_holds(rule->cidr.net.v6 ? gt_json_getl(after, "ipv6_cidr_blocks")
                                            : gt_json_getl(after, "cidr_blocks"),
                          &rule->cidr);
    }
    const gt_json *lists[] = {gt_json_getl(after, "security_groups"),
                              gt_json_getl(after, "prefix_list_ids")};
    if (text_of(gt_json_getl(after, "source_security_group_id"), rule->peer_id) ||
        text_of(gt_json_getl(after, "referenced_security_group_id"), rule->peer_id) ||
        text_of(gt_json_getl(after, "prefix_list_id"), rule->peer_id))
        return true;
    for (size_t i = 0; i < 2; i++)
        for (const gt_json *e = gt_json_first(lists[i]); e; e = e->next)
            if (gt_str_eq(gt_json_str(e), rule->peer_id))
                return true;
    return false;
}

static bool planned_for(const gt_json *values, gt_str group)
{
    gt_str id = gt_json_path_str(values, "security_group_id");
    if (!id.len)
        id = gt_json_path_str(values, "id");
    /* A plan made before the group existed does not know its id. */
    return !id.len || gt_str_eq(id, group);
}

static bool direction_of(gt_str type, const gt_json *values, gt_sg_direction direction)
{
    if (gt_str_is(type, "aws_vpc_security_group_ingress_rule"))
        return direction == GT_SG_INGRESS;
    if (gt_str_is(type, "aws_vpc_security_group_egress_rule"))
        return direction == GT_SG_EGRESS;
    if (gt_str_is(type, "aws_security_group_rule"))
        return gt_str_eq(gt_json_path_str(values, "type"),
                         gt_str_c(direction == GT_SG_EGRESS ? "egress" : "ingress"));
    return false;
}

/* The resource of the plan that wants (before: had) this rule of this group; ptr NULL when none does. */
static gt_str planned_by(const gt_json *plan, const char *side, gt_str group, const gt_sg_rule *rule)
{
    const gt_json *changes = gt_json_getl(plan, "resource_changes");
    for (const gt_json *c = gt_json_first(changes); c; c = c->next) {
        gt_str type = gt_json_path_str(c, "type");
        const gt_json *values = gt_json_get(gt_json_getl(c, "change"), gt_str_c(side));
        if (!values || !planned_for(values, group))
            continue;
        if (direction_of(type, values, rule->direction) && planned_rule(values, rule))
            return gt_json_path_str(c, "address");
        if (!gt_str_is(type, "aws_security_group"))
            continue;
        const gt_json *rules =
            gt_json_get(values, rule->direction == GT_SG_EGRESS ? GT_STR("egress") : GT_STR("ingress"));
        for (const gt_json *e = gt_json_first(rules); e; e = e->next)
            if (planned_rule(e, rule))
                return gt_json_path_str(c, "address");
    }
    return GT_STR_NULL;
}

static void plan_facts(gt_inv *inv, gt_step *step)
{
    const gt_json *plan = inv->options->terraform_plan;
    size_t wanted = 0, missing = 0;
    if (!plan) {
        (void)gt_fact_no_data(step, "terraform_plan", "no plan was given (--terraform-plan FILE)");
        return;
    }
    for (size_t i = 0; i < inv->group_count; i++) {
        const gt_sg_step *s = inv->groups[i].step;
        for (int side = 0; s && side < 2; side++) {
            const gt_sg_version *v = side ? s->removed : s->added;
            for (; v; v = side ? v->next_removed : v->next_added) {
                gt_str by = planned_by(plan, side ? "before" : "after", inv->groups[i].id, &v->rule);
                gt_json *fact;
                *(by.ptr ? &wanted : &missing) += 1;
                if (by.ptr)
                    fact = gt_fact(step, "terraform_plan", "the plan's %.*s %s %.*s", GT_STR_ARG(by),
                                   side ? "had" : "wants",
                                   GT_STR_ARG(gt_words_rule(inv->arena, &v->rule)));
                else
                    fact = gt_fact_nothing(step, "terraform_plan", "the plan does not hold %.*s",
                                           GT_STR_ARG(gt_words_rule(inv->arena, &v->rule)));
                gt_fact_proof(step, fact, inv->event->id);
            }
        }
    }
    if (wanted && !missing)
        gt_reason(inv, -35, inv->event->id, "the Terraform plan holds exactly this change");
    else if (missing)
        gt_reason(inv, 15, inv->event->id, "the Terraform plan does not hold this change");
}

typedef struct stacks {
    gt_inv *inv;
    gt_step *step;
    size_t count;
} stacks;

static gt_status take_stack(void *user, const gt_event *event)
{
    stacks *s = user;
    gt_inv *inv = s->inv;
    if (!gt_str_is(event->source, "cloudformation.amazonaws.com") || event->error.len)
        return GT_OK;
    bool same = (event->key.len && gt_str_eq(event->key, inv->event->key)) ||
                gt_str_eq(gt_event_actor(event), gt_event_actor(inv->event)) ||
                gt_str_eq(gt_json_path_str(event->record, "requestParameters.roleARN"),
                          gt_event_actor(inv->event)) ||
                gt_chain_has(&inv->chain, event);
    gt_str stack = gt_json_path_str(event->record, "requestParameters.stackName");
    bool named = stack.len && gt_str_find(inv->event->text, stack) != GT_NPOS;
    if (!same && !named)
        return GT_OK;
    gt_event *kept;
    GT_TRY(gt_event_keep(inv->arena, event, &kept));
    gt_json *fact = gt_fact(s->step, "cloudformation", "%.*s%s%.*s by %.*s, %.*s before",
                            GT_STR_ARG(kept->name), stack.len ? " of the stack " : "",
                            GT_STR_ARG(gt_arena_dup(inv->arena, stack)),
                            GT_STR_ARG(gt_words_actor(inv->arena, kept)),
                            GT_STR_ARG(gt_span_words(inv, inv->event->time - kept->time)));
    gt_fact_proof(s->step, fact, kept->id);
    gt_timeline_add(inv, kept, "deployment", "%.*s %.*s", GT_STR_ARG(kept->name),
                    GT_STR_ARG(gt_json_path_str(kept->record, "requestParameters.stackName")));
    s->count++;
    return GT_OK;
}

static bool by_cloudformation(const gt_event *e)
{
    gt_str name = GT_STR("cloudformation.amazonaws.com");
    return gt_str_eq(e->invoked_by, name) || gt_str_eq(e->address, name);
}

static gt_status stack_facts(gt_inv *inv, gt_step *step)
{
    static const gt_str names[] = {
        {"CreateStack", 11}, {"UpdateStack", 11}, {"ExecuteChangeSet", 16}, {"DeleteStack", 11},
        {"CreateChangeSet", 15}, {"CreateStackInstances", 20}, {"UpdateStackInstances", 20},
    };
    if (!by_cloudformation(inv->event)) {
        (void)gt_fact_nothing(step, "cloudformation", "CloudFormation did not make the call");
        return GT_OK;
    }
    gt_json *fact = gt_fact(step, "cloudformation", "CloudFormation made the call: AWS itself says so "
                            "in the record");
    gt_fact_proof(step, fact, inv->event->id);
    stacks s = {inv, step, 0};
    GT_TRY(gt_evidence_each(inv->evidence, names, sizeof names / sizeof *names,
                            inv->event->time - DEPLOYMENT_MS, inv->event->time + 1000, take_stack,
                            &s));
    if (s.count)
        gt_reason(inv, -25, inv->event->id, "a CloudFormation stack operation made this change");
    else
        (void)gt_fact_no_data(step, "cloudformation", "the stack operation behind it is not in these "
                              "logs");
    return GT_OK;
}

/* A pipeline or a person may run it too: the class of the actor then says who, the tool says with
 * what. */
static bool is_iac_tool(gt_str tool)
{
    static const gt_str names[] = {{"Terraform", 9}, {"OpenTofu", 8},    {"Pulumi", 6},
                                   {"Ansible", 7},   {"Crossplane", 10}, {"AWS CDK", 7}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (gt_str_starts(tool, names[i]))
            return true;
    return false;
}

static gt_status check_iac(gt_inv *inv, gt_json *checks)
{
    gt_step step = gt_step_begin(inv, checks, "check", "infrastructure_as_code",
                                 "Does it match what Terraform or CloudFormation deployed?");
    bool iac = inv->actor.class == GT_SG_ACTOR_IAC || is_iac_tool(inv->actor.tool);
    if (iac && !by_cloudformation(inv->event)) {
        gt_json *fact = gt_fact(&step, "agent", "the user agent says %.*s, which a caller can choose",
                                GT_STR_ARG(inv->actor.tool.len ? inv->actor.tool
                                                               : GT_STR("infrastructure as code")));
        gt_fact_proof(&step, fact, inv->event->id);
        gt_reason(inv, -5, inv->event->id, "the user agent says infrastructure as code, which proves "
                  "little");
    } else if (!iac) {
        (void)gt_fact_nothing(&step, "agent", "the call does not look like infrastructure as code");
    }
    GT_TRY(stack_facts(inv, &step));
    plan_facts(inv, &step);
    gt_step_end(&step);
    return gt_arena_status(inv->arena);
}

static gt_status check_controller(gt_inv *inv, gt_json *checks)
{
    gt_step step = gt_step_begin(inv, checks, "check", "controller",
                                 "Did a controller or a service of AWS do it by itself?");
    bool service = inv->actor.class == GT_SG_ACTOR_SERVICE;
    bool proven = service && (gt_str_is(inv->event->type, "AWSService") ||
                              (inv->event->invoked_by.len &&
                               gt_str_ends(inv->event->invoked_by, GT_STR(".amazonaws.com"))));
    if (inv->actor.class == GT_SG_ACTOR_CONTROLLER) {
        gt_json *fact = gt_fact(&step, "controller", "a controller (%.*s), told by %.*s",
                                GT_STR_ARG(inv->actor.tool), GT_STR_ARG(inv->actor.basis));
        gt_fact_proof(&step, fact, inv->event->id);
        /* An instance's credentials are what thieves of metadata take: they excuse nothing. */
        if (!gt_str_ends(inv->actor.basis, GT_STR(".ec2RoleDelivery")))
            gt_reason(inv, -10, inv->event->id, "a controller made the call");
    } else if (service) {
        gt_json *fact = gt_fact(&step, "service", "a service of AWS: %.*s",
                                GT_STR_ARG(inv->event->invoked_by.len ? inv->event->invoked_by
                                                                      : inv->event->address));
        gt_fact_proof(&step, fact, inv->event->id);
        gt_reason(inv, proven ? -15 : -5, inv->event->id, "a service of AWS made the call");
    } else {
        gt_json *fact = gt_fact_nothing(&step, "controller", "neither a controller nor a service of "
                                        "AWS made the call");
        gt_fact_proof(&step, fact, inv->event->id);
    }
    gt_step_end(&step);
    return gt_arena_status(inv->arena);
}

/* The role of a session, the user. */
static gt_str identity_of(gt_str arn)
{
    size_t role = gt_str_find(arn, GT_STR(":assumed-role/"));
    if (role == GT_NPOS)
        return arn;
    size_t session = gt_str_find_byte(gt_str_from(arn, role + 14), '/');
    return session == GT_NPOS ? arn : gt_str_head(arn, role + 14 + session);
}

static bool same_identity(const gt_sg_step *a, const gt_sg_step *b)
{
    return a && b && gt_str_eq(identity_of(a->change->actor.arn), identity_of(b->change->actor.arn));
}

typedef struct noop {
    size_t parts, paired; /* rules the event touched; of them by one identity revoked and added again */
    const gt_sg_step *reopened; /* somebody else's revoke that the event took back */
} noop;

/* Does every rule the step touched belong to a pair of revoked and authorised again? A pair of two
 * people is no tool's churn: one closes, the other opens again. */
static gt_status noop_of(gt_inv *inv, gt_step *step, const gt_group_view *view, noop *ret)
{
    gt_sg_pair *pairs;
    size_t count;
    GT_TRY(gt_sg_timeline_pairs(inv->arena, view->timeline, &pairs, &count));
    for (int side = 0; side < 2; side++) {
        const gt_sg_version *v = side ? view->step->removed : view->step->added;
        for (; v; v = side ? v->next_removed : v->next_added) {
            ret->parts++;
            for (size_t i = 0; i < count; i++) {
                if ((side ? pairs[i].revoked : pairs[i].authorized) != v)
                    continue;
                const gt_sg_step *other = side ? pairs[i].authorized->from : pairs[i].revoked->to;
                bool one = same_identity(view->step, other);
                ret->paired += one;
                if (!one && !side)
                    ret->reopened = other;
                gt_json *fact = gt_fact(step, "net_noop", "%.*s was revoked and authorised again "
                                        "within %.*s%s", GT_STR_ARG(gt_words_rule(inv->arena, &v->rule)),
                                        GT_STR_ARG(gt_span_words(inv, pairs[i].gap_seconds * 1000)),
                                        one ? "" : ", by two identities");
                gt_json_setl(fact, "same_identity", gt_json_new_bool(inv->arena, one));
                gt_fact_proof(step, fact, inv->event->id);
                if (other)
                    gt_fact_proof(step, fact, other->change->event_id);
                break;
            }
        }
    }
    return GT_OK;
}

static gt_status check_noop(gt_inv *inv, gt_json *checks)
{
    gt_step step = gt_step_begin(inv, checks, "check", "net_noop",
                                 "Did the change come to nothing in the end?");
    noop n = {0};
    for (size_t i = 0; i < inv->group_count; i++)
        if (inv->groups[i].step)
            GT_TRY(noop_of(inv, &step, &inv->groups[i], &n));
    bool failed = inv->change && inv->change->outcome != GT_SG_APPLIED;
    if (failed) {
        gt_json *fact = gt_fact(&step, "failed", "the call changed nothing");
        gt_fact_proof(&step, fact, inv->event->id);
        bool denied = gt_str_find(inv->event->error, GT_STR("AccessDenied")) != GT_NPOS ||
                      gt_str_find(inv->event->error, GT_STR("UnauthorizedOperation")) != GT_NPOS;
        gt_reason(inv, denied ? 10 : -10, inv->event->id,
                  denied ? "the call was denied: somebody tried what they may not"
                         : "the call changed nothing");
    } else if (n.parts && n.parts == n.paired) {
        gt_reason(inv, -30, inv->event->id, "every rule it touched was revoked and authorised again "
                  "within minutes: no change in the end");
    } else if (n.reopened) {
        gt_reason(inv, 10, n.reopened->change->event_id, "it opened again what somebody else had "
                  "just closed");
    } else if (!step.found) {
        (void)gt_fact_nothing(&step, "net_noop", "no rule it touched was revoked and authorised again "
                              "within %d minutes", GT_SG_NOOP_SECONDS / 60);
    }
    if (inv->undone && !(n.parts && n.parts == n.paired))
        gt_reason(inv, -5, inv->undone_by, "the change has been undone since");
    gt_step_end(&step);
    return gt_arena_status(inv->arena);
}

gt_status gt_inv_false_positive(gt_inv *inv, gt_json *checks)
{
    GT_TRY(check_window(inv, checks));
    GT_TRY(check_automation(inv, checks));
    GT_TRY(check_iac(inv, checks));
    GT_TRY(check_controller(inv, checks));
    return check_noop(inv, checks);
}
