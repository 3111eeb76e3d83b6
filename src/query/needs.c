/* What a document must hold for the query to match. */
#include "query/program.h"

#include <stdlib.h>

/* A set of values one of which must be there; known = false: no such set. */
typedef struct needs {
    bool known;
    const gt_str *values;
    size_t count;
} needs;

typedef struct search {
    const gt_query *query;
    gt_arena *arena;
    gt_str field;
} search;

static const needs UNKNOWN = {false, NULL, 0};
static const needs NOTHING = {true, NULL, 0};

static needs of_test(const search *s, const gt_query_test *t)
{
    const gt_query_field *f = &s->query->fields[t->field];
    long double number;
    if (t->op == GT_OP_NEVER)
        return NOTHING;
    if (f->kind != GT_FIELD_AT_PATH || f->scope.len || f->deep || !gt_str_eq(f->name, s->field))
        return UNKNOWN;
    if (t->op == GT_OP_KEYWORD_IN)
        return (needs){true, t->literal.set, t->literal.set_count};
    /* an untyped number may be written in other ways than the literal */
    bool exact = t->op == GT_OP_KEYWORD ||
                 (t->op == GT_OP_DYNAMIC && !gt_number_parse(t->literal.text, &number));
    if (!exact || t->literal.relation != GT_REL_EQ)
        return UNKNOWN;
    return (needs){true, &t->literal.text, 1};
}

static int compare(const void *a, const void *b)
{
    return gt_str_cmp(*(const gt_str *)a, *(const gt_str *)b);
}

static needs join(const search *s, const needs *parts, size_t part_count)
{
    size_t total = 0, count = 0;
    for (size_t i = 0; i < part_count; i++)
        total += parts[i].count;
    gt_str *values = gt_arena_array(s->arena, gt_str, total + 1);
    if (!values)
        return UNKNOWN;
    for (size_t i = 0; i < part_count; i++)
        for (size_t k = 0; k < parts[i].count; k++)
            values[count++] = parts[i].values[k];
    qsort(values, count, sizeof *values, compare);
    total = count;
    count = 0;
    for (size_t i = 0; i < total; i++)
        if (i == 0 || !gt_str_eq(values[i], values[count - 1]))
            values[count++] = values[i];
    return (needs){true, values, count};
}

static needs of_node(const search *s, const gt_query_node *n);

static needs of_any(const search *s, const gt_query_node *n)
{
    size_t count = 0;
    for (const gt_query_node *c = n->first; c; c = c->next)
        count++;
    needs *parts = gt_arena_array(s->arena, needs, count);
    if (!parts)
        return UNKNOWN;
    count = 0;
    for (const gt_query_node *c = n->first; c; c = c->next) {
        parts[count] = of_node(s, c);
        if (!parts[count++].known)
            return UNKNOWN;
    }
    return join(s, parts, count);
}

static needs of_node(const search *s, const gt_query_node *n)
{
    needs best = UNKNOWN;
    switch (n->kind) {
    case GT_NODE_NONE:
        return NOTHING;
    case GT_NODE_TEST:
        return of_test(s, &s->query->tests[n->test]);
    case GT_NODE_AND: /* each child's set will do: take the smallest */
        for (const gt_query_node *c = n->first; c; c = c->next) {
            needs child = of_node(s, c);
            if (child.known && (!best.known || child.count < best.count))
                best = child;
        }
        return best;
    case GT_NODE_OR:
        return of_any(s, n);
    case GT_NODE_NESTED: /* its fields are in objects of their own; only "never" counts */
        best = of_node(s, n->first);
        return best.known && best.count == 0 ? NOTHING : UNKNOWN;
    default:
        return UNKNOWN;
    }
}

gt_query_needs gt_query_needs_of(const gt_query *query, gt_arena *arena, gt_str field)
{
    search s = {query, arena, field};
    needs found = of_node(&s, query->root);
    return (gt_query_needs){found.known, found.values, found.count};
}
