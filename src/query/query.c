#include "base/limits.h"
#include "query/ast.h"
#include "query/lower.h"

gt_status gt_kql_compile(gt_arena *rules, gt_arena *scratch, gt_str text, gt_offsets where,
                         const gt_schema *schema, gt_query **ret, gt_diags *diags)
{
    gt_ast *ast;
    gt_lowering l;
    gt_arena_mark mark = gt_arena_save(scratch);
    gt_status status = gt_kql_parse(scratch, text, where, &ast, diags);
    if (status == GT_OK)
        status = gt_lowering_begin(&l, rules, scratch, text, where, schema, diags);
    if (status == GT_OK)
        status = gt_lower_kql(&l, ast);
    if (status == GT_OK)
        status = gt_query_emit(l.query, rules);
    gt_arena_rewind(scratch, mark);
    if (status == GT_OK)
        *ret = l.query;
    return status;
}

const gt_str *gt_query_fields(const gt_query *query, size_t *ret_count)
{
    *ret_count = query->name_count;
    return query->names;
}

gt_str gt_query_text(const gt_query *query)
{
    return query->text;
}

bool gt_query_same(const gt_query *a, const gt_query *b)
{
    return a == b || (a->schema == b->schema && gt_str_eq(a->text, b->text));
}
