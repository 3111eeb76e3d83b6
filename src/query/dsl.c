#include "query/dsl.h"

#include "base/ip.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "query/program.h"

#include <math.h>

typedef struct translator {
    const gt_query *query;
    const gt_dsl_target *target;
    gt_arena *arena;
    gt_dsl *out;
    size_t reason_cap;
    size_t clauses_max;
    bool failed;
} translator;

/* One clause: json NULL means that it has to be evaluated by the caller. */
typedef struct clause {
    gt_json *json;
    bool exact;
    const char *reason; /* why it is not exact; or, with exact, the remark of a native clause */
} clause;

static clause exactly(gt_json *json)
{
    return (clause){json, true, NULL};
}

static clause here(const char *reason)
{
    return (clause){NULL, false, reason};
}

static clause wider(gt_json *json, const char *reason)
{
    return (clause){json, false, reason};
}

/* {"name": value} */
static gt_json *wrap(translator *t, gt_str name, gt_json *value)
{
    gt_json *o = gt_json_new_object(t->arena);
    return gt_json_set(o, name, value) ? o : NULL;
}

static gt_json *match_all(translator *t)
{
    return wrap(t, GT_STR("match_all"), gt_json_new_object(t->arena));
}

static gt_json *match_none(translator *t)
{
    return wrap(t, GT_STR("match_none"), gt_json_new_object(t->arena));
}

/* {"kind": {"field": value}} */
static gt_json *leaf(translator *t, gt_str kind, gt_str field, gt_json *value)
{
    return wrap(t, kind, wrap(t, field, value));
}

static gt_json *exists(translator *t, gt_str field)
{
    return wrap(t, GT_STR("exists"), wrap(t, GT_STR("field"), gt_json_new_str(t->arena, field)));
}

static gt_json *term(translator *t, gt_str field, gt_json *value)
{
    return leaf(t, GT_STR("term"), field, value);
}

static gt_str range_key(gt_relation relation)
{
    switch (relation) {
    case GT_REL_LT:
        return GT_STR("lt");
    case GT_REL_LTE:
        return GT_STR("lte");
    case GT_REL_GT:
        return GT_STR("gt");
    default:
        return GT_STR("gte");
    }
}

static gt_json *range(translator *t, gt_str field, gt_str key, gt_json *low, gt_str key2,
                      gt_json *high)
{
    gt_json *body = gt_json_new_object(t->arena);
    if (low)
        gt_json_set(body, key, low);
    if (high)
        gt_json_set(body, key2, high);
    return leaf(t, GT_STR("range"), field, body);
}

/* --- one test ------------------------------------------------------------------------------------- */

static gt_dsl_field mapping_of(translator *t, gt_str name)
{
    if (t->target->field)
        return t->target->field(t->target->ctx, name);
    return gt_dsl_schema_field(t->query->schema, t->target->server, name);
}

static bool is_keyword(gt_field_type type)
{
    return type == GT_FIELD_KEYWORD || type == GT_FIELD_CONSTANT_KEYWORD ||
           type == GT_FIELD_WILDCARD;
}

static size_t utf16_units(gt_str s)
{
    size_t units = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        units += c >= 0xF0 ? 2 : (c & 0xC0) != 0x80;
    }
    return units;
}

/* Is every value as long as the literal indexed where we compare it? */
static bool fits(gt_str text, uint32_t ignore_above)
{
    return ignore_above == 0 || utf16_units(text) <= ignore_above;
}

static clause keyword_values(translator *t, const gt_query_field *f, gt_dsl_field m,
                             const gt_str *values, size_t count)
{
    gt_json *list = gt_json_new_array(t->arena), *one = NULL;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (!gt_utf8_valid(values[i]))
            return here("a value that is not UTF-8");
        if (!fits(values[i], f->ignore_above))
            continue; /* longer than what is compared at all */
        if (!fits(values[i], m.ignore_above))
            return here("the index leaves values as long as this out (ignore_above)");
        one = gt_json_new_str(t->arena, values[i]);
        gt_json_append(list, one);
        kept++;
    }
    if (kept > GT_DSL_TERMS_MAX)
        return here("more values than a terms query takes");
    if (kept == 0)
        return exactly(match_none(t));
    if (kept == 1)
        return exactly(term(t, f->name, gt_json_copy(t->arena, one, false)));
    return exactly(leaf(t, GT_STR("terms"), f->name, list));
}

