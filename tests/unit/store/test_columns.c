/* Columns and terms of records: by a known skeleton as by the walk, and both as by the tree. */
#include "test.h"

#include "base/limits.h"
#include "base/mem.h"
#include "json/json.h"
#include "json/scan.h"
#include "store/columns_walk.h"
#include "store/terms.h"

typedef struct found {
    gt_cell cells[GT_COLUMN_COUNT];
    gt_terms terms;
} found;

static int by_value(const void *a, const void *b)
{
    uint64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

/* Distinct terms, in order. */
static void look(gt_columns_walk *walk, gt_str json, const gt_skeleton_view *view, gt_arena *arena,
                 found *f)
{
    gt_terms *terms = &f->terms;
    gt_terms_cut(terms, 0);
    assert_int_equal(gt_columns_walk_record(walk, json, view, arena, f->cells, terms), GT_OK);
    for (size_t i = 0; i < GT_COLUMN_COUNT; i++) {
        gt_cell *cell = &f->cells[i];
        if (cell->kind == GT_CELL_TEXT && cell->text.len && !cell->hash) {
            cell->hash = gt_term_hash(cell->text);
            assert_int_equal(gt_terms_add(terms, cell->hash), GT_OK);
        }
    }
    if (terms->count)
        qsort(terms->items, terms->count, sizeof *terms->items, by_value);
    size_t count = 0;
    for (size_t i = 0; i < terms->count; i++)
        if (i == 0 || terms->items[i] != terms->items[count - 1])
            terms->items[count++] = terms->items[i];
    terms->count = count;
}

static void equal(const found *a, const found *b, gt_str json)
{
    const gt_terms *s = &a->terms, *t = &b->terms;
    if (s->count != t->count || memcmp(s->items, t->items, s->count * sizeof *s->items) != 0)
        fail_msg("terms: %zu and %zu: %.*s", s->count, t->count, GT_STR_ARG(json));
    for (size_t i = 0; i < GT_COLUMN_COUNT; i++) {
        const gt_cell *x = &a->cells[i], *y = &b->cells[i];
        bool same = x->kind == y->kind;
        if (same && x->kind == GT_CELL_TEXT)
            same = gt_str_eq(x->text, y->text) && x->hash == y->hash;
        if (!same)
            fail_msg("column %zu: %d '%.*s', %d '%.*s': %.*s", i, x->kind, GT_STR_ARG(x->text),
                     y->kind, GT_STR_ARG(y->text), GT_STR_ARG(json));
    }
}

/* What a cell must be, by the tree; odd is always allowed to say less. */
static void equals_tree(const found *f, const gt_json *tree, gt_str json)
{
    for (size_t i = 0; i < GT_COLUMN_COUNT; i++) {
        gt_str keys[GT_COLUMN_KEYS_MAX];
        size_t count;
        const gt_cell *cell = &f->cells[i];
        gt_column_path((gt_column)i, keys, &count);
        const gt_json *at = tree;
        for (size_t k = 0; k < count; k++)
            at = gt_json_is(at, GT_JSON_OBJECT) ? gt_json_get(at, keys[k]) : NULL;
        bool right = cell->kind == GT_CELL_ODD;
        if (!at || at->type == GT_JSON_NULL)
            right |= cell->kind == GT_CELL_NONE;
        else if (at->type == GT_JSON_BOOL)
            right |= cell->kind == (at->boolean ? GT_CELL_TRUE : GT_CELL_FALSE);
        else if (at->type == GT_JSON_STRING)
            right |= cell->kind == GT_CELL_TEXT &&
                     (gt_str_eq(cell->text, at->str) ||
                      (i == GT_COLUMN_ERROR_MESSAGE && at->str.len > 4));
        if (!right)
            fail_msg("column %zu is %d '%.*s': %.*s", i, cell->kind, GT_STR_ARG(cell->text),
                     GT_STR_ARG(json));
    }
}

static unsigned rnd(uint64_t *rng, unsigned n)
{
    *rng = *rng * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(*rng >> 40) % n;
}

/* A record of a few hundred shapes, some of them odd. */
static size_t make(uint64_t *rng, char *out, size_t room)
{
    static const char *const values[] = {
        "\"\"",  "\"a\"",       "\"some.longer-value@example.com\"", "\"-\"",  "null",
        "true",  "false",       "17",                                  "[]",     "{}",
        "\"x\"", "[\"p\",\"q\"]", "{\"type\":\"t\",\"arn\":\"\"}",     " \"s\"", "\"e\\u0041\\\"\"",
    };
    static const char *const keys[] = {
        "eventSource", "eventName", "errorCode", "errorMessage", "awsRegion", "readOnly", "userAgent",
        "other", "Resources", "awsAccountId", "eventName",
    };
    static const char *const inner[] = {"type", "arn", "userName", "accountId", "nothing"};
    size_t n = (size_t)snprintf(out, room, "{\"eventVersion\":\"1.08\",\"requestParameters\":{\"list\":"
                                           "[\"a%u\",\"b\",\"c%u\"]}", rnd(rng, 9), rnd(rng, 2));
    for (size_t i = 0; i + 1 < sizeof keys / sizeof *keys + (rnd(rng, 20) == 0); i++) {
        bool usual = rnd(rng, 30) != 0;
        if (i == 9 && rnd(rng, 20))
            continue;
        n += (size_t)snprintf(out + n, room - n, ",\"%s\":%s", keys[i],
                              values[usual ? rnd(rng, 3) : rnd(rng, 15)]);
    }
    n += (size_t)snprintf(out + n, room - n, ",\"userIdentity\":{");
    for (size_t i = 0; i < 5; i++)
        n += (size_t)snprintf(out + n, room - n, "\"%s\":%s,", inner[i],
                              values[rnd(rng, 12) ? rnd(rng, 3) : rnd(rng, 15)]);
    n += (size_t)snprintf(out + n, room - n,
                          "\"sessionContext\":{\"sessionIssuer\":{\"arn\":\"arn%u\",\"userName\":%s},"
                          "\"attributes\":{\"mfaAuthenticated\":\"false\"}}},"
                          "\"responseElements\":%s,\"additionalEventData\":{\"UserName\":\"u%u\"}}",
                          rnd(rng, 100), values[rnd(rng, 3)],
                          rnd(rng, 5) ? "null" : "{\"ConsoleLogin\":\"Failure\"}", rnd(rng, 3));
    return n;
}

static void equals_without_skeletons(void **state)
{
    (void)state;
    enum { RECORDS = 20000, ROOM = 4096 };
    uint64_t rng = 11, known = 0, other = 0;
    gt_arena *rules = gt_arena_new(GT_RULES_ARENA_MAX), *arena = gt_arena_new(GT_SCRATCH_ARENA_MAX);
    const gt_scan_plan *plan;
    gt_str id = GT_STR("eventID");
    gt_scan_path path = {&id, 1};
    assert_int_equal(gt_scan_plan_new(rules, &path, 1, &plan), GT_OK);
    const gt_scanner *scanner = gt_scanner_best();
    gt_skeletons *skeletons = gt_skeletons_new(scanner, plan);
    gt_columns_walk *walk = gt_columns_walk_new(), *plain = gt_columns_walk_new();
    char *text = calloc(1, (size_t)RECORDS * ROOM + GT_SCAN_PADDING);
    size_t len = 0;
    for (int i = 0; i < RECORDS; i++) {
        len += make(&rng, text + len, ROOM);
        text[len++] = ',';
    }
    const char *end = text + len;
    static found a, b;
    for (const char *p = text; p < end; p++) {
        const char *values[1], *ends[1];
        gt_scan scan = {0, values};
        assert_int_equal(gt_skeletons_scan(skeletons, scanner, plan, p, end, &scan, ends),
                         GT_SCAN_OK);
        gt_str json = {p, scan.len};
        gt_skeleton_view view;
        bool is_known = gt_skeletons_view(skeletons, p, &view);
        gt_arena_reset(arena, GT_MIB);
        look(walk, json, is_known ? &view : NULL, arena, &a);
        look(plain, json, NULL, arena, &b);
        equal(&a, &b, json);
        gt_json *tree;
        assert_int_equal(gt_json_parse(arena, json, &tree, NULL), GT_OK);
        equals_tree(&a, tree, json);
        known += is_known;
        other += !is_known;
        p += scan.len;
    }
    if (skeletons)
        assert_true(known > other);
    free(text);
    gt_free(a.terms.items);
    gt_free(b.terms.items);
    gt_columns_walk_free(walk);
    gt_columns_walk_free(plain);
    gt_skeletons_free(skeletons);
    gt_arena_free(arena);
    gt_arena_free(rules);
}

/* Every prefix of a record, and bytes that are no JSON: some answer, no harm. */
static void survives_what_is_no_json(void **state)
{
    (void)state;
    uint64_t rng = 5;
    char text[4096];
    gt_arena *arena = gt_arena_new(GT_SCRATCH_ARENA_MAX);
    gt_columns_walk *walk = gt_columns_walk_new();
    static found f;
    size_t len = make(&rng, text, sizeof text);
    for (size_t n = 0; n <= len; n++) {
        char *copy = malloc(n + 1);
        memcpy(copy, text, n);
        look(walk, (gt_str){copy, n}, NULL, arena, &f);
        for (size_t i = 0; n && i < 4; i++) {
            rng = rng * 6364136223846793005u + 1442695040888963407u;
            copy[(rng >> 33) % n] = "{}[]\"\\:,x"[(rng >> 20) % 9];
        }
        look(walk, (gt_str){copy, n}, NULL, arena, &f);
        free(copy);
    }
    gt_free(f.terms.items);
    gt_columns_walk_free(walk);
    gt_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(equals_without_skeletons),
                                       cmocka_unit_test(survives_what_is_no_json)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
