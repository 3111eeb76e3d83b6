#include "query/lower.h"

#include "base/hash.h"
#include "query/kql_scan.h"

static void *failed(gt_lowering *l, gt_arena *arena)
{
    if (l->status == GT_OK)
        l->status = gt_arena_status(arena);
    return NULL;
}

#define REPORT(l, severity, code, span, hint, ...)                                                 \
    do {                                                                                           \
        (l)->invalid |= (severity) == GT_ERROR;                                                    \
        if ((l)->diags)                                                                            \
            gt_diag_add((l)->diags, severity, code, gt_offsets_span((l)->where, (span)), hint,     \
                        __VA_ARGS__);                                                              \
    } while (0)

gt_status gt_lowering_begin(gt_lowering *l, gt_arena *rules, gt_arena *scratch, gt_str text,
                            gt_offsets where, const gt_schema *schema, gt_diags *diags)
{
    *l = (gt_lowering){.rules = rules, .scratch = scratch, .schema = schema, .where = where,
                       .diags = diags};
    l->query = gt_arena_new_of(rules, gt_query);
    gt_str copy = gt_arena_dup(rules, text);
    if (!l->query || !copy.ptr)
        return gt_arena_status(rules);
    l->query->text = copy;
    l->query->schema = schema;
    return GT_OK;
}

gt_query_node *gt_lower_node(gt_lowering *l, gt_node_kind kind, gt_span span)
{
    gt_query_node *n = gt_arena_new_of(l->rules, gt_query_node);
    if (!n)
        return failed(l, l->rules);
    n->kind = kind;
    n->span = span;
    return n;
}

/* name, or scope.name. */
static gt_str full_name(gt_lowering *l, gt_str scope, gt_str name)
{
    gt_str full = scope.len ? gt_arena_printf(l->rules, "%.*s.%.*s", GT_STR_ARG(scope),
                                              GT_STR_ARG(name))
                            : gt_arena_dup(l->rules, name);
    if (!full.ptr)
        failed(l, l->rules);
    return full;
}

/* The innermost nested field above `name`; "" when there is none. */
static gt_str nested_above(const gt_schema *schema, gt_str name)
{
    for (size_t at = name.len; at-- > 0;) {
        if (name.ptr[at] != '.')
            continue;
        const gt_field *row = gt_schema_find(schema, gt_str_head(name, at));
        if (row && row->type == GT_FIELD_NESTED)
            return row->name;
    }
    return GT_STR("");
}

static bool same_field(const gt_query_field *a, const gt_query_field *b)
{
    return a->kind == b->kind && gt_str_eq(a->name, b->name) && gt_str_eq(a->scope, b->scope) &&
           gt_str_eq(a->wildcard, b->wildcard);
}

static uint64_t field_hash(const gt_query_field *f)
{
    return gt_hash64(f->name, gt_hash64(f->scope, gt_hash64(f->wildcard, (uint64_t)f->kind)));
}

/* Make the array and the table of numbers larger. */
static bool grow_fields(gt_lowering *l)
{
    gt_query *q = l->query;
    size_t cap = l->field_cap ? l->field_cap * 2 : 8, mask = cap * 2 - 1;
    gt_query_field *fields = gt_arena_grow(l->rules, q->fields, l->field_cap * sizeof *fields,
                                           cap * sizeof *fields);
    if (!fields)
        return failed(l, l->rules) != NULL;
    q->fields = fields;
    uint32_t *table = gt_arena_array(l->scratch, uint32_t, mask + 1);
    if (!table)
        return failed(l, l->scratch) != NULL;
    for (uint32_t i = 0; i < q->field_count; i++) {
        size_t at = field_hash(&fields[i]) & mask;
        while (table[at])
            at = (at + 1) & mask;
        table[at] = i + 1;
    }
    l->field_table = table;
    l->field_cap = cap;
    return true;
}

