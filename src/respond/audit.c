#include "respond/audit.h"

#include "base/limits.h"
#include "investigate/policies.h"
#include "investigate/words.h"
#include "sg/history.h"

/* --- from the logs -------------------------------------------------------------------------------- */

static gt_status take_change(void *user, const gt_event *event)
{
    gt_sg_history *history = user;
    if (!gt_sg_event_name(event->name))
        return GT_OK;
    gt_arena *scratch = gt_arena_new(GT_BATCH_ARENA_MAX);
    gt_sg_change *change = NULL;
    gt_status status = scratch ? gt_sg_change_of(scratch, event->record, event->id, &change)
                               : GT_NOMEM;
    if (status == GT_OK && change)
        status = gt_sg_history_add(history, change);
    gt_arena_free(scratch);
    return status;
}

static gt_status add_window(gt_arena *arena, gt_json *open, const gt_sg_window *w)
{
    gt_sg_pieces pieces = {0};
    char time[GT_TIME_TEXT_MAX];
    if (!gt_sg_pieces_of(arena, &w->box, &pieces))
        return gt_arena_status(arena);
    for (size_t i = 0; i < pieces.count; i++) {
        if (!pieces.items[i].internet || pieces.items[i].direction != GT_SG_INGRESS)
            continue;
        gt_json *node = gt_sg_piece_json(arena, &pieces.items[i]);
        gt_json_setl(node, "words",
                     gt_json_new_str(arena, gt_sg_piece_text(arena, &pieces.items[i])));
        if (w->opened) {
            const gt_sg_change *by = w->opened->change;
            gt_json_setl(node, "since",
                         gt_json_new_str(arena, gt_arena_dup(arena, gt_time_format_short(by->time,
                                                                                        time))));
            gt_json_setl(node, "by", gt_json_new_str(arena, gt_arena_dup(arena, by->actor.arn)));
            gt_json_setl(node, "event_id", gt_json_new_str(arena, gt_arena_dup(arena, by->event_id)));
        }
        gt_json_setl(node, "certain", gt_json_new_bool(arena, w->known));
        gt_json_append(open, node);
    }
    return gt_arena_status(arena);
}

static gt_status audit_group(gt_arena *arena, gt_sg_history *history, size_t i, gt_json *groups)
{
    const gt_sg_group *group = gt_sg_history_group(history, i);
    gt_sg_timeline *timeline;
    gt_sg_window *windows;
    size_t count;
    gt_status status = gt_sg_history_fold(history, arena, group->id, &timeline);
    if (status == GT_NOTFOUND)
        return GT_OK;
    GT_TRY(status);
    if (timeline->deleted)
        return GT_OK;
    GT_TRY(gt_sg_timeline_windows(history, arena, timeline, &windows, &count));
    gt_json *open = gt_json_new_array(arena), *node = gt_json_new_object(arena);
    for (size_t k = 0; k < count; k++)
        if (!windows[k].closed)
            GT_TRY(add_window(arena, open, &windows[k]));
    if (!gt_json_first(open))
        return GT_OK;
    gt_json_setl(node, "group_id", gt_json_new_str(arena, timeline->group.id));
    gt_json_setl(node, "name", gt_json_new_str(arena, timeline->group.name));
    gt_json_setl(node, "vpc_id", gt_json_new_str(arena, timeline->group.vpc_id));
    gt_json_setl(node, "account", gt_json_new_str(arena, timeline->group.account));
    gt_json_setl(node, "region", gt_json_new_str(arena, timeline->group.region));
    gt_json_setl(node, "baseline",
                 gt_json_new_str(arena, gt_str_c(gt_sg_baseline_text(timeline->group.baseline))));
    gt_json_setl(node, "open", open);
    gt_json_append(groups, node);
    return gt_arena_status(arena);
}

static gt_status audit_history(gt_evidence *evidence, gt_sg_history *history, gt_json *groups)
{
    GT_TRY(gt_evidence_each(evidence, NULL, 0, INT64_MIN, INT64_MAX, take_change, history));
    GT_TRY(gt_sg_history_seal(history));
    for (size_t i = 0; i < gt_sg_history_group_count(history); i++)
        GT_TRY(audit_group(evidence->arena, history, i, groups));
    return GT_OK;
}

gt_status gt_audit_logs(gt_evidence *evidence, gt_json **ret)
{
    gt_arena *arena = evidence->arena;
    gt_sg_history *history = gt_sg_history_new();
    gt_json *root = gt_json_new_object(arena), *groups = gt_json_new_array(arena);
    gt_status status = history ? audit_history(evidence, history, groups) : GT_NOMEM;
    gt_json_setl(root, "source", gt_json_new_str(arena, GT_STR("logs")));
    gt_json_setl(root, "groups", groups);
    /* Strings are views into the history. */
    gt_json *copy = status == GT_OK ? gt_json_copy(arena, root, true) : NULL;
    gt_sg_history_free(history);
    if (status == GT_OK && !copy)
        status = gt_arena_status(arena);
    if (status == GT_OK)
        *ret = copy;
    return status;
}