static size_t stars(gt_str pattern)
{
    size_t n = 0;
    for (size_t i = 0; i < pattern.len; i++) {
        if (pattern.ptr[i] == '\\')
            i++;
        else
            n += pattern.ptr[i] == '*';
    }
    return n;
}

static clause keyword(translator *t, const gt_query_field *f, const gt_query_test *test,
                      gt_dsl_field m)
{
    const gt_literal *l = &test->literal;
    bool flattened = m.type == GT_FIELD_FLATTENED;
    if (!is_keyword(m.type) && !(flattened && f->type == GT_FIELD_FLATTENED))
        return here("the index does not map the field as keyword");
    if (test->op == GT_OP_KEYWORD_IN)
        return keyword_values(t, f, m, l->set, l->set_count);
    if (test->op == GT_OP_KEYWORD && l->relation == GT_REL_EQ)
        return keyword_values(t, f, m, &l->text, 1);
    if (!gt_utf8_valid(l->text))
        return here("a value that is not UTF-8");
    if (m.ignore_above != f->ignore_above)
        return here("the index leaves other values out than we do (ignore_above)");
    if (f->deep)
        return here("patterns and ranges over all of a flattened field");
    if (flattened && t->target->server == GT_DSL_ELASTICSEARCH)
        return wider(exists(t, f->name), "flattened fields take no wildcards and no open ranges");
    if (test->op == GT_OP_KEYWORD_LIKE) {
        if (stars(l->text) > GT_DSL_STARS_MAX)
            return here("more stars than the server takes");
        return exactly(leaf(t, GT_STR("wildcard"), f->name,
                            wrap(t, GT_STR("value"), gt_json_new_str(t->arena, l->text))));
    }
    if (flattened)
        return wider(exists(t, f->name), "flat_object fields take no ranges");
    return exactly(range(t, f->name, range_key(l->relation), gt_json_new_str(t->arena, l->text),
                         GT_STR_NULL, NULL));
}

/* The smallest integer above, or largest below, that a comparison with a fraction means. */
static clause long_number(translator *t, const gt_query_field *f, const gt_literal *l)
{
    const long double low = -9223372036854775808.0L, high = 9223372036854775807.0L;
    gt_relation relation = l->relation;
    long double n = l->number, whole = truncl(n);
    bool upwards = relation == GT_REL_GT || relation == GT_REL_GTE;
    if (n != whole) {
        if (relation == GT_REL_EQ)
            return exactly(match_none(t));
        whole = upwards ? ceill(n) : floorl(n);
        relation = upwards ? GT_REL_GTE : GT_REL_LTE;
    }
    if (whole < low || whole > high) {
        bool all = relation != GT_REL_EQ && upwards == (whole < low);
        return exactly(all ? exists(t, f->name) : match_none(t));
    }
    gt_json *number = gt_json_new_i64(t->arena, (int64_t)whole);
    if (relation == GT_REL_EQ)
        return exactly(term(t, f->name, number));
    return exactly(range(t, f->name, range_key(relation), number, GT_STR_NULL, NULL));
}

static clause double_number(translator *t, const gt_query_field *f, const gt_literal *l)
{
    double n = (double)l->number;
    if (!isfinite(n))
        return here("a number beyond the range of double");
    gt_json *number = gt_json_new_number(t->arena, gt_arena_printf(t->arena, "%.17g", n));
    if (l->relation == GT_REL_EQ)
        return exactly(term(t, f->name, number));
    return exactly(range(t, f->name, range_key(l->relation), number, GT_STR_NULL, NULL));
}

