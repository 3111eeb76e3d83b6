#include "watch/suppress.h"

#include "detect/alert.h"

/* Index of the smallest field that is greater than `after` (ptr NULL: the smallest); -1: none. */
static int next_field(const gt_rule_suppression *s, gt_str after)
{
    int best = -1;
    for (size_t i = 0; i < s->group_count; i++) {
        if (after.ptr && gt_str_cmp(s->group_by[i], after) <= 0)
            continue;
        if (best < 0 || gt_str_cmp(s->group_by[i], s->group_by[best]) < 0)
            best = (int)i;
    }
    return best;
}

/* A value as it groups: a list of one is that one. */
static const gt_json *value_of(const gt_json *document, gt_str field)
{
    const gt_json *node = gt_document_get(document, field);
    while (gt_json_is(node, GT_JSON_ARRAY) && node->count == 1)
        node = node->first;
    return gt_json_is(node, GT_JSON_ARRAY) && !node->count ? NULL : node;
}

void gt_suppress_terms(const gt_rule *rule, const gt_json *document, gt_buf *out)
{
    const gt_rule_suppression *s = &rule->suppression;
    if (!s->group_count)
        return;
    size_t begin = out->len;
    gt_str field = GT_STR_NULL;
    gt_buf_lit(out, "[");
    for (int i = next_field(s, field); i >= 0; i = next_field(s, field)) {
        const gt_json *value = value_of(document, s->group_by[i]);
        if (!value && !s->missing_suppress) {
            out->len = begin;
            return;
        }
        gt_buf_printf(out, "%s{\"field\":", field.ptr ? "," : "");
        field = s->group_by[i];
        gt_json_write_str(out, field);
        gt_buf_lit(out, ",\"value\":");
        if (value)
            gt_json_write(out, value);
        else
            gt_buf_lit(out, "null");
        gt_buf_lit(out, "}");
    }
    gt_buf_lit(out, "]");
}
