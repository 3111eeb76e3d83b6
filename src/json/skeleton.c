/* The skeletons known: a tree of pieces of 64 bytes. Below a piece the child met last is tried
 * first, then a hash table of (piece, next 64 bytes), then the short last pieces. */
#include "json/skeleton_internal.h"

#include "base/mem.h"

#define ENDINGS_MAX 8 /* short last pieces below one piece: numbers make no end of them */
/* Where more than 3 of 4 objects are new, look at the next ones only with the full scan. */
#define TRIAL 256u
#define PAUSE 4096u

static void forget_all(gt_skeletons *k)
{
    k->piece_count = 1;
    k->pick_count = 0;
    k->pieces[0] = (piece){0};
    memset(k->table, 0, TABLE_SLOTS * sizeof *k->table);
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
    k->bytes = gt_calloc(GT_SKELETON_PIECES_MAX, sizeof *k->bytes);
    k->pieces = gt_calloc(GT_SKELETON_PIECES_MAX, sizeof *k->pieces);
    k->table = gt_calloc(TABLE_SLOTS, sizeof *k->table);
    k->picks = gt_calloc(PICKS_MAX, sizeof *k->picks);
    if (!k->bytes || !k->pieces || !k->table || !k->picks) {
        gt_skeletons_free(k);
        return NULL;
    }
    forget_all(k);
    return k;
}

void gt_skeletons_free(gt_skeletons *k)
{
    if (!k)
        return;
    gt_free(k->bytes);
    gt_free(k->pieces);
    gt_free(k->table);
    gt_free(k->picks);
    gt_free(k);
}

void gt_skeletons_leave(gt_skeletons *k)
{
    if (k)
        k->stream.text = NULL;
}

void gt_skeletons_stats(const gt_skeletons *k, uint64_t *ret_known, uint64_t *ret_other)
{
    *ret_known = k ? k->known : 0;
    *ret_other = k ? k->other : 0;
}

/* --- learning ----------------------------------------------------------------------------------*/

static uint32_t find_full(const gt_skeletons *k, uint32_t parent, const unsigned char *bytes)
{
    for (uint32_t at = k->kernel->slot(parent, bytes);; at = (at + 1) % TABLE_SLOTS) {
        uint32_t id = k->table[at];
        if (!id || (k->pieces[id].parent == parent && memcmp(k->bytes[id], bytes, PIECE) == 0))
            return id;
    }
}

static uint32_t new_piece(gt_skeletons *k, uint32_t parent, const unsigned char *bytes, unsigned len)
{
    uint32_t id = k->piece_count++;
    memset(k->bytes[id], 0, PIECE);
    memcpy(k->bytes[id], bytes, len);
    k->pieces[id] = (piece){.parent = parent, .len = (uint8_t)len};
    k->pieces[parent].latest = id;
    return id;
}

static uint32_t learn_full(gt_skeletons *k, uint32_t parent, const unsigned char *bytes)
{
    uint32_t id = find_full(k, parent, bytes);
    if (id)
        return id;
    id = new_piece(k, parent, bytes, PIECE);
    uint32_t at = k->kernel->slot(parent, bytes);
    while (k->table[at])
        at = (at + 1) % TABLE_SLOTS;
    k->table[at] = id;
    return id;
}

static void learn_ending(gt_skeletons *k, uint32_t parent, const unsigned char *bytes, unsigned len,
                         const char *text, const gt_scan *scan)
{
    unsigned count = 0;
    for (uint32_t e = k->pieces[parent].ending; e; e = k->pieces[e].sibling, count++)
        if (k->pieces[e].len == len && memcmp(k->bytes[e], bytes, len) == 0)
            return;
    if (count >= ENDINGS_MAX)
        return;
    uint32_t id = new_piece(k, parent, bytes, len);
    piece *ending = &k->pieces[id];
    ending->ends = true;
    ending->sibling = k->pieces[parent].ending;
    k->pieces[parent].ending = id;
    ending->picks = k->pick_count;
    const skeleton_stream *s = &k->stream;
    for (size_t slot = 0; slot < k->plan->slot_count; slot++) {
        const char *value = scan->values[slot];
        if (!value)
            continue;
        size_t block = (size_t)(value - text) / 64, bit = (size_t)(value - text) % 64;
        uint64_t below = s->keep[block] & ((UINT64_C(1) << bit) - 1);
        unsigned index = (unsigned)s->base[block] + (unsigned)__builtin_popcountll(below);
        bool is_string = *value == '"' && value > text && value[-1] == ':';
        k->picks[k->pick_count++] =
            (pick){(uint16_t)slot, (uint16_t)(index & 0x7FFF), is_string};
    }
    ending->pick_count = (uint16_t)(k->pick_count - ending->picks);
}

/* Remember the object at text, which the full scan found valid. */
static void learn(gt_skeletons *k, const char *text, const char *end, const gt_scan *scan)
{
    skeleton_stream *s = &k->stream;
    if (scan->len > 64 * (STREAM_BLOCKS - FEED_BLOCKS))
        return;
    skeleton_begin(s, text);
    while (64 * s->blocks < scan->len && skeleton_may_feed(s, end))
        k->kernel->feed(s, end);
    size_t last = scan->len - 1;
    bool whole = 64 * s->blocks > last && last / 64 < s->bad;
    unsigned len = 0;
    if (whole)
        len = (unsigned)s->base[last / 64] +
              (unsigned)__builtin_popcountll(s->keep[last / 64] & ((UINT64_C(2) << last % 64) - 1));
    if (whole && k->piece_count + len / PIECE + 1 < GT_SKELETON_PIECES_MAX &&
        k->pick_count + k->plan->slot_count < PICKS_MAX) {
        uint32_t id = 0;
        unsigned index = 0;
        for (; len - index > PIECE; index += PIECE)
            id = learn_full(k, id, s->bytes + index);
        learn_ending(k, id, s->bytes + index, len - index, text, scan);
    } else if (whole) {
        forget_all(k);
    }
    s->text = NULL;
}

gt_scan_verdict gt_skeletons_scan(gt_skeletons *k, const gt_scanner *scanner,
                                  const gt_scan_plan *plan, const char *text, const char *end,
                                  gt_scan *out, const char **ends)
{
    bool try = k && *text == '{';
    if (try && k->pause) {
        k->pause--;
        try = false;
    }
    if (try && k->kernel->recognise(k, text, end, out, ends)) {
        k->known++;
        k->tried++;
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
