/* scan.h — the hot path's view of JSON: one pass over the bytes of an object that finds its end,
 * checks its whole grammar and notes where the wanted values stand. Nothing is allocated.
 *
 * The verdict equals gt_json_parse's on every input (control bytes in strings, escapes, numbers,
 * literals, order of tokens, brackets, depth), so that a record is accepted or rejected alike
 * whichever stage reads it. One file an instruction set; all give the same results.
 *
 * Rule of every function here: GT_SCAN_PADDING bytes behind `end` are readable (their values do not
 * matter). A plan is immutable and shared by threads. */
#ifndef GT_JSON_SCAN_H
#define GT_JSON_SCAN_H

#include "base/arena.h"

#define GT_SCAN_PADDING 128

/* --- what to pick ------------------------------------------------------------------------------*/

/* A path of object keys: {"userIdentity", "accountId"}. Arrays are never looked into. */
typedef struct gt_scan_path {
    const gt_str *keys;
    size_t count;
} gt_scan_path;

typedef struct gt_scan_plan gt_scan_plan;

/* Compile paths; the index of a path is its slot. A path may be the beginning of another.
 * rules owns the plan; the keys are copied. GT_OK, GT_NOMEM, GT_LIMIT (more than
 * GT_SCAN_NODES_MAX objects to look into). */
gt_status gt_scan_plan_new(gt_arena *rules, const gt_scan_path *paths, size_t count,
                           const gt_scan_plan **ret) GT_MUST_CHECK;

/* --- the pass ----------------------------------------------------------------------------------*/

typedef enum gt_scan_verdict {
    GT_SCAN_OK,
    GT_SCAN_INVALID, /* not JSON */
    GT_SCAN_DEEP,    /* nested deeper than GT_JSON_DEPTH_MAX */
    GT_SCAN_CUT,     /* the bytes end before the object does; so far nothing is wrong */
} gt_scan_verdict;

typedef struct gt_scan gt_scan;
struct gt_scan {
    size_t len; /* GT_SCAN_OK: bytes of the object or array */
    /* Where the values begin, a pointer for each slot of the plan, given by the caller (may be NULL
     * without a plan). NULL: absent. Of duplicate keys the last one counts. After another verdict
     * than OK they tell what stood there so far. */
    const char **values;
};

#define GT_SCAN_SECRET 192

/* An instruction set. Tests force one; everyone else asks for the best. */
typedef struct gt_scanner {
    const char *name; /* "avx512", "avx2", "sse2", "scalar" */
    gt_scan_verdict (*scan)(const gt_scan_plan *plan, const char *text, const char *end,
                            gt_scan *out);
    /* XXH3, 64 bits, with a secret of GT_SCAN_SECRET bytes. */
    uint64_t (*hash)(const uint8_t *secret, const char *data, size_t len);
    const struct skeleton_kernel *skeleton;         /* of skeleton.c; NULL: none */
} gt_scanner;

/* All that this machine runs, best first; *ret_count of them. */
const gt_scanner *const *gt_scanners(size_t *ret_count);
static inline const gt_scanner *gt_scanner_best(void)
{
    size_t count;
    return gt_scanners(&count)[0];
}

/* Scan the object or array that begins at text ('{' or '['). plan may be NULL. */
static inline gt_scan_verdict gt_scan_text(const gt_scanner *scanner, const gt_scan_plan *plan,
                                           const char *text, const char *end, gt_scan *out)
{
    return scanner->scan(plan, text, end, out);
}

/* --- values of a scanned (valid) text ----------------------------------------------------------*/

/* The string that begins at value ('"'), decoded as gt_json_parse does: a view of the text without
 * escapes, else a copy in `arena`. *ret is GT_STR_NULL when value is NULL or no string.
 * false: no memory. */
bool gt_scan_string(const char *value, const char *end, gt_arena *arena, gt_str *ret) GT_MUST_CHECK;
/* Behind the value (of any type) that begins at value. */
const char *gt_scan_value_end(const char *value, const char *end);

#endif