static clause boolean(translator *t, const gt_query_field *f, const gt_literal *l)
{
    static const bool held[5][2][2] = {
        /* relation, literal, value */
        [GT_REL_EQ] = {{true, false}, {false, true}},  [GT_REL_LT] = {{false, false}, {true, false}},
        [GT_REL_LTE] = {{true, false}, {true, true}},  [GT_REL_GT] = {{false, true}, {false, false}},
        [GT_REL_GTE] = {{true, true}, {false, true}},
    };
    bool is_false = held[l->relation][l->boolean][0], is_true = held[l->relation][l->boolean][1];
    if (is_false && is_true)
        return exactly(exists(t, f->name));
    if (!is_false && !is_true)
        return exactly(match_none(t));
    return exactly(term(t, f->name, gt_json_new_bool(t->arena, is_true)));
}

/* Rounding is ours, and the ends are half open, so that nanoseconds beyond our milliseconds fall on
 * the right side. */
static clause fixed_date(translator *t, const gt_query_field *f, const gt_literal *l)
{
    gt_time_ms low, high;
    if (!gt_date_literal(l->text, t->target->now, false, &low) ||
        !gt_date_literal(l->text, t->target->now, true, &high))
        return exactly(match_none(t));
    gt_json *body = gt_json_new_object(t->arena);
    if (l->relation == GT_REL_EQ || l->relation == GT_REL_GTE)
        gt_json_setl(body, "gte", gt_json_new_i64(t->arena, low));
    if (l->relation == GT_REL_GT)
        gt_json_setl(body, "gte", gt_json_new_i64(t->arena, high + 1));
    if (l->relation == GT_REL_EQ || l->relation == GT_REL_LTE)
        gt_json_setl(body, "lt", gt_json_new_i64(t->arena, high + 1));
    if (l->relation == GT_REL_LT)
        gt_json_setl(body, "lt", gt_json_new_i64(t->arena, low));
    gt_json_setl(body, "format", gt_json_new_str(t->arena, GT_STR("epoch_millis")));
    return exactly(leaf(t, GT_STR("range"), f->name, body));
}

static clause date(translator *t, const gt_query_field *f, const gt_literal *l)
{
    if (t->target->has_now)
        return fixed_date(t, f, l);
    gt_json *value = gt_json_new_str(t->arena, l->text);
    if (l->relation == GT_REL_EQ)
        return exactly(range(t, f->name, GT_STR("gte"), value, GT_STR("lte"),
                             gt_json_new_str(t->arena, l->text)));
    return exactly(range(t, f->name, range_key(l->relation), value, GT_STR_NULL, NULL));
}

static gt_json *ip_text(translator *t, const gt_ip_key *key)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
    char text[GT_IP_TEXT_MAX];
    gt_ip ip = {.v6 = memcmp(key->bytes, mapped, sizeof mapped) != 0};
    memcpy(ip.bytes, key->bytes, sizeof ip.bytes);
    if (!ip.v6)
        memset(ip.bytes, 0, sizeof mapped);
    gt_str copy = gt_arena_dup(t->arena, gt_ip_format(&ip, text));
    return copy.ptr ? gt_json_new_str(t->arena, copy) : NULL;
}

/* What an ordered field or a range field must meet. */
static gt_json *ip_interval(translator *t, const gt_query_field *f, const gt_literal *l, bool relation)
{
    gt_json *body = gt_json_new_object(t->arena);
    if (l->relation == GT_REL_EQ) {
        gt_json_setl(body, "gte", ip_text(t, &l->ip_low));
        gt_json_setl(body, "lte", ip_text(t, &l->ip_high));
    } else {
        bool upwards = l->relation == GT_REL_GT || l->relation == GT_REL_GTE;
        gt_json_set(body, range_key(l->relation), ip_text(t, upwards ? &l->ip_low : &l->ip_high));
    }
    if (relation)
        gt_json_setl(body, "relation", gt_json_new_str(t->arena, GT_STR("intersects")));
    return leaf(t, GT_STR("range"), f->name, body);
}

