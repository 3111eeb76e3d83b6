#include "base/limits.h"
#include "respond/respond.h"
#include "respond/wire.h"

static gt_json *str(gt_arena *arena, gt_str s)
{
    return s.ptr ? gt_json_new_str(arena, s) : gt_json_new_null(arena);
}

static gt_json *action_json(gt_arena *arena, const gt_plan *plan, const gt_action *a)
{
    gt_json *node = gt_json_new_object(arena);
    gt_json_setl(node, "action", gt_json_new_str(arena, gt_str_c(gt_action_kind_text(a->kind))));
    if (a->group_id.len)
        gt_json_setl(node, "group_id", str(arena, a->group_id));
    bool rule = a->kind == GT_ACTION_REVOKE || a->kind == GT_ACTION_AUTHORIZE ||
                a->kind == GT_ACTION_MODIFY;
    if (rule)
        gt_json_setl(node, "rule", gt_sg_rule_json(arena, &a->rule, a->group_id, plan->account));
    if (a->kind == GT_ACTION_MODIFY)
        gt_json_setl(node, "now", gt_sg_rule_json(arena, &a->now, a->group_id, plan->account));
    if (a->tags)
        gt_json_setl(node, "tags", gt_json_copy(arena, a->tags, false));
    if (a->resource.len)
        gt_json_setl(node, "resource", str(arena, a->resource));
    if (a->kind == GT_ACTION_DENY) {
        gt_json_set(node, gt_str_c(a->is_role ? "role" : "user"), str(arena, a->entity));
        gt_json_setl(node, "policy_name", str(arena, GT_STR(GT_DENY_POLICY_NAME)));
        gt_json_setl(node, "policy", str(arena, gt_deny_policy()));
    }
    gt_json_setl(node, "words", str(arena, a->words));
    return node;
}

gt_json *gt_plan_json(gt_arena *arena, const gt_plan *plan)
{
    gt_json *root = gt_json_new_object(arena), *event = gt_json_new_object(arena);
    gt_json *actions = gt_json_new_array(arena), *refusals = gt_json_new_array(arena);
    gt_json *notes = gt_json_new_array(arena);
    char time[GT_TIME_TEXT_MAX];
    gt_json_setl(root, "plan", gt_json_new_str(arena, gt_str_c(gt_plan_kind_text(plan->kind))));
    gt_json_setl(event, "id", str(arena, plan->event_id));
    gt_json_setl(event, "action", str(arena, plan->event_name));
    if (plan->event_time != GT_EVENT_NO_TIME)
        gt_json_setl(event, "time",
                     str(arena, gt_arena_dup(arena, gt_time_format_short(plan->event_time, time))));
    gt_json_setl(event, "actor", str(arena, plan->actor));
    gt_json_setl(root, "event", event);
    gt_json_setl(root, "account", str(arena, plan->account));
    gt_json_setl(root, "region", str(arena, plan->region));
    for (size_t i = 0; i < plan->action_count; i++)
        gt_json_append(actions, action_json(arena, plan, &plan->actions[i]));
    for (size_t i = 0; i < plan->refusal_count; i++) {
        gt_json *r = gt_json_new_object(arena);
        gt_json_setl(r, "code", gt_json_new_str(arena, gt_str_c(plan->refusals[i].code)));
        gt_json_setl(r, "text", str(arena, plan->refusals[i].text));
        gt_json_setl(r, "can_be_forced", gt_json_new_bool(arena, !plan->refusals[i].hard));
        gt_json_append(refusals, r);
    }
    for (size_t i = 0; i < plan->note_count; i++)
        gt_json_append(notes, str(arena, plan->notes[i]));
    gt_json_setl(root, "actions", actions);
    gt_json_setl(root, "refusals", refusals);
    gt_json_setl(root, "notes", notes);
    return root;
}

