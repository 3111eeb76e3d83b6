#include "investigate/internal.h"

#include "base/limits.h"

typedef struct service {
    int protocol;
    int32_t port;
    const char *name;
    bool admin;
} service;

static const service SERVICES[] = {
#define SERVICE(protocol, port, name, admin) {protocol, port, name, admin},
#include "investigate/services.def"
#undef SERVICE
};

const gt_notable gt_notables[] = {
#define NOTABLE(name, kind, words) {name, GT_NOTABLE_##kind, words},
#include "investigate/notable.def"
#undef NOTABLE
};
const size_t gt_notables_count = sizeof gt_notables / sizeof *gt_notables;

const gt_notable *gt_notable_of(gt_str event_name)
{
    for (size_t i = 0; i < gt_notables_count; i++)
        if (gt_str_eq(event_name, gt_str_c(gt_notables[i].name)))
            return &gt_notables[i];
    return NULL;
}

bool gt_event_reads_only(const gt_event *event)
{
    const gt_json *told = gt_json_getl(event->record, "readOnly");
    if (gt_json_is(told, GT_JSON_BOOL))
        return told->boolean;
    static const char *const verbs[] = {"Describe", "List", "Get", "Head", "Lookup", "Search",
                                        "BatchGet", "View", "Check", "Simulate"};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (gt_str_starts(event->name, gt_str_c(verbs[i])))
            return true;
    return false;
}

static void add_target(gt_buf *out, gt_str s)
{
    if (!s.len || s.len > 200 || gt_str_find(gt_buf_str(out), s) != GT_NPOS)
        return;
    if (out->len)
        gt_buf_lit(out, ", ");
    gt_buf_add(out, s);
}

gt_str gt_event_target(gt_arena *arena, const gt_event *event)
{
    static const char *const paths[] = {
        "requestParameters.userName", "requestParameters.roleName", "requestParameters.groupName",
        "requestParameters.groupId", "requestParameters.policyArn", "requestParameters.policyName",
        "requestParameters.roleArn", "requestParameters.functionName", "requestParameters.name",
        "requestParameters.instanceId", "requestParameters.keyName", "requestParameters.bucketName",
        "requestParameters.trailName", "requestParameters.routeTableId",
        "requestParameters.networkAclId", "requestParameters.networkInterfaceId",
        "requestParameters.internetGatewayId", "requestParameters.vpcId",
        "requestParameters.destinationCidrBlock", "responseElements.accessKey.accessKeyId",
        "responseElements.groupId",
    };
    gt_buf out = GT_BUF(4096);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        add_target(&out, gt_json_path_str(event->record, paths[i]));
    const gt_json *set = gt_json_path(event->record, "responseElements.instancesSet.items");
    for (const gt_json *e = gt_json_first(set); e; e = e->next)
        add_target(&out, gt_json_path_str(e, "instanceId"));
    gt_str text = gt_arena_dup(arena, gt_buf_str(&out));
    gt_buf_done(&out);
    return text.ptr ? text : GT_STR("");
}

gt_str gt_words_ports(gt_arena *arena, int protocol, int32_t from, int32_t to)
{
    char text[8];
    gt_str name = gt_sg_protocol_text(protocol, text);
    if (protocol == GT_SG_PROTOCOL_ALL)
        return GT_STR("all traffic");
    if (protocol == GT_SG_ICMP || protocol == GT_SG_ICMPV6) {
        if (from < 0)
            return gt_arena_dup(arena, name);
        return gt_arena_printf(arena, "%.*s type %d", GT_STR_ARG(name), (int)from);
    }
    if (protocol != GT_SG_TCP && protocol != GT_SG_UDP)
        return gt_arena_printf(arena, "protocol %.*s", GT_STR_ARG(name));
    if (from <= 0 && to >= 65535)
        return gt_arena_printf(arena, "all %.*s ports", GT_STR_ARG(name));
    if (from == to)
        return gt_arena_printf(arena, "%.*s/%d", GT_STR_ARG(name), (int)from);
    return gt_arena_printf(arena, "%.*s/%d-%d", GT_STR_ARG(name), (int)from, (int)to);
}

gt_str gt_words_peer(gt_arena *arena, const gt_sg_rule *rule)
{
    char text[GT_IP_TEXT_MAX];
    switch (rule->peer) {
    case GT_SG_PEER_CIDR:
        if (rule->cidr.len == 0)
            return rule->cidr.net.v6 ? GT_STR("the whole IPv6 internet (::/0)")
                                     : GT_STR("the whole IPv4 internet (0.0.0.0/0)");
        return gt_arena_dup(arena, gt_cidr_format(&rule->cidr, text));
    case GT_SG_PEER_PREFIX_LIST:
        return gt_arena_printf(arena, "the prefix list %.*s", GT_STR_ARG(rule->peer_id));
    case GT_SG_PEER_GROUP:
        return gt_arena_printf(arena, "the security group %.*s",
                               GT_STR_ARG(rule->peer_id.len ? rule->peer_id : rule->peer_name));
    case GT_SG_PEER_UNKNOWN:
        break;
    }
    return GT_STR("an unknown peer");
}

