/* snapshot.c — AWS's own answers as anchors: DescribeSecurityGroups, DescribeSecurityGroupRules, AWS Config
 * configuration items (one, a list, or the answer of get-resource-config-history). */
#include "sg/history_internal.h"

typedef struct snapshot {
    gt_sg_history *history;
    gt_time_ms time;
    size_t groups;
    bool failed;
} snapshot;

/* The anchor of a group: a new one, or the one that rows before this have begun. */
static gt_sg_anchor *anchor_get(snapshot *s, gt_str id, gt_time_ms time)
{
    gt_sg_history *h = s->history;
    for (size_t i = 0; i < h->anchor_count; i++)
        if (gt_str_eq(h->anchors[i].group_id, id))
            return &h->anchors[i];
    size_t size = h->anchor_count * sizeof *h->anchors;
    gt_sg_anchor *grown = gt_arena_grow(h->arena, h->anchors, size, size + sizeof *grown);
    gt_str copy = gt_arena_dup(h->arena, id);
    if (!grown || !copy.ptr) {
        s->failed = true;
        return NULL;
    }
    h->anchors = grown;
    grown[h->anchor_count] = (gt_sg_anchor){.group_id = copy, .time = time};
    s->groups++;
    return &grown[h->anchor_count++];
}

/* The snapshot's text may go before the history does. */
static void rules_keep(snapshot *s, gt_sg_rule *rules, size_t count)
{
    gt_arena *a = s->history->arena;
    for (size_t i = 0; i < count; i++) {
        gt_str *const texts[] = {&rules[i].peer_id, &rules[i].peer_name, &rules[i].peer_account,
                                 &rules[i].rule_id, &rules[i].description, &rules[i].tags};
        for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
            *texts[k] = gt_arena_dup(a, *texts[k]);
            s->failed = s->failed || !texts[k]->ptr;
        }
    }
}

/* One group with both permission lists, in the spelling of the API or of AWS Config. */
static void read_group(snapshot *s, const gt_json *group, gt_time_ms time)
{
    gt_str id = gt_sg_field_text(group, "groupId");
    gt_arena *a = s->history->arena;
    gt_sg_anchor *anchor = id.len ? anchor_get(s, id, time) : NULL;
    if (!anchor || (anchor->rule_count && anchor->time > time))
        return; /* of several items the latest counts */
    anchor->time = time;
    anchor->rules = NULL;
    anchor->rule_count = 0;
    if (!gt_sg_permissions_read(a, gt_sg_field(group, "ipPermissions"), GT_SG_INGRESS,
                                &anchor->rules, &anchor->rule_count) ||
        !gt_sg_permissions_read(a, gt_sg_field(group, "ipPermissionsEgress"), GT_SG_EGRESS,
                                &anchor->rules, &anchor->rule_count))
        s->failed = true;
    rules_keep(s, anchor->rules, anchor->rule_count);
}

static void read_row(snapshot *s, const gt_json *row)
{
    gt_str id = gt_sg_field_text(row, "groupId");
    gt_sg_anchor *anchor = id.len ? anchor_get(s, id, s->time) : NULL;
    if (!anchor)
        return;
    gt_sg_rule rule = gt_sg_row_read(s->history->arena, row, GT_SG_INGRESS);
    rules_keep(s, &rule, 1);
    if (!gt_sg_rule_push(s->history->arena, &anchor->rules, &anchor->rule_count, &rule))
        s->failed = true;
}

static void read_item(snapshot *s, const gt_json *item)
{
    gt_time_ms time = s->time;
    const gt_json *configuration = gt_sg_field(item, "configuration");
    gt_json *parsed = NULL;
    if (!gt_str_is(gt_sg_field_text(item, "resourceType"), "AWS::EC2::SecurityGroup"))
        return;
    if (gt_json_is(configuration, GT_JSON_STRING)) {
        gt_str text = gt_arena_dup(s->history->arena, gt_json_str(configuration));
        if (gt_json_parse(s->history->arena, text, &parsed, NULL) != GT_OK)
            return;
        configuration = parsed;
    }
    gt_time_parse(gt_sg_field_text(item, "configurationItemCaptureTime"), &time);
    read_group(s, configuration, time);
}

gt_status gt_sg_history_anchor(gt_sg_history *h, const gt_json *document, gt_time_ms time,
                               size_t *ret_groups)
{
    snapshot s = {.history = h, .time = time};
    gt_sg_list it;
    const gt_json *groups = gt_sg_field(document, "SecurityGroups");
    const gt_json *rows = gt_sg_field(document, "SecurityGroupRules");
    const gt_json *items = gt_sg_field(document, "configurationItems");
    const gt_json *one = gt_sg_field(document, "configurationItem");
    if (!items)
        items = one ? one : document;
    bool known = groups || rows || one;
    gt_sg_history_unseal(h);
    for (const gt_json *e = groups ? gt_sg_items(groups, &it) : NULL; e; e = gt_sg_items_next(&it))
        read_group(&s, e, time);
    for (const gt_json *e = rows ? gt_sg_items(rows, &it) : NULL; e; e = gt_sg_items_next(&it))
        read_row(&s, e);
    for (const gt_json *e = known && !one ? NULL : gt_sg_items(items, &it); e;
         e = gt_sg_items_next(&it)) {
        bool item = gt_sg_field(e, "resourceType"), row = gt_sg_field(e, "securityGroupRuleId");
        bool group = !row && gt_sg_field(e, "ipPermissions");
        known = known || item || row || group;
        if (item)
            read_item(&s, e);
        else if (row)
            read_row(&s, e);
        else if (group)
            read_group(&s, e, time);
    }
    if (s.failed)
        return gt_arena_status(h->arena) != GT_OK ? gt_arena_status(h->arena) : GT_NOMEM;
    if (!known)
        return GT_INVALID;
    *ret_groups = s.groups;
    return GT_OK;
}
