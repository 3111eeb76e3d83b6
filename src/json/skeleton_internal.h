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
#define FEED_BLOCKS 32u
#define LOCATE_LANES 32u

typedef struct skeleton_stream {
    const char *text;   /* where block 0 stands; NULL: nowhere */
    const char *behind; /* the last object recognised */
    unsigned blocks;  /* done */
    unsigned bad;     /* the first block with a byte that may not be in a string */
    unsigned escapes; /* behind the last block with a backslash; 0: none */
    uint32_t len;     /* skeleton bytes */
    uint64_t escaped, string, inside, before; /* carried over the end of a block, as in the scan */
    uint64_t keep[STREAM_BLOCKS]; /* bytes of the block that belong to the skeleton */
    /* Skeleton bytes before each block; 0x7FFF behind the last one. */
    int16_t base[STREAM_BLOCKS + LOCATE_LANES];
    unsigned char bytes[STREAM_BLOCKS * 64 + 4 * PIECE];
} skeleton_stream;

/* What an instruction set does. */
typedef struct skeleton_kernel {
    /* FEED_BLOCKS more blocks, or as many as begin before `end`; what stands behind it is garbage
     * that is never believed. */
    void (*feed)(skeleton_stream *s, const char *end);
    /* The digest of len >= PIECE bytes. */
    uint64_t (*digest)(const unsigned char *key, const unsigned char *bytes, unsigned len);
    /* Is the object at text known? Then its length, values and ends. */
    bool (*recognise)(gt_skeletons *k, const char *text, const char *end, gt_scan *out,
                      const char **ends);
} skeleton_kernel;

/* --- what is known -----------------------------------------------------------------------------*/

#define FIRST_SLOTS 512u
#define MARKERS_MAX 4u
#define PICKS_MAX 12u /* an object with more wanted values is left to the full scan */
/* Longest skeleton, and with it the key of the digest. */
#define SKELETON_LEN_MAX (64 * (STREAM_BLOCKS - FEED_BLOCKS))

typedef struct pick { /* where a wanted value stands in the skeleton */
    uint16_t slot;
    uint16_t index : 15;
    uint16_t is_string : 1; /* its closing quote is the next byte */
} pick;

typedef struct table_slot {
    uint32_t tag; /* upper bits of the digest; the lower ones say where the slot is */
    uint16_t id;  /* 0: free */
    uint16_t len;
} table_slot;

typedef struct known { /* a cache line */
    uint64_t digest;
    uint16_t len;
    uint16_t pick_count;
    uint32_t unused;
    pick picks[PICKS_MAX];
} known;
_Static_assert(sizeof(known) == 64, "what is fetched ahead is one line");
_Static_assert(GT_SKELETONS_MAX <= UINT16_MAX, "table_slot.id is 16 bits");

struct gt_skeletons {
    const skeleton_kernel *kernel;
    const gt_scan_plan *plan;
    unsigned char *memory; /* of what stands on cache lines; to be freed */
    unsigned char *key; /* of digests: random, SKELETON_LEN_MAX + PIECE */
    known *items; /* 0 is not used */
    table_slot *table;
    uint32_t table_mask, item_count;
    /* The first eight bytes of the objects learnt: where they stand behind "}," or "}\n" an object
     * is likely to begin. */
    uint64_t markers[MARKERS_MAX];
    unsigned marker_count, next_marker;
    /* The object that begins at `begin` of the stream, looked up before it is asked for, so that what
     * is known of it is in the cache by then. */
    struct {
        uint64_t digest;
        unsigned begin;
        unsigned guess; /* its probable end; 0: none */
        uint32_t id;    /* of what it probably is; 0: unknown */
    } ahead;
    const char *last;     /* the object scanned last, if it was recognised */
    uint64_t last_digest;
    unsigned tried, missed, pause;
    uint64_t known, other;
    skeleton_stream stream;
};

static inline void skeleton_begin(skeleton_stream *s, const char *text)
{
    s->text = s->behind = text;
    s->blocks = 0;
    s->bad = STREAM_BLOCKS;
    s->len = 0;
    s->escaped = s->string = s->inside = s->before = 0;
    s->escapes = 0;
    memset(s->base, 0x7F, sizeof s->base);
}

/* Is there text and room for more blocks? */
static inline bool skeleton_may_feed(const skeleton_stream *s, const char *end)
{
    return s->blocks + FEED_BLOCKS <= STREAM_BLOCKS && s->text + 64 * s->blocks < end;
}

#endif