/* The number of the field in the program, added when it is new; UINT32_MAX without memory. */
static uint32_t add_field(gt_lowering *l, const gt_query_field *field)
{
    gt_query *q = l->query;
    if (q->field_count == l->field_cap && !grow_fields(l))
        return UINT32_MAX;
    size_t mask = l->field_cap * 2 - 1, at = field_hash(field) & mask;
    for (; l->field_table[at]; at = (at + 1) & mask)
        if (same_field(&q->fields[l->field_table[at] - 1], field))
            return l->field_table[at] - 1;
    q->fields[q->field_count] = *field;
    l->field_table[at] = q->field_count + 1;
    return q->field_count++;
}

static bool field_of(gt_lowering *l, gt_str scope, const gt_ast_word *word, gt_query_field *ret)
{
    gt_query_field f = {.scope = scope, .name = GT_STR(""), .wildcard = GT_STR("")};
    if (word->absent) {
        f.kind = GT_FIELD_EVERY;
        *ret = f;
        return true;
    }
    f.name = full_name(l, scope, word->text);
    if (!f.name.ptr)
        return false;
    f.path = gt_str_from(f.name, scope.len ? scope.len + 1 : 0);
    if (word->part_count) {
        gt_str escaped = gt_pattern_escape(l->rules, word->parts, word->part_count);
        f.kind = GT_FIELD_BY_PATTERN;
        f.wildcard = escaped.ptr ? full_name(l, scope, escaped) : escaped;
        f.pattern = f.wildcard.ptr ? gt_pattern_of_wildcard(l->rules, f.wildcard) : NULL;
        if (!f.pattern)
            return failed(l, l->rules) != NULL;
        *ret = f;
        return true;
    }
    const gt_field *row;
    f.type = gt_schema_type(l->schema, f.name, &row);
    f.ignore_above = row ? row->ignore_above : 0;
    f.deep = f.type == GT_FIELD_FLATTENED && row && gt_str_eq(row->name, f.name);
    *ret = f;
    return true;
}

/* A typed field is read in its own nested path and nowhere else. */
static bool check_scope(gt_lowering *l, const gt_query_field *f, gt_span span)
{
    if (f->kind != GT_FIELD_AT_PATH)
        return true;
    gt_str above = nested_above(l->schema, f->name);
    if (above.len ? gt_str_eq(above, f->scope) : !f->scope.len || f->type == GT_FIELD_UNTYPED)
        return true;
    if (!above.len)
        REPORT(l, GT_ERROR, "KQL-015", span, "name the field with its whole path, outside { }",
               "%.*s is not a nested field", GT_STR_ARG(f->name));
    else
        REPORT(l, GT_ERROR, "KQL-015", span, "a nested field is read inside path:{ … }",
               "%.*s is a field of the nested %.*s", GT_STR_ARG(f->name), GT_STR_ARG(above));
    return false;
}

static bool is_bare_number(gt_str s)
{
    long double n;
    return gt_number_parse(s, &n);
}

/* The literal says nothing to the field's type: why? */
static void report_type(gt_lowering *l, const gt_query_field *f, const gt_literal *lit,
                        gt_relation relation, gt_span span)
{
    const char *type = gt_field_type_name(f->type);
    switch (f->type) {
    case GT_FIELD_NESTED:
        REPORT(l, GT_WARNING, "KQL-104", span, "write path:{ field: value }",
               "%.*s is nested: outside { } nothing matches it", GT_STR_ARG(f->name));
        return;
    case GT_FIELD_OBJECT:
        REPORT(l, GT_WARNING, "KQL-104", span, "name one of its fields",
               "%.*s is an object: no value matches it", GT_STR_ARG(f->name));
        return;
    case GT_FIELD_GEO_POINT:
        REPORT(l, GT_ERROR, "KQL-016", span, "KQL can only ask whether a point is there: field: *",
               "%.*s has the type %s", GT_STR_ARG(f->name), type);
        return;
    default:
        break;
    }
    if (relation == GT_REL_LIKE) {
        REPORT(l, GT_ERROR, "KQL-014", span,
               "wildcards work on keyword, text and flattened fields; ranges are written field > value",
               "%.*s has the type %s, which takes no wildcard", GT_STR_ARG(f->name), type);
        return;
    }
    bool epoch = f->type == GT_FIELD_DATE && is_bare_number(lit->text);
    const char *hint = f->type == GT_FIELD_BOOLEAN ? "write true or false"
                     : f->type == GT_FIELD_DATE
                         ? "a date is written \"2024-05-01T10:00:00Z\", a part of it, or now-1d/d"
                     : f->type == GT_FIELD_IP || f->type == GT_FIELD_IP_RANGE
                         ? "an address or a prefix, as in 10.0.0.0/8" : "write a number";
    if (lit->is_cidr && f->type == GT_FIELD_IP)
        REPORT(l, GT_ERROR, "KQL-013", span, "compare with one address, or write field: PREFIX",
               "%.*s: a prefix cannot be compared with < or >", GT_STR_ARG(f->name));
    else
        REPORT(l, GT_ERROR, "KQL-013", span, hint, "'%.*s' cannot be read as %s, the type of %.*s%s",
               GT_STR_ARG(lit->text), type, GT_STR_ARG(f->name),
               epoch ? " (milliseconds since 1970 have ten digits or more)" : "");
}

