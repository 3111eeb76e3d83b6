/* ship_from.h — sources of the configuration into a cluster (`ship --from`). */
#ifndef GT_CLI_SHIP_FROM_H
#define GT_CLI_SHIP_FROM_H

#include "cli/cli.h"
#include "cluster/ship.h"
#include "detect/detect.h"
#include "pipeline/pipeline.h"

/* Ship what the sources named by --from bring, until a signal or, with --once, until they are empty. A
 * delivery is taken off its source once all of its events are in the cluster. counts are added to.
 * GT_EXIT_OK, or what to end with (said). */
int gt_ship_from(gt_cli *cli, const gt_detector *detector, const gt_ecs_tables *tables, gt_ship *ship,
                 gt_pipeline_counts *counts);

/* The id that a document is created under. */
gt_str gt_ship_id(const gt_record *record, const gt_json *document, char out[GT_RECORD_ID_MAX]);

#endif
