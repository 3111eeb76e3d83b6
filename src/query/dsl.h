/* dsl.h — a compiled query as Query DSL for Elasticsearch and OpenSearch.
 * Exact or not at all: every clause whose meaning the server's field type cannot express is told with
 * its place and reason, and stands in the result as something wider, so that the result finds at
 * least every document that the query matches (and the caller evaluates what it finds). */
#ifndef GT_QUERY_DSL_H
#define GT_QUERY_DSL_H

#include "query/query.h"

typedef enum gt_dsl_server { GT_DSL_ELASTICSEARCH, GT_DSL_OPENSEARCH } gt_dsl_server;

/* How an index maps a field. */
typedef struct gt_dsl_field {
    gt_field_type type;    /* GT_FIELD_UNTYPED: no mapping, or one that we cannot compare with */
    uint32_t ignore_above; /* 0: none */
    const char *inexact;   /* why comparisons there differ from ours ("float has 24 bits"), or NULL */
} gt_dsl_field;

typedef struct gt_dsl_target {
    gt_dsl_server server;
    /* The mapping of a name; for names below a flattened field, that field's. NULL: as the index
     * template makes it from the query's schema. */
    gt_dsl_field (*field)(void *ctx, gt_str name);
    void *ctx;
    /* Leave to the server what it does in its own way (analysed text, fields without a type, wildcards
     * in field names), as Kibana would; else such clauses are not exact. */
    bool native;
    bool has_now; /* dates as fixed instants, `now` being this one; else as date math */
    gt_time_ms now;
    size_t clauses_max; /* 0: GT_DSL_CLAUSES_MAX */
} gt_dsl_target;

typedef struct gt_dsl_reason {
    gt_span span; /* of the clause, in the query's own text */
    gt_str text;
    bool native; /* only a remark: the server has the say */
} gt_dsl_reason;

typedef struct gt_dsl {
    gt_json *query; /* a whole query clause */
    bool exact;     /* finds precisely what matches */
    size_t clauses; /* leaves in it, which servers limit */
    gt_dsl_reason *reasons;
    size_t reason_count;
} gt_dsl;

/* Translate. Everything made lives in the arena. GT_OK, GT_NOMEM, GT_LIMIT (the arena). */
gt_status gt_query_to_dsl(const gt_query *query, const gt_dsl_target *target, gt_arena *arena,
                          gt_dsl *ret) GT_MUST_CHECK;

/* How our index template maps a field of the schema on this server. */
gt_dsl_field gt_dsl_schema_field(const gt_schema *schema, gt_dsl_server server, gt_str name);

#endif
