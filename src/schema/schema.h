/* schema.h — the ECS fields and their types, one table for everyone: queries, exceptions, index
 * templates, docs. fields.def has a row for each field of ECS that CloudTrail fills, of the
 * integration's own (aws.cloudtrail.*), of alerts (kibana.alert.*) and of ours (gatetrail.*).
 *
 * A field below a GT_FIELD_FLATTENED one is a keyword leaf of it, whatever its JSON type was.
 * A field that no row types is GT_FIELD_UNTYPED: it takes its type from the JSON value. */
#ifndef GT_SCHEMA_SCHEMA_H
#define GT_SCHEMA_SCHEMA_H

#include "base/str.h"

typedef enum gt_field_type {
    GT_FIELD_UNTYPED,
    GT_FIELD_KEYWORD,
    GT_FIELD_CONSTANT_KEYWORD,
    GT_FIELD_WILDCARD, /* Elasticsearch's wildcard type: queried as keyword */
    GT_FIELD_TEXT,     /* analysed; match_only_text too */
    GT_FIELD_LONG,
    GT_FIELD_DOUBLE,
    GT_FIELD_BOOLEAN,
    GT_FIELD_DATE,
    GT_FIELD_IP,
    GT_FIELD_GEO_POINT,
    GT_FIELD_FLATTENED,
    GT_FIELD_NESTED,
    GT_FIELD_OBJECT,
    GT_FIELD_LONG_RANGE, /* the value is {"gte": n, "lte": n}: a term matches when it lies inside */
    GT_FIELD_IP_RANGE,   /* the value is a CIDR or {"gte": ip, "lte": ip} */
} gt_field_type;

typedef struct gt_field {
    gt_str name; /* "aws.cloudtrail.user_identity.arn" */
    gt_field_type type;
    uint32_t ignore_above; /* keyword values longer than this (UTF-16 units) are not indexed, hence
                              match nothing; 0 = no limit */
    gt_str description;    /* one line, for docs */
} gt_field;

/* A set of typed fields. The default one is the table; tests make their own. */
typedef struct gt_schema {
    const gt_field *fields; /* sorted by name */
    size_t count;
} gt_schema;

/* The schema of fields.def. */
const gt_schema *gt_schema_default(void);

/* The row of exactly this name, or NULL. */
const gt_field *gt_schema_find(const gt_schema *schema, gt_str name);
/* The type a query must use for this name: the row's; GT_FIELD_FLATTENED for names below a
 * flattened row; else GT_FIELD_UNTYPED. ret_field (may be NULL) gets the row that decided, or
 * NULL. */
gt_field_type gt_schema_type(const gt_schema *schema, gt_str name, const gt_field **ret_field);
/* "keyword", "long_range", …: Elasticsearch's word. */
const char *gt_field_type_name(gt_field_type type);

#endif
