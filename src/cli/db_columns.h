/* db_columns.h — what a query and the filters on records say by the columns of the event store alone. */
#ifndef GT_CLI_DB_COLUMNS_H
#define GT_CLI_DB_COLUMNS_H

#include "ecs/ecs.h"
#include "query/query.h"
#include "source/source.h"
#include "store/events.h"

typedef struct gt_db_decided {
    uint64_t certain;      /* events that match; counted only when asked to count */
    gt_event_pick *picks;  /* the events to look at, by block; never NULL */
    size_t pick_count;
    int64_t *loose;        /* blocks of which nothing is known */
    size_t loose_count;
} gt_db_decided;

/* count: events that certainly match are counted; else they are among the picks. `tables` and `now` are
 * those that records are mapped and dates are read with. */
gt_status gt_db_decide(gt_store *store, gt_arena *arena, const gt_query *query,
                       const gt_input_filter *filter, const gt_ecs_tables *tables, gt_time_ms now,
                       bool count, gt_db_decided *ret) GT_MUST_CHECK;

#endif