static gt_query_test *add_test(gt_lowering *l)
{
    gt_query *q = l->query;
    if (q->test_count == l->test_cap) {
        size_t cap = l->test_cap ? l->test_cap * 2 : 16;
        gt_query_test *tests = gt_arena_grow(l->rules, q->tests, l->test_cap * sizeof *tests,
                                             cap * sizeof *tests);
        if (!tests)
            return failed(l, l->rules);
        q->tests = tests;
        l->test_cap = cap;
    }
    gt_query_test *test = &q->tests[q->test_count++];
    memset(test, 0, sizeof *test);
    return test;
}

static bool all_stars(const gt_ast_word *w)
{
    return w->part_count == 2 && w->text.len == 1;
}

/* Free text in a nested group names the field "null" of it in Kibana: it finds nothing. */
static bool check_free_text(gt_lowering *l, const gt_query_field *f, gt_span span)
{
    if (f->kind != GT_FIELD_EVERY || !f->scope.len)
        return true;
    REPORT(l, GT_WARNING, "KQL-105", span, "name a field: path:{ field: value }",
           "text without a field matches nothing inside { }");
    return false;
}

static gt_op op_of(const gt_query_field *f, const gt_literal *lit)
{
    if (lit->relation == GT_REL_EXISTS)
        return f->type == GT_FIELD_NESTED ? GT_OP_NEVER : GT_OP_EXISTS;
    return gt_value_op(f->type, lit);
}

gt_query_node *gt_lower_test(gt_lowering *l, gt_str scope, const gt_ast_word *field,
                             gt_relation relation, const gt_ast_word *value, gt_span span)
{
    gt_query_field f;
    gt_literal lit = {.relation = relation, .text = GT_STR("")};
    bool any_field = field->absent || all_stars(field);
    if (relation == GT_REL_EXISTS && any_field && (!field->absent || !scope.len))
        return gt_lower_node(l, GT_NODE_ALL, span);
    if (!field_of(l, scope, field, &f))
        return NULL;
    if (!check_scope(l, &f, field->span) || !check_free_text(l, &f, span))
        return gt_lower_node(l, GT_NODE_NONE, span);
    if (value->null && relation != GT_REL_EXISTS) {
        REPORT(l, GT_WARNING, "KQL-103", value->span, "to find what lacks the field: not field: *",
               "null matches nothing");
        return gt_lower_node(l, GT_NODE_NONE, span);
    }
    if (relation != GT_REL_EXISTS) {
        gt_status status = gt_literal_init(&lit, l->rules, relation, value->text, value->quoted);
        if (status != GT_OK) {
            l->status = l->status == GT_OK ? status : l->status;
            return NULL;
        }
    }
    gt_op op = op_of(&f, &lit);
    if (op == GT_OP_NEVER && f.kind == GT_FIELD_AT_PATH)
        report_type(l, &f, &lit, relation, relation == GT_REL_EXISTS ? field->span : value->span);
    uint32_t index = add_field(l, &f);
    gt_query_test *test = index == UINT32_MAX ? NULL : add_test(l);
    gt_query_node *n = test ? gt_lower_node(l, GT_NODE_TEST, span) : NULL;
    if (!n)
        return NULL;
    n->test = l->query->test_count - 1;
    *test = (gt_query_test){op, index, lit};
    return n;
}

