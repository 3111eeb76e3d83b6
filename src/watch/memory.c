/* Method: two generations of open-addressed tables. New events go into the young one; when it is half
 * full it becomes the old one, and the old one is emptied. Entries are never removed singly. */
#include "watch/memory.h"

#include "base/mem.h"

#include <stdbool.h>
#include <string.h>

typedef struct table {
    gt_memory_key *slots; /* both parts 0: free */
    size_t used;
} table;

struct gt_memory {
    table young, old;
    size_t slots; /* of one table, a power of two */
};

gt_memory *gt_memory_new(size_t remember)
{
    gt_memory *m = gt_calloc(1, sizeof *m);
    if (!m)
        return NULL;
    m->slots = 1024;
    while (m->slots / 2 < remember)
        m->slots *= 2;
    m->young.slots = gt_calloc(m->slots, sizeof *m->young.slots);
    m->old.slots = gt_calloc(m->slots, sizeof *m->old.slots);
    if (!m->young.slots || !m->old.slots) {
        gt_memory_free(m);
        return NULL;
    }
    return m;
}

void gt_memory_free(gt_memory *m)
{
    if (!m)
        return;
    gt_free(m->young.slots);
    gt_free(m->old.slots);
    gt_free(m);
}

static bool is_free(const gt_memory_key *slot)
{
    return !slot->id && !slot->content;
}

/* Look for a key. *ret_same: with the same content; *ret_other: the id with other content. Returns the
 * free slot that ended the look. */
static gt_memory_key *look(const gt_memory *m, const table *t, gt_memory_key key, bool *ret_same,
                           bool *ret_other)
{
    for (size_t i = key.id & (m->slots - 1);; i = (i + 1) & (m->slots - 1)) {
        gt_memory_key *slot = &t->slots[i];
        if (is_free(slot))
            return slot;
        if (slot->id == key.id && slot->content == key.content)
            *ret_same = true;
        else if (slot->id == key.id)
            *ret_other = true;
    }
}

static void turn_over(gt_memory *m)
{
    table t = m->old;
    m->old = m->young;
    m->young = t;
    memset(m->young.slots, 0, m->slots * sizeof *m->young.slots);
    m->young.used = 0;
}

gt_memory_answer gt_memory_meet(gt_memory *m, gt_memory_key key)
{
    if (!key.id && !key.content)
        key.content = 1;
    bool same = false, other = false;
    gt_memory_key *slot = look(m, &m->young, key, &same, &other);
    look(m, &m->old, key, &same, &other);
    if (same)
        return GT_MEMORY_COPY;
    if (m->young.used >= m->slots / 2) {
        turn_over(m);
        bool ignore = false;
        slot = look(m, &m->young, key, &ignore, &ignore);
    }
    *slot = key;
    m->young.used++;
    return other ? GT_MEMORY_CHANGED : GT_MEMORY_NEW;
}
