/* skeleton.h — records that look like one seen before, recognised without looking at their tokens.
 *
 * Method: the skeleton of an object is its text without what stands inside string values:
 *   {"eventName":"","requestParameters":null,"readOnly":true,…}
 * Two texts with the same skeleton have the same tokens in the same order, so if one is valid JSON,
 * so is the other, as far as the insides of its strings are (no control bytes, no bad escapes); and
 * every wanted value stands at the same place of the skeleton. CloudTrail writes a few hundred
 * skeletons over and over. So: cut the insides out 64 bytes at a time, look their digest up among those
 * known, and on a match read off where the values stand. On a miss the full scan (scan.h) decides
 * and the skeleton is learnt. The answer is the same in both ways, to the byte.
 *
 * The digest is the carry-less NH of CLHASH (Lemire and Kaser, "Faster 64-bit universal hashing using
 * carry-less multiplications") reduced to the field of 2^64 elements, with a key as long as the
 * text, drawn at random for each gt_skeletons. Two different texts of one length have the same
 * digest for one key in 2^64, whoever chose them and however, as long as he does not know the key;
 * and nothing that a run prints tells it. Comparing the bytes as well would wait for a megabyte of
 * them to come back into the cache that inflating has just filled: it cost as much as all the rest.
 *
 * Where the object at hand ends is a guess (the next one begins like one seen before, behind "},");
 * a wrong guess is a miss.
 *
 * A gt_skeletons belongs to one thread and one plan. It holds at most GT_SKELETONS_MAX skeletons,
 * then forgets all; where misses prevail it steps aside for a while. */
#ifndef GT_JSON_SKELETON_H
#define GT_JSON_SKELETON_H

#include "json/scan.h"

typedef struct gt_skeletons gt_skeletons;

/* NULL without memory, or where the scanner's instruction set has no quick way to do this (then the
 * full scan is used; gt_skeletons_scan takes NULL). */
gt_skeletons *gt_skeletons_new(const gt_scanner *scanner, const gt_scan_plan *plan);
void gt_skeletons_free(gt_skeletons *skeletons);

/* As gt_scan_text with the skeletons' plan, for the object at text. Quickest when objects of one
 * buffer are scanned one after another. skeletons may be NULL.
 * ends: for each slot where a string value's closing quote stands when it is known and the string
 * holds no escape, else NULL: the string is then what stands between. */
gt_scan_verdict gt_skeletons_scan(gt_skeletons *skeletons, const gt_scanner *scanner,
                                  const gt_scan_plan *plan, const char *text, const char *end,
                                  gt_scan *out, const char **ends);
/* An object that was recognised: which of its bytes are its skeleton's. The inside of a
 * string is cut out exactly when its quote stands right behind a ':' or a '['. Until the next scan. */
typedef struct gt_skeleton_view {
    uint64_t digest;      /* the same for equal skeletons */
    const uint64_t *keep; /* bit i of keep[b]: byte 64 * b + i from origin belongs to the skeleton */
    const char *origin;
    bool escapes; /* there may be a backslash in it */
} gt_skeleton_view;
/* false: the object at text is not the one that was scanned last, or it was not recognised. */
bool gt_skeletons_view(const gt_skeletons *skeletons, const char *text, gt_skeleton_view *ret);
/* The buffer's bytes move or change: forget where we are in it. */
void gt_skeletons_leave(gt_skeletons *skeletons);
/* Objects recognised and not, since the start. */
void gt_skeletons_stats(const gt_skeletons *skeletons, uint64_t *ret_known, uint64_t *ret_other);

#endif