void gt_plan_text(gt_arena *arena, const gt_plan *plan, gt_escape_fn *escape, gt_buf *out)
{
    char time[GT_TIME_TEXT_MAX];
    gt_buf_printf(out, "plan %s for ", gt_plan_kind_text(plan->kind));
    escape(out, plan->event_name);
    gt_buf_lit(out, ", event ");
    escape(out, plan->event_id);
    if (plan->event_time != GT_EVENT_NO_TIME) {
        gt_str text = gt_time_format_short(plan->event_time, time);
        gt_buf_printf(out, ", %.*s", GT_STR_ARG(text));
    }
    gt_buf_lit(out, "\n  by ");
    escape(out, plan->actor);
    gt_buf_lit(out, "\n  in account ");
    escape(out, plan->account);
    gt_buf_lit(out, ", ");
    escape(out, plan->region);
    gt_buf_lit(out, "\n\n");
    for (size_t i = 0; i < plan->action_count; i++) {
        gt_buf_printf(out, "%3zu. ", i + 1);
        if (plan->actions[i].group_id.len) {
            escape(out, plan->actions[i].group_id);
            gt_buf_lit(out, ": ");
        }
        escape(out, plan->actions[i].words);
        gt_buf_add_byte(out, '\n');
    }
    if (!plan->action_count)
        gt_buf_lit(out, "  nothing to do\n");
    for (size_t i = 0; i < plan->refusal_count; i++) {
        gt_buf_add(out, plan->refusals[i].hard ? GT_STR("\n  not possible: ")
                                               : GT_STR("\n  refused unless --force REASON: "));
        escape(out, plan->refusals[i].text);
        gt_buf_printf(out, " [%s]", plan->refusals[i].code);
    }
    for (size_t i = 0; i < plan->note_count; i++) {
        gt_buf_lit(out, "\n  note: ");
        escape(out, plan->notes[i]);
    }
    if (plan->refusal_count || plan->note_count)
        gt_buf_add_byte(out, '\n');
    gt_buf_lit(out, "\nNothing has been changed; --apply does it.\n");
    (void)arena;
}

/* --- AWS CLI ---------------------------------------------------------------------------------------- */

/* One word for a shell, whatever the bytes are. */
static void quote(gt_buf *out, gt_str s)
{
    bool control = false;
    for (size_t i = 0; i < s.len; i++)
        control |= (unsigned char)s.ptr[i] < 0x20 || s.ptr[i] == 0x7f;
    gt_buf_add(out, control ? GT_STR(" $'") : GT_STR(" '"));
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if ((unsigned char)c < 0x20 || c == 0x7f)
            gt_buf_printf(out, "\\x%02x", (unsigned char)c);
        else if (c == '\'')
            gt_buf_add(out, control ? GT_STR("\\'") : GT_STR("'\\''"));
        else if (c == '\\' && control)
            gt_buf_lit(out, "\\\\");
        else
            gt_buf_add_byte(out, c);
    }
    gt_buf_add_byte(out, '\'');
}

static void quote_json(gt_buf *out, const gt_json *json)
{
    gt_buf text = GT_BUF(GT_MIB);
    gt_json_write(&text, json);
    quote(out, gt_buf_str(&text));
    gt_buf_done(&text);
}

static void begin_command(gt_buf *out, const gt_plan *plan, const char *command)
{
    gt_buf_printf(out, "aws %s", command);
    if (plan->region.len) {
        gt_buf_lit(out, " --region");
        quote(out, plan->region);
    }
}

