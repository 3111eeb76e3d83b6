/* What a rule's keys must obey: names, types, enumerations, patterns, and how they go together. */
#include "rule/rule_internal.h"

#include "base/nearest.h"
#include "base/timeutil.h"

#include <stdarg.h>
#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const rule_key rule_keys[] = {
#define KEY(name, holds, where) {GT_STR(name), holds, where},
#include "rule/keys.def"
#undef KEY
};

static const gt_str types[] = {GT_STR("query"),        GT_STR("saved_query"),
                               GT_STR("eql"),          GT_STR("esql"),
                               GT_STR("threshold"),    GT_STR("new_terms"),
                               GT_STR("threat_match"), GT_STR("machine_learning")};
static const gt_str languages[] = {GT_STR("kuery"), GT_STR("lucene"), GT_STR("eql"),
                                   GT_STR("esql")};

/* --- helpers ---------------------------------------------------------------------------------- */

gt_toml *rule_get(const gt_toml *table, const char *key, gt_toml_type type)
{
    gt_toml *node = gt_toml_get(table, gt_str_c(key));
    return gt_toml_is(node, type) ? node : NULL;
}

gt_str rule_get_str(const gt_toml *table, const char *key)
{
    gt_toml *node = rule_get(table, key, GT_TOML_STRING);
    return node ? node->str : GT_STR_NULL;
}

gt_span rule_place(const rule_source *src)
{
    return src->form == FORM_TOML ? src->table->span
                                  : (gt_span){src->span.begin, src->span.begin + 1};
}

void rule_complain(rule_source *src, const char *code, gt_span span, const char *hint,
                   const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    gt_diag_add(src->diags, src->form == FORM_TOML ? GT_ERROR : GT_WARNING, code, span, hint, "%s",
                text);
}

static const char *hint_nearest(rule_source *src, gt_str nearest)
{
    return nearest.len
               ? gt_arena_printf(src->arena, "did you mean '%.*s'?", GT_STR_ARG(nearest)).ptr
               : NULL;
}

/* "a, b or c" */
static const char *one_of(rule_source *src, const gt_str *values, size_t count)
{
    gt_str text = GT_STR("");
    for (size_t i = 0; i < count; i++)
        text = gt_arena_printf(src->arena, "%.*s%s\"%.*s\"", GT_STR_ARG(text),
                               i == 0           ? ""
                               : i + 1 == count ? " or "
                                                : ", ",
                               GT_STR_ARG(values[i]));
    return gt_arena_printf(src->arena, "it is %.*s", GT_STR_ARG(text)).ptr;
}

bool rule_check_enum(rule_source *src, const gt_toml *node, const char *what, const gt_str *values,
                     size_t count)
{
    if (!node || node->type != GT_TOML_STRING)
        return node == NULL;
    for (size_t i = 0; i < count; i++)
        if (gt_str_eq(node->str, values[i]))
            return true;
    gt_diag_error(src->diags, "RULE-004", node->span, one_of(src, values, count), "'%.*s' is no %s",
                  GT_STR_ARG(node->str), what);
    return false;
}

/* --- keys and their types --------------------------------------------------------------------- */

static bool array_of(const gt_toml *node, gt_toml_type type, const gt_toml **ret_wrong)
{
    *ret_wrong = node;
    if (node->type != GT_TOML_ARRAY)
        return false;
    for (gt_toml *e = gt_toml_first(node); e; e = e->next) {
        *ret_wrong = e;
        if (e->type != type)
            return false;
    }
    return true;
}

static const char *holds_name(rule_holds holds)
{
    static const char *const names[] = {
        [TEXT] = "a string",      [TEXTS] = "an array of strings",
        [INTEGER] = "an integer", [BOOLEAN] = "a boolean",
        [TABLE] = "a table",      [TABLES] = "an array of tables",
        [ANY] = "a value",
    };
    return names[holds];
}

static bool holds_it(const gt_toml *node, rule_holds holds, const gt_toml **ret_wrong)
{
    *ret_wrong = node;
    switch (holds) {
    case TEXT:
        return node->type == GT_TOML_STRING;
    case INTEGER:
        return node->type == GT_TOML_INTEGER;
    case BOOLEAN:
        return node->type == GT_TOML_BOOL;
    case TABLE:
        return node->type == GT_TOML_TABLE;
    case TEXTS:
        return array_of(node, GT_TOML_STRING, ret_wrong);
    case TABLES:
        return array_of(node, GT_TOML_TABLE, ret_wrong);
    case ANY:
        break;
    }
    return true;
}