static bool joins(const gt_query *q, const gt_query_node *n, uint32_t field)
{
    if (n->kind != GT_NODE_TEST)
        return false;
    const gt_query_test *t = &q->tests[n->test];
    return t->op == GT_OP_KEYWORD && t->literal.relation == GT_REL_EQ && t->field == field &&
           q->fields[field].kind == GT_FIELD_AT_PATH;
}

gt_query_node *gt_lower_join_values(gt_lowering *l, gt_query_node *first)
{
    gt_query *q = l->query;
    gt_query_node *head = first;
    while (head && !(head->kind == GT_NODE_TEST && joins(q, head, q->tests[head->test].field)))
        head = head->next;
    if (!head)
        return first;
    uint32_t field = q->tests[head->test].field;
    size_t count = 0;
    for (gt_query_node *n = head; n; n = n->next)
        count += joins(q, n, field);
    if (count < 2)
        return first;
    gt_str *items = gt_arena_array(l->rules, gt_str, count);
    if (!items)
        return failed(l, l->rules);
    count = 0;
    for (gt_query_node **link = &head; *link;) {
        gt_query_node *n = *link;
        if (!joins(q, n, field)) {
            link = &n->next;
            continue;
        }
        items[count++] = q->tests[n->test].literal.text;
        head->span.end = n->span.end;
        if (n == head)
            link = &n->next;
        else
            *link = n->next;
    }
    gt_query_test *test = &q->tests[head->test];
    gt_status status = gt_literal_set(&test->literal, l->rules, items, count);
    if (status != GT_OK) {
        l->status = l->status == GT_OK ? status : l->status;
        return NULL;
    }
    test->op = GT_OP_KEYWORD_IN;
    return first;
}

bool gt_lower_nested_field(gt_lowering *l, gt_str scope, const gt_ast_word *path, gt_str *ret_full,
                           uint32_t *ret_field)
{
    gt_query_field f;
    gt_ast_word word = *path;
    word.absent = false; /* a path named null is a name here */
    if (!field_of(l, scope, &word, &f))
        return false;
    if (f.kind != GT_FIELD_AT_PATH)
        REPORT(l, GT_ERROR, "KQL-015", path->span, "write the path out",
               "the path of a nested query takes no wildcard");
    else if (f.type != GT_FIELD_NESTED && f.type != GT_FIELD_UNTYPED)
        REPORT(l, GT_ERROR, "KQL-015", path->span,
               "name its fields with their whole path, outside { }", "%.*s has the type %s, not nested",
               GT_STR_ARG(f.name), gt_field_type_name(f.type));
    f.kind = GT_FIELD_AT_PATH;
    *ret_full = f.name;
    *ret_field = add_field(l, &f);
    return *ret_field != UINT32_MAX;
}

static gt_query_node *lower(gt_lowering *l, const gt_ast *ast, gt_str scope);

static gt_query_node *lower_chain(gt_lowering *l, const gt_ast *ast, gt_str scope)
{
    gt_query_node *n = gt_lower_node(l, ast->kind == GT_AST_AND ? GT_NODE_AND : GT_NODE_OR,
                                     ast->span);
    gt_query_node *last = NULL;
    bool list = true;
    for (const gt_ast *a = ast->first; n && a; a = a->next) {
        gt_query_node *child = lower(l, a, scope);
        if (!child)
            return NULL;
        if (last)
            last->next = child;
        else
            n->first = child;
        last = child;
        list &= a->kind == GT_AST_IS;
    }
    if (!n || n->kind != GT_NODE_OR || !ast->list)
        return n;
    n->first = gt_lower_join_values(l, n->first);
    if (!n->first)
        return NULL;
    if (list && !n->first->next) {
        n->first->span = ast->span;
        return n->first;
    }
    return n;
}

