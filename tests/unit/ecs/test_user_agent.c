/* User agents: the shared table of agents and their fields, uap-core's own test cases, and the
 * reader of its file. */
#include "test.h"

#include "base/limits.h"
#include "ecs/user_agent.h"

#define CASES "/usr/share/uap-core/tests/"

typedef struct agents {
    gt_arena *arena;
    gt_str file;
    gt_uap *uap;
    gt_uap_matcher *matcher;
} agents;

static int open_agents(void **state)
{
    static agents a;
    gt_str why;
    a = (agents){.arena = gt_arena_new(GT_SCRATCH_ARENA_MAX)};
    a.file = test_read_file(GT_ECS_UAP_CORE);
    if (a.file.ptr) {
        assert_int_equal(gt_uap_parse(a.file, a.arena, &a.uap, &why), GT_OK);
        a.matcher = gt_uap_matcher_new(a.uap);
    }
    *state = &a;
    return 0;
}

static int close_agents(void **state)
{
    agents *a = *state;
    gt_uap_matcher_free(a->matcher);
    free((void *)(uintptr_t)a->file.ptr);
    gt_arena_free(a->arena);
    return 0;
}

#define NEEDS_FILE(a)                                                                              \
    do {                                                                                           \
        if (!(a)->matcher) {                                                                       \
            print_message("# SKIP %s is absent\n", GT_ECS_UAP_CORE);                               \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

static gt_str field(const fragment *f, object_id object, const char *key)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->fields[i].object == object && gt_str_eq(f->fields[i].key, gt_str_c(key)))
            return f->fields[i].text;
    return GT_STR_NULL;
}

static void every_expression_compiles(void **state)
{
    agents *a = *state;
    NEEDS_FILE(a);
    size_t without = 0;
    for (int kind = 0; kind < UAP_KINDS; kind++)
        for (size_t i = 0; i < a->uap->count[kind]; i++) {
            if (!gt_uap_compiles(a->matcher, &a->uap->patterns[kind][i]))
                fail_msg("%.*s", GT_STR_ARG(a->uap->patterns[kind][i].regex));
            without += !a->uap->patterns[kind][i].literals;
        }
    print_message("# %zu expressions, %zu of them without a literal\n", a->uap->total, without);
    assert_true(a->uap->total > 1000);
    assert_true(without * 8 < a->uap->total);
}

static void shared_table(void **state)
{
    agents *a = *state;
    char path[512];
    snprintf(path, sizeof path, "%s/ecs/tables/TABLES.json", test_shared());
    TEST_NEEDS_SHARED(path);
    NEEDS_FILE(a);
    gt_str text = test_read_file(path);
    gt_json *tables;
    assert_int_equal(gt_json_parse(a->arena, text, &tables, NULL), GT_OK);
    static const struct {
        const char *path;
        object_id object;
        const char *key;
    } fields[] = {{"name", OBJ_USER_AGENT, "name"},   {"version", OBJ_USER_AGENT, "version"},
                  {"device.name", OBJ_UA_DEVICE, "name"}, {"os.name", OBJ_UA_OS, "name"},
                  {"os.version", OBJ_UA_OS, "version"},   {"os.full", OBJ_UA_OS, "full"}};
    size_t checked = 0;
    for (gt_json *e = gt_json_first(gt_json_getl(tables, "ua")); e; e = e->next, checked++) {
        fragment f;
        assert_int_equal(gt_uap_match(a->matcher, e->key, a->arena, &f), GT_OK);
        for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
            gt_str want = gt_json_path_str(e, fields[i].path);
            gt_str got = field(&f, fields[i].object, fields[i].key);
            if (!gt_str_eq(got, want))
                fail_msg("%.*s: %s is '%.*s', not '%.*s'", GT_STR_ARG(e->key), fields[i].path,
                         GT_STR_ARG(got), GT_STR_ARG(want));
        }
    }
    assert_true(checked > 20);
    free((void *)(uintptr_t)text.ptr);
}

/* "    family: 'Luminary'" → Luminary; the files quote with ' or ". */
static bool yaml_line(gt_arena *arena, gt_str line, const char *key, gt_str *ret)
{
    gt_str name, value = gt_str_cut(gt_str_trim(line), ':', &name);
    if (gt_str_starts(name, GT_STR("- ")))
        name = gt_str_from(name, 2);
    value = gt_str_trim(value);
    if (!gt_str_eq(name, gt_str_c(key)))
        return false;
    *ret = GT_STR_NULL;
    if (value.len < 2)
        return true;
    char quote = value.ptr[0], *out = gt_arena_alloc(arena, value.len);
    size_t n = 0;
    bool quoted = quote == '\'' || quote == '"';
    for (size_t i = quoted; i < value.len - quoted; i++) {
        if (quote == '\'' && value.ptr[i] == '\'')
            i++; /* '' */
        if (quote == '"' && value.ptr[i] == '\\')
            i++;
        out[n++] = value.ptr[i];
    }
    *ret = (gt_str){out, n};
    return true;
}

