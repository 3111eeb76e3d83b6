/* Random queries on random documents: the optimised program must agree with a naive walk of the
 * syntax tree over the flattened document; explanation and needs must agree with the program; and the
 * spelling of a document (nested, dotted or mixed keys) must not matter. */
#include "kql_test.h"

#include "query/ast.h"


static uint64_t seed = 88172645463325252u;

static unsigned pick(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 33) % n;
}

static const char *const fields[] = {"a", "b.c", "b.d", "event.action", "n.x", "n.y", "u.v.w"};
static const char *const values[] = {"x", "y", "xy", "1", "2", "10", "true", "\"x\"", "\"a b\"", "a b",
                                     "*", "x*", "*y", "*x*", "1*", "x*y", "\"1\"", "false"};
#define PICK(list) (list)[pick(sizeof(list) / sizeof *(list))]

static void write_value(gt_buf *out, unsigned depth)
{
    unsigned kind = pick(depth ? 8 : 4);
    if (kind < 4) {
        gt_buf_add(out, gt_str_c(PICK(values)));
        return;
    }
    gt_buf_lit(out, "(");
    if (kind == 4)
        gt_buf_lit(out, "not ");
    write_value(out, depth - 1);
    for (unsigned i = pick(3); i > 0 && kind != 4; i--) {
        gt_buf_add(out, kind == 5 ? GT_STR(" and ") : GT_STR(" or "));
        write_value(out, depth - 1);
    }
    gt_buf_lit(out, ")");
}

static void write_query(gt_buf *out, unsigned depth)
{
    unsigned kind = pick(depth ? 12 : 5);
    if (kind < 4) {
        gt_buf_printf(out, "%s: ", PICK(fields));
        write_value(out, 2);
    } else if (kind == 4) {
        static const char *const operators[] = {"<", "<=", ">", ">="};
        static const char *const literals[] = {"x", "1", "2", "10", "\"xy\""};
        gt_buf_printf(out, "%s %s %s", PICK(fields), PICK(operators), PICK(literals));
    } else if (kind == 5) {
        gt_buf_lit(out, "not (");
        write_query(out, depth - 1);
        gt_buf_lit(out, ")");
    } else if (kind == 6) {
        static const char *const inner[] = {"x", "y"};
        gt_buf_printf(out, "n:{ %s: ", PICK(inner));
        write_value(out, 1);
        gt_buf_printf(out, " and not %s: ", PICK(inner));
        write_value(out, 1);
        gt_buf_lit(out, " }");
    } else {
        gt_buf_lit(out, "(");
        write_query(out, depth - 1);
        gt_buf_add(out, kind % 2 ? GT_STR(" and ") : GT_STR(" or "));
        write_query(out, depth - 1);
        gt_buf_lit(out, ")");
    }
}

static gt_json *random_scalar(kql_test *t)
{
    static const char *const strings[] = {"x", "y", "xy", "1", "a b", "true", ""};
    static const char *const numbers[] = {"1", "2", "10", "1.0", "-3"};
    switch (pick(8)) {
    case 0:
        return gt_json_new_null(t->arena);
    case 1:
        return gt_json_new_bool(t->arena, pick(2));
    case 2:
        return gt_json_new_number(t->arena, gt_str_c(PICK(numbers)));
    default:
        return gt_json_new_str(t->arena, gt_str_c(PICK(strings)));
    }
}

static gt_json *random_value(kql_test *t)
{
    if (pick(3))
        return random_scalar(t);
    gt_json *list = gt_json_new_array(t->arena);
    for (unsigned i = pick(4); i > 0; i--)
        gt_json_append(list, random_scalar(t));
    return list;
}

/* spelling 0: nested, 1: dotted at the top, 2: mixed. */
static void put_field(kql_test *t, gt_json *doc, const char *name, gt_json *value, unsigned spelling)
{
    const char *dot = strchr(name, '.');
    if (!dot || spelling == 1) {
        gt_json_set(doc, gt_str_c(name), value);
    } else if (spelling == 0) {
        gt_json_set_path(t->arena, doc, name, value);
    } else {
        const char *last = strrchr(name, '.');
        gt_str head = {name, (size_t)(last - name)};
        gt_json *inner = gt_json_get(doc, head);
        if (!inner)
            inner = gt_json_set(doc, head, gt_json_new_object(t->arena));
        gt_json_set(gt_json_get(doc, head), gt_str_c(last + 1), value);
    }
}

