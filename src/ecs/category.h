/* category.h — event.category and event.type by action. */
#ifndef GT_ECS_CATEGORY_H
#define GT_ECS_CATEGORY_H

#include "ecs/ecs_internal.h"

bool gt_categories_init(names *table, gt_arena *arena, bool filebeat);
size_t gt_categories_count(void);
/* The row of the record's action; NAMES_NONE when it has none. */
uint32_t gt_ecs_category(const mapping *m);
/* event.kind, .type, .outcome and .category. */
void gt_ecs_categorise(mapping *m);

#endif
