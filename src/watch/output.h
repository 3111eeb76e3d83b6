/* output.h — where the engine's alerts go: the alert store, and from its queues the sinks. */
#ifndef GT_WATCH_OUTPUT_H
#define GT_WATCH_OUTPUT_H

#include "config/config.h"
#include "watch/outside.h"

typedef struct gt_output gt_output;

typedef struct gt_output_options {
    const gt_config *config;
    const gt_net_env *env;    /* its stopped() ends the sinks' waiting */
    const gt_net_env *steady; /* for what is being sent while stopping */
    gt_log log;
    gt_time_ms (*now)(void *ctx);
    void *now_ctx;
} gt_output_options;

/* Open the sinks and start sending what their queues hold. */
gt_status gt_output_start(const gt_output_options *options, gt_output **ret, gt_buf *reterr_message)
    GT_MUST_CHECK;
/* For up to drain_ms sinks send what they have; the rest stays in their queues. NULL is allowed. */
void gt_output_stop(gt_output *output, int64_t drain_ms);
/* Nothing is queued that is due. */
bool gt_output_is_idle(gt_output *output);

/* For the engine, and for /metrics and /readyz. */
gt_watch_output gt_output_of(gt_output *output);
gt_outside_more gt_output_outside(gt_output *output);

#endif
