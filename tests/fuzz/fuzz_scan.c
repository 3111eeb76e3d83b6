/* Bytes as JSON objects one behind the other: every instruction set, with skeletons and without, must
 * judge as the parser does and pick the values it finds. */
#include "base/limits.h"
#include "json/json.h"
#include "json/skeleton.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {"eventID", "eventName", "a", "userIdentity.accountId"};
#define PATHS (sizeof names / sizeof *names)

static const gt_scan_plan *make_plan(gt_arena *arena)
{
    gt_str keys[PATHS], user[2] = {GT_STR("userIdentity"), GT_STR("accountId")};
    gt_scan_path paths[PATHS];
    const gt_scan_plan *plan;
    for (size_t i = 0; i < PATHS; i++) {
        keys[i] = gt_str_c(names[i]);
        paths[i] = (gt_scan_path){&keys[i], 1};
    }
    paths[PATHS - 1] = (gt_scan_path){user, 2};
    return gt_scan_plan_new(arena, paths, PATHS, &plan) == GT_OK ? plan : NULL;
}

static void check_values(gt_arena *scratch, const gt_json *tree, const char *const *values,
                         const char *const *ends, const char *end)
{
    for (size_t i = 0; i < PATHS; i++) {
        gt_json *want = gt_json_path(tree, names[i]), *got = NULL;
        gt_assert(!want == !values[i]);
        if (!want)
            continue;
        size_t pos = 0;
        gt_str rest = {values[i], (size_t)(end - values[i])};
        gt_assert(gt_json_parse_next(scratch, rest, &pos, &got, NULL) == GT_OK);
        gt_assert(gt_json_equal(want, got));
        if (ends && ends[i])
            gt_assert(gt_str_eq(gt_json_str(want),
                                (gt_str){values[i] + 1, (size_t)(ends[i] - values[i] - 1)}));
    }
}

/* Scan the object at p in both ways; its length, 0 when there is none. */
static size_t check(const gt_scanner *scanner, gt_skeletons *skeletons, const gt_scan_plan *plan,
                    gt_arena *scratch, const char *p, const char *end)
{
    const char *values[PATHS], *ends[PATHS];
    gt_scan scan = {0, values};
    gt_json *tree = NULL;
    size_t len = 0;
    gt_str rest = {p, (size_t)(end - p)};
    bool valid = gt_json_parse_next(scratch, rest, &len, &tree, NULL) == GT_OK;
    gt_assert((gt_scan_text(scanner, plan, p, end, &scan) == GT_SCAN_OK) == valid);
    if (valid) {
        gt_assert(scan.len == len);
        check_values(scratch, tree, values, NULL, end);
    }
    gt_scan_verdict verdict =
        gt_skeletons_scan(skeletons, scanner, plan, p, end, &scan, ends);
    gt_assert((verdict == GT_SCAN_OK) == valid);
    if (valid) {
        gt_assert(scan.len == len);
        check_values(scratch, tree, values, ends, end);
    }
    return valid ? len : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t count;
    const gt_scanner *const *scanners = gt_scanners(&count);
    gt_arena *arena = gt_arena_new(GT_MIB), *scratch = gt_arena_new(64 * GT_MIB);
    const gt_scan_plan *plan = arena ? make_plan(arena) : NULL;
    char *text = calloc(1, size + GT_SCAN_PADDING);
    for (size_t i = 0; text && plan && scratch && i < count; i++) {
        gt_skeletons *skeletons = gt_skeletons_new(scanners[i], plan);
        memcpy(text, data, size);
        const char *end = text + size;
        for (const char *p = text; p < end;) {
            size_t len = *p == '{' || *p == '[' ? check(scanners[i], skeletons, plan, scratch, p, end)
                                                : 0;
            p += len ? len : 1;
            gt_arena_reset(scratch, GT_MIB);
        }
        gt_skeletons_free(skeletons);
    }
    free(text);
    gt_arena_free(arena);
    gt_arena_free(scratch);
    return 0;
}
