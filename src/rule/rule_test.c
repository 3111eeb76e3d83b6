#include "rule/rule_test.h"

#include "toml/toml.h"

typedef struct reader {
    gt_arena *arena;
    gt_diags *diags;
} reader;

static void complain(reader *r, gt_span span, const char *hint, const char *message)
{
    gt_diag_error(r->diags, "RULE-032", span, hint, "%s", message);
}

static gt_span short_span(const gt_toml *node)
{
    return (gt_span){node->span.begin, node->span.begin + 1};
}

/* record, event, records or events: exactly one. */
static bool read_events(reader *r, const gt_toml *node, gt_rule_test *test)
{
    static const char *const keys[] = {"record", "event", "records", "events"};
    const gt_toml *found = NULL;
    size_t which = 0, count = 0;
    for (size_t i = 0; i < 4; i++) {
        const gt_toml *value = gt_toml_get(node, gt_str_c(keys[i]));
        count += value != NULL;
        found = value ? value : found;
        which = value ? i : which;
    }
    if (count != 1) {
        complain(r, short_span(node), NULL, "a test has one of record, event, records and events");
        return false;
    }
    if (found->type != (which < 2 ? GT_TOML_TABLE : GT_TOML_ARRAY)) {
        complain(r, short_span(found), NULL,
                 which < 2 ? "this must be an object" : "this must be an array of objects");
        return false;
    }
    gt_json *events = gt_toml_to_json(r->arena, found);
    if (which < 2) {
        gt_json *one = events;
        events = gt_json_new_array(r->arena);
        gt_json_append(events, one);
    }
    test->documents = which % 2;
    test->events = events;
    return events != NULL;
}

static bool read_expected(reader *r, const gt_toml *node, gt_rule_test *test)
{
    const gt_toml *alert = gt_toml_getl(node, "alert"), *alerts = gt_toml_getl(node, "alerts");
    if ((alert != NULL) == (alerts != NULL)) {
        complain(r, short_span(node), NULL, "a test has either \"alert\" or \"alerts\"");
        return false;
    }
    if (alert ? alert->type != GT_TOML_BOOL
              : alerts->type != GT_TOML_INTEGER || alerts->integer < 0) {
        complain(r, alert ? alert->span : alerts->span, NULL,
                 alert ? "\"alert\" is true or false" : "\"alerts\" is how many there must be");
        return false;
    }
    if (alerts)
        test->alerts = (size_t)alerts->integer;
    else
        test->alerts = alert->boolean ? test->events->count : 0;
    return true;
}

static void check_keys(reader *r, const gt_toml *node, const char *const *keys, size_t count)
{
    for (const gt_toml *m = gt_toml_first(node); m; m = m->next) {
        size_t i = 0;
        while (i < count && !gt_str_eq(m->key, gt_str_c(keys[i])))
            i++;
        if (i == count)
            gt_diag_error(r->diags, "RULE-032", m->key_span, NULL,
                          "a test file has no key '%.*s' here", GT_STR_ARG(m->key));
    }
}

static bool read_test(reader *r, const gt_toml *node, gt_rule_test *ret)
{
    static const char *const keys[] = {"name",  "alert",   "alerts", "record",
                                       "event", "records", "events"};
    const gt_toml *name = gt_toml_getl(node, "name");
    gt_rule_test test = {.span = node->span};
    if (node->type != GT_TOML_TABLE) {
        complain(r, node->span, NULL, "a test is an object");
        return false;
    }
    check_keys(r, node, keys, sizeof keys / sizeof *keys);
    if (!gt_toml_is(name, GT_TOML_STRING) || !name->str.len) {
        complain(r, short_span(node), NULL, "a test has a \"name\"");
        return false;
    }
    test.name = name->str;
    if (!read_events(r, node, &test) || !read_expected(r, node, &test))
        return false;
    *ret = test;
    return true;
}

static gt_status read_tests(reader *r, const gt_toml *root, gt_rule_tests *ret)
{
    static const char *const keys[] = {"rule", "tests"};
    const gt_toml *tests = gt_toml_getl(root, "tests"), *rule = gt_toml_getl(root, "rule");
    if (root->type != GT_TOML_TABLE || !gt_toml_is(tests, GT_TOML_ARRAY)) {
        complain(r, short_span(root),
                 "{\"tests\": [{\"name\": …, \"alert\": true, \"record\": {…}}]}",
                 "a test file is an object with an array \"tests\"");
        return GT_OK;
    }
    check_keys(r, root, keys, 2);
    if (rule && rule->type != GT_TOML_STRING)
        complain(r, rule->span, NULL, "\"rule\" is a rule_id or a name");
    else if (rule)
        ret->rule = rule->str;
    gt_rule_test *items = gt_arena_array(r->arena, gt_rule_test, tests->count + 1);
    if (!items)
        return gt_arena_status(r->arena);
    for (const gt_toml *t = gt_toml_first(tests); t; t = t->next)
        ret->count += read_test(r, t, &items[ret->count]);
    ret->items = items;
    return gt_arena_status(r->arena);
}

gt_status gt_rule_tests_read(gt_arena *arena, gt_str path, gt_str text, gt_rule_tests *ret)
{
    gt_rule_tests tests = {.path = path, .rule = GT_STR("")};
    gt_json *json;
    gt_json_error error = {0, "no JSON"};
    gt_toml *root;
    gt_diags_init(&tests.diags, arena, path, text);
    reader r = {arena, &tests.diags};
    gt_status status = gt_json_parse(arena, text, &json, &error);
    if (status == GT_NOMEM)
        return status;
    if (status != GT_OK) {
        gt_diag_error(&tests.diags, "RULE-032",
                      ((gt_span){error.offset, error.offset + (error.offset < text.len)}), NULL,
                      "this is no JSON: %s", error.message);
    } else {
        GT_TRY(gt_toml_from_json(arena, text, (gt_span){0, text.len}, &root));
        GT_TRY(read_tests(&r, root, &tests));
    }
    *ret = tests;
    return GT_OK;
}
