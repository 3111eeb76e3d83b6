/* JSONTestSuite: y_ must be accepted, n_ refused, i_ may be either but must not crash. */
#include "test.h"

#include "base/limits.h"
#include "json/json.h"

#include <dirent.h>

static void suite(void **state)
{
    (void)state;
    char dir[512];
    snprintf(dir, sizeof dir, "%s/json/test_parsing", test_shared());
    DIR *d = opendir(dir);
    if (!d) {
        print_message("# SKIP %s is absent\n", dir);
        skip();
    }
    size_t seen = 0, wrong = 0;
    for (struct dirent *e; (e = readdir(d));) {
        char path[1024];
        if (!strstr(e->d_name, ".json"))
            continue;
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        gt_str text = test_read_file(path);
        gt_arena *arena = gt_arena_new(64 * GT_MIB);
        gt_json *root;
        gt_status status = gt_json_parse(arena, text, &root, NULL);
        seen++;
        if ((e->d_name[0] == 'y' && status != GT_OK) || (e->d_name[0] == 'n' && status == GT_OK)) {
            print_error("%s: %s\n", e->d_name, gt_status_text(status));
            wrong++;
        }
        gt_arena_free(arena);
        free((void *)(uintptr_t)text.ptr);
    }
    closedir(d);
    assert_true(seen > 300);
    assert_int_equal(wrong, 0);
}

static gt_json *parse(gt_arena *arena, const char *text)
{
    gt_json *root = NULL;
    assert_int_equal(gt_json_parse(arena, gt_str_c(text), &root, NULL), GT_OK);
    return root;
}

static void written(gt_arena *arena, const char *in, const char *out)
{
    gt_buf buf = GT_BUF(GT_MIB);
    gt_json_write(&buf, parse(arena, in));
    assert_string_equal(buf.data, out);
    gt_buf_done(&buf);
}

static void round_trips(void **state)
{
    (void)state;
    gt_arena *arena = gt_arena_new(64 * GT_MIB);
    written(arena, " { \"a\" : [1, 2.50, true ,null,\"x\"] } ", "{\"a\":[1,2.50,true,null,\"x\"]}");
    written(arena, "\"\\u0041\\n\\/\\ud83d\\ude00\\ud800\"", "\"A\\n/\xF0\x9F\x98\x80\xEF\xBF\xBD\"");
    written(arena, "\"\\u001b[0m\xC2\x9B\x7F\xFF\"",
            "\"\\u001b[0m\\u009b\\u007f\xEF\xBF\xBD\"");
    written(arena, "{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":3,\"b\":2}");
    written(arena, "{\"b\":2,\"a\":1,\"a\":3}", "{\"b\":2,\"a\":3}");
    written(arena, "{\"a\":1,\"a\":{\"c\":1},\"a\":3,\"d\":4}", "{\"a\":3,\"d\":4}");
    gt_arena_free(arena);
}

static void many_duplicate_keys(void **state)
{
    (void)state;
    gt_arena *arena = gt_arena_new(256 * GT_MIB);
    gt_buf in = GT_BUF(16 * GT_MIB);
    gt_buf_lit(&in, "{");
    for (int i = 0; i < 200000; i++)
        gt_buf_printf(&in, "%s\"k%d\":%d", i ? "," : "", i % 1000, i);
    gt_buf_lit(&in, "}");
    gt_json *root = parse(arena, in.data);
    assert_int_equal(root->count, 1000);
    int64_t n;
    assert_true(gt_json_i64(gt_json_getl(root, "k7"), &n));
    assert_int_equal(n, 199007);
    assert_true(gt_str_is(root->last->key, "k999"));
    gt_buf_done(&in);
    gt_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(suite),
        cmocka_unit_test(round_trips),
        cmocka_unit_test(many_duplicate_keys),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