static void check_type(rule_source *src, const gt_toml *node, rule_holds holds)
{
    const gt_toml *wrong;
    if (node->type == GT_TOML_NULL || holds_it(node, holds, &wrong)) /* null: Kibana's "absent" */
        return;
    gt_diag_error(src->diags, "RULE-003", wrong->span, NULL, "'%.*s' must be %s, this is %s",
                  GT_STR_ARG(node->key), holds_name(holds), gt_toml_type_name(wrong->type));
}

static void unknown_key(rule_source *src, const gt_toml *node, const char *what,
                        const rule_key *keys, size_t count)
{
    unsigned form = src->form == FORM_TOML ? T : K;
    gt_nearest_search search = {.word = node->key};
    for (size_t i = 0; i < count; i++)
        if (keys[i].where & form)
            gt_nearest_offer(&search, keys[i].name);
    gt_diag_warn(src->diags, "RULE-001", node->key_span, hint_nearest(src, search.best),
                 "%s has no key '%.*s'", what, GT_STR_ARG(node->key));
}

void rule_check_keys(rule_source *src, const gt_toml *table, gt_span place, const char *what,
                     const rule_key *keys, size_t count)
{
    unsigned form = src->form == FORM_TOML ? T : K;
    for (gt_toml *m = gt_toml_first(table); m; m = m->next) {
        size_t i = 0;
        while (i < count && !(gt_str_eq(keys[i].name, m->key) && (keys[i].where & form)))
            i++;
        if (i < count)
            check_type(src, m, keys[i].holds);
        else if (!gt_str_is(m->key, "version") && !gt_str_is(m->key, "revision"))
            unknown_key(src, m, what, keys, count);
    }
    for (size_t i = 0; i < count; i++) {
        const gt_toml *node = gt_toml_get(table, keys[i].name);
        if ((keys[i].where & R) && (keys[i].where & form) && (!node || node->type == GT_TOML_NULL))
            gt_diag_error(src->diags, "RULE-002", place, NULL, "%s has no '%.*s'", what,
                          GT_STR_ARG(keys[i].name));
    }
}

/* --- patterns --------------------------------------------------------------------------------- */

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void check_name(rule_source *src)
{
    const gt_toml *node = rule_get(src->table, "name", GT_TOML_STRING);
    if (!node)
        return;
    gt_str s = node->str;
    if (s.len >= 3 && is_alnum(s.ptr[0]) && gt_str_find_byte(s, '\n') == GT_NPOS &&
        (is_alnum(s.ptr[s.len - 1]) || memchr("[]()", s.ptr[s.len - 1], 4)))
        return;
    rule_complain(src, "RULE-005", node->span,
                  "it begins with a letter or digit and ends with one or a bracket",
                  "this is no rule name");
}

