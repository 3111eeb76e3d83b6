/* gatetrail.toml: defaults, values, every kind of mistake, secrets, the page made from the table. */
#include "test.h"

#include "base/limits.h"
#include "config/config.h"

#include <unistd.h>

typedef struct loaded {
    gt_arena *arena;
    gt_config *config;
    gt_buf text;
} loaded;

static const char *variable(void *ctx, const char *name)
{
    (void)ctx;
    return strcmp(name, "TOKEN") == 0 ? "s3cret" : NULL;
}

static const gt_config_env env = {NULL, variable};

static loaded parse(const char *text)
{
    loaded l = {.arena = gt_arena_new(64 * GT_MIB), .text = GT_BUF(4 * GT_MIB)};
    assert_int_equal(gt_config_parse(l.arena, GT_STR("conf/gatetrail.toml"), gt_str_c(text), &env, &l.config),
                     GT_OK);
    gt_diags_render(&l.config->diags, false, &l.text);
    return l;
}

static const char *said(const loaded *l)
{
    return l->text.data ? l->text.data : "";
}

static void unload(loaded *l)
{
    gt_buf_done(&l->text);
    gt_arena_free(l->arena);
}

static void assert_str(gt_str s, const char *expected)
{
    if (!gt_str_eq(s, gt_str_c(expected)))
        fail_msg("'%.*s' is not '%s'", GT_STR_ARG(s), expected);
}

static void defaults(void **state)
{
    (void)state;
    loaded l = parse("");
    assert_string_equal(said(&l), "");
    assert_str(gt_config_str(gt_config_get(l.config, GT_CONFIG_STORE), GT_CONFIG_STORE_PATH),
               "conf/gatetrail.db");
    const gt_config_section *watch = gt_config_get(l.config, GT_CONFIG_WATCH);
    assert_str(gt_config_str(watch, GT_CONFIG_WATCH_MODE), "continuous");
    assert_int_equal(gt_config_number(watch, GT_CONFIG_WATCH_DRAIN), 30000);
    assert_false(gt_config_has(watch, GT_CONFIG_WATCH_LISTEN));
    assert_true(gt_config_flag(gt_config_get(l.config, GT_CONFIG_RULES), GT_CONFIG_RULES_BUILTIN));
    assert_null(gt_config_next(l.config, GT_CONFIG_SOURCE, NULL));
    unload(&l);
}

static void values(void **state)
{
    (void)state;
    loaded l = parse("[rules]\npaths = ['r', '/abs']\n[watch]\nmode = 'schedule'\ndrain = '2m'\n"
                     "[[source]]\ntype = 'folder'\npath = 'logs'\n"
                     "[[source]]\nname = 'q'\ntype = 'sqs'\nqueue_url = 'https://q'\nverify_digests = true\n"
                     "[[sink]]\ntype = 'webhook'\nurl = 'env:TOKEN'\nheaders = {X-Key = 'env:TOKEN', N = 1}\n"
                     "[[rule]]\nrule = 'x'\nsinks = ['webhook']\n"
                     "[expected]\nanything = 1\n");
    assert_string_equal(said(&l), "");
    const gt_config_value *paths =
        gt_config_value_of(gt_config_get(l.config, GT_CONFIG_RULES), GT_CONFIG_RULES_PATHS);
    assert_int_equal(paths->count, 2);
    assert_str(paths->items[0], "conf/r");
    assert_str(paths->items[1], "/abs");
    assert_int_equal(
        gt_config_number(gt_config_get(l.config, GT_CONFIG_WATCH), GT_CONFIG_WATCH_DRAIN), 120000);
    const gt_config_section *folder = gt_config_next(l.config, GT_CONFIG_SOURCE, NULL);
    const gt_config_section *queue = gt_config_next(l.config, GT_CONFIG_SOURCE, folder);
    assert_str(folder->name, "folder");
    assert_str(folder->type, "folder");
    assert_str(gt_config_str(folder, GT_CONFIG_SOURCE_PATH), "conf/logs");
    assert_str(queue->name, "q");
    assert_true(gt_config_flag(queue, GT_CONFIG_SOURCE_VERIFY_DIGESTS));
    assert_null(gt_config_next(l.config, GT_CONFIG_SOURCE, queue));
    const gt_config_section *sink = gt_config_next(l.config, GT_CONFIG_SINK, NULL);
    assert_str(gt_config_str(sink, GT_CONFIG_SINK_URL), "s3cret");
    const gt_config_value *headers = gt_config_value_of(sink, GT_CONFIG_SINK_HEADERS);
    assert_str(headers->pairs[0].value, "s3cret");
    assert_str(headers->pairs[1].value, "1");
    assert_int_equal(gt_config_number(sink, GT_CONFIG_SINK_BATCH), 500);
    assert_non_null(gt_config_get(l.config, GT_CONFIG_EXPECTED)->table);
    gt_buf shown = GT_BUF(GT_MIB);
    gt_config_show(l.config, &shown);
    assert_null(strstr(shown.data, "s3cret"));
    assert_non_null(strstr(shown.data, "url = \"***\""));
    loaded again = parse(shown.data); /* what is shown is a configuration */
    assert_string_equal(said(&again), "");
    unload(&again);
    gt_buf_done(&shown);
    unload(&l);
}

