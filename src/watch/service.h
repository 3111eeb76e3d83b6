/* service.h — `gatetrail watch` itself: configuration to engine, sinks and HTTP, then signals.
 * SIGTERM and SIGINT drain and end; SIGHUP reads rules and configuration again, checks them whole, and
 * swaps them in when nothing is wrong. */
#ifndef GT_WATCH_SERVICE_H
#define GT_WATCH_SERVICE_H

#include "config/config.h"
#include "watch/watch.h"

typedef struct gt_service_options {
    gt_str config_path;
    const gt_config *config; /* loaded and without errors */
    const char *clock_file; /* for tests: its text is the engine's time; NULL: the real clock */
    bool once;              /* end when every source has been empty for a while */
} gt_service_options;

/* Runs until it is told to stop. reterr_message: why it could not start, or why it ended on GT_CORRUPT,
 * GT_IO. */
gt_status gt_service_run(const gt_service_options *options, gt_buf *reterr_message) GT_MUST_CHECK;

#endif
