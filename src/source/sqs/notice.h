/* notice.h — what an SQS message says about S3 objects, in the wrappings that AWS has: S3's own
 * notification, the same through SNS, EventBridge's "Object Created" (directly or through SNS), and
 * the notification that CloudTrail itself sends through SNS. */
#ifndef GT_SOURCE_SQS_NOTICE_H
#define GT_SOURCE_SQS_NOTICE_H

#include "base/arena.h"
#include "base/timeutil.h"

typedef struct gt_notice_object {
    gt_str bucket;
    gt_str key; /* as S3 has it: decoded */
    gt_str region;
    gt_time_ms at; /* 0: unknown */
} gt_notice_object;

typedef struct gt_notice {
    gt_notice_object *objects;
    size_t count;
    bool events; /* the message itself holds events: EventBridge's "… via CloudTrail" */
    bool empty;  /* understood, but about nothing to read (s3:TestEvent, a deleted object) */
} gt_notice;

/* GT_OK; GT_INVALID: nothing we know (ret is not written); GT_NOMEM. */
gt_status gt_notice_parse(gt_arena *arena, gt_str body, gt_notice *ret) GT_MUST_CHECK;

#endif