static void mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *text, *code, *words;
    } cases[] = {
        {"[wach]\n", "CFG-001", "did you mean 'watch'?"},
        {"x = 1\n", "CFG-001", "there is no section 'x'"},
        {"[watch]\nmod = 'schedule'\n", "CFG-002", "did you mean 'mode'?"},
        {"[watch]\nmode = 1\n", "CFG-003", "'mode' must be a string, this is an integer"},
        {"[watch]\nworkers = '2'\n", "CFG-003", "must be an integer"},
        {"[rules]\nbuiltin = 'no'\n", "CFG-003", "true or false"},
        {"[rules]\npaths = 'x'\n", "CFG-003", "an array of strings"},
        {"[rules]\npaths = ['x', 1]\n", "CFG-003", "an array of strings"},
        {"[[watch]]\n", "CFG-003", "write it as [watch]"},
        {"[source]\n", "CFG-003", "write it as [[source]]"},
        {"[[source]]\n", "CFG-004", "[source] has no 'type'"},
        {"[[source]]\ntype = 's3'\n", "CFG-004", "[source] has no 'bucket'"},
        {"[[rule]]\n", "CFG-004", "[rule] has no 'rule'"},
        {"[[source]]\ntype = 'ftp'\n", "CFG-005", "'ftp' is no type"},
        {"[watch]\nmode = 'sometimes'\n", "CFG-005", "it is one of continuous|schedule"},
        {"[watch]\nworkers = 257\n", "CFG-005", "0 to 256"},
        {"[watch]\ndrain = '2 minutes'\n", "CFG-005", "no span of time"},
        {"[watch]\ndrain = '2h'\n", "CFG-005", "1s to 1h"},
        {"[store]\npath = ''\n", "CFG-005", "'path' is empty"},
        {"[[source]]\ntype = 'folder'\npath = 'x'\nbucket = 'b'\n", "CFG-006", "of type folder has no key 'bucket'"},
        {"[[sink]]\ntype = 'ndjson'\npath = 'x'\n[[sink]]\ntype = 'ndjson'\npath = 'y'\n", "CFG-007",
         "two [[sink]] are called 'ndjson'"},
        {"[[sink]]\ntype = 'slack'\nurl = 'env:NONE'\n", "CFG-008", "no variable 'NONE'"},
        {"[[sink]]\ntype = 'slack'\nurl = 'file:none'\n", "CFG-008", "'conf/none' cannot be read"},
        {"[[rule]]\nrule = 'x'\nsinks = ['y']\n", "CFG-009", "no [[sink]] called 'y'"},
        {"[watch\n", "TOML-014", "']' is missing"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        loaded l = parse(cases[i].text);
        if (l.config->diags.errors != 1 || !strstr(said(&l), cases[i].code) ||
            !strstr(said(&l), cases[i].words))
            fail_msg("%s: %s", cases[i].text, said(&l));
        unload(&l);
    }
}

static void files(void **state)
{
    (void)state;
    char folder[] = "/tmp/gt-config-XXXXXX", path[2][64];
    assert_non_null(mkdtemp(folder));
    snprintf(path[0], sizeof path[0], "%s/gatetrail.toml", folder);
    snprintf(path[1], sizeof path[1], "%s/token", folder);
    FILE *f = fopen(path[0], "wb");
    fputs("[[sink]]\ntype = 'slack'\nurl = 'file:token'\n", f);
    fclose(f);
    f = fopen(path[1], "wb");
    fputs("from a file\r\n", f);
    fclose(f);
    loaded l = {.arena = gt_arena_new(64 * GT_MIB)};
    assert_int_equal(gt_config_load(l.arena, gt_str_c(path[0]), &env, &l.config), GT_OK);
    assert_int_equal(l.config->diags.errors, 0);
    assert_str(gt_config_str(gt_config_next(l.config, GT_CONFIG_SINK, NULL), GT_CONFIG_SINK_URL), "from a file");
    remove(path[0]);
    assert_int_equal(gt_config_load(l.arena, gt_str_c(path[0]), &env, &l.config), GT_OK);
    assert_int_equal(l.config->diags.errors, 1);
    assert_string_equal(l.config->diags.items[0].code, "CFG-010");
    unload(&l);
    remove(path[1]);
    rmdir(folder);
}

static void without_memory(void **state)
{
    (void)state;
    for (long n = 0;; n++) {
        gt_arena *arena = gt_arena_new(64 * GT_MIB);
        gt_config *config;
        gt_mem_fail_after(n);
        gt_status status = gt_config_parse(arena, GT_STR("c"), GT_STR("[[sink]]\ntype = 'slack'\nurl = 'x'\n"),
                                           &env, &config);
        gt_mem_fail_after(-1);
        gt_arena_free(arena);
        if (status == GT_OK)
            break;
        assert_int_equal(status, GT_NOMEM);
    }
}

/* The page in docs/ is the one that the table gives. */
static void reference_is_current(void **state)
{
    (void)state;
    gt_buf page = GT_BUF(GT_MIB);
    gt_config_reference(&page);
    gt_str kept = test_read_file("docs/reference/configuration.md");
    assert_non_null(kept.ptr);
    if (!gt_str_eq(kept, gt_buf_str(&page)))
        fail_msg("docs/reference/configuration.md is old: write it with `gatetrail config reference`");
    free((void *)(uintptr_t)kept.ptr);
    gt_buf_done(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(values),
        cmocka_unit_test(mistakes),
        cmocka_unit_test(files),
        cmocka_unit_test(without_memory),
        cmocka_unit_test(reference_is_current),
    };
    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
