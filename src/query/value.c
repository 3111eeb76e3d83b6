#include "query/value.h"

#include "base/hash.h"
#include "query/text.h"

#include <float.h>
#include <math.h>

/* One comparison for every ordered type: order is <0, 0, >0 of value against literal. */
static bool relation_holds(gt_relation relation, int order)
{
    switch (relation) {
    case GT_REL_LT:
        return order < 0;
    case GT_REL_LTE:
        return order <= 0;
    case GT_REL_GT:
        return order > 0;
    case GT_REL_GTE:
        return order >= 0;
    default:
        return order == 0;
    }
}

#define ORDER(a, b) ((a) < (b) ? -1 : (a) > (b))

/* Is the text longer than `max` UTF-16 units? */
static bool longer_than(gt_str s, uint32_t max)
{
    if (max == 0 || s.len <= max)
        return false;
    size_t units = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        units += c >= 0xF0 ? 2 : (c & 0xC0) != 0x80;
    }
    return units > max;
}

static bool in_set(const gt_literal *l, gt_str text)
{
    if (!l->slots) {
        for (size_t i = 0; i < l->set_count; i++)
            if (gt_str_eq(l->set[i], text))
                return true;
        return false;
    }
    for (size_t at = gt_hash64(text, 0) & l->slot_mask; l->slots[at]; at = (at + 1) & l->slot_mask)
        if (gt_str_eq(l->set[l->slots[at] - 1], text))
            return true;
    return false;
}

static bool keyword_test(gt_op op, const gt_literal *l, gt_str text, uint32_t ignore_above)
{
    if (!text.ptr || longer_than(text, ignore_above))
        return false;
    if (op == GT_OP_KEYWORD_IN)
        return in_set(l, text);
    if (op == GT_OP_KEYWORD_LIKE)
        return gt_pattern_match(l->pattern, text);
    if (l->relation == GT_REL_EQ)
        return gt_str_eq(text, l->text);
    return relation_holds(l->relation, gt_str_cmp(text, l->text));
}

static bool text_test(gt_op op, const gt_literal *l, gt_str text)
{
    if (!text.ptr)
        return false;
    if (op == GT_OP_TEXT && l->relation == GT_REL_EQ)
        return l->phrase ? gt_text_phrase(text, l->text) : gt_text_any(text, l->text);
    gt_str word;
    for (size_t i = 0; gt_text_word(text, &i, &word);) {
        if (op == GT_OP_TEXT) {
            if (relation_holds(l->relation, gt_text_cmp(word, l->text)))
                return true;
            continue;
        }
        char lower[512];
        if (word.len > sizeof lower / 2 - 4)
            continue; /* the analyzer cuts words at 255 characters; none is as long as a pattern */
        gt_str folded = {lower, gt_text_lower(word, lower)};
        for (size_t k = 0; k < l->word_count; k++)
            if (gt_pattern_match(l->words[k], folded))
                return true;
    }
    return false;
}

static bool number_of(const gt_json *value, long double *ret)
{
    return (gt_json_is(value, GT_JSON_NUMBER) || gt_json_is(value, GT_JSON_STRING)) &&
           gt_number_parse(value->str, ret);
}

static bool number_test(gt_op op, const gt_literal *l, const gt_json *value)
{
    long double n;
    if (!l->is_number || !number_of(value, &n))
        return false;
    if (op == GT_OP_LONG)
        n = truncl(n); /* integer fields drop the fraction of what they are given */
    long double want = op == GT_OP_DOUBLE ? (long double)(double)l->number : l->number;
    if (op == GT_OP_DOUBLE)
        n = (long double)(double)n;
    return relation_holds(l->relation, ORDER(n, want));
}

static bool boolean_test(const gt_literal *l, const gt_json *value)
{
    bool b;
    if (gt_json_is(value, GT_JSON_BOOL))
        b = value->boolean;
    else if (gt_str_is(gt_json_str(value), "true"))
        b = true;
    else if (gt_str_is(gt_json_str(value), "false"))
        b = false;
    else
        return false;
    return l->is_boolean && relation_holds(l->relation, (int)b - (int)l->boolean);
}

static bool date_value(const gt_json *value, gt_time_ms *ret)
{
    if (gt_json_is(value, GT_JSON_NUMBER))
        return gt_json_i64(value, ret);
    if (!gt_json_is(value, GT_JSON_STRING))
        return false;
    return gt_time_parse(value->str, ret) || gt_date_literal(value->str, 0, false, ret);
}

