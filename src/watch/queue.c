#include "watch/queue.h"

#include "base/mem.h"

#include <pthread.h>
#include <time.h>

typedef struct node node;
struct node {
    node *next;
    void *item;
    size_t weight;
};

struct gt_queue {
    pthread_mutex_t lock;
    pthread_cond_t not_empty, not_full;
    node *head, *tail;
    size_t count, weight, weight_max;
    bool closed;
};

gt_queue *gt_queue_new(size_t weight_max)
{
    gt_queue *q = gt_calloc(1, sizeof *q);
    if (!q)
        return NULL;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->not_empty, &attr);
    pthread_cond_init(&q->not_full, &attr);
    pthread_condattr_destroy(&attr);
    q->weight_max = weight_max;
    return q;
}

void gt_queue_free(gt_queue *q)
{
    if (!q)
        return;
    gt_assert(q->count == 0);
    pthread_cond_destroy(&q->not_empty);
    pthread_cond_destroy(&q->not_full);
    pthread_mutex_destroy(&q->lock);
    gt_free(q);
}

gt_status gt_queue_put(gt_queue *q, void *item, size_t weight)
{
    node *n = gt_malloc(sizeof *n);
    if (!n)
        return GT_NOMEM;
    *n = (node){NULL, item, weight};
    pthread_mutex_lock(&q->lock);
    while (!q->closed && q->count && q->weight + weight > q->weight_max)
        pthread_cond_wait(&q->not_full, &q->lock);
    bool closed = q->closed;
    if (!closed) {
        if (q->tail)
            q->tail->next = n;
        else
            q->head = n;
        q->tail = n;
        q->count++;
        q->weight += weight;
        pthread_cond_signal(&q->not_empty);
    }
    pthread_mutex_unlock(&q->lock);
    if (closed)
        gt_free(n);
    return closed ? GT_END : GT_OK;
}

/* Wait for an item under the lock; false when the time is up. */
static bool wait_for_item(gt_queue *q, int64_t wait_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until); /* only as the base of a time-out */
    if (wait_ms > 0) {
        until.tv_sec += wait_ms / 1000;
        until.tv_nsec += wait_ms % 1000 * 1000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
    }
    while (!q->head && !q->closed) {
        if (wait_ms < 0)
            pthread_cond_wait(&q->not_empty, &q->lock);
        else if (wait_ms == 0 || pthread_cond_timedwait(&q->not_empty, &q->lock, &until) != 0)
            break;
    }
    return q->head != NULL;
}

gt_status gt_queue_take(gt_queue *q, int64_t wait_ms, void **ret)
{
    pthread_mutex_lock(&q->lock);
    node *n = wait_for_item(q, wait_ms) ? q->head : NULL;
    if (n) {
        q->head = n->next;
        if (!q->head)
            q->tail = NULL;
        q->count--;
        q->weight -= n->weight;
        pthread_cond_broadcast(&q->not_full);
    }
    pthread_mutex_unlock(&q->lock);
    if (!n)
        return GT_END;
    *ret = n->item;
    gt_free(n);
    return GT_OK;
}

void gt_queue_close(gt_queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->closed = true;
    pthread_cond_broadcast(&q->not_empty);
    pthread_cond_broadcast(&q->not_full);
    pthread_mutex_unlock(&q->lock);
}

bool gt_queue_is_closed(gt_queue *q)
{
    pthread_mutex_lock(&q->lock);
    bool closed = q->closed;
    pthread_mutex_unlock(&q->lock);
    return closed;
}

size_t gt_queue_count(gt_queue *q, size_t *ret_weight)
{
    pthread_mutex_lock(&q->lock);
    size_t count = q->count;
    if (ret_weight)
        *ret_weight = q->weight;
    pthread_mutex_unlock(&q->lock);
    return count;
}
