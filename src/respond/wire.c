#include "respond/wire.h"

#include <stdio.h>

static gt_json *text_node(gt_arena *arena, gt_str s)
{
    return gt_json_new_str(arena, gt_arena_dup(arena, s));
}

static bool has_ports(const gt_sg_rule *rule)
{
    return rule->protocol == GT_SG_TCP || rule->protocol == GT_SG_UDP ||
           rule->protocol == GT_SG_ICMP || rule->protocol == GT_SG_ICMPV6;
}

gt_json *gt_wire_permissions_json(gt_arena *arena, const gt_sg_rule *rule, bool description)
{
    char text[GT_IP_TEXT_MAX], protocol[8];
    gt_json *permission = gt_json_new_object(arena), *peer = gt_json_new_object(arena);
    gt_json *peers = gt_json_new_array(arena), *all = gt_json_new_array(arena);
    gt_json_setl(permission, "IpProtocol",
                 text_node(arena, gt_sg_protocol_text(rule->protocol, protocol)));
    if (has_ports(rule)) {
        gt_json_setl(permission, "FromPort", gt_json_new_i64(arena, rule->from_port));
        gt_json_setl(permission, "ToPort", gt_json_new_i64(arena, rule->to_port));
    }
    gt_json_append(peers, peer);
    if (rule->peer == GT_SG_PEER_CIDR && rule->cidr.net.v6) {
        gt_json_setl(peer, "CidrIpv6", text_node(arena, gt_cidr_format(&rule->cidr, text)));
        gt_json_setl(permission, "Ipv6Ranges", peers);
    } else if (rule->peer == GT_SG_PEER_CIDR) {
        gt_json_setl(peer, "CidrIp", text_node(arena, gt_cidr_format(&rule->cidr, text)));
        gt_json_setl(permission, "IpRanges", peers);
    } else if (rule->peer == GT_SG_PEER_PREFIX_LIST) {
        gt_json_setl(peer, "PrefixListId", text_node(arena, rule->peer_id));
        gt_json_setl(permission, "PrefixListIds", peers);
    } else {
        gt_json_setl(peer, "GroupId", text_node(arena, rule->peer_id));
        if (rule->peer_account.len)
            gt_json_setl(peer, "UserId", text_node(arena, rule->peer_account));
        gt_json_setl(permission, "UserIdGroupPairs", peers);
    }
    if (description && rule->description.len)
        gt_json_setl(peer, "Description", text_node(arena, rule->description));
    gt_json_append(all, permission);
    return all;
}

gt_json *gt_wire_modify_json(gt_arena *arena, const gt_sg_rule *rule)
{
    char text[GT_IP_TEXT_MAX], protocol[8];
    gt_json *content = gt_json_new_object(arena), *update = gt_json_new_object(arena);
    gt_json *all = gt_json_new_array(arena);
    gt_json_setl(content, "IpProtocol",
                 text_node(arena, gt_sg_protocol_text(rule->protocol, protocol)));
    gt_json_setl(content, "FromPort", gt_json_new_i64(arena, rule->from_port));
    gt_json_setl(content, "ToPort", gt_json_new_i64(arena, rule->to_port));
    if (rule->peer == GT_SG_PEER_CIDR && rule->cidr.net.v6)
        gt_json_setl(content, "CidrIpv6", text_node(arena, gt_cidr_format(&rule->cidr, text)));
    else if (rule->peer == GT_SG_PEER_CIDR)
        gt_json_setl(content, "CidrIpv4", text_node(arena, gt_cidr_format(&rule->cidr, text)));
    else if (rule->peer == GT_SG_PEER_PREFIX_LIST)
        gt_json_setl(content, "PrefixListId", text_node(arena, rule->peer_id));
    else
        gt_json_setl(content, "ReferencedGroupId", text_node(arena, rule->peer_id));
    if (rule->description.len)
        gt_json_setl(content, "Description", text_node(arena, rule->description));
    gt_json_setl(update, "SecurityGroupRuleId", text_node(arena, rule->rule_id));
    gt_json_setl(update, "SecurityGroupRule", content);
    gt_json_append(all, update);
    return all;
}

