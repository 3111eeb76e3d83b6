/* Which clauses decided for a document. */
#include "query/program.h"
#include "query/walk.h"

typedef struct explanation {
    const gt_query *query;
    gt_query_env *env;
    gt_arena *arena;
    gt_query_clause *clauses;
    size_t count;
    size_t cap;
    bool failed;
} explanation;

typedef struct collect_context {
    gt_arena *arena;
    gt_json *list;
    const gt_query_field *field;
    size_t left;
} collect_context;

/* Values shown for one clause; a field wildcard can reach every value of a large record. */
#define VALUES_SHOWN_MAX 100

static bool collect(void *context, const gt_json *value)
{
    collect_context *c = context;
    if (value->type == GT_JSON_NULL)
        return false;
    gt_json_append(c->list, gt_json_copy(c->arena, value, false));
    return --c->left == 0;
}

static bool collect_value(void *context, const gt_json *value)
{
    collect_context *c = context;
    return c->field->deep ? gt_walk_scalars(value, collect, context) : collect(context, value);
}

static bool collect_leaf(void *context, const gt_leaf *leaf)
{
    collect_context *c = context;
    if (c->field->kind == GT_FIELD_BY_PATTERN && !gt_pattern_match(c->field->pattern, leaf->name))
        return false;
    return collect(context, leaf->value);
}

static gt_json *values_of(explanation *e, const gt_query_field *field, const gt_json *document)
{
    collect_context c = {e->arena, gt_json_new_array(e->arena), field, VALUES_SHOWN_MAX};
    if (!document)
        return c.list;
    if (field->kind == GT_FIELD_AT_PATH)
        (void)gt_walk_path(document, field->path, collect_value, &c);
    else if (field->kind == GT_FIELD_BY_PATTERN)
        (void)gt_walk_leaves(e->query->schema, document, field->scope, true, collect_leaf, &c);
    return c.list; /* free text reads the whole document: nothing to list */
}

static size_t add_clause(explanation *e, const gt_query_node *n, unsigned depth)
{
    if (e->count == e->cap) {
        size_t cap = e->cap ? e->cap * 2 : 16;
        gt_query_clause *clauses = gt_arena_grow(e->arena, e->clauses, e->cap * sizeof *clauses,
                                                 cap * sizeof *clauses);
        if (!clauses) {
            e->failed = true;
            return GT_NPOS;
        }
        e->clauses = clauses;
        e->cap = cap;
    }
    gt_str text = gt_str_head(gt_str_from(e->query->text, n->span.begin), n->span.end - n->span.begin);
    e->clauses[e->count] = (gt_query_clause){.span = n->span, .text = text, .field = GT_STR(""),
                                             .depth = depth};
    return e->count++;
}

static bool evaluate(explanation *e, const gt_query_node *n, const gt_json *document, unsigned depth);

typedef struct object_search {
    explanation *e;
    const gt_query_node *body;
    const gt_json *first;
    const gt_json *matching;
} object_search;

static bool holds(explanation *e, const gt_query_node *n, const gt_json *document);

static bool matches_object(void *context, const gt_json *value)
{
    object_search *s = context;
    if (value->type != GT_JSON_OBJECT)
        return false;
    if (!s->first)
        s->first = value;
    if (!holds(s->e, s->body, value))
        return false;
    s->matching = value;
    return true;
}

/* The truth of a clause alone, without a record of the clauses in it. */
static bool holds(explanation *e, const gt_query_node *n, const gt_json *document)
{
    object_search s = {e, n->first, NULL, NULL};
    switch (n->kind) {
    case GT_NODE_ALL:
        return true;
    case GT_NODE_NONE:
        return false;
    case GT_NODE_NOT:
        return !holds(e, n->first, document);
    case GT_NODE_NESTED:
        return gt_walk_path(document, e->query->fields[n->field].path, matches_object, &s);
    case GT_NODE_TEST:
        return gt_query_test_run(e->query, &e->query->tests[n->test], document, e->env->now);
    default:
        break;
    }
    for (const gt_query_node *c = n->first; c; c = c->next)
        if (holds(e, c, document) != (n->kind == GT_NODE_AND))
            return n->kind == GT_NODE_OR;
    return n->kind == GT_NODE_AND;
}

/* The clauses inside are told for the object that matched, or else for the first one. */
static bool evaluate_nested(explanation *e, const gt_query_node *n, const gt_json *document,
                            unsigned depth)
{
    object_search s = {e, n->first, NULL, NULL};
    if (document)
        (void)gt_walk_path(document, e->query->fields[n->field].path, matches_object, &s);
    (void)evaluate(e, n->first, s.matching ? s.matching : s.first, depth);
    return s.matching != NULL;
}

/* document is NULL inside a nested field without objects: then no test holds. */
static bool evaluate(explanation *e, const gt_query_node *n, const gt_json *document, unsigned depth)
{
    size_t at = add_clause(e, n, depth);
    if (at == GT_NPOS)
        return false;
    bool result = n->kind == GT_NODE_ALL || n->kind == GT_NODE_AND;
    gt_json *values = NULL;
    gt_str field = GT_STR("");
    if (n->kind == GT_NODE_TEST) {
        const gt_query_test *t = &e->query->tests[n->test];
        result = document && gt_query_test_run(e->query, t, document, e->env->now);
        values = values_of(e, &e->query->fields[t->field], document);
        e->failed |= !values;
        field = e->query->fields[t->field].name;
    } else if (n->kind == GT_NODE_NESTED) {
        field = e->query->fields[n->field].name;
        result = evaluate_nested(e, n, document, depth + 1);
    } else if (n->kind == GT_NODE_NOT) {
        result = !evaluate(e, n->first, document, depth + 1);
    }
    if (n->kind == GT_NODE_AND || n->kind == GT_NODE_OR) {
        for (const gt_query_node *c = n->first; c; c = c->next) {
            bool child = evaluate(e, c, document, depth + 1);
            result = n->kind == GT_NODE_AND ? result && child : result || child;
        }
    }
    e->clauses[at].result = result;
    e->clauses[at].values = values;
    e->clauses[at].field = field;
    return result;
}

/* The outcome turns on a clause when its parent's does and, in `and` and `or`, when the clause has the
 * parent's result. Returns the index behind the clause's own subtree. */
static size_t mark_decided(explanation *e, const gt_query_node *n, size_t at, bool decided)
{
    gt_query_clause *own = &e->clauses[at++];
    own->decided = decided;
    bool chain = n->kind == GT_NODE_AND || n->kind == GT_NODE_OR;
    for (const gt_query_node *c = n->first; c; c = c->next) {
        bool agrees = !chain || e->clauses[at].result == own->result;
        at = mark_decided(e, c, at, decided && agrees);
    }
    return at;
}

gt_status gt_query_explain(const gt_query *query, const gt_json *document, gt_query_env *env,
                           gt_arena *arena, gt_query_clause **ret_clauses, size_t *ret_count)
{
    explanation e = {.query = query, .env = env, .arena = arena};
    (void)evaluate(&e, query->root, document, 0);
    if (e.failed || gt_arena_status(arena) != GT_OK)
        return gt_arena_status(arena) != GT_OK ? gt_arena_status(arena) : GT_NOMEM;
    (void)mark_decided(&e, query->root, 0, true);
    *ret_clauses = e.clauses;
    *ret_count = e.count;
    return GT_OK;
}