gt_str gt_words_rule(gt_arena *arena, const gt_sg_rule *rule)
{
    if (!rule->content_known)
        return gt_arena_printf(arena, "the rule %.*s, whose content is not known",
                               GT_STR_ARG(rule->rule_id));
    gt_str ports = gt_words_ports(arena, rule->protocol, rule->from_port, rule->to_port);
    gt_str peer = gt_words_peer(arena, rule);
    const char *way = rule->direction == GT_SG_INGRESS  ? "ingress "
                      : rule->direction == GT_SG_EGRESS ? "egress "
                                                        : "";
    return gt_arena_printf(arena, "%s%.*s %s %.*s", way, GT_STR_ARG(ports),
                           rule->direction == GT_SG_EGRESS ? "to" : "from", GT_STR_ARG(peer));
}

gt_str gt_words_services(gt_arena *arena, int protocol, int32_t from, int32_t to, bool *ret_admin,
                         size_t *ret_count)
{
    gt_buf out = GT_BUF(16 * GT_KIB);
    *ret_admin = false;
    *ret_count = 0;
    bool all = protocol == GT_SG_PROTOCOL_ALL;
    for (size_t i = 0; i < sizeof SERVICES / sizeof *SERVICES; i++) {
        const service *s = &SERVICES[i];
        if (!all && (s->protocol != protocol || s->port < from || s->port > to))
            continue;
        gt_buf_printf(&out, "%s%s (%s/%d)", out.len ? ", " : "", s->name,
                      s->protocol == GT_SG_UDP ? "udp" : "tcp", (int)s->port);
        *ret_admin |= s->admin;
        (*ret_count)++;
    }
    gt_str text = gt_arena_dup(arena, gt_buf_str(&out));
    gt_buf_done(&out);
    return text.ptr ? text : GT_STR("");
}

static gt_str role_name(gt_str arn)
{
    size_t at = gt_str_find(arn, GT_STR(":role/"));
    return at == GT_NPOS ? arn : gt_str_from(arn, at + 6);
}

bool gt_words_is_identity_center(const gt_event *e)
{
    return gt_str_find(e->issuer, GT_STR(":role/aws-reserved/sso.amazonaws.com/")) != GT_NPOS;
}

/* Who chose the session's name. */
static const char *name_giver(const gt_event *e)
{
    if (gt_words_is_identity_center(e))
        return "the person's name in IAM Identity Center";
    return gt_json_path(e->record, "userIdentity.sessionContext.ec2RoleDelivery")
               ? "the instance, as EC2 says"
               : "a name its caller chose";
}

gt_str gt_words_actor(gt_arena *arena, const gt_event *e)
{
    if (gt_str_is(e->type, "Root"))
        return GT_STR("the account's root user");
    if (gt_str_is(e->type, "AssumedRole"))
        return gt_arena_printf(arena, "the role %.*s (session '%.*s', %s)",
                               GT_STR_ARG(role_name(e->issuer)), GT_STR_ARG(e->session),
                               name_giver(e));
    size_t name = gt_str_find(e->arn, GT_STR(":federated-user/"));
    if (gt_str_is(e->type, "FederatedUser") && name != GT_NPOS)
        return gt_arena_printf(arena, "the federated user %.*s (by %.*s)",
                               GT_STR_ARG(gt_str_from(e->arn, name + 16)),
                               GT_STR_ARG(gt_event_actor(e)));
    if (gt_str_is(e->type, "IAMUser"))
        return gt_arena_printf(arena, "the IAM user %.*s",
                               GT_STR_ARG(e->user.len ? e->user : e->arn));
    if (gt_str_is(e->type, "AWSService"))
        return gt_arena_printf(arena, "the AWS service %.*s",
                               GT_STR_ARG(e->invoked_by.len ? e->invoked_by : e->address));
    if (gt_str_is(e->type, "AWSAccount"))
        return gt_arena_printf(arena, "an identity of the account %.*s", GT_STR_ARG(e->account));
    gt_str who = gt_event_actor(e);
    if (e->user.len)
        who = e->user;
    return gt_arena_printf(arena, "%.*s %.*s",
                           GT_STR_ARG(e->type.len ? e->type : GT_STR("an unknown identity")),
                           GT_STR_ARG(who));
}

const char *gt_words_alert(const gt_json *alert)
{
    const gt_json *enabled = gt_json_getl(alert, "enabled");
    return gt_str_is(gt_json_text(enabled), "false") ? "would alert" : "alert";
}
