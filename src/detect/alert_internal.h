/* alert_internal.h — between detect.c and alert.c. */
#ifndef GT_DETECT_ALERT_INTERNAL_H
#define GT_DETECT_ALERT_INTERNAL_H

#include "detect/alert.h"

/* What gt_detector_alert_tail gives, but for what depends on the time of the run. */
void gt_alert_write_tail(const gt_rule *rule, bool scheduled, gt_buf *out);

/* gt_alert_id in two steps: what the alerts of one event share, appended to out; then each rule's own,
 * for which rest bytes of text are kept and the rule's are put behind them. */
void gt_alert_id_rest(const gt_json *document, gt_str event_id, gt_buf *out);
gt_status gt_alert_id_of(const gt_rule *rule, gt_buf *text, size_t rest,
                         char out[GT_ALERT_ID_LEN]) GT_MUST_CHECK;

#endif
