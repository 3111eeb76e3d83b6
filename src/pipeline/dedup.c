/* Method: 16 open-addressing tables, chosen by the id's top bits, so that growing one needs room
 * for a 16th of the whole. A table grows by half at four fifths full: 20 to 30 bytes a record. Small
 * ones double until they go over to huge pages: 32 MiB in all, however few the records.
 * The first bytes seen with an id stand under the id; other bytes under a mix of both, so that a
 * thousand versions of one eventID do not make one long run. */
#include "pipeline/dedup.h"

#include "base/mem.h"

#define PARTS 16
#define PART_BITS 4
#define FIRST_SLOTS 64
#define SMALL_SLOTS 8192 /* 128 KiB: more is soon more than the processor finds pages for */
#define HUGE_SLOTS (GT_HUGE_PAGE / sizeof(entry))
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

static void slots_free(entry *slots, size_t cap)
{
    if (cap < HUGE_SLOTS)
        gt_free(slots);
    else
        gt_huge_free(slots, cap * sizeof *slots);
}

gt_dedup *gt_dedup_new(void)
{
    return gt_calloc(1, sizeof(gt_dedup));
}

void gt_dedup_free(gt_dedup *dedup)
{
    if (!dedup)
        return;
    for (size_t i = 0; i < PARTS; i++)
        slots_free(dedup->parts[i].slots, dedup->parts[i].cap);
    gt_free(dedup);
}

static uint64_t mix(uint64_t x)
{
    x ^= x >> 32;
    x *= UINT64_C(0xD6E8FEB86659FD93);
    x ^= x >> 32;
    return x ? x : 1;
}

static size_t first_slot(size_t cap, uint64_t id)
{
    return (size_t)((unsigned __int128)(id << PART_BITS) * cap >> 64);
}

/* The slot with this id, or the free one where it belongs. */
static entry *find(const part *p, uint64_t id)
{
    size_t at = first_slot(p->cap, id);
    while (p->slots[at].id && p->slots[at].id != id)
        at = at + 1 == p->cap ? 0 : at + 1;
    return &p->slots[at];
}

static size_t next_cap(size_t cap)
{
    if (cap < SMALL_SLOTS)
        return cap ? cap * 2 : FIRST_SLOTS;
    if (cap < HUGE_SLOTS)
        return HUGE_SLOTS;
    return (cap + cap / 2 + HUGE_SLOTS - 1) / HUGE_SLOTS * HUGE_SLOTS;
}

static gt_status make_room(part *p)
{
    if (p->count < p->cap - p->cap / 5)
        return GT_OK;
    part grown = {.count = p->count, .cap = next_cap(p->cap)};
    grown.slots = grown.cap < HUGE_SLOTS ? gt_calloc(grown.cap, sizeof *grown.slots)
                                         : gt_huge_calloc(grown.cap * sizeof *grown.slots);
    if (!grown.slots)
        return GT_NOMEM;
    for (size_t i = 0; i < p->cap; i++)
        if (p->slots[i].id)
            *find(&grown, p->slots[i].id) = p->slots[i];
    slots_free(p->slots, p->cap);
    p->count = grown.count;
    /* Other threads read these two to fetch a slot ahead; one old and one new do no harm. */
    __atomic_store_n(&p->slots, grown.slots, __ATOMIC_RELAXED);
    __atomic_store_n(&p->cap, grown.cap, __ATOMIC_RELAXED);
    return GT_OK;
}

/* Is {id, content} there? Adds it when the id is not. */
static gt_status see(gt_dedup *dedup, uint64_t id, uint64_t content, gt_seen *ret)
{
    part *p = &dedup->parts[id >> (64 - PART_BITS)];
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
    const part *p = &dedup->parts[id >> (64 - PART_BITS)];
    const entry *slots = __atomic_load_n(&p->slots, __ATOMIC_RELAXED);
    size_t cap = __atomic_load_n(&p->cap, __ATOMIC_RELAXED);
    /* An address that is none does no harm here, and as a pointer it is never made. */
    __builtin_prefetch((const void *)((uintptr_t)slots + first_slot(cap, id) * sizeof *slots));
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
