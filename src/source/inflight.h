/* inflight.h — a set of keys that are out and not yet taken off their source. Its own lock. */
#ifndef GT_SOURCE_INFLIGHT_H
#define GT_SOURCE_INFLIGHT_H

#include "base/status.h"
#include "base/str.h"

typedef struct gt_inflight gt_inflight;

gt_inflight *gt_inflight_new(void);
void gt_inflight_free(gt_inflight *set);
/* GT_OK: added; GT_END: it was there already; GT_NOMEM. */
gt_status gt_inflight_add(gt_inflight *set, gt_str key) GT_MUST_CHECK;
void gt_inflight_remove(gt_inflight *set, gt_str key);
size_t gt_inflight_count(gt_inflight *set);

#endif