/* The same document in three spellings; n is a list of objects in each. */
static void random_documents(kql_test *t, gt_json *docs[3])
{
    for (unsigned s = 0; s < 3; s++)
        docs[s] = gt_json_new_object(t->arena);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (strncmp(fields[i], "n.", 2) == 0 || pick(3) == 0)
            continue;
        gt_json *value = random_value(t);
        for (unsigned s = 0; s < 3; s++)
            put_field(t, docs[s], fields[i], gt_json_copy(t->arena, value, false), s);
    }
    gt_json *list = gt_json_new_array(t->arena);
    for (unsigned i = pick(4); i > 0; i--) {
        gt_json *object = gt_json_new_object(t->arena);
        if (pick(3))
            gt_json_setl(object, "x", random_value(t));
        if (pick(3))
            gt_json_setl(object, "y", random_value(t));
        gt_json_append(list, object);
    }
    for (unsigned s = 0; s < 3; s++)
        gt_json_setl(docs[s], "n", gt_json_copy(t->arena, list, false));
}

/* --- the naive evaluator: every (name, scalar) of the document, one by one ------------------------ */

typedef bool (*leaf_check)(const gt_ast *ast, const gt_json *value);

static bool any_leaf(const gt_json *node, const char *prefix, gt_str want, leaf_check check,
                     const gt_ast *ast)
{
    if (node->type == GT_JSON_ARRAY) {
        for (const gt_json *e = node->first; e; e = e->next)
            if (any_leaf(e, prefix, want, check, ast))
                return true;
        return false;
    }
    if (node->type != GT_JSON_OBJECT)
        return gt_str_eq(gt_str_c(prefix), want) && check(ast, node);
    for (const gt_json *m = node->first; m; m = m->next) {
        char name[256];
        snprintf(name, sizeof name, "%s%s%.*s", prefix, *prefix ? "." : "", GT_STR_ARG(m->key));
        if (any_leaf(m, name, want, check, ast))
            return true;
    }
    return false;
}

static bool naive_like(const gt_str *parts, size_t count, gt_str text)
{
    if (count == 1)
        return gt_str_eq(parts[0], text);
    if (!gt_str_starts(text, parts[0]))
        return false;
    text = gt_str_from(text, parts[0].len);
    if (count == 2)
        return gt_str_ends(text, parts[1]);
    for (size_t i = 0; i <= text.len; i++) { /* what the star takes */
        gt_str rest = gt_str_from(text, i);
        if (gt_str_starts(rest, parts[1]) && naive_like(parts + 1, count - 1, rest))
            return true;
    }
    return false;
}

static bool ordered(gt_relation relation, double order)
{
    return relation == GT_REL_LT ? order < 0 : relation == GT_REL_LTE ? order <= 0
         : relation == GT_REL_GT ? order > 0 : relation == GT_REL_GTE ? order >= 0 : order == 0;
}

static bool naive_check(const gt_ast *ast, const gt_json *value)
{
    gt_str text = ast->value.text;
    gt_relation relation = ast->relation;
    double want, have;
    if (value->type == GT_JSON_NULL)
        return false;
    if (relation == GT_REL_EXISTS)
        return true;
    if (value->type == GT_JSON_STRING ||
        (gt_str_is(ast->field.text, "event.action") && gt_json_text(value).ptr)) {
        gt_str have_text = gt_json_text(value);
        if (relation == GT_REL_LIKE)
            return naive_like(ast->value.parts, ast->value.part_count, have_text);
        return ordered(relation, gt_str_cmp(have_text, text));
    }
    if (value->type == GT_JSON_NUMBER)
        return relation != GT_REL_LIKE && gt_str_to_double(text, &want) &&
               gt_json_double(value, &have) && ordered(relation, have - want);
    bool is_bool = gt_str_is(text, "true") || gt_str_is(text, "false");
    return relation != GT_REL_LIKE && is_bool &&
           ordered(relation, value->boolean - (int)gt_str_is(text, "true"));
}

