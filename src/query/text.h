/* text.h — words of analysed fields: Elasticsearch's standard analyzer as far as logs need it.
 * Words follow Unicode's word breaks for ASCII; other scripts' letters join, ideographs stand alone.
 * Lower case is applied to ASCII, Latin, Greek and Cyrillic letters. */
#ifndef GT_QUERY_TEXT_H
#define GT_QUERY_TEXT_H

#include "base/str.h"

/* The next word at or after *pos, or false. The word is a view of text, not in lower case. */
bool gt_text_word(gt_str text, size_t *pos, gt_str *ret);
/* Compare two words without case: <0, 0, >0 by code point. */
int gt_text_cmp(gt_str a, gt_str b);
/* One code point in lower case at *pos, which moves behind it. Invalid bytes come out as themselves
 * with bit 31 set. */
uint32_t gt_text_lower_at(gt_str text, size_t *pos);
/* Do the two texts share a word; do the words of `phrase` stand in `text` in order, side by side? */
bool gt_text_any(gt_str text, gt_str words);
bool gt_text_phrase(gt_str text, gt_str phrase);
/* Lower case of s into out (at most 2 * s.len + 4 bytes); returns the length. */
size_t gt_text_lower(gt_str s, char *out);

#endif
