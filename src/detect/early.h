/* early.h — queries judged by the record's own bytes, before there is a tree or a document.
 *
 * Most records that dispatch lets through match no rule in the end, mostly for want of a plain value: the
 * outcome, the kind of identity, a request parameter. Such values are picked from the bytes in one scan
 * (json/scan.h) and the query is judged with what they tell (gt_query_judge). Only GT_TRUE and GT_FALSE
 * say something; whatever the mapping might treat in its own way (other types than strings, values that
 * count as nothing, lists of objects) is unknown. */
#ifndef GT_DETECT_EARLY_H
#define GT_DETECT_EARLY_H

#include "cloudtrail/cloudtrail.h"
#include "json/scan.h"
#include "query/query.h"

typedef struct gt_early gt_early;           /* immutable, shared by threads */
typedef struct gt_early_look gt_early_look; /* one a thread: what is known of the record at hand */

/* For these queries; rules owns it. */
gt_status gt_early_new(gt_arena *rules, const gt_query *const *queries, size_t count,
                       gt_early **ret) GT_MUST_CHECK;

/* scanner: NULL: the best. NULL without memory. */
gt_early_look *gt_early_look_new(const gt_early *early, const gt_scanner *scanner);
void gt_early_look_free(gt_early_look *look);
/* Turn to another record, which must stay where it is until the next turn. */
void gt_early_turn(gt_early_look *look, const gt_record *record);
/* What the query says of the record's document. */
gt_truth gt_early_judge(gt_early_look *look, size_t query, gt_time_ms now);

#endif
