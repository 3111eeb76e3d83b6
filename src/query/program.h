/* program.h — the inside of a compiled query. Two views of one condition: the tree of clauses as they
 * were written (explanation, needs, translation to other engines) and the instructions made from it.
 * Everything lives in the rules arena and is immutable once compiled. */
#ifndef GT_QUERY_PROGRAM_H
#define GT_QUERY_PROGRAM_H

#include "query/query.h"
#include "query/value.h"

typedef enum gt_field_kind {
    GT_FIELD_AT_PATH,   /* one name */
    GT_FIELD_BY_PATTERN, /* every leaf whose name fits */
    GT_FIELD_EVERY,     /* free text: every leaf outside nested fields */
} gt_field_kind;

typedef struct gt_query_field {
    gt_field_kind kind;
    gt_str name;  /* whole, as written when it has wildcards; "" for free text */
    gt_str scope; /* the nested path it is read in; "" outside */
    gt_str path;  /* name relative to scope */
    const gt_pattern *pattern;
    gt_str wildcard; /* the pattern as wildcard text */
    gt_field_type type;
    uint32_t ignore_above;
    bool deep; /* the root of a flattened field: every leaf below */
} gt_query_field;

typedef struct gt_query_test {
    gt_op op;
    uint32_t field;
    gt_literal literal;
} gt_query_test;

typedef enum gt_node_kind {
    GT_NODE_ALL,
    GT_NODE_NONE,
    GT_NODE_AND,
    GT_NODE_OR,
    GT_NODE_NOT,
    GT_NODE_NESTED, /* field: the path */
    GT_NODE_TEST,
} gt_node_kind;

typedef struct gt_query_node gt_query_node;
struct gt_query_node {
    gt_node_kind kind;
    gt_span span; /* in the query's text */
    uint32_t test;
    uint32_t field;
    gt_query_node *first;
    gt_query_node *next;
};

typedef struct gt_instr {
    uint8_t op;
    uint32_t a;
    uint32_t b;
} gt_instr;

struct gt_query {
    gt_str text;
    const gt_schema *schema;
    gt_query_node *root;
    gt_query_field *fields;
    uint32_t field_count;
    gt_query_test *tests;
    uint32_t test_count;
    gt_instr *code;
    uint32_t code_count;
    gt_str *names; /* of all fields, sorted and distinct */
    size_t name_count;
};

/* Make the instructions and the list of names. */
gt_status gt_query_emit(gt_query *query, gt_arena *rules) GT_MUST_CHECK;

/* The truth of one test in a document (or in an object of a nested field). */
bool gt_query_test_run(const gt_query *query, const gt_query_test *test, const gt_json *document,
                       gt_time_ms now);

/* The truth of a test of a field at a path, for one value that is no array. */
bool gt_query_test_value(const gt_query *query, const gt_query_test *test, const gt_json *value,
                         gt_time_ms now);

#endif