static void rule_command(gt_arena *arena, const gt_plan *plan, const gt_action *a, gt_buf *out)
{
    bool egress = a->rule.direction == GT_SG_EGRESS;
    if (a->kind == GT_ACTION_MODIFY) {
        begin_command(out, plan, "ec2 modify-security-group-rules");
        gt_buf_lit(out, " --group-id");
        quote(out, a->group_id);
        gt_buf_lit(out, " --security-group-rules");
        quote_json(out, gt_wire_modify_json(arena, &a->rule));
        gt_buf_add_byte(out, '\n');
        return;
    }
    bool authorize = a->kind == GT_ACTION_AUTHORIZE;
    begin_command(out, plan, authorize ? egress ? "ec2 authorize-security-group-egress"
                                                : "ec2 authorize-security-group-ingress"
                             : egress  ? "ec2 revoke-security-group-egress"
                                       : "ec2 revoke-security-group-ingress");
    gt_buf_lit(out, " --group-id");
    quote(out, a->group_id);
    if (!authorize && a->rule.rule_id.len) {
        gt_buf_lit(out, " --security-group-rule-ids");
        quote(out, a->rule.rule_id);
    } else {
        gt_buf_lit(out, " --ip-permissions");
        quote_json(out, gt_wire_permissions_json(arena, &a->rule, authorize));
    }
    if (authorize && a->tags) {
        gt_buf_lit(out, " --tag-specifications");
        quote_json(out, gt_wire_tags_json(arena, a->tags));
    }
    gt_buf_add_byte(out, '\n');
}

static void isolate_commands(const gt_plan *plan, const gt_action *a, gt_buf *out)
{
    gt_buf_lit(out, "# an isolation group without rules; note the old groups of each interface first\n");
    begin_command(out, plan, "ec2 describe-network-interfaces");
    gt_buf_lit(out, " --filters");
    gt_buf word = GT_BUF(4096);
    gt_buf_printf(&word, "Name=group-id,Values=%.*s", GT_STR_ARG(a->group_id));
    quote(out, gt_buf_str(&word));
    gt_buf_done(&word);
    gt_buf_lit(out, " --query 'NetworkInterfaces[].[NetworkInterfaceId,Groups[].GroupId]'\n");
    begin_command(out, plan, "ec2 create-security-group");
    gt_buf_lit(out, " --group-name " GT_ISOLATION_GROUP_NAME " --description 'no traffic' --vpc-id");
    quote(out, a->vpc_id.len ? a->vpc_id : GT_STR("VPC-ID"));
    gt_buf_lit(out, "\n");
    begin_command(out, plan, "ec2 revoke-security-group-egress");
    gt_buf_lit(out, " --group-id ISOLATION-GROUP-ID --ip-permissions "
                    "'[{\"IpProtocol\":\"-1\",\"IpRanges\":[{\"CidrIp\":\"0.0.0.0/0\"}]}]'\n");
    begin_command(out, plan, "ec2 modify-network-interface-attribute");
    gt_buf_lit(out, " --network-interface-id INTERFACE-ID --groups ISOLATION-GROUP-ID\n");
}

static void attach_commands(const gt_plan *plan, const gt_action *a, gt_buf *out)
{
    gt_buf_printf(out, "# all groups of the interface, %s %.*s\n",
                  a->kind == GT_ACTION_ATTACH ? "with" : "without", GT_STR_ARG(a->group_id));
    begin_command(out, plan, "ec2 modify-network-interface-attribute");
    gt_buf_lit(out, " --network-interface-id");
    quote(out, a->resource);
    gt_buf_lit(out, " --groups GROUP-IDS\n");
}

void gt_plan_commands(gt_arena *arena, const gt_plan *plan, gt_buf *out)
{
    gt_buf_printf(out, "# %s; nothing has been changed yet\n", gt_plan_kind_text(plan->kind));
    for (size_t i = 0; i < plan->refusal_count; i++)
        gt_buf_printf(out, "# careful: %s\n", plan->refusals[i].code);
    for (size_t i = 0; i < plan->action_count; i++) {
        const gt_action *a = &plan->actions[i];
        switch (a->kind) {
        case GT_ACTION_REVOKE:
        case GT_ACTION_AUTHORIZE:
        case GT_ACTION_MODIFY:
            rule_command(arena, plan, a, out);
            break;
        case GT_ACTION_DELETE:
            begin_command(out, plan, "ec2 delete-security-group");
            gt_buf_lit(out, " --group-id");
            quote(out, a->group_id);
            gt_buf_add_byte(out, '\n');
            break;
        case GT_ACTION_ATTACH:
        case GT_ACTION_DETACH:
            attach_commands(plan, a, out);
            break;
        case GT_ACTION_ISOLATE:
            isolate_commands(plan, a, out);
            break;
        case GT_ACTION_DENY:
            gt_buf_add(out, a->is_role ? GT_STR("aws iam put-role-policy --role-name")
                                       : GT_STR("aws iam put-user-policy --user-name"));
            quote(out, a->entity);
            gt_buf_lit(out, " --policy-name " GT_DENY_POLICY_NAME " --policy-document");
            quote(out, gt_deny_policy());
            gt_buf_add_byte(out, '\n');
            break;
        }
    }
}

