/* decide.h — a query over many events at once, from what is known of some of their fields.
 * Sets of events are bitmaps. The answer is two of them: events that may match, and of these the events
 * that certainly do; what is in the first alone has to be looked at. */
#ifndef GT_QUERY_DECIDE_H
#define GT_QUERY_DECIDE_H

#include "query/query.h"

typedef struct gt_query_sets {
    uint64_t *may;
    uint64_t *must; /* a part of may */
} gt_query_sets;

/* One test on one plain field, for the events of `asked`; sets bits of no others (both are zero when it is
 * called). GT_NOTFOUND: nothing is known of this field. All else but GT_OK ends the whole. */
typedef gt_status (*gt_query_decide_fn)(void *user, gt_str field, uint32_t test,
                                        const uint64_t *asked, gt_query_sets *ret);

/* words: of 64 events each. ret's bitmaps are the caller's; asked is none of them. */
gt_status gt_query_decide(const gt_query *query, gt_arena *scratch, size_t words,
                          const uint64_t *asked, gt_query_decide_fn fn, void *user,
                          gt_query_sets *ret) GT_MUST_CHECK;

/* The truth of such a test in a document. */
bool gt_query_decide_test(const gt_query *query, uint32_t test, const gt_json *document,
                          gt_time_ms now);
/* A test on dates that, with time going on, changes its answer at most once. */
bool gt_query_decide_is_bound(const gt_query *query, uint32_t test);

#endif
