/* live.h — the live state of EC2 and IAM, as far as plans need it. Answers live in the arena; calls
 * that fail leave AWS's words in live->response. */
#ifndef GT_RESPOND_LIVE_H
#define GT_RESPOND_LIVE_H

#include "net/aws.h"
#include "respond/wire.h"

typedef struct gt_live {
    gt_arena *arena;
    gt_aws_client *client;
    gt_aws_response response;
} gt_live;

void gt_live_init(gt_live *live, gt_arena *arena, gt_aws_client *client);
void gt_live_done(gt_live *live);

/* One call; the answer's root, or the status of gt_aws_send. */
gt_status gt_live_ec2(gt_live *live, const char *action, const gt_params *params,
                      const gt_xml **ret) GT_MUST_CHECK;
gt_status gt_live_iam(gt_live *live, const char *action, const gt_params *params,
                      const gt_xml **ret) GT_MUST_CHECK;

/* The ARN and account that the credentials stand for. */
gt_status gt_live_caller(gt_live *live, gt_str *ret_arn, gt_str *ret_account) GT_MUST_CHECK;

typedef struct gt_live_group {
    bool exists;
    gt_str id, name, vpc_id;
    gt_sg_rule *rules;
    size_t rule_count;
} gt_live_group;
gt_status gt_live_group_read(gt_live *live, gt_str group_id, gt_live_group *ret) GT_MUST_CHECK;
/* A group by name in a VPC; ret->exists tells. Without its rules. */
gt_status gt_live_group_named(gt_live *live, gt_str name, gt_str vpc_id, gt_live_group *ret)
    GT_MUST_CHECK;

typedef struct gt_live_interface {
    gt_str id, vpc_id;
    gt_str *groups;
    size_t group_count;
} gt_live_interface;
/* Interfaces by a filter of DescribeNetworkInterfaces ("group-id", "network-interface-id",
 * "attachment.instance-id"). */
gt_status gt_live_interfaces(gt_live *live, const char *filter, gt_str value,
                             gt_live_interface **ret, size_t *ret_count) GT_MUST_CHECK;

/* Does the role or user have the inline policy? GT_NOTFOUND: there is no such role or user. */
gt_status gt_live_policy(gt_live *live, bool is_role, gt_str entity, gt_str policy, bool *ret)
    GT_MUST_CHECK;

#endif
