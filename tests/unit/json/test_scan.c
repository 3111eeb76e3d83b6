/* The structural scan against the plain parser: the same verdict on every input, the same values,
 * for every instruction set of this machine. */
#include "test.h"

#include "base/hash.h"
#include "base/limits.h"
#include "json/json.h"
#include "json/scan.h"

#include <dirent.h>

static const gt_str key_id = GT_STR("eventID"), key_user = GT_STR("userIdentity");
static const gt_str user_account[] = {{"userIdentity", 12}, {"accountId", 9}};
static const gt_str deep_x[] = {{"userIdentity", 12}, {"x", 1}, {"session", 7}};
static const gt_str key_short = GT_STR("a");
static const gt_scan_path paths[] = {
    {&key_id, 1}, {&key_user, 1}, {user_account, 2}, {deep_x, 3}, {&key_short, 1}};
static const char *const dotted[] = {"eventID", "userIdentity", "userIdentity.accountId",
                                     "userIdentity.x.session", "a"};
#define PATHS (sizeof paths / sizeof *paths)

typedef struct fixture {
    gt_arena *rules, *scratch;
    const gt_scan_plan *plan;
    unsigned long compared;
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    f->rules = gt_arena_new(GT_MIB);
    f->scratch = gt_arena_new(GT_SCRATCH_ARENA_MAX);
    assert_int_equal(gt_scan_plan_new(f->rules, paths, PATHS, &f->plan), GT_OK);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    gt_arena_free(f->rules);
    gt_arena_free(f->scratch);
    free(f);
    return 0;
}

static void show(const char *what, const char *scanner, gt_str text)
{
    print_error("%s (%s) on: ", what, scanner);
    for (size_t i = 0; i < text.len && i < 400; i++)
        print_error(text.ptr[i] >= 32 && text.ptr[i] < 127 ? "%c" : "\\x%02x",
                    (unsigned char)text.ptr[i]);
    print_error("\n");
}

static bool same_values(fixture *f, gt_json *tree, const char *end, const char **values)
{
    for (size_t i = 0; i < PATHS; i++) {
        gt_json *want = gt_json_path(tree, dotted[i]);
        if (!want != !values[i])
            return false;
        if (!want)
            continue;
        gt_json *got;
        size_t pos = 0;
        gt_str rest = {values[i], (size_t)(end - values[i])};
        if (gt_json_parse_next(f->scratch, rest, &pos, &got, NULL) != GT_OK ||
            !gt_json_equal(want, got))
            return false;
        if (values[i] + pos != gt_scan_value_end(values[i], end))
            return false;
        gt_str s;
        assert_true(gt_scan_string(values[i], end, f->scratch, &s));
        if (!gt_str_eq(s, gt_json_str(want)) || !s.ptr != !gt_json_str(want).ptr)
            return false;
    }
    return true;
}

/* text begins with '{' or '[' and may have anything behind the value. */
static void compare(fixture *f, gt_str text)
{
    /* A copy of the exact size, so that ASan sees every byte read past the padding. */
    char *copy = malloc(text.len + GT_SCAN_PADDING);
    memcpy(copy, text.ptr, text.len);
    memset(copy + text.len, '"', GT_SCAN_PADDING);
    gt_str exact = {copy, text.len};
    gt_json *tree = NULL;
    size_t pos = 0, count;
    gt_status want = gt_json_parse_next(f->scratch, exact, &pos, &tree, NULL);
    const gt_scanner *const *scanners = gt_scanners(&count);
    for (size_t i = 0; i < count; i++) {
        const char *values[PATHS];
        gt_scan scan = {0, values};
        gt_scan_verdict got =
            gt_scan_text(scanners[i], f->plan, copy, copy + text.len, &scan);
        bool ok = (want == GT_OK) == (got == GT_SCAN_OK) && (got != GT_SCAN_OK || scan.len == pos);
        if (!ok)
            show("another verdict", scanners[i]->name, text);
        assert_true(ok);
        if (got == GT_SCAN_OK && !same_values(f, tree, copy + scan.len, values)) {
            show("other values", scanners[i]->name, text);
            fail();
        }
        static const uint8_t secret[GT_SCAN_SECRET] = {7, 1, 8, 2, 8};
        assert_true(scanners[i]->hash(secret, copy, text.len) ==
                    scanners[count - 1]->hash(secret, exact.ptr, exact.len));
    }
    f->compared++;
    free(copy);
    gt_arena_reset(f->scratch, GT_MIB);
}

