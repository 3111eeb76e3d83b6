/* Texts that must occur somewhere in a document for the query to match. */
#include "base/limits.h"
#include "query/program.h"

typedef struct search {
    gt_arena *arena;
    const gt_query *query;
    bool (*takes)(gt_str field);
} search;

static const gt_query_needs UNKNOWN = {false, NULL, 0};

static bool is_plain(char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '/';
}

/* Numbers, true, false and null may stand for a string in the document without being one in the
 * record: a text must have something that they cannot have. */
static bool is_telling(gt_str s)
{
    if (s.len < GT_QUERY_PART_MIN)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (!(c >= '0' && c <= '9') && !memchr("+-.eEtrufalsn", c, 13))
            return true;
    }
    return false;
}

/* The longest plain run of a text; ptr NULL when it tells nothing. */
static gt_str longest(gt_str text)
{
    gt_str best = GT_STR_NULL;
    for (size_t i = 0; i < text.len;) {
        size_t end = i;
        while (end < text.len && is_plain(text.ptr[end]))
            end++;
        gt_str run = {text.ptr + i, end - i};
        if (run.len > best.len && is_telling(run))
            best = run;
        i = end + 1;
    }
    return best;
}

static gt_str longest_segment(const gt_pattern *pattern)
{
    gt_str best = GT_STR_NULL;
    for (size_t i = 0; pattern && i < pattern->count; i++) {
        gt_str run = pattern->segments[i].any ? GT_STR_NULL : longest(pattern->segments[i].text);
        if (run.len > best.len)
            best = run;
    }
    return best;
}

static gt_query_needs one(const search *s, gt_str text)
{
    gt_str *values = text.ptr ? gt_arena_new_of(s->arena, gt_str) : NULL;
    if (!values)
        return UNKNOWN;
    *values = text;
    return (gt_query_needs){true, values, 1};
}

static gt_query_needs of_test(const search *s, const gt_query_test *t)
{
    const gt_query_field *f = &s->query->fields[t->field];
    if (t->op == GT_OP_NEVER)
        return (gt_query_needs){true, NULL, 0};
    if (f->kind != GT_FIELD_AT_PATH || f->scope.len || !s->takes(f->name))
        return UNKNOWN;
    if (t->op == GT_OP_KEYWORD_LIKE)
        return one(s, longest_segment(t->literal.pattern));
    if (t->op == GT_OP_KEYWORD && t->literal.relation == GT_REL_EQ)
        return one(s, longest(t->literal.text));
    if (t->op != GT_OP_KEYWORD_IN)
        return UNKNOWN;
    gt_str *values = gt_arena_array(s->arena, gt_str, t->literal.set_count + 1);
    for (size_t i = 0; values && i < t->literal.set_count; i++) {
        values[i] = longest(t->literal.set[i]);
        if (!values[i].ptr)
            return UNKNOWN;
    }
    return values ? (gt_query_needs){true, values, t->literal.set_count} : UNKNOWN;
}

static gt_query_needs of_node(const search *s, const gt_query_node *n);

static gt_query_needs of_any(const search *s, const gt_query_node *n)
{
    gt_query_needs all = {true, NULL, 0};
    for (const gt_query_node *c = n->first; c; c = c->next) {
        gt_query_needs part = of_node(s, c);
        if (!part.known)
            return UNKNOWN;
        gt_str *values = gt_arena_array(s->arena, gt_str, all.count + part.count + 1);
        if (!values)
            return UNKNOWN;
        for (size_t i = 0; i < all.count; i++)
            values[i] = all.values[i];
        for (size_t i = 0; i < part.count; i++)
            values[all.count + i] = part.values[i];
        all = (gt_query_needs){true, values, all.count + part.count};
    }
    return all;
}

/* Fewer texts to look for, then longer ones. */
static bool is_better(gt_query_needs a, gt_query_needs b)
{
    if (!b.known || a.count != b.count)
        return !b.known || a.count < b.count;
    size_t shortest_a = GT_NPOS, shortest_b = GT_NPOS;
    for (size_t i = 0; i < a.count; i++)
        shortest_a = a.values[i].len < shortest_a ? a.values[i].len : shortest_a;
    for (size_t i = 0; i < b.count; i++)
        shortest_b = b.values[i].len < shortest_b ? b.values[i].len : shortest_b;
    return shortest_a > shortest_b;
}

static gt_query_needs of_node(const search *s, const gt_query_node *n)
{
    gt_query_needs best = UNKNOWN;
    switch (n->kind) {
    case GT_NODE_NONE:
        return (gt_query_needs){true, NULL, 0};
    case GT_NODE_TEST:
        return of_test(s, &s->query->tests[n->test]);
    case GT_NODE_AND: /* each child's condition will do */
        for (const gt_query_node *c = n->first; c; c = c->next) {
            gt_query_needs child = of_node(s, c);
            if (child.known && is_better(child, best))
                best = child;
        }
        return best;
    case GT_NODE_OR:
        return of_any(s, n);
    default:
        return UNKNOWN;
    }
}

gt_query_needs gt_query_parts_of(const gt_query *query, gt_arena *arena, bool (*takes)(gt_str field))
{
    search s = {arena, query, takes};
    return of_node(&s, query->root);
}
