/* Every pair of Elastic's own pipeline tests in the shared data: input line → expected document. */
#include "test.h"

#include "base/limits.h"
#include "ecs/ecs.h"
#include "json/json.h"
#include "schema/schema.h"

#include <dirent.h>
#include <unistd.h>

#define CITY "build/testdata/mmdb/GeoIP2-City-Test.mmdb"
#define ASN "build/testdata/mmdb/GeoLite2-ASN-Test.mmdb"

static int failures;

/* What the runner of rules adds and the expected files lack. */
static void remove_injected(gt_json *document)
{
    gt_json *event = gt_json_getl(document, "event");
    gt_json_remove(event, GT_STR("dataset"));
    gt_json_remove(event, GT_STR("module"));
    gt_json_remove(document, GT_STR("data_stream"));
}

static gt_str below(gt_str path, gt_str key, gt_arena *arena)
{
    if (!path.len)
        return key;
    return gt_arena_printf(arena, "%.*s.%.*s", GT_STR_ARG(path), GT_STR_ARG(key));
}

static void differences(const char *name, gt_str path, const gt_json *got, const gt_json *want,
                        gt_arena *arena)
{
    if (gt_json_is(got, GT_JSON_OBJECT) && gt_json_is(want, GT_JSON_OBJECT)) {
        for (gt_json *m = got->first; m; m = m->next)
            differences(name, below(path, m->key, arena), m, gt_json_get(want, m->key), arena);
        for (gt_json *m = want->first; m; m = m->next)
            if (!gt_json_get(got, m->key))
                differences(name, below(path, m->key, arena), NULL, m, arena);
        return;
    }
    if (gt_json_equal(got, want))
        return;
    gt_buf text = GT_BUF(GT_MIB);
    gt_json_write(&text, got);
    gt_buf_lit(&text, "\n#   want ");
    gt_json_write(&text, want);
    print_message("# %s%.*s\n#   got  %s\n", name, GT_STR_ARG(path), text.data);
    gt_buf_done(&text);
}

/* Every field that the mapping writes has a row, and the row's type takes the value. */
static void check_types(const gt_json *node, gt_str path, gt_arena *arena)
{
    const gt_field *row;
    gt_field_type type = gt_schema_type(gt_schema_default(), path, &row);
    if (node->type == GT_JSON_ARRAY && type != GT_FIELD_FLATTENED) {
        for (gt_json *e = node->first; e; e = e->next)
            check_types(e, path, arena);
        return;
    }
    if (node->type == GT_JSON_OBJECT) {
        if (type == GT_FIELD_FLATTENED || type == GT_FIELD_GEO_POINT)
            return;
        for (gt_json *m = node->first; m; m = m->next)
            check_types(m, below(path, m->key, arena), arena);
        return;
    }
    bool fits = type == GT_FIELD_KEYWORD || type == GT_FIELD_DATE || type == GT_FIELD_IP ||
                type == GT_FIELD_TEXT || type == GT_FIELD_CONSTANT_KEYWORD;
    if (node->type == GT_JSON_BOOL)
        fits = type == GT_FIELD_BOOLEAN;
    if (node->type == GT_JSON_NUMBER)
        fits = type == GT_FIELD_LONG || type == GT_FIELD_DOUBLE;
    if (!fits && type != GT_FIELD_FLATTENED)
        fail_msg("%.*s is typed %s", GT_STR_ARG(path), gt_field_type_name(type));
}

static void check(const char *name, gt_ecs *ecs, gt_str line, const gt_json *want)
{
    gt_arena *batch = gt_arena_new(GT_BATCH_ARENA_MAX);
    gt_json *record = NULL, *got = NULL;
    gt_str text = gt_str_trim(line);
    if (text.len)
        assert_int_equal(gt_json_parse(batch, text, &record, NULL), GT_OK);
    assert_int_equal(gt_ecs_map(ecs, batch, record, text, &got), GT_OK);
    check_types(got, GT_STR_NULL, batch);
    remove_injected(got);
    if (!gt_json_equal(got, want)) {
        failures++;
        differences(name, GT_STR_NULL, got, want, batch);
    }
    gt_arena_free(batch);
}

static void check_pair(const char *dir, const char *name, size_t stem, gt_ecs *ecs)
{
    char path[1024];
    gt_arena *arena = gt_arena_new(GT_BATCH_ARENA_MAX);
    gt_json *expected;
    snprintf(path, sizeof path, "%s/%.*s.log", dir, (int)stem, name);
    gt_str input = test_read_file(path);
    snprintf(path, sizeof path, "%s/%s", dir, name);
    gt_str output = test_read_file(path);
    assert_non_null(input.ptr);
    assert_non_null(output.ptr);
    assert_int_equal(gt_json_parse(arena, output, &expected, NULL), GT_OK);
    gt_str line, rest = input;
    gt_json *want = gt_json_first(gt_json_getl(expected, "expected"));
    for (; want; want = want->next) {
        rest = gt_str_cut(rest, '\n', &line);
        check(name, ecs, line, want);
    }
    free((void *)(uintptr_t)input.ptr);
    free((void *)(uintptr_t)output.ptr);
    gt_arena_free(arena);
}

static void all_pairs(void **state)
{
    (void)state;
    char dir[300];
    const char *other = getenv("GT_ECS_PAIRS"); /* more pairs of the same form */
    snprintf(dir, sizeof dir, other ? "%s" : "%s/ecs/pairs", other ? other : test_shared());
    DIR *folder = opendir(dir);
    if (!folder || access(CITY, R_OK) != 0) {
        print_message("# SKIP %s is absent\n", folder ? CITY : dir);
        if (folder)
            closedir(folder);
        skip();
    }
    static const gt_str tags[] = {{"preserve_original_event", 23}, {"actor_target_mapping", 20}};
    gt_ecs_options options = {.mapping = GT_ECS_9_0,
                              .tags = tags,
                              .tag_count = 2,
                              .created = GT_STR("2021-11-11T01:02:03.123456789Z"),
                              .geoip_city = CITY,
                              .geoip_asn = ASN};
    gt_arena *arena = gt_arena_new(GT_MIB);
    gt_ecs_tables *tables;
    gt_str why;
    if (gt_ecs_tables_open(&options, arena, &tables, &why) != GT_OK)
        fail_msg("%.*s", GT_STR_ARG(why));
    gt_ecs *ecs = gt_ecs_new(tables);
    assert_non_null(ecs);
    int pairs = 0;
    for (struct dirent *d; (d = readdir(folder));) {
        const char *suffix = strstr(d->d_name, ".expected.json");
        if (suffix) {
            check_pair(dir, d->d_name, (size_t)(suffix - d->d_name), ecs);
            pairs++;
        }
    }
    closedir(folder);
    gt_ecs_free(ecs);
    gt_ecs_tables_close(tables);
    gt_arena_free(arena);
    print_message("# %d pairs\n", pairs);
    assert_true(pairs > 0);
    assert_int_equal(failures, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_pairs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
