/* pace.h — what each rule's evaluations take, and a warning about a rule that is too slow. */
#ifndef GT_WATCH_PACE_H
#define GT_WATCH_PACE_H

#include "detect/detect.h"
#include "watch/log.h"

#include <stdatomic.h>

/* Of one rule of a setup. All threads add to it. */
typedef struct gt_pace_rule {
    atomic_ullong evaluations, ns;
    atomic_ullong window, window_ns; /* when the minute at hand began, and what it has taken in it */
    atomic_ullong said;              /* when it was last warned about; 0: never */
} gt_pace_rule;

/* What a gt_detect_worker reports to; lives as long as the worker. */
typedef struct gt_pace {
    const gt_detector *detector;
    gt_pace_rule *rules; /* by the detector's index */
    const gt_log *log;
} gt_pace;

gt_detect_timing gt_pace_timing(gt_pace *pace);

#endif
