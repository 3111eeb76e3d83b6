/* prefilter.h — queries that need a certain text somewhere in the record: looked for in its bytes before
 * anything is parsed.
 *
 * Sound because it asks only about fields whose values the mapping copies unchanged from strings of
 * the record (verbatim.def), and because a record with a \u escape, which could spell the text
 * differently, passes unlooked. */
#ifndef GT_DETECT_PREFILTER_H
#define GT_DETECT_PREFILTER_H

#include "query/query.h"

typedef struct gt_prefilter gt_prefilter;

gt_status gt_prefilter_new(gt_arena *rules, const gt_query *const *items, size_t count,
                           gt_prefilter **ret) GT_MUST_CHECK;
/* The texts one of which a record must hold for the query to match; known is false when there are none,
 * or when eventName decides already. */
gt_query_needs gt_prefilter_needs_of(const gt_query *query, gt_arena *arena);

/* What is known of the record at hand: each text is looked for once, however many queries need it. */
typedef struct gt_prefilter_look {
    gt_str json;
    uint64_t serial; /* of the record */
    uint64_t *seen;  /* of each text: serial * 2 + found, when it was looked for last */
} gt_prefilter_look;

/* How many texts there are; a look's `seen` has so many entries, zero at first. */
size_t gt_prefilter_texts(const gt_prefilter *prefilter);
/* Turn to another record. */
static inline void gt_prefilter_turn(gt_prefilter_look *look, gt_str json)
{
    look->json = json;
    look->serial++;
}
/* May the query match the record? */
bool gt_prefilter_passes(const gt_prefilter *prefilter, size_t query, gt_prefilter_look *look);

/* Offset of needle (1 byte or more) in s, or GT_NPOS; many times the speed of gt_str_find.
 * *ret_backslash false with GT_NPOS: s has no backslash. */
size_t gt_prefilter_find(gt_str s, gt_str needle, bool *ret_backslash);

#endif
