/* rows.h — the rows of a statement as an array. */
#ifndef GT_STORE_ROWS_H
#define GT_STORE_ROWS_H

#include "store/store.h"

/* Fill in one element (zeroed) from the statement's row. */
typedef gt_status (*gt_store_row_fn)(void *ctx, sqlite3_stmt *stmt, void *row);

/* Run a statement to its end; *ret is an array of *ret_count elements of `size` bytes in the arena. The
 * statement is reset in every case. */
gt_status gt_store_rows(gt_store *store, sqlite3_stmt *stmt, gt_arena *arena, size_t size,
                        gt_store_row_fn fn, void *ctx, void **ret, size_t *ret_count)
    GT_MUST_CHECK;

#endif