static bool naive(const gt_ast *ast, const gt_json *document)
{
    bool result = ast->kind == GT_AST_AND;
    switch (ast->kind) {
    case GT_AST_NOT:
        return !naive(ast->first, document);
    case GT_AST_NESTED:
        for (const gt_json *e = gt_json_first(gt_json_get(document, ast->field.text)); e; e = e->next)
            if (naive(ast->first, e))
                return true;
        return false;
    case GT_AST_AND:
    case GT_AST_OR:
        for (const gt_ast *a = ast->first; a; a = a->next)
            result = ast->kind == GT_AST_AND ? naive(a, document) && result
                                             : naive(a, document) || result;
        return result;
    default:
        return any_leaf(document, "", ast->field.text, naive_check, ast);
    }
}


/* Does the document hold one of the needed values at event.action? */
static bool meets_needs(const gt_query_needs *needs, const gt_json *document)
{
    gt_ast is = {.kind = GT_AST_IS, .relation = GT_REL_EQ};
    is.field.text = GT_STR("event.action");
    for (size_t i = 0; i < needs->count; i++) {
        is.value.text = needs->values[i];
        if (any_leaf(document, "", is.field.text, naive_check, &is))
            return true;
    }
    return false;
}

static void check_one(kql_test *t, const char *name, bool want, bool got, gt_str text,
                      const gt_json *doc)
{
    if (want == got)
        return;
    gt_buf out = GT_BUF((size_t)1 << 20);
    gt_json_write(&out, doc);
    (void)t;
    fail_msg("%s: %d, not %d: %.*s on %.*s", name, got, want, GT_STR_ARG(text),
             GT_STR_ARG(gt_buf_str(&out)));
}

static void test_random(void **state)
{
    (void)state;
    kql_test t;
    kql_test_begin(&t);
    const gt_field row = {GT_STR("event.action"), GT_FIELD_KEYWORD, 0, GT_STR("")};
    size_t matched = 0, run = 0;
    for (int round = 0; round < 4000; round++) {
        gt_arena_reset(t.arena, (size_t)1 << 20);
        t.schema = kql_test_schema(&t, NULL, &row, 1);
        gt_buf text = GT_BUF((size_t)1 << 20);
        write_query(&text, 4);
        gt_query *query = NULL;
        gt_ast *ast = NULL;
        assert_int_equal(kql_test_compile(&t, gt_buf_str(&text), &query), GT_OK);
        assert_int_equal(gt_kql_parse(t.arena, gt_buf_str(&text), (gt_offsets){0, NULL}, &ast,
                                      &t.diags), GT_OK);
        gt_query_needs needs = gt_query_needs_of(query, t.arena, GT_STR("event.action"));
        for (int d = 0; d < 10; d++) {
            gt_json *docs[3];
            random_documents(&t, docs);
            bool want = naive(ast, docs[0]);
            matched += want;
            run++;
            for (unsigned s = 0; s < 3; s++)
                check_one(&t, "program", want, kql_test_run(&t, query, docs[s]), gt_buf_str(&text),
                          docs[s]);
            gt_query_env env = {t.scratch, KQL_TEST_NOW};
            gt_query_clause *clauses;
            size_t count;
            assert_int_equal(gt_query_explain(query, docs[0], &env, t.arena, &clauses, &count),
                             GT_OK);
            check_one(&t, "explanation", want, clauses[0].result, gt_buf_str(&text), docs[0]);
            if (want && needs.known)
                check_one(&t, "needs", true, meets_needs(&needs, docs[0]), gt_buf_str(&text),
                          docs[0]);
        }
        gt_buf_done(&text);
    }
    print_message("%zu runs, %zu matched\n", run, matched);
    assert_true(matched > run / 10 && matched < run - run / 10);
    kql_test_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
