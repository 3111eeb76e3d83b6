#include "watch/audit_account.h"

#include "base/mem.h"
#include "respond/audit.h"
#include "watch/configure.h"

struct gt_audit_account {
    gt_aws *aws;
    gt_aws_client *client; /* the auditor's thread's */
};

gt_status gt_audit_account_open(const gt_config *config, const gt_net_env *env, gt_audit_account **ret,
                                gt_buf *reterr_message)
{
    const gt_aws_options options = gt_aws_options_of(config, NULL, env);
    gt_audit_account *account = gt_calloc(1, sizeof *account);
    if (!account)
        return GT_NOMEM;
    gt_status status = gt_aws_open(&options, &account->aws, reterr_message);
    if (status == GT_OK && !gt_aws_region(account->aws).len) {
        gt_buf_lit(reterr_message, "[audit] needs a region: set it in [aws]");
        status = GT_INVALID;
    }
    if (status == GT_OK) {
        account->client = gt_aws_client_new(account->aws);
        status = account->client ? GT_OK : GT_NOMEM;
    }
    if (status != GT_OK) {
        gt_audit_account_close(account);
        return status;
    }
    *ret = account;
    return GT_OK;
}

void gt_audit_account_close(gt_audit_account *account)
{
    if (!account)
        return;
    gt_aws_client_free(account->client);
    gt_aws_close(account->aws);
    gt_free(account);
}

gt_status gt_audit_account_run(void *ctx, gt_arena *arena, gt_json **ret, gt_buf *reterr_message)
{
    gt_audit_account *account = ctx;
    gt_live live;
    gt_live_init(&live, arena, account->client);
    gt_status status = gt_audit_live(&live, gt_aws_region(account->aws), ret);
    const gt_aws_response *r = &live.response;
    if (status != GT_OK)
        gt_buf_printf(reterr_message, "%s: %s", r->code[0] ? r->code : "AWS",
                      r->message[0] ? r->message : gt_status_text(status));
    gt_live_done(&live);
    return status;
}
