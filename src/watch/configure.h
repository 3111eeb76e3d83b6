/* configure.h — a checked configuration to what the engine is started with. */
#ifndef GT_WATCH_CONFIGURE_H
#define GT_WATCH_CONFIGURE_H

#include "config/config.h"
#include "watch/watch.h"

/* The rule that the canary fires, always loaded; never listed among the user's. */
#define GT_CANARY_RULE_ID "5d2d3a0c-6a0e-4f3e-9f53-0c1c0e5b7a11"

typedef struct gt_watch_plan {
    gt_feed_config *sources; /* in the arena; env and store_path are the engine's to fill in */
    size_t source_count;
    gt_aws **aws; /* one a source; NULL where none is needed */
} gt_watch_plan;

/* Sources of the configuration. env: for AWS. out says what is wrong on GT_INVALID, GT_IO. The plan
 * must be given to gt_watch_plan_done in any case, after the engine has stopped. */
gt_status gt_watch_plan_make(gt_arena *arena, const gt_config *config, const gt_net_env *env,
                             gt_watch_plan *ret, gt_buf *out) GT_MUST_CHECK;
void gt_watch_plan_done(gt_watch_plan *plan);

/* Rules, mapping and modes of the configuration as a setup; out: errors and warnings. */
gt_status gt_watch_setup_of(const gt_config *config, gt_time_ms now, gt_watch_setup **ret,
                            gt_buf *out) GT_MUST_CHECK;

/* AWS options of a [[source]] over those of [aws]; source NULL: [aws] alone. */
gt_aws_options gt_aws_options_of(const gt_config *config, const gt_config_section *source,
                                 const gt_net_env *env);

#endif
