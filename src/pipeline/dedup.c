/* Method: 256 open-addressing tables, chosen by the id's top bits, so that growing one needs room
 * for a 256th of the whole. A table grows by half at four fifths full: 20 to 30 bytes a record; small
 * ones double.
 * The first bytes seen with an id stand under the id; other bytes under a mix of both, so that a
 * thousand versions of one eventID do not make one long run. */
#include "pipeline/dedup.h"

#include "base/mem.h"

#define PARTS 256
#define FIRST_SLOTS 64
#define SMALL_SLOTS 16384 /* 64 MiB in all: below it memory does not matter */
/* Keeps an id apart from contents that look like it. */
#define VERSION_SALT UINT64_C(0x9E3779B97F4A7C15)

typedef struct entry {
    uint64_t id; /* 0: free */
    uint64_t content;
} entry;

typedef struct part {
    entry *slots;
    size_t count;
    size_t cap;
} part;

struct gt_dedup {
    part parts[PARTS];
};

gt_dedup *gt_dedup_new(void)
{
    return gt_calloc(1, sizeof(gt_dedup));
}

void gt_dedup_free(gt_dedup *dedup)
{
    if (!dedup)
        return;
    for (size_t i = 0; i < PARTS; i++)
        gt_free(dedup->parts[i].slots);
    gt_free(dedup);
}

static uint64_t mix(uint64_t x)
{
    x ^= x >> 32;
    x *= UINT64_C(0xD6E8FEB86659FD93);
    x ^= x >> 32;
    return x ? x : 1;
}

static size_t first_slot(const part *p, uint64_t id)
{
    return (size_t)((unsigned __int128)(id << 8) * p->cap >> 64);
}

/* The slot with this id, or the free one where it belongs. */
static entry *find(const part *p, uint64_t id)
{
    size_t at = first_slot(p, id);
    while (p->slots[at].id && p->slots[at].id != id)
        at = at + 1 == p->cap ? 0 : at + 1;
    return &p->slots[at];
}

static gt_status make_room(part *p)
{
    if (p->count < p->cap - p->cap / 5)
        return GT_OK;
    size_t more = p->cap < SMALL_SLOTS ? p->cap : p->cap / 2;
    part grown = {.count = p->count, .cap = p->cap ? p->cap + more : FIRST_SLOTS};
    grown.slots = gt_calloc(grown.cap, sizeof *grown.slots);
    if (!grown.slots)
        return GT_NOMEM;
    for (size_t i = 0; i < p->cap; i++)
        if (p->slots[i].id)
            *find(&grown, p->slots[i].id) = p->slots[i];
    gt_free(p->slots);
    *p = grown;
    return GT_OK;
}

/* Is {id, content} there? Adds it when the id is not. */
static gt_status see(gt_dedup *dedup, uint64_t id, uint64_t content, gt_seen *ret)
{
    part *p = &dedup->parts[id >> 56];
    GT_TRY(make_room(p));
    entry *e = find(p, id);
    *ret = !e->id ? GT_SEEN_NEW : e->content == content ? GT_SEEN_SAME : GT_SEEN_OTHER;
    if (!e->id) {
        *e = (entry){id, content};
        p->count++;
    }
    return GT_OK;
}

gt_status gt_dedup_see(gt_dedup *dedup, uint64_t id, uint64_t content, gt_seen *ret)
{
    gt_seen version;
    id = mix(id);
    GT_TRY(see(dedup, id, content, ret));
    if (*ret != GT_SEEN_OTHER)
        return GT_OK;
    GT_TRY(see(dedup, mix(id ^ mix(content + VERSION_SALT)), content, &version));
    *ret = version == GT_SEEN_SAME ? GT_SEEN_SAME : GT_SEEN_OTHER;
    return GT_OK;
}

void gt_dedup_prefetch(const gt_dedup *dedup, uint64_t id)
{
    id = mix(id);
    const part *p = &dedup->parts[id >> 56];
    if (p->cap)
        __builtin_prefetch(&p->slots[first_slot(p, id)], 1);
}

size_t gt_dedup_bytes(const gt_dedup *dedup)
{
    size_t bytes = sizeof *dedup;
    for (size_t i = 0; i < PARTS; i++)
        bytes += dedup->parts[i].cap * sizeof(entry);
    return bytes;
}

size_t gt_dedup_count(const gt_dedup *dedup)
{
    size_t count = 0;
    for (size_t i = 0; i < PARTS; i++)
        count += dedup->parts[i].count;
    return count;
}