static clause ip(translator *t, const gt_query_field *f, const gt_literal *l)
{
    if (l->relation == GT_REL_EQ && !l->is_cidr)
        return exactly(term(t, f->name, ip_text(t, &l->ip_low)));
    return exactly(ip_interval(t, f, l, false));
}

static clause long_interval(translator *t, const gt_query_field *f, const gt_literal *l)
{
    if (l->number != truncl(l->number) || fabsl(l->number) > 9.0e18L)
        return here("a number that long_range cannot hold");
    gt_json *body = gt_json_new_object(t->arena);
    gt_json *number = gt_json_new_i64(t->arena, (int64_t)l->number);
    if (l->relation == GT_REL_EQ) {
        gt_json_setl(body, "gte", number);
        gt_json_setl(body, "lte", gt_json_new_i64(t->arena, (int64_t)l->number));
    } else {
        gt_json_set(body, range_key(l->relation), number);
    }
    gt_json_setl(body, "relation", gt_json_new_str(t->arena, GT_STR("intersects")));
    return exactly(leaf(t, GT_STR("range"), f->name, body));
}

/* As Kibana would write it for a field that it knows nothing of, or an analysed one. */
static clause native(translator *t, const gt_query_field *f, const gt_literal *l, const char *remark)
{
    gt_json *json;
    if (!t->target->native)
        return here(remark);
    if (l->relation == GT_REL_EXISTS) {
        json = exists(t, f->name);
    } else if (l->relation == GT_REL_LIKE) {
        gt_json *body = gt_json_new_object(t->arena);
        gt_json *fields = gt_json_new_array(t->arena);
        gt_json_append(fields, gt_json_new_str(t->arena, f->name.len ? f->name : GT_STR("*")));
        gt_json_setl(body, "fields", fields);
        gt_json_setl(body, "query", gt_json_new_str(t->arena, l->text));
        json = wrap(t, GT_STR("query_string"), body);
    } else if (l->relation != GT_REL_EQ) {
        json = range(t, f->name, range_key(l->relation), gt_json_new_str(t->arena, l->text),
                     GT_STR_NULL, NULL);
    } else {
        gt_json *body = gt_json_new_object(t->arena);
        gt_json_setl(body, "query", gt_json_new_str(t->arena, l->text));
        if (f->type == GT_FIELD_UNTYPED)
            gt_json_setl(body, "lenient", gt_json_new_bool(t->arena, true));
        json = leaf(t, l->phrase ? GT_STR("match_phrase") : GT_STR("match"), f->name, body);
        if (l->phrase)
            gt_json_remove(body, GT_STR("lenient"));
    }
    return (clause){json, true, remark};
}

static clause untyped(translator *t, const gt_query_field *f, const gt_query_test *test,
                      gt_dsl_field m)
{
    const gt_literal *l = &test->literal;
    bool plain = !l->is_number && !l->is_boolean && l->relation == GT_REL_EQ;
    if (test->op == GT_OP_DYNAMIC && plain && is_keyword(m.type) && !m.inexact &&
        fits(l->text, m.ignore_above))
        return keyword_values(t, f, m, &l->text, 1);
    return native(t, f, l, "a field without a type: we take it from each value, the index has one");
}

static clause presence(translator *t, const gt_query_field *f, const gt_query_test *test,
                       gt_dsl_field m)
{
    switch (f->type) {
    case GT_FIELD_KEYWORD:
    case GT_FIELD_CONSTANT_KEYWORD:
    case GT_FIELD_WILDCARD:
    case GT_FIELD_FLATTENED:
        if (m.type == GT_FIELD_UNTYPED)
            return here("the index has no such field");
        if (f->deep)
            return here("the root of a flattened field");
        if (m.ignore_above != f->ignore_above)
            return here("the index leaves other values out than we do (ignore_above)");
        return exactly(exists(t, f->name));
    case GT_FIELD_LONG:
    case GT_FIELD_DOUBLE:
    case GT_FIELD_BOOLEAN:
    case GT_FIELD_DATE:
    case GT_FIELD_IP:
    case GT_FIELD_LONG_RANGE:
    case GT_FIELD_IP_RANGE:
    case GT_FIELD_GEO_POINT:
        return m.type == f->type ? exactly(exists(t, f->name))
                                 : here("the index maps the field in another way");
    default:
        return native(t, f, &test->literal, "presence of text, of objects and of untyped fields");
    }
}