/* --- Terraform ----------------------------------------------------------------------------------------- */

static void hcl_string(gt_buf *out, gt_str s)
{
    gt_buf text = GT_BUF(GT_MIB);
    gt_json_write_str(&text, s);
    for (size_t i = 0; i < text.len; i++) {
        /* "${" and "%{" begin templates. */
        if ((text.data[i] == '$' || text.data[i] == '%') && i + 1 < text.len && text.data[i + 1] == '{')
            gt_buf_add_byte(out, text.data[i]);
        gt_buf_add_byte(out, text.data[i]);
    }
    gt_buf_done(&text);
}

static void hcl_rule(gt_buf *out, const gt_plan *plan, const gt_action *a, size_t number)
{
    const gt_sg_rule *r = &a->rule;
    char text[GT_IP_TEXT_MAX], protocol[8];
    gt_buf_printf(out, "resource \"aws_vpc_security_group_%s_rule\" \"restored_%zu\" {\n",
                  r->direction == GT_SG_EGRESS ? "egress" : "ingress", number);
    gt_buf_lit(out, "  security_group_id = ");
    hcl_string(out, a->group_id);
    gt_str name = gt_sg_protocol_text(r->protocol, protocol);
    gt_buf_printf(out, "\n  ip_protocol       = \"%.*s\"\n", GT_STR_ARG(name));
    if (r->protocol != GT_SG_PROTOCOL_ALL)
        gt_buf_printf(out, "  from_port         = %d\n  to_port           = %d\n", (int)r->from_port,
                      (int)r->to_port);
    if (r->peer == GT_SG_PEER_CIDR) {
        gt_str cidr = gt_cidr_format(&r->cidr, text);
        gt_buf_printf(out, "  cidr_%s         = \"%.*s\"\n", r->cidr.net.v6 ? "ipv6" : "ipv4",
                      GT_STR_ARG(cidr));
    } else {
        gt_buf_printf(out, "  %s = ", r->peer == GT_SG_PEER_GROUP ? "referenced_security_group_id"
                                                                 : "prefix_list_id   ");
        hcl_string(out, r->peer_id);
        gt_buf_add_byte(out, '\n');
    }
    if (r->description.len) {
        gt_buf_lit(out, "  description       = ");
        hcl_string(out, r->description);
        gt_buf_add_byte(out, '\n');
    }
    gt_buf_lit(out, "}\n");
    (void)plan;
}

void gt_plan_terraform(gt_arena *arena, const gt_plan *plan, gt_buf *out)
{
    gt_buf_printf(out, "# %s: what the code must say so that the next apply agrees\n",
                  gt_plan_kind_text(plan->kind));
    for (size_t i = 0; i < plan->action_count; i++) {
        const gt_action *a = &plan->actions[i];
        gt_buf words = GT_BUF(GT_MIB);
        gt_json_write_str(&words, a->words);
        gt_buf_printf(out, "\n# %.*s\n", GT_STR_ARG(gt_buf_str(&words)));
        gt_buf_done(&words);
        if (a->kind == GT_ACTION_AUTHORIZE || a->kind == GT_ACTION_MODIFY)
            hcl_rule(out, plan, a, i + 1);
        else if (a->kind == GT_ACTION_REVOKE)
            gt_buf_lit(out, "# delete the rule's block from the code, then: terraform plan -refresh-only\n");
        else
            gt_buf_lit(out, "# nothing for the code; expect a difference while it is in force\n");
    }
    (void)arena;
}
