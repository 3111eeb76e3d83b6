#include "store/rows.h"

#define ROWS_FIRST 16

gt_status gt_store_rows(gt_store *store, sqlite3_stmt *stmt, gt_arena *arena, size_t size,
                        gt_store_row_fn fn, void *ctx, void **ret, size_t *ret_count)
{
    size_t count = 0, cap = ROWS_FIRST;
    char *rows = gt_arena_alloc(arena, cap * size);
    gt_status status = rows ? GT_OK : gt_arena_status(arena);
    for (bool row = true; status == GT_OK;) {
        status = gt_store_step(store, stmt, &row);
        if (status != GT_OK || !row)
            break;
        if (count == cap) {
            rows = gt_arena_grow(arena, rows, cap * size, cap * 2 * size);
            cap *= 2;
        }
        if (!rows) {
            status = gt_arena_status(arena);
            break;
        }
        memset(rows + count * size, 0, size);
        status = fn(ctx, stmt, rows + count++ * size);
    }
    (void)sqlite3_reset(stmt);
    if (status == GT_OK)
        status = gt_arena_status(arena);
    if (status != GT_OK)
        return status;
    *ret = rows;
    *ret_count = count;
    return GT_OK;
}
