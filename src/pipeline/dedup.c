/* Method: 8 open-addressing tables, chosen by the id's top bits, so that growing one needs room for
 * an eighth of the whole. A table grows by half at four fifths full: 15 to 23 bytes a record. Small
 * ones double until they go over to huge pages: 16 MiB in all, however few the records.
 * The first bytes seen with an id stand under the id; other bytes under a mix of both, so that a
 * thousand versions of one eventID do not make one long run. */
#include "pipeline/dedup.h"

#include "base/mem.h"
#include "json/scan.h"

#include <stdlib.h>
#include <string.h>

#define PARTS 8
#define PART_BITS 3
#define FIRST_SLOTS 64
#define SMALL_SLOTS 8192 /* 96 KiB: more is soon more than the processor finds pages for */
/* Keeps an id apart from contents that look like it. */
#define VERSION_SALT UINT64_C(0x9E3779B97F4A7C15)

typedef struct entry { /* of 32-bit words, so that it takes 12 bytes */
    uint32_t id[2]; /* 0: free */
    uint32_t content;
} entry;

typedef struct part {
    entry *slots;
    size_t cap;
} part;

struct gt_dedup {
    part parts[PARTS];
    uint8_t secret[GT_SCAN_SECRET];
    /* Who fetches slots ahead reads the parts all the time; what every record changes stands on
     * cache lines of its own. */
    char apart[64];
    size_t counts[PARTS];
};

/* 0 for a small table. */
static size_t huge_bytes(size_t cap)
{
    size_t bytes = cap * sizeof(entry);
    return cap <= SMALL_SLOTS ? 0 : (bytes + GT_HUGE_PAGE - 1) / GT_HUGE_PAGE * GT_HUGE_PAGE;
}

static entry *slots_new(size_t cap)
{
    if (huge_bytes(cap))
        return gt_huge_calloc(huge_bytes(cap));
    entry *slots = gt_malloc(cap * sizeof *slots);
    if (slots)
        memset(slots, 0, cap * sizeof *slots); /* written before it is read: see gt_huge_calloc */
    return slots;
}

static void slots_free(entry *slots, size_t cap)
{
    if (huge_bytes(cap))
        gt_huge_free(slots, huge_bytes(cap));
    else
        gt_free(slots);
}

static uint64_t id_of(const entry *e)
{
    return e->id[0] | (uint64_t)e->id[1] << 32;
}

gt_dedup *gt_dedup_new(void)
{
    gt_dedup *dedup = gt_calloc(1, sizeof *dedup);
    if (dedup)
        arc4random_buf(dedup->secret, sizeof dedup->secret);
    return dedup;
}

const uint8_t *gt_dedup_secret(const gt_dedup *dedup)
{
    return dedup->secret;
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
    for (uint64_t found; (found = id_of(&p->slots[at])) && found != id;)
        at = at + 1 == p->cap ? 0 : at + 1;
    return &p->slots[at];
}

static size_t next_cap(size_t cap)
{
    if (cap < SMALL_SLOTS)
        return cap ? cap * 2 : FIRST_SLOTS;
    size_t bytes = cap == SMALL_SLOTS ? GT_HUGE_PAGE : huge_bytes(cap) + huge_bytes(cap) / 2;
    return huge_bytes(bytes / sizeof(entry)) / sizeof(entry);
}

static gt_status grow(part *p)
{
    part grown = {.cap = next_cap(p->cap)};
    grown.slots = slots_new(grown.cap);
    if (!grown.slots)
        return GT_NOMEM;
    for (size_t i = 0; i < p->cap; i++)
        if (id_of(&p->slots[i]))
            *find(&grown, id_of(&p->slots[i])) = p->slots[i];
    slots_free(p->slots, p->cap);
    /* Other threads read these two to fetch a slot ahead; one old and one new do no harm. */
    __atomic_store_n(&p->slots, grown.slots, __ATOMIC_RELAXED);
    __atomic_store_n(&p->cap, grown.cap, __ATOMIC_RELAXED);
    return GT_OK;
}

/* Is {id, content} there? Adds it when the id is not. */
static gt_status see(gt_dedup *dedup, uint64_t id, uint64_t content, gt_seen *ret)
{
    part *p = &dedup->parts[id >> (64 - PART_BITS)];
    size_t *count = &dedup->counts[id >> (64 - PART_BITS)];
    if (*count >= p->cap - p->cap / 5)
        GT_TRY(grow(p));
    entry *e = find(p, id);
    uint32_t half = (uint32_t)(content >> 32);
    *ret = !id_of(e) ? GT_SEEN_NEW : e->content == half ? GT_SEEN_SAME : GT_SEEN_OTHER;
    if (*ret == GT_SEEN_NEW) {
        *e = (entry){{(uint32_t)id, (uint32_t)(id >> 32)}, half};
        ++*count;
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
        bytes += huge_bytes(dedup->parts[i].cap) ? huge_bytes(dedup->parts[i].cap)
                                                 : dedup->parts[i].cap * sizeof(entry);
    return bytes;
}

size_t gt_dedup_count(const gt_dedup *dedup)
{
    size_t count = 0;
    for (size_t i = 0; i < PARTS; i++)
        count += dedup->counts[i];
    return count;
}
