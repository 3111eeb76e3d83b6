/* prefilter.h — rules that need a certain text somewhere in the record: looked for in its bytes before
 * anything is parsed.
 *
 * Sound because it asks only about fields whose values the mapping copies unchanged from strings of
 * the record (verbatim.def), and because a record with a \u escape, which could spell the text
 * differently, passes unlooked. */
#ifndef GT_DETECT_PREFILTER_H
#define GT_DETECT_PREFILTER_H

#include "rule/rule.h"

typedef struct gt_prefilter gt_prefilter;

gt_status gt_prefilter_new(gt_arena *rules, const gt_rule *const *items, size_t count,
                           gt_prefilter **ret) GT_MUST_CHECK;
/* May the rule match a record of these bytes? */
bool gt_prefilter_passes(const gt_prefilter *prefilter, size_t rule, gt_str json);

/* Offset of needle (1 byte or more) in s, or GT_NPOS; many times the speed of gt_str_find. */
size_t gt_prefilter_find(gt_str s, gt_str needle);

#endif
