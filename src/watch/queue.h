/* queue.h — a bounded queue between threads. Bounded by the weight of what is in it: putting waits
 * while the queue is full, so that a fast producer is held back to the pace of the consumer. One item
 * always fits, however heavy. */
#ifndef GT_WATCH_QUEUE_H
#define GT_WATCH_QUEUE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct gt_queue gt_queue;

gt_queue *gt_queue_new(size_t weight_max);
void gt_queue_free(gt_queue *queue); /* items are the caller's: empty it first */

/* GT_OK; GT_END: closed, the item stays the caller's; GT_NOMEM. */
gt_status gt_queue_put(gt_queue *queue, void *item, size_t weight) GT_MUST_CHECK;
/* The oldest item; waits up to wait_ms (negative: as long as it takes). GT_END: none came in time, or
 * the queue is closed and empty. */
gt_status gt_queue_take(gt_queue *queue, int64_t wait_ms, void **ret) GT_MUST_CHECK;
/* No more puts; takers get what is left, then GT_END at once. */
void gt_queue_close(gt_queue *queue);
bool gt_queue_is_closed(gt_queue *queue);
/* Items in it now, and their weight. */
size_t gt_queue_count(gt_queue *queue, size_t *ret_weight);

#endif