/* What the field's type makes of a literal, on a server that has the same type. */
static clause typed(translator *t, const gt_query_field *f, const gt_query_test *test, gt_dsl_field m)
{
    const gt_literal *l = &test->literal;
    if (m.inexact)
        return here(m.inexact);
    if (m.type != f->type)
        return here("the index maps the field in another way");
    switch (test->op) {
    case GT_OP_LONG:
        return long_number(t, f, l);
    case GT_OP_DOUBLE:
        return double_number(t, f, l);
    case GT_OP_BOOLEAN:
        return boolean(t, f, l);
    case GT_OP_DATE:
        return date(t, f, l);
    case GT_OP_IP:
        return ip(t, f, l);
    case GT_OP_LONG_RANGE:
        return long_interval(t, f, l);
    case GT_OP_IP_RANGE:
        return exactly(ip_interval(t, f, l, true));
    default:
        return here("no such test on a server");
    }
}

static clause of_test(translator *t, const gt_query_test *test)
{
    const gt_query_field *f = &t->query->fields[test->field];
    if (test->op == GT_OP_NEVER)
        return exactly(match_none(t));
    if (f->kind != GT_FIELD_AT_PATH)
        return native(t, f, &test->literal,
                      f->kind == GT_FIELD_EVERY ? "text without a field" : "a wildcard in the field's name");
    gt_dsl_field m = mapping_of(t, f->name);
    switch (test->op) {
    case GT_OP_EXISTS:
        return presence(t, f, test, m);
    case GT_OP_KEYWORD:
    case GT_OP_KEYWORD_IN:
    case GT_OP_KEYWORD_LIKE:
        return m.inexact ? here(m.inexact) : keyword(t, f, test, m);
    case GT_OP_TEXT:
    case GT_OP_TEXT_LIKE:
        return native(t, f, &test->literal, "analysed text: the server cuts words in its own way");
    case GT_OP_DYNAMIC:
    case GT_OP_DYNAMIC_LIKE:
        return untyped(t, f, test, m);
    default:
        return typed(t, f, test, m);
    }
}

/* --- the tree ------------------------------------------------------------------------------------- */

static void tell(translator *t, const gt_query_node *n, const char *text, bool remark)
{
    gt_dsl *out = t->out;
    for (size_t i = 0; i < out->reason_count; i++)
        if (out->reasons[i].span.begin == n->span.begin && out->reasons[i].span.end == n->span.end)
            return;
    if (out->reason_count == t->reason_cap) {
        size_t cap = t->reason_cap ? t->reason_cap * 2 : 8;
        gt_dsl_reason *reasons = gt_arena_grow(t->arena, out->reasons,
                                               t->reason_cap * sizeof *reasons, cap * sizeof *reasons);
        if (!reasons) {
            t->failed = true;
            return;
        }
        out->reasons = reasons;
        t->reason_cap = cap;
    }
    out->reasons[out->reason_count++] = (gt_dsl_reason){n->span, gt_str_c(text), remark};
}

/* wide: the result may find too much, else it may find too little. */
static gt_json *translate(translator *t, const gt_query_node *n, bool wide, unsigned depth);

static gt_json *give_up(translator *t, const gt_query_node *n, bool wide, const char *reason)
{
    tell(t, n, reason, false);
    t->out->exact = false;
    return wide ? match_all(t) : match_none(t);
}

static gt_json *translate_test(translator *t, const gt_query_node *n, bool wide)
{
    if (++t->out->clauses > t->clauses_max)
        return give_up(t, n, wide, "the server limits the clauses of a query");
    clause c = of_test(t, &t->query->tests[n->test]);
    if (c.reason)
        tell(t, n, c.reason, c.exact);
    if (c.exact)
        return c.json;
    t->out->exact = false;
    return !wide ? match_none(t) : c.json ? c.json : match_all(t);
}

