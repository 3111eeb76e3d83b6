/* walk.h — values of a document by field name. Arrays are transparent; keys are nested, dotted or
 * mixed: at each object every member is followed whose key is the rest of the name or a dotted
 * beginning of it. */
#ifndef GT_QUERY_WALK_H
#define GT_QUERY_WALK_H

#include "json/json.h"
#include "schema/schema.h"

/* Called for a value that is no array; true stops the walk. */
typedef bool (*gt_walk_visit)(void *context, const gt_json *value);
/* Visit every value at path below node. Returns whether a visit stopped it. */
bool gt_walk_path(const gt_json *node, gt_str path, gt_walk_visit visit, void *context);
/* Visit every scalar at any depth below node. */
bool gt_walk_scalars(const gt_json *node, gt_walk_visit visit, void *context);

/* A leaf field of a document: a scalar, or the object of a range or geo_point field; for a flattened
 * field, each scalar below under the flattened field's name. */
typedef struct gt_leaf {
    gt_str name;
    gt_field_type type;
    const gt_field *row; /* NULL for untyped fields */
    const gt_json *value;
} gt_leaf;
typedef bool (*gt_leaf_visit)(void *context, const gt_leaf *leaf);
/* Visit every leaf below node, which stands at `base` ("" or a nested path). With into_nested false,
 * fields of nested type are passed over. Names longer than GT_FIELD_NAME_MAX are passed over. */
bool gt_walk_leaves(const gt_schema *schema, const gt_json *node, gt_str base, bool into_nested,
                    gt_leaf_visit visit, void *context);

#endif