static void compare_at_all_alignments(fixture *f, gt_str text)
{
    /* A string of growing length before the text moves every token over the block borders. */
    char buffer[4096];
    for (size_t shift = 0; shift < 70 && text.len < 2000; shift++) {
        int len = snprintf(buffer, sizeof buffer, "[\"%.*s\",%.*s]", (int)shift,
                           "ssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss",
                           (int)text.len, text.ptr);
        compare(f, (gt_str){buffer, (size_t)len});
    }
}

static void test_cases(void **state)
{
    fixture *f = *state;
    static const char *const cases[] = {
        "{}", "[]", "{\"a\":1}", "{\"a\" : 1 , \"b\" :\t[ ] }", "{\"a\":1,}", "{,}", "{\"a\"}",
        "{\"a\":}", "{\"a\":1 \"b\":2}", "[1 2]", "[1,,2]", "[,1]", "[1,]", "{\"a\":1:2}",
        "{1:2}", "[\"a\":1]", "{\"a\",\"b\"}", "{\"a\":\"b\":\"c\"}", "[}", "{]", "[1}", "{\"a\":[}",
        "{\"a\":1]", "[tru]", "[true1]", "[nul]", "[-]", "[-0]", "[01]", "[1.]", "[.5]", "[1e]",
        "[1e+]", "[1E-7]", "[1.5e3]", "[0x1]", "[+1]", "[\"\\u12g4\"]", "[\"\\u1234\"]", "[\"\\x\"]",
        "[\"\t\"]", "[\"a\nb\"]", "[\x0b 1]", "[1\x01]", "[\"\\\\\"]", "[\"\\\\\\\"]", "[\"\\\"\"]",
        "[\\1]", "[\"a\\", "[\"a", "[1", "[tr", "{\"a", "{\"a\":", "[\"\\ud800\"]",
        "[\"\\ud83d\\ude00\"]", "[\"\\u12", "{\"eventID\":\"x\"}", "{\"event\\u0049D\":\"y\"}",
        "{\"eventID\":\"x\",\"eventID\":1}", "{\"eventID\":\"x\",\"event\\u0049D\":\"z\"}",
        "{\"userIdentity\":{\"accountId\":\"1\"},\"userIdentity\":{}}",
        "{\"userIdentity\":{\"accountId\":\"1\"},\"userIdentity\":null}",
        "{\"userIdentity\":{\"x\":{\"session\":7,\"accountId\":2},\"accountId\":\"\\n\"}}",
        "{\"userIdentity\":[{\"accountId\":\"1\"}],\"a\":2}",
        "{\"userIdentity\":\"s\",\"b\":{\"accountId\":\"1\"},\"a\":{\"accountId\":\"1\"}}",
        "{\"us\\u0065rIdentity\":{\"\\u0061ccountId\":\"1\",\"x\":{\"s\\u0065ssion\":[1]}}}",
        "{\"userIdentity\" : { \"accountId\" :\n\"5\" } , \"eventID\" : \"e\\u00e9\\n\"}",
        "{\"a\":{\"eventID\":\"no\"},\"b\":[{\"eventID\":\"no\"}]}", "{\"\\u0061\":1}", "{\"a\\u0000\":1}",
        "{\"\":1,\"e\":2,\"eventI\":3,\"eventIDx\":4,\"eventID\":5}", "{\"a\"x:1}", "{\"a\":\"b\"c}",
        "[\"a\"\"b\"]", "[[][]]", "[{}{}]", "[1[2]]", "{\"a\":tru\"e\"}", "[nulll]", "[false,true,null]",
        "{\"a\\\":1}", "[\"\\/\\b\\f\\n\\r\\t\"]", "[\"\\a\"]", "[\x80]", "[\"\x80\xff\"]", "[\"\x7f\"]",
        "[1]]", "{}}", "{}x", "[1]\"", "[\0]"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        compare(f, gt_str_c(cases[i]));
        compare_at_all_alignments(f, gt_str_c(cases[i]));
        for (size_t cut = 1; cut < strlen(cases[i]); cut++)
            compare(f, (gt_str){cases[i], cut});
    }
}