static void check_cases(agents *a, const char *path, object_id object, bool version)
{
    gt_str text = test_read_file(path), line, rest = text, agent = GT_STR_NULL, v;
    gt_str family = GT_STR_NULL, major = GT_STR_NULL;
    size_t checked = 0, wrong = 0;
    if (!text.ptr) {
        print_message("# SKIP %s is absent\n", path);
        skip();
    }
    do {
        rest = gt_str_cut(rest, '\n', &line);
        bool next = yaml_line(a->arena, line, "user_agent_string", &v);
        if ((next || !rest.ptr) && agent.len && family.len) {
            fragment f;
            assert_int_equal(gt_uap_match(a->matcher, agent, a->arena, &f), GT_OK);
            gt_str got = gt_str_trim(field(&f, object, "name")), dollar = GT_STR("$");
            gt_str number = field(&f, object, "version");
            bool same = gt_str_eq(got.ptr ? got : GT_STR("Other"), family);
            if (version && same)
                same = gt_str_starts(number, major);
            /* The processor fills in the first "$1" only, where uap-core means more. */
            bool unfilled = gt_str_find(got, dollar) != GT_NPOS ||
                            gt_str_find(number, dollar) != GT_NPOS;
            if (!same && !unfilled && ++wrong < 10)
                print_message("# %.*s: '%.*s' %.*s, not '%.*s' %.*s\n", GT_STR_ARG(agent),
                              GT_STR_ARG(got), GT_STR_ARG(number), GT_STR_ARG(family),
                              GT_STR_ARG(major));
            checked++;
            family = major = GT_STR_NULL;
        }
        if (next)
            agent = v;
        else if (yaml_line(a->arena, line, "family", &v))
            family = v;
        else if (yaml_line(a->arena, line, "major", &v))
            major = v;
    } while (rest.ptr);
    print_message("# %s: %zu cases, %zu differ\n", path, checked, wrong);
    free((void *)(uintptr_t)text.ptr);
    assert_true(checked > 100);
    assert_int_equal(wrong, 0);
}

static void cases_of_agents(void **state)
{
    NEEDS_FILE((agents *)*state);
    check_cases(*state, CASES "test_ua.yaml", OBJ_USER_AGENT, true);
}

static void cases_of_systems(void **state)
{
    NEEDS_FILE((agents *)*state);
    check_cases(*state, CASES "test_os.yaml", OBJ_UA_OS, true);
}

static void cases_of_devices(void **state)
{
    NEEDS_FILE((agents *)*state);
    check_cases(*state, CASES "test_device.yaml", OBJ_UA_DEVICE, false);
}

static gt_status parse_text(agents *a, const char *text, gt_uap **ret)
{
    gt_str why = GT_STR_NULL;
    gt_status status = gt_uap_parse(gt_str_c(text), a->arena, ret, &why);
    assert_true(status == GT_OK || why.len > 0);
    return status;
}

static void the_file_is_read(void **state)
{
    agents *a = *state;
    gt_uap *uap;
    assert_int_equal(parse_text(a, "# top\nuser_agent_parsers:\n  - regex: 'It''s (x+)'  # c\n"
                                   "    family_replacement: \"A \\\"$1\\\"\"\n\n"
                                   "  - regex: plain/(\\d+)\n    v1_replacement: '7'\n"
                                   "other:\n  - key: 'v'\n"
                                   "device_parsers:\n- regex: 'Bot'\n  regex_flag: 'i'\n"
                                   "  device_replacement: 'Spider'\n",
                                &uap),
                     GT_OK);
    assert_int_equal(uap->count[UAP_AGENT], 2);
    assert_int_equal(uap->count[UAP_DEVICE], 1);
    gt_uap_matcher *matcher = gt_uap_matcher_new(uap);
    fragment f;
    assert_int_equal(gt_uap_match(matcher, GT_STR("It's xx robot"), a->arena, &f), GT_OK);
    assert_true(gt_str_is(field(&f, OBJ_USER_AGENT, "name"), "A \"xx\""));
    assert_true(gt_str_is(field(&f, OBJ_UA_DEVICE, "name"), "Spider"));
    assert_int_equal(gt_uap_match(matcher, GT_STR("plain/4"), a->arena, &f), GT_OK);
    assert_true(gt_str_is(field(&f, OBJ_USER_AGENT, "name"), "4"));
    assert_true(gt_str_is(field(&f, OBJ_USER_AGENT, "version"), "7"));
    gt_uap_matcher_free(matcher);
    static const char *const broken[] = {
        "user_agent_parsers:\n  - regex: 'open\n", "user_agent_parsers:\n  regex: 'x'\n",
        "user_agent_parsers:\n  - family_replacement: 'x'\n", "just text\n",
        "user_agent_parsers:\n  - regex: 'a' b\n"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        assert_int_equal(parse_text(a, broken[i], &uap), GT_INVALID);
}

/* The literals are a necessary condition: an expression that matches holds one of them. */
static void literals(void **state)
{
    agents *a = *state;
    static const struct {
        const char *regex, *literals;
    } cases[] = {
        {"(Luminary)/(\\d+)", "luminary"},
        {"a(?:bcd|efgh)?xyz", "xyz"},
        {"(Abc|Defg)/x", "abc defg"},
        {"(Abc|D.f)", ""},
        {"abcd?", "abc"},
        {"abcd*e", "abc"},
        {"x{0,3}long\\.name", "long.name"},
        {"[abc]def\\d+longer", "longer"},
        {"(?!nothere)(?:bo+t)", ""},
        {"ab", ""},
        {"(?i)abc", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uap_pattern p = {.regex = gt_str_c(cases[i].regex)};
        gt_buf got = GT_BUF(GT_MIB);
        gt_buf_lit(&got, "");
        assert_int_equal(gt_uap_literals(&p, a->arena), GT_OK);
        for (size_t k = 0; k < p.literal_count; k++)
            gt_buf_printf(&got, "%s%.*s", k ? " " : "", GT_STR_ARG(p.literals[k]));
        assert_string_equal(got.data, cases[i].literals);
        gt_buf_done(&got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_expression_compiles), cmocka_unit_test(shared_table),
        cmocka_unit_test(cases_of_agents),           cmocka_unit_test(cases_of_systems),
        cmocka_unit_test(cases_of_devices),          cmocka_unit_test(the_file_is_read),
        cmocka_unit_test(literals),
    };
    return cmocka_run_group_tests(tests, open_agents, close_agents);
}
