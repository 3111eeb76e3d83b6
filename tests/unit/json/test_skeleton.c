/* Skeletons against the full scan: the same verdict, length and values for every object, whatever
 * was learnt before. */
#include "test.h"

#include "base/limits.h"
#include "json/skeleton.h"

static const gt_str names[] = {{"eventID", 7}, {"eventName", 9}, {"userIdentity", 12}, {"n", 1},
                               {"late", 4}};
static const gt_str account[] = {{"userIdentity", 12}, {"accountId", 9}};
static const gt_scan_path paths[] = {{&names[0], 1}, {&names[1], 1}, {&names[2], 1}, {account, 2},
                                     {&names[3], 1}, {&names[4], 1}};
#define PATHS (sizeof paths / sizeof *paths)

static uint64_t seed;

static uint64_t pick_below(uint64_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % n;
}

/* A string value of any length, sometimes with escapes, seldom with what must not be in one. */
static size_t put_string(char *to)
{
    static const char *const odd[] = {"\\\"", "\\\\", "\\n", "\\u00e9", "{", "}", ":", ",", "[\\\"", "\\/"};
    static const char *const wrong[] = {"\\x", "\n", "\\u00g0", "\x01", "\\"};
    char *p = to;
    size_t len = pick_below(10) == 0 ? pick_below(300) : pick_below(40);
    bool plain = pick_below(4) != 0;
    *p++ = '"';
    for (size_t i = 0; i < len; i++) {
        if (!plain && pick_below(8) == 0)
            p += sprintf(p, "%s", odd[pick_below(10)]);
        else if (pick_below(20000) == 0)
            p += sprintf(p, "%s", wrong[pick_below(5)]);
        else
            *p++ = (char)('a' + pick_below(26));
    }
    *p++ = '"';
    return (size_t)(p - to);
}

/* A template has "" where an instance gets a string. */
static size_t put_hole(char *to)
{
    return (size_t)sprintf(to, "\"\"");
}

static size_t put_value(char *to, unsigned depth);

static size_t put_object(char *to, unsigned depth, uint64_t form)
{
    static const char *const keys[] = {"eventID", "eventName", "userIdentity", "accountId", "n",
                                       "aLongerKeyThanOthers", "event\\u0049D", "k", "late"};
    char *p = to;
    p += sprintf(p, depth ? "{" : "{\"eventVersion\":\"\",\"more\":{\"type\":\"\",\"principal\":\"\"}");
    for (unsigned i = 0; i < 6; i++, form /= 5) {
        if (form % 5 == 0)
            continue;
        if (p[-1] != '{')
            *p++ = ',';
        p += sprintf(p, "\"%s\":", keys[(form + i) % 9]);
        if (form % 5 < 4)
            p += put_hole(p);
        else
            p += put_value(p, depth + 1);
    }
    *p++ = '}';
    return (size_t)(p - to);
}

static size_t put_value(char *to, unsigned depth)
{
    char *p = to;
    switch (pick_below(depth > 3 ? 5 : 8)) {
    case 0:
        return (size_t)sprintf(to, "null");
    case 1:
        return (size_t)sprintf(to, "true");
    case 2:
        return (size_t)sprintf(to, "%d", (int)pick_below(1000));
    case 3:
        return (size_t)sprintf(to, pick_below(400) ? "[]" : "[tru]");
    case 4:
        *p++ = '[';
        p += put_hole(p);
        *p++ = ',';
        p += put_hole(p);
        *p++ = ']';
        return (size_t)(p - to);
    default:
        return put_object(to, depth, pick_below(3000));
    }
}

static size_t put_instance(char *to, const char *template)
{
    char *p = to;
    for (const char *t = template; *t; t++) {
        if (strncmp(t, "\"\"", 2) == 0) {
            p += put_string(p);
            t++;
        } else {
            *p++ = *t;
        }
    }
    return (size_t)(p - to);
}

static const char *next_object(const char *p, const char *end)
{
    while (p < end && *p != '{')
        p++;
    return p;
}

static void compare(gt_skeletons *k, const gt_scanner *scanner, const gt_scan_plan *plan,
                    const char *p, const char *end, gt_arena *scratch, size_t *ret_len)
{
    const char *want_values[PATHS], *got_values[PATHS], *ends[PATHS];
    gt_scan want = {0, want_values}, got = {0, got_values};
    gt_scan_verdict a = gt_scan_text(scanner, plan, p, end, &want);
    gt_scan_verdict b = gt_skeletons_scan(k, scanner, plan, p, end, &got, ends);
    assert_int_equal(a, b);
    *ret_len = a == GT_SCAN_OK ? want.len : 0;
    if (a != GT_SCAN_OK)
        return;
    assert_int_equal(want.len, got.len);
    for (size_t i = 0; i < PATHS; i++) {
        assert_ptr_equal(want_values[i], got_values[i]);
        if (!ends[i])
            continue;
        gt_str s;
        assert_true(gt_scan_string(want_values[i], end, scratch, &s));
        assert_ptr_equal(s.ptr, want_values[i] + 1);
        assert_int_equal(s.len, ends[i] - want_values[i] - 1);
    }
}

