/* alert_internal.h — between detect.c and alert.c. */
#ifndef GT_DETECT_ALERT_INTERNAL_H
#define GT_DETECT_ALERT_INTERNAL_H

#include "detect/alert.h"

/* What gt_detector_alert_tail gives, but for what depends on the time of the run. */
void gt_alert_write_tail(const gt_rule *rule, bool scheduled, gt_buf *out);

#endif
