/* audit_account.h — the live account as [aws] says, audited for the auditor. */
#ifndef GT_WATCH_AUDIT_ACCOUNT_H
#define GT_WATCH_AUDIT_ACCOUNT_H

#include "config/config.h"
#include "net/aws.h"

typedef struct gt_audit_account gt_audit_account;

/* GT_INVALID, GT_IO: the configuration of AWS is wrong, or names no region; nobody is asked yet. */
gt_status gt_audit_account_open(const gt_config *config, const gt_net_env *env, gt_audit_account **ret,
                                gt_buf *reterr_message) GT_MUST_CHECK;
void gt_audit_account_close(gt_audit_account *account); /* NULL is allowed */

/* A gt_auditor_run; ctx: the gt_audit_account. */
gt_status gt_audit_account_run(void *ctx, gt_arena *arena, gt_json **ret, gt_buf *reterr_message)
    GT_MUST_CHECK;

#endif
