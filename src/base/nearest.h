/* nearest.h — "did you mean …?" for keys, options, commands and names. */
#ifndef GT_BASE_NEAREST_H
#define GT_BASE_NEAREST_H

#include "base/str.h"

/* The name closest to word (insertions, deletions, changes and swaps of neighbours counted, letters
 * compared without case), when it is close enough to be a slip: at most a third of word's length.
 * GT_STR_NULL when none is. */
gt_str gt_nearest(gt_str word, const gt_str *names, size_t count);

/* The same, one name at a time: start with {0}. */
typedef struct gt_nearest_search {
    gt_str word;
    gt_str best;
    size_t distance;
} gt_nearest_search;
void gt_nearest_offer(gt_nearest_search *search, gt_str name);

#endif
