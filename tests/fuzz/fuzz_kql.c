/* A query and a document: "QUERY NUL JSON". Compiling never fails without an error; the program, its
 * explanation and its needs agree. */
#include "query/query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(gt_arena *arena, gt_arena *scratch, const gt_query *query, gt_str json)
{
    gt_json *document = NULL;
    gt_query_env env = {scratch, 1715776496789};
    gt_query_clause *clauses = NULL;
    size_t count = 0;
    gt_buf out = GT_BUF((size_t)16 << 20);
    gt_query_needs needs = gt_query_needs_of(query, arena, GT_STR("event.action"));
    if (gt_json_parse(arena, json, &document, NULL) != GT_OK)
        return;
    bool match = gt_query_run(query, document, &env);
    gt_assert(!match || !needs.known || needs.count > 0);
    if (gt_query_explain(query, document, &env, arena, &clauses, &count) == GT_OK)
        gt_assert(count > 0 && clauses[0].result == match);
    gt_query_disassemble(query, &out);
    gt_buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gt_arena *arena = gt_arena_new((size_t)64 << 20), *scratch = gt_arena_new((size_t)64 << 20);
    gt_str text, json = gt_str_cut((gt_str){(const char *)data, size}, '\0', &text);
    gt_query *query = NULL;
    gt_diags diags;
    if (arena && scratch) {
        gt_buf said = GT_BUF((size_t)1 << 20);
        gt_diags_init(&diags, arena, GT_STR("query"), text);
        gt_status status = gt_kql_compile(arena, scratch, text, (gt_offsets){0, NULL},
                                          gt_schema_default(), &query, &diags);
        gt_assert((status == GT_OK) == (query != NULL));
        gt_assert((status == GT_INVALID) <= (diags.errors > 0));
        gt_assert(status != GT_OK || diags.errors == 0);
        gt_diags_render(&diags, false, &said);
        if (query)
            run(arena, scratch, query, json);
        gt_buf_done(&said);
    }
    gt_arena_free(arena);
    gt_arena_free(scratch);
    return 0;
}
