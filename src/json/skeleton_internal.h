/* skeleton_internal.h — the stream of skeleton bytes of a buffer. */
#ifndef GT_JSON_SKELETON_INTERNAL_H
#define GT_JSON_SKELETON_INTERNAL_H

#include "json/scan_internal.h"
#include "json/skeleton.h"

#include <string.h>

#define PIECE 64u
/* Blocks of 64 bytes one stream goes through before it begins anew: 16 KiB of text, so that all of
 * this stays in the first-level cache. An object longer than that is left to the full scan. */
#define STREAM_BLOCKS 256u
/* Done at a time: a loop of fixed length is not mispredicted, and bytes are compared only some time
 * after they were written, when the processor has them in its cache again. */
#define FEED_BLOCKS 8u
#define LOCATE_LANES 32u

typedef struct skeleton_stream {
    const char *text;   /* where block 0 stands; NULL: nowhere */
    const char *behind; /* the last object recognised */
    unsigned blocks;  /* done */
    unsigned bad;     /* the first block with a byte that may not be in a string */
    uint32_t len;     /* skeleton bytes */
    uint64_t escaped, string, inside, before; /* carried over the end of a block, as in the scan */
    uint64_t backslashes[STREAM_BLOCKS / 64];
    uint64_t keep[STREAM_BLOCKS]; /* bytes of the block that belong to the skeleton */
    /* Skeleton bytes before each block; 0x7FFF behind the last one. */
    int16_t base[STREAM_BLOCKS + LOCATE_LANES];
    unsigned char bytes[STREAM_BLOCKS * 64 + 2 * PIECE];
} skeleton_stream;

/* What an instruction set does. */
typedef struct skeleton_kernel {
    /* FEED_BLOCKS more blocks, or as many as begin before `end`; what stands behind it is garbage
     * that is never believed. */
    void (*feed)(skeleton_stream *s, const char *end);
    /* Where to look for a full piece of PIECE bytes. A bad hash costs time only. */
    uint32_t (*slot)(uint32_t parent, const unsigned char *bytes);
    /* Is the object at text known? Then its length, values and ends. */
    bool (*recognise)(gt_skeletons *k, const char *text, const char *end, gt_scan *out,
                      const char **ends);
} skeleton_kernel;

/* --- what is known -----------------------------------------------------------------------------*/

#define TABLE_SLOTS (4u * GT_SKELETON_PIECES_MAX)
#define PICKS_MAX (8u * GT_SKELETON_PIECES_MAX)
typedef struct pick { /* where a wanted value stands in the skeleton */
    uint16_t slot;
    uint16_t index : 15;
    uint16_t is_string : 1; /* its closing quote is the next byte */
} pick;

typedef struct piece {
    uint32_t parent;
    uint32_t latest; /* child met last; 0: none */
    uint32_t ending; /* first child that ends an object; 0: none */
    uint32_t sibling; /* next ending of the same parent */
    uint32_t picks;  /* of an ending */
    uint16_t pick_count;
    uint8_t len;
    bool ends;
} piece;

struct gt_skeletons {
    const skeleton_kernel *kernel;
    const gt_scan_plan *plan;
    unsigned char (*bytes)[PIECE];
    piece *pieces; /* 0 is the root; ids of the others are never 0 */
    uint32_t *table;
    pick *picks;
    uint32_t piece_count, pick_count;
    unsigned tried, missed, pause;
    uint64_t known, other;
    skeleton_stream stream;
};

static inline uint32_t skeleton_slot_of(uint32_t parent, uint64_t sum)
{
    sum += parent * UINT64_C(0xC2B2AE3D27D4EB4F);
    return (uint32_t)(sum * UINT64_C(0x9E3779B97F4A7C15) >> 40) % TABLE_SLOTS;
}

static const uint64_t skeleton_factors[8] = {
    UINT64_C(0x9E3779B97F4A7C15), UINT64_C(0xBF58476D1CE4E5B9), UINT64_C(0x94D049BB133111EB),
    UINT64_C(0xD6E8FEB86659FD93), UINT64_C(0xA0761D6478BD642F), UINT64_C(0xE7037ED1A0B428DB),
    UINT64_C(0x8EBC6AF09C88C6E3), UINT64_C(0x589965CC75374CC3)};

static inline void skeleton_begin(skeleton_stream *s, const char *text)
{
    s->text = s->behind = text;
    s->blocks = 0;
    s->bad = STREAM_BLOCKS;
    s->len = 0;
    s->escaped = s->string = s->inside = s->before = 0;
    memset(s->backslashes, 0, sizeof s->backslashes);
    memset(s->base, 0x7F, sizeof s->base);
}

/* Is there text and room for more blocks? */
static inline bool skeleton_may_feed(const skeleton_stream *s, const char *end)
{
    return s->blocks + FEED_BLOCKS <= STREAM_BLOCKS && s->text + 64 * s->blocks < end;
}

#endif
