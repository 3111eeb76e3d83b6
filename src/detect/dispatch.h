/* dispatch.h — from a record's eventSource and eventName to the queries that can still match. */
#ifndef GT_DETECT_DISPATCH_H
#define GT_DETECT_DISPATCH_H

#include "query/query.h"

typedef struct gt_dispatch gt_dispatch;

/* For these queries; rules owns it. */
gt_status gt_dispatch_new(gt_arena *rules, const gt_query *const *items, size_t count,
                          gt_dispatch **ret) GT_MUST_CHECK;
/* Words of 64 queries each in a set. */
size_t gt_dispatch_words(const gt_dispatch *dispatch);
/* The candidates among queries 64 * word … 64 * word + 63, as bits. ptr NULL: the value is unknown. */
typedef struct gt_dispatch_key {
    const uint64_t *provider;
    const uint64_t *action;
} gt_dispatch_key;
gt_dispatch_key gt_dispatch_find(const gt_dispatch *dispatch, gt_str provider, gt_str action);

#endif
