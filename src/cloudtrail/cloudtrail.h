/* cloudtrail.h — bytes of any shape CloudTrail comes in to single records.
 * Understood: {"Records":[…]}, a bare array, a single record, NDJSON of records, EventBridge
 * envelopes (`detail`), CloudWatch Logs export lines and subscription logEvents[], lookup-events
 * output (CloudTrailEvent is a string), {"_source":…} dumps, digest and Insight files, each inside
 * each other, plain, gzip or zstd. */
#ifndef GT_CLOUDTRAIL_CLOUDTRAIL_H
#define GT_CLOUDTRAIL_CLOUDTRAIL_H

#include "base/arena.h"
#include "base/timeutil.h"

/* A record and the few fields that every stage needs, taken from its bytes without a tree. Views
 * live as long as the buffer the record was found in (one call). A field that is absent, null or no
 * string is GT_STR_NULL; escapes are decoded; of duplicate keys the last one counts. */
typedef struct gt_record {
    gt_str json;         /* the record's own bytes: one JSON object, wrappers taken off; valid JSON */
    uint64_t offset;     /* where it (or the wrapper that holds it) begins, in decoded bytes */
    gt_str event_id;     /* eventID */
    gt_str event_source; /* eventSource; for Insight events too, where the record has it on top */
    gt_str event_name;
    gt_str event_time; /* as written */
    gt_str aws_region;
    gt_str account_id; /* userIdentity.accountId, else recipientAccountId: as ECS cloud.account.id */
    gt_str recipient_account_id;
} gt_record;

typedef enum gt_record_kind {
    GT_RECORDS_CLOUDTRAIL,
    GT_RECORDS_ECS, /* every JSON object is a document; only json and offset are set */
} gt_record_kind;

#define GT_RECORD_ID_MAX 40
/* What names the record in ids and counts: its eventID, or for want of one the hash of its bytes
 * ("xxh3:" and 32 hex digits, written to out). */
gt_str gt_record_id(const gt_record *record, char out[GT_RECORD_ID_MAX]);

#endif
