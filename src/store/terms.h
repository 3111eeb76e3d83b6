/* terms.h — the string values of a record, found without a tree, and the filter over them. */
#ifndef GT_STORE_TERMS_H
#define GT_STORE_TERMS_H

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"

/* Called for each string value (not key), decoded; the view lives until the next call. Answers other
 * than GT_OK end the walk and are passed on. */
typedef gt_status (*gt_term_fn)(void *user, gt_str value);

/* Walk the string values of one JSON text. Text that is no JSON gives some of its strings.
 * scratch is rewound for each value that holds escapes. */
gt_status gt_terms_walk(gt_str json, gt_arena *scratch, gt_term_fn fn, void *user) GT_MUST_CHECK;

/* The first place of needle in hay; GT_NPOS. Made for values of some ten bytes in half a megabyte. */
size_t gt_bytes_find(gt_str hay, gt_str needle);

/* A filter: blocks of 256 bits; a term sets one bit in each of a block's eight words. */
#define GT_FILTER_BLOCK_BYTES 32
/* Bytes for a filter over `terms` distinct terms: about 12 bits each, one false yes in 300. */
size_t gt_filter_bytes(size_t terms);
void gt_filter_add(uint8_t *filter, size_t bytes, uint64_t term_hash);
/* False means: certainly not in it. */
bool gt_filter_may_have(const uint8_t *filter, size_t bytes, uint64_t term_hash);
/* Would a filter of half the size still say a false yes rarely (less than a third of its bits set)? */
bool gt_filter_sparse(const uint8_t *filter, size_t bytes);
/* Turn it into the filter of half the size, in place; it has an even number of blocks. */
void gt_filter_halve(uint8_t *filter, size_t bytes);
uint64_t gt_term_hash(gt_str term);

#endif