static void check_rule_id(rule_source *src)
{
    const gt_toml *node = rule_get(src->table, "rule_id", GT_TOML_STRING);
    if (!node)
        return;
    gt_str s = node->str;
    bool good = s.len == 36;
    for (size_t i = 0; i < s.len && good; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        char c = s.ptr[i];
        good = dash ? c == '-' : (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    }
    if (s.len == 0)
        gt_diag_error(src->diags, "RULE-006", node->span, NULL, "the rule_id is empty");
    else if (!good)
        rule_complain(src, "RULE-006", node->span, "as in 29052c19-ff3e-42fd-8363-7be14d7c5469",
                      "the rule_id is no UUID in lower case");
}

bool rule_look_back(gt_str text, int64_t *ret_ms)
{
    gt_time_ms now = 1700000000000, then; /* any instant: only the distance counts */
    if (!gt_str_starts(text, GT_STR("now")) || !gt_time_math(text, now, false, &then))
        return false;
    *ret_ms = now - then;
    return true;
}

/* ^now-\d+[yMwdhHms]$ */
static bool is_from(gt_str s)
{
    if (s.len < 6 || !gt_str_starts(s, GT_STR("now-")) || !memchr("yMwdhHms", s.ptr[s.len - 1], 8))
        return false;
    for (size_t i = 4; i + 1 < s.len; i++)
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
    return true;
}

static void check_times(rule_source *src)
{
    int64_t ms;
    const gt_toml *from = rule_get(src->table, "from", GT_TOML_STRING);
    const gt_toml *to = rule_get(src->table, "to", GT_TOML_STRING);
    const gt_toml *interval = rule_get(src->table, "interval", GT_TOML_STRING);
    if (from && !rule_look_back(from->str, &ms))
        gt_diag_error(src->diags, "RULE-011", from->span, "as in now-9m", "'from' is no date math");
    else if (from && src->form == FORM_TOML && !is_from(from->str))
        gt_diag_error(src->diags, "RULE-011", from->span, "as in now-9m",
                      "'from' must be now, minus one span");
    if (to && !rule_look_back(to->str, &ms))
        gt_diag_error(src->diags, "RULE-011", to->span, "as in now", "'to' is no date math");
    if (interval && (!gt_span_parse(interval->str, &ms) ||
                     !memchr("mshd", interval->str.ptr[interval->str.len - 1], 4)))
        gt_diag_error(src->diags, "RULE-011", interval->span, "as in 5m; units are s, m, h and d",
                      "'interval' is no span of time");
}

/* --- numbers ---------------------------------------------------------------------------------- */

typedef struct band {
    gt_str severity;
    int low, high;
} band;
static const band bands[] = {
    {GT_STR("low"), 0, 21},
    {GT_STR("medium"), 22, 47},
    {GT_STR("high"), 48, 73},
    {GT_STR("critical"), 74, 100},
};

static void check_risk(rule_source *src)
{
    static const gt_str severities[] = {GT_STR("low"), GT_STR("medium"), GT_STR("high"),
                                        GT_STR("critical")};
    const gt_toml *severity = rule_get(src->table, "severity", GT_TOML_STRING);
    const gt_toml *risk = rule_get(src->table, "risk_score", GT_TOML_INTEGER);
    rule_check_enum(src, severity, "severity", severities, COUNT(severities));
    if (risk && (risk->integer < 0 || risk->integer > 100)) {
        gt_diag_error(src->diags, "RULE-007", risk->span, NULL, "a risk_score is 0 to 100");
        return;
    }
    for (size_t i = 0; i < COUNT(bands) && severity && risk; i++)
        if (gt_str_eq(severity->str, bands[i].severity) &&
            (risk->integer < bands[i].low || risk->integer > bands[i].high))
            rule_complain(src, "RULE-007", risk->span, NULL,
                          "severity %.*s goes with a risk_score of %d to %d",
                          GT_STR_ARG(severity->str), bands[i].low, bands[i].high);
}

static void check_max_signals(rule_source *src)
{
    const gt_toml *node = rule_get(src->table, "max_signals", GT_TOML_INTEGER);
    if (node && node->integer < 1)
        gt_diag_error(src->diags, "RULE-012", node->span, NULL, "max_signals is at least 1");
    else if (node && node->integer > 1000)
        rule_complain(src, "RULE-012", node->span, NULL, "max_signals is 1 to 1000");
}

/* --- how keys go together --------------------------------------------------------------------- */

static void check_language(rule_source *src)
{
    const gt_toml *type = rule_get(src->table, "type", GT_TOML_STRING);
    const gt_toml *language = rule_get(src->table, "language", GT_TOML_STRING);
    bool good = rule_check_enum(src, type, "rule type", types, COUNT(types));
    good = rule_check_enum(src, language, "query language", languages, COUNT(languages)) && good;
    if (!good || !type)
        return;
    bool own = gt_str_is(type->str, "eql") || gt_str_is(type->str, "esql");
    if (own && !(language && gt_str_eq(language->str, type->str)))
        gt_diag_error(src->diags, "RULE-008", language ? language->span : type->span, NULL,
                      "a rule of type %.*s has the language %.*s", GT_STR_ARG(type->str),
                      GT_STR_ARG(type->str));
    else if (!own && language &&
             (gt_str_is(language->str, "eql") || gt_str_is(language->str, "esql")))
        gt_diag_error(src->diags, "RULE-008", language->span, "write kuery",
                      "a rule of type %.*s cannot be written in %.*s", GT_STR_ARG(type->str),
                      GT_STR_ARG(language->str));
}

static void check_query(rule_source *src)
{
    gt_str type = rule_get_str(src->table, "type");
    const gt_toml *query = rule_get(src->table, "query", GT_TOML_STRING);
    const gt_toml *filters = rule_get(src->table, "filters", GT_TOML_ARRAY);
    if (gt_str_is(type, "machine_learning")) {
        if (!gt_toml_getl(src->table, "machine_learning_job_id"))
            gt_diag_error(src->diags, "RULE-002", rule_place(src), NULL,
                          "a machine_learning rule has no 'machine_learning_job_id'");
        return;
    }
    if (gt_str_is(type, "saved_query") || (filters && filters->count))
        return;
    gt_toml *any = gt_toml_getl(src->table, "query");
    if (any && any->type != GT_TOML_STRING && any->type != GT_TOML_NULL)
        return; /* reported as a wrong type */
    if (!query)
        gt_diag_error(src->diags, "RULE-009", rule_place(src), NULL, "the rule has no query");
    else if (gt_str_trim(query->str).len == 0)
        gt_diag_error(src->diags, "RULE-009", query->span, "to match everything, write *",
                      "the query is empty");
    else if (gt_str_is(type, "eql"))
        rule_check_eql(src, query);
    else if (gt_str_is(type, "esql"))
        rule_check_esql(src, query);
}

static void check_index(rule_source *src)
{
    const gt_toml *index = rule_get(src->table, "index", GT_TOML_ARRAY);
    const gt_toml *view = rule_get(src->table, "data_view_id", GT_TOML_STRING);
    if (gt_str_is(rule_get_str(src->table, "type"), "esql") && (index || view))
        rule_complain(src, "RULE-010", (index ? index : view)->key_span, NULL,
                      "an esql rule names its indices in the query, after FROM");
    else if (index && view)
        rule_complain(src, "RULE-010", view->key_span, NULL,
                      "a rule has either index or data_view_id");
}

static void check_building_block(rule_source *src)
{
    static const gt_str values[] = {GT_STR("default")};
    const gt_toml *node = rule_get(src->table, "building_block_type", GT_TOML_STRING);
    if (!node || !rule_check_enum(src, node, "building block type", values, 1))
        return;
    const gt_toml *bypass = rule_get(src->metadata, "bypass_bbr_timing", GT_TOML_BOOL);
    if (src->form == FORM_KIBANA || (bypass && bypass->boolean))
        return;
    gt_str from = rule_get_str(src->table, "from"), interval = rule_get_str(src->table, "interval");
    int64_t minute = 60000, back, every;
    if (rule_look_back(from.len ? from : GT_STR("now-6m"), &back) && back < 119 * minute)
        gt_diag_error(src->diags, "RULE-013", node->span, "or set bypass_bbr_timing in [metadata]",
                      "a building block looks back at least now-119m");
    if (gt_span_parse(interval.len ? interval : GT_STR("5m"), &every) && every < 60 * minute)
        gt_diag_error(src->diags, "RULE-013", node->span, "or set bypass_bbr_timing in [metadata]",
                      "a building block runs at most every 60m");
}

static void check_refused(rule_source *src)
{
    static const char *const refused[] = {"version", "revision"};
    for (size_t i = 0; i < COUNT(refused) && src->form == FORM_TOML; i++) {
        const gt_toml *node = gt_toml_get(src->table, gt_str_c(refused[i]));
        if (node)
            gt_diag_error(src->diags, "RULE-020", node->key_span,
                          "to keep a released version, write version in [metadata.extended]",
                          "'%s' is set when a rule is released, not in its file", refused[i]);
    }
}

void rule_check(rule_source *src)
{
    rule_check_keys(src, src->table, rule_place(src), "the rule", rule_keys, COUNT(rule_keys));
    check_refused(src);
    check_name(src);
    check_rule_id(src);
    check_language(src);
    check_risk(src);
    check_times(src);
    check_max_signals(src);
    check_query(src);
    check_index(src);
    check_building_block(src);
    rule_check_threshold(src);
    rule_check_new_terms(src);
    rule_check_suppression(src);
    rule_check_threat(src);
    rule_check_metadata(src);
}
