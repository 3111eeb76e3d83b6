#include "net/aws.h"

#include "sink/sink_internal.h"

/* The sink's own key, else [aws]'s. */
static const char *either(const gt_sink *sink, gt_config_key_id own, gt_config_key_id common)
{
    gt_str s = gt_config_str(sink->section, own);
    if (!s.len)
        s = gt_config_str(gt_config_get(sink->config, GT_CONFIG_AWS), common);
    return s.len ? s.ptr : NULL;
}

gt_status sink_aws_open(const gt_sink *sink, gt_aws **ret, gt_buf *reterr_message)
{
    gt_aws_options options = {
        .env = sink->env,
        .profile = either(sink, GT_CONFIG_SINK_PROFILE, GT_CONFIG_AWS_PROFILE),
        .region = either(sink, GT_CONFIG_SINK_REGION, GT_CONFIG_AWS_REGION),
        .ca_file = either(sink, GT_CONFIG_SINK_CA_FILE, GT_CONFIG_AWS_CA_FILE),
        .role_arn = either(sink, GT_CONFIG_SINK_ROLE_ARN, GT_CONFIG_AWS_ROLE_ARN),
        .external_id = either(sink, GT_CONFIG_SINK_EXTERNAL_ID, GT_CONFIG_AWS_EXTERNAL_ID)};
    return gt_aws_open(&options, ret, reterr_message);
}