static gt_json *translate_nested(translator *t, const gt_query_node *n, bool wide, unsigned depth)
{
    const gt_query_field *f = &t->query->fields[n->field];
    if (mapping_of(t, f->name).type != GT_FIELD_NESTED)
        return give_up(t, n, wide, "the index does not map the path as nested");
    gt_json *body = gt_json_new_object(t->arena);
    gt_json_setl(body, "path", gt_json_new_str(t->arena, f->name));
    gt_json_setl(body, "query", translate(t, n->first, wide, depth + 1));
    gt_json_setl(body, "score_mode", gt_json_new_str(t->arena, GT_STR("none")));
    gt_json_setl(body, "ignore_unmapped", gt_json_new_bool(t->arena, true));
    return wrap(t, GT_STR("nested"), body);
}

static gt_json *translate_chain(translator *t, const gt_query_node *n, bool wide, unsigned depth)
{
    bool all = n->kind == GT_NODE_AND;
    gt_json *parts = gt_json_new_array(t->arena), *nots = gt_json_new_array(t->arena);
    for (const gt_query_node *c = n->first; c; c = c->next) {
        bool negated = all && c->kind == GT_NODE_NOT;
        gt_json *part = negated ? translate(t, c->first, !wide, depth + 1)
                                : translate(t, c, wide, depth + 1);
        if (all && gt_json_get(part, gt_str_c(negated ? "match_none" : "match_all")))
            continue; /* says nothing */
        if (!part)
            t->failed = true;
        gt_json_append(negated ? nots : parts, part);
    }
    gt_json *body = gt_json_new_object(t->arena);
    if (!parts || !nots || !body)
        return NULL;
    if (all && !parts->count && !nots->count)
        return match_all(t);
    if (parts->count || !all)
        gt_json_set(body, all ? GT_STR("filter") : GT_STR("should"), parts);
    if (nots->count)
        gt_json_setl(body, "must_not", nots);
    if (!all)
        gt_json_setl(body, "minimum_should_match", gt_json_new_i64(t->arena, 1));
    return wrap(t, GT_STR("bool"), body);
}

static gt_json *translate(translator *t, const gt_query_node *n, bool wide, unsigned depth)
{
    if (depth > GT_DSL_DEPTH_MAX)
        return give_up(t, n, wide, "the server limits how deep a query may be");
    switch (n->kind) {
    case GT_NODE_ALL:
        return match_all(t);
    case GT_NODE_NONE:
        return match_none(t);
    case GT_NODE_TEST:
        return translate_test(t, n, wide);
    case GT_NODE_NESTED:
        return translate_nested(t, n, wide, depth);
    case GT_NODE_NOT: {
        gt_json *list = gt_json_new_array(t->arena);
        if (!gt_json_append(list, translate(t, n->first, !wide, depth + 1)))
            return NULL;
        return wrap(t, GT_STR("bool"), wrap(t, GT_STR("must_not"), list));
    }
    default:
        return translate_chain(t, n, wide, depth);
    }
}

gt_status gt_query_to_dsl(const gt_query *query, const gt_dsl_target *target, gt_arena *arena,
                          gt_dsl *ret)
{
    gt_dsl out = {.exact = true};
    size_t max = target->clauses_max ? target->clauses_max : GT_DSL_CLAUSES_MAX;
    translator t = {.query = query, .target = target, .arena = arena, .out = &out, .clauses_max = max};
    out.query = translate(&t, query->root, true, 0);
    if (t.failed || !out.query || gt_arena_status(arena) != GT_OK)
        return gt_arena_status(arena) != GT_OK ? gt_arena_status(arena) : GT_NOMEM;
    *ret = out;
    return GT_OK;
}

gt_dsl_field gt_dsl_schema_field(const gt_schema *schema, gt_dsl_server server, gt_str name)
{
    const gt_field *row;
    gt_dsl_field m = {.type = gt_schema_type(schema, name, &row)};
    (void)server;
    m.ignore_above = row ? row->ignore_above : 0;
    return m;
}
