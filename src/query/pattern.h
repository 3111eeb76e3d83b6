/* pattern.h — wildcard patterns: '*' any run of bytes, optionally '?' any one character.
 * Matching is by segments: the first and the last are anchored, those between are found leftmost,
 * which is enough for '*' and keeps the time linear in the text for each segment. */
#ifndef GT_QUERY_PATTERN_H
#define GT_QUERY_PATTERN_H

#include "base/arena.h"

typedef struct gt_segment {
    gt_str text;        /* bytes between two stars */
    const bool *any;    /* per byte: this '?' stands for any one character; NULL when none does */
} gt_segment;

typedef struct gt_pattern {
    const gt_segment *segments; /* stars + 1 */
    size_t count;
    size_t length_min; /* a shorter text cannot match */
} gt_pattern;

/* A pattern from text in which '*' and '?' are wildcards and a backslash takes the meaning from the
 * next byte (Elasticsearch's wildcard query, exception entries). NULL without memory. */
const gt_pattern *gt_pattern_of_wildcard(gt_arena *rules, gt_str text);

/* The wildcard text of what stands between stars: its own '*', '?' and '\\' escaped. ptr NULL without
 * memory. */
gt_str gt_pattern_escape(gt_arena *arena, const gt_str *parts, size_t count);

bool gt_pattern_match(const gt_pattern *pattern, gt_str text);

#endif
