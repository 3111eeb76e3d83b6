/* sg_changes.h — security-group changes in the database: packed bytes (src/sg) under the keys by which
 * they are looked for: group, name, prefix list, VPC, resource. Adding the same change again changes
 * nothing. */
#ifndef GT_STORE_SG_CHANGES_H
#define GT_STORE_SG_CHANGES_H

#include "store/store.h"

/* Inside the caller's transaction. */
gt_status gt_store_sg_add(gt_store *store, gt_str packed, const gt_str *keys, size_t key_count)
    GT_MUST_CHECK;

typedef gt_status gt_store_sg_fn(void *ctx, gt_str bytes);
/* Every change under a key; views live until fn returns. */
gt_status gt_store_sg_find(gt_store *store, gt_str key, gt_store_sg_fn *fn, void *ctx)
    GT_MUST_CHECK;
/* Every change. */
gt_status gt_store_sg_all(gt_store *store, gt_store_sg_fn *fn, void *ctx) GT_MUST_CHECK;
/* Every key that begins with prefix, in byte order. */
gt_status gt_store_sg_keys(gt_store *store, gt_str prefix, gt_store_sg_fn *fn, void *ctx)
    GT_MUST_CHECK;
/* Is there a call by a name that no known group bears? */
gt_status gt_store_sg_nameless(gt_store *store, bool *ret) GT_MUST_CHECK;
/* The number of the newest change; it grows with every one. */
gt_status gt_store_sg_newest(gt_store *store, int64_t *ret) GT_MUST_CHECK;
/* Conclusions drawn from all changes up to `newest`, as text: for those who read one group. */
gt_status gt_store_sg_facts_put(gt_store *store, int64_t newest, gt_str text) GT_MUST_CHECK;
/* *ret_newest is 0 when there are none. text lives in the arena. */
gt_status gt_store_sg_facts_get(gt_store *store, gt_arena *arena, int64_t *ret_newest,
                                gt_str *ret) GT_MUST_CHECK;

#endif
