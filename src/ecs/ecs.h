/* ecs.h — one CloudTrail record to one ECS document, as Elastic's integration (or Filebeat's
 * module) makes it. The mapping is tables (*.def) plus the few steps that are not one-to-one.
 * A mapper belongs to one thread: it holds caches (user agents, addresses). What it shares (tables,
 * databases, expressions) is immutable in gt_ecs_tables.
 *
 * Tags. With no tags given (tags NULL) a document has `tags` preserve_original_event and
 * actor_target_mapping and the entity fields that the second switches on, as Elastic's own test
 * documents; event.original is left out, since it doubles every document. With tags given they are
 * written as they are: the entity fields are made if actor_target_mapping is among them, and
 * event.original is written if preserve_original_event is. Filebeat's mapping has no entity fields,
 * and `forwarded` as its only default tag.
 *
 * Added beside what the pipeline writes, because the index has them as constants: event.dataset,
 * event.module, data_stream.* (Filebeat: event.*, fileset.name, service.type). */
#ifndef GT_ECS_ECS_H
#define GT_ECS_ECS_H

#include "base/arena.h"
#include "base/timeutil.h"
#include "json/json.h"

typedef enum gt_ecs_mapping { GT_ECS_8_8, GT_ECS_9_0, GT_ECS_FILEBEAT } gt_ecs_mapping;

/* Which copies of requestParameters and the like are kept; the integration's setting `retain`. */
typedef enum gt_ecs_retain {
    GT_ECS_RETAIN_ALL,
    GT_ECS_RETAIN_KEYWORD,   /* the strings */
    GT_ECS_RETAIN_FLATTENED, /* the objects */
    GT_ECS_RETAIN_MINIMAL,   /* the strings, and a few members of the objects */
    GT_ECS_RETAIN_NONE,
} gt_ecs_retain;

/* All zero is the default. Strings must outlive the tables. */
typedef struct gt_ecs_options {
    gt_ecs_mapping mapping;
    gt_ecs_retain retain;
    const gt_str *tags; /* NULL: the default ones, see above */
    size_t tag_count;
    gt_str created;         /* event.created, and @timestamp of records without one; empty: none */
    const char *geoip_city; /* MMDB files, NULL: none */
    const char *geoip_asn;
    const char *uap_core; /* regexes.yaml; NULL: GT_ECS_UAP_CORE */
} gt_ecs_options;

/* Where Debian's package uap-core puts its expressions. */
#define GT_ECS_UAP_CORE "/usr/share/uap-core/regexes.yaml"

typedef struct gt_ecs_tables gt_ecs_tables; /* immutable, shared by threads */
typedef struct gt_ecs gt_ecs;               /* one a thread */

/* Open the databases and read the expressions (they are compiled when first needed, per mapper).
 * arena           for the message.
 * reterr_message  what failed, in one line (GT_IO, GT_CORRUPT, GT_INVALID, GT_NOMEM).
 * An absent file that was not asked for by name is no failure: see gt_ecs_tables_warning. */
gt_status gt_ecs_tables_open(const gt_ecs_options *options, gt_arena *arena, gt_ecs_tables **ret,
                             gt_str *reterr_message) GT_MUST_CHECK;
/* Documents do not point into the tables, but mappers do. NULL is allowed. */
void gt_ecs_tables_close(gt_ecs_tables *tables);
/* What the documents will lack, in one line: "… is absent: user_agent.name is \"Other\"
 * everywhere". Empty when nothing does. Lives as long as the tables. */
gt_str gt_ecs_tables_warning(const gt_ecs_tables *tables);

/* NULL without memory. */
gt_ecs *gt_ecs_new(const gt_ecs_tables *tables);
void gt_ecs_free(gt_ecs *ecs);

/* Map one record.
 * batch     owns the document; the record's tree and text, and original, must live as long.
 * record    the parsed record; consumed (nodes are moved and renamed). NULL is an empty message.
 * original  its bytes, for event.original.
 * Always gives a document unless memory runs out (GT_NOMEM, GT_LIMIT): a record that the pipeline
 * would refuse gets event.kind pipeline_error and error.message, as there. */
gt_status gt_ecs_map(gt_ecs *ecs, gt_arena *batch, gt_json *record, gt_str original, gt_json **ret)
    GT_MUST_CHECK;
/* As gt_ecs_map, but the document is appended to out as compact JSON: faster than to map and write,
 * since what many documents have in common is kept as text. GT_NOMEM or GT_LIMIT also when out has no
 * room. */
gt_status gt_ecs_write(gt_ecs *ecs, gt_arena *batch, gt_json *record, gt_str original, gt_buf *out)
    GT_MUST_CHECK;

#endif
