/* Every KQL text of Elastic's AWS rules compiles, without a warning, and says what it needs. */
#include "kql_test.h"

#include <dirent.h>

/* The value of a TOML key as these files write it: key = '''…''', """…""" or "…". */
static gt_str toml_string(gt_str file, const char *key)
{
    char begin[64];
    snprintf(begin, sizeof begin, "\n%s = ", key);
    size_t at = gt_str_find(file, gt_str_c(begin));
    if (at == GT_NPOS)
        return GT_STR_NULL;
    gt_str rest = gt_str_from(file, at + strlen(begin));
    gt_str quote = gt_str_head(rest, 3);
    if (!gt_str_is(quote, "'''") && !gt_str_is(quote, "\"\"\""))
        quote.len = 1;
    rest = gt_str_from(rest, quote.len);
    return gt_str_head(rest, gt_str_find(rest, quote));
}

/* Backslash escapes of basic strings: these files use only \\ and \". */
static gt_str unescape(kql_test *t, gt_str s)
{
    char *out = gt_arena_alloc(t->arena, s.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '\\' && i + 1 < s.len)
            i++;
        out[len++] = s.ptr[i];
    }
    return (gt_str){out, len};
}

static size_t compile_folder(kql_test *t, const char *folder)
{
    char path[1024];
    size_t count = 0;
    snprintf(path, sizeof path, "%s/rules/%s", test_shared(), folder);
    DIR *dir = opendir(path);
    if (!dir) {
        print_message("# SKIP %s is absent\n", path);
        kql_test_end(t);
        skip();
    }
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (!gt_str_ends(gt_str_c(entry->d_name), GT_STR(".toml")))
            continue;
        snprintf(path, sizeof path, "%s/rules/%s/%s", test_shared(), folder, entry->d_name);
        gt_str file = test_read_file(path);
        gt_str text = toml_string(file, "query");
        if (!gt_str_is(toml_string(file, "language"), "kuery") || !text.ptr) {
            free((void *)(uintptr_t)file.ptr);
            continue;
        }
        if (text.ptr[-1] == '"')
            text = unescape(t, text);
        gt_query *query = NULL;
        gt_status status = kql_test_compile(t, text, &query);
        if (status != GT_OK || t->diags.count) {
            kql_test_say(t);
            fail_msg("%s", entry->d_name);
        }
        gt_query_needs needs = gt_query_needs_of(query, t->arena, GT_STR("event.provider"));
        if (!needs.known && gt_str_find(text, GT_STR("event.provider:")) != GT_NPOS)
            print_message("%s: no needed provider\n", entry->d_name);
        count++;
        free((void *)(uintptr_t)file.ptr);
    }
    closedir(dir);
    return count;
}

static void test_rules(void **state)
{
    (void)state;
    kql_test t;
    kql_test_begin(&t);
    size_t count = compile_folder(&t, "elastic-aws");
    count += compile_folder(&t, "elastic-aws-building-block");
    assert_int_equal(count, 144);
    kql_test_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rules)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
