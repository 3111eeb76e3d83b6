/* alerts_internal.h — between alerts.c (raising), alerts_read.c and alerts_change.c. */
#ifndef GT_STORE_ALERTS_INTERNAL_H
#define GT_STORE_ALERTS_INTERNAL_H

#include "store/alerts.h"

/* The document of a row: what is stored of it, and its tail. GT_CORRUPT: no zstd frame. */
gt_status alerts_unpack(gt_str stored, gt_str tail, gt_buf *out) GT_MUST_CHECK;

/* The tail of the row of alerts that the query is about. */
#define ALERTS_TAIL "(SELECT text FROM alert_tails WHERE id = alerts.tail)"

#endif
