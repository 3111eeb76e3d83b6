/* template.h — the index template that gatetrail's documents are indexed by, from the field table. */
#ifndef GT_CLUSTER_TEMPLATE_H
#define GT_CLUSTER_TEMPLATE_H

#include "cluster/cluster.h"
#include "schema/schema.h"

/* The mappings of every row: {"properties": …, "dynamic_templates": …}. */
gt_json *gt_template_mappings(gt_arena *arena, const gt_schema *schema, gt_dsl_server server);

typedef enum gt_template_state {
    GT_TEMPLATE_INSTALLED, /* now, or by an earlier gatetrail and as good as ours */
    GT_TEMPLATE_FOREIGN,   /* someone else's template covers the name: it is left as it is */
} gt_template_state;

/* See to it that a template covers the data stream (or, with data_stream false, the index) `name`.
 * Never replaces a template that gatetrail did not install. *ret_owner (in the arena): the name of the
 * template that counts. Answers as gt_cluster_call. */
gt_status gt_template_ensure(gt_cluster *cluster, gt_arena *arena, const gt_schema *schema,
                             gt_str name, bool data_stream, gt_template_state *ret,
                             gt_str *ret_owner) GT_MUST_CHECK;

/* Does an index pattern of a template ("logs-*-*") cover the name? */
bool gt_index_pattern_covers(gt_str pattern, gt_str name);

#endif
