/* effects_cache.h — effects of changes of security groups, by what they were folded from. Bounded: when it
 * is full it begins again. One thread. */
#ifndef GT_WATCH_EFFECTS_CACHE_H
#define GT_WATCH_EFFECTS_CACHE_H

#include "base/hash.h"
#include "sg/fields.h"

typedef struct gt_effects_cache gt_effects_cache;

gt_effects_cache *gt_effects_cache_new(void); /* NULL without memory */
void gt_effects_cache_free(gt_effects_cache *cache); /* NULL is allowed */
void gt_effects_cache_clear(gt_effects_cache *cache);

/* Valid until the next put or clear; NULL: not there. */
const gt_sg_effects *gt_effects_cache_find(const gt_effects_cache *cache, gt_hash128 key);
/* The effects become the cache's, in any case. weight: the changes that they were folded from. */
void gt_effects_cache_put(gt_effects_cache *cache, gt_hash128 key, gt_sg_effects *effects,
                          size_t weight);

#endif
