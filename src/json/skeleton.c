/* The skeletons known, found by their digests. */
#include "json/skeleton_internal.h"

#include "base/mem.h"

#include <stdlib.h>

/* Where more than 3 of 4 objects are new, look at the next ones only with the full scan. */
#define TRIAL 256u
#define PAUSE 4096u

static void forget_all(gt_skeletons *k)
{
    k->item_count = 1;
    memset(k->table, 0, (k->table_mask + 1) * sizeof *k->table);
    k->ahead.id = 0;
}

static void table_put(gt_skeletons *k, uint16_t id)
{
    const known *item = &k->items[id];
    uint64_t at = item->digest & k->table_mask;
    while (k->table[at].id)
        at = (at + 1) & k->table_mask;
    k->table[at] = (table_slot){(uint32_t)(item->digest >> 32), id, item->len};
}

/* Twice as many slots as skeletons, and not many more: a small table stays in the first cache. */
static bool table_grow(gt_skeletons *k)
{
    uint32_t slots = k->table_mask ? 2 * (k->table_mask + 1) : FIRST_SLOTS;
    table_slot *table = gt_calloc(slots, sizeof *table);
    if (!table)
        return false;
    gt_free(k->table);
    k->table = table;
    k->table_mask = slots - 1;
    for (uint32_t id = 1; id < k->item_count; id++)
        table_put(k, (uint16_t)id);
    return true;
}

#define KEY_BYTES (SKELETON_LEN_MAX + PIECE)

/* From the begin of a cache line: a load across two of them costs twice. */
static bool lines_new(gt_skeletons *k)
{
    k->memory = gt_calloc(1, KEY_BYTES + GT_SKELETONS_MAX * sizeof *k->items + 64);
    if (!k->memory)
        return false;
    k->key = k->memory + (64 - (uintptr_t)k->memory % 64) % 64;
    k->items = (known *)(void *)(k->key + KEY_BYTES);
    arc4random_buf(k->key, KEY_BYTES);
    return true;
}

gt_skeletons *gt_skeletons_new(const gt_scanner *scanner, const gt_scan_plan *plan)
{
    if (!scanner->skeleton)
        return NULL;
    gt_skeletons *k = gt_calloc(1, sizeof *k);
    if (!k)
        return NULL;
    k->kernel = scanner->skeleton;
    k->plan = plan;
    k->item_count = 1;
    if (!lines_new(k) || !table_grow(k)) {
        gt_skeletons_free(k);
        return NULL;
    }
    return k;
}

void gt_skeletons_free(gt_skeletons *k)
{
    if (!k)
        return;
    gt_free(k->memory);
    gt_free(k->table);
    gt_free(k);
}

void gt_skeletons_leave(gt_skeletons *k)
{
    if (k)
        k->stream.text = k->last = NULL;
}

bool gt_skeletons_view(const gt_skeletons *k, const char *text, gt_skeleton_view *ret)
{
    if (!k || !k->last || k->last != text)
        return false;
    const skeleton_stream *s = &k->stream;
    *ret = (gt_skeleton_view){k->last_digest, s->keep, s->text,
                              s->escapes > (size_t)(text - s->text) / 64};
    return true;
}

void gt_skeletons_stats(const gt_skeletons *k, uint64_t *ret_known, uint64_t *ret_other)
{
    *ret_known = k ? k->known : 0;
    *ret_other = k ? k->other : 0;
}

static unsigned index_of(const skeleton_stream *s, size_t offset)
{
    uint64_t below = s->keep[offset / 64] & ((UINT64_C(1) << offset % 64) - 1);
    return (unsigned)s->base[offset / 64] + (unsigned)__builtin_popcountll(below);
}

static void learn_marker(gt_skeletons *k, const char *text)
{
    uint64_t first8;
    memcpy(&first8, text, 8);
    for (unsigned i = 0; i < k->marker_count; i++)
        if (k->markers[i] == first8)
            return;
    k->markers[k->next_marker] = first8;
    k->next_marker = (k->next_marker + 1) % MARKERS_MAX;
    if (k->marker_count < MARKERS_MAX)
        k->marker_count++;
}

/* false: too many. */
static bool learn_picks(gt_skeletons *k, known *item, const char *text, const gt_scan *scan)
{
    for (size_t slot = 0; slot < k->plan->slot_count; slot++) {
        const char *value = scan->values[slot];
        if (!value)
            continue;
        if (item->pick_count == PICKS_MAX)
            return false;
        unsigned index = index_of(&k->stream, (size_t)(value - text)), at = item->pick_count++;
        for (; at && item->picks[at - 1].index > index; at--) /* sorted by place */
            item->picks[at] = item->picks[at - 1];
        bool is_string = *value == '"' && value[-1] == ':';
        item->picks[at] = (pick){(uint16_t)slot, (uint16_t)(index & 0x7FFF), is_string};
    }
    return true;
}

/* Remember the object at text, which the full scan found valid. */
static void learn(gt_skeletons *k, const char *text, const char *end, const gt_scan *scan)
{
    skeleton_stream *s = &k->stream;
    if (scan->len > SKELETON_LEN_MAX)
        return;
    skeleton_begin(s, text);
    while (64 * s->blocks < scan->len && skeleton_may_feed(s, end))
        k->kernel->feed(s, end);
    size_t last = scan->len - 1;
    unsigned len = index_of(s, last) + 1;
    s->text = NULL;
    if (last / 64 >= s->bad || len < PIECE)
        return;
    known item = {.digest = k->kernel->digest(k->key, s->bytes, len), .len = (uint16_t)len};
    if (!learn_picks(k, &item, text, scan))
        return;
    if (k->item_count == GT_SKELETONS_MAX)
        forget_all(k);
    if (2 * k->item_count > k->table_mask && !table_grow(k))
        return; /* without memory it is slower, not wrong */
    learn_marker(k, text);
    uint16_t id = (uint16_t)k->item_count++;
    k->items[id] = item;
    table_put(k, id);
}

gt_scan_verdict gt_skeletons_scan(gt_skeletons *k, const gt_scanner *scanner,
                                  const gt_scan_plan *plan, const char *text, const char *end,
                                  gt_scan *out, const char **ends)
{
    bool try = k && *text == '{';
    if (k)
        k->last = NULL;
    if (try && k->pause) {
        k->pause--;
        try = false;
    }
    if (try && k->kernel->recognise(k, text, end, out, ends)) {
        k->known++;
        k->tried++;
        k->last = text;
        return GT_SCAN_OK;
    }
    memset(ends, 0, plan->slot_count * sizeof *ends);
    gt_scan_verdict verdict = gt_scan_text(scanner, plan, text, end, out);
    if (!try)
        return verdict;
    k->other++;
    k->missed++;
    if (++k->tried >= TRIAL) {
        if (k->missed > TRIAL / 4 * 3)
            k->pause = PAUSE;
        k->tried = k->missed = 0;
    }
    if (verdict == GT_SCAN_OK)
        learn(k, text, end, out);
    else
        gt_skeletons_leave(k);
    return verdict;
}
