/* ecs.h — one CloudTrail record to one ECS document, as Elastic's integration (or Filebeat's module)
 * makes it. The mapping is tables (*.def) plus the few steps that are not one-to-one.
 * A mapper belongs to one thread: it holds caches (user agents, addresses). What it shares (tables,
 * databases, expressions) is immutable in gt_ecs_tables. */
#ifndef GT_ECS_ECS_H
#define GT_ECS_ECS_H

#include "base/arena.h"
#include "base/timeutil.h"
#include "json/json.h"

typedef enum gt_ecs_mapping { GT_ECS_8_8, GT_ECS_9_0, GT_ECS_FILEBEAT } gt_ecs_mapping;

typedef struct gt_ecs_options {
    gt_ecs_mapping mapping; /* default GT_ECS_8_8 */
    const gt_str *tags;     /* written to `tags`; the entity fields need actor_target_mapping */
    size_t tag_count;
    bool actor_target_mapping;    /* run the entity enrichment */
    bool preserve_original_event; /* write event.original */
    gt_str created;               /* event.created; empty: left out */
    const char *geoip_city; /* MMDB files, NULL: none */
    const char *geoip_asn;
    const char *uap_core; /* regexes.yaml; NULL: the installed one, else the built-in few */
} gt_ecs_options;

typedef struct gt_ecs_tables gt_ecs_tables; /* immutable, shared by threads */
typedef struct gt_ecs gt_ecs;               /* one a thread */

/* Open the databases and compile the expressions. ret_message (GT_IO, GT_CORRUPT): what failed. */
gt_status gt_ecs_tables_open(const gt_ecs_options *options, gt_arena *arena, gt_ecs_tables **ret,
                             gt_str *reterr_message) GT_MUST_CHECK;
void gt_ecs_tables_close(gt_ecs_tables *tables);

gt_ecs *gt_ecs_new(const gt_ecs_tables *tables);
void gt_ecs_free(gt_ecs *ecs);

/* Map one record.
 * batch     owns the document; the record's tree and text must live as long.
 * record    the parsed record; consumed (nodes are moved and renamed).
 * original  its bytes, for event.original.
 * Always gives a document unless memory runs out: a record that the pipeline would refuse gets
 * event.kind pipeline_error and error.message, as there. */
gt_status gt_ecs_map(gt_ecs *ecs, gt_arena *batch, gt_json *record, gt_str original, gt_json **ret)
    GT_MUST_CHECK;

#endif
