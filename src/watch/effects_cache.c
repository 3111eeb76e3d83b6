#include "watch/effects_cache.h"

#include "base/limits.h"
#include "base/mem.h"

/* A power of two; at most three quarters of it are used. */
#define SLOTS 4096
#define USED_MAX (SLOTS / 4 * 3)

typedef struct slot {
    gt_hash128 key;
    gt_sg_effects *effects; /* NULL: free */
} slot;

struct gt_effects_cache {
    size_t used, weight;
    slot slots[SLOTS];
};

gt_effects_cache *gt_effects_cache_new(void)
{
    return gt_calloc(1, sizeof(gt_effects_cache));
}

void gt_effects_cache_clear(gt_effects_cache *cache)
{
    for (size_t i = 0; cache->used && i < SLOTS; i++) {
        gt_sg_effects_free(cache->slots[i].effects);
        cache->slots[i].effects = NULL;
    }
    cache->used = cache->weight = 0;
}

void gt_effects_cache_free(gt_effects_cache *cache)
{
    if (!cache)
        return;
    gt_effects_cache_clear(cache);
    gt_free(cache);
}

/* Where the key is, or would be. */
static size_t place(const gt_effects_cache *cache, gt_hash128 key)
{
    size_t i = key.low % SLOTS;
    while (cache->slots[i].effects &&
           (cache->slots[i].key.low != key.low || cache->slots[i].key.high != key.high))
        i = (i + 1) % SLOTS;
    return i;
}

const gt_sg_effects *gt_effects_cache_find(const gt_effects_cache *cache, gt_hash128 key)
{
    return cache->slots[place(cache, key)].effects;
}

void gt_effects_cache_put(gt_effects_cache *cache, gt_hash128 key, gt_sg_effects *effects,
                          size_t weight)
{
    if (cache->used >= USED_MAX || cache->weight + weight > GT_WATCH_EFFECTS_MAX)
        gt_effects_cache_clear(cache);
    slot *s = &cache->slots[place(cache, key)];
    if (s->effects)
        gt_sg_effects_free(s->effects);
    else
        cache->used++;
    *s = (slot){key, effects};
    cache->weight += weight;
}
