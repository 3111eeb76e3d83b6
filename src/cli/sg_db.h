/* sg_db.h — security-group changes between the pipeline, the database and a history. */
#ifndef GT_CLI_SG_DB_H
#define GT_CLI_SG_DB_H

#include "cloudtrail/cloudtrail.h"
#include "sg/history.h"
#include "store/filler.h"

/* Beside gt_filler_add: keep what the record says about security groups. Any thread; scratch is reset. */
gt_status gt_sg_db_fill(gt_filler_worker *filler, gt_arena *scratch, const gt_record *record)
    GT_MUST_CHECK;

/* Everything into a history. */
gt_status gt_sg_db_load(gt_store *store, gt_sg_history *history) GT_MUST_CHECK;
/* What only all changes together tell (which VPCs have IPv6). Kept in the database by gt_sg_db_conclude at
 * the end of every filling; `known` is false when changes have come since. */
typedef struct gt_sg_db_facts {
    gt_sg_vpc_fact *items;
    size_t count;
    bool known;
} gt_sg_db_facts;
gt_status gt_sg_db_facts_get(gt_store *store, gt_arena *arena, gt_sg_db_facts *ret) GT_MUST_CHECK;
gt_status gt_sg_db_conclude(gt_store *store) GT_MUST_CHECK;

/* A new history with what is needed to fold this one group, and no more where that is enough: its own
 * changes, those of the prefix lists its rules name, of the resources it is on, and of the groups whose
 * names it shares. The group may be unknown: the history is then empty. */
gt_status gt_sg_db_load_group(gt_store *store, const gt_sg_db_facts *facts, gt_str group_id,
                              gt_sg_history **ret) GT_MUST_CHECK;
/* The ids of all groups, in order, in the arena. */
gt_status gt_sg_db_groups(gt_store *store, gt_arena *arena, gt_str **ret, size_t *ret_count)
    GT_MUST_CHECK;

#endif
