/* lower.h — from what a query says to clauses with types: finds the field's type, reads the literal
 * as that type, and says what cannot be. Used by the KQL front end and by build.c. */
#ifndef GT_QUERY_LOWER_H
#define GT_QUERY_LOWER_H

#include "query/program.h"

typedef struct gt_lowering {
    gt_arena *rules;
    gt_arena *scratch;
    const gt_schema *schema;
    gt_query *query;
    gt_offsets where;
    gt_diags *diags; /* NULL: mistakes make clauses that never match, without words */
    uint32_t *field_table; /* open hash table of field numbers + 1, in scratch */
    size_t field_cap;
    size_t test_cap;
    bool invalid;
    gt_status status; /* the first failure; the lowering goes on with NULL nodes */
} gt_lowering;

/* An empty program for `text` (copied). */
gt_status gt_lowering_begin(gt_lowering *l, gt_arena *rules, gt_arena *scratch, gt_str text,
                            gt_offsets where, const gt_schema *schema, gt_diags *diags);

/* All give NULL when memory ran out (l->status). Children are linked through next. */
gt_query_node *gt_lower_node(gt_lowering *l, gt_node_kind kind, gt_span span);
/* field <relation> value in the nested path `scope`. value is wildcard text for GT_REL_LIKE. */
gt_query_node *gt_lower_test(gt_lowering *l, gt_str scope, const gt_ast_word *field,
                             gt_relation relation, const gt_ast_word *value, gt_span span);
/* Join a list's exact values on one keyword field into one set test; returns the new first child. */
gt_query_node *gt_lower_join_values(gt_lowering *l, gt_query_node *first);
/* The index of the field for a nested path; checks that it can be one. */
bool gt_lower_nested_field(gt_lowering *l, gt_str scope, const gt_ast_word *path, gt_str *ret_full,
                           uint32_t *ret_field);

/* The clause tree of a KQL syntax tree; l->query->root is set on GT_OK. */
gt_status gt_lower_kql(gt_lowering *l, const gt_ast *ast);

#endif
