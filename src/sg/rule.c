#include "sg/sg_internal.h"

#include <stdio.h>

#define PORT_MAX 65535
#define ICMP_MAX 255

bool gt_sg_protocol_read(gt_str text, int16_t *ret)
{
    static const struct {
        const char *name;
        int16_t number;
    } names[] = {{"tcp", GT_SG_TCP},       {"udp", GT_SG_UDP},      {"icmp", GT_SG_ICMP},
                 {"icmpv6", GT_SG_ICMPV6}, {"ipv6-icmp", GT_SG_ICMPV6}, {"all", GT_SG_PROTOCOL_ALL}};
    int64_t number;
    text = gt_str_trim(text);
    if (gt_str_to_i64(text, &number)) {
        if (number < -1 || number > 255)
            return false;
        *ret = (int16_t)number;
        return true;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (gt_str_eq_nocase(text, gt_str_c(names[i].name))) {
            *ret = names[i].number;
            return true;
        }
    return false;
}

/* A port as a number or text; absent is -1. Whole numbers written as 22.0 are accepted; what does not
 * fit an int32 saturates, so that nothing can wrap into the valid range. */
static bool port_read(const gt_json *node, int32_t *ret)
{
    gt_str text = gt_str_trim(gt_sg_text(node));
    int64_t i;
    double d;
    if (text.len == 0) {
        *ret = -1;
        return true;
    }
    if (!gt_str_to_i64(text, &i)) {
        if (!gt_str_to_double(text, &d))
            return false;
        if (d < -2 || d > PORT_MAX + 1)
            i = INT32_MAX;
        else if (d != (double)(int64_t)d)
            return false;
        else
            i = (int64_t)d;
    }
    *ret = i < -2 || i > INT32_MAX ? INT32_MAX : (int32_t)i;
    return true;
}

static const char *ports_check(gt_sg_rule *rule)
{
    if (rule->protocol == GT_SG_TCP || rule->protocol == GT_SG_UDP) {
        if (rule->from_port < 0 || rule->from_port > PORT_MAX || rule->to_port < 0 ||
            rule->to_port > PORT_MAX)
            return "a port outside 0-65535";
        return rule->from_port > rule->to_port ? "a port range that ends before it begins" : NULL;
    }
    if (rule->from_port < -1 || rule->from_port > ICMP_MAX || rule->to_port < -1 ||
        rule->to_port > ICMP_MAX)
        return "an ICMP type or code outside 0-255";
    if (rule->from_port == -1)
        rule->to_port = -1; /* all types have all codes */
    return NULL;
}

static bool has_ports(int protocol)
{
    return protocol == GT_SG_TCP || protocol == GT_SG_UDP || protocol == GT_SG_ICMP ||
           protocol == GT_SG_ICMPV6;
}

void gt_sg_ports_set(gt_sg_rule *rule, const gt_json *protocol, const gt_json *from,
                     const gt_json *to)
{
    gt_str text = gt_sg_text(protocol);
    /* DescribeSecurityGroups leaves the protocol's ports out; the protocol itself is always there. */
    if (!gt_sg_protocol_read(text, &rule->protocol)) {
        rule->malformed = text.len ? "an unknown protocol" : "no protocol";
        return;
    }
    rule->from_port = rule->to_port = -1;
    if (!has_ports(rule->protocol))
        return; /* senders put 0/0, 0/65535 or -1/-1 there: it means nothing */
    if (port_read(from, &rule->from_port) && port_read(to, &rule->to_port))
        rule->malformed = ports_check(rule);
    else
        rule->malformed = "a port that is no number";
}

static int cmp_int(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int cmp_content(const gt_sg_rule *a, const gt_sg_rule *b)
{
    int c = cmp_int(a->direction, b->direction);
    if (!c)
        c = cmp_int(a->protocol, b->protocol);
    if (!c)
        c = cmp_int(a->from_port, b->from_port);
    if (!c)
        c = cmp_int(a->to_port, b->to_port);
    if (!c)
        c = cmp_int(a->peer, b->peer);
    if (c)
        return c;
    if (a->peer == GT_SG_PEER_CIDR) {
        c = gt_ip_cmp(&a->cidr.net, &b->cidr.net);
        return c ? c : cmp_int(a->cidr.len, b->cidr.len);
    }
    c = gt_str_cmp(a->peer_id, b->peer_id);
    return c || a->peer_id.len ? c : gt_str_cmp(a->peer_name, b->peer_name);
}

int gt_sg_rule_content_cmp(const gt_sg_rule *a, const gt_sg_rule *b)
{
    return cmp_content(a, b);
}

bool gt_sg_rule_same(const gt_sg_rule *a, const gt_sg_rule *b)
{
    return cmp_content(a, b) == 0;
}

int gt_sg_rule_cmp(const gt_sg_rule *a, const gt_sg_rule *b)
{
    int c = cmp_int(a->content_known, b->content_known);
    if (!c)
        c = cmp_content(a, b);
    if (!c)
        c = gt_str_cmp(a->rule_id, b->rule_id);
    if (!c)
        c = gt_str_cmp(a->description, b->description);
    return c ? c : gt_str_cmp(a->tags, b->tags);
}

gt_str gt_sg_protocol_text(int protocol, char out[8])
{
    switch (protocol) {
    case GT_SG_PROTOCOL_ALL:
        return GT_STR("-1");
    case GT_SG_TCP:
        return GT_STR("tcp");
    case GT_SG_UDP:
        return GT_STR("udp");
    case GT_SG_ICMP:
        return GT_STR("icmp");
    case GT_SG_ICMPV6:
        return GT_STR("icmpv6");
    default:
        snprintf(out, 8, "%d", protocol);
        return gt_str_c(out);
    }
}

static gt_json *str_node(gt_arena *arena, gt_str s)
{
    return gt_json_new_str(arena, gt_arena_dup(arena, s));
}

static void add_peer(gt_arena *arena, gt_json *o, const gt_sg_rule *rule)
{
    char text[GT_IP_TEXT_MAX];
    gt_json *info;
    switch (rule->peer) {
    case GT_SG_PEER_CIDR:
        gt_json_add(o, rule->cidr.net.v6 ? GT_STR("CidrIpv6") : GT_STR("CidrIpv4"),
                    str_node(arena, gt_cidr_format(&rule->cidr, text)));
        break;
    case GT_SG_PEER_PREFIX_LIST:
        gt_json_add(o, GT_STR("PrefixListId"), gt_json_new_str(arena, rule->peer_id));
        break;
    case GT_SG_PEER_GROUP:
        info = gt_json_new_object(arena);
        if (rule->peer_id.len)
            gt_json_add(info, GT_STR("GroupId"), gt_json_new_str(arena, rule->peer_id));
        else
            gt_json_add(info, GT_STR("GroupName"), gt_json_new_str(arena, rule->peer_name));
        if (rule->peer_account.len)
            gt_json_add(info, GT_STR("UserId"), gt_json_new_str(arena, rule->peer_account));
        gt_json_add(o, GT_STR("ReferencedGroupInfo"), info);
        break;
    case GT_SG_PEER_UNKNOWN:
        break;
    }
}

gt_json *gt_sg_rule_json(gt_arena *arena, const gt_sg_rule *rule, gt_str group_id, gt_str owner)
{
    char text[8];
    gt_json *o = gt_json_new_object(arena);
    if (rule->rule_id.len)
        gt_json_add(o, GT_STR("SecurityGroupRuleId"), gt_json_new_str(arena, rule->rule_id));
    if (group_id.len)
        gt_json_add(o, GT_STR("GroupId"), gt_json_new_str(arena, group_id));
    if (owner.len)
        gt_json_add(o, GT_STR("GroupOwnerId"), gt_json_new_str(arena, owner));
    if (rule->direction != GT_SG_DIRECTION_UNKNOWN)
        gt_json_add(o, GT_STR("IsEgress"),
                    gt_json_new_bool(arena, rule->direction == GT_SG_EGRESS));
    if (rule->content_known) {
        gt_json_add(o, GT_STR("IpProtocol"),
                    str_node(arena, gt_sg_protocol_text(rule->protocol, text)));
        gt_json_add(o, GT_STR("FromPort"), gt_json_new_i64(arena, rule->from_port));
        gt_json_add(o, GT_STR("ToPort"), gt_json_new_i64(arena, rule->to_port));
        add_peer(arena, o, rule);
    }
    if (rule->description.len)
        gt_json_add(o, GT_STR("Description"), gt_json_new_str(arena, rule->description));
    gt_json *tags;
    if (rule->tags.len && gt_json_parse(arena, rule->tags, &tags, NULL) == GT_OK)
        gt_json_add(o, GT_STR("Tags"), tags);
    return gt_arena_status(arena) == GT_OK ? o : NULL;
}

static gt_str ports_text(gt_arena *arena, const gt_sg_rule *rule)
{
    if (rule->protocol == GT_SG_ICMP || rule->protocol == GT_SG_ICMPV6) {
        if (rule->from_port == -1)
            return GT_STR(" ");
        if (rule->to_port == -1)
            return gt_arena_printf(arena, " type %d ", rule->from_port);
        return gt_arena_printf(arena, " type %d code %d ", rule->from_port, rule->to_port);
    }
    if (rule->protocol != GT_SG_TCP && rule->protocol != GT_SG_UDP)
        return GT_STR(" ");
    if (rule->from_port == rule->to_port)
        return gt_arena_printf(arena, " %d ", rule->from_port);
    return gt_arena_printf(arena, " %d-%d ", rule->from_port, rule->to_port);
}

gt_str gt_sg_rule_text(gt_arena *arena, const gt_sg_rule *rule)
{
    static const char *directions[] = {"direction unknown,", "ingress", "egress "};
    char cidr[GT_IP_TEXT_MAX], number[8];
    if (!rule->content_known)
        return gt_arena_printf(arena, "rule %.*s (content not known)", GT_STR_ARG(rule->rule_id));
    gt_str peer = rule->peer == GT_SG_PEER_CIDR ? gt_cidr_format(&rule->cidr, cidr)
                  : rule->peer_id.len           ? rule->peer_id
                  : rule->peer_name.len         ? rule->peer_name
                                                : GT_STR("?");
    gt_str protocol = rule->protocol == GT_SG_PROTOCOL_ALL
                          ? GT_STR("all")
                          : gt_sg_protocol_text(rule->protocol, number);
    gt_str ports = ports_text(arena, rule);
    return gt_arena_printf(arena, "%s %.*s%.*s%.*s", directions[rule->direction],
                           GT_STR_ARG(protocol), GT_STR_ARG(ports), GT_STR_ARG(peer));
}

bool gt_sg_rule_push(gt_arena *arena, gt_sg_rule **rules, size_t *count, const gt_sg_rule *rule)
{
    size_t size = *count * sizeof **rules;
    gt_sg_rule *grown = gt_arena_grow(arena, *rules, size, size + sizeof **rules);
    if (!grown)
        return false;
    grown[(*count)++] = *rule;
    *rules = grown;
    return true;
}
