/* Clause tree to instructions. */
#include "query/program.h"

#include <stdlib.h>

typedef struct emitter {
    gt_query *query;
    gt_arena *rules;
    size_t cap;
} emitter;

static gt_status put(emitter *e, gt_op op, uint32_t a, uint32_t b)
{
    gt_query *q = e->query;
    if (q->code_count == e->cap) {
        size_t cap = e->cap ? e->cap * 2 : 32;
        gt_instr *code = gt_arena_grow(e->rules, q->code, e->cap * sizeof *code, cap * sizeof *code);
        if (!code)
            return gt_arena_status(e->rules);
        q->code = code;
        e->cap = cap;
    }
    q->code[q->code_count++] = (gt_instr){(uint8_t)op, a, b};
    return GT_OK;
}

/* Is the node true or false whatever the document? */
typedef enum constant { VARIES, ALWAYS_TRUE, ALWAYS_FALSE } constant;

static constant constant_of(const gt_query *q, const gt_query_node *n)
{
    constant child;
    bool varies = false;
    switch (n->kind) {
    case GT_NODE_ALL:
        return ALWAYS_TRUE;
    case GT_NODE_NONE:
        return ALWAYS_FALSE;
    case GT_NODE_TEST:
        return q->tests[n->test].op == GT_OP_NEVER ? ALWAYS_FALSE : VARIES;
    case GT_NODE_NESTED: /* true still asks for an object to be there */
        return constant_of(q, n->first) == ALWAYS_FALSE ? ALWAYS_FALSE : VARIES;
    case GT_NODE_NOT:
        child = constant_of(q, n->first);
        return child == VARIES ? VARIES : child == ALWAYS_TRUE ? ALWAYS_FALSE : ALWAYS_TRUE;
    default:
        break;
    }
    constant decisive = n->kind == GT_NODE_AND ? ALWAYS_FALSE : ALWAYS_TRUE;
    for (const gt_query_node *c = n->first; c; c = c->next) {
        child = constant_of(q, c);
        if (child == decisive)
            return decisive;
        varies |= child == VARIES;
    }
    return varies ? VARIES : n->kind == GT_NODE_AND ? ALWAYS_TRUE : ALWAYS_FALSE;
}

/* Cheap tests go first: nothing here has side effects, so the order is free. */
static unsigned cost_of(const gt_query *q, const gt_query_node *n)
{
    unsigned sum = 0;
    if (n->kind == GT_NODE_TEST) {
        const gt_query_test *t = &q->tests[n->test];
        if (q->fields[t->field].kind != GT_FIELD_AT_PATH)
            return 50;
        return t->op == GT_OP_TEXT || t->op == GT_OP_TEXT_LIKE ? 8
             : t->op == GT_OP_KEYWORD || t->op == GT_OP_KEYWORD_IN ? 1 : 2;
    }
    for (const gt_query_node *c = n->first; c; c = c->next)
        sum += cost_of(q, c);
    return n->kind == GT_NODE_NESTED ? sum * 4 + 4 : sum;
}

#define COST_CLASSES 6

static unsigned cost_class(const gt_query *q, const gt_query_node *n)
{
    unsigned cost = cost_of(q, n);
    return cost <= 1 ? 0 : cost <= 2 ? 1 : cost <= 4 ? 2 : cost <= 8 ? 3 : cost <= 32 ? 4 : 5;
}

static gt_status emit(emitter *e, const gt_query_node *n);

static gt_status emit_chain(emitter *e, const gt_query_node *n)
{
    gt_op jump = n->kind == GT_NODE_AND ? GT_OP_JUMP_FALSE : GT_OP_JUMP_TRUE;
    uint32_t first_jump = UINT32_MAX; /* jumps to patch, linked through their operand */
    size_t left = 0;
    for (const gt_query_node *c = n->first; c; c = c->next)
        left += constant_of(e->query, c) == VARIES;
    for (unsigned class = 0; class < COST_CLASSES; class++) {
        for (const gt_query_node *c = n->first; c; c = c->next) {
            if (constant_of(e->query, c) != VARIES || cost_class(e->query, c) != class)
                continue;
            GT_TRY(emit(e, c));
            if (--left == 0)
                break;
            GT_TRY(put(e, jump, first_jump, 0));
            first_jump = e->query->code_count - 1;
        }
    }
    while (first_jump != UINT32_MAX) {
        gt_instr *i = &e->query->code[first_jump];
        first_jump = i->a;
        i->a = e->query->code_count;
    }
    return GT_OK;
}

static gt_status emit(emitter *e, const gt_query_node *n)
{
    const gt_query *q = e->query;
    constant known = constant_of(q, n);
    if (known != VARIES)
        return put(e, known == ALWAYS_TRUE ? GT_OP_TRUE : GT_OP_FALSE, 0, 0);
    switch (n->kind) {
    case GT_NODE_NOT:
        GT_TRY(emit(e, n->first));
        return put(e, GT_OP_NOT, 0, 0);
    case GT_NODE_NESTED: {
        uint32_t at = q->code_count;
        GT_TRY(put(e, GT_OP_EACH, n->field, 0));
        GT_TRY(emit(e, n->first));
        e->query->code[at].b = q->code_count;
        return GT_OK;
    }
    case GT_NODE_TEST:
        return put(e, q->tests[n->test].op, q->tests[n->test].field, n->test);
    default:
        return emit_chain(e, n);
    }
}

static int compare_names(const void *a, const void *b)
{
    return gt_str_cmp(*(const gt_str *)a, *(const gt_str *)b);
}

static gt_status collect_names(gt_query *q, gt_arena *rules)
{
    q->names = gt_arena_array(rules, gt_str, q->field_count + 1);
    if (!q->names)
        return gt_arena_status(rules);
    for (uint32_t i = 0; i < q->field_count; i++)
        if (q->fields[i].name.len)
            q->names[q->name_count++] = q->fields[i].name;
    qsort(q->names, q->name_count, sizeof *q->names, compare_names);
    size_t kept = 0;
    for (size_t i = 0; i < q->name_count; i++)
        if (i == 0 || !gt_str_eq(q->names[i], q->names[kept - 1]))
            q->names[kept++] = q->names[i];
    q->name_count = kept;
    return GT_OK;
}

gt_status gt_query_emit(gt_query *query, gt_arena *rules)
{
    emitter e = {query, rules, 0};
    GT_TRY(emit(&e, query->root));
    GT_TRY(put(&e, GT_OP_END, 0, 0));
    return collect_names(query, rules);
}