/* One word of a free text pattern: a pattern itself, or text when it has no star. */
static gt_query_node *lower_piece(gt_lowering *l, const gt_ast *ast, gt_str scope, gt_str piece)
{
    gt_ast_word value = ast->value;
    char *plain = gt_arena_alloc(l->scratch, piece.len + 1);
    if (!plain)
        return failed(l, l->scratch);
    size_t len = 0;
    bool star = false;
    for (size_t i = 0; i < piece.len; i++) {
        star |= piece.ptr[i] == '*';
        if (piece.ptr[i] == '\\')
            i++;
        plain[len++] = piece.ptr[i];
    }
    value.text = star ? piece : (gt_str){plain, len};
    gt_relation relation = gt_str_is(piece, "*") ? GT_REL_EXISTS : star ? GT_REL_LIKE : GT_REL_EQ;
    return gt_lower_test(l, scope, &ast->field, relation, &value, ast->span);
}

/* A pattern without a field goes to Elasticsearch as a query string, which cuts it at white space and
 * asks for any of the words. */
static gt_query_node *lower_words(gt_lowering *l, const gt_ast *ast, gt_str scope, gt_str pattern)
{
    gt_query_node *any = gt_lower_node(l, GT_NODE_OR, ast->span), *last = NULL;
    while (any && (pattern = gt_str_from(pattern, gt_kql_skip_space(pattern, 0))).len) {
        size_t end = 0;
        while (end < pattern.len && !gt_kql_space_at(pattern, end))
            end++;
        gt_query_node *n = lower_piece(l, ast, scope, gt_str_head(pattern, end));
        if (!n)
            return NULL;
        if (last)
            last->next = n;
        else
            any->first = n;
        last = n;
        pattern = gt_str_from(pattern, end);
    }
    return any && any->first && !any->first->next ? any->first : any;
}

static gt_query_node *lower_value(gt_lowering *l, const gt_ast *ast, gt_str scope)
{
    gt_ast_word value = ast->value;
    if (ast->kind == GT_AST_IS && ast->relation == GT_REL_LIKE) {
        value.text = gt_pattern_escape(l->scratch, value.parts, value.part_count);
        if (!value.text.ptr)
            return failed(l, l->scratch);
        if (ast->field.absent && !scope.len)
            return lower_words(l, ast, scope, value.text);
    }
    return gt_lower_test(l, scope, &ast->field, ast->relation, &value, ast->span);
}

static gt_query_node *lower(gt_lowering *l, const gt_ast *ast, gt_str scope)
{
    gt_query_node *n, *child;
    gt_str full;
    uint32_t field;
    switch (ast->kind) {
    case GT_AST_AND:
    case GT_AST_OR:
        return lower_chain(l, ast, scope);
    case GT_AST_NOT:
        child = lower(l, ast->first, scope);
        n = child ? gt_lower_node(l, GT_NODE_NOT, ast->span) : NULL;
        if (n)
            n->first = child;
        return n;
    case GT_AST_NESTED:
        if (!gt_lower_nested_field(l, scope, &ast->field, &full, &field))
            return NULL;
        child = lower(l, ast->first, full);
        n = child ? gt_lower_node(l, GT_NODE_NESTED, ast->span) : NULL;
        if (n) {
            n->first = child;
            n->field = field;
        }
        return n;
    case GT_AST_IS:
    case GT_AST_RANGE:
        return lower_value(l, ast, scope);
    default:
        return gt_lower_node(l, GT_NODE_ALL, ast->span);
    }
}

gt_status gt_lower_kql(gt_lowering *l, const gt_ast *ast)
{
    l->query->root = lower(l, ast, GT_STR(""));
    if (l->status != GT_OK)
        return l->status;
    return l->invalid ? GT_INVALID : GT_OK;
}
