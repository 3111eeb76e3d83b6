/* scan_internal.h — what the instruction sets share: the plan's tables and the slow corners. */
#ifndef GT_JSON_SCAN_INTERNAL_H
#define GT_JSON_SCAN_INTERNAL_H

#include "base/limits.h"
#include "json/scan.h"

/* A plan is a trie. Keys are found by a hash of their first bytes; shorter ones stand in a list of
 * their own, because what follows them in the text is not known. */
#define SCAN_HASHED_BYTES 6
#define SCAN_BUCKETS 64
#define SCAN_HASH_MULTIPLIER UINT64_C(0x9E3779B97F4A7C15)

typedef struct scan_entry {
    gt_str key;
    uint16_t next;  /* entry of the same bucket or list; 0: none (entry 0 is never used) */
    uint16_t child; /* node; 0: none (node 0 is "not interesting") */
    uint16_t slot;  /* + 1; 0: none */
    uint16_t below_count;
    uint16_t *below; /* slots inside; they vanish when the key comes again */
} scan_entry;

typedef struct scan_node {
    uint16_t bucket[SCAN_BUCKETS];
    uint16_t shorts;
} scan_node;

struct gt_scan_plan {
    scan_node *nodes; /* 1 is the root */
    scan_entry *entries;
    size_t node_count;
    size_t entry_count;
    size_t slot_count;
};

static inline unsigned scan_bucket(uint64_t first8)
{
    /* Little-endian: the first six bytes are the low ones. */
    return (unsigned)(((first8 << 16) * SCAN_HASH_MULTIPLIER) >> 58);
}

/* The key at text (behind its opening quote) in node: notes its value and returns the child node. */
unsigned scan_visit(const gt_scan_plan *plan, unsigned node, unsigned bucket, const char *text,
                    const char *end, const char **values);
/* Pick again, slowly and exactly, from a valid object with escaped keys. */
void scan_pick_slowly(const gt_scan_plan *plan, const char *text, const char *end,
                      const char **values);

/* Is the run of bytes at p, up to a byte that ends tokens, a number, true, false or null? A run that
 * reaches `end` passes: the text is cut and something else will say so. */
bool scan_scalar_valid(const char *p, const char *end);
/* Is the byte at p, behind a backslash, the rest of a valid escape? Cut ones pass. */
bool scan_escape_valid(const char *p, const char *end);

/* Does the string at p ('"', valid) decode to key? */
bool scan_key_is(const char *p, const char *end, gt_str key);

extern const gt_scanner scan_avx512, scan_avx2, scan_sse2, scan_scalar;

#endif
