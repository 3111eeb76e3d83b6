#include "sg/sg_internal.h"

#include <stdlib.h>

typedef enum kind {
    AUTHORIZE,
    REVOKE,
    MODIFY,
    DESCRIBE,
    CREATE,
    DELETE,
    PREFIX_LIST,
    VPC,
    ATTACH,
} kind;

typedef struct event_row {
    gt_str name;
    kind kind;
    gt_sg_direction direction;
} event_row;

/* Sorted by name, for the binary search of gt_sg_event_name. */
static const event_row events[] = {
#define GT_SG_EVENT(name, kind, direction) {{#name, sizeof(#name) - 1}, kind, GT_SG_##direction},
#include "sg/events.def"
#undef GT_SG_EVENT
};

/* What most records are called is ruled out by its first letter. A test holds every row against it. */
static bool may_be_event(gt_str name)
{
    static const uint32_t first = 1u << ('A' & 31) | 1u << ('C' & 31) | 1u << ('D' & 31) |
                                  1u << ('M' & 31) | 1u << ('R' & 31) | 1u << ('S' & 31) |
                                  1u << ('T' & 31) | 1u << ('U' & 31);
    return name.len > 4 && first >> (*name.ptr & 31) & 1 && memcmp(name.ptr, "Desc", 4) != 0;
}

