/* unmap.h — an ECS document back to the CloudTrail record it was made from, for commands that read
 * records. With event.original (the integration's preserve_original_event) it is that text; else a record
 * of the values that the mapping keeps: all that gatetrail itself looks at. */
#ifndef GT_CLUSTER_UNMAP_H
#define GT_CLUSTER_UNMAP_H

#include "json/json.h"

/* NULL without memory. Values are shared with the document. */
gt_json *gt_unmap(gt_arena *arena, const gt_json *document);

#endif