/* --- live: IAM ------------------------------------------------------------------------------------ */

static gt_json *document_of(gt_arena *arena, gt_str encoded)
{
    gt_buf text = GT_BUF(GT_MIB);
    gt_json *node = NULL;
    gt_url_decode(&text, encoded, false);
    gt_str copy = gt_arena_dup(arena, gt_buf_str(&text));
    gt_buf_done(&text);
    if (!copy.ptr || gt_json_parse(arena, copy, &node, NULL) != GT_OK)
        return gt_json_new_null(arena);
    return node;
}

/* <member> children are a list, other children members of an object, text a string. */
static gt_json *json_of(gt_arena *arena, const gt_xml *xml)
{
    if (!xml->first) {
        if (gt_str_ends(xml->name, GT_STR("PolicyDocument")) || gt_str_is(xml->name, "Document"))
            return document_of(arena, xml->text);
        if (gt_str_is(xml->text, "true") || gt_str_is(xml->text, "false"))
            return gt_json_new_bool(arena, gt_str_is(xml->text, "true"));
        return gt_json_new_str(arena, xml->text);
    }
    bool list = gt_str_is(xml->first->name, "member");
    gt_json *node = list ? gt_json_new_array(arena) : gt_json_new_object(arena);
    for (const gt_xml *e = xml->first; e; e = e->next) {
        if (list)
            gt_json_append(node, json_of(arena, e));
        else
            gt_json_set(node, e->name, json_of(arena, e));
    }
    return node;
}

static void add_page(gt_arena *arena, gt_json *all, const gt_xml *result)
{
    static const char *const lists[] = {"UserDetailList", "GroupDetailList", "RoleDetailList",
                                        "Policies"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        gt_json *list = gt_json_get(all, gt_str_c(lists[i]));
        if (!list) {
            list = gt_json_new_array(arena);
            gt_json_set(all, gt_str_c(lists[i]), list);
        }
        const gt_xml *member = gt_xml_child(gt_xml_child(result, lists[i]), "member");
        for (; member; member = gt_xml_next(member))
            gt_json_append(list, json_of(arena, member));
    }
}

gt_status gt_live_policies(gt_live *live, gt_json **ret)
{
    gt_json *all = gt_json_new_object(live->arena);
    gt_str marker = GT_STR_NULL;
    do {
        gt_params params = {.arena = live->arena};
        const gt_xml *root;
        if (marker.len)
            gt_params_add(&params, "Marker", marker);
        GT_TRY(gt_live_iam(live, "GetAccountAuthorizationDetails", &params, &root));
        const gt_xml *result = gt_xml_child(root, "GetAccountAuthorizationDetailsResult");
        add_page(live->arena, all, result);
        bool more = gt_str_is(gt_xml_text(result, "IsTruncated"), "true");
        marker = more ? gt_xml_text(result, "Marker") : GT_STR_NULL;
    } while (marker.len);
    *ret = all;
    return gt_arena_status(live->arena);
}

static void add_identities(gt_arena *arena, const gt_json *policies, const char *list, gt_json *out)
{
    const gt_json *entities = gt_json_get(policies, gt_str_c(list));
    for (const gt_json *e = gt_json_first(entities); e; e = e->next) {
        gt_policy_review review = {0};
        gt_policies_review_entity(arena, policies, e, &review);
        size_t open = gt_policy_review_open(&review), limited = gt_policy_review_limited(&review);
        if (!open && !limited)
            continue;
        gt_json *node = gt_json_new_object(arena), *actions = gt_json_new_array(arena);
        for (size_t i = 0; i < GT_POLICY_ACTIONS; i++)
            if (review.open[i] && !review.denied[i])
                gt_json_append(actions, gt_json_new_str(arena, gt_str_c(gt_policy_actions[i])));
        gt_json_setl(node, "arn", gt_json_new_str(arena, gt_json_path_str(e, "Arn")));
        gt_json_setl(node, "unlimited", gt_json_new_i64(arena, (int64_t)open));
        gt_json_setl(node, "limited", gt_json_new_i64(arena, (int64_t)limited));
        gt_json_setl(node, "unlimited_actions", actions);
        gt_json_append(out, node);
    }
}

/* --- live: EC2 ------------------------------------------------------------------------------------- */

