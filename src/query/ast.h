/* ast.h — the syntax tree of a KQL text, in the caller's scratch arena.
 * Every node and every word knows its place in the text. A tree is made by gt_kql_parse and lowered
 * to a program by lower.c; tests walk it directly as a second, naive evaluator.
 *
 * Value lists are spread out: `f:(a or not b)` is an OR of IS nodes that share f; `list` marks the
 * root of such a group. */
#ifndef GT_QUERY_AST_H
#define GT_QUERY_AST_H

#include "base/arena.h"
#include "base/diag.h"

typedef enum gt_ast_kind {
    GT_AST_ALL,    /* the empty query */
    GT_AST_ERROR,  /* stands where a mistake was reported */
    GT_AST_AND,
    GT_AST_OR,
    GT_AST_NOT,    /* one child */
    GT_AST_NESTED, /* word is the path, one child */
    GT_AST_IS,     /* field: value; field is absent in free text */
    GT_AST_RANGE,  /* field < value */
} gt_ast_kind;

typedef enum gt_relation {
    GT_REL_EQ,
    GT_REL_LT,
    GT_REL_LTE,
    GT_REL_GT,
    GT_REL_GTE,
    GT_REL_LIKE,   /* a wildcard pattern */
    GT_REL_EXISTS, /* f:* */
} gt_relation;

/* A field name or a value. */
typedef struct gt_ast_word {
    gt_span span;  /* in the query text, quotes included */
    gt_str text;   /* decoded; an unescaped '*' is there as '*' */
    bool absent;   /* free text has no field; an unquoted `null` as a field is none either */
    bool quoted;
    bool null;     /* the unquoted word null */
    gt_str *parts; /* what stands between unescaped stars; NULL when there is none */
    size_t part_count; /* stars + 1, or 0 */
} gt_ast_word;

typedef struct gt_ast gt_ast;
struct gt_ast {
    gt_ast_kind kind;
    gt_relation relation; /* of IS (EQ, LIKE, EXISTS) and RANGE */
    bool list;            /* root of a value list */
    gt_span span;
    gt_ast_word field; /* of IS, RANGE; the path of NESTED */
    gt_ast_word value;
    gt_ast *first; /* children */
    gt_ast *next;
};

/* Parse the whole of text. GT_OK: *ret is a tree without GT_AST_ERROR nodes. GT_INVALID, GT_LIMIT:
 * diags has gained errors. Spans in diags go through `where`. */
gt_status gt_kql_parse(gt_arena *scratch, gt_str text, gt_offsets where, gt_ast **ret,
                       gt_diags *diags) GT_MUST_CHECK;

#endif