static void run_stream(gt_skeletons *k, const gt_scanner *scanner, const gt_scan_plan *plan,
                       gt_arena *scratch)
{
    enum { ROOM = 300000 };
    static const char *const between[] = {",", ",\n", "\n", " , ", "\"", ", \"x\" ", "", ",        "};
    char *buffer = malloc(ROOM + GT_SCAN_PADDING), *p = buffer;
    static char templates[8][20000];
    for (size_t i = 0; i < 8; i++)
        templates[i][put_object(templates[i], 0, pick_below(15625))] = '\0';
    size_t count = 0;
    while (p - buffer < ROOM - 60000 && count++ < 200) {
        if (pick_below(12) == 0)
            templates[7][put_object(templates[7], 0, pick_below(15625))] = '\0';
        p += put_instance(p, templates[pick_below(8)]);
        p += sprintf(p, "%s", between[pick_below(30) ? pick_below(2) : pick_below(8)]);
    }
    /* An exact end, so that the sanitizer sees what is read behind the padding. */
    size_t len = (size_t)(p - buffer) - pick_below(100);
    char *text = malloc(len + GT_SCAN_PADDING);
    memcpy(text, buffer, len);
    memcpy(text + len, buffer, GT_SCAN_PADDING); /* what stands there looks like more of it */
    const char *end = text + len;
    gt_skeletons_leave(k);
    for (const char *at = next_object(text, end); at < end;) {
        size_t object;
        compare(k, scanner, plan, at, end, scratch, &object);
        at = next_object(at + (object ? object : 1 + pick_below(50)), end);
        gt_arena_reset(scratch, GT_MIB);
    }
    free(text);
    free(buffer);
}

static void test_differential(void **state)
{
    (void)state;
    gt_arena *rules = gt_arena_new(GT_MIB), *scratch = gt_arena_new(GT_GIB);
    const gt_scan_plan *plan;
    assert_int_equal(gt_scan_plan_new(rules, paths, PATHS, &plan), GT_OK);
    size_t count;
    const gt_scanner *const *scanners = gt_scanners(&count);
    for (size_t i = 0; i < count; i++) {
        gt_skeletons *k = gt_skeletons_new(scanners[i], plan);
        seed = 88172645463325252u;
        for (int round = 0; round < 150; round++)
            run_stream(k, scanners[i], plan, scratch);
        uint64_t known, other;
        gt_skeletons_stats(k, &known, &other);
        print_message("# %s: %llu objects recognised, %llu not\n", scanners[i]->name,
                      (unsigned long long)known, (unsigned long long)other);
        if (k)
            assert_true(known > 3000 && other > 3000); /* both ways were taken */
        gt_skeletons_free(k);
    }
    gt_arena_free(rules);
    gt_arena_free(scratch);
}

/* One byte of a known record changed in every way must be judged as by the full scan. */
static void test_every_byte(void **state)
{
    (void)state;
    static const char record[] =
        "{\"eventVersion\":\"1.08\",\"userIdentity\":{\"type\":\"IAMUser\",\"accountId\":\"123456789012\"},"
        "\"eventName\":\"x\\\"y\",\"list\":[\"a\",\"b\",{\"k\":[\"c\"]}],\"n\":12,\"eventID\":\"e-1\"}";
    enum { LEN = sizeof record - 1 };
    gt_arena *rules = gt_arena_new(GT_MIB), *scratch = gt_arena_new(GT_GIB);
    const gt_scan_plan *plan;
    assert_int_equal(gt_scan_plan_new(rules, paths, PATHS, &plan), GT_OK);
    size_t count, len;
    const gt_scanner *const *scanners = gt_scanners(&count);
    char text[3 * LEN + 2 + GT_SCAN_PADDING];
    for (size_t i = 0; i < count; i++) {
        gt_skeletons *k = gt_skeletons_new(scanners[i], plan);
        for (size_t at = 0; at < LEN; at++) {
            for (int c = 0; c < 256; c++) {
                snprintf(text, sizeof text, "%s,%s,%s", record, record, record);
                text[LEN + 1 + at] = (char)c;
                const char *end = text + 3 * LEN + 2;
                gt_skeletons_leave(k);
                compare(k, scanners[i], plan, text, end, scratch, &len);
                assert_int_equal(len, LEN);
                if (text[LEN + 1] == '{')
                    compare(k, scanners[i], plan, text + LEN + 1, end, scratch, &len);
                compare(k, scanners[i], plan, text + 2 * LEN + 2, end, scratch, &len);
                assert_int_equal(len, LEN);
                gt_arena_reset(scratch, GT_MIB);
            }
        }
        gt_skeletons_free(k);
    }
    gt_arena_free(rules);
    gt_arena_free(scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_differential),
        cmocka_unit_test(test_every_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
