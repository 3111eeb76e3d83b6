/* Three-valued evaluation over the clause tree (Kleene's logic): what is unknown stays unknown unless the
 * other side of a connective decides. */
#include "query/program.h"

typedef struct judge {
    const gt_query *query;
    const uint32_t *slots;
    gt_time_ms now;
    gt_known (*look)(void *ctx, uint32_t slot, gt_str *ret_value);
    void *ctx;
} judge;

gt_status gt_query_bind(const gt_query *query, gt_arena *arena,
                        gt_status (*slot_of)(void *ctx, gt_str field, uint32_t *ret), void *ctx,
                        const uint32_t **ret_slots, size_t *ret_count)
{
    uint32_t *slots = gt_arena_array(arena, uint32_t, query->field_count + 1);
    if (!slots)
        return gt_arena_status(arena);
    for (uint32_t i = 0; i < query->field_count; i++) {
        const gt_query_field *f = &query->fields[i];
        slots[i] = GT_SLOT_NONE;
        /* The root of a flattened field stands for all that is below it. */
        if (f->kind == GT_FIELD_AT_PATH && !f->scope.len && !f->deep)
            GT_TRY(slot_of(ctx, f->name, &slots[i]));
    }
    *ret_slots = slots;
    *ret_count = query->field_count;
    return GT_OK;
}

static gt_truth of_test(const judge *j, const gt_query_test *t)
{
    gt_str text;
    if (t->op == GT_OP_NEVER)
        return GT_FALSE;
    if (j->slots[t->field] == GT_SLOT_NONE)
        return GT_UNKNOWN;
    gt_known known = j->look(j->ctx, j->slots[t->field], &text);
    if (known == GT_KNOWN_NOT)
        return GT_UNKNOWN;
    if (known == GT_KNOWN_ABSENT)
        return GT_FALSE;
    gt_json value = {.type = GT_JSON_STRING, .str = text};
    if (!gt_query_test_value(j->query, t, &value, j->now))
        return GT_FALSE; /* as without a value */
    return known == GT_KNOWN_VALUE ? GT_TRUE : GT_UNKNOWN;
}

static gt_truth of_node(const judge *j, const gt_query_node *n)
{
    gt_truth child, all;
    switch (n->kind) {
    case GT_NODE_ALL:
        return GT_TRUE;
    case GT_NODE_NONE:
        return GT_FALSE;
    case GT_NODE_TEST:
        return of_test(j, &j->query->tests[n->test]);
    case GT_NODE_NOT:
        child = of_node(j, n->first);
        return child == GT_UNKNOWN ? GT_UNKNOWN : child == GT_TRUE ? GT_FALSE : GT_TRUE;
    case GT_NODE_NESTED: /* its fields are those of objects that nobody knows */
        return GT_UNKNOWN;
    default:
        break;
    }
    gt_truth decisive = n->kind == GT_NODE_AND ? GT_FALSE : GT_TRUE;
    all = n->kind == GT_NODE_AND ? GT_TRUE : GT_FALSE;
    for (const gt_query_node *c = n->first; c; c = c->next) {
        child = of_node(j, c);
        if (child == decisive)
            return decisive;
        if (child == GT_UNKNOWN)
            all = GT_UNKNOWN;
    }
    return all;
}

gt_truth gt_query_judge(const gt_query *query, const uint32_t *slots, gt_time_ms now,
                        gt_known (*look)(void *ctx, uint32_t slot, gt_str *ret_value), void *ctx)
{
    judge j = {query, slots, now, look, ctx};
    return of_node(&j, query->root);
}
