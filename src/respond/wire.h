/* wire.h — rules in the forms of EC2's API: JSON for the AWS CLI, parameters of the Query protocol, and
 * what its answers say. */
#ifndef GT_RESPOND_WIRE_H
#define GT_RESPOND_WIRE_H

#include "net/aws.h"
#include "sg/sg.h"

/* [{"IpProtocol":…,"IpRanges":[{"CidrIp":…,"Description":…}]}]. NULL without memory. */
gt_json *gt_wire_permissions_json(gt_arena *arena, const gt_sg_rule *rule, bool description);
/* [{"SecurityGroupRuleId":…,"SecurityGroupRule":{…}}]. */
gt_json *gt_wire_modify_json(gt_arena *arena, const gt_sg_rule *rule);
/* [{"ResourceType":"security-group-rule","Tags":[{"Key":…,"Value":…}]}]. */
gt_json *gt_wire_tags_json(gt_arena *arena, const gt_json *tags);

/* A list of Query parameters. A failed addition is remembered by the arena. */
typedef struct gt_params {
    gt_arena *arena;
    gt_aws_param *items;
    size_t count;
    size_t cap;
} gt_params;
void gt_params_add(gt_params *params, const char *name, gt_str value);
/* IpPermissions.1.… of one rule. */
void gt_params_permission(gt_params *params, const gt_sg_rule *rule, bool description);
/* SecurityGroupRule.1.… of ModifySecurityGroupRules. */
void gt_params_modify(gt_params *params, const gt_sg_rule *rule);
/* TagSpecification.1.… for security-group-rule. */
void gt_params_tags(gt_params *params, const gt_json *tags);

/* An <item> of DescribeSecurityGroupRules. */
gt_sg_rule gt_wire_rule(const gt_xml *item);

#endif