static gt_status add_live_group(gt_live *live, const gt_xml *item, gt_json *groups)
{
    gt_arena *arena = live->arena;
    gt_live_group group;
    gt_live_interface *enis;
    size_t eni_count;
    GT_TRY(gt_live_group_read(live, gt_xml_text(item, "groupId"), &group));
    gt_json *open = gt_json_new_array(arena), *node = gt_json_new_object(arena);
    for (size_t i = 0; i < group.rule_count; i++) {
        const gt_sg_rule *rule = &group.rules[i];
        if (rule->direction != GT_SG_INGRESS || rule->peer != GT_SG_PEER_CIDR ||
            !gt_sg_is_internet(&rule->cidr))
            continue;
        gt_json *entry = gt_json_new_object(arena);
        gt_json_setl(entry, "words", gt_json_new_str(arena, gt_words_rule(arena, rule)));
        gt_json_setl(entry, "rule", gt_sg_rule_json(arena, rule, group.id, GT_STR_NULL));
        gt_json_append(open, entry);
    }
    if (!gt_json_first(open))
        return GT_OK;
    GT_TRY(gt_live_interfaces(live, "group-id", group.id, &enis, &eni_count));
    gt_json_setl(node, "group_id", gt_json_new_str(arena, group.id));
    gt_json_setl(node, "name", gt_json_new_str(arena, group.name));
    gt_json_setl(node, "vpc_id", gt_json_new_str(arena, group.vpc_id));
    gt_json_setl(node, "interfaces", gt_json_new_i64(arena, (int64_t)eni_count));
    gt_json_setl(node, "open", open);
    gt_json_append(groups, node);
    return gt_arena_status(arena);
}

static gt_status live_groups(gt_live *live, gt_json *groups)
{
    gt_str next = GT_STR_NULL;
    do {
        gt_params params = {.arena = live->arena};
        const gt_xml *root;
        gt_params_add(&params, "MaxResults", GT_STR("1000"));
        if (next.len)
            gt_params_add(&params, "NextToken", next);
        GT_TRY(gt_live_ec2(live, "DescribeSecurityGroups", &params, &root));
        const gt_xml *item = gt_xml_path(root, "securityGroupInfo/item");
        for (; item; item = gt_xml_next(item))
            GT_TRY(add_live_group(live, item, groups));
        next = gt_xml_text(root, "nextToken");
    } while (next.len);
    return GT_OK;
}

gt_status gt_audit_live(gt_live *live, gt_str region, gt_json **ret)
{
    gt_arena *arena = live->arena;
    gt_json *root = gt_json_new_object(arena), *groups = gt_json_new_array(arena);
    gt_json *identities = gt_json_new_array(arena), *policies;
    gt_str arn, account;
    GT_TRY(gt_live_caller(live, &arn, &account));
    GT_TRY(live_groups(live, groups));
    GT_TRY(gt_live_policies(live, &policies));
    add_identities(arena, policies, "UserDetailList", identities);
    add_identities(arena, policies, "RoleDetailList", identities);
    gt_json_setl(root, "source", gt_json_new_str(arena, GT_STR("live")));
    gt_json_setl(root, "account", gt_json_new_str(arena, account));
    gt_json_setl(root, "region", gt_json_new_str(arena, region));
    gt_json_setl(root, "groups", groups);
    gt_json_setl(root, "identities", identities);
    *ret = root;
    return gt_arena_status(arena);
}

/* --- text --------------------------------------------------------------------------------------------- */

void gt_audit_text(const gt_json *audit, gt_escape_fn *escape, gt_buf *out)
{
    bool live = gt_str_is(gt_json_path_str(audit, "source"), "live");
    const gt_json *groups = gt_json_getl(audit, "groups");
    gt_buf_printf(out, "%u groups are open to the internet%s\n", groups ? groups->count : 0,
                  live ? " now" : " at the end of these logs");
    for (const gt_json *g = gt_json_first(groups); g; g = g->next) {
        escape(out, gt_json_path_str(g, "group_id"));
        gt_buf_lit(out, " ");
        escape(out, gt_json_path_str(g, "name"));
        int64_t interfaces;
        if (gt_json_i64(gt_json_getl(g, "interfaces"), &interfaces))
            gt_buf_printf(out, ", on %lld interfaces", (long long)interfaces);
        gt_buf_add_byte(out, '\n');
        for (const gt_json *o = gt_json_first(gt_json_getl(g, "open")); o; o = o->next) {
            gt_buf_lit(out, "  ");
            escape(out, gt_json_path_str(o, "words"));
            if (gt_json_path_str(o, "since").len) {
                gt_buf_lit(out, ", since ");
                escape(out, gt_json_path_str(o, "since"));
                gt_buf_lit(out, " by ");
                escape(out, gt_json_path_str(o, "by"));
                gt_buf_lit(out, "  [");
                escape(out, gt_json_path_str(o, "event_id"));
                gt_buf_lit(out, "]");
            }
            gt_buf_add_byte(out, '\n');
        }
    }
    const gt_json *identities = gt_json_getl(audit, "identities");
    if (!identities) {
        gt_buf_lit(out, "who may change groups is not in the logs: --check asks the account\n");
        return;
    }
    gt_buf_printf(out, "\n%u roles and users may change groups\n", identities->count);
    for (const gt_json *i = gt_json_first(identities); i; i = i->next) {
        gt_buf_lit(out, "  ");
        escape(out, gt_json_path_str(i, "arn"));
        gt_buf_printf(out, ": %.*s calls without limits, %.*s with\n",
                      GT_STR_ARG(gt_json_text(gt_json_getl(i, "unlimited"))),
                      GT_STR_ARG(gt_json_text(gt_json_getl(i, "limited"))));
    }
}
