/* audit.h — every group that is open to the internet, and who may change groups: from the logs, or from
 * the live account. */
#ifndef GT_RESPOND_AUDIT_H
#define GT_RESPOND_AUDIT_H

#include "investigate/evidence.h"
#include "investigate/investigate.h"
#include "respond/live.h"

/* {source: "logs", groups: [{group_id, name, vpc_id, baseline, open: [{words, …piece, since, by,
 * event_id}]}]}: what is open at the end of the logs, by the ids of the groups. */
gt_status gt_audit_logs(gt_evidence *evidence, gt_json **ret) GT_MUST_CHECK;

/* {source: "live", account, region, groups: [{…, interfaces, open: [{words, rule}]}], identities: [{arn,
 * unlimited, limited}]}. Failed calls: the status of gt_aws_send, AWS's words in live->response. */
gt_status gt_audit_live(gt_live *live, gt_str region, gt_json **ret) GT_MUST_CHECK;

/* What IAM says about the account, as `aws iam get-account-authorization-details` prints it. */
gt_status gt_live_policies(gt_live *live, gt_json **ret) GT_MUST_CHECK;

void gt_audit_text(const gt_json *audit, gt_escape_fn *escape, gt_buf *out);

#endif
