#include "base/utf8.h"
#include "rule/exceptions_internal.h"

/* A value at the end of a field's name: scalars one by one; an object only when it is wanted. */
static bool give(const gt_json *value, bool objects, value_found found, void *ctx)
{
    if (value->type == GT_JSON_ARRAY) {
        for (const gt_json *e = gt_json_first(value); e; e = e->next)
            if (give(e, objects, found, ctx))
                return true;
        return false;
    }
    if (value->type == GT_JSON_NULL || (value->type == GT_JSON_OBJECT) != objects)
        return false;
    return found(value, ctx);
}

bool rule_values_any(const gt_json *node, gt_str field, bool objects, value_found found, void *ctx)
{
    if (node->type == GT_JSON_ARRAY) {
        for (const gt_json *e = gt_json_first(node); e; e = e->next)
            if (rule_values_any(e, field, objects, found, ctx))
                return true;
        return false;
    }
    if (node->type != GT_JSON_OBJECT)
        return false;
    for (const gt_json *m = gt_json_first(node); m; m = m->next) {
        if (!gt_str_starts(field, m->key))
            continue;
        if (field.len == m->key.len) {
            if (give(m, objects, found, ctx))
                return true;
        } else if (field.ptr[m->key.len] == '.' &&
                   rule_values_any(m, gt_str_from(field, m->key.len + 1), objects, found, ctx)) {
            return true;
        }
    }
    return false;
}

/* The length of the character at pos; bytes that are no UTF-8 count as one. */
static size_t char_at(gt_str s, size_t pos)
{
    size_t n = gt_utf8_length(gt_str_from(s, pos));
    return n ? n : 1;
}

/* Greedy with one point to come back to: linear but for the last star, never exponential. */
bool rule_wildcard_match(gt_str pattern, gt_str value)
{
    size_t p = 0, v = 0, star = GT_NPOS, resume = 0;
    while (v < value.len) {
        char c = p < pattern.len ? pattern.ptr[p] : '\0';
        if (p < pattern.len && c == '*') {
            star = p++;
            resume = v;
            continue;
        }
        size_t escape = p < pattern.len && c == '\\' && p + 1 < pattern.len;
        if (p < pattern.len && c == '?') {
            p++;
            v += char_at(value, v);
        } else if (p < pattern.len && pattern.ptr[p + escape] == value.ptr[v]) {
            p += 1 + escape;
            v++;
        } else if (star != GT_NPOS) {
            p = star + 1;
            resume += char_at(value, resume);
            v = resume;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '*')
        p++;
    return p == pattern.len;
}
