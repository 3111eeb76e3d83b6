/* Method: the tree of clauses; each clause is asked only about the events on which the outcome still
 * turns. */
#include "query/decide.h"

#include "query/program.h"

typedef struct decider {
    const gt_query *query;
    gt_arena *scratch;
    size_t words;
    gt_query_decide_fn fn;
    void *user;
} decider;

static bool is_empty(const uint64_t *set, size_t words)
{
    for (size_t i = 0; i < words; i++)
        if (set[i])
            return false;
    return true;
}

static gt_status sets_new(const decider *d, gt_query_sets *ret)
{
    uint64_t *bits = gt_arena_array(d->scratch, uint64_t, 2 * d->words + 1);
    if (!bits)
        return GT_NOMEM;
    *ret = (gt_query_sets){bits, bits + d->words};
    return GT_OK;
}

static void all_may(const decider *d, const uint64_t *asked, gt_query_sets *ret)
{
    memcpy(ret->may, asked, d->words * sizeof *asked);
    memset(ret->must, 0, d->words * sizeof *asked);
}

static gt_status of_test(const decider *d, uint32_t index, const uint64_t *asked, gt_query_sets *ret)
{
    const gt_query_test *test = &d->query->tests[index];
    const gt_query_field *field = &d->query->fields[test->field];
    gt_status status = GT_NOTFOUND;
    if (test->op == GT_OP_NEVER)
        return GT_OK;
    if (field->kind == GT_FIELD_AT_PATH && !field->scope.len && !field->deep)
        status = d->fn(d->user, field->name, index, asked, ret);
    if (status != GT_NOTFOUND)
        return status;
    all_may(d, asked, ret);
    return GT_OK;
}

static gt_status of_node(const decider *d, const gt_query_node *n, const uint64_t *asked,
                         gt_query_sets *ret);

/* part is what the child is asked about: for AND what may still match, for OR what is not yet sure. */
static gt_status of_children(const decider *d, const gt_query_node *n, const uint64_t *asked,
                             gt_query_sets *ret)
{
    bool all = n->kind == GT_NODE_AND;
    gt_query_sets child, part;
    GT_TRY(sets_new(d, &child));
    GT_TRY(sets_new(d, &part));
    memcpy(part.may, asked, d->words * sizeof *asked);
    if (all) {
        memcpy(ret->may, asked, d->words * sizeof *asked);
        memcpy(ret->must, asked, d->words * sizeof *asked);
    }
    for (const gt_query_node *c = n->first; c && !is_empty(part.may, d->words); c = c->next) {
        memset(child.may, 0, d->words * sizeof *child.may);
        memset(child.must, 0, d->words * sizeof *child.must);
        GT_TRY(of_node(d, c, part.may, &child));
        for (size_t i = 0; i < d->words; i++) {
            if (all) {
                ret->may[i] &= child.may[i];
                ret->must[i] &= child.must[i];
                part.may[i] = ret->may[i];
            } else {
                ret->may[i] |= child.may[i];
                ret->must[i] |= child.must[i];
                part.may[i] &= ~child.must[i];
            }
        }
    }
    return GT_OK;
}

static gt_status of_not(const decider *d, const gt_query_node *n, const uint64_t *asked,
                        gt_query_sets *ret)
{
    gt_query_sets child;
    GT_TRY(sets_new(d, &child));
    GT_TRY(of_node(d, n->first, asked, &child));
    for (size_t i = 0; i < d->words; i++) {
        ret->may[i] = asked[i] & ~child.must[i];
        ret->must[i] = asked[i] & ~child.may[i];
    }
    return GT_OK;
}

static gt_status of_node(const decider *d, const gt_query_node *n, const uint64_t *asked,
                         gt_query_sets *ret)
{
    gt_arena_mark mark = gt_arena_save(d->scratch);
    gt_status status = GT_OK;
    switch (n->kind) {
    case GT_NODE_NONE:
        break;
    case GT_NODE_ALL:
        all_may(d, asked, ret);
        memcpy(ret->must, asked, d->words * sizeof *asked);
        break;
    case GT_NODE_TEST:
        status = of_test(d, n->test, asked, ret);
        break;
    case GT_NODE_AND:
    case GT_NODE_OR:
        status = of_children(d, n, asked, ret);
        break;
    case GT_NODE_NOT:
        status = of_not(d, n, asked, ret);
        break;
    case GT_NODE_NESTED:
        all_may(d, asked, ret);
        break;
    }
    gt_arena_rewind(d->scratch, mark);
    return status;
}

gt_status gt_query_decide(const gt_query *query, gt_arena *scratch, size_t words,
                          const uint64_t *asked, gt_query_decide_fn fn, void *user,
                          gt_query_sets *ret)
{
    decider d = {query, scratch, words, fn, user};
    memset(ret->may, 0, words * sizeof *ret->may);
    memset(ret->must, 0, words * sizeof *ret->must);
    return of_node(&d, query->root, asked, ret);
}

bool gt_query_decide_test(const gt_query *query, uint32_t test, const gt_json *document,
                          gt_time_ms now)
{
    return gt_query_test_run(query, &query->tests[test], document, now);
}

bool gt_query_decide_is_bound(const gt_query *query, uint32_t test)
{
    const gt_query_test *t = &query->tests[test];
    gt_relation r = t->literal.relation;
    return t->op == GT_OP_DATE &&
           (r == GT_REL_LT || r == GT_REL_LTE || r == GT_REL_GT || r == GT_REL_GTE);
}
