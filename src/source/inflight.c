#include "source/inflight.h"

#include "base/hash.h"
#include "base/mem.h"

#include <pthread.h>

#define BUCKETS 1024 /* some thousands are out at most */

typedef struct entry entry;
struct entry {
    entry *next;
    size_t len;
    char key[];
};

struct gt_inflight {
    pthread_mutex_t lock;
    size_t count;
    entry *buckets[BUCKETS];
};

gt_inflight *gt_inflight_new(void)
{
    gt_inflight *set = gt_calloc(1, sizeof *set);
    if (set)
        pthread_mutex_init(&set->lock, NULL);
    return set;
}

void gt_inflight_free(gt_inflight *set)
{
    if (!set)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        for (entry *e = set->buckets[i], *next; e; e = next) {
            next = e->next;
            gt_free(e);
        }
    }
    pthread_mutex_destroy(&set->lock);
    gt_free(set);
}

/* The link that points to the key's entry, or the bucket's last link. */
static entry **find(gt_inflight *set, gt_str key)
{
    entry **link = &set->buckets[gt_hash64(key, 0) % BUCKETS];
    while (*link && !gt_str_eq(key, (gt_str){(*link)->key, (*link)->len}))
        link = &(*link)->next;
    return link;
}

gt_status gt_inflight_add(gt_inflight *set, gt_str key)
{
    entry *fresh = gt_malloc(sizeof *fresh + key.len);
    if (!fresh)
        return GT_NOMEM;
    fresh->next = NULL;
    fresh->len = key.len;
    if (key.len)
        memcpy(fresh->key, key.ptr, key.len);
    pthread_mutex_lock(&set->lock);
    entry **link = find(set, key);
    bool there = *link != NULL;
    if (!there) {
        *link = fresh;
        set->count++;
    }
    pthread_mutex_unlock(&set->lock);
    if (there)
        gt_free(fresh);
    return there ? GT_END : GT_OK;
}

void gt_inflight_remove(gt_inflight *set, gt_str key)
{
    pthread_mutex_lock(&set->lock);
    entry **link = find(set, key);
    entry *gone = *link;
    if (gone) {
        *link = gone->next;
        set->count--;
    }
    pthread_mutex_unlock(&set->lock);
    gt_free(gone);
}

size_t gt_inflight_count(gt_inflight *set)
{
    pthread_mutex_lock(&set->lock);
    size_t count = set->count;
    pthread_mutex_unlock(&set->lock);
    return count;
}
