#include "query/program.h"
#include "query/walk.h"

/* Fields read so far in a scope: most have one value, which is kept. */
#define SLOT_MAX 32

typedef enum slot_state { SLOT_UNKNOWN, SLOT_NONE, SLOT_ONE, SLOT_MANY } slot_state;

typedef struct slot {
    slot_state state;
    const gt_json *one;
} slot;

typedef struct run_state {
    const gt_query *query;
    gt_time_ms now;
} run_state;

typedef struct test_context {
    const gt_query *query;
    const gt_query_test *test;
    const gt_query_field *field;
    gt_time_ms now;
} test_context;

static bool visit_scalar(void *context, const gt_json *value)
{
    const test_context *c = context;
    const gt_query_test *t = c->test;
    if (t->op == GT_OP_EXISTS) {
        if (c->field->type == GT_FIELD_FLATTENED && value->type == GT_JSON_OBJECT)
            return false; /* an inner node of a flattened field is no field */
        return gt_value_present(value, c->field->type, c->field->ignore_above);
    }
    return gt_value_test(t->op, &t->literal, value, c->field->ignore_above, c->now);
}

static bool visit_value(void *context, const gt_json *value)
{
    const test_context *c = context;
    if (c->field->deep)
        return gt_walk_scalars(value, visit_scalar, context);
    return visit_scalar(context, value);
}

static bool visit_leaf(void *context, const gt_leaf *leaf)
{
    const test_context *c = context;
    const gt_query_test *t = c->test;
    uint32_t ignore_above = leaf->row ? leaf->row->ignore_above : 0;
    if (c->field->kind == GT_FIELD_BY_PATTERN && !gt_pattern_match(c->field->pattern, leaf->name))
        return false;
    if (t->op == GT_OP_EXISTS)
        return gt_value_present(leaf->value, leaf->type, ignore_above);
    return gt_value_test(gt_value_op(leaf->type, &t->literal), &t->literal, leaf->value,
                         ignore_above, c->now);
}

bool gt_query_test_run(const gt_query *query, const gt_query_test *test, const gt_json *document,
                       gt_time_ms now)
{
    const gt_query_field *field = &query->fields[test->field];
    test_context c = {query, test, field, now};
    if (test->op == GT_OP_NEVER)
        return false;
    if (field->kind == GT_FIELD_AT_PATH)
        return gt_walk_path(document, field->path, visit_value, &c);
    return gt_walk_leaves(query->schema, document, field->scope, field->kind != GT_FIELD_EVERY,
                          visit_leaf, &c);
}

bool gt_query_test_value(const gt_query *query, const gt_query_test *test, const gt_json *value,
                         gt_time_ms now)
{
    test_context c = {query, test, &query->fields[test->field], now};
    return test->op != GT_OP_NEVER && visit_value(&c, value);
}

static bool visit_count(void *context, const gt_json *value)
{
    slot *s = context;
    s->state = s->state == SLOT_NONE ? SLOT_ONE : SLOT_MANY;
    s->one = value;
    return s->state == SLOT_MANY;
}

static bool test(const run_state *r, const gt_instr *i, const gt_json *document, slot *slots)
{
    const gt_query_test *t = &r->query->tests[i->b];
    const gt_query_field *field = &r->query->fields[i->a];
    if (field->kind != GT_FIELD_AT_PATH || i->a >= SLOT_MAX)
        return gt_query_test_run(r->query, t, document, r->now);
    slot *s = &slots[i->a];
    if (s->state == SLOT_UNKNOWN) {
        s->state = SLOT_NONE;
        (void)gt_walk_path(document, field->path, visit_count, s);
    }
    if (s->state == SLOT_NONE)
        return false;
    if (s->state == SLOT_MANY)
        return gt_query_test_run(r->query, t, document, r->now);
    return gt_query_test_value(r->query, t, s->one, r->now);
}

typedef struct each_context {
    const run_state *run;
    uint32_t begin;
    uint32_t end;
} each_context;

static bool run_code(const run_state *r, const gt_json *document, uint32_t pc, uint32_t end);

static bool visit_object(void *context, const gt_json *value)
{
    const each_context *e = context;
    return value->type == GT_JSON_OBJECT && run_code(e->run, value, e->begin, e->end);
}

static bool run_code(const run_state *r, const gt_json *document, uint32_t pc, uint32_t end)
{
    slot slots[SLOT_MAX] = {0};
    bool it = true;
    while (pc < end) {
        const gt_instr *i = &r->query->code[pc++];
        switch ((gt_op)i->op) {
        case GT_OP_END:
            return it;
        case GT_OP_TRUE:
            it = true;
            break;
        case GT_OP_FALSE:
            it = false;
            break;
        case GT_OP_NOT:
            it = !it;
            break;
        case GT_OP_JUMP_FALSE:
            if (!it)
                pc = i->a;
            break;
        case GT_OP_JUMP_TRUE:
            if (it)
                pc = i->a;
            break;
        case GT_OP_EACH: {
            each_context each = {r, pc, i->b};
            it = gt_walk_path(document, r->query->fields[i->a].path, visit_object, &each);
            pc = i->b;
            break;
        }
        default:
            it = test(r, i, document, slots);
            break;
        }
    }
    return it;
}

bool gt_query_run(const gt_query *query, const gt_json *document, gt_query_env *env)
{
    run_state r = {query, env->now};
    return run_code(&r, document, 0, query->code_count);
}
