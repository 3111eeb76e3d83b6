/* alerts_internal.h — between alerts.c (raising), alerts_read.c and alerts_change.c. */
#ifndef GT_STORE_ALERTS_INTERNAL_H
#define GT_STORE_ALERTS_INTERNAL_H

#include "store/alerts.h"

/* A document as it is stored, and back. GT_CORRUPT when it is no zstd frame. */
gt_status alerts_pack(gt_str text, gt_buf *out) GT_MUST_CHECK;
gt_status alerts_unpack(gt_str stored, gt_buf *out) GT_MUST_CHECK;

#endif
