/* db.h — the database of --db: opening it, filling it beside a run, asking it KQL. */
#ifndef GT_CLI_DB_H
#define GT_CLI_DB_H

#include "cli/run.h"
#include "query/query.h"
#include "store/store.h"

/* Open the file of --db, for writing (made when it is not there) or reading. GT_EXIT_OK, or what the
 * command should return (already said). */
int gt_db_open(gt_cli *cli, bool write, gt_store **ret);
/* A private database in the temporary folder, gone when it is closed. */
int gt_db_open_private(gt_cli *cli, gt_store **ret);
/* Say why the store failed; returns GT_EXIT_INPUT. */
int gt_db_failed(gt_cli *cli, const gt_store *store, gt_status status);

/* Read what run is about into the store, and nothing else. GT_EXIT_OK, or what to return. */
int gt_db_fill(gt_run *run, gt_store *store);

/* After a run that filled the store: --retention. GT_EXIT_OK or GT_EXIT_INPUT. */
int gt_db_expire(gt_cli *cli, gt_store *store);

/* The records of the store that a query may match, as gt_detect_record takes them, in order of time:
 * columns and filters decide as far as they go; the caller evaluates exactly.
 * ret_certain: not NULL when only a number is asked for: how many records match beside those handed out.
 * run: its filter, its tables. GT_OK, or what the store or fn failed with; GT_END from fn stops. */
typedef gt_status (*gt_db_record_fn)(void *user, const gt_record *record);
gt_status gt_db_query(gt_store *store, const gt_run *run, const gt_query *query, gt_db_record_fn fn,
                      void *user, uint64_t *ret_certain) GT_MUST_CHECK;

#endif
