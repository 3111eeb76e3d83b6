/* perms.c — permission lists and rule rows, as requests, responses, the API and AWS Config write
 * them. */
#include "base/limits.h"
#include "sg/sg_internal.h"

#include <stdlib.h>

static const gt_json *either(const gt_json *object, const char *a, const char *b)
{
    const gt_json *found = gt_sg_field(object, a);
    return found ? found : gt_sg_field(object, b);
}

static void cidr_set(gt_sg_rule *rule, gt_str text)
{
    rule->peer = GT_SG_PEER_CIDR;
    if (!gt_cidr_parse(gt_str_trim(text), &rule->cidr))
        rule->malformed = "a source that is no CIDR";
}

static gt_str cidr_text(const gt_json *object)
{
    static const char *const names[] = {"cidrIp", "cidrIpv4", "cidrIpv6", "cidr"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        gt_str text = gt_sg_field_text(object, names[i]);
        if (text.len)
            return text;
    }
    return GT_STR("");
}

/* One element of a permission's four lists; a bare string is a CIDR (AWS Config's old ipRanges). */
static void peer_set(gt_sg_rule *rule, gt_sg_peer kind, const gt_json *element)
{
    rule->peer = kind;
    rule->description = gt_sg_field_text(element, "description");
    if (kind == GT_SG_PEER_CIDR) {
        cidr_set(rule, element->type == GT_JSON_OBJECT ? cidr_text(element) : gt_sg_text(element));
    } else if (kind == GT_SG_PEER_PREFIX_LIST) {
        rule->peer_id = element->type == GT_JSON_OBJECT ? gt_sg_field_text(element, "prefixListId")
                                                        : gt_sg_text(element);
        if (rule->peer_id.len == 0)
            rule->malformed = "a prefix list without an id";
    } else {
        rule->peer_id = gt_sg_field_text(element, "groupId");
        rule->peer_name = gt_sg_field_text(element, "groupName");
        rule->peer_account = gt_sg_field_text(element, "userId");
        if (rule->peer_id.len == 0 && rule->peer_name.len == 0)
            rule->malformed = "a source group without id and name";
    }
}

static bool list_read(gt_arena *arena, const gt_json *list, gt_sg_peer kind,
                      const gt_sg_rule *model, gt_sg_rule **rules, size_t *count)
{
    gt_sg_list it;
    for (const gt_json *e = gt_sg_items(list, &it); e; e = gt_sg_items_next(&it)) {
        gt_sg_rule rule = *model;
        peer_set(&rule, kind, e);
        if (model->malformed)
            rule.malformed = model->malformed;
        if (!gt_sg_rule_push(arena, rules, count, &rule))
            return false;
    }
    return true;
}

static bool permission_read(gt_arena *arena, const gt_json *permission, gt_sg_direction direction,
                            gt_sg_rule **rules, size_t *count)
{
    gt_sg_rule model = {.direction = direction, .content_known = true};
    gt_sg_ports_set(&model, gt_sg_field(permission, "ipProtocol"),
                    gt_sg_field(permission, "fromPort"), gt_sg_field(permission, "toPort"));
    const gt_json *v4 = gt_sg_field(permission, "ipv4Ranges"); /* AWS Config has both spellings */
    if (!v4)
        v4 = gt_sg_field(permission, "ipRanges");
    return list_read(arena, v4, GT_SG_PEER_CIDR, &model, rules, count) &&
           list_read(arena, gt_sg_field(permission, "ipv6Ranges"), GT_SG_PEER_CIDR, &model, rules,
                     count) &&
           list_read(arena, gt_sg_field(permission, "prefixListIds"), GT_SG_PEER_PREFIX_LIST,
                     &model, rules, count) &&
           list_read(arena, either(permission, "groups", "userIdGroupPairs"), GT_SG_PEER_GROUP,
                     &model, rules, count);
}

bool gt_sg_permissions_read(gt_arena *arena, const gt_json *permissions, gt_sg_direction direction,
                            gt_sg_rule **rules, size_t *count)
{
    gt_sg_list it;
    for (const gt_json *e = gt_sg_items(permissions, &it); e; e = gt_sg_items_next(&it))
        if (!permission_read(arena, e, direction, rules, count))
            return false;
    return true;
}