gt_json *gt_wire_tags_json(gt_arena *arena, const gt_json *tags)
{
    gt_json *all = gt_json_new_array(arena), *spec = gt_json_new_object(arena);
    gt_json *list = gt_json_new_array(arena);
    gt_json_setl(spec, "ResourceType", gt_json_new_str(arena, GT_STR("security-group-rule")));
    for (const gt_json *t = gt_json_first(tags); t; t = t->next) {
        gt_json *tag = gt_json_new_object(arena);
        gt_json_setl(tag, "Key", gt_json_new_str(arena, t->key));
        gt_json_setl(tag, "Value", gt_json_new_str(arena, t->str));
        gt_json_append(list, tag);
    }
    gt_json_setl(spec, "Tags", list);
    gt_json_append(all, spec);
    return all;
}

/* --- Query parameters ------------------------------------------------------------------------------ */

void gt_params_add(gt_params *params, const char *name, gt_str value)
{
    if (params->count == params->cap) {
        size_t cap = params->cap ? params->cap * 2 : 16;
        gt_aws_param *items = gt_arena_grow(params->arena, params->items,
                                            params->cap * sizeof *items, cap * sizeof *items);
        if (!items)
            return;
        params->items = items;
        params->cap = cap;
    }
    gt_str key = gt_arena_dup(params->arena, gt_str_c(name));
    gt_str copy = gt_arena_dup(params->arena, value);
    params->items[params->count++] = (gt_aws_param){key, copy};
}

static void add_number(gt_params *params, const char *name, int64_t n)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%lld", (long long)n);
    gt_params_add(params, name, (gt_str){text, (size_t)len});
}

void gt_params_permission(gt_params *params, const gt_sg_rule *rule, bool description)
{
    char text[GT_IP_TEXT_MAX], protocol[8];
    const char *words = NULL;
    gt_params_add(params, "IpPermissions.1.IpProtocol",
                  gt_sg_protocol_text(rule->protocol, protocol));
    if (has_ports(rule)) {
        add_number(params, "IpPermissions.1.FromPort", rule->from_port);
        add_number(params, "IpPermissions.1.ToPort", rule->to_port);
    }
    if (rule->peer == GT_SG_PEER_CIDR && rule->cidr.net.v6) {
        gt_params_add(params, "IpPermissions.1.Ipv6Ranges.1.CidrIpv6",
                      gt_cidr_format(&rule->cidr, text));
        words = "IpPermissions.1.Ipv6Ranges.1.Description";
    } else if (rule->peer == GT_SG_PEER_CIDR) {
        gt_params_add(params, "IpPermissions.1.IpRanges.1.CidrIp", gt_cidr_format(&rule->cidr, text));
        words = "IpPermissions.1.IpRanges.1.Description";
    } else if (rule->peer == GT_SG_PEER_PREFIX_LIST) {
        gt_params_add(params, "IpPermissions.1.PrefixListIds.1.PrefixListId", rule->peer_id);
        words = "IpPermissions.1.PrefixListIds.1.Description";
    } else {
        gt_params_add(params, "IpPermissions.1.Groups.1.GroupId", rule->peer_id);
        if (rule->peer_account.len)
            gt_params_add(params, "IpPermissions.1.Groups.1.UserId", rule->peer_account);
        words = "IpPermissions.1.Groups.1.Description";
    }
    if (description && rule->description.len)
        gt_params_add(params, words, rule->description);
}

