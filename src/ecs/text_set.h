/* text_set.h — distinct texts in the order they came. A few are compared one by one, more get a
 * hash table, so that a record with a million of them stays linear. Lives in an arena. */
#ifndef GT_ECS_TEXT_SET_H
#define GT_ECS_TEXT_SET_H

#include "base/arena.h"

typedef struct text_set {
    gt_str *items;
    size_t count, cap;
    uint32_t *table; /* index + 1 by hash; NULL while there are few */
    size_t mask;
} text_set;

/* The index of text, which is added when it is new (*ret_added). SIZE_MAX without memory. The text
 * is not copied. */
size_t gt_text_set_add(text_set *set, gt_arena *arena, gt_str text, bool *ret_added);
/* As Java sorts strings. Indices change: nothing may be added afterwards. */
void gt_text_set_sort(text_set *set);

#endif
