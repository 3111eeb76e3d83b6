/* feeds.h — what the store remembers of sources: what was taken from them, where they stand, what
 * could not be used, and what was found wrong with them.
 * All calls work on the caller's connection, inside its transaction when it has one. */
#ifndef GT_STORE_FEEDS_H
#define GT_STORE_FEEDS_H

#include "base/timeutil.h"
#include "store/store.h"

/* A thing taken from a source (a path, an S3 key, an event id), with a mark that changes when the
 * thing does (size and time, entity tag). */
gt_status gt_feeds_seen_put(gt_store *store, gt_str source, gt_str key, gt_str mark, gt_time_ms at)
    GT_MUST_CHECK;
/* Is exactly this mark of it known? */
gt_status gt_feeds_seen_has(gt_store *store, gt_str source, gt_str key, gt_str mark, bool *ret)
    GT_MUST_CHECK;
/* Forget what was put before `before`; the number forgotten goes to ret. */
gt_status gt_feeds_seen_prune(gt_store *store, gt_str source, gt_time_ms before, int64_t *ret)
    GT_MUST_CHECK;

/* Forget those that `gone` says are gone at the source, at most `most` at once, in a transaction of their
 * own; the number forgotten goes to ret. */
gt_status gt_feeds_seen_forget(gt_store *store, gt_str source, bool (*gone)(gt_str key), size_t most,
                               size_t *ret) GT_MUST_CHECK;

/* Where a source stands, in words of its own. *ret in the arena; empty when there is none. */
gt_status gt_feeds_checkpoint_put(gt_store *store, gt_str source, gt_str text) GT_MUST_CHECK;
gt_status gt_feeds_checkpoint_get(gt_store *store, gt_str source, gt_arena *arena, gt_str *ret)
    GT_MUST_CHECK;

/* A thing set aside: it cannot be used, and says why. */
gt_status gt_feeds_dead_put(gt_store *store, gt_str source, gt_str name, gt_str reason, gt_str body,
                            gt_time_ms at) GT_MUST_CHECK;
gt_status gt_feeds_dead_count(gt_store *store, gt_str source, int64_t *ret) GT_MUST_CHECK;

/* Something wrong with the logs themselves: a missing or changed file, a digest that does not verify.
 * The same finding (source, kind, name) is kept once. */
gt_status gt_feeds_finding_put(gt_store *store, gt_str source, const char *kind, gt_str name,
                               gt_str detail, gt_time_ms at) GT_MUST_CHECK;

typedef struct gt_feed_finding {
    gt_str source, kind, name, detail;
    gt_time_ms at;
} gt_feed_finding;
/* All of them, oldest first. Views are valid during the call; GT_END stops early. */
typedef gt_status (*gt_feed_finding_fn)(void *ctx, const gt_feed_finding *finding);
gt_status gt_feeds_findings_each(gt_store *store, gt_feed_finding_fn fn, void *ctx) GT_MUST_CHECK;

#endif
