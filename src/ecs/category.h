/* category.h — event.category and event.type by action. */
#ifndef GT_ECS_CATEGORY_H
#define GT_ECS_CATEGORY_H

#include "ecs/ecs_internal.h"

bool gt_categories_init(names *table, gt_arena *arena, bool filebeat);
/* event.kind, .type, .outcome and .category. */
void gt_ecs_categorise(mapping *m);

#endif