static bool date_test(const gt_literal *l, const gt_json *value, gt_time_ms now)
{
    gt_time_ms t, low = l->date_low, high = l->date_high;
    if (!l->is_date || !date_value(value, &t))
        return false;
    if (l->date_moves && !(gt_date_literal(l->text, now, false, &low) &&
                           gt_date_literal(l->text, now, true, &high)))
        return false;
    switch (l->relation) {
    case GT_REL_LT:
        return t < low;
    case GT_REL_LTE:
        return t <= high;
    case GT_REL_GT:
        return t > high;
    case GT_REL_GTE:
        return t >= low;
    default:
        return low <= t && t <= high;
    }
}

static int ip_cmp(const gt_ip_key *a, const gt_ip_key *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

static bool ip_test(const gt_literal *l, const gt_json *value)
{
    gt_ip_key low, high;
    bool cidr;
    gt_str text = gt_json_str(value);
    if (!l->is_ip || !text.ptr || !gt_ip_literal(text, &low, &high, &cidr) || cidr)
        return false;
    if (l->relation == GT_REL_EQ)
        return ip_cmp(&l->ip_low, &low) <= 0 && ip_cmp(&low, &l->ip_high) <= 0;
    return relation_holds(l->relation, ip_cmp(&low, &l->ip_low));
}

/* What the literal asks of an ordered type, as the closed interval [low, high]; open ends are told by
 * the flags. A range field matches when its own interval meets it. */
static bool meets(gt_relation relation, int low_vs_want_high, int high_vs_want_low)
{
    switch (relation) {
    case GT_REL_LT:
        return low_vs_want_high < 0;
    case GT_REL_LTE:
        return low_vs_want_high <= 0;
    case GT_REL_GT:
        return high_vs_want_low > 0;
    case GT_REL_GTE:
        return high_vs_want_low >= 0;
    default:
        return low_vs_want_high <= 0 && high_vs_want_low >= 0;
    }
}

static const gt_json *bound(const gt_json *range, gt_str key)
{
    const gt_json *value = gt_json_get(range, key);
    return gt_json_is(value, GT_JSON_NULL) ? NULL : value;
}

static bool long_range_test(const gt_literal *l, const gt_json *value)
{
    long double low = -LDBL_MAX, high = LDBL_MAX;
    if (!l->is_number)
        return false;
    if (gt_json_is(value, GT_JSON_OBJECT)) {
        const gt_json *b;
        if ((b = bound(value, GT_STR("gte"))) != NULL && !number_of(b, &low))
            return false;
        if ((b = bound(value, GT_STR("gt"))) != NULL) {
            if (!number_of(b, &low))
                return false;
            low += 1;
        }
        if ((b = bound(value, GT_STR("lte"))) != NULL && !number_of(b, &high))
            return false;
        if ((b = bound(value, GT_STR("lt"))) != NULL) {
            if (!number_of(b, &high))
                return false;
            high -= 1;
        }
    } else if (!number_of(value, &low)) {
        return false;
    } else {
        high = low;
    }
    return low <= high && meets(l->relation, ORDER(low, l->number), ORDER(high, l->number));
}

static bool ip_bound(const gt_json *value, gt_ip_key *ret)
{
    gt_ip_key high;
    bool cidr;
    gt_str text = gt_json_str(value);
    return text.ptr && gt_ip_literal(text, ret, &high, &cidr) && !cidr;
}

/* One address up or down; false at the end of all addresses. */
static bool ip_step(gt_ip_key *key, bool up)
{
    for (size_t i = sizeof key->bytes; i-- > 0;) {
        key->bytes[i] = (uint8_t)(key->bytes[i] + (up ? 1 : 0xFF));
        if (key->bytes[i] != (up ? 0 : 0xFF))
            return true;
    }
    return false;
}

static bool ip_range_value(const gt_json *value, gt_ip_key *low, gt_ip_key *high)
{
    bool cidr;
    const gt_json *b;
    gt_str text = gt_json_str(value);
    if (text.ptr)
        return gt_ip_literal(text, low, high, &cidr);
    if (!gt_json_is(value, GT_JSON_OBJECT))
        return false;
    memset(low, 0, sizeof *low);
    memset(high, 0xFF, sizeof *high);
    if ((b = bound(value, GT_STR("gte"))) != NULL && !ip_bound(b, low))
        return false;
    if ((b = bound(value, GT_STR("gt"))) != NULL && !(ip_bound(b, low) && ip_step(low, true)))
        return false;
    if ((b = bound(value, GT_STR("lte"))) != NULL && !ip_bound(b, high))
        return false;
    if ((b = bound(value, GT_STR("lt"))) != NULL && !(ip_bound(b, high) && ip_step(high, false)))
        return false;
    return ip_cmp(low, high) <= 0;
}

static bool ip_range_test(const gt_literal *l, const gt_json *value)
{
    gt_ip_key low, high;
    if (!l->is_ip || !ip_range_value(value, &low, &high))
        return false;
    return meets(l->relation, ip_cmp(&low, &l->ip_high), ip_cmp(&high, &l->ip_low));
}

/* A field without a type takes it from the value. */
static bool dynamic_test(gt_op op, const gt_literal *l, const gt_json *value, uint32_t ignore_above)
{
    switch (value->type) {
    case GT_JSON_STRING:
        return keyword_test(op == GT_OP_DYNAMIC ? GT_OP_KEYWORD : GT_OP_KEYWORD_LIKE, l, value->str,
                            ignore_above);
    case GT_JSON_NUMBER:
        return op == GT_OP_DYNAMIC && number_test(GT_OP_DYNAMIC, l, value);
    case GT_JSON_BOOL:
        return op == GT_OP_DYNAMIC && boolean_test(l, value);
    default:
        return false;
    }
}

/* Does the object hold a scalar that is not null? */
static bool any_leaf(const gt_json *value)
{
    for (const gt_json *e = gt_json_first(value); e; e = e->next) {
        bool container = e->type == GT_JSON_OBJECT || e->type == GT_JSON_ARRAY;
        if (container ? any_leaf(e) : e->type != GT_JSON_NULL)
            return true;
    }
    return false;
}

bool gt_value_present(const gt_json *value, gt_field_type type, uint32_t ignore_above)
{
    if (value->type == GT_JSON_NULL)
        return false;
    if (value->type == GT_JSON_OBJECT)
        return any_leaf(value);
    if (type == GT_FIELD_KEYWORD || type == GT_FIELD_CONSTANT_KEYWORD || type == GT_FIELD_FLATTENED)
        return !longer_than(gt_json_text(value), ignore_above);
    return true;
}

bool gt_value_test(gt_op op, const gt_literal *literal, const gt_json *value,
                   uint32_t ignore_above, gt_time_ms now)
{
    switch (op) {
    case GT_OP_KEYWORD:
    case GT_OP_KEYWORD_IN:
    case GT_OP_KEYWORD_LIKE:
        return keyword_test(op, literal, gt_json_text(value), ignore_above);
    case GT_OP_TEXT:
    case GT_OP_TEXT_LIKE:
        return text_test(op, literal, gt_json_text(value));
    case GT_OP_LONG:
    case GT_OP_DOUBLE:
        return number_test(op, literal, value);
    case GT_OP_BOOLEAN:
        return boolean_test(literal, value);
    case GT_OP_DATE:
        return date_test(literal, value, now);
    case GT_OP_IP:
        return ip_test(literal, value);
    case GT_OP_LONG_RANGE:
        return long_range_test(literal, value);
    case GT_OP_IP_RANGE:
        return ip_range_test(literal, value);
    case GT_OP_DYNAMIC:
    case GT_OP_DYNAMIC_LIKE:
        return dynamic_test(op, literal, value, ignore_above);
    default:
        return false;
    }
}

gt_op gt_value_op(gt_field_type type, const gt_literal *l)
{
    bool like = l->relation == GT_REL_LIKE;
    switch (type) {
    case GT_FIELD_KEYWORD:
    case GT_FIELD_CONSTANT_KEYWORD:
    case GT_FIELD_WILDCARD:
    case GT_FIELD_FLATTENED:
        return like ? GT_OP_KEYWORD_LIKE : GT_OP_KEYWORD;
    case GT_FIELD_TEXT:
        return like ? GT_OP_TEXT_LIKE : GT_OP_TEXT;
    case GT_FIELD_LONG:
        return l->is_number && !like ? GT_OP_LONG : GT_OP_NEVER;
    case GT_FIELD_DOUBLE:
        return l->is_number && !like ? GT_OP_DOUBLE : GT_OP_NEVER;
    case GT_FIELD_BOOLEAN:
        return l->is_boolean && !like ? GT_OP_BOOLEAN : GT_OP_NEVER;
    case GT_FIELD_DATE:
        return l->is_date && !like ? GT_OP_DATE : GT_OP_NEVER;
    case GT_FIELD_IP:
        return l->is_ip && !like && !(l->is_cidr && l->relation != GT_REL_EQ) ? GT_OP_IP
                                                                               : GT_OP_NEVER;
    case GT_FIELD_LONG_RANGE:
        return l->is_number && !like ? GT_OP_LONG_RANGE : GT_OP_NEVER;
    case GT_FIELD_IP_RANGE:
        return l->is_ip && !like ? GT_OP_IP_RANGE : GT_OP_NEVER;
    case GT_FIELD_UNTYPED:
        return like ? GT_OP_DYNAMIC_LIKE : GT_OP_DYNAMIC;
    default:
        return GT_OP_NEVER;
    }
}
