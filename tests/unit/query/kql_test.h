/* kql_test.h — what the KQL tests share: a schema from a map of types, compiling, running. */
#ifndef GT_TESTS_KQL_TEST_H
#define GT_TESTS_KQL_TEST_H

#include "test.h"

#include "query/query.h"

typedef struct kql_test {
    gt_arena *arena;   /* of the test */
    gt_arena *scratch;
    const gt_schema *schema;
    gt_diags diags; /* of the last compile */
} kql_test;

static inline void kql_test_begin(kql_test *t)
{
    t->arena = gt_arena_new((size_t)1 << 30);
    t->scratch = gt_arena_new((size_t)1 << 28);
    assert_non_null(t->arena);
    assert_non_null(t->scratch);
    t->schema = gt_schema_default();
}

static inline void kql_test_end(kql_test *t)
{
    gt_arena_free(t->arena);
    gt_arena_free(t->scratch);
}

static inline gt_status kql_test_compile(kql_test *t, gt_str text, gt_query **ret)
{
    gt_diags_init(&t->diags, t->arena, GT_STR("query"), text);
    return gt_kql_compile(t->arena, t->scratch, text, (gt_offsets){0, NULL}, t->schema, ret,
                          &t->diags);
}

/* Print what the compiler said. */
static inline void kql_test_say(kql_test *t)
{
    gt_buf out = GT_BUF((size_t)1 << 20);
    gt_diags_render(&t->diags, false, &out);
    print_message("%.*s", GT_STR_ARG(gt_buf_str(&out)));
    gt_buf_done(&out);
}

/* 2024-05-15T12:34:56.789Z */
#define KQL_TEST_NOW 1715776496789

static inline bool kql_test_run(kql_test *t, const gt_query *query, const gt_json *document)
{
    gt_query_env env = {t->scratch, KQL_TEST_NOW};
    return gt_query_run(query, document, &env);
}

static inline gt_json *kql_test_json(kql_test *t, gt_str text)
{
    gt_json *ret = NULL;
    gt_json_error error;
    if (gt_json_parse(t->arena, text, &ret, &error) != GT_OK)
        fail_msg("JSON: %s at %zu: %.*s", error.message, error.offset, GT_STR_ARG(text));
    return ret;
}

static inline gt_field_type kql_test_type(gt_str word)
{
    static const struct {
        const char *word;
        gt_field_type type;
    } types[] = {
        {"keyword", GT_FIELD_KEYWORD},     {"long", GT_FIELD_LONG},
        {"integer", GT_FIELD_LONG},        {"double", GT_FIELD_DOUBLE},
        {"float", GT_FIELD_DOUBLE},        {"scaled_float", GT_FIELD_DOUBLE},
        {"boolean", GT_FIELD_BOOLEAN},     {"nested", GT_FIELD_NESTED},
        {"ip", GT_FIELD_IP},               {"date", GT_FIELD_DATE},
        {"text", GT_FIELD_TEXT},           {"flattened", GT_FIELD_FLATTENED},
        {"wildcard", GT_FIELD_WILDCARD},   {"constant_keyword", GT_FIELD_CONSTANT_KEYWORD},
        {"long_range", GT_FIELD_LONG_RANGE}, {"ip_range", GT_FIELD_IP_RANGE},
        {"geo_point", GT_FIELD_GEO_POINT}, {"object", GT_FIELD_OBJECT},
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (gt_str_eq(word, gt_str_c(types[i].word)))
            return types[i].type;
    return GT_FIELD_UNTYPED;
}

static inline int kql_test_field_cmp(const void *a, const void *b)
{
    return gt_str_cmp(((const gt_field *)a)->name, ((const gt_field *)b)->name);
}

/* {"field": "type", …} to a schema; more may add rows. */
static inline gt_schema *kql_test_schema(kql_test *t, const gt_json *types, const gt_field *more,
                                         size_t more_count)
{
    gt_schema *schema = gt_arena_new_of(t->arena, gt_schema);
    gt_field *fields = gt_arena_array(t->arena, gt_field, (types ? types->count : 0) + more_count);
    for (const gt_json *m = gt_json_first(types); m; m = m->next) {
        gt_field_type type = kql_test_type(gt_json_str(m));
        if (type != GT_FIELD_UNTYPED)
            fields[schema->count++] = (gt_field){m->key, type, 0, GT_STR("")};
    }
    for (size_t i = 0; i < more_count; i++)
        fields[schema->count++] = more[i];
    qsort(fields, schema->count, sizeof *fields, kql_test_field_cmp);
    schema->fields = fields;
    return schema;
}

#endif