void gt_params_modify(gt_params *params, const gt_sg_rule *rule)
{
    char text[GT_IP_TEXT_MAX], protocol[8];
    gt_params_add(params, "SecurityGroupRule.1.SecurityGroupRuleId", rule->rule_id);
    gt_params_add(params, "SecurityGroupRule.1.SecurityGroupRule.IpProtocol",
                  gt_sg_protocol_text(rule->protocol, protocol));
    add_number(params, "SecurityGroupRule.1.SecurityGroupRule.FromPort", rule->from_port);
    add_number(params, "SecurityGroupRule.1.SecurityGroupRule.ToPort", rule->to_port);
    if (rule->peer == GT_SG_PEER_CIDR)
        gt_params_add(params, rule->cidr.net.v6 ? "SecurityGroupRule.1.SecurityGroupRule.CidrIpv6"
                                                : "SecurityGroupRule.1.SecurityGroupRule.CidrIpv4",
                      gt_cidr_format(&rule->cidr, text));
    else
        gt_params_add(params,
                      rule->peer == GT_SG_PEER_PREFIX_LIST
                          ? "SecurityGroupRule.1.SecurityGroupRule.PrefixListId"
                          : "SecurityGroupRule.1.SecurityGroupRule.ReferencedGroupId",
                      rule->peer_id);
    if (rule->description.len)
        gt_params_add(params, "SecurityGroupRule.1.SecurityGroupRule.Description",
                      rule->description);
}

void gt_params_tags(gt_params *params, const gt_json *tags)
{
    size_t i = 0;
    char name[64];
    if (!gt_json_first(tags))
        return;
    gt_params_add(params, "TagSpecification.1.ResourceType", GT_STR("security-group-rule"));
    for (const gt_json *t = gt_json_first(tags); t; t = t->next) {
        i++;
        (void)snprintf(name, sizeof name, "TagSpecification.1.Tag.%zu.Key", i);
        gt_params_add(params, name, t->key);
        (void)snprintf(name, sizeof name, "TagSpecification.1.Tag.%zu.Value", i);
        gt_params_add(params, name, t->str);
    }
}

/* --- answers ------------------------------------------------------------------------------------------ */

static int16_t protocol_of(gt_str text)
{
    static const struct {
        const char *name;
        int16_t number;
    } names[] = {{"-1", -1}, {"tcp", GT_SG_TCP}, {"udp", GT_SG_UDP}, {"icmp", GT_SG_ICMP},
                 {"icmpv6", GT_SG_ICMPV6}};
    int64_t n;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (gt_str_eq_nocase(text, gt_str_c(names[i].name)))
            return names[i].number;
    return gt_str_to_i64(text, &n) && n >= -1 && n <= 255 ? (int16_t)n : -1;
}

gt_sg_rule gt_wire_rule(const gt_xml *item)
{
    int64_t from = -1, to = -1;
    gt_sg_rule rule = {.content_known = true};
    rule.direction = gt_str_is(gt_xml_text(item, "isEgress"), "true") ? GT_SG_EGRESS : GT_SG_INGRESS;
    rule.rule_id = gt_xml_text(item, "securityGroupRuleId");
    rule.description = gt_xml_text(item, "description");
    rule.protocol = protocol_of(gt_xml_text(item, "ipProtocol"));
    (void)gt_str_to_i64(gt_xml_text(item, "fromPort"), &from);
    (void)gt_str_to_i64(gt_xml_text(item, "toPort"), &to);
    rule.from_port = has_ports(&rule) ? (int32_t)from : -1;
    rule.to_port = has_ports(&rule) ? (int32_t)to : -1;
    gt_str v4 = gt_xml_text(item, "cidrIpv4"), v6 = gt_xml_text(item, "cidrIpv6");
    gt_str list = gt_xml_text(item, "prefixListId");
    gt_str group = gt_xml_text(item, "referencedGroupInfo/groupId");
    if (v4.len || v6.len) {
        rule.peer = GT_SG_PEER_CIDR;
        rule.content_known = gt_cidr_parse(v4.len ? v4 : v6, &rule.cidr);
    } else if (list.len) {
        rule.peer = GT_SG_PEER_PREFIX_LIST;
        rule.peer_id = list;
    } else if (group.len) {
        rule.peer = GT_SG_PEER_GROUP;
        rule.peer_id = group;
        rule.peer_account = gt_xml_text(item, "referencedGroupInfo/userId");
    }
    return rule;
}
