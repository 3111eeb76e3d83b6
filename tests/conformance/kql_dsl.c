/* KQL to Query DSL, for the conformance tests against real servers.
 *   kql_dsl opensearch|elasticsearch < LINES
 * The first line is {"field": "type", …}; each further line {"query": "KQL"}. One line of JSON comes
 * out for each: {"query": DSL, "exact": bool, "reasons": […]} or {"error": true}. */
#include "base/limits.h"
#include "query/dsl.h"

#include <stdio.h>
#include <stdlib.h>

static gt_field_type type_of(gt_str word)
{
    for (int t = GT_FIELD_UNTYPED; t <= GT_FIELD_IP_RANGE; t++)
        if (gt_str_eq(word, gt_str_c(gt_field_type_name((gt_field_type)t))))
            return (gt_field_type)t;
    return GT_FIELD_UNTYPED;
}

static int by_name(const void *a, const void *b)
{
    return gt_str_cmp(((const gt_field *)a)->name, ((const gt_field *)b)->name);
}

static gt_schema schema_of(gt_arena *arena, const gt_json *types)
{
    gt_field *fields = gt_arena_array(arena, gt_field, types->count + 1);
    gt_schema schema = {fields, 0};
    for (const gt_json *m = gt_json_first(types); m; m = m->next)
        if (type_of(gt_json_str(m)) != GT_FIELD_UNTYPED)
            fields[schema.count++] = (gt_field){m->key, type_of(gt_json_str(m)), 0, GT_STR("")};
    qsort(fields, schema.count, sizeof *fields, by_name);
    return schema;
}

static void translate(gt_arena *arena, gt_arena *scratch, const gt_schema *schema,
                      const gt_dsl_target *target, gt_str text)
{
    gt_diags diags;
    gt_query *query;
    gt_dsl dsl;
    gt_buf out = GT_BUF((size_t)1 << 24);
    gt_diags_init(&diags, arena, GT_STR("query"), text);
    if (gt_kql_compile(arena, scratch, text, (gt_offsets){0, NULL}, schema, &query, &diags) != GT_OK ||
        gt_query_to_dsl(query, target, arena, &dsl) != GT_OK) {
        puts("{\"error\": true}");
        return;
    }
    gt_json *o = gt_json_new_object(arena), *reasons = gt_json_new_array(arena);
    gt_json_setl(o, "query", dsl.query);
    gt_json_setl(o, "exact", gt_json_new_bool(arena, dsl.exact));
    for (size_t i = 0; i < dsl.reason_count; i++)
        gt_json_append(reasons, gt_json_new_str(arena, dsl.reasons[i].text));
    gt_json_setl(o, "reasons", reasons);
    gt_json_write(&out, o);
    printf("%.*s\n", GT_STR_ARG(gt_buf_str(&out)));
    gt_buf_done(&out);
}

int main(int argc, char **argv)
{
    gt_arena *arena = gt_arena_new((size_t)1 << 30), *scratch = gt_arena_new((size_t)1 << 28);
    gt_dsl_target target = {.has_now = true, .now = 1715776496789};
    gt_schema schema = {NULL, 0};
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;
    if (argc != 2 || !arena || !scratch)
        return 2;
    target.server = strcmp(argv[1], "opensearch") == 0 ? GT_DSL_OPENSEARCH : GT_DSL_ELASTICSEARCH;
    for (size_t n = 0; (len = getline(&line, &cap, stdin)) > 0; n++) {
        gt_json *tree = NULL;
        gt_str text = gt_arena_dup(arena, (gt_str){line, (size_t)len});
        if (!text.ptr || gt_json_parse(arena, text, &tree, NULL) != GT_OK)
            return 2;
        if (n == 0)
            schema = schema_of(arena, tree);
        else
            translate(arena, scratch, &schema, &target, gt_json_path_str(tree, "query"));
    }
    free(line);
    gt_arena_free(arena);
    gt_arena_free(scratch);
    return 0;
}