static void test_depth(void **state)
{
    fixture *f = *state;
    char text[4 * GT_JSON_DEPTH_MAX];
    for (size_t depth = GT_JSON_DEPTH_MAX - 2; depth <= GT_JSON_DEPTH_MAX + 2; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        compare(f, (gt_str){text, 2 * depth});
        memset(text, '{', 1);
        compare(f, (gt_str){text, 2 * depth});
    }
}

static void test_suite(void **state)
{
    fixture *f = *state;
    char path[4096];
    snprintf(path, sizeof path, "%s/json/test_parsing", test_shared());
    DIR *dir = opendir(path);
    if (!dir) {
        print_message("# SKIP %s is absent\n", path);
        skip();
    }
    size_t files = 0;
    for (struct dirent *e; (e = readdir(dir));) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/json/test_parsing/%s", test_shared(), e->d_name);
        gt_str text = test_read_file(path);
        char *wrapped = malloc(text.len + 3);
        wrapped[0] = '[';
        memcpy(wrapped + 1, text.ptr, text.len);
        memcpy(wrapped + 1 + text.len, "]", 2);
        compare(f, (gt_str){wrapped, text.len + 2});
        if (text.len && (*text.ptr == '[' || *text.ptr == '{'))
            compare(f, text);
        free(wrapped);
        free((char *)(uintptr_t)text.ptr);
        files++;
    }
    closedir(dir);
    assert_true(files > 300);
}

static uint64_t next_random(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    return *x ^= *x << 17;
}

static void mutate(char *text, size_t *len, uint64_t *seed)
{
    static const char bytes[] = "{}[]:,\"\\ \n\t0123e.-tfnu\x01\xc3";
    for (uint64_t n = next_random(seed) % 3; n < 3; n++) {
        size_t at = next_random(seed) % *len;
        switch (next_random(seed) % 4) {
        case 0:
            text[at] = bytes[next_random(seed) % (sizeof bytes - 1)];
            break;
        case 1: /* delete some */ {
            size_t k = 1 + next_random(seed) % 4;
            if (at + k >= *len)
                break;
            memmove(text + at, text + at + k, *len - at - k);
            *len -= k;
            break;
        }
        case 2: /* insert one */
            memmove(text + at + 1, text + at, *len - at);
            text[at] = bytes[next_random(seed) % (sizeof bytes - 1)];
            (*len)++;
            break;
        default: /* repeat a piece somewhere else */ {
            size_t k = 1 + next_random(seed) % 40, from = next_random(seed) % *len;
            if (from + k > *len || at + k > *len)
                break;
            memmove(text + at, text + from, k);
            break;
        }
        }
        if (*len < 2)
            return;
    }
}

static void test_mutations(void **state)
{
    fixture *f = *state;
    static const char seed_text[] =
        "{\"eventVersion\":\"1.08\",\"userIdentity\":{\"type\":\"IAMUser\",\"x\":{\"session\":[1,{}]},"
        "\"accountId\":\"123456789012\",\"a\":null},\"eventTime\":\"2024-01-01T00:00:00Z\","
        "\"requestParameters\":{\"p\":\"{\\\"Version\\\":\\\"2012\\\",\\n \\u00e9}\",\"n\":[1.5e3,-0,true,"
        "false,[],{}]}, \"readOnly\" : false,\n\t\"eventID\":\"d1d0b0ee\",\"a\":{\"b\":{\"c\":[[1]]}}}";
    char text[4096];
    uint64_t seed = 88172645463325252u;
    for (int i = 0; i < 60000; i++) {
        size_t len = sizeof seed_text - 1;
        memcpy(text, seed_text, len);
        mutate(text, &len, &seed);
        if (*text == '{' || *text == '[')
            compare(f, (gt_str){text, len});
    }
    assert_true(f->compared > 50000);
}

static void test_no_memory(void **state)
{
    (void)state;
    for (long n = 0; n < 100; n++) {
        gt_mem_fail_after(n);
        gt_arena *arena = gt_arena_new(GT_MIB);
        const gt_scan_plan *plan;
        gt_status status = arena ? gt_scan_plan_new(arena, paths, PATHS, &plan) : GT_NOMEM;
        gt_mem_fail_after(-1);
        gt_arena_free(arena);
        if (status == GT_OK)
            return;
        assert_int_equal(status, GT_NOMEM);
    }
    fail();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_cases, setup, teardown),
        cmocka_unit_test_setup_teardown(test_depth, setup, teardown),
        cmocka_unit_test_setup_teardown(test_suite, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mutations, setup, teardown),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