/* Who a row or a flat request speaks of. */
static void row_peer_set(gt_sg_rule *rule, const gt_json *row)
{
    const gt_json *info = gt_sg_field(row, "referencedGroupInfo");
    gt_str cidr = cidr_text(row), list = gt_sg_field_text(row, "prefixListId");
    gt_str group = gt_sg_field_text(row, "referencedGroupId");
    if (cidr.len) {
        cidr_set(rule, cidr);
    } else if (list.len) {
        rule->peer = GT_SG_PEER_PREFIX_LIST;
        rule->peer_id = list;
    } else if (group.len || info) {
        rule->peer = GT_SG_PEER_GROUP;
        rule->peer_id = group.len ? group : gt_sg_field_text(info, "groupId");
        rule->peer_name = gt_sg_field_text(info, "groupName");
        rule->peer_account = gt_sg_field_text(info, "userId");
    }
}

static int cmp_tag(const void *a, const void *b)
{
    const gt_json *x = *(gt_json *const *)a, *y = *(gt_json *const *)b;
    return gt_str_cmp(gt_json_first(x)->str, gt_json_first(y)->str);
}

gt_str gt_sg_tags_read(gt_arena *arena, const gt_json *list)
{
    gt_sg_list it;
    size_t count = 0;
    for (const gt_json *e = gt_sg_items(list, &it); e; e = gt_sg_items_next(&it))
        count++;
    if (!count)
        return GT_STR("");
    gt_json **tags = gt_arena_array(arena, gt_json *, count), *all = gt_json_new_array(arena);
    count = 0;
    for (const gt_json *e = gt_sg_items(list, &it); e && tags; e = gt_sg_items_next(&it)) {
        gt_str key = gt_sg_field_text(e, "key");
        if (!key.len)
            continue;
        gt_json *tag = tags[count++] = gt_json_new_object(arena);
        gt_json_add(tag, GT_STR("Key"), gt_json_new_str(arena, key));
        gt_json_add(tag, GT_STR("Value"), gt_json_new_str(arena, gt_sg_field_text(e, "value")));
    }
    if (!count || gt_arena_status(arena) != GT_OK)
        return GT_STR("");
    qsort(tags, count, sizeof *tags, cmp_tag);
    for (size_t i = 0; i < count; i++)
        gt_json_append(all, tags[i]);
    gt_buf text = GT_BUF(GT_RECORD_BYTES_MAX);
    gt_json_write(&text, all);
    gt_str copy = gt_arena_dup(arena, gt_buf_str(&text));
    gt_buf_done(&text);
    return copy.ptr ? copy : GT_STR("");
}

gt_sg_rule gt_sg_row_read(gt_arena *arena, const gt_json *row, gt_sg_direction otherwise)
{
    gt_sg_rule rule = {.direction = otherwise};
    gt_sg_truth egress = gt_sg_bool(gt_sg_field(row, "isEgress"));
    if (egress != GT_SG_NOT_TOLD)
        rule.direction = egress == GT_SG_YES ? GT_SG_EGRESS : GT_SG_INGRESS;
    rule.rule_id = gt_sg_field_text(row, "securityGroupRuleId");
    rule.description = gt_sg_field_text(row, "description");
    const gt_json *tags = gt_sg_field(row, "tagSet");
    rule.tags = gt_sg_tags_read(arena, tags ? tags : gt_sg_field(row, "tags"));
    const gt_json *protocol = gt_sg_field(row, "ipProtocol");
    row_peer_set(&rule, row);
    rule.content_known = protocol && rule.peer != GT_SG_PEER_UNKNOWN;
    if (rule.content_known) {
        const char *peer_malformed = rule.malformed;
        gt_sg_ports_set(&rule, protocol, gt_sg_field(row, "fromPort"), gt_sg_field(row, "toPort"));
        if (!rule.malformed)
            rule.malformed = peer_malformed;
    }
    return rule;
}
