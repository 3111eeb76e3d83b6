/* policies.h — who may change security groups, from IAM policies in JSON.
 * Understood: one policy document, a list of them, an object that holds documents anywhere, or what
 * `aws iam get-account-authorization-details` prints. */
#ifndef GT_INVESTIGATE_POLICIES_H
#define GT_INVESTIGATE_POLICIES_H

#include "json/json.h"

#define GT_POLICY_ACTIONS 9
extern const char *const gt_policy_actions[GT_POLICY_ACTIONS]; /* "ec2:AuthorizeSecurityGroupIngress" … */

typedef struct gt_policy_review {
    bool open[GT_POLICY_ACTIONS];    /* allowed on everything, without a condition */
    bool limited[GT_POLICY_ACTIONS]; /* allowed on some resources, or under a condition */
    bool denied[GT_POLICY_ACTIONS];  /* denied on everything, without a condition */
    size_t documents;
} gt_policy_review;

/* Review all that applies to the role or user of this ARN; of loose documents, all of them. False when
 * there is nothing about it. scratch keeps small copies. */
bool gt_policies_review(gt_arena *scratch, const gt_json *policies, gt_str arn, gt_policy_review *ret);
/* As above for an entry of RoleDetailList or UserDetailList. */
void gt_policies_review_entity(gt_arena *scratch, const gt_json *policies, const gt_json *entity,
                               gt_policy_review *ret);
/* How many actions are allowed without limits, and with. */
size_t gt_policy_review_open(const gt_policy_review *review);
size_t gt_policy_review_limited(const gt_policy_review *review);

#endif