static const event_row *event_find(gt_str name)
{
    size_t low = 0, high = sizeof events / sizeof *events;
    if (!may_be_event(name))
        return NULL;
    while (low < high) {
        size_t mid = (low + high) / 2;
        int c = gt_str_cmp(name, events[mid].name);
        if (c == 0)
            return &events[mid];
        if (c < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}

/* Some services put the API's date behind the name: CreateFunction20150331, …20150331v2. */
static gt_str event_base(gt_str name)
{
    size_t len = name.len;
    if (len > 2 && name.ptr[len - 2] == 'v' && name.ptr[len - 1] >= '0' && name.ptr[len - 1] <= '9')
        len -= 2;
    if (len <= 8)
        return name;
    for (size_t i = len - 8; i < len; i++)
        if (name.ptr[i] < '0' || name.ptr[i] > '9')
            return name;
    return gt_str_head(name, len - 8);
}

bool gt_sg_event_name(gt_str event_name)
{
    return event_find(event_base(event_name)) != NULL;
}

const char *gt_sg_operation_text(gt_sg_operation operation)
{
    static const char *const texts[] = {
#define GT_SG_OPERATION_TEXT(name, text) text,
        GT_SG_OPERATION_MAP(GT_SG_OPERATION_TEXT)
#undef GT_SG_OPERATION_TEXT
    };
    return texts[operation];
}

static bool push_flat(gt_arena *arena, const gt_json *request, gt_sg_change *change,
                      gt_sg_rule *rule)
{
    gt_sg_ports_set(rule, gt_sg_field(request, "ipProtocol"), gt_sg_field(request, "fromPort"),
                    gt_sg_field(request, "toPort"));
    rule->content_known = true;
    return gt_sg_rule_push(arena, &change->rules, &change->rule_count, rule);
}

/* The legacy parameters at the top of the request, which the command line and SDKs still send. */
static bool flat_read(gt_arena *arena, const gt_json *request, gt_sg_change *change)
{
    static const char *const cidrs[] = {"cidrIp", "cidrIpv4", "cidrIpv6"};
    gt_sg_rule model = {.direction = change->direction};
    for (size_t i = 0; i < sizeof cidrs / sizeof *cidrs; i++) {
        gt_str text = gt_sg_field_text(request, cidrs[i]);
        gt_sg_rule rule = model;
        if (text.len == 0)
            continue;
        rule.peer = GT_SG_PEER_CIDR;
        bool good = gt_cidr_parse(gt_str_trim(text), &rule.cidr);
        if (!push_flat(arena, request, change, &rule))
            return false;
        if (!good)
            change->rules[change->rule_count - 1].malformed = "a source that is no CIDR";
    }
    gt_sg_rule group = model;
    group.peer_id = gt_sg_field_text(request, "sourceSecurityGroupId");
    group.peer_name = gt_sg_field_text(request, "sourceSecurityGroupName");
    group.peer_account = gt_sg_field_text(request, "sourceSecurityGroupOwnerId");
    if (group.peer_id.len || group.peer_name.len) {
        group.peer = GT_SG_PEER_GROUP;
        /* EC2 reads a group without a protocol as all of them. */
        if (gt_sg_field_text(request, "ipProtocol").len == 0) {
            group.protocol = GT_SG_PROTOCOL_ALL;
            group.from_port = group.to_port = -1;
            group.content_known = true;
            return gt_sg_rule_push(arena, &change->rules, &change->rule_count, &group);
        }
        return push_flat(arena, request, change, &group);
    }
    gt_sg_rule list = model;
    list.peer_id = gt_sg_field_text(request, "prefixListId");
    list.peer = GT_SG_PEER_PREFIX_LIST;
    return list.peer_id.len == 0 || push_flat(arena, request, change, &list);
}

/* The rows of a response set; the group's id may stand only there. */
static bool rows_read(gt_arena *arena, const gt_json *set, gt_sg_change *change)
{
    gt_sg_list it;
    for (const gt_json *e = gt_sg_items(set, &it); e; e = gt_sg_items_next(&it)) {
        gt_sg_rule rule = gt_sg_row_read(arena, e, change->direction);
        if (rule.malformed && rule.content_known)
            rule.direction = change->direction;
        if (change->group_id.len == 0)
            change->group_id = gt_sg_field_text(e, "groupId");
        if (!gt_sg_rule_push(arena, &change->rules, &change->rule_count, &rule))
            return false;
    }
    return true;
}

static bool request_rules_read(gt_arena *arena, const gt_json *request, gt_sg_change *change)
{
    change->confidence = GT_SG_FROM_REQUEST;
    return gt_sg_permissions_read(arena, gt_sg_field_deep(request, "ipPermissions"),
                                  change->direction, &change->rules, &change->rule_count) &&
           flat_read(arena, request, change);
}

/* The tags that a request asks for on every rule it makes. */
static gt_str asked_tags(gt_arena *arena, const gt_json *request)
{
    const gt_json *specs = gt_sg_field(request, "tagSpecificationSet");
    gt_sg_list it;
    if (!specs)
        specs = gt_sg_field_deep(request, "tagSpecification");
    for (const gt_json *e = gt_sg_items(specs, &it); e; e = gt_sg_items_next(&it)) {
        const gt_json *tags = gt_sg_field(e, "tags");
        if (gt_str_is(gt_sg_field_text(e, "resourceType"), "security-group-rule"))
            return gt_sg_tags_read(arena, tags ? tags : gt_sg_field(e, "tag"));
    }
    return GT_STR("");
}

static bool authorize_read(gt_arena *arena, const gt_json *request, const gt_json *response,
                           gt_sg_change *change)
{
    if (!rows_read(arena, gt_sg_field_deep(response, "securityGroupRuleSet"), change))
        return false;
    if (change->rule_count == 0 && !request_rules_read(arena, request, change))
        return false;
    gt_str tags = asked_tags(arena, request);
    for (size_t i = 0; i < change->rule_count && tags.len; i++)
        if (change->rules[i].tags.len == 0)
            change->rules[i].tags = tags;
    return true;
}

/* Rule ids of a revoke, as objects or bare strings. */
static bool ids_read(gt_arena *arena, const gt_json *ids, gt_sg_change *change)
{
    gt_sg_list it;
    for (const gt_json *e = gt_sg_items(ids, &it); e; e = gt_sg_items_next(&it)) {
        gt_sg_rule rule = {.direction = change->direction};
        rule.rule_id = e->type == GT_JSON_OBJECT ? gt_sg_field_text(e, "securityGroupRuleId")
                                                 : gt_sg_text(e);
        if (rule.rule_id.len == 0)
            continue;
        change->confidence = GT_SG_IDS_ONLY;
        if (!gt_sg_rule_push(arena, &change->rules, &change->rule_count, &rule))
            return false;
    }
    return true;
}

static bool revoke_read(gt_arena *arena, const gt_json *request, const gt_json *response,
                        gt_sg_change *change)
{
    if (!rows_read(arena, gt_sg_field_deep(response, "revokedSecurityGroupRuleSet"), change))
        return false;
    if (!gt_sg_permissions_read(arena, gt_sg_field_deep(response, "unknownIpPermissionSet"),
                                change->direction, &change->unmatched, &change->unmatched_count))
        return false;
    if (change->rule_count > 0)
        return true;
    const gt_json *ids = gt_sg_field_deep(request, "securityGroupRuleIds");
    if (!ids)
        ids = gt_sg_field_deep(request, "securityGroupRuleId");
    return request_rules_read(arena, request, change) && ids_read(arena, ids, change);
}

static bool modify_read(gt_arena *arena, const gt_json *request, gt_sg_change *change)
{
    const gt_json *list = gt_sg_field_deep(request, "securityGroupRule");
    gt_sg_list it;
    if (!list)
        list = gt_sg_field_deep(request, "securityGroupRules");
    for (const gt_json *e = gt_sg_items(list, &it); e; e = gt_sg_items_next(&it)) {
        const gt_json *content = gt_sg_field(e, "securityGroupRule");
        gt_sg_rule rule = gt_sg_row_read(arena, content ? content : e, GT_SG_DIRECTION_UNKNOWN);
        gt_str id = gt_sg_field_text(e, "securityGroupRuleId");
        if (id.len)
            rule.rule_id = id;
        if (rule.rule_id.len == 0 && !rule.content_known)
            continue;
        if (!gt_sg_rule_push(arena, &change->rules, &change->rule_count, &rule))
            return false;
    }
    return true;
}

static bool describe_read(gt_arena *arena, const gt_json *request, gt_sg_change *change)
{
    const gt_json *list = gt_sg_field_deep(request, "securityGroupRuleDescriptions");
    gt_sg_list it;
    if (!list)
        list = gt_sg_field_deep(request, "securityGroupRuleDescription");
    for (const gt_json *e = gt_sg_items(list, &it); e; e = gt_sg_items_next(&it)) {
        gt_sg_rule rule = {.direction = change->direction};
        rule.rule_id = gt_sg_field_text(e, "securityGroupRuleId");
        rule.description = gt_sg_field_text(e, "description");
        if (rule.rule_id.len &&
            !gt_sg_rule_push(arena, &change->rules, &change->rule_count, &rule))
            return false;
    }
    return request_rules_read(arena, request, change);
}

/* AddEntry and RemoveEntry of a prefix list; an entry that is no CIDR makes the change incomplete. */
static bool entries_read(gt_arena *arena, const gt_json *list, gt_sg_change *change, gt_cidr **ret,
                         size_t *count)
{
    gt_sg_list it;
    for (const gt_json *e = gt_sg_items(list, &it); e; e = gt_sg_items_next(&it)) {
        gt_cidr cidr;
        gt_str text = e->type == GT_JSON_OBJECT ? gt_sg_field_text(e, "cidr") : gt_sg_text(e);
        if (!gt_cidr_parse(gt_str_trim(text), &cidr)) {
            change->confidence = GT_SG_INCOMPLETE;
            continue;
        }
        size_t size = *count * sizeof **ret;
        gt_cidr *grown = gt_arena_grow(arena, *ret, size, size + sizeof **ret);
        if (!grown)
            return false;
        grown[(*count)++] = cidr;
        *ret = grown;
    }
    return true;
}

static const gt_json *plural(const gt_json *request, const char *one, const char *many)
{
    const gt_json *found = gt_sg_field(request, one);
    return found ? found : gt_sg_field(request, many);
}

static bool prefix_list_read(gt_arena *arena, const gt_json *request, const gt_json *response,
                             gt_sg_change *change)
{
    const gt_json *list = gt_sg_field_deep(response, "prefixList");
    change->prefix_list = gt_sg_text(gt_sg_field_deep(request, "prefixListId"));
    if (change->prefix_list.len == 0)
        change->prefix_list = gt_sg_field_text(list, "prefixListId");
    change->list_created = gt_str_is(change->event_name, "CreateManagedPrefixList");
    change->list_deleted = gt_str_is(change->event_name, "DeleteManagedPrefixList");
    change->list_restored = gt_str_is(change->event_name, "RestoreManagedPrefixListVersion");
    gt_str version = gt_sg_field_text(request, change->list_restored ? "previousVersion"
                                                                      : "currentVersion");
    change->list_version = -1;
    int64_t number;
    if (gt_str_to_i64(version, &number) && number >= 0)
        change->list_version = number;
    if (change->list_created)
        return entries_read(arena, plural(request, "entry", "entries"), change,
                            &change->list_added, &change->list_added_count);
    return entries_read(arena, plural(request, "addEntry", "addEntries"), change,
                        &change->list_added, &change->list_added_count) &&
           entries_read(arena, plural(request, "removeEntry", "removeEntries"), change,
                        &change->list_removed, &change->list_removed_count);
}

static bool vpc_read(const gt_json *request, const gt_json *response, gt_sg_change *change)
{
    const gt_json *vpc = gt_sg_field_deep(response, "vpc");
    const gt_json *set = gt_sg_field(vpc, "ipv6CidrBlockAssociationSet");
    gt_sg_list it;
    change->vpc_id = gt_sg_field_text(vpc, "vpcId");
    if (change->vpc_id.len == 0)
        change->vpc_id = gt_sg_text(gt_sg_field_deep(request, "vpcId"));
    change->vpc_created = vpc != NULL;
    change->vpc_default = gt_sg_bool(gt_sg_field(vpc, "isDefault")) == GT_SG_YES;
    change->vpc_ipv6 = gt_sg_items(set, &it) != NULL ||
                       gt_sg_bool(gt_sg_field(request, "amazonProvidedIpv6CidrBlock")) ==
                           GT_SG_YES ||
                       gt_sg_field_text(request, "ipv6CidrBlock").len > 0 ||
                       gt_sg_field_text(request, "ipv6Pool").len > 0 ||
                       gt_sg_field_text(request, "ipv6IpamPoolId").len > 0;
    return change->vpc_id.len > 0;
}

static void group_read(const gt_json *request, const gt_json *response, gt_sg_change *change)
{
    change->group_id = gt_sg_text(gt_sg_field_deep(request, "groupId"));
    if (change->group_id.len == 0)
        change->group_id = gt_sg_text(gt_sg_field_deep(response, "groupId"));
    change->group_name = gt_sg_text(gt_sg_field_deep(request, "groupName"));
    change->vpc_id = gt_sg_text(gt_sg_field_deep(request, "vpcId"));
    change->group_description = gt_sg_text(gt_sg_field_deep(request, "groupDescription"));
}

static void outcome_read(const gt_json *record, const gt_json *request, const gt_json *response,
                         gt_sg_change *change)
{
    change->error_code = gt_sg_field_text(record, "errorCode");
    gt_json *returned = gt_sg_field_deep(response, "_return");
    if (!returned)
        returned = gt_sg_field_deep(response, "return");
    if (gt_str_ends(change->error_code, GT_STR("DryRunOperation")))
        change->outcome = GT_SG_DRY_RUN;
    else if (change->error_code.len || gt_sg_bool(returned) == GT_SG_NO)
        change->outcome = GT_SG_FAILED;
    else if (gt_sg_bool(gt_sg_field_deep(request, "dryRun")) == GT_SG_YES)
        change->outcome = GT_SG_DRY_RUN; /* never carried out, whatever else the record says */
}

static void head_read(const gt_json *record, gt_str fallback_id, gt_sg_change *change)
{
    change->event_id = gt_sg_field_text(record, "eventID");
    if (change->event_id.len == 0)
        change->event_id = fallback_id;
    change->region = gt_sg_field_text(record, "awsRegion");
    change->account = gt_sg_field_text(record, "recipientAccountId");
    if (change->account.len == 0)
        change->account = gt_sg_field_text(gt_sg_field(record, "userIdentity"), "accountId");
    if (!gt_time_parse(gt_sg_field_text(record, "eventTime"), &change->time))
        change->time = GT_SG_NO_TIME;
}

/* What the record says beyond its head. *about: is it about security groups at all? false without
 * memory. */
static bool body_read(gt_arena *arena, const event_row *row, const gt_json *request,
                      const gt_json *response, gt_sg_change *change, bool *about)
{
    static const gt_sg_operation operations[] = {
        GT_SG_AUTHORIZE, GT_SG_REVOKE,      GT_SG_MODIFY, GT_SG_DESCRIBE, GT_SG_CREATE,
        GT_SG_DELETE,    GT_SG_PREFIX_LIST, GT_SG_VPC,    GT_SG_ATTACH,
    };
    change->operation = operations[row->kind];
    change->direction = row->direction;
    *about = true;
    if (row->kind <= DELETE)
        group_read(request, response, change);
    switch (row->kind) {
    case AUTHORIZE:
        return authorize_read(arena, request, response, change);
    case REVOKE:
        return revoke_read(arena, request, response, change);
    case MODIFY:
        return modify_read(arena, request, change);
    case DESCRIBE:
        return describe_read(arena, request, change);
    case PREFIX_LIST:
        return prefix_list_read(arena, request, response, change);
    case VPC:
        *about = vpc_read(request, response, change);
        return true;
    case ATTACH: {
        bool ok = gt_sg_attachments_read(arena, row->name, request, response, change);
        *about = change->attachment_count > 0;
        return ok;
    }
    case CREATE:
    case DELETE:
        break;
    }
    return true;
}

/* CloudTrail leaves a request of more than 100 KB out; a call that changes rules but tells none has
 * been cut somewhere on its way. */
static bool is_incomplete(const gt_sg_change *change, const gt_json *request)
{
    if (gt_sg_bool(gt_sg_field(request, "omitted")) == GT_SG_YES)
        return change->confidence != GT_SG_FROM_RESPONSE || change->rule_count == 0;
    return change->operation >= GT_SG_AUTHORIZE && change->operation <= GT_SG_DESCRIBE &&
           change->rule_count == 0;
}

gt_status gt_sg_change_of(gt_arena *arena, const gt_json *record, gt_str fallback_id,
                          gt_sg_change **ret)
{
    const gt_json *detail = gt_sg_field(record, "detail");
    if (gt_json_is(detail, GT_JSON_OBJECT) && !gt_sg_field(record, "eventName"))
        record = detail;
    gt_str name = gt_sg_field_text(record, "eventName");
    const event_row *row = event_find(event_base(name));
    if (!row) {
        *ret = NULL;
        return GT_OK;
    }
    gt_sg_change *change = gt_arena_new_of(arena, gt_sg_change);
    if (!change)
        return gt_arena_status(arena);
    const gt_json *request = gt_sg_unwrap(gt_sg_field(record, "requestParameters"), "Request");
    const gt_json *response = gt_sg_unwrap(gt_sg_field(record, "responseElements"), "Response");
    bool about;
    change->event_name = name;
    head_read(record, fallback_id, change);
    outcome_read(record, request, response, change);
    if (!body_read(arena, row, request, response, change, &about))
        return gt_arena_status(arena);
    if (is_incomplete(change, request))
        change->confidence = GT_SG_INCOMPLETE;
    change->actor = gt_sg_actor_of(arena, record);
    if (gt_arena_status(arena) != GT_OK)
        return gt_arena_status(arena);
    *ret = about ? change : NULL;
    return GT_OK;
}
