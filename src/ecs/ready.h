/* ready.h — parts that are the same in many documents, kept as JSON text. Only for documents that
 * are written at once (gt_ecs_write): there a node of type GT_JSON_NUMBER, which the writer copies as
 * it is, stands for one or more members. One mapper's; bounded by the tables. */
#ifndef GT_ECS_READY_H
#define GT_ECS_READY_H

#include "ecs/ecs_internal.h"

/* NULL without memory. */
gt_ready *gt_ready_new(void);
void gt_ready_free(gt_ready *ready);

/* The text from the value of `first` to that of the last of its siblings. It is in the mapper's
 * buffer until the next use of it; ptr NULL without memory. */
gt_str gt_ready_render(mapping *m, const gt_json *first);
/* Put such text under the key of its first member. */
gt_json *gt_ready_put(mapping *m, object_id id, gt_str key, gt_str text);
/* What every document ends with: event.kind and the like, the constants, tags. */
void gt_ready_end(mapping *m);

#endif
